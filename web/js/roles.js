/* roles.js - whom one can talk to. A role is a device to the assistant's server: its MAC address decides the persona.
 *
 * Which roles there are is the operator's choice (GET /api/roles). The page does not wait to hear of it: it shows those of
 * the last visit, at first those that are built in, and changes when the answer is another. */

import { giveUpAfter } from "./manager/compat.js";
import { noteStatus, tokenHeaders } from "./token.js";

/** @typedef {import("./i18n.js").Texts} Texts */
/** @typedef {{id:string, name:Texts, about:Texts, mac:string, own:boolean, picture:string, look:string, avatar:string}} Role
 *   mac "": the gateway makes one up; own: the person types it; look: the drawing's glaze; avatar: a folder, or "vector" */

const MOST = 24;
const KEPT = "xiaozhi-rtc-roles";

/** @param {string} id @param {string} name @param {string} about both: keys of the table of texts
 * @param {Partial<Role>} [more] @returns {Role} */
const builtIn = (id, name, about, more) => ({
  id, name, about, mac: "", own: false, picture: `/roles/${id}.svg`, look: id, avatar: "vector", ...more,
});

/** Those of a gateway that was told of no others: gateway/roles.c has the same. @type {readonly Role[]} */
export const ROLES = [
  builtIn("xiaozhi", "roleXiaozhi", "roleXiaozhiAbout", { picture: "/portrait.svg" }),
  builtIn("companion", "roleCompanion", "roleCompanionAbout", { mac: "00:00:00:00:00:AA" }),
  builtIn("curious", "roleCurious", "roleCuriousAbout", { mac: "00:00:00:00:00:BB" }),
  builtIn("own", "roleOwn", "roleOwnAbout", { own: true }),
];

/** @param {string} mac */
export const isMac = (mac) => /^([0-9A-F]{2}[:-]){5}[0-9A-F]{2}$/i.test(mac);

/** What was typed, as an address: its hexadecimal digits, twelve at most, in pairs. @param {string} typed */
export const asMac = (typed) =>
  (typed.replace(/[^0-9a-f]/gi, "").slice(0, 12).toUpperCase().match(/..?/g) ?? []).join(":");

/** A list that came from elsewhere, or null if it is none. @param {any} list @returns {Role[]|null} */
export function asRoles(list) {
  const all = Array.isArray(list?.roles) ? list.roles.slice(0, MOST).map(asRole) : [];
  return all.length && all.every(Boolean) ? all : null;
}

/** @param {any} given @returns {Role|null} */
function asRole(given) {
  if (!/^[\w-]{1,40}$/.test(String(given?.id)) || !given.name || typeof given.name !== "object") return null;
  const texts = (/** @type {any} */ value) => {
    const text = (/** @type {string} */ lang) => (typeof value?.[lang] === "string" ? value[lang] : "");
    return { en: text("en"), zh: text("zh"), vi: text("vi") };
  };
  const word = (/** @type {unknown} */ value, /** @type {string} */ usual) =>
    typeof value === "string" && /^[\w-]{1,40}$/.test(value) ? value : usual;
  const picture = typeof given.picture === "string" && /^\/[\w-][\w./-]*$/.test(given.picture) ? given.picture : "/portrait.svg";
  return {
    id: String(given.id), name: texts(given.name), about: texts(given.about), mac: isMac(String(given.mac)) ? asMac(given.mac) : "",
    own: given.own === true, picture, look: word(given.look, "xiaozhi"), avatar: word(given.avatar, "vector"),
  };
}

/** Of the last visit; null: there was none. @returns {Role[]|null} */
export function keptRoles() {
  try {
    return asRoles(JSON.parse(localStorage.getItem(KEPT) ?? "null"));
  } catch {
    return null;
  }
}

/** What is known without asking. @returns {readonly Role[]} */
export const knownRoles = () => keptRoles() ?? ROLES;

/** Asks the gateway, and keeps the answer for the next visit. @param {number} [limit_ms] @returns {Promise<readonly Role[]>} */
export async function askRoles(limit_ms = 10_000) {
  try {
    const response = await fetch("/api/roles", { headers: tokenHeaders(), signal: giveUpAfter(limit_ms) });
    noteStatus(response.status);
    const roles = response.ok ? asRoles(await response.json()) : null;
    if (roles) localStorage.setItem(KEPT, JSON.stringify({ roles }));
    return roles ?? knownRoles();
  } catch {
    return knownRoles(); // no network, or a browser that keeps nothing
  }
}

/** The role of a former visit, also of the original's pages, which kept only the address.
 * @param {{role:string, mac:string}} prefs @param {readonly Role[]} [roles] @returns {Role} */
export function roleOf({ role, mac }, roles = knownRoles()) {
  const device = !role && isMac(mac) ? asMac(mac) : "";
  const byMac = device ? roles.find((known) => known.mac === device) ?? roles.find((known) => known.own) : undefined;
  return roles.find(({ id }) => id === role) ?? byMac ?? /** @type {Role} */ (roles[0]);
}

/** The address that a role of a former visit stands for; "": the gateway makes one up.
 * @param {{role:string, mac:string}} prefs @param {readonly Role[]} [roles] */
export function roleMac(prefs, roles = knownRoles()) {
  const role = roleOf(prefs, roles);
  if (!role.own) return role.mac;
  return isMac(prefs.mac) ? asMac(prefs.mac) : "";
}

/** Keeps a field an address while it is typed, and the cursor where it was. @param {HTMLInputElement} field */
export function shapeMac(field) {
  const digits = (/** @type {string} */ text) => text.replace(/[^0-9a-f]/gi, "").length;
  const before = digits(field.value.slice(0, field.selectionStart ?? field.value.length));
  const atEnd = field.selectionStart === field.value.length;
  const mac = asMac(field.value);
  if (mac === field.value) return;
  field.value = mac;
  let at = 0;
  while (at < mac.length && digits(mac.slice(0, at)) < before) at++;
  const cursor = atEnd ? mac.length : at;
  field.setSelectionRange(cursor, cursor);
}
