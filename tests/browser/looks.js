// How every page looks in every state: screenshots, with checks that nothing is cut off, covered, too small or too pale, and
// axe-core's. In a quick run each state is seen in each size and look, the languages taking turns; LOOKS=full (`./dev screens`)
// makes all of them, a test for each size and language, with a sheet of small pictures for each look. LOOKS_SCENES names the
// states to look at, as a regular expression: the others are gone through unseen.

import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { auditInPage, fitInPage } from "./audit.js";
import { Gateway } from "./gateway.js";
import { check, note, test, until } from "./harness.js";
import { FAILURES, NOTICED, scenes, show, takeOver } from "./scenes.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */
/** @typedef {import("./scenes.js").Lang} Lang */

const AXE = fs.readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
/** Neither of them: a small phone, a phone on its side, a tablet, a desk's page at twice its size, a wide desk. */
const WINDOWS = {
  small: { width: 320, height: 568, isMobile: true, hasTouch: true },
  side: { width: 844, height: 390, isMobile: true, hasTouch: true },
  tablet: { width: 768, height: 1024, isMobile: true, hasTouch: true },
  zoomed: { width: 640, height: 400 },
  wide: { width: 1920, height: 1080 },
};
/** What needs the most room. */
const ROOMY = /^(start(-own|-settings)?|idle|no-microphone|wake-word|speaking|unsteady|reconnecting-in|activation|music|details)$/;
const THEMES = /** @type {const} */ (["light", "dark"]);
const LANGS = /** @type {const} */ (["en", "zh", "vi"]);
const full = process.env["LOOKS"] === "full";
const wanted = new RegExp(`^(?:${process.env["LOOKS_SCENES"] ?? ".*"})$`);
const SHEET_PX = { desktop: [320, 200, 6], phone: [195, 422, 10] };

/** What axe-core finds in the page as it is. @param {Page} page @param {boolean} all its rules; or those of colours, which
 * are what another look changes @returns {Promise<string[]>} */
