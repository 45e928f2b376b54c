/* face.js - the assistant's face: a pebble of celadon glaze that looks at you, listens and speaks.
 *
 * The mouth follows the loudness of what is really heard, the ring the loudness of the real microphone. Shapes by state
 * are in page.css; here is only what moves. With reduced motion nothing idles: the face keeps still, and mouth and ring
 * still show sound, because that is information. */

/** @typedef {{mic:number, voice:number}} Levels */

/** @type {Record<string, {smile:number, lids:number, brow:number}>} smile -1..1, lids 0 shut .. 1 open .. 1.2 wide */
const MOODS = {
  neutral: { smile: 0.45, lids: 1, brow: 0 },
  happy: { smile: 0.9, lids: 0.92, brow: 1 },
  sad: { smile: -0.5, lids: 0.8, brow: -2 },
  surprised: { smile: 0.2, lids: 1.2, brow: 4 },
  sleepy: { smile: 0.2, lids: 0.45, brow: -1 },
  thinking: { smile: 0.1, lids: 0.9, brow: 2 },
};

/** The assistant's 21 emotions on six faces; unknown ones are neutral. @type {Record<string, string>} */
const MOOD_OF = {
  happy: "happy", laughing: "happy", funny: "happy", loving: "happy", delicious: "happy", kissy: "happy",
  confident: "happy", cool: "happy", silly: "happy", winking: "happy", embarrassed: "happy",
  sad: "sad", crying: "sad", angry: "sad",
  surprised: "surprised", shocked: "surprised",
  sleepy: "sleepy", relaxed: "sleepy",
  thinking: "thinking", confused: "thinking",
};

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Face {
  #parts;
  #levels;
  #mood = MOODS["neutral"];
  #mic = 0;
  #voice = 0;
  #blinkAt_ms = 2500;
  #look = { x: 0, y: 0 };
  #state = "idle";

  /** @param {SVGSVGElement} svg @param {() => Levels} levels */
  constructor(svg, levels) {
    const part = (/** @type {string} */ name) => /** @type {SVGElement} */ (svg.querySelector(`.${name}`));
    this.#levels = levels;
    this.#parts = {
      head: part("head"),
      eyes: [part("eye-left"), part("eye-right")],
      mouth: part("mouth"),
      ring: part("ring-mic"),
      waves: [...svg.querySelectorAll(".wave")],
    };
    const frame = (/** @type {number} */ now_ms) => {
      this.#draw(now_ms);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** @param {string} state */
  setState(state) {
    this.#state = state;
    if (state === "listening" || state === "idle" || state === "ended") this.#mood = MOODS["neutral"];
  }

  /** @param {unknown} emotion */
  setEmotion(emotion) {
    this.#mood = MOODS[MOOD_OF[String(emotion)] ?? "neutral"];
  }

  /** @param {number} now_ms */
  #draw(now_ms) {
    const levels = this.#levels();
    this.#mic = follow(this.#mic, levels.mic);
    this.#voice = follow(this.#voice, this.#state === "speaking" ? levels.voice : 0);
    this.#drawEyes(now_ms);
    this.#drawMouth();
    this.#drawSound();
    const bob = still.matches ? 0 : Math.sin(now_ms / 1100) * 1.6 - this.#voice * 2.5;
    const lean = still.matches || this.#state !== "listening" ? 0 : 3;
    this.#parts.head.setAttribute("transform", `translate(0 ${bob.toFixed(2)}) rotate(${lean} 160 250)`);
  }

  /** @param {number} now_ms */
  #drawEyes(now_ms) {
    const mood = this.#mood ?? { lids: 1 };
    let lids = mood.lids;
    if (!still.matches) lids *= this.#blink(now_ms);
    const target = this.#state === "thinking" ? { x: 5, y: -7 } : { x: 0, y: 0 };
    this.#look.x += (target.x - this.#look.x) * 0.12;
    this.#look.y += (target.y - this.#look.y) * 0.12;
    const { x, y } = this.#look;
    for (const eye of this.#parts.eyes) {
      const at = eye.classList.contains("eye-left") ? 126 : 194;
      eye.setAttribute("transform", `translate(${(at + x).toFixed(2)} ${(150 + y).toFixed(2)}) scale(1 ${lids.toFixed(3)})`);
    }
  }

  /** @param {number} now_ms @returns {number} 1 open, near 0 in the middle of a blink */
  #blink(now_ms) {
    const since_ms = now_ms - this.#blinkAt_ms;
    if (since_ms > 180) {
      if (since_ms > 0) this.#blinkAt_ms = now_ms + 2200 + Math.random() * 3600;
      return 1;
    }
    return since_ms < 0 ? 1 : Math.max(0.06, Math.abs(since_ms - 90) / 90);
  }

  #drawMouth() {
    const smile = this.#mood?.smile ?? 0.4;
    const open = this.#voice * 26;
    const half = 22 + smile * 6 - this.#voice * 4;
    const corner = 198 - smile * 5;
    const low = corner + smile * 14 + open;
    const high = corner + smile * 14 - open * 0.22;
    const [left, right] = [160 - half, 160 + half];
    this.#parts.mouth.setAttribute(
      "d",
      `M${left} ${corner} Q160 ${high.toFixed(1)} ${right} ${corner} Q160 ${(low + open * 0.4).toFixed(1)} ${left} ${corner}Z`,
    );
  }

  #drawSound() {
    this.#parts.ring.setAttribute("r", (128 + this.#mic * 22).toFixed(1));
    this.#parts.ring.setAttribute("stroke-width", (3 + this.#mic * 9).toFixed(1));
    this.#parts.waves.forEach((wave, index) => {
      const reach = Math.max(0, Math.min(1, this.#voice * 2.4 - (index % 3) * 0.45));
      wave.setAttribute("opacity", (0.16 + 0.84 * reach).toFixed(2));
    });
  }
}

/** Up fast, down slowly, as the ear does. @param {number} was @param {number} is */
function follow(was, is) {
  return was + (is - was) * (is > was ? 0.55 : 0.16);
}
