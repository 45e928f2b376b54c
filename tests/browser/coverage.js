// Which lines of web/ ran: V8's own coverage of Chromium's pages and service workers and of this process, merged over all
// tests, when COVERAGE names a folder. At the end what was seen goes there, a file for each process; covered.js reads them.
//
// Coverage is taken before a page goes or is loaded anew. It is asked for in V8's binary mode, in which code is optimised as
// without it; a function that ran is named once, so only the union of all that was taken says what ran.

import fs from "node:fs";
import inspector from "node:inspector";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stripped } from "./stripped.js";

const FOLDER = process.env["COVERAGE"] ?? "";
const WEB = fileURLToPath(new URL("../../web/", import.meta.url));
const ANSWER_MS = 3000;
const MODE = { callCount: false, detailed: true };

/** @typedef {{ranges:{startOffset:number, endOffset:number, count:number}[]}} Part of a script: a function */
/** @typedef {{url:string, functions:Part[]}} Script */
/** @typedef {import("puppeteer-core").Browser} Browser */
/** @typedef {import("puppeteer-core").CDPSession} CDPSession */

/** Path below web/: its text, what ran of it, a byte for each character, and how it is served.
 * @type {Map<string, {text:string, ran:Uint8Array, served:import("./stripped.js").Stripped}>} */
const seen = new Map();

/** @param {string} url @returns {string|null} the file's path below web/ */
export function pathOf(url) {
  if (url.startsWith("file:")) {
    const file = path.relative(WEB, fileURLToPath(url));
    return file.startsWith("..") ? null : file;
  }
  const found = /^http:\/\/[^/]+\/(?:a\/[0-9a-f]+\/)?((?:js|admin)\/[\w/]+\.js|sw\.js)$/.exec(url);
  return found?.[1] ?? null;
}

/** Where a character of the service worker, as it is served, is in what was made of its file, which is shorter: two of its
 * lines are written anew. @param {number} at @param {number} grown @param {number} from where these begin */
const inFile = (at, grown, from) => (at <= from ? at : Math.max(from, at - grown));

/** @param {Script} script @param {number} [served] its length, where that is known to be another than the file's */
function note({ url, functions }, served) {
  const name = pathOf(url);
  if (!name || !fs.existsSync(WEB + name)) return;
  const all = seen.get(name) ?? fresh(name);
  const ranges = functions.flatMap((part) => part.ranges);
  const { text, from: places } = url.startsWith("file:") ? { text: all.text, from: null } : all.served;
  const grown = (served ?? text.length) - text.length;
  if (Math.max(...ranges.map((range) => range.endOffset)) > (served ?? text.length)) return; // another build's
  const begin = grown ? text.indexOf("const BUILD") : 0;
  const at = (/** @type {number} */ offset) => {
    const place = inFile(offset, grown, begin);
    return places ? places[place] ?? all.text.length : place;
  };
  const painted = new Uint8Array(all.text.length); // outer ranges come before inner ones
  for (const { startOffset, endOffset, count } of ranges) painted.fill(count ? 1 : 0, at(startOffset), at(endOffset));
  for (let at = 0; at < painted.length; at++) if (painted[at]) all.ran[at] = 1;
  seen.set(name, all);
}

/** @param {string} name */
function fresh(name) {
  const text = fs.readFileSync(WEB + name, "utf8");
  return { text, ran: new Uint8Array(text.length), served: stripped(text) };
}

/** Of each browser: what takes the coverage of its pages and workers. @type {Map<Browser, Set<() => Promise<void>>>} */
const takers = new Map();

/** @param {Browser} browser @param {CDPSession} session @param {Map<string, number>} [lengths] of its scripts */
async function begin(browser, session, lengths) {
  let waiting = false;
  const taker = async () => {
    if (waiting) return; // a worker that sleeps answers when it wakes
    waiting = true;
    const taken = session.send("Profiler.takePreciseCoverage").then(({ result }) => {
      for (const script of result) note(script, lengths?.get(script.scriptId));
    }, () => undefined).finally(() => {
      waiting = false;
    });
    await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, ANSWER_MS).unref())]);
  };
  takers.get(browser)?.add(taker);
  await Promise.all([session.send("Profiler.enable"), session.send("Profiler.startPreciseCoverage", MODE)]);
}

/** @param {Browser} browser */
const takeAll = async (browser) => void (await Promise.all([...(takers.get(browser) ?? [])].map((taker) => taker())));

/** The method |name| of |object|, with all coverage of |browser| taken before. @param {any} object @param {string} name
 * @param {Browser} browser */
function takeBefore(object, name, browser) {
  const own = object[name].bind(object);
  object[name] = async (/** @type {any[]} */ ...args) => {
    await takeAll(browser);
    return own(...args);
  };
}

/** Watches the service workers of a Chromium that has just begun. @param {Browser} browser */
export async function watchBrowser(browser) {
  if (!FOLDER) return;
  takers.set(browser, new Set());
  takeBefore(browser, "close", browser);
  const root = await browser.target().createCDPSession();
  root.on("Target.attachedToTarget", ({ sessionId }) => {
    const session = root.connection()?.session(sessionId);
    if (!session) return;
    /** @type {Map<string, number>} */
    const lengths = new Map();
    session.on("Debugger.scriptParsed", (script) => lengths.set(script.scriptId, script.length ?? 0));
    // At once, without waiting for answers: puppeteer, too, lets the worker begin.
    const orders = /** @type {const} */ (["Debugger.enable", "Runtime.runIfWaitingForDebugger"]);
    Promise.allSettled([begin(browser, session, lengths), ...orders.map((order) => session.send(order))]);
  });
  const filter = [{ type: "service_worker", exclude: false }, { exclude: true }];
  await root.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter });
}

/** @param {import("puppeteer-core").Page} page new and empty */
export async function watchPage(page) {
  const browser = page.browser();
  if (!takers.has(browser)) return; // Firefox tells no coverage
  await begin(browser, await page.createCDPSession());
  for (const name of ["goto", "reload", "close"]) takeBefore(page, name, browser);
}

if (FOLDER) {
  const here = new inspector.Session();
  here.connect();
  here.post("Profiler.enable");
  here.post("Profiler.startPreciseCoverage", MODE);
  process.on("exit", () => {
    here.post("Profiler.takePreciseCoverage", (error, reply) => void (error ?? reply.result.forEach((script) => note(script))));
    fs.mkdirSync(FOLDER, { recursive: true });
    const all = Object.fromEntries([...seen].map(([name, { ran }]) => [name, runs(ran)]));
    fs.writeFileSync(path.join(FOLDER, `${process.pid}.json`), JSON.stringify(all));
  });
}

/** Where what ran begins and ends, in turn. @param {Uint8Array} ran @returns {number[]} */
function runs(ran) {
  const edges = [];
  for (let at = 0; at <= ran.length; at++) if ((ran[at] ?? 0) !== (ran[at - 1] ?? 0)) edges.push(at);
  return edges;
}
