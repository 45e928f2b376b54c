// A real browser as a peer: `chromium|firefox serve PORT` answers POST /offer inside a page and echoes; `call URL`
// runs the caller inside a page of that gateway (URL is its /offer) and expects an echo.
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

const [, , name, role, where] = process.argv;

function launch() {
  if (name === "chromium")
    return puppeteer.launch({
      executablePath: "/usr/bin/chromium",
      userDataDir: mkdtempSync(join(tmpdir(), "interop-")),
      args: [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
      ],
    });
  return puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    headless: true,
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.peerconnection.ice.loopback": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      "media.autoplay.default": 0,
    },
  });
}

// Both run inside the page.
async function pageAnswers(offer) {
  const peer = (window.peer = new RTCPeerConnection());
  peer.ondatachannel = ({ channel }) => {
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => channel.send(data);
  };
  await peer.setRemoteDescription(offer);
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  stream.getTracks().forEach((track) => peer.addTrack(track, stream));
  await peer.setLocalDescription(await peer.createAnswer());
  await new Promise((done) => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 1000);
  });
  return { sdp: peer.localDescription.sdp, type: "answer" };
}

async function pageCalls(url) {
  const peer = new RTCPeerConnection();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  stream.getTracks().forEach((track) => peer.addTrack(track, stream));
  const speaker = new Audio(); // what nobody plays is not decoded, and has no energy
  peer.ontrack = ({ streams }) => {
    speaker.srcObject = streams[0];
    speaker.play();
  };
  const channel = peer.createDataChannel("echo");
  channel.binaryType = "arraybuffer";
  const within = (what, promise) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(what)), 10000))]);
  const opened = new Promise((done) => (channel.onopen = done));
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => { // this form of signalling has no trickle
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 1000);
  });
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sdp: peer.localDescription.sdp, type: "offer" }),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  await peer.setRemoteDescription(await response.json());
  await within("the data channel never opened", opened);
  const echo = (message) => {
    const back = new Promise((done) => (channel.onmessage = ({ data }) => done(data)));
    channel.send(message);
    return within("a message never came back", back);
  };
  if ((await echo("hello")) !== "hello") throw new Error("text came back changed");
  const big = Uint8Array.from({ length: 65536 }, (_, i) => i * 7 + Math.floor(i / 251));
  const back = new Uint8Array(await echo(big));
  if (back.length !== big.length || back.some((byte, i) => byte !== big[i])) throw new Error("64 KiB came back changed");
  await new Promise((done) => setTimeout(done, 3000));
  for (const stats of (await peer.getStats()).values())
    if (stats.type === "inbound-rtp" && stats.kind === "audio") {
      if (stats.packetsReceived < 80) throw new Error(`only ${stats.packetsReceived} packets of audio`);
      if (stats.totalAudioEnergy !== undefined && !(stats.totalAudioEnergy > 0)) throw new Error("the audio is silent");
      return `text, 64 KiB and ${stats.packetsReceived} packets of audio came back`;
    }
  throw new Error("no audio came back");
}

const browser = await launch();
const page = await browser.newPage();
if (role === "serve") {
  const server = createServer(async (request, response) => {
    if (request.method !== "POST") return response.setHeader("Content-Type", "text/html").end("<title>peer</title>");
    let body = "";
    for await (const chunk of request) body += chunk;
    try {
      const answer = await page.evaluate(pageAnswers, JSON.parse(body));
      response.setHeader("Content-Type", "application/json").end(JSON.stringify(answer));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise((done) => server.listen(Number(where), "127.0.0.1", done));
  await page.goto(`http://127.0.0.1:${where}/`);
  console.log("listening");
  process.on("SIGTERM", async () => {
    await browser.close();
    process.exit(0);
  });
} else {
  let failed = false;
  try {
    await page.goto(new URL("/", where).href);
    console.log(await page.evaluate(pageCalls, where));
  } catch (error) {
    console.error(`${name}:`, error.message);
    failed = true;
  }
  await browser.close();
  process.exit(failed ? 1 : 0);
}
