// The webcam takes pictures while a button is held. Runs after upload_zone.js and webcam.js.
/* global camera, send, told */

const hold = element.querySelector('[data-shoot=hold]');
const shooting = element.querySelector('.camera');
const shots = camera(shooting.querySelector('video'), shooting, told);
const mostShots = Number(hold.dataset.most), side = Number(hold.dataset.side);
const every = Number(hold.dataset.every);  // milliseconds
let burst = [], timer = 0, taken = 0;

function begin() {
  if (timer || !shots.on()) return;
  burst = [];
  const shoot = async () => {
    if (burst.length >= mostShots) return end();
    const place = burst.push(null) - 1, blob = await shots.blob(side);
    burst[place] = {name: `webcam ${++taken}.jpg`, file: new File([blob], `webcam ${taken}.jpg`)};
    told.textContent = `${burst.length} taken`;
  };
  timer = setInterval(shoot, every);
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
