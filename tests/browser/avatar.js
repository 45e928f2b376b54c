// The avatar: what it decides without a browser, and what a person sees and does in a real one.

import fs from "node:fs";
import path from "node:path";
import { EMOTION_NAMES, REACTIONS } from "../../web/js/avatar/emotions.js";
import { albumOf, pictureFor } from "../../web/js/avatar/image.js";
import { Life } from "../../web/js/avatar/life.js";
import { Mouth } from "../../web/js/avatar/mouth.js";
import { Gestures } from "../../web/js/avatar/touch.js";
import { check, note, same, test, until } from "./harness.js";
import { speak } from "./speech.js";
import { call, nextAnswer, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("puppeteer-core").Browser} Browser */

/**
 * @typedef {{
 *   chromium:() => Browser, url:() => string, folder:string, screens:string,
 *   withPage:(use:(page:Page) => Promise<void>) => Promise<void>,
 *   inFirefox:(use:(page:Page) => Promise<void>) => Promise<void>,
 * }} Ground  what the suite lends: a page for one test, a folder to write into, a folder for pictures
 */

const NAMES = [
  "neutral", "happy", "laughing", "funny", "sad", "angry", "crying", "loving", "embarrassed", "surprised", "shocked",
  "thinking", "winking", "cool", "relaxed", "delicious", "kissy", "confident", "sleepy", "silly", "confused",
];
const CORRELATION_LEAST = 0.7;
const LAG_MOST_MS = 80;
/** Of the pixels of the avatar's box, so many must be other ones between any two emotions. */
export const DIFFERENCE_LEAST = 0.01;

/** @param {Ground} ground */
export function avatarTests(ground) {
  decisions(ground.folder);
  looks(ground);
  touches(ground);
  pictures(ground);
  speaks(ground);
  rests(ground);
}

// ---- without a browser ----

