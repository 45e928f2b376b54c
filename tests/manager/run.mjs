// The manager's core as the page has it (manager.wasm through core.js) against the same core as native code.

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Core, loadCore } from "../../web/js/manager/core.js";
import { COUNTS, EVENT, FIGURES, PHASE, REPORT, SAMPLE, SENDER, STATE, nameOf } from "../../web/js/manager/names.js";
import { check, note, runAll, same, test } from "../browser/harness.js";

/** @typedef {import("../../web/js/manager/core.js").Command} Command */

const BUILD = process.env["BUILD"] ?? "build/dev";
const SEEDS = Number(process.env["SEEDS"] ?? 200);
const EVENTS = Number(process.env["EVENTS"] ?? 2000);
const bytes = readFileSync(`${BUILD}/manager/manager.wasm`);
const module = await loadCore(bytes);

// ---- doubles as the hex of their bits ----

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer); // little-endian: low, high
const hex8 = (/** @type {number} */ word) => word.toString(16).padStart(8, "0");

function hex(/** @type {number} */ value) {
  double[0] = value;
  return hex8(words[1] ?? 0) + hex8(words[0] ?? 0);
}

function fromHex(/** @type {string} */ text) {
  words[1] = parseInt(text.slice(0, 8), 16);
  words[0] = parseInt(text.slice(8), 16);
  return double[0] ?? NaN;
}

// ---- a trace's lines, played: tests/manager/trace.c says what they are ----

const time = (/** @type {number} */ ms) => (Number.isFinite(ms) ? hex(ms) : "never");

class Player {
  core = new Core(module, {}, 0, 0);

  /** @param {string} line @returns {string[]} what comes of it */
  play(line) {
    const [kind = "", ...rest] = line.split(" ");
    if (kind === "new") return this.#begin(rest);
    const now_ms = Number(rest[0]) / 1000;
    if (kind === "event") {
      const [, event = 0, link = 0, request = 0, value = 0, more = 0] = rest.map(Number);
      return this.#outcome(this.core.handle({ kind: event, link, request, value, more }, now_ms));
    }
    const names = kind === "sample" ? SAMPLE : REPORT;
    const values = Object.fromEntries(names.map((name, i) => [name, fromHex(rest[i + 2] ?? "")]).filter(([, v]) => v !== -1));
    const link = Number(rest[1]);
    const commands =
      kind === "sample" ? this.core.sample(link, values, now_ms) : this.core.report(link, values, now_ms);
    return [...this.#outcome(commands), ...this.knowledge()];
  }

  /** @param {string[]} words */
  #begin([seed = "", now_us = "", specification = "", ...chosen]) {
    /** @type {import("../../web/js/manager/core.js").Settings} */
    const settings = specification === "1" ? { preset: "specification" } : {};
    for (const word of chosen) {
      const [name = "", list = ""] = word.split("=");
      settings[name] = list.split(",").map(Number);
    }
    this.core = new Core(module, settings, Number(seed), Number(now_us) / 1000);
    return this.#outcome([]);
  }

  /** @param {Command[]} commands */
  #outcome(commands) {
    const { state, reason, turn, canTalk, deadline_ms } = this.core;
    const lines = commands.map((c) => ` command ${Object.values(c).join(" ")}`);
    return [...lines, ` after ${state} ${reason} ${turn} ${canTalk ? 1 : 0} ${time(deadline_ms)}`];
  }

  knowledge() {
    const [figures, sender, counts] = [this.core.figures(), this.core.sender(), this.core.counts()];
    return [
      ` figures ${FIGURES.map((name) => hex(figures[name] ?? -1)).join(" ")}`,
      ` sender ${SENDER.map((name) => sender[name]).join(" ")}`,
      ` counts ${COUNTS.map((name) => counts[name]).join(" ")}`,
      ` phases ${Object.values(PHASE).map((phase) => time(this.core.phase_ms(phase))).join(" ")}`,
    ];
  }
}

/** Plays each line that is not indented; the indented ones after it have to be what comes of it.
 * @param {AsyncIterable<string>} lines @param {(core:Core, line:string) => void} look after each line */
