// Speech through a network that loses packets, in both directions: without repair, with copies (RED), and with lost packets
// asked for again (NACK) besides. How many spoken phrases the assistant understood, how much of the answers the browser had
// to make up, and what the waiting costs.
//
//   ./run loss [--percent 20] [--phrases 20] [--burst N] [--only off|copies|all]
//   ./run loss --table [--share 1] [--minutes N] [--lanes 1] [--fresh]
//
// --burst N: Gilbert's channel: losses in rows of N on average. Root: it makes network namespaces of its own. What is not
// to be, the page strikes out of its offer. Figures are printed; what counts is that repair makes it better, and with
// random loss up to 20 % that 95 % of the phrases are understood and less than 2 % of the answers is made up.
//
// --table: all cells of docs/loss.md (loss_table.js), the important ones first; writes the page. What is said is kept in
// build/faults/loss.jsonl, so a run that was ended, or that --minutes ends, goes on where it was; --fresh: all anew.
// --share 0.5: half as many phrases in each cell. --lanes: so many calls side by side, where there are cores to spare.

import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { launchChromium, openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { plain, SoundCard, speak } from "../browser/speech.js";
import { call, captions, nextHeard, reach } from "../browser/talk.js";
import { GATEWAY, Lab } from "./lab.js";
import { figuresOf, ofCell, page as document, plan, readSpoken } from "./loss_table.js";
import { Proxy } from "./proxy.js";
import { sleep } from "./time.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {import("./loss_table.js").Repair} Repair */
/** @typedef {import("./loss_table.js").Cell} Cell */
/** @typedef {import("./loss_table.js").Sound} Sound */
/** @typedef {import("./loss_table.js").Spoken} Spoken */
/** @typedef {{name:string, cells:(Cell & {count:number})[], until_ms:number}} Work  |name| of the laboratory */

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const HTTP = `${GATEWAY}:51000`;
const FOREVER = Number.MAX_SAFE_INTEGER;
/** Of those that are understood without loss; "hello" and the like are guessed from little. */
const SPOKEN = ["what time is it", "tell me a joke", "who are you", "set the volume to fifty percent", "good morning", "thank you",
  "what can you do"];

/** In the page: neither side learns of NACK for sound, nor, unless |copies|, of RED. @param {boolean} copies */
function strikeOut(copies) {
  const strike = (/** @type {string} */ whole) => {
    const opus = /^a=rtpmap:(\d+) opus\//m.exec(whole)?.[1];
    const sdp = whole.replace(`a=rtcp-fb:${opus} nack\r\n`, "");
    if (copies) return sdp;
    const type = /^a=rtpmap:(\d+) red\/48000/m.exec(sdp)?.[1];
    if (!type) return sdp;
    const lines = sdp.split("\r\n").filter((line) => !new RegExp(`^a=(rtpmap|fmtp|rtcp-fb):${type} `).test(line));
    return lines.map((line) => (line.startsWith("m=audio") ? line.replace(new RegExp(` ${type}\\b`), "") : line)).join("\r\n");
  };
  const { setLocalDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setLocalDescription = /** @type {any} */ (
    function (/** @type {RTCSessionDescriptionInit} */ offer) {
      const struck = { type: offer.type, sdp: strike(String(offer.sdp)) };
      return /** @type {any} */ (setLocalDescription).call(/** @type {any} */ (this), struck);
    });
}

/** In the page. A connection that is no more counts as it was seen last. @returns {Promise<Sound>} */
async function heardSoFar() {
  const page = /** @type {any} */ (window);
  /** @type {Map<RTCPeerConnection, Sound>} */
  const heard = (page.heard ??= new Map());
  for (const one of page.probe.peers) {
    for (const stat of (await one.getStats()).values()) {
      if (stat.type !== "inbound-rtp" || stat.kind !== "audio") continue;
      heard.set(one, {
        concealed: stat.concealedSamples - stat.silentConcealedSamples,
        received: stat.totalSamplesReceived - stat.silentConcealedSamples,
        waited_s: stat.jitterBufferDelay,
        emitted: stat.jitterBufferEmittedCount,
      });
    }
  }
  const sums = { concealed: 0, received: 0, waited_s: 0, emitted: 0 };
  for (const one of heard.values())
    for (const name of /** @type {(keyof Sound)[]} */ (Object.keys(sums))) sums[name] += one[name];
  return sums;
}

const COUNTED = ["rtp_repaired_total", "rtp_asked_total", "rtp_recovered_total", "rtp_resent_total", "rtp_lost_total",
  "rtp_delivered_total", "rtp_held_seconds_total", "speech_concealed_total"];

/** @param {Gateway} gateway @returns {Promise<Record<string, number>>} */
async function countedBy(gateway) {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Object.fromEntries(COUNTED.map((name) => [name, Number(new RegExp(`_${name} ([\\d.]+)`).exec(text)?.[1])]));
}

/** What is more of it. @template {Record<string, number>} T @param {T} before @param {T} after @returns {T} */
const grown = (before, after) => /** @type {T} */ (
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - Number(before[name])])));

