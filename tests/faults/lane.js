// Runs faults one after the other in one browser, within the page's namespace of one laboratory. Started by main.js:
// reads names of faults, prints a verdict for each, JSON, one a line.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { launchChromium, launchFirefox, openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { SoundCard } from "../browser/speech.js";
import { call, captions, dial, ears, nextAnswer, type } from "../browser/talk.js";
import { permitMicrophone } from "./hands.js";
import { GATEWAY, Lab } from "./lab.js";
import { FAULTS } from "./matrix.js";
import { Assistant, TurnServer } from "./parts.js";
import { Proxy } from "./proxy.js";
import { sleep } from "./time.js";
import { installWatch } from "./watch.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {import("./matrix.js").Fault} Fault */
/** @typedef {{session:string, links:number, lines:number}} Context  what must outlive a fault */
/** @typedef {{fault:string, group:string, browser:string, recovered:boolean, ms:number|null, rung:string, kept:boolean|null,
 *   target_ms:number|null, note:string, told:string, error:string, took_s:number}} Verdict  |told|: states and reasons
 *   that the manager told from the fault on */

const HTTP = `${GATEWAY}:51000`;

/** All that a fault may lay hands on. */
export class Stage {
  /** @type {Page} */
  page = /** @type {any} */ (null);
  url = "";
  /** What a person should know of how it was done. */
  note = "";
  /** How many requests the proxy had seen when the fault came. */
  mark = 0;
  /** When the fault came. */
  began_ms = 0;
  /** @type {Assistant|null} */
  assistant = null;
  /** @type {TurnServer|null} */
  #turn = null;
  /** @type {Gateway[]} */
  #gateways = [];

  /** @param {{lab:Lab, kind:"chromium"|"firefox", full:boolean, binary:string, folder:string, proxy:Proxy,
   *   card:SoundCard, browser:import("../browser/browsers.js").Browser}} parts */
  constructor(parts) {
    this.lab = parts.lab;
    this.kind = parts.kind;
    this.full = parts.full;
    this.binary = parts.binary;
    this.folder = parts.folder;
    this.proxy = parts.proxy;
    this.card = parts.card;
    this.browser = parts.browser;
  }

  get gateway() {
    const gateway = this.#gateways.at(-1);
    check(gateway, "there is no gateway");
    return gateway;
  }

  /** Another gateway; the page's HTTP goes to it. @param {string[]} args @param {string} [http] @param {string} [udp] */
  async addGateway(args, http = HTTP, udp = `${GATEWAY}:51001`) {
    const within = ["ip", "netns", "exec", this.lab.gw];
    const gateway = new Gateway(this.binary, { within, http, udp, args: ["--no-auth", "--log-level", "debug", ...args] });
    this.#gateways.push(gateway);
    await gateway.start();
    this.proxy.target = http;
  }

  /** @param {number} life_s of the credentials that are handed out */
  async offerRelays(life_s) {
    this.#turn ??= new TurnServer(this.lab, this.folder);
    this.proxy.turn = this.#turn.offer(life_s);
  }

