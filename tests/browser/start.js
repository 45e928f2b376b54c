// The start page: role, microphone, speaker, look and the connection test, each proved where it has its effect.

import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { asRoles, roleOf } from "../../web/js/roles.js";
import { auditInPage } from "./audit.js";
import { launchChromium, openPage } from "./browsers.js";
import { Gateway } from "./gateway.js";
import { check, note, same, test, until } from "./harness.js";
import { withRadio } from "./page.js";
import { plain, speak } from "./speech.js";
import { call, captions, ears, nextAnswer, nextHeard, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */

/**
 * @typedef {object} Bench  what the tests of a suite share
 * @property {Gateway} gateway
 * @property {string} binary of the gateway
 * @property {string} folder of temporary files
 * @property {string} microphone the file that Chromium's microphone speaks
 * @property {string} screens
 * @property {(use:(page:Page) => Promise<void>) => Promise<void>} inChromium
 * @property {(use:(page:Page) => Promise<void>) => Promise<void>} inFirefox
 * @property {readonly (readonly ["chromium"|"firefox", (use:(page:Page) => Promise<void>) => Promise<void>])[]} both of them
 * @property {readonly (readonly ["chromium"|"firefox", (use:(page:Page) => Promise<void>) => Promise<void>])[]} hearing the same,
 *   each with the sound card for its microphone and loudspeaker
 * @property {() => import("./speech.js").SoundCard} card
 * @property {(phrase:string, lead_s?:number) => number} nextWords
 */

/** The offers of this page. @param {Page} page @returns {Promise<any[]>} */
const offers = (page) =>
  page.evaluate(() =>
    /** @type {any} */ (window).probe.posts.flatMap((/** @type {any} */ { path, body }) => (path === "/api/offer" ? [body] : [])));

/** Microphones that are open. @param {Page} page @returns {Promise<number>} */
const open = (page) =>
  page.evaluate(() => /** @type {any} */ (window).probe.tracks.filter((/** @type {any} */ t) => t.readyState === "live").length);

/** @param {Page} page @returns {Promise<Record<string, string>>} step: mark, key */
const findings = (page) =>
  page.$$eval("#steps li", (lines) => {
    const all = lines.map((line) => /** @type {HTMLElement} */ (line).dataset);
    return Object.fromEntries(all.map((line) => [line["step"], `${line["mark"]} ${line["key"]}`]));
  });

/** Presses the test's button and waits for its verdict. @param {Page} page @param {string} url */
async function checkUp(page, url) {
  await page.goto(`${url}/`);
  await page.click("#check");
  await until("the verdict", () => page.$eval("#checkup", (sheet) => !sheet.hasAttribute("data-running")), 45_000);
  await until("nothing left open", async () => (await open(page)) === 0);
  await until("every connection closed", () => page.evaluate(() =>
    /** @type {any} */ (window).probe.peers.every((/** @type {any} */ pc) => pc.connectionState === "closed")));
  return { ...(await findings(page)), verdict: await page.$eval("#verdict", (line) => /** @type {any} */ (line).dataset.mark) };
}

/** @param {Bench} bench */
export function testStart(bench) {
  testRoles(bench);
  testOldBrowser(bench);
  testOperatorsRoles(bench);
  testDevices(bench);
  testLook(bench);
  testCheckup(bench);
}

/** @param {Bench} bench */
function testRoles({ both, gateway }) {
  for (const [name, use] of both) {
    test(`${name}: the start page keeps language and way of talking, and leads on`, () =>
      use(async (page) => {
        await page.goto(`${gateway.url}/`);
        await page.select("#lang", "vi");
        same(await page.$eval("#go", (link) => link.textContent), "Trò chuyện", "the button in Vietnamese");
        await page.click(".choices label:last-child");
        await Promise.all([page.waitForNavigation(), page.click("#go")]);
        same(new URL(page.url()).pathname, "/chat", "path");
        same(await page.$eval("html", (root) => [root.lang, root.dataset["mode"]]), ["vi", "auto"], "language and mode");
        await page.evaluate(() => localStorage.clear());
      }));

    test(`${name}: start: the role chosen is the device that the gateway is told, also after a reload`, () =>
      use(async (page) => {
        await page.goto(`${gateway.url}/`);
        await page.click("#roles label:nth-child(3)");
        same(await page.$eval("#portrait", (image) => image.getAttribute("src")), "/roles/curious.svg", "portrait");
        await page.reload();
        same(await page.$eval("#roles input:checked", (input) => /** @type {any} */ (input).value), "curious", "after a reload");
        await call(page, gateway.url);
        same((await offers(page)).at(-1)?.macAddress, "00:00:00:00:00:BB", "the offer's device");
        await page.evaluate(() => localStorage.clear());
      }));

    test(`${name}: start: a device of one's own needs a whole MAC address, and is then the caller`, () =>
      use(async (page) => {
        await page.goto(`${gateway.url}/`);
        await page.click("#roles label:nth-child(4)");
        await page.type("#own-mac", "a0-b1xyz c2");
        const field = () => page.$eval("#own-mac", (/** @type {any} */ input) => [input.value, input.getAttribute("aria-invalid")]);
        same(await field(), ["A0:B1:C2", "false"], "pairs, in capitals, and no complaint while typing");
        await page.click("#go");
        same(new URL(page.url()).pathname, "/", "an unfinished address does not start");
        same((await field())[1], "true", "and says so");
        same(await page.evaluate(() => document.activeElement?.id), "own-mac", "focus");
        same(await page.evaluate(auditInPage), [], "names and contrast");
        await page.keyboard.press("End");
        await page.type("#own-mac", "d3e4f50099");
        same(await field(), ["A0:B1:C2:D3:E4:F5", "false"], "twelve digits, not more");
        await page.$eval("#own-mac", (input) => /** @type {any} */ (input).setSelectionRange(2, 2));
        await page.keyboard.press("Backspace");
        const at = await page.$eval("#own-mac", (/** @type {any} */ input) => [input.value, input.selectionStart]);
        same(at, ["AB:1C:2D:3E:4F:5", 1], "the cursor stays in the middle");
        await page.keyboard.type("0");
        await Promise.all([page.waitForNavigation(), page.click("#go")]);
        await page.click("#start");
        await reach(page, ["ready"]);
        same((await offers(page)).at(-1)?.macAddress, "A0:B1:C2:D3:E4:F5", "the offer's device");
        same(await page.evaluate(() => localStorage.getItem("macAddress")), "A0:B1:C2:D3:E4:F5", "the original's name for it");
        await page.evaluate(() => localStorage.clear());
      }));

    test(`${name}: start: arrows and a swipe of 50 px change the role; the original's choices are taken over`, () =>
      use(async (page) => {
        const role = () => page.$eval("#roles input:checked", (input) => /** @type {any} */ (input).value);
        await page.goto(`${gateway.url}/`);
        await page.bringToFront();
        await page.focus("#roles input:checked");
        await page.keyboard.press("ArrowRight");
        same(await role(), "companion", "by arrow");
        const box = await (await page.$("#portrait"))?.boundingBox();
        check(box, "no portrait");
        const swipe = async (/** @type {number} */ way_px) => {
          await page.mouse.move(box.x + 160, box.y + 100);
          await page.mouse.down();
          await page.mouse.move(box.x + 160 + way_px, box.y + 100, { steps: 4 });
          await page.mouse.up();
          return role();
        };
        same([await swipe(-49), await swipe(-51), await swipe(60), await swipe(60), await swipe(60)],
          ["companion", "curious", "companion", "xiaozhi", "own"], "swipes");
        await page.evaluate(() => {
          localStorage.clear();
          localStorage.setItem("macAddress", "00:00:00:00:00:aa");
          localStorage.setItem("voiceMode", "continuous");
        });
        await page.reload();
        const mode = await page.$eval("input[name=mode]:checked", (input) => /** @type {any} */ (input).value);
        same([await role(), mode], ["companion", "auto"], "of the original's page");
        await page.evaluate(() => localStorage.clear());
      }));
  }
}

/** What a list of roles says in each language, in the page. @param {string} root @param {any} list null: built in */
async function rolesInPage(root, list) {
  const { asRoles, ROLES } = await import(`${root}/js/roles.js`);
  const { applyLang, LANGS, textOf } = await import(`${root}/js/i18n.js`);
  const roles = list ? asRoles(list) : ROLES;
  const said = LANGS.map((/** @type {any} */ lang) => {
    applyLang(lang);
    return roles.map((/** @type {any} */ one) => ({ ...one, name: textOf(one.name), about: textOf(one.about) }));
  });
  applyLang("en");
  return said;
}

/** @param {Bench} bench */
function testOldBrowser({ inChromium, gateway }) {
  test("chromium: start: an older browser: without AbortSignal.timeout roles come, without WebAssembly both pages say so", () =>
    inChromium(async (page) => {
      await page.evaluateOnNewDocument(() => {
        for (const name of ["timeout", "any"]) Reflect.deleteProperty(AbortSignal, name);
      });
      await page.goto(`${gateway.url}/`);
      await until("the gateway's roles", () => page.evaluate(() => localStorage.getItem("xiaozhi-rtc-roles") !== null));
      const { identifier } = await page.evaluateOnNewDocument(() => {
        WebAssembly.compileStreaming = () => Promise.reject(new Error("lost on the way"));
      });
      /** @type {Record<string, string>} */
      const found = await checkUp(page, gateway.url);
      same([found["path"], found["verdict"]], ["bad unreachable", "bad"], "without the core");
      await page.removeScriptToEvaluateOnNewDocument(identifier);
      await page.evaluateOnNewDocument(() => { // as where the policy's word for it is not known
        const refuse = () => {
          throw new WebAssembly.CompileError("disallowed by embedder");
        };
        Object.assign(WebAssembly, { Module: refuse, compile: async () => refuse(), compileStreaming: async () => refuse() });
      });
      await page.goto(`${gateway.url}/`);
      const told = await page.$eval("#notice", (box) => (/** @type {HTMLElement} */ (box).hidden ? "" : box.textContent ?? ""));
      check(/too old/.test(told), `the start page says "${told}"`);
      same(await checkUp(page, gateway.url), {
        page: "bad tooOld", microphone: "skip checkSkipped", gateway: "skip checkSkipped", relay: "skip checkSkipped",
        path: "skip checkSkipped", assistant: "skip checkSkipped", verdict: "bad",
      }, "the connection test");
      await page.goto(`${gateway.url}/chat`);
      const said = () => page.$eval("#notice", (box) => (/** @type {HTMLElement} */ (box).hidden ? "" : box.textContent?.trim()));
      await until("the same words", async () => (await said()) === told);
      await page.click("#notice-close");
      same(await said(), "", "put away");
      await page.click("#start");
      await until("the same words at the start key", async () => (await said()) === told);
      await page.evaluate(() => localStorage.clear());
    }));
}

/** @param {Bench} bench */
function testOperatorsRoles({ inChromium, gateway, binary, folder, screens }) {
  test("chromium: start: the gateway's own list of roles is the page's, in every language", () =>
    inChromium(async (page) => {
      await page.goto(`${gateway.url}/`);
      const list = await (await fetch(`${gateway.url}/api/roles`)).json();
      const theirs = await page.evaluate(rolesInPage, gateway.url, list);
      same(theirs, await page.evaluate(rolesInPage, gateway.url, null), "roles");
      same([theirs.length, theirs[0].length], [3, 4], "languages, roles");
      await page.evaluate(() => localStorage.clear());
    }));

  test("roles: a list that is none is not taken, and of a role only what can be", () => {
    const good = { id: "bob", name: { en: "Bob" } };
    const full = { ...good, name: { en: "Bob", zh: "", vi: "" }, about: { en: "", zh: "", vi: "" },
      mac: "", own: false, picture: "/portrait.svg", look: "xiaozhi", avatar: "vector" };
    const evil = { ...good, mac: "evil", picture: "//elsewhere/x.png", look: "a b", avatar: "../x" };
    same(asRoles({ roles: [evil] }), [full], "a role");
    same(asRoles({ roles: [{ ...good, mac: "a0-b1-c2-d3-e4-f5" }] })?.[0]?.mac, "A0:B1:C2:D3:E4:F5", "an address");
    for (const bad of [[], [good, {}], [{ ...good, id: "a b" }], [{ id: "a" }]]) {
      same([asRoles({ roles: bad }), asRoles(bad)], [null, null], JSON.stringify(bad));
    }
    const roles = asRoles({ roles: [good, { ...good, id: "me", own: true }] }) ?? [];
    const id = (/** @type {string} */ role, /** @type {string} */ mac) => roleOf({ role, mac }, roles).id;
    const mac = "00:00:00:00:00:01";
    same([id("", ""), id("me", ""), id("gone", mac), id("", mac)], ["bob", "me", "bob", "me"], "roles");
  });

  test("chromium: start: an operator's roles are shown, and captions and transcript name them", async () => {
    const avatars = path.join(folder, "roles-avatars");
    fs.mkdirSync(path.join(avatars, "tutor"), { recursive: true });
    const portrait = fileURLToPath(new URL("../../web/roles/curious.svg", import.meta.url));
    fs.copyFileSync(portrait, path.join(avatars, "tutor", "calm.svg"));
    const file = path.join(folder, "roles.json");
    const roles = [
      { id: "tutor", name: { en: "Tutor", zh: "家教" }, about: "Explains", mac: "00:11:22:aa:bb:01", picture: "tutor/calm.svg" },
      { id: "2nd", name: "Second", look: "companion" },
    ];
    fs.writeFileSync(file, JSON.stringify({ roles }));
    const other = new Gateway(binary, { args: ["--roles", file, "--avatars", avatars] });
    await other.start();
    try {
      await inChromium(async (page) => {
        page.expected.push(/net::ERR_CONNECTION_REFUSED/); // in the end that gateway is gone
        const shown = () => page.$$eval("#roles label", (labels) =>
          labels.map((label) => [label.textContent, label.querySelector("img")?.getAttribute("src")]));
        await page.goto(`${other.url}/chat`); // the first visit, without the start page
        await reach(page, ["idle", "ready"]);
        await until("an offer", async () => (await offers(page)).length > 0);
        same((await offers(page))[0]?.macAddress, "00:11:22:AA:BB:01", "the device of a first visit");
        await page.goto(`${other.url}/`);
        same(await shown(), [["Tutor", "/avatar/tutor/calm.svg"], ["Second", "/portrait.svg"]], "roles");
        same(await page.$eval("#role-about", (line) => line.textContent), "Explains", "about");
        await page.select("#lang", "zh");
        same((await shown())[0]?.[0], "家教", "the name in Chinese");
        await page.select("#lang", "en");
        await call(page, other.url);
        await type(page, "tell me a joke");
        await nextAnswer(page);
        same(await page.$eval("#captions .assistant .name", (name) => name.textContent), "Tutor", "who speaks");
        const label = await page.$eval("#face", (face) => face.getAttribute("aria-label") ?? "");
        check(label.startsWith("Tutor, "), `the figure is "${label}"`);
        await page.evaluate(() => {
          URL.createObjectURL = (/** @type {any} */ blob) => ((/** @type {any} */ (window).saved = blob), "#");
        });
        await page.screenshot({ path: `${screens}/roles-operator.png` });
        await page.click("#save");
        await page.click("#saving button[value=md]");
        const transcript = await page.evaluate(() => /** @type {any} */ (window).saved.text());
        check(transcript.includes("**Tutor** ("), `the transcript is ${transcript}`);
        // Back at a gateway without such a list, what is known is what that one says.
        fs.writeFileSync(file, JSON.stringify({ roles: roles.slice(1) }));
        await other.stop();
        await other.start();
        await page.goto(`${other.url}/`);
        await until("the new list", async () => (await shown()).length === 1);
        same(await page.$eval("#roles input:checked", (input) => /** @type {any} */ (input).value), "2nd", "the role that is left");
        await page.evaluate(() => localStorage.clear());
      });
    } finally {
      await other.stop();
    }
  });
}

/** @param {Bench} bench */
function testDevices({ inChromium, inFirefox, hearing, gateway, nextWords, folder, card }) {
  test("chromium: start: the microphone's level moves, \"automatic\" stays, and nothing listens after the sheet", () =>
    inChromium(async (page) => {
      nextWords("tell me a joke", 0.2);
      await page.goto(`${gateway.url}/`);
      same(await open(page), 0, "microphones before the sheet");
      await page.click("#devices");
      const level = () => page.$eval("#level", (bar) => Number(bar.getAttribute("aria-valuenow")));
      await until("a level", async () => (await level()) > 30);
      same(await open(page), 1, "microphones with the sheet");
      const options = await page.$$eval("#microphone option", (all) => all.map((one) => one.textContent));
      check(options[0] === "Automatic" && options.length > 2, options.join(", "));
      same(await page.$eval("#microphone", (select) => /** @type {any} */ (select).value), "", "the choice");
      same(await page.evaluate(auditInPage), [], "the sheet");
      await page.keyboard.press("Escape");
      await until("the microphone shut", async () => (await open(page)) === 0);
      same(await page.evaluate(() => document.activeElement?.id), "devices", "focus comes back");
      same(await page.evaluate(() => localStorage.getItem("selectedAudioDeviceId")), null, "nothing was chosen");
      await page.click("#devices");
      await until("the microphone again", async () => (await open(page)) === 1);
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
      same(await open(page), 0, "microphones when the page is left");
    }));

  test("chromium: start: the microphone chosen is the one that is sent, also when it is changed in a call", () =>
    inChromium(async (page) => {
      nextWords("hello", 20);
      await page.goto(`${gateway.url}/`);
      await page.click("#devices");
      await until("names", () => page.$$eval("#microphone option", (all) => all.length > 2));
      const choose = async (/** @type {number} */ n) => {
        const { value = "", name = "" } = await page.$eval("#microphone", (select, index) => {
          const option = /** @type {HTMLSelectElement} */ (select).options[index];
          return { value: option?.value ?? "", name: option?.textContent ?? "" };
        }, n);
        await page.select("#microphone", value);
        return name;
      };
      const sent = () =>
        page.evaluate(() => {
          const { peers } = /** @type {any} */ (window).probe;
          return peers.at(-1)?.getSenders().map((/** @type {RTCRtpSender} */ sender) => sender.track?.label).join("");
        });
      const first = await choose(1);
      await page.keyboard.press("Escape");
      await call(page, gateway.url);
      await until(`${first} on its way`, async () => (await sent()) === first);
      await page.click("#open-settings");
      await until("names", () => page.$$eval("#microphone option", (all) => all.length > 2));
      const second = await choose(2);
      await until(`${second} on its way`, async () => (await sent()) === second);
      await page.keyboard.press("Escape");
      await until("only the call's microphone", async () => (await open(page)) === 1);
      same((await offers(page)).length, 1, "offers");
      await page.evaluate(() => {
        localStorage.setItem("selectedAudioDeviceId", "a-device-that-is-gone");
      });
      await page.reload();
      await page.click("#start");
      await reach(page, ["ready"]);
      await ears(page);
      await page.click("#open-settings");
      const shown = () => page.$eval("#microphone", (select) => /** @type {any} */ (select).selectedOptions[0]?.textContent);
      await until("the choice, found by its name", async () => (await shown()) === second && (await sent()) === second);
      await page.evaluate(() => localStorage.setItem("xiaozhi-rtc", JSON.stringify({ microphoneLabel: "Old Headset" })));
      await page.reload();
      await page.click("#start");
      await reach(page, ["ready"]);
      await until("a microphone, although that one is gone", async () => Boolean(await sent()));
      await page.click("#open-settings");
      await until("the choice, which stays", async () => (await shown()) === "Old Headset (not connected)");
      await page.evaluate(() => localStorage.clear());
    }));

  test("firefox: start: the microphone's level moves; the microphone chosen is the one that is heard, also changed in a call", () =>
    inFirefox((page) => withHeadset(card(), () => choosesInFirefox(page, gateway.url, card(), folder))));

  for (const [name, use] of hearing) {
    test(`${name}: start: the speaker chosen is the one that sounds: the test, then the answer`, () =>
      use((page) => choosesSpeaker(page, gateway.url, card())));
  }
}

/** A second microphone, into which is spoken by itself. @param {import("./speech.js").SoundCard} sound
 * @param {() => Promise<void>} use */
async function withHeadset(sound, use) {
  const sink = sound.control("load-module", "module-null-sink", "sink_name=headset_mouth", "rate=48000", "channels=1").trim();
  const source = sound.control("load-module", "module-remap-source", "master=headset_mouth.monitor", "source_name=headset",
    "source_properties=device.description=Headset").trim();
  const unhasten = sound.hasten("headset_mouth");
  try {
    await use();
  } finally {
    unhasten();
    for (const module of [source, sink]) sound.control("unload-module", module);
  }
}

/** @param {Page} page @param {string} url @param {import("./speech.js").SoundCard} sound @param {string} folder */
async function choosesInFirefox(page, url, sound, folder) {
  const { file } = speak(folder, "what time is it", 0.3);
  await page.goto(`${url}/`);
  await page.click("#devices");
  await page.waitForSelector("#microphone-try:not([hidden])");
  same(await open(page), 0, "microphones before they are wanted");
  await page.click("#microphone-try");
  const level = () => page.$eval("#level", (bar) => Number(bar.getAttribute("aria-valuenow")));
  const loud = until("a level", async () => (await level()) > 30);
  await Promise.all([sound.play(file), loud]);
  const choose = async (/** @type {string} */ name) => {
    const id = await until(`${name} in the list`, () => page.$$eval("#microphone option", (all, wanted) =>
      all.find((one) => one.textContent === wanted)?.value, name));
    await page.select("#microphone", id);
  };
  const quiet = async () => (await level()) < 10;
  await choose("Headset");
  await until("the headset, in which nobody speaks", async () => (await open(page)) === 1 && quiet());
  await Promise.all([sound.play(file), until("a level all the same", async () => !(await quiet()), 1500).then(
    () => check(false, "the other microphone is heard"), () => undefined)]);
  await page.keyboard.press("Escape");
  await until("the microphone shut", async () => (await open(page)) === 0);
  await call(page, url);
  const sent = () => page.evaluate(() => /** @type {any} */ (window).probe.peers.at(-1)?.getSenders()
    .map((/** @type {RTCRtpSender} */ sender) => sender.track?.label).join(""));
  await until("the headset on its way", async () => (await sent()) === "Headset");
  /** Said into one of them while the key is held. @param {string} mouth */
  const say = async (mouth) => {
    const before = (await captions(page, "person")).length;
    await page.hover("#talk");
    await page.mouse.down();
    await reach(page, ["listening"]);
    await sound.play(file, mouth);
    await page.mouse.up();
    same(plain(await nextHeard(page, before)), "what time is it", `what the assistant heard of ${mouth}`);
    await page.keyboard.press("Escape");
    await reach(page, ["ready"], 30_000);
  };
  await say("headset_mouth");
  await page.click("#open-settings");
  await choose("Microphone");
  await until("the other microphone on its way", async () => (await sent()) === "Microphone");
  await page.keyboard.press("Escape");
  await until("only the call's microphone", async () => (await open(page)) === 1);
  // What Firefox makes of the first two seconds of a microphone that it has changed to in a call is understood by nobody.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await say("mouth");
  same((await offers(page)).length, 1, "offers");
}

/** @param {Page} page @param {string} url @param {import("./speech.js").SoundCard} sound */
async function choosesSpeaker(page, url, sound) {
  const module = sound.control("load-module", "module-null-sink", "sink_name=headphones", "rate=48000", "channels=1",
    "sink_properties=device.description=Headphones").trim();
  try {
    await page.goto(`${url}/`);
    await page.click("#devices");
    // Chromium of the tests has allowed the microphone already.
    await until("the sheet", () => page.$eval("#settings", (sheet) =>
      !sheet.querySelector("#microphone-try")?.hasAttribute("hidden") || !sheet.querySelector("#level")?.hasAttribute("hidden")));
    if (await page.$("#microphone-try:not([hidden])")) await page.click("#microphone-try");
    const find = () =>
      page.$$eval("#speaker option", (all) => all.find((one) => /Headphones/.test(one.textContent ?? ""))?.value ?? "");
    const id = await until("the headphones in the list", find);
    await page.select("#speaker", id);
    const heard = async (/** @type {() => Promise<unknown>} */ act) => {
      let over = false;
      const begin = (/** @type {string} */ sink, /** @type {(dbfs:number) => boolean} */ enough) =>
        new Promise((/** @type {(listening:{loudest:Promise<number>}) => void} */ resolve) => {
          const listening = { loudest: Promise.resolve(0) };
          listening.loudest = sound.loudest(sink, 15_000, enough, () => resolve(listening));
        });
      const [elsewhere, chosen] = [await begin("ear", () => over), await begin("headphones", (dbfs) => dbfs > -40)];
      await act();
      const there = await chosen.loudest;
      await new Promise((resolve) => setTimeout(resolve, 500));
      over = true;
      const here = await elsewhere.loudest;
      note(`headphones ${there.toFixed(0)} dBFS, the other speaker ${here.toFixed(0)} dBFS`);
      check(there > -40, "the headphones should sound");
      check(here < -60, "the other speaker should be silent");
    };
    await heard(() => page.click("#speaker-test"));
    await call(page, url);
    await heard(async () => {
      await type(page, "tell me a joke");
      await reach(page, ["speaking"]);
    });
    await page.keyboard.press("Escape");
    await reach(page, ["ready"], 30_000);
    await withRadio((radio) => heard(() => page.evaluate((url) => {
      const data = JSON.stringify({ type: "music", state: "start", url, text: "Song" });
      /** @type {any} */ (window).probe.channels.at(-1).dispatchEvent(new MessageEvent("message", { data }));
    }, `${radio}/a.wav`)));
  } finally {
    await page.evaluate(() => localStorage.clear());
    sound.control("unload-module", module);
  }
}

/** @param {Bench} bench */
function testLook({ both, gateway }) {
  for (const [name, use] of both) {
    test(`${name}: start: light, dark, or as the system says; kept, and there before the first script of the page`, () =>
      use((page) => looksAsChosen(page, gateway.url, name)));
  }
}

/** @param {Page} page @param {string} url @param {"chromium"|"firefox"} name */
async function looksAsChosen(page, url, name) {
  page.expected.push(/net::ERR_FAILED/); // the scripts that are held back below
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [light, dark] = ["rgb(244, 241, 234)", "rgb(15, 21, 19)"];
  // Firefox takes no such wish from a test: there the system's own look counts, whichever it is.
  const system = async (/** @type {"light"|"dark"} */ value) => {
    if (name === "chromium") await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
    return (await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches)) ? dark : light;
  };
  await page.goto(`${url}/`);
  const first = await system("light");
  await until("the look of the system", async () => (await paper()) === first);
  await page.click("#open-settings");
  await page.click("#themes label:last-child");
  await until("the dark", async () => (await paper()) === dark);
  same(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark", "the browser's own parts");
  // Only the plain script may run: what it has set is there before any module.
  let plain = true;
  await page.setRequestInterception(true);
  page.on("request", (request) =>
    // A request that has ended meanwhile needs no word.
    void (plain && /\/(start|main)\.js$/.test(request.url()) ? request.abort() : request.continue()).catch(() => undefined));
  for (const route of ["/", "/chat"]) {
    await page.goto(url + route);
    same(await paper(), dark, `${route} later`);
  }
  plain = false;
  const then = await system("dark");
  await page.goto(`${url}/chat`);
  await page.click("#open-settings");
  await page.click("#themes label:nth-of-type(2)");
  same(await paper(), light, "light, also where the system is dark");
  await page.click("#themes label:nth-of-type(1)");
  same(await paper(), then, "as the system again");
  await page.evaluate(() => localStorage.clear());
}

/** @param {Bench} bench */
function testCheckup({ inChromium, both, gateway, binary, folder, microphone, screens, nextWords }) {
  const well = { page: "ok checkPageOk", gateway: "ok checkGatewayOk", relay: "skip checkNoRelay", path: "ok checkPathOk",
    assistant: "ok checkAssistantOk", verdict: "ok" };
  for (const [name, use] of both) {
    test(`${name}: start: the connection test connects, finds all well, leaves nothing open, and is made again`, () =>
      use(async (page) => {
        nextWords("hello", 0.2);
        const { microphone: ear, ...rest } = /** @type {Record<string, string>} */ (await checkUp(page, gateway.url));
        check(/^ok checkMic(Quiet|Heard)$/.test(ear ?? ""), `the microphone: ${ear}`);
        same(rest, well, "findings");
        same(await page.evaluate(auditInPage), [], "the sheet");
        await page.screenshot({ path: `${screens}/desktop-light-checkup-${name}.png` });
        const asked = (await offers(page)).length;
        await page.click("#check-again");
        await until("another connection", async () => (await offers(page)).length > asked);
        await until("its verdict", () => page.$eval("#verdict", (line) => /** @type {any} */ (line).dataset.mark === "ok"), 30_000);
        // One that a test before it has lost is kept for 30 s.
        await until("no session left over", async () => (await gateway.sessions()) === 0, 40_000);
      }));
  }

  for (const [name, use] of both) {
    test(`${name}: start: the page is left in the middle of the connection test, and the next one works`, () =>
      use(async (page) => {
        for (const after_ms of [0, 100, 200, 300, 450]) {
          await page.goto(`${gateway.url}/`);
          await page.click("#check");
          await page.waitForSelector("#checkup[open]");
          await new Promise((resolve) => setTimeout(resolve, after_ms));
          await page.goto(`${gateway.url}/admin`);
          // Chromium crashed most of these times.
          same(await page.evaluate(() => location.pathname), "/admin", "the next page");
        }
      }));
  }

  test("chromium: start: the connection test names a path that UDP does not find", () =>
    inChromium(async (page) => {
      // No candidate gets through, in either direction: what a firewall that drops UDP comes to.
      const bare = (/** @type {string} */ sdp) => sdp.replace(/a=(candidate:.*|end-of-candidates)\r\n/g, "");
      await page.setRequestInterception(true);
      page.on("request", async (request) => {
        if (request.method() === "PATCH") return void request.respond({ status: 204 });
        if (!/\/offer$/.test(request.url())) return void request.continue();
        const offer = JSON.parse(request.postData() ?? "{}");
        const body = JSON.stringify({ ...offer, sdp: bare(offer.sdp) });
        const response = await fetch(request.url(), { method: "POST", headers: { "Content-Type": "application/json" }, body });
        const answer = /** @type {any} */ (await response.json());
        const text = JSON.stringify(answer.sdp ? { ...answer, sdp: bare(answer.sdp) } : answer);
        await request.respond({ status: response.status, contentType: "application/json", body: text });
      });
      const found = /** @type {Record<string, string>} */ (await checkUp(page, gateway.url));
      same([found["gateway"], found["path"], found["assistant"], found["verdict"]],
        ["ok checkGatewayOk", "bad checkNoPath", "skip checkSkipped", "bad"], "findings");
    }));

  test("chromium: start: the connection test names a gateway that is gone and an assistant that is down", async () => {
    const lone = new Gateway(binary, { args: ["--backend", "ws:ws://127.0.0.1:9/"] });
    await lone.start();
    try {
      await inChromium(async (page) => {
        page.expected.push(/net::ERR_CONNECTION_REFUSED/);
        const found = /** @type {Record<string, string>} */ (await checkUp(page, lone.url));
        same([found["path"], found["assistant"], found["verdict"]],
          ["ok checkPathOk", "bad checkAssistantDown", "bad"], "findings");
        await lone.stop();
        await page.click("#check-again");
        await until("the second verdict", () => page.$eval("#checkup", (sheet) => !sheet.hasAttribute("data-running")), 20_000);
        const then = await findings(page);
        same([then["gateway"], then["path"]], ["bad checkUnreachable", "skip checkSkipped"], "without a gateway");
        await page.screenshot({ path: `${screens}/desktop-light-checkup-gone.png` });
      });
    } finally {
      await lone.stop();
    }
  });

  test("chromium: start: the connection test tells a relay that refuses from one that works and one that is silent", () =>
    inChromium(async (page) => {
      const port = 30_000 + Math.floor(Math.random() * 20_000);
      const args = ["-n", "--no-cli", "--no-tls", "--no-dtls", "--listening-ip=127.0.0.1", `--listening-port=${port}`,
        "--relay-ip=127.0.0.1", "--lt-cred-mech", "--user=right:password", "--realm=test", "--log-file=stdout",
        "--allow-loopback-peers", `--pidfile=${folder}/turn.pid`, `--userdb=${folder}/turn.db`];
      const relay = spawn("turnserver", args, { stdio: "ignore" });
      let credential = "wrong";
      let at = port;
      await page.setRequestInterception(true);
      page.on("request", (request) => {
        if (!request.url().endsWith("/api/ice")) return void request.continue();
        const iceServers = [{ urls: `turn:127.0.0.1:${at}?transport=udp`, username: "right", credential }];
        return void request.respond({ contentType: "application/json", body: JSON.stringify({ iceServers }) });
      });
      try {
        const found = /** @type {Record<string, string>} */ (await checkUp(page, gateway.url));
        same([found["relay"], found["verdict"]], ["warn checkRelayRefused", "warn"], "with the wrong password");
        credential = "password";
        same(/** @type {any} */ (await checkUp(page, gateway.url)).relay, "ok checkRelayOk", "with the right one");
        at = 9;
        same(/** @type {any} */ (await checkUp(page, gateway.url)).relay, "warn checkRelaySilent", "with none there");
      } finally {
        relay.kill("SIGKILL");
      }
    }));

  test("chromium: start: the connection test names a microphone that is not allowed", async () => {
    const flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream"];
    const strict = await launchChromium(folder, microphone, { args: flags });
    try {
      const page = await openPage(strict, gateway.url);
      const context = strict.defaultBrowserContext();
      await context.setPermission(gateway.url, { permission: { name: "microphone" }, state: "denied" });
      const found = /** @type {Record<string, string>} */ (await checkUp(page, gateway.url));
      same([found["microphone"], found["assistant"], found["verdict"]],
        ["bad micDenied", "ok checkAssistantOk", "warn"], "findings");
      await page.keyboard.press("Escape");
      await page.click("#devices");
      await page.waitForSelector("#microphone-try:not([hidden])");
      await page.click("#microphone-try");
      await until("word of it in the settings", () =>
        page.$eval("#microphone-said", (line) => /is blocked/.test(line.textContent ?? "")));
    } finally {
      await strict.close();
    }
  });

  test("chromium: start: without a microphone, and on a page that is not secure, the connection test says so", async () => {
    const flags = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP insecure.test 127.0.0.1"];
    const bare = await launchChromium(folder, microphone, { args: flags });
    try {
      const { port } = new URL(gateway.url);
      const page = await openPage(bare, `http://insecure.test:${port}`);
      const found = /** @type {Record<string, string>} */ (await checkUp(page, `http://insecure.test:${port}`));
      same([found["page"], found["microphone"], found["assistant"]],
        ["bad insecure", "skip checkSkipped", "ok checkAssistantOk"], "not secure");
      await page.close();
      const secure = await openPage(bare, gateway.url);
      await bare.defaultBrowserContext().setPermission(gateway.url, { permission: { name: "microphone" }, state: "granted" });
      const none = /** @type {Record<string, string>} */ (await checkUp(secure, gateway.url));
      same([none["page"], none["microphone"], none["verdict"]], ["ok checkPageOk", "bad micNone", "warn"], "no microphone");
      await call(secure, gateway.url);
      await type(secure, "who are you");
      await nextAnswer(secure);
    } finally {
      await bare.close();
    }
  });
}