async function compare(lines, look) {
  const player = new Player();
  const digest = createHash("sha256");
  /** @type {string[]} */
  let expected = [];
  let [played, number, last] = ["", 0, 0];
  for await (const line of lines) {
    number++;
    digest.update(line + "\n");
    if (line.startsWith(" ")) {
      // The end of a trace tells once more what is known.
      if (!expected.length) expected = player.knowledge();
      const got = expected.shift();
      check(got === line, `line ${number}, after "${played.slice(0, 200)}":\n native ${line}\n wasm   ${got}`);
    } else {
      check(!expected.length, `line ${number}: after "${played}" the native core does not say "${expected[0]}"`);
      [played, last] = [line, number];
      expected = player.play(line);
      look(player.core, line);
    }
  }
  check(number > last && !expected.length, "the trace ends in the middle");
  return { number, digest: digest.digest("hex").slice(0, 16) };
}

test(`${SEEDS} random traces of ${EVENTS} events: native and WebAssembly say the same, byte by byte`, async () => {
  const native = spawn(`${BUILD}/tests/manager_trace`, ["1", `${SEEDS}`, `${EVENTS}`], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => native.on("close", resolve));
  /** @type {Map<number, number>} */
  const states = new Map();
  let n_events = 0;
  const { number, digest } = await compare(createInterface(native.stdout), (core, line) => {
    if (line.startsWith("event")) n_events++;
    states.set(core.state, (states.get(core.state) ?? 0) + 1);
  });
  same(await ended, 0, "the native program's status");
  note(`${number} lines, sha256 ${digest}; ${n_events} events`);
  note([...states].sort(([a], [b]) => a - b).map(([state, n]) => `${nameOf(STATE, state)} ${n}`).join(", "));
  // Traces that see little of the core would prove little.
  same([...states.keys()].sort((a, b) => a - b), Object.values(STATE), "states that were seen");
});

test("one other bit, a missing command or a spare one would be noticed", async () => {
  const { stdout } = await promisify(execFile)(`${BUILD}/tests/manager_trace`, ["1", "1", "60"]);
  const lines = stdout.trimEnd().split("\n");
  async function* each(/** @type {string[]} */ list) {
    yield* list;
  }
  const judge = (/** @type {string[]} */ list) => compare(each(list), () => undefined).then(() => "same", () => "other");
  /** With the last line of a kind made into other ones. @param {string} kind @param {(line:string) => string[]} change */
  const changed = (kind, change) => {
    const at = lines.map((line) => line.startsWith(` ${kind} `)).lastIndexOf(true);
    return [...lines.slice(0, at), ...change(lines[at] ?? ""), ...lines.slice(at + 1)];
  };
  same(await judge(lines), "same", "as it came");
  const bit = (/** @type {string} */ line) => [line.replace(/.$/, (digit) => (digit === "1" ? "0" : "1"))];
  same(await judge(changed("figures", bit)), "other", "a bit of a figure");
  same(await judge(changed("command", () => [])), "other", "without a command");
  same(await judge(changed("command", (line) => [line, line])), "other", "a command twice");
});

test("the unit tests of manager/ pass as WebAssembly", async () => {
  /** @type {any} */
  let wasm = null;
  let said = "";
  const text = (/** @type {number} */ at, /** @type {number} */ len) => Buffer.from(wasm.memory.buffer, at, len).toString();
  const print = (/** @type {number} */ at, /** @type {number} */ len) => (said += text(at, len));
  const tests = await WebAssembly.compile(readFileSync(`${BUILD}/manager/manager_tests.wasm`));
  wasm = (await WebAssembly.instantiate(tests, { check: { print } })).exports;
  wasm.__wasm_call_ctors();
  let n = 0;
  const failed = [];
  for (let name = wasm.next(); name; name = wasm.next(), n++) {
    if (!wasm.run()) failed.push(text(name, Buffer.from(wasm.memory.buffer, name).indexOf(0)));
  }
  note(`${n} tests`);
  check(!failed.length, `${failed.join(", ")}\n${said}`);
  check(n >= 10, `there are only ${n} tests`);
});

