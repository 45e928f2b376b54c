// What a test does to a browser from outside of the page.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { check } from "../browser/harness.js";
import { sleep } from "./time.js";

/** @typedef {import("./lane.js").Stage} Stage */

/** Firefox's own context: what its settings and menus call. @param {Stage} stage @param {string} code
 * @returns {Promise<any>} */
export async function privileged({ browser }, code) {
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
  // The page under test meters sound without a pause: its process is the one that works.
  const root = Number(stage.browser.process()?.pid);
  const listed = spawnSync("pgrep", ["-f", "--", "--type=renderer"], { encoding: "utf8" }).stdout.split("\n");
  const pids = listed.filter(Boolean).map(Number).filter((pid) => isBelow(pid, root));
  const before = pids.map(spentBy);
  await sleep(600);
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

/** Who hears it is cut off first: this server would move a stream to another source, and where nothing is left but
 * monitors that would be no unplugging. Chromium learns of devices from udev, which knows nothing of such sources: it is
 * told by hand that the list has changed. @param {Stage} stage @param {string} name */
export async function unplug(stage, name) {
  const { card } = stage;
  const sources = card.control("list", "short", "sources").split("\n").map((line) => line.split("\t"));
  const source = sources.find((fields) => fields[1] === name)?.[0];
  for (const line of card.control("list", "short", "source-outputs").split("\n")) {
    const [output, of] = line.split("\t");
    if (of === source && source) await card.command(`kill-source-output ${output}`);
  }
  const next = sources.find((fields) => fields[1] !== name && !fields[1]?.endsWith(".monitor"))?.[1];
  if (next) card.control("set-default-source", next); // as a desktop does
  for (const line of card.control("list", "short", "modules").split("\n")) {
    if (line.includes(`source_name=${name} `)) card.control("unload-module", String(line.split("\t")[0]));
  }
}

/** @param {Stage} stage */
async function tellDevices({ kind, page }) {
  if (kind !== "chromium" || !page || page.isClosed()) return;
  await page.evaluate(() => void navigator.mediaDevices.dispatchEvent(new Event("devicechange")));
}

/** @param {Stage} stage @param {string} name */
export async function plug(stage, name) {
  const { card } = stage;
  const known = card.control("list", "short", "sources").includes(`\t${name}\t`);
  if (!known) {
    const label = `source_properties=device.description=${name}`;
    card.control("load-module", "module-remap-source", "master=mouth.monitor", `source_name=${name}`, label);
  }
  await tellDevices(stage);
}

/** As in the beginning: one microphone, and it hears. @param {Stage} stage */
export async function usualMicrophone(stage) {
  await unplug(stage, "headset");
  await plug(stage, "microphone");
  stage.card.control("set-default-source", "microphone");
  stage.card.control("set-source-mute", "microphone", "0");
}

/** The person's decision in the browser's own settings. @param {Stage} stage @param {"granted"|"denied"} state */
export async function permitMicrophone(stage, state) {
  if (stage.kind === "chromium") {
    await stage.browser.defaultBrowserContext().setPermission(stage.url, { permission: { name: "microphone" }, state });
    return;
  }
  const action = state === "granted" ? "ALLOW_ACTION" : "DENY_ACTION";
  await privileged(stage, `(() => {
    const principal = Services.scriptSecurityManager.createContentPrincipalFromOrigin("${stage.url}");
    Services.perms.addFromPrincipal(principal, "microphone", Services.perms.${action});
  })()`);
}
