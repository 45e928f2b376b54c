// Real WebKitGTK, which has no RTCPeerConnection, by its own WebDriver, on a screen of its own.

import { spawn } from "node:child_process";
import net from "node:net";
import path from "node:path";
import { until } from "./harness.js";

const MINI_BROWSER = process.env["MINIBROWSER"] ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf"; // of the WebDriver standard

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

export class WebKit {
  /** @type {import("node:child_process").ChildProcess[]} */
  #children = [];
  #base = "";
  #session = "";

  /** @param {string} folder for its own files @param {Record<string, string>} env of the sound server */
  async start(folder, env) {
    const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x900x24", "-nolisten", "tcp"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    this.#children.push(screen);
    const display = await new Promise((resolve, reject) => {
      const output = /** @type {import("node:stream").Readable} */ (screen.stdio[3]);
      output.once("data", (text) => resolve(String(text).trim()));
      screen.once("exit", () => reject(new Error("Xvfb did not start")));
    });
    const port = await freePort();
    const surroundings = {
      ...env,
      DISPLAY: `:${display}`,
      GDK_BACKEND: "x11",
      HOME: folder,
      XDG_RUNTIME_DIR: folder,
      XDG_DATA_HOME: path.join(folder, "data"),
      NO_AT_BRIDGE: "1",
      LIBGL_ALWAYS_SOFTWARE: "1",
      WEBKIT_DISABLE_DMABUF_RENDERER: "1",
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", // no user namespaces in a container; pages are our own
    };
    this.#children.push(
      spawn("WebKitWebDriver", [`--port=${port}`], { env: { ...process.env, ...surroundings }, stdio: "ignore" }),
    );
    this.#base = `http://127.0.0.1:${port}`;
    await until("WebKit's driver", () => fetch(`${this.#base}/status`).then((answer) => answer.ok, () => false));
    const wish = { browserName: "MiniBrowser", "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation"] } };
    const session = await this.#ask("POST", "/session", { capabilities: { alwaysMatch: wish } });
    this.#session = `/session/${session.sessionId}`;
    await this.#ask("POST", `${this.#session}/timeouts`, { script: 60_000 });
    return String(session.capabilities.browserVersion);
  }

  /** @param {string} method @param {string} place @param {object} [body] */
  async #ask(method, place, body) {
    const answer = await fetch(`${this.#base}${place}`, body ? { method, body: JSON.stringify(body) } : { method });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${value?.error}: ${value?.message}`);
    return value;
  }

  /** @param {string} url */
  async goto(url) {
    await this.#ask("POST", `${this.#session}/url`, { url });
  }

  /** Runs in the page; may be async. @param {string} body of a function @param {unknown[]} args its `args`
   * @returns {Promise<any>} what it returns */
  async run(body, ...args) {
    const script = `const done = arguments[arguments.length - 1];
      (async (args) => { ${body} })(arguments[0]).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const result = await this.#ask("POST", `${this.#session}/execute/async`, { script, args: [args] });
    if (result?.error) throw new Error(result.error);
    return result?.value;
  }

  /** A real click, which is a gesture. @param {string} selector */
  async click(selector) {
    const found = await this.#ask("POST", `${this.#session}/element`, { using: "css selector", value: selector });
    await this.#ask("POST", `${this.#session}/element/${found[ELEMENT]}/click`, {});
  }

  async stop() {
    if (this.#session) await this.#ask("DELETE", this.#session).catch(() => undefined);
    for (const child of this.#children.reverse()) child.kill();
  }
}
