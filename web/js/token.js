/* token.js - the word that lets somebody in, where a gateway asks for one. It comes with the page's link, behind `#token=`,
 * which no browser sends anywhere, or is typed (signin.js). It is kept for this tab only, and sent in a header only. */

const KEPT = "xiaozhi-rtc-token";
const FORM = /^[\w.~+/-]{1,511}=*$/; // RFC 6750: what may stand in the header

let token = "";
let tellRefused = () => {};
/** Once the gateway has refused what we have; who listens later hears of it too. @type {Promise<void>} */
export const refused = new Promise((resolve) => (tellRefused = resolve));

/** The status of an answer. @param {number} status */
export const noteStatus = (status) => {
  if (status === 401) tellRefused();
};

/** @param {string} text what may be a token */
export const isToken = (text) => FORM.test(text);

/** From now on, in this tab. @param {string} text */
export function keepToken(text) {
  token = text;
  try {
    sessionStorage.setItem(KEPT, text);
  } catch {
    // A browser that keeps nothing: until the page is left.
  }
}

/** Out of the address, before anybody can copy it from there. */
function takeToken() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const given = hash.get("token");
  if (given === null) return false;
  hash.delete("token");
  const rest = hash.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  if (isToken(given)) keepToken(given);
  return true;
}

try {
  token = sessionStorage.getItem(KEPT) ?? "";
} catch {
  // As above.
}
if (globalThis.location) {
  takeToken();
  // The same page opened by a new link: only the fragment is another, so nothing was loaded.
  addEventListener("hashchange", () => {
    if (takeToken()) location.reload();
  });
}

/** What every request to the gateway carries. @param {string} [other] a token to try @returns {Record<string, string>} */
export const tokenHeaders = (other = token) => (other ? { Authorization: `Bearer ${other}` } : {});
