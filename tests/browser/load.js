// How the pages come: every address that a page, a style sheet, a script or the manifest names is there with the right
// type; what a first and a later visit cost, measured by the browser's own protocol. Times are printed, not judged: for
// figures, LOAD_VISITS=9 makes so many first visits in turn, also of a page with nothing on it, and prints medians.

import fs from "node:fs";
import http from "node:http";
import ts from "typescript";
import { launchChromium, openPage } from "./browsers.js";
import { check, note, same, test, until } from "./harness.js";
import { stripped } from "./stripped.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** Compressed, with headers: a page and all it loads. */
const TRANSFER_MOST = 150_000;
const SHIFT_MOST = 0.01;
const PAINT_WISH_MS = 300;

const VISITS = Number(process.env["LOAD_VISITS"] ?? 0);

/** ending: type @type {Record<string, RegExp>} */
const TYPES = {
  "": /^text\/html; charset=utf-8$/, html: /^text\/html; charset=utf-8$/, css: /^text\/css; charset=utf-8$/,
  js: /^text\/javascript; charset=utf-8$/, wasm: /^application\/wasm$/, svg: /^image\/svg\+xml$/, png: /^image\/png$/,
  webmanifest: /^application\/manifest\+json$/,
};

/** Addresses that |text|, of type |mime|, names. @param {string} text @param {string} mime @returns {string[]} */
export function namesIn(text, mime) {
  const all = (/** @type {RegExp} */ pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? "");
  if (mime.includes("html")) return all(/\s(?:src|href)="([^"#][^"]*)"/g);
  if (mime.includes("css")) return all(/(?:url\(|@import )\s*["']?([^"')#][^"')]*)/g);
  if (mime.includes("svg")) return all(/href="([^"#][^"]*)"/g);
  if (mime.includes("manifest")) {
    const { start_url, scope, id, icons, shortcuts } = JSON.parse(text);
    const pictures = [...icons, ...shortcuts.flatMap((/** @type {any} */ one) => one.icons ?? [])];
    return [start_url, scope, id, ...pictures.map(({ src }) => src), ...shortcuts.map((/** @type {any} */ one) => one.url)];
  }
  if (!mime.includes("javascript")) return [];
  const code = text.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/(?<=^|\s)\/\/.*$/gm, "");
  return [
    ...all(/^(?:import|export)\b[^;"']*?["'](\.[^"']+)["'];/gm),
    ...[...code.matchAll(/\bimport\("(\.[^"]+)"\)|new URL\("([^"]+\.\w+)", import\.meta\.url\)/g)].map(([, a, b]) => a ?? b ?? ""),
    ...[...code.matchAll(/"(\/(?:[\w-]+\/)*[\w-]+\.(?:svg|png|js|css|wasm))"/g)].map(([, path]) => path ?? ""),
  ];
}

test("load: addresses are found in pages, style sheets, scripts and the manifest", () => {
  same(namesIn('<link href="/a.css"><img src="b.png"><use href="#c"><a href="/">', "text/html"), ["/a.css", "b.png", "/"], "page");
  same(namesIn('a{b:url("x.png")}c{d:url(#e)} @import "y.css"', "text/css"), ["x.png", "y.css"], "style sheet");
  same(namesIn('import { a } from "./a.js";\nconst b = () => import("./b.js");\nfetch(new URL("c.wasm", import.meta.url));\n' +
    'const d = "/d.svg"; // "/e.svg"\nexport * from "../f.js";\n', "text/javascript"),
    ["./a.js", "../f.js", "./b.js", "c.wasm", "/d.svg"], "script");
});

/** What JavaScript reads of it. @param {string} text @returns {string[]} */
function tokensOf(text) {
  const source = ts.createSourceFile("script.js", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  /** @param {import("typescript").Node} node @returns {string[]} */
  const visit = (node) => {
    if (ts.isJSDoc(node)) return [];
    const parts = node.getChildren(source);
    return parts.length ? parts.flatMap(visit) : [node.getText(source)];
  };
  return visit(source).filter(Boolean); // the end of the file is one, or carries a comment
}

/** @param {string} origin @param {string[]} starts */
async function crawl(origin, starts) {
  /** @type {Map<string, string>} address: who named it */
  const known = new Map(starts.map((path) => [new URL(path, origin).href, "the start"]));
  /** @type {string[]} */
  const faults = [];
  for (const [url, from] of known) { // grows while it is walked through
    const answer = await fetch(url);
    const type = answer.headers.get("content-type") ?? "";
    const { pathname } = new URL(url);
    const wanted = pathname.startsWith("/api/") ? /^application\/json\b/ : TYPES[/\.(\w+)$/.exec(pathname)?.[1] ?? ""];
    if (answer.status !== 200 || !wanted?.test(type)) faults.push(`${url} (from ${from}): ${answer.status} ${type}`);
    for (const name of namesIn(await answer.text(), type)) {
      const { href, origin: place } = new URL(name, url);
      if (place !== origin) faults.push(`${url} names ${href}`);
      else if (!known.has(href)) known.set(href, url);
    }
  }
  return { n: known.size, faults };
}

/** In the page, before its scripts. */
function watchShift() {
  Object.assign(window, { shift: 0 });
  new PerformanceObserver((list) => {
    for (const entry of /** @type {any[]} */ (list.getEntries())) {
      if (!entry.hadRecentInput) /** @type {any} */ (window).shift += entry.value;
    }
  }).observe({ type: "layout-shift", buffered: true });
}

/** In the page, before its scripts: its words in each frame in which they are seen and still English. */
function watchWords() {
  localStorage.setItem("xiaozhi-rtc", JSON.stringify({ lang: "vi" }));
  const early = { frames: 0, seen: /** @type {string[]} */ ([]) };
  Object.assign(window, { early });
  const look = () => {
    if (document.documentElement.lang !== "en") return;
    early.frames += Number(document.body?.childElementCount > 0);
    for (const element of document.querySelectorAll("[data-t], .big-text")) {
      if (element.checkVisibility({ visibilityProperty: true })) early.seen.push(element.textContent ?? "");
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** One visit. @param {Page} page @param {import("puppeteer-core").CDPSession} protocol @param {string} url */
async function visit(page, protocol, url) {
  let bytes = 0;
  let requests = 0;
  const count = (/** @type {{encodedDataLength:number}} */ { encodedDataLength }) => void (bytes += encodedDataLength);
  const ask = (/** @type {{request:{url:string}}} */ { request }) => void (requests += Number(/^http/.test(request.url)));
  protocol.on("Network.loadingFinished", count);
  protocol.on("Network.requestWillBeSent", ask);
  const failed = (/** @type {import("puppeteer-core").HTTPResponse} */ response) => {
    if (response.status() >= 400) page.faults.push(`${response.status()} ${response.url()}`);
  };
  page.on("response", failed);
  await page.goto(url, { waitUntil: "networkidle0" });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  protocol.off("Network.loadingFinished", count);
  protocol.off("Network.requestWillBeSent", ask);
  page.off("response", failed);
  const seen = await page.evaluate(() => ({
    shift: Number(/** @type {any} */ (window).shift),
    paints: Object.fromEntries(performance.getEntriesByType("paint").map((entry) => [entry.name, entry.startTime])),
    controlled: Boolean(navigator.serviceWorker.controller),
  }));
  const { metrics } = await protocol.send("Performance.getMetrics");
  const metric = (/** @type {string} */ name) => 1000 * (metrics.find((one) => one.name === name)?.value ?? NaN);
  return { bytes, requests, ...seen, task_ms: metric("TaskDuration"), script_ms: metric("ScriptDuration") };
}

/** @param {Awaited<ReturnType<typeof visit>>} seen @param {string} what */
function print({ bytes, requests, paints, task_ms, script_ms, shift, controlled }, what) {
  const paint_ms = paints["first-paint"] ?? NaN;
  const contentful_ms = paints["first-contentful-paint"] ?? NaN;
  note(`${what.padEnd(11)} first paint ${paint_ms.toFixed(0)} ms${paint_ms > PAINT_WISH_MS ? " (wish: 300)" : ""}, ` +
    `contentful ${contentful_ms.toFixed(0)} ms, ${(bytes / 1024).toFixed(1)} KiB in ${requests} requests, ` +
    `main thread ${task_ms.toFixed(0)} ms (script ${script_ms.toFixed(0)}), shift ${shift.toFixed(4)}` +
    (controlled ? ", by the worker" : ""));
}

/** First visits, the pages taking turns: when they are drawn. @param {import("puppeteer-core").Browser} browser
 * @param {string[]} urls */
async function firstPaints(browser, urls) {
  /** @type {Map<string, number[]>} */
  const seen = new Map(urls.map((url) => [url, []]));
  for (let n = 0; n < VISITS; n++) {
    for (const [url, times] of seen) {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      await page.goto(url, { waitUntil: "networkidle0" });
      times.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN));
      await context.close();
    }
  }
  for (const [url, times] of seen) {
    const sorted = times.sort((a, b) => a - b);
    const at = (/** @type {number} */ part) => (sorted[Math.floor(part * (sorted.length - 1))] ?? NaN).toFixed(0);
    note(`${new URL(url).pathname.padEnd(11)} contentful paint of ${VISITS} first visits: ${at(0.5)} ms (${at(0)} to ${at(1)})`);
  }
}

/** @param {(url:string) => Promise<void>} use with the address of a page with a word on it */
async function withPlainPage(use) {
  const server = http.createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><p>a"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  try {
    await use(`http://127.0.0.1:${port}/nothing`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** @param {Bench} bench */
export function testLoad({ gateway, folder, microphone }) {
  test("load: every address that the pages name, and what that names, is there with the right type", async () => {
    const { n, faults } = await crawl(gateway.url, ["/", "/chat", "/chatv2", "/sw.js"]);
    same(faults, [], "faults");
    check(n > 60, `only ${n} addresses were found`);
    note(`${n} addresses`);
  });

  test("load: a script is served as it was written, without its comments", async () => {
    const web = new URL("../../web/", import.meta.url);
    const files = fs.readdirSync(web, { recursive: true }).map(String).filter((name) => /^(js|admin)\/.*\.js$/.test(name));
    check(files.length > 50, `only ${files.length} scripts`);
    for (const name of files) {
      const file = fs.readFileSync(new URL(name, web), "utf8");
      const served = await (await fetch(`${gateway.url}/${name}`)).text();
      check(served === stripped(file).text, `${name} is served otherwise than without its comments; is the gateway built anew?`);
      const [left, whole] = [tokensOf(served), tokensOf(file)];
      const at = whole.findIndex((token, index) => token !== left[index]);
      same([at, left.length], [-1, whole.length], `the words of ${name}: the first other one, and how many`);
    }
  });

  for (const most of [1, Infinity]) {
    const end = most === 1 ? "and its keys work" : "but not for ever";
    test(`load: a page whose scripts do not all come is loaded again, ${end}`, async () => {
      const browser = await launchChromium(folder, microphone);
      try {
        const page = await openPage(browser, gateway.url);
        let n_pages = 0;
        await page.setBypassServiceWorker(true);
        await page.setRequestInterception(true);
        page.on("request", (request) => {
          if (request.isNavigationRequest()) n_pages++;
          const drops = /captions\.js$/.test(request.url()) && n_pages <= most; // one that others import
          void (drops ? request.abort("connectionaborted") : request.continue());
        });
        await page.goto(`${gateway.url}/chat`);
        const wanted = most === 1 ? 2 : 4;
        await until(`${wanted} times`, () => n_pages === wanted);
        if (most === 1) {
          await page.waitForFunction(() => document.readyState === "complete");
          await page.click("#start");
          await until("a call", () => page.evaluate(() => document.documentElement.dataset["state"] === "ready"));
        }
        await new Promise((resolve) => setTimeout(resolve, 2000));
        same(n_pages, wanted, "pages");
      } finally {
        await browser.close();
      }
    });
  }

  test("load: a page in another language is never seen in English, also when its words come late", async () => {
    const browser = await launchChromium(folder, microphone);
    try {
      for (const route of ["/", "/chat"]) {
        const page = await openPage(browser, gateway.url);
        await page.evaluateOnNewDocument(watchWords);
        await page.setRequestInterception(true);
        page.on("request", (request) => void setTimeout(() => request.continue(), /i18n\.js$/.test(request.url()) ? 500 : 0));
        await page.goto(gateway.url + route);
        const { frames, seen } = await page.evaluate(() => /** @type {any} */ (window).early);
        check(frames > 2, `${route}: only ${frames} frames without words`);
        same(seen, [], `${route}: seen in English`);
        check(await page.$eval("[data-t]:not(.sr)", (words) => words.checkVisibility({ visibilityProperty: true })), "the words");
        await page.close();
      }
    } finally {
      await browser.close();
    }
  });

  test("load: a page costs less than 150 KB, nothing moves, a later visit costs next to nothing", async () => {
    const browser = await launchChromium(folder, microphone); // nobody has been here before
    try {
      if (VISITS) await withPlainPage((plain) => firstPaints(browser, [plain, `${gateway.url}/`, `${gateway.url}/chat`]));
      for (const route of ["/", "/chat"]) {
        const context = await browser.createBrowserContext();
        const page = await openPage(/** @type {any} */ (context), gateway.url);
        const protocol = await page.createCDPSession();
        await protocol.send("Network.enable");
        await protocol.send("Performance.enable");
        await page.evaluateOnNewDocument(watchShift);
        const cold = await visit(page, protocol, gateway.url + route);
        print(cold, `${route} first`);
        const warm = await visit(page, protocol, gateway.url + route);
        print(warm, `${route} again`);
        await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
        const third = await visit(page, protocol, gateway.url + route);
        print(third, `${route} third`);
        check(cold.bytes > 10_000 && cold.bytes < TRANSFER_MOST, `${route}: ${cold.bytes} bytes on the first visit`);
        check(warm.bytes < cold.bytes / 4, `${route}: ${warm.bytes} bytes on the second visit`);
        for (const { shift } of [cold, warm, third]) check(shift < SHIFT_MOST, `${route}: a layout shift of ${shift}`);
        same([page.faults, page.foreign], [[], []], "console, and other places");
        await context.close();
      }
    } finally {
      await browser.close();
    }
  });
}
