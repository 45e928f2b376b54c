// Faults of the network: made at the router, or at the page's cable.

import { check, until } from "../browser/harness.js";
import { captions, nextAnswer, type } from "../browser/talk.js";
import { tellOffline } from "./hands.js";
import { GATEWAY } from "./lab.js";
import { sleep } from "./time.js";

/** @typedef {import("./matrix.js").Entry} Entry */

const KEPT_S = 9; // life of the short-lived relay credentials

/** @param {number} s @param {number} limit_s @returns {Entry} */
const blocked = (s, limit_s) => ({
  name: `UDP blocked for ${s} s`,
  when: "during",
  limit_s,
  kept: true,
  inject: async ({ lab }) => lab.blockUdp(),
  hold: () => sleep(s * 1000),
  heal: async ({ lab }) => lab.heal(),
});

/** Not on 443: of a private address Chromium takes no port below 1024. @param {import("./lane.js").Stage} stage */
const listenTcp = (stage) => stage.addGateway(["--tcp", `${GATEWAY}:51443`, "--admin-token", "boss"]);

/** A question and its answer, and that it went over TCP. @param {import("./lane.js").Stage} stage */
async function overTcp({ page, gateway }) {
  const before = (await captions(page, "assistant")).length;
  await type(page, "tell me a joke");
  await nextAnswer(page, before);
  const sessions = await fetch(`${gateway.url}/api/sessions`, { headers: { authorization: "Bearer boss", connection: "close" } });
  const text = await sessions.text();
  check(text.includes('"transport":"tcp"'), `the gateway's sessions: ${text}`);
}

/** Of the page's manager. @param {import("./lane.js").Stage} stage
 * @returns {Promise<{route:string, bridged:boolean, isConnected:boolean}>} */
const connectionOf = ({ page }) =>
  page.evaluate(() => /** @type {any} */ (window).watch.manager?.getConnectionInfo() ??
    { route: "", bridged: false, isConnected: false });

/** Without WebRTC there is no data channel to ping over. @param {import("./lane.js").Stage} stage @param {number} from_ms
 * @param {number} limit_s */
async function overSocket(stage, from_ms, limit_s) {
  await until("a call by WebSocket", async () => {
    const { route, bridged, isConnected } = await connectionOf(stage);
    return (route === "SOCKET" || bridged) && isConnected;
  }, limit_s * 1000);
  return Date.now() - from_ms;
}

const SPEECH_DBFS = -45;

/** A question and its answer in words and in sound, and by which way. @param {import("./lane.js").Stage} stage */
async function talkOverSocket(stage) {
  const before = (await captions(stage.page, "assistant")).length;
  await type(stage.page, "tell me a joke");
  await until("the words", async () => (await captions(stage.page, "assistant")).length > before);
  const dbfs = await stage.page.evaluate(() => /** @type {any} */ (window).watch.loudest(100));
  check(dbfs > SPEECH_DBFS, `nothing to be heard: ${dbfs} dBFS`);
  const { route, bridged } = await connectionOf(stage);
  check(route === "SOCKET" || bridged, `the way is ${route}`);
  stage.note = "by WebSocket";
}

/** @param {import("./lane.js").Stage} stage */
async function letSocketsPass(stage) {
  await stage.addGateway([]);
  stage.proxy.sockets = true;
}

const TYPED = "what time is it";

