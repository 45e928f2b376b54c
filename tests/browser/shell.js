// The page without its gateway: the service worker keeps the shell, of one build, and nothing else.

import http from "node:http";
import { Gateway } from "./gateway.js";
import { check, note, same, test, until } from "./harness.js";
import { reach, state } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** Whether the page is the worker's, and by which build. @param {Page} page */
const worker = (page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    const keys = await caches.keys();
    return {
      controls: Boolean(navigator.serviceWorker.controller), active: registration?.active?.state === "activated",
      waiting: Boolean(registration?.waiting), scope: new URL(registration?.scope ?? location.href).pathname, keys,
    };
  });

/** All that is kept. @param {Page} page @returns {Promise<string[]>} */
const kept = (page) =>
  page.evaluate(async () => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    const requests = (await Promise.all(caches_.map((one) => one.keys()))).flat();
    return requests.map(({ url }) => url.slice(location.origin.length));
  });

/** @param {Page} page @returns {Promise<string>} of its scripts */
const build = (page) =>
  page.$eval("script[type=module]", (script) => /\/a\/([0-9a-f]{16})\//.exec(/** @type {any} */ (script).src)?.[1] ?? "");

/** Opens the page and waits until the shell is kept. @param {Page} page @param {string} url */
async function visit(page, url) {
  await page.goto(url);
  await until("the worker", async () => (await worker(page)).active, 30_000);
}

/** What the person is told. @param {Page} page */
const notice = (page) =>
  page.$eval("#notice", (box) => (/** @type {HTMLElement} */ (box).hidden ? "" : (box.textContent ?? "").trim()));

/** @param {Bench} bench */
export function testShell({ binary, inChromium, inFirefox }) {
  for (const [name, use] of Object.entries({ chromium: inChromium, firefox: inFirefox })) {
    test(`${name}: shell: both pages open without the gateway and say so; the call begins when it is back`, () =>
      use(async (page) => {
        const own = new Gateway(binary, { args: ["--backend", "echo"] });
        await own.start();
        try {
          await withoutGateway(page, own);
        } finally {
          await own.stop();
        }
      }));

    test(`${name}: shell: a new build replaces the old one as a whole`, () =>
      use(async (page) => {
        const own = new Gateway(binary, { args: ["--backend", "echo"] });
        await own.start();
        const builds = new Builds(own.url);
        try {
          await newBuild(page, builds, await builds.listen());
        } finally {
          builds.close();
          await own.stop();
        }
      }));
  }
}

/** @param {Page} page @param {Gateway} gateway */
async function withoutGateway(page, gateway) {
  await visit(page, `${gateway.url}/`);
  same((await worker(page)).controls, false, "the first visit is nobody's");
  await page.reload();
  same([(await worker(page)).controls, (await worker(page)).scope], [true, "/"], "after a reload");
  same(await notice(page), "", "nothing to say while all is well");
  await page.goto(`${gateway.url}/chat`);
  await page.click("#start");
  await reach(page, ["ready"]);
  await page.click("#hangup");
  await reach(page, ["ended"]);
  const files = await kept(page);
  check(files.includes("/") && files.includes("/chat") && files.length > 40, `${files.length} files are kept`);
  same(files.filter((path) => !/^\/(chat|a\/[0-9a-f]{16}\/(js|css)\/.*|a\/.*\/icon.svg|portrait.svg|roles\/\w+.svg)?$/.test(path)),
    [], "what is no shell");

  await gateway.stop("SIGKILL");
  await page.goto(`${gateway.url}/?x=1`);
  same(await page.evaluate(() => document.documentElement.hasAttribute("data-away")), true, "from the shell");
  await until("word of the gateway", async () => /gateway does not answer/.test(await notice(page)));
  await Promise.all([page.waitForNavigation(), page.click("#go")]);
  same(new URL(page.url()).pathname, "/chat", "on to the conversation");
  await until("word of the gateway", async () => /gateway does not answer/.test(await notice(page)));
  await page.reload();
  await until("word of the gateway", async () => /gateway does not answer/.test(await notice(page)));
  const answer = await page.evaluate(() => fetch("/api/ice").then(() => "answered", () => "no"));
  same(answer, "no", "the worker answers for no signalling");
  await page.click("#start");
  await reach(page, ["reconnecting", "offline"], 30_000);
  note(`the page without its gateway is "${await state(page)}"`);

  await gateway.start();
  await reach(page, ["ready"], 40_000);
  await until("nothing to say any more", async () => (await notice(page)) === "" || (await notice(page)).startsWith("No "));
  same(await page.evaluate(() => document.documentElement.hasAttribute("data-away")), false, "away");
  same((await kept(page)).filter((path) => /^\/(api|xiaozhi|healthz|metrics)/.test(path)), [], "signalling that was kept");
}

/** A proxy before the gateway that can pretend to be the next build: the same files below another build's path. */
class Builds {
  #origin;
  #other = false;
  #server = http.createServer((request, response) => void this.#pass(request, response));
  /** The gateway's own build, and what it is called afterwards. */
  names = ["", "0123456789abcdef"];

  /** @param {string} origin */
  constructor(origin) {
    this.#origin = origin;
  }

  /** @returns {Promise<string>} */
  async listen() {
    const page = await (await fetch(`${this.#origin}/chat`)).text();
    this.names[0] = /\/a\/([0-9a-f]{16})\//.exec(page)?.[1] ?? "";
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  next() {
    this.#other = true;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  async #pass(request, response) {
    const [own, other] = /** @type {[string, string]} */ (this.names);
    const [from, to] = this.#other ? [own, other] : ["none", "none"];
    const stale = this.#other && request.url?.includes(own);
    const path = String(request.url).replace(to, from);
    /** @type {Buffer[]} */
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = parts.length ? { body: Buffer.concat(parts) } : {};
    const answer = await fetch(this.#origin + (stale ? "/nothing" : path), {
      method: String(request.method), headers: { "content-type": request.headers["content-type"] ?? "" }, ...body,
    }).catch(() => null);
    if (!answer) return void response.writeHead(502).end();
    const headers = ["content-type", "cache-control", "content-security-policy"].flatMap((name) => {
      const value = answer.headers.get(name);
      return value ? [[name, value]] : [];
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isText = /html|javascript/.test(answer.headers.get("content-type") ?? "");
    response.writeHead(answer.status, Object.fromEntries(headers));
    response.end(isText ? bytes.toString("utf8").replaceAll(from, to) : bytes);
  }
}

/** @param {Page} page @param {Builds} builds @param {string} url */
async function newBuild(page, builds, url) {
  /** @type {string[]} */
  const lost = [];
  page.on("response", (response) => {
    if (response.status() >= 400) lost.push(response.url());
  });
  const [old, fresh] = /** @type {[string, string]} */ (builds.names);
  await visit(page, `${url}/`);
  await page.reload();
  same([await build(page), (await worker(page)).keys], [old, [`shell-${old}`]], "the first build");
  builds.next();
  await page.reload();
  same(await build(page), fresh, "the page at once");
  await until("only the new shell", async () => (await worker(page)).keys.join() === `shell-${fresh}`, 30_000);
  await page.goto(`${url}/chat`);
  same([await build(page), (await worker(page)).controls], [fresh, true], "the conversation");
  same((await kept(page)).filter((path) => path.includes(old)), [], "files of the old build");
  builds.close();
  await page.reload();
  same(await build(page), fresh, "from the shell");
  await until("a page that runs", () => page.$eval("#state-text", (line) => (line.textContent ?? "") !== ""));
  same(lost, [], "answers that failed");
}
