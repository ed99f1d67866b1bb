// Every way in: a drop anywhere on the tab, a paste, a chosen file, a camera. The old picture stays
// until a new one has arrived. Runs after webcam.js.
/* global camera */

const told = element.querySelector('.told');
const ways = element.querySelector('.ways');
const input = element.querySelector('input[type=file]');
const largest = Number(ways.dataset.bytes);
const box = element.closest('.column') ?? element.parentElement;
box.classList.add('takes-picture');
let turn = 0;  // what is being uploaded gives way to what was chosen after it
let hiding = 0;  // a timer: while something is dragged over the page, events come all the time

const shown = () => element.isConnected && ways.offsetParent;
const isField = (target) => Boolean(target?.closest?.('input, textarea, [contenteditable=true]'));
// A zone beside the picture takes what is meant for it, the picture what is meant for the picture.
const isZones = (target) => Boolean(target?.closest?.('.drop-area, .drop'));

async function whyLost() {
  const megabytes = largest / 2 ** 20;
  try {
    await fetch(window.location.href, {method: 'HEAD'});
  } catch {
    return 'The connection to the server was lost; check it and try again.';
  }
  return `The server could not take the file: it may be larger than ${megabytes} MiB, or the disk full.`;
}

async function isDisplayable(file) {
  try {
    (await createImageBitmap(file)).close();
    return true;
  } catch { return false; }
}

async function bring(file, note = '') {
  const mine = ++turn;
  if (file.size > largest)
    return told.textContent = `${file.name} is larger than ${largest / 2 ** 20} MiB; `
      + 'make it smaller and try again.';
  told.textContent = 'Uploading…';
  let path = '', problem = '';
  try { ({path} = await upload(file)); } catch { problem = await whyLost(); }
  const displayable = await isDisplayable(file);
  if (mine !== turn) return;
  told.textContent = problem || note;
  if (!problem) trigger('upload', {files: [{name: file.name, path}], displayable});
}

function drop(transfer) {
  const files = [...transfer.items].filter((item) => item.kind === 'file')
    .filter((item) => !item.webkitGetAsEntry?.()?.isDirectory)
    .map((item) => item.getAsFile()).filter(Boolean);
  if (files.length === 1) return bring(files[0]);
  if (files.length) return bring(files[0], `Of ${files.length} files this is the first.`);
  if (transfer.types.includes('Files') && [...transfer.items].some((item) => item.kind === 'file'))
    return told.textContent = 'That is a folder; drop one picture of it.';
  told.textContent = transfer.types.includes('text/uri-list')
    ? 'The browser gives no file of that picture; save it first, then drop the file.'
    : 'That is text, not a picture; drop a picture’s file.';
}

// In the capture phase, so that gradio's own component, which loses a drop onto a picture, and the
// browser, which would open the file in the page's place, do not get it.
function onDrag(event) {
  if (!element.isConnected) return forget();
  if (!event.dataTransfer) return;
  const isFile = event.dataTransfer.types.includes('Files');
  if (!shown() || isZones(event.target) || (isField(event.target) && !isFile)) return;
  event.preventDefault();
  event.stopPropagation();
  event.dataTransfer.dropEffect = 'copy';
  ways.classList.toggle('over', event.type !== 'drop');
  clearTimeout(hiding);
  hiding = setTimeout(() => ways.classList.remove('over'), 700);
  if (event.type === 'drop') drop(event.dataTransfer);
}

function onPaste(event) {
  if (!element.isConnected) return forget();
  const zone = document.querySelector('.drop [data-shoot]');  // which takes pasted pictures, too
  if (!shown() || isField(event.target) || (zone?.offsetParent && !box.matches(':hover'))) return;
  event.preventDefault();
  const [file] = [...event.clipboardData.files].filter(({type}) => type.startsWith('image/'));
  if (file) return bring(file);
  told.textContent = 'There is no picture on the clipboard; copy one first.';
}

async function pasteByButton() {
  if (!navigator.clipboard?.read)
    return told.textContent = 'This browser gives pages no clipboard; press Ctrl+V, or ⌘V on a Mac.';
  let items = [];
  try { items = await navigator.clipboard.read(); } catch {
    return told.textContent = 'The browser did not allow it; press Ctrl+V, or ⌘V on a Mac.';
  }
  for (const item of items) {
    const type = item.types.find((each) => each.startsWith('image/'));
    if (!type) continue;
    return bring(new File([await item.getType(type)], `pasted.${type.slice(6)}`, {type}));
  }
  told.textContent = 'There is no picture on the clipboard; copy one first.';
}

const DRAGS = ['dragenter', 'dragover', 'drop'];
for (const name of DRAGS) document.addEventListener(name, onDrag, true);
document.addEventListener('paste', onPaste);
function forget() {
  for (const name of DRAGS) document.removeEventListener(name, onDrag, true);
  document.removeEventListener('paste', onPaste);
}

const shooting = element.querySelector('.camera');
const lens = camera(shooting.querySelector('video'), shooting, told);
const other = element.querySelector('[data-way=other]');

async function openCamera() {
  if (!await lens.open()) return;
  other.hidden = await lens.count() < 2;
  shooting.querySelector('[data-way=shoot]').focus();
}

const WAYS = {
  choose: () => input.click(),
  paste: pasteByButton,
  camera: openCamera,
  other: () => lens.turn(),
  shoot: async () => {
    const taken = await lens.blob(Infinity);
    lens.close();
    bring(new File([taken], 'camera.jpg', {type: 'image/jpeg'}));
  },
  close: () => lens.close(),
};
element.addEventListener('click', ({target}) => WAYS[target.closest('button')?.dataset.way]?.());
input.addEventListener('change', () => {
  if (input.files.length) bring(input.files[0]);
  input.value = '';
});
