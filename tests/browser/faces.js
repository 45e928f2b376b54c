// Who is seen: the choice of an avatar, and drop-ins whose runtime and model are an operator's own.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { EMOTION_NAMES } from "../../web/js/avatar/emotions.js";
import { auditInPage } from "./audit.js";
import { comparePictures, DIFFERENCE_LEAST, feel, messages, portrait } from "./avatar.js";
import { Gateway } from "./gateway.js";
import { check, note, same, test, until } from "./harness.js";
import { call, nextAnswer, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

const RUNTIME = fs.readFileSync(fileURLToPath(new URL("toy_runtime.js", import.meta.url)), "utf8");
const DISC = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4.5" cy="4.5" r="4" fill="gray"/></svg>';

/** Folders of every kind. @param {string} root */
function writeAvatars(root) {
  const write = (/** @type {string} */ file, /** @type {string} */ text) => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
  };
  const dropin = (/** @type {string} */ name, /** @type {object} */ more = {}, runtime = RUNTIME) => {
    const list = { renderer: "live2d", webgl: false, seconds: 1, title: name.toUpperCase(), ...more };
    write(`${name}/avatar.json`, JSON.stringify(list));
    write(`${name}/model/skin.json`, '{"turn": 30}');
    if (runtime) write(`${name}/runtime.js`, runtime);
  };
  write("robot/avatar.json", '{"renderer":"image","pictures":{"neutral":"calm.svg"},"title":{"en":"Robot","zh":"机器人"}}');
  write("robot/calm.svg", DISC);
  write("ghost/avatar.json", '{"renderer":"image","pictures":{"neutral":"away.svg"}}');
  write("odd/avatar.json", "{");
  dropin("toy");
  for (const fault of ["mount", "hang", "late", "contract", "draw"]) dropin(fault, { fault });
  dropin("throws", {}, 'throw new Error("no engine");');
  dropin("bare", {}, "");
  dropin("card", { renderer: "vrm" });
  dropin("gl", { webgl: true });
  write("toy/.secret.json", "{}");
  write("secret.json", "{}");
  fs.symlinkSync("/etc/hostname", path.join(root, "toy", "link.json"));
  fs.symlinkSync("toy", path.join(root, "alias"));
  fs.symlinkSync("/", path.join(root, "toy", "top"));
}

/** A gateway whose operator has avatars, and holds a licence for one kind. @param {Bench} bench
 * @param {(gateway:Gateway) => Promise<void>} use */
async function withAvatars({ binary, folder }, use) {
  const root = fs.mkdtempSync(path.join(folder, "faces-"));
  writeAvatars(root);
  const gateway = new Gateway(binary, { args: ["--avatars", root, "--avatar-licence", "live2d"] });
  await gateway.start();
  try {
    await use(gateway);
  } finally {
    await gateway.stop();
  }
}

/** What the toy was told. @param {Page} page @returns {Promise<any>} */
const toyOf = (page) => page.evaluate(() => /** @type {any} */ (window).toy ?? null);

/** Who draws. @param {Page} page @returns {Promise<string>} */
const drawnBy = (page) =>
  page.$eval("#face", (face) =>
    [...face.querySelectorAll(":is(canvas, .image-avatar, .figure):not(.waits)")].map((one) => one.getAttribute("class")).join());

/** @param {Page} page @param {string} name @param {string} drawn */
async function choose(page, name, drawn) {
  if (!(await page.$("#settings[open]"))) await page.click("#open-settings");
  await until(`the choice ${name}`, () => page.$(`#avatar option[value="${name}"]`));
  await page.select("#avatar", name);
  await until(`${drawn} instead of ${await drawnBy(page)}`, async () => (await drawnBy(page)) === drawn);
}

/** The toy's colour. @param {Page} page */
const colourOf = (page) =>
  page.$eval("#face canvas", (canvas) => {
    const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
    const pen = /** @type {HTMLCanvasElement} */ (canvas).getContext("2d");
    return [...(pen?.getImageData(width / 2, height * 0.3, 1, 1).data ?? [])].join();
  });

