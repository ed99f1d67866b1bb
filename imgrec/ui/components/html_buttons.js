// A pressed button tells its `data-press`. In a group (`data-group`) one stays pressed; that is
// marked here and not by rendering anew, which would take the keyboard's focus away.
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-press]');
  if (!button || !element.contains(button)) return;
  const group = button.closest('[data-group]');
  for (const other of group ? group.querySelectorAll('button[data-press]') : [])
    other.setAttribute('aria-pressed', other === button);
  trigger('select', {value: button.dataset.press});
});
