// A browser as a person has it in hand: pages, clicks, keys. Every browser that speaks WebDriver.

/** @typedef {import("./wire.js").Wire} Wire */

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf"; // of the WebDriver standard
export const ENTER = "\uE007";
export const ESCAPE = "\uE00C";

export class Driver {
  #wire;
  version = "";

  /** @param {Wire} wire */
  constructor(wire) {
    this.#wire = wire;
  }

  /** @param {Record<string, unknown>} capabilities that it must have */
  async begin(capabilities) {
    const session = await this.#wire.call("NewSession", { capabilities: { alwaysMatch: capabilities } });
    this.version = String(session.capabilities.browserVersion);
    await this.#wire.call("SetTimeouts", { script: 60_000, pageLoad: 60_000 });
  }

  /** @param {string} url */
  async goto(url) {
    await this.#wire.call("Navigate", { url });
  }

  /** Runs in the page; may be async. @param {string} body of a function @param {unknown[]} args its `args`
   * @returns {Promise<any>} what it returns */
  async run(body, ...args) {
    const script = `const done = arguments[arguments.length - 1];
      (async (args) => { ${body} })(arguments[0]).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const result = await this.#wire.call("ExecuteAsyncScript", { script, args: [args] });
    if (result?.error) throw new Error(result.error);
    return result?.value;
  }

  /** @param {string} selector @returns {Promise<string>} */
  async #find(selector) {
    const found = await this.#wire.call("FindElement", { using: "css selector", value: selector });
    return String(found[ELEMENT]);
  }

  /** A real click, which is a gesture. @param {string} selector */
  async click(selector) {
    await this.#wire.call("ElementClick", { id: await this.#find(selector) });
  }

  /** @param {string} selector @param {string} text may hold ENTER and ESCAPE */
  async type(selector, text) {
    await this.#wire.call("ElementSendKeys", { id: await this.#find(selector), text });
  }

  /** Presses the pointer on it and does not let go. @param {string} selector */
  async hold(selector) {
    const origin = { [ELEMENT]: await this.#find(selector) };
    const move = { type: "pointerMove", duration: 0, x: 0, y: 0, origin };
    await this.#pointer([move, { type: "pointerDown", button: 0 }]);
  }

  async letGo() {
    await this.#pointer([{ type: "pointerUp", button: 0 }]);
  }

  /** @param {object[]} actions */
  async #pointer(actions) {
    const pointer = { type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions };
    await this.#wire.call("PerformActions", { actions: [pointer] });
  }

  async end() {
    await this.#wire.call("DeleteSession").catch(() => undefined);
    this.#wire.close();
  }
}
