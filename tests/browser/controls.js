// Every control of all pages, and the test that proves what it does where it has its effect, in Chromium and in Firefox: a
// control without such tests fails, and so does an entry whose control or test is gone. Below, the tests of those that no
// other test is about.

import { auditInPage } from "./audit.js";
import { check, note, same, test, testNames, until } from "./harness.js";
import { CARDS, withEcho } from "./page.js";
import { plain, speak } from "./speech.js";
import { call, captions, nextAnswer, nextHeard, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

const ONE_TALK = "controls: in one talk";
const ADMIN = "admin: the token, a call from close by";

/** Control (#id, or the id around it, with element and value): a part of the tests' names; one that names a browser is a
 * proof in that browser alone.
 * @type {Record<string, string>} */
const PROOFS = {
  // several pages
  "header a": "person: goes back and forward",
  "#lang": "the start page keeps language and way of talking",
  "#open-settings": "start: light, dark, or as the system says",
  "#settings button": ONE_TALK,
  "#microphone": "the microphone chosen is the one that is",
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
  "mode=manual": "keyboard: a whole talk",
  "mode=auto": "hands-free",
  "#signin button": "sign-in: a form asks for the token",
  "#signin-token": "sign-in: a form asks for the token",
  // start page
  "role=xiaozhi": "start: arrows and a swipe",
  "role=companion": "start: arrows and a swipe",
  "role=curious": "start: the role chosen is the device",
  "role=own": "start: a device of one's own",
  "#own-mac": "start: a device of one's own",
  "#go": "the start page keeps language and way of talking",
  "#devices": "start: the microphone's level moves",
  "#check": "start: the connection test connects",
  "#checkup button": ONE_TALK,
  "#check-again": "start: the connection test connects",
  // conversation
  "#camera-toggle": "dragged, pushed away",
  "#preview": "dragged, pushed away",
  "#camera-switch": "dragged, pushed away",
  "#preview-handle": "dragged, pushed away",
  "#save": ONE_TALK,
  "#saving button": ONE_TALK,
  "#saving button=md": ONE_TALK,
  "#saving button=vtt": ONE_TALK,
  "#saving button=json": ONE_TALK,
  "#face": "avatar: a hit, a double hit and a stroke",
  "#quality": ONE_TALK,
  "#details button=close": ONE_TALK,
  "#save-report": ONE_TALK,
  "#volume": "controls: the person's volume is what sounds",
  "#mute": "controls: a muted microphone",
  "#start": "keyboard: a whole talk",
  "#talk": "keyboard: a whole talk",
  "#hangup": "hanging up removes the session",
  "#notice-close": ONE_TALK,
  "#log": ONE_TALK,
  "#earlier": ONE_TALK,
  "#tries button": ONE_TALK,
  "#music-pause": CARDS,
  "#music-next": CARDS,
  "#music-stop": CARDS,
  "#text": "keyboard: a whole talk",
  "#send": ONE_TALK,
  "#camera button=cancel": "the person says no",
  // what the assistant brings
  ".card a": CARDS,
  ".activation button": CARDS,
  ".activation a": CARDS,
  // the operator's page
  "#token": ADMIN,
  "#enter button": ADMIN,
  "#leave": ADMIN,
  "#calls button": ADMIN,
  "#minute": ADMIN,
  "#drain": ADMIN,
  "#drain-sheet button": ADMIN,
  "#drain-seconds": ADMIN,
  "#drain-go": ADMIN,
  "#desk div": ADMIN, // the log of what was seen
  "#day-csv": ADMIN,
  "#day-json": ADMIN,
  "#day-all div": ADMIN, // tables that may be wider than the page
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

/** In the page: a call from here, so that the operator has one to look at. */
async function callsHere() {
  const peer = new RTCPeerConnection();
  peer.createDataChannel("chat");
  await peer.setLocalDescription();
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/api/offer", { method: "POST", headers, body: JSON.stringify(peer.localDescription) });
  Object.assign(window, { hold: peer });
  return answer.status;
}

const BOSS = "boss-of-the-controls";

/** @param {Bench} bench */
export function testControls(bench) {
  test("controls: each of every page has a test of its effect, in Chromium and in Firefox", () =>
    withEcho(bench, async (page, say) => {
      const at = (/** @type {string} */ route) => new URL(route, page.url()).href;
      const all = new Set();
      const take = async () => (await page.evaluate(listControls)).forEach((name) => all.add(name));
      await page.click("#open-settings");
      await page.keyboard.press("Escape");
      await say({ type: "tool", id: 1, text: "open_tab", value: "https://example.org/" });
      await say({ type: "activation", code: "1", message: "example.org" });
      await page.waitForSelector(".activation a");
      await take();
      await page.goto(at("/admin"));
      await page.type("#token", BOSS);
      await page.keyboard.press("Enter");
      await page.waitForSelector("#desk", { visible: true });
      await page.evaluate(callsHere);
      await page.waitForSelector("#calls button");
      await page.click("#drain");
      await take();
      await page.goto(at("/"));
      await page.click("#check");
      await page.waitForSelector("#checkup[open]");
      await page.evaluate(async (root) => (await import(`${root}js/signin.js`)).signIn(), at("/"));
      await take();
      await page.evaluate(() => sessionStorage.clear());
      check(all.size >= 72, `only ${all.size} controls`);
      same([...all].filter((name) => !PROOFS[String(name)]), [], "controls that no test is about");
      same(Object.keys(PROOFS).filter((name) => !all.has(name)), [], "entries without a control");
      const names = testNames();
      const parts = [...new Set(Object.values(PROOFS))];
      for (const browser of [/chromium/i, /firefox/i]) {
        const within = names.filter((name) => browser.test(name));
        const wanted = parts.filter((part) => !/^(chromium|firefox)/.test(part) || browser.test(part));
        same(wanted.filter((part) => !within.some((name) => name.includes(part))), [], `missing in ${browser}`);
      }
      note(`${all.size} controls, ${parts.length} tests in each browser`);
    }, bench.inChromium, ["--admin-token", BOSS]));
  for (const [name, use] of bench.both) {
    test(`${name}: ${ONE_TALK} every key of its sheets, lists and notices does what it says, and the focus goes back`, () =>
      use((page) => oneTalk(page, bench, name)));
    test(`${name}: controls: a muted microphone sends silence, until it is wanted again`, () => mutes(bench, name, use));
  }
  for (const [name, use] of bench.hearing) {
    test(`${name}: controls: the person's volume is what sounds, and is kept`, () => use((page) => sounds(page, bench)));
  }
}

// ---- one talk ----

/** @param {Page} page @param {Bench} bench @param {"chromium"|"firefox"} name */
async function oneTalk(page, { gateway, screens }, name) {
  const look = async (/** @type {string} */ what) => {
    same(await page.evaluate(auditInPage), [], `${what}: names, contrast, sizes`);
    if (name === "chromium") await page.screenshot({ path: `${screens}/desktop-light-${what}.png` });
  };
  await catchFiles(page);
  await page.goto(`${gateway.url}/`);
  await leave(page, "#open-settings", "#settings", ".sheet-head button");
  await leave(page, "#check", "#checkup", ".sheet-head button");
  await call(page, gateway.url);
  same(await page.$eval("#save", (button) => /** @type {any} */ (button).hidden), true, "nothing to save yet");
  await page.click("#tries li:nth-child(3) button");
  await nextAnswer(page);
  await page.focus("#text");
  await page.keyboard.type("what time is it");
  await page.click("#send");
  await nextAnswer(page, 1);
  same(await captions(page, "person"), ["Who are you?", "what time is it"], "what was asked");
  await reach(page, ["ready"], 30_000);
  await figures(page, look);
  await saves(page, look);
  await scrolls(page, gateway.url);
  await putsAway(page);
  await page.select("#lang", "vi");
  same(await page.$eval("#talk-text", (line) => line.textContent), "Giữ để nói", "the language of the talk key");
  await Promise.all([page.waitForNavigation(), page.click("header a")]);
  const home = [new URL(page.url()).pathname, await page.$eval("html", (root) => root.lang)];
  same(home, ["/", "vi"], "home, in the same language");
  await page.evaluate(() => (localStorage.clear(), sessionStorage.clear()));
}

/** Opens a sheet and leaves it by its key. @param {Page} page @param {string} opener @param {string} sheet @param {string} key */
async function leave(page, opener, sheet, key) {
  await page.click(opener);
  await page.waitForSelector(`${sheet}[open]`);
  await page.click(`${sheet} ${key}`);
  same([await page.$(`${sheet}[open]`), await page.evaluate(() => `#${document.activeElement?.id}`)], [null, opener], sheet);
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

/** The last of them. @param {Page} page */
const lastFile = (page) => page.evaluate(async () => {
  const { name, blob } = /** @type {any} */ (window).files.at(-1);
  return { name, text: await blob.text() };
});

/** @param {Page} page @param {(what:string) => Promise<void>} look */
async function figures(page, look) {
  const title = () => page.$eval("#quality", (/** @type {any} */ badge) => badge.title);
  await until("all of it", async () => /Round trip.*Sent.*Received.*direct, Answer after \d+\.\d s/.test(await title()))
    .catch(async (error) => {
      throw new Error(`${error.message}: the badge says "${await title()}"`);
    });
  await page.click("#quality");
  const points = () =>
    page.$$eval("[data-plot=rtt] path", (paths) => (paths[0]?.getAttribute("d")?.match(/[ML]/g) ?? []).length);
  const before = Number(await until("a curve", async () => (await points()) >= 2 && points()));
  await until("more of it", async () => (await points()) > before);
  await look("plots");
  check(/M.*h/.test(await page.$eval("[data-plot=turn] path", (path) => path.getAttribute("d") ?? "")), "a curve of the answers");
  check(/\d ms/.test(await page.$eval("[data-plot=rtt] b", (now) => now.textContent ?? "")), "the figure of now");
  await page.click("#save-report");
  const report = await lastFile(page);
  check(/^xiaozhi-connection-\d+\.json$/.test(report.name) && JSON.parse(report.text).events.length > 5, report.name);
  check(!/what time is it/.test(report.text), "the report holds what was said");
  await page.click("#details button[value=close]");
  same(await page.evaluate(() => document.activeElement?.id), "quality", "focus");
}

/** @param {Page} page @param {(what:string) => Promise<void>} look */
async function saves(page, look) {
  await leave(page, "#save", "#saving", ".sheet-head button");
  const saved = async (/** @type {string} */ format) => {
    await page.click("#save");
    if (format === "md") await look("saving");
    await page.click(`#saving button[value=${format}]`);
    same([await page.$("#saving[open]"), await page.evaluate(() => document.activeElement?.id)], [null, "save"], "the sheet");
    return lastFile(page);
  };
  const text = await saved("md");
  check(/\.md$/.test(text.name) && /\*\*You\*\* \(.*\): Who are you\?\n\n\*\*XiaoZhi\*\*/.test(text.text), JSON.stringify(text));
  const subtitles = await saved("vtt");
  check(/\.vtt$/.test(subtitles.name) && /^WEBVTT\n[\s\S]*<v You>Who are you/.test(subtitles.text), JSON.stringify(subtitles));
  const data = await saved("json");
  same([/\.json$/.test(data.name), JSON.parse(data.text).lines[0].text], [true, "Who are you?"], "data");
}

/** The rest of a long talk: the last 50 lines are shown, earlier ones on request, keys scroll. @param {Page} page
 * @param {string} url */
async function scrolls(page, url) {
  const root = new URL("/", url).href;
  const [steps, spoken, whole] = await page.evaluate(async (from) => {
    const { Captions } = await import(`${from}js/captions.js`);
    const list = document.createElement("ol");
    const earlier = document.createElement("button");
    document.createElement("div").append(earlier, list);
    const many = new Captions(list, earlier, (/** @type {string} */ who) => who);
    for (let i = 0; i < 120; i++) many.heard(`line ${i}`);
    const seen = () => [list.childElementCount, list.firstElementChild?.querySelector("p")?.textContent, earlier.hidden];
    const all = [seen()];
    for (let i = 0; i < 2; i++) {
      earlier.click();
      all.push(seen());
    }
    many.hearing("lin");
    many.hearing("line 1");
    const last = () => [list.lastElementChild?.textContent, list.lastElementChild?.getAttribute("aria-hidden")];
    const part = [...last(), list.childElementCount];
    many.heard("line 120");
    return [all, part, [...last(), list.childElementCount, many.lines.length]];
  }, root);
  same(steps, [[50, "line 70", false], [100, "line 20", false], [120, "line 0", true]], "shown, first, key");
  same([spoken, whole], [["line 1", "true", 121], ["person: line 120", null, 121, 121]],
    "words while they are spoken, not read aloud; then all, and kept");
  await page.evaluate(() => {
    for (let i = 0; i < 60; i++) {
      const data = JSON.stringify({ type: "stt", text: `line ${i}` });
      /** @type {any} */ (window).probe.channels.at(-1).dispatchEvent(new MessageEvent("message", { data }));
    }
  });
  const n_lines = () => page.$$eval("#captions li", (lines) => lines.length);
  const top = () => page.$eval("#log", (log) => Math.round(log.scrollTop));
  same([await n_lines(), await page.$eval("#earlier", (key) => /** @type {any} */ (key).hidden)], [50, false], "a long talk");
  await page.focus("#log");
  const end = await until("the end", top);
  await page.keyboard.press("Home");
  await until("the beginning", async () => (await top()) < end - 50);
  await page.click("#earlier");
  same(await n_lines(), 64, "all of it");
  await until("the end again", async () => { // a key that comes while it still glides up may be lost
    await page.focus("#log");
    await page.keyboard.press("End");
    return (await top()) > end;
  });
}

/** A slip of the finger: the page says how it is done, until the word is put away. @param {Page} page */
async function putsAway(page) {
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
  await page.focus("#talk");
  await page.keyboard.down(" ");
  await page.keyboard.up(" ");
  await page.waitForSelector("#notice[data-key=holdLonger]");
  await page.click("#notice-close");
  same(await page.$eval("#notice", (box) => /** @type {any} */ (box).hidden), true, "notice");
}

// ---- sound ----

/** @param {Bench} bench @param {"chromium"|"firefox"} name @param {Bench["inChromium"]} use */
async function mutes({ gateway, card, folder, nextWords }, name, use) {
  const end_s = nextWords("tell me a joke", 3);
  const { file } = speak(folder, "tell me a joke", 0.3);
  await use(async (page) => {
    await call(page, gateway.url, "auto");
    const sends = () => page.evaluate(() =>
      /** @type {any} */ (window).probe.peers.at(-1).getSenders().some((/** @type {RTCRtpSender} */ s) => s.track?.enabled));
    same(await sends(), true, "while it listens");
    await page.click("#mute");
    await until("silence", async () => !(await sends()));
    const pressed = await page.$eval("#mute", (key) => key.getAttribute("aria-pressed"));
    same([pressed, await page.$eval("#talk-text", (line) => line.textContent)], ["true", "Microphone is off"], "the page");
    if (name === "firefox") await card().play(file);
    else {
      await until("the end of the words", () => page.evaluate((end_ms) =>
        performance.now() - /** @type {any} */ (window).probe.microphoneAt > end_ms, end_s * 1000));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000)); // a pause ends what is said
    same(await captions(page, "person"), [], "what the assistant heard");
    await page.click("#mute");
    await until("sound", sends);
    if (name === "chromium") return; // its microphone has said what it had to say
    await card().play(file);
    same(plain(await nextHeard(page)), "tell me a joke", "what the assistant heard then");
  });
}

/** Of one answer, or some: at 100, at 20 and at none. @param {Page} page @param {Bench} bench */
async function sounds(page, { gateway, card }) {
  await call(page, gateway.url);
  /** @param {number} percent @param {number} limit_ms @param {number} [enough] dBFS */
  const heard = async (percent, limit_ms, enough = 0) => {
    await page.$eval("#volume", (/** @type {any} */ slider, value) => {
      slider.value = String(value);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }, percent);
    await page.keyboard.press("Escape");
    await reach(page, ["ready"], 30_000);
    await type(page, "tell me a joke");
    await reach(page, ["speaking"]);
    await new Promise((resolve) => setTimeout(resolve, 300)); // what the sound server has already
    return card().loudest("ear", limit_ms, (dbfs) => dbfs > enough);
  };
  // The first sound of a browser may come late: its way to the sound server is made only then.
  const [full, little, none] = [await heard(100, 8000, -14), await heard(20, 2000), await heard(0, 2000)];
  note(`at 100, 20 and 0: ${[full, little, none].map((dbfs) => dbfs.toFixed(0)).join(", ")} dBFS`);
  check(full > -30 && little < full - 6 && none < -60, "the slider should be heard");
  await page.reload();
  same(await page.$eval("#volume", (slider) => /** @type {any} */ (slider).value), "0", "after a reload");
  await page.evaluate(() => localStorage.clear());
}
