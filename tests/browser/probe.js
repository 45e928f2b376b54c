// Runs inside the page before its own scripts: watches, changes nothing.
//
// `window.probe` holds the connections, the messages that went out and came in, when the microphone was opened, and a
// meter on the remote track itself. The meter taps the track, not the <audio> element, so muting or volume in the page
// cannot make the figures look better.

/* global window, document, performance */
export function installProbe() {
  const probe = {
    /** @type {RTCPeerConnection[]} */ peers: [],
    /** @type {RTCDataChannel[]} */ channels: [],
    /** @type {{at:number, message:any}[]} */ sent: [],
    /** @type {{at:number, message:any}[]} */ received: [],
    /** @type {number|null} */ microphoneAt: null,
    /** @type {MediaStreamTrack[]} that were opened, and their copies */ tracks: [],
    /** @type {string[]} */ violations: [],
    /** @type {AnalyserNode|null} */ tap: null,
    /** @type {{at:number, db:number}[]} */ levels: [],
    binaryBytes: 0,
    /** @type {{path:string, body:any}[]} what was asked by POST */ posts: [],
    /** @type {{at:number, muted:boolean}[]} the loudspeaker's element */ mutes: [],
    /** @type {AudioContext|null} */ context: null,
  };
  /** @type {any} */ (window).probe = probe;
  document.addEventListener("securitypolicyviolation", (event) => {
    probe.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });

  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    /** @param {RTCConfiguration} [config] */
    constructor(config) {
      super(config);
      probe.peers.push(this);
      this.addEventListener("track", ({ track }) => {
        const context = new AudioContext({ latencyHint: "interactive" });
        context.resume();
        const tap = context.createAnalyser();
        tap.fftSize = 256;
        context.createMediaStreamSource(new MediaStream([track])).connect(tap);
        probe.context = context;
        probe.tap = tap;
      });
    }
  };

  // A connection may be made before the first press, and a context that was begun then waits for a gesture and for this.
  for (const gesture of ["click", "keydown"]) addEventListener(gesture, () => void probe.context?.resume(), true);

  const send = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (/** @type {any} */ data) {
    if (typeof data === "string") probe.sent.push({ at: performance.now(), message: JSON.parse(data) });
    else probe.binaryBytes += data.byteLength;
    return send.call(this, data);
  };
  const muted = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "muted");
  Object.defineProperty(HTMLMediaElement.prototype, "muted", {
    ...muted,
    set(/** @type {boolean} */ on) {
      muted?.set?.call(this, on);
      probe.mutes.push({ at: performance.now(), muted: on });
    },
  });
  const create = Peer.prototype.createDataChannel;
  Peer.prototype.createDataChannel = function (/** @type {string} */ label, /** @type {any} */ options) {
    const channel = create.call(this, label, options);
    probe.channels.push(channel);
    channel.addEventListener("message", ({ data }) => {
      if (typeof data === "string") probe.received.push({ at: performance.now(), message: JSON.parse(data) });
    });
    return channel;
  };

  // A call may go over a WebSocket for a while.
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    /** @param {string|URL} url @param {string|string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      this.addEventListener("message", ({ data }) => {
        if (typeof data === "string") probe.received.push({ at: performance.now(), message: JSON.parse(data) });
      });
    }

    /** @override @param {any} data */
    send(data) {
      if (typeof data === "string") probe.sent.push({ at: performance.now(), message: JSON.parse(data) });
      super.send(data);
    }
  };

  const ask = window.fetch;
  window.fetch = (input, init) => {
    if (init?.method === "POST") {
      probe.posts.push({ path: new URL(String(input), location.href).pathname, body: JSON.parse(String(init.body)) });
    }
    return ask(input, init);
  };

  if (navigator.mediaDevices) {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints);
      if (constraints?.audio) probe.microphoneAt = performance.now();
      probe.tracks.push(...stream.getTracks());
      return stream;
    };
    const copy = MediaStreamTrack.prototype.clone;
    MediaStreamTrack.prototype.clone = function () {
      const track = copy.call(this);
      probe.tracks.push(track);
      return track;
    };
  }

  // One figure each ~4 ms over the last 256 samples (5.3 ms at 48 kHz).
  const samples = new Float32Array(256);
  const measure = () => {
    if (probe.tap) {
      probe.tap.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      probe.levels.push({ at: performance.now(), db: 10 * Math.log10(sum / samples.length + 1e-12) });
      if (probe.levels.length > 20_000) probe.levels.splice(0, 10_000);
    }
    setTimeout(measure, 4);
  };
  measure();
}
