/* signalling.js - the gateway's HTTP: ICE servers, offer, trickle, hang up. */

/**
 * @typedef {{sdp:string, type:"answer", sessionId:string, location:string, resume:string}} Answer
 */

/** An offer the gateway did not take. `status` is 0 when there was no answer at all. */
export class Refused extends Error {
  /** @param {number} status @param {string} message @param {number} retryAfter_ms */
  constructor(status, message, retryAfter_ms) {
    super(message);
    this.status = status;
    this.retryAfter_ms = retryAfter_ms;
  }
}

/** @param {string|null} header seconds, or a date (RFC 9110 section 10.2.3) @param {number} now_ms */
export function retryAfter_ms(header, now_ms) {
  if (!header) return 0;
  const at_ms = /^\d+$/.test(header) ? now_ms + Number(header) * 1000 : Date.parse(header);
  return Number.isFinite(at_ms) ? Math.max(0, at_ms - now_ms) : 0;
}

/** @type {{config:RTCConfiguration, until_ms:number}|null} */
let known = null;

/** The connection's configuration; asked once and kept while it is valid. A page without it can still try.
 * @returns {Promise<RTCConfiguration>} */
export async function iceConfiguration() {
  if (known && Date.now() < known.until_ms) return known.config;
  try {
    const response = await fetch("/api/ice", { cache: "no-store" });
    if (!response.ok) return {};
    const answer = await response.json();
    const config = {
      iceServers: answer.iceServers ?? [],
      iceTransportPolicy: answer.iceTransportPolicy ?? "all",
      bundlePolicy: answer.bundlePolicy ?? "max-bundle",
    };
    const life_s = Number(answer.ttl) > 0 ? Math.min(Number(answer.ttl), 3600) : 60;
    known = { config, until_ms: Date.now() + life_s * 500 };
    return config;
  } catch {
    return {};
  }
}

/** @param {object} offer @returns {Promise<Answer>} */
export async function postOffer(offer) {
  let response;
  try {
    response = await fetch("/api/offer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(offer),
    });
  } catch (error) {
    throw new Refused(0, String(error), 0);
  }
  if (response.ok) return response.json();
  const wait_ms = retryAfter_ms(response.headers.get("Retry-After"), Date.now());
  const detail = await response.json().catch(() => ({}));
  throw new Refused(response.status, detail?.error?.message ?? response.statusText, wait_ms);
}

/** @param {string} location @param {RTCIceCandidateInit[]} candidates @param {boolean} end */
export async function patchCandidates(location, candidates, end) {
  await fetch(location, {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(end ? { candidates, end: true } : { candidates }),
  }).catch(() => undefined); // a lost candidate is no reason to end a call that may already stand
}

/** `keepalive` lets the request outlive the page. @param {string} location @returns {Promise<unknown>} */
export function removeSession(location) {
  return fetch(location, { method: "DELETE", keepalive: true }).catch(() => undefined);
}
