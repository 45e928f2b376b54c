// Real browsers. Nothing is downloaded: both come from the system.

import fs from "node:fs";
import path from "node:path";
import puppeteer from "puppeteer-core";
import { watchBrowser, watchPage } from "./coverage.js";
import { check } from "./harness.js";
import { installProbe } from "./probe.js";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";

/** @typedef {import("puppeteer-core").Browser} Browser */
/** @typedef {import("puppeteer-core").LaunchOptions} LaunchOptions */

/** @param {string} folder @param {string} microphone the file it speaks; read anew whenever a page opens the microphone
 * @param {LaunchOptions} [more] @returns {Promise<Browser>} */
export async function launchChromium(folder, microphone, more = {}) {
  const browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    headless: true,
    userDataDir: fs.mkdtempSync(path.join(folder, "chromium-")),
    ...more,
    args: more.args ?? [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-background-timer-throttling",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-audio-capture=${microphone}%noloop`,
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
  await watchBrowser(browser);
  return browser;
}

/** Chromium with the sound card for its microphone and loudspeaker. @param {string} folder
 * @param {Record<string, string>} env of the sound server @returns {Promise<Browser>} */
export async function launchHearingChromium(folder, env) {
  return launchChromium(folder, "", {
    env: { ...process.env, ...env },
    ignoreDefaultArgs: ["--mute-audio"],
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
      "--disable-background-timer-throttling", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"],
  });
}

/** @param {string} folder @param {Record<string, string>} env of the sound server @param {LaunchOptions} [more]
 * @returns {Promise<Browser>} */
export async function launchFirefox(folder, env, more = {}) {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    userDataDir: fs.mkdtempSync(path.join(folder, "firefox-")),
    env: { ...process.env, ...env, MOZ_DISABLE_CONTENT_SANDBOX: "1" },
    ...more,
    extraPrefsFirefox: {
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
      "media.cubeb.sandbox": false,
      "app.update.enabled": false,
      "datareporting.policy.dataSubmissionEnabled": false,
      ...more.extraPrefsFirefox,
    },
  });
}

/**
 * @typedef {import("puppeteer-core").Page & {faults:string[], foreign:string[], expected:RegExp[]}} WatchedPage
 *   faults: the console's errors and warnings; expected: those that the test makes, and why they are its own to make
 */

/** A page that notes every console error and every request that leaves the gateway.
 * @param {import("puppeteer-core").Browser} browser @param {string} origin @returns {Promise<WatchedPage>} */
export async function openPage(browser, origin) {
  const page = /** @type {WatchedPage} */ (await browser.newPage());
  await watchPage(page);
  page.faults = [];
  page.foreign = [];
  page.expected = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn") page.faults.push(message.text());
  });
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("error", (error) => {
    console.log(`       ${error.message}: the browser's own fault; who waits for this page would wait for minutes`);
    void page.close().catch(() => undefined);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && /^(https?|wss?):/.test(url)) page.foreign.push(url);
  });
  await page.evaluateOnNewDocument(installProbe);
  return page;
}

/** The console's errors and warnings that no test has asked for. @param {WatchedPage} page @returns {string[]} */
export const unexpected = (page) => page.faults.filter((line) => !page.expected.some((known) => known.test(line)));

// ---- what a person does in Firefox's own windows; the browser needs `--remote-allow-system-access` ----

/** Firefox's own context: what its settings and menus call. @param {Browser} browser @param {string} code
 * @returns {Promise<any>} */
export async function inFirefoxItself(browser, code) {
  const { connection } = /** @type {any} */ (browser);
  const { result: tree } = await connection.send("browsingContext.getTree", { "moz:scope": "chrome" });
  const { result } = await connection.send("script.evaluate", {
    expression: code,
    target: { context: tree.contexts[0].context },
    awaitPromise: true,
  });
  check(result.type === "success", `in Firefox: ${JSON.stringify(result.exceptionDetails?.text)}`);
  return result.result?.value;
}

/** The person's decision in the settings, as code. @param {string} url @param {"microphone"|"camera"} what
 * @param {"granted"|"denied"} state */
export const permissionCode = (url, what, state) => `(() => {
  const principal = Services.scriptSecurityManager.createContentPrincipalFromOrigin("${url}");
  Services.perms.addFromPrincipal(principal, "${what}", Services.perms.${state === "granted" ? "ALLOW" : "DENY"}_ACTION);
})();`;

/** What Firefox does itself when the permission is taken back in its panel. It then forgets the permission: what is to
 * become of it must be said in the same breath. */
export const STOP_SHARING = `(() => {
  const { webrtcUI } = ChromeUtils.importESModule("resource:///modules/webrtcUI.sys.mjs");
  webrtcUI.stopSharingStreams(webrtcUI.getActiveStreams(true, true, true, true), true, true, true, true);
})();`;
