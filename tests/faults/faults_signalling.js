// Faults of the page's HTTP: made by the proxy.

import { until } from "../browser/harness.js";
import { sleep } from "./time.js";

/** @typedef {import("./matrix.js").Entry} Entry */
/** @typedef {import("./proxy.js").Act} Act */

const API = /^\w+ \/api\//;
const OFFER = /^POST \/api\/offer/;
const HOLD_MS = 2500; // for the whole of the interface; at least one request meets it

/** @param {string} name @param {Act} act @param {number} limit_s @returns {Entry} */
const broken = (name, act, limit_s) => ({
  name,
  when: "before",
  limit_s,
  inject: async ({ proxy }) => proxy.fault(API, act),
  hold: async ({ proxy }) => {
    await Promise.all([sleep(HOLD_MS), until("a request", () => proxy.met)]);
  },
  heal: async ({ proxy }) => proxy.heal(),
});

/** The first offers only. @param {string} name @param {Act} act @param {number} times @returns {Entry} */
const stumbling = (name, act, times) => ({
  name,
  when: "before",
  limit_s: 20,
  inject: async ({ proxy }) => proxy.fault(OFFER, act, times),
  hold: async ({ proxy }) => void (await until("the last bad answer", () => proxy.met >= times, 30_000)),
  heal: async () => undefined,
});

/** @param {number} status @param {string} code @param {Record<string, string>} [headers] @returns {Act} */
const refusal = (status, code, headers = {}) => ({
  kind: "reply",
  reply: { status, headers, body: JSON.stringify({ error: { code, message: code } }) },
});

/** What some proxy says in the gateway's place. @param {number} status @param {string} body @returns {Act} */
const page = (status, body) => ({ kind: "reply", reply: { status, headers: { "Content-Type": "text/html" }, body } });

/** @param {string} sdp */
const strangeFingerprint = (sdp) => sdp.replace(/^(a=fingerprint:\S+) ..:..:/gm, "$1 00:11:");

/** @param {(sdp:string) => string} change @returns {Act} */
const changedAnswer = (change) => ({
  kind: "rewrite",
  change: (body) => (typeof body?.sdp === "string" ? { ...body, sdp: change(body.sdp) } : body),
});

/** @type {Entry[]} */
export const SIGNALLING = [
  broken("signalling 500", refusal(500, "internal"), 10),
  broken("signalling 502", page(502, "<h1>Bad Gateway</h1>"), 10),
  broken("signalling 503 with Retry-After", refusal(503, "full", { "Retry-After": "2" }), 10),
  broken("signalling 429 with Retry-After", refusal(429, "too_many_requests", { "Retry-After": "2" }), 10),
  broken("signalling never answers", { kind: "never" }, 20),
  broken("signalling answers garbage", page(200, "\u0000<!doctype nonsense>{"), 10),
  {
    name: "signalling slow, 5 s each",
    when: "before",
    limit_s: 25,
    inject: async ({ proxy }) => proxy.fault(API, { kind: "delay", ms: 5000 }),
  },
  stumbling("answer invalid, twice", changedAnswer((sdp) => sdp.replace(/^m=audio .*$/m, "m=nonsense")), 2),
  stumbling("offer lost, twice", { kind: "cut" }, 2),
  stumbling("answer lost, once", { kind: "loseAnswer" }, 1),
  stumbling("DTLS failure: wrong fingerprint, once", changedAnswer(strangeFingerprint), 1),
];
