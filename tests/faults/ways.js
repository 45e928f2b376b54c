// Every way there is from a page to the gateway, each carrying a conversation: words that are spoken and recognised, an
// answer that is heard. Real browsers, two routers with NAT, a real coturn; see internet.js.
//
//   ./run ways [--browser chromium|firefox] [part of a way's name]
//
// Which way it was is read from the browser's own statistics. A way that is not the best one is the only one left:
// the routers let nothing else through.

import { execFileSync, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openPage } from "../browser/browsers.js";
import { Gateway } from "../browser/gateway.js";
import { check, until } from "../browser/harness.js";
import { plain, SoundCard, speak } from "../browser/speech.js";
import { call, captions, nextAnswer, nextHeard, reach } from "../browser/talk.js";
import { permitMicrophone, privileged } from "./hands.js";
import { DOOR, HTTP, Internet, SECRET, TURN, UDP } from "./internet.js";
import { launch } from "./lane.js";
import { pairInUse } from "./pair.js";
import { Proxy } from "./proxy.js";

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {{local:string, protocol:string, relay:string, remote:string}} Path  the pair in use: kinds of candidate, and
 *   how the browser speaks to its relay */
/**
 * @typedef {object} Way
 * @property {string} name
 * @property {{hides:boolean, rules?:string[]}} home the page's router
 * @property {{hides:boolean, rules?:string[]}} site the gateway's
 * @property {string[]} args of the gateway
 * @property {RegExp} wants of the path, written "local protocol relay remote"
 */

const PHRASE = "what time is it";
// Addresses, for Chromium looks a name that only /etc/hosts knows up for TCP and TLS, but not for UDP.
const STUN = ["--ice-server", `stun:${TURN}`];
/** @param {string[]} urls */
const relays = (...urls) => ["--ice-server", urls.join(","), "--turn-secret", SECRET];
const [OVER_UDP, OVER_TCP, OVER_TLS] = [`turn:${TURN}`, `turn:${TURN}?transport=tcp`, "turns:turn.test"];
const OPEN = { hides: false };
const NAT = { hides: true };
/** @param {...string} rules */
const nat = (...rules) => ({ hides: true, rules });
const NO_UDP = "meta l4proto udp drop";
const UDP_TO_RELAY = `ip daddr ${TURN} udp dport 3478 accept`;
const UDP_FROM_RELAY = `ip saddr ${TURN} udp sport 3478 accept`;

/** @type {Way[]} */
const WAYS = [
  { name: "direct", home: OPEN, site: OPEN, args: [], wants: /^host udp - (host|prflx)/ },
  {
    name: "server-reflexive, --reach stun",
    home: NAT,
    site: NAT,
    args: [...STUN, "--reach", "stun"],
    wants: /^(srflx|prflx) udp - srflx/,
  },
  {
    name: "TURN over UDP",
    home: nat(UDP_TO_RELAY, UDP_FROM_RELAY, NO_UDP),
    site: OPEN,
    args: relays(OVER_UDP),
    wants: /^relay \w+ udp host/,
  },
  { name: "TURN over TCP", home: nat(NO_UDP), site: OPEN, args: relays(OVER_UDP, OVER_TCP), wants: /^relay \w+ tcp host/ },
  {
    name: "TURN over TLS",
    home: nat(NO_UDP, `ip daddr ${TURN} tcp dport != 5349 drop`),
    site: OPEN,
    args: relays(OVER_UDP, OVER_TCP, OVER_TLS),
    wants: /^relay \w+ tls host/,
  },
  { name: "ICE-TCP", home: nat(NO_UDP), site: OPEN, args: ["--tcp", "10.1.0.2:51443"], wants: /^\w+ tcp - host/ },
  {
    name: "iceTransportPolicy relay",
    home: OPEN,
    site: OPEN,
    args: [...relays(OVER_UDP, OVER_TCP, OVER_TLS), "--ice-transport-policy", "relay"],
    wants: /^relay \w+ udp host/,
  },
  {
    name: "the gateway's relay over UDP, --reach relay",
    home: NAT,
    site: nat(UDP_TO_RELAY, UDP_FROM_RELAY, NO_UDP),
    args: [...relays(OVER_UDP), "--reach", "relay"],
    wants: /^\w+ udp \S+ relay/,
  },
  {
    name: "the gateway's relay over TCP, --reach relay",
    home: NAT,
    site: nat(NO_UDP),
    args: [...relays(OVER_TCP), "--reach", "relay"],
    wants: /^\w+ udp \S+ relay/,
  },
  {
    name: "the gateway's relay over TLS, --reach relay",
    home: NAT,
    site: nat(NO_UDP, `ip daddr ${TURN} tcp dport != 5349 drop`),
    args: [...relays(OVER_TLS), "--reach", "relay"],
    wants: /^\w+ udp \S+ relay/,
  },
];

