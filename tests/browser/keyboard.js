// A whole talk with the keyboard alone, from the choice of a role to the end of the call: every key that a pointer finds is
// found by Tab, does what it says, and the focus is never lost.

import { check, note, same, test, until } from "./harness.js";
import { captions, ears, nextAnswer, reach } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** @param {Bench} bench */
export function testKeyboard({ both, gateway, nextWords }) {
  for (const [name, use] of both) {
    test(`${name}: keyboard: a whole talk with the keys alone; Tab finds all there is, and the focus is not lost`, () =>
      use(async (page) => {
        nextWords("hello", 20);
        await page.goto(`${gateway.url}/`);
        await page.bringToFront();
        await choosesByKeys(page);
        await startsByKeys(page);
        await asksByKeys(page);
        await talksByKeys(page);
        await usesByKeys(page);
        await page.evaluate(() => (localStorage.clear(), sessionStorage.clear()));
      }));
  }
}

/** What has the focus: #id, or name and value. @param {Page} page */
const focused = (page) =>
  page.evaluate(() => {
    const on = document.activeElement;
    if (on instanceof HTMLInputElement && on.type === "radio") return `${on.name}=${on.value}`;
    return on?.id ? `#${on.id}` : on?.localName ?? "";
  });

/** In the page: what Tab should find, in order: what is seen and can be used, one of each group of choices. */
function usable() {
  const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("a[href], button, input, select, [tabindex='0']")]);
  return all.flatMap((one) => {
    const radio = one instanceof HTMLInputElement && one.type === "radio";
    const hidden = one.tabIndex < 0 || !one.checkVisibility({ visibilityProperty: true }) || one.matches(":disabled");
    if (hidden || (radio && !one.checked)) return [];
    return [radio ? `${one.name}=${one.value}` : one.id ? `#${one.id}` : one.localName];
  });
}

/** Tab, or back, until |wanted| has the focus. @param {Page} page @param {string} wanted @param {"on"|"back"} [way]
 * @returns {Promise<string[]>} what was on the way */
async function tabTo(page, wanted, way = "on") {
  const seen = [];
  if (way === "back") await page.keyboard.down("Shift");
  try {
    while (seen.length < 40) {
      await page.keyboard.press("Tab");
      const now = await focused(page);
      seen.push(now);
      if (now === wanted) return seen;
    }
  } finally {
    if (way === "back") await page.keyboard.up("Shift");
  }
  throw new Error(`Tab does not find ${wanted}: ${seen.join(", ")}`);
}

/** A role and a way of talking, then on. @param {Page} page */
async function choosesByKeys(page) {
  const found = await tabTo(page, "#check");
  same(found, (await page.evaluate(usable)).slice(0, found.length), "what Tab finds on the start page");
  await tabTo(page, "role=xiaozhi", "back");
  await page.keyboard.press("ArrowRight");
  same(await focused(page), "role=companion", "the role");
  await tabTo(page, "mode=manual");
  await page.keyboard.press("ArrowDown");
  same(await page.evaluate(() => localStorage.getItem("voiceMode")), "continuous", "the way of talking");
  await page.keyboard.press("ArrowUp");
  await tabTo(page, "#go");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.waitForSelector("#start");
}

/** @param {Page} page */
async function startsByKeys(page) {
  await tabTo(page, "#start");
  await page.keyboard.press("Enter");
  await reach(page, ["ready"]);
  await ears(page);
  const offer = await page.evaluate(() => /** @type {any} */ (window).probe.posts.find((/** @type {any} */ { path }) =>
    path === "/api/offer").body);
  same(offer.macAddress, "00:00:00:00:00:AA", "the device that was chosen");
  same(await focused(page), "#talk", "the key that starts is now the one that talks");
}

