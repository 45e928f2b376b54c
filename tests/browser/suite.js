// The page and the gateway as a person meets them, in real browsers. `./run` prepares everything and starts this.

import "./coverage.js"; // before what it watches
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { auditInPage } from "./audit.js";
import { testAgain } from "./again.js";
import { avatarTests } from "./avatar.js";
import { testAdmin } from "./admin.js";
import { testCameraOff } from "./camera.js";
import "./decisions.js";
import "./hands.js";
import { testLooks } from "./looks.js";
import "./npm.js";
import { byHand, hearsEverything, leavesNothing, reportsWell } from "./manager.js";
import { launchChromium, launchFirefox, launchHearingChromium, openPage, unexpected } from "./browsers.js";
import { testFaces } from "./faces.js";
import { testFrames } from "./frames.js";
import { Gateway } from "./gateway.js";
import { check, note, runAll, same, test, until } from "./harness.js";
import { testControls } from "./controls.js";
import { testPage } from "./page.js";
import { testKeyboard } from "./keyboard.js";
import { testRelay } from "./relay.js";
import { testLoad } from "./load.js";
import { testShell } from "./shell.js";
import { testPerson } from "./person.js";
import { testSignIn } from "./signin.js";
import { testStart } from "./start.js";
import { testStatistics } from "./statistics.js";
import { PHRASES, plain, SoundCard, speak } from "./speech.js";
import { bargeInTail, call, captions, holdWhile, nextAnswer, nextHeard, reach, state, type } from "./talk.js";

/** @typedef {import("puppeteer-core").Browser} Browser */
/** @typedef {import("./browsers.js").WatchedPage} Page */

/** Of old speech, in the ear. */
const BARGE_IN_MOST_MS = 80;
/** On the track itself, before the page's own mute, this depends on how promptly the browser is scheduled: the default
 * tells silence after an interruption (20 to 150 ms) from a stream that just stops (270 to 350 ms); for a judgement on
 * a quiet machine set BARGE_IN_TRACK_MS=80. */
const TRACK_MOST_MS = Number(process.env["BARGE_IN_TRACK_MS"] ?? 200);
/** Rounds whose median counts. A browser that was not scheduled in time lets its jitter buffer grow and shrinks it
 * again in some seconds of speech, so on a busy machine the conversation goes on, until the last
 * five are good or this many are over. */
const ROUNDS = 5;
const ROUNDS_MOST = 10;
const screens = process.env["SCREENS"] ?? fileURLToPath(new URL("../../build/screens", import.meta.url));
const binary = process.env["GATEWAY"] ?? "";
check(fs.existsSync(binary), `GATEWAY must name the gateway's program (it is "${binary}")`);

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-browser-"));
fs.mkdirSync(screens, { recursive: true });
const gateway = new Gateway(binary, { args: ["--avatars", path.join(folder, "avatars"), "--host", "insecure.test"] });
const microphone = path.join(folder, "microphone.wav");
/** @type {Browser} */
let chromium;
/** @type {Browser|null} */
let firefox = null;
/** @type {Browser|null} with the sound card, for those tests that hear */
let hearing = null;
/** @type {SoundCard|null} */
let card = null;

/** What Chromium's microphone will say to the next page that opens it. @param {string} phrase @param {number} [lead_s] */
function nextWords(phrase, lead_s) {
  const { file, end_s } = speak(folder, phrase, lead_s);
  fs.copyFileSync(file, microphone);
  return end_s;
}

/** A page for one test, closed afterwards; the gateway has forgotten its session before the next one begins.
 * @param {Browser} browser @param {(page:Page) => Promise<void>} use */
async function withPage(browser, use) {
  const page = await openPage(browser, gateway.url);
  try {
    await use(page);
    // What a test takes away does not load; whether all is there that should be, the crawl of the files tells.
    same(unexpected(page).filter((line) => !/^Failed to load resource/.test(line)), [], "the console's errors and warnings");
    // A second gateway and a radio are on this machine, too.
    same(page.foreign.filter((url) => !/^\w+:\/\/127\.0\.0\.1[:/]/.test(url)), [], "requests to other places");
  } finally {
    await page.evaluate(() => {
      document.getElementById("hangup")?.click();
      localStorage.clear(); // language and choices are the next test's own
    }).catch(() => undefined);
    if (!page.isClosed()) await page.close();
  }
}

/** @param {Page} page */
function checkQuiet(page) {
  same(unexpected(page), [], "console errors");
  same(page.foreign, [], "requests to other places");
}

