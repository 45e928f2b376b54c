/* camera.js - one still picture. Of a camera that is on it is taken at once: the person sees what it shows, and what is
 * asked about is now. A camera that is off is opened in full view first: preview, countdown, and Cancel is always there. */

const LONGEST_SIDE = 1024;
const COUNT = 3;
const COUNT_MS = 700;
const FIRST_FRAME_MS = 2000;

export class Camera {
  #dialog;
  #video;
  #count;
  #busy = false;

  /** @param {HTMLDialogElement} dialog holds a video, an output for the countdown, and a button of value "cancel" */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#video = /** @type {HTMLVideoElement} */ (dialog.querySelector("video"));
    this.#count = /** @type {HTMLElement} */ (dialog.querySelector("output"));
  }

  /** @param {HTMLVideoElement|null} running shows a camera that is on already; it stays on
   * @returns {Promise<{blob:Blob, width:number, height:number, canvas:HTMLCanvasElement}>} */
  async take(running) {
    if (this.#busy) throw new Error("a picture is already being taken");
    if (!navigator.mediaDevices) throw new Error("no camera on an insecure page");
    this.#busy = true;
    /** @type {MediaStream|null} */
    let stream = null;
    try {
      if (running) return await still(running);
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST_SIDE } } });
      await this.#show(stream);
      return await still(this.#video);
    } finally {
      for (const track of stream?.getTracks() ?? []) track.stop();
      this.#video.srcObject = null;
      this.#dialog.close();
      this.#busy = false;
    }
  }

  /** @param {MediaStream} stream */
  async #show(stream) {
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
    this.#video.srcObject = stream;
    await this.#video.play();
    for (let left = COUNT; left > 0; left--) {
      this.#count.textContent = String(left);
      await new Promise((resolve) => setTimeout(resolve, COUNT_MS));
      if (!this.#dialog.open) throw new Error("the person said no");
    }
    this.#count.textContent = "";
  }
}

/** @param {HTMLVideoElement} video */
async function still(video) {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
    await new Promise((resolve) => {
      video.addEventListener("loadeddata", resolve, { once: true });
      setTimeout(resolve, FIRST_FRAME_MS);
    });
  }
  const { videoWidth, videoHeight } = video;
  if (!videoWidth) throw new Error("the camera gave no picture");
  const scale = Math.min(1, LONGEST_SIDE / Math.max(videoWidth, videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  if (!(blob instanceof Blob)) throw new Error("the picture could not be made");
  return { blob, width: canvas.width, height: canvas.height, canvas };
}
