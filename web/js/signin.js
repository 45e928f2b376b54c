/* signin.js - the gateway wants to know who calls: a sheet that asks for the token, and does not close until it is good or
 * the person goes away. */

import { make, makeSheet, words } from "./dom.js";
import { t, translate } from "./i18n.js";
import { giveUpAfter } from "./manager/compat.js";
import { isToken, keepToken, tokenHeaders } from "./token.js";

const PATIENCE_MS = 10_000;

/** @type {HTMLDialogElement|null} */
let sheet = null;

/** @param {string} token @returns {Promise<string>} why not, as a text's key; "": it is good */
async function judge(token) {
  if (!isToken(token)) return "signInWrong";
  try {
    const headers = tokenHeaders(token);
    const { status, ok } = await fetch("/api/roles", { cache: "no-store", headers, signal: giveUpAfter(PATIENCE_MS) });
    if (ok) return "";
    return status === 401 || status === 403 ? "signInWrong" : "serverError";
  } catch {
    return "checkUnreachable";
  }
}

function build() {
  const field = make("input", { id: "signin-token", class: "field", type: "password", autocomplete: "off", autocapitalize: "off",
    spellcheck: "false", required: true, autofocus: true, "aria-describedby": "signin-hint signin-error" });
  const said = make("p", { id: "signin-error", class: "error", role: "alert" });
  const enter = words("button", "signInGo", { class: "big", type: "submit" });
  const form = make("form", {},
    words("p", "signInHint", { id: "signin-hint", class: "hint" }),
    make("div", { class: "stack" }, words("label", "signInLabel", { class: "label", for: "signin-token" }), field, said),
    enter);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = field.value.trim();
    enter.disabled = true;
    said.textContent = "";
    const why = await judge(token);
    enter.disabled = false;
    field.setAttribute("aria-invalid", String(why === "signInWrong"));
    if (why) {
      said.textContent = t(why);
      field.select();
      field.focus();
      return;
    }
    keepToken(token);
    location.reload(); // everything that was refused is asked again
  });
  const made = makeSheet("signin", "signIn", form);
  translate(made);
  return made;
}

/** Asks, unless it is being asked. */
export function signIn() {
  sheet ??= build();
  if (!sheet.open) sheet.showModal();
}
