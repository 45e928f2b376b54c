/* session.js - what to do and when; never how.
 *
 * One call is a small machine: events in, commands out, `now` with every event. It reads no clock, sets no timer, draws
 * no random number of its own and touches neither the page nor the network, so a test can live through an hour of bad
 * network in a millisecond, and another core with the same contract can take its place.
 *
 * The hands (main.js) pass every happening to `handle`, carry out the commands it returns in order, and call it again
 * with {type:"tick"} when `deadline` has come. */

/**
 * @typedef {"asking"|"ready"|"none"} Microphone
 * @typedef {"idle"|"connecting"|"ready"|"listening"|"thinking"|"speaking"|"reconnecting"|"offline"|"ended"} State
 * @typedef {"auto"|"manual"} Mode
 * @typedef {"unreachable"|"serverFull"|"notAllowed"|"refused"|"lost"|"assistantLost"|"draining"|
 *   "heardNothing"|"holdLonger"} NoticeKey
 *
 * @typedef {{type:"start", mode:Mode}
 *   | {type:"answered", resume:string}
 *   | {type:"refused", status:number, retryAfter_ms:number}
 *   | {type:"peer", state:RTCPeerConnectionState}
 *   | {type:"channel", open:boolean}
 *   | {type:"microphone", state:Microphone}
 *   | {type:"message", message:Incoming}
 *   | {type:"press"} | {type:"release"} | {type:"cancel"} | {type:"interrupt"}
 *   | {type:"text", text:string}
 *   | {type:"mode", mode:Mode}
 *   | {type:"mute", on:boolean}
 *   | {type:"retry"} | {type:"hangup"} | {type:"leave"} | {type:"tick"}} SessionEvent
 *
 * @typedef {{type:string, [key:string]:any}} Incoming  a message of the data channel
 *
 * @typedef {{do:"connect", mode:Mode, resume:string|null}
 *   | {do:"disconnect", remove:boolean}
 *   | {do:"send", message:object}
 *   | {do:"mic", live:boolean}
 *   | {do:"hush", on:boolean}
 *   | {do:"notice", key:NoticeKey}
 *   | {do:"clear"}} Command
 */

export const LIMITS = Object.freeze({
  tries: 3,
  /** Waiting time before each try; the jitter makes it 50 % to 150 % of this. */
  backOff_ms: [600, 1800, 5000],
  retryAfterMax_ms: 60_000,
  connect_ms: 15_000,
  /** "disconnected" often heals by itself within a few checks (RFC 7675); longer than this it is a loss. */
  disconnected_ms: 4_000,
  /** Released and not a word back: the assistant heard nothing. */
  thinking_ms: 10_000,
  /** A shorter press is a slip of the finger, not a sentence. */
  press_ms: 250,
});

export class Session {
  /** @type {"idle"|"connecting"|"up"|"waiting"|"offline"|"ended"} */
  #phase = "idle";
  /** @type {"none"|"listening"|"thinking"|"speaking"} */
  #turn = "none";
  /** @type {Mode} */
  #mode = "manual";
  /** @type {Microphone} */
  #microphone = "asking";
  #assistantReady = false;
  #channelOpen = false;
  #held = false;
  #heldSince_ms = 0;
  #muted = false;
  #micLive = false;
  #hushed = false;
  /** Hands-free listening has been asked for on this link. */
  #autoAsked = false;
  #tries = 0;
  /** @type {string|null} */
  #resume = null;
  /** @type {Map<"retry"|"connect"|"disconnected"|"thinking", number>} */
  #timers = new Map();
  /** @type {Command[]} */
  #commands = [];
  /** @type {() => number} */
  #random;

  /** @param {() => number} random uniform in [0, 1) */
  constructor(random) {
    this.#random = random;
  }

