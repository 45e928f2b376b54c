/* peer.js - the hands of one connection: RTCPeerConnection, its channel, its candidates, its signalling.
 *
 * A peer is used once. It does what it is told and reports what happens; after `close` it reports nothing any more. It
 * knows no timer but the one that ends a farewell, and repeats nothing. */

import { candidateKind, candidateOf, makeOffer, onFirstSound, restartOffer, setEncoding, tuneOpus } from "./compat.js";
import { Refused, Unusable } from "./http.js";
import { Sampler } from "./stats.js";

/**
 * @typedef {{type:string, [member:string]:any}} Incoming  a message of the data channel (docs/protocol.md)
 * @typedef {{audio_bps:number, audio_ptime_ms:number, audio_fec:number, audio_dtx:number, audio_red:number,
 *   video_bps:number, video_fps:number, video_scale_percent:number}} Targets  mgr_sender
 * @typedef {"DESCRIBED"|"CANDIDATE"|"GATHERED"|"PEER"|"ICE"|"CHANNEL"|"MEDIA"|"BROKEN"|"ARRIVED"|"ANSWERED"|"REFUSED"} PeerReport
 *   events of manager/names.def
 *
 * @typedef {object} PeerOwner  whom a peer tells
 * @property {(kind:PeerReport, fields?:{request?:number, value?:number, more?:number}) => void} report
 *   happenings; the owner adds the number of the link
 * @property {(message:Incoming) => void} message
 * @property {(stream:MediaStream, output?:(volume:number) => void) => void} sound
 *   something to hear; a stream that plays the answer. |output|: the peer plays it itself and is told how loud, 0 to 1
 * @property {(answer:{location:string, resume?:string|undefined}) => void} session
 *   the session that answered; comes before ANSWERED is reported
 * @property {(location:string) => boolean} keeps  this session is still wanted: a late answer does not remove it
 * @property {() => number} heard  number of the last message of the session's conversation that came; for a resumption
 * @property {(what:string, detail?:string) => void} note  for diagnostics; no address, no key
 *
 * @typedef {object} PeerLike  one connection, over whatever it runs; Peer is the one over WebRTC
 * @property {(config:RTCConfiguration) => Promise<void>} open
 *   makes audio and channel and describes them: DESCRIBED, CANDIDATE..., GATHERED, or BROKEN
 * @property {(request:number, resume:string|null, beside:boolean) => Promise<void>} offer
 *   asks the gateway: ANSWERED or REFUSED, or BROKEN; then ICE, PEER and CHANNEL as it connects. |beside|: another
 *   connection carries the session, and goes on doing so
 * @property {(request:number) => Promise<void>} restart  a new path for the same session: ANSWERED or REFUSED
 * @property {() => void} trickle  sends the candidates held
 * @property {(config:RTCConfiguration) => void} useServers
 * @property {() => void} reopenChannel  CHANNEL tells how it went
 * @property {(message:object) => boolean} send  true: given to the channel
 * @property {(blob:Blob) => Promise<void>} sendBinary  in pieces, as fast as the channel takes them; rejects on loss
 * @property {(track:MediaStreamTrack|null) => Promise<void>} attach  the microphone, or none
 * @property {(track:MediaStreamTrack|null, targets:Targets|null) => Promise<void>} film
 *   the camera, or none; also before `open`. The first one is negotiated, later ones are not
 * @property {(targets:Targets) => Promise<void>} apply  what cannot be applied is ignored
 * @property {(micLive:boolean) => Promise<import("./stats.js").Sample|null>} sample  null: nothing to measure
 * @property {() => Promise<RTCStatsReport|null>} stats
 * @property {() => {peer:string, ice:string, gathering:string, channel:string}} states  as the browser names them
 * @property {() => RTCSessionDescription|null} description  the local one
 * @property {() => number} held  ms of sound that came and has still to be played, by the peer itself
 * @property {() => void} leave  says no more; when all that was on its way has been heard, CHANNEL 0
 * @property {(remove:boolean, now:boolean) => Promise<void>} close
 *   |remove|: also the session at the gateway; |now|: the page goes away, nothing may wait
 */

const FAREWELL_MS = 1000; // for the DELETE; closing first would end the session before it is asked for
const LATE_MS = 10_000; // an offer that was given up may still be answered, and then its session is removed
const CHUNK = 16 * 1024;
const BUFFER_HIGH = 256 * 1024;
const PEER_STATES = ["new", "connecting", "connected", "disconnected", "failed", "closed"];
const ICE_STATES = ["new", "checking", "connected", "disconnected", "failed", "closed"];

