// The gateway under test, on free loopback ports of its own unless it is told where.

import { spawn } from "node:child_process";
import dgram from "node:dgram";
import net from "node:net";

/** @returns {Promise<number>} */
export async function freeTcpPort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @returns {Promise<number>} */
async function freeUdpPort() {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket("udp4").on("error", reject);
    socket.bind(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

export class Gateway {
  /** @type {import("node:child_process").ChildProcess|null} */
  #process = null;
  #binary;
  #options;
  /** HOST:PORT of pages and of media. */
  #places = { http: "", udp: "" };
  log = "";

  /** @param {string} binary
   * @param {{within?:string[], http?:string, udp?:string, args?:string[]}} [options] |within|: a command that runs it;
   *   where it listens; further switches of `serve` */
  constructor(binary, options = {}) {
    this.#binary = binary;
    this.#options = options;
  }

  get url() {
    return `http://${this.#places.http}`;
  }

  get udpPort() {
    return Number(this.#places.udp.split(":")[1]);
  }

  get pid() {
    return this.#process?.pid ?? 0;
  }

  /** By itself, not by stop(). */
  get hasEnded() {
    return this.#process !== null && this.#process.exitCode !== null;
  }

  /** Starts, or starts again on the same ports. @returns {Promise<void>} */
  async start() {
    const { within = [], http, udp, args = [] } = this.#options;
    // Media on every address: Firefox pairs no candidate of its own with one on loopback (unless a hidden preference
    // says so), and this is about browsers as people have them.
    if (!this.#places.http) {
      this.#places = { http: http ?? `127.0.0.1:${await freeTcpPort()}`, udp: udp ?? `0.0.0.0:${await freeUdpPort()}` };
    }
    const command = [...within, this.#binary, "serve", "--listen", this.#places.http, "--udp", this.#places.udp, ...args];
    const child = spawn(String(command[0]), command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`the gateway did not say it was ready:\n${this.log}`)), 20_000);
      const hear = (/** @type {Buffer} */ text) => {
        this.log = (this.log + text).slice(-20_000);
        if (!/https?:\/\//.test(String(text))) return;
        clearTimeout(limit);
        resolve(undefined);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", (text) => {
        this.log = (this.log + text).slice(-20_000);
      });
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`the gateway ended with ${code}:\n${this.log}`)));
    });
  }

  /** @param {NodeJS.Signals} signal @returns {Promise<void>} */
  async stop(signal = "SIGTERM") {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const over = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const hard = setTimeout(() => child.kill("SIGKILL"), 3000);
    await over;
    clearTimeout(hard);
  }

  /** Live sessions, from the metrics. @returns {Promise<number>} */
  async sessions() {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const rows = [...text.matchAll(/^xiaozhi_rtc_sessions(?:\{([^}]*)\})? (\d+)/gm)];
    if (!rows.length) throw new Error("no xiaozhi_rtc_sessions in /metrics");
    return rows.filter((row) => !/closed/.test(row[1] ?? "")).reduce((sum, row) => sum + Number(row[2]), 0);
  }
}