/** @param {string} folder */
function decisions(folder) {
  test("avatar: hits, double hits and strokes are told apart by 280 ms, 16 px and 24 px", () => {
    const play = (/** @type {[number, number, number, number, number][]} */ ...strokes) => {
      const gestures = new Gestures();
      /** @type {string[]} */
      const heard = [];
      for (const [x, y, toX, toY, up_ms] of strokes) {
        gestures.down(x, y, "Face");
        gestures.move((x + toX) / 2, (y + toY) / 2);
        for (const touch of gestures.up(toX, toY, up_ms)) heard.push(`${touch.event}${touch.dir ? ` ${touch.dir}` : ""}`);
      }
      same(gestures.due(strokes.at(-1)?.[4] ?? 0), [], "nothing is certain at once");
      for (const touch of gestures.due(1e6)) heard.push(touch.event);
      same(gestures.deadline_ms, Infinity, "nothing waits");
      return heard.join(", ");
    };
    same(play([0, 0, 0, 0, 100]), "singlehit", "one");
    same(play([0, 0, 0, 0, 100], [16, 0, 16, 0, 380]), "doublehit", "two within 280 ms and 16 px");
    same(play([0, 0, 0, 0, 100], [0, 0, 0, 0, 381]), "singlehit, singlehit", "two, later");
    same(play([0, 0, 0, 0, 100], [17, 0, 17, 0, 300]), "singlehit, singlehit", "two, farther");
    same(play([0, 0, 16, 0, 100]), "singlehit", "a finger that trembles");
    same(play([0, 0, 20, 0, 100]), "", "neither a hit nor a stroke");
    same(play([0, 0, 24, 3, 100], [0, 0, -30, 9, 900]), "swipe right, swipe left", "across");
    same(play([0, 0, 10, 40, 100], [0, 0, 30, -31, 900]), "swipe down, swipe up", "along the larger axis");
    same(play([0, 0, 0, 0, 100], [0, 0, 0, 50, 200]), "singlehit, swipe down", "a hit before a stroke");
  });

  test("avatar: the mouth follows the loudness of speech within 80 ms, and its shape the sound", () => {
    for (const phrase of ["tell me a joke about the seven seas", "who are you and what can you do"]) {
      const { samples, rate_hz } = spoken(folder, phrase);
      const [mouth, step] = [new Mouth(), Math.round(rate_hz / 60)];
      /** @type {{at:number, value:number}[]} */
      const opened = [];
      /** @type {{at:number, value:number}[]} */
      const loud = [];
      for (let end = 1024; end < samples.length; end += step) {
        const { open } = mouth.step(samples.subarray(end - 1024, end), rate_hz, step / rate_hz);
        opened.push({ at: (end / rate_hz) * 1000, value: open });
      }
      for (let end = 256; end < samples.length; end += 200) {
        loud.push({ at: ((end - 128) / rate_hz) * 1000, value: rmsOf(samples.subarray(end - 256, end)) });
      }
      judge(phrase, follow(opened, loud));
    }
    const shape = (/** @type {number} */ hz) => {
      const mouth = new Mouth();
      const tone = Float32Array.from({ length: 1024 }, (_, i) => 0.3 * Math.sin((2 * Math.PI * hz * i) / 48_000));
      for (let i = 0; i < 60; i++) mouth.step(tone, 48_000, 1 / 60);
      return mouth;
    };
    check(shape(350).wide < 0.1 && shape(2200).wide > 0.8, "dark is round, bright is wide");
    check(shape(400).teeth === 0 && shape(7000).teeth > 0.8, "a hiss shows the teeth");
  });

  test("avatar: every emotion is reached and rests; with reduced motion at once, and nothing idles", () => {
    same([...EMOTION_NAMES].sort(), [...NAMES].sort(), "the protocol's emotions");
    const quiet = { open: 0, wide: 0.5, teeth: 0 };
    for (const name of NAMES) {
      const [life, still] = [new Life(() => 0.5), new Life(() => 0.5)];
      for (const one of [life, still]) {
        one.setState("ready");
        one.setEmotion(name);
      }
      for (let i = 0; i < 120; i++) life.step(1 / 60, quiet, false);
      same(still.step(1 / 60, quiet, true), false, `${name} moves with reduced motion`);
      same([still.blink, still.breath], [0, 0], "blink and breath with reduced motion");
      for (const key of /** @type {(keyof typeof life.pose)[]} */ (Object.keys(life.pose))) {
        same(life.pose[key], still.pose[key], `${name}: ${key}, eased and at once`);
      }
    }
    const life = new Life(() => 0.5);
    life.setState("ready");
    const before = JSON.stringify(life.pose);
    for (const name of Object.keys(REACTIONS)) {
      const [area, event] = /** @type {[any, any]} */ (name.split(" "));
      life.react({ area, event });
      life.step(1 / 60, quiet, true);
      check(JSON.stringify(life.pose) !== before, `${name} is seen`);
    }
  });
}

/** @param {string} folder @param {string} phrase */
function spoken(folder, phrase) {
  const file = fs.readFileSync(speak(folder, phrase, 0.2).file);
  const raw = new Int16Array(file.buffer.slice(file.byteOffset + 44, file.byteOffset + file.length - (file.length % 2)));
  return { samples: Float32Array.from(raw, (value) => value / 32_768), rate_hz: file.readUInt32LE(24) };
}

/** @param {Float32Array} samples */
const rmsOf = (samples) => Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);

/** How well and how late one row of figures follows another: the delay at which they agree best.
 * @param {{at:number, value:number}[]} opened @param {{at:number, value:number}[]} loud rms, every few ms */
function follow(opened, loud) {
  const envelope = (/** @type {number} */ at) => {
    const near = loud.filter((entry) => Math.abs(entry.at - at) <= 20);
    return near.reduce((sum, entry) => sum + entry.value, 0) / (near.length || 1);
  };
  let best = { lag_ms: 0, correlation: -1 };
  let now = 0;
  for (let lag_ms = -60; lag_ms <= 200; lag_ms += 5) {
    const value = correlation(opened.map((entry) => [entry.value, envelope(entry.at - lag_ms)]));
    if (value > best.correlation) best = { lag_ms, correlation: value };
    if (lag_ms === 0) now = value;
  }
  return { ...best, now };
}