  /** Everything as before the first fault. */
  async reset() {
    await Promise.all(this.#gateways.splice(0).map((gateway) => gateway.stop("SIGKILL")));
    this.assistant?.kill();
    this.assistant = null;
    this.lab.reset();
    this.proxy.heal();
    this.proxy.turn = null;
    this.proxy.sockets = false;
    this.proxy.met = 0;
    this.proxy.seen = [];
    this.note = "";
  }

  close() {
    this.#turn?.close();
    this.assistant?.kill();
  }
}

/** @param {Page} page @param {string} text */
async function converse(page, text) {
  const before = (await captions(page, "assistant")).length;
  await type(page, text);
  return nextAnswer(page, before);
}

/** @param {Stage} stage @returns {Promise<Context>} */
async function contextOf({ page, gateway }) {
  const session = await page.evaluate(() => {
    const ready = /** @type {any} */ (window).probe.received.filter((/** @type {any} */ one) => one.message.type === "ready");
    return String(ready.at(-1)?.message.sessionId ?? "");
  });
  const metrics = await (await fetch(`${gateway.url}/metrics`, { headers: { connection: "close" } })).text();
  const links = Number(/backend_connects_total\{result="ok"\} (\d+)/.exec(metrics)?.[1] ?? NaN);
  return { session, links, lines: (await captions(page, "person")).length };
}

/** What the page asked of the gateway to recover, as the proxy saw it: the last that was answered.
 * @param {import("./proxy.js").Seen[]} seen since the fault */
function rungOf(seen) {
  let rung = "none needed";
  for (const one of seen) {
    if ((one.status < 200 || one.status > 299) && one.status !== 101) continue;
    if (one.what === "POST /api/offer") rung = one.got?.resumed === true ? "resume" : "new session";
    else if (/^POST \/api\/sessions\/\w+\/offer$/.test(one.what)) rung = "ICE restart";
    else if (one.what.startsWith("GET /api/socket") && one.status === 101) rung = "WebSocket";
    else if (one.what.startsWith("PATCH ") && one.status === 200) rung = "ICE restart";
  }
  return rung;
}

/** A fault's own way to see that it is over has the same form.
 * From |from_ms| until the page says one can talk and a ping was answered. @param {Stage} stage @param {number} from_ms
 * @param {number} limit_s @returns {Promise<number>} ms */
async function recovery({ page }, from_ms, limit_s) {
  const end_ms = Date.now() + limit_s * 1000;
  for (;;) {
    const seen = await page.evaluate((from) => {
      const { watch } = /** @type {any} */ (window);
      if (!watch) return null;
      if (watch.state.from_ms !== from) watch.begin(from); // also in a page that was loaded anew
      return watch.state;
    }, from_ms).catch(() => null); // it is being loaded
    if (seen?.at_ms) return seen.at_ms - from_ms;
    if (Date.now() > end_ms) {
      const words = await page.evaluate(() => {
        const notice = document.getElementById("notice-text")?.textContent;
        return `"${document.documentElement.dataset["state"]}"${notice ? `, saying: ${notice}` : ""}`;
      }).catch(() => "away");
      const ping = seen?.proof_ms ? "a ping was answered" : "no ping was answered";
      throw new Error(`not recovered within ${limit_s} s; the page is ${words}; ${ping}`);
    }
    await sleep(25);
  }
}

/** @param {Stage} stage @param {Fault} fault @param {Verdict} verdict gets what is found on the way */
async function goThrough(stage, fault, verdict) {
  await stage.reset();
  await (fault.prepare ? fault.prepare(stage) : stage.addGateway([]));
  stage.page = await openPage(stage.browser, stage.url);
  await stage.page.evaluateOnNewDocument(installWatch);
  await fault.dress?.(stage);
  /** @type {Context|null} */
  let before = null;
  if (fault.when === "during") {
    await call(stage.page, stage.url, fault.mode ?? "manual");
    await converse(stage.page, "hello");
    if (fault.settle_s) await sleep(fault.settle_s * 1000);
    before = await contextOf(stage);
  }
  stage.mark = stage.proxy.seen.length;
  stage.began_ms = Date.now();
  await fault.inject(stage);
  let from_ms = Date.now();
  if (fault.when === "before") await dial(stage.page, stage.url, fault.mode);
  await fault.hold?.(stage);
  await fault.heal?.(stage);
  if (fault.heal) from_ms = Date.now();
  verdict.ms = await (fault.recovery ?? recovery)(stage, from_ms, fault.limit_s);
  await stage.page.evaluate(() => /** @type {any} */ (window).watch.end());
  if (fault.when === "before") await ears(stage.page);
  verdict.rung = rungOf(stage.proxy.seen.slice(stage.mark));
  await (fault.proof ? fault.proof(stage) : converse(stage.page, "tell me a joke"));
  if (before) {
    const after = await contextOf(stage);
    const links = before.links + (fault.links ?? 0);
    verdict.kept = after.session === before.session && after.links === links && after.lines > before.lines;
    if (fault.kept) check(verdict.kept, `the conversation was not kept: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
  }
}

/** A test that hangs is a failed one. @template T @param {Promise<T>} work @param {number} s @returns {Promise<T>} */
async function within(work, s) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${s} s`)), s * 1000);
  });
  try {
    return await /** @type {Promise<T>} */ (Promise.race([work, limit]));
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Stage} stage @param {Fault} fault @returns {Promise<Verdict>} */
async function tryFault(stage, fault) {
  const began_ms = Date.now();
  /** @type {Verdict} */
  const verdict = {
    fault: fault.name, group: fault.group, browser: stage.kind, recovered: false, ms: null, rung: "", kept: null,
    target_ms: fault.target_ms ?? null, note: "", told: "", error: "", took_s: 0,
  };
  try {
    await within(goThrough(stage, fault, verdict), stage.full ? 200 : 120);
    verdict.recovered = true;
  } catch (error) {
    verdict.error = error instanceof Error ? error.message : String(error);
  }
  await within(saveLogs(stage, fault, verdict.error), 5).catch(() => undefined);
  verdict.note = stage.note;
  verdict.told = await within(statesSince(stage), 5).catch(() => "");
  // What was not put back would be the next fault's failure.
  const back = await within(Promise.resolve(fault.after?.(stage)), 10).catch((error) => `not put back: ${error.message}`);
  if (back) console.error(`${stage.kind}: ${fault.name}: ${back}`);
  await within(Promise.resolve(stage.page?.close()), 10).catch(() => undefined);
  verdict.took_s = (Date.now() - began_ms) / 1000;
  return verdict;
}

