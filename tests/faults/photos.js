// Photos of a camera that is on: how soon they are sent, of which moment, how sharp; and what a hundred of them leave
// behind, in the gateway and in the page. ./run photos [--number N] [--limits]
//
// The time is from the gateway's word to the last piece given to the data channel, as the page has both. The moment is that
// of the camera's frame that the photo is most like; a busy page does not see each of them, so medians are judged. Times
// count only with --limits: they are those of this machine.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { launchChromium, openPage } from "../browser/browsers.js";
import { installEye } from "../browser/eye.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { speak } from "../browser/speech.js";
import { call, reach, type } from "../browser/talk.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {{asked:number, sent:number, at:number, sharpness:number, camera:number, psnr_db:number, bytes:number}} Photo */

const MOST_MS = 500;
const JUDGED = 20; // each costs some tenths of a second in the page
const WARM = 5;
/** What a hundred photos may leave: the page's own history of a hundred questions and answers included. */
const RSS_MOST_KB = 1024;
const HEAP_MOST_KB = 8 * 1024;

/** Runs in the page before its scripts: keeps the bytes of the photo that went out last, and counts blob addresses. */
function installShutter() {
  /** @type {{pieces:ArrayBuffer[], urls:number, sent:number}} */
  const shutter = { pieces: [], urls: 0, sent: 0 };
  const send = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (/** @type {any} */ data) {
    if (typeof data !== "string") {
      shutter.pieces.push(data.slice(0));
      shutter.sent = performance.now();
    } else if (JSON.parse(data).type === "photo") {
      shutter.pieces = [];
    }
    return send.call(this, data);
  };
  const create = URL.createObjectURL, revoke = URL.revokeObjectURL;
  URL.createObjectURL = (/** @type {any} */ thing) => (shutter.urls++, create(thing));
  URL.revokeObjectURL = (url) => (shutter.urls--, revoke(url));
  Object.assign(window, { shutter });
}

/** @param {Page} page @param {boolean} judged @returns {Promise<Photo|null>} */
async function take(page, judged) {
  const results = () => page.evaluate(() => /** @type {any} */ (window).probe.sent.filter(
    (/** @type {any} */ entry) => entry.message.type === "tool_result").map((/** @type {any} */ entry) => entry.message));
  const before = (await results()).length;
  await type(page, "take a photo");
  const result = (await until("the photo", async () => (await results())[before])) ?? {};
  check(result.ok, `a photo: ${JSON.stringify(result)}`);
  if (!judged) return null;
  return page.evaluate(async () => {
    const { shutter, probe, eye } = /** @type {any} */ (window);
    const asked = probe.received.filter((/** @type {any} */ entry) => entry.message.type === "tool").at(-1).at;
    const blob = new Blob(shutter.pieces, { type: "image/jpeg" });
    const picture = await createImageBitmap(blob);
    const judged = eye.judge(picture, picture.width, picture.height);
    picture.close();
    return { asked, sent: shutter.sent, bytes: blob.size, ...judged };
  });
}

/** What is taken, after a collection. @param {Page} page @param {Gateway} gateway */
async function taken(page, gateway) {
  const session = await page.createCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.enable").then(() => session.send("Performance.getMetrics"));
  await session.detach();
  const metric = (/** @type {string} */ name) => Number(metrics.find((one) => one.name === name)?.value);
  const status = fs.readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  return {
    rss_kb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]),
    descriptors: fs.readdirSync(`/proc/${gateway.pid}/fd`).length,
    sessions: await gateway.sessions(),
    heap_kb: metric("JSHeapUsedSize") / 1024,
    urls: await page.evaluate(() => /** @type {any} */ (window).shutter.urls),
    canvases: await page.evaluate(() => document.querySelectorAll("canvas").length),
    cameras: await page.evaluate(() => /** @type {any} */ (window).probe.tracks.filter(
      (/** @type {MediaStreamTrack} */ track) => track.kind === "video" && track.readyState === "live").length),
  };
}

let passed = 0, failed = 0;
/** @param {boolean} well @param {string} text @param {boolean} [counts] */
function say(well, text, counts = true) {
  if (counts) well ? passed++ : failed++;
  console.log(`  ${counts ? (well ? "ok  " : "FAIL") : "    "} ${text}`);
}

