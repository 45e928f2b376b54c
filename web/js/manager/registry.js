/* registry.js - everything the manager holds of the browser, so that nothing is left behind.
 *
 * Whoever takes a listener, a timer, a track, a connection or a request notes it here together with the way to let go
 * of it. `counts` says what is held; after `releaseAll` it is empty for ever, which tests rely on: what is taken later is
 * let go of at once. */

/** @typedef {"listener"|"timer"|"track"|"peer"|"request"|"context"|"element"} Held */

export class Registry {
  /** @type {Map<Held, Set<() => void>>} */
  #held = new Map();
  #over = false;

  /** @param {Held} kind @param {() => void} letGo @returns {() => void} lets go, once */
  hold(kind, letGo) {
    if (this.#over) {
      letGo();
      return () => undefined;
    }
    const set = this.#held.get(kind) ?? new Set();
    this.#held.set(kind, set);
    const release = () => {
      if (set.delete(release)) letGo();
    };
    set.add(release);
    return release;
  }

  /** @param {EventTarget|null|undefined} target nothing happens if the browser does not have it
   * @param {string} type @param {(event:any) => void} heard @returns {() => void} */
  listen(target, type, heard) {
    if (!target?.addEventListener) return () => undefined;
    target.addEventListener(type, heard);
    return this.hold("listener", () => target.removeEventListener(type, heard));
  }

  /** @param {() => void} run @param {number} delay_ms @returns {() => void} */
  after(delay_ms, run) {
    const timer = setTimeout(() => {
      release();
      run();
    }, delay_ms);
    const release = this.hold("timer", () => clearTimeout(timer));
    return release;
  }

  /** @returns {Record<string, number>} kinds of which something is held */
  counts() {
    /** @type {Record<string, number>} */
    const counts = {};
    for (const [kind, set] of this.#held) if (set.size) counts[kind] = set.size;
    return counts;
  }

  releaseAll() {
    this.#over = true;
    for (const set of this.#held.values()) for (const release of [...set]) release();
  }
}
