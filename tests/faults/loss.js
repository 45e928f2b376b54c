// Speech through a network that loses packets, in both directions: without repair, with copies (RED), and with lost packets
// asked for again (NACK) besides. How many spoken phrases the assistant understood, how much of the answers the browser had
// to make up, and what the waiting costs.
//
//   ./run loss [--percent 20] [--phrases 20] [--burst N] [--only off|copies|all]
//
// --burst N: Gilbert's channel: losses in rows of N on average. Root: it makes network namespaces of its own. What is not
// to be, the page strikes out of its offer. Figures are printed; what counts is that repair makes it better, and with
// random loss up to 20 % that 95 % of the phrases are understood and less than 2 % of the answers is made up.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { launchChromium, openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { plain, SoundCard, speak } from "../browser/speech.js";
import { call, captions, nextHeard, reach } from "../browser/talk.js";
import { GATEWAY, Lab } from "./lab.js";
import { Proxy } from "./proxy.js";
import { sleep } from "./time.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {"off"|"copies"|"all"} Repair */
/** @typedef {{concealed:number, received:number, waited_s:number, emitted:number}} Sound  samples of the answers, and how long
 *   they waited in the browser's buffer, together */
/** @typedef {Sound & {repair:Repair, right:number, wrong:string[], counted:Record<string, number>}} Figures  |counted|: of the
 *   gateway's metrics */

const HTTP = `${GATEWAY}:51000`;
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

/** In the page. @returns {Promise<Sound>} */
async function heardSoFar() {
  const sums = { concealed: 0, received: 0, waited_s: 0, emitted: 0 };
  for (const one of /** @type {any} */ (window).probe.peers) {
    const report = await one.getStats();
    for (const stat of report.values()) {
      if (stat.type === "inbound-rtp" && stat.kind === "audio") {
        sums.concealed += stat.concealedSamples - stat.silentConcealedSamples;
        sums.received += stat.totalSamplesReceived - stat.silentConcealedSamples;
        sums.waited_s += stat.jitterBufferDelay;
        sums.emitted += stat.jitterBufferEmittedCount;
      }
    }
  }
  return sums;
}

const COUNTED = ["rtp_repaired_total", "rtp_asked_total", "rtp_recovered_total", "rtp_resent_total", "rtp_lost_total",
  "rtp_delivered_total", "rtp_held_seconds_total", "speech_concealed_total"];

/** @param {Gateway} gateway @returns {Promise<Record<string, number>>} */
async function countedBy(gateway) {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Object.fromEntries(COUNTED.map((name) => [name, Number(new RegExp(`_${name} ([\\d.]+)`).exec(text)?.[1])]));
}

/** @param {Page} page @param {SoundCard} card @param {string} folder @param {number} count
 * @returns {Promise<Sound & {right:number, wrong:string[]}>} */
async function converse(page, card, folder, count) {
  const files = SPOKEN.map((phrase) => speak(folder, phrase, 0.3).file);
  let right = 0;
  const wrong = [];
  await sleep(6000); // the first reports; both sides learn what is lost
  const before = await page.evaluate(heardSoFar);
  for (let i = 0; i < count; i++) {
    const phrase = SPOKEN[i % SPOKEN.length] ?? "";
    const already = (await captions(page, "person")).length;
    await card.play(String(files[i % files.length]));
    const heard = await nextHeard(page, already).catch(() => "");
    if (plain(heard) === plain(phrase)) right++;
    else wrong.push(`${phrase} -> ${heard || "nothing"}`);
    await reach(page, ["speaking"], 4000).catch(() => undefined);
    await reach(page, ["listening"], 30_000);
  }
  const after = await page.evaluate(heardSoFar);
  return {
    right,
    wrong,
    concealed: after.concealed - before.concealed,
    received: after.received - before.received,
    waited_s: after.waited_s - before.waited_s,
    emitted: after.emitted - before.emitted,
  };
}

/** Within the page's namespace. @param {string} name of the laboratory @param {number} percent @param {number} burst
 * @param {number} count @param {Repair[]} repairs */