/** @param {[number, number][]} pairs */
function correlation(pairs) {
  const mean = (/** @type {0|1} */ which) => pairs.reduce((sum, pair) => sum + pair[which], 0) / pairs.length;
  const [a, b] = [mean(0), mean(1)];
  let [ab, aa, bb] = [0, 0, 0];
  for (const [x, y] of pairs) {
    ab += (x - a) * (y - b);
    aa += (x - a) ** 2;
    bb += (y - b) ** 2;
  }
  return ab / Math.sqrt(aa * bb || 1);
}

/** @param {string} what @param {{lag_ms:number, correlation:number, now:number}} found */
function judge(what, found) {
  note(`${what}: correlation ${found.correlation.toFixed(2)} at a lag of ${found.lag_ms} ms (${found.now.toFixed(2)} at none)`);
  check(found.correlation > CORRELATION_LEAST, `the mouth's correlation is ${found.correlation.toFixed(2)}`);
  check(found.lag_ms < LAG_MOST_MS, `the mouth lags by ${found.lag_ms} ms`);
}

// ---- what is seen ----

/** As if the assistant had said so: through the channel, into the page. @param {Page} page @param {string} emotion */
export const feel = (page, emotion) =>
  page.evaluate((name) => {
    const data = JSON.stringify({ type: "llm", emotion: name, text: "" });
    for (const channel of /** @type {any} */ (window).probe.channels) channel.dispatchEvent(new MessageEvent("message", { data }));
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(undefined))));
  }, emotion);

/** @param {Page} page @returns {Promise<string>} PNG */
export async function portrait(page) {
  const box = await page.$eval("#face", (face) => face.getBoundingClientRect().toJSON());
  const clip = { x: box.x, y: Math.max(0, box.y - 8), width: box.width, height: box.height + 8 };
  return page.screenshot({ encoding: "base64", clip });
}

/** In the page: the least difference of two of the pictures, as a part of all pixels, and which they are; and a sheet of
 * all of them. @param {[string, string][]} pictures name and PNG */
export async function comparePictures(pictures) {
  const columns = 7;
  /** @type {{name:string, pixels:Uint8ClampedArray, image:ImageBitmap}[]} */
  const all = [];
  for (const [name, png] of pictures) {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(image, 0, 0);
    all.push({ name, pixels: context.getImageData(0, 0, image.width, image.height).data, image });
  }
  let least = { part: 1, pair: "" };
  all.forEach((one, index) => {
    for (const other of all.slice(index + 1)) {
      let n_other = 0;
      for (let i = 0; i < one.pixels.length; i += 4) {
        const change = [0, 1, 2].map((c) => Math.abs((one.pixels[i + c] ?? 0) - (other.pixels[i + c] ?? 0)));
        if (Math.max(...change) > 40) n_other++;
      }
      const part = n_other / (one.pixels.length / 4);
      if (part < least.part) least = { part, pair: `${one.name} and ${other.name}` };
    }
  });
  const [width, height] = [all[0]?.image.width ?? 1, (all[0]?.image.height ?? 1) + 18];
  const sheet = document.createElement("canvas");
  sheet.width = width * columns;
  sheet.height = height * Math.ceil(all.length / columns);
  const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  all.forEach(({ name, image }, index) => {
    const [x, y] = [(index % columns) * width, Math.floor(index / columns) * height];
    context.drawImage(image, x, y);
    context.fillStyle = "#777";
    context.font = "13px sans-serif";
    context.textAlign = "center";
    context.fillText(name, x + width / 2, y + height - 5);
  });
  return { ...least, sheet: sheet.toDataURL("image/png").split(",")[1] ?? "" };
}