const spaceDown = (/** @type {Page} */ page) => page.keyboard.down(" ");
const spaceUp = (/** @type {Page} */ page) => page.keyboard.up(" ");

test("chromium: pages load without an error, a foreign request or a breach of the policy", () =>
  withPage(chromium, async (page) => {
    for (const route of ["/", "/chat", "/chatv2"]) {
      const response = await page.goto(gateway.url + route, { waitUntil: "networkidle0" });
      same(response?.status(), 200, route);
      const policy = response?.headers()["content-security-policy"] ?? "";
      const strict = /default-src 'self'; script-src 'self' 'wasm-unsafe-eval'( 'sha256-[\w+/]+=')+;/.test(policy);
      check(strict && policy.split("unsafe").length === 2, `${route}: the policy is "${policy}"`);
      same(await page.evaluate(() => /** @type {any} */ (window).probe.violations), [], `${route} violations`);
    }
    checkQuiet(page);
  }));

/** In the page: the core's state, and what eval says. @param {string} root */
async function coreInPage(root) {
  const { Core, loadCore } = await import(`${root}/js/manager/core.js`);
  const core = await Core.create(await loadCore(), {}, 1, 0);
  try {
    return [core.state, core.counts().n_events, new Function("return 1")()];
  } catch (error) {
    return [core.state, core.counts().n_events, /** @type {Error} */ (error).name];
  }
}

for (const name of ["chromium", "firefox"]) {
  test(`${name}: the policy lets the manager's core be compiled, and no eval`, async () => {
    const browser = name === "firefox" ? firefox : chromium;
    check(browser, `${name} did not start`);
    await withPage(browser, async (page) => {
      await page.goto(`${gateway.url}/`);
      same(await page.evaluate(coreInPage, gateway.url), [0, 0, "EvalError"], "state, events, eval");
    });
  });
}

test("chromium: names, contrast and sizes while it really speaks and listens", () =>
  withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await type(page, "tell me a joke");
    await reach(page, ["speaking"]);
    await until("a sentence", async () => (await captions(page, "assistant")).length);
    same(await page.evaluate(auditInPage), [], "/chat while speaking");
    await page.screenshot({ path: `${screens}/speaking.png` });
    await page.keyboard.press("Escape");
    await reach(page, ["ready"]);
    await spaceUp(page);
    await page.focus("#talk");
    await spaceDown(page);
    await reach(page, ["listening"]);
    same(await page.evaluate(auditInPage), [], "/chat while listening");
    await page.screenshot({ path: `${screens}/listening.png` });
    await page.keyboard.press("Escape");
    await spaceUp(page);
  }));

test("chromium: 9 of 10 spoken phrases are understood, answered in words and in sound (Space held)", async () => {
  let right = 0;
  for (const phrase of PHRASES) {
    const end_s = nextWords(phrase);
    await withPage(chromium, async (page) => {
      let heard = "(nothing)";
      try {
        await call(page, gateway.url);
        await holdWhile(page, end_s, () => spaceDown(page), () => spaceUp(page));
        heard = await nextHeard(page);
        const answer = await nextAnswer(page);
        note(`"${phrase}" -> "${heard}" -> "${answer.text}" (${answer.speech_ms} ms of speech)`);
        if (plain(heard) === plain(phrase)) right++;
      } catch (error) {
        note(`"${phrase}" -> "${heard}": ${error instanceof Error ? error.message : error}`);
      }
      checkQuiet(page);
    });
  }
  check(right >= 9, `${right} of ${PHRASES.length} phrases right`);
  note(`${right} of ${PHRASES.length}`);
});

test("chromium: hold-to-talk with the pointer", async () => {
  const end_s = nextWords("what time is it");
  await withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await page.hover("#talk");
    await holdWhile(page, end_s, () => page.mouse.down(), () => page.mouse.up());
    same(plain(await nextHeard(page)), "what time is it", "heard");
    await nextAnswer(page);
    const all = await page.evaluate(() => /** @type {any} */ (window).probe.sent.map((/** @type {any} */ entry) => entry.message));
    const sent = all.filter((/** @type {any} */ message) => !["ping", "stats"].includes(message.type));
    same(sent.slice(0, 2), [{ type: "listen", state: "start", mode: "manual" }, { type: "listen", state: "stop" }], "sent");
  });
});

