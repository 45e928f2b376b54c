// A small internet of three network namespaces, made by the test and gone with it:
//
//   page                     nat                               gw
//   browser, runner, proxy   router: SNAT, faults              gateway, assistant, TURN server
//   10.77.1.2 -- (cable/inside) --  10.77.1.1 | 10.77.2.1, .101-.104  -- (outside/net) --  10.77.2.2, 10.77.2.3
//
// The gateway has no route to the page's address: what does not pass the router's NAT does not pass. The router lets
// nobody in who was not spoken to first, and answers nothing itself. All faults of the network are made there.

import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";

export const PAGE = "10.77.1.2";
const PAGE_THEN = "10.77.1.3";
export const GATEWAY = "10.77.2.2";
export const TURN = "10.77.2.3";
const ROUTER = "10.77.1.1";
const OUTER = "10.77.2.1";
/** What the gateway sees of the page, one after the other: a change of path changes address and ports. */
const PATHS = [1, 2, 3, 4].map((n) => ({ address: `10.77.2.10${n}`, ports: `${20000 + n * 8000}-${27999 + n * 8000}` }));
const PREFIX = "xzf";

/** @param {string} program @param {string[]} args @param {string} [input] @returns {string} */
function run(program, args, input) {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], input: input ?? "" });
  } catch (error) {
    const { stderr } = /** @type {{stderr?:string}} */ (error);
    throw new Error(`${program} ${args.join(" ")}: ${String(stderr ?? error).trim()}`);
  }
}

/** @param {string} line words are split at spaces */
const ip = (line) => run("ip", line.split(" "));

export class Lab {
  #path = 0;
  #at = PAGE;

  /** @param {string} name of the three namespaces' names the beginning; see `Lab.make` */
  constructor(name) {
    this.name = name;
    this.page = `${name}-page`;
    this.nat = `${name}-nat`;
    this.gw = `${name}-gw`;
  }