/** @param {Bench} bench @param {() => import("puppeteer-core").Browser} chromium */
export function testFaces(bench, chromium) {
  test("faces: the drawing's 21 emotions and a touch, in Firefox", () =>
    bench.inFirefox((page) => drawsInFirefox(page, bench, chromium())));
  test("faces: a touch buzzes, also before the call, unless the person wants no buzz", () =>
    bench.inChromium((page) => buzzes(page, bench.gateway.url)));
  test("faces: a drop-in is not drawn in a hidden tab, nor at rest with reduced motion", () =>
    withAvatars(bench, (gateway) => bench.inChromium((page) => restsToo(page, gateway.url, chromium()))));
  for (const name of /** @type {const} */ (["Chromium", "Firefox"])) {
    test(`faces: a drop-in shows emotions, mouth, gaze and touch, and is chosen and left without a reload, in ${name}`, () =>
      withAvatars(bench, (gateway) => bench[`in${name}`]((page) => livesADay(page, gateway.url))));
  }
  test("faces: whatever a drop-in does wrong, the drawing stays and the page says why", () =>
    withAvatars(bench, (gateway) => bench.inChromium((page) => goesWrong(page, gateway.url))));
  test("faces: over the wire nothing is served but what may be", () => withAvatars(bench, servesSafely));
}

/** @param {Page} page @param {Bench} bench @param {import("puppeteer-core").Browser} chromium whose canvas compares */
async function drawsInFirefox(page, { gateway, screens }, chromium) {
  await call(page, gateway.url);
  /** @type {[string, string][]} */
  const pictures = [];
  /** @type {Set<string>} */
  const labels = new Set();
  for (const name of EMOTION_NAMES) {
    await feel(page, name);
    await new Promise((resolve) => setTimeout(resolve, 400)); // it eases there; the face moves on, and every picture is another
    labels.add(await page.$eval("#face", (face) => face.getAttribute("aria-label") ?? ""));
    pictures.push([name, await portrait(page)]);
  }
  same(labels.size, EMOTION_NAMES.length, "names that a screen reader says");
  const bench = await chromium.newPage();
  const { part, pair, sheet } = await bench.evaluate(comparePictures, pictures).finally(() => bench.close());
  fs.writeFileSync(path.join(screens, "avatar-firefox.png"), Buffer.from(sheet, "base64"));
  note(`the two most alike: ${pair}, ${(part * 100).toFixed(1)} % of the pixels`);
  check(part > DIFFERENCE_LEAST, `${pair} look alike: ${(part * 100).toFixed(2)} % of the pixels`);

  const box = await page.$eval("#face", (face) => face.getBoundingClientRect().toJSON());
  const [x, head_y, body_y] = [box.x + box.width / 2, box.y + box.height * 0.25, box.y + box.height * 0.76];
  const sent = async (/** @type {number} */ n) =>
    until("the touch", async () => (await messages(page, "sent", "touch"))[n]);
  await page.mouse.click(x, head_y);
  same(await sent(0), { type: "touch", event: "singlehit", area: "Head" }, "a hit");
  await until("the assistant's ear", async () => (await messages(page, "received", "stt"))[0]?.text === "(taps your head)");
  await page.mouse.move(x - 30, body_y);
  await page.mouse.down();
  await page.mouse.move(x + 30, body_y, { steps: 4 });
  await page.mouse.up();
  same(await sent(1), { type: "touch", event: "swipe", area: "Body", dir: "right" }, "a stroke");
}

/** @param {Page} page @param {string} url */
async function buzzes(page, url) {
  await page.goto(`${url}/chat`);
  await page.bringToFront();
  await page.evaluate(() => {
    const lab = /** @type {any} */ (window);
    lab.buzzes = [];
    navigator.vibrate = (pattern) => lab.buzzes.push(pattern) > 0;
  });
  const heard = () => page.evaluate(() => /** @type {any} */ (window).buzzes);
  const box = await page.$eval("#face", (face) => face.getBoundingClientRect().toJSON());
  const hit = () => page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await hit();
  await until("a buzz", async () => (await heard()).length === 1);
  same(await heard(), [15], "how long");
  await page.click("#open-settings");
  await page.click("#haptics");
  await page.keyboard.press("Escape");
  await hit();
  await page.focus("#face");
  await page.keyboard.press("ArrowUp"); // told after the hit before it, so by then that one has been
  await new Promise((resolve) => setTimeout(resolve, 400));
  same(await heard(), [15], "with the setting off");
  await page.evaluate(() => localStorage.clear());
}

