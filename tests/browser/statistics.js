// The gateway's statistics beside the browser's own and beside a record read by tshark, of the same call: every packet
// passes a middle that counts, delays, and loses some, so that both ends can be held to what really passed.
//
// The call is an echo. Then its sound is stopped, nothing is on its way any more, and the figures have to be equal: in
// Chromium all of them, in Firefox those that it tells.

import { execFileSync } from "node:child_process";
import dgram from "node:dgram";
import fs from "node:fs";
import path from "node:path";
import { launchChromium, openPage } from "./browsers.js";
import { Gateway } from "./gateway.js";
import { check, note, same, test, until } from "./harness.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {import("./start.js").Bench} Bench */
/** @typedef {{packets:number, bytes:number, again:number, dropped:number, droppedBytes:number, missing:number}} Passed
 *   RTP that came out of the middle, in whole packets without SRTP's tag; of what went in: what was sent before, what did
 *   not come out, and how many numbers never did */
/** @typedef {Record<string, Record<string, any>>} Stats  by type, of sound */

const TOKEN = "boss";
const DELAY_MS = 20; // one way
const NEAR_MS = 5;
const FIRST_LOST = 40; // of the packets of a direction
const EVERY = 12;
const N_LOST = 8;

/** One direction of the middle. */
class Way {
  /** @type {Map<number, boolean>} by number: whether it came out */
  #passed = new Map();
  #n = { packets: 0, bytes: 0, again: 0, dropped: 0, droppedBytes: 0 };
  lastAt = 0;
  /** Bytes of SRTP at the end of each packet. */
  tag = 0;

  /** @returns {Passed} */
  get passed() {
    const { packets, bytes, again, dropped, droppedBytes } = this.#n;
    const missing = [...this.#passed.values()].filter((out) => !out).length;
    return { packets, bytes: bytes - packets * this.tag, again, dropped, droppedBytes: droppedBytes - dropped * this.tag, missing };
  }

  /** Whether it goes on. What is lost is lost again when it is sent again, if its number is odd. Nothing comes out twice.
   * @param {Buffer} packet */
  takes(packet) {
    const [first = 0, second = 0] = packet;
    if (first >> 6 !== 2 || (second >= 192 && second < 224)) return true; // RTCP (RFC 5761), or something else
    this.lastAt = performance.now();
    const number = packet.readUInt16BE(2);
    const before = this.#passed.get(number);
    const turn = this.#passed.size - FIRST_LOST;
    const isLost = turn >= 0 && turn % EVERY === 0 && turn / EVERY < N_LOST && !(first & 32); // padding may not be missed
    const passes = before === undefined ? !isLost : !before && number % 2 === 0;
    if (before !== undefined) this.#n.again++;
    this.#passed.set(number, before || passes);
    this.#n[passes ? "packets" : "dropped"]++;
    this.#n[passes ? "bytes" : "droppedBytes"] += packet.length;
    return passes;
  }
}

/** Between the browser and the gateway, which sees each of the browser's sockets as one of the middle's. */
class Middle {
  up = new Way();
  down = new Way();
  #front = dgram.createSocket("udp4");
  /** @type {Map<string, dgram.Socket>} by the browser's address */
  #backs = new Map();

  /** @param {number} port of the gateway's media @returns {Promise<number>} its own port */
  async open(port) {
    this.#front.on("message", (packet, from) => {
      const name = `${from.address}:${from.port}`;
      const back = this.#backs.get(name) ?? this.#socketFor(from);
      this.#backs.set(name, back);
      this.#forward(this.up, packet, back, port, from.address); // Firefox takes no mapped address that is loopback
    });
    await new Promise((resolve) => this.#front.bind(0, () => resolve(0)));
    return this.#front.address().port;
  }

  /** @param {dgram.RemoteInfo} browser */
  #socketFor({ port, address }) {
    return dgram.createSocket("udp4").on("message", (packet) => this.#forward(this.down, packet, this.#front, port, address));
  }

