/* shell.js - the page without its gateway: asks the browser to keep the shell (../sw.js), once everything else is done, and
 * knows whether this page came out of it because the gateway did not answer. */

const IDLE_MS = 5000;
const CALL_MS = 2000; // a call may begin as soon as the page is there, and all files once more are in its way
const ASK_MS = 3000;
const root = document.documentElement;

/** What this page is made of; "": a folder that is being worked on. */
const build = /\/a\/([0-9a-f]{16})\//.exec(import.meta.url)?.[1] ?? "";

/** The worker is there for the next visit: nothing of this one waits for it. */
export function keepShell() {
  if (!navigator.serviceWorker) return; // an insecure page, or a browser that keeps nothing
  const idle = globalThis.requestIdleCallback ?? ((/** @type {() => void} */ act) => setTimeout(act, 1000));
  const begin = () =>
    setTimeout(() => void idle(() => void register().catch(() => undefined), { timeout: IDLE_MS }), CALL_MS);
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin, { once: true });
}

async function register() {
  const registration = await navigator.serviceWorker.register("/sw.js");
  const offer = () => registration.waiting?.postMessage({ build });
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
  offer();
}

/** Whether this page came out of the shell, and the gateway has not answered since. */
export const isAway = () => root.hasAttribute("data-away");

/** @param {() => void} act when the gateway answers again; only if it is away */
export async function whenBack(act) {
  while (isAway()) {
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    const answer = document.hidden ? null : await fetch("/healthz", { cache: "no-store" }).catch(() => null);
    if (!answer?.ok) continue;
    root.removeAttribute("data-away");
    act();
  }
}
