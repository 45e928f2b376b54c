// werift as a peer: `serve PORT` echoes audio and messages for POST /offer; `call URL` expects such an echo.
import { createServer } from "node:http";
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpHeader, RtpPacket } from "werift";

const opus = () => new RTCRtpCodecParameters({ mimeType: "audio/opus", clockRate: 48000, channels: 2, payloadType: 111 });
const newPeer = () =>
  new RTCPeerConnection({
    codecs: { audio: [opus()], video: [] },
    iceServers: [],
    iceAdditionalHostAddresses: ["127.0.0.1"],
  });
const big = Buffer.from(Uint8Array.from({ length: 65536 }, (_, i) => i * 7 + Math.floor(i / 251)));

async function answer(offer) {
  const peer = newPeer();
  const track = new MediaStreamTrack({ kind: "audio" });
  const transceiver = peer.addTransceiver(track, { direction: "sendrecv" });
  peer.onTrack.subscribe((remote) => {
    remote.onReceiveRtp.subscribe((packet) => transceiver.sender.sendRtp(packet.clone()));
  });
  peer.onDataChannel.subscribe((channel) => {
    channel.onMessage.subscribe((message) => channel.send(message));
  });
  await peer.setRemoteDescription(offer);
  await peer.setLocalDescription(await peer.createAnswer());
  return peer.localDescription;
}

function serve(port) {
  createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    try {
      const { sdp, type } = await answer(JSON.parse(body));
      response.setHeader("Content-Type", "application/json").end(JSON.stringify({ sdp, type }));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  }).listen(port, "127.0.0.1", () => console.log("listening"));
}

const within = (ms, what, promise) =>
  Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(what)), ms).unref())]);

async function call(url) {
  const peer = newPeer();
  const track = new MediaStreamTrack({ kind: "audio" });
  const transceiver = peer.addTransceiver(track, { direction: "sendrecv" });
  let packets = 0;
  peer.onTrack.subscribe((remote) => remote.onReceiveRtp.subscribe(() => packets++));
  const channel = peer.createDataChannel("echo");
  const opened = channel.stateChanged.watch((state) => state === "open");
  await peer.setLocalDescription(await peer.createOffer());
  const { sdp } = peer.localDescription;
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sdp, type: "offer" }),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  await peer.setRemoteDescription(await response.json());
  await within(10000, "the data channel never opened", opened);
  const echo = async (message, what) => {
    const back = channel.onMessage.asPromise();
    channel.send(message);
    const [got] = await within(10000, `${what} never came back`, back);
    if (Buffer.compare(Buffer.from(got), Buffer.from(message))) throw new Error(`${what} came back changed`);
  };
  await echo("hello", "text");
  await echo(big, "64 KiB");
  for (let i = 0; i < 100; i++) {
    const header = new RtpHeader({ sequenceNumber: 1000 + i, timestamp: i * 960, payloadType: 111, ssrc: 1, marker: !i });
    transceiver.sender.sendRtp(new RtpPacket(header, Buffer.from([0xf8, 0xff, 0xfe])));
    await new Promise((yes) => setTimeout(yes, 20));
  }
  if (packets < 80) throw new Error(`only ${packets} of 100 packets came back`);
  console.log(`text, 64 KiB and ${packets} packets of audio came back`);
  process.exit(0);
}

const [, , role, where] = process.argv;
if (role === "serve") serve(Number(where));
else
  call(where).catch((error) => {
    console.error("werift:", error.message);
    process.exit(1);
  });