/** What Tab finds, and a suggestion of the log that is empty still. @param {Page} page */
async function asksByKeys(page) {
  await tabTo(page, "#lang", "back");
  const found = await tabTo(page, "#send");
  const all = await page.evaluate(usable);
  same(found, all.slice(all.indexOf("#lang") + 1), "what Tab finds in a call");
  note(`${all.length} in a call: ${all.join(" ")}`);
  await tabTo(page, "#log", "back");
  for (let i = 0; i < 3; i++) await page.keyboard.press("Tab"); // to the third suggestion
  await page.keyboard.press("Enter");
  same([await captions(page, "person"), await focused(page)], [["Who are you?"], "#log"], "asked, and the focus is in its place");
  await nextAnswer(page);
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
}

/** By Enter, which opens and sends, by Space, which is held, and hands-free. @param {Page} page */
async function talksByKeys(page) {
  await tabTo(page, "#talk", "back");
  const told = (/** @type {string} */ state) => page.evaluate((wanted) => /** @type {any} */ (window).probe.sent.filter(
    (/** @type {any} */ { message }) => message.type === "listen" && message.state === wanted).length, state);
  for (const [down, up] of /** @type {const} */ ([
    [() => page.keyboard.press("Enter"), () => page.keyboard.press("Enter")],
    [() => page.keyboard.down(" "), () => page.keyboard.up(" ")],
  ])) {
    const before = [await told("start"), await told("stop")];
    await down();
    await reach(page, ["listening"]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await up();
    await until("the assistant told of both", async () =>
      (await told("start")) === Number(before[0]) + 1 && (await told("stop")) === Number(before[1]) + 1);
    await page.keyboard.press("Escape");
    await reach(page, ["ready"], 30_000);
  }
  await tabTo(page, "mode=manual", "back");
  await page.keyboard.press("ArrowRight");
  await reach(page, ["listening"]);
  await page.keyboard.press("ArrowLeft");
  await reach(page, ["ready"]);
}

/** The rest of the page. @param {Page} page */
async function usesByKeys(page) {
  await tabTo(page, "#text");
  await page.keyboard.type("what time is it");
  await page.keyboard.press("Enter");
  await nextAnswer(page, (await captions(page, "assistant")).length);
  same([(await captions(page, "person")).at(-1), await focused(page)], ["what time is it", "#text"], "asked, and the focus");
  await reach(page, ["ready"], 30_000);

  await tabTo(page, "#talk", "back");
  await page.keyboard.down(" ");
  await page.keyboard.up(" ");
  await page.waitForSelector("#notice[data-key=holdLonger]");
  await tabTo(page, "#notice-close");
  await page.keyboard.press("Enter");
  same(await focused(page), "#talk", "a notice was put away: the focus");

  await tabTo(page, "#volume", "back");
  await page.keyboard.press("ArrowLeft");
  same(await page.evaluate(() => JSON.parse(localStorage.getItem("xiaozhi-rtc") ?? "{}").volume), 95, "the volume");
  const sheets = /** @type {const} */ ([["#quality", "#details"], ["#open-settings", "#settings"], ["#save", "#saving"]]);
  for (const [opener, sheet] of sheets) {
    await tabTo(page, opener, "back");
    await page.keyboard.press("Enter");
    await page.waitForSelector(`${sheet}[open]`);
    check(await page.evaluate((id) => document.querySelector(id)?.contains(document.activeElement), sheet), `focus is in ${sheet}`);
    await page.keyboard.press("Escape");
    same([await page.$(`${sheet}[open]`), await focused(page)], [null, opener], `${sheet} is left, and the focus back`);
  }
  await tabTo(page, "#face");
  await page.keyboard.press("Enter");
  await until("the touch", () => page.evaluate(() => /** @type {any} */ (window).probe.sent.some(
    (/** @type {any} */ { message }) => message.type === "touch" && message.event === "singlehit")));
  await tabTo(page, "#mute");
  await page.keyboard.press("Enter");
  await until("the microphone off", () => page.$eval("#mute", (key) => key.getAttribute("aria-pressed") === "true"));
  await tabTo(page, "#hangup");
  await page.keyboard.press("Enter");
  await reach(page, ["ended"]);
  same(await focused(page), "#start", "the call is over: the focus");
}
