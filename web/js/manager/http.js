/* http.js - the gateway's HTTP: ICE servers, offer, restart, candidates, hang up (docs/protocol.md).
 *
 * Every call is one request, with no repetition and no time limit of its own: the core decides how long is too long, and
 * then the signal ends it. */

/** @typedef {import("./manager.d.ts").Answer} Answer */
/** @typedef {import("./manager.d.ts").Offer} Offer */
/** @typedef {import("./manager.d.ts").Servers} Servers */
/** @typedef {import("./manager.d.ts").Signalling} Signalling */

/**
 * @typedef {(method:string, what:string, status:number, took_ms:number) => void} OnExchange
 *
 * @typedef {object} HttpOptions
 * @property {string} [baseUrl]  of the gateway; the page's own origin if absent
 * @property {() => Record<string, string>|Promise<Record<string, string>>} [headers]  asked anew for each request: tokens
 * @property {RequestCredentials} [credentials]
 * @property {string|Promise<string>} [macAddress]  the device that this caller is to the assistant
 */

/** No answer, or one that is a refusal. `status` is 0 when there was none. */
export class Refused extends Error {
  /** @param {number} status @param {string} message @param {number} [retryAfter_ms] */
  constructor(status, message, retryAfter_ms = 0) {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.retryAfter_ms = retryAfter_ms;
  }
}

/** An answer came, and it is none. */
export class Unusable extends Error {}

/** @param {string|null} header seconds, or a date (RFC 9110 section 10.2.3) @param {number} now_ms */
export function retryAfter_ms(header, now_ms) {
  if (!header) return 0;
  const at_ms = /^\d+$/.test(header) ? now_ms + Number(header) * 1000 : Date.parse(header);
  return Number.isFinite(at_ms) ? Math.max(0, at_ms - now_ms) : 0;
}

/** @implements {Signalling} */
export class Http {
  #base;
  #headers;
  #credentials;
  #macAddress;
  /** @type {OnExchange} */
  #onExchange;

  /** @param {HttpOptions} options @param {OnExchange} [onExchange] */
  constructor(options, onExchange = () => undefined) {
    this.#base = new URL(options.baseUrl ?? "/", globalThis.location?.href);
    this.#headers = options.headers;
    this.#credentials = options.credentials ?? "same-origin";
    this.#macAddress = options.macAddress;
    this.#onExchange = onExchange;
  }

  /** @param {AbortSignal} signal @returns {Promise<Servers>} */
  async servers(signal) {
    return serversOf(await this.#json("GET", "api/ice", undefined, signal), Date.now());
  }

  /** @param {Offer} offer @param {AbortSignal} signal @returns {Promise<Answer>} */
  async offer(offer, signal) {
    const answer = await this.#json("POST", "api/offer", await this.#withDevice(offer), signal);
    if (typeof answer?.sdp !== "string" || typeof answer.location !== "string") throw new Unusable("no answer");
    return answer;
  }

  /** @param {Offer} offer @returns {Promise<Offer>} */
  async #withDevice(offer) {
    const macAddress = await this.#macAddress;
    return macAddress ? { ...offer, macAddress } : offer;
  }

  /** @param {string} location @param {Offer} offer @param {AbortSignal} signal @returns {Promise<{sdp:string}>} */
  async restart(location, offer, signal) {
    const answer = await this.#json("POST", `${location}/offer`, offer, signal);
    if (typeof answer?.sdp !== "string") throw new Unusable("no answer");
    return answer;
  }

  /** @param {string} location @param {RTCIceCandidateInit[]} candidates @param {boolean} end @param {AbortSignal} signal */
  async trickle(location, candidates, end, signal) {
    await this.#send("PATCH", location, end ? { candidates, end: true } : { candidates }, { signal });
  }

  /** @param {string} location */
  async remove(location) {
    await this.#send("DELETE", location, undefined, { keepalive: true });
  }

  /** @param {string} method @param {string} path @param {object|undefined} body @param {AbortSignal} signal */
  async #json(method, path, body, signal) {
    // Not "no-store", which the gateway says itself: for that a browser passes over what the page preloads.
    const response = await this.#send(method, path, body, { signal });
    try {
      return await response.json();
    } catch (error) {
      if (signal.aborted) throw new Refused(0, String(error));
      throw new Unusable(String(error));
    }
  }

  /** @param {string} method @param {string} path @param {object|undefined} body @param {RequestInit} init
   * @returns {Promise<Response>} a good one */
  async #send(method, path, body, init) {
    const began_ms = performance.now();
    /** @type {Response} */
    let response;
    try {
      const headers = { ...(body ? { "Content-Type": "application/json" } : {}), ...(await this.#headers?.()) };
      const request = { ...init, method, headers, credentials: this.#credentials };
      response = await fetch(new URL(path, this.#base), body ? { ...request, body: JSON.stringify(body) } : request);
    } catch (error) {
      this.#onExchange(method, withoutSession(path), 0, performance.now() - began_ms);
      throw new Refused(0, String(error));
    }
    this.#onExchange(method, withoutSession(path), response.status, performance.now() - began_ms);
    if (response.ok) return response;
    const wait_ms = retryAfter_ms(response.headers.get("Retry-After"), Date.now());
    const detail = await response.json().catch(() => null);
    throw new Refused(response.status, detail?.error?.message ?? response.statusText, wait_ms);
  }
}

/** @param {any} answer of GET /api/ice @param {number} now_ms @returns {Servers} */
export function serversOf(answer, now_ms) {
  /** @type {RTCIceServer[]} */
  const iceServers = Array.isArray(answer?.iceServers) ? answer.iceServers : [];
  const at_ms = Date.parse(answer?.expiresAt ?? "");
  const left_ms = Number.isFinite(at_ms) ? at_ms - now_ms : Number(answer?.ttl ?? 0) * 1000;
  return {
    config: {
      iceServers,
      iceTransportPolicy: answer?.iceTransportPolicy === "relay" ? "relay" : "all",
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
      iceCandidatePoolSize: 1,
    },
    relay: iceServers.some((server) => urlsOf(server).some((url) => /^turns?:/.test(url))),
    expires_ms: iceServers.length && left_ms > 0 ? Math.min(left_ms, 2 ** 31 - 1) : 0,
  };
}

/** @param {RTCIceServer} server @returns {string[]} */
const urlsOf = (server) => (Array.isArray(server.urls) ? server.urls : [server.urls]);

/** The configuration of an attempt that may use relays only, or only those that are reached over TCP or TLS.
 * @param {RTCConfiguration} config @param {boolean} tcp @returns {RTCConfiguration} */
export function relayOnly(config, tcp) {
  const fits = (/** @type {string} */ url) =>
    /^turns:/.test(url) || (/^turn:/.test(url) && (!tcp || /[?&]transport=tcp\b/.test(url)));
  const iceServers = (config.iceServers ?? [])
    .map((server) => ({ ...server, urls: urlsOf(server).filter(fits) }))
    .filter((server) => server.urls.length);
  return { ...config, iceServers, iceTransportPolicy: "relay" };
}

/** What may stand in a report: a session's address is a key to it. @param {string} path */
function withoutSession(path) {
  return path.replace(/\/sessions\/[^/]+/, "/sessions/*");
}
