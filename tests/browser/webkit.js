// The manager without WebRTC: its parts, and the whole in real WebKitGTK with a microphone and an ear.

import "./coverage.js"; // before what it watches
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DOWN_RATE, Schedule, samplesOf } from "../../web/js/manager/fallback_audio.js";
import { PIECE, Pieces, RATE, Resampler } from "../../web/js/manager/fallback_capture.js";
import { webkit } from "../webdriver/browsers.js";
import { Gateway } from "./gateway.js";
import { check, note, runAll, same, test, until } from "./harness.js";
import { plain, SoundCard, speak } from "./speech.js";

// ---- the parts ----

/** RMS of a tone of |hertz| that went from |rate| to RATE. @param {number} rate @param {number} hertz */
function resampled(rate, hertz) {
  const resampler = new Resampler(rate);
  /** @type {number[]} */
  const out = [];
  const input = Float32Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
  for (let at = 0; at < rate; at += 128) resampler.push(input.subarray(at, at + 128), (sample) => out.push(sample));
  const settled = out.slice(1000, -1000);
  return { n: out.length, rms: Math.sqrt(settled.reduce((sum, s) => sum + s * s, 0) / settled.length) };
}

test("capture: what is speech passes, what 16 kHz cannot hold does not come back as noise", () => {
  for (const rate of [44_100, 48_000, 16_000, 8000, 96_000]) {
    for (const hertz of [200, 1000, 3000]) {
      const { n, rms } = resampled(rate, hertz);
      check(Math.abs(rms - Math.SQRT1_2) < 0.01, `${hertz} Hz at ${rate}: ${rms}`);
      check(Math.abs(n - RATE) < 100, `${rate}: ${n} samples of a second`);
    }
  }
  for (const hertz of [9000, 12_000, 17_000, 21_000]) {
    const { rms } = resampled(48_000, hertz);
    check(rms < 0.003, `${hertz} Hz: ${rms}`);
  }
});

test("capture: samples become whole pieces, little-endian and limited", () => {
  /** @type {ArrayBuffer[]} */
  const pieces = [];
  const out = new Pieces((piece) => pieces.push(piece));
  for (let i = 0; i < 3 * PIECE - 1; i++) out.push(i === 0 ? -2 : i === 1 ? 2 : 0.5);
  same(pieces.map((piece) => piece.byteLength), [640, 640], "pieces");
  const view = new DataView(/** @type {ArrayBuffer} */ (pieces[0]));
  same([view.getInt16(0, true), view.getInt16(2, true), view.getInt16(4, true)], [-32768, 32767, 16384], "samples");
});

test("playback: a piece follows the one before; a burst is bounded; silence gives the lead back", () => {
  const schedule = new Schedule();
  const piece_s = 480 / DOWN_RATE;
  let at_s = schedule.place(10, piece_s, false);
  same(at_s, 10.08, "the first waits for the network's unevenness");
  for (let i = 1; i < 10; i++) {
    const next_s = schedule.place(10 + i * piece_s, piece_s, false);
    check(Math.abs(/** @type {number} */ (next_s) - 10.08 - i * piece_s) < 1e-9, `piece ${i} at ${next_s}`);
  }
  at_s = schedule.place(20, piece_s, false);
  same(at_s, 20.08, "after a pause it waits again");
  let taken = 0;
  for (let i = 0; i < 500; i++) taken += Number(schedule.place(20, piece_s, false) !== null);
  check(taken > 60 && taken < 80, `of ten seconds at once ${taken} pieces are kept`);
  same(schedule.place(20.5, piece_s, true), null, "silence is left out while the lead is long");
  schedule.clear();
  same(schedule.place(20.5, piece_s, true), 20.58, "nothing is left after a hush");
});

test("playback: samples and their power", () => {
  const { samples, power } = samplesOf(new Int16Array([16384, -16384]).buffer);
  same([...samples, power], [0.5, -0.5, 0.25], "half of full scale");
  same(samplesOf(new ArrayBuffer(0)).power, 0, "nothing");
});

// ---- the whole ----

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "webkit-"));
const gateway = new Gateway(String(process.env["GATEWAY"]));
const card = new SoundCard(folder);
await until("the sound card", () => card.choose());
const { driver: browser, stop } = await webkit({ fake: false, origin: "", folder, env: card.env });

