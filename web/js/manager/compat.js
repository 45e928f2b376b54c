/* compat.js - where Chromium, Firefox and Safari differ, each difference once, with its reason. The rest of the manager
 * uses standard calls only. Features are probed, never guessed from the browser's name. */

/** @typedef {import("./registry.js").Registry} Registry */
/** @typedef {Record<string, any>} Stat */

/** WebKitGTK of today's distributions and WebViews of some apps have none. */
export const hasWebRtc = () => typeof globalThis.RTCPeerConnection === "function";

/** A policy of 'wasm-unsafe-eval' lets nothing be compiled where that word is not known: Chromium before 97, Safari before
 * 16. Asked with the least module there is. */
export function hasWebAssembly() {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) !== null;
  } catch {
    return false;
  }
}

/** Outside https and localhost `mediaDevices` does not exist at all (Chromium, Firefox) or refuses (older Safari). */
export const hasMicrophoneAccess = () => globalThis.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

// ---- descriptions and candidates ----

/** Opus is payload type 111 in Chromium and 109 in Firefox, and an answerer may number as it likes: found by name.
 * @param {string} sdp one media section @returns {string|null} */
export function opusType(sdp) {
  return /^a=rtpmap:(\d+) opus\/48000/im.exec(sdp)?.[1] ?? null;
}

/** Whether the browser can send copies of earlier frames (RFC 2198): Chromium can, Firefox cannot; Safari lists it, untried. */
export const hasRed = () =>
  Boolean(globalThis.RTCRtpSender?.getCapabilities?.("audio")?.codecs.some(({ mimeType }) => /^audio\/red$/i.test(mimeType)));

/** @typedef {{ptime_ms:number, fec:boolean, dtx:boolean, red:boolean}} Wish  |red|: with copies, if both sides know them */

/** What the browser's Opus encoder is to do is told by the *answer*: fmtp and ptime are the receiver's wishes
 * (RFC 7587 section 7), and the first codec is the one that is sent. No browser has these in setParameters yet.
 * @param {string} sdp an answer @param {Wish} wish @returns {string} */
export function tuneOpus(sdp, wish) {
  const sections = sdp.split(/^(?=m=)/m);
  return sections
    .map((section) => {
      const type = section.startsWith("m=audio") ? opusType(section) : null;
      return type ? tuneSection(section, type, wish) : section;
    })
    .join("");
}

/** Opus first, or the RED that carries it.
 * @param {string} line m= @param {string} section @param {string} type @param {Wish} wish */
function codecFirst(line, section, type, wish) {
  const red = wish.red ? new RegExp(`^a=fmtp:(\\d+) ${type}/${type}`, "m").exec(section)?.[1] : undefined;
  const [kind, port, protocol, ...types] = line.split(" ");
  const first = [red, type].find((one) => one && types.includes(one));
  return [kind, port, protocol, first, ...types.filter((one) => one !== first)].join(" ");
}

/** @param {string} section @param {string} type @param {Wish} wish */
function tuneSection(section, type, wish) {
  const lines = section.split("\r\n").filter((line) => !/^a=ptime:/.test(line));
  lines[0] = codecFirst(lines[0] ?? "", section, type, wish);
  const head = `a=fmtp:${type} `;
  const parameters = (lines.find((line) => line.startsWith(head))?.slice(head.length) ?? "")
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part && !/^(useinbandfec|usedtx)=/.test(part));
  parameters.push(`useinbandfec=${Number(wish.fec)}`);
  if (wish.dtx) parameters.push("usedtx=1");
  const kept = lines.filter((line) => !line.startsWith(head));
  const at = kept.findIndex((line) => line.startsWith(`a=rtpmap:${type} `)) + 1;
  kept.splice(at, 0, head + parameters.join(";"), `a=ptime:${wish.ptime_ms}`);
  return kept.join("\r\n");
}

/** Firefox and Safari mark the end of a generation with an empty candidate and only then say null. Host addresses are
 * hidden behind names in .local (Firefox always, Chromium and Safari until the microphone is allowed): they are sent as
 * they are, because whoever cannot resolve them learns our address from our checks (RFC 8445 section 7.3.1.3).
 * @param {RTCIceCandidate|null} candidate @returns {RTCIceCandidateInit|"end"|null} null: nothing to send */
export function candidateOf(candidate) {
  if (!candidate) return "end";
  return candidate.candidate ? candidate.toJSON() : null;
}

/** For reports: the kind without the address. @param {RTCIceCandidateInit} candidate */
export function candidateKind(candidate) {
  const [, protocol = "?", address = "", kind = "?"] =
    /^candidate:\S+ \d+ (\S+) \d+ (\S+) \d+ typ (\S+)/i.exec(candidate.candidate ?? "") ?? [];
  const family = address.endsWith(".local") ? "name" : address.includes(":") ? "IPv6" : "IPv4";
  return `${kind} ${protocol.toLowerCase()} ${family}`;
}

