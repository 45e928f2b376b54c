// Faults that happen to the page itself.

import { check, until } from "../browser/harness.js";
import { call, nextAnswer, captions, type } from "../browser/talk.js";
import { openPage } from "../browser/browsers.js";
import { privileged, rendererOf } from "./hands.js";
import { sleep } from "./time.js";
import { installWatch } from "./watch.js";

/** @typedef {import("./matrix.js").Entry} Entry */
/** @typedef {import("./lane.js").Stage} Stage */

const EARLY_MS = 200; // what Firefox needs to learn that a connection was closed, and more

/** To another site, for only then do browsers keep a page, and back. @param {Stage} stage */
async function away({ page, url }) {
  await page.goto(`${url.replace("127.0.0.1", "localhost")}/`, { waitUntil: "load" });
  await sleep(2000);
  await page.evaluate(() => history.back()).catch(() => undefined); // a page that was kept has no load to wait for
  await until("the conversation's page", async () => {
    const place = await page.evaluate(() => location.pathname + document.readyState).catch(() => "");
    return place === "/chatcomplete";
  });
}

/** Whether it was stopped is a question of its own: it counts. @param {Stage} stage @param {number} s
 * @param {() => Promise<void>} stop returns when it goes on */
async function standStill({ page }, s, stop) {
  await page.evaluate(() => {
    const heart = { longest_ms: 0 };
    let last_ms = Date.now();
    const beat = () => {
      heart.longest_ms = Math.max(heart.longest_ms, Date.now() - last_ms);
      last_ms = Date.now();
    };
    setInterval(beat, 50);
    Object.assign(window, { heart });
  });
  await stop();
  const longest_ms = () => page.evaluate(() => Number(/** @type {any} */ (window).heart.longest_ms));
  await until("the page to go on", async () => (await longest_ms()) > 0);
  await sleep(100);
  const stood_ms = await longest_ms();
  check(stood_ms > s * 1000 - 500, `the page stood still for only ${stood_ms} ms`);
}

/** Whether Firefox suspends pages in the background. @param {Stage} stage @param {boolean} on */
async function freezing(stage, on) {
  if (stage.kind !== "firefox") return;
  await privileged(stage, `Services.prefs.setBoolPref("dom.suspend_inactive.enabled", ${on})`);
  await stage.page.evaluate(async (still) => {
    const contexts = /** @type {AudioContext[]} */ (/** @type {any} */ (window).contexts);
    await Promise.all(contexts.map((context) => (still ? context.suspend() : context.resume())));
  }, on);
}

/** @param {number} s @returns {Entry} */
const stopped = (s) => ({
  name: `clock jump: the page's process stopped for ${s} s`,
  when: "during",
  limit_s: 10,
  kept: true,
  inject: async (stage) => {
    const pid = await rendererOf(stage);
    await standStill(stage, s, async () => {
      process.kill(pid, "SIGSTOP");
      await sleep(s * 1000);
      process.kill(pid, "SIGCONT");
    });
  },
  heal: async () => undefined,
});

/** @type {import("../browser/browsers.js").WatchedPage|null} */
let other = null;