/** What the person's ear hears while |run| runs. @param {() => Promise<void>} run @returns {Promise<number>} RMS */
async function heardDuring(run) {
  const recorder = spawn("parec", ["--device=ear.monitor", "--format=s16le", "--rate=16000", "--channels=1", "--raw"], {
    env: { ...process.env, ...card.env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  /** @type {Buffer[]} */
  const chunks = [];
  recorder.stdout.on("data", (chunk) => chunks.push(chunk));
  await run();
  recorder.kill();
  const bytes = Buffer.concat(chunks);
  let power = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) power += bytes.readInt16LE(at) ** 2;
  return Math.sqrt(power / Math.max(1, bytes.length / 2));
}

const SET_UP = `
  const { WebRTCManager } = await import("/js/manager/manager.js");
  const sockets = [];
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain { constructor(...all) { super(...all); sockets.push(this); } };
  const manager = new WebRTCManager({ mode: "manual", fallback: () => import("/js/manager/fallback.js") });
  const seen = { states: [], messages: [], notices: [], recovered: [], power: 0, sockets };
  manager.on("state", ({ state, reason }) => seen.states.push(state + " " + reason));
  manager.on("message", (message) => seen.messages.push(message));
  manager.on("notice", ({ notice }) => seen.notices.push(notice));
  manager.on("recovered", (detail) => seen.recovered.push(detail));
  manager.on("track", ({ stream }) => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      seen.level = Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length);
      seen.power = Math.max(seen.power, seen.level);
    }, 30);
  });
  Object.assign(window, { manager, seen });
  const button = document.createElement("button");
  button.id = "begin";
  button.textContent = "go";
  button.style = "position:fixed;top:0;left:0;width:99px;height:50px;z-index:9999";
  button.onclick = () => manager.connect("manual");
  document.body.append(button);`;

/** @param {string} what @param {string} expression in the page @param {number} [limit_ms] */
const reach = (what, expression, limit_ms) => until(what, () => browser.run(`return ${expression};`), limit_ms);
const CONNECTED = 'manager.getConnectionInfo().state === "CONNECTED"';
const said = (/** @type {string} */ type, /** @type {string} */ more = "true") =>
  `seen.messages.some((m) => m.type === "${type}" && (${more}))`;
const forget = () => browser.run("seen.messages.length = seen.states.length = seen.recovered.length = 0; seen.power = 0;");

test("WebKitGTK: without WebRTC it connects over a WebSocket", async () => {
  await gateway.start();
  note(`WebKitGTK ${browser.version}`);
  await browser.goto(`${gateway.url}/chat`);
  same(await browser.run("return typeof RTCPeerConnection;"), "undefined", "this is a browser without WebRTC");
  await browser.run(SET_UP);
  await browser.click("#begin");
  await reach("connected", CONNECTED);
  await reach("ready", said("ready"), 30_000);
  const phases = await browser.run("return manager.getPerformanceSummary();");
  note(`time-line ${JSON.stringify(phases.phases)}, the gateway's ${JSON.stringify(phases.gateway)}`);
});

test("WebKitGTK: a typed text is answered with captions and sound", async () => {
  await forget();
  const rms = await heardDuring(async () => {
    await browser.run('manager.sendText("tell me a joke");');
    await reach("the caption", said("tts", 'm.state === "sentence_start" && m.text'), 20_000);
    await reach("the end of the answer", said("tts", 'm.state === "stop"'), 40_000);
  });
  const power = await browser.run("return seen.power;");
  note(`loudest in the page ${power.toFixed(3)}; in the ear RMS ${Math.round(rms)}`);
  check(power > 0.03, `sound in the page: ${power}`);
  check(rms > 100, `sound in the ear: ${rms}`);
});

test("WebKitGTK: an interruption silences the answer", async () => {
  await forget();
  await browser.run('manager.sendText("what can you do");');
  await reach("the answer", "seen.power > 0.03", 20_000);
  await browser.run("manager.interrupt();");
  await reach("silence in the page", "seen.level < 0.001", 1000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  check(await browser.run("return seen.level < 0.001;"), "and it stays silent");
});

test("WebKitGTK: a spoken phrase is understood", async () => {
  const { file } = speak(folder, "what time is it", 0.3);
  await browser.run("manager.interrupt();");
  await forget();
  await reach("the microphone", 'manager.getConnectionInfo().microphone === "READY"');
  await browser.run("manager.press();");
  await reach("listening", 'manager.getConnectionInfo().turn === "LISTENING"');
  await card.play(file);
  await browser.run("manager.release();");
  await reach("what was understood", said("stt"), 30_000);
  const heard = await browser.run('return seen.messages.find((m) => m.type === "stt").text;');
  same(plain(heard), "what time is it", "understood");
  await reach("the end of the answer", said("tts", 'm.state === "stop"'), 30_000);
});

test("WebKitGTK: a socket that breaks is made anew, the conversation goes on", async () => {
  await forget();
  const before = await browser.run("return seen.sockets.at(-1).url;");
  await browser.run("seen.sockets.at(-1).close(3000);");
  await reach("recovered", "seen.recovered.length > 0");
  await reach("ready", said("ready"));
  note(`${before}: ${JSON.stringify(await browser.run("return [seen.states, seen.recovered];"))}`);
  same(await browser.run("return seen.notices;"), [], "nobody was told of a lost conversation");
  await browser.run('manager.sendText("hello");');
  await reach("an answer", said("tts", 'm.state === "sentence_start"'), 20_000);
});

test("WebKitGTK: a gateway that was restarted is found again", async () => {
  await forget();
  await gateway.stop("SIGKILL");
  await reach("trouble", `!(${CONNECTED})`);
  await gateway.start();
  await reach("connected", CONNECTED, 20_000);
  await reach("ready", said("ready"), 30_000);
  note(JSON.stringify(await browser.run("return [seen.states, seen.recovered];")));
  same(await browser.run("return seen.notices;"), ["CONTEXT_LOST"], "and the person is told");
});

test("WebKitGTK: after close nothing is held, and the session is gone", async () => {
  await browser.run("await manager.close();");
  same(await browser.run("return manager.held;"), {}, "held");
  await until("no session", async () => (await gateway.sessions()) === 0);
});

const NOTICE = 'document.getElementById("notice").hidden ? "" : document.getElementById("notice").textContent';

/** To the page: the talk key without a pointer opens, and then sends. */
async function speaksIn() {
  const { file } = speak(folder, "what time is it", 0.3);
  const tap = () => browser.run('document.getElementById("talk").click();');
  const state = (/** @type {string} */ wanted) => reach(wanted, `document.documentElement.dataset.state === "${wanted}"`, 30_000);
  await reach("the microphone", 'document.getElementById("talk").getAttribute("aria-disabled") === "false"');
  await tap();
  await state("listening");
  await card.play(file);
  await tap();
  const heard = 'document.querySelectorAll("[data-who=person]")';
  await reach("what was understood", `${heard}.length > 1`, 30_000);
  same(plain(await browser.run(`return ${heard}[1].textContent;`)), "what time is it", "understood");
  await state("speaking");
  await state("ready");
}

test("the page in WebKitGTK: says what is missing, and works", async () => {
  await browser.goto(`${gateway.url}/`);
  await reach("a word on the start page", `(${NOTICE}).includes("WebRTC")`);
  await browser.goto(`${gateway.url}/chat`);
  await reach("a word on the page", `(${NOTICE}).includes("WebRTC")`);
  note(`it says: ${(await browser.run(`return ${NOTICE};`)).trim()}`);
  await browser.click("#modes label");
  await browser.click("#start");
  await reach("ready", 'document.documentElement.dataset.state === "ready"', 30_000);
  const lines = 'document.querySelectorAll("[data-who=assistant]").length';
  const rms = await heardDuring(async () => {
    await browser.run(`
      document.getElementById("text").value = "tell me a joke";
      document.getElementById("typing").requestSubmit();`);
    await reach("a caption", `${lines} > 0`, 20_000);
    await reach("the end of the answer", 'document.documentElement.dataset.state === "ready"', 60_000);
  });
  const caption = await browser.run('return document.querySelector("[data-who=assistant]").textContent;');
  note(`"${caption}", in the ear RMS ${Math.round(rms)}`);
  check(rms > 100, `sound in the ear: ${rms}`);
  await speaksIn();
  await browser.run('document.getElementById("hangup").click();');
  await until("no session", async () => (await gateway.sessions()) === 0);
});

const ok = await runAll(process.argv[2] ?? "");
await stop();
await gateway.stop();
card.close();
process.exit(ok ? 0 : 1);
