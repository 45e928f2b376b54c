// The session's decisions, without a browser: an hour of bad network takes a millisecond here.

import { readFileSync, readdirSync } from "node:fs";
import { LIMITS, Session } from "../../web/js/session.js";
import { retryAfter_ms } from "../../web/js/signalling.js";
import { webAddress } from "../../web/js/tools.js";
import { check, same, test } from "./harness.js";

/** @typedef {import("../../web/js/session.js").SessionEvent} SessionEvent */
/** @typedef {import("../../web/js/session.js").Command} Command */

class World {
  now_ms = 0;
  session = new Session(() => 0.5);

  /** @param {SessionEvent} event @returns {Command[]} */
  on(event) {
    return this.session.handle(event, this.now_ms);
  }

  /** @param {object} message */
  hear(message) {
    return this.on({ type: "message", message: /** @type {any} */ (message) });
  }

  /** @param {"auto"|"manual"} mode */
  connect(mode) {
    this.on({ type: "start", mode });
    this.on({ type: "microphone", state: "ready" });
    this.on({ type: "answered", resume: "t1" });
    this.on({ type: "peer", state: "connected" });
    this.on({ type: "channel", open: true });
    return this.hear({ type: "ready", resume: "t2" });
  }

  /** Lets time pass up to the next deadline. */
  wait() {
    this.now_ms = this.session.deadline;
    return this.on({ type: "tick" });
  }
}

/** @param {Command[]} commands */
const sent = (commands) => commands.flatMap((command) => (command.do === "send" ? [command.message] : []));
/** @param {Command[]} commands @param {string} kind */
const only = (commands, kind) => commands.filter((command) => command.do === kind);

test("session: a call becomes ready, and hands-free asks to listen once", () => {
  const world = new World();
  same(world.session.state, "idle", "before");
  same(only(world.on({ type: "start", mode: "auto" }), "connect"), [{ do: "connect", mode: "auto", resume: null }], "connect");
  same(world.session.state, "connecting", "started");
  const other = new World();
  const commands = other.connect("auto");
  same(sent(commands), [{ type: "listen", state: "start", mode: "auto" }], "asked");
  same(only(commands, "mic"), [{ do: "mic", live: true }], "microphone");
  other.hear({ type: "stt", text: "hello" });
  same(other.session.state, "thinking", "after stt");
  other.hear({ type: "tts", state: "start" });
  same(other.session.state, "speaking", "after tts start");
  same(sent(other.hear({ type: "tts", state: "stop" })), [], "the gateway goes on by itself");
  same(other.session.state, "listening", "after the answer");
});

test("session: hold to talk, interrupting an answer", () => {
  const world = new World();
  world.connect("manual");
  same(world.session.state, "ready", "ready");
  world.hear({ type: "tts", state: "start" });
  const pressed = world.on({ type: "press" });
  same(sent(pressed), [{ type: "abort" }, { type: "listen", state: "start", mode: "manual" }], "pressed");
  same(only(pressed, "hush"), [{ do: "hush", on: true }], "old speech is hushed");
  same(only(pressed, "mic"), [{ do: "mic", live: true }], "microphone");
  world.hear({ type: "tts", state: "stop" });
  same(world.session.state, "listening", "the end of the old answer changes nothing");
  world.now_ms += 1000;
  const released = world.on({ type: "release" });
  same(sent(released), [{ type: "listen", state: "stop" }], "released");
  same(only(released, "mic"), [{ do: "mic", live: false }], "microphone");
  same(world.on({ type: "release" }), [], "a second release");
  same(only(world.hear({ type: "tts", state: "start" }), "hush"), [{ do: "hush", on: false }], "new speech is heard");
});

test("session: without a microphone nobody is told that it listens; typing works", () => {
  const world = new World();
  world.connect("auto");
  const lost = world.on({ type: "microphone", state: "none" });
  same(sent(lost), [{ type: "listen", state: "stop" }], "lost");
  same(only(lost, "mic"), [{ do: "mic", live: false }], "microphone");
  same(world.session.state, "ready", "state");
  same(sent(world.on({ type: "press" })), [], "a press");
  same(sent(world.on({ type: "text", text: "hi" })), [{ type: "listen", state: "detect", text: "hi" }], "typed");
  world.hear({ type: "tts", state: "start" });
  same(sent(world.on({ type: "press" })), [{ type: "abort" }], "a press may still interrupt");
  same(sent(world.on({ type: "microphone", state: "ready" })), [{ type: "listen", state: "start", mode: "auto" }], "back");
  same(world.session.state, "listening", "state");
});

