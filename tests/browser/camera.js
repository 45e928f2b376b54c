// The camera that is off: what the assistant is told when it asks for a picture and gets none. And Firefox with cameras and
// with its own questions: permissions that are refused, given and taken back, the picture that is dragged about, the other
// camera.

import fs from "node:fs";
import path from "node:path";
import { inFirefoxItself, launchChromium, launchFirefox, openPage, permissionCode, STOP_SHARING, unexpected } from "./browsers.js";
import { check, same, test, until } from "./harness.js";
import { call, captions, dial, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** @param {Bench} bench */
export function testCameraOff(bench) {
  refuses(bench);
  refusesOtherwise(bench);
  sendsLittle(bench);
  inFirefoxToo(bench);
}

/** Cameras that are open. @param {Page} page @returns {Promise<number>} */
const cameras = (page) =>
  page.evaluate(() => /** @type {any} */ (window).probe.tracks.filter((/** @type {MediaStreamTrack} */ track) =>
    track.kind === "video" && track.readyState === "live").length);

/** Asks for a picture, and waits for what is said about it. @param {Page} page @param {RegExp} why
 * @param {() => Promise<unknown>} [act] what the person does when asked */
async function asksInVain(page, why, act) {
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
  const before = (await captions(page, "assistant")).length;
  await type(page, "take a photo");
  await act?.();
  const said = await until("a refusal in words", async () => {
    const all = (await captions(page, "assistant")).slice(before);
    return /no picture was taken/.test(all.join(" ")) ? all.join(" ") : "";
  }, 20_000);
  check(why.test(said), `the assistant says: ${said}`);
  const left = await page.evaluate(() => [document.querySelector("#camera[open]"), document.querySelector(".card canvas"),
    /** @type {any} */ (window).probe.binaryBytes]);
  same([...left, await cameras(page)], [null, null, 0, 0], "a sheet, a picture, bytes of one, open cameras");
}

/** @param {Bench} bench */
function sendsLittle({ inChromium, gateway }) {
  test("chromium: camera: pitfall 19: what it shows is sent in less than 1 MB, noise and large files too", () =>
    inChromium(async (page) => {
      await page.evaluateOnNewDocument(() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wish) => {
          if (!wish?.video) return ask(wish);
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 1024;
          const noise = new ImageData(1024, 1024);
          for (let at = 0; at < noise.data.length; at += 65536) crypto.getRandomValues(noise.data.subarray(at, at + 65536));
          for (let at = 3; at < noise.data.length; at += 4) noise.data[at] = 255;
          setInterval(() => canvas.getContext("2d")?.putImageData(noise, 0, 0), 100);
          return canvas.captureStream(10);
        };
        // Chromium makes 0.75 MB of that; other browsers may be less frugal.
        const make = HTMLCanvasElement.prototype.toBlob;
        /** @param {BlobCallback} done @param {string} [type] @param {number} [quality] */
        HTMLCanvasElement.prototype.toBlob = function (done, type = "image/png", quality = 1) {
          make.call(this, (blob) => done(blob && quality > 0.6 ? new Blob([blob, new Uint8Array(600_000)], { type }) : blob), type,
            quality);
        };
      });
      await call(page, gateway.url);
      await type(page, "take a photo");
      await page.waitForSelector(".card canvas");
      const sent = await until("the tool's result", () => page.evaluate(() => {
        const { sent, binaryBytes } = /** @type {any} */ (window).probe;
        const done = sent.some((/** @type {any} */ entry) => entry.message.type === "tool_result" && entry.message.ok);
        return done && binaryBytes;
      }));
      const full = await page.$eval(".card canvas", (picture) => new Promise((resolve) => {
        const canvas = /** @type {HTMLCanvasElement} */ (picture);
        canvas.toBlob((blob) => resolve(canvas.width === 1024 ? blob?.size : 0), "image/jpeg", 0.85);
      }));
      check(Number(full) > 1_000_000 && sent > 100_000 && sent < 1_000_000, `${sent} bytes were sent, not ${full}`);
    }));
}

/** @param {Page} page */
const saysNo = (page) =>
  asksInVain(page, /no picture was taken: the person said no/, async () => {
    await page.waitForSelector("#camera[open]");
    await until("a camera", () => cameras(page));
    await page.click("#camera button[value=cancel]");
    await until("the camera off at once", async () => (await cameras(page)) === 0, 500);
  });