test("chromium: the microphone is off unless the key is held; Esc discards; losing focus lets go", () =>
  withPage(chromium, async (page) => {
    nextWords("hello", 20);
    await call(page, gateway.url);
    const live = () =>
      page.evaluate(() => {
        const { peers } = /** @type {any} */ (window).probe;
        return peers.at(-1).getSenders().some((/** @type {RTCRtpSender} */ sender) => sender.track?.enabled);
      });
    await until("the microphone", () => page.evaluate(() => /** @type {any} */ (window).probe.microphoneAt));
    same(await live(), false, "microphone at rest");
    await spaceDown(page);
    await reach(page, ["listening"]);
    await until("a live microphone", live);
    await page.keyboard.press("Escape");
    await reach(page, ["ready"]);
    same(await live(), false, "microphone after Esc");
    await spaceUp(page);
    await spaceDown(page);
    await reach(page, ["listening"]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await page.evaluate(() => window.dispatchEvent(new Event("blur")));
    await reach(page, ["thinking", "ready"]);
    same(await live(), false, "microphone after losing focus");
    await spaceUp(page);
  }));

test("chromium: hands-free, twice in a row, without a key", async () => {
  nextWords("tell me a joke", 2.5);
  await withPage(chromium, async (page) => {
    await call(page, gateway.url, "auto");
    same(plain(await nextHeard(page)), "tell me a joke", "heard");
    await nextAnswer(page);
    await reach(page, ["listening"], 30_000);
    await type(page, "who are you");
    await nextHeard(page, 1);
    await nextAnswer(page, 1);
  });
});

test("chromium: typed text is answered, and stands there once", () =>
  withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await type(page, "what time is it");
    await nextAnswer(page);
    same(await captions(page, "person"), ["what time is it"], "captions of the person");
    await reach(page, ["ready"], 30_000);
    await until("word to the gateway of what was played", async () => {
      const figures = await (await fetch(`${gateway.url}/metrics`)).text();
      return /page_samples_total\{kind="played"\} [1-9]/.test(figures) && /quality_score_count [1-9]/.test(figures);
    });
    checkQuiet(page);
  }));

/** @param {Page} page @param {string} browser */
async function bargeIn(page, browser) {
  // A whole answer first: until then the browser's jitter buffer holds the 80 ms it starts with, having learnt nothing.
  await type(page, "hello");
  await nextAnswer(page);
  await reach(page, ["ready"], 30_000);
  /** @type {{track_ms:number, heard_ms:number}[]} */
  const tails = [];
  const median = () => tails.slice(-ROUNDS).map((tail) => tail.track_ms).sort((a, b) => a - b)[ROUNDS >> 1] ?? Infinity;
  while (tails.length < ROUNDS || (median() > TRACK_MOST_MS && tails.length < ROUNDS_MOST)) {
    await type(page, "tell me a joke");
    await reach(page, ["speaking"]);
    tails.push(await bargeInTail(page));
    await reach(page, ["ready"]);
  }
  const over = tails.flatMap((tail, round) => (tail.track_ms > BARGE_IN_MOST_MS ? [round + 1] : []));
  note(`${browser}: ms of old speech after abort, on the track: ${tails.map((tail) => tail.track_ms.toFixed(0)).join(", ")}`);
  note(`median of the last ${ROUNDS}: ${median().toFixed(0)}; rounds over ${BARGE_IN_MOST_MS}: ${over.join(", ") || "none"}`);
  const worst_ms = Math.max(...tails.map((tail) => tail.heard_ms));
  check(worst_ms <= BARGE_IN_MOST_MS, `${worst_ms.toFixed(0)} ms of old speech heard after abort, at most ${BARGE_IN_MOST_MS}`);
  check(median() <= TRACK_MOST_MS, `${median().toFixed(0)} ms of old speech on the track, at most ${TRACK_MOST_MS}`);
  return tails.length;
}

test("chromium: at most 80 ms of old speech after an interruption", () =>
  withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await bargeIn(page, "chromium");
  }));

test("chromium: the assistant sets the volume", () =>
  withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await type(page, "set the volume to fifty percent");
    await until("the slider at 50", () => page.$eval("#volume", (slider) => /** @type {any} */ (slider).value === "50"));
    await nextAnswer(page);
    await page.evaluate(() => localStorage.clear());
  }));

