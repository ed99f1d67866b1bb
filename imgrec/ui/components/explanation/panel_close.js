// The focus goes back to the button that opened the panel.
() => {
  const shown = (selector) =>
    [...document.querySelectorAll(selector)].find((part) => part.offsetParent);
  const approach = shown('.why h3[tabindex]')?.dataset.approach;
  shown(`article.card.${approach} button[data-press]`)?.focus();
}
