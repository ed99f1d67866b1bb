// The address names the chosen tab, so that a reload, or a link, leads back to it.
() => {
  const name = decodeURIComponent(location.hash.slice(1));
  const tabs = [...document.querySelectorAll('button[role=tab], .overflow-dropdown button')];
  tabs.find((tab) => tab.textContent.trim() === name)?.click();
}
