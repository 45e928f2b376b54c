// Chromium sends video to libwr (video_peer): each codec, with losses, and as simulcast; what comes out is decoded in the
// page and compared with what its camera showed.
//   node video_test.mjs path/to/video_peer [part of a case's name]
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";
import { installEye } from "../browser/eye.js";

const [, , program, only = ""] = process.argv;

/** The peer, a line at a time. */
class Peer {
  constructor() {
    this.child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    this.waiting = [];
    this.lines = [];
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.lines.push(line);
      this.deliver();
    });
  }
  say(line) {
    this.child.stdin.write(`${line}\n`);
  }
  deliver() {
    this.waiting = this.waiting.filter(({ word, done }) => {
      const i = this.lines.findIndex((line) => line.startsWith(`${word} `));
      if (i < 0) return true;
      done(this.lines.splice(i, 1)[0].slice(word.length + 1));
      return false;
    });
  }
  expect(word, ms = 20000) {
    return new Promise((done, fail) => {
      const late = setTimeout(() => fail(new Error(`no "${word}" of the peer`)), ms);
      this.waiting.push({ word, done: (rest) => (clearTimeout(late), done(rest)) });
      this.deliver();
    });
  }
  async stats() {
    this.say("stats");
    return JSON.parse(await this.expect("stats"));
  }
}

// ---- in the page ----

async function pageOffers(codec, simulcast) {
  window.peer?.close();
  const peer = (window.peer = new RTCPeerConnection());
  const stream = (window.stream ??= await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: 640, height: 480, frameRate: 20 },
  }));
  if (!window.shown) {
    window.shown = document.createElement("video");
    window.shown.srcObject = stream;
    window.shown.muted = true;
    document.body.append(window.shown); // what is not on the page is not shown at its own pace
    await window.shown.play();
    window.eye.watch(window.shown);
  }
  peer.addTrack(stream.getAudioTracks()[0], stream);
  const sendEncodings = simulcast ? [{ rid: "h" }, { rid: "l", scaleResolutionDownBy: 2 }] : [{}];
  const sender = peer.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly", sendEncodings });
  const { codecs } = RTCRtpSender.getCapabilities("video");
  const is = (name) => (c) => c.mimeType.toLowerCase() === `video/${name}`;
  sender.setCodecPreferences([...codecs.filter(is(codec.toLowerCase())), ...codecs.filter(is("rtx"))]);
  await peer.setLocalDescription();
  await new Promise((done) => {
    if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
  });
  return peer.localDescription.sdp;
}

/** Decodes the key frame and compares it with what the camera showed. */
async function pageJudges(codec, hex) {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const frame = await new Promise((done, fail) => {
    const decoder = new VideoDecoder({ output: done, error: fail });
    const names = { VP8: "vp8", VP9: "vp09.00.10.08", H264: "avc1.42e01f" };
    // VP8 and VP9 do not say what their colours mean; a browser's encoder writes those of BT.601.
    const colorSpace = { primaries: "bt709", transfer: "bt709", matrix: "smpte170m", fullRange: false };
    decoder.configure({ codec: names[codec], ...(codec === "H264" ? {} : { colorSpace }) });
    decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: 0, data: bytes }));
    decoder.flush().catch(fail);
  });
  const judged = window.eye.judge(frame, frame.displayWidth, frame.displayHeight);
  frame.close();
  return { bytes: bytes.length, ...judged };
}

// ---- cases ----

const until = async (what, good, ms = 30000) => {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((done) => setTimeout(done, 100)))
    if (await good()) return;
  throw new Error(`never came: ${what}`);
};
const check = (holds, what) => {
  if (!holds) throw new Error(what);
};

async function connect(page, peer, codec, simulcast = false) {
  const offer = await page.evaluate(pageOffers, codec, simulcast);
  peer.say(`offer ${Buffer.from(offer).toString("hex")}`);
  const answer = Buffer.from(await peer.expect("answer"), "hex").toString();
  await page.evaluate((sdp) => window.peer.setRemoteDescription({ type: "answer", sdp }), answer);
  const first = await peer.expect("first");
  check(first === codec, `the first frame is of ${first}, not ${codec}`);
}

async function keyFrame(page, peer, codec) {
  peer.say("key");
  const [ms, hex] = (await peer.expect("key")).split(" ");
  return { ms: Number(ms), ...(await page.evaluate(pageJudges, codec, hex)) };
}

async function sends(page, peer, codec) {
  await connect(page, peer, codec);
  await until("30 frames", async () => (await peer.stats()).frames >= 30);
  const key = await keyFrame(page, peer, codec);
  const stats = await peer.stats();
  check(stats.notDecodable === 0, "it did not begin with a key frame");
  check(key.width === 640 && key.height === 480, `the picture is ${key.width}x${key.height}`);
  check(key.psnr_db > 20, `the picture is not the camera's: ${key.psnr_db.toFixed(1)} dB`);
  return `${stats.frames} frames; key frame of ${key.bytes} bytes after ${key.ms} ms, ${key.psnr_db.toFixed(1)} dB, ` +
    `sharpness ${key.sharpness.toFixed(0)}, the camera's ${key.camera.toFixed(0)}`;
}

async function loses(page, peer) {
  await connect(page, peer, "VP8");
  peer.say("lose 10");
  await until("repairs", async () => (await peer.stats()).repaired >= 20);
  const before = (await peer.stats()).frames;
  await until("60 frames more", async () => (await peer.stats()).frames >= before + 60);
  const key = await keyFrame(page, peer, "VP8");
  const stats = await peer.stats();
  check(key.width === 640, "the key frame cannot be decoded");
  return `${stats.lost} datagrams lost, ${stats.repaired} packets came again, ${stats.frames} frames, ` +
    `${stats.dropped} dropped, ${stats.keyRequests} key frames asked for`;
}

async function simulcasts(page, peer) {
  await connect(page, peer, "VP8", true);
  await until("30 frames", async () => (await peer.stats()).frames >= 30);
  const key = await keyFrame(page, peer, "VP8");
  const layers = await page.evaluate(() =>
    window.peer.getSenders().find((s) => s.track?.kind === "video").getParameters().encodings.length);
  check(layers === 1, `${layers} layers are still sent`);
  return `one layer is left, of ${key.width}x${key.height}`;
}

const cases = [
  ["VP8", (page, peer) => sends(page, peer, "VP8")],
  ["H264", (page, peer) => sends(page, peer, "H264")],
  ["VP9", (page, peer) => sends(page, peer, "VP9")],
  ["VP8, a tenth of the packets lost", loses],
  ["simulcast", simulcasts],
];

const profile = mkdtempSync(join(tmpdir(), "video-"));
const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<title>video</title>"));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const browser = await puppeteer.launch({
  executablePath: "/usr/bin/chromium",
  userDataDir: profile,
  args: [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--allow-loopback-in-peer-connection",
  ],
});
let passed = 0, failed = 0;
const page = await browser.newPage();
await page.evaluateOnNewDocument(installEye);
await page.goto(`http://127.0.0.1:${server.address().port}/`);
for (const [name, run] of cases.filter(([name]) => name.includes(only))) {
  const peer = new Peer();
  try {
    console.log(`ok   ${name}: ${await run(page, peer)}`);
    passed++;
  } catch (error) {
    console.log(`FAIL ${name}: ${error.message}`);
    failed++;
  }
  peer.say("quit");
}
await browser.close();
server.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
