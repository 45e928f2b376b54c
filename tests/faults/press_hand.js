// What every page has to do from the press until the assistant listens, and nothing else: the floor of a browser on this
// machine. Runs inside an empty page of the gateway's.

/** @param {boolean} cold the connection too is made after the press @param {number} rest_ms else, between the two
 * @returns {Promise<{ms:number, microphone_ms:number}>} since the press: until it listens; until the microphone was given */
export async function handWork(cold, rest_ms) {
  const openMicrophone = async () => {
    const voice = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const [track] = (await navigator.mediaDevices.getUserMedia({ audio: voice })).getAudioTracks();
    return { track, at_ms: performance.now() };
  };
  const connect = async () => {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
    const { sender } = pc.addTransceiver("audio", { direction: "sendrecv" });
    const channel = pc.createDataChannel("chat");
    const ready = new Promise((resolve) => {
      channel.onmessage = ({ data }) => JSON.parse(data).type === "ready" && resolve(null);
    });
    const offer = await pc.createOffer();
    await pc.setLocalDescription(offer);
    const body = JSON.stringify({ sdp: offer.sdp, type: "offer", mode: "manual" });
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    const answer = await (await fetch("/api/offer", request)).json();
    await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    await ready;
    return { pc, sender, channel, location: answer.location };
  };
  const ahead = cold ? null : await connect();
  if (!cold) await new Promise((resolve) => setTimeout(resolve, rest_ms));
  const pressed_ms = performance.now();
  const [microphone, link] = await Promise.all([openMicrophone(), ahead ?? connect()]);
  await link.sender.replaceTrack(microphone.track ?? null);
  link.channel.send(JSON.stringify({ type: "listen", state: "start", mode: "auto" }));
  const ms = performance.now() - pressed_ms;
  microphone.track?.stop();
  await fetch(link.location, { method: "DELETE" });
  link.pc.close();
  return { ms, microphone_ms: microphone.at_ms - pressed_ms };
}
