/* sw.js - the service worker: keeps the shell, which is the pages and what they are made of, all of one build, so that both
 * pages open without the gateway and say that it does not answer. It asks the gateway first for a page and never answers
 * for anything but the shell: no signalling, no other GET, no other origin.
 *
 * A new build has another worker. It fetches its own shell, waits until no page of the old one is left, or only one that
 * is of the new build already, and throws the old shell away. It claims no page that is open. */

/** Both are filled in by embed.cmake. Without a build, in a folder that is being worked on, nothing is kept. */
const BUILD = "";
/** @type {string[]} */
const FILES = [];

const SHELL = `shell-${BUILD}`;
const OURS = /^shell-/;
/** @type {Record<string, string>} path: what is kept for it */
const PAGES = { "/": "/", "/chat": "/chat", "/chatv2": "/chat" };
/** Below this, a file is of one build. */
const LASTING = `/a/${BUILD}/`;
/** A page that did not come by then is taken from the shell. */
const PATIENCE_MS = 4000;

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** Browsers that can are told to ask the gateway for a page while the worker is still being woken, and not to wake it for
 * what is none of its business. @param {any} event */
function route(event) {
  if (!event.addRoutes) return;
  const network = ["/api/*", "/avatar/*", "/healthz"].map((urlPattern) => ({ condition: { urlPattern }, source: "network" }));
  const page = { condition: { requestMode: "navigate" }, source: "race-network-and-fetch-handler" };
  event.waitUntil(event.addRoutes([...network, page]).catch(() => undefined));
}

async function keep() {
  if (!BUILD) return worker.skipWaiting();
  const shell = await caches.open(SHELL);
  // One after the other: nobody waits for it, and a call may be beginning.
  for (const file of FILES) await shell.add(file);
  for (const page of new Set(Object.values(PAGES))) {
    const answer = await fetch(page, { cache: "no-cache" });
    if (!answer.ok || !(await answer.clone().text()).includes(LASTING)) throw new Error(`${page} is of another build`);
    await shell.put(page, answer);
  }
}

async function tidy() {
  for (const name of await caches.keys()) if (OURS.test(name) && (name !== SHELL || !BUILD)) await caches.delete(name);
  if (!BUILD) await worker.registration.unregister();
}

/** @param {string} path */
async function kept(path) {
  return (await caches.open(SHELL)).match(path);
}

/** @param {Promise<Response>} answer @returns {Promise<Response|null>} null: it did not come, or is a proxy's word for it */
function inTime(answer) {
  return Promise.race([
    answer.then((got) => (got.status < 500 ? got : null), () => null),
    new Promise((resolve) => void setTimeout(() => resolve(null), PATIENCE_MS)),
  ]);
}

/** @param {Request} request @param {string} page */
async function openPage(request, page) {
  const asked = fetch(request);
  const answer = await inTime(asked);
  const spare = answer ? null : await kept(page);
  if (answer || !spare) return answer ?? asked;
  const text = (await spare.text()).replace("<html ", "<html data-away ");
  const headers = new Headers(spare.headers);
  for (const name of ["content-encoding", "content-length"]) headers.delete(name);
  return new Response(text, { headers });
}

/** @param {Request} request @param {string} path */
async function openFile(request, path) {
  if (path.startsWith(LASTING)) return (await kept(path)) ?? fetch(request);
  return fetch(request).catch(async (error) => {
    const spare = await kept(path);
    if (!spare) throw error;
    return spare;
  });
}

/** Of a page: it is of |build| itself. If it is the only one that is open, no other needs the old worker. @param {string} build */
async function takeOver(build) {
  if (build !== BUILD) return;
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.length === 1) await worker.skipWaiting();
}

worker.addEventListener("install", (event) => {
  route(event);
  event.waitUntil(keep());
});
worker.addEventListener("activate", (event) => event.waitUntil(tidy()));
worker.addEventListener("message", (event) => event.waitUntil(takeOver(String(event.data?.build))));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (!BUILD || request.method !== "GET" || origin !== location.origin) return;
  const page = request.mode === "navigate" ? PAGES[pathname] : undefined;
  if (page) event.respondWith(openPage(request, page));
  else if (FILES.includes(pathname)) event.respondWith(openFile(request, pathname));
});
