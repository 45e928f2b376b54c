/* whole.js - a page whose scripts did not all come lies there and its keys do nothing. Networks that change while it is
 * loaded (a phone that leaves the Wi-Fi) make browsers drop what is under way; loaded again it is whole. A plain script, part
 * of the page itself, so that it is there before the others can fail. */

(() => {
  const KEY = "xiaozhi-rtc-loaded-again";
  const WAITS_MS = [300, 1000, 3000];
  const FORGET_MS = 60_000;
  let fails = false;

  /** @returns {number} how often it was loaded again lately; all, where nothing can be kept: better not than for ever */
  const times = () => {
    try {
      const { n = 0, at_ms = 0 } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
      return Date.now() - at_ms < FORGET_MS ? n : 0;
    } catch {
      return WAITS_MS.length;
    }
  };

  const again = () => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ n: times() + 1, at_ms: Date.now() }));
      location.reload();
    } catch {
      // Nothing can be kept: see above.
    }
  };

  addEventListener("error", ({ target }) => {
    if (fails || !(target instanceof HTMLScriptElement) || target.type !== "module") return; // a runtime may be missing
    fails = true;
    const wait_ms = WAITS_MS[times()];
    delete document.documentElement.dataset["words"]; // of theme.js: words in English are better than none
    if (wait_ms !== undefined) setTimeout(again, wait_ms);
    else addEventListener("online", again, { once: true });
  }, true);
})();