  /** @returns {State} */
  get state() {
    switch (this.#phase) {
      case "idle":
      case "offline":
      case "ended":
        return this.#phase;
      case "connecting":
        return this.#tries ? "reconnecting" : "connecting";
      case "waiting":
        return "reconnecting";
      case "up":
        if (!this.#assistantReady) return "connecting";
        return this.#turn === "none" ? "ready" : this.#turn;
    }
  }

  get microphone() {
    return this.#microphone;
  }

  get mode() {
    return this.#mode;
  }

  get held() {
    return this.#held;
  }

  /** A sentence can be sent: the channel is open and the assistant answers. */
  get canTalk() {
    return this.#phase === "up" && this.#channelOpen && this.#assistantReady;
  }

  /** The peer is there, whether or not the assistant is. */
  get connected() {
    return this.#phase === "up";
  }

  /** @param {number} now_ms @returns {number} whole seconds until the next try, 0 when one is under way */
  retryIn_s(now_ms) {
    const at_ms = this.#timers.get("retry");
    return at_ms === undefined ? 0 : Math.max(1, Math.ceil((at_ms - now_ms) / 1000));
  }

  /** @returns {number} when to call with a tick; Infinity if nothing is pending */
  get deadline() {
    return Math.min(Infinity, ...this.#timers.values());
  }

  /** @param {SessionEvent} event @param {number} now_ms @returns {Command[]} */
  handle(event, now_ms) {
    this.#commands = [];
    this.#step(event, now_ms);
    this.#updateMic();
    return this.#commands;
  }

  /** @param {SessionEvent} event @param {number} now_ms */
  #step(event, now_ms) {
    switch (event.type) {
      case "start":
        return this.#start(event.mode, now_ms);
      case "answered":
        this.#resume = event.resume;
        return;
      case "refused":
        return this.#refused(event.status, event.retryAfter_ms, now_ms);
      case "peer":
        return this.#peer(event.state, now_ms);
      case "channel":
        return this.#channel(event.open, now_ms);
      case "microphone":
        return this.#changeMicrophone(event.state);
      case "message":
        return this.#message(event.message, now_ms);
      case "press":
        return this.#press(now_ms);
      case "release":
        return this.#release(now_ms);
      case "cancel":
        return this.#cancel();
      case "interrupt":
        if (this.#busy) this.#abort();
        return;
      case "text":
        return this.#text(event.text, now_ms);
      case "mode":
        return this.#changeMode(event.mode);
      case "mute":
        this.#muted = event.on;
        return;
      case "retry":
        if (this.#phase === "waiting") this.#connect(now_ms);
        return;
      case "hangup":
        return this.#end("ended", true);
      case "leave":
        if (this.#phase === "idle" || this.#phase === "offline") return;
        return this.#end("ended", true);
      case "tick":
        return this.#tick(now_ms);
    }
  }

  // ---- the link ----

  /** @param {Mode} mode @param {number} now_ms */
  #start(mode, now_ms) {
    if (this.#phase === "connecting" || this.#phase === "up" || this.#phase === "waiting") return;
    this.#mode = mode;
    this.#tries = 0;
    this.#resume = null;
    this.#commands.push({ do: "clear" });
    this.#connect(now_ms);
  }

  /** @param {number} now_ms */
  #connect(now_ms) {
    this.#forgetLink();
    this.#phase = "connecting";
    this.#timers.set("connect", now_ms + LIMITS.connect_ms);
    this.#commands.push({ do: "connect", mode: this.#mode, resume: this.#resume });
  }

  #forgetLink() {
    this.#timers.clear();
    this.#turn = "none";
    this.#held = false;
    this.#hushed = false;
    this.#assistantReady = false;
    this.#channelOpen = false;
    this.#autoAsked = false;
  }

  /** @param {"offline"|"ended"} phase @param {boolean} remove */
  #end(phase, remove) {
    if (this.#phase === "ended") return;
    this.#forgetLink();
    this.#phase = phase;
    this.#resume = null;
    this.#commands.push({ do: "disconnect", remove });
    if (phase === "ended") this.#commands.push({ do: "clear" });
  }

  /** @param {NoticeKey} reason @param {number} atLeast_ms @param {number} now_ms */
  #tryAgain(reason, atLeast_ms, now_ms) {
    this.#commands.push({ do: "notice", key: reason });
    if (this.#tries >= LIMITS.tries) return this.#end("offline", false);
    const base_ms = LIMITS.backOff_ms[this.#tries] ?? 0;
    const wait_ms = Math.max(base_ms * (0.5 + this.#random()), Math.min(atLeast_ms, LIMITS.retryAfterMax_ms));
    this.#tries++;
    this.#forgetLink();
    this.#phase = "waiting";
    this.#commands.push({ do: "disconnect", remove: false });
    this.#timers.set("retry", now_ms + wait_ms);
  }

  /** @param {number} status 0: no answer at all @param {number} retryAfter_ms @param {number} now_ms */
  #refused(status, retryAfter_ms, now_ms) {
    if (this.#phase !== "connecting") return;
    if (status === 503 || status === 429) return this.#tryAgain("serverFull", retryAfter_ms, now_ms);
    if (status === 0 || status >= 500) return this.#tryAgain("unreachable", retryAfter_ms, now_ms);
    if (this.#resume !== null) {
      this.#resume = null; // the kept session is gone: a new one may still be welcome
      return this.#tryAgain("lost", 0, now_ms);
    }
    this.#commands.push({ do: "notice", key: status === 401 || status === 403 ? "notAllowed" : "refused" });
    this.#end("offline", false);
  }

  /** @param {RTCPeerConnectionState} state @param {number} now_ms */
  #peer(state, now_ms) {
    if (this.#phase !== "connecting" && this.#phase !== "up") return;
    switch (state) {
      case "connected":
        this.#timers.delete("connect");
        this.#timers.delete("disconnected");
        this.#phase = "up";
        return;
      case "disconnected":
        this.#timers.set("disconnected", now_ms + LIMITS.disconnected_ms);
        return;
      case "failed":
      case "closed":
        return this.#tryAgain(this.#phase === "up" ? "lost" : "unreachable", 0, now_ms);
      case "new":
      case "connecting":
        return;
    }
  }

  /** @param {boolean} open @param {number} now_ms */
  #channel(open, now_ms) {
    this.#channelOpen = open;
    if (!open && this.#phase === "up") this.#tryAgain("lost", 0, now_ms);
  }

  /** @param {number} now_ms */
  #tick(now_ms) {
    for (const [name, at_ms] of [...this.#timers]) {
      if (at_ms > now_ms || !this.#timers.delete(name)) continue;
      switch (name) {
        case "retry":
          this.#connect(now_ms);
          break;
        case "connect":
          this.#tryAgain("unreachable", 0, now_ms);
          break;
        case "disconnected":
          this.#tryAgain("lost", 0, now_ms);
          break;
        case "thinking":
          this.#commands.push({ do: "notice", key: "heardNothing" });
          this.#settle();
          break;
      }
    }
  }

  // ---- the assistant ----

  /** @param {Incoming} message @param {number} now_ms */
  #message(message, now_ms) {
    if (this.#phase !== "up" && this.#phase !== "connecting") return;
    switch (message.type) {
      case "ready":
        if (typeof message["resume"] === "string") this.#resume = message["resume"];
        this.#phase = "up";
        this.#timers.delete("connect");
        this.#tries = 0;
        return this.#assistantUp();
      case "backend":
        if (message["state"] === "ready") return this.#assistantUp();
        if (message["state"] === "lost" || message["state"] === "retrying") this.#assistantDown();
        return;
      case "stt":
        if (this.#held) return; // of the turn before this press
        this.#timers.delete("thinking");
        this.#commands.push({ do: "clear" });
        if (message["text"]) this.#turn = "thinking";
        else this.#settle();
        if (this.#turn === "thinking") this.#timers.set("thinking", now_ms + LIMITS.thinking_ms * 2);
        return;
      case "tts":
        return this.#speech(message["state"]);
      case "server-draining":
        this.#commands.push({ do: "notice", key: "draining" });
        return;
    }
  }

  #assistantUp() {
    if (this.#assistantReady) return;
    this.#assistantReady = true;
    this.#commands.push({ do: "clear" });
    this.#settle();
  }

  #assistantDown() {
    if (this.#assistantReady || this.#phase === "up") this.#commands.push({ do: "notice", key: "assistantLost" });
    this.#assistantReady = false;
    this.#autoAsked = false;
    this.#held = false;
    this.#turn = "none";
    this.#timers.delete("thinking");
  }

  /** @param {string} state of a tts message */
  #speech(state) {
    if (this.#held) return; // the end of what was just interrupted
    if (state === "start" || state === "sentence_start") {
      if (state === "start") this.#hush(false);
      else if (this.#hushed) return; // a straggler of the interrupted answer
      this.#timers.delete("thinking");
      this.#turn = "speaking";
    } else if (state === "stop" && this.#turn === "speaking") {
      this.#settle();
    }
  }

  /** Nobody speaks: wait for a press, or listen. */
  #settle() {
    this.#timers.delete("thinking");
    if (this.#mode === "manual" || this.#microphone !== "ready") {
      this.#turn = "none";
      return;
    }
    this.#turn = "listening";
    if (this.#autoAsked) return; // the gateway goes on listening after each answer by itself
    this.#autoAsked = true;
    this.#send({ type: "listen", state: "start", mode: "auto" });
  }

  #abort() {
    this.#send({ type: "abort" });
    this.#hush(true);
    this.#settle();
  }

  /** What is already on its way is old: not a syllable of it is heard. @param {boolean} on */
  #hush(on) {
    if (this.#hushed === on) return;
    this.#hushed = on;
    this.#commands.push({ do: "hush", on });
  }

  // ---- the person ----

  /** @param {number} now_ms */
  #press(now_ms) {
    if (!this.canTalk || this.#held) return;
    if (this.#microphone !== "ready" && !this.#busy) return;
    if (this.#busy) this.#abort();
    if (this.#mode === "auto" || this.#microphone !== "ready") return;
    this.#held = true;
    this.#heldSince_ms = now_ms;
    this.#turn = "listening";
    this.#commands.push({ do: "clear" });
    this.#send({ type: "listen", state: "start", mode: "manual" });
  }

  /** @param {number} now_ms */
  #release(now_ms) {
    if (!this.#held) return;
    if (now_ms - this.#heldSince_ms < LIMITS.press_ms) {
      this.#cancel();
      this.#commands.push({ do: "notice", key: "holdLonger" });
      return;
    }
    this.#held = false;
    this.#turn = "thinking";
    this.#timers.set("thinking", now_ms + LIMITS.thinking_ms);
    this.#send({ type: "listen", state: "stop" });
  }

  /** There is an answer, or one is being made. */
  get #busy() {
    return this.#turn === "speaking" || this.#turn === "thinking";
  }

  /** Escape: what was being said is thrown away, or what is being answered is cut. */
  #cancel() {
    if (!this.#held) {
      if (this.#busy) this.#abort();
      return;
    }
    this.#held = false;
    this.#send({ type: "abort" });
    this.#send({ type: "listen", state: "stop" });
    this.#settle();
  }

  /** @param {string} text @param {number} now_ms */
  #text(text, now_ms) {
    if (!this.canTalk || !text) return;
    if (this.#busy) this.#abort();
    this.#held = false;
    this.#turn = "thinking";
    this.#timers.set("thinking", now_ms + LIMITS.thinking_ms);
    this.#commands.push({ do: "clear" });
    this.#send({ type: "listen", state: "detect", text });
  }

  /** @param {Mode} mode */
  #changeMode(mode) {
    if (mode === this.#mode) return;
    if (this.#held) this.#cancel();
    this.#mode = mode;
    if (!this.canTalk) return;
    if (mode === "manual") this.#stopListening();
    if (!this.#busy) this.#settle();
  }

  /** Nobody is told "I listen" before there is something to listen with. @param {Microphone} state */
  #changeMicrophone(state) {
    if (state === this.#microphone) return;
    this.#microphone = state;
    if (!this.canTalk) return;
    if (state !== "ready") {
      if (this.#held) this.#cancel();
      this.#stopListening();
    }
    if (!this.#busy) this.#settle();
  }

  #stopListening() {
    if (!this.#autoAsked) return;
    this.#autoAsked = false;
    this.#send({ type: "listen", state: "stop" });
  }

  #updateMic() {
    const open = this.canTalk && this.#microphone === "ready" && !this.#muted;
    const live = open && (this.#mode === "auto" || this.#held);
    if (live === this.#micLive) return;
    this.#micLive = live;
    this.#commands.push({ do: "mic", live });
  }

  /** @param {object} message */
  #send(message) {
    this.#commands.push({ do: "send", message });
  }
}
