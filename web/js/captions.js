/* captions.js - what was said, by whom, as a list that a screen reader follows. All of it is kept; the last lines are
 * shown, and earlier ones when they are asked for.
 *
 * Text of others is only ever set as text, never as markup. */

/** @typedef {import("./transcript.js").Line} Line */

const SHOWN = 50;
const NEAR_PX = 60; // of the end: about two lines

export class Captions {
  #list;
  #earlier;
  /** @type {{element:HTMLElement, line:Line}|null} */
  #answer = null;
  /** @type {HTMLElement|null} */
  #hearing = null;
  /** @type {Line[]} */
  #lines = [];
  /** @type {HTMLElement[]} all of them; the list has the last ones */
  #items = [];
  #shown = SHOWN;
  /** The newest line is in view: it stays so when there is more; who reads further up is left there. */
  #atEnd = true;
  #top = 0;
  /** Typed, and not yet confirmed by the assistant. @type {{text:string, element:HTMLElement}[]} */
  #typed = [];
  /** @type {(who:"person"|"assistant") => string} */
  #nameOf;

  /** @param {HTMLElement} list @param {HTMLElement} earlier the key that shows more of it
   * @param {(who:"person"|"assistant") => string} nameOf */
  constructor(list, earlier, nameOf) {
    this.#list = list;
    this.#earlier = earlier;
    this.#nameOf = nameOf;
    earlier.addEventListener("click", () => this.#showEarlier());
    const box = list.parentElement;
    if (!box) return;
    box.addEventListener("scroll", () => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
      // Only up is away: the browser tells of our own scrolling a frame later, when more may have come below.
      if (near || box.scrollTop < this.#top) this.#atEnd = near;
      this.#top = box.scrollTop;
    });
    const watch = new ResizeObserver(() => this.#follow());
    watch.observe(box);
    watch.observe(list);
  }

  /** All that was said. @returns {readonly Line[]} */
  get lines() {
    return this.#lines;
  }

  /** @param {string} text what the assistant understood */
  heard(text) {
    this.endAnswer();
    this.#forgetHearing();
    const at = this.#typed.findIndex((typed) => sameWords(typed.text, text));
    this.#typed.splice(0, at < 0 ? this.#typed.length : at + 1);
    if (text && at < 0) this.#add("person", text);
  }

  /** Paler until `settled` says what became of it. @param {string} text */
  typed(text) {
    this.endAnswer();
    this.#atEnd = true;
    const { element } = this.#add("person", text);
    element.classList.add("waits");
    this.#typed.push({ text, element });
  }

  /** What was typed has arrived, or nobody will say it any more. @param {string} text @param {string} lost what to add
   * then; "": it has arrived */
  settled(text, lost) {
    const waits = this.#items.flatMap((item) => [...item.querySelectorAll(".waits")]).find((one) => one.textContent === text);
    waits?.classList.remove("waits");
    if (!waits || !lost) return;
    const mark = document.createElement("small");
    mark.textContent = lost;
    waits.append(mark);
    this.#typed = this.#typed.filter((typed) => typed.element !== waits);
  }

  /** @param {string} sentence the next one of the answer */
  said(sentence) {
    if (!sentence) return;
    if (!this.#answer) {
      this.#answer = this.#add("assistant", sentence);
      return;
    }
    const { element, line } = this.#answer;
    // A node of its own: a screen reader then reads what is new and not the whole answer again.
    const more = /[\u3000-\u9fff\uff00-\uffef]$/.test(line.text) ? sentence : ` ${sentence}`;
    element.append(more);
    line.text += more;
    this.#follow();
  }

  endAnswer() {
    this.#answer = null;
  }

  /** The answer was cut short: what stands there was not all spoken. */
  cutAnswer() {
    if (this.#answer) {
      this.#answer.element.classList.add("cut");
      this.#answer.line.cut = true;
    }
    this.#answer = null;
  }

  /** What was said on the page before this one. @param {readonly Line[]} lines @param {HTMLElement} note below them */
  restore(lines, note) {
    if (!lines.length) return;
    for (const line of lines) {
      const words = document.createElement("p");
      words.dataset["who"] = line.who;
      words.textContent = line.text;
      if (line.cut) words.classList.add("cut");
      this.#append(line.who, words);
      this.#lines.push(line);
    }
    const item = document.createElement("li");
    item.className = "note";
    item.append(note);
    this.#put(item);
  }

  /** Something that is not speech: a link, a picture, a code. @param {Node[]} content */
  card(content) {
    this.endAnswer();
    const card = document.createElement("div");
    card.className = "card";
    card.append(...content);
    this.#append("assistant", card);
  }

  /** The words of somebody who still speaks: they go when `heard` has the whole of them, and are not read aloud before.
   * @param {string} text */
  hearing(text) {
    if (!text) return;
    if (!this.#hearing) {
      this.#hearing = document.createElement("li");
      this.#hearing.className = "person";
      this.#hearing.setAttribute("aria-hidden", "true");
      const words = document.createElement("p");
      words.className = "waits";
      this.#hearing.append(words);
      this.#list.append(this.#hearing);
    }
    if (this.#hearing.firstElementChild) this.#hearing.firstElementChild.textContent = text;
    this.#follow();
  }

  #forgetHearing() {
    this.#hearing?.remove();
    this.#hearing = null;
  }

  /** @param {"person"|"assistant"} who @param {string} text */
  #add(who, text) {
    const words = document.createElement("p");
    words.dataset["who"] = who;
    words.textContent = text;
    this.#append(who, words);
    const line = { who, text, at_ms: Date.now(), cut: false };
    this.#lines.push(line);
    return { element: words, line };
  }

  /** @param {"person"|"assistant"} who @param {HTMLElement} content */
  #append(who, content) {
    const name = document.createElement("span");
    // Seen where the assistant takes the word; who the other one is, is seen by the bubble.
    const seen = who === "assistant" && !this.#items.at(-1)?.classList.contains("assistant");
    name.className = seen ? "name" : "sr";
    name.textContent = seen ? this.#nameOf(who) : `${this.#nameOf(who)}: `;
    const item = document.createElement("li");
    item.className = who;
    item.append(name, content);
    this.#put(item);
  }

  /** @param {HTMLElement} item */
  #put(item) {
    this.#forgetHearing();
    this.#list.append(item);
    this.#items.push(item);
    while (this.#list.childElementCount > this.#shown) this.#list.firstElementChild?.remove();
    this.#earlier.hidden = this.#items.length <= this.#list.childElementCount;
    this.#follow();
  }

  #showEarlier() {
    this.#forgetHearing();
    const first = this.#list.firstElementChild;
    const from = this.#items.length - this.#list.childElementCount;
    this.#shown += SHOWN;
    this.#list.prepend(...this.#items.slice(Math.max(0, this.#items.length - this.#shown), from));
    this.#earlier.hidden = this.#items.length <= this.#list.childElementCount;
    if (this.#earlier.hidden) this.#list.parentElement?.focus({ preventScroll: true }); // where the key was
    first?.scrollIntoView({ block: "start" }); // what was read stays where it was
  }

  /** Stays at the newest line. */
  #follow() {
    const box = this.#list.parentElement;
    if (box && this.#atEnd && this.#list.childElementCount) box.scrollTop = box.scrollHeight;
  }
}

/** @param {string} a @param {string} b */
function sameWords(a, b) {
  const plain = (/** @type {string} */ text) => text.toLowerCase().replace(/[\p{P}\p{S}\s]+/gu, " ").trim();
  return plain(a) === plain(b);
}