  /** Makes the namespaces; needs root. @param {number} index distinguishes the labs of one process @returns {Lab} */
  static make(index) {
    const lab = new Lab(`${PREFIX}${process.pid}x${index}`);
    for (const space of [lab.page, lab.nat, lab.gw]) {
      ip(`netns add ${space}`);
      ip(`-n ${space} link set lo up`);
    }
    ip(`-n ${lab.page} link add cable type veth peer name inside netns ${lab.nat}`);
    ip(`-n ${lab.gw} link add net type veth peer name outside netns ${lab.nat}`);
    ip(`-n ${lab.nat} addr add ${ROUTER}/24 dev inside`);
    for (const address of [OUTER, ...PATHS.map((path) => path.address)]) ip(`-n ${lab.nat} addr add ${address}/24 dev outside`);
    ip(`-n ${lab.page} addr add ${PAGE}/24 dev cable`);
    for (const address of [GATEWAY, TURN]) ip(`-n ${lab.gw} addr add ${address}/24 dev net`);
    for (const link of ["inside", "outside"]) ip(`-n ${lab.nat} link set ${link} up`);
    ip(`-n ${lab.gw} link set net up`);
    lab.#in(lab.nat, "sysctl", ["-q", "-w", "net.ipv4.ip_forward=1"]);
    lab.plug();
    lab.#in(lab.nat, "nft", ["-f", "-"], `table ip lab {
      chain faults { }
      chain through {
        type filter hook forward priority filter; policy accept;
        jump faults
        iifname "outside" ct state new drop
      }
      chain inward { type filter hook input priority filter; policy accept; iifname "outside" drop; }
      chain after { type nat hook postrouting priority srcnat; policy accept; }
    }`);
    lab.#usePath();
    return lab;
  }

  /** Ends what still runs in the namespaces, and removes them. */
  remove() {
    for (const space of [this.page, this.gw, this.nat]) removeSpace(space);
  }

  /** Removes what a killed run has left: namespaces whose maker no longer lives. */
  static removeStale() {
    for (const line of ip("netns list").split("\n")) {
      const found = new RegExp(`^(${PREFIX}(\\d+)x\\d+-\\w+)`).exec(line);
      if (found?.[1] && !fs.existsSync(`/proc/${found[2]}`)) removeSpace(found[1]);
    }
  }

  /** @param {string} space @param {string} program @param {string[]} args @param {string} [input] */
  #in(space, program, args, input) {
    return run("ip", ["netns", "exec", space, program, ...args], input);
  }

  /** @param {string[]} lines */
  #nft(lines) {
    this.#in(this.nat, "nft", ["-f", "-"], lines.join("\n"));
  }

  // ---- faults of the network ----

  /** Takes the place of all faults at the router. @param {string[]} rules of nft, for packets in both directions */
  rules(rules) {
    this.#nft(["flush chain ip lab faults", ...rules.map((rule) => `add rule ip lab faults ${rule}`)]);
  }

  heal() {
    this.rules([]);
  }

  /** No UDP passes. */
  blockUdp() {
    this.rules(["meta l4proto udp drop"]);
  }

  /** No UDP passes, and connections to the TURN server are answered with a reset. */
  blockRelays() {
    this.rules(["meta l4proto udp drop", `ip daddr ${TURN} meta l4proto tcp reject with tcp reset`]);
  }

  /** No UDP reaches the page; what it sends passes. */
  loseArrivals() {
    this.rules(['iifname "outside" meta l4proto udp drop']);
  }

  /** No UDP of the page passes; what is sent to it does. */
  loseDepartures() {
    this.rules(['iifname "inside" meta l4proto udp drop']);
  }

  /** Nothing passes. */
  blockAll() {
    this.rules(["drop"]);
  }

  /** Each packet is lost with this probability, whatever it is and wherever it goes. @param {number} percent */
  lose(percent) {
    this.rules([`numgen random mod 100 < ${percent} drop`]);
  }

  /** UDP packets are lost: each with this probability; or in rows of |burst| on average (Gilbert): a loss that begins goes on
   * with the next packet of the same direction as long as a die says so. @param {number} percent @param {number} [burst] */
  loseDatagrams(percent, burst = 1) {
    if (burst <= 1) return this.rules([`meta l4proto udp numgen random mod 1000 < ${Math.round(10 * percent)} drop`]);
    const stays = Math.round(10_000 * (1 - 1 / burst));
    const begins = Math.round((10_000 * percent) / (100 - percent) / burst);
    // Connections remember by a bit of their mark for each direction: 1 is a row of losses.
    this.rules([["original", 1], ["reply", 2]].flatMap(([direction, bit]) => {
      const packet = `meta l4proto udp ct direction ${direction} ct mark and ${bit}`;
      return [
        `${packet} != 0 numgen random mod 10000 < ${stays} drop`,
        `${packet} != 0 ct mark set ct mark and ${3 - Number(bit)} return`,
        `${packet} == 0 numgen random mod 10000 < ${begins} ct mark set ct mark or ${bit} drop`,
      ];
    }));
  }

  /** Both directions. @param {number} kbps 0: as fast as the machine can */
  rate(kbps) {
    for (const link of ["inside", "outside"]) {
      if (kbps) {
        const line = `qdisc replace dev ${link} root tbf rate ${kbps}kbit burst 3000 latency 400ms`;
        this.#in(this.nat, "tc", line.split(" "));
      } else spawnSync("ip", ["netns", "exec", this.nat, "tc", "qdisc", "del", "dev", link, "root"], { stdio: "ignore" });
    }
  }

  /** From now on everything comes from another address and other ports; what was is forgotten, as by another router. */
  changePath() {
    this.#path = (this.#path + 1) % PATHS.length;
    this.#usePath();
    this.#in(this.nat, "conntrack", ["-F"]);
  }

  #usePath() {
    const path = PATHS[this.#path];
    if (!path) throw new Error("no path");
    const rules = ["udp", "tcp"].map((kind) => `oifname "outside" meta l4proto ${kind} snat to ${path.address}:${path.ports}`);
    this.#nft(["flush chain ip lab after", ...rules.map((rule) => `add rule ip lab after ${rule}`)]);
  }

  /** The page's cable. */
  unplug() {
    ip(`-n ${this.page} link set cable down`);
  }

  plug() {
    ip(`-n ${this.page} link set cable up`);
    ip(`-n ${this.page} route replace default via ${ROUTER}`);
  }

  /** The page's address is another from now on, as in another network; the router's is not. */
  renumber() {
    this.#address(this.#at === PAGE ? PAGE_THEN : PAGE);
  }

  /** @param {string} address */
  #address(address) {
    if (this.#at === address) return;
    ip(`-n ${this.page} addr del ${this.#at}/24 dev cable`);
    ip(`-n ${this.page} addr add ${address}/24 dev cable`);
    this.#at = address;
    this.plug();
  }

  /** Everything as it was in the beginning. */
  reset() {
    this.heal();
    this.#address(PAGE);
    this.rate(0);
    this.plug();
  }
}

/** With whatever runs in it. @param {string} space */
export function removeSpace(space) {
  const pids = spawnSync("ip", ["netns", "pids", space], { encoding: "utf8" }).stdout ?? "";
  for (const pid of pids.split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // Ended by itself.
    }
  }
  spawnSync("ip", ["netns", "del", space], { stdio: "ignore" });
  fs.rmSync(`/etc/netns/${space}`, { recursive: true, force: true });
}