test("session: a slip of the finger and Esc send nothing to be understood", () => {
  const world = new World();
  world.connect("manual");
  world.on({ type: "press" });
  world.now_ms += LIMITS.press_ms - 1;
  const slip = world.on({ type: "release" });
  same(sent(slip), [{ type: "abort" }, { type: "listen", state: "stop" }], "slip");
  same(only(slip, "notice"), [{ do: "notice", key: "holdLonger" }], "said");
  world.on({ type: "press" });
  same(sent(world.on({ type: "cancel" })), [{ type: "abort" }, { type: "listen", state: "stop" }], "Esc");
  same(world.session.state, "ready", "after Esc");
});

test("session: silence after a press is said, not waited for for ever", () => {
  const world = new World();
  world.connect("manual");
  world.on({ type: "press" });
  world.now_ms += 1000;
  world.on({ type: "release" });
  same(only(world.wait(), "notice"), [{ do: "notice", key: "heardNothing" }], "notice");
  same(world.session.state, "ready", "state");
  same(world.session.deadline, Infinity, "nothing pending");
});

test("session: a loss is tried again three times with growing waits and the resume token, then it ends", () => {
  const world = new World();
  world.connect("manual");
  world.on({ type: "peer", state: "failed" });
  for (const wait_ms of LIMITS.backOff_ms) {
    same(world.session.state, "reconnecting", "state");
    same(world.session.deadline - world.now_ms, wait_ms, "wait without jitter");
    same(only(world.wait(), "connect"), [{ do: "connect", mode: "manual", resume: "t2" }], "try");
    world.on({ type: "refused", status: 0, retryAfter_ms: 0 });
  }
  same(world.session.state, "offline", "given up");
  same(world.session.deadline, Infinity, "nothing pending");
});

test("session: jitter stays within half and one and a half", () => {
  for (const random of [0, 0.25, 0.999]) {
    const session = new Session(() => random);
    session.handle({ type: "start", mode: "manual" }, 0);
    session.handle({ type: "refused", status: 0, retryAfter_ms: 0 }, 0);
    const base_ms = LIMITS.backOff_ms[0] ?? 0;
    check(session.deadline >= base_ms * 0.5 && session.deadline <= base_ms * 1.5, `wait ${session.deadline}`);
  }
});

test("session: Retry-After is kept to, within reason", () => {
  const world = new World();
  world.on({ type: "start", mode: "manual" });
  const commands = world.on({ type: "refused", status: 503, retryAfter_ms: 7000 });
  same(only(commands, "notice"), [{ do: "notice", key: "serverFull" }], "notice");
  same(world.session.deadline, 7000, "wait");
  same(world.session.retryIn_s(100), 7, "countdown");
  world.wait();
  world.on({ type: "refused", status: 503, retryAfter_ms: 1e9 });
  same(world.session.deadline, 7000 + LIMITS.retryAfterMax_ms, "bounded");
});

test("session: a refusal for good is not repeated; one because of the token is, without it", () => {
  const finals = /** @type {const} */ ([[401, "notAllowed"], [403, "notAllowed"], [400, "refused"], [422, "refused"]]);
  for (const [status, key] of finals) {
    const world = new World();
    world.on({ type: "start", mode: "manual" });
    same(only(world.on({ type: "refused", status, retryAfter_ms: 0 }), "notice"), [{ do: "notice", key }], String(status));
    same(world.session.state, "offline", String(status));
  }
  const world = new World();
  world.connect("manual");
  world.on({ type: "channel", open: false });
  world.wait();
  world.on({ type: "refused", status: 404, retryAfter_ms: 0 });
  same(only(world.wait(), "connect"), [{ do: "connect", mode: "manual", resume: null }], "without the token");
});

test("session: a short disturbance is not a loss, a long one is", () => {
  const world = new World();
  world.connect("manual");
  world.on({ type: "peer", state: "disconnected" });
  world.now_ms += LIMITS.disconnected_ms - 1;
  world.on({ type: "peer", state: "connected" });
  same([world.session.state, world.session.deadline], ["ready", Infinity], "healed");
  world.on({ type: "peer", state: "disconnected" });
  world.wait();
  same(world.session.state, "reconnecting", "lost");
});

