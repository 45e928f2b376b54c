// What a person does on the page, and what can be seen and heard there.

import { check, until } from "./harness.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */

const SPEECH_DB = -45;

/** @param {Page} page */
export const state = (page) => page.evaluate(() => document.documentElement.dataset["state"]);

/** @param {Page} page @param {string[]} wanted @param {number} [limit_ms] */
export async function reach(page, wanted, limit_ms = 15_000) {
  /** @type {string|undefined} */
  let last;
  await until(`state ${wanted.join(" or ")}`, async () => {
    last = await state(page);
    return wanted.includes(String(last));
  }, limit_ms).catch(async (error) => {
    const notice = await page.evaluate(() => document.getElementById("notice-text")?.textContent);
    throw new Error(`${error.message}; the page is "${last}"${notice ? `, saying: ${notice}` : ""}`);
  });
}

/** Opens the conversation and presses start. @param {Page} page @param {string} url @param {"manual"|"auto"} mode
 * @param {string} query */
export async function dial(page, url, mode = "manual", query = "") {
  await page.goto(`${url}/chat${query}`);
  await page.evaluate((wish) => {
    /** @type {HTMLInputElement|null} */ (document.querySelector(`#modes input[value=${wish}]`))?.click();
  }, mode);
  await page.bringToFront();
  await page.click("#start");
}

/** Opens the conversation and starts it. @param {Page} page @param {string} url @param {"manual"|"auto"} mode
 * @param {string} query */
export async function call(page, url, mode = "manual", query = "") {
  await dial(page, url, mode, query);
  await reach(page, mode === "auto" ? ["listening"] : ["ready"]);
  await ears(page);
}

/** Until a microphone was asked for and the meter runs. @param {Page} page */
export async function ears(page) {
  await until("the microphone, or word that there is none", () =>
    page.evaluate(() => {
      const { probe } = /** @type {any} */ (window);
      return probe.microphoneAt !== null || !document.getElementById("notice")?.hidden;
    }));
  // A sound card may take a second to begin; before that the meter would miss the start of an answer.
  await until("the meter's clock", () => page.evaluate(() => /** @type {any} */ (window).probe.context?.currentTime > 0.1));
}

/** @param {Page} page @param {"person"|"assistant"} who @returns {Promise<string[]>} */
export const captions = (page, who) =>
  page.evaluate((name) => [...document.querySelectorAll(`[data-who=${name}]`)].map((line) => line.textContent ?? ""), who);

/** Holds |key| from now until the words of the microphone's file are over. @param {Page} page @param {number} end_s
 * @param {() => Promise<void>} press @param {() => Promise<void>} release */
export async function holdWhile(page, end_s, press, release) {
  await press();
  await reach(page, ["listening"]);
  await until("the end of the phrase", () =>
    page.evaluate((end_ms) => {
      const { microphoneAt } = /** @type {any} */ (window).probe;
      return microphoneAt !== null && performance.now() - microphoneAt > end_ms;
    }, end_s * 1000 + 250));
  await release();
}

/** @param {Page} page @param {number} [before] captions there already @returns {Promise<string>} */
export async function nextHeard(page, before = 0) {
  const lines = await until("a caption of the person", async () => {
    const now = await captions(page, "person");
    return now.length > before ? now : null;
  });
  return lines[before] ?? "";
}

/** A caption of the answer, and its sound.
 * @param {Page} page @param {number} [before] @returns {Promise<{text:string, speech_ms:number}>} */
export async function nextAnswer(page, before = 0) {
  const from_ms = await page.evaluate(() => performance.now());
  await until("a caption of the assistant", async () => (await captions(page, "assistant")).length > before);
  await until("audible speech", async () => (await speechSince(page, from_ms)) >= 250).catch(async () => {
    throw new Error(`only ${await speechSince(page, from_ms)} ms of audible answer`);
  });
  return { text: (await captions(page, "assistant"))[before] ?? "", speech_ms: await speechSince(page, from_ms) };
}

/** Time above the level of speech on the remote track. @param {Page} page @param {number} from_ms @returns {Promise<number>} */
const speechSince = (page, from_ms) =>
  page.evaluate((from, least) => {
    const { levels } = /** @type {any} */ (window).probe;
    let total = 0;
    for (let i = 1; i < levels.length; i++) {
      if (levels[i].at >= from && levels[i].db > least) total += Math.min(20, levels[i].at - levels[i - 1].at);
    }
    return Math.round(total);
  }, from_ms, SPEECH_DB);

/** @param {Page} page @param {string} text */
export async function type(page, text) {
  await page.focus("#text");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Interrupts in the middle of a loud syllable and measures the old speech after it, in two places.
 *
 * `track_ms`: from the page's `send` of the abort to the last moment, in 900 ms, at which the remote track was above
 * -45 dBFS. It contains everything: the way to the gateway, what was on its way back, the jitter buffer (20 to 80 ms,
 * more on a busy machine), the browser's concealment of a sudden end, the ~10 ms of Web Audio and up to 9 ms of the
 * meter's window and step. Nothing is subtracted.
 * `heard_ms`: the part of it before the page muted its loudspeaker. What the sound card had already been given (some
 * 10 ms) is not in it. @param {Page} page @returns {Promise<{track_ms:number, heard_ms:number}>} */
export async function bargeInTail(page) {
  await page.evaluate((least) => {
    const { probe } = /** @type {any} */ (window);
    return new Promise((resolve, reject) => {
      const limit_ms = performance.now() + 12_000;
      const look = () => {
        const last = probe.levels.slice(-8);
        const loud = last.length === 8 && last.every((/** @type {any} */ level) => level.db > least + 8);
        if (loud && document.documentElement.dataset["state"] === "speaking") {
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
          return resolve(undefined);
        }
        if (performance.now() > limit_ms) return reject(new Error("no loud syllable to interrupt"));
        setTimeout(look, 2);
      };
      look();
    });
  }, SPEECH_DB);
  await new Promise((resolve) => setTimeout(resolve, 900));
  const tail = await page.evaluate((least) => {
    const { probe } = /** @type {any} */ (window);
    const abort = probe.sent.filter((/** @type {any} */ entry) => entry.message.type === "abort").at(-1);
    if (!abort) return null;
    const after = probe.levels.filter((/** @type {any} */ level) => level.at >= abort.at);
    if (after.length < 40) return null;
    let last = abort.at;
    for (const level of after) if (level.db > least) last = level.at;
    const mute = probe.mutes.find((/** @type {any} */ entry) => entry.muted && entry.at >= abort.at);
    const track_ms = last - abort.at;
    return { track_ms, heard_ms: mute ? Math.min(track_ms, mute.at - abort.at) : track_ms };
  }, SPEECH_DB);
  check(tail !== null, "no abort was sent, or the meter stood still");
  return tail;
}
