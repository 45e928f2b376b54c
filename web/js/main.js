/* main.js - joins the parts: events go into the session, its commands come out and are carried out here. */

import { Sound } from "./audio.js";
import { Camera } from "./camera.js";
import { Captions } from "./captions.js";
import { Face } from "./face.js";
import { applyLang, bindLangSelect, chooseLang, t } from "./i18n.js";
import { Link } from "./link.js";
import { loadPrefs, savePrefs } from "./prefs.js";
import { Session } from "./session.js";
import { iceConfiguration } from "./signalling.js";
import { runTool, webAddress } from "./tools.js";
import { byId, Ui } from "./ui.js";

/** @typedef {import("./session.js").SessionEvent} SessionEvent */
/** @typedef {import("./session.js").Command} Command */

const prefs = loadPrefs();
let volume = prefs.volume;
let mode = prefs.mode;
let muted = false;
/** @type {Link|null} */
let link = null;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;
/** Reports that came while a command was carried out: they wait their turn. @type {SessionEvent[]} */
const inbox = [];
let busy = false;

applyLang(chooseLang(prefs.lang));

const session = new Session(Math.random);
const sound = new Sound(
  (state, problem) => {
    if (problem) ui.notice(problem);
    tell({ type: "microphone", state });
  },
  (blocked) => (blocked ? ui.notice("tapToHear") : ui.noticeKey === "tapToHear" && ui.clearNotice()),
);
const captions = new Captions(byId("captions", HTMLElement), (who) => t(who === "person" ? "you" : "assistant"));
const camera = new Camera(byId("camera", HTMLDialogElement));
const face = new Face(/** @type {any} */ (document.getElementById("face")), () => sound.levels());
const ui = new Ui({
  start: () => {
    if (!("RTCPeerConnection" in window)) return ui.notice("noWebRtc");
    sound.unlock();
    tell({ type: "start", mode });
  },
  retry: () => tell({ type: "retry" }),
  hangup: () => tell({ type: "hangup" }),
  press: () => tell({ type: "press" }),
  release: () => tell({ type: "release" }),
  cancel: () => tell({ type: "cancel" }),
  text: (text) => {
    if (!session.canTalk) return;
    showTalk();
    if (session.state === "speaking") captions.cutAnswer();
    captions.typed(text);
    tell({ type: "text", text });
  },
  mute: (on) => {
    muted = on;
    tell({ type: "mute", on });
  },
  mode: (wish) => {
    mode = wish;
    savePrefs({ mode });
    tell({ type: "mode", mode });
  },
  volume: (percent) => setVolume(percent),
});

/** @param {SessionEvent} event */
function tell(event) {
  inbox.push(event);
  if (busy) return;
  busy = true;
  for (let next = inbox.shift(); next; next = inbox.shift()) {
    for (const command of session.handle(next, performance.now())) carryOut(command);
  }
  busy = false;
  show();
}

/** @param {Command} command */
function carryOut(command) {
  switch (command.do) {
    case "connect":
      link?.close(false);
      link = new Link(report, (stream) => sound.listen(stream));
      link.open(command, sound.microphone());
      break;
    case "disconnect":
      link?.close(command.remove);
      link = null;
      if (session.state !== "reconnecting") sound.close();
      captions.endAnswer();
      break;
    case "send":
      link?.send(command.message);
      break;
    case "mic":
      sound.setLive(command.live);
      break;
    case "hush":
      sound.hush(command.on);
      if (command.on) captions.cutAnswer();
      break;
    case "notice":
      ui.notice(command.key);
      break;
    case "clear":
      if (!ui.noticeKey?.startsWith("mic") && ui.noticeKey !== "insecure") ui.clearNotice();
      break;
  }
}

/** @param {SessionEvent} event of the link */
function report(event) {
  if (event.type === "message") shown(event.message);
  tell(event);
}