/** @param {Page} page @param {string} url @param {import("puppeteer-core").Browser} chromium */
async function restsToo(page, url, chromium) {
  const motion = (/** @type {string} */ value) => page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value }]);
  await motion("no-preference");
  await call(page, url, "manual", "?avatar=toy");
  await until("the toy", async () => (await drawnBy(page)) === "dropin-avatar");
  const frames = async () => (await toyOf(page)).n_frames;
  const rest = async () => {
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return (await frames()) - before;
  };
  await feel(page, "laughing");
  check((await rest()) > 3, "a laugh moves");
  const other = await chromium.newPage();
  await other.bringToFront();
  await until("a hidden tab", () => page.evaluate(() => document.visibilityState === "hidden"));
  same(await rest(), 0, "frames in a hidden tab");
  await other.close();
  await page.bringToFront();
  await motion("reduce");
  await until("rest", async () => (await rest()) === 0);
  same((await toyOf(page)).still, true, "told to be still");
  await feel(page, "sad");
  await until("news", async () => (await toyOf(page)).emotion === "sad");
}

/** @param {Page} page @param {string} url */
async function livesADay(page, url) {
  page.expected.push(/willReadFrequently/); // what the test reads is not read by people
  await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "no-preference" }]).catch(() => undefined);
  await call(page, url, "manual", "?avatar=toy");
  await until("the toy", async () => (await drawnBy(page)) === "dropin-avatar");
  await until("its size", async () => (await toyOf(page)).size[0] > 100);
  same((await toyOf(page)).blob, true, "pictures from memory");
  /** @type {Set<string>} */
  const colours = new Set();
  for (const emotion of EMOTION_NAMES) {
    await feel(page, emotion);
    await until(emotion, async () => (await toyOf(page)).emotion === emotion);
    colours.add(await colourOf(page));
  }
  same(colours.size, EMOTION_NAMES.length, "colours seen");

  const box = await page.$eval("#face", (face) => face.getBoundingClientRect().toJSON());
  await feel(page, "neutral");
  await until("a look to the side", async () => {
    await page.mouse.move(2, box.y + box.height / 2 + Math.random() * 9); // a pointer that rests is soon not looked at any more
    return (await toyOf(page)).looked.x < -0.3;
  });
  await page.mouse.click(box.x + box.width * 0.5, box.y + box.height * 0.2);
  const touch = { event: "singlehit", area: "Head" };
  await until("the touch", async () => (await messages(page, "sent", "touch")).length > 0);
  same((await messages(page, "sent", "touch"))[0], { type: "touch", ...touch }, "told the assistant");
  same((await toyOf(page)).touches, [touch], "told the toy");
  await page.mouse.click(box.x + box.width * 0.02, box.y + box.height * 0.02);
  await type(page, "who are you");
  await nextAnswer(page);
  await until("an open mouth", async () => (await toyOf(page)).mouthMost > 0.2);
  await reach(page, ["ready"], 40_000);
  same((await messages(page, "sent", "touch")).length, 1, "a hit beside it is none");

  await choose(page, "vector", "figure");
  same((await toyOf(page)).n_disposed, 1, "dismissed");
  await choose(page, "robot", "image-avatar");
  await choose(page, "toy", "dropin-avatar");
  same(await page.$eval("#avatar-said", (line) => line.textContent), "", "nothing to complain of");
  await page.goto(`${url}/chat`);
  await until("the toy, remembered", async () => (await drawnBy(page)) === "dropin-avatar");
  await choose(page, "", "figure");
  same(await page.evaluate(() => /** @type {any} */ (window).probe.violations), [], "the policy");
  await page.evaluate(() => localStorage.clear());
}

