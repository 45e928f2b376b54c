// What a person does in any browser, by WebDriver, and what can be seen and heard of it. Each feature throws what it misses.

import { check, until } from "../browser/harness.js";
import { plain, speak } from "../browser/speech.js";
import { ENTER, ESCAPE } from "./driver.js";

/**
 * @typedef {Object} Place where a feature is tried
 * @property {import("./driver.js").Driver} driver
 * @property {import("../browser/gateway.js").Gateway} gateway
 * @property {string} origin of the pages, as the browser asks for them
 * @property {import("../browser/speech.js").SoundCard|null} card the browser's microphone and loudspeaker; null: its own
 *   test microphone, and what it plays is told only by itself
 * @property {string} folder
 */

const SPEECH_DBFS = -40;

/** @param {Place} place @param {string} expression in the page @returns {Promise<any>} */
const ask = ({ driver }, expression) => driver.run(`return ${expression};`);

/** @param {Place} place @param {string[]} wanted @param {number} [limit_ms] */
async function reach(place, wanted, limit_ms = 20_000) {
  let last = "";
  await until(`state ${wanted.join(" or ")}`, async () => {
    last = await ask(place, "document.documentElement.dataset.state");
    return wanted.includes(last);
  }, limit_ms).catch(async (error) => {
    const notice = await ask(place, 'document.getElementById("notice-text")?.textContent');
    throw new Error(`${error.message}; the page is "${last}"${notice ? `, saying: ${notice}` : ""}`);
  });
}

/** @param {Place} place @param {"person"|"assistant"} who @returns {Promise<string[]>} */
const captions = (place, who) =>
  ask(place, `[...document.querySelectorAll("[data-who=${who}]")].map((line) => line.textContent ?? "")`);

/** @param {Place} place @param {"person"|"assistant"} who @param {number} before @returns {Promise<string>} */
async function nextCaption(place, who, before) {
  const lines = await until(`a caption of the ${who}`, async () => {
    const now = await captions(place, who);
    return now.length > before ? now : null;
  }, 30_000);
  return String(lines[before]);
}

/** Samples that this gateway's page says it played. @param {Place} place @returns {Promise<number>} */
async function played({ gateway }) {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(/page_samples_total\{kind="played"\} (\d+)/.exec(text)?.[1] ?? 0);
}

/** Runs |act|, then waits until the answer's sound is there: in the ear where there is one, else by the browser's word.
 * @param {Place} place @param {() => Promise<void>} act */
async function answered(place, act) {
  const lines = (await captions(place, "assistant")).length;
  const before = await played(place);
  const ear = place.card?.loudest("ear", 30_000, (dbfs) => dbfs > SPEECH_DBFS);
  await act();
  await nextCaption(place, "assistant", lines);
  if (ear) {
    const dbfs = await ear;
    check(dbfs > SPEECH_DBFS, `nothing to be heard: ${dbfs.toFixed(0)} dBFS`);
  } else {
    await until("a second of sound played", async () => (await played(place)) - before > 48_000);
  }
}

/** @param {Place} place */
async function hush(place) {
  await place.driver.type("body", ESCAPE);
  await reach(place, ["ready"], 40_000);
}

/** Connects. @param {Place} place @param {"manual"|"auto"} [mode] @returns {Promise<string>} what is worth telling */
export async function connects(place, mode = "manual") {
  const { driver, origin } = place;
  await driver.goto(`${origin}/chat`);
  await until("the page", () => ask(place, 'document.readyState === "complete" && !document.getElementById("start").hidden'));
  await driver.run(`document.querySelector("#modes input[value=${mode}]").click();`);
  await driver.run(`addEventListener("click", () => { window.pressed_ms = performance.now(); }, { capture: true, once: true });
    new MutationObserver(() => {
      if (/ready|listening/.test(document.documentElement.dataset.state)) window.ready_ms ??= performance.now();
    }).observe(document.documentElement, { attributes: true });`);
  await driver.click("#start");
  await reach(place, [mode === "auto" ? "listening" : "ready"], 30_000);
  return `${Math.round(await ask(place, "window.ready_ms - window.pressed_ms"))} ms from click to ready`;
}

