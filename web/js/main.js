/* main.js - joins the parts: what the person does goes to the manager, what it tells is shown. */

import { Activation } from "./activation.js";
import { Meter } from "./audio.js";
import { keepAwake } from "./awake.js";
import { Avatar } from "./avatar/avatar.js";
import { Chooser } from "./avatar/choose.js";
import { Camera } from "./camera.js";
import { Captions } from "./captions.js";
import { Details } from "./details.js";
import { findDevice, listDevices } from "./devices.js";
import { byId, make, makeSheet, words } from "./dom.js";
import { catchUp, firstRoles, manager, roles } from "./early.js";
import { saveFile } from "./files.js";
import { BUZZ, buzz } from "./haptics.js";
import { applyLang, bindLangSelect, chooseLang, label, t, textOf, translate } from "./i18n.js";
import { hasWebAssembly, hasWebRtc, soundNeedsGesture } from "./manager/compat.js";
import { Music } from "./music.js";
import { loadPrefs, savePrefs } from "./prefs.js";
import { Preview } from "./preview.js";
import { askRoles, roleOf } from "./roles.js";
import { Settings } from "./settings.js";
import { isAway, keepShell, whenBack } from "./shell.js";
import { signIn } from "./signin.js";
import { refused } from "./token.js";
import { runTool, webAddress } from "./tools.js";
import { exportAs, keepTalk, keptTalk } from "./transcript.js";
import { Ui } from "./ui.js";
import { MICROPHONES, NOTICES, troubleOf, viewOf } from "./view.js";

/** @typedef {import("./manager/peer.js").Incoming} Incoming */

const COUNTDOWN_MS = 250;
/** A meter opens a device of its own, and a browser opens one after the other: listening comes first. */
const METER_MS = 400;

const prefs = loadPrefs();
let volume = prefs.volume;
let mode = prefs.mode;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let countdown;

applyLang(chooseLang(prefs.lang));

const meter = new Meter();
let role = roleOf(prefs, roles);
/** Of a device of one's own only its owner knows who it is. */
const roleName = () => (role.own ? t("assistant") : textOf(role.name));
const nameOf = (/** @type {"person"|"assistant"} */ who) => (who === "person" ? t("you") : roleName());
const captions = new Captions(byId("captions", HTMLElement), byId("earlier", HTMLButtonElement), nameOf);
const camera = new Camera(byId("camera", HTMLDialogElement), (key) => ui.say("once", key));
byId("face", HTMLElement).dataset["look"] = role.look;
const avatar = new Avatar(byId("face", HTMLElement), {
  mic: () => meter.level("mic"),
  voice: () => meter.newest("voice"),
  touch: (touch) => {
    buzz(BUZZ.touch);
    if (manager.canTalk) manager.sendData({ type: "touch", ...touch });
  },
});
const chooser = new Chooser(avatar, byId("face", HTMLElement));
const details = new Details(manager);
const preview = new Preview((key) => ui.say("once", key), async (track) => {
  await manager.setCamera(track);
  preview.tell(manager.filming);
});
const music = new Music(({ url, title }) => {
  captions.card([tag("p", t("musicFailed", { text: title })), anchor(url, t("linkOpen", { host: url.host }))]);
  showTalk();
});
const activation = new Activation((content) => {
  captions.card(content);
  showTalk();
});
const ui = new Ui({
  start: () => {
    manager.connect(mode).catch(() => undefined); // why is told by its events
    if (soundNeedsGesture()) meter.unlock();
    else setTimeout(() => meter.unlock(), METER_MS);
  },
  retry: () => manager.retry(),
  hangup: () => manager.disconnect(),
  press: () => {
    if (manager.canTalk) buzz(BUZZ.press);
    manager.press();
  },
  release: () => manager.release(),
  cancel: () => manager.cancel(),
  text: (text) => {
    if (!manager.canType) return;
    showTalk();
    if (manager.getConnectionInfo().turn === "SPEAKING") captions.cutAnswer();
    captions.typed(text);
    manager.sendText(text);
    show();
  },
  mute: (on) => {
    manager.setMuted(on);
    show();
  },
  mode: (wish) => {
    mode = wish;
    savePrefs({ mode });
    manager.setMode(mode);
    show();
  },
  volume: (percent) => setVolume(percent),
});

let askedFor = "";

/** The devices of the last visit. Only now, with the microphone allowed, the browser knows them by id and name; one that is
 * away is not insisted on, and has perhaps another id. */
async function useDevices() {
  settings.follow();
  const { microphone, speaker } = loadPrefs();
  const { microphones, speakers } = await listDevices();
  const track = manager.microphoneTrack;
  const ear = microphone.id ? findDevice(microphones, microphone) : null;
  if (ear && track && track.label !== ear.label && ear.id !== askedFor) {
    askedFor = ear.id; // once: one that does not open is not asked for again and again
    manager.selectDevice("audioinput", ear.id);
  }
  const mouth = speaker.id ? findDevice(speakers, speaker) : null;
  if (mouth) useSpeaker(mouth.id).catch(() => undefined);
}

