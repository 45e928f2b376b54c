// The manager's decisions through the same core.js and manager.wasm that the page loads, without a browser: an hour of bad
// network takes a millisecond here. The tables and laws of the core itself are tested in C (manager/*_test.c).

import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Core, loadCore } from "../../web/js/manager/core.js";
import { retryAfter_ms } from "../../web/js/manager/http.js";
import { COMMAND, EVENT, MIC, MODE, nameOf, NOTICE, REASON, RUNG, STATE, TURN } from "../../web/js/manager/names.js";
import { webAddress } from "../../web/js/tools.js";
import { check, same, test } from "./harness.js";

/** @typedef {import("../../web/js/manager/core.js").Command} Command */
/** @typedef {import("../../web/js/manager/core.js").CoreEvent} CoreEvent */

const wasm = path.join(path.dirname(process.env["GATEWAY"] ?? ""), "../manager/manager.wasm");
const module = existsSync(wasm) ? await loadCore(readFileSync(wasm)) : null;

class World {
  now_ms = 1000;
  link = 0;
  request = 0;
  core;

  /** @param {import("../../web/js/manager/core.js").Settings} [settings] */
  constructor(settings = {}) {
    check(module, `the gateway's build has no ${wasm}`);
    this.core = new Core(module, { jitter: false, ...settings }, 7, this.now_ms);
  }

  /** @param {CoreEvent} event @returns {Command[]} */
  on(event) {
    const commands = this.core.handle({ link: this.link, ...event }, this.now_ms);
    for (const { kind, link, request } of commands) {
      if (kind === COMMAND.OPEN) this.link = link;
      if (kind === COMMAND.OFFER || kind === COMMAND.RESTART || kind === COMMAND.FETCH_SERVERS) this.request = request;
    }
    return commands;
  }

  /** Up to the next thing that the core waits for. */
  wait() {
    this.now_ms = Math.max(this.now_ms, this.core.deadline_ms);
    return this.on({ kind: EVENT.TICK });
  }

  /** @param {(commands:Command[]) => boolean} done @returns {Command[]} of the moment in which it was */
  waitFor(done) {
    for (let i = 0; i < 10_000; i++) {
      check(this.core.deadline_ms < Infinity, `nothing is pending in ${this.state}`);
      const commands = this.wait();
      if (done(commands)) return commands;
    }
    throw new Error("it never came");
  }

  /** Lets the hands do what connects. @returns {Command[]} */
  connect() {
    if (!this.link) this.on({ kind: EVENT.SERVERS, request: this.request, value: 0, more: 0 });
    this.on({ kind: EVENT.DESCRIBED });
    this.on({ kind: EVENT.ANSWERED, request: this.request, value: 0 });
    this.on({ kind: EVENT.ICE, value: 2 });
    this.on({ kind: EVENT.PEER, value: 2 });
    return [...this.on({ kind: EVENT.CHANNEL, value: 1 }), ...this.on({ kind: EVENT.READY })];
  }

  /** @param {number} mode of MODE @returns {Command[]} */
  talk(mode) {
    this.on({ kind: EVENT.START, value: mode });
    this.on({ kind: EVENT.MICROPHONE, value: MIC.ASKING });
    this.on({ kind: EVENT.MICROPHONE, value: MIC.READY });
    return this.connect();
  }

  get state() {
    return nameOf(STATE, this.core.state);
  }

  get turn() {
    return nameOf(TURN, this.core.turn);
  }
}

/** @param {Command[]} commands @param {...string} kinds only these @returns {string[]} "KIND value" */
const brief = (commands, ...kinds) =>
  commands
    .map(({ kind, value }) => ({ name: nameOf(COMMAND, kind), value }))
    .filter(({ name }) => kinds.includes(name))
    .map(({ name, value }) => `${name} ${value}`);
const SAID = ["SAY_LISTEN", "SAY_STOP", "SAY_ABORT", "SAY_TEXT"];