/** @param {Page} page @returns {Promise<Path>} */
async function pathOf(page) {
  const { local, remote } = await pairInUse(page);
  return {
    local: local?.candidateType ?? "none",
    protocol: local?.protocol ?? "none",
    relay: (local?.candidateType === "relay" && local.relayProtocol) || "-",
    remote: remote?.candidateType ?? "none",
  };
}

/** A key, and a certificate for |name| under a root of its own. @param {string} folder @param {string} name */
function certify(folder, name) {
  const [root, base] = [path.join(folder, "root"), path.join(folder, name)];
  const usual = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7"];
  const run = (/** @type {string[]} */ args) => execFileSync("openssl", [...usual, ...args], { stdio: "ignore" });
  run(["-keyout", `${root}.key`, "-out", `${root}.pem`, "-subj", "/CN=laboratory"]);
  run(["-keyout", `${base}.key`, "-out", `${base}.pem`, "-subj", `/CN=${name}`, "-CA", `${root}.pem`, "-CAkey", `${root}.key`,
    "-addext", `subjectAltName=DNS:${name}`, "-addext", "basicConstraints=critical,CA:FALSE"]);
  return { base, root: `${root}.pem` };
}

/** For Chromium: the key of this certificate is trusted. @param {string} file */
function trustFlag(file) {
  const key = new X509Certificate(fs.readFileSync(file)).publicKey.export({ type: "spki", format: "der" });
  return `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`;
}

/** For Firefox: so is every certificate under this root, as with an authority that a person adds.
 * @param {import("./lane.js").Stage} stage @param {string} file */
async function trustRoot(stage, file) {
  const body = fs.readFileSync(file, "utf8").replace(/-----[^-]+-----|\s/g, "");
  await privileged(stage, `Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB)
    .addCertFromBase64("${body}", "C,,"); "added"`);
}

/** Says it while the key is held, and waits for the answer. On a busy machine the sound server's microphone stumbles,
 * whatever the way is: then it is said again, as a person would. @param {Page} page @param {SoundCard} card
 * @param {string} folder @returns {Promise<string>} what was heard and answered */
async function converse(page, card, folder) {
  /** @type {string[]} */
  const misheard = [];
  while (misheard.length < 5) {
    const before = (await captions(page, "person")).length;
    const answers = (await captions(page, "assistant")).length;
    await page.keyboard.down(" ");
    await reach(page, ["listening"]);
    await card.play(speak(folder, PHRASE, 0.5).file);
    await page.keyboard.up(" ");
    const heard = await nextHeard(page, before).catch(() => "");
    if (plain(heard) === PHRASE) {
      const { text, speech_ms } = await nextAnswer(page, answers);
      return `"${heard}" -> "${text}", ${speech_ms} ms heard${misheard.length ? ` (misheard: ${misheard.join(", ")})` : ""}`;
    }
    misheard.push(`"${heard}"`);
    await page.keyboard.press("Escape");
    await reach(page, ["ready"], 30_000);
  }
  throw new Error(`not understood: ${misheard.join(", ")}`);
}

/** One browser in the page's network, through some ways. */
class Walk {
  /** @param {"chromium"|"firefox"} kind @param {Internet} net @param {string} folder */
  constructor(kind, net, folder) {
    this.kind = kind;
    this.net = net;
    this.folder = folder;
    this.proxy = new Proxy(DOOR);
    this.card = new SoundCard(folder);
    this.url = "";
    this.root = "";
  }

  /** @param {{base:string, root:string}} certificate */
  async open(certificate) {
    await until("the sound server", () => this.card.choose(), 15_000);
    this.url = await this.proxy.listen();
    this.root = certificate.root;
    this.browser = await launch(this.kind, this.folder, this.card, [trustFlag(`${certificate.base}.pem`)]);
    const stage = /** @type {import("./lane.js").Stage} */ (/** @type {unknown} */ (this));
    await permitMicrophone(stage, "granted");
    if (this.kind === "firefox") await trustRoot(stage, certificate.root);
  }