test("an hour of calls with 1000 reconnects stays under 5 MB, and close() leaves nothing", async () => {
  const soak = fileURLToPath(new URL("soak.mjs", import.meta.url));
  const args = ["--expose-gc", soak, `${BUILD}/manager/manager.wasm`, "1000"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { counts, hours, state, live, left, course, gone } = JSON.parse(stdout);
  const most = Math.max(...course) + 65536; // the core's page
  const kb = (/** @type {number} */ n) => `${Math.round(n / 1024)} KB`;
  const { n_recovered, n_restarts, n_resumes, n_new, n_failed } = counts;
  note(`${hours.toFixed(2)} h, ${n_recovered} recovered: ${n_restarts} restarts, ${n_resumes} resumed, ${n_new} new`);
  note(`heap by tenths ${course.map(kb).join(", ")}; with WebAssembly ${kb(most)} at most; after close() ${kb(gone)}`);
  note(`held while connected ${JSON.stringify(live)}`);
  same([state, n_recovered, n_failed], ["CONNECTED", 1000, 0], "state, recovered, failed");
  check(hours >= 1 && most < 5 * 2 ** 20, `${most} bytes`);
  check(live.listeners > 0 && live.peers === 1 && live.tracks > 0 && live.timers > 0, "what is held is not seen");
  same(left, { listeners: 0, peers: 0, tracks: 0, playing: 0, timers: 0, registry: {} }, "left after close()");
});

test("each Core has a memory of its own", async () => {
  const [one, other] = [new Core(module, {}, 1, 0), await Core.create(module, {}, 2, 0)];
  one.handle({ kind: EVENT.START, value: 0 }, 1);
  check(one.state !== STATE.IDLE && other.state === STATE.IDLE, "an event changed the other");
  same([one.counts()["n_events"], other.counts()["n_events"]], [1, 0], "events");
});

test("settings that do not exist or are no numbers are refused by name", () => {
  const refused = (/** @type {object} */ settings) => {
    try {
      new Core(module, /** @type {any} */ (settings), 1, 0);
    } catch (error) {
      return error instanceof RangeError ? error.message : String(error);
    }
    return "taken";
  };
  same(refused({ ping_ms: 500, backoff_ms: [0, 10], jitter: false, preset: "specification" }), "taken", "good ones");
  same(refused({ pling_ms: 500 }), "setting pling_ms: 500", "unknown");
  same(refused({ ping_ms: -1 }), "setting ping_ms: -1", "negative");
  same(refused({ ping_ms: "soon" }), "setting ping_ms: soon", "text");
  same(refused({ ping_ms: [1, 2] }), "setting ping_ms: 1,2", "a list where there is none");
  same(refused({ backoff_ms: Array(13).fill(1) }), `setting backoff_ms: ${Array(13).fill(1)}`, "a list too long");
});

test("the module is one page that does not grow, and wants nothing from outside", async () => {
  same(WebAssembly.Module.imports(module), [], "imports");
  const { memory } = /** @type {any} */ ((await WebAssembly.instantiate(module)).exports);
  same(memory.buffer.byteLength, 65536, "memory");
  let grew = true;
  try {
    memory.grow(1);
  } catch {
    grew = false;
  }
  check(!grew, "the memory grew");
});

test("the core is fetched as a stream, or whole where the server does not know its type", async () => {
  /** @type {Record<string, string>} */
  const types = { "/right.wasm": "application/wasm", "/plain.wasm": "application/octet-stream" };
  const server = createServer((request, response) => {
    const type = types[request.url ?? ""];
    response.writeHead(type ? 200 : 404, { "content-type": type ?? "text/plain" }).end(type ? bytes : "nothing");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const base = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
  try {
    for (const path of Object.keys(types)) {
      same(new Core(await loadCore(new URL(path, base)), {}, 1, 0).state, STATE.IDLE, path);
    }
    const missing = await loadCore(`${base}/missing.wasm`).then(() => "compiled", String);
    check(missing.endsWith("/missing.wasm: 404"), missing);
  } finally {
    server.close();
  }
});

process.exitCode = (await runAll(process.argv[2] ?? "")) ? 0 : 1;