/** @implements {PeerLike} */
export class Peer {
  /** @type {RTCPeerConnection|null} */
  #pc = null;
  /** @type {RTCDataChannel|null} */
  #channel = null;
  /** @type {RTCRtpTransceiver|null} */
  #audio = null;
  /** @type {RTCRtpTransceiver|null} */
  #video = null;
  /** @type {MediaStreamTrack|null} */
  #camera = null;
  /** @type {string|null} */
  #location = null;
  /** @type {RTCIceCandidateInit[]} */
  #candidates = [];
  #ended = false;
  #endSent = false;
  /** The latest offer that left; only its answer counts. */
  #exchange = 0;
  #awaiting = false;
  #trickleWanted = false;
  /** The last answer as it came; as it was applied. */
  #answer = "";
  #applied = "";
  /** @type {import("./compat.js").Wish|null} */
  #tuning = null;
  /** @type {Promise<unknown>} descriptions are set one after the other */
  #turn = Promise.resolve();
  #closed = false;
  #abort = new AbortController();
  #lateAbort = new AbortController();
  #sampler = new Sampler();
  /** @type {(() => void)[]} */
  #held = [];
  #owner;
  #signalling;
  #registry;
  #withVideo;

  /** @param {PeerOwner} owner @param {import("./http.js").Signalling} signalling
   * @param {import("./registry.js").Registry} registry @param {boolean} [withVideo] */
  constructor(owner, signalling, registry, withVideo = false) {
    this.#owner = owner;
    this.#signalling = signalling;
    this.#registry = registry;
    this.#withVideo = withVideo;
  }

  // ---- making it ----