/** A typed sentence. @param {Place} place */
export async function answers(place) {
  await answered(place, () => place.driver.type("#text", `who are you${ENTER}`));
  const [said] = await captions(place, "assistant");
  await hush(place);
  return `"${said}"`;
}

/** The key is held while a person speaks. @param {Place} place */
export async function pushToTalk(place) {
  const { driver, card, folder } = place;
  const before = (await captions(place, "person")).length;
  await driver.hold("#talk");
  await reach(place, ["listening"]);
  if (!card) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await driver.letGo();
    await reach(place, ["thinking", "ready", "speaking"]);
    return "a tone is no speech: that it listens and stops";
  }
  await card.play(speak(folder, "what time is it", 0.3).file);
  await answered(place, () => driver.letGo());
  const heard = await nextCaption(place, "person", before);
  check(plain(heard) === "what time is it", `understood: "${heard}"`);
  await hush(place);
  return `understood "${heard}"`;
}

/** Without a key. @param {Place} place */
export async function handsFree(place) {
  await place.driver.click("#hangup");
  await connects(place, "auto");
  const before = (await captions(place, "person")).length; // of the call before
  // Not at once: what Firefox makes of the first two seconds of a microphone that was just opened is understood by nobody.
  await answered(place, () => /** @type {any} */ (place.card).play(speak(place.folder, "tell me a joke", 3.5).file));
  const heard = await nextCaption(place, "person", before);
  check(plain(heard) === "tell me a joke", `understood: "${heard}"`);
  await place.driver.click("#hangup");
  await connects(place);
  return `understood "${heard}"`;
}

/** The gateway dies and comes back. @param {Place} place */
export async function recovers(place) {
  await place.gateway.stop("SIGKILL");
  await reach(place, ["reconnecting", "connecting", "offline"]);
  await place.gateway.start();
  const from_ms = performance.now();
  await reach(place, ["ready"], 40_000);
  const took_ms = performance.now() - from_ms;
  await answered(place, () => place.driver.type("#text", `hello${ENTER}`));
  await hush(place);
  return `${(took_ms / 1000).toFixed(1)} s after the gateway was there again`;
}

/** The badge has a level, the drawer has figures. @param {Place} place */
export async function quality(place) {
  const level = await until("a level", async () => {
    const now = await ask(place, 'document.getElementById("quality").dataset.level');
    return now !== "unknown" && now;
  });
  await place.driver.click("#quality");
  const figures = await until("figures", async () => {
    const rows = await ask(place, `[...document.querySelectorAll("#details[open] #figures dd")].map((row) => row.textContent)`);
    return rows.filter((/** @type {string} */ row) => /\d/.test(row)).length >= 3 && rows;
  });
  await place.driver.type("body", ESCAPE);
  await until("the drawer shut", () => ask(place, 'document.querySelector("#details[open]") === null'));
  return `${level}; ${figures.slice(0, 3).join(", ")}`;
}

/** The assistant asks for a picture and tells what is on it. @param {Place} place */
export async function photo(place) {
  const before = (await captions(place, "assistant")).length;
  await place.driver.type("#text", `take a photo${ENTER}`);
  const said = await until("a description", async () => {
    const lines = (await captions(place, "assistant")).slice(before);
    return lines.find((line) => /pixels|bright|dark|colou?r|green/i.test(line));
  }, 40_000);
  await hush(place);
  return `"${said}"`;
}

/** @param {Place} place */
export async function hangsUp(place) {
  await place.driver.click("#hangup");
  await reach(place, ["ended", "idle"]);
  await until("no session left", async () => (await place.gateway.sessions()) === 0);
  return "its session is gone";
}
