// `camera(video, box, told)` opens the webcam into the video and shows the box around it; it closes
// by itself where the video is not shown any more, so that no camera stays on behind another tab.
/* exported camera */

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