/** @type {Entry[]} */
export const PAGE_FAULTS = [
  {
    name: "page hidden",
    when: "during",
    limit_s: 5,
    kept: true,
    inject: async (stage) => {
      const cover = await stage.browser.newPage();
      await cover.bringToFront();
      const hidden = await until("visibilityState", () => stage.page.evaluate(() => document.visibilityState));
      const s = stage.full ? 60 : 8;
      stage.note = `another tab in front for ${s} s; visibilityState ${hidden}`;
      await sleep(s * 1000);
      await stage.page.bringToFront();
      await cover.close();
    },
    heal: async () => undefined,
  },
  {
    // Chromium freezes tabs in the background by itself; here it is told to. Firefox does it on Android, without an event
    // for the page, and can be made to do it here; but (tried with 153) to no page whose Web Audio runs, as ours does for
    // its meters: they are suspended meanwhile, as if somebody else's page used the manager.
    name: "page frozen",
    when: "during",
    limit_s: 10,
    kept: true,
    dress: ({ page }) =>
      page.evaluateOnNewDocument(() => {
        const contexts = /** @type {AudioContext[]} */ ([]);
        const Context = window.AudioContext;
        window.AudioContext = class extends Context {
          constructor(/** @type {AudioContextOptions|undefined} */ options) {
            super(options);
            contexts.push(this);
          }
        };
        Object.assign(window, { contexts });
      }).then(() => undefined),
    inject: async (stage) => {
      const s = stage.full ? 20 : 8;
      const cover = await stage.browser.newPage();
      await freezing(stage, true);
      const session = stage.kind === "chromium" ? await stage.page.createCDPSession() : null;
      await standStill(stage, s, async () => {
        await cover.bringToFront();
        await session?.send("Page.setWebLifecycleState", { state: "frozen" });
        await sleep(s * 1000);
        await session?.send("Page.setWebLifecycleState", { state: "active" });
        await stage.page.bringToFront();
      });
      await cover.close();
      await freezing(stage, false);
      stage.note = `${session ? "CDP Page.setWebLifecycleState" : "dom.suspend_inactive.enabled"}, ${s} s`;
    },
    heal: async () => undefined,
    after: (stage) => freezing(stage, false),
  },
  {
    // Nothing of the page's runs until the person answers; no browser tells it so.
    name: "page stopped by a dialog",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async (stage) => {
      const s = 8;
      await standStill(stage, s, async () => {
        const shown = new Promise((/** @type {(dialog:any) => void} */ resolve) =>
          stage.page.once("dialog", resolve));
        await stage.page.evaluate(() => void setTimeout(() => alert("one moment"), 0));
        const dialog = await shown;
        await sleep(s * 1000);
        await dialog.accept();
      });
      stage.note = `alert(), answered after ${s} s`;
    },
    heal: async () => undefined,
  },
  {
    name: "back-forward cache",
    when: "during",
    limit_s: 15,
    kept: true,
    // As tried with Chromium 156 and Firefox 153. No browser keeps a page with an open connection or a live track, and
    // Chromium none that has ever asked for a microphone ("audio-capture" in notRestoredReasons; its pagehide then says
    // so: not persisted, and the page hangs up). Else it is soon enough for Chromium to close everything in `pagehide`,
    // the receivers' tracks by themselves ("mediastream": close() ends them only later). Firefox has decided by
    // then, and in beforeunload, visibilitychange and the Navigation API's navigate as well: there the page is told a
    // moment before. All else is real: the way out, the stay and the return.
    dress: async ({ page, kind }) => {
      if (kind === "firefox") return;
      await page.evaluateOnNewDocument(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError"));
      });
    },
    inject: async (stage) => {
      await stage.page.evaluate((early) => {
        addEventListener("pageshow", (event) => Object.assign(window, { persisted: event.persisted }));
        if (early) dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      }, stage.kind === "firefox");
      if (stage.kind === "firefox") await sleep(EARLY_MS);
      await away(stage);
      const [persisted, why] = await stage.page.evaluate(() => {
        const entry = /** @type {any} */ (performance.getEntriesByType("navigation")[0]);
        const reasons = entry?.notRestoredReasons?.reasons?.map((/** @type {any} */ one) => one.reason) ?? [];
        return [/** @type {any} */ (window).persisted === true, reasons.join(", ")];
      });
      check(persisted, `the browser did not keep the page: ${why || "it does not say why"}`);
      const how = stage.kind === "chromium" ? "a page without a microphone" : `pagehide told ${EARLY_MS} ms early`;
      stage.note = `event.persisted; ${how}`;
    },
    heal: async () => undefined,
  },
  {
    name: "page left and returned to",
    when: "during",
    limit_s: 15,
    inject: async (stage) => {
      await away(stage);
      stage.note = "loaded anew, started again by the test";
      await stage.page.click("#start");
    },
    heal: async () => undefined,
  },
  stopped(12),
  {
    name: "two tabs, one closes",
    when: "during",
    limit_s: 5,
    kept: true,
    links: 1,
    inject: async (stage) => {
      other = await openPage(stage.browser, stage.url);
      await other.evaluateOnNewDocument(installWatch);
      await call(other, stage.url);
      const before = (await captions(other, "assistant")).length;
      await type(other, "who are you");
      await nextAnswer(other, before);
      await other.close();
      other = null;
      stage.mark = stage.proxy.seen.length; // what the other tab asked for is no recovery
      await stage.page.bringToFront();
    },
    heal: async () => undefined,
    after: async () => void (await other?.close()),
  },
];
