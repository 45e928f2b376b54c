// Runs inside the page before its own scripts: keeps what a camera has shown in the last seconds, and compares a picture
// with it: `window.eye.watch(video)`, then `window.eye.judge(picture)`.
//
// sharpness: the variance of the Laplacian of the brightness, of the picture and of the camera's own frame that is most
// like it; psnr_db: between the two; at: when that frame was shown, as performance.now() has it.

/* global window, performance, OffscreenCanvas */
export function installEye() {
  const KEPT_MS = 2000;
  const SMALL = [80, 60];
  /** @type {{at:number, frame:OffscreenCanvas, small:Float32Array}[]} */
  const frames = [];

  /** @param {CanvasImageSource} source @param {number} width @param {number} height */
  const draw = (source, width, height) => {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d", { willReadFrequently: true })?.drawImage(source, 0, 0, width, height);
    return canvas;
  };

  /** Brightness of each point. @param {CanvasImageSource} source @param {number} width @param {number} height */
  const luma = (source, width, height) => {
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (draw(source, width, height).getContext("2d"));
    const { data } = context.getImageData(0, 0, width, height);
    const out = new Float32Array(width * height);
    for (let i = 0; i < out.length; i++) {
      out[i] = 0.299 * Number(data[4 * i]) + 0.587 * Number(data[4 * i + 1]) + 0.114 * Number(data[4 * i + 2]);
    }
    return out;
  };

  /** Mean of the squares of the differences. @param {Float32Array} a @param {Float32Array} b */
  const apart = (a, b) => a.reduce((sum, value, i) => sum + (value - Number(b[i])) ** 2, 0) / a.length;

  /** @param {Float32Array} y @param {number} width @param {number} height */
  const sharpness = (y, width, height) => {
    let n = 0, sum = 0, squares = 0;
    for (let row = 1; row < height - 1; row++) {
      for (let i = row * width + 1; i < (row + 1) * width - 1; i++) {
        const v = 4 * Number(y[i]) - Number(y[i - 1]) - Number(y[i + 1]) - Number(y[i - width]) - Number(y[i + width]);
        n++;
        sum += v;
        squares += v * v;
      }
    }
    return squares / n - (sum / n) ** 2;
  };

  /** @type {any} */ (window).eye = {
    /** @param {HTMLVideoElement} video */
    watch(video) {
      const look = () => {
        const at = performance.now();
        const [width = 0, height = 0] = SMALL;
        const frame = draw(video, video.videoWidth, video.videoHeight);
        frames.push({ at, frame, small: luma(frame, width, height) });
        while (Number(frames[0]?.at) < at - KEPT_MS) frames.shift();
        video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    },

    /** @param {CanvasImageSource} picture @param {number} width @param {number} height */
    judge(picture, width, height) {
      const [w = 0, h = 0] = SMALL;
      const small = luma(picture, w, h);
      const likest = [...frames].sort((a, b) => apart(a.small, small) - apart(b.small, small)).slice(0, 5);
      const mine = luma(picture, width, height);
      const near = likest
        .map((one) => ({ at: one.at, full: luma(one.frame, width, height) }))
        .sort((a, b) => apart(a.full, mine) - apart(b.full, mine))[0];
      if (!near) throw new Error("the camera has shown nothing");
      const theirs = near.full;
      return {
        width, height, at: near.at,
        sharpness: sharpness(mine, width, height),
        camera: sharpness(theirs, width, height),
        psnr_db: 10 * Math.log10(255 ** 2 / Math.max(apart(mine, theirs), 1e-6)),
      };
    },
  };
}
