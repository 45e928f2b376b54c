/* start.js - the start page: language and way of talking, then on to the conversation. */

import { applyLang, bindLangSelect, chooseLang, t } from "./i18n.js";
import { hasWebRtc } from "./manager/compat.js";
import { loadPrefs, savePrefs } from "./prefs.js";

const prefs = loadPrefs();
applyLang(chooseLang(prefs.lang));

bindLangSelect(/** @type {HTMLSelectElement} */ (document.getElementById("lang")), (lang) => {
  savePrefs({ lang });
  warn();
});

for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name=mode]"))) {
  radio.checked = radio.value === prefs.mode;
  radio.addEventListener("change", () => savePrefs({ mode: radio.value === "auto" ? "auto" : "manual" }));
}

/** Says beforehand what would fail later, or be different. */
function warn() {
  const notice = /** @type {HTMLElement} */ (document.getElementById("notice"));
  const problem = !isSecureContext ? "insecure" : !hasWebRtc() ? "overSocket" : null;
  notice.hidden = !problem;
  if (problem) notice.textContent = t(problem);
}
warn();
