"""A place for files, whole folders, zips, pasted pictures and a webcam's.

gradio's own file component forgets where in a folder a file lay. Here the browser uploads the files
one by one and then tells their places in the folder.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import gradio as gr

from imgrec.errors import DataError, UploadError
from imgrec.images.decode import MAX_BYTES
from imgrec.ui.access.uploaded_files import NOT_UPLOADED, uploaded_file
from imgrec.ui.components.webcam import CAMERA

Upload = tuple[str, str]  # a file's path as the visitor has it, and where it was uploaded to
AT_ONCE = 6  # uploads: what a browser sends to one server at a time
MAX_NAME_LENGTH = 400  # characters of a path that is shown


class Way(NamedTuple):
    """A way to choose files."""

    label: str  # of the button
    attributes: str  # of the input


WAYS = {
    "files": Way("Choose pictures", 'multiple accept="image/*,.heic,.heif"'),
    "zip": Way("Choose a zip", 'accept=".zip,application/zip"'),
    "folder": Way("Choose a folder", "webkitdirectory multiple"),
}
SHOOT = """
  <div class="camera" hidden>
    <video muted playsinline aria-label="What the webcam sees"></video>
    <div class="choose">
      <button type="button" data-shoot="hold">Hold to take pictures</button>
      <button type="button" data-shoot="close">Close the webcam</button>
    </div>
  </div>"""

# Elements around may belong to the zone: inside `.drop-area` a drop counts anywhere, and one onto
# an element with `data-into` tells that it was meant.
GATHER = """
const zone = element.querySelector('.drop');
const area = element.closest('.drop-area') ?? element;
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
  await Promise.all(Array.from({length: AT_ONCE}, one));
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
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    const over = name === 'dragover' || name === 'dragenter';
    const target = over && (event.target.closest('[data-into]') ?? zone);
    for (const each of [zone, ...area.querySelectorAll('[data-into]')])
      each.classList.toggle('over', each === target);
  });
area.addEventListener('drop', async (event) => {
  const into = event.target.closest('[data-into]')?.dataset.into;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry());
  try {  // the entries are only there until the first wait
    const found = await Promise.all(entries.filter(Boolean).map(walked));
    if (found.length) await send(found.flat(), into);
  } catch { told.textContent = 'That could not be read; choose it by a button.'; }
});
""".replace("AT_ONCE", str(AT_ONCE))

PASTE = """
function paste(event) {
  if (!element.isConnected) return document.removeEventListener('paste', paste);
  const files = [...event.clipboardData.files];
  if (!files.length || !zone.offsetParent || event.target.closest('input, textarea')) return;
  event.preventDefault();
  send(files.map((file) => ({name: file.name, file})));
}
document.addEventListener('paste', paste);
"""

BURST = """
const hold = element.querySelector('[data-shoot=hold]');
const shooting = element.querySelector('.camera');
const shots = camera(shooting.querySelector('video'), shooting, told);
let burst = [], timer = 0, taken = 0;

function begin() {
  if (timer || !shots.on()) return;
  burst = [];
  const shoot = async () => {
    if (burst.length >= MOST_SHOTS) return end();
    const place = burst.push(null) - 1, blob = await shots.blob(SHOT_SIDE);
    burst[place] = {name: `webcam ${++taken}.jpg`, file: new File([blob], `webcam ${taken}.jpg`)};
    told.textContent = `${burst.length} taken`;
  };
  timer = setInterval(shoot, MILLISECONDS);
  shoot();
}
function end() {
  if (!timer) return;
  clearInterval(timer);
  timer = 0;
  setTimeout(() => send(burst.filter(Boolean)), 150);  // the last one is still being made
}
hold.addEventListener('pointerdown', (event) => {
  hold.setPointerCapture(event.pointerId);
  begin();
});
for (const name of ['pointerup', 'pointercancel', 'blur']) hold.addEventListener(name, end);
for (const [name, act] of [['keydown', begin], ['keyup', end]])
  hold.addEventListener(name, (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    act();
  });
hold.addEventListener('contextmenu', (event) => event.preventDefault());  // of a long touch
element.querySelector('[data-shoot=open]').addEventListener('click', () => shots.open());
element.querySelector('[data-shoot=close]').addEventListener('click', () => shots.close());
"""
MAX_SHOTS = 50  # of one burst
MILLISECONDS = 200  # between two shots
SHOT_SIDE = 512  # pixels, the shorter side of a shot


def drop_zone(
    heading: str,
    note: str,
    max_files: int,
    ways: Sequence[str] = ("zip", "folder"),
    more: bool = False,
) -> gr.HTML:
    """The place; its `.upload` listener gets at most so many files with `uploaded(event)`.

    `ways` are keys of WAYS. With `more`, pictures can also be pasted, and taken with the webcam.
    """
    buttons = "".join(
        f'<button type="button" data-choose="{way}">{WAYS[way].label}</button>' for way in ways
    )
    inputs = "".join(
        f'<input type="file" data-input="{way}" {WAYS[way].attributes} '
        f'aria-label="{WAYS[way].label}" hidden>'
        for way in ways
    )
    if more:
        buttons += '<button type="button" data-shoot="open">Webcam</button>'
    html = f"""
<div class="drop" data-most="{max_files}" data-bytes="{MAX_BYTES}">
  <p><b>{escape(heading)}</b></p>
  <div class="choose">{buttons}</div>{SHOOT if more else ""}
  <p class="note">{escape(note)}</p>
  <p class="told" role="status"></p>
  {inputs}
</div>"""
    return gr.HTML(html, js_on_load=GATHER + (PASTE + CAMERA + _burst() if more else ""))


def _burst() -> str:
    return (
        BURST.replace("MOST_SHOTS", str(MAX_SHOTS))
        .replace("MILLISECONDS", str(MILLISECONDS))
        .replace("SHOT_SIDE", str(SHOT_SIDE))
    )


def uploaded(event: gr.EventData, max_files: int) -> list[Upload]:
    """The files that the browser tells of. A visitor can send anything: raises DataError or
    UploadError.
    """
    data = event._data
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, list) or not files:
        raise DataError("There is no file in it; choose a zip or a folder of pictures.")
    if len(files) > max_files:
        raise DataError(f"These are more than {max_files:,} files; choose fewer.")
    return [_checked(file) for file in files]


def into(event: gr.EventData) -> str:
    """The `data-into` of the element that files were dropped onto; empty if there is none."""
    data = event._data
    named = data.get("into") if isinstance(data, dict) else None
    return named if isinstance(named, str) else ""


def _checked(file: object) -> Upload:
    """A file that was uploaded to this server, whatever a visitor says. Raises UploadError."""
    name = file.get("name") if isinstance(file, dict) else None
    if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH):
        raise UploadError(NOT_UPLOADED)
    return name, str(uploaded_file(file))
