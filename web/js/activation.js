/* activation.js - the code that makes a device known to the assistant's server: large, to be copied, with the time it holds
 * and the place where it goes. */

import { byId, make, words } from "./dom.js";
import { t, translate } from "./i18n.js";
import { webAddress } from "./tools.js";

const SECOND_MS = 1000;

export class Activation {
  #card;
  /** @type {HTMLElement|null} */
  #shown = null;
  #code = "";
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #timer;

  /** @param {(content:Node[]) => void} card puts it among the captions */
  constructor(card) {
    this.#card = card;
  }

  /** @param {Record<string, unknown>} activation the message of that type: code, message, expiresAt */
  show({ code, message, expiresAt }) {
    if (String(code ?? "") === this.#code && this.#shown?.isConnected) return; // it is asked for again and again
    this.end("activationOld");
    this.#code = String(code ?? "");
    const text = String(message ?? "");
    const copy = words("button", "copy", { class: "pill", type: "button" });
    copy.addEventListener("click", () => this.#copy(copy));
    const left = make("p", { class: "left" });
    const link = linkOf(text);
    const rest = text.replaceAll(this.#code, "").trim();
    const box = make("div", { class: "activation" },
      words("p", "activation"), make("div", { class: "row" }, make("code", { translate: "no" }, this.#code), copy),
      left, ...(link ? [anchor(link)] : []), ...(rest && rest !== link?.host ? [make("p", {}, rest)] : []));
    translate(box);
    this.#shown = box;
    this.#card([box]);
    const until_ms = typeof expiresAt === "string" ? Date.parse(expiresAt) : NaN;
    if (!Number.isFinite(until_ms)) return void left.remove();
    const tick = () => {
      const left_s = Math.ceil((until_ms - Date.now()) / SECOND_MS);
      if (left_s <= 0) return this.end("activationOld");
      left.textContent = t("activationLeft", { time: `${Math.floor(left_s / 60)}:${String(left_s % 60).padStart(2, "0")}` });
    };
    this.#timer = setInterval(tick, SECOND_MS);
    tick();
  }

  /** It holds no longer, or has done its work. @param {"activationOld"|"activationDone"} key */
  end(key) {
    clearInterval(this.#timer);
    const box = this.#shown;
    this.#shown = null;
    this.#code = "";
    if (!box) return;
    if (box.contains(document.activeElement)) byId("log", HTMLElement).focus({ preventScroll: true });
    box.classList.add("over");
    box.replaceChildren(make("p", { role: "status" }, t(key)));
  }

  /** @param {HTMLButtonElement} button */
  async #copy(button) {
    const code = this.#code;
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = t("copied");
    } catch {
      // Not on insecure pages: then it is marked, for the person's own hand.
      const shown = this.#shown?.querySelector("code");
      if (shown) getSelection()?.selectAllChildren(shown);
    }
  }
}

/** Servers name their site in the message, mostly without https. @param {string} text @returns {URL|null} */
function linkOf(text) {
  const [found] = /https?:\/\/[^\s<>"]+|\b[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(\/[^\s<>"]*)?/i.exec(text) ?? [];
  try {
    return found ? webAddress(/^https?:/i.test(found) ? found : `https://${found}`) : null;
  } catch {
    return null;
  }
}

/** @param {URL} url */
const anchor = (url) =>
  make("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, t("linkOpen", { host: url.host }));