/** @param {Bench} bench */
function refuses({ inChromium, gateway, folder, microphone }) {
  test("chromium: camera: off, and the person says no or nothing: the assistant says why, and no camera stays open", () =>
    inChromium(async (page) => {
      await page.evaluateOnNewDocument(() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wish) => {
          const { hold } = /** @type {any} */ (window);
          if (wish?.video) await hold;
          return ask(wish);
        };
      });
      await call(page, gateway.url);
      await saysNo(page);
      await page.evaluate(() => {
        const any = /** @type {any} */ (window);
        any.hold = new Promise((resolve) => (any.answer = resolve));
      });
      await asksInVain(page, /nobody answered whether the camera may be used/);
      // The answer comes after all: nothing is made of it.
      const opened = () => page.evaluate(() => /** @type {any} */ (window).probe.tracks.filter((/** @type {any} */ track) =>
        track.kind === "video").length);
      const n = await opened();
      await page.evaluate(() => /** @type {any} */ (window).answer());
      await until("the late camera", async () => (await opened()) > n);
      await until("that it is shut", async () => (await cameras(page)) === 0);
    }));

  test("chromium: camera: not allowed, and none there: the assistant says so, and the page what to do", async () => {
    for (const [flag, key, why] of /** @type {const} */ ([
      ["--use-fake-device-for-media-stream", "cameraDenied", /the camera is not allowed on this page/],
      ["--mute-audio", "cameraNone", /there is no camera/],
    ])) {
      const args = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", flag];
      const browser = await launchChromium(folder, microphone, { args });
      try {
        const page = await openPage(browser, gateway.url);
        await browser.defaultBrowserContext().setPermission(gateway.url,
          { permission: { name: "camera" }, state: key === "cameraDenied" ? "denied" : "granted" });
        await dial(page, gateway.url);
        await reach(page, ["ready"]);
        await asksInVain(page, why);
        await page.waitForSelector(`#notice[data-key=${key}]`);
        same(page.faults, [], "console");
      } finally {
        await browser.close();
      }
    }
  });
}

/** In the page: how the next question for a camera ends; what no test machine has in earnest.
 * @param {"busy"|"insecure"|"dark"} way */
function failNext(way) {
  const { mediaDevices } = navigator;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  const mend = () => {
    Reflect.deleteProperty(navigator, "mediaDevices");
    Reflect.deleteProperty(mediaDevices, "getUserMedia");
  };
  if (way === "insecure") Object.defineProperty(navigator, "mediaDevices", { configurable: true, value: undefined });
  mediaDevices.getUserMedia = async (wish) => {
    if (!wish?.video) return ask(wish);
    if (way === "busy") throw new DOMException("Could not start video source", "NotReadableError");
    return document.createElement("canvas").captureStream(0); // a camera that is open and gives no frame
  };
  Object.assign(window, { mend });
}

/** @param {Bench} bench */
function refusesOtherwise({ inChromium, gateway }) {
  test("chromium: camera: held by another program, on an insecure page, without a frame: the assistant is told which", () =>
    inChromium(async (page) => {
      await call(page, gateway.url);
      for (const [way, why] of /** @type {const} */ ([
        ["busy", /no picture was taken: another program holds the camera/],
        ["insecure", /no picture was taken: only a secure page has a camera/],
        ["dark", /no picture was taken: the camera shows nothing/],
      ])) {
        await page.evaluate(failNext, way);
        await asksInVain(page, why);
        if (way === "busy") await page.waitForSelector("#notice[data-key=cameraBusy]");
        await page.evaluate(() => /** @type {any} */ (window).mend());
      }
    }));
}

/** @param {Bench} bench */
function inFirefoxToo({ gateway, binary, folder, card }) {
  test("firefox: camera: denies, allows, takes back; the person says no; the picture dragged, pushed away, switched", async () => {
    const cameras = path.join(path.dirname(binary), "../tests/cameras.so");
    const log = path.join(folder, "cameras.log");
    check(fs.existsSync(cameras), `${cameras} is not built`);
    const browser = await launchFirefox(folder, { ...card().env, LD_PRELOAD: cameras, CAMERAS_LOG: log }, {
      args: ["--remote-allow-system-access"],
      extraPrefsFirefox: {
        "media.navigator.permission.disabled": false,
        "media.webrtc.camera.allow-pipewire": false,
      },
    });
    const permit = (/** @type {"microphone"|"camera"} */ what, /** @type {"granted"|"denied"} */ state) =>
      inFirefoxItself(browser, permissionCode(gateway.url, what, state));
    try {
      const page = await openPage(browser, gateway.url);
      await page.setViewport({ width: 1280, height: 800 });
      await permit("microphone", "denied");
      await dial(page, gateway.url);
      await gives(page, permit, (code) => inFirefoxItself(browser, code), permissionCode(gateway.url, "microphone", "denied"));
      await permit("camera", "denied"); // not before: what was taken back there is forgotten of the camera, too
      await asksInVain(page, /the camera is not allowed on this page/);
      await page.waitForSelector("#notice[data-key=cameraDenied]");
      await permit("camera", "granted");
      await saysNo(page);
      await drags(page);
      const told = () => fs.readFileSync(log, "utf8").trim().replaceAll("\n", ", ");
      // For the person who said no; the first, the second, and that one again.
      const wanted = "on 1, off 1, on 1, off 1, on 2, off 2, on 2, off 2";
      await until("the cameras off", () => told().length >= wanted.length);
      same(told(), wanted, "what the cameras were told");
      same(unexpected(page), [], "console");
    } finally {
      await browser.close();
    }
  });
}

