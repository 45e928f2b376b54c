// The conversation page beyond the conversation: history and export, the talk key's ways, cards, music, figures, camera.

import http from "node:http";
import {
  clampIn, handleIn, isAwayIn, settleIn, sizeIn, startIn,
} from "../../web/js/preview_place.js";
import { exportAs } from "../../web/js/transcript.js";
import { auditInPage } from "./audit.js";
import { launchChromium, openPage } from "./browsers.js";
import { Gateway } from "./gateway.js";
import { check, same, test, until } from "./harness.js";
import { call, dial, ears, reach, state, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */
/** @typedef {import("../../web/js/transcript.js").Line} Line */

/** @param {"person"|"assistant"} who */
const nameOf = (who) => (who === "person" ? "You" : "XiaoZhi");

test("page: a conversation becomes Markdown, WebVTT and JSON, and nothing in it becomes markup", () => {
  const at_ms = Date.UTC(2026, 0, 2, 3, 4, 5);
  /** @type {Line[]} */
  const lines = [
    { who: "person", text: "a <b>*bold*</b> -->\nnew line & more", at_ms, cut: false },
    { who: "assistant", text: "Yes.", at_ms: at_ms + 2500, cut: true },
    { who: "person", text: "later", at_ms: at_ms + 3_661_001, cut: false },
  ];
  const vtt = exportAs(lines, "vtt", nameOf, "en");
  same(vtt.text.split("\n\n"), [
    "WEBVTT",
    "1\n00:00:00.000 --> 00:00:02.450\n<v You>a &lt;b&gt;*bold*&lt;/b&gt; --&gt; new line &amp; more",
    "2\n00:00:02.500 --> 00:00:03.700\n<v XiaoZhi>Yes. —",
    "3\n01:01:01.001 --> 01:01:02.201\n<v You>later\n",
  ], "WebVTT");
  same([vtt.name, vtt.type], ["xiaozhi-202601020304.vtt", "text/vtt;charset=utf-8"], "name and type");
  const md = exportAs(lines, "md", nameOf, "en").text;
  check(/^# January \d, 2026\n\n\*\*You\*\* \(\d\d:\d\d.*\): a \\<b\\>\\\*bold\\\*\\<\/b\\> --\\> new line/.test(md), md);
  const json = JSON.parse(exportAs(lines, "json", nameOf, "vi").text);
  same([json.language, json.lines.length, json.lines[1]],
    ["vi", 3, { who: "assistant", name: "XiaoZhi", at: "2026-01-02T03:04:07.500Z", text: "Yes.", cut: true }], "JSON");
  same(exportAs([], "vtt", nameOf, "en").text, "WEBVTT\n\n\n", "nothing said");
});

/** @param {Bench} bench */
export function testPage(bench) {
  testTalkKey(bench);
  testLog(bench);
  testCards(bench);
  testCamera(bench);
}

/** @typedef {(message:object) => Promise<void>} Say */

/** A gateway that sends back what it is told: so the test says what "the assistant" says, over the real channel.
 * @param {Bench} bench @param {(page:Page, say:Say) => Promise<void>} use
 * @param {(use:(page:Page) => Promise<void>) => Promise<void>} [inBrowser] @param {string[]} [args] for the gateway */
export async function withEcho({ binary, inChromium }, use, inBrowser = inChromium, args = []) {
  const echo = new Gateway(binary, { args: ["--backend", "echo", ...args] });
  await echo.start();
  try {
    await inBrowser(async (page) => {
      await page.goto(`${echo.url}/chat`);
      await page.click("#start");
      await reach(page, ["ready"]);
      await use(page, (message) =>
        page.evaluate((text) => void /** @type {any} */ (window).probe.channels.at(-1).send(text), JSON.stringify(message)));
      await page.evaluate(() => localStorage.clear());
    });
  } finally {
    await echo.stop();
  }
}

/** @param {Bench} bench */
function testTalkKey({ both, gateway, nextWords, binary }) {
  const sent = (/** @type {Page} */ page) =>
    page.evaluate(() => /** @type {any} */ (window).probe.sent.flatMap((/** @type {any} */ { message }) =>
      (["ping", "stats"].includes(message.type) ? [] : [`${message.type} ${message.state ?? ""}`.trim()])));

  for (const [name, use] of both) {
    test(`${name}: page: tapping instead of holding, by pointer and Space; Esc discards, losing focus sends; kept`, () =>
      use(async (page) => {
        nextWords("hello", 20);
        await call(page, gateway.url);
        await page.click("#open-settings");
        await page.click("#toggle");
        await page.keyboard.press("Escape");
        same(await page.$eval("#talk-text", (line) => line.textContent), "Tap to talk", "the key says it");
        await page.click("#talk");
        await reach(page, ["listening"]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const now = [await state(page), await page.$eval("#talk-text", (line) => line.textContent)];
        same(now, ["listening", "Tap to send"], "a while later");
        await page.click("#talk");
        await reach(page, ["thinking", "ready", "speaking"]);
        await page.keyboard.press("Escape");
        await reach(page, ["ready"], 30_000);
        await page.evaluate(() => /** @type {any} */ (document.activeElement)?.blur());
        await page.keyboard.press(" ");
        await reach(page, ["listening"]);
        await page.keyboard.press("Escape");
        await reach(page, ["ready"]);
        await page.keyboard.press(" ");
        await reach(page, ["listening"]);
        await new Promise((resolve) => setTimeout(resolve, 400));
        await page.evaluate(() => window.dispatchEvent(new Event("blur")));
        await reach(page, ["thinking", "ready"]);
        const told = await sent(page);
        same(told.filter((/** @type {string} */ one) => one === "listen start").length, 3, "opened three times");
        same([told.slice(0, 2), told.slice(-2)], Array(2).fill(["listen start", "listen stop"]), "the first and the last are sent");
        check(told.slice(2, -2).includes("abort"), `the second is discarded: ${told}`);
        await page.reload();
        await page.click("#start");
        await reach(page, ["ready"]);
        await ears(page);
        same(await page.$eval("#talk-text", (line) => line.textContent), "Tap to talk", "after a reload");
        await page.evaluate(() => localStorage.clear());
      }));
  }

  for (const [name, use] of both) {
    test(`${name}: page: where the assistant wants a wake word, hands-free talk says which, in every language`, async () => {
      const wakes = new Gateway(binary, { args: ["--wake-word", "computer"] });
      await wakes.start();
      try {
        await use((page) => saysTheWakeWord(page, wakes.url));
      } finally {
        await wakes.stop();
      }
    });
  }

  for (const [name, use] of both) {
    test(`${name}: page: the hand feels the press, once, unless it does not want to; the screen stays on in a call`, () => {
      nextWords("hello", 20);
      return use((page) => feelsThePress(page, gateway.url));
    });
  }
}

/** @param {Page} page @param {string} url */
async function saysTheWakeWord(page, url) {
  const says = (/** @type {string} */ text) => until(`"${text}" on the key`, () =>
    page.evaluate((wanted) => document.getElementById("talk")?.innerText.replace(/\s+/g, " ").trim() === wanted, text));
  await dial(page, url, "auto");
  await says("Say “computer” then what you want");
  for (const [lang, text] of Object.entries({ zh: "说“computer” 再说您的问题", vi: "Gọi “computer” rồi nói điều bạn muốn" })) {
    await page.select("#lang", lang);
    await says(text);
  }
  await page.select("#lang", "en");
  await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector("#modes input[value=manual]")).click());
  await says("Hold to talk or hold the Space key");
}

/** @param {Page} page @param {string} url */
async function feelsThePress(page, url) {
  await page.evaluateOnNewDocument(() => {
    /** @type {any[]} */
    const felt = [];
    /** @type {string[]} */
    const awake = [];
    Object.assign(window, { felt, awake });
    navigator.vibrate = (pattern) => felt.push(pattern) > 0;
    if (!navigator.wakeLock) return; // a blank page is not a secure one
    navigator.wakeLock.request = async () => {
      awake.push("on");
      const lock = Object.assign(new EventTarget(), { release: async () => void awake.push("off") });
      return /** @type {any} */ (lock);
    };
  });
  await call(page, url);
  await page.hover("#talk");
  await page.mouse.down();
  await reach(page, ["listening"]);
  await page.mouse.up();
  const felt = () => page.evaluate(() => /** @type {any} */ (window).felt.splice(0));
  same((await felt()).filter((/** @type {unknown} */ one) => one === 50), [50], "50 ms at the press");
  same(await page.evaluate(() => /** @type {any} */ (window).awake), ["on"], "screen");
  await page.click("#open-settings");
  await page.click("#haptics");
  await page.click("#awake");
  await page.keyboard.press("Escape");
  same(await page.evaluate(() => /** @type {any} */ (window).awake), ["on", "off"], "screen, when it is not wanted");
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
  await page.hover("#talk");
  await page.mouse.down();
  await reach(page, ["listening"]);
  await page.mouse.up();
  same(await felt(), [], "nothing, when it is not wanted");
  await page.evaluate(() => localStorage.clear());
}

/** @param {Bench} bench */
function testLog(bench) {
  for (const [name, use] of bench.both) {
    test(`${name}: page: the newest line stays in sight, however fast lines come, unless the person has scrolled up`, () =>
      withEcho(bench, (page) => follows(page), use));
  }
}

/** @param {Page} page */
async function follows(page) {
  let n = 0;
  /** Lines of the person, one each |pause_ms|. @param {number} more @param {number} pause_ms */
  const hears = async (more, pause_ms) => {
    await page.evaluate(async (from, to, wait_ms) => {
      for (let i = from; i < to; i++) {
        const data = JSON.stringify({ type: "stt", text: `line ${i} `.repeat(1 + (i % 5) * 12) });
        /** @type {any} */ (window).probe.channels.at(-1).dispatchEvent(new MessageEvent("message", { data }));
        await new Promise((resolve) => setTimeout(resolve, wait_ms));
      }
    }, n, n + more, pause_ms);
    n += more;
  };
  const left = () => page.$eval("#log", (log) => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight));
  const atEnd = (/** @type {string} */ when) => until(`the newest line ${when}`, async () => (await left()) <= 1, 3000)
    .catch(async (error) => {
      throw new Error(`${error.message}: ${await left()} px are below`);
    });
  const wheel = async (/** @type {number} */ px) => {
    await page.hover("#log");
    await page.mouse.wheel({ deltaY: px });
  };
  /** The line at the top, and where it stands. */
  const read = () => page.$eval("#log", (log) => {
    const { top } = log.getBoundingClientRect();
    const first = [...log.querySelectorAll("li")].find((line) => line.getBoundingClientRect().bottom > top);
    return [first?.textContent?.slice(0, 20), Math.round((first?.getBoundingClientRect().top ?? 0) - top)];
  });
  for (const pause_ms of [0, 10, 40, 150]) { // also while it still glides, and while lines go at the other end
    await hears(pause_ms ? 20 : 70, pause_ms);
    await atEnd(`after lines each ${pause_ms} ms`);
  }
  await wheel(-400);
  await until("that it was scrolled", async () => (await left()) > 100);
  await until("that it stands", async () => {
    const before = JSON.stringify(await read());
    await new Promise((resolve) => setTimeout(resolve, 200));
    return JSON.stringify(await read()) === before;
  });
  const before = await read();
  await hears(5, 40);
  await new Promise((resolve) => setTimeout(resolve, 500));
  same(await read(), before, "what is read stays where it was");
  await wheel(100_000);
  await atEnd("when the person goes there");
  await hears(5, 40);
  await atEnd("from then on");
  await page.setViewport({ width: 1000, height: 500 });
  await atEnd("in a smaller window");
  await wheel(-200);
  await until("that it was scrolled", async () => (await left()) > 100);
  await type(page, "and what I type myself");
  await atEnd("which the person has typed");
}

