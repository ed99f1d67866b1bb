// The address gets the name of the chosen tab; see open_named_tab.js.
() => setTimeout(() => {
  const open = document.querySelector('button[role=tab][aria-selected=true]');
  if (open) history.replaceState(null, '', '#' + open.textContent.trim());
})