/** @param {Stage} stage @returns {Promise<string>} ms since the fault, state, reason, rung, attempt */
async function statesSince({ page, began_ms }) {
  /** @type {{at_ms:number, name:string, detail:any}[]} */
  const told = await page.evaluate(() => /** @type {any} */ (window).watch.told);
  const states = told.filter((one) => one.name === "state" && one.at_ms >= began_ms);
  return states.map(({ at_ms, detail: { state, reason, rung, attempt } }) =>
    [at_ms - began_ms, state, reason, rung, attempt].join(" ")).join(", ");
}

/** @param {Stage} stage @param {Fault} fault @param {string} error */
async function saveLogs(stage, fault, error) {
  const folder = process.env["FAULT_LOGS"];
  if (!folder) return;
  const file = path.join(folder, `${stage.kind}-${fault.name.replace(/\W+/g, "-")}.log`);
  const requests = stage.proxy.seen.map((one) => `${new Date(one.at_ms).toISOString()} ${one.what} ${one.status}`);
  const parts = [error, "-- page", ...(stage.page?.faults ?? []), "-- requests", ...requests];
  const diagnostics = () => JSON.stringify(/** @type {any} */ (window).watch.manager?.diagnostics() ?? null);
  parts.push("-- manager", String(await within(stage.page.evaluate(diagnostics), 2).catch(String)));
  try {
    parts.push("-- gateway", stage.gateway.log);
  } catch {
    // None was running.
  }
  fs.writeFileSync(file, `${parts.join("\n")}\n`);
}

/** A browser as people have it: nothing is spared a page in the background, devices come from the sound server, and
 * permissions are asked for. Only the face keeps still, because software draws it here.
 * @param {"chromium"|"firefox"} kind @param {string} folder @param {SoundCard} card
 * @param {string[]} [flags] of Chromium, beyond the usual */
export function launch(kind, folder, card, flags = []) {
  if (kind === "chromium") {
    return launchChromium(folder, "", {
      pipe: true,
      env: { ...process.env, ...card.env },
      ignoreDefaultArgs: [
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
      ],
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-component-update",
        "--force-prefers-reduced-motion",
        "--autoplay-policy=no-user-gesture-required",
        ...flags,
      ],
    });
  }
  return launchFirefox(folder, card.env, {
    args: ["--remote-allow-system-access"],
    extraPrefsFirefox: {
      "media.navigator.permission.disabled": false,
      "permissions.default.microphone": 1,
      "ui.prefersReducedMotion": 1,
    },
  });
}

async function main() {
  const [name = "", kind = "", full = ""] = process.argv.slice(2);
  check(kind === "chromium" || kind === "firefox", "usage: lane.js LAB chromium|firefox full|short <names");
  const lab = new Lab(name);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-faults-"));
  const proxy = new Proxy(HTTP);
  const card = new SoundCard(folder);
  /** @type {Stage|null} */
  let stage = null;
  const cleanUp = async () => {
    await stage?.reset().catch(() => undefined);
    stage?.close();
    await stage?.browser.close().catch(() => undefined);
    card.close();
    proxy.close();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  process.on("SIGTERM", () => cleanUp().finally(() => process.exit(1)));
  try {
    await until("the sound server", () => card.choose(), 5000);
    const browser = await launch(kind, folder, card);
    stage = new Stage({ lab, kind, full: full === "full", binary: process.env["GATEWAY"] ?? "", folder, proxy, card, browser });
    stage.url = await proxy.listen();
    if (kind === "chromium") await permitMicrophone(stage, "granted");
    for await (const wish of createInterface({ input: process.stdin })) {
      const fault = FAULTS.find((one) => one.name === wish);
      check(fault, `no such fault: ${wish}`);
      console.log(JSON.stringify(await tryFault(stage, fault)));
    }
  } finally {
    await cleanUp();
  }
  process.exit(0);
}

if (process.argv[1]?.endsWith("lane.js")) {
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