test("chromium: the assistant takes a photo in full view, and all of it arrives", () =>
  withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await type(page, "take a photo");
    await page.waitForSelector("#camera[open]");
    await page.screenshot({ path: `${screens}/desktop-light-camera.png` });
    await page.waitForSelector(".card canvas");
    const result = await until("the tool's result", () =>
      page.evaluate(() => {
        const { sent, binaryBytes } = /** @type {any} */ (window).probe;
        const messages = sent.map((/** @type {any} */ entry) => entry.message);
        const find = (/** @type {string} */ kind) => messages.find((/** @type {any} */ message) => message.type === kind);
        const result = find("tool_result");
        return result ? { result, photo: find("photo"), binaryBytes } : null;
      }));
    same([result.result.ok, result.binaryBytes], [true, result.photo.size], "result and bytes");
    await until("a description", async () => (await captions(page, "assistant")).length);
    await reach(page, ["ready"], 30_000);
    const said = (await captions(page, "assistant")).join(" ");
    note(`the assistant says: ${said}`);
    check(/pixels|bright|dark|colou?r|green/i.test(said), `that is no description of a picture: ${said}`);
  }));

test("chromium: hanging up removes the session, leaving the page does too", () =>
  withPage(chromium, async (page) => {
    await until("no session left over", async () => (await gateway.sessions()) === 0, 40_000);
    await call(page, gateway.url);
    same(await gateway.sessions(), 1, "sessions while talking");
    await page.click("#hangup");
    await reach(page, ["ended"]);
    await until("no session after hanging up", async () => (await gateway.sessions()) === 0, 3000);
    await page.click("#start");
    await reach(page, ["ready"]);
    await page.close();
    await until("no session after leaving", async () => (await gateway.sessions()) === 0, 3000);
  }));

test("chromium: the connection is made before the press, without a microphone; the press costs no offer", () =>
  withPage(chromium, async (page) => {
    nextWords("hello", 20);
    let offers = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/offer")) offers++;
    });
    await page.goto(`${gateway.url}/chat`);
    await until("the prepared connection", () => page.evaluate(() => document.documentElement.dataset["link"] === "prepared"));
    same([await state(page), offers], ["idle", 1], "what the page says, and offers so far");
    const before = await page.evaluate(() => {
      const { probe } = /** @type {any} */ (window);
      return [probe.microphoneAt, document.getElementById("notice")?.hidden];
    });
    same(before, [null, true], "no microphone, and no notice, before a gesture");
    const took_ms = await page.evaluate(() => new Promise((resolve) => {
      const from_ms = performance.now();
      const look = () => document.documentElement.dataset["state"] === "ready" && resolve(performance.now() - from_ms);
      new MutationObserver(look).observe(document.documentElement, { attributeFilter: ["data-state"] });
      document.getElementById("start")?.click();
    }));
    note(`from the press to ready: ${Number(took_ms).toFixed(1)} ms`);
    await until("the microphone", () => page.evaluate(() => /** @type {any} */ (window).probe.microphoneAt));
    same(offers, 1, "offers after the press");
    await type(page, "what time is it");
    await nextAnswer(page);
    checkQuiet(page);
  }));

test("chromium: quality, figures and the report are there for the person", () =>
  withPage(chromium, async (page) => {
    await call(page, gateway.url);
    await type(page, "tell me a joke");
    await nextAnswer(page);
    const badge = () => page.$eval("#quality", (button) => [button.textContent?.trim(), /** @type {any} */ (button).title]);
    await until("a measure", async () => /Sound.*Round trip/.test((await badge())[1] ?? ""));
    check(/^(Excellent|Good|Poor|Bad) connection$/.test((await badge())[0] ?? ""), "four levels, in words");
    await page.click("#quality");
    await page.waitForSelector("#details[open]");
    same(await page.evaluate(auditInPage), [], "the sheet");
    await page.screenshot({ path: `${screens}/desktop-light-details.png` });
    const rows = await page.$$eval("#figures dt", (names) => names.length);
    check(rows >= 5, `${rows} figures`);
    const gateways = () => page.$$eval("#gateway-figures dt", (names) => /** @type {Record<string, string>} */ (
      Object.fromEntries(names.map((name) => [name.textContent, name.nextElementSibling?.textContent]))));
    /** Some words, then what the gateway says of them. @param {number} sent so many packets at least */
    const measured = async (sent) => {
      await page.keyboard.press("Escape");
      await page.focus("#talk");
      await spaceDown(page);
      await reach(page, ["listening"]);
      await spaceUp(page);
      await page.click("#quality");
      return until("the gateway's figures", async () => {
        const figures = await gateways();
        const times = ["Round trip", "Jitter"].every((name) => /^\d+ ms$/.test(figures[name] ?? ""));
        return times && Number(figures["Packets in"]) > 0 && Number(figures["Packets out"]) > sent ? figures : null;
      }, 30_000);
    };
    const first = await measured(0);
    const later = await measured(Number(first["Packets out"]));
    note(`the gateway's: ${JSON.stringify(first)}, then ${JSON.stringify(later)}`);
    same(await page.evaluate(auditInPage), [], "the sheet with the gateway's figures");
    await page.keyboard.press("Escape");
  }));

