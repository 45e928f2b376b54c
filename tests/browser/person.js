// What people do to a page in the middle of a talk: load it again, go away and come back, take the microphone's permission
// back. The talk goes on, or the page says what to do; what was said stays.

import { launchChromium, openPage } from "./browsers.js";
import { check, note, same, test, until } from "./harness.js";
import { call, captions, dial, ears, nextAnswer, reach, state, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** @param {Bench} bench */
export function testPerson(bench) {
  for (const [name, use] of Object.entries({ chromium: bench.inChromium, firefox: bench.inFirefox })) {
    test(`${name}: person: loads the page again in mid-sentence: it falls silent, what was said stays, the talk goes on`, () =>
      use((page) => reloads(bench, page)));
    test(`${name}: person: goes back and forward: what was said stays, and the talk goes on`, () =>
      use((page) => wanders(bench, page)));
  }
  permits(bench);
}

/** What stands there of both, without what is only for this page. @param {Page} page */
const talk = async (page) => [await captions(page, "person"), await captions(page, "assistant")];

/** @param {Bench} bench @param {Page} page */
async function reloads({ gateway }, page) {
  await until("no session left over", async () => (await gateway.sessions()) === 0, 40_000);
  await call(page, gateway.url);
  await type(page, "tell me a joke");
  await nextAnswer(page);
  await reach(page, ["speaking"]);
  const before = await talk(page);
  await page.reload();
  await until("the page", () => page.$("#captions .note"));
  // Another sentence may have come between the question and the reload.
  const [person, assistant] = await talk(page);
  same(person, before[0], "the person's words");
  check(assistant?.[0]?.startsWith(before[1]?.[0] ?? "?"), `the answer: ${assistant}`);
  same(await page.$$eval("[data-who=assistant].cut", (all) => all.length), 1, "it was cut short");
  same([await state(page), await page.$eval("#save", (key) => /** @type {any} */ (key).hidden)], ["idle", false], "at rest");
  await until("the old session to be gone", async () => (await gateway.sessions()) <= 1, 5000);
  await page.click("#start");
  await reach(page, ["ready"]);
  await ears(page);
  await type(page, "who are you");
  await nextAnswer(page, 1);
  same(await captions(page, "person"), ["tell me a joke", "who are you"], "both");
  await page.evaluate(() => sessionStorage.clear());
}

/** @param {Bench} bench @param {Page} page */
async function wanders({ gateway }, page) {
  await call(page, gateway.url);
  await type(page, "tell me a joke");
  await nextAnswer(page);
  await page.evaluate(() => addEventListener("pageshow", (event) => Object.assign(window, { persisted: event.persisted })));
  await Promise.all([page.waitForNavigation(), page.click("header a")]);
  same(new URL(page.url()).pathname, "/", "home");
  await page.goBack({ waitUntil: "load" });
  await until("the talk", async () => (await captions(page, "person")).length);
  const persisted = await page.evaluate(() => /** @type {any} */ (window).persisted === true);
  note(persisted ? "kept by the browser" : "not kept by this browser: loaded anew");
  if (!persisted) await page.click("#start");
  await reach(page, ["ready", "speaking", "thinking"], 30_000);
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
  if (!persisted) await ears(page);
  check((await captions(page, "person")).includes("tell me a joke"), "what was said");
  await type(page, "who are you");
  await nextAnswer(page, (await captions(page, "assistant")).length);
  await page.evaluate(() => sessionStorage.clear());
  if (!persisted) return;
  await page.evaluate(() => history.forward()).catch(() => undefined); // the page it runs in is left
  await until("the start page again", () => page.evaluate(() => location.pathname === "/" && document.getElementById("go") !== null)
    .catch(() => false));
}

const told = (/** @type {Page} */ page) => page.$eval("#notice", (box) => /** @type {any} */ (box).dataset.key ?? "");

/** @param {Bench} bench */
function permits({ gateway, folder, microphone, nextWords }) {
  test("chromium: person: denies the microphone, allows it, takes it back: the page says so; typing works", async () => {
    nextWords("hello", 60);
    const flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream",
      "--autoplay-policy=no-user-gesture-required"];
    const browser = await launchChromium(folder, microphone, { args: flags });
    const allow = (/** @type {"granted"|"denied"} */ wish) =>
      browser.defaultBrowserContext().setPermission(gateway.url, { permission: { name: "microphone" }, state: wish });
    try {
      const page = await openPage(browser, gateway.url);
      await allow("denied");
      await dial(page, gateway.url);
      await until("word of it", async () => (await told(page)) === "micDenied");
      await reach(page, ["ready"]);
      const key = () => page.$eval("#talk", (button) => [button.textContent?.trim(), button.getAttribute("aria-disabled")]);
      same(await key(), ["No microphone", "true"], "the talk key");
      await type(page, "who are you");
      await until("an answer", async () => (await captions(page, "assistant")).length);
      await page.keyboard.press("Escape");
      await reach(page, ["ready"], 30_000);
      await allow("granted");
      await until("the microphone", async () => (await key())[1] === "false");
      same(await told(page), "", "nothing to say");
      await allow("denied");
      await until("word that it is gone", async () => /^mic(Denied|Lost)$/.test(await told(page)));
      same((await key())[1], "true", "the talk key");
      await type(page, "tell me a joke");
      await until("another answer", async () => (await captions(page, "assistant")).length > 1);
      same(page.faults, [], "console");
    } finally {
      await browser.close();
    }
  });
}
