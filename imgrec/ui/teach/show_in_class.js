// From a picture in the report to the same one in its class, to be removed there.
() => {
  const id = document.activeElement?.dataset.picture;
  setTimeout(() => {
    const found = document.querySelector(`.thumbnails button[data-press="picture:${id}"]`);
    found?.focus({preventScroll: true});
    found?.scrollIntoView({block: 'center', behavior: 'smooth'});
  }, 50);
}
