// A name that is changed in place is told when its field is left, or by Enter.
element.addEventListener('change', ({target}) => {
  if (target.dataset.rename)
    trigger('rename', {value: target.value, key: target.dataset.rename});
});
element.addEventListener('keydown', ({key, target}) => {
  if (key === 'Enter' && target.dataset.rename) target.blur();
});