test("core: a call becomes ready, and hands-free asks to listen once", () => {
  const world = new World();
  const commands = world.talk(MODE.AUTO);
  same(brief(commands, ...SAID, "MIC_LIVE"), [`SAY_LISTEN ${MODE.AUTO}`, "MIC_LIVE 1"], "asked");
  same([world.state, world.turn, world.core.canTalk], ["CONNECTED", "LISTENING", true], "listens");
  world.on({ kind: EVENT.STT, value: 1 });
  same(world.turn, "THINKING", "after stt");
  world.on({ kind: EVENT.TTS, value: 0 });
  same(world.turn, "THINKING", "after tts start");
  world.on({ kind: EVENT.TTS, value: 1 });
  same(world.turn, "SPEAKING", "with the first sound");
  same(brief(world.on({ kind: EVENT.TTS, value: 2 }), ...SAID), [], "the gateway goes on by itself");
  same(world.turn, "LISTENING", "after the answer");
});

test("core: prepared without a microphone; the press then asks for it and sends no offer", () => {
  const world = new World();
  world.on({ kind: EVENT.PREPARE, value: MODE.MANUAL });
  same(world.state, "PREPARING", "preparing");
  const prepared = world.connect();
  same([world.state, brief(prepared, "ASK_MICROPHONE", ...SAID)], ["PREPARED", []], "prepared");
  const pressed = world.on({ kind: EVENT.START, value: MODE.MANUAL });
  same(brief(pressed, "ASK_MICROPHONE", "OPEN", "OFFER"), ["ASK_MICROPHONE 0"], "pressed");
  same([world.state, world.core.canTalk], ["CONNECTED", true], "at once");
  same(brief(world.on({ kind: EVENT.MICROPHONE, value: MIC.READY }), "ATTACH"), ["ATTACH 1"], "attached");
});

test("core: hold to talk, interrupting an answer", () => {
  const world = new World();
  world.talk(MODE.MANUAL);
  world.on({ kind: EVENT.TTS, value: 0 });
  const pressed = world.on({ kind: EVENT.PRESS });
  const want = ["SAY_ABORT 0", "HUSH 1", `SAY_LISTEN ${MODE.MANUAL}`, "MIC_LIVE 1"];
  same(brief(pressed, ...SAID, "HUSH", "MIC_LIVE"), want, "pressed");
  world.on({ kind: EVENT.TTS, value: 2 });
  same(world.turn, "LISTENING", "the end of the old answer changes nothing");
  world.now_ms += 1000;
  same(brief(world.on({ kind: EVENT.RELEASE }), ...SAID, "MIC_LIVE"), ["SAY_STOP 0", "MIC_LIVE 0"], "released");
  same(brief(world.on({ kind: EVENT.RELEASE }), ...SAID), [], "a second release");
  same(brief(world.on({ kind: EVENT.TTS, value: 0 }), "HUSH"), ["HUSH 0"], "new speech is heard");
});

test("core: without a microphone nobody is told that it listens; typing works", () => {
  const world = new World();
  world.talk(MODE.AUTO);
  const lost = world.on({ kind: EVENT.MICROPHONE, value: MIC.DENIED });
  same(brief(lost, ...SAID, "MIC_LIVE", "TELL_NOTICE"), ["SAY_STOP 0", "MIC_LIVE 0", `TELL_NOTICE ${NOTICE.MICROPHONE}`], "lost");
  same([world.state, world.turn], ["CONNECTED", "NONE"], "state");
  same(brief(world.on({ kind: EVENT.PRESS }), ...SAID), [], "a press");
  same(brief(world.on({ kind: EVENT.TEXT, value: 1 }), ...SAID), ["SAY_TEXT 1"], "typed");
  world.on({ kind: EVENT.TTS, value: 0 });
  same(brief(world.on({ kind: EVENT.PRESS }), ...SAID), ["SAY_ABORT 0"], "a press may still interrupt");
});

