/* ui.js - the page's controls: shows a view, reports what the person does. Knows nothing of connections. */

import { byId } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./view.js").View} View */

/**
 * @typedef {{
 *   start:() => void, retry:() => void, hangup:() => void,
 *   press:() => void, release:() => void, cancel:() => void,
 *   text:(text:string) => void, mute:(on:boolean) => void,
 *   mode:(mode:"auto"|"manual") => void, volume:(percent:number) => void,
 * }} Actions
 *
 * @typedef {"broken"|"link"|"sound"|"once"|"microphone"|"browser"} Slot
 *   what a notice is about; the first one that is there is shown
 */

/** @type {readonly Slot[]} */
const SLOTS = ["broken", "link", "sound", "once", "microphone", "browser"];
const touch = matchMedia("(hover: none) and (pointer: coarse)");
const SLIDE_AWAY_PX = 48;

/** @param {string} id @param {string} icon */
function setGlyph(id, icon) {
  document.getElementById(id)?.setAttribute("href", `#i-${icon}`);
}

/** @type {Record<string, string>} states without a sign of their own */
const GLYPHS = { suspended: "ended", failed: "offline" };
/** @type {Record<string, string>} */
const START_TEXTS = { ended: "again", failed: "tryAgain" };

/** Nothing goes on until the person wants it. @param {string} state */
const isResting = (state) => state === "idle" || state === "failed" || state === "ended";

/** It goes on by itself, and may be told to do so now. @param {View} view */
const isWaiting = (view) => view.state === "offline" || (view.state === "reconnecting" && view.retryIn_s > 0);

/** @param {View} view */
function stateText(view) {
  const { state, link, microphone, muted, retryIn_s: n, attempt, of } = view;
  if (state === "reconnecting" && n) return t("reconnectingIn", { n, attempt, of });
  if (state === "reconnecting" && link === "RESTARTING" && attempt < 2) return t("restarting");
  if (state === "reconnecting") return t("reconnectingNow", { attempt, of });
  let key = /** @type {string} */ (state);
  if (state === "connecting" && view.connected) key = "waking";
  if (state === "ready" && microphone !== "READY") key = "typeOnly";
  if (state === "listening" && muted) key = "muted";
  if (link === "UNSTABLE") return t("unstable", { state: t(key) });
  return t(key);
}

export class Ui {
  #root = document.documentElement;
  #start = byId("start", HTMLButtonElement);
  #talk = byId("talk", HTMLButtonElement);
  #mute = byId("mute", HTMLButtonElement);
  #hangup = byId("hangup", HTMLButtonElement);
  #text = byId("text", HTMLInputElement);
  #send = byId("send", HTMLButtonElement);
  #volume = byId("volume", HTMLInputElement);
  /** A tap opens, the next one sends. */
  #toggle = false;
  /** With which hands-free talk begins; "": with anything. */
  #wakeWord = "";
  #notice = byId("notice", HTMLElement);
  #actions;
  /** @type {Map<Slot, {key:string, values:Record<string, string|number>}>} */
  #said = new Map();
  /** @type {View|null} */
  #view = null;

