// From the press of the start button to listening, hands-free, in real browsers on loopback; and the manager's
// time-line beside the gateway's own. ./run press [--limits] [--runs N] [--browser chromium|firefox]
//
// prepared: the page has been there a while and says PREPARED. cold: pressed in the instant in which the page is loaded,
// so that everything, the core's WebAssembly too, is still to be fetched. Without --limits, figures are only printed:
// they are those of this machine at this moment.
//
// What is the browser's own of it is told by press_hand.js: an empty page that does the least there is to do, in turn with ours,
// pressed as ours is. Nothing else runs in either: no meter of the sound, which would open a device of its own.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { launchChromium, launchFirefox } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { SoundCard, speak } from "../browser/speech.js";
import { handWork } from "./press_hand.js";
import { installWatch } from "./watch.js";

/** @typedef {Awaited<ReturnType<import("../browser/browsers.js").Browser["newPage"]>>} Page */
/** @typedef {{ms:number, microphone_ms:number, wanted_ms:number, http_ms:number, phases:Record<string, number>,
 *   gateway:Record<string, number>}} Press  |http_ms|: the offer's request as the browser's own book has it; |wanted_ms|:
 *   where the time-line begins, seen from the press */

const MOST_MS = { prepared: 100, cold: 300 };
/** Between being prepared and the press, in our page and by hand: what was begun with the page is over by then. */
const REST_MS = 500;
const HAND_MS = 10_000;
/** What the two time-lines may differ by, at the median, with both sides on one machine. */
const APART_MS = 20;
/** Firefox tells the time in whole milliseconds, and each difference has two of them. */
const CLOCK_MS = 2.2;
/** What is the cause of what. Nothing else has an order in a page: candidates come when they come, and messages may be
 * handed over before the browser says that it is connected. */
const CAUSES = [
  ["WANTED", "OPENED"], ["OPENED", "DESCRIBED"], ["DESCRIBED", "OFFERED"], ["OFFERED", "ANSWERED"], ["ANSWERED", "PATH"],
  ["ANSWERED", "CHANNEL"], ["CHANNEL", "READY"],
];

/** Runs in the page: presses, and notes when it listens. `press` at once when it is loaded, if |cold|. */
function installPress() {
  const measured = { pressed_ms: 0, listening_ms: 0, microphone_ms: 0 };
  const devices = navigator.mediaDevices;
  const ask = devices?.getUserMedia.bind(devices);
  if (devices) {
    devices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints);
      measured.microphone_ms = performance.now();
      return stream;
    };
  }
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
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    await page.evaluate(() => /** @type {any} */ (window).press());
  }
  return until("listening", () =>
    page.evaluate(() => {
      const { measured, watch } = /** @type {any} */ (window);
      const line = watch.told.filter((/** @type {any} */ one) => one.name === "timeline" && one.detail.gateway).at(-1)?.detail;
      if (!measured.listening_ms || !line) return null;
      const since = (/** @type {number|null} */ at_ms) => Number(at_ms) - measured.pressed_ms;
      const request = performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/api/offer")).at(-1);
      const http_ms = Number(request?.duration);
      const wanted_ms = since(Number(request?.startTime)) - line.phases.OFFERED;
      return { ms: since(measured.listening_ms), microphone_ms: since(measured.microphone_ms), wanted_ms, http_ms, ...line };
    }));
}

/** The same by hand, in a file of the gateway that is shown as text: no page, no script.
 * @param {Page} page @param {string} url @param {boolean} cold
 * @returns {Promise<{ms:number, microphone_ms:number}|null>} null: not in time; nothing tries again by hand */
async function onceByHand(page, url, cold) {
  await page.goto("about:blank");
  await page.goto(`${url}/js/theme.js`, { waitUntil: "load" });
  const late = new Promise((/** @type {(late:null) => void} */ resolve) => setTimeout(resolve, HAND_MS, null).unref());
  return Promise.race([page.evaluate(handWork, cold, REST_MS).catch(() => null), late]);
}

/** @param {Page} page @param {string} url @param {boolean} cold @param {number} runs */
async function inTurn(page, url, cold, runs) {
  /** @type {Press[]} */
  const presses = [];
  /** @type {{ms:number, microphone_ms:number}[]} */
  const hands = [];
  for (let run = 0; run < runs; run++) {
    presses.push(await once(page, url, cold));
    const hand = await onceByHand(page, url, cold);
    if (hand) hands.push(hand);
  }
  return { presses, hands };
}

/** @param {number[]} values @param {number} share */
const quantile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)] ?? NaN;

/** @param {number[]} values */
const figures = (values) =>
  `p50 ${quantile(values, 0.5).toFixed(1)}, p95 ${quantile(values, 0.95).toFixed(1)}, max ${Math.max(...values).toFixed(1)} ms`;