/** @type {Entry[]} */
export const NETWORK = [
  blocked(1, 10),
  blocked(5, 10),
  blocked(20, 10),
  {
    // Long enough that the connection into which it is typed is given up.
    name: "text typed while UDP is blocked for 12 s",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async ({ lab, page }) => {
      lab.blockUdp();
      await type(page, TYPED);
      await sleep(11_000);
      await type(page, "tell me a joke"); // there is no channel now
      await sleep(1000);
    },
    heal: async ({ lab }) => lab.heal(),
    proof: async (stage) => {
      await until("the answers to what was typed", async () => (await captions(stage.page, "assistant")).length > 1, 20_000);
      await until("nothing that waits", () => stage.page.evaluate(() => !document.querySelector(".waits")), 10_000);
      const typed = await captions(stage.page, "person");
      for (const text of [TYPED, "tell me a joke"]) {
        check(typed.filter((one) => one === text).length === 1, `said once: ${text}; captions: ${typed.join(" | ")}`);
      }
    },
  },
  {
    name: "path change, address and port",
    when: "during",
    limit_s: 10,
    target_ms: 1000,
    kept: true,
    inject: async ({ lab }) => lab.changePath(),
  },
  {
    name: "no UDP at all, TURN over TCP",
    when: "before",
    limit_s: 20,
    prepare: async (stage) => {
      await stage.addGateway([]);
      stage.offerRelays(600);
    },
    inject: async ({ lab }) => lab.blockUdp(),
  },
  {
    name: "UDP blocked for good, TURN over TCP",
    when: "during",
    limit_s: 20,
    kept: true,
    prepare: async (stage) => {
      await stage.addGateway([]);
      stage.offerRelays(600);
    },
    inject: async ({ lab }) => lab.blockUdp(),
  },
  {
    name: "no UDP at all, ICE-TCP",
    when: "before",
    limit_s: 10,
    prepare: listenTcp,
    inject: async ({ lab }) => lab.blockUdp(),
    proof: overTcp,
  },
  {
    name: "UDP blocked for good, ICE-TCP",
    when: "during",
    limit_s: 20,
    kept: true,
    prepare: listenTcp,
    inject: async ({ lab }) => lab.blockUdp(),
    proof: overTcp,
  },
  {
    name: "no UDP at all, and no relay",
    when: "before",
    limit_s: 15,
    prepare: letSocketsPass,
    inject: async ({ lab }) => lab.blockUdp(),
    recovery: overSocket,
    proof: talkOverSocket,
  },
  {
    name: "UDP blocked for good, and no relay",
    when: "during",
    limit_s: 25,
    kept: true,
    prepare: letSocketsPass,
    inject: async ({ lab }) => lab.blockUdp(),
    recovery: overSocket,
    proof: talkOverSocket,
  },
  {
    name: "UDP blocked until the call goes by WebSocket",
    when: "during",
    limit_s: 20,
    kept: true,
    prepare: letSocketsPass,
    inject: async (stage) => {
      stage.lab.blockUdp();
      await until("WebRTC to be given up", async () => (await connectionOf(stage)).route === "SOCKET", 30_000);
    },
    heal: async ({ lab }) => lab.heal(),
    recovery: async (stage, from_ms, limit_s) => {
      await until("WebRTC again", async () => (await connectionOf(stage)).route !== "SOCKET", limit_s * 1000);
      return Date.now() - from_ms;
    },
    proof: async (stage) => {
      const before = (await captions(stage.page, "assistant")).length;
      await type(stage.page, "tell me a joke");
      await nextAnswer(stage.page, before);
      const { route, isConnected } = await connectionOf(stage);
      check(route !== "SOCKET" && isConnected, `the way is ${route}`);
    },
  },
  {
    name: "TURN credentials expired, and the relay lost",
    when: "during",
    limit_s: 20,
    kept: true,
    prepare: async (stage) => {
      await stage.addGateway([]);
      stage.offerRelays(KEPT_S);
      stage.lab.blockUdp();
    },
    inject: async ({ lab }) => {
      await sleep(KEPT_S * 1000);
      lab.blockRelays();
    },
    hold: () => sleep(2000),
    heal: async ({ lab }) => lab.blockUdp(),
  },
  {
    name: "60 % loss for 10 s",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async ({ lab }) => lab.lose(60),
    hold: () => sleep(10_000),
    heal: async ({ lab }) => lab.heal(),
  },
  {
    name: "400, then 24, then 400 kbit/s",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async ({ lab }) => {
      lab.rate(400);
      await sleep(2000);
      lab.rate(24);
    },
    hold: () => sleep(10_000),
    heal: async ({ lab }) => lab.rate(400),
  },
  {
    name: "cable out for 5 s",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async (stage) => {
      stage.lab.unplug();
      await sleep(5000);
      const online = await stage.page.evaluate(() => navigator.onLine);
      stage.note = `link down; navigator.onLine was ${online}`;
    },
    heal: async ({ lab }) => lab.plug(),
  },
  {
    name: "offline, then online, said by the browser",
    when: "during",
    limit_s: 10,
    kept: true,
    inject: async (stage) => {
      await tellOffline(stage, true);
      await until("navigator.onLine to be false", () => stage.page.evaluate(() => !navigator.onLine), 3000);
      await sleep(5000);
    },
    heal: (stage) => tellOffline(stage, false),
    after: (stage) => tellOffline(stage, false),
  },
];