  /** @param {Actions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#bindButtons();
    this.#bindTalk();
    this.#bindKeys();
  }

  // ---- what is shown ----

  /** @param {View} view */
  render(view) {
    const before = this.#view;
    this.#view = view;
    this.#root.dataset["state"] = view.state;
    this.#root.dataset["link"] = view.link.toLowerCase();
    this.#root.dataset["mode"] = view.mode;
    this.#root.toggleAttribute("data-muted", view.state === "listening" && view.muted);
    this.#renderState(view);
    this.#renderTalk(view);
    this.#renderStart(view, before);
    this.#mute.setAttribute("aria-pressed", String(view.muted));
    setGlyph("mute-glyph", view.muted ? "mic-off" : "mic");
    this.#send.disabled = !view.canType;
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#tries button"))) {
      button.disabled = !view.canType;
    }
    const invitation = byId("empty-try", HTMLElement);
    invitation.dataset["t"] = view.canType ? "emptyTry" : "emptyLater";
    invitation.textContent = t(invitation.dataset["t"]);
    for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#modes input"))) {
      radio.checked = radio.value === view.mode;
    }
  }

  /** Puts the language of now on what `render` and `notice` wrote. */
  relabel() {
    if (this.#view) this.render(this.#view);
    this.#renderNotice();
  }

  /** @param {View} view */
  #renderState(view) {
    const line = byId("state-text", HTMLElement);
    const text = stateText(view);
    if (line.textContent !== text) line.textContent = text; // a live region: unchanged words are not repeated
    const title = isResting(view.state) ? "XiaoZhi" : `${text} · XiaoZhi`; // for who has gone to another tab
    if (document.title !== title) document.title = title;
    const troubled = view.link === "UNSTABLE";
    const muted = view.state === "listening" && view.muted;
    setGlyph("state-glyph", troubled ? "reconnecting" : muted ? "mic-off" : GLYPHS[view.state] ?? view.state);
  }

  /** @param {View} view */
  #renderTalk(view) {
    const busy = view.state === "speaking" || view.state === "thinking";
    const hears = view.microphone === "READY";
    let [icon, text, hint, usable] = ["mic", "hold", "holdKey", view.canTalk];
    if (this.#toggle) [text, hint] = ["tap", "tapKey"];
    if (!view.canTalk) [icon, text, hint] = ["mic", "wait", ""];
    else if (view.held) [text, hint] = this.#toggle ? ["tapSend", "escKey"] : ["release", touch.matches ? "slideAway" : "escKey"];
    else if (busy && (view.mode === "auto" || !hears)) [icon, text, hint] = ["stop", "interrupt", "interruptKey"];
    else if (!hears) [icon, text, hint, usable] = ["mic-off", view.microphone === "ASKING" ? "micAsk" : "micNot", "", false];
    else if (view.mode === "auto" && view.muted) [icon, text, hint, usable] = ["mic-off", "muted", "", false];
    else if (view.mode === "auto" && this.#wakeWord) [text, hint, usable] = ["wakeFirst", "wakeThen", false];
    else if (view.mode === "auto") [text, hint, usable] = ["speakNow", "", false];
    byId("talk-text", HTMLElement).textContent = t(text, { word: this.#wakeWord });
    if (touch.matches && hint.endsWith("Key")) hint = ""; // no keys there
    byId("talk-hint", HTMLElement).textContent = hint ? t(hint) : "";
    setGlyph("talk-glyph", icon);
    this.#talk.classList.toggle("held", view.held);
    this.#talk.setAttribute("aria-disabled", String(!usable));
  }

  /** The one big key starts, then talks. @param {View} view @param {View|null} before */
  #renderStart(view, before) {
    const { state } = view;
    const resting = isResting(state);
    const waiting = isWaiting(view);
    byId("start-text", HTMLElement).textContent = t(waiting ? "tryNow" : START_TEXTS[state] ?? "start");
    setGlyph("start-glyph", waiting || state === "failed" ? "reconnecting" : "mic");
    const active = /** @type {any} */ (document.activeElement);
    // At rest there is neither a microphone to mute nor a call to end.
    const hadFocus = [this.#start, this.#talk].includes(active) || (resting && [this.#mute, this.#hangup].includes(active));
    this.#start.hidden = !resting && !waiting;
    this.#talk.hidden = !this.#start.hidden;
    if (hadFocus && before) (this.#start.hidden ? this.#talk : this.#start).focus({ preventScroll: true });
  }

  /** @param {Slot} slot @param {string} key of the table @param {Record<string, string|number>} [values] */
  say(slot, key, values = {}) {
    this.#said.set(slot, { key, values });
    this.#renderNotice();
  }

  /** @param {Slot} slot */
  unsay(slot) {
    if (this.#said.delete(slot)) this.#renderNotice();
  }

  /** @param {Slot} slot */
  says(slot) {
    return this.#said.has(slot);
  }

  get #foremost() {
    return SLOTS.find((slot) => this.#said.has(slot));
  }

  #renderNotice() {
    const slot = this.#foremost;
    const said = slot && this.#said.get(slot);
    const hadFocus = this.#notice.contains(document.activeElement);
    this.#notice.hidden = !said;
    if (!said) {
      if (hadFocus) (this.#start.hidden ? this.#talk : this.#start).focus({ preventScroll: true });
      delete this.#notice.dataset["key"];
      return;
    }
    this.#notice.dataset["key"] = said.key;
    const words = byId("notice-text", HTMLElement);
    const text = t(said.key, said.values);
    if (words.textContent !== text) words.textContent = text;
  }

  /** @param {boolean} on */
  setToggle(on) {
    this.#toggle = on;
    if (this.#view) this.render(this.#view);
  }

  /** @param {string} word */
  setWakeWord(word) {
    this.#wakeWord = word;
    if (this.#view) this.render(this.#view);
  }

  /** @param {number} percent */
  setVolume(percent) {
    this.#volume.value = String(percent);
  }

  // ---- what the person does ----

  #bindButtons() {
    const actions = this.#actions;
    this.#start.addEventListener("click", () => {
      if (this.#view && isWaiting(this.#view)) actions.retry();
      else actions.start();
    });
    this.#hangup.addEventListener("click", () => actions.hangup());
    byId("notice-close", HTMLButtonElement).addEventListener("click", () => {
      const slot = this.#foremost;
      if (slot) this.unsay(slot);
    });
    this.#mute.addEventListener("click", () => actions.mute(!this.#view?.muted));
    this.#volume.addEventListener("input", () => actions.volume(Number(this.#volume.value)));
    byId("modes", HTMLElement).addEventListener("change", (event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      actions.mode(value === "auto" ? "auto" : "manual");
    });
    byId("typing", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (!text || !this.#view?.canType) return;
      this.#text.value = "";
      actions.text(text);
    });
    byId("tries", HTMLElement).addEventListener("click", (event) => {
      if (event.target instanceof HTMLButtonElement) actions.text(event.target.textContent ?? "");
    });
  }

  #bindTalk() {
    const { press, release, cancel } = this.#actions;
    const talk = this.#talk;
    talk.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (this.#toggle) return this.#tap();
      talk.setPointerCapture(event.pointerId);
      press();
    });
    talk.addEventListener("pointerup", (event) => {
      if (this.#toggle) return;
      if (this.#view?.held && isAway(talk.getBoundingClientRect(), event)) cancel();
      else release();
    });
    for (const end of ["pointercancel", "lostpointercapture"]) {
      talk.addEventListener(end, () => {
        if (!this.#toggle) release();
      });
    }
    talk.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on a phone
    talk.addEventListener("click", (event) => {
      // Without a pointer (Enter, a switch, a screen reader) nobody can hold: the first click opens, the next one sends.
      if (event.detail === 0) this.#tap();
    });
    window.addEventListener("blur", () => release());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) release();
    });
  }

  /** Opens, or sends. */
  #tap() {
    if (this.#view?.held) this.#actions.release();
    else this.#actions.press();
  }

  #bindKeys() {
    const { press, release, cancel } = this.#actions;
    let spaceDown = false;
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
        spaceDown = false;
        cancel();
      }
      if (event.key === "Enter" && event.target === this.#talk && event.repeat) event.preventDefault();
      if (event.key !== " " || this.#talk.hidden || !this.#spaceTalks(event)) return;
      event.preventDefault();
      if (event.repeat || spaceDown) return;
      spaceDown = true;
      if (this.#toggle) this.#tap();
      else press();
    });
    document.addEventListener("keyup", (event) => {
      if (event.key !== " ") return;
      if (event.target === this.#talk || spaceDown) event.preventDefault(); // or the button would take it as a click
      if (spaceDown && !this.#toggle) release();
      spaceDown = false;
    });
    window.addEventListener("blur", () => {
      spaceDown = false;
    });
  }

  /** Space belongs to a text field, and to any control that was reached by keyboard. @param {KeyboardEvent} event */
  #spaceTalks(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return false;
    if (!(target instanceof HTMLElement) || target === this.#talk) return true;
    if (target instanceof HTMLInputElement && target.type === "text") return false;
    if (target.matches("select, textarea")) return false;
    return !(target.matches("button, a, input") && target.matches(":focus-visible"));
  }
}

/** @param {DOMRect} box @param {PointerEvent} event */
function isAway(box, event) {
  const x = Math.max(box.left - event.clientX, event.clientX - box.right);
  const y = Math.max(box.top - event.clientY, event.clientY - box.bottom);
  return Math.max(x, y) > SLIDE_AWAY_PX;
}
