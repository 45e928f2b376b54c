// From the press of the start button to listening, hands-free, in real browsers on loopback; and the manager's
// time-line beside the gateway's own. ./run press [--limits] [--runs N] [--browser chromium|firefox]
//
// prepared: the page has been there a while and says PREPARED. cold: pressed in the instant in which the page is loaded,
// so that everything, the core's WebAssembly too, is still to be fetched. Without --limits, figures are only printed:
// they are those of this machine at this moment.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { launchChromium, launchFirefox, openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { SoundCard, speak } from "../browser/speech.js";
import { installWatch } from "./watch.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {{ms:number, microphone_ms:number, phases:Record<string, number>, gateway:Record<string, number>}} Press */

const MOST_MS = { prepared: 100, cold: 300 };
/** Both sides are on one machine: what the two time-lines may differ by, at the median. Gateways see keys and paths some
 * fractions of a round trip apart from browsers, and browsers tell them when their main thread has time. */
const APART_MS = 20;
const ORDER = ["WANTED", "OPENED", "DESCRIBED", "OFFERED", "ANSWERED", "PATH", "READY"];

/** Runs in the page: presses, and notes when it listens. `press` at once when it is loaded, if |cold|. */
function installPress() {
  const measured = { pressed_ms: 0, listening_ms: 0 };
  const press = () => {
    /** @type {HTMLInputElement|null} */ (document.querySelector("#modes input[value=auto]"))?.click();
    measured.pressed_ms = performance.now();
    document.getElementById("start")?.click();
  };
  new MutationObserver(() => {
    const listens = document.documentElement?.dataset["state"] === "listening";
    if (listens && !measured.listening_ms && measured.pressed_ms) measured.listening_ms = performance.now();
  }).observe(document, { subtree: true, attributeFilter: ["data-state"] });
  if (location.hash === "#cold") addEventListener("load", press);
  Object.assign(window, { press, measured });
}

/** @param {Page} page @param {string} url @param {boolean} cold @returns {Promise<Press>} */
async function once(page, url, cold) {
  await page.goto("about:blank"); // a new hash alone would not load it anew
  await page.goto(`${url}/chat${cold ? "#cold" : ""}`, { waitUntil: "load" });
  if (!cold) {
    await until("PREPARED", () =>
      page.evaluate(() => /** @type {any} */ (window).watch.manager?.getConnectionInfo().state === "PREPARED"));
    await page.evaluate(() => /** @type {any} */ (window).press());
  }
  return until("listening", () =>
    page.evaluate(() => {
      const { measured, watch, probe } = /** @type {any} */ (window);
      const line = watch.told.filter((/** @type {any} */ one) => one.name === "timeline" && one.detail.gateway).at(-1)?.detail;
      if (!measured.listening_ms || !line) return null;
      const since = (/** @type {number|null} */ at_ms) => Number(at_ms) - measured.pressed_ms;
      return { ms: since(measured.listening_ms), microphone_ms: since(probe.microphoneAt), ...line };
    }));
}

/** @param {number[]} values @param {number} share */
const quantile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)] ?? NaN;

/** @param {number[]} values */
const figures = (values) =>
  `p50 ${quantile(values, 0.5).toFixed(1)}, p95 ${quantile(values, 0.95).toFixed(1)}, max ${Math.max(...values).toFixed(1)} ms`;

class Judge {
  passed = 0;
  failed = 0;

  /** @param {boolean} limits */
  constructor(limits) {
    this.limits = limits;
  }

  /** @param {boolean} well @param {string} text @param {boolean} [measured] counts only with --limits */
  say(well, text, measured = false) {
    const counts = !measured || this.limits;
    if (counts) well ? this.passed++ : this.failed++;
    console.log(`  ${counts ? (well ? "ok  " : "FAIL") : "    "} ${text}${well ? "" : ": beyond it"}`);
  }
}

/** @param {string} kind @param {Press[]} presses @param {Judge} judge */
function judgeTimelines(kind, presses, judge) {
  const wrong = presses.filter(({ phases }) => {
    const at = ORDER.map((name) => phases[name] ?? NaN);
    return at.some((value, index) => !(value >= (at[index - 1] ?? 0)));
  });
  const worst = wrong[0] ? `; not ${JSON.stringify(wrong[0])}` : "";
  judge.say(wrong.length === 0, `${kind}: ${presses.length} time-lines, each in order${worst}`);
  for (const [mine, theirs] of /** @type {const} */ ([["ANSWERED", "signalling"], ["PATH", "ice"], ["SECURE", "dtls"]])) {
    const pairs = presses.filter(({ phases, gateway }) => mine in phases && theirs in gateway);
    const apart = pairs.map(({ phases, gateway }) => Number(phases[mine]) - Number(phases["OFFERED"]) - Number(gateway[theirs]));
    const median = quantile(apart, 0.5);
    const text = `${kind}: ${mine} after the gateway's ${theirs}: ${figures(apart)} (median at most ${APART_MS})`;
    judge.say(Math.abs(median) <= APART_MS, text, true);
  }
}

/** @param {"chromium"|"firefox"} kind @param {import("../browser/browsers.js").Browser} browser @param {string} url
 * @param {number} runs @param {Judge} judge */
async function measure(kind, browser, url, runs, judge) {
  const page = await openPage(browser, url);
  await page.evaluateOnNewDocument(installWatch);
  await page.evaluateOnNewDocument(installPress);
  await once(page, url, true); // the first of all asks for permissions and wakes the sound
  /** @type {Press[]} */
  const all = [];
  for (const cold of [false, true]) {
    /** @type {Press[]} */
    const presses = [];
    for (let run = 0; run < runs; run++) presses.push(await once(page, url, cold));
    const times = presses.map(({ ms }) => ms);
    const name = cold ? "cold" : "prepared";
    const text = `${kind}, ${name}: press to listening ${figures(times)} (p95 at most ${MOST_MS[name]})`;
    judge.say(quantile(times, 0.95) <= MOST_MS[name], text, true);
    console.log(`       the browser gave the microphone after ${figures(presses.map((one) => one.microphone_ms))}`);
    all.push(...presses);
  }
  judgeTimelines(kind, all, judge);
  await page.close();
}

async function main() {
  const words = process.argv.slice(2);
  const after = (/** @type {string} */ name) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
  const runs = Number(after("--runs") ?? 100);
  const judge = new Judge(words.includes("--limits"));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-press-"));
  const gateway = new Gateway(process.env["GATEWAY"] ?? "");
  const card = new SoundCard(folder);
  /** @type {import("../browser/browsers.js").Browser|null} */
  let browser = null;
  const cleanUp = async () => {
    await Promise.allSettled([browser?.close(), gateway.stop()]);
    card.close();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.on(signal, () => cleanUp().finally(() => process.exit(1)));
  }
  try {
    await gateway.start();
    await until("the sound server", () => card.choose(), 5000);
    for (const kind of /** @type {const} */ (["chromium", "firefox"])) {
      if ((after("--browser") ?? kind) !== kind) continue;
      const { file } = speak(folder, "hello", 30); // silence, as far as this goes
      browser = kind === "chromium" ? await launchChromium(folder, file) : await launchFirefox(folder, card.env);
      await measure(kind, browser, gateway.url, runs, judge);
      await browser.close();
    }
  } catch (error) {
    judge.say(false, String(error instanceof Error ? error.message : error));
  } finally {
    await cleanUp();
  }
  check(judge.passed + judge.failed, "nothing was measured");
  console.log(`${judge.passed} passed, ${judge.failed} failed`);
  process.exit(judge.failed ? 1 : 0);
}

main();