/** The microphone: not allowed, allowed, taken back in the browser's own panel. @param {Page} page
 * @param {(what:"microphone", state:"granted"|"denied") => Promise<unknown>} permit @param {(code:string) => Promise<unknown>} act
 * @param {string} denial */
async function gives(page, permit, act, denial) {
  const told = () => page.$eval("#notice", (box) => /** @type {any} */ (box).dataset.key ?? "");
  const key = () => page.$eval("#talk", (button) => button.getAttribute("aria-disabled"));
  await until("word that it is not allowed", async () => (await told()) === "micDenied");
  await reach(page, ["ready"]);
  same(await key(), "true", "the talk key");
  await type(page, "who are you");
  await until("an answer all the same", async () => (await captions(page, "assistant")).length);
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
  await permit("microphone", "granted");
  await until("the microphone", async () => (await key()) === "false", 30_000);
  same(await told(), "", "nothing to say");
  await act(`${STOP_SHARING}\n${denial}`);
  await until("word that it is gone", async () => /^mic(Denied|Lost)$/.test(await told()), 30_000);
  same(await key(), "true", "the talk key, afterwards");
}

/** @param {Page} page */
async function drags(page) {
  const box = async () => {
    const { x = 0, y = 0 } = (await (await page.$("#preview"))?.boundingBox()) ?? {};
    return [Math.round(x), Math.round(y)];
  };
  const settled = (/** @type {number[]} */ place) =>
    until(`the picture at ${place}`, async () => JSON.stringify(await box()) === JSON.stringify(place), 10_000);
  const drag = async (/** @type {number} */ dx, /** @type {number} */ dy) => {
    const [x = 0, y = 0] = await box();
    await page.mouse.move(x + 60, y + 40);
    await page.mouse.down();
    await page.mouse.move(x + 60 + dx, y + 40 + dy, { steps: 6 });
    await page.mouse.up();
  };
  await page.click("#camera-toggle");
  await settled([16, 72]);
  await until("a picture", () => page.$eval("#preview video", (/** @type {any} */ video) => video.videoWidth > 0));
  await drag(700, 277);
  await settled([1024, 349]);
  await drag(56, 10);
  await settled([1260, 359]);
  await page.click("#preview-handle");
  await settled([1024, 359]);
  await page.keyboard.press("ArrowLeft");
  await settled([16, 359]);
  await page.keyboard.press("ArrowRight");
  await settled([1024, 359]);
  await page.keyboard.press("Escape");
  await reach(page, ["ready"], 30_000);
  await switches(page);
  const moment = page.waitForSelector("#preview.taken");
  await type(page, "take a photo");
  await moment;
  await page.waitForSelector(".card canvas");
  same(await cameras(page), 1, "the photo is of the picture that is on, which stays on");
  check((await grey(page, ".card canvas")) > BRIGHT, "the photo is of the second camera");
  await page.click("#camera-toggle");
  await until("the camera off", async () => (await cameras(page)) === 0);
}

/** Between the greys of the first two cameras (cameras.c). */
const BRIGHT = 128;

/** Of a picture's middle, 0 to 255. @param {Page} page @param {string} selector @returns {Promise<number>} */
const grey = (page, selector) =>
  page.$eval(selector, (/** @type {any} */ picture) => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d");
    pen?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return pen?.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0] ?? 0;
  });

/** From the first camera to the second; the third one is another program's: so the second again. @param {Page} page */
async function switches(page) {
  check((await grey(page, "#preview video")) < BRIGHT, "the first camera is the darker one");
  await page.click("#camera-switch");
  await until("the other camera", async () => (await cameras(page)) === 1 && (await grey(page, "#preview video")) > BRIGHT);
  await page.click("#camera-switch");
  await page.waitForSelector("#notice[data-key=cameraBusy]");
  await until("the second camera again", async () =>
    (await cameras(page)) === 1 && (await grey(page, "#preview video")) > BRIGHT);
}
