// What the webcam sees is sent to the server, a frame now and then. Runs after webcam.js.
/* global camera */

const box = element.querySelector('.camera');
const opening = element.querySelector('[data-live=open]');
const live = camera(box.querySelector('video'), box, element.querySelector('.told'));
const {dataset} = element.querySelector('.live');
const minutes = Number(dataset.minutes), side = Number(dataset.side);
const every = Number(dataset.every);  // milliseconds
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
  const until = Date.now() + minutes * 60000;
  frames = setInterval(() => {
    if (box.hidden || Date.now() > until) return shut();
    if (live.on()) trigger('frame', {image: live.address(side)});
  }, every);
}
opening.addEventListener('click', start);
element.querySelector('[data-live=close]').addEventListener('click', shut);
