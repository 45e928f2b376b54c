// Speech through a network that loses packets, in both directions, with and without repair by copies (RED): how many spoken
// phrases the assistant understood, and how much of the answer the browser had to make up.
//
//   ./run loss [--percent 20] [--phrases 20] [--burst N]
//
// --burst N: Gilbert's channel: losses in rows of N on average. Root: it makes network namespaces of its own. Without
// repair, the page strikes RED out of its offer. Figures are printed; what counts is that repair makes it better, and with
// random loss up to 20 % that 95 % of the phrases are understood.

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
/** @typedef {{right:number, phrases:number, concealed:number, received:number, wrong:string[], repaired:number}} Figures
 *   |concealed|, |received|: samples of the answers */

const HTTP = `${GATEWAY}:51000`;
/** Of those that are understood without loss; "hello" and the like are guessed from little. */
const SPOKEN = ["what time is it", "tell me a joke", "who are you", "set the volume to fifty percent", "good morning", "thank you",
  "what can you do"];

/** In the page: neither side learns of RED. */
function withoutRed() {
  const strike = (/** @type {string} */ sdp) => {
    const type = /^a=rtpmap:(\d+) red\/48000/m.exec(sdp)?.[1];
    if (!type) return sdp;
    const lines = sdp.split("\r\n").filter((line) => !new RegExp(`^a=(rtpmap|fmtp|rtcp-fb):${type} `).test(line));
    return lines.map((line) => (line.startsWith("m=audio") ? line.replace(new RegExp(` ${type}\\b`), "") : line)).join("\r\n");
  };
  const { createOffer } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createOffer = /** @type {any} */ (
    async function (/** @type {any[]} */ ...words) {
      const offer = await /** @type {any} */ (createOffer).apply(/** @type {any} */ (this), words);
      return { type: offer.type, sdp: strike(offer.sdp) };
    });
}

/** In the page: every connection can be asked later. */
function keepConnections() {
  const Real = RTCPeerConnection;
  const all = /** @type {RTCPeerConnection[]} */ ([]);
  Object.assign(window, { connections: all });
  window.RTCPeerConnection = /** @type {any} */ (
    class extends Real {
      /** @param {RTCConfiguration} [settings] */
      constructor(settings) {
        super(settings);
        all.push(this);
      }
    });
}

/** In the page. @returns {Promise<{concealed:number, received:number}>} */
async function heardSoFar() {
  const sums = { concealed: 0, received: 0 };
  for (const one of /** @type {any} */ (window).connections) {
    const report = await one.getStats();
    for (const stat of report.values()) {
      if (stat.type === "inbound-rtp" && stat.kind === "audio") {
        sums.concealed += stat.concealedSamples - stat.silentConcealedSamples;
        sums.received += stat.totalSamplesReceived - stat.silentConcealedSamples;
      }
    }
  }
  return sums;
}

/** @param {Page} page @param {SoundCard} card @param {string} folder @param {number} count @param {() => Promise<number>} repaired
 * @returns {Promise<Figures>} */
async function converse(page, card, folder, count, repaired) {
  const files = SPOKEN.map((phrase) => speak(folder, phrase, 0.3).file);
  /** @type {Figures} */
  const figures = { right: 0, phrases: count, concealed: 0, received: 0, wrong: [], repaired: 0 };
  await sleep(6000); // the first reports; both sides learn what is lost
  const before = await page.evaluate(heardSoFar);
  for (let i = 0; i < count; i++) {
    const phrase = SPOKEN[i % SPOKEN.length] ?? "";
    const already = (await captions(page, "person")).length;
    await card.play(String(files[i % files.length]));
    const heard = await nextHeard(page, already).catch(() => "");
    if (plain(heard) === plain(phrase)) figures.right++;
    else figures.wrong.push(`${phrase} -> ${heard || "nothing"}`);
    await reach(page, ["speaking"], 4000).catch(() => undefined);
    await reach(page, ["listening"], 30_000);
  }
  const after = await page.evaluate(heardSoFar);
  figures.concealed = after.concealed - before.concealed;
  figures.received = after.received - before.received;
  figures.repaired = await repaired();
  return figures;
}

/** Within the page's namespace. @param {string} name of the laboratory @param {number} percent @param {number} burst
 * @param {number} count */
async function inside(name, percent, burst, count) {
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
    for (const repair of [false, true]) {
      const page = await openPage(browser, url);
      await page.evaluateOnNewDocument(keepConnections);
      if (!repair) await page.evaluateOnNewDocument(withoutRed);
      await call(page, url, "auto");
      lab.lose(percent, burst);
      const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text();
      const repaired = async () => Number(/rtp_repaired_total (\d+)/.exec(await metrics())?.[1]);
      const figures = await converse(page, card, folder, count, repaired);
      lab.heal();
      console.log(JSON.stringify({ repair, ...figures }));
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

/** @param {Lab} lab @param {string[]} words @returns {Promise<(Figures & {repair:boolean})[]>} */
async function runInside(lab, words) {
  const command = [process.execPath, fileURLToPath(import.meta.url), "--inside", lab.name, ...words];
  const child = spawn("ip", ["netns", "exec", lab.page, ...command], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (text) => void (out += text));
  await new Promise((resolve) => child.once("exit", resolve));
  return out.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

async function main() {
  const words = process.argv.slice(2);
  const after = (/** @type {string} */ name, /** @type {number} */ other) =>
    Number(words.includes(name) ? words[words.indexOf(name) + 1] : other);
  const [percent, burst, count] = [after("--percent", 20), after("--burst", 1), after("--phrases", 20)];
  if (words[0] === "--inside") return inside(String(words[1]), percent, burst, count);
  Lab.removeStale();
  const lab = Lab.make(0);
  process.on("exit", () => lab.remove());
  const all = await runInside(lab, words);
  check(all.length === 2, "the measurement ended early");
  for (const { repair, right, phrases, concealed, received, wrong, repaired } of all) {
    const share = ((100 * concealed) / Math.max(1, received)).toFixed(2);
    const rows = burst > 1 ? ` in rows of ${burst}` : "";
    console.log(`  ${percent} % lost${rows}, repair ${repair ? "on " : "off"}: ${right} of ${phrases} ` +
      `phrases understood; ${share} % of the answers made up; ${repaired} frames repaired at the gateway`);
    for (const one of wrong) console.log(`       ${one}`);
  }
  const [off, on] = all;
  const share = (/** @type {Figures} */ one) => one.concealed / Math.max(1, one.received);
  /** @type {[boolean, string][]} */
  const verdicts = [
    [Boolean(on && on.repaired > 0), "the browser sends copies, and the gateway uses them"],
    [Boolean(on && off && share(on) < share(off) / 2), "the answers need less than half the concealment"],
  ];
  if (burst === 1 && percent <= 20) {
    verdicts.push([Boolean(on && on.right >= 0.95 * on.phrases), "95 % of the phrases are understood"]);
  }
  for (const [well, text] of verdicts) console.log(`  ${well ? "ok  " : "FAIL"} ${text}`);
  const failed = verdicts.filter(([well]) => !well).length;
  console.log(`${verdicts.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();
