// `camera(video, box, told)` opens the webcam into the video and shows the box around it; it closes
// by itself where the video is not shown any more, so that no camera stays on behind another tab.
/* exported camera */

function camera(video, box, told) {
  // A phone's rear camera first: who takes a picture of a thing holds the phone towards it.
  const facing = window.matchMedia('(pointer: coarse)').matches ? 'environment' : 'user';
  let stream = null, watching = 0;
  let chosen = null;  // the id of a camera that was turned to
  const close = () => {
    clearInterval(watching);
    stream?.getTracks().forEach((track) => track.stop());
    video.srcObject = stream = null;
    box.hidden = true;
  };
  const all = async () => (await navigator.mediaDevices.enumerateDevices())
    .filter(({kind}) => kind === 'videoinput');
  const wanted = () => chosen ? {deviceId: {exact: chosen}} : {facingMode: facing};
  const turn = async () => {
    const cameras = await all();
    const now = stream?.getVideoTracks()[0].getSettings().deviceId;
    const at = cameras.findIndex(({deviceId}) => deviceId === now);
    chosen = cameras[(at + 1) % cameras.length]?.deviceId ?? null;
    close();
    return open();
  };
  const start = async () => {
    if (stream) return true;
    try {
      if (!navigator.mediaDevices) throw new Error('insecure');
      stream = await navigator.mediaDevices.getUserMedia({video: wanted()});
    } catch (error) {
      told.textContent = error.message === 'insecure'
        ? 'A browser gives the webcam only to pages at https:// or on this computer.'
        : 'The webcam can’t be used; allow it in the browser, or check that it is plugged in.';
      return false;
    }
    told.textContent = '';
    video.srcObject = stream;
    // The preview is mirrored where one sees oneself; what the networks get never is.
    const towards = stream.getVideoTracks()[0].getSettings().facingMode;
    video.classList.toggle('mirrored', (towards ?? facing) === 'user');
    await video.play();  // before that, there is nothing to take
    box.hidden = false;
    watching = setInterval(() => video.offsetParent || close(), 1000);
    return true;
  };
  let opening = null;  // a second press waits for the first
  const open = () => (opening ??= start().finally(() => { opening = null; }));
  const canvas = (shorter) => {
    const scale = Math.min(1, shorter / Math.min(video.videoWidth, video.videoHeight));
    const made = document.createElement('canvas');
    made.width = Math.round(video.videoWidth * scale);
    made.height = Math.round(video.videoHeight * scale);
    made.getContext('2d').drawImage(video, 0, 0, made.width, made.height);
    return made;
  };
  return {
    open, close, turn,
    count: async () => (await all()).length,
    on: () => Boolean(stream && video.videoWidth),
    blob: (side) => new Promise((done) => canvas(side).toBlob(done, 'image/jpeg', 0.92)),
    address: (side) => canvas(side).toDataURL('image/jpeg', 0.92),
  };
}
