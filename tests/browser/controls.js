// Every control of both pages, and the test that proves what it does where it has its effect: a control without such a test
// fails, and so does an entry whose control or test is gone. Below, the tests of those that no other test is about.

import { check, note, same, test, testNames, until } from "./harness.js";
import { call, captions, nextAnswer, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** Control (#id, or the id around it, with element and value): a part of the test's name. @type {Record<string, string>} */
const PROOFS = {
  // both pages
  "header a": "a notice is put away; the way home",
  "#lang": "the start page keeps language and way of talking",
  "#open-settings": "start: light, dark, or as the system says",
  "#settings button": "controls: every sheet is left by its key",
  "#microphone": "start: the microphone chosen is the one that is sent",
  "#microphone-try": "start: the speaker chosen is the one that sounds",
  "#speaker": "start: the speaker chosen is the one that sounds",
  "#speaker-test": "start: the speaker chosen is the one that sounds",
  "#avatar": "faces: a drop-in shows emotions, mouth",
  "theme=system": "start: light, dark, or as the system says",
  "theme=light": "start: light, dark, or as the system says",
  "theme=dark": "start: light, dark, or as the system says",
  "#toggle": "page: tapping instead of holding",
  "#haptics": "page: the hand feels the press",
  "#awake": "page: the hand feels the press",
  "mode=manual": "hold-to-talk with the pointer",
  "mode=auto": "hands-free, twice in a row",
  // start page
  "role=xiaozhi": "start: arrows and a swipe",
  "role=companion": "start: arrows and a swipe",
  "role=curious": "start: the role chosen is the device",
  "role=own": "start: a device of one's own",
  "#own-mac": "start: a device of one's own",
  "#go": "the start page keeps language and way of talking",
  "#devices": "start: the microphone's level moves",
  "#check": "start: the connection test connects",
  "#checkup button": "controls: every sheet is left by its key",
  "#check-again": "start: the connection test names a gateway that is gone",
  // conversation
  "#camera-toggle": "page: the camera on, dragged",
  "#preview": "page: the camera on, dragged",
  "#camera-switch": "page: the camera on, dragged",
  "#preview-handle": "page: the camera on, dragged",
  "#save": "page: the last 50 lines are shown",
  "#saving button": "controls: every sheet is left by its key",
  "#saving button=md": "page: the last 50 lines are shown",
  "#saving button=vtt": "controls: subtitles, data and the report are files",
  "#saving button=json": "controls: subtitles, data and the report are files",
  "#face": "avatar: a hit, a double hit and a stroke",
  "#quality": "page: the badge tells way, rate",
  "#details button=close": "controls: every sheet is left by its key",
  "#save-report": "controls: subtitles, data and the report are files",
  "#volume": "controls: the person's volume is what sounds",
  "#mute": "controls: a muted microphone sends silence",
  "#start": "the connection is made before the press",
  "#talk": "hold-to-talk with the pointer",
  "#hangup": "hanging up removes the session",
  "#notice-close": "a notice is put away",
  "#log": "controls: the conversation is scrolled by keys",
  "#earlier": "page: the last 50 lines are shown",
  "#tries button": "controls: a suggestion is asked",
  "#music-pause": "page: music plays, waits, pauses",
  "#music-next": "page: music plays, waits, pauses",
  "#music-stop": "page: music plays, waits, pauses",
  "#text": "typed text is answered",
  "#send": "controls: a suggestion is asked",
  "#camera button=cancel": "no picture is sent after Cancel",
  // what the assistant brings
  ".card a": "controls: a link opens only when it is pressed",
  ".activation button": "page: an activation code is large",
  ".activation a": "page: an activation code is large",
};

/** In the page: the name of each control. */
function listControls() {
  const found = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  return found.map((element) => {
    if (element.id) return `#${element.id}`;
    if (element instanceof HTMLInputElement) return `${element.name}=${element.value}`;
    const value = element instanceof HTMLButtonElement && element.value ? `=${element.value}` : "";
    const around = element.closest(".activation") ? ".activation" : element.closest(".card") ? ".card"
      : element.closest("[id]") ? `#${element.closest("[id]")?.id}` : element.closest("header, main, footer")?.localName ?? "";
    return `${around} ${element.localName}${value}`;
  });
}

/** @typedef {(use:(page:Page, say:(message:object) => Promise<void>) => Promise<void>) => Promise<void>} WithEcho */

/** @param {Bench} bench @param {WithEcho} withEcho a page whose "assistant" is the test */
export function testControls(bench, withEcho) {
  test("chromium: controls: each of both pages has a test of its effect", () => withEcho(async (page, say) => {
    const chat = page.url();
    const all = new Set();
    const take = async () => (await page.evaluate(listControls)).forEach((name) => all.add(name));
    await page.click("#open-settings");
    await page.keyboard.press("Escape");
    await say({ type: "tool", id: 1, text: "open_tab", value: "https://example.org/" });
    await say({ type: "activation", code: "1", message: "example.org" });
    await page.waitForSelector(".activation a");
    await take();
    await page.goto(new URL("/", chat).href);
    await page.click("#devices");
    await page.keyboard.press("Escape");
    await page.click("#check");
    await page.waitForSelector("#checkup[open]");
    await take();
    check(all.size > 50, `only ${all.size} controls`);
    same([...all].filter((name) => !PROOFS[String(name)]), [], "controls that no test is about");
    same(Object.keys(PROOFS).filter((name) => !all.has(name)), [], "entries without a control");
    const names = testNames();
    const parts = [...new Set(Object.values(PROOFS))];
    same(parts.filter((part) => !names.some((name) => name.includes(part))), [], "tests that are gone");
    note(`${all.size} controls, ${parts.length} tests`);
  }));
  testSheets(bench);
  testVoice(bench);
  testWords(bench, withEcho);
}

/** Keeps what would be saved as a file. @param {Page} page */
const catchFiles = (page) =>
  page.evaluateOnNewDocument(() => {
    const make = URL.createObjectURL.bind(URL);
    const files = /** @type {{name:string, blob:Blob}[]} */ ([]);
    Object.assign(window, { files });
    URL.createObjectURL = (/** @type {any} */ blob) => {
      files.push({ name: "", blob });
      return make(blob);
    };
    HTMLAnchorElement.prototype.click = function () {
      const last = files.at(-1);
      if (last) last.name = this.download;
    };
  });

/** @param {Bench} bench */
function testSheets({ inChromium, gateway }) {
  test("chromium: controls: every sheet is left by its key, and the focus goes back", () =>
    inChromium(async (page) => {
      const leave = async (/** @type {string} */ opener, /** @type {string} */ sheet, /** @type {string} */ key) => {
        await page.click(opener);
        await page.waitForSelector(`${sheet}[open]`);
        await page.click(`${sheet} ${key}`);
        same([await page.$(`${sheet}[open]`), await page.evaluate(() => `#${document.activeElement?.id}`)], [null, opener], sheet);
      };
      await page.goto(`${gateway.url}/`);
      await leave("#open-settings", "#settings", ".sheet-head button");
      await leave("#check", "#checkup", ".sheet-head button");
      await call(page, gateway.url);
      await type(page, "who are you");
      await nextAnswer(page);
      await leave("#quality", "#details", "button[value=close]");
      await leave("#save", "#saving", ".sheet-head button");
    }));

  test("chromium: controls: subtitles, data and the report are files with what they should hold", () =>
    inChromium(async (page) => {
      await catchFiles(page);
      await call(page, gateway.url);
      await type(page, "who are you");
      await nextAnswer(page);
      const file = () => page.evaluate(async () => {
        const { name, blob } = /** @type {any} */ (window).files.at(-1);
        return { name, text: await blob.text() };
      });
      const saved = async (/** @type {string} */ format) => {
        await page.click("#save");
        await page.click(`#saving button[value=${format}]`);
        return file();
      };
      const subtitles = await saved("vtt");
      check(/\.vtt$/.test(subtitles.name) && /^WEBVTT\n[\s\S]*<v You>who are you/.test(subtitles.text), JSON.stringify(subtitles));
      const data = await saved("json");
      same([/\.json$/.test(data.name), JSON.parse(data.text).lines[0].text], [true, "who are you"], "data");
      await page.click("#quality");
      await page.click("#save-report");
      const report = await file();
      check(/^xiaozhi-connection-\d+\.json$/.test(report.name) && JSON.parse(report.text).events.length > 5, report.name);
      check(!report.text.includes("who are you"), "the report holds what was said");
    }));
}

/** @param {Bench} bench */
function testVoice({ inChromium, inFirefox, gateway, card, nextWords }) {
  test("chromium: controls: a muted microphone sends silence, until it is wanted again", () =>
    inChromium(async (page) => {
      nextWords("tell me a joke", 3);
      await call(page, gateway.url, "auto");
      const sends = () => page.evaluate(() =>
        /** @type {any} */ (window).probe.peers.at(-1).getSenders().some((/** @type {RTCRtpSender} */ s) => s.track?.enabled));
      same(await sends(), true, "while it listens");
      await page.click("#mute");
      await until("silence", async () => !(await sends()));
      const pressed = await page.$eval("#mute", (key) => key.getAttribute("aria-pressed"));
      same([pressed, await page.$eval("#talk-text", (line) => line.textContent)], ["true", "Microphone is off"], "the page");
      await page.click("#mute");
      await until("sound", sends);
    }));

  test("firefox: controls: the person's volume is what sounds, and is kept", () =>
    inFirefox(async (page) => {
      await call(page, gateway.url);
      const heard = async (/** @type {number} */ percent) => {
        await page.$eval("#volume", (/** @type {any} */ slider, value) => {
          slider.value = String(value);
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        }, percent);
        const before = (await captions(page, "assistant")).length;
        const loudest = card().loudest("ear", 5000);
        await type(page, "tell me a joke");
        const dbfs = await loudest;
        await until("an answer", async () => (await captions(page, "assistant")).length > before);
        await page.keyboard.press("Escape");
        await reach(page, ["ready"], 30_000);
        return dbfs;
      };
      const [full, little, none] = [await heard(100), await heard(20), await heard(0)];
      note(`at 100, 20 and 0: ${[full, little, none].map((dbfs) => dbfs.toFixed(0)).join(", ")} dBFS`);
      check(full > -30 && little < full - 6 && none < -60, "the slider should be heard");
      await page.reload();
      same(await page.$eval("#volume", (slider) => /** @type {any} */ (slider).value), "0", "after a reload");
      await page.evaluate(() => localStorage.clear());
    }));
}

/** @param {Bench} bench @param {WithEcho} withEcho */
function testWords({ inChromium, gateway }, withEcho) {
  test("chromium: controls: a suggestion is asked, typed words go by the key, a notice is put away; the way home", () =>
    inChromium(async (page) => {
      await call(page, gateway.url);
      await page.click("#tries li:nth-child(3) button");
      const { text } = await nextAnswer(page);
      same([(await captions(page, "person"))[0], text.length > 5], ["Who are you?", true], "question and answer");
      await reach(page, ["ready"], 30_000);
      await page.focus("#text");
      await page.keyboard.type("what time is it");
      await page.click("#send");
      await nextAnswer(page, 1);
      await reach(page, ["ready"], 30_000);
      // A slip of the finger: the page says how it is done, until the word is put away.
      await page.focus("#talk");
      await page.keyboard.down(" ");
      await page.keyboard.up(" ");
      await page.waitForSelector("#notice[data-key=holdLonger]");
      await page.click("#notice-close");
      same(await page.$eval("#notice", (box) => /** @type {any} */ (box).hidden), true, "notice");
      await page.select("#lang", "vi");
      same(await page.$eval("#talk-text", (line) => line.textContent), "Giữ để nói", "the language of the talk key");
      await Promise.all([page.waitForNavigation(), page.click("header a")]);
      const home = [new URL(page.url()).pathname, await page.$eval("html", (root) => root.lang)];
      same(home, ["/", "vi"], "home, in the same language");
      await page.evaluate(() => localStorage.clear());
    }));

  test("chromium: controls: a link opens only when it is pressed; no picture is sent after Cancel", () =>
    withEcho(async (page, say) => {
      const sent = (/** @type {number} */ id) => page.evaluate((wanted) => {
        const all = /** @type {any[]} */ (/** @type {any} */ (window).probe.sent).map((entry) => entry.message);
        return all.find((message) => message.id === wanted && message.type === "tool_result");
      }, id);
      const target = new URL("/icon.svg", page.url()).href;
      const pages = async () => (await page.browser().pages()).length;
      const before = await pages();
      await say({ type: "tool", id: 1, text: "open_tab", value: target });
      await page.waitForSelector(".card a");
      const told = await until("the tool's answer", () => sent(1));
      same([told.ok, await pages()], [true, before], "told, and nothing opened by itself");
      const opened = page.browser().waitForTarget((one) => one.url() === target, { timeout: 15_000 });
      await page.click(".card a");
      await (await (await opened).page())?.close();
      await page.bringToFront();
      await say({ type: "tool", id: 2, text: "open_tab", value: "javascript:alert(1)" });
      same((await until("the refusal", () => sent(2))).ok, false, "no other kind of address");
      await say({ type: "tool", id: 3, text: "take_photo" });
      await page.waitForSelector("#camera[open]");
      await page.click("#camera button[value=cancel]");
      same(await until("word of it", () => sent(3)),
        { type: "tool_result", id: 3, ok: false, error: "no picture was taken: the person said no" }, "the assistant is told");
      same(await page.evaluate(() => [/** @type {any} */ (window).probe.binaryBytes, /** @type {any} */ (window).probe.tracks
        .filter((/** @type {MediaStreamTrack} */ track) => track.kind === "video" && track.readyState === "live").length]),
      [0, 0], "bytes of a picture, open cameras");
    }));

  test("chromium: controls: the conversation is scrolled by keys", () =>
    inChromium(async (page) => {
      await page.setViewport({ width: 1280, height: 500 });
      await call(page, gateway.url);
      await type(page, "tell me a joke");
      await nextAnswer(page);
      await page.evaluate(() => {
        const list = document.getElementById("captions");
        for (let i = 0; i < 20; i++) list?.append(list.children[0]?.cloneNode(true) ?? "");
      });
      await page.focus("#log");
      const top = () => page.$eval("#log", (log) => Math.round(log.scrollTop));
      await page.keyboard.press("End");
      await until("the end", async () => (await top()) > 100);
      const end = await top();
      await page.keyboard.press("Home");
      await until("the beginning", async () => (await top()) < end - 50);
    }));
}
