// What was pressed may have gone: a new class's name is written first, a removal asks.
() => setTimeout(() => {
  const next = document.querySelector('.class-head [data-focus]');
  next?.focus();
  next?.select?.();
}, 50)
