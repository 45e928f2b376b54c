// The page's network changes in the middle of the assistant's sentence. Recovered here is the sound: the time to recover
// goes from the new path working to the second packet of sound that came through it, as the browser counts them.

import { check, until } from "../browser/harness.js";
import { captions, reach, type } from "../browser/talk.js";
import { sleep } from "./time.js";

/** @typedef {import("./matrix.js").Entry} Entry */
/** @typedef {import("./lane.js").Stage} Stage */

const QUESTION = "what can you do";
/** What the embedded assistant says then: the words that must not be lost. */
const ANSWER = "I can tell you the time or the date. I can tell a joke, set the volume, or take a photo. Just ask.";
const DOWN_MS = 2000;

/** Runs in the page: counts packets of sound, 50 times a second. */
function countSound() {
  const { probe } = /** @type {any} */ (window);
  /** @type {{at_ms:number, peer:number, n:number, n_lost:number}[]} */
  const counts = [];
  /** @type {any} */ (window).sound = counts;
  const look = async () => {
    const peer = probe.peers.length - 1;
    const stats = await probe.peers[peer].getStats().catch(() => new Map()); // it is being closed
    for (const one of stats.values()) {
      if (one.type !== "inbound-rtp" || one.kind !== "audio") continue;
      counts.push({ at_ms: Date.now(), peer, n: one.packetsReceived, n_lost: one.packetsLost });
    }
    setTimeout(look, 20);
  };
  look();
}

/** In the page: epoch ms of the first look that has the second packet after |from_ms|. @param {number} from_ms */
function soundSince(from_ms) {
  const counts = /** @type {{at_ms:number, peer:number, n:number}[]} */ (/** @type {any} */ (window).sound);
  const first = counts.find((one) => one.at_ms >= from_ms);
  return first && counts.find((one) => one.n >= (one.peer === first.peer ? first.n : 0) + 2 && one.at_ms > first.at_ms)?.at_ms;
}

/** Asks, and waits until the answer is in full flow. @param {Stage} stage */
async function listen({ page }) {
  await reach(page, ["ready"], 20_000); // what was said before is over
  await type(page, QUESTION);
  await reach(page, ["speaking"], 20_000);
  await page.evaluate(countSound);
  await until("a packet of sound", () => page.evaluate(() => /** @type {any} */ (window).sound.at(-1)?.n > 20));
  await sleep(500);
}

/** @param {string} name @param {(stage:Stage) => Promise<void>} change @param {Partial<Entry>} [more] @returns {Entry} */
const moves = (name, change, more = {}) => ({
  name: `moves as it speaks: ${name}`,
  when: "during",
  limit_s: 20,
  target_ms: 1000,
  kept: true,
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
    const lost = await page.evaluate(() => {
      const counts = /** @type {{peer:number, n_lost:number}[]} */ (/** @type {any} */ (window).sound);
      const [first, last] = [counts[0], counts.at(-1)];
      return first && last && last.n_lost - (first.peer === last.peer ? first.n_lost : 0);
    });
    check(lost !== undefined, "nothing was counted");
    stage.note = `${lost * 20} ms of sound lost`;
  },
  ...more,
});

/** @type {Entry[]} */
export const MOVES = [
  moves("NAT rebind", async ({ lab }) => lab.changePath()),
  // Not Firefox: it makes a new connection then, and the gateway does not say again what it said meanwhile.
  moves("interface down for 2 s", async ({ lab }) => lab.unplug(), {
    browsers: ["chromium"],
    hold: () => sleep(DOWN_MS),
    heal: async ({ lab }) => lab.plug(),
  }),
];
