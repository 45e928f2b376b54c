/* fallback.js - a connection for browsers without RTCPeerConnection, and for the time in which one finds no path: a WebSocket
 * to GET /api/socket (docs/protocol.md, "Without WebRTC"). To the manager it is a peer like any other.
 *
 *   new WebRTCManager({ fallback: () => import("./fallback.js") })
 *
 * TCP has one path and finds it alone: there are no candidates, a restart is refused with 409 so that the core goes on
 * to the next rung, and a socket that breaks is a channel that closed: reopened, it takes the session up again. */

import { fetchCapture, Sound } from "./fallback_audio.js";
import { Sampler } from "./stats.js";

/** @typedef {import("./peer.js").PeerLike} PeerLike */
/** @typedef {import("./peer.js").PeerOwner} PeerOwner */
/** @typedef {import("./peer.js").PeerReport} PeerReport */
/** @typedef {import("./registry.js").Registry} Registry */
/** @typedef {import("./manager.d.ts").ManagerSettings} ManagerSettings */
/** @typedef {{type:"hello", location:string, resume:string, resumed:boolean}} Hello */

const PROTOCOL = "xiaozhi-rtc";
const HANG_UP = 4000;
const CHUNK = 16 * 1024;
const SOUND_BYTES = 640; // a piece of a photo must not look like sound
const BUFFER_HIGH = 64 * 1024; // of text and photos
const SOUND_WAITING = 16 * 1024; // half a second: then the network does not keep up, and sound is thrown away
const LOOK_MS = 20;
const ABSENT = -1;
const NOTHING = new Sampler(); // of no report: every member absent

/** @param {PeerOwner} owner @param {Registry} registry @param {ManagerSettings} settings @returns {PeerLike} */
export function createPeer(owner, registry, settings) {
  return new SocketPeer(owner, registry, settings);
}

/** Fetches what is not part of this module: later the network may be another one. */
export function fetchAhead() {
  fetchCapture();
}

/** @implements {PeerLike} */
class SocketPeer {
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {Sound|null} */
  #sound = null;
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** @type {string|null} */
  #resume = null;
  /** The hello has been answered. */
  #up = false;
  #beside = false;
  #leaving = false;
  #closed = false;
  #heard = false;
  #abort = new AbortController();
  /** @type {(() => void)[]} */
  #held = [];
  #counts = { in_packets: 0, in_bytes: 0, out_packets: 0, out_bytes: 0, dropped: 0 };
  #level = 0;
  #energy = 0;
  #owner;
  #registry;
  #settings;

  /** @param {PeerOwner} owner @param {Registry} registry @param {ManagerSettings} settings */
  constructor(owner, registry, settings) {
    this.#owner = owner;
    this.#registry = registry;
    this.#settings = settings;
  }

  // ---- making it ----

  async open() {
    try {
      const sound = new Sound(this.#registry, (piece) => this.#speak(piece));
      this.#sound = sound;
      this.#owner.sound(sound.stream, (volume) => sound.setVolume(volume));
      this.#loadMicrophone(sound);
    } catch (error) {
      this.#owner.note("no sound", String(error)); // typed words and captions are left
    }
    this.#report("DESCRIBED");
    this.#report("GATHERED");
  }

  /** Listening does not wait for it. @param {Sound} sound */
  async #loadMicrophone(sound) {
    try {
      await sound.load();
      if (this.#track && !this.#closed) sound.listenTo(this.#track);
    } catch (error) {
      this.#owner.note("no microphone", String(error));
    }
  }

  /** @param {number} request @param {string|null} resume @param {boolean} beside */
  async offer(request, resume, beside) {
    this.#beside = beside;
    try {
      await this.#connect(
        resume,
        (hello) => {
          this.#owner.session({ location: hello.location, resume: hello.resume });
          this.#report("ANSWERED", { request, value: Number(hello.resumed) });
          this.#report("ICE", { value: 2 });
          this.#report("PEER", { value: 2 });
          this.#report("CHANNEL", { value: 1 });
        },
        (status, retryAfter_ms) => this.#report("REFUSED", { request, value: status, more: retryAfter_ms }),
      );
    } catch (error) {
      this.#owner.note("socket", String(error));
      this.#report("REFUSED", { request, value: 0, more: 0 });
    }
  }

