/* preview.js - the person's own camera, as a small picture that can be dragged about, pushed away to the side, switched and
 * turned off; off means that the camera is off. Only the person sees it, and the assistant gets single photos, each shown in
 * the conversation (camera.js); or, where the gateway takes video, it is sent there, and the picture says so. */

import { cameraTrouble } from "./camera.js";
import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { bringBackIn, clampIn, handleIn, isAwayIn, settleIn, sizeIn, startIn } from "./preview_place.js";

const TURN_MS = 100; // a phone that was turned has its new size only then
const STEP = 24;

export class Preview {
  #box = byId("preview", HTMLElement);
  #video = /** @type {HTMLVideoElement} */ (this.#box.querySelector("video"));
  #handle = byId("preview-handle", HTMLButtonElement);
  #switch = byId("camera-switch", HTMLButtonElement);
  #key = byId("camera-toggle", HTMLButtonElement);
  /** @type {MediaStream|null} */
  #stream = null;
  #facing = "user";
  /** @type {import("./preview_place.js").Point|null} */
  #at = null;
  #busy = false;
  #mark = byId("preview-sent", HTMLElement);
  #onTrack;
  #onTrouble;

  /** @param {(key:string) => void} onTrouble a text's key
   * @param {(track:MediaStreamTrack|null) => void} onTrack another one, or none */
  constructor(onTrouble, onTrack) {
    this.#onTrack = onTrack;
    this.#onTrouble = onTrouble;
    this.#key.addEventListener("click", () => (this.#stream ? this.off() : this.#on()));
    this.#switch.addEventListener("click", () => this.#other());
    this.#handle.addEventListener("click", () => {
      if (this.#at) this.#move(bringBackIn(this.#at, viewport()));
      this.#box.focus();
    });
    this.#bindDrag();
    this.#bindKeys();
    addEventListener("resize", () => this.#resettle());
    screen.orientation?.addEventListener?.("change", () => setTimeout(() => this.#resettle(), TURN_MS));
    addEventListener("pagehide", () => this.off());
  }

  /** Where the camera that is on is shown, or none. */
  get video() {
    return this.#stream ? this.#video : null;
  }

  async #on() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#open({ facingMode: this.#facing });
      this.#box.hidden = false;
      this.#move(this.#at ?? startIn(viewport()));
    } catch (error) {
      this.#onTrouble(cameraTrouble(error));
    }
    this.#busy = false;
    this.#show();
  }

  off() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = this.#video.srcObject = null;
    this.#onTrack(null);
    if (this.#box.contains(document.activeElement) || document.activeElement === this.#handle) this.#key.focus();
    this.#box.hidden = this.#handle.hidden = true;
    document.body.dataset["camera"] = "";
    this.#show();
  }

  /** @param {MediaTrackConstraints} which */
  async #open(which) {
    if (!navigator.mediaDevices) throw new DOMException("", "NotAllowedError");
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
    this.#stream = stream;
    this.#video.srcObject = stream;
    const [track] = stream.getVideoTracks();
    this.#onTrack(track ?? null);
    track?.addEventListener("ended", () => this.#stream === stream && this.off());
    const facing = track?.getSettings().facingMode;
    this.#box.classList.toggle("mirrored", facing !== "environment");
    this.#video.play().catch(() => undefined);
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    this.#switch.hidden = cameras.length < 2;
  }

  /** The other side of a phone, the next camera of a desk. Phones open only one at a time: the old one is let go first, and
   * taken again if the new one does not come. */
  async #other() {
    if (this.#busy || !this.#stream) return;
    this.#busy = true;
    const before = this.#stream.getVideoTracks()[0]?.getSettings() ?? {};
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const at = cameras.findIndex(({ deviceId }) => deviceId === before.deviceId);
    const next = cameras[(at + 1) % cameras.length]?.deviceId ?? "";
    const facing = this.#facing === "user" ? "environment" : "user";
    for (const track of this.#stream.getTracks()) track.stop();
    try {
      await this.#open(before.facingMode ? { facingMode: { exact: facing } } : { deviceId: { exact: next } });
      if (before.facingMode) this.#facing = facing;
    } catch (error) {
      this.#onTrouble(cameraTrouble(error));
      await this.#open(before.deviceId ? { deviceId: { exact: before.deviceId } } : {}).catch(() => this.off());
    }
    this.#busy = false;
    this.#show();
  }

  #show() {
    this.#key.setAttribute("aria-pressed", String(this.#stream !== null));
  }

