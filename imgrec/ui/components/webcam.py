"""The webcam in the browser: what it sees, now and then sent to the server."""

import base64

import gradio as gr
from PIL import Image

from imgrec.errors import ImageError
from imgrec.images.decode import open_image

MAX_LENGTH = 400_000  # characters of a frame: some ten times what a browser makes of it
LIVE_SIDE = 256  # pixels, the shorter side of a frame: what VGG16's view is cut from
EVERY = 400  # milliseconds between two frames
MINUTES = 10  # after which the live webcam closes by itself

# `camera(video, box, told)` opens the webcam into the video and shows the box around it; it closes
# by itself where the video is not shown any more, so that no camera stays on behind another tab.
CAMERA = """
function camera(video, box, told) {
  let stream = null, watching = 0;
  const close = () => {
    clearInterval(watching);
    stream?.getTracks().forEach((track) => track.stop());
    video.srcObject = stream = null;
    box.hidden = true;
  };
  const open = async () => {
    if (stream) return true;
    try {
      if (!navigator.mediaDevices) throw new Error('insecure');
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'user'}});
    } catch (error) {
      told.textContent = error.message === 'insecure'
        ? 'A browser gives the webcam only to pages at https:// or on this computer.'
        : 'The webcam can’t be used; allow it in the browser, or check that it is plugged in.';
      return false;
    }
    told.textContent = '';
    video.srcObject = stream;
    await video.play();  // before that, there is nothing to take
    box.hidden = false;
    watching = setInterval(() => video.offsetParent || close(), 1000);
    return true;
  };
  const canvas = (shorter) => {
    const scale = Math.min(1, shorter / Math.min(video.videoWidth, video.videoHeight));
    const made = document.createElement('canvas');
    made.width = Math.round(video.videoWidth * scale);
    made.height = Math.round(video.videoHeight * scale);
    made.getContext('2d').drawImage(video, 0, 0, made.width, made.height);
    return made;
  };
  return {
    open, close, on: () => Boolean(stream && video.videoWidth),
    blob: (side) => new Promise((done) => canvas(side).toBlob(done, 'image/jpeg', 0.92)),
    address: (side) => canvas(side).toDataURL('image/jpeg', 0.92),
  };
}
"""

LIVE = """
<div class="live">
  <div class="camera" hidden>
    <video muted playsinline aria-label="What the webcam sees"></video>
    <div class="choose"><button type="button" data-live="close">Stop the webcam</button></div>
  </div>
  <div class="choose"><button type="button" data-live="open">Webcam, live</button></div>
  <p class="told" role="status"></p>
</div>"""

WATCH = """
const box = element.querySelector('.camera');
const opening = element.querySelector('[data-live=open]');
const live = camera(box.querySelector('video'), box, element.querySelector('.told'));
let frames = 0;

function shut() {
  clearInterval(frames);
  frames = 0;
  live.close();
  opening.hidden = false;
}
async function start() {
  if (frames || !await live.open()) return;
  opening.hidden = true;
  const until = Date.now() + MINUTES * 60000;
  frames = setInterval(() => {
    if (box.hidden || Date.now() > until) return shut();
    if (live.on()) trigger('frame', {image: live.address(LIVE_SIDE)});
  }, EVERY);
}
opening.addEventListener('click', start);
element.querySelector('[data-live=close]').addEventListener('click', shut);
"""


def live_camera() -> gr.HTML:
    """A webcam whose `.frame` listener gets what it sees, with `frame(event)`, until it is shut."""
    script = CAMERA + WATCH
    for name, value in (("MINUTES", MINUTES), ("LIVE_SIDE", LIVE_SIDE), ("EVERY", EVERY)):
        script = script.replace(name, str(value))
    return gr.HTML(LIVE, js_on_load=script)


def frame(event: gr.EventData) -> Image.Image:
    """The picture that the webcam sees. A visitor can send anything: raises ImageError."""
    data = event._data
    address = data.get("image") if isinstance(data, dict) else None
    if not isinstance(address, str) or len(address) > MAX_LENGTH:
        raise ImageError("That was no picture of the webcam; start it again.")
    try:
        content = base64.b64decode(address.partition(",")[2], validate=True)
    except ValueError as error:
        raise ImageError("That was no picture of the webcam; start it again.") from error
    return open_image(content, "The webcam’s picture")