test("core: a slip of the finger and Esc send nothing to be understood; silence after a press is said", () => {
  const world = new World();
  world.talk(MODE.MANUAL);
  world.on({ kind: EVENT.PRESS });
  world.now_ms += 200;
  const slip = world.on({ kind: EVENT.RELEASE });
  same(brief(slip, ...SAID, "TELL_NOTICE"), ["SAY_ABORT 0", "SAY_STOP 0", `TELL_NOTICE ${NOTICE.HOLD_LONGER}`], "slip");
  world.on({ kind: EVENT.PRESS });
  same(brief(world.on({ kind: EVENT.CANCEL }), ...SAID), ["SAY_ABORT 0", "SAY_STOP 0"], "Esc");
  same(world.turn, "NONE", "after Esc");
});

test("core: a link that fails is restarted, then made anew with the token; the specification's preset gives up after 3", () => {
  const world = new World();
  world.talk(MODE.MANUAL);
  world.on({ kind: EVENT.PEER, value: 4 });
  same(world.state, "RESTARTING", "an ICE restart first");
  world.waitFor((commands) => brief(commands, "RESTART").length > 0);
  const gone = world.on({ kind: EVENT.REFUSED, request: world.request, value: 404, more: 0 });
  const next = brief(gone, "OPEN").length ? gone : world.waitFor((commands) => brief(commands, "OPEN").length > 0);
  same(brief(next, "OPEN").length, 1, "the session is gone: a new connection");
  const strict = new World({ preset: "specification" });
  strict.on({ kind: EVENT.START, value: MODE.MANUAL });
  strict.on({ kind: EVENT.REFUSED, request: strict.request, value: 0, more: 0 });
  /** @type {number[]} */
  const waits = [];
  while (strict.state !== "FAILED") {
    strict.on({ kind: EVENT.DESCRIBED });
    const refused = strict.on({ kind: EVENT.REFUSED, request: strict.request, value: 0, more: 0 });
    waits.push(...refused.filter(({ kind, delay_ms }) => kind === COMMAND.TELL_STATE && delay_ms).map(({ delay_ms }) => delay_ms));
    if (strict.state === "FAILED") break;
    strict.waitFor((commands) => brief(commands, "OPEN").length > 0);
  }
  same(nameOf(REASON, strict.core.reason), "GAVE_UP", "reason");
  check(waits.length >= 2 && waits.every((wait, i) => !i || wait > (waits[i - 1] ?? 0)), `waits ${waits}`);
});

test("core: a full gateway is asked again after the time it names; a refusal for good is not repeated", () => {
  const world = new World();
  world.on({ kind: EVENT.START, value: MODE.MANUAL });
  world.on({ kind: EVENT.SERVERS, request: world.request });
  world.on({ kind: EVENT.DESCRIBED });
  const full = world.on({ kind: EVENT.REFUSED, request: world.request, value: 503, more: 7000 });
  const told = full.find(({ kind }) => kind === COMMAND.TELL_STATE);
  same([told && nameOf(REASON, told.reason), told?.delay_ms], ["SERVER_FULL", 7000], "told");
  for (const [status, reason] of /** @type {const} */ ([[401, "NOT_ALLOWED"], [403, "NOT_ALLOWED"], [422, "REFUSED"]])) {
    const other = new World();
    other.on({ kind: EVENT.START, value: MODE.MANUAL });
    other.on({ kind: EVENT.SERVERS, request: other.request });
    other.on({ kind: EVENT.DESCRIBED });
    other.on({ kind: EVENT.REFUSED, request: other.request, value: status });
    same([other.state, nameOf(REASON, other.core.reason), other.core.deadline_ms], ["FAILED", reason, Infinity], String(status));
  }
});

test("core: a page that is put away closes, and is connected again by itself with its token when it comes back", () => {
  const world = new World();
  world.talk(MODE.MANUAL);
  const away = world.on({ kind: EVENT.PAGE_HIDE, value: 1 });
  same([brief(away, "CLOSE"), world.state], [["CLOSE 0"], "SUSPENDED"], "put away");
  world.now_ms += 5000;
  const back = world.on({ kind: EVENT.PAGE_SHOW });
  same(brief(back, "ASK_MICROPHONE"), ["ASK_MICROPHONE 1"], "the microphone, without asking the person");
  if (!brief(back, "OPEN").length) world.waitFor((commands) => brief(commands, "OPEN").length > 0);
  const offers = world.on({ kind: EVENT.DESCRIBED }).filter(({ kind }) => kind === COMMAND.OFFER);
  same(offers.map(({ rung }) => nameOf(RUNG, rung)), ["RESUME"], "with the token");
});

