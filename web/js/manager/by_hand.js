/* by_hand.js - signalling that the caller does: createOffer() gives the description, handleAnswer() takes the answer.
 *
 * There is nothing to trickle to, so the description is to hold its candidates: the manager waits for them. */

import { Refused } from "./http.js";

/** @typedef {import("./http.js").Answer} Answer */
/** @typedef {import("./http.js").Signalling} Signalling */

/** @implements {Signalling} */
export class ByHand {
  /** @type {((answer:Answer) => void)|null} */
  #answer = null;
  /** @type {{sdp:string, type:"offer"}|null} */
  #offer = null;
  /** @type {((offer:{sdp:string, type:"offer"}) => void)[]} */
  #waiting = [];

  /** @returns {Promise<import("./http.js").Servers>} */
  async servers() {
    throw new Refused(0, "none but those that were given");
  }

  /** @param {import("./http.js").Offer} offer @param {AbortSignal} signal @returns {Promise<Answer>} */
  offer(offer, signal) {
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#offer = { sdp: offer.sdp, type: "offer" };
      for (const tell of this.#waiting.splice(0)) tell(this.#offer);
      signal.addEventListener("abort", () => reject(new Refused(0, "given up")), { once: true });
    });
  }

  /** @param {string} _location @param {import("./http.js").Offer} offer @param {AbortSignal} signal */
  restart(_location, offer, signal) {
    return this.offer(offer, signal);
  }

  async trickle() {}

  async remove() {}

  /** The offer that is under way, or the next one. @returns {Promise<{sdp:string, type:"offer"}>} */
  next() {
    if (this.#offer) return Promise.resolve(this.#offer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** @param {{sdp:string, type?:string}} answer @returns {boolean} false: nothing was asked */
  take(answer) {
    const give = this.#answer;
    this.#answer = null;
    this.#offer = null;
    give?.({ sdp: answer.sdp, type: "answer", location: "", resumed: false });
    return give !== null;
  }
}