  /** @param {boolean} sent it goes to the gateway */
  tell(sent) {
    this.#mark.hidden = !sent;
    this.#box.setAttribute("aria-label", t(sent ? "cameraSent" : "cameraMine"));
  }

  relabel() {
    this.#show();
    this.tell(!this.#mark.hidden);
  }

  /** @param {import("./preview_place.js").Point} at */
  #move(at) {
    const { width, height } = sizeIn(viewport());
    const away = isAwayIn(at, viewport());
    this.#at = at;
    Object.assign(this.#box.style, { left: `${at.x}px`, top: `${at.y}px`, width: `${width}px`, height: `${height}px` });
    this.#box.classList.toggle("away", away);
    this.#box.tabIndex = away ? -1 : 0;
    // On a phone the face and the state make room for it.
    const side = away || this.#box.hidden || at.y > height ? "" : at.x > viewport().width / 2 - width / 2 ? "right" : "left";
    document.body.dataset["camera"] = side;
    const handle = handleIn(at, viewport());
    Object.assign(this.#handle.style, { left: `${handle.x}px`, top: `${handle.y}px` });
    this.#handle.classList.toggle("right", at.x > 0);
    this.#handle.hidden = !away || this.#box.hidden;
  }

  #resettle() {
    if (!this.#at || this.#box.hidden) return;
    const away = this.#box.classList.contains("away");
    const right = this.#at.x > 0;
    const { width } = sizeIn(viewport());
    const x = away && right ? viewport().width : away ? -width : this.#at.x;
    this.#move(settleIn({ x, y: this.#at.y }, viewport()));
  }

  #bindDrag() {
    const box = this.#box;
    /** @type {{x:number, y:number}|null} from the pointer to the corner */
    let grip = null;
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.#at || this.#switch.contains(/** @type {Node} */ (event.target))) return;
      grip = { x: this.#at.x - event.clientX, y: this.#at.y - event.clientY };
      box.setPointerCapture(event.pointerId);
      box.classList.add("dragged");
    });
    box.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const { x, y } = clampIn({ x: event.clientX + grip.x, y: event.clientY + grip.y }, viewport());
      this.#at = { x, y };
      Object.assign(box.style, { left: `${x}px`, top: `${y}px` });
    });
    for (const end of ["pointerup", "pointercancel"]) {
      box.addEventListener(end, () => {
        if (!grip || !this.#at) return;
        grip = null;
        box.classList.remove("dragged");
        this.#move(settleIn(this.#at, viewport()));
      });
    }
  }

  #bindKeys() {
    this.#box.addEventListener("keydown", (event) => {
      if (!this.#at || event.target !== this.#box) return;
      const { x, y } = this.#at;
      const { width } = viewport();
      const own = sizeIn(viewport()).width;
      const atRight = x + own / 2 > width / 2;
      if (event.key === "ArrowUp") this.#move(clampIn({ x, y: y - STEP }, viewport()));
      else if (event.key === "ArrowDown") this.#move(clampIn({ x, y: y + STEP }, viewport()));
      // To that side; from there on, away.
      else if (event.key === "ArrowLeft") this.#move(settleIn({ x: atRight ? 0 : -width, y }, viewport()));
      else if (event.key === "ArrowRight") this.#move(settleIn({ x: atRight ? width : width - own, y }, viewport()));
      else return;
      event.preventDefault();
      if (!this.#handle.hidden) this.#handle.focus();
    });
  }
}

const viewport = () => ({ width: document.documentElement.clientWidth, height: innerHeight });