/** @param {Page} page @param {string} url */
async function goesWrong(page, url) {
  page.expected.push(/Failed to load resource/); // runtimes and models that are not there
  await call(page, url);
  await page.click("#open-settings");
  await until("a choice", () => page.$('#avatar option[value="toy"]'));
  same(await page.$$eval("#avatar option", (options) => options.map((one) => one.textContent)), [
    "The role's own", "Drawn", "BARE (not usable)", "CARD (not usable)", "CONTRACT", "DRAW", "ghost", "GL", "HANG", "LATE", "MOUNT",
    "odd (not usable)", "Robot", "THROWS", "TOY",
  ], "choices");
  same(await page.evaluate(auditInPage), [], "names, contrast and sizes");
  const said = () => page.$eval("#avatar-said", (line) => line.textContent ?? "");
  await page.evaluate(() => {
    const get = HTMLCanvasElement.prototype.getContext;
    /** @type {any} */ (HTMLCanvasElement.prototype).getContext = function (/** @type {any} */ kind) {
      return String(kind).startsWith("webgl") ? null : get.call(this, kind);
    };
  });
  const cases = {
    bare: "its runtime is missing",
    card: "the operator has not set --avatar-licence vrm",
    contract: "its runtime has no setMouth",
    ghost: "it failed: /avatar/ghost/away.svg",
    gl: "this browser gives no WebGL",
    hang: "not ready within 1 s",
    late: "not ready within 1 s",
    mount: "it failed: no such model",
    odd: "its avatar.json cannot be used",
    throws: "it failed: no engine",
  };
  for (const [name, why] of Object.entries(cases)) {
    await page.select("#avatar", name);
    await until(`word of ${name}`, async () => (await said()) === `Not shown: ${why}. The drawing stays.`).catch(async (error) => {
      throw new Error(`${error.message}; it says "${await said()}"`);
    });
    same([await drawnBy(page), await page.$("#face canvas")], ["figure", null], `${name}: who draws`);
  }
  await until("the one that was late, dismissed", async () => (await toyOf(page)).n_disposed === 2); // the other is "contract"
  same((await toyOf(page)).aborted, true, "told to give up");

  await choose(page, "draw", "dropin-avatar");
  await feel(page, "sad");
  await until("the drawing", async () => (await drawnBy(page)) === "figure");
  const notice = await page.$eval("#notice-text", (line) => line.textContent);
  same(notice, "The avatar “draw” cannot be shown (it failed: no tears). The usual one stays.", "notice");
  // The last wish counts, not the last that is ready.
  await page.select("#avatar", "late");
  await choose(page, "robot", "image-avatar");
  await until("the late one, dismissed", async () => (await toyOf(page)).n_disposed === 4);
  same(await drawnBy(page), "image-avatar", "who draws");
  await page.goto(`${url}/chat?avatar=card`);
  const noticed = () => page.$eval("#notice", (one) => /** @type {HTMLElement} */ (one).dataset["key"]);
  await until("word of it", async () => (await noticed()) === "avatarMissing");
  await page.evaluate(() => localStorage.clear());
}

/** As it is, without anybody tidying the path. @param {string} url @param {string} target @returns {Promise<string>} */
function ask(url, target) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    http.get({ hostname, port, path: target }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => {
        const code = response.statusCode === 403 ? ` ${JSON.parse(text).error.code}` : "";
        resolve(`${response.statusCode}${response.statusCode === 200 ? ` ${response.headers["content-type"]}` : code}`);
      });
    }).on("error", () => resolve("closed"));
  });
}

/** @param {Gateway} gateway */
async function servesSafely(gateway) {
  const wanted = {
    "/avatar/toy/avatar.json": "200 application/json",
    "/avatar/toy/runtime.js": "200 text/javascript",
    "/avatar/toy/model/skin.json": "200 application/json",
    "/avatar/card/avatar.json": "200 application/json",
    "/avatar/card/runtime.js": "403 avatar_licence",
    "/avatar/card/model/skin.json": "403 avatar_licence",
    "/avatar/toy/.secret.json": "404",
    "/avatar/toy/link.json": "404",
    "/avatar/alias/runtime.js": "404",
    "/avatar/toy/top/etc/x.json": "404",
    "/avatar/toy/../secret.json": "404",
    "/avatar/../secret.json": "404",
    "/avatar/%2e%2e/secret.json": "404",
    "/avatar/toy/..%2f..%2fsecret.json": "404",
    "/avatar/toy/%2fetc%2fhostname": "404",
    "/avatar//etc/passwd.json": "404",
    "/avatar/toy/model": "404",
    "/avatar/toy/": "404",
    "/avatar/toy/model/skin.json%00.js": "closed",
  };
  /** @type {Record<string, string>} */
  const got = {};
  for (const target of Object.keys(wanted)) got[target] = await ask(gateway.url, target);
  same(got, wanted, "answers");
  const bare = new URL(`${gateway.url}/chat`);
  const policy = (await fetch(bare)).headers.get("content-security-policy") ?? "";
  const strict = /script-src 'self' 'wasm-unsafe-eval'[ ;]/.test(policy) && policy.split("unsafe").length === 2;
  check(strict, `the policy is "${policy}"`);
}
