// Faults of the gateway, of the assistant behind it, and of the channel to it.

import { GATEWAY } from "./lab.js";
import { Assistant } from "./parts.js";
import { sleep } from "./time.js";
import { until } from "../browser/harness.js";

/** @typedef {import("./matrix.js").Entry} Entry */

/** @type {Entry[]} */
export const GATEWAY_FAULTS = [
  {
    name: "gateway stopped for 3 s",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async ({ gateway }) => void process.kill(gateway.pid, "SIGSTOP"),
    hold: () => sleep(3000),
    heal: async ({ gateway }) => void process.kill(gateway.pid, "SIGCONT"),
  },
  {
    name: "gateway killed and restarted",
    when: "during",
    limit_s: 15,
    target_ms: 3000,
    inject: ({ gateway }) => gateway.stop("SIGKILL"),
    hold: () => sleep(1000),
    heal: ({ gateway }) => gateway.start(),
  },
  {
    name: "gateway killed, restarted after 8 s",
    when: "during",
    limit_s: 15,
    target_ms: 3000,
    inject: ({ gateway }) => gateway.stop("SIGKILL"),
    hold: () => sleep(8000),
    heal: ({ gateway }) => gateway.start(),
  },
  {
    name: "gateway drains, then a new one in its place",
    when: "during",
    limit_s: 15,
    target_ms: 3000,
    prepare: (stage) => stage.addGateway(["--drain-seconds", "2"]),
    inject: ({ gateway }) => gateway.stop("SIGTERM"),
    heal: ({ gateway }) => gateway.start(),
  },
  {
    name: "gateway drains, a new one stands beside it",
    when: "during",
    limit_s: 15,
    prepare: (stage) => stage.addGateway(["--drain-seconds", "4"]),
    inject: async (stage) => {
      const old = stage.gateway;
      await stage.addGateway([], `${GATEWAY}:51010`, `${GATEWAY}:51011`);
      await old.stop("SIGTERM");
    },
  },
  {
    name: "data channel closed alone",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: ({ page }) => page.evaluate(() => /** @type {any} */ (window).watch.channels.at(-1).close()),
  },
  {
    name: "assistant lost and back",
    when: "during",
    limit_s: 20,
    kept: true,
    links: 1,
    prepare: async (stage) => {
      stage.assistant = new Assistant(stage.lab, stage.binary);
      await stage.assistant.start();
      await stage.addGateway(["--backend", stage.assistant.url]);
    },
    inject: async (stage) => {
      stage.assistant?.kill();
      const told = () =>
        stage.page.evaluate(() => {
          const { received } = /** @type {any} */ (window).probe;
          return received.some((/** @type {any} */ one) => one.message.type === "backend" && one.message.state === "lost");
        });
      await until("word that the assistant is lost", told, 10_000);
    },
    hold: () => sleep(2000),
    heal: async ({ assistant }) => assistant?.start(),
  },
];
