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
import { call, ears, nextAnswer, reach, state, type } from "./talk.js";

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
  testHistory(bench);
  testTalkKey(bench);
  testCards(bench);
  testFigures(bench);
  testCamera(bench);
}

/** A gateway that sends back what it is told: so the test says what "the assistant" says, over the real channel.
 * @param {Bench} bench @param {(page:Page, say:(message:object) => Promise<void>) => Promise<void>} use */
export async function withEcho({ binary, inChromium }, use) {
  const echo = new Gateway(binary, { args: ["--backend", "echo"] });
  await echo.start();
  try {
    await inChromium(async (page) => {
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
function testHistory({ inChromium, gateway, screens }) {
  test("chromium: page: the last 50 lines are shown, earlier ones on request, and all are in the file", () =>
    inChromium(async (page) => {
      await page.evaluateOnNewDocument(() => {
        const make = URL.createObjectURL.bind(URL);
        URL.createObjectURL = (/** @type {any} */ blob) => {
          /** @type {any} */ (window).saved = blob;
          return make(blob);
        };
        HTMLAnchorElement.prototype.click = () => undefined;
      });
      await call(page, gateway.url);
      same(await page.$eval("#save", (button) => /** @type {any} */ (button).hidden), true, "nothing to save yet");
      await type(page, "who are you");
      await nextAnswer(page);
      await reach(page, ["ready"], 30_000);
      // The rest of a long talk, as the assistant understands it.
      await page.evaluate(async (root) => {
        const { Captions } = await import(`${root}/js/captions.js`);
        const list = document.createElement("ol");
        const earlier = document.createElement("button");
        document.createElement("div").append(earlier, list);
        const many = new Captions(list, earlier, (/** @type {string} */ who) => who);
        for (let i = 0; i < 120; i++) many.heard(`line ${i}`);
        const seen = () => [list.childElementCount, list.firstElementChild?.querySelector("p")?.textContent, earlier.hidden];
        const steps = [seen()];
        for (let i = 0; i < 2; i++) {
          earlier.click();
          steps.push(seen());
        }
        many.hearing("lin");
        many.hearing("line 1");
        const last = () => [list.lastElementChild?.textContent, list.lastElementChild?.getAttribute("aria-hidden")];
        const spoken = [...last(), list.childElementCount];
        many.heard("line 120");
        const whole = [...last(), list.childElementCount, many.lines.length];
        Object.assign(window, { steps, kept: many.lines.length, spoken, whole });
      }, gateway.url);
      same(await page.evaluate(() => [/** @type {any} */ (window).steps, /** @type {any} */ (window).kept]),
        [[[50, "line 70", false], [100, "line 20", false], [120, "line 0", true]], 121], "shown, first, key; and kept");
      same(await page.evaluate(() => [/** @type {any} */ (window).spoken, /** @type {any} */ (window).whole]),
        [["line 1", "true", 121], ["person: line 120", null, 121, 121]], "words while they are spoken, not read aloud; then all");
      await page.click("#save");
      await page.waitForSelector("#saving[open]");
      same(await page.evaluate(auditInPage), [], "the sheet");
      await page.screenshot({ path: `${screens}/desktop-light-saving.png` });
      await page.click("#saving button[value=md]");
      const text = await page.evaluate(() => /** @type {any} */ (window).saved.text());
      check(/\*\*You\*\* \(.*\): who are you\n\n\*\*XiaoZhi\*\*/.test(text), text);
      same(await page.$eval("#saving", (sheet) => /** @type {any} */ (sheet).open), false, "the sheet is closed");
      same(await page.evaluate(() => document.activeElement?.id), "save", "focus comes back");
    }));
}

/** @param {Bench} bench */
function testTalkKey({ inChromium, inFirefox, gateway, nextWords }) {
  const sent = (/** @type {Page} */ page) =>
    page.evaluate(() => /** @type {any} */ (window).probe.sent.flatMap((/** @type {any} */ { message }) =>
      (["ping", "stats"].includes(message.type) ? [] : [`${message.type} ${message.state ?? ""}`.trim()])));

  for (const [name, use] of Object.entries({ chromium: inChromium, firefox: inFirefox })) {
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

  test("chromium: page: the hand feels the press, once, unless it does not want to; the screen stays on in a call", () =>
    inChromium(async (page) => {
      nextWords("hello", 20);
      await page.evaluateOnNewDocument(() => {
        /** @type {any[]} */
        const felt = [];
        /** @type {string[]} */
        const awake = [];
        Object.assign(window, { felt, awake });
        navigator.vibrate = (pattern) => felt.push(pattern) > 0;
        navigator.wakeLock.request = async () => {
          awake.push("on");
          const lock = Object.assign(new EventTarget(), { release: async () => void awake.push("off") });
          return /** @type {any} */ (lock);
        };
      });
      await call(page, gateway.url);
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
    }));
}

/** A second of a tone, as a file. */
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

/** @param {Bench} bench */
function testCards(bench) {
  test("chromium: page: music plays, waits, pauses, steps back for speech, stops; the person's volume holds", async () => {
    const wav = tone();
    const radio = http.createServer((request, response) => {
      if (request.url === "/none.wav") return void response.writeHead(404).end();
      response.writeHead(200, { "Content-Type": "audio/wav", "Content-Length": wav.length }).end(wav);
    });
    await new Promise((resolve) => radio.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (radio.address());
    const song = (/** @type {string} */ text, file = "a.wav") =>
      ({ type: "music", state: "start", url: `http://127.0.0.1:${port}/${file}`, text });
    try {
      await withEcho(bench, async (page, say) => {
        page.expected.push(/status of 404/); // the song that is not there
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
        same(await page.evaluate(auditInPage), [], "names, contrast, sizes");
        await page.screenshot({ path: `${bench.screens}/desktop-light-music.png` });
        await page.focus("#talk");
        await page.keyboard.down(" ");
        await reach(page, ["listening"]);
        await until("music that steps back", async () => (await sound()).volume < 0.15);
        await page.keyboard.press("Escape");
        await page.keyboard.up(" ");
        await until("music that comes back", async () => (await sound()).volume === 0.5);
        await page.click("#music-pause");
        await until("the pause", async () => (await sound()).paused);
        same(await page.$eval("#music-pause", (button) => button.getAttribute("aria-label")), "Play", "the key");
        await page.click("#music-pause");
        await page.click("#music-next");
        await until("the second", () => page.$eval("#music-title", (line) => line.textContent === "Second"));
        await say(song("Nothing there", "none.wav"));
        await until("the queue", () => page.$eval("#music-rest", (line) => line.textContent === "1 more"));
        await page.click("#music-next");
        await until("word that it does not play", () =>
          page.$$eval(".card p", (all) => all.some((one) => /Nothing there/.test(one.textContent ?? ""))));
        same(await page.$eval("#music", (bar) => /** @type {any} */ (bar).hidden), true, "nothing is left to play");
        await say(song("Third"));
        await until("music", async () => !(await sound()).paused);
        await page.click("#music-stop");
        await until("silence", async () => (await sound()).paused);
        same(await page.$eval("#music", (bar) => /** @type {any} */ (bar).hidden), true, "after the stop key");
        await say(song("Fourth"));
        await until("music", async () => !(await sound()).paused);
        await say({ type: "tool", id: 7, text: "stop_music" });
        await until("silence", async () => (await sound()).paused);
        const results = await page.evaluate(() =>
          /** @type {any} */ (window).probe.sent.flatMap((/** @type {any} */ { message }) =>
            (message.id === 7 && message.type === "tool_result" ? [message.value] : [])));
        same(results, ["stopped"], "the tool's answer");
      });
    } finally {
      radio.close();
    }
  });

  test("chromium: page: an activation code is large, copied, counted down, and shown once", async () => {
    await withEcho(bench, async (page, say) => {
      await page.browserContext().overridePermissions(new URL(page.url()).origin,
        ["clipboard-read", "clipboard-write", "clipboard-sanitized-write", "microphone"]);
      await page.bringToFront();
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
      same(await page.evaluate(() => navigator.clipboard.readText()), "483921", "clipboard");
      same(await page.evaluate(auditInPage), [], "names, contrast, sizes");
      await page.screenshot({ path: `${bench.screens}/desktop-light-activation.png` });
      await say({ ...code, code: "111222", message: "", expiresAt: new Date(Date.now() + 1500).toISOString() });
      await until("its end", () => page.$$eval(".activation.over", (all) => all.length === 2));
    });
  });
}

/** @param {Bench} bench */
function testFigures({ inChromium, gateway, screens }) {
  test("chromium: page: the badge tells way, rate and the last answer's delay; the sheet draws them as they come", () =>
    inChromium(async (page) => {
      await call(page, gateway.url);
      await type(page, "tell me a joke");
      await nextAnswer(page);
      const title = () => page.$eval("#quality", (/** @type {any} */ badge) => badge.title);
      await until("all of it", async () => /Round trip.*Sent.*Received.*direct, Answer after \d+\.\d s/.test(await title()));
      await page.click("#quality");
      const points = () =>
        page.$$eval("[data-plot=rtt] path", (paths) => (paths[0]?.getAttribute("d")?.match(/[ML]/g) ?? []).length);
      const before = Number(await until("a curve", async () => (await points()) >= 2 && points()));
      await until("more of it", async () => (await points()) > before);
      same(await page.evaluate(auditInPage), [], "the sheet");
      await page.screenshot({ path: `${screens}/desktop-light-plots.png` });
      check(/\d ms/.test(await page.$eval("[data-plot=rtt] b", (now) => now.textContent ?? "")), "the figure of now");
    }));
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
      await page.$eval("#camera", (dialog) => {
        new MutationObserver(() => dialog.setAttribute("data-seen", "")).observe(dialog, { attributeFilter: ["open"] });
      });
      await type(page, "take a photo");
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
