/* captions.js - what was said, by whom, as a list that a screen reader follows.
 *
 * Text of others is only ever set as text, never as markup. */

const MOST = 200;

export class Captions {
  #list;
  /** @type {HTMLElement|null} */
  #answer = null;
  /** @type {{text:string, element:HTMLElement}|null} typed, and not yet confirmed by the assistant */
  #typed = null;
  /** @type {(who:"person"|"assistant") => string} */
  #nameOf;

  /** @param {HTMLElement} list @param {(who:"person"|"assistant") => string} nameOf */
  constructor(list, nameOf) {
    this.#list = list;
    this.#nameOf = nameOf;
    if (list.parentElement) new ResizeObserver(() => this.#follow()).observe(list.parentElement);
  }

  /** @param {string} text what the assistant understood */
  heard(text) {
    this.endAnswer();
    const typed = this.#typed;
    this.#typed = null;
    if (!text || (typed && sameWords(typed.text, text))) return;
    this.#add("person", text);
  }

  /** @param {string} text */
  typed(text) {
    this.endAnswer();
    this.#typed = { text, element: this.#add("person", text) };
  }

  /** @param {string} sentence the next one of the answer */
  said(sentence) {
    if (!sentence) return;
    if (!this.#answer) {
      this.#answer = this.#add("assistant", sentence);
      return;
    }
    const text = this.#answer.textContent ?? "";
    // A node of its own: a screen reader then reads what is new and not the whole answer again.
    this.#answer.append(/[\u3000-\u9fff\uff00-\uffef]$/.test(text) ? sentence : ` ${sentence}`);
    this.#follow();
  }

  endAnswer() {
    this.#answer = null;
  }

  /** The answer was cut short: what stands there was not all spoken. */
  cutAnswer() {
    this.#answer?.classList.add("cut");
    this.#answer = null;
  }

  /** Something that is not speech: a link, a picture, a code. @param {Node[]} content */
  card(content) {
    this.endAnswer();
    const card = document.createElement("div");
    card.className = "card";
    card.append(...content);
    this.#append("assistant", card);
  }

  /** @param {"person"|"assistant"} who @param {string} text */
  #add(who, text) {
    const words = document.createElement("p");
    words.dataset["who"] = who;
    words.textContent = text;
    this.#append(who, words);
    return words;
  }

  /** @param {"person"|"assistant"} who @param {HTMLElement} content */
  #append(who, content) {
    const name = document.createElement("span");
    name.className = "sr";
    name.textContent = `${this.#nameOf(who)}: `;
    const item = document.createElement("li");
    item.className = who;
    item.append(name, content);
    this.#list.append(item);
    while (this.#list.childElementCount > MOST) this.#list.firstElementChild?.remove();
    this.#follow();
  }

  /** Stays at the newest line. */
  #follow() {
    const box = this.#list.parentElement;
    if (box && this.#list.childElementCount) box.scrollTop = box.scrollHeight;
  }
}

/** @param {string} a @param {string} b */
function sameWords(a, b) {
  const plain = (/** @type {string} */ text) => text.toLowerCase().replace(/[\p{P}\p{S}\s]+/gu, " ").trim();
  return plain(a) === plain(b);
}