export async function axe(page, all) {
  if (!(await page.evaluate("typeof axe === 'object'"))) await page.evaluate(AXE);
  return page.evaluate(async (rules) => {
    const found = await /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"], ...rules });
    return found.violations.flatMap((/** @type {any} */ rule) =>
      rule.nodes.map((/** @type {any} */ node) => `axe: ${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  }, all ? {} : { runOnly: { type: "rule", values: ["color-contrast"] } });
}

/** @param {Page} page @param {keyof typeof SIZES} device */
async function dress(page, device) {
  const phone = device === "phone";
  await page.setViewport({ ...SIZES[device], isMobile: phone, hasTouch: phone });
}

/** @param {Page} page @param {string} theme */
async function paint(page, theme) {
  const features = { "prefers-color-scheme": theme, "prefers-reduced-motion": "reduce" };
  await page.emulateMediaFeatures(Object.entries(features).map(([name, value]) => ({ name, value })));
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
  });
}

/** Opens a page in a language; the conversation's with a manager that rests. @param {Page} page @param {string} url
 * @param {string} route @param {Lang} lang */
async function openIn(page, url, route, lang) {
  await page.goto(`${url}/icon.svg`); // of our pages none, which would keep the talk when it is left
  await page.evaluate((wish) => {
    localStorage.clear();
    sessionStorage.clear();
    localStorage.setItem("xiaozhi-rtc", JSON.stringify({ lang: wish }));
  }, lang);
  await page.goto(url + route, { waitUntil: "load" });
  if (route !== "/chat") return;
  if (await page.evaluate(() => !("WebAssembly" in window))) return; // nothing is prepared
  await until("the prepared connection", () => page.evaluate(() => document.documentElement.dataset["link"] === "prepared"));
  await page.evaluate(takeOver);
}

/** English words of the table that are others in the page's language. @param {Lang} lang @returns {string[]} */
function englishOf(lang) {
  const table = ["js/i18n.js", "admin/words.js"].map((name) =>
    fs.readFileSync(new URL(`../../web/${name}`, import.meta.url), "utf8")).join("\n");
  const rows = [...table.matchAll(/^ {2}"?[\w.]+"?: \[([\s\S]*?)\],$/gm)].map(([, texts = ""]) =>
    [...texts.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text));
  check(rows.length > 200, `only ${rows.length} texts`);
  return rows.map(([first = "", ...others]) => (others[LANGS.indexOf(lang) - 1] === first ? "" : first))
    .filter((text) => lang !== "en" && text && text !== "XiaoZhi"); // the name stands on the page in letters, too
}

/** In the page: what is seen or said and stands in |english|. @param {string[]} english */
function foreignWords(english) {
  const words = new Set(english);
  const found = /** @type {string[]} */ ([]);
  const look = (/** @type {string|null|undefined} */ text) => {
    if (text && words.has(text.trim())) found.push(`"${text.trim()}" is English`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) look(walker.currentNode.textContent);
  for (const name of ["aria-label", "placeholder", "title", "alt"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) look(element.getAttribute(name));
  }
  return found;
}

/** In the page: whether what is drawn of its words is the words, not the boxes that stand for what no font has. A machine
 * without such a font hides every fault of a language. */
function drawnWords() {
  const draw = (/** @type {string} */ letter) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [40, 40];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.font = getComputedStyle(document.body).font;
    context.fillText(letter, 8, 28);
    return canvas.toDataURL();
  };
  const nothing = draw("\u{10fffe}"); // no character at all
  return ["\u5c0f", "\u667a", "\u1ec7"].filter((letter) => draw(letter) === nothing).map((letter) => `no font has "${letter}"`);
}

const leaveSheets = (/** @type {Page} */ page) =>
  page.evaluate(() => document.querySelectorAll("dialog[open]").forEach((one) => /** @type {HTMLDialogElement} */ (one).close()));

/** @param {Bench} bench */
export function testLooks(bench) {
  test("chromium: looks: in other windows, from a small phone to a wide desk, nothing is cut or covered", () =>
    withSilence((song) => bench.inChromium((page) => seeOthers(bench, page, song))));
  for (const device of /** @type {(keyof typeof SIZES)[]} */ (["desktop", "phone"])) {
    for (const langs of full ? LANGS.map((lang) => [lang]) : [LANGS]) {
      const where = `on a ${device}${full ? ` in ${langs}` : ""}`;
      test(`chromium: looks: every state ${where}, light and dark: nothing cut, covered, small or pale; axe-core`, () =>
        withSilence((song) => bench.inChromium((page) => seeAll(bench, page, { device, langs, song }))));
    }
    // In a quick run the operator's page is looked at where its keys are tried: admin.js.
    if (full) {
      test(`chromium: looks: every state of the operator's page on a ${device}, light and dark, in all languages`, () =>
        bench.inChromium((page) => withDesk(bench.binary, page, (desk) => seeDesk(bench, page, device, desk))));
    }
    test(`chromium: looks: every notice in every language on a ${device}; without WebRTC, without WebAssembly`, () =>
      bench.inChromium((page) => seeNotices(bench, page, device)));
  }
}

/** @param {Bench} bench @param {Page} page @param {string} song */
async function seeOthers({ gateway, screens }, page, song) {
  const folder = path.join(screens, "looks");
  fs.mkdirSync(folder, { recursive: true });
  /** @type {string[]} */
  const faults = [];
  await paint(page, "light");
  for (const [turn, [name, size]] of Object.entries(WINDOWS).entries()) {
    await page.setViewport(size);
    for (const lang of full ? LANGS : [LANGS[turn % LANGS.length] ?? "en"]) {
      let route = "";
      for (const scene of scenes(song).filter((one) => ROOMY.test(one.name) && wanted.test(one.name))) {
        if (scene.route !== route || scene.route === "/") await openIn(page, gateway.url, scene.route, lang);
        route = scene.route;
        await leaveSheets(page);
        await scene.reach(page, lang);
        const found = [...(await page.evaluate(auditInPage)), ...(await page.evaluate(fitInPage))];
        const width = await page.evaluate(() => innerWidth); // a phone's grows with what does not fit
        if (width > size.width) found.push(`${width} px wide`);
        faults.push(...found.map((fault) => `${name}-${lang}-${scene.name}: ${fault}`));
        if (full) await page.screenshot({ path: path.join(folder, `${name}-light-${lang}-${scene.name}.png`) });
      }
    }
  }
  check(!faults.length, `${faults.length} faults\n       ${[...new Set(faults)].join("\n       ")}`);
}

/** @param {(url:string) => Promise<void>} use with an address that takes a request and never answers */
async function withSilence(use) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set();
  const server = net.createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  try {
    await use(`http://127.0.0.1:${port}/song.mp3`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** @param {Bench} bench @param {Page} page @param {{device:keyof typeof SIZES, langs:readonly Lang[], song:string}} what */
async function seeAll({ gateway, screens }, page, { device, langs, song }) {
  const folder = path.join(screens, "looks");
  fs.mkdirSync(folder, { recursive: true });
  await dress(page, device);
  /** @type {string[]} */
  const faults = [];
  /** @type {string[]} */
  const files = [];
  for (const [turn, lang] of langs.entries()) {
    let route = "";
    const english = englishOf(lang);
    let undrawn = /** @type {string[]} */ ([]);
    for (const [index, scene] of scenes(song).entries()) {
      if (!full && (index + turn) % LANGS.length) continue;
      if (scene.route !== route || scene.route === "/") await openIn(page, gateway.url, scene.route, lang);
      if (!route) undrawn = await page.evaluate(drawnWords);
      route = scene.route;
      await leaveSheets(page);
      await scene.reach(page, lang);
      if (!wanted.test(scene.name)) continue;
      for (const theme of THEMES) {
        await paint(page, theme);
        const name = `${device}-${theme}-${lang}-${scene.name}`;
        const found = [...(await page.evaluate(auditInPage)), ...(await page.evaluate(fitInPage)),
          ...(await page.evaluate(foreignWords, english)), ...undrawn];
        found.push(...(await axe(page, theme === "light")));
        faults.push(...found.map((fault) => `${name}: ${fault}`));
        await page.screenshot({ path: path.join(folder, `${name}.png`) });
        files.push(`${name}.png`);
      }
    }
  }
  if (full && files.length) await makeSheets(page, folder, device, langs, files);
  note(`${files.length} pictures`);
  check(!faults.length, `${faults.length} faults\n       ${[...new Set(faults)].join("\n       ")}`);
}

/** Small pictures of all states on one sheet for each look and language. @param {Page} page @param {string} folder
 * @param {keyof typeof SIZES} device @param {readonly Lang[]} langs @param {string[]} files */
async function makeSheets(page, folder, device, langs, files) {
  const [width = 0, height = 0, columns = 0] = SHEET_PX[device];
  for (const lang of langs) {
    for (const theme of THEMES) {
      const own = files.filter((file) => file.startsWith(`${device}-${theme}-${lang}-`));
      const cells = own.map((file) => {
        const picture = fs.readFileSync(path.join(folder, file)).toString("base64");
        const image = `<img width=${width} height=${height} src="data:image/png;base64,${picture}">`;
        return `<figure>${image}<figcaption>${file}</figcaption></figure>`;
      });
      const bench = await page.browser().newPage();
      const rows = Math.ceil(own.length / columns);
      await bench.setViewport({ width: columns * (width + 8), height: rows * (height + 26) });
      await bench.setContent(`<style>body{margin:0;font:11px sans-serif;display:grid;gap:8px;background:#888;
        grid-template-columns:repeat(${columns},${width}px)}figure{margin:0;overflow:hidden}</style>${cells.join("")}`);
      await bench.screenshot({ path: path.join(folder, `sheet-${device}-${theme}-${lang}.png`) });
      await bench.close();
    }
  }
}

const BOSS = "boss-of-the-pictures";
/** @typedef {{name:string, reach:() => Promise<unknown>}[]} Desk  the states of the operator's page, one after the other */

/** @param {string} binary @param {Page} page @param {(desk:Desk) => Promise<void>} use */
async function withDesk(binary, page, use) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xz-desk-"));
  const gateway = new Gateway(binary,
    { args: ["--admin-token", BOSS, "--backend", "echo", "--history", path.join(folder, "calls.db")] });
  await gateway.start();
  page.expected.push(/status of (401|404|503)/, /net::ERR_/);
  const enter = async (/** @type {string} */ token) => {
    await page.$eval("#token", (field, text) => (/** @type {HTMLInputElement} */ (field).value = text), token);
    await press(page, "#enter button");
  };
  const caller = await page.browser().newPage();
  await page.bringToFront(); // what is behind is not drawn
  try {
    await use([
      { name: "form", reach: () => page.goto(`${gateway.url}/admin`) },
      { name: "refused", reach: async () => {
        await enter("nobody");
        await page.waitForSelector("#token-error:not(:empty)");
      } },
      { name: "quiet", reach: async () => {
        await enter(BOSS);
        await page.waitForSelector("#totals dd");
      } },
      { name: "call", reach: async () => {
        await fetch(`${gateway.url}/api/sessions`, { headers: { Authorization: "Bearer nobody" } }); // for the list of errors
        await caller.goto(`${gateway.url}/chat`);
        await press(caller, "#start");
        await page.bringToFront();
        await page.waitForSelector("#calls tbody tr");
        await press(page, "#calls tbody button");
        await page.waitForSelector("#timeline li:nth-child(4)");
      } },
      { name: "over", reach: async () => {
        await press(page, "#hangup");
        await until("the call of the day", async () => {
          await page.reload();
          return page.waitForSelector("#day-figures dd", { visible: true, timeout: 2000 }).catch(() => null);
        });
      } },
      { name: "drain", reach: () => press(page, "#drain") },
      { name: "away", reach: async () => {
        await leaveSheets(page);
        await gateway.stop();
        await page.waitForSelector("#away:not([hidden])");
      } },
    ]);
  } finally {
    await caller.close();
    await gateway.stop();
    fs.rmSync(folder, { recursive: true });
  }
}

const press = (/** @type {Page|import("puppeteer-core").Page} */ page, /** @type {string} */ selector) =>
  page.$eval(selector, (/** @type {any} */ element) => element.click());

/** @param {Bench} bench @param {Page} page @param {keyof typeof SIZES} device @param {Desk} desk */
async function seeDesk({ screens }, page, device, desk) {
  const folder = path.join(screens, "looks");
  fs.mkdirSync(folder, { recursive: true });
  await dress(page, device);
  /** @type {string[]} */
  const faults = [];
  for (const { name: state, reach } of desk) {
    await reach();
    for (const lang of LANGS) {
      await page.select("#lang", lang);
      for (const theme of THEMES) {
        await paint(page, theme);
        const name = `${device}-${theme}-${lang}-admin-${state}`;
        const found = [...(await page.evaluate(auditInPage)), ...(await page.evaluate(fitInPage)), ...(await axe(page, true)),
          ...(await page.evaluate(foreignWords, englishOf(lang)))];
        faults.push(...found.map((fault) => `${name}: ${fault}`));
        await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: state !== "drain" });
      }
    }
  }
  check(!faults.length, `${faults.length} faults\n       ${[...new Set(faults)].join("\n       ")}`);
}