/** @param {Ground} ground */
function looks({ chromium, url, screens, withPage }) {
  const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
  for (const [device, size] of Object.entries(sizes)) {
    for (const theme of ["light", "dark"]) {
      test(`avatar: 21 emotions, each visibly another and named, on a ${theme} ${device}`, () =>
        withPage(async (page) => {
          await page.setViewport({ ...size, isMobile: device === "phone", hasTouch: device === "phone" });
          await page.emulateMediaFeatures([
            { name: "prefers-color-scheme", value: theme },
            { name: "prefers-reduced-motion", value: "reduce" },
          ]);
          await call(page, url());
          /** @type {[string, string][]} */
          const pictures = [];
          /** @type {Set<string>} */
          const labels = new Set();
          for (const name of NAMES) {
            await feel(page, name);
            labels.add(await page.$eval("#face", (face) => face.getAttribute("aria-label") ?? ""));
            pictures.push([name, await portrait(page)]);
          }
          same(labels.size, NAMES.length, "names that a screen reader says");
          const bench = await chromium().newPage();
          const { part, pair, sheet } = await bench.evaluate(comparePictures, pictures).finally(() => bench.close());
          fs.writeFileSync(`${screens}/avatar-${device}-${theme}.png`, Buffer.from(sheet, "base64"));
          note(`the two most alike: ${pair}, ${(part * 100).toFixed(1)} % of the pixels`);
          check(part > DIFFERENCE_LEAST, `${pair} look alike: ${(part * 100).toFixed(2)} % of the pixels`);
        }));
    }
  }
}

// ---- touch ----

/** What was sent of a kind. @param {Page} page @param {"sent"|"received"} way @param {string} kind */
export const messages = (page, way, kind) =>
  page.evaluate((where, what) => {
    const entries = /** @type {any[]} */ (/** @type {any} */ (window).probe[where]);
    return entries.map((entry) => entry.message).filter((message) => message.type === what);
  }, way, kind);

/** @param {Ground} ground */
function touches({ url, withPage, inFirefox }) {
  for (const [where, use] of /** @type {const} */ ([["chromium", withPage], ["firefox", inFirefox]])) {
    test(`${where}: avatar: a hit, a double hit and a stroke reach the assistant, which answers, and are seen`, () =>
      use((page) => touched(page, url())));
  }
}

/** @param {Page} page @param {string} url */
async function touched(page, url) {
  await page.evaluateOnNewDocument(() => { // Firefox takes no such wish from a test
    const ask = window.matchMedia.bind(window);
    window.matchMedia = (query) => ask(/reduced-motion: reduce/.test(query) ? "all" : query);
  });
  await call(page, url);
  const box = await page.$eval("#face", (face) => face.getBoundingClientRect().toJSON());
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    /** @type {const} */ ([box.x + x * box.width, box.y + y * box.height]);
  const mouthNow = () => page.$eval("#face .mouth", (mouth) => mouth.getAttribute("d"));
  const [head, face, body] = [at(0.5, 0.25), at(0.5, 0.55), at(0.5, 0.76)];
  const drag = async (/** @type {readonly [number, number]} */ [x, y]) => {
    await page.mouse.move(x - 30, y);
    await page.mouse.down();
    await page.mouse.move(x + 30, y + 4, { steps: 4 });
    await page.mouse.up();
  };
  const rest = await mouthNow();
  const cases = /** @type {const} */ ([
    [() => page.mouse.click(...head), { event: "singlehit", area: "Head" }, "(taps your head)"],
    [() => page.mouse.click(...face, { count: 2 }), { event: "doublehit", area: "Face" }, "(pats your face)"],
    [() => drag(body), { event: "swipe", area: "Body", dir: "right" }, "(strokes your body)"],
  ]);
  for (const [act, want, said] of cases) {
    const n_sent = (await messages(page, "sent", "touch")).length;
    const n_heard = (await messages(page, "received", "stt")).length;
    await act();
    await until("another face", async () => (await mouthNow()) !== rest);
    const sent = await until("the touch", async () => (await messages(page, "sent", "touch"))[n_sent]);
    same(sent, { type: "touch", ...want }, "sent");
    const heard = await until("the assistant's ear", async () => (await messages(page, "received", "stt"))[n_heard]);
    same(heard.text, said, "the assistant heard");
    await reach(page, ["speaking"]);
    await reach(page, ["ready"], 30_000);
    await feel(page, "neutral");
    await until("the old face", async () => (await mouthNow()) === rest);
  }
  const n_touches = (await messages(page, "sent", "touch")).length;
  await page.mouse.click(box.x + 4, box.y + 4);
  await page.focus("#face");
  await page.keyboard.press("ArrowLeft");
  const [stroke, ...others] = await until("the key's touch", async () => {
    const more = (await messages(page, "sent", "touch")).slice(n_touches);
    return more.length ? more : null;
  });
  same(stroke, { type: "touch", event: "swipe", area: "Head", dir: "left" }, "by key");
  same(others, [], "touches beside the figure");
}

