// Callers who have nothing but a TURN relay: the gateway's own credentials on a real coturn, over UDP and over TCP.

import { spawn } from "node:child_process";
import net from "node:net";
import { Gateway } from "./gateway.js";
import { same, test, until } from "./harness.js";
import { call, nextAnswer, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

const SECRET = "north";

/** @param {number} port */
const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

/** How the connection in use leaves the browser. @param {Page} page @returns {Promise<string[]>} */
const wayOut = (page) =>
  page.evaluate(async () => {
    const report = await /** @type {any} */ (window).probe.peers.at(-1).getStats();
    const all = [...report.values()];
    const pair = all.find((entry) => entry.type === "transport" && entry.selectedCandidatePairId)?.selectedCandidatePairId;
    const chosen = report.get(pair) ?? all.find((entry) => entry.type === "candidate-pair" && entry.nominated);
    const local = report.get(chosen?.localCandidateId);
    return [local?.candidateType, local?.relayProtocol];
  });

/** @param {Bench} bench */
export function testRelay({ inChromium, binary, folder }) {
  for (const transport of ["udp", "tcp"]) {
    test(`chromium: relay: a conversation through coturn over ${transport}, with the gateway's credentials`, async () => {
      const port = 30_000 + Math.floor(Math.random() * 20_000);
      const coturn = spawn("turnserver", ["-n", "--no-cli", "--no-tls", "--no-dtls", "--listening-ip=127.0.0.1",
        `--listening-port=${port}`, "--relay-ip=127.0.0.1", "--use-auth-secret", `--static-auth-secret=${SECRET}`,
        "--realm=test", "--log-file=stdout", "--allow-loopback-peers", `--pidfile=${folder}/relay.pid`,
        `--userdb=${folder}/relay.db`], { stdio: "ignore" });
      const gateway = new Gateway(binary, { args: ["--ice-server", `turn:127.0.0.1:${port}?transport=${transport}`,
        "--turn-secret", SECRET, "--ice-transport-policy", "relay"] });
      try {
        await gateway.start();
        await until("coturn", () => answers(port));
        await inChromium(async (page) => {
          await call(page, gateway.url);
          same(await wayOut(page), ["relay", transport], "the way out");
          await type(page, "hello");
          await nextAnswer(page);
        });
      } finally {
        await gateway.stop();
        coturn.kill("SIGKILL");
      }
    });
  }
}