  /** @param {Way} way @returns {Promise<string>} what was seen */
  async go(way) {
    check(this.browser, "no browser");
    this.net.set("home", way.home.hides, way.home.rules);
    this.net.set("site", way.site.hides, way.site.rules);
    const gateway = new Gateway(String(process.env["GATEWAY"]), {
      within: ["ip", "netns", "exec", this.net.gw, "env", `SSL_CERT_FILE=${this.root}`],
      http: HTTP,
      udp: UDP,
      args: ["--no-auth", ...way.args],
    });
    let page;
    try {
      await gateway.start();
      const reaches = way.args.includes("--reach");
      if (reaches) await until("the gateway's own way out", () => /reach_(reflexive|relay)/.test(gateway.log), 30_000);
      page = await openPage(this.browser, this.url);
      const began_ms = Date.now();
      await call(page, this.url);
      const took_ms = Date.now() - began_ms;
      const { local, protocol, relay, remote } = await pathOf(page);
      const seen = [local, protocol, relay, remote].join(" ");
      check(way.wants.test(seen), `the way was: ${seen}`);
      return `${seen}; up in ${took_ms} ms; ${await converse(page, this.card, this.folder)}`;
    } catch (error) {
      if (process.env["WAYS_LOG"]) console.log(gateway.log);
      throw error;
    } finally {
      await page?.close();
      await gateway.stop("SIGKILL");
    }
  }

  async close() {
    await this.browser?.close().catch(() => undefined);
    this.card.close();
    this.proxy.close();
  }
}

/** Within the page's namespace. @param {"chromium"|"firefox"} kind @param {string} name @param {string} folder
 * @param {string} part */
async function walk(kind, name, folder, part) {
  const own = fs.mkdtempSync(path.join(folder, kind));
  const way = new Walk(kind, new Internet(name), own);
  let failed = 0;
  let passed = 0;
  try {
    await way.open({ base: path.join(folder, "turn.test"), root: path.join(folder, "root.pem") });
    for (const one of WAYS.filter((some) => some.name.includes(part))) {
      let why = "";
      for (let left = process.env["STRICT"] ? 1 : 2; left > 0; left--) {
        try {
          const seen = await way.go(one);
          console.log(`  ok   ${kind}: ${one.name}: ${seen}${why ? `; only the second time, the first: ${why}` : ""}`);
          passed++;
          break;
        } catch (error) {
          why = error instanceof Error ? error.message : String(error);
          if (left > 1) continue;
          failed++;
          console.log(`  FAIL ${kind}: ${one.name}: ${why}`);
        }
      }
    }
  } finally {
    await way.close();
  }
  console.log(JSON.stringify({ passed, failed }));
}

/** @param {string[]} words */
async function main(words) {
  const at = words.indexOf("--browser");
  const kinds = at < 0 ? ["chromium", "firefox"] : [String(words[at + 1])];
  const part = words.filter((_, index) => at < 0 || (index !== at && index !== at + 1))[0] ?? "";
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-ways-"));
  Internet.removeStale();
  const net = Internet.make();
  const counts = { passed: 0, failed: 0 };
  const cleanUp = () => {
    net.remove();
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => {
      cleanUp();
      process.exit(1);
    });
  }
  try {
    await net.turn(folder, certify(folder, "turn.test").base);
    for (const kind of kinds) {
      const words = ["netns", "exec", net.page, process.execPath, String(process.argv[1]), "--walk", kind, net.name, folder, part];
      const child = spawn("ip", words, { stdio: ["ignore", "pipe", "inherit"] });
      let last = "";
      for await (const piece of child.stdout) {
        const lines = (last + piece).split("\n");
        last = lines.pop() ?? "";
        for (const line of lines) {
          if (!line.startsWith("{")) console.log(line);
          else for (const [key, n] of Object.entries(JSON.parse(line))) counts[/** @type {"passed"} */ (key)] += n;
        }
      }
    }
  } catch (error) {
    console.log(`  FAIL ${error instanceof Error ? error.message : error}`);
    counts.failed++;
  } finally {
    cleanUp();
  }
  if (counts.passed + counts.failed === 0) counts.failed++;
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exit(counts.failed ? 1 : 0);
}

const [first, kind = "", name = "", folder = "", part = ""] = process.argv.slice(2);
if (first === "--walk") await walk(kind === "firefox" ? "firefox" : "chromium", name, folder, part).then(() => process.exit(0));
else await main(process.argv.slice(2));
