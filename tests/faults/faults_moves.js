// The page's network changes in the middle of the assistant's sentence. Recovered here is the sound: the time to recover
// goes from the new path working to the second packet of sound that came through it, as the browser counts them, or over a
// WebSocket that stands in for it meanwhile.

import { check, until } from "../browser/harness.js";
import { captions, nextAnswer, reach, type } from "../browser/talk.js";
import { pairInUse } from "./pair.js";
import { sleep } from "./time.js";

/** @typedef {import("./matrix.js").Entry} Entry */
/** @typedef {import("./lane.js").Stage} Stage */

const QUESTION = "what can you do";
/** What the embedded assistant says then: the words that must not be lost. */
const BEGINNING = "I can tell you";
const ANSWER = "I can tell you the time or the date. I can tell a joke, set the volume, take a photo, or play music. Just ask.";
const DOWN_MS = 2000;
/** Of 20 ms, in a row: a browser bridges so much without a gap. */
const FRAMES_UNHEARD = 3;
const TAIL_MS = 1500; // the stream runs on for a second

/** Runs in the page: counts packets of sound, 50 times a second, and each that comes over a WebSocket, as peer -1. */
function countSound() {
  const { probe } = /** @type {any} */ (window);
  /** @type {{at_ms:number, peer:number, n:number}[]} */
  const counts = [];
  /** @type {any} */ (window).sound = counts;
  let n_socket = 0;
  window.WebSocket = class extends WebSocket {
    /** @param {string|URL} url @param {string|string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      this.addEventListener("message", ({ data }) => {
        if (typeof data !== "string") counts.push({ at_ms: Date.now(), peer: -1, n: ++n_socket });
      });
    }
  };
  // One does not wait for the other: a connection that is being closed may never answer.
  setInterval(async () => {
    const peer = probe.peers.length - 1;
    const stats = await probe.peers[peer].getStats().catch(() => new Map());
    for (const one of stats.values()) {
      if (one.type !== "inbound-rtp" || one.kind !== "audio") continue;
      counts.push({ at_ms: Date.now(), peer, n: one.packetsReceived });
    }
  }, 20);
}

/** In the page: epoch ms of the first look that has the second packet since |from_ms|. @param {number} from_ms */
function soundSince(from_ms) {
  const counts = /** @type {{at_ms:number, peer:number, n:number}[]} */ (/** @type {any} */ (window).sound);
  const before = new Map(counts.filter((one) => one.at_ms < from_ms).map(({ peer, n }) => [peer, n]));
  return counts.find((one) => one.at_ms >= from_ms && one.n >= (before.get(one.peer) ?? 0) + 2)?.at_ms;
}

/** Asks, and waits until the answer is in full flow. @param {Stage} stage */
async function listen({ page }) {
  await reach(page, ["ready"], 20_000); // what was said before is over
  await type(page, QUESTION);
  await page.evaluate(countSound);
  await until("the first words", async () => (await captions(page, "assistant")).at(-1)?.startsWith(BEGINNING));
  await sleep(500);
}

/** Frames that the gateway sent and the page did not get, on whatever connection, and those that it sent again. They are
 * of 20 ms. @param {Stage} stage */
async function framesOf({ page, gateway }) {
  const metrics = await (await fetch(`${gateway.url}/metrics`, { headers: { connection: "close" } })).text();
  const figure = (/** @type {string} */ name) => Number(new RegExp(`^xiaozhi_rtc_${name} (\\d+)`, "m").exec(metrics)?.[1]);
  const received = await page.evaluate(() => {
    /** @type {Map<number, number>} */
    const last = new Map();
    for (const { peer, n } of /** @type {any} */ (window).sound) last.set(peer, Math.max(n, last.get(peer) ?? 0));
    const socket = last.get(-1) ?? 0;
    return { socket, rtp: [...last.values()].reduce((sum, n) => sum + n, 0) - socket };
  });
  const lost = figure('rtp_packets_total\\{direction="out"\\}') - received.rtp;
  return { lost, repeated: figure("speech_repeated_frames_total"), socket: received.socket };
}

/** @param {string} name @param {(stage:Stage) => Promise<void>} change @param {Partial<Entry>} [more] @returns {Entry} */
const moves = (name, change, more = {}) => ({
  name: `moves as it speaks: ${name}`,
  when: "during",
  limit_s: 20,
  target_ms: 1000,
  kept: true,
  prepare: async (stage) => {
    await stage.addGateway([]);
    stage.proxy.sockets = true;
  },
  inject: async (stage) => {
    await listen(stage);
    await change(stage);
  },
  recovery: async ({ page }, from_ms, limit_s) => {
    const at_ms = await until("sound", () => page.evaluate(soundSince, from_ms), limit_s * 1000);
    return at_ms - from_ms;
  },
  proof: async (stage) => {
    const { page } = stage;
    const said = async () => (await captions(page, "assistant")).join(" ");
    await until("every word of the answer", async () => (await said()).endsWith(ANSWER), 30_000).catch(async (error) => {
      throw new Error(`${error.message}; there is: ${await said()}`);
    });
    await reach(page, ["ready"], 30_000);
    await sleep(TAIL_MS);
    const { lost, repeated, socket } = await framesOf(stage);
    stage.note = `${lost} frames lost, ${repeated} said again${socket ? `, ${socket} by WebSocket meanwhile` : ""}`;
    const { route, bridged } = await page.evaluate(() => /** @type {any} */ (window).watch.manager.getConnectionInfo());
    check(route !== "SOCKET" && !bridged, "the call is back on WebRTC");
    check(lost <= repeated + FRAMES_UNHEARD, stage.note);
  },
  ...more,
});

const LIFE_S = 9;

/** The relay that the page uses: its address there; "": Firefox, just now, goes over to another.
 * @param {Stage} stage @returns {Promise<string>} */
async function relayOf({ page }) {
  const { local } = await pairInUse(page);
  return !local ? "" : local.candidateType === "relay" ? `${local.address}:${local.port}` : local.candidateType;
}

/** Nothing goes wrong: the manager is ahead of the credentials' end, and nobody hears it.
 * @param {Stage} stage @param {string[]} relays gets those that were used */
async function outlive(stage, relays) {
  const { page } = stage;
  await listen(stage);
  const end_ms = Date.now() + 3 * LIFE_S * 1000;
  while (Date.now() < end_ms) {
    const relay = await relayOf(stage);
    if (relay && relay !== relays.at(-1)) relays.push(relay);
    if (await page.evaluate(() => document.documentElement.dataset["state"] === "ready")) await type(page, QUESTION);
    await sleep(500);
  }
}

/** @type {string[]} */
let relays = [];

/** @type {Entry} */
const OUTLIVES = {
  name: "a call by relay that outlives its credentials three times",
  when: "during",
  limit_s: 10,
  kept: true,
  prepare: async (stage) => {
    await stage.addGateway([]);
    stage.offerRelays(LIFE_S);
    stage.lab.blockUdp();
  },
  inject: async (stage) => {
    relays = [];
    await outlive(stage, relays);
  },
  proof: async (stage) => {
    const { page } = stage;
    await reach(page, ["ready"], 30_000);
    await sleep(TAIL_MS);
    const { lost, repeated } = await framesOf(stage);
    const asked = stage.proxy.seen.slice(stage.mark).filter((one) => one.what.startsWith("GET /api/ice")).length;
    /** @type {string[]} */
    const states = await page.evaluate((from) => {
      /** @type {{name:string, at_ms:number, detail:any}[]} */
      const told = /** @type {any} */ (window).watch.told;
      return told.filter((one) => one.name === "state" && one.at_ms >= from).map((one) => one.detail.state);
    }, stage.began_ms);
    stage.note = `credentials of ${LIFE_S} s fetched ${asked} times, ${relays.length} relays used, ${lost} frames lost, ` +
      `${repeated} said again`;
    check(asked >= 3 && relays.length >= 3 && !relays.some((one) => !/^[\d.]+:\d+$/.test(one)), `${stage.note}: ${relays}`);
    check(states.every((one) => one === "CONNECTED"), `it was never without a connection: ${states}`);
    check(lost <= repeated + FRAMES_UNHEARD * relays.length, stage.note);
    const before = (await captions(page, "assistant")).length;
    await type(page, "tell me a joke");
    await nextAnswer(page, before);
  },
};

/** @type {Entry[]} */
export const MOVES = [
  OUTLIVES,
  moves("NAT rebind", async ({ lab }) => lab.changePath()),
  moves("another address", async ({ lab }) => lab.renumber()),
  moves("nothing arrives for 2 s", async ({ lab }) => lab.loseArrivals(), {
    hold: () => sleep(DOWN_MS),
    heal: async ({ lab }) => lab.heal(),
  }),
  moves("nothing leaves for 2 s", async ({ lab }) => lab.loseDepartures(), {
    hold: () => sleep(DOWN_MS),
    heal: async ({ lab }) => lab.heal(),
  }),
  moves("interface down for 2 s", async ({ lab }) => lab.unplug(), {
    hold: () => sleep(DOWN_MS),
    heal: async ({ lab }) => lab.plug(),
  }),
];
