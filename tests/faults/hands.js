// What a test does to a browser from outside of the page.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { check } from "../browser/harness.js";

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
  const root = stage.browser.process()?.pid;
  const mark = stage.kind === "chromium" ? "--type=renderer" : "-contentproc";
  const children = spawnSync("pgrep", ["-f", "--", mark], { encoding: "utf8" }).stdout.split("\n").filter(Boolean).map(Number);
  /** @type {{pid:number, ticks:number}[]} */
  const found = [];
  for (const pid of children) {
    if (!isBelow(pid, Number(root))) continue;
    const line = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (stage.kind === "firefox" && !line.includes("tab")) continue;
    const times = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    found.push({ pid, ticks: Number(times[11]) });
  }
  // The page under test meters sound without a pause: it is the one that works.
  const before = new Map(found.map(({ pid, ticks }) => [pid, ticks]));
  await new Promise((resolve) => setTimeout(resolve, 600));
  let best = 0;
  let most = -1;
  for (const { pid } of found) {
    const times = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const spent = Number(times[11]) - (before.get(pid) ?? 0);
    if (spent > most) [best, most] = [pid, spent];
  }
  check(best, "no process runs the page");
  return best;
}

/** @param {number} pid @param {number} root */
function isBelow(pid, root) {
  for (let at = pid; at > 1; ) {
    if (at === root) return true;
    const line = fs.readFileSync(`/proc/${at}/stat`, "utf8");
    at = Number(line.split(") ")[1]?.split(" ")[1]);
  }
  return false;
}
