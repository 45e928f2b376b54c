/* choose.js - who draws the assistant: the drawing of this page, or one of the operator's folders; and if that one cannot,
 * why not. The others' code is loaded only when it is needed. */

import { tokenHeaders } from "../token.js";
import { t } from "../i18n.js";

/** @typedef {import("./avatar.js").Avatar} Avatar */
/** @typedef {import("./avatar.js").Renderer} Renderer */
/** @typedef {"ready"|"no_licence"|"no_runtime"|"bad"} EntryState */
/** @typedef {{name:string, renderer:string, title:Record<import("../i18n.js").Lang, string>, state:EntryState}} Entry */

export const DRAWN = "vector";

/** Why a folder of such a state cannot be used: a text's key. @type {Record<string, string>} */
const WHY_NOT = { no_licence: "avatarNoLicence", no_runtime: "avatarNoRuntime", bad: "avatarBad" };

/** Why an avatar is not the one that is seen: a key of the table of texts. */
export class Unfit extends Error {
  key;
  values;

  /** @param {string} key @param {Record<string, string>} [values] */
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** In words. @param {unknown} error */
export function whyOf(error) {
  if (error instanceof Unfit) return t(error.key, error.values);
  return t("avatarFailed", { text: error instanceof Error ? error.message : String(error) });
}

/** The operator's folders. @returns {Promise<Entry[]>} */
export async function askAvatars() {
  const response = await fetch("/api/avatars", { headers: tokenHeaders() });
  if (!response.ok) throw new Error(`/api/avatars: ${response.status}`);
  const { avatars } = await response.json();
  return avatars;
}

/** "": it can be used. @param {Entry} entry */
export function whyNot(entry) {
  const key = WHY_NOT[entry.state];
  return key ? t(key, { renderer: entry.renderer }) : "";
}

/** @param {string} name @param {Element} host @returns {Promise<Renderer>} in the host, and not yet seen */
async function open(name, host) {
  const entry = (await askAvatars()).find((one) => one.name === name);
  if (!entry) throw new Unfit("avatarGone");
  const key = WHY_NOT[entry.state];
  if (key) throw new Unfit(key, { renderer: entry.renderer });
  if (entry.renderer === "image") return (await import("./image.js")).openImage(name, host);
  return (await import("./dropin.js")).openDropin(name, host);
}

export class Chooser {
  #avatar;
  #host;
  #n = 0;
  #chosen = DRAWN;
  #why = "";
  /** Told when one that was seen has failed. @type {(name:string, why:string) => void} */
  onFault = () => undefined;

  /** @param {Avatar} avatar @param {Element} host */
  constructor(avatar, host) {
    this.#avatar = avatar;
    this.#host = host;
    avatar.onFault = (error) => {
      this.#why = whyOf(error);
      this.onFault(this.#chosen, this.#why);
    };
  }

  /** The last wish counts, whichever is ready first. @param {string} name DRAWN or a folder's
   * @returns {Promise<string>} why the drawing is seen instead; "": it is as wished, or the wish is not the last one */
  async choose(name) {
    if (name === this.#chosen && !this.#why) return "";
    const n = ++this.#n;
    this.#chosen = name;
    this.#why = "";
    try {
      const renderer = name === DRAWN ? null : await open(name, this.#host);
      if (n === this.#n) this.#avatar.use(renderer);
      else if (renderer) this.#avatar.drop(renderer);
    } catch (error) {
      if (n !== this.#n) return "";
      this.#avatar.use(null);
      this.#why = whyOf(error);
    }
    return n === this.#n ? this.#why : "";
  }
}