test("session: the assistant may go and come back without the call breaking", () => {
  const world = new World();
  world.connect("auto");
  const lost = world.hear({ type: "backend", state: "lost" });
  same(only(lost, "notice"), [{ do: "notice", key: "assistantLost" }], "notice");
  same([world.session.state, world.session.canTalk], ["connecting", false], "state");
  const back = world.hear({ type: "backend", state: "ready" });
  same(sent(back), [{ type: "listen", state: "start", mode: "auto" }], "listening is asked for again");
  same(world.session.state, "listening", "state");
});

test("session: no order of events brings it out of its states or leaves a timer in a dead call", () => {
  /** @type {SessionEvent[]} */
  const events = [
    { type: "start", mode: "manual" }, { type: "start", mode: "auto" }, { type: "answered", resume: "t" },
    { type: "refused", status: 0, retryAfter_ms: 0 }, { type: "refused", status: 503, retryAfter_ms: 9 },
    { type: "refused", status: 400, retryAfter_ms: 0 }, { type: "peer", state: "connected" },
    { type: "peer", state: "disconnected" }, { type: "peer", state: "failed" }, { type: "channel", open: true },
    { type: "channel", open: false }, { type: "message", message: { type: "ready" } },
    { type: "message", message: { type: "stt", text: "x" } }, { type: "message", message: { type: "stt" } },
    { type: "message", message: { type: "tts", state: "start" } }, { type: "message", message: { type: "tts", state: "stop" } },
    { type: "message", message: { type: "backend", state: "lost" } }, { type: "message", message: { type: "rubbish" } },
    { type: "press" }, { type: "release" }, { type: "cancel" }, { type: "interrupt" }, { type: "text", text: "x" },
    { type: "microphone", state: "ready" }, { type: "microphone", state: "none" },
    { type: "mode", mode: "auto" }, { type: "mode", mode: "manual" }, { type: "mute", on: true }, { type: "mute", on: false },
    { type: "retry" }, { type: "hangup" }, { type: "leave" }, { type: "tick" },
  ];
  let seed = 1;
  const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32;
  for (let life = 0; life < 400; life++) {
    const world = new World();
    let live = false;
    for (let step = 0; step < 120; step++) {
      const event = events[Math.floor(random() * events.length)];
      if (!event) continue;
      world.now_ms += random() * 3000;
      for (const command of world.on(event)) if (command.do === "mic") live = command.live;
      const { state, held, mode, canTalk } = world.session;
      check(typeof state === "string", "a state");
      check(!live || canTalk, `microphone live while ${state}`);
      check(!live || mode === "auto" || held, "microphone live without a press");
      if (state === "ended" || state === "offline" || state === "idle") same(world.session.deadline, Infinity, state);
    }
  }
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

test("signalling: Retry-After in seconds, as a date, and as rubbish", () => {
  same(retryAfter_ms("7", 0), 7000, "seconds");
  same(retryAfter_ms("Thu, 01 Jan 1970 00:00:09 GMT", 4000), 5000, "date");
  same(retryAfter_ms(null, 0), 0, "none");
  same(retryAfter_ms("soon", 0), 0, "rubbish");
  check(retryAfter_ms("-3", 0) >= 0, "never into the past");
});

test("i18n: every text that is used exists, in three languages, and none is left over", () => {
  const web = new URL("../../web/", import.meta.url);
  const scripts = readdirSync(new URL("js/", web)).filter((name) => name.endsWith(".js"));
  const sources = ["index.html", "chat.html", ...scripts.map((name) => `js/${name}`)];
  const used = sources.map((name) => (name.endsWith("i18n.js") ? "" : readFileSync(new URL(name, web), "utf8"))).join("\n");
  const table = readFileSync(new URL("js/i18n.js", web), "utf8");
  const rows = [...table.matchAll(/^ {2}(\w+): \[([\s\S]*?)\],$/gm)];
  check(rows.length > 60, `${rows.length} rows`);
  for (const [, key = "", texts = ""] of rows) {
    check(new RegExp(`["'\`]${key}["'\`]`).test(used), `"${key}" is never used`);
    same([...texts.matchAll(/"(?:[^"\\]|\\.)*"/g)].length, 3, `languages of "${key}"`);
  }
  const keys = new Set(rows.map((row) => row[1]));
  for (const [, key] of used.matchAll(/data-t(?:-label|-placeholder)?="(\w+)"/g)) check(keys.has(key), `no text "${key}"`);
});
