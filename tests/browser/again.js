// A connection that dies in the middle of an answer, with what was under way on it: the page comes back, and every caption of
// the answer stands in its history once.

import { check, note, same, test, until } from "./harness.js";
import { call, captions, reach, type } from "./talk.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */

/** What the assistant answers with four sentences, as it does to all that it does not understand. */
const QUESTION = "the quick brown fox";
const FIRST = "Sorry, I did not understand that.";
const LAST = "Just ask.";

/** From `deaf = true` on nothing reaches the page over the connection of now; the probe, before it, sees all. @param {Page} page */
const mayGoDeaf = (page) =>
  page.evaluateOnNewDocument(() => {
    const create = RTCPeerConnection.prototype.createDataChannel;
    RTCPeerConnection.prototype.createDataChannel = function (/** @type {string} */ label, /** @type {any} */ options) {
      const channel = create.call(this, label, options);
      const all = /** @type {any} */ (window).probe.channels;
      channel.addEventListener("message", (event) => {
        if (/** @type {any} */ (window).deaf === all.indexOf(channel)) event.stopImmediatePropagation();
      });
      return channel;
    };
  });

/** All that the gateway said of the conversation, each message as often as it came: [number, text]. @param {Page} page
 * @returns {Promise<[number, string][]>} */
const said = (page) =>
  page.evaluate(() => /** @type {any} */ (window).probe.received.flatMap((/** @type {any} */ { message }) =>
    (message.n ? [[message.n, message.state === "sentence_start" ? message.text : ""]] : [])));

/** @param {Page} page @param {string} url */
async function loses(page, url) {
  await mayGoDeaf(page);
  await call(page, url);
  await page.evaluate(() => Object.assign(window, { deaf: /** @type {any} */ (window).probe.channels.length - 1 }));
  await type(page, QUESTION);
  await until("the first sentence, for deaf ears", async () => (await said(page)).some(([, text]) => text === FIRST));
  same(await captions(page, "assistant"), [], "captions before");
  await page.evaluate(() => /** @type {any} */ (window).probe.peers.at(-1).close());
  await until("the last sentence", async () => (await said(page)).some(([, text]) => text === LAST), 30_000);
  await reach(page, ["ready"], 30_000);
  const offers = await page.evaluate(() => /** @type {any} */ (window).probe.posts.flatMap((/** @type {any} */ { path, body }) =>
    (path === "/api/offer" && body.resume ? [body.heard] : [])));
  same([offers.length, offers[0]], [1, 0], "one offer that resumes, and what it says was heard");
  const all = await said(page);
  const texts = new Map(all);
  same([...texts.keys()], [...texts.keys()].map((_, i) => i + 1), "no number is missing");
  const sentences = [...texts.values()].filter(Boolean);
  same([sentences[0], sentences.at(-1)], [FIRST, LAST], "the answer");
  check(sentences.length >= 4, `${sentences.length} sentences`);
  same(await captions(page, "assistant"), [sentences.join(" ")], "the answer in the page's history");
  same(await captions(page, "person"), [QUESTION], "the question there");
  note(`${all.length - texts.size} of ${texts.size} messages came twice, ${sentences.length} sentences are shown once`);
}

/** @param {Bench} bench */
export function testAgain({ inChromium, inFirefox, gateway }) {
  for (const [name, use] of Object.entries({ chromium: inChromium, firefox: inFirefox })) {
    test(`${name}: recover: a connection dies in an answer: every sentence of it stands in the history, once`, () =>
      use((page) => loses(page, gateway.url)));
  }
}