/** A minute of a tone, as a file. */
function tone() {
  const [rate, seconds] = [8000, 60];
  const wav = Buffer.alloc(44 + rate * seconds);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate, 28);
  wav.writeUInt16LE(1, 32);
  wav.writeUInt16LE(8, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(rate * seconds, 40);
  for (let i = 0; i < rate * seconds; i++) wav[44 + i] = 128 + Math.round(60 * Math.sin(i / 4));
  return wav;
}

/** What the assistant brings. */
export const CARDS = "page: music plays, waits, pauses, stops; an activation code is copied; a link opens when it is pressed";

/** @param {Bench} bench */
function testCards(bench) {
  for (const [name, use] of bench.both) {
    test(`${name}: ${CARDS}`, () => withRadio(async (radio) => {
      const seen = async (/** @type {Page} */ page, /** @type {string} */ what) => {
        same(await page.evaluate(auditInPage), [], `${what}: names, contrast, sizes`);
        if (name === "chromium") await page.screenshot({ path: `${bench.screens}/desktop-light-${what}.png` });
      };
      await withEcho(bench, async (page, say) => {
        await opensLinks(page, say);
        await activates(page, say, () => seen(page, "activation"));
        await playsMusic(page, say, radio, () => seen(page, "music"));
      }, use);
    }));
  }
}