/** @param {Bench} bench @param {Page} page @param {keyof typeof SIZES} device */
async function seeNotices({ gateway, screens }, page, device) {
  await dress(page, device);
  await paint(page, "light");
  /** @type {string[]} */
  const faults = [];
  for (const lang of LANGS) {
    await openIn(page, gateway.url, "/chat", lang);
    const look = async (/** @type {string} */ what) => {
      const found = [...(await page.evaluate(auditInPage)), ...(await page.evaluate(fitInPage))];
      faults.push(...found.map((fault) => `${what} in ${lang}: ${fault}`));
      check(await page.$eval("#notice", (box) => !(/** @type {HTMLElement} */ (box).hidden)), `${what}: no notice`);
    };
    for (const [state, reason] of FAILURES) {
      const standing = state !== "FAILED" && state !== "CLOSED";
      const info = { canTalk: false, canType: standing, isConnected: false, attempt: 2, retryIn_s: standing ? 8 : 0 };
      await show(page, { state, reason, ...info });
      await look(reason);
    }
    for (const told of NOTICED) {
      await show(page, {}, [["clearnotice", {}], ["blocked", { blocked: false }], told]);
      await look(JSON.stringify(told));
    }
    for (const [what, global] of [["WebRTC", "RTCPeerConnection"], ["WebAssembly", "WebAssembly"]]) {
      const without = (/** @type {string} */ name) => void Reflect.deleteProperty(window, name);
      const { identifier } = await page.evaluateOnNewDocument(without, String(global));
      for (const route of ["/", "/chat"]) {
        await openIn(page, gateway.url, route, lang);
        await look(`${route} without ${what}`);
        faults.push(...(await axe(page, true)).map((fault) => `${route} without ${what} in ${lang}: ${fault}`));
        const name = `${device}-light-${lang}-${route === "/" ? "start" : "chat"}-without-${String(what).toLowerCase()}.png`;
        fs.mkdirSync(path.join(screens, "looks"), { recursive: true });
        await page.screenshot({ path: path.join(screens, "looks", name) });
      }
      await page.removeScriptToEvaluateOnNewDocument(identifier);
    }
  }
  check(!faults.length, [...new Set(faults)].join("\n       "));
}
