/* gate.js - requests in the admin's name. The token is kept for this tab only and goes into a header only. */

import { giveUpAfter } from "../js/manager/compat.js";

const KEPT = "xiaozhi-rtc-admin";
const FORM = /^[\w.~+/-]{1,511}=*$/; // RFC 6750: what may stand in the header
const PATIENCE_MS = 8000;

/** @returns {string} */
export function keptToken() {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} token "": none any more */
export function keepToken(token) {
  try {
    if (token) sessionStorage.setItem(KEPT, token);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // A browser that keeps nothing: until the page is left.
  }
}

/** A refusal by the gateway; |status| 0: it did not answer. */
export class Refused extends Error {
  /** @param {number} status @param {string} why */
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

/** @param {string} token @param {string} path @param {{method?:string, body?:object, anyStatus?:boolean}} [how]
 * |anyStatus|: a refusal is an answer, too @returns {Promise<string>} */
export async function ask(token, path, { method = "GET", body, anyStatus = false } = {}) {
  if (!FORM.test(token)) throw new Refused(401, "");
  const headers = { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) };
  const signal = giveUpAfter(PATIENCE_MS);
  /** @type {RequestInit} */
  const options = { method, headers, signal, cache: "no-store", ...(body ? { body: JSON.stringify(body) } : {}) };
  const answer = await fetch(path, options).catch((error) => {
    throw new Refused(0, String(error.message));
  });
  const text = await answer.text();
  if (answer.ok || anyStatus) return text;
  throw new Refused(answer.status, messageOf(text) || `${answer.status}`);
}

/** @param {string} text */
function messageOf(text) {
  try {
    return String(JSON.parse(text)?.error?.message ?? "");
  } catch {
    return "";
  }
}