async function inside(name, percent, burst, count, repairs) {
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
    browser = await launchChromium(folder, "", {
      env: { ...process.env, ...card.env },
      args: ["--no-sandbox", "--disable-gpu", "--force-prefers-reduced-motion", "--autoplay-policy=no-user-gesture-required"],
    });
    await browser.defaultBrowserContext().setPermission(url, { permission: { name: "microphone" }, state: "granted" });
    for (const repair of repairs) {
      const page = await openPage(browser, url);
      if (repair !== "all") await page.evaluateOnNewDocument(strikeOut, repair === "copies");
      await call(page, url, "auto");
      lab.lose(percent, burst);
      const before = await countedBy(gateway);
      const sound = await converse(page, card, folder, count);
      const after = await countedBy(gateway);
      lab.heal();
      const counted = Object.fromEntries(COUNTED.map((figure) => [figure, Number(after[figure]) - Number(before[figure])]));
      console.log(JSON.stringify({ repair, ...sound, counted }));
      await page.close();
    }
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

/** @param {Lab} lab @param {string[]} words @returns {Promise<Figures[]>} */
async function runInside(lab, words) {
  const command = [process.execPath, fileURLToPath(import.meta.url), "--inside", lab.name, ...words];
  const child = spawn("ip", ["netns", "exec", lab.page, ...command], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (text) => void (out += text));
  await new Promise((resolve) => child.once("exit", resolve));
  return out.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** @param {Figures} one */
const madeUp = ({ concealed, received }) => concealed / Math.max(1, received);

/** @param {Figures} one @param {number} count */
function print(one, count) {
  const n = (/** @type {string} */ name) => Number(one.counted[name]);
  const held_ms = (1000 * n("rtp_held_seconds_total")) / Math.max(1, n("rtp_delivered_total"));
  const buffer_ms = (1000 * one.waited_s) / Math.max(1, one.emitted);
  console.log(`  repair ${one.repair}: ${one.right} of ${count} phrases understood; ${(100 * madeUp(one)).toFixed(2)} % of the ` +
    "answers made up");
  console.log(`    up: ${n("rtp_delivered_total")} frames, ${n("rtp_repaired_total")} from copies, ` +
    `${n("rtp_recovered_total")} of ${n("rtp_asked_total")} asked for came, ${n("rtp_lost_total")} lost, ` +
    `${n("speech_concealed_total")} concealed; held ${held_ms.toFixed(1)} ms on average`);
  console.log(`    down: ${n("rtp_resent_total")} sent again; ${buffer_ms.toFixed(0)} ms in the browser's buffer on average`);
  for (const wrong of one.wrong) console.log(`       ${wrong}`);
}

/** @param {Partial<Record<Repair, Figures>>} figures @param {number} count @param {boolean} isTarget
 * @returns {[boolean, string][]} */
function judge({ off, copies, all }, count, isTarget) {
  /** @type {[boolean, string][]} */
  const verdicts = [];
  if (copies) verdicts.push([Number(copies.counted["rtp_repaired_total"]) > 0, "the browser sends copies, and they are used"]);
  if (all) {
    verdicts.push([Number(all.counted["rtp_recovered_total"]) > 0, "the browser sends again what the gateway asks for"]);
    verdicts.push([Number(all.counted["rtp_resent_total"]) > 0, "the gateway sends again what the browser asks for"]);
  }
  if (off && copies) verdicts.push([madeUp(copies) < madeUp(off) / 2, "copies halve at least what is made up of the answers"]);
  if (all && isTarget) {
    verdicts.push([all.right >= 0.95 * count, "95 % of the phrases are understood"]);
    verdicts.push([madeUp(all) < 0.02, "less than 2 % of the answers is made up"]);
  }
  return verdicts;
}

async function main() {
  const words = process.argv.slice(2);
  const after = (/** @type {string} */ name, /** @type {string|number} */ other) =>
    words.includes(name) ? String(words[words.indexOf(name) + 1]) : String(other);
  const [percent, burst, count] = [after("--percent", 20), after("--burst", 1), after("--phrases", 20)].map(Number);
  const repairs = /** @type {Repair[]} */ (after("--only", "off,copies,all").split(","));
  if (!percent || !burst || !count) throw new RangeError("numbers are wanted");
  if (words[0] === "--inside") return inside(String(words[1]), percent, burst, count, repairs);
  Lab.removeStale();
  const lab = Lab.make(0);
  process.on("exit", () => lab.remove());
  const figures = await runInside(lab, words);
  check(figures.length === repairs.length, "the measurement ended early");
  console.log(`  ${percent} % lost${burst > 1 ? ` in rows of ${burst}` : ""}, both ways`);
  for (const one of figures) print(one, count);
  const verdicts = judge(Object.fromEntries(figures.map((one) => [one.repair, one])), count, burst === 1 && percent <= 20);
  for (const [well, text] of verdicts) console.log(`  ${well ? "ok  " : "FAIL"} ${text}`);
  const failed = verdicts.filter(([well]) => !well).length;
  console.log(`${verdicts.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();
