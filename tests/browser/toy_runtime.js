// A drop-in avatar's runtime, as docs/avatars.md asks for: a disc on a 2D canvas, whose colour is the emotion and whose slit
// is the mouth. The tests copy it into an operator's folder as runtime.js; `toy` in its window tells what it was told.

/** @typedef {import("../../web/js/avatar/dropin.js").Figure} Figure */
/** @typedef {import("../../web/js/avatar/dropin.js").MountOptions} MountOptions */

const toy = /** @type {any} */ (globalThis).toy ?? {
  n_mounted: 0, n_disposed: 0, n_frames: 0, mouthMost: 0, emotion: "", state: "", looked: { x: 0, y: 0 }, aborted: false,
  touches: [], size: [0, 0], blob: false, still: false,
};
/** @type {any} */ (globalThis).toy = toy; // of all folders: each has its own copy of this module

/** @param {HTMLCanvasElement} canvas @param {string} folder @param {MountOptions} options @returns {Promise<Figure>} */
export async function mount(canvas, folder, { config, emotions, signal }) {
  signal.addEventListener("abort", () => (toy.aborted = true));
  if (config.fault === "mount") throw new Error("no such model");
  if (config.fault === "hang") await new Promise(() => undefined);
  if (config.fault === "late") await new Promise((resolve) => setTimeout(resolve, 1500));
  if (config.fault === "contract") return /** @type {any} */ ({ setEmotion: () => undefined, dispose: () => toy.n_disposed++ });
  const { turn } = await (await fetch(`${folder}model/skin.json`)).json();
  toy.blob = await blobWorks();
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let open = 0;
  toy.n_mounted++;
  toy.size = [canvas.width, canvas.height];
  return {
    setEmotion: (emotion) => void (toy.emotion = emotion),
    setMouth: (mouth) => {
      open = mouth.open;
      toy.mouthMost = Math.max(toy.mouthMost, open);
    },
    setState: (state) => void (toy.state = state),
    look: (at) => void (toy.looked = at),
    touch: (touch) => void toy.touches.push(touch),
    touchZones: () => [
      { area: "Head", x: 0.2, y: 0.1, width: 0.6, height: 0.3 },
      { area: "Body", x: 0.2, y: 0.4, width: 0.6, height: 0.5 },
    ],
    resize: (...size) => void (toy.size = size),
    draw: ({ time_s, still }) => {
      toy.n_frames++;
      toy.still = still;
      if (config.fault === "draw" && toy.emotion === "sad") throw new Error("no tears");
      const { width, height } = canvas;
      pen.clearRect(0, 0, width, height);
      pen.fillStyle = `hsl(${(emotions.indexOf(toy.emotion) * 360) / emotions.length + turn} 70% 50%)`;
      pen.beginPath();
      pen.arc(width / 2, height / 2, width * (0.4 + (still ? 0 : Math.sin(time_s) * 0.02)), 0, 7);
      pen.fill();
      pen.fillStyle = "#fff";
      pen.fillRect(width * 0.4, height * 0.65, width * 0.2, height * 0.2 * open + 2);
    },
    dispose: () => void toy.n_disposed++,
  };
}

/** Models unpack their pictures into memory: the page's policy must let them be seen. @returns {Promise<boolean>} */
function blobWorks() {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  });
}
