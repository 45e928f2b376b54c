// The way of the page's HTTP to the gateway, which can be made bad on demand. It stands on the page's loopback, so the
// page is from localhost (a secure context) and the gateway is behind the router.

import http from "node:http";
import net from "node:net";
import { createHmac } from "node:crypto";

/** @typedef {{status:number, headers?:Record<string, string>, body?:string}} Reply */
/** @typedef {{kind:"reply", reply:Reply} | {kind:"never"} | {kind:"cut"} | {kind:"loseAnswer"} | {kind:"delay", ms:number}
 *   | {kind:"rewrite", change:(body:any) => any}} Act */
/** @typedef {{on:RegExp, act:Act, times:number}} Fault  |on| is matched with "METHOD /path" */
/** @typedef {{at_ms:number, what:string, status:number, sent:any, got:any}} Seen  one request and its answer; |status| 0: none */

export class Proxy {
  /** @type {http.Server} */
  #server;
  /** @type {Set<import("node:net").Socket>} */
  #sockets = new Set();
  /** @type {Fault[]} */
  #faults = [];
  /** @type {{secret:string, urls:string[], life_s:number}|null} */
  turn = null;
  /** @type {Seen[]} */
  seen = [];
  /** WebSockets pass. Else the page has WebRTC alone. */
  sockets = false;
  /** Where the gateway is: HOST:PORT. */
  target;

  /** @param {string} target */
  constructor(target) {
    this.target = target;
    this.#server = http.createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, /** @type {net.Socket} */ (socket), head));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
    });
  }

  /** @returns {Promise<string>} its URL */
  listen() {
    return new Promise((resolve, reject) => {
      this.#server.on("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        resolve(`http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.#server.address()).port}`);
      });
    });
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @param {RegExp} on @param {Act} act @param {number} [times] after so many requests it is over */
  fault(on, act, times = Infinity) {
    this.#faults.push({ on, act, times });
  }

  heal() {
    this.#faults = [];
  }

  /** How many requests met a fault since `fault`: for those who wait until it was felt. */
  met = 0;

  /** @param {string} what @returns {Act|null} */
  #next(what) {
    const fault = this.#faults.find((one) => one.times > 0 && one.on.test(what));
    if (!fault) return null;
    fault.times--;
    this.met++;
    return fault.act;
  }

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  async #handle(request, response) {
    const what = `${request.method} ${request.url}`;
    const body = await collect(request);
    /** @type {Seen} */
    const seen = { at_ms: Date.now(), what, status: 0, sent: parse(body), got: null };
    if (what.includes("/api/")) this.seen.push(seen);
    const act = this.#next(what);
    if (act?.kind === "cut") return void response.destroy();
    if (act?.kind === "never") return;
    if (act?.kind === "reply") {
      seen.status = act.reply.status;
      response.writeHead(act.reply.status, { "Content-Type": "application/json", ...act.reply.headers });
      return void response.end(act.reply.body ?? "{}");
    }
    if (act?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, act.ms));
    const answer = await this.#forward(request, body);
    if (act?.kind === "loseAnswer") return void response.destroy();
    let text = answer.body;
    if (act?.kind === "rewrite") text = Buffer.from(JSON.stringify(act.change(parse(text))));
    if (what.startsWith("GET /api/ice") && this.turn) text = this.#withTurn(text, this.turn);
    seen.status = answer.status;
    seen.got = what.includes("/api/") ? parse(text) : null;
    const headers = { ...answer.headers };
    delete headers["transfer-encoding"];
    if (text.length) headers["content-length"] = String(text.length);
    response.writeHead(answer.status, headers);
    response.end(text);
  }

  /** From here on bytes only. @param {http.IncomingMessage} request @param {net.Socket} socket @param {Buffer} head */
  #upgrade(request, socket, head) {
    const what = `${request.method} ${request.url}`;
    this.seen.push({ at_ms: Date.now(), what, status: this.sockets ? 101 : 0, sent: null, got: null });
    if (!this.sockets) return void socket.destroy();
    const [host, port] = this.target.split(":");
    const onward = net.connect({ host, port: Number(port) }, () => {
      const lines = [`${what} HTTP/1.1`];
      for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
      onward.write(`${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const [one, other] of /** @type {const} */ ([[socket, onward], [onward, socket]])) {
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
  }

  /** @param {http.IncomingMessage} request @param {Buffer} body
   * @returns {Promise<{status:number, headers:http.IncomingHttpHeaders, body:Buffer}>} */
  #forward(request, body) {
    const [host, port] = this.target.split(":");
    return new Promise((resolve, reject) => {
      const options = { host, port, method: request.method, path: request.url, headers: request.headers, agent: false };
      const onward = http.request(/** @type {http.RequestOptions} */ (options), (answer) => {
        collect(answer).then((text) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }), reject);
      });
      onward.on("error", reject);
      request.on("aborted", () => onward.destroy());
      onward.end(body);
    });
  }

  /** Time-limited credentials as the TURN server's shared secret makes them. @param {Buffer} text
   * @param {{secret:string, urls:string[], life_s:number}} turn @returns {Buffer} */
  #withTurn(text, turn) {
    const until_s = Math.floor(Date.now() / 1000) + turn.life_s;
    const username = `${until_s}:page`;
    const credential = createHmac("sha1", turn.secret).update(username).digest("base64");
    const answer = { ...parse(text), ttl: turn.life_s, expiresAt: new Date(until_s * 1000).toISOString(), source: "hmac" };
    answer.iceServers = [{ urls: turn.urls, username, credential }];
    return Buffer.from(JSON.stringify(answer));
  }
}

/** @param {import("node:stream").Readable} stream @returns {Promise<Buffer>} */
async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** @param {Buffer} body @returns {any} the text itself, if it is not JSON */
function parse(body) {
  const text = body.toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