/** Medians, since the press. @param {Press[]} presses */
const stepsOf = (presses) =>
  ["OPENED", "DESCRIBED", "OFFERED", "ANSWERED", "PATH", "SECURE", "CHANNEL", "READY"].map((name) => {
    const seen = presses.filter(({ phases }) => name in phases); // keys may be told after the messages
    const at_ms = quantile(seen.map(({ phases, wanted_ms }) => wanted_ms + Number(phases[name])), 0.5);
    return `${name} ${at_ms.toFixed(0)}`;
  }).join(", ");

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

/** The manager's time-line beside the gateway's, which counts from the arrival of the offer: that is later than OFFERED by
 * the way there, and the answer is later by the way back. Only the sum of the two is known,
 *   way = (ANSWERED - OFFERED) - signalling,
 * and never less than nothing. Of what is not HTTP, the page's point minus OFFERED minus the gateway's is the way there
 * and how much later the page learns of it; the way there is taken for half of both. Pages learn of a path half a round
 * trip apart from gateways, of keys too (either may be first), and when their main thread has time.
 * @param {string} kind @param {Press[]} presses @param {Judge} judge */
function judgeTimelines(kind, presses, judge) {
  const wrong = presses.filter(({ phases }) =>
    CAUSES.some(([cause, effect]) => !(Number(phases[String(cause)]) <= Number(phases[String(effect)]))));
  const worst = wrong[0] ? `; not ${JSON.stringify(wrong[0])}` : "";
  judge.say(wrong.length === 0, `${kind}: ${presses.length} time-lines, each in order${worst}`);
  const wait_ms = (/** @type {Press} */ { phases }) => Number(phases["ANSWERED"]) - Number(phases["OFFERED"]);
  const way_ms = (/** @type {Press} */ press) => wait_ms(press) - Number(press.gateway["signalling"]);
  const ways = presses.map(way_ms);
  const least = Math.min(...ways);
  judge.say(least >= -CLOCK_MS, `${kind}: no answer came before the gateway had it: ${least.toFixed(1)} ms at least`);
  console.log(`       the gateway's signalling: ${figures(presses.map(({ gateway }) => Number(gateway["signalling"])))}`);
  const median = (/** @type {string} */ what, /** @type {number[]} */ values) => {
    const well = Math.abs(quantile(values, 0.5)) <= APART_MS;
    judge.say(well, `${kind}: ${what}: ${figures(values)} (median at most ${APART_MS})`, true);
  };
  console.log(`       offer and answer on their way, in the browser's own time: ${figures(ways)}`);
  median("the answer arrived after the browser had it", presses.map((press) => wait_ms(press) - press.http_ms));
  for (const [mine, theirs] of /** @type {const} */ ([["PATH", "ice"], ["SECURE", "dtls"], ["CHANNEL", "data"]])) {
    const pairs = presses.filter(({ phases, gateway }) => mine in phases && theirs in gateway);
    const apart = pairs.map((press) =>
      Number(press.phases[mine]) - Number(press.phases["OFFERED"]) - way_ms(press) / 2 - Number(press.gateway[theirs]));
    median(`${mine} after the gateway's ${theirs}`, apart);
  }
}

/** @param {"chromium"|"firefox"} kind @param {import("../browser/browsers.js").Browser} browser @param {string} url
 * @param {number} runs @param {Judge} judge */
async function measure(kind, browser, url, runs, judge) {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(installWatch);
  await page.evaluateOnNewDocument(installPress);
  await once(page, url, true); // the first of all asks for permissions and wakes the sound
  /** @type {Press[]} */
  const all = [];
  for (const cold of [false, true]) {
    const { presses, hands } = await inTurn(page, url, cold, runs);
    const times = presses.map(({ ms }) => ms);
    const name = cold ? "cold" : "prepared";
    const text = `${kind}, ${name}: press to listening ${figures(times)} (p95 at most ${MOST_MS[name]})`;
    judge.say(quantile(times, 0.95) <= MOST_MS[name], text, true);
    console.log(`       the browser gave the microphone after ${figures(presses.map((one) => one.microphone_ms))}`);
    console.log(`       and it listened after that ${figures(presses.map((one) => one.ms - one.microphone_ms))}`);
    console.log(`       by hand in an empty page, ${hands.length} times: ${figures(hands.map((one) => one.ms))}; the microphone ` +
      figures(hands.map((one) => one.microphone_ms)));
    const ratio = quantile(times, 0.5) / quantile(hands.map((one) => one.ms), 0.5);
    const steps = cold ? stepsOf(presses) : "no step but the microphone";
    console.log(`       ours is ${ratio.toFixed(2)} times that at the median; ${steps}`);
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
