// What was seen of each browser, kept as JSON.

import fs from "node:fs";

/** @typedef {Record<string, {version: string, features: Record<string, boolean>}>} Seen */

export class Results {
  #file;
  /** @type {Seen} */
  #seen = {};

  /** @param {string} file; empty: kept nowhere */
  constructor(file) {
    this.#file = file;
  }

  /** @param {string} browser @param {string} version */
  version(browser, version) {
    (this.#seen[browser] ??= { version, features: {} }).version = version;
  }

  /** @param {string} browser @param {string} feature @param {boolean} well */
  add(browser, feature, well) {
    const { features } = (this.#seen[browser] ??= { version: "?", features: {} });
    features[feature] = well;
  }

  /** Beside what other runs, of other browsers, have left there. */
  write() {
    if (!this.#file) return;
    const before = fs.existsSync(this.#file) ? JSON.parse(fs.readFileSync(this.#file, "utf8")) : {};
    fs.writeFileSync(this.#file, `${JSON.stringify({ ...before, ...this.#seen }, null, 2)}\n`);
  }
}
