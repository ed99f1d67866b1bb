"""A place for a zip or a whole folder; gradio's own file component forgets where in it a file lay.

The browser uploads the files one by one and then tells their places in the folder.
"""

import contextlib
from html import escape
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from imgrec.errors import DataError
from imgrec.images import MAX_BYTES

Upload = tuple[str, str]  # a file's path as the visitor has it, and where it was uploaded to
AT_ONCE = 6  # uploads: what a browser sends to one server at a time
LONGEST_NAME = 400  # characters of a path that is shown

ZONE = """
<div class="drop" data-most="{most}" data-bytes="{bytes}">
  <p><b>Drop a zip or a folder of labelled pictures here</b></p>
  <div class="choose">
    <button type="button" data-choose="zip">Choose a zip</button>
    <button type="button" data-choose="folder">Choose a folder</button>
  </div>
  <p class="note">{note}</p>
  <p class="told" role="status"></p>
  <input type="file" data-input="zip" accept=".zip,application/zip" aria-label="A zip" hidden>
  <input type="file" data-input="folder" webkitdirectory multiple aria-label="A folder" hidden>
</div>"""

GATHER = """
const zone = element.querySelector('.drop');
const told = zone.querySelector('.told');
const most = Number(zone.dataset.most), largest = Number(zone.dataset.bytes);
let turn = 0;  // what is being uploaded gives way to what was chosen after it

const shows = (name) => !name.split('/').some((part) => /^(\\.|__MACOSX$)/.test(part));

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

async function send(chosen) {
  const mine = ++turn, files = chosen.filter(({name}) => shows(name));
  if (!files.length) return told.textContent = 'There is no file in it.';
  if (files.length > most)
    return told.textContent = `These are more than ${most} files; choose a smaller folder.`;
  const sent = [], refused = [], coming = files.values();
  const tell = () => told.textContent = `Uploading: ${sent.length} of ${files.length}`;
  const one = async () => {
    for (const {name, file} of coming) {
      if (mine !== turn) return;
      try {
        if (file.size > largest) throw new Error('too large');
        sent.push({name, path: (await upload(file)).path});
      } catch { refused.push(name); }
      if (mine === turn) tell();
    }
  };
  tell();
  await Promise.all(Array.from({length: AT_ONCE}, one));
  if (mine !== turn) return;
  const lost = refused.length ? ` ${refused.length} could not be uploaded, the first: ${refused[0]}`
    + ` (a file may have ${largest / 2 ** 20} MiB).` : '';
  told.textContent = `${sent.length} of ${files.length} uploaded.${lost}`;
  if (sent.length) trigger('upload', {files: sent});
}

element.addEventListener('click', (event) => {
  const kind = event.target.closest('button')?.dataset.choose;
  if (kind) zone.querySelector(`input[data-input=${kind}]`).click();
});
element.addEventListener('change', ({target}) => {
  send([...target.files].map((file) => ({name: file.webkitRelativePath || file.name, file})));
  target.value = '';
});
for (const name of ['dragover', 'dragenter', 'dragleave', 'drop'])
  element.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.toggle('over', name === 'dragover' || name === 'dragenter');
  });
element.addEventListener('drop', async (event) => {
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry());
  try {  // the entries are only there until the first wait
    const found = await Promise.all(entries.filter(Boolean).map(walked));
    await send(found.flat());
  } catch { told.textContent = 'That could not be read; choose a zip or a folder.'; }
});
""".replace("AT_ONCE", str(AT_ONCE))


def drop_zone(most: int, note: str) -> gr.HTML:
    """The place; its `.upload` listener gets at most so many files with `uploaded(event)`."""
    html = ZONE.format(most=most, bytes=MAX_BYTES, note=escape(note))
    return gr.HTML(html, js_on_load=GATHER)


def uploaded(event: gr.EventData, most: int) -> list[Upload]:
    """The files that the browser tells of. A visitor can send anything: raises DataError."""
    data = event._data
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, list) or not files:
        raise DataError("There is no file in it; choose a zip or a folder of pictures.")
    if len(files) > most:
        raise DataError(f"These are more than {most:,} files; choose a smaller folder.")
    return [_checked(file) for file in files]


def _checked(file: object) -> Upload:
    """A file that was uploaded to this server, whatever a visitor says."""
    name, path = (file.get("name"), file.get("path")) if isinstance(file, dict) else (None, None)
    if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and isinstance(path, str):
        with contextlib.suppress(OSError, ValueError):  # a path that no file can have
            place = Path(path).resolve()
            if place.is_relative_to(Path(get_upload_folder()).resolve()) and place.is_file():
                return name, str(place)
    raise DataError("That file was not uploaded here; choose it again.")
