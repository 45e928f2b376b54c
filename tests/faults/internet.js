// A page and a gateway in their own networks, each behind a router, with the public network and a TURN server between
// them: five network namespaces, made by the test and gone with it.
//
//   page 10.2.0.2 --- home 192.0.2.31 --\
//                                        public: coturn 192.0.2.10, also by the name turn.test
//   gateway 10.1.0.2 - site 192.0.2.21 -/
//
// Without `hide` the routers only route. Signalling reaches the gateway in any case, at the site's TCP port 51000, as
// through a tunnel.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { until } from "../browser/harness.js";
import { removeSpace } from "./lab.js";

export const TURN = "192.0.2.10";
export const SECRET = "north";
/** HOST:PORT of the gateway's signalling, from outside and where it listens; of its media. */
export const DOOR = "192.0.2.21:51000";
export const HTTP = "10.1.0.2:51000";
export const UDP = "10.1.0.2:51001";
const PREFIX = "xzw";
const SPACES = /** @type {const} */ (["page", "home", "public", "site", "gw"]);

/** @param {string} line words are split at spaces */
const ip = (line) => execFileSync("ip", line.split(" "), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

export class Internet {
  /** @type {import("node:child_process").ChildProcess|null} */
  #turn = null;

  /** @param {string} name of the namespaces' names the beginning; see `make` */
  constructor(name) {
    this.name = name;
    this.page = `${name}-page`;
    this.home = `${name}-home`;
    this.public = `${name}-public`;
    this.site = `${name}-site`;
    this.gw = `${name}-gw`;
  }

  /** Makes the namespaces; needs root. @returns {Internet} */
  static make() {
    const net = new Internet(`${PREFIX}${process.pid}`);
    for (const space of SPACES.map((one) => `${net.name}-${one}`)) {
      ip(`netns add ${space}`);
      ip(`-n ${space} link set lo up`);
      fs.mkdirSync(`/etc/netns/${space}`, { recursive: true });
      fs.writeFileSync(`/etc/netns/${space}/hosts`, `127.0.0.1 localhost\n${TURN} turn.test\n`);
      fs.writeFileSync(`/etc/netns/${space}/resolv.conf`, "");
    }
    ip(`-n ${net.public} link add br0 type bridge`);
    ip(`-n ${net.public} addr add ${TURN}/24 dev br0`);
    ip(`-n ${net.public} link set br0 up`);
    net.#join(net.home, net.page, "192.0.2.31", "10.2.0");
    net.#join(net.site, net.gw, "192.0.2.21", "10.1.0");
    ip(`-n ${net.home} route add 10.1.0.0/24 via 192.0.2.21`);
    ip(`-n ${net.site} route add 10.2.0.0/24 via 192.0.2.31`);
    for (const [lan, router] of /** @type {const} */ ([["10.1.0.0/24", "192.0.2.21"], ["10.2.0.0/24", "192.0.2.31"]])) {
      ip(`-n ${net.public} route add ${lan} via ${router}`);
    }
    net.#nft(net.site, ["add chain ip net into { type nat hook prerouting priority dstnat; }",
      "add rule ip net into iifname wan tcp dport 51000 dnat to 10.1.0.2"]);
    return net;
  }

  /** A router with |address| outside, and its one machine. @param {string} router @param {string} inner
   * @param {string} address @param {string} net */
  #join(router, inner, address, net) {
    const port = router.endsWith("home") ? "home" : "site";
    ip(`-n ${router} link add wan type veth peer name ${port} netns ${this.public}`);
    ip(`-n ${this.public} link set ${port} master br0`);
    ip(`-n ${this.public} link set ${port} up`);
    ip(`-n ${router} addr add ${address}/24 dev wan`);
    ip(`-n ${router} link set wan up`);
    ip(`-n ${inner} link add eth0 type veth peer name lan netns ${router}`);
    ip(`-n ${inner} addr add ${net}.2/24 dev eth0`);
    ip(`-n ${inner} link set eth0 up`);
    ip(`-n ${router} addr add ${net}.1/24 dev lan`);
    ip(`-n ${router} link set lan up`);
    ip(`-n ${inner} route add default via ${net}.1`);
    execFileSync("ip", ["netns", "exec", router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    this.#nft(router, ["add table ip net", "add chain ip net rules { type filter hook forward priority filter; }",
      "add chain ip net after { type nat hook postrouting priority srcnat; }",
      // Or what comes before the other side has spoken would take the port that it is going to be given.
      "add chain ip net input { type filter hook input priority filter; }", "add rule ip net input iifname wan drop"]);
  }

  /** @param {string} space @param {string[]} lines */
  #nft(space, lines) {
    execFileSync("ip", ["netns", "exec", space, "nft", "-f", "-"], { input: lines.join("\n") });
  }

  /** What a router does from now on; what it remembered is forgotten. @param {"home"|"site"} which
   * @param {boolean} hides its address for its machine's, and lets nobody in who was not spoken to
   * @param {string[]} rules of nft for what passes; "lan" is the machine's side */
  set(which, hides, rules = []) {
    const router = this[which];
    const all = ["flush chain ip net rules", "flush chain ip net after", ...rules.map((rule) => `add rule ip net rules ${rule}`)];
    if (hides) {
      all.push("add rule ip net after oifname wan masquerade", "add rule ip net rules ct state established,related accept",
        "add rule ip net rules tcp dport 51000 accept", "add rule ip net rules iifname wan drop");
    }
    this.#nft(router, all);
    spawnSync("ip", ["netns", "exec", router, "conntrack", "-F"], { stdio: "ignore" });
  }

  /** coturn, with UDP, TCP and, under |certificate|, TLS. @param {string} folder @param {string} certificate without its
   * .pem and .key @param {string[]} lines of its configuration, beyond the usual */
  async turn(folder, certificate, lines = []) {
    this.#turn?.kill("SIGKILL");
    const file = path.join(folder, "turnserver.conf");
    const usual = [`listening-ip=${TURN}`, `relay-ip=${TURN}`, "realm=turn.test", "use-auth-secret",
      `static-auth-secret=${SECRET}`, `cert=${certificate}.pem`, `pkey=${certificate}.key`, "fingerprint", "no-cli", "no-dtls",
      "no-multicast-peers", "min-port=50000", "max-port=50200", "simple-log", `log-file=${folder}/turnserver.log`,
      `pidfile=${folder}/turnserver.pid`, `userdb=${folder}/turnserver.db`];
    fs.writeFileSync(file, `${[...usual, ...lines].join("\n")}\n`);
    this.#turn = spawn("ip", ["netns", "exec", this.public, "turnserver", "-c", file], { stdio: "ignore" });
    const listens = () => spawnSync("ip", ["netns", "exec", this.public, "ss", "-Hlntu"], { encoding: "utf8" }).stdout;
    await until("coturn", () => ["3478", "5349"].every((port) => listens().includes(`${TURN}:${port}`)), 30_000);
  }

  /** Ends what still runs in the namespaces, and removes them. */
  remove() {
    this.#turn?.kill("SIGKILL");
    for (const space of SPACES) removeSpace(`${this.name}-${space}`);
  }

  /** Removes what a killed run has left: namespaces whose maker no longer lives. */
  static removeStale() {
    for (const line of ip("netns list").split("\n")) {
      const found = new RegExp(`^(${PREFIX}(\\d+)-\\w+)`).exec(line);
      if (found?.[1] && !fs.existsSync(`/proc/${found[2]}`)) removeSpace(found[1]);
    }
  }
}
