/* camera.js - one still picture. Of a camera that is on it is taken at once: the person sees what it shows, and what is
 * asked about is now. A camera that is off is opened in full view first: preview, countdown, and Cancel is always there.
 * Where there is no picture the error says why, in words that the assistant can pass on. */

const LONGEST_SIDE = 1024;
/** Servers refuse more, or are slow with it: what a browser makes larger is sent coarser. */
const PHOTO_MOST = 1_000_000;
const QUALITIES = [0.85, 0.7, 0.5, 0.3];
const COUNT = 3;
const COUNT_MS = 700;
const FIRST_FRAME_MS = 2000;
const FLASH_MS = 400;
/** For the browser's own question; with the countdown it is less than the 8 s after which the gateway answers for us. */
const ANSWER_MOST_MS = 5000;

const DARK = "the camera shows nothing";
/** What the assistant is told. @type {Record<string, string>} */
const REFUSALS = {
  cameraDenied: "the camera is not allowed on this page",
  cameraNone: "there is no camera",
  cameraBusy: "another program holds the camera",
};

export class Camera {
  #dialog;
  #video;
  #count;
  #busy = false;
  #onTrouble;

  /** @param {HTMLDialogElement} dialog holds a video, an output for the countdown, and a button of value "cancel"
   * @param {(key:string) => void} onTrouble a text's key: what the person can do about it */
  constructor(dialog, onTrouble) {
    this.#dialog = dialog;
    this.#video = /** @type {HTMLVideoElement} */ (dialog.querySelector("video"));
    this.#count = /** @type {HTMLElement} */ (dialog.querySelector("output"));
    this.#onTrouble = onTrouble;
  }

  /** @param {HTMLVideoElement|null} running shows a camera that is on already; it stays on
   * @returns {Promise<{blob:Blob, width:number, height:number, canvas:HTMLCanvasElement}>} */
  async take(running) {
    if (this.#busy) throw new Error("a picture is already being taken");
    this.#busy = true;
    try {
      if (!running) return await this.#inFullView();
      const photo = await still(running);
      flash(running);
      return photo;
    } finally {
      this.#busy = false;
    }
  }

  async #inFullView() {
    const stream = await this.#open();
    try {
      const no = new Promise((_, reject) => {
        this.#dialog.addEventListener("close", () => reject(noPicture("the person said no")), { once: true });
      });
      await Promise.race([no, this.#countDown(stream)]);
      if (!this.#video.videoWidth) throw noPicture(DARK); // it had its time, and the assistant waits
      return await still(this.#video);
    } finally {
      letGo(stream);
      this.#video.srcObject = null;
      this.#dialog.close();
    }
  }

  /** @returns {Promise<MediaStream>} */
  async #open() {
    if (!navigator.mediaDevices) throw noPicture("only a secure page has a camera");
    const asked = navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST_SIDE } } });
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => {
        asked.then(letGo, () => undefined); // what comes after that is not used
        reject(noPicture("nobody answered whether the camera may be used"));
      }, ANSWER_MOST_MS);
    });
    try {
      return /** @type {MediaStream} */ (await Promise.race([asked, limit]));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      const key = cameraTrouble(error);
      this.#onTrouble(key);
      throw noPicture(REFUSALS[key] ?? "");
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {MediaStream} stream */
  async #countDown(stream) {
    this.#count.textContent = "";
    this.#dialog.showModal();
    this.#video.srcObject = stream;
    this.#video.play().catch(() => undefined); // Cancel takes the picture from it
    await firstFrame(this.#video);
    for (let left = COUNT; left > 0 && this.#video.srcObject === stream; left--) {
      this.#count.textContent = String(left);
      await new Promise((resolve) => setTimeout(resolve, COUNT_MS));
    }
  }
}

/** @param {unknown} error of getUserMedia @returns {"cameraDenied"|"cameraNone"|"cameraBusy"} a text's key */
export function cameraTrouble(error) {
  const name = error instanceof DOMException || error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "cameraDenied";
  return name === "NotFoundError" || name === "OverconstrainedError" ? "cameraNone" : "cameraBusy";
}

/** @param {string} why */
const noPicture = (why) => new Error(`no picture was taken: ${why}`);

/** @param {MediaStream} stream */
function letGo(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** The moment of it is seen, as the countdown is where the camera was off. @param {HTMLVideoElement} video */
function flash(video) {
  const frame = video.parentElement;
  frame?.classList.add("taken");
  setTimeout(() => frame?.classList.remove("taken"), FLASH_MS);
}

/** @param {HTMLVideoElement} video */
async function firstFrame(video) {
  if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return;
  await new Promise((resolve) => {
    video.addEventListener("loadeddata", resolve, { once: true });
    setTimeout(resolve, FIRST_FRAME_MS);
  });
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
async function jpegOf(canvas) {
  for (const quality of QUALITIES) {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (!(blob instanceof Blob)) throw noPicture("it could not be made");
    if (blob.size < PHOTO_MOST) return blob;
  }
  throw noPicture("it is too large");
}

/** @param {HTMLVideoElement} video */
async function still(video) {
  await firstFrame(video);
  const { videoWidth, videoHeight } = video;
  if (!videoWidth) throw noPicture(DARK);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(videoWidth, videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await jpegOf(canvas);
  return { blob, width: canvas.width, height: canvas.height, canvas };
}