/** @typedef {{page:Page, card:SoundCard, gateway:Gateway, files:ReturnType<typeof speak>[]}} Stage */

/** Says one phrase and hears the answer. @param {Stage} stage @param {number} index of the phrase
 * @returns {Promise<Omit<Spoken, "revision"|"load"|keyof Cell>>} */
async function converse({ page, card, gateway, files }, index) {
  const phrase = SPOKEN[index] ?? "", file = files[index];
  if (!file) throw new RangeError("no such phrase");
  const [sound, counted] = [await page.evaluate(heardSoFar), await countedBy(gateway)];
  const already = (await captions(page, "person")).length;
  const over_ms = performance.now() + file.end_s * 1000;
  /** @type {number|null} */
  let after_ms = null;
  const words = nextHeard(page, already).catch(() => "").then((text) => {
    if (text) after_ms = performance.now() - over_ms;
    return text;
  });
  await card.play(file.file);
  const heard = await words;
  await reach(page, ["speaking"], 4000).catch(() => undefined);
  await reach(page, ["listening"], 30_000);
  return {
    phrase,
    heard,
    right: plain(heard) === plain(phrase),
    after_ms,
    sound: grown(sound, await page.evaluate(heardSoFar)),
    counted: grown(counted, await countedBy(gateway)),
  };
}

/** One cell: a page, a call, phrases. @param {import("../browser/browsers.js").Browser} browser @param {string} url
 * @param {Lab} lab @param {Omit<Stage, "page">} stage @param {Cell & {count:number}} cell @param {number} until_ms */
async function measure(browser, url, lab, stage, { count, ...cell }, until_ms) {
  const page = await openPage(browser, url);
  if (cell.repair !== "all") await page.evaluateOnNewDocument(strikeOut, cell.repair === "copies");
  await call(page, url, "auto");
  lab.loseDatagrams(cell.percent, cell.burst);
  await sleep(6000); // the first reports; both sides learn what is lost
  for (let i = 0; i < count && Date.now() < until_ms; i++) {
    const spoken = await converse({ page, ...stage }, i % SPOKEN.length);
    console.log(JSON.stringify({ ...cell, revision: process.env["REVISION"] ?? "", load: os.loadavg()[0], ...spoken }));
  }
  lab.heal();
  await page.close();
}

