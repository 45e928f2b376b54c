/* link.js - the hands of one connection attempt: RTCPeerConnection, its data channel, its candidates.
 *
 * A link is used once. After `close` it reports nothing any more, so a late event of an old attempt cannot disturb the
 * next one. */

import { iceConfiguration, patchCandidates, postOffer, Refused, removeSession } from "./signalling.js";

/** @typedef {import("./session.js").SessionEvent} SessionEvent */

const FAREWELL_MS = 1000; // for the DELETE; closing first would end the session before it is asked for
const TRICKLE_WAIT_MS = 20; // candidates come in bunches; one request carries a bunch
const CHUNK = 16 * 1024;
const BUFFER_HIGH = 256 * 1024;

export class Link {
  /** @type {RTCPeerConnection|null} */
  #pc = null;
  /** @type {RTCDataChannel|null} */
  #channel = null;
  /** @type {RTCRtpSender|null} */
  #sender = null;
  /** @type {string|null} */
  #location = null;
  /** @type {RTCIceCandidateInit[]} */
  #candidates = [];
  #candidatesEnded = false;
  #endSent = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #trickleTimer;
  #closed = false;
  /** @type {(event:SessionEvent) => void} */
  #report;
  /** @type {(stream:MediaStream) => void} */
  #onSound;

  /** @param {(event:SessionEvent) => void} report @param {(stream:MediaStream) => void} onSound */
  constructor(report, onSound) {
    this.#report = report;
    this.#onSound = onSound;
  }

  /** Offers at once: neither the microphone's permission nor the gathering of candidates is waited for.
   * @param {{mode:string, resume:string|null}} wish @param {Promise<MediaStreamTrack|null>} microphone */
  async open(wish, microphone) {
    try {
      const config = await iceConfiguration();
      if (this.#closed) return;
      const pc = this.#prepare(config);
      microphone.then((track) => this.useMicrophone(track)).catch(() => undefined);
      await pc.setLocalDescription(await pc.createOffer());
      const offer = { sdp: pc.localDescription?.sdp, type: "offer", mode: wish.mode };
      const answer = await postOffer(wish.resume ? { ...offer, resume: wish.resume } : offer);
      if (this.#closed) return void removeSession(answer.location);
      this.#location = answer.location;
      this.#tell({ type: "answered", resume: answer.resume });
      this.#trickle();
      await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(0, String(error), 0);
      this.#tell({ type: "refused", status: refused.status, retryAfter_ms: refused.retryAfter_ms });
    }
  }

  /** @param {RTCConfiguration} config */
  #prepare(config) {
    const pc = new RTCPeerConnection(config);
    this.#pc = pc;
    pc.onconnectionstatechange = () => this.#tell({ type: "peer", state: pc.connectionState });
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#candidates.push(candidate.toJSON());
      else if (!candidate) this.#candidatesEnded = true;
      this.#trickleSoon();
    };
    pc.ontrack = ({ track, streams }) => {
      if (!this.#closed) this.#onSound(streams[0] ?? new MediaStream([track]));
    };
    this.#sender = pc.addTransceiver("audio", { direction: "sendrecv" }).sender;
    const channel = pc.createDataChannel("chat", { ordered: true });
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = BUFFER_HIGH / 2;
    channel.onopen = () => this.#tell({ type: "channel", open: true });
    channel.onclose = () => this.#tell({ type: "channel", open: false });
    channel.onmessage = ({ data }) => this.#receive(data);
    this.#channel = channel;
    return pc;
  }

  /** @param {unknown} data */
  #receive(data) {
    if (typeof data !== "string") return;
    try {
      const message = JSON.parse(data);
      if (message && typeof message.type === "string") this.#tell({ type: "message", message });
    } catch {
      // Not JSON: nothing of ours.
    }
  }

  #trickleSoon() {
    clearTimeout(this.#trickleTimer);
    this.#trickleTimer = setTimeout(() => this.#trickle(), this.#candidatesEnded ? 0 : TRICKLE_WAIT_MS);
  }

  #trickle() {
    if (this.#closed || !this.#location || this.#endSent) return;
    if (!this.#candidates.length && !this.#candidatesEnded) return;
    this.#endSent = this.#candidatesEnded;
    patchCandidates(this.#location, this.#candidates.splice(0), this.#candidatesEnded);
  }

  /** @param {MediaStreamTrack|null} track */
  useMicrophone(track) {
    if (!this.#closed) this.#sender?.replaceTrack(track).catch(() => undefined);
  }

  /** @param {object} message */
  send(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
  }

  /** Sends |blob| in pieces, as fast as the channel takes them. @param {Blob} blob */
  async sendBinary(blob) {
    const bytes = await blob.arrayBuffer();
    for (let at = 0; at < bytes.byteLength; at += CHUNK) {
      const channel = this.#channel;
      if (!channel || channel.readyState !== "open") throw new Error("the connection was lost");
      channel.send(bytes.slice(at, at + CHUNK));
      if (channel.bufferedAmount > BUFFER_HIGH) await drained(channel);
    }
  }

  /** An offer that is still under way is removed when its answer comes. @param {boolean} remove also at the gateway */
  close(remove) {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#trickleTimer);
    if (!remove || !this.#location) return this.#shut();
    setTimeout(() => this.#shut(), FAREWELL_MS);
    removeSession(this.#location).then(() => this.#shut());
  }

  #shut() {
    this.#channel?.close();
    this.#pc?.close();
  }

  /** @returns {Promise<RTCStatsReport|null>} */
  async stats() {
    return this.#pc ? this.#pc.getStats() : null;
  }

  /** @param {SessionEvent} event */
  #tell(event) {
    if (!this.#closed) this.#report(event);
  }
}

/** @param {RTCDataChannel} channel @returns {Promise<void>} */
function drained(channel) {
  return new Promise((resolve) => {
    const done = () => {
      channel.removeEventListener("bufferedamountlow", done);
      channel.removeEventListener("close", done);
      resolve();
    };
    channel.addEventListener("bufferedamountlow", done);
    channel.addEventListener("close", done);
  });
}