// ---- an operator's pictures ----

/** @param {string} color */
const disc = (color) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4.5" cy="4.5" r="4" fill="${color}"/></svg>`;

/** @param {Ground} ground */
function pictures({ url, folder, withPage }) {
  test("avatar: of a list only plain file names count, and every emotion has a picture", () => {
    const list = { renderer: "image", pictures: { neutral: "n.png", sad: "s.svg", happy: "../x.png", cool: "//x/y.png" } };
    const album = albumOf("robot", list);
    same(album.pictures, { neutral: "/avatar/robot/n.png", sad: "/avatar/robot/s.svg" }, "pictures");
    same(NAMES.map((name) => pictureFor(album.pictures, name).slice(-5, -4)).join(""), "nnnnsssnnnnnnnnnnnnnn", "kin");
    for (const bad of [null, {}, { renderer: "image" }, { ...list, renderer: "vrm" }]) {
      let fault = "";
      try {
        albumOf("robot", bad);
      } catch (error) {
        fault = String(error);
      }
      check(fault, `${JSON.stringify(bad)} was taken`);
    }
  });

  test("avatar: a folder of pictures takes the drawing's place; where there is none, the page says so", () =>
    withPage(async (page) => {
      const robot = path.join(folder, "avatars", "robot");
      fs.mkdirSync(robot, { recursive: true });
      const list = { renderer: "image", pictures: { neutral: "calm.svg", happy: "glad.svg" } };
      fs.writeFileSync(path.join(robot, "avatar.json"), JSON.stringify(list));
      fs.writeFileSync(path.join(robot, "calm.svg"), disc("gray"));
      fs.writeFileSync(path.join(robot, "glad.svg"), disc("gold"));
      const shown = () => page.$eval("#face", (face) => face.querySelector("img.shown")?.getAttribute("src") ?? null);
      await call(page, url(), "manual", "?avatar=robot");
      await until("the calm picture", async () => (await shown()) === "/avatar/robot/calm.svg");
      same(await page.$("#face .figure"), null, "the drawing");
      await feel(page, "loving");
      await until("the glad picture", async () => (await shown()) === "/avatar/robot/glad.svg");
      const size = () => page.$eval("#face img.shown", (image) => /** @type {HTMLImageElement} */ (image).naturalWidth);
      check(await until("its pixels", size), "a picture without pixels");
      const box = await page.$eval("#face", (face) => face.getBoundingClientRect().toJSON());
      await page.mouse.click(box.x + box.width / 2, box.y + box.height * 0.9);
      const [sent] = await until("the touch", async () => {
        const all = await messages(page, "sent", "touch");
        return all.length ? all : null;
      });
      same(sent, { type: "touch", event: "singlehit", area: "Body" }, "sent");
      for (const name of ["nobody", "..%2F..%2Fetc"]) {
        await page.goto(`${url()}/chat?avatar=${name}`);
        await until("word of it", () =>
          page.$eval("#notice", (notice) => /** @type {HTMLElement} */ (notice).dataset["key"] === "avatarMissing"));
        check(await page.$("#face .figure"), "the drawing stays");
      }
    }));
}

// ---- sound ----