test("chromium: every event of the manager is heard by a subscriber", () =>
  withPage(chromium, async (page) => {
    nextWords("hello", 20);
    await hearsEverything(page, gateway.url);
  }));

test("chromium: the manager leaves nothing after close()", () => withPage(chromium, (page) => leavesNothing(page, gateway.url)));

test("chromium: statistics, time-line and a report without secrets", () =>
  withPage(chromium, (page) => reportsWell(page, gateway.url)));

test("chromium: signalling by hand", () => withPage(chromium, (page) => byHand(page, gateway.url)));

test("chromium: without a microphone the page says why, and typing still works", async () => {
  const context = await chromium.createBrowserContext();
  await withPage(/** @type {any} */ (context), async (page) => {
    await page.evaluateOnNewDocument(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    });
    await call(page, gateway.url);
    same(await page.$eval("#notice", (box) => /** @type {HTMLElement} */ (box).dataset["key"]), "micDenied", "notice");
    await type(page, "who are you");
    await nextAnswer(page);
  });
  await context.close();
});

test("chromium: a full gateway is asked again after the time it names", () =>
  withPage(chromium, async (page) => {
    page.expected.push(/status of 503/);
    await page.setRequestInterception(true);
    let refusals = 0;
    page.on("request", (request) => {
      if (!request.url().endsWith("/api/offer") || refusals++ > 1) return void request.continue();
      const body = JSON.stringify({ error: { code: "full", message: "full" } });
      return void request.respond({ status: 503, headers: { "Retry-After": "2" }, contentType: "application/json", body });
    });
    await page.goto(`${gateway.url}/chat`);
    await until("the refusal of the prepared connection", () => refusals);
    await page.click("#start");
    await reach(page, ["reconnecting"]);
    check(/ [123] s/.test(await page.$eval("#state-text", (line) => line.textContent ?? "")), "the countdown is shown");
    await reach(page, ["ready"]);
    checkQuiet(page);
  }));

test("chromium: the gateway is killed and comes back; so does the page", () =>
  withPage(chromium, async (page) => {
    page.expected.push(/Failed to load resource: (net::ERR_|.*status of 404)/); // nobody there; then nobody who knows it
    page.expected.push(/WebSocket connection to .* failed: .*ERR_CONNECTION_REFUSED/); // the bridge knocks as well
    await call(page, gateway.url);
    await gateway.stop("SIGKILL");
    await reach(page, ["reconnecting"], 40_000);
    await gateway.start();
    await reach(page, ["ready"], 20_000);
    await type(page, "hello");
    await nextAnswer(page);
    check((await page.$$eval("#captions li", (lines) => lines.length)) >= 2, "captions");
  }));

avatarTests({
  chromium: () => chromium,
  url: () => gateway.url,
  folder,
  screens,
  withPage: (use) => withPage(chromium, use),
  inFirefox,
});

// ---- Firefox ----

/** @param {(page:Page) => Promise<void>} use */
async function inFirefox(use) {
  check(firefox, "Firefox did not start");
  await withPage(firefox, use);
}

/** Firefox hears a sound card: the words are played while the key is held. @param {Page} page @param {string} phrase */
async function sayInFirefox(page, phrase) {
  const before = (await captions(page, "person")).length;
  await spaceDown(page);
  await reach(page, ["listening"]);
  await card?.play(speak(folder, phrase, 0.3).file);
  await spaceUp(page);
  return nextHeard(page, before);
}

