// Once the explanation is there, its heading gets the focus and is scrolled to.
() => {
  const focus = (tries) => {
    const shown = [...document.querySelectorAll('.why h3[tabindex]')].find((h) => h.offsetParent);
    if (!shown) return tries && setTimeout(focus, 50, tries - 1);
    shown.focus({preventScroll: true});
    shown.scrollIntoView({block: 'start'});
  };
  focus(40);
}