/** For the voice and for music. @param {string} id */
const useSpeaker = (id) => Promise.all([manager.selectDevice("audiooutput", id), music.use(id)]);

const settings = new Settings({
  track: () => manager.microphoneTrack,
  microphone: ({ id }) => manager.selectDevice("audioinput", id),
  speaker: ({ id }) => useSpeaker(id).catch(() => ui.say("once", "speakerFailed")),
  avatar: (name) => chooser.choose(name || role.avatar),
  changed: () => {
    ui.setToggle(loadPrefs().toggle);
    show();
  },
});

// ---- what the manager tells ----

manager.on("state", (detail) => {
  const trouble = troubleOf(detail);
  if (trouble) ui.say("link", trouble);
  else if (!isAway()) ui.unsay("link");
  if (["CLOSED", "SUSPENDED", "FAILED"].includes(detail.state)) captions.cutAnswer();
  else if (!["CONNECTED", "UNSTABLE"].includes(detail.state)) captions.endAnswer();
  if (["FAILED", "CLOSED"].includes(detail.state)) ui.unsay("once");
  if (detail.state === "CONNECTING") ui.unsay("broken");
  if (detail.state === "CONNECTED" && detail.rung !== "RESTART") buzz(BUZZ.connected);
  if (detail.state === "FAILED" && detail.reason === "NOT_ALLOWED") signIn();
  if (detail.state === "FAILED") buzz(BUZZ.trouble);
  preview.tell(manager.filming);
  show();
});
manager.on("turn", ({ turn }) => {
  details.turn(turn);
  const { mode: way } = manager.getConnectionInfo();
  music.duck(turn === "SPEAKING" || (turn === "LISTENING" && way === "manual"));
  show();
});
manager.on("notice", ({ notice }) => {
  const key = NOTICES[notice];
  if (key) ui.say("once", key);
  show();
});
manager.on("clearnotice", () => {
  ui.unsay("once");
  show();
});
manager.on("microphone", ({ state }) => {
  const key = MICROPHONES[state];
  if (key) ui.say("microphone", key);
  else if (state !== "ASKING") ui.unsay("microphone");
  const track = manager.microphoneTrack;
  meter.watch("mic", track && new MediaStream([track]));
  if (state === "READY") useDevices();
  show();
});
manager.on("blocked", ({ blocked }) => (blocked ? ui.say("sound", "tapToHear") : ui.unsay("sound")));
manager.on("track", ({ stream }) => meter.watch("voice", stream));
manager.on("hush", ({ on }) => {
  if (on) captions.cutAnswer();
});
manager.on("text", ({ text, arrived }) => {
  captions.settled(text, arrived ? "" : t("notSent"));
  show();
});
manager.on("quality", () => details.refresh());
manager.on("issues", () => details.refresh());
manager.on("error", ({ message }) =>
  (hasWebAssembly() ? ui.say("broken", "broken", { text: message }) : ui.say("browser", "tooOld")));
manager.on("message", (message) => {
  shown(message);
  show();
});

/** The part of a message that is seen. @param {Incoming} message */
function shown(message) {
  switch (message.type) {
    case "quality":
      return details.told(message);
    case "stt":
      showTalk();
      captions.heard(String(message["text"] ?? ""));
      break;
    case "hearing":
      showTalk();
      captions.hearing(String(message["text"] ?? ""));
      break;
    case "tts":
      if (message["state"] === "start" || message["state"] === "stop") captions.endAnswer();
      if (message["state"] === "sentence_start") {
        showTalk();
        captions.said(String(message["text"] ?? ""));
      }
      break;
    case "llm":
      avatar.setEmotion(message["emotion"]);
      break;
    case "tool":
      runTool(message, hands);
      break;
    case "music":
      playMusic(message);
      break;
    case "ready":
      preview.tell(manager.filming);
      ui.setWakeWord(String(/** @type {any} */ (message["features"])?.wakeWord ?? ""));
      break;
    case "activation":
      activation.show(message);
      break;
    case "backend":
      if (message["state"] === "ready") activation.end("activationDone");
      break;
    case "error":
      ui.say("once", "said", { text: String(message["message"] ?? message["code"] ?? "") });
      break;
  }
}

// ---- what the assistant may ask for ----

/** Pictures are megabytes each: the conversation keeps the last ones. @type {HTMLCanvasElement[]} */
const photos = [];
const PHOTOS_SHOWN = 20;

/** @type {import("./tools.js").Hands} */
const hands = {
  setVolume,
  status,
  stopMusic: () => music.stop(),
  offerLink: (url) => {
    captions.card([line("linkTitle"), anchor(url, t("linkOpen", { host: url.host }))]);
    showTalk();
  },
  takePhoto: async () => {
    const photo = await camera.take(preview.video);
    const copy = photo.canvas;
    photos.push(copy);
    if (photos.length > PHOTOS_SHOWN) photos.shift()?.remove(); // the words beside it stay
    copy.setAttribute("role", "img");
    copy.dataset["tLabel"] = "photoTitle";
    label(copy, "photoTitle");
    captions.card([line("photoTitle"), copy]);
    showTalk();
    return photo;
  },
  send: (message) => manager.sendData(message),
  sendBinary: (blob) => manager.sendBinary(blob),
};

