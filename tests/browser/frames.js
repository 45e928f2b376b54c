// How often the avatar is drawn while it speaks, and what that costs of the page's main thread. `./run "frames in"` prints
// it. On a machine with other work the frames are fewer; what one of them costs is processor time, and is judged.

import { check, note, test } from "./harness.js";
import { dial, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("puppeteer-core").Browser} Browser */
/** @typedef {import("puppeteer-core").CDPSession} CDPSession */

const SPAN_MS = 2500;
/** What is wanted: frames in a second, and so the most that one may cost. @type {[slower:number, wanted_hz:number][]} */
const WANTED = [[1, 60], [4, 30]];
/** The most moving of the emotions: tears, hearts, steam. */
const BUSY = ["crying", "loving", "angry"];

/** A page without the tests' meters, which would cost more than what is measured: only its channels are known.
 * @param {Browser} browser @param {(page:Page) => Promise<void>} use */
async function withBarePage(browser, use) {
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(() => {
    const Peer = window.RTCPeerConnection;
    /** @type {RTCDataChannel[]} */
    const channels = [];
    /** @type {any} */ (window).channels = channels;
    window.RTCPeerConnection = class extends Peer {
      /** @override @param {string} label @param {RTCDataChannelInit} [options] */
      createDataChannel(label, options) {
        const channel = super.createDataChannel(label, options);
        channels.push(channel);
        return channel;
      }
    };
  });
  try {
    await use(/** @type {Page} */ (page));
  } finally {
    await page.evaluate(() => document.getElementById("hangup")?.click()).catch(() => undefined);
    await page.close();
  }
}

/** @param {{url:() => string, chromium:() => Browser}} ground */
export function testFrames({ url, chromium }) {
  test("avatar: frames in a second of speech, and their share of the main thread, at full speed and at a quarter of it", () =>
    withBarePage(chromium(), async (page) => {
      const tools = await page.createCDPSession();
      await tools.send("Performance.enable", { timeDomain: "threadTicks" });
      await dial(page, url());
      await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "no-preference" }]);
      let alone_ms = 0; // of the processor for a frame, at full speed
      for (const [slower, wanted_hz] of WANTED) {
        await reach(page, ["ready"], 40_000);
        await type(page, "tell me a joke");
        await reach(page, ["speaking"]);
        await tools.send("Emulation.setCPUThrottlingRate", { rate: slower });
        const found = await measure(page, tools);
        await tools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
        const { frames_hz, offered_hz, share, script, style, frame_ms, every_ms } = found;
        note(`${slower === 1 ? "full speed" : `${slower} times slower`}: ${frames_hz.toFixed(0)} frames/s (wanted: ${wanted_hz}; `
          + `offered by the browser: ${offered_hz.toFixed(0)}), half of them within ${every_ms.toFixed(1)} ms`);
        alone_ms ||= frame_ms;
        note(`  by processor time alone: ${(1000 / (alone_ms * slower)).toFixed(0)} frames/s`);
        note(`  main thread ${percent(share)} busy (scripts ${percent(script)}, style and layout ${percent(style)}): `
          + `${frame_ms.toFixed(1)} ms for a frame and all that goes on beside it`);
        check(found.n_frames > 10, `${found.n_frames} frames`);
        // Slowed down, a processor that others use, too, is charged for waiting: that figure is for reading.
        check(slower > 1 || frame_ms < 1000 / wanted_hz, `a frame costs ${frame_ms.toFixed(1)} ms: too much for ${wanted_hz}/s`);
      }
    }));
}

/** @param {number} part */
const percent = (part) => `${(part * 100).toFixed(0)} %`;

/** @param {CDPSession} tools */
async function spent(tools) {
  const { metrics } = await tools.send("Performance.getMetrics");
  const of = (/** @type {string} */ name) => metrics.find((one) => one.name === name)?.value ?? 0;
  return { task_s: of("TaskDuration"), script_s: of("ScriptDuration"), style_s: of("LayoutDuration") + of("RecalcStyleDuration") };
}

/** @param {Page} page @param {CDPSession} tools */
async function measure(page, tools) {
  const before = await spent(tools);
  const { frames, n_offered, span_ms } = await page.evaluate(drawn, SPAN_MS, BUSY);
  const after = await spent(tools);
  const gaps = frames.slice(1).map((at, index) => at - (frames[index] ?? 0)).sort((a, b) => a - b);
  const task_s = after.task_s - before.task_s;
  return {
    n_frames: frames.length, frames_hz: (frames.length * 1000) / span_ms, offered_hz: (n_offered * 1000) / span_ms,
    every_ms: gaps[gaps.length >> 1] ?? 0, frame_ms: (task_s * 1000) / frames.length, share: (task_s * 1000) / span_ms,
    script: ((after.script_s - before.script_s) * 1000) / span_ms, style: ((after.style_s - before.style_s) * 1000) / span_ms,
  };
}

/** In the page: when the drawing changed, and how many frames the browser offered; from one busy emotion to the next.
 * @param {number} span_ms @param {string[]} emotions */
function drawn(span_ms, emotions) {
  /** @type {number[]} */
  const frames = [];
  let n_offered = 0;
  const from_ms = performance.now();
  const watch = new MutationObserver(() => frames.push(performance.now()));
  watch.observe(/** @type {Element} */ (document.querySelector("#face .figure")), { subtree: true, attributes: true });
  emotions.forEach((emotion, index) =>
    setTimeout(() => {
      const data = JSON.stringify({ type: "llm", emotion, text: "" });
      for (const channel of /** @type {any} */ (window).channels) channel.dispatchEvent(new MessageEvent("message", { data }));
    }, (index * span_ms) / emotions.length));
  return new Promise((/** @type {(found:{frames:number[], n_offered:number, span_ms:number}) => void} */ resolve) => {
    const count = () => {
      n_offered++;
      const now_ms = performance.now() - from_ms;
      if (now_ms < span_ms) return requestAnimationFrame(count);
      watch.disconnect();
      return resolve({ frames, n_offered, span_ms: now_ms });
    };
    requestAnimationFrame(count);
  });
}