/** @param {Ground} ground */
function speaks({ url, withPage, inFirefox }) {
  const what = "avatar: in a call the mouth follows what is heard, by more than 0.7 and within 80 ms";
  test(what, () => withPage((page) => followsSpeech(page, url())));
  test(`${what}, in Firefox`, () => inFirefox((page) => followsSpeech(page, url())));
}

/** @param {Page} page @param {string} url */
async function followsSpeech(page, url) {
  await call(page, url);
  /** @type {Error|null} */
  let fault = null;
  // A browser that was not scheduled draws no mouth: on a busy machine it may need another answer.
  for (let round = 0; round < 4; round++) {
    await page.evaluate(() => {
      const lab = /** @type {any} */ (window);
      lab.opened = [];
      lab.watching = true;
      const mouth = /** @type {SVGGeometryElement} */ (document.querySelector("#face .mouth"));
      // How far the lips are apart in the middle, by what is filled between them.
      const gap = () => {
        let n_filled = 0;
        for (let y = -20; y < 50; y++) if (mouth.isPointInFill(new DOMPoint(0, y))) n_filled++;
        return n_filled;
      };
      const look = () => {
        if (document.documentElement.dataset["state"] === "speaking") {
          lab.opened.push({ at: performance.now(), value: gap() });
        }
        if (lab.watching) requestAnimationFrame(look);
      };
      look();
    });
    await type(page, "tell me a joke");
    await nextAnswer(page, round);
    await reach(page, ["ready"], 40_000);
    const { opened, levels } = await page.evaluate(() => {
      const lab = /** @type {any} */ (window);
      lab.watching = false;
      return { opened: lab.opened, levels: lab.probe.levels };
    });
    const loud = levels
      .filter((/** @type {any} */ level) => level.at > opened[0].at - 300 && level.at < opened.at(-1).at + 300)
      .map((/** @type {any} */ level) => ({ at: level.at - 3, value: 10 ** (level.db / 20) }));
    try {
      judge(`${opened.length} frames of an answer`, follow(opened, loud));
      return;
    } catch (error) {
      fault = /** @type {Error} */ (error);
    }
  }
  throw fault;
}

// ---- rest ----

/** Frames in which the drawing changed, within |ms|. @param {Page} page @param {number} ms */
const changes = (page, ms) =>
  page.evaluate((span_ms) => {
    let n_frames = 0;
    const watch = new MutationObserver(() => n_frames++);
    watch.observe(/** @type {Element} */ (document.querySelector("#face .figure")), { subtree: true, attributes: true });
    return new Promise((resolve) =>
      setTimeout(() => {
        watch.disconnect();
        resolve(n_frames);
      }, span_ms));
  }, ms);

/** @param {Ground} ground */
function rests({ chromium, url, withPage }) {
  test("avatar: no frame in a hidden tab, none in rest with reduced motion, few for a calm breath", () =>
    withPage(async (page) => {
      await call(page, url());
      const motion = (/** @type {string} */ value) => page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value }]);
      await motion("no-preference");
      await feel(page, "laughing");
      check(Number(await changes(page, 1000)) > 3, "a laugh moves");
      const other = await chromium().newPage();
      await other.bringToFront();
      await until("a hidden tab", () => page.evaluate(() => document.visibilityState === "hidden"));
      same(await changes(page, 2000), 0, "frames in a hidden tab");
      await other.close();
      await page.bringToFront();
      await until("a tab that is seen", () => page.evaluate(() => document.visibilityState === "visible"));
      check(Number(await changes(page, 1000)) > 3, "it laughs on");
      await feel(page, "neutral");
      await until("a calm breath", async () => Number(await changes(page, 1000)) < 30);
      // Not even where it is not seen: the browser would draw the page anew for it, sixty times a second.
      same(await page.evaluate(() => document.getAnimations().filter((one) =>
        one.effect?.getTiming().iterations === Infinity).length), 0, "what turns without end, while nothing happens");
      await motion("reduce");
      await until("rest", async () => (await changes(page, 500)) === 0);
      same(await changes(page, 2000), 0, "frames in rest with reduced motion");
      await feel(page, "surprised");
      await feel(page, "neutral");
    }));
}
