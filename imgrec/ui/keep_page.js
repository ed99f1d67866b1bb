// A file that is dropped where nothing takes it does not replace the page, as browsers would have it.
() => {
  for (const name of ['dragover', 'drop'])
    window.addEventListener(name, (event) => {
      if (event.defaultPrevented || !event.dataTransfer.types.includes('Files')) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'none';
    });
}