  /** @param {Way} way @param {Buffer} packet @param {dgram.Socket} socket @param {number} port @param {string} address */
  #forward(way, packet, socket, port, address) {
    if (!way.takes(packet)) return;
    setTimeout(() => {
      if (!this.#closed) socket.send(packet, port, address);
    }, DELAY_MS);
  }

  #closed = false;

  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of [this.#front, ...this.#backs.values()]) socket.close();
  }
}

/** In the page: an offer of sound, and a channel. @param {boolean} asks lost packets are to be asked for again */
async function offerInPage(asks) {
  const peer = new RTCPeerConnection();
  const channel = peer.createDataChannel("figures");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const [track] = stream.getAudioTracks();
  if (!track) throw new Error("no sound");
  const call = { peer, sender: peer.addTrack(track, stream), echoes: 0 };
  Object.assign(window, { call });
  channel.onmessage = () => void call.echoes++;
  channel.onopen = () => ["one", "another", "the third"].forEach((text) => channel.send(JSON.stringify(text)));
  const offer = await peer.createOffer();
  const sdp = String(offer.sdp).replace(asks ? /^a=rtpmap:(\d+) opus.*\r\n/m : /^$/, "$&a=rtcp-fb:$1 nack\r\n");
  await peer.setLocalDescription({ type: "offer", sdp });
  return peer.localDescription?.sdp.replaceAll(/^a=(candidate|end-of-candidates).*\r\n/gm, "") ?? "";
}

/** In the page: what the browser says, of sound. @returns {Promise<Stats>} */
async function statsInPage() {
  /** @type {Stats} */
  const all = {};
  const report = await /** @type {any} */ (window).call.peer.getStats();
  for (const stat of report.values()) if (!stat.kind || stat.kind === "audio") all[stat.type] ??= { ...stat };
  for (const stat of report.values()) if (stat.type === "candidate-pair" && stat.nominated) all["candidate-pair"] = { ...stat };
  return all;
}

/** Only the middle is offered, at the gateway's address: Firefox takes no loopback. @param {string} sdp @param {number} port */
function throughMiddle(sdp, port) {
  const address = /^a=candidate:\S+ 1 udp \d+ ([\d.]+) /im.exec(sdp)?.[1] ?? "127.0.0.1";
  const candidate = `a=candidate:1 1 udp 2130706431 ${address} ${port} typ host\r\n`;
  return sdp.replaceAll(/^a=(candidate|end-of-candidates).*\r\n/gm, "").replace(/^a=ice-ufrag/m, `${candidate}$&`);
}

/** What tshark reads, by the sender's place: packets, bytes of payload, bytes of header. @param {string} file */
function recorded(file) {
  const out = execFileSync("tshark", ["-r", file, "-d", "udp.port==5004,rtp", "-Y", "rtp", "-T", "fields", "-e", "ip.src",
    "-e", "rtp.ssrc", "-e", "udp.length", "-e", "rtp.payload"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 });
  const read = (/** @type {string} */ place) => {
    const rows = out.split("\n").map((line) => line.split("\t")).filter(([from]) => from === place);
    const bytes = rows.reduce((sum, row) => sum + (row[3] ?? "").replaceAll(":", "").length / 2, 0);
    const whole = rows.reduce((sum, row) => sum + Number(row[2]) - 8, 0);
    return { packets: rows.length, bytes, headers: whole - bytes, sources: [...new Set(rows.map((row) => Number(row[1])))] };
  };
  return { up: read("192.0.2.1"), down: read("192.0.2.2") };
}

/** A call through the middle. */
class Call {
  #id = "";
  /** @param {Page} page @param {Gateway} gateway @param {Middle} middle @param {string} folder of records */
  constructor(page, gateway, middle, folder) {
    this.page = page;
    this.gateway = gateway;
    this.middle = middle;
    this.folder = folder;
  }