/** The part of a message that is seen. @param {import("./session.js").Incoming} message */
function shown(message) {
  switch (message.type) {
    case "stt":
      showTalk();
      captions.heard(String(message["text"] ?? ""));
      break;
    case "tts":
      if (message["state"] === "start" || message["state"] === "stop") captions.endAnswer();
      if (message["state"] === "sentence_start") {
        showTalk();
        captions.said(String(message["text"] ?? ""));
      }
      break;
    case "llm":
      face.setEmotion(message["emotion"]);
      break;
    case "tool":
      runTool(message, hands);
      break;
    case "music":
      offerMusic(message);
      break;
    case "activation":
      captions.card([line(t("activation")), tag("code", String(message["code"] ?? "")), line(String(message["message"] ?? ""))]);
      showTalk();
      break;
    case "error":
      ui.notice("said", { text: String(message["message"] ?? message["code"] ?? "") });
      break;
  }
}

// ---- what the assistant may ask for ----

/** @type {import("./tools.js").Hands} */
const hands = {
  setVolume,
  status,
  stopMusic: () => false, // music is a link here: nothing of it plays in this page
  offerLink: (url) => {
    captions.card([line(t("linkTitle")), anchor(url, t("linkOpen", { host: url.host }))]);
    showTalk();
  },
  takePhoto: async () => {
    const photo = await camera.take();
    const copy = photo.canvas;
    copy.setAttribute("role", "img");
    copy.setAttribute("aria-label", t("photoTitle"));
    captions.card([line(t("photoTitle")), copy]);
    showTalk();
    return photo;
  },
  send: (message) => link?.send(message),
  sendBinary: async (blob) => {
    if (!link) throw new Error("the connection was lost");
    await link.sendBinary(blob);
  },
};

async function status() {
  const battery = await /** @type {any} */ (navigator).getBattery?.().catch(() => null);
  const network = /** @type {any} */ (navigator).connection;
  return {
    audio_speaker: { volume },
    microphone: { present: sound.hasMicrophone, muted },
    screen: {
      width: screen.width,
      height: screen.height,
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
    },
    network: { online: navigator.onLine, ...(network?.type ? { type: network.type } : {}) },
    ...(battery ? { battery: { level: Math.round(battery.level * 100), charging: battery.charging } } : {}),
    language: document.documentElement.lang,
    mode,
  };
}

/** @param {number} percent */
function setVolume(percent) {
  volume = percent;
  sound.setVolume(percent);
  ui.setVolume(percent);
  savePrefs({ volume });
}

/** @param {import("./session.js").Incoming} message */
function offerMusic(message) {
  if (message["state"] !== "start") return;
  try {
    const url = webAddress(message["url"]);
    captions.card([line(t("musicTitle", { text: String(message["text"] ?? "") })), anchor(url, t("linkOpen", { host: url.host }))]);
    showTalk();
  } catch {
    // No address that a browser may open: nothing to offer.
  }
}

/** @param {string} text */
const line = (text) => tag("p", text);

/** @param {string} name @param {string} text */
function tag(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

/** @param {URL} url @param {string} text */
function anchor(url, text) {
  const element = document.createElement("a");
  element.href = url.href;
  element.target = "_blank";
  element.rel = "noopener noreferrer";
  element.textContent = text;
  return element;
}

function showTalk() {
  byId("empty", HTMLElement).hidden = true;
}

// ---- the page ----

function show() {
  const now_ms = performance.now();
  const retryIn_s = session.retryIn_s(now_ms);
  const { state } = session;
  ui.render({
    state,
    mode,
    microphone: session.microphone,
    held: session.held,
    muted,
    canTalk: session.canTalk,
    connected: session.connected,
    retryIn_s,
  });
  face.setState(state);
  clearTimeout(timer);
  const due_ms = session.deadline - now_ms;
  if (due_ms === Infinity) return;
  // While a countdown is on show it is redrawn each second; otherwise the next deadline is enough.
  timer = setTimeout(() => tell({ type: "tick" }), Math.max(0, retryIn_s ? Math.min(due_ms, 250) : due_ms) + 1);
}

bindLangSelect(byId("lang", HTMLSelectElement), (lang) => {
  savePrefs({ lang });
  ui.relabel();
});
window.addEventListener("pagehide", () => tell({ type: "leave" }));
window.addEventListener("online", () => tell({ type: "retry" }));
document.addEventListener("pointerdown", () => {
  if (ui.noticeKey === "tapToHear") sound.unlock();
});

setVolume(volume);
show();
iceConfiguration(); // ahead of the first press: one round trip less