/** A minute of a tone, at every address but /none.wav. @param {(url:string) => Promise<void>} use */
export async function withRadio(use) {
  const wav = tone();
  const radio = http.createServer((request, response) => {
    if (request.url === "/none.wav") return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": "audio/wav", "Content-Length": wav.length }).end(wav);
  });
  await new Promise((resolve) => radio.listen(0, "127.0.0.1", () => resolve(undefined)));
  try {
    await use(`http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (radio.address()).port}`);
  } finally {
    radio.close();
    radio.closeAllConnections();
  }
}

/** The page's answer to what the assistant asked of it. @param {Page} page @param {number} id */
const answerOf = (page, id) => until(`the answer to ${id}`, () => page.evaluate((wanted) => {
  const all = /** @type {any[]} */ (/** @type {any} */ (window).probe.sent).map((entry) => entry.message);
  return all.find((message) => message.id === wanted && message.type === "tool_result");
}, id));

/** @param {Page} page @param {Say} say */
async function opensLinks(page, say) {
  const target = new URL("/icon.svg", page.url()).href;
  const pages = async () => (await page.browser().pages()).length;
  const before = await pages();
  await say({ type: "tool", id: 1, text: "open_tab", value: target });
  await page.waitForSelector(".card a");
  same([(await answerOf(page, 1)).ok, await pages()], [true, before], "told, and nothing opened by itself");
  const opened = page.browser().waitForTarget((one) => one.url() === target, { timeout: 15_000 });
  await page.click(".card a");
  await (await (await opened).page())?.close();
  await page.bringToFront();
  await say({ type: "tool", id: 2, text: "open_tab", value: "javascript:alert(1)" });
  same((await answerOf(page, 2)).ok, false, "no other kind of address");
}

