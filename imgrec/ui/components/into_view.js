// On a narrow screen the enlarged picture stands above the images.
() => setTimeout(() => {
  const shown = [...document.querySelectorAll('.enlarged')].find((part) => part.offsetParent);
  shown?.scrollIntoView({block: 'nearest', behavior: 'smooth'});
})