/** Lost speech may be asked for again (RFC 4585 section 6.2.1), in both directions. What is built on libwebrtc (told by
 * RED, which Firefox lacks) can do that for Opus, and does where both descriptions say so, but does not say it by itself.
 * @param {string} sdp an offer @returns {string} */
export function offerNack(sdp) {
  const sections = sdp.split(/^(?=m=)/m);
  return sections
    .map((section) => {
      const type = section.startsWith("m=audio") ? opusType(section) : null;
      if (!type || new RegExp(`^a=rtcp-fb:${type} nack\\r?$`, "m").test(section)) return section;
      return section.replace(new RegExp(`^a=rtpmap:${type} .*\r\n`, "m"), `$&a=rtcp-fb:${type} nack\r\n`);
    })
    .join("");
}

/** Makes an offer and takes it as ours; as the browser wrote it where it does not like a word more.
 * @param {RTCPeerConnection} pc @param {RTCOfferOptions} [options] @returns {Promise<void>} */
export async function makeOffer(pc, options) {
  const offer = await pc.createOffer(options);
  const written = offer.sdp ?? "";
  const sdp = hasRed() ? offerNack(written) : written;
  try {
    await pc.setLocalDescription({ type: "offer", sdp });
  } catch (error) {
    if (sdp === written) throw error;
    await pc.setLocalDescription(offer);
  }
}

/** An ICE restart; before restartIce() (Safari 14, Firefox 70) the option of createOffer did it.
 * @param {RTCPeerConnection} pc @returns {Promise<void>} */
export async function restartOffer(pc) {
  pc.restartIce?.();
  await makeOffer(pc, { iceRestart: true });
}

// ---- statistics ----

/** Only one pair carries the call. Chromium and Safari name it in the transport; Firefox had no transport statistics for
 * long, and marks the pair itself.
 * @param {RTCStatsReport|ReadonlyMap<string, Stat>} report @returns {Stat|null} */
export function selectedPair(report) {
  /** @type {Stat|null} */
  let marked = null;
  /** @type {Stat|null} */
  let nominated = null;
  /** @type {Stat|null} */
  let named = null;
  report.forEach((/** @type {Stat} */ stat) => {
    if (stat["type"] === "transport" && stat["selectedCandidatePairId"]) {
      named ??= /** @type {Stat|null} */ (report.get(stat["selectedCandidatePairId"]) ?? null);
    }
    if (stat["type"] !== "candidate-pair") return;
    if (stat["selected"]) marked = stat;
    if (stat["nominated"] && stat["state"] === "succeeded") nominated = stat;
  });
  return named ?? marked ?? nominated;
}

/** The moment of the first sound. A remote track is muted until the first packet of its stream is there, in Chromium,
 * Firefox and Safari; older Firefox and Safari unmute already with the answer, so the packets are looked at as well.
 * @param {Registry} registry @param {RTCRtpReceiver} receiver @param {() => void} heard at most once
 * @returns {() => void} stops looking */
export function onFirstSound(registry, receiver, heard) {
  let over = false;
  const look = () => {
    if (over || !receiver.getSynchronizationSources?.().length) return false;
    over = true;
    release();
    heard();
    return true;
  };
  const soon = () => {
    if (!look() && !over) later = registry.after(20, soon);
  };
  /** @type {() => void} */
  let later = () => undefined;
  const listening = registry.listen(receiver.track, "unmute", soon);
  const release = () => {
    over = true;
    listening();
    later();
  };
  return release;
}

// ---- senders ----

/** Sets what differs, and nothing if nothing does. Firefox before 110 gives no encodings before negotiation, knows no
 * networkPriority, and Safari no maxFramerate: members that are refused are left out, once and for all.
 * @param {RTCRtpSender} sender @param {Record<string, unknown>} wish of the encoding @returns {Promise<boolean>} */
export async function setEncoding(sender, wish) {
  const parameters = sender.getParameters?.();
  const encoding = /** @type {Record<string, unknown>|undefined} */ (parameters?.encodings?.[0]);
  if (!encoding) return false;
  const changes = Object.entries(wish).filter(([name, value]) => encoding[name] !== value);
  if (!changes.length) return true;
  Object.assign(encoding, Object.fromEntries(changes));
  try {
    await sender.setParameters(parameters);
    return true;
  } catch {
    return false; // an encoder that cannot do this goes on as it is
  }
}

// ---- microphone ----

/** What is known without asking. Firefox before 132 and Safari before 16 do not have this name.
 * @returns {Promise<PermissionStatus|null>} */
