// Runs inside the page after tests/browser/probe.js: finds the moment of recovery to within some 40 ms.
//
// Recovered is: the page says that one can talk, and a ping that the test sent has been answered by the gateway. The
// pings go over the page's own channels but only from `begin` on, and their answers are hidden from the page, so they
// neither hide a fault from it nor tell it of a recovery.

// It also writes down what the page's WebRTCManager tells, and keeps hold of it for its diagnostics.

export function installWatch() {
  const UP = ["ready", "listening", "thinking", "speaking"];
  const EVERY_MS = 40;
  /** @type {RTCDataChannel[]} */
  const channels = [];
  /** Epoch milliseconds; 0: not yet. |at_ms|: recovered; |proof_ms|: a ping was answered. */
  const state = { at_ms: 0, from_ms: 0, proof_ms: 0 };
  let n_sent = 0;
  let first = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let timer;

  const look = () => {
    if (!state.from_ms || !state.proof_ms || state.at_ms) return;
    if (!UP.includes(document.documentElement?.dataset["state"] ?? "")) return;
    state.at_ms = Date.now();
    clearInterval(timer);
  };

  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (/** @type {string} */ label, /** @type {any} */ options) {
    const channel = create.call(this, label, options);
    channels.push(channel);
    channel.addEventListener("message", (event) => {
      if (typeof event.data !== "string" || !event.data.includes('"pong"')) return;
      const { t } = JSON.parse(event.data);
      if (!(t < 0)) return; // the page's own
      event.stopImmediatePropagation();
      if (state.from_ms && -t >= first && !state.proof_ms) {
        state.proof_ms = Date.now();
        look();
      }
    });
    return channel;
  };
  new MutationObserver(look).observe(document, { subtree: true, attributeFilter: ["data-state"] });

  /** @type {{at_ms:number, name:string, detail:any}[]} */
  const told = [];
  /** @type {any} */
  let manager = null;
  /** @type {MediaStream|null} */
  let stream = null;
  const dispatch = EventTarget.prototype.dispatchEvent;
  EventTarget.prototype.dispatchEvent = function (/** @type {Event} */ event) {
    if (this.constructor.name === "WebRTCManager") {
      manager = this;
      const { detail } = /** @type {CustomEvent} */ (event);
      if (event.type === "track") stream = detail.stream;
      if (["state", "recovered", "timeline", "notice", "microphone", "issues"].includes(event.type)) {
        told.push({ at_ms: Date.now(), name: event.type, detail: JSON.parse(JSON.stringify(detail)) });
      }
    }
    return dispatch.call(this, event);
  };

  /** @type {any} */ (window).watch = {
    state,
    channels,
    told,
    get manager() {
      return manager;
    },
    /** dBFS of the loudest of the answer, of |n| looks at what came, by whatever way. @param {number} n */
    async loudest(n) {
      if (!stream) return -Infinity;
      const context = new AudioContext();
      const ear = context.createAnalyser();
      const source = context.createMediaStreamSource(stream);
      source.connect(ear);
      const samples = new Float32Array(ear.fftSize);
      let most = 1e-12;
      for (let i = 0; i < n; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        ear.getFloatTimeDomainData(samples);
        most = Math.max(most, samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
      }
      source.disconnect();
      await context.close();
      return 10 * Math.log10(most);
    },
    /** @param {number} from_ms epoch: where the time to recover begins; pings go out from now on */
    begin(from_ms) {
      clearInterval(timer);
      Object.assign(state, { at_ms: 0, from_ms, proof_ms: 0 });
      first = n_sent + 1;
      timer = setInterval(() => {
        for (const channel of channels) {
          if (channel.readyState === "open" && channel.bufferedAmount < 4096) {
            channel.send(JSON.stringify({ type: "ping", t: -++n_sent }));
          }
        }
      }, EVERY_MS);
    },
    end: () => clearInterval(timer),
  };
}