test("firefox: connects, hears spoken words through a capture device, and answers in words and sound", () =>
  inFirefox(async (page) => {
    await call(page, gateway.url);
    let right = 0;
    const phrases = ["what time is it", "who are you", "good morning", "thank you"];
    for (const [index, phrase] of phrases.entries()) {
      const heard = await sayInFirefox(page, phrase).catch((error) => String(error));
      const answer = await nextAnswer(page, index).catch((error) => ({ text: String(error), speech_ms: 0 }));
      note(`"${phrase}" -> "${heard}" -> "${answer.text}" (${answer.speech_ms} ms of speech)`);
      if (plain(heard) === plain(phrase) && answer.speech_ms) right++;
      await page.keyboard.press("Escape");
      await reach(page, ["ready"], 30_000);
    }
    check(right >= 3, `${right} of ${phrases.length} phrases right`);
    checkQuiet(page);
  }));

test("firefox: hands-free", () =>
  inFirefox(async (page) => {
    await call(page, gateway.url, "auto");
    await new Promise((resolve) => setTimeout(resolve, 2500)); // the sound card's first block may be 2 s long (speech.js)
    await card?.play(speak(folder, "tell me a joke", 0.5).file);
    same(plain(await nextHeard(page)), "tell me a joke", "heard");
    await nextAnswer(page);
  }));

test("firefox: typed text, and at most 80 ms of old speech after an interruption", () =>
  inFirefox(async (page) => {
    await call(page, gateway.url);
    const rounds = await bargeIn(page, "firefox");
    same(await captions(page, "person"), ["hello", ...Array(rounds).fill("tell me a joke")], "captions of the person");
  }));

test("firefox: every event of the manager is heard by a subscriber", () =>
  inFirefox((page) => hearsEverything(page, gateway.url)));

test("firefox: the manager leaves nothing after close()", () => inFirefox((page) => leavesNothing(page, gateway.url)));

test("firefox: statistics, time-line and a report without secrets", () => inFirefox((page) => reportsWell(page, gateway.url)));

test("firefox: signalling by hand", () => inFirefox((page) => byHand(page, gateway.url)));

test("firefox: hanging up removes the session", () =>
  inFirefox(async (page) => {
    await until("no session left over", async () => (await gateway.sessions()) === 0, 40_000);
    await call(page, gateway.url);
    same(await gateway.sessions(), 1, "sessions while talking");
    await page.click("#hangup");
    await until("no session after hanging up", async () => (await gateway.sessions()) === 0, 3000);
    checkQuiet(page);
  }));

/** @param {(page:Page) => Promise<void>} use */
const inChromium = (use) => withPage(chromium, use);

/** @param {(page:Page) => Promise<void>} use */
async function inHearingChromium(use) {
  check(card, "no sound server");
  hearing ??= await launchHearingChromium(folder, card.env);
  await withPage(hearing, use);
}

/** @type {import("./start.js").Bench} */
const bench = {
  gateway, binary, folder, microphone, screens, inChromium, inFirefox, nextWords,
  both: [["chromium", inChromium], ["firefox", inFirefox]],
  hearing: [["chromium", inHearingChromium], ["firefox", inFirefox]],
  card: () => {
    check(card, "no sound server");
    return card;
  },
};
testStart(bench);
testSignIn(bench);
testAdmin(bench);
testFaces(bench, () => chromium);
testFrames({ url: () => gateway.url, chromium: () => chromium });
testPage(bench);
testLooks(bench);
testRelay(bench);
testPerson(bench);
testAgain(bench);
testCameraOff(bench);
testControls(bench);
testKeyboard(bench);
testShell(bench);
testLoad(bench);
testStatistics(bench);

async function main() {
  nextWords("hello");
  await gateway.start();
  chromium = await launchChromium(folder, microphone);
  try {
    card = new SoundCard(folder);
    await until("the sound server", () => card?.choose() ?? false, 5000);
    firefox = await launchFirefox(folder, card.env);
  } catch (error) {
    console.log(`       Firefox or its sound server: ${error instanceof Error ? error.message : error}`);
  }
  console.log(`chromium ${await chromium.version()}, firefox ${firefox ? await firefox.version() : "none"}, ${gateway.url}`);
  const well = await runAll(process.argv[2] ?? "");
  if (!well && gateway.log) fs.writeFileSync(path.join(screens, "gateway.log"), gateway.log);
  return well;
}

/** @returns {Promise<void>} */
async function cleanUp() {
  await Promise.allSettled([chromium?.close(), hearing?.close(), firefox?.close(), gateway.stop()]);
  card?.close();
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.on(signal, () => cleanUp().finally(() => process.exit(1)));
}
main()
  .catch((error) => {
    console.error(error);
    return false;
  })
  .then(async (well) => {
    await cleanUp();
    process.exit(well ? 0 : 1);
  });
