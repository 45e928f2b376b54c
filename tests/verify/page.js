// A conversation in Chromium with the gateway of $GATEWAY, or the one that runs at the URL of the first argument, and what
// it costs and shows: memory of gateway and page, figures that move while it goes on. Ends with "N passed, N failed".

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { launchChromium, openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { until } from "../browser/harness.js";
import { speak } from "../browser/speech.js";
import { ears, nextAnswer, reach, type } from "../browser/talk.js";

const MEMORY_MOST_BYTES = 30e6;

let passed = 0;
let failed = 0;

/** @param {boolean} held @param {string} text */
function judge(held, text) {
  console.log(`${held ? "ok  " : "FAIL"} ${text}`);
  if (held) passed++;
  else failed++;
}

/** @param {string} url @returns {Promise<Map<string, number>>} */
async function figures(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const rows = text.split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(rows.map((line) => [line.slice(12, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]));
}

const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** @param {import("../browser/browsers.js").Browser} browser @param {string} url */
async function talk(browser, url) {
  const page = await openPage(browser, url);
  await page.goto(`${url}/chat`);
  const begin_ms = performance.now();
  await page.click("#start");
  await reach(page, ["ready", "listening"]);
  const took_ms = Math.round(performance.now() - begin_ms);
  console.log(`     from the press, the page just loaded, until one can talk: ${took_ms} ms`);
  await ears(page);
  const before = await figures(url);
  await type(page, "tell me a joke");
  const { text, speech_ms } = await nextAnswer(page);
  judge(speech_ms >= 250, `it answers aloud: "${text}"`);
  const badge = await until("the page's own measure", async () => {
    const said = await page.$eval("#quality", (button) => button.getAttribute("title") ?? "");
    return /Round trip/.test(said) ? said.replaceAll(/\s+/g, " ").trim() : null;
  });
  judge(true, `the page says live: ${badge}`);
  const after = await figures(url);
  const moved = ['rtp_packets_total{direction="in"}', 'rtp_packets_total{direction="out"}', "rtt_seconds_count",
    'speech_packets_total{direction="down"}', 'page_messages_total{direction="in"}', "datagrams_consumed_total"];
  for (const name of moved) {
    const [a, b] = [before.get(name) ?? NaN, after.get(name) ?? NaN];
    judge(b > a, `/metrics, live: ${name} went from ${a} to ${b}`);
  }
  judge(after.get('sessions{state="connected"}') === 1, "/metrics counts the call as connected");
  const resident = after.get("process_resident_bytes") ?? NaN;
  judge(resident < MEMORY_MOST_BYTES, `the gateway, in the call, speaking: ${megabytes(resident)} resident, less than 30`);
  const session = await page.createCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  const { JSHeapUsedSize: heap = NaN } = await page.metrics();
  judge(heap < MEMORY_MOST_BYTES, `the page's own heap in the call: ${megabytes(heap)}, less than 30`);
  for (const route of ["/healthz", "/readyz"]) {
    const answer = await fetch(url + route);
    judge(answer.status === 200, `${route}: ${answer.status} ${(await answer.text()).trim()}`);
  }
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-verify-"));
  const running = process.argv[2];
  const gateway = running ? null : new Gateway(process.env["GATEWAY"] ?? "");
  /** @type {import("../browser/browsers.js").Browser|null} */
  let browser = null;
  try {
    await gateway?.start();
    browser = await launchChromium(folder, speak(folder, "hello", 30).file);
    await talk(browser, running ?? gateway?.url ?? "");
  } catch (error) {
    judge(false, String(error instanceof Error ? error.message : error));
  } finally {
    await Promise.allSettled([browser?.close(), gateway?.stop()]);
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();