  /** @param {RTCConfiguration} config */
  async open(config) {
    try {
      const pc = new RTCPeerConnection(config);
      this.#pc = pc;
      this.#held.push(this.#registry.hold("peer", () => pc.close()));
      this.#watch(pc);
      this.#audio = pc.addTransceiver("audio", { direction: "sendrecv" });
      if (this.#withVideo || this.#camera) this.#addVideo(pc, null);
      this.#openChannel(pc, false);
      await makeOffer(pc);
      this.#report("DESCRIBED");
    } catch (error) {
      this.#broken("open", error, 0);
    }
  }

  /** @param {RTCPeerConnection} pc */
  #watch(pc) {
    const on = (/** @type {string} */ type, /** @type {(event:any) => void} */ heard) =>
      this.#held.push(this.#registry.listen(pc, type, heard));
    on("connectionstatechange", () => {
      this.#owner.note("peer", pc.connectionState);
      this.#report("PEER", { value: PEER_STATES.indexOf(pc.connectionState) });
    });
    on("iceconnectionstatechange", () => {
      this.#owner.note("ice", pc.iceConnectionState);
      const state = pc.iceConnectionState === "completed" ? "connected" : pc.iceConnectionState;
      this.#report("ICE", { value: ICE_STATES.indexOf(state) });
    });
    on("icecandidate", ({ candidate }) => this.#hold(candidateOf(candidate)));
    on("icecandidateerror", (event) => this.#owner.note("candidate error", `${event.errorCode} ${event.errorText}`));
    on("track", ({ track, receiver, streams }) => {
      if (this.#closed || track.kind !== "audio") return;
      this.#held.push(onFirstSound(this.#registry, receiver, () => this.#report("MEDIA")));
      this.#owner.sound(streams[0] ?? new MediaStream([track]));
    });
  }

  /** @param {RTCPeerConnection} pc @param {boolean} again  the one before may have taken words with it */
  #openChannel(pc, again) {
    const channel = pc.createDataChannel("chat", { ordered: true });
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = BUFFER_HIGH / 2;
    this.#channel = channel;
    const on = (/** @type {string} */ type, /** @type {(event:any) => void} */ heard) =>
      this.#held.push(
        this.#registry.listen(channel, type, (event) => {
          if (channel === this.#channel) heard(event);
        }),
      );
    let isOpen = false;
    const opened = () => {
      if (!isOpen) this.#report("CHANNEL", { value: 1 });
      isOpen = true;
    };
    on("open", () => {
      if (again) this.send({ type: "heard", n: this.#owner.heard() });
      opened();
    });
    on("close", () => this.#report("CHANNEL", { value: 0 }));
    on("message", ({ data }) => {
      opened(); // Chromium may hand over the first messages before it says so itself
      this.#receive(data);
    });
  }

  reopenChannel() {
    const [pc, old] = [this.#pc, this.#channel];
    if (this.#closed || !pc) return;
    try {
      this.#openChannel(pc, true);
      old?.close();
    } catch (error) {
      this.#broken("channel", error, 0);
    }
  }

  /** @param {unknown} data */
  #receive(data) {
    if (this.#closed || typeof data !== "string") return;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not JSON: nothing of ours
    }
    if (typeof message?.type === "string") this.#owner.message(message);
  }

  // ---- asking the gateway ----

  /** @param {number} request @param {string|null} resume @param {boolean} beside */
  async offer(request, resume, beside) {
    // Listening begins when the core says so, over the channel: hence "manual" whatever the way of talking.
    const body = { sdp: this.#describe(), type: /** @type {const} */ ("offer"), mode: "manual" };
    const late = this.#registry.hold("request", () => this.#lateAbort.abort());
    try {
      const again = resume ? { resume, heard: this.#owner.heard(), ...(beside ? { beside } : {}) } : {};
      const offer = { ...body, ...again };
      const answer = await this.#signalling.offer(offer, this.#lateAbort.signal);
      if (this.#closed) return void this.#removeLate(answer);
      this.#location = answer.location;
      this.#owner.session({ location: answer.location, resume: answer.resume });
      this.#report("ARRIVED", { request });
      await this.#answered(request, answer.sdp, Number(answer.resumed === true));
    } catch (error) {
      this.#refused(request, error);
    } finally {
      late();
    }
  }

  /** @param {import("./http.js").Answer} answer of a link that was given up */
  #removeLate(answer) {
    if (answer.resumed === true || this.#owner.keeps(answer.location)) return;
    this.#signalling.remove(answer.location).catch(() => undefined);
  }

  /** @param {number} request */
  async restart(request) {
    const pc = this.#pc;
    if (!pc || !this.#location) return this.#report("REFUSED", { request, value: 0, more: 0 });
    const release = this.#registry.hold("request", () => undefined);
    this.#awaiting = true;
    try {
      await this.#inTurn(() => restartOffer(pc));
      if (this.#closed) return;
      this.#ended = false;
      const exchange = this.#exchange + 1;
      const body = { sdp: this.#describe(), type: /** @type {const} */ ("offer") };
      const answer = await this.#signalling.restart(this.#location, body, this.#abort.signal);
      // Late is not too late, as long as no newer offer has left and the link lives.
      if (this.#closed || exchange !== this.#exchange) return;
      await this.#answered(request, answer.sdp, 1);
    } catch (error) {
      this.#refused(request, error);
    } finally {
      release();
    }
  }

  /** The local description of now; the candidates in it need not be sent again. */
  #describe() {
    this.#exchange++;
    this.#awaiting = true;
    this.#candidates = [];
    this.#endSent = this.#ended = this.#pc?.iceGatheringState === "complete";
    return this.#pc?.localDescription?.sdp ?? "";
  }

  /** @param {number} request @param {string} sdp @param {number} resumed */
  async #answered(request, sdp, resumed) {
    try {
      await this.#inTurn(() => this.#setAnswer(sdp));
    } catch (error) {
      return this.#broken("answer", error, 2);
    }
    this.#awaiting = false;
    this.#report("ANSWERED", { request, value: resumed });
    if (this.#trickleWanted) this.trickle();
    if (this.#camera && !this.#video) this.#negotiateVideo(null);
  }

  /** @param {number} request @param {unknown} error */
  #refused(request, error) {
    if (this.#closed) return;
    if (error instanceof Unusable) return this.#broken("answer", error, 2);
    const refused = error instanceof Refused ? error : null;
    if (!refused) return this.#broken("offer", error, 0);
    this.#report("REFUSED", { request, value: refused.status, more: Math.round(refused.retryAfter_ms) });
  }

  // ---- the camera ----

  /** @param {RTCPeerConnection} pc @param {Targets|null} targets */
  #addVideo(pc, targets) {
    const limits = targets ? { sendEncodings: [encodingOf(targets)] } : {};
    this.#video = pc.addTransceiver(this.#camera ?? "video", { direction: "sendonly", ...limits });
  }

  /** @param {MediaStreamTrack|null} track @param {Targets|null} targets */
  async film(track, targets) {
    this.#camera = track;
    if (this.#closed || !this.#pc) return;
    if (track && !this.#video) return this.#negotiateVideo(targets);
    await this.#video?.sender.replaceTrack(track).catch((error) => this.#owner.note("camera refused", String(error)));
  }

  /** One more section on the running connection. While another description is under way it waits for that one's answer; what
   * goes wrong leaves the connection as it was. @param {Targets|null} targets */
  async #negotiateVideo(targets) {
    const pc = this.#pc;
    if (!pc || !this.#location || this.#awaiting) return;
    this.#awaiting = true;
    this.#addVideo(pc, targets);
    try {
      await this.#inTurn(async () => pc.setLocalDescription(await pc.createOffer()));
      if (this.#closed) return;
      const exchange = this.#exchange + 1;
      const body = { sdp: this.#describe(), type: /** @type {const} */ ("offer") };
      const answer = await this.#signalling.restart(this.#location, body, this.#abort.signal);
      if (this.#closed || exchange !== this.#exchange) return; // a restart took it over
      await this.#inTurn(() => this.#setAnswer(answer.sdp));
    } catch (error) {
      this.#owner.note("camera refused", String(error));
      if (!this.#closed) await this.#inTurn(() => this.#dropVideo(pc)).catch(() => undefined);
    }
    this.#awaiting = false;
    if (this.#trickleWanted) this.trickle();
    const video = /** @type {RTCRtpTransceiver|null} */ (this.#video);
    // The wish may have changed meanwhile.
    if (video && video.sender.track !== this.#camera) await video.sender.replaceTrack(this.#camera).catch(() => undefined);
  }

  /** @param {RTCPeerConnection} pc */
  async #dropVideo(pc) {
    if (pc.signalingState === "have-local-offer") await pc.setLocalDescription({ type: "rollback" });
    this.#video?.stop();
    this.#video = null;
  }

  // ---- descriptions ----

  /** @template T @param {() => Promise<T>} run @returns {Promise<T>} */
  #inTurn(run) {
    const mine = this.#turn.then(run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** @param {string} sdp as it came */
  async #setAnswer(sdp) {
    const tuned = this.#tuning ? tuneOpus(sdp, this.#tuning) : sdp;
    await this.#pc?.setRemoteDescription({ type: "answer", sdp: tuned });
    this.#answer = sdp;
    this.#applied = tuned;
  }

  /** Tells our own encoder by an answer that is changed here; nothing is sent. While an offer is under way its answer
   * will carry it. */
  async #retune() {
    await this.#inTurn(async () => {
      const pc = this.#pc;
      if (this.#closed || !pc || !this.#tuning || !this.#answer || this.#awaiting || pc.signalingState !== "stable") return;
      if (tuneOpus(this.#answer, this.#tuning) === this.#applied) return;
      await makeOffer(pc);
      await this.#setAnswer(this.#answer);
    });
  }

  /** @param {Targets} targets */
  async apply(targets) {
    if (this.#closed || !this.#audio) return;
    const first = { priority: "high", networkPriority: "high" };
    const audio = { maxBitrate: targets.audio_bps };
    // Firefox refuses the whole call for a member it does not know: then the rate alone.
    if (!(await setEncoding(this.#audio.sender, { ...audio, ...first }))) await setEncoding(this.#audio.sender, audio);
    if (this.#video) {
      await setEncoding(this.#video.sender, { ...encodingOf(targets) });
    }
    this.#tuning = {
      ptime_ms: targets.audio_ptime_ms,
      fec: targets.audio_fec !== 0,
      dtx: targets.audio_dtx !== 0,
      red: targets.audio_red > 0,
    };
    await this.#retune().catch((error) => this.#owner.note("tuning refused", String(error)));
  }

  // ---- candidates ----

  /** @param {RTCIceCandidateInit|"end"|null} candidate */
  #hold(candidate) {
    if (this.#closed || !candidate) return;
    if (candidate === "end") {
      this.#ended = true;
      return this.#report("GATHERED");
    }
    this.#owner.note("candidate", candidateKind(candidate));
    this.#candidates.push(candidate);
    this.#report("CANDIDATE");
  }

  trickle() {
    if (this.#closed) return;
    this.#trickleWanted = !this.#location || this.#awaiting;
    const end = this.#ended && !this.#endSent;
    if (!this.#location || this.#trickleWanted || (!this.#candidates.length && !end)) return;
    this.#endSent ||= end;
    // A lost candidate is no reason to end a call that may already stand.
    this.#signalling
      .trickle(this.#location, this.#candidates.splice(0), end, this.#abort.signal)
      .catch((error) => this.#owner.note("trickle", String(error.message ?? error)));
  }

  /** @param {RTCConfiguration} config */
  useServers(config) {
    try {
      this.#pc?.setConfiguration({ ...this.#pc.getConfiguration(), iceServers: config.iceServers ?? [] });
    } catch (error) {
      this.#owner.note("servers refused", String(error)); // it keeps those it has
    }
  }

  // ---- using it ----

  /** @param {object} message */
  send(message) {
    if (this.#closed || this.#channel?.readyState !== "open") return false;
    try {
      this.#channel.send(JSON.stringify(message));
      return true;
    } catch {
      return false; // its buffer is full, or it closes just now
    }
  }

  /** @param {Blob} blob */
  async sendBinary(blob) {
    const bytes = await blob.arrayBuffer();
    const channel = this.#channel;
    for (let at = 0; at < bytes.byteLength; at += CHUNK) {
      if (this.#closed || channel?.readyState !== "open") throw new Error("the connection was lost");
      channel.send(bytes.slice(at, at + CHUNK));
      if (channel.bufferedAmount > BUFFER_HIGH) await this.#drained(channel);
    }
  }

  /** @param {RTCDataChannel} channel @returns {Promise<void>} */
  #drained(channel) {
    return new Promise((resolve) => {
      const done = () => {
        for (const release of releases) release();
        resolve();
      };
      const releases = ["bufferedamountlow", "close"].map((type) => this.#registry.listen(channel, type, done));
      this.#held.push(done);
    });
  }

  /** @param {MediaStreamTrack|null} track */
  async attach(track) {
    if (this.#closed) return;
    await this.#audio?.sender.replaceTrack(track).catch((error) => this.#owner.note("track refused", String(error)));
  }

  /** @param {boolean} micLive */
  async sample(micLive) {
    const report = await this.stats();
    return report && !this.#closed ? this.#sampler.take(report, micLive, this.#video?.sender.track != null) : null;
  }

  /** @returns {Promise<RTCStatsReport|null>} */
  async stats() {
    return this.#closed || !this.#pc ? null : this.#pc.getStats().catch(() => null);
  }

  held() {
    return 0; // the browser knows, and tells nobody
  }

  leave() {
    this.#report("CHANNEL", { value: 0 });
  }

  states() {
    return {
      peer: this.#pc?.connectionState ?? "closed",
      ice: this.#pc?.iceConnectionState ?? "closed",
      gathering: this.#pc?.iceGatheringState ?? "new",
      channel: this.#channel?.readyState ?? "closed",
    };
  }

  description() {
    return this.#pc?.localDescription ?? null;
  }

  // ---- ending it ----

  /** @param {boolean} remove @param {boolean} now */
  async close(remove, now) {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    if (now) this.#lateAbort.abort();
    else this.#held.push(this.#registry.after(LATE_MS, () => this.#lateAbort.abort()));
    const farewell = remove && this.#location ? this.#signalling.remove(this.#location).catch(() => undefined) : null;
    if (farewell && !now) await Promise.race([farewell, this.#farewellOver()]);
    this.#shut();
  }

  /** @returns {Promise<void>} */
  #farewellOver() {
    return new Promise((resolve) => {
      this.#held.push(this.#registry.after(FAREWELL_MS, resolve));
    });
  }

  #shut() {
    this.#channel?.close();
    // close() ends them only later, and Chromium keeps no page in its back-forward cache while a track lives.
    for (const receiver of this.#pc?.getReceivers() ?? []) receiver.track.stop();
    for (const release of this.#held.splice(0)) release();
    this.#channel = null;
    this.#pc = null;
  }

  /** @param {PeerReport} kind @param {{request?:number, value?:number, more?:number}} [fields] */
  #report(kind, fields) {
    if (!this.#closed) this.#owner.report(kind, fields);
  }

  /** @param {string} step @param {unknown} error @param {number} value of BROKEN */
  #broken(step, error, value) {
    this.#owner.note(`${step} failed`, String(error));
    this.#report("BROKEN", { value });
  }
}

/** @param {Targets} targets @returns {RTCRtpEncodingParameters} */
function encodingOf(targets) {
  return {
    active: targets.video_bps > 0,
    maxBitrate: Math.max(1000, targets.video_bps),
    maxFramerate: Math.max(1, targets.video_fps),
    scaleResolutionDownBy: 100 / Math.max(1, targets.video_scale_percent),
  };
}
