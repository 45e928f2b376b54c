// Faults that happen to the page itself.

import { check, until } from "../browser/harness.js";
import { call, nextAnswer, captions, type } from "../browser/talk.js";
import { openPage } from "../browser/browsers.js";
import { rendererOf } from "./hands.js";
import { sleep } from "./time.js";
import { installWatch } from "./watch.js";

/** @typedef {import("./matrix.js").Entry} Entry */
/** @typedef {import("./lane.js").Stage} Stage */

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

/** @param {number} s @returns {Entry} */
const stopped = (s) => ({
  name: `clock jump: the page's process stopped for ${s} s`,
  when: "during",
  limit_s: 10,
  kept: true,
  inject: async (stage) => {
    const pid = await rendererOf(stage);
    process.kill(pid, "SIGSTOP");
    await sleep(s * 1000);
    process.kill(pid, "SIGCONT");
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
    name: "page frozen",
    when: "during",
    limit_s: 10,
    kept: true,
    browsers: ["chromium"],
    inject: async (stage) => {
      const cover = await stage.browser.newPage();
      await cover.bringToFront();
      const session = await stage.page.createCDPSession();
      await session.send("Page.setWebLifecycleState", { state: "frozen" });
      await sleep(stage.full ? 20_000 : 8000);
      await session.send("Page.setWebLifecycleState", { state: "active" });
      await stage.page.bringToFront();
      await cover.close();
      stage.note = "CDP Page.setWebLifecycleState";
    },
    heal: async () => undefined,
  },
  {
    name: "back-forward cache",
    when: "during",
    limit_s: 15,
    kept: true,
    dress: async ({ page, kind }) => {
      if (kind === "firefox") return;
      // Chromium keeps no page that has ever asked for a microphone.
      await page.evaluateOnNewDocument(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError"));
      });
    },
    inject: async (stage) => {
      // Neither browser keeps a page that has an open connection when it is left, whatever it does then: it is told a
      // moment before. The way out, the stay and the return are real.
      await stage.page.evaluate(() => {
        addEventListener("pageshow", (event) => Object.assign(window, { persisted: event.persisted }));
        dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      });
      await sleep(2000);
      await away(stage);
      const [persisted, why] = await stage.page.evaluate(() => {
        const entry = /** @type {any} */ (performance.getEntriesByType("navigation")[0]);
        const reasons = entry?.notRestoredReasons?.reasons?.map((/** @type {any} */ one) => one.reason) ?? [];
        return [/** @type {any} */ (window).persisted === true, reasons.join(", ")];
      });
      check(persisted, `the browser did not keep the page: ${why || "it does not say why"}`);
      const how = "event.persisted; pagehide told early by the test";
      stage.note = stage.kind === "chromium" ? `${how}; a page without a microphone` : how;
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
