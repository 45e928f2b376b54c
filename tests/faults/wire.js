// What the wires of a laboratory carry: RTP packets as they leave the page or the gateway and as they arrive at the other end.
// Headers of SRTP are not encrypted, so each packet is known again by source and number, and its time between is measured.

import { spawn } from "node:child_process";

/** @typedef {{at_s:number, up:boolean, type:number, seq:number, ssrc:number, bytes:number}} Packet
 *   |up|: to the gateway; |type|: the payload's; |bytes|: of the IP packet */

const GLOBAL_HEADER = 24, RECORD_HEADER = 16, ETHERNET = 14, IP_AND_UDP = 28, RTP = 12;

/** Listens to UDP on one interface. */
export class Wire {
  /** @type {Packet[]} */
  packets = [];
  #child;
  #gateway;
  #left = Buffer.alloc(0);
  #begun = false;

  /** @param {string} space the network namespace @param {string} link @param {string} gateway its address */
  constructor(space, link, gateway) {
    this.#gateway = gateway.split(".").map(Number);
    const args = ["netns", "exec", space, "dumpcap", "-q", "-i", link, "-P", "-s", "64", "-f", "udp", "-w", "-"];
    this.#child = spawn("ip", args, { stdio: ["ignore", "pipe", "ignore"] });
    this.#child.stdout.on("data", (piece) => this.#take(piece));
  }

  close() {
    this.#child.kill();
  }

  /** A piece of pcap. @param {Buffer} piece */
  #take(piece) {
    let data = Buffer.concat([this.#left, piece]);
    if (!this.#begun) {
      if (data.length < GLOBAL_HEADER) return void (this.#left = data);
      this.#begun = true;
      data = data.subarray(GLOBAL_HEADER);
    }
    while (data.length >= RECORD_HEADER && data.length >= RECORD_HEADER + data.readUInt32LE(8)) {
      const end = RECORD_HEADER + data.readUInt32LE(8);
      this.#read(data.readUInt32LE(0) + data.readUInt32LE(4) / 1e6, data.subarray(RECORD_HEADER, end));
      data = data.subarray(end);
    }
    this.#left = Buffer.from(data);
  }

  /** @param {number} at_s @param {Buffer} frame */
  #read(at_s, frame) {
    const rtp = frame.subarray(ETHERNET + IP_AND_UDP);
    if (rtp.length < RTP || (rtp[0] ?? 0) >> 6 !== 2) return;
    const type = (rtp[1] ?? 0) & 127;
    if (type >= 64 && type < 96) return; // RTCP (RFC 5761 4)
    this.packets.push({
      at_s,
      type,
      up: this.#gateway.every((byte, i) => frame[ETHERNET + 16 + i] === byte),
      seq: rtp.readUInt16BE(2),
      ssrc: rtp.readUInt32BE(8),
      bytes: frame.readUInt16BE(ETHERNET + 2),
    });
  }
}

/** What passed between two wires. @param {Packet[]} sent @param {Packet[]} arrived
 * @returns {(Packet & {took_s:number})[]} of those that arrived; |at_s| is when */
export function crossings(sent, arrived) {
  /** @type {Map<number, number>} */
  const left = new Map();
  const key = (/** @type {Packet} */ one) => one.ssrc * 65536 + one.seq;
  let at = 0;
  return arrived.flatMap((one) => {
    for (; at < sent.length && (sent[at]?.at_s ?? 0) <= one.at_s; at++) {
      const packet = /** @type {Packet} */ (sent[at]);
      left.set(key(packet), packet.at_s);
    }
    const since = left.get(key(one));
    return since === undefined ? [] : [{ ...one, took_s: one.at_s - since }];
  });
}