  /** @param {number} request */
  async restart(request) {
    this.#report("REFUSED", { request, value: 409, more: 0 });
  }

  /** The socket broke: another one for the same session, or the end of this link. */
  reopenChannel() {
    if (this.#closed) return;
    if (this.#up) return this.#report("CHANNEL", { value: 1 });
    const failed = () => this.#report("PEER", { value: 5 }); // nothing of this link is left
    this.#connect(
      this.#resume,
      (hello) => {
        if (hello.resumed) return this.#report("CHANNEL", { value: 1 });
        this.#shutSocket(HANG_UP); // a new session: the core asks for one where it wants it
        failed();
      },
      failed,
    ).catch(failed);
  }

  /** @param {string|null} resume @param {(hello:Hello) => void} answered
   * @param {(status:number, retryAfter_ms:number) => void} refused at most one of the two is called, once */
  async #connect(resume, answered, refused) {
    const token = await this.#token();
    if (this.#closed) return;
    this.#shutSocket(1000);
    const socket = new WebSocket(this.#url(), token ? [PROTOCOL, `bearer.${token}`] : [PROTOCOL]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = false;
    let over = false;
    /** @param {number} status @param {number} [retryAfter_ms] */
    const fail = (status, retryAfter_ms = 0) => {
      if (over) return;
      over = true;
      refused(status, retryAfter_ms);
    };
    const on = (/** @type {string} */ type, /** @type {(event:any) => void} */ heard) =>
      this.#registry.listen(socket, type, (event) => {
        if (socket === this.#socket && !this.#closed) heard(event);
      });
    this.#held.push(
      this.#registry.hold("peer", () => socket.close()),
      on("open", async () => {
        opened = true;
        const macAddress = await this.#settings.macAddress;
        const again = resume ? { resume, heard: this.#owner.heard(), ...(this.#beside ? { beside: true } : {}) } : {};
        socket.send(JSON.stringify({ type: "hello", mode: "manual", ...(macAddress ? { macAddress } : {}), ...again }));
      }),
      on("message", ({ data }) => {
        if (this.#up || typeof data !== "string") return this.#receive(data);
        const first = parsed(data);
        if (first?.type !== "hello") return fail(Number(first?.["status"] ?? 0), Number(first?.["retryAfter"] ?? 0) * 1000);
        this.#up = over = true;
        this.#resume = first["resume"];
        answered(/** @type {any} */ (first));
      }),
      on("close", ({ code }) => {
        const was_up = this.#up;
        this.#owner.note("socket closed", String(code));
        this.#up = false;
        this.#socket = null;
        if (this.#leaving) return this.#playOut();
        this.#sound?.hush();
        if (was_up) this.#report("CHANNEL", { value: 0 });
        else if (opened) fail(0);
        else this.#why().then(fail);
      }),
    );
  }

  #url() {
    const { webSocketUrl, baseUrl } = this.#settings;
    const url = webSocketUrl
      ? new URL(webSocketUrl, location.href)
      : new URL("api/socket", new URL(baseUrl ?? "/", location.href));
    url.protocol = url.protocol.replace("http", "ws");
    return url;
  }

  /** A socket takes no headers: the token goes as a subprotocol. @returns {Promise<string>} "" none */
  async #token() {
    const headers = new Headers((await this.#settings.headers?.()) ?? {});
    return /^Bearer ([\w.~+/-]+=*)$/i.exec(headers.get("Authorization") ?? "")?.[1] ?? "";
  }

  /** A page is not told why a socket was refused; plain HTTP is. @returns {Promise<number>} a status, 0 none */
  async #why() {
    try {
      const url = this.#url();
      url.protocol = url.protocol.replace("ws", "http");
      const headers = (await this.#settings.headers?.()) ?? {};
      const { status } = await fetch(url, { headers, cache: "no-store", signal: this.#abort.signal });
      return status === 426 ? 0 : status;
    } catch {
      return 0;
    }
  }

  // ---- using it ----

  /** @param {unknown} data */
  #receive(data) {
    if (data instanceof ArrayBuffer) return this.#hear(data);
    const message = parsed(data);
    if (message?.type === "hush") return this.#sound?.hush();
    if (message) this.#owner.message(message);
  }

  /** @param {ArrayBuffer} piece */
  #hear(piece) {
    this.#counts.in_packets++;
    this.#counts.in_bytes += piece.byteLength;
    this.#sound?.play(piece);
    if (this.#heard) return;
    this.#heard = true;
    this.#report("MEDIA");
  }

  /** @param {ArrayBuffer} piece */
  #speak(piece) {
    const socket = this.#socket;
    if (!this.#up || !socket || !this.#track?.enabled || this.#track.muted) return;
    const samples = new Int16Array(piece);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / (samples.length * 32768 * 32768);
    this.#level = Math.sqrt(power);
    this.#energy += power * 0.02;
    if (socket.bufferedAmount > SOUND_WAITING) {
      this.#counts.dropped++;
      return;
    }
    socket.send(piece);
    this.#counts.out_packets++;
    this.#counts.out_bytes += piece.byteLength;
  }

  /** @param {object} message */
  send(message) {
    if (!this.#up || this.#socket?.readyState !== WebSocket.OPEN) return false;
    if (/** @type {any} */ (message).type === "abort") this.#sound?.hush();
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {Blob} blob */
  async sendBinary(blob) {
    const bytes = await blob.arrayBuffer();
    const socket = this.#socket;
    for (let at = 0; at < bytes.byteLength; ) {
      if (!this.#up || socket !== this.#socket || !socket) throw new Error("the connection was lost");
      let n = Math.min(CHUNK, bytes.byteLength - at);
      if (n === SOUND_BYTES) n /= 2;
      socket.send(bytes.slice(at, at + n));
      at += n;
      while (socket === this.#socket && socket.bufferedAmount > BUFFER_HIGH) await this.#moment();
    }
  }

  /** @returns {Promise<void>} */
  #moment() {
    return new Promise((resolve) => {
      this.#registry.after(LOOK_MS, resolve);
    });
  }

  async film() {} // no picture over this

  /** @param {MediaStreamTrack|null} track */
  async attach(track) {
    if (this.#closed) return;
    this.#track = track;
    try {
      this.#sound?.listenTo(track);
    } catch (error) {
      this.#owner.note("track refused", String(error));
    }
  }

  /** What is measured of TCP is little: the core has its own pings. @param {boolean} micLive
   * @returns {Promise<import("./stats.js").Sample|null>} */
  async sample(micLive) {
    if (this.#closed || !this.#up) return null;
    const { in_packets, in_bytes, out_packets, out_bytes } = this.#counts;
    return {
      ...NOTHING.take(new Map(), micLive),
      ...{ in_packets, in_bytes, in_lost: 0, out_packets, out_bytes },
      mic_level: this.#track ? this.#level : ABSENT,
      mic_energy: this.#track ? this.#energy : ABSENT,
    };
  }

  held() {
    return this.#sound?.held_ms ?? 0;
  }

  /** The gateway closes it, after the last that it said over it. */
  leave() {
    this.#leaving = true;
    this.attach(null);
    if (!this.#up) this.#playOut();
  }

  #playOut() {
    this.#held.push(this.#registry.after(this.held() + LOOK_MS, () => this.#report("CHANNEL", { value: 0 })));
  }

  states() {
    const state = this.#up ? "connected" : this.#socket ? "connecting" : "closed";
    return { peer: state, ice: state, gathering: "complete", channel: this.#up ? "open" : state };
  }

  trickle() {}
  useServers() {}
  async apply() {}
  async stats() {
    return null;
  }
  description() {
    return null;
  }

  // ---- ending it ----

  /** @param {boolean} remove */
  async close(remove) {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    this.#shutSocket(remove ? HANG_UP : 1000);
    this.#sound?.close();
    this.#track = null;
  }

  /** @param {number} code */
  #shutSocket(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#up = false;
    socket?.close(code);
    for (const release of this.#held.splice(0)) release();
  }

  /** @param {PeerReport} kind @param {{request?:number, value?:number, more?:number}} [fields] */
  #report(kind, fields) {
    if (!this.#closed) this.#owner.report(kind, fields);
  }
}

/** @param {unknown} data @returns {import("./peer.js").Incoming|null} */
function parsed(data) {
  try {
    const message = JSON.parse(String(data));
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
