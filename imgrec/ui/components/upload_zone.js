// Chosen and dropped files are uploaded one by one; then their places in the folder are told.
// Elements around belong to the zone: a drop counts anywhere inside `.drop-area`, else on the tab,
// and one onto an element with `data-into` tells that it was meant.

const zone = element.querySelector('.drop');
const area = element.closest('.drop-area') ?? element.closest('.tabitem') ?? element;
const told = zone.querySelector('.told');
const most = Number(zone.dataset.most), largest = Number(zone.dataset.bytes);
const atOnce = Number(zone.dataset.atOnce);
let turn = 0;  // what is being uploaded gives way to what was chosen after it

const shows = (name) => !name.split('/').some((part) => /^(\.|__MACOSX$)/.test(part));

async function walked(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{name: entry.fullPath.slice(1), file}];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length || found.length > most) return found;
    for (const inside of some) found.push(...await walked(inside));
  }
}

async function send(chosen, into) {
  const mine = ++turn, files = chosen.filter(({name}) => shows(name));
  if (!files.length) return told.textContent = 'There is no file in it.';
  if (files.length > most)
    return told.textContent = `These are more than ${most} files; choose fewer.`;
  const sent = [], refused = [], coming = files.entries();
  const tell = () => told.textContent = `Uploading: ${sent.length} of ${files.length}`;
  const one = async () => {
    for (const [place, {name, file}] of coming) {
      if (mine !== turn) return;
      try {
        if (file.size > largest) throw new Error('too large');
        sent.push({place, name, path: (await upload(file)).path});
      } catch { refused.push(name); }
      if (mine === turn) tell();
    }
  };
  tell();
  await Promise.all(Array.from({length: atOnce}, one));
  if (mine !== turn) return;
  const lost = refused.length ? ` ${refused.length} could not be uploaded, the first: ${refused[0]}`
    + ` (a file may have ${largest / 2 ** 20} MiB).` : '';
  told.textContent = `${sent.length} of ${files.length} uploaded.${lost}`;
  sent.sort((one, other) => one.place - other.place);
  if (!lost) setTimeout(() => { if (mine === turn) told.textContent = ''; }, 5000);
  if (sent.length) trigger('upload', {files: sent, into: into ?? null});
}

element.addEventListener('click', (event) => {
  const kind = event.target.closest('button')?.dataset.choose;
  if (kind) zone.querySelector(`input[data-input=${kind}]`)?.click();
});
element.addEventListener('change', ({target}) => {
  send([...target.files].map((file) => ({name: file.webkitRelativePath || file.name, file})));
  target.value = '';
});
for (const name of ['dragover', 'dragenter', 'dragleave', 'drop'])
  area.addEventListener(name, (event) => {
    const {types} = event.dataTransfer;
    if (!types.includes('Files') && !types.includes('text/uri-list')) return;
    event.preventDefault();
    const over = name === 'dragover' || name === 'dragenter';
    const target = over && (event.target.closest('[data-into]') ?? zone);
    for (const each of [zone, ...area.querySelectorAll('[data-into]')])
      each.classList.toggle('over', each === target);
  });
area.addEventListener('drop', async (event) => {
  const into = event.target.closest('[data-into]')?.dataset.into;
  // Entries and files are only there until the first wait. A picture of another page has no entry.
  const items = [...event.dataTransfer.items].filter(({kind}) => kind === 'file')
    .map((item) => ({entry: item.webkitGetAsEntry(), file: item.getAsFile()}));
  if (!items.length) {
    told.textContent = 'The browser gives no file of that; save it first, then drop the file.';
    return;
  }
  try {
    const found = await Promise.all(items.map(({entry, file}) =>
      entry ? walked(entry) : [{name: file.name, file}]));
    await send(found.flat(), into);
  } catch { told.textContent = 'That could not be read; choose it by a button.'; }
});
