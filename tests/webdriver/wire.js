// WebDriver's commands on their way: over HTTP, as drivers and grids speak it (W3C WebDriver), or by Marionette, in which
// Firefox takes the same commands without a driver of its own between.

import net from "node:net";

/** Commands by their names in Marionette, and the standard's method and path of each; :x is the parameter x.
 * @type {Record<string, [string, string]>} */
const ROUTES = {
  NewSession: ["POST", "/session"],
  DeleteSession: ["DELETE", "/session/:session"],
  SetTimeouts: ["POST", "/session/:session/timeouts"],
  Navigate: ["POST", "/session/:session/url"],
  ExecuteAsyncScript: ["POST", "/session/:session/execute/async"],
  FindElement: ["POST", "/session/:session/element"],
  ElementClick: ["POST", "/session/:session/element/:id/click"],
  ElementSendKeys: ["POST", "/session/:session/element/:id/value"],
  PerformActions: ["POST", "/session/:session/actions"],
  ReleaseActions: ["DELETE", "/session/:session/actions"],
};

/** @typedef {{call(command: string, params?: Record<string, unknown>): Promise<any>, close(): void}} Wire */

/** @implements {Wire} */
export class HttpWire {
  #base;
  #session = "";

  /** @param {string} base address of a driver or a grid */
  constructor(base) {
    this.#base = base.replace(/\/$/, "");
  }

  /** @param {string} command @param {Record<string, unknown>} [params] */
  async call(command, params = {}) {
    const [method, route] = /** @type {[string, string]} */ (ROUTES[command]);
    const path = route.replace(/:(\w+)/g, (_, name) => (name === "session" ? this.#session : String(params[name])));
    const wants = method === "POST" ? { method, body: JSON.stringify(params) } : { method };
    const answer = await fetch(`${this.#base}${path}`, { ...wants, headers: { "content-type": "application/json" } });
    const { value } = /** @type {any} */ (await answer.json());
    if (!answer.ok) throw new Error(`${value?.error}: ${value?.message}`);
    if (command === "NewSession") this.#session = value.sessionId;
    return value;
  }

  close() {}
}

/** One message is its length in bytes, a colon, and JSON: [0, id, command, params] there, [1, id, error, result] back.
 * @implements {Wire} */
export class MarionetteWire {
  #socket;
  #kept = Buffer.alloc(0);
  #next_id = 1;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #waiting = new Map();

  /** @param {net.Socket} socket connected */
  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (/** @type {Buffer} */ piece) => this.#take(piece));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Firefox has gone"));
      this.#waiting.clear();
    });
  }

  /** @param {number} port @returns {Promise<MarionetteWire>} */
  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, "127.0.0.1", () => resolve(new MarionetteWire(socket))).once("error", reject);
    });
  }

  /** @param {Buffer} piece */
  #take(piece) {
    this.#kept = Buffer.concat([this.#kept, piece]);
    for (;;) {
      const colon = this.#kept.indexOf(":");
      const end = colon + 1 + Number(this.#kept.subarray(0, Math.max(colon, 0)).toString());
      if (colon < 0 || this.#kept.length < end) return;
      const message = JSON.parse(this.#kept.subarray(colon + 1, end).toString());
      this.#kept = this.#kept.subarray(end);
      if (!Array.isArray(message)) continue; // the greeting
      const [, id, error, result] = message;
      const asked = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) asked?.reject(new Error(`${error.error}: ${error.message}`));
      else asked?.resolve(result !== null && typeof result === "object" && "value" in result ? result.value : result);
    }
  }

  /** @param {string} command @param {Record<string, unknown>} [params] @returns {Promise<any>} */
  call(command, params = {}) {
    const id = this.#next_id++;
    const text = JSON.stringify([0, id, `WebDriver:${command}`, params]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  close() {
    this.#socket.destroy();
  }
}