  /** @param {string} what @param {string} [method] @param {object} [body] */
  #ask(what, method = "GET", body) {
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
    const url = `${this.gateway.url}/api/${what}`;
    return fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  }

  /** @param {boolean} asks */
  async open(asks) {
    const sdp = await this.page.evaluate(offerInPage, asks);
    const answer = await (await this.#ask("offer", "POST", { type: "offer", sdp })).json();
    this.#id = answer.sessionId;
    same((await this.#ask(`sessions/${this.#id}/capture`, "POST", { seconds: 600 })).status, 204, "a record is begun");
    const port = await this.middle.open(this.gateway.udpPort);
    await this.page.evaluate(async (sdp) => {
      await /** @type {any} */ (window).call.peer.setRemoteDescription({ type: "answer", sdp });
    }, throughMiddle(answer.sdp, port));
  }

  /** @returns {Promise<{browser:Stats, gateway:Stats}>} */
  async stats() {
    const [browser, gateway] = await Promise.all([this.page.evaluate(statsInPage), this.#ask(`sessions/${this.#id}/stats`)]);
    return { browser, gateway: (await gateway.json()).stats };
  }

  async record() {
    const where = `sessions/${this.#id}/capture`;
    await this.#ask(where, "POST", { seconds: 0 });
    await until("the record", async () => (await this.#ask(where)).status === 200);
    return recorded(path.join(this.folder, `${this.#id}.pcapng`));
  }

  /** No sound any more, and all of it heard. */
  async rest() {
    await this.page.evaluate(() => /** @type {any} */ (window).call.sender.replaceTrack(null));
    const { up, down } = this.middle;
    await until("quiet", () => performance.now() - Math.max(up.lastAt, down.lastAt) > 1000, 20_000);
  }
}

/** The least of each figure is what the network takes; more is the machine's. @param {Call} call @param {boolean} all both
 * figures, not just that of the reports */
async function roundTripsAgree(call, all) {
  const least = { reports: [Infinity, Infinity], checks: [Infinity, Infinity] };
  const agree = (/** @type {number[]} */ [a = 0, b = 0]) => a >= 2 * DELAY_MS - 1 && Math.abs(a - b) <= NEAR_MS;
  await until("round trips", async () => {
    const { browser, gateway } = await call.stats();
    [browser, gateway].forEach((stats, i) => {
      const ms = (/** @type {number|undefined} */ s) => (s ? 1000 * s : Infinity);
      least.reports[i] = Math.min(Number(least.reports[i]), ms(stats["remote-inbound-rtp"]?.["roundTripTime"]));
      least.checks[i] = Math.min(Number(least.checks[i]), ms(stats["candidate-pair"]?.["currentRoundTripTime"]));
    });
    return agree(least.reports) && (agree(least.checks) || !all);
  }, 60_000).catch((error) => check(false, `${error.message} that agree: ${JSON.stringify(least)}`));
  const write = (/** @type {number[]} */ pair) => pair.map((ms) => ms.toFixed(1)).join(" and ");
  note(`round trips, the browser's and the gateway's: by reports ${write(least.reports)} ms, by checks ${write(least.checks)} ms`);
}

/** @param {Bench} bench */
export function testStatistics(bench) {
  const what = "statistics: the gateway's are the browser's own and the record's, with loss in both directions";
  test(`chromium: ${what}`, () => held(bench, bench.inChromium, true));
  test(`firefox: ${what}`, () => held(bench, bench.inFirefox, false));
  testRfc8888(bench);
}

/** @param {Bench} bench @param {Bench["inChromium"]} inBrowser @param {boolean} all a browser that tells everything, and sends
 * lost sound again */
async function held({ binary, folder }, inBrowser, all) {
  const records = fs.mkdtempSync(path.join(folder, "records-"));
  const gateway = new Gateway(binary, { args: ["--backend", "echo", "--admin-token", TOKEN, "--capture-dir", records] });
  const middle = new Middle();
  try {
    await gateway.start();
    await inBrowser(async (page) => {
      await page.goto(`${gateway.url}/`);
      const call = new Call(page, gateway, middle, records);
      await call.open(all);
      await until("echoes", () => page.evaluate(() => /** @type {any} */ (window).call.echoes === 3), 40_000);
      await roundTripsAgree(call, all);
      const loses = (/** @type {Way} */ { passed }) => passed.packets < FIRST_LOST + EVERY * N_LOST;
      await until("what is lost", () => !loses(middle.up) && !loses(middle.down));
      await call.rest();
      await compare(call, all);
      await page.evaluate(() => /** @type {any} */ (window).call.peer.close());
    });
  } finally {
    middle.close();
    await gateway.stop();
  }
}

/** In the page: a call of sound alone. @param {string} url */
async function callInPage(url) {
  const peer = new RTCPeerConnection();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  for (const track of stream.getTracks()) peer.addTrack(track, stream);
  await peer.setLocalDescription();
  const body = JSON.stringify({ type: "offer", sdp: peer.localDescription?.sdp });
  const headers = { "Content-Type": "application/json" };
  const answer = await (await fetch(`${url}/api/offer`, { method: "POST", headers, body })).json();
  await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  Object.assign(window, { call: { peer } });
  return { id: answer.sessionId, offer: body, sdp: answer.sdp };
}

/** In the page: what its estimate of the way out is. @returns {Promise<number>} */
async function estimateInPage() {
  const report = await /** @type {any} */ (window).call.peer.getStats();
  const pairs = [...report.values()].filter(({ type, nominated }) => type === "candidate-pair" && nominated);
  return pairs[0]?.availableOutgoingBitrate ?? 0;
}

/** Chromium offers RFC 8888 where it is told to. @param {Bench} bench */
function testRfc8888({ binary, folder, microphone }) {
  test("chromium: feedback of RFC 8888 is agreed to, and tells both sides what the way carries", async () => {
    const args = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
      "--autoplay-policy=no-user-gesture-required",
      "--force-fieldtrials=WebRTC-RFC8888CongestionControlFeedback/Enabled,offer:true/"];
    const gateway = new Gateway(binary, { args: ["--backend", "echo", "--admin-token", TOKEN] });
    await gateway.start();
    const browser = await launchChromium(folder, microphone, { args });
    try {
      const page = await openPage(browser, gateway.url);
      await page.goto(`${gateway.url}/`);
      const { id, offer, sdp } = await page.evaluate(callInPage, gateway.url);
      check(offer.includes("ack ccfb"), "the browser offers it");
      check(sdp.includes("a=rtcp-fb:* ack ccfb\r\n") && !sdp.includes("transport-cc"), "the answer has it, and nothing besides");
      await until("an estimate of the browser's", async () => (await page.evaluate(estimateInPage)) > 0, 20_000);
      await until("an estimate of the gateway's", async () => {
        const headers = { Authorization: `Bearer ${TOKEN}` };
        const minute = await (await fetch(`${gateway.url}/api/sessions/${id}/last-minute`, { headers })).text();
        return /"targetKbps":[1-9]/.test(minute);
      }, 20_000);
      await page.evaluate(() => /** @type {any} */ (window).call.peer.close());
    } finally {
      await browser.close();
      await gateway.stop();
    }
  });
}

/** A figure, and what it has to be. @typedef {[string, number|undefined, number|undefined]} Row */

/** @param {Stats} browser @param {Stats} gateway @param {Passed} up @param {Passed} down @returns {Row[]} */
function rows(browser, gateway, up, down) {
  const of = (/** @type {Stats} */ stats) => (/** @type {string} */ type, /** @type {string} */ member) => stats[type]?.[member];
  const [b, g] = [of(browser), of(gateway)];
  const whole = (/** @type {typeof b} */ one, /** @type {string} */ type, /** @type {string} */ verb) =>
    one(type, `bytes${verb}`) + one(type, `headerBytes${verb}`);
  return [
    ["up: packets sent", b("outbound-rtp", "packetsSent"), up.packets + up.dropped],
    ["up: sent again", b("outbound-rtp", "retransmittedPacketsSent"), up.again],
    ["up: packets received", g("inbound-rtp", "packetsReceived"), up.packets],
    ["up: bytes received", whole(g, "inbound-rtp", "Received"), up.bytes],
    ["up: bytes of what was sent", whole(b, "outbound-rtp", "Sent"), up.bytes + up.droppedBytes],
    ["up: lost", g("inbound-rtp", "packetsLost"), up.missing + g("inbound-rtp", "retransmittedPacketsReceived")],
    ["up: lost, as reported", b("remote-inbound-rtp", "packetsLost"), g("inbound-rtp", "packetsLost")],
    ["down: packets sent", g("outbound-rtp", "packetsSent"), down.packets + down.dropped],
    ["down: sent again", g("outbound-rtp", "retransmittedPacketsSent"), down.again],
    ["down: bytes of what was sent", whole(g, "outbound-rtp", "Sent"), down.bytes + down.droppedBytes],
    ["down: sent, as reported", b("remote-outbound-rtp", "packetsSent"), g("outbound-rtp", "packetsSent")],
    ["down: bytes, as reported", b("remote-outbound-rtp", "bytesSent"), g("outbound-rtp", "bytesSent")],
    ["down: packets received", b("inbound-rtp", "packetsReceived"), down.packets],
    ["down: bytes received", whole(b, "inbound-rtp", "Received"), down.bytes],
    ["down: lost", b("inbound-rtp", "packetsLost"), down.missing],
    ["down: lost, as reported", g("remote-inbound-rtp", "packetsLost"), b("inbound-rtp", "packetsLost")],
    ...["messages", "bytes"].flatMap((what) => /** @type {Row[]} */ ([
      [`channel: ${what} up`, g("data-channel", `${what}Received`), b("data-channel", `${what}Sent`)],
      [`channel: ${what} down`, b("data-channel", `${what}Received`), g("data-channel", `${what}Sent`)]])),
  ];
}

/** What a browser has to tell at least, of each direction. */
const LEAST = ["up: packets sent", "up: lost, as reported", "down: packets received", "down: lost", "down: sent, as reported"];

/** @param {Call} call @param {boolean} all */
async function compare(call, all) {
  const { up, down } = call.middle;
  /** @type {Stats} */
  let browser = {};
  /** @type {Stats} */
  let gateway = {};
  /** @type {Row[]} */
  let unequal = [];
  /** @type {string[]} */
  let told = [];
  /** @type {string[]} */
  let untold = [];
  await until("the last reports", async () => {
    ({ browser, gateway } = await call.stats());
    up.tag = down.tag = /GCM/.test(gateway["transport"]?.["srtpCipher"]) ? 16 : 10;
    const every = rows(browser, gateway, up.passed, down.passed);
    told = every.filter(([, ...pair]) => pair.every((one) => Number.isFinite(one))).map(([name]) => name);
    untold = every.filter(([name]) => !told.includes(name)).map(([name]) => name);
    unequal = every.filter(([name, is, want]) => is !== want && (all || told.includes(name)));
    return !unequal.length;
  }, 20_000).catch(() => undefined);
  const record = await call.record();
  same(unequal, [], "what the statistics say, and what it has to be");
  same(LEAST.filter((name) => !told.includes(name)), [], "what the browser does not tell");
  if (untold.length) note(`not told by this browser: ${untold.join("; ")}`);
  const [received, sent] = [gateway["inbound-rtp"] ?? {}, gateway["outbound-rtp"] ?? {}];
  same(record.up, { packets: received["packetsReceived"], bytes: received["bytesReceived"],
    headers: received["headerBytesReceived"], sources: [received["ssrc"]] }, "the record of what was received");
  same(record.down, { packets: sent["packetsSent"], bytes: sent["bytesSent"], headers: sent["headerBytesSent"],
    sources: [sent["ssrc"]] }, "the record of what was sent");
  note(`up ${JSON.stringify(up.passed)}; down ${JSON.stringify(down.passed)}`);
}