/** @param {number[]} values @param {number} share */
const quantile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(share * values.length) - 1)] ?? NaN;
/** @param {number[]} values */
const figures = (values) =>
  `p50 ${quantile(values, 0.5).toFixed(1)}, min ${Math.min(...values).toFixed(1)}, max ${Math.max(...values).toFixed(1)}`;

/** @param {Page} page @param {Gateway} gateway @param {number} number @param {boolean} limits */
async function measure(page, gateway, number, limits) {
  await call(page, gateway.url);
  await page.click("#camera-toggle");
  await until("a picture", () => page.$eval("#preview video", (/** @type {any} */ video) => video.videoWidth > 0));
  await page.$eval("#preview video", (video) => /** @type {any} */ (window).eye.watch(video));
  /** @type {Photo[]} */
  const photos = [];
  for (let i = 0; i < JUDGED; i++) {
    await reach(page, ["ready"], 30_000);
    const photo = await take(page, true);
    if (photo) photos.push(photo);
  }
  const times = photos.map(({ asked, sent }) => sent - asked);
  say(Math.max(...times) <= MOST_MS, `${photos.length} photos sent after ms: ${figures(times)} (at most ${MOST_MS})`, limits);
  const moments = photos.map(({ at, asked }) => at - asked);
  say(quantile(moments, 0.5) > -100, `of a moment, in ms after the word: ${figures(moments)}`, limits);
  const share = photos.map(({ sharpness, camera }) => sharpness / camera);
  say(share.every((one) => one > 0.7 && one < 1.3), `sharpness, of the camera's own frame: ${figures(share)}`);
  const psnr_db = photos.map((one) => one.psnr_db);
  say(quantile(psnr_db, 0.5) > 35, `PSNR to that frame in dB: ${figures(psnr_db)}`);
  console.log(`       bytes: ${figures(photos.map(({ bytes }) => bytes))}`);
  await page.reload();
  await call(page, gateway.url); // without the memory of what the camera has shown
  await page.click("#camera-toggle");
  await until("a picture", () => page.$eval("#preview video", (/** @type {any} */ video) => video.videoWidth > 0));
  for (let i = 0; i < WARM + 20; i++) await take(page, false); // until the conversation shows as many as it keeps
  await reach(page, ["ready"], 30_000);
  const before = await taken(page, gateway);
  for (let i = 0; i < number; i++) await take(page, false);
  await reach(page, ["ready"], 30_000);
  const after = await taken(page, gateway);
  const grown = after.rss_kb - before.rss_kb, heap = after.heap_kb - before.heap_kb;
  const more = `after ${number} photos ${grown} more (at most ${RSS_MOST_KB})`;
  say(grown <= RSS_MOST_KB, `gateway, resident: ${before.rss_kb} KB, ${more}`);
  say(heap <= HEAP_MOST_KB, `page, JavaScript: ${before.heap_kb.toFixed(0)} KB, ${heap.toFixed(0)} more (at most ${HEAP_MOST_KB})`);
  for (const what of /** @type {const} */ (["descriptors", "sessions", "urls", "cameras"])) {
    say(after[what] <= before[what], `${what}: ${before[what]}, then ${after[what]}`);
  }
  // Of the lines that are shown some more or fewer are pictures.
  say(after.canvases <= before.canvases + number / 20, `canvases: ${before.canvases}, then ${after.canvases}`);
}

async function main() {
  const words = process.argv.slice(2);
  const number = Number(words.includes("--number") ? words[words.indexOf("--number") + 1] : 100);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-photos-"));
  const gateway = new Gateway(process.env["GATEWAY"] ?? "");
  /** @type {import("../browser/browsers.js").Browser|null} */
  let browser = null;
  const cleanUp = async () => {
    await Promise.allSettled([browser?.close(), gateway.stop()]);
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.on(signal, () => cleanUp().finally(() => process.exit(1)));
  }
  try {
    await gateway.start();
    browser = await launchChromium(folder, speak(folder, "hello", 30).file);
    const page = await openPage(browser, gateway.url);
    await page.evaluateOnNewDocument(installEye);
    await page.evaluateOnNewDocument(installShutter);
    await measure(page, gateway, number, words.includes("--limits"));
  } catch (error) {
    say(false, String(error instanceof Error ? error.message : error));
  } finally {
    await cleanUp();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed || !passed ? 1 : 0);
}

main();