export async function microphonePermission() {
  try {
    return await navigator.permissions.query({ name: /** @type {any} */ ("microphone") });
  } catch {
    return null;
  }
}

/** @param {unknown} error of getUserMedia @returns {"DENIED"|"NONE"|"BUSY"} a MIC state */
export function microphoneProblem(error) {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "DENIED";
    case "NotFoundError":
    case "OverconstrainedError":
      return "NONE";
    default: // NotReadableError, AbortError, and what Safari calls InvalidStateError when another tab captures
      return "BUSY";
  }
}

/** Chromium takes no notice of an `ideal` device: only an `exact` one is used. That one fails when the device is gone, or
 * has another id since Safari renamed it: then any other is better than none.
 * @param {string|null} deviceId @returns {Promise<MediaStream>} */
export async function openMicrophone(deviceId) {
  const voice = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (deviceId) {
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { ...voice, deviceId: { exact: deviceId } } });
    } catch (error) {
      const name = error instanceof DOMException || error instanceof Error ? error.name : "";
      if (name !== "OverconstrainedError" && name !== "NotFoundError") throw error;
    }
  }
  return navigator.mediaDevices.getUserMedia({ audio: voice });
}

// ---- loudspeaker ----

/** Sound comes out only after a gesture, in Safari even per element: played within the gesture, with nothing to play yet,
 * it is allowed to sound later. @param {HTMLMediaElement} element @returns {Promise<boolean>} it may sound */
export async function playNow(element) {
  try {
    const playing = element.play();
    if (!element.srcObject) {
      playing?.catch(() => undefined);
      return true;
    }
    await playing;
    return true;
  } catch (error) {
    return /** @type {any} */ (error)?.name !== "NotAllowedError"; // an AbortError: another stream came
  }
}

/** Safari lets an element sound only when it is played within the gesture itself; elsewhere a gesture in the past is
 * enough. Only Safari has this event. @returns {boolean} */
export const soundNeedsGesture = () => "GestureEvent" in globalThis;

/** Safari and older Firefox have no choice of the loudspeaker: the system's is used.
 * @param {HTMLMediaElement} element @param {string} deviceId @returns {Promise<boolean>} */
export async function setLoudspeaker(element, deviceId) {
  const withSink = /** @type {any} */ (element);
  if (typeof withSink.setSinkId !== "function") return false;
  await withSink.setSinkId(deviceId);
  return true;
}

// ---- page and network ----

/** Chromium before 103 has no AbortSignal.timeout. @param {number} limit_ms @returns {AbortSignal} */
export function giveUpAfter(limit_ms) {
  if (AbortSignal.timeout) return AbortSignal.timeout(limit_ms);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), limit_ms);
  return abort.signal;
}

/** Only Chromium has navigator.connection, and on desktops it is without a type: there `change` tells of estimates and
 * not of a network, and nothing is reported. @param {Registry} registry @param {(kind:number) => void} changed */
export function onNetworkChange(registry, changed) {
  const connection = /** @type {any} */ (navigator).connection;
  const kindOf = () => NETWORKS.indexOf(connection?.type ?? "unknown");
  let kind = kindOf();
  registry.listen(connection, "change", () => {
    const now = kindOf();
    if (now === kind) return;
    kind = now;
    changed(Math.max(0, now));
  });
}
/** What the gateway is told of it, for its history: nothing where the browser says nothing. @returns {{network?:string}} */
export function networkTold() {
  const network = /** @type {any} */ (navigator).connection?.type;
  return NETWORKS.includes(network) && network !== "unknown" ? { network } : {};
}
const NETWORKS = ["unknown", "ethernet", "wifi", "cellular", "bluetooth", "wimax", "other", "mixed", "none"];

/** An open connection or a live track keeps a page out of the back-forward cache (all browsers), so both are let go at
 * `pagehide`. `freeze` and `resume` exist in Chromium only; Safari on iOS just stops the clock, which the core notices.
 * @param {Registry} registry
 * @param {{hidden:(hidden:boolean) => void, frozen:(frozen:boolean) => void, leaves:(mayReturn:boolean) => void,
 *   returns:() => void, online:(online:boolean) => void}} tell */
export function onPageLife(registry, tell) {
  registry.listen(document, "visibilitychange", () => tell.hidden(document.hidden));
  registry.listen(document, "freeze", () => tell.frozen(true));
  registry.listen(document, "resume", () => tell.frozen(false));
  registry.listen(window, "pagehide", (/** @type {PageTransitionEvent} */ event) => tell.leaves(event.persisted));
  registry.listen(window, "pageshow", (/** @type {PageTransitionEvent} */ event) => {
    if (event.persisted) tell.returns();
  });
  registry.listen(window, "online", () => tell.online(true));
  registry.listen(window, "offline", () => tell.online(false));
}
