// The programs on the far side of the router: TURN server and assistant. The gateway is tests/browser/gateway.js.

import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { until } from "../browser/harness.js";
import { GATEWAY, TURN } from "./lab.js";

const SECRET = "only-for-this-laboratory";

/** @param {import("./lab.js").Lab} lab */
const within = (lab) => ["netns", "exec", lab.gw];

/** coturn with time-limited credentials. */
export class TurnServer {
  #process;

  /** @param {import("./lab.js").Lab} lab @param {string} folder */
  constructor(lab, folder) {
    const file = path.join(folder, "turnserver.conf");
    const lines = [
      `listening-ip=${TURN}`,
      `relay-ip=${TURN}`,
      "listening-port=3478",
      "min-port=30000",
      "max-port=30999",
      "use-auth-secret",
      `static-auth-secret=${SECRET}`,
      "realm=lab",
      "fingerprint",
      "no-tls",
      "no-dtls",
      "no-cli",
      "no-multicast-peers",
      "simple-log",
      `log-file=${path.join(folder, "turnserver.log")}`,
      `pidfile=${path.join(folder, "turnserver.pid")}`,
      `userdb=${path.join(folder, "turnserver.db")}`,
    ];
    fs.writeFileSync(file, `${lines.join("\n")}\n`);
    this.#process = spawn("ip", [...within(lab), "turnserver", "-c", file], { stdio: "ignore" });
  }

  /** What the proxy hands out. @param {number} life_s */
  offer(life_s) {
    return { secret: SECRET, urls: [`turn:${TURN}:3478?transport=udp`, `turn:${TURN}:3478?transport=tcp`], life_s };
  }

  close() {
    this.#process.kill("SIGKILL");
  }
}

/** An assistant of its own, so that it can be killed alone. */
export class Assistant {
  /** @type {import("node:child_process").ChildProcess|null} */
  #process = null;
  #lab;
  #binary;
  url = `ws://${GATEWAY}:51100/xiaozhi/v1/`;

  /** @param {import("./lab.js").Lab} lab @param {string} binary */
  constructor(lab, binary) {
    this.#lab = lab;
    this.#binary = binary;
  }

  async start() {
    const args = [...within(this.#lab), this.#binary, "assistant", "--listen", `${GATEWAY}:51100`, "--no-auth"];
    const child = spawn("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
    await until("the assistant", () => /:51100/.test(said) || child.exitCode !== null, 10_000);
    if (child.exitCode !== null) throw new Error(`the assistant ended: ${said}`);
  }

  kill() {
    this.#process?.kill("SIGKILL");
    this.#process = null;
  }
}