test("tools: only web addresses are offered", () => {
  same(webAddress("https://example.org/a?b").href, "https://example.org/a?b", "https");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//example.org", "", "blob:x"]) {
    let refused = false;
    try {
      webAddress(bad);
    } catch {
      refused = true;
    }
    check(refused, `${bad} must be refused`);
  }
});

test("http: Retry-After in seconds, as a date, and as rubbish", () => {
  same(retryAfter_ms("7", 0), 7000, "seconds");
  same(retryAfter_ms("Thu, 01 Jan 1970 00:00:09 GMT", 4000), 5000, "date");
  same(retryAfter_ms(null, 0), 0, "none");
  same(retryAfter_ms("soon", 0), 0, "rubbish");
  check(retryAfter_ms("-3", 0) >= 0, "never into the past");
});

test("i18n: every text that is used exists, in three languages, and none is left over", () => {
  const web = new URL("../../web/", import.meta.url);
  const inFolder = (/** @type {string} */ folder) =>
    readdirSync(new URL(`js/${folder}`, web)).filter((name) => name.endsWith(".js")).map((name) => folder + name);
  const scripts = [...inFolder(""), ...inFolder("avatar/")];
  const admin = readdirSync(new URL("admin", web)).filter((name) => name.endsWith(".js")).map((name) => `admin/${name}`);
  const sources = ["index.html", "chat.html", "admin.html", ...admin, ...scripts.map((name) => `js/${name}`)];
  const used = sources.map((name) => (/i18n|words/.test(name) ? "" : readFileSync(new URL(name, web), "utf8"))).join("\n");
  const table = ["js/i18n.js", "admin/words.js"].map((name) => readFileSync(new URL(name, web), "utf8")).join("\n");
  const rows = [...table.matchAll(/^ {2}(\w+): \[([\s\S]*?)\],$/gm)];
  check(rows.length > 60, `${rows.length} rows`);
  for (const [, key = "", texts = ""] of rows) {
    check(new RegExp(`["'\`]${key}["'\`]`).test(used), `"${key}" is never used`);
    same([...texts.matchAll(/"(?:[^"\\]|\\.)*"/g)].length, 3, `languages of "${key}"`);
  }
  const quoted = [...table.matchAll(/^ {2}"([\w.]+)": \[([\s\S]*?)\],$/gm)];
  for (const [, key = "", texts = ""] of quoted) {
    same([...texts.matchAll(/"(?:[^"\\]|\\.)*"/g)].length, 3, `languages of "${key}"`);
  }
  const keys = new Set(rows.map((row) => row[1]));
  for (const [, key] of used.matchAll(/data-t(?:-label|-placeholder)?="(\w+)"/g)) check(keys.has(key), `no text "${key}"`);
});

test("i18n: the admin page knows the gateway's words: states, kinds, steps, reasons", () => {
  const gateway = new URL("../../gateway/", import.meta.url);
  const within = (/** @type {string} */ file, /** @type {RegExp} */ lists) =>
    [...readFileSync(new URL(file, gateway), "utf8").matchAll(lists)].flatMap(([, list = ""]) =>
      [...list.matchAll(/"([a-z]+)"/g)].map(([, word = ""]) => word));
  const words = [
    ...within("session.c", /\*const (?:names|purposes)\[\] = \{([^}]*)\}/g), ...within("session.c", /\.transport = ([^\n]*)/g),
    ...within("link.c", /\*const names\[\] = \{([^}]*)\}/g), ...within("timeline.c", /steps\[\] = \{([^;]*);/g),
    ...within("http_api.c", /array_append_new\(reasons, json_string\(([^)]*)\)/g),
  ].filter((word) => word !== "free"); // of a session that is none
  check(words.length > 20, `only ${words.length} words`);
  const table = readFileSync(new URL("../../web/admin/words.js", import.meta.url), "utf8");
  same(words.filter((word) => !table.includes(`"gw.${word}": [`)), [], "words without a text");
});
