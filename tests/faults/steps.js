// A camera and a voice on a link whose rate changes, both ways at once: 1 Mbit/s, 100 kbit/s, 40 kbit/s, 1 Mbit/s. Speech must
// not stop, the picture yields and comes back, packets do not queue for long.
//
//   ./run steps [--seconds 30] [--trace]
//
// Root: it makes network namespaces of its own. The page is a real one, in Chromium, with its fake camera, and a fake
// microphone that says the same words every eight seconds. Every RTP packet is seen as it leaves and as it arrives (wire.js):
// the time between is the queue of the router, which holds 0.6 s at 100 kbit/s and 1 s at 40. Judged are
//   - speech: the longest time between two packets of the voice at the gateway, and phrases that were understood;
//   - the queue: 95 % of all packets, over all steps, waited less than 200 ms;
//   - the picture: less of it at each step down, and back within 5 s of the last one: as many bits as before are not asked,
//     but a picture.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { launchChromium, openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { plain, speak } from "../browser/speech.js";
import { call, captions } from "../browser/talk.js";
import { GATEWAY, Lab } from "./lab.js";
import { Proxy } from "./proxy.js";
import { sleep } from "./time.js";
import { crossings, Wire } from "./wire.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {import("./wire.js").Packet} Packet */
/** @typedef {{kbps:number, from_s:number, until_s:number}} Step */
/** @typedef {{heard_at:number[], targets:{at_s:number, video:number, audio:number, available:number}[], steps:Step[],
 *   up:(Packet & {took_s:number})[], down:(Packet & {took_s:number})[], lost_up:number, lost_down:number, asked:number}} Record */

const HTTP = `${GATEWAY}:51000`;
const RATES = [1000, 100, 40, 1000];
const TOKEN = "boss";
const PHRASE = "what time is it";
const PERIOD_S = 8;
const WARM_S = 12;
const AUDIO_TYPES = [111, 63]; // Opus and RED, as Chromium numbers them
const SPEECH_GAP_S = 0.6;
const QUEUE_S = 0.2;
const BACK_S = 5;

/** The phrase and then quiet, to be played in a ring. @param {string} folder @returns {string} */
function ring(folder) {
  const { file } = speak(folder, PHRASE, 0.5);
  const wav = fs.readFileSync(file);
  const bytes = 48_000 * 2 * PERIOD_S;
  const out = Buffer.alloc(44 + bytes);
  wav.copy(out, 0, 0, Math.min(wav.length, out.length));
  out.writeUInt32LE(36 + bytes, 4);
  out.writeUInt32LE(bytes, 40);
  const name = path.join(folder, "ring.wav");
  fs.writeFileSync(name, out);
  return name;
}

