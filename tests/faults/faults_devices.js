// Faults of the microphone. Both browsers hear a sound server whose sources come, go and are muted; permissions are
// changed where the browser keeps them. Hands-free, so that the microphone is in use all the time.

import path from "node:path";
import { STOP_SHARING } from "../browser/browsers.js";
import { until } from "../browser/harness.js";
import { captions, nextAnswer } from "../browser/talk.js";
import { speak } from "../browser/speech.js";
import { listeners, permission, permitMicrophone, plug, privileged, unplug, usualMicrophone } from "./hands.js";
import { sleep } from "./time.js";

/** @typedef {import("./matrix.js").Entry} Entry */
/** @typedef {import("./lane.js").Stage} Stage */

/** The track that the present connection sends. @param {Stage} stage */
const microphone = ({ page }) =>
  page.evaluate(() => {
    const open = (/** @type {RTCPeerConnection} */ peer) => peer.connectionState === "connected";
    const peer = /** @type {any} */ (window).probe.peers.filter(open).at(-1);
    const track = peer?.getSenders().find((/** @type {RTCRtpSender} */ sender) => sender.track?.kind === "audio")?.track;
    if (!track) return null;
    return { label: track.label, id: track.id, hears: track.readyState === "live" && track.enabled && !track.muted };
  });

/** Until something is heard again that is not what was lost. @param {Stage} stage @param {number} from_ms
 * @param {number} limit_s */
async function heard(stage, from_ms, limit_s) {
  await until("a microphone that hears", async () => {
    const now = await microphone(stage);
    return now?.hears && !/^Monitor of/.test(now.label); // what is played is no microphone, even if Firefox takes it for one
  }, limit_s * 1000);
  return Date.now() - from_ms;
}

/** Spoken words are understood and answered; they may be said again, as one does. @param {Stage} stage */
async function spoken({ page, card, folder }) {
  const [before, answers] = [(await captions(page, "person")).length, (await captions(page, "assistant")).length];
  const { file } = speak(folder, "tell me a joke", 0.4);
  for (let tries = 1; ; tries++) {
    await until("listening", () => page.evaluate(() => document.documentElement.dataset["state"] === "listening"), 20_000);
    await card.play(path.resolve(file));
    try {
      await until("a caption of the person", async () => (await captions(page, "person")).length > before, 5000);
      break;
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
  await nextAnswer(page, answers);
}

/** What the page says of it, for the table. @param {Stage} stage */
async function say(stage) {
  const text = await stage.page.evaluate(() => {
    const box = document.getElementById("notice");
    return box?.hidden ? "" : (document.getElementById("notice-text")?.textContent ?? "");
  });
  stage.note = text ? `the page said: ${text}` : "the page said nothing";
}

/** @type {Pick<Entry, "when"|"mode"|"limit_s"|"kept"|"recovery"|"proof"|"after">} */
const MICROPHONE = {
  when: "during",
  mode: "auto",
  limit_s: 8,
  kept: true,
  recovery: heard,
  proof: spoken,
  after: usualMicrophone,
};

/** The person chooses the headset. The present track is kept by, to see what becomes of it. @param {Stage} stage */
const chooseHeadset = ({ page }) =>
  page.evaluate(async () => {
    const { watch, probe } = /** @type {any} */ (window);
    const devices = await navigator.mediaDevices.enumerateDevices();
    const inputs = devices.filter((one) => one.kind === "audioinput");
    const headset = inputs.find((one) => /headset/i.test(one.label));
    if (!headset) throw new Error(`no headset among ${inputs.map((one) => one.label).join(", ")}`);
    const senders = probe.peers.at(-1).getSenders();
    watch.before = senders.find((/** @type {RTCRtpSender} */ one) => one.track?.kind === "audio").track;
    if (/headset/i.test(watch.before.label)) throw new Error("the headset is in use already");
    void watch.manager.selectDevice("audioinput", headset.deviceId);
  });

/** @type {Entry[]} */
export const DEVICES = [
  {
    ...MICROPHONE,
    name: "microphone unplugged, another is there",
    prepare: async (stage) => {
      await plug(stage, "headset");
      await stage.addGateway([]);
    },
    inject: async (stage) => {
      const was = await microphone(stage);
      await unplug(stage, "microphone");
      await until("the end of the track", async () => {
        const now = await microphone(stage);
        return !now?.hears || now.id !== was?.id;
      }, 5000);
    },
  },
  {
    ...MICROPHONE,
    name: "microphone unplugged, and plugged in again",
    inject: async (stage) => {
      const was = await microphone(stage);
      await unplug(stage, "microphone");
      await until("the end of the track", async () => {
        const now = await microphone(stage);
        return !now?.hears || now.id !== was?.id;
      }, 5000);
    },
    hold: async (stage) => {
      await sleep(1500);
      await say(stage);
    },
    heal: async (stage) => {
      await plug(stage, "microphone");
      stage.card.control("set-default-source", "microphone");
    },
  },
  {
    ...MICROPHONE,
    name: "microphone switched: another one is chosen",
    prepare: async (stage) => {
      await plug(stage, "headset");
      await stage.addGateway([]);
    },
    inject: chooseHeadset,
    recovery: async (stage, from_ms, limit_s) => {
      await until("sound of the headset", async () => {
        const now = await microphone(stage);
        return now?.hears && /headset/i.test(now.label);
      }, limit_s * 1000);
      return Date.now() - from_ms;
    },
    proof: async (stage) => {
      const old = () => stage.page.evaluate(() => /** @type {any} */ (window).watch.before.readyState);
      await until("the end of the old track", async () => (await old()) === "ended", 2000);
      // Nothing listens to the old one any more, so what is understood came from the new one; to be sure, it is deaf.
      await until("the old device to be free", () => listeners(stage, "microphone") === 0, 5000);
      stage.card.control("set-source-mute", "microphone", "1");
      await spoken(stage);
      stage.note = "WebRTCManager.selectDevice; the old device muted afterwards";
    },
  },
  {
    ...MICROPHONE,
    name: "microphone muted by the system for 8 s",
    inject: async ({ card }) => void card.control("set-source-mute", "microphone", "1"),
    hold: async (stage) => {
      await sleep(8000);
      await say(stage);
    },
    heal: async ({ card }) => void card.control("set-source-mute", "microphone", "0"),
  },
  {
    ...MICROPHONE,
    name: "microphone: permission denied, then given",
    when: "before",
    inject: (stage) => permitMicrophone(stage, "denied"),
    hold: async (stage) => {
      const told = () => stage.page.evaluate(() => document.getElementById("notice")?.hidden === false);
      await until("word that there is no microphone", told);
      await say(stage);
    },
    heal: (stage) => permitMicrophone(stage, "granted"),
    after: (stage) => permitMicrophone(stage, "granted"),
  },
  {
    ...MICROPHONE,
    name: "microphone: permission revoked, then given",
    inject: async (stage) => {
      if (stage.kind === "firefox") await privileged(stage, `${STOP_SHARING}\n${permission(stage, "denied")}`);
      else await permitMicrophone(stage, "denied");
      await until("silence", async () => !(await microphone(stage))?.hears, 5000);
    },
    hold: async (stage) => {
      await sleep(1000);
      await say(stage);
    },
    heal: (stage) => permitMicrophone(stage, "granted"),
    after: (stage) => permitMicrophone(stage, "granted"),
  },
];