/** @param {Page} page @param {Say} say @param {() => Promise<void>} seen looks at it */
async function activates(page, say, seen) {
  const expiresAt = new Date(Date.now() + 90_000).toISOString();
  const code = { type: "activation", code: "483921", message: "example.org\n483921", expiresAt };
  await say(code);
  await say(code);
  await page.waitForSelector(".activation");
  same(await page.$$eval(".activation code", (all) => all.map((one) => one.textContent)), ["483921"], "once");
  const left = () => page.$eval(".activation .left", (line) => line.textContent ?? "");
  const first = await left();
  check(/^Valid for 1:(2\d|30)$/.test(first), first);
  await until("the countdown", async () => (await left()) !== first);
  const link = await page.$eval(".activation a", (/** @type {any} */ a) => [a.href, a.rel, a.target]);
  same(link, ["https://example.org/", "noopener noreferrer", "_blank"], "link");
  await page.click(".activation button");
  await until("the copy", () => page.$eval(".activation button", (button) => button.textContent === "Copied"));
  await seen();
  await page.focus("#text");
  await page.keyboard.down("Control");
  await page.keyboard.press("v");
  await page.keyboard.up("Control");
  await until("what was copied, put in by the person", () =>
    page.$eval("#text", (/** @type {any} */ field) => field.value === "483921"));
  await page.$eval("#text", (/** @type {any} */ field) => (field.value = ""));
  await say({ ...code, code: "111222", message: "", expiresAt: new Date(Date.now() + 1500).toISOString() });
  await until("its end", () => page.$$eval(".activation.over", (all) => all.length === 2));
}

