/* settings.js - the sheet of quiet choices, on both pages: microphone with its level, speaker with a test, look, and what
 * else the device does. Chosen is kept at once. The microphone is open only while the sheet is. */

import { askAvatars, DRAWN, whyNot } from "./avatar/choose.js";
import { canChooseSpeaker, findDevice, listDevices, playTest, RoomEar } from "./devices.js";
import { icon, make, makeSheet, words } from "./dom.js";
import { t, textOf, translate } from "./i18n.js";
import { microphonePermission } from "./manager/compat.js";
import { loadPrefs, savePrefs } from "./prefs.js";
import { MICROPHONES } from "./view.js";

/** @typedef {import("./prefs.js").Device} Device */

/**
 * @typedef {object} SettingsHooks
 * @property {(device:Device) => void} [microphone]  another one was chosen
 * @property {(device:Device) => void} [speaker]
 * @property {() => MediaStreamTrack|null} [track]  of a call: then that one is listened to
 * @property {(name:string) => Promise<string>} [avatar]  another one, "": the role's; why it is not seen, "" if it is
 * @property {() => void} [changed]  another thing
 */

const SILENT_MS = 5000;
const THEMES = /** @type {const} */ ({ system: "themeSystem", light: "themeLight", dark: "themeDark" });

export class Settings {
  #hooks;
  #ear = new RoomEar();
  /** @type {HTMLDialogElement|null} */
  #sheet = null;
  #microphone = make("select", { id: "microphone", class: "field" });
  #speaker = make("select", { id: "speaker", class: "field" });
  #bar = make("span", { class: "bar-fill" });
  #level = make("span", { id: "level", class: "level", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0,
    "data-t-label": "micLevel" }, this.#bar);
  #said = make("p", { id: "microphone-said", class: "hint", role: "status" });
  #try = words("button", "micTry", { id: "microphone-try", class: "pill", type: "button" });
  #ring = make("button", { id: "speaker-test", class: "pill", type: "button" }, icon("speaker"), words("span", "speakerTest"));
  #rang = make("p", { id: "speaker-said", class: "hint", role: "status" });
  #avatar = make("select", { id: "avatar", class: "field" });
  #avatarSaid = make("p", { id: "avatar-said", class: "hint", role: "status" });
  #avatars = make("section", { id: "avatars", hidden: true },
    this.#label("avatar", "avatarChoice"), this.#avatar, this.#avatarSaid);
  /** @type {import("./avatar/choose.js").Entry[]} */
  #folders = [];
  #heardAt_ms = 0;

  /** @param {SettingsHooks} [hooks] */
  constructor(hooks = {}) {
    this.#hooks = hooks;
  }

  async open() {
    this.#sheet ??= this.#build();
    this.#said.textContent = this.#rang.textContent = "";
    this.#sheet.showModal();
    this.#fillAvatars();
    await this.#fill();
    const permission = await microphonePermission();
    const known = this.#hooks.track?.() || permission?.state === "granted";
    if (known) await this.#listen();
    else this.#show(false);
  }

  #build() {
    const sheet = makeSheet("settings", "settings",
      make("section", {}, this.#label("microphone", "microphone"), this.#microphone,
        make("div", { class: "ear" }, this.#level, this.#try), this.#said),
      make("section", {}, this.#label("speaker", "speaker"),
        ...(canChooseSpeaker() ? [this.#speaker] : [words("p", "speakerSystem", { class: "hint" })]),
        make("div", { class: "row" }, this.#ring, this.#rang)),
      this.#themes(),
      this.#avatars,
      make("section", { class: "switches" },
        this.#switch("toggle", "toggle"),
        ...("vibrate" in navigator ? [this.#switch("haptics", "haptics")] : []),
        ...("wakeLock" in navigator ? [this.#switch("awake", "awake")] : [])));
    for (const select of [this.#microphone, this.#speaker]) { // until the browser has said what there is
      select.append(words("option", "automatic", { value: "" }));
    }
    this.#try.hidden = true;
    translate(sheet);
    this.#microphone.addEventListener("change", () => this.#choose("microphone", this.#microphone));
    this.#speaker.addEventListener("change", () => this.#choose("speaker", this.#speaker));
    this.#avatar.addEventListener("change", () => this.#chooseAvatar());
    this.#try.addEventListener("click", () => this.#listen());
    this.#ring.addEventListener("click", () => this.#test());
    sheet.addEventListener("close", () => this.#ear.close());
    // Hidden or left with the sheet open: nobody watches the level.
    document.addEventListener("visibilitychange", () => document.hidden && this.#shut());
    addEventListener("pagehide", () => this.#shut());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => sheet.open && this.#fill());
    return sheet;
  }

  #shut() {
    this.#ear.close();
    this.#show(false);
  }

  /** @param {string} id @param {string} key */
  #label(id, key) {
    return words("label", key, { for: id, class: "label" });
  }

  #themes() {
    const { theme } = loadPrefs();
    const choices = Object.entries(THEMES).map(([value, key]) =>
      make("label", {}, make("input", { type: "radio", name: "theme", value, checked: value === theme }), words("span", key)));
    const group = make("fieldset", { class: "modes", id: "themes" }, words("legend", "theme", { class: "sr" }), ...choices);
    group.addEventListener("change", (event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      savePrefs({ theme: value === "light" || value === "dark" ? value : "system" });
      applyTheme(value);
    });
    return make("section", {}, words("p", "theme", { class: "label", "aria-hidden": "true" }), group);
  }

  /** @param {"haptics"|"awake"|"toggle"} name @param {string} key */
  #switch(name, key) {
    const box = make("input", { type: "checkbox", id: name, role: "switch", checked: loadPrefs()[name] });
    box.addEventListener("change", () => {
      savePrefs({ [name]: box.checked });
      this.#hooks.changed?.();
    });
    return make("label", { class: "switch" }, words("span", key), box);
  }

  /** A choice only where the operator has folders; one that is not there any more stays chosen. */
  async #fillAvatars() {
    this.#folders = await askAvatars().catch(() => []);
    const chosen = loadPrefs().avatar;
    const options = this.#folders.map((entry) => {
      const name = textOf(entry.title);
      return make("option", { value: entry.name }, whyNot(entry) ? t("avatarUnusable", { name }) : name);
    });
    if (chosen && chosen !== DRAWN && !this.#folders.some(({ name }) => name === chosen)) {
      options.push(make("option", { value: chosen }, t("avatarUnusable", { name: chosen })));
    }
    this.#avatars.hidden = !options.length;
    this.#avatar.replaceChildren(words("option", "avatarOfRole", { value: "" }),
      words("option", "avatarDrawn", { value: DRAWN }), ...options);
    translate(this.#avatar);
    this.#avatar.value = chosen;
    this.#avatarSaid.textContent = "";
  }

  async #chooseAvatar() {
    const name = this.#avatar.value;
    savePrefs({ avatar: name });
    this.#avatarSaid.textContent = "";
    const entry = this.#folders.find((one) => one.name === name);
    const why = (await this.#hooks.avatar?.(name)) ?? (entry ? whyNot(entry) : "");
    if (name === this.#avatar.value) this.#avatarSaid.textContent = why ? t("avatarStays", { text: why }) : "";
  }

  async #fill() {
    const { microphones, speakers } = await listDevices();
    const prefs = loadPrefs();
    fillSelect(this.#microphone, microphones, prefs.microphone, "microphoneN");
    fillSelect(this.#speaker, speakers, prefs.speaker, "speakerN");
  }

  /** @param {"microphone"|"speaker"} kind @param {HTMLSelectElement} select */
  #choose(kind, select) {
    const label = select.value ? select.selectedOptions[0]?.dataset["label"] ?? "" : "";
    const device = { id: select.value, label };
    savePrefs({ [kind]: device });
    this.#hooks[kind]?.(device);
    if (kind === "speaker") this.#rang.textContent = "";
    // In a call the manager changes the device first; its new track comes a moment later.
    else if (!this.#hooks.track?.()) this.#listen();
  }

  /** The call has another microphone. */
  follow() {
    if (this.#sheet?.open) this.#listen();
  }

  async #listen() {
    this.#said.textContent = "";
    const state = await this.#ear.open(loadPrefs().microphone, this.#hooks.track?.() ?? null);
    if (state === null) return;
    this.#show(state === "READY");
    if (state !== "READY") {
      this.#said.textContent = t(MICROPHONES[state] ?? "micNone");
      return;
    }
    await this.#fill(); // only now they have names
    this.#heardAt_ms = performance.now();
    this.#watch();
  }

  /** @param {boolean} open */
  #show(open) {
    this.#level.hidden = !open;
    this.#try.hidden = open;
  }

  #watch() {
    if (!this.#sheet?.open || this.#level.hidden) return;
    const level = this.#ear.level();
    const now_ms = performance.now();
    if (level > 0.05) this.#heardAt_ms = now_ms;
    this.#bar.style.transform = `scaleX(${level.toFixed(3)})`;
    this.#level.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    const silent = now_ms - this.#heardAt_ms > SILENT_MS;
    const text = t(silent ? "silentMicrophone" : "micSay");
    if (this.#said.textContent !== text) this.#said.textContent = text;
    requestAnimationFrame(() => this.#watch());
  }

  async #test() {
    this.#ring.disabled = true;
    this.#rang.textContent = t("speakerPlaying");
    const { speaker, volume } = loadPrefs();
    try {
      const device = findDevice((await listDevices()).speakers, speaker) ?? { id: "", label: "" };
      await playTest(device, Math.max(0.2, volume / 100));
      this.#rang.textContent = t("speakerPlayed");
    } catch {
      this.#rang.textContent = t("speakerFailed");
    }
    this.#ring.disabled = false;
  }
}

/** "Automatic" stays the first choice and is never replaced; what was chosen and is away just now stays chosen.
 * @param {HTMLSelectElement} select @param {Device[]} devices @param {Device} chosen @param {string} unnamed a text's key */
function fillSelect(select, devices, chosen, unnamed) {
  const here = chosen.id ? findDevice(devices, chosen) : null;
  const options = devices.map(({ id, label }, index) =>
    make("option", { value: id, "data-label": label }, label || t(unnamed, { n: index + 1 })));
  if (chosen.id && !here) {
    const away = t("deviceAway", { name: chosen.label || t("deviceUnnamed") });
    options.push(make("option", { value: chosen.id, "data-label": chosen.label }, away));
  }
  select.replaceChildren(words("option", "automatic", { value: "" }), ...options);
  translate(select);
  select.value = here?.id ?? chosen.id;
}
