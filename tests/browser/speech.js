// Spoken phrases as 48 kHz mono 16-bit WAV, made when the tests run, and a private sound card for Firefox.

import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

export const PHRASES = [
  "what time is it",
  "tell me a joke",
  "who are you",
  "hello",
  "set the volume to fifty percent",
  "take a photo",
  "good morning",
  "thank you",
  "what can you do",
  "goodbye",
];

/** Equal as words: case, punctuation and the way a number is written do not count. @param {string} text */
export function plain(text) {
  const words = text.toLowerCase().replace(/\b50\b/g, "fifty").replace(/%/g, " percent");
  return words.replace(/[^a-z]+/g, " ").trim();
}

const RATE = 48_000;
const LEAD_S = 1.2; // the time a page has to connect and to be pressed before the words come

/** @param {string} folder @param {string} phrase @param {number} [lead_s] @returns {{file:string, end_s:number}} */
export function speak(folder, phrase, lead_s = LEAD_S) {
  const raw = path.join(folder, "raw.wav");
  const name = `${phrase.replace(/ /g, "-")}-${lead_s}.wav`;
  execFileSync("espeak-ng", ["-v", "en-us", "-s", "140", "-w", raw, phrase]);
  const samples = resample(fs.readFileSync(raw));
  const lead = Math.round(lead_s * RATE);
  const out = new Int16Array(lead + samples.length + RATE);
  out.set(samples, lead);
  const file = path.join(folder, name);
  fs.writeFileSync(file, wav(out));
  return { file, end_s: (lead + samples.length) / RATE };
}

/** @param {Buffer} file 16-bit mono WAV @returns {Int16Array} at RATE, by linear interpolation */
function resample(file) {
  const rate = file.readUInt32LE(24);
  const from = file.indexOf("data") + 8;
  const count = Math.floor((file.length - from) / 2);
  const out = new Int16Array(Math.floor((count * RATE) / rate));
  for (let i = 0; i < out.length; i++) {
    const at = (i * rate) / RATE;
    const low = Math.min(Math.floor(at), count - 2);
    const [a, b] = [file.readInt16LE(from + 2 * low), file.readInt16LE(from + 2 * low + 2)];
    out[i] = Math.round(a + (b - a) * (at - low));
  }
  return out;
}

/** @param {Int16Array} samples @returns {Buffer} */
function wav(samples) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length * 2, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length * 2, 40);
  return Buffer.concat([head, Buffer.from(samples.buffer, 0, samples.length * 2)]);
}

/** A sound server without hardware: what is played into "mouth" is what the microphone hears. */
export class SoundCard {
  /** @type {import("node:child_process").ChildProcess[]} */
  #listeners = [];
  #process;
  #socket;
  #console;

  /** @param {string} folder */
  constructor(folder) {
    this.#socket = path.join(folder, "pulse.sock");
    this.#console = path.join(folder, "pulse.console");
    const modules = [
      `module-cli-protocol-unix socket=${this.#console}`,
      `module-native-protocol-unix socket=${this.#socket} auth-anonymous=1`,
      "module-null-sink sink_name=ear rate=48000 channels=1",
      "module-null-sink sink_name=mouth rate=48000 channels=1",
      "module-remap-source master=mouth.monitor source_name=microphone source_properties=device.description=Microphone",
    ];
    const args = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-target=stderr", "--log-level=error"];
    this.#process = spawn("pulseaudio", [...args, ...modules.flatMap((line) => ["-L", line])], {
      stdio: "ignore",
      env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, PULSE_RUNTIME_PATH: folder, PULSE_STATE_PATH: folder },
    });
  }

  get env() {
    return { PULSE_SERVER: `unix:${this.#socket}` };
  }

  /** pactl. @param {string[]} words @returns {string} what it prints */
  control(...words) {
    const env = { ...process.env, ...this.env };
    return execFileSync("pactl", words, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  }

  /** What pactl cannot: lines for the server's console, carried out with nothing in between.
   * @param {string[]} lines @returns {Promise<void>} when it is done */
  command(lines) {
    return new Promise((resolve, reject) => {
      // Success is silent; the figures that are asked for next are not.
      const socket = net.connect(this.#console, () => void socket.write(`${[...lines, "stat"].join("\n")}\n`));
      socket.on("data", (text) => {
        if (!/Default source/.test(String(text))) return;
        socket.destroy();
        resolve();
      });
      socket.on("error", reject).on("close", () => resolve());
    });
  }

  /** @returns {boolean} */
  choose() {
    try {
      this.control("set-default-sink", "ear");
      this.control("set-default-source", "microphone");
      this.hasten("mouth");
      return true;
    } catch {
      return false;
    }
  }

  /** A sink without hardware goes on 2 s at a time, and who begins to listen to it hears nothing before the next time, unless
   * somebody wants less: so somebody does, all the while. @param {string} mouth @returns {() => void} until then */
  hasten(mouth) {
    const args = [`--device=${mouth}.monitor`, "--raw", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=20"];
    const listener = spawn("parec", args, { env: { ...process.env, ...this.env }, stdio: "ignore" });
    this.#listeners.push(listener);
    return () => void listener.kill();
  }

  /** Says it, and returns when it has been said. @param {string} file @param {string} [mouth] @returns {Promise<void>} */
  play(file, mouth = "mouth") {
    return new Promise((resolve, reject) => {
      const child = spawn("paplay", [`--device=${mouth}`, file], { env: { ...process.env, ...this.env }, stdio: "ignore" });
      child.on("error", reject);
      child.on("exit", (code) => (code ? reject(new Error(`paplay ended with ${code}`)) : resolve()));
    });
  }

  /** Watches a sink until its loudest 20 ms satisfy |enough|, or the time is over.
   * @param {string} sink @param {number} limit_ms from the first sample on @param {(dbfs:number) => boolean} [enough]
   * @param {() => void} [begun] at the first sample: what sounds from then on is heard; or at the end, if there was none
   * @returns {Promise<number>} dBFS of the loudest 20 ms */
  loudest(sink, limit_ms, enough = () => false, begun = () => {}) {
    return new Promise((resolve, reject) => {
      const args = [`--device=${sink}.monitor`, "--raw", "--format=s16le", "--rate=48000", "--channels=1",
        "--latency-msec=40"];
      const child = spawn("parec", args, { env: { ...process.env, ...this.env }, stdio: ["ignore", "pipe", "ignore"] });
      let most = 0;
      let kept = Buffer.alloc(0);
      const dbfs = () => 10 * Math.log10(most + 1e-10);
      const end = () => {
        clearTimeout(timer);
        child.kill();
        begun();
        resolve(dbfs());
      };
      let timer = setTimeout(end, limit_ms + 10_000);
      child.stdout.once("data", () => {
        clearTimeout(timer);
        timer = setTimeout(end, limit_ms);
        begun();
      });
      child.stdout.on("data", (/** @type {Buffer} */ piece) => {
        kept = Buffer.concat([kept, piece]); // a piece may be shorter than 20 ms
        let at = 0;
        for (; at + 1920 <= kept.length; at += 1920) {
          let sum = 0;
          for (let i = 0; i < 960; i++) sum += (kept.readInt16LE(at + i * 2) / 32768) ** 2;
          most = Math.max(most, sum / 960);
        }
        kept = kept.subarray(at);
        if (enough(dbfs())) end();
      });
      child.on("error", reject);
    });
  }

  close() {
    for (const listener of this.#listeners) listener.kill();
    this.#process.kill();
  }
}