/** @param {Page} page @param {Say} say @param {string} radio @param {() => Promise<void>} seen looks at it */
async function playsMusic(page, say, radio, seen) {
  page.expected.push(/status of 404/); // the song that is not there
  const song = (/** @type {string} */ text, file = "a.wav") => ({ type: "music", state: "start", url: `${radio}/${file}`, text });
  const sound = () =>
    page.$eval("#music-audio", (/** @type {any} */ audio) =>
      ({ paused: audio.paused, at: audio.currentTime, volume: audio.volume }));
  await page.$eval("#volume", (/** @type {any} */ slider) => {
    slider.value = "50";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await say({ ...song("no address"), url: "javascript:alert(1)" });
  await say(song("First"));
  await until("music", async () => (await sound()).at > 0.3);
  same((await sound()).volume, 0.5, "as loud as the person wants");
  await say(song("Second"));
  await until("the queue", () => page.$eval("#music-rest", (line) => line.textContent === "1 more"));
  await seen();
  await page.focus("#talk");
  await page.keyboard.down(" ");
  await reach(page, ["listening"]);
  await until("music that steps back", async () => (await sound()).volume < 0.15);
  await page.keyboard.press("Escape");
  await page.keyboard.up(" ");
  await until("music that comes back", async () => (await sound()).volume === 0.5);
  await page.click("#music-pause");
  await until("the pause", async () => (await sound()).paused);
  await until("a key that says it", () => page.$eval("#music-pause", (button) => button.getAttribute("aria-label") === "Play"));
  await page.click("#music-pause");
  await page.focus("#music-next");
  await page.keyboard.press("Enter");
  await until("the second", () => page.$eval("#music-title", (line) => line.textContent === "Second"));
  same(await page.evaluate(() => document.activeElement?.id), "music-pause", "the last song has no next: the focus");
  await say(song("Nothing there", "none.wav"));
  await until("the queue", () => page.$eval("#music-rest", (line) => line.textContent === "1 more"));
  await page.click("#music-next");
  await until("word that it does not play", () =>
    page.$$eval(".card p", (all) => all.some((one) => /Nothing there/.test(one.textContent ?? ""))));
  same(await page.$eval("#music", (bar) => /** @type {any} */ (bar).hidden), true, "nothing is left to play");
  await say(song("Third"));
  await until("music", async () => !(await sound()).paused);
  await page.focus("#music-stop");
  await page.keyboard.press("Enter");
  await until("silence", async () => (await sound()).paused);
  same(await page.evaluate(() => document.activeElement?.id), "text", "the keys are gone: the focus");
  same(await page.$eval("#music", (bar) => /** @type {any} */ (bar).hidden), true, "after the stop key");
  await say(song("Fourth"));
  await until("music", async () => !(await sound()).paused);
  await say({ type: "tool", id: 7, text: "stop_music" });
  await until("silence", async () => (await sound()).paused);
  same((await answerOf(page, 7)).value, "stopped", "the tool's answer");
}

test("page: the camera picture's places: start, clamping, the 32 px that come back, what is left of it, its handle", () => {
  const desk = { width: 1280, height: 800 };
  const phone = { width: 390, height: 844 };
  same([sizeIn(desk), sizeIn(phone), sizeIn({ width: 768, height: 9 }).width],
    [{ width: 240, height: 135 }, { width: 135, height: 240 }, 135], "sizes");
  same([startIn(desk), startIn(phone)], [{ x: 16, y: 72 }, { x: 239, y: 66 }], "start");
  const far = [clampIn({ x: -999, y: -5 }, desk), clampIn({ x: 9999, y: 9999 }, desk)];
  same(far, [{ x: -220, y: 0 }, { x: 1260, y: 665 }], "clamped");
  const settle = (/** @type {number} */ x) => settleIn({ x, y: 100 }, desk).x;
  same([settle(-32), settle(-33), settle(1280 - 240 + 32), settle(1280 - 240 + 33)], [16, -220, 1024, 1260], "past the edge");
  same([settle(519), settle(521)], [16, 1024], "to the nearer side");
  same([-1, 0, 1258, 1259].map((x) => isAwayIn({ x, y: 0 }, desk)), [true, false, false, true], "away");
  same([handleIn({ x: -220, y: 100 }, desk), handleIn({ x: 1260, y: 100 }, desk)],
    [{ x: 6, y: 139.5 }, { x: 1246, y: 139.5 }], "handle");
});

/** @param {Bench} bench */
function testCamera({ folder, microphone, gateway, screens }) {
  test("chromium: page: the camera on, dragged, pushed away, brought back, switched and off: then it is really off", async () => {
    const browser = await launchChromium(folder, microphone, {
      args: ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=2",
        "--autoplay-policy=no-user-gesture-required"],
    });
    try {
      const page = await openPage(browser, gateway.url);
      await page.setViewport({ width: 1280, height: 800 });
      await call(page, gateway.url);
      const cameras = () =>
        page.evaluate(() => /** @type {any} */ (window).probe.tracks.flatMap((/** @type {MediaStreamTrack} */ track) =>
          (track.kind === "video" && track.readyState === "live" ? [track.label] : [])));
      const box = async () => (await page.$("#preview"))?.boundingBox();
      const at = async () => {
        const found = await box();
        return found && [Math.round(found.x), Math.round(found.y)];
      };
      const settled = (/** @type {number[]} */ place) =>
        until(`the picture at ${place}`, async () => JSON.stringify(await at()) === JSON.stringify(place), 5000);
      await page.click("#camera-toggle");
      await settled([16, 72]);
      const [first] = await cameras();
      check(first, "a camera is open");
      await until("a picture", () => page.$eval("#preview video", (/** @type {any} */ video) => video.videoWidth > 0));
      same(await page.evaluate(auditInPage), [], "names, contrast, sizes");
      await page.screenshot({ path: `${screens}/desktop-light-preview.png` });
      const drag = async (/** @type {number} */ dx, /** @type {number} */ dy) => {
        const { x = 0, y = 0 } = (await box()) ?? {};
        await page.mouse.move(x + 60, y + 40);
        await page.mouse.down();
        await page.mouse.move(x + 60 + dx, y + 40 + dy, { steps: 6 });
        await page.mouse.up();
      };
      await drag(700, 277);
      await settled([1024, 349]);
      await drag(16 + 32, 0);
      await settled([1024, 349]);
      await drag(16 + 40, 10);
      await settled([1260, 359]);
      await page.screenshot({ path: `${screens}/desktop-light-preview-away.png` });
      const handle = await (await page.$("#preview-handle"))?.boundingBox();
      same(handle && [handle.x, handle.width, handle.height], [1246, 28, 56], "the handle");
      await page.setViewport({ width: 1000, height: 700 });
      await settled([980, 359]);
      await page.click("#preview-handle");
      await settled([744, 359]);
      await page.keyboard.press("ArrowLeft");
      await settled([16, 359]);
      await page.click("#camera-switch");
      await until("the other camera", async () => {
        const now = await cameras();
        return now.length === 1 && now[0] !== first;
      });
      await switchesInVain(page, cameras);
      await page.$eval("#camera", (dialog) => {
        new MutationObserver(() => dialog.setAttribute("data-seen", "")).observe(dialog, { attributeFilter: ["open"] });
      });
      const moment = page.waitForSelector("#preview.taken");
      await type(page, "take a photo");
      await moment;
      await page.waitForSelector(".card canvas");
      check(!(await page.$("#camera[data-seen]")), "no countdown: the picture is on");
      same((await cameras()).length, 1, "the photo is of the picture that is on, which stays on");
      await page.click("#camera-toggle");
      await until("the camera off", async () => (await cameras()).length === 0);
      same(await page.$eval("#preview", (element) => /** @type {any} */ (element).hidden), true, "no picture");
      same(page.faults, [], "console errors");
    } finally {
      await browser.close();
    }
  });
}

/** The next camera is another program's: the one before is opened again, and the page says why. Then a phone's, which have
 * sides: the other side is asked for. @param {Page} page @param {() => Promise<string[]>} cameras that are open */
async function switchesInVain(page, cameras) {
  const before = await cameras();
  await page.evaluate(() => {
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async () => {
      mediaDevices.getUserMedia = ask;
      throw new DOMException("Could not start video source", "NotReadableError");
    };
  });
  await page.click("#camera-switch");
  await page.waitForSelector("#notice[data-key=cameraBusy]");
  await until("the camera before", async () => JSON.stringify(await cameras()) === JSON.stringify(before));
  await page.click("#notice-close");
  await page.evaluate(() => {
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    const settings = MediaStreamTrack.prototype.getSettings;
    const sides = /** @type {string[]} */ ([]);
    Object.assign(window, { sides });
    mediaDevices.getUserMedia = (/** @type {any} */ wish) => {
      const { facingMode, ...video } = wish.video;
      sides.push(facingMode.exact);
      return ask({ video });
    };
    MediaStreamTrack.prototype.getSettings = function () {
      return { ...settings.call(this), facingMode: sides.at(-1) ?? "user" };
    };
  });
  const mirrored = () => page.$eval("#preview", (box) => box.classList.contains("mirrored"));
  for (const side of ["environment", "user"]) {
    await page.click("#camera-switch");
    await until(`the ${side} side`, async () =>
      (await page.evaluate(() => /** @type {any} */ (window).sides.at(-1))) === side && (await cameras()).length === 1);
    await until("a picture as in a mirror of oneself alone", async () => (await mirrored()) === (side === "user"));
  }
}