/** Within the page's namespace. @param {Work} work */
async function inside({ name, cells, until_ms }) {
  const lab = new Lab(name);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-loss-"));
  const proxy = new Proxy(HTTP);
  const card = new SoundCard(folder);
  const within = ["ip", "netns", "exec", lab.gw];
  const gateway = new Gateway(process.env["GATEWAY"] ?? "", { within, http: HTTP, udp: `${GATEWAY}:51001`, args: ["--no-auth"] });
  /** @type {import("../browser/browsers.js").Browser|null} */
  let browser = null;
  let status = 0;
  try {
    await until("the sound server", () => card.choose(), 5000);
    await gateway.start();
    const url = await proxy.listen();
    const files = SPOKEN.map((phrase) => speak(folder, phrase, 0.3));
    browser = await launchChromium(folder, "", {
      env: { ...process.env, ...card.env },
      args: ["--no-sandbox", "--disable-gpu", "--force-prefers-reduced-motion", "--autoplay-policy=no-user-gesture-required"],
    });
    await browser.defaultBrowserContext().setPermission(url, { permission: { name: "microphone" }, state: "granted" });
    const stage = { card, gateway, files };
    for (const cell of cells) if (Date.now() < until_ms) await measure(browser, url, lab, stage, cell, until_ms);
  } catch (error) {
    console.error(error);
    status = 1;
  } finally {
    await Promise.allSettled([browser?.close(), gateway.stop()]);
    card.close();
    proxy.close();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  process.exit(status);
}

/** @param {Lab} lab @param {Omit<Work, "name">} work @param {(spoken:Spoken) => void} tell of each phrase, as it was said */
async function runInside(lab, work, tell) {
  const command = [process.execPath, fileURLToPath(import.meta.url), "--inside", JSON.stringify({ name: lab.name, ...work })];
  const child = spawn("ip", ["netns", "exec", lab.page, ...command], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) tell(JSON.parse(line));
}

/** @param {Cell} cell @param {Spoken[]} spoken */
function print(cell, spoken) {
  const one = figuresOf(spoken);
  console.log(`  repair ${cell.repair}: ${one.right} of ${one.count} phrases understood; ` +
    `${(100 * one.made_up).toFixed(2)} % of the answers made up`);
  console.log(`    up: ${one.n("rtp_delivered_total")} frames, ${one.n("rtp_repaired_total")} from copies, ` +
    `${one.n("rtp_recovered_total")} of ${one.n("rtp_asked_total")} asked for came, ${one.n("rtp_lost_total")} lost, ` +
    `${one.n("speech_concealed_total")} concealed; held ${one.held_ms.toFixed(1)} ms on average`);
  console.log(`    down: ${one.n("rtp_resent_total")} sent again; ${one.buffer_ms.toFixed(0)} ms in the browser's buffer on ` +
    `average; words ${one.after_ms.toFixed(0)} ms after the phrase`);
  for (const { right, phrase, heard, counted } of spoken)
    if (!right) console.log(`       ${phrase} -> ${heard || "nothing"} (${counted["rtp_lost_total"]} frames lost)`);
}

/** @param {Partial<Record<Repair, ReturnType<typeof figuresOf>>>} figures @param {boolean} isTarget
 * @returns {[boolean, string][]} */
function judge({ off, copies, all }, isTarget) {
  /** @type {[boolean, string][]} */
  const verdicts = [];
  if (copies) verdicts.push([copies.n("rtp_repaired_total") > 0, "the browser sends copies, and they are used"]);
  if (all) {
    verdicts.push([all.n("rtp_recovered_total") > 0, "the browser sends again what the gateway asks for"]);
    verdicts.push([all.n("rtp_resent_total") > 0, "the gateway sends again what the browser asks for"]);
  }
  if (off && copies) verdicts.push([copies.made_up < off.made_up / 2, "copies halve at least what is made up of the answers"]);
  if (all && isTarget) {
    verdicts.push([all.right >= 0.95 * all.count, "95 % of the phrases are understood"]);
    verdicts.push([all.made_up < 0.02, "less than 2 % of the answers is made up"]);
  }
  return verdicts;
}

/** @param {Cell} cell */
async function one({ percent, burst }, /** @type {Repair[]} */ repairs, /** @type {number} */ count) {
  const lab = Lab.make(0);
  process.on("exit", () => lab.remove());
  /** @type {Spoken[]} */
  const all = [];
  const cells = repairs.map((repair) => ({ percent, burst, repair, count }));
  await runInside(lab, { cells, until_ms: FOREVER }, (spoken) => void all.push(spoken));
  check(all.length === count * repairs.length, "the measurement ended early");
  console.log(`  ${percent} % lost${burst > 1 ? ` in rows of ${burst}` : ""}, both ways`);
  for (const cell of cells) print(cell, ofCell(all, cell));
  const figures = Object.fromEntries(cells.map((cell) => [cell.repair, figuresOf(ofCell(all, cell))]));
  const verdicts = judge(figures, burst === 1 && percent <= 20);
  for (const [well, text] of verdicts) console.log(`  ${well ? "ok  " : "FAIL"} ${text}`);
  const failed = verdicts.filter(([well]) => !well).length;
  console.log(`${verdicts.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

/** @param {{share:number, lanes:number, minutes:number, fresh:boolean}} options */
async function table({ share, lanes, minutes, fresh }) {
  const file = path.join(root, "build/faults/loss.jsonl");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  if (fresh) fs.rmSync(file, { force: true });
  const all = readSpoken(file);
  const left = () => plan(share).map((cell) => ({ ...cell, count: cell.count - ofCell(all, cell).length }))
    .filter(({ count }) => count > 0);
  const missing = left();
  const until_ms = minutes ? Date.now() + minutes * 60_000 : FOREVER;
  const labs = Array.from({ length: lanes }, (_, index) => Lab.make(index));
  process.on("exit", () => labs.forEach((lab) => lab.remove()));
  const tell = (/** @type {Spoken} */ spoken) => {
    fs.appendFileSync(file, `${JSON.stringify(spoken)}\n`);
    all.push(spoken);
  };
  await Promise.all(labs.map(async (lab) => {
    for (let cell = missing.shift(); cell && Date.now() < until_ms; cell = missing.shift()) {
      await runInside(lab, { cells: [cell], until_ms }, tell);
      console.log(`  ${cell.percent} %${cell.burst > 1 ? ` in rows of ${cell.burst}` : ""}`);
      print(cell, ofCell(all, cell));
    }
  }));
  fs.writeFileSync(path.join(root, "docs/loss.md"), document(all, "./dev loss"));
  const n_left = left().length;
  console.log(`${plan(share).length - n_left} of ${plan(share).length} cells measured; docs/loss.md written`);
  process.exit(n_left && !minutes ? 1 : 0);
}

async function main() {
  const words = process.argv.slice(2);
  if (words[0] === "--inside") return inside(JSON.parse(String(words[1])));
  const after = (/** @type {string} */ name, /** @type {string|number} */ other) =>
    words.includes(name) ? String(words[words.indexOf(name) + 1]) : String(other);
  const number = (/** @type {string} */ name, /** @type {number} */ other) => {
    const value = Number(after(name, other));
    if (!(value >= 0)) throw new RangeError(`${name}: a number is wanted`);
    return value;
  };
  process.env["REVISION"] = execFileSync("git", ["-C", root, "describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => process.exit(1));
  Lab.removeStale();
  if (words.includes("--table")) {
    return table({ share: number("--share", 1), lanes: number("--lanes", 1), minutes: number("--minutes", 0),
      fresh: words.includes("--fresh") });
  }
  const repairs = /** @type {Repair[]} */ (after("--only", "off,copies,all").split(","));
  await one({ percent: number("--percent", 20), burst: number("--burst", 1), repair: "all" }, repairs, number("--phrases", 20));
}

main();