/** @param {string} folder @param {string} microphone */
const browserOf = (folder, microphone) =>
  launchChromium(folder, "", {
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-timer-throttling", "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${microphone}`,
      "--autoplay-policy=no-user-gesture-required"],
  });

/** In the page. @returns {Promise<{video:number, audio:number, available:number}>} what senders are allowed, and the estimate */
async function targets() {
  const out = { video: -1, audio: -1, available: -1 };
  for (const pc of /** @type {RTCPeerConnection[]} */ (/** @type {any} */ (window).probe.peers)) {
    if (pc.connectionState !== "connected") continue;
    for (const sender of pc.getSenders()) {
      const [encoding] = sender.getParameters().encodings;
      if (sender.track?.kind === "video") out.video = encoding?.active ? (encoding.maxBitrate ?? 0) : 0;
      if (sender.track?.kind === "audio") out.audio = encoding?.maxBitrate ?? 0;
    }
    for (const stat of (await pc.getStats()).values()) {
      if (stat.type === "candidate-pair" && stat.nominated) out.available = stat.availableOutgoingBitrate ?? -1;
    }
  }
  return out;
}

/** In the page: what its manager knows, and what was said on the channel. */
async function told() {
  const main = /** @type {HTMLScriptElement} */ (document.querySelector('script[type="module"]')).src;
  const { manager } = await import(new URL("early.js", main).href);
  const { sent, received } = /** @type {any} */ (window).probe;
  return { begun_ms: Date.now() - performance.now(), diagnostics: manager.diagnostics(), sent, received };
}

/** @param {Lab} lab @param {Page} page @param {number} seconds of each step @param {boolean} trace @returns {Promise<Record>} */
async function record(lab, page, seconds, trace) {
  const now_s = () => Date.now() / 1000;
  const wires = { page: new Wire(lab.page, "cable", GATEWAY), gateway: new Wire(lab.gw, "net", GATEWAY) };
  /** @type {Record} */
  const all = { heard_at: [], targets: [], steps: [], up: [], down: [], lost_up: 0, lost_down: 0, asked: 0 };
  let heard = (await captions(page, "person")).length;
  try {
    await until("packets on both wires", () => wires.page.packets.length && wires.gateway.packets.length);
    const begun_s = now_s();
    for (const kbps of RATES) {
      lab.rate(kbps);
      const step = { kbps, from_s: now_s(), until_s: 0 };
      all.steps.push(step);
      for (const end_s = step.from_s + seconds; now_s() < end_s; await sleep(500)) {
        const lines = await captions(page, "person");
        for (; heard < lines.length; heard++) if (plain(lines[heard] ?? "") === plain(PHRASE)) all.heard_at.push(now_s());
        const now = { at_s: now_s(), ...(await page.evaluate(targets)) };
        all.targets.push(now);
        if (trace) console.error(kbps, (now.at_s - begun_s).toFixed(1), now.video, now.audio, Math.round(now.available));
      }
      step.until_s = now_s();
    }
    all.asked = Math.floor((now_s() - begun_s) / PERIOD_S);
    lab.rate(0);
    await sleep(500);
  } finally {
    wires.page.close();
    wires.gateway.close();
  }
  const [near, far] = [wires.page.packets, wires.gateway.packets];
  const of = (/** @type {Packet[]} */ packets, /** @type {boolean} */ up) => packets.filter((one) => one.up === up);
  all.up = crossings(of(near, true), of(far, true));
  all.down = crossings(of(far, false), of(near, false));
  all.lost_up = of(near, true).length - all.up.length;
  all.lost_down = of(far, false).length - all.down.length;
  return all;
}

/** What the gateway believed, second by second. @param {Gateway} gateway @returns {Promise<string>} */
async function lastMinute(gateway) {
  const ask = async (/** @type {string} */ what) =>
    (await fetch(`${gateway.url}/api/${what}`, { headers: { Authorization: `Bearer ${TOKEN}` } })).text();
  const { sessions } = JSON.parse(await ask("sessions"));
  return ask(`sessions/${sessions[0]?.id}/last-minute`);
}

/** Within the page's namespace. @param {string} name of the laboratory @param {number} seconds @param {boolean} trace */
async function inside(name, seconds, trace) {
  const lab = new Lab(name);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-steps-"));
  const proxy = new Proxy(HTTP);
  const within = ["ip", "netns", "exec", lab.gw];
  const args = ["--no-auth", "--video", "on", "--admin-token", TOKEN];
  const gateway = new Gateway(process.env["GATEWAY"] ?? "", { within, http: HTTP, udp: `${GATEWAY}:51001`, args });
  /** @type {import("../browser/browsers.js").Browser|null} */
  let browser = null;
  let status = 0;
  try {
    await gateway.start();
    const url = await proxy.listen();
    browser = await browserOf(folder, ring(folder));
    const page = await openPage(browser, url);
    await call(page, url, "auto");
    lab.rate(Number(RATES[0]));
    await page.click("#camera-toggle");
    await until("the mark that it is sent", () => page.$eval("#preview-sent", (mark) => !(/** @type {any} */ (mark).hidden)));
    await sleep(WARM_S * 1000); // the first estimates
    const all = await record(lab, page, seconds, trace);
    if (trace) {
      console.error(await lastMinute(gateway));
      if (process.env["STEPS_TOLD"]) fs.writeFileSync(process.env["STEPS_TOLD"], JSON.stringify(await page.evaluate(told)));
    }
    console.log(JSON.stringify(all));
  } catch (error) {
    console.error(error);
    status = 1;
  } finally {
    await Promise.allSettled([browser?.close(), gateway.stop()]);
    proxy.close();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  process.exit(status);
}

// ---- what it means ----

/** @param {number[]} values @param {number} share */
const quantile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * values.length) - 1)] ?? NaN;

/** @param {Packet} packet */
const isVoice = ({ type }) => AUDIO_TYPES.includes(type);

/** @template {Packet} T @param {T[]} packets @param {{from_s:number, until_s:number}} step @returns {T[]} */
const during = (packets, { from_s, until_s }) => packets.filter(({ at_s }) => at_s >= from_s && at_s < until_s);

/** The longest time without a packet. @param {Packet[]} packets */
const longestGap = (packets) =>
  packets.reduce((most, { at_s }, i) => (i ? Math.max(most, at_s - (packets[i - 1]?.at_s ?? at_s)) : 0), 0);

/** @param {Packet[]} packets @param {Step} step in kbit/s on the wire */
const kbps = (packets, { from_s, until_s }) =>
  (packets.reduce((sum, { bytes }) => sum + bytes, 0) * 8) / (until_s - from_s) / 1000;

const ms = (/** @type {number} */ seconds) => `${Math.round(seconds * 1000)} ms`;

/** @param {Record} all */
function print(all) {
  console.log("    link, kbit/s | voice | picture, its last 5 s | queue up p50, p95 | down p95 | longest gap | phrases");
  for (const step of all.steps) {
    const up = during(all.up, step), took = up.map((one) => one.took_s);
    const video = up.filter((one) => !isVoice(one));
    const late = { ...step, from_s: step.until_s - 5 };
    const phrases = all.heard_at.filter((at) => at >= step.from_s && at < step.until_s).length;
    const down = during(all.down, step).map((one) => one.took_s);
    console.log(`    ${String(step.kbps).padStart(12)} | ${kbps(up.filter(isVoice), step).toFixed(0)} | ` +
      `${kbps(video, step).toFixed(0)}, ${kbps(during(video, late), late).toFixed(0)} | ` +
      `${ms(quantile(took, 0.5))}, ${ms(quantile(took, 0.95))} | ` +
      `${ms(quantile(down, 0.95))} | ${ms(longestGap(up.filter(isVoice)))} | ${phrases}`);
  }
  console.log(`    lost in the router: ${all.lost_up} of ${all.up.length + all.lost_up} up, ` +
    `${all.lost_down} of ${all.down.length + all.lost_down} down`);
}

/** @param {Record} all @returns {[boolean, string][]} */
function judge(all) {
  const voice = all.up.filter(isVoice), video = all.up.filter((one) => !isVoice(one));
  const gap = Math.max(...all.steps.map((step) => longestGap(during(voice, step))));
  const queue = quantile(all.up.map(({ took_s }) => took_s), 0.95), down = quantile(all.down.map(({ took_s }) => took_s), 0.95);
  const [wide, , narrow, again] = /** @type {[Step, Step, Step, Step]} */ (all.steps);
  const least = kbps(during(video, { ...narrow, from_s: narrow.until_s - 10 }), { ...narrow, from_s: narrow.until_s - 10 });
  const back = (video.find(({ at_s }) => at_s > again.from_s)?.at_s ?? Infinity) - again.from_s;
  const phrases = all.heard_at.length;
  return [
    [gap <= SPEECH_GAP_S, `speech never stops: the longest gap at the gateway is ${ms(gap)} (at most ${ms(SPEECH_GAP_S)})`],
    [phrases >= 0.9 * all.asked, `${phrases} of ${all.asked} phrases understood (at least 90 %)`],
    [queue < QUEUE_S, `95 % of the packets to the gateway queued for at most ${ms(queue)} (less than ${ms(QUEUE_S)})`],
    [down < QUEUE_S, `95 % of the packets to the page queued for at most ${ms(down)} (less than ${ms(QUEUE_S)})`],
    [kbps(during(video, wide), wide) > 100, "there is a picture at first"],
    [least < 5, `the picture yields: ${least.toFixed(1)} kbit/s of it in the last 10 s at 40 kbit/s`],
    [back < BACK_S, `and comes back after ${back.toFixed(1)} s (less than ${BACK_S} s)`],
  ];
}

/** @param {Lab} lab @param {string[]} words @returns {Promise<Record>} */
async function runInside(lab, words) {
  const command = [process.execPath, fileURLToPath(import.meta.url), "--inside", lab.name, ...words];
  const child = spawn("ip", ["netns", "exec", lab.page, ...command], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (text) => void (out += text));
  await new Promise((resolve) => child.once("close", resolve));
  check(out, "the measurement ended early");
  return JSON.parse(out);
}

async function main() {
  const words = process.argv.slice(2);
  const seconds = Number(words.includes("--seconds") ? words[words.indexOf("--seconds") + 1] : 30);
  if (words[0] === "--inside") return inside(String(words[1]), seconds, words.includes("--trace"));
  Lab.removeStale();
  const lab = Lab.make(0);
  process.on("exit", () => lab.remove());
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => process.exit(1));
  const all = await runInside(lab, words);
  if (process.env["STEPS_RECORD"]) fs.writeFileSync(process.env["STEPS_RECORD"], JSON.stringify(all));
  print(all);
  const verdicts = judge(all);
  for (const [well, text] of verdicts) console.log(`  ${well ? "ok  " : "FAIL"} ${text}`);
  const failed = verdicts.filter(([well]) => !well).length;
  console.log(`${verdicts.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();
