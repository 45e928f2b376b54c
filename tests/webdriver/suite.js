// One suite for every browser: `./run` starts it. Results go to build/webdriver, and from there to docs/compatibility.md.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Gateway } from "../browser/gateway.js";
import { check, note, runAll, test, until } from "../browser/harness.js";
import { SoundCard } from "../browser/speech.js";
import { chromium, firefox, remote, webkit } from "./browsers.js";
import { Results } from "./results.js";
import * as talk from "./talk.js";

/** @typedef {import("./browsers.js").Running} Running */
/** @typedef {import("./browsers.js").Wish} Wish */
/** |webrtc|: without it the call goes over a WebSocket, and there is no quality to be shown.
 * @typedef {{name: string, start: (wish: Wish) => Promise<Running>, spoken: boolean, webrtc: boolean}} Kind */

const LOCAL = {
  chromium: { name: "Chromium", start: chromium, spoken: true, webrtc: true },
  firefox: { name: "Firefox", start: firefox, spoken: true, webrtc: true },
  webkit: { name: "WebKitGTK", start: webkit, spoken: true, webrtc: false },
};
const REMOTE = { chrome: "Chrome", firefox: "Firefox", MicrosoftEdge: "Edge", safari: "Safari" };

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "webdriver-"));
const [grid, host] = [process.env["GRID"] ?? "", process.env["GATEWAY_HOST"] ?? "127.0.0.1"];
const gateway = new Gateway(String(process.env["GATEWAY"]), {
  // A grid's browsers come from elsewhere and bring no token.
  ...(grid ? { http: process.env["GATEWAY_HTTP"] ?? "0.0.0.0:51000", udp: "0.0.0.0:51001" } : {}),
  args: grid ? ["--no-auth", "--host", host] : [],
});
const results = new Results(process.env["RESULTS"] ?? "");
/** @type {SoundCard|null} */
let card = null;

/** @returns {Kind[]} */
function kinds() {
  const names = process.argv.slice(2);
  if (grid) {
    return Object.entries(REMOTE).filter(([id]) => names.includes(id)).map(([id, name]) =>
      ({ name, start: (wish) => remote(grid, id, wish), spoken: false, webrtc: true }));
  }
  return Object.entries(LOCAL).filter(([id]) => !names.length || names.includes(id)).map(([, kind]) => kind);
}

/** @typedef {Record<string, (place: talk.Place) => Promise<string>>} Features by name, in order */

/** @type {Features} */
const BEGIN = { connects: (place) => talk.connects(place), "answers a typed text in words and sound": talk.answers };
/** @type {Features} */
const END = { "recovers when the gateway dies": talk.recovers, "hangs up": talk.hangsUp };
/** @type {Features} */
const SPOKEN = { "hold to talk": talk.pushToTalk, "hands-free": talk.handsFree };
/** @type {Features} */
const SOCKET = { ...BEGIN, ...SPOKEN, ...END };
/** @type {Features} */
const VOICE = { ...BEGIN, "shows the quality": talk.quality, ...SPOKEN, ...END };
/** @type {Features} */
const TONE = { ...BEGIN, "hold to talk": talk.pushToTalk, "shows the quality": talk.quality, "a photo": talk.photo, ...END };
/** @type {Features} */
const CAMERA = { connects: (place) => talk.connects(place), "a photo": talk.photo, "hangs up": talk.hangsUp };

/** The features in one run of the browser. @param {Kind} kind @param {boolean} fake @param {Features} features */
function testWith(kind, fake, features) {
  /** @type {Running|null} */
  let running = null;
  const begin = async () => {
    const origin = `http://${host}:${new URL(gateway.url).port}`;
    running ??= await kind.start({ fake, origin, folder, env: card?.env ?? {} });
    results.version(kind.name, running.driver.version);
    return { driver: running.driver, gateway, origin, card: fake ? null : card, folder };
  };
  const last = Object.keys(features).at(-1);
  for (const [feature, run] of Object.entries(features)) {
    test(`${kind.name}: ${feature}`, async () => {
      results.add(kind.name, feature, false);
      try {
        note(await run(await begin()));
        results.add(kind.name, feature, true);
      } finally {
        if (feature === last) {
          await running?.stop();
          running = null;
        }
      }
    });
  }
}

for (const kind of kinds()) {
  testWith(kind, !kind.spoken, !kind.webrtc ? SOCKET : kind.spoken ? VOICE : TONE);
  if (kind.spoken && kind.webrtc) testWith(kind, true, CAMERA);
}

async function main() {
  check(kinds().length, `no such browser; there are ${Object.keys(grid ? REMOTE : LOCAL).join(", ")}`);
  await gateway.start();
  if (!grid) {
    card = new SoundCard(folder);
    await until("the sound server", () => card?.choose() ?? false, 5000);
  }
  const well = await runAll("");
  if (!well) console.log(gateway.log.slice(-2000));
  return well;
}

main()
  .catch((error) => {
    console.error(error);
    return false;
  })
  .then(async (well) => {
    results.write();
    await gateway.stop();
    card?.close();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    process.exit(well ? 0 : 1);
  });
