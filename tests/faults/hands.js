// What a test does to a browser from outside of the page.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { inFirefoxItself, permissionCode } from "../browser/browsers.js";
import { check } from "../browser/harness.js";

/** @typedef {import("./lane.js").Stage} Stage */

/** @param {Stage} stage @param {string} code in Firefox's own context @returns {Promise<any>} */
export const privileged = ({ browser }, code) => inFirefoxItself(browser, code);

/** @param {Stage} stage @param {boolean} offline */
export async function tellOffline(stage, offline) {
  if (stage.kind === "firefox") {
    await privileged(stage, `Services.io.manageOfflineStatus = false; Services.io.offline = ${offline};`);
    stage.note = "Services.io.offline";
    return;
  }
  const session = await stage.page.createCDPSession();
  const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline, ...unlimited });
  stage.note = "CDP Network.emulateNetworkConditions";
}

/** The process that runs the page. @param {Stage} stage @returns {Promise<number>} */
export async function rendererOf(stage) {
  if (stage.kind === "firefox") {
    const code = `gBrowser.tabs.map((tab) => tab.linkedBrowser).find((one) => one.currentURI.spec.startsWith("${stage.url}"))
      .browsingContext.currentWindowGlobal.osPid`;
    return privileged(stage, code);
  }
  // Nothing tells which process it is: the page is made to work, and the one that does is it.
  const root = Number(stage.browser.process()?.pid);
  const listed = spawnSync("pgrep", ["-f", "--", "--type=renderer"], { encoding: "utf8" }).stdout.split("\n");
  const pids = listed.filter(Boolean).map(Number).filter((pid) => isBelow(pid, root));
  const before = pids.map(spentBy);
  await stage.page.evaluate(() => {
    const end_ms = performance.now() + 600;
    while (performance.now() < end_ms);
  });
  const spent = pids.map((pid, index) => spentBy(pid) - Number(before[index]));
  const pid = pids[spent.indexOf(Math.max(...spent))];
  check(pid, "no process runs the page");
  return pid;
}

/** @param {number} pid @returns {string[]} of /proc/PID/stat, from the state on */
function statOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  } catch {
    return []; // gone
  }
}

/** @param {number} pid @returns {number} processor time, in the kernel's ticks */
const spentBy = (pid) => Number(statOf(pid)[11] ?? 0);

/** @param {number} pid @param {number} root */
function isBelow(pid, root) {
  let at = pid;
  while (at > 1 && at !== root) at = Number(statOf(at)[1] ?? 0);
  return at === root;
}

// ---- microphones: sources of the sound server, all of them hearing what is played into "mouth" ----

/** @param {import("../browser/speech.js").SoundCard} card @param {string} kind @returns {string[][]} a line's fields */
const listed = (card, kind) => card.control("list", "short", kind).split("\n").map((line) => line.split("\t"));

/** How many streams record from it. @param {Stage} stage @param {string} name @returns {number} */
export function listeners({ card }, name) {
  const source = listed(card, "sources").find((fields) => fields[1] === name)?.[0];
  return listed(card, "source-outputs").filter(([, of]) => source && of === source).length;
}

/** Who hears it is cut off first: this server would move a stream to another source, and where nothing is left but
 * monitors that would be no unplugging. All in one breath, or a page that lost its microphone would open it again before
 * it is gone. @param {Stage} stage @param {string} name */
export async function unplug({ card }, name) {
  const sources = listed(card, "sources");
  const source = sources.find((fields) => fields[1] === name)?.[0];
  if (!source) return;
  const outputs = listed(card, "source-outputs").filter(([, of]) => of === source);
  const next = sources.find((fields) => fields[1] !== name && !fields[1]?.endsWith(".monitor"))?.[1];
  const modules = listed(card, "modules").filter((fields) => fields[2]?.includes(`source_name=${name} `));
  await card.command([
    ...outputs.map(([output]) => `kill-source-output ${output}`),
    ...(next ? [`set-default-source ${next}`] : []), // as a desktop does
    ...modules.map(([module]) => `unload-module ${module}`),
  ]);
  check(!listed(card, "sources").some((fields) => fields[1] === name), `${name} is still there`);
}

/** Chromium learns of devices from udev, which knows nothing of such sources: it is told by hand that the list has
 * changed. @param {Stage} stage */
async function tellDevices({ kind, page }) {
  if (kind !== "chromium" || !page || page.isClosed()) return;
  await page.evaluate(() => void navigator.mediaDevices.dispatchEvent(new Event("devicechange")));
}

/** @param {Stage} stage @param {string} name */
export async function plug(stage, name) {
  const { card } = stage;
  const known = card.control("list", "short", "sources").includes(`\t${name}\t`);
  if (!known) {
    const label = `source_properties=device.description=${name[0]?.toUpperCase()}${name.slice(1)}`; // as in SoundCard
    card.control("load-module", "module-remap-source", "master=mouth.monitor", `source_name=${name}`, label);
  }
  await tellDevices(stage);
}

/** As in the beginning: one microphone, and it hears. @param {Stage} stage */
export async function usualMicrophone(stage) {
  await plug(stage, "microphone");
  stage.card.control("set-default-source", "microphone");
  stage.card.control("set-source-mute", "microphone", "0");
  await unplug(stage, "headset");
}

/** The person's decision in the browser's own settings. @param {Stage} stage @param {"granted"|"denied"} state */
export async function permitMicrophone(stage, state) {
  if (stage.kind === "chromium") {
    await stage.browser.defaultBrowserContext().setPermission(stage.url, { permission: { name: "microphone" }, state });
    return;
  }
  await privileged(stage, permission(stage, state));
}

/** The same as code for Firefox. @param {Stage} stage @param {"granted"|"denied"} state */
export const permission = ({ url }, state) => permissionCode(url, "microphone", state);
