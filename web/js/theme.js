/* theme.js - light, dark, or as the system says. A plain script, run before anything is drawn: a page that turned dark a
 * moment later would flash. The dark colours are one sheet, dark.css; here it is said when it holds. So would words that are
 * soon in another language: they keep their place unseen until i18n.js has put them there. */

/** @param {string} theme "light", "dark", anything else: the system's */
function applyTheme(theme) {
  const dark = "(prefers-color-scheme: dark)";
  const media = theme === "dark" ? "all" : theme === "light" ? "not all" : dark;
  const root = document.documentElement;
  if (theme === "dark" || theme === "light") root.dataset["theme"] = theme;
  else delete root.dataset["theme"];
  /** @type {HTMLLinkElement|HTMLStyleElement} */ (document.getElementById("dark")).media = media;
  for (const meta of document.querySelectorAll("meta[name=theme-color]")) {
    const forDark = meta.getAttribute("content") === "#0f1513";
    if (theme === "dark") meta.setAttribute("media", forDark ? "all" : "not all");
    else if (theme === "light") meta.setAttribute("media", forDark ? "not all" : "all");
    else meta.setAttribute("media", forDark ? dark : "(prefers-color-scheme: light)");
  }
}

/** The page's words are English. @param {unknown} wish as i18n.js chooses */
function awaitWords(wish) {
  const langs = [wish, ...navigator.languages].map((tag) => String(tag).toLowerCase().split("-")[0] ?? "");
  const lang = langs.find((one) => ["en", "zh", "vi"].includes(one));
  if (lang && lang !== "en") document.documentElement.dataset["words"] = "awaited";
}

try {
  const kept = JSON.parse(localStorage.getItem("xiaozhi-rtc") ?? "{}");
  applyTheme(kept?.theme);
  awaitWords(kept?.lang);
} catch {
  applyTheme(""); // nothing is kept here
  awaitWords("");
}
