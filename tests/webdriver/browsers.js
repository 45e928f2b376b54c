// The browsers of this machine with a driver each, and those of a grid.

import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { freeTcpPort } from "../browser/gateway.js";
import { until } from "../browser/harness.js";
import { Driver } from "./driver.js";
import { HttpWire, MarionetteWire } from "./wire.js";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
const MINI_BROWSER = process.env["MINIBROWSER"] ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/**
 * @typedef {Object} Wish
 * @property {boolean} fake the browser's own test microphone (a tone) and camera, instead of what the machine has
 * @property {string} origin of the pages; off loopback it must be let use the microphone without TLS
 * @property {string} folder for files of the browser
 * @property {Record<string, string>} env of the sound server
 */
/** @typedef {{driver: Driver, stop: () => Promise<void>}} Running */

/** Chromium and what is made of it. @param {Wish} wish @returns {string[]} */
function chromiumFlags({ fake, origin }) {
  return [
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    `--unsafely-treat-insecure-origin-as-secure=${origin}`,
    ...(fake ? ["--use-fake-device-for-media-stream"] : []),
  ];
}

/** @param {Wish} wish @returns {Record<string, unknown>} */
function firefoxPrefs({ fake }) {
  return {
    "media.navigator.permission.disabled": true,
    "media.navigator.streams.fake": fake,
    "media.autoplay.default": 0,
    "media.devices.insecure.enabled": true,
    "media.getusermedia.insecure.enabled": true,
  };
}

/** Children die with their parent's wish, the youngest first. */
class Children {
  /** @type {import("node:child_process").ChildProcess[]} */
  #all = [];

  /** @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} env
   * @param {import("node:child_process").StdioOptions} [stdio] */
  add(program, args, env, stdio = "ignore") {
    const child = spawn(program, args, { env, stdio });
    this.#all.push(child);
    return child;
  }

  kill() {
    for (const child of this.#all.reverse()) child.kill();
  }
}

/** @param {string} program @param {NodeJS.ProcessEnv} env @param {Record<string, unknown>} capabilities
 * @param {Children} children @returns {Promise<Running>} */
async function byDriver(program, env, capabilities, children = new Children()) {
  const port = await freeTcpPort();
  children.add(program, [`--port=${port}`], env);
  const base = `http://127.0.0.1:${port}`;
  await until(`${program}`, () => fetch(`${base}/status`).then((answer) => answer.ok, () => false));
  const driver = new Driver(new HttpWire(base));
  const stop = async () => {
    await driver.end();
    children.kill();
  };
  await driver.begin(capabilities).catch(async (error) => {
    await stop();
    throw error;
  });
  return { driver, stop };
}

/** @param {Wish} wish @returns {Promise<Running>} */
export function chromium(wish) {
  const profile = fs.mkdtempSync(path.join(wish.folder, "chromium-"));
  const args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
  const options = { binary: CHROMIUM, args: [...args, ...chromiumFlags(wish)] };
  return byDriver("chromedriver", { ...process.env, ...wish.env },
    { browserName: "chrome", "goog:chromeOptions": options });
}

/** Debian has no driver of its own for Firefox: it is spoken to directly. @param {Wish} wish @returns {Promise<Running>} */
export async function firefox(wish) {
  const profile = fs.mkdtempSync(path.join(wish.folder, "firefox-"));
  const prefs = { ...firefoxPrefs(wish), "marionette.port": 0, "media.cubeb.sandbox": false, "app.update.enabled": false,
    "datareporting.policy.dataSubmissionEnabled": false, "browser.shell.checkDefaultBrowser": false };
  const lines = Object.entries(prefs).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  fs.writeFileSync(path.join(profile, "user.js"), lines.join("\n"));
  const children = new Children();
  children.add(FIREFOX, ["--marionette", "--headless", "--no-remote", "--profile", profile, "about:blank"],
    { ...process.env, ...wish.env, HOME: wish.folder, MOZ_DISABLE_CONTENT_SANDBOX: "1" });
  const told = path.join(profile, "MarionetteActivePort");
  const port = await until("Firefox", () => (fs.existsSync(told) ? Number(fs.readFileSync(told, "utf8")) : 0), 60_000);
  const driver = new Driver(await MarionetteWire.open(port));
  await driver.begin({});
  return {
    driver,
    stop: async () => {
      await driver.end();
      children.kill();
    },
  };
}

/** WebKitGTK needs a screen; this build of it has no RTCPeerConnection. @param {Wish} wish @returns {Promise<Running>} */
export async function webkit(wish) {
  const children = new Children();
  const screen = children.add("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x900x24", "-nolisten", "tcp"], process.env,
    ["ignore", "ignore", "ignore", "pipe"]);
  const display = await new Promise((resolve, reject) => {
    const output = /** @type {import("node:stream").Readable} */ (screen.stdio[3]);
    output.once("data", (text) => resolve(String(text).trim()));
    screen.once("exit", () => reject(new Error("Xvfb did not start")));
  });
  const env = {
    ...process.env,
    ...wish.env,
    DISPLAY: `:${display}`,
    GDK_BACKEND: "x11",
    HOME: wish.folder,
    XDG_RUNTIME_DIR: wish.folder,
    XDG_DATA_HOME: path.join(wish.folder, "data"),
    NO_AT_BRIDGE: "1",
    LIBGL_ALWAYS_SOFTWARE: "1",
    WEBKIT_DISABLE_DMABUF_RENDERER: "1",
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", // no user namespaces in a container; pages are our own
  };
  const options = { binary: MINI_BROWSER, args: ["--automation"] };
  return byDriver("WebKitWebDriver", env, { browserName: "MiniBrowser", "webkitgtk:browserOptions": options }, children);
}

/** A browser behind an address: Selenium's grid, or any driver. @param {string} url of it @param {string} name chrome,
 * MicrosoftEdge, firefox, safari @param {Wish} wish @returns {Promise<Running>} */
export async function remote(url, name, wish) {
  const flags = { args: [...chromiumFlags(wish), ...(process.env["BROWSER_ARGS"]?.split(" ") ?? [])] };
  /** @type {Record<string, object>} */
  const options = {
    chrome: { "goog:chromeOptions": flags },
    MicrosoftEdge: { "ms:edgeOptions": flags },
    firefox: { "moz:firefoxOptions": { prefs: firefoxPrefs(wish) } },
    safari: { "webkit:WebRTC": { DisableInsecureMediaCapture: true } },
  };
  const driver = new Driver(new HttpWire(url));
  await driver.begin({ browserName: name, ...options[name] });
  return { driver, stop: () => driver.end() };
}