async function status() {
  const battery = await /** @type {any} */ (navigator).getBattery?.().catch(() => null);
  const network = /** @type {any} */ (navigator).connection;
  const info = manager.getConnectionInfo();
  return {
    audio_speaker: { volume },
    microphone: { present: info.microphone === "READY", muted: info.muted },
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
  manager.setVolume(percent / 100);
  music.setVolume(percent / 100);
  ui.setVolume(percent);
  savePrefs({ volume });
}

/** @param {Incoming} message */
function playMusic(message) {
  if (message["state"] === "stop") music.stop();
  if (message["state"] !== "start") return;
  try {
    const url = webAddress(new URL(String(message["url"]), location.href)); // a song of the gateway's has no host
    music.add({ url, title: String(message["text"] ?? "") });
  } catch {
    // No address that a browser may open: nothing to play.
  }
}

/** In another language, too. @param {string} key */
function line(key) {
  const element = words("p", key);
  element.textContent = t(key);
  return element;
}

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
  const empty = byId("empty", HTMLElement);
  const hadFocus = empty.contains(document.activeElement);
  byId("save", HTMLElement).hidden = false;
  empty.hidden = true;
  if (hadFocus) byId("log", HTMLElement).focus({ preventScroll: true });
}

// ---- the page ----

const saving = makeSheet("saving", "save", words("p", "saveHint", { class: "hint" }), make("div", { class: "stack" },
  ...Object.entries({ md: "saveMd", vtt: "saveVtt", json: "saveJson" }).map(([format, key]) =>
    words("button", key, { class: "big quiet", type: "button", value: format }))));
translate(saving);
saving.addEventListener("click", ({ target }) => {
  const format = target instanceof HTMLButtonElement ? target.value : "";
  if (format !== "md" && format !== "vtt" && format !== "json") return;
  saveFile(exportAs([...captions.lines], format, nameOf, document.documentElement.lang));
  saving.close();
});

let showing = false;

/** After whatever happens now has happened: several events of one moment are drawn once. */
function show() {
  if (showing) return;
  showing = true;
  queueMicrotask(() => {
    showing = false;
    draw();
  });
}

function draw() {
  const view = viewOf(manager.getConnectionInfo(), performance.now());
  ui.render(view);
  avatar.setState(view.state);
  details.render(view);
  keepAwake(!["idle", "failed", "ended"].includes(view.state));
  clearTimeout(countdown);
  if (view.retryIn_s) countdown = setTimeout(draw, COUNTDOWN_MS);
}

function nameAvatar() {
  byId("face", HTMLElement).setAttribute("aria-label", t("avatar", { name: roleName(), emotion: t(`emotion.${avatar.emotion}`) }));
}
avatar.onEmotion = nameAvatar;
nameAvatar();

/** @param {string} name @param {string} text why it is not seen */
const missAvatar = (name, text) => ui.say("once", "avatarMissing", { name, text });
chooser.onFault = missAvatar;

/** ?avatar=NAME, for this visit; else what was chosen; else the role's. */
async function chooseAvatar() {
  const name = new URLSearchParams(location.search).get("avatar") ?? (loadPrefs().avatar || role.avatar);
  const why = await chooser.choose(name);
  if (why) missAvatar(name, why);
}
chooseAvatar();

bindLangSelect(byId("lang", HTMLSelectElement), (lang) => {
  savePrefs({ lang });
  ui.relabel();
  details.refresh();
  music.relabel();
  preview.relabel();
  nameAvatar();
});
document.addEventListener("pointerdown", () => {
  if (ui.says("sound")) manager.unlock();
});

captions.restore(keptTalk(role.id), words("p", "talkBefore"));
if (captions.lines.length) showTalk();
translate(byId("captions", HTMLElement));
addEventListener("pagehide", () => {
  captions.cutAnswer(); // the sound ends here, unless the manager has said so first
  keepTalk(role.id, captions.lines);
});

ui.setToggle(prefs.toggle);
byId("save", HTMLButtonElement).addEventListener("click", () => saving.showModal());
byId("open-settings", HTMLButtonElement).addEventListener("click", () => settings.open());

if (prefs.microphone.id) manager.selectDevice("audioinput", prefs.microphone.id);

setVolume(volume);
draw();
if (!hasWebAssembly()) ui.say("browser", "tooOld");
else if (!hasWebRtc()) ui.say("browser", "overSocket");
refused.then(signIn);
(firstRoles ?? askRoles()).then((newer) => {
  const before = role.avatar;
  role = roleOf(prefs, newer);
  byId("face", HTMLElement).dataset["look"] = role.look;
  if (role.avatar !== before) chooseAvatar();
  nameAvatar();
});
if (isAway()) ui.say("link", "unreachable");
whenBack(() => ui.unsay("link"));
keepShell();
// The connection is made ahead of the first press, without a microphone; whether just now is the core's business.
catchUp();
