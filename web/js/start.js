/* start.js - the start page: whom to talk to and how, then on to the conversation. */

import { CheckupSheet } from "./checkup_sheet.js";
import { byId, make } from "./dom.js";
import { applyLang, bindLangSelect, chooseLang, t, textOf } from "./i18n.js";
import { hasWebAssembly, hasWebRtc } from "./manager/compat.js";
import { loadPrefs, savePrefs } from "./prefs.js";
import { askRoles, isMac, knownRoles, roleOf, shapeMac } from "./roles.js";
import { Settings } from "./settings.js";
import { isAway, keepShell, whenBack } from "./shell.js";
import { signIn } from "./signin.js";
import { refused } from "./token.js";

/** @typedef {import("./roles.js").Role} Role */

const SWIPE_PX = 50;
const prefs = loadPrefs();
applyLang(chooseLang(prefs.lang));

const go = byId("go", HTMLAnchorElement);
const own = byId("own-mac", HTMLInputElement);
const group = byId("roles", HTMLElement);
let roles = knownRoles();
let role = roleOf(prefs, roles);

// ---- whom ----

function buildRoles() {
  const focused = group.contains(document.activeElement);
  const choices = roles.map(({ id, name, picture }) => {
    const input = make("input", { type: "radio", name: "role", value: id });
    return make("label", {}, input, make("img", { src: picture, alt: "", width: 64, height: 64 }), make("span", {}, textOf(name)));
  });
  group.replaceChildren(...choices);
  showRole();
  if (focused) radioOf(role.id)?.focus();
}

/** @param {string} id @returns {HTMLInputElement|null} */
const radioOf = (id) => group.querySelector(`input[value="${id}"]`);

/** The operator's roles, if they are others than those that were known. */
async function renewRoles() {
  const asSeen = (/** @type {readonly Role[]} */ list) =>
    JSON.stringify(list.map((one) => ({ ...one, name: textOf(one.name), about: textOf(one.about) })));
  const asked = await askRoles();
  if (asSeen(asked) === asSeen(roles)) return;
  roles = asked;
  role = roleOf(loadPrefs(), roles);
  buildRoles();
}

/** @param {Role} chosen */
function chooseRole(chosen) {
  role = chosen;
  savePrefs({ role: role.id, mac: macAddress() });
  showRole();
}

/** Of the chosen role; "": the gateway makes one up. */
function macAddress() {
  if (!role.own) return role.mac;
  return isMac(own.value) ? own.value : "";
}

function showRole() {
  const portrait = byId("portrait", HTMLImageElement);
  if (portrait.getAttribute("src") !== role.picture) portrait.src = role.picture;
  byId("role-about", HTMLElement).textContent = textOf(role.about);
  byId("own", HTMLElement).hidden = !role.own;
  const radio = radioOf(role.id);
  if (radio) radio.checked = true;
  showMac(false);
}

/** @param {boolean} complain also of an address that is not finished */
function showMac(complain) {
  const good = !role.own || isMac(own.value);
  const wrong = !good && (complain || own.value.length >= 17);
  go.setAttribute("aria-disabled", String(!good));
  own.setAttribute("aria-invalid", String(wrong));
  byId("own-error", HTMLElement).textContent = wrong ? t("macWrong") : "";
}

/** A swipe over the portrait: the next role or the one before. */
function bindSwipe() {
  const portrait = byId("portrait", HTMLImageElement);
  let from_px = 0;
  portrait.addEventListener("pointerdown", (event) => {
    from_px = event.clientX;
    portrait.setPointerCapture(event.pointerId);
  });
  portrait.addEventListener("pointerup", (event) => {
    const way_px = event.clientX - from_px;
    if (Math.abs(way_px) < SWIPE_PX) return;
    const at = roles.findIndex(({ id }) => id === role.id) + (way_px < 0 ? 1 : -1);
    const next = roles[(at + roles.length) % roles.length];
    if (next) chooseRole(next);
  });
}

own.value = isMac(prefs.ownMac) ? prefs.ownMac : role.own ? prefs.mac : "";
own.addEventListener("input", () => {
  shapeMac(own);
  showMac(false);
  savePrefs({ mac: macAddress(), ...(isMac(own.value) ? { ownMac: own.value } : {}) });
});
own.addEventListener("blur", () => showMac(own.value !== ""));
go.addEventListener("click", (event) => {
  if (!role.own || isMac(own.value)) return;
  event.preventDefault();
  showMac(true);
  own.focus();
});

// ---- how ----

for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name=mode]"))) {
  radio.checked = radio.value === prefs.mode;
  radio.addEventListener("change", () => savePrefs({ mode: radio.value === "auto" ? "auto" : "manual" }));
}
const settings = new Settings();
const checkup = new CheckupSheet(() => ({ device: loadPrefs().microphone, macAddress: macAddress() }));
byId("open-settings", HTMLButtonElement).addEventListener("click", () => settings.open());
byId("devices", HTMLButtonElement).addEventListener("click", () => settings.open());
byId("check", HTMLButtonElement).addEventListener("click", () => checkup.open());

/** Says beforehand what would fail later, or be different. */
function warn() {
  const notice = byId("notice", HTMLElement);
  const browser = !hasWebAssembly() ? "tooOld" : !isSecureContext ? "insecure" : !hasWebRtc() ? "overSocket" : null;
  const problem = isAway() ? "unreachable" : browser;
  notice.hidden = !problem;
  if (problem) notice.textContent = t(problem);
}

bindLangSelect(byId("lang", HTMLSelectElement), (lang) => {
  savePrefs({ lang });
  warn();
  buildRoles();
});
group.addEventListener("change", (event) => {
  const { value } = /** @type {HTMLInputElement} */ (event.target);
  chooseRole(roles.find(({ id }) => id === value) ?? role);
});
buildRoles();
bindSwipe();
warn();
refused.then(signIn);
renewRoles();
whenBack(warn);
keepShell();
