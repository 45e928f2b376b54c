/* errors.js - what went wrong lately, one row for each kind and reason, the latest first. */

import { byId, make } from "../js/dom.js";
import { t } from "../js/i18n.js";

/** @typedef {{kind:string, reason:string, count:number, first:string, last:string, recent:{at:string, session?:string}[]}} Row */

/** Kinds of gateway/errors.h, and their words. @type {Record<string, string>} */
const KINDS = {
  call: "admErr_call", assistant: "admErr_assistant", request: "admErr_request", turn: "admErr_turn",
  settings: "admErr_settings", worker: "admErr_worker", history: "admErr_history",
};

/** A moment as people here write it: today without the date. @param {string} iso */
function moment(iso) {
  const at = new Date(iso);
  const lang = document.documentElement.lang;
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString(lang) : at.toLocaleString(lang);
}

/** @param {{since:string, errors:Row[]}} said as GET /api/errors has it */
export function drawErrors({ since, errors }) {
  const table = byId("errors", HTMLTableElement);
  const none = byId("no-errors", HTMLElement);
  table.hidden = !errors.length;
  none.hidden = !table.hidden;
  none.textContent = t("admNoErrors", { since: moment(since) });
  /** @type {HTMLElement} */ (table.tBodies[0]).replaceChildren(...errors.map(({ kind, reason, count, last, recent }) => {
    const whose = [...new Set(recent.map(({ session }) => session ?? ""))].filter(Boolean).join(", ");
    return make("tr", {},
      make("th", { scope: "row" }, t(KINDS[kind] ?? "admErr_other"), " ", make("code", {}, reason)),
      make("td", {}, String(count)), make("td", {}, moment(last)), make("td", {}, whose || "–"));
  }));
}
