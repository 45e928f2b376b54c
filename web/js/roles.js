/* roles.js - whom one can talk to. A role is a device to the assistant's server: its MAC address decides the persona. */

/** @typedef {{id:string, name:string, about:string, mac:string, picture:string}} Role  name and about are keys of the
 *   table of texts; mac "": the gateway makes one up */

/** The last one is the person's own device. @type {readonly Role[]} */
export const ROLES = [
  { id: "xiaozhi", name: "roleXiaozhi", about: "roleXiaozhiAbout", mac: "", picture: "/portrait.svg" },
  {
    id: "companion", name: "roleCompanion", about: "roleCompanionAbout",
    mac: "00:00:00:00:00:AA", picture: "/roles/companion.svg",
  },
  {
    id: "curious", name: "roleCurious", about: "roleCuriousAbout",
    mac: "00:00:00:00:00:BB", picture: "/roles/curious.svg",
  },
  { id: "own", name: "roleOwn", about: "roleOwnAbout", mac: "", picture: "/roles/own.svg" },
];

/** @param {string} mac */
export const isMac = (mac) => /^([0-9A-F]{2}[:-]){5}[0-9A-F]{2}$/i.test(mac);

/** What was typed, as an address: its hexadecimal digits, twelve at most, in pairs. @param {string} typed */
export const asMac = (typed) =>
  (typed.replace(/[^0-9a-f]/gi, "").slice(0, 12).toUpperCase().match(/..?/g) ?? []).join(":");

/** The role of a former visit, also of the original's pages, which kept only the address.
 * @param {{role:string, mac:string}} prefs @returns {Role} */
export function roleOf({ role, mac }) {
  const byMac = isMac(mac) ? ROLES.find((known) => known.mac === asMac(mac)) ?? ROLES.at(-1) : undefined;
  return ROLES.find(({ id }) => id === role) ?? byMac ?? /** @type {Role} */ (ROLES[0]);
}

/** The address that a role of a former visit stands for; "": the gateway makes one up.
 * @param {{role:string, mac:string}} prefs */
export function roleMac(prefs) {
  const role = roleOf(prefs);
  if (role.id !== "own") return role.mac;
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
