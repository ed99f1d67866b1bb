// Pasted pictures are uploaded too. Runs after upload_zone.js.
/* global zone, send */

function paste(event) {
  if (!element.isConnected) return document.removeEventListener('paste', paste);
  const files = [...event.clipboardData.files];
  if (!files.length || !zone.offsetParent || event.target.closest('input, textarea')) return;
  if (document.querySelector('.takes-picture:hover')) return;  // it is meant for the picture
  event.preventDefault();
  send(files.map((file) => ({name: file.name, file})));
}
document.addEventListener('paste', paste);
