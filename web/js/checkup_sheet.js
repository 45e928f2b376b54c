/* checkup_sheet.js - shows the connection test: a line for each step, with a sign, a finding and what to do. */

import { Checkup, STEPS } from "./checkup.js";
import { icon, make, makeSheet, words } from "./dom.js";
import { t, translate } from "./i18n.js";

/** @typedef {import("./checkup.js").Finding} Finding */
/** @typedef {import("./checkup.js").Step} Step */

/** @type {Record<Step, string>} */
const NAMES = {
  page: "checkPage", microphone: "checkMicrophone", gateway: "checkGateway",
  relay: "checkRelay", path: "checkPath", assistant: "checkAssistant",
};

export class CheckupSheet {
  #choice;
  /** @type {HTMLDialogElement|null} */
  #sheet = null;
  /** @type {Checkup|null} */
  #checkup = null;
  /** @type {Map<Step, Finding>} */
  #findings = new Map();
  #list = make("ol", { class: "steps", id: "steps" });
  #verdict = make("p", { class: "verdict", id: "verdict", role: "status" });
  #again = words("button", "checkAgain", { id: "check-again", class: "big quiet", type: "button" });
  #bar = make("span", { class: "bar-fill" });

  /** @param {() => {device:import("./prefs.js").Device, macAddress:string}} choice */
  constructor(choice) {
    this.#choice = choice;
    this.#again.addEventListener("click", () => this.#run());
  }

  open() {
    this.#sheet ??= this.#build();
    this.#sheet.showModal();
    this.#run();
  }

  #build() {
    const sheet = makeSheet("checkup", "checkTitle", this.#verdict, this.#list, this.#again);
    for (const step of STEPS) {
      const line = make("li", { "data-step": step }, make("span", { class: "sign" }),
        make("div", {}, words("b", NAMES[step]), make("p")));
      if (step === "microphone") line.append(make("span", { class: "level", "aria-hidden": "true" }, this.#bar));
      this.#list.append(line);
    }
    translate(sheet);
    sheet.addEventListener("close", () => this.#checkup?.stop());
    // With a page that goes the browser ends it all by itself, and is not to be helped: Chromium's process of the page crashes
    // when a microphone that is listened to and a connection are closed at `pagehide`. What comes back is ended then.
    addEventListener("pageshow", ({ persisted }) => persisted && this.#checkup?.stop());
    return sheet;
  }

  async #run() {
    this.#checkup?.stop();
    const checkup = new Checkup(this.#choice(), (step, finding) => this.#show(step, finding));
    this.#checkup = checkup;
    this.#findings.clear();
    this.#again.disabled = true;
    this.#sheet?.setAttribute("data-running", "");
    this.#say("checkRunning", "run");
    const watch = () => {
      if (this.#checkup !== checkup || !this.#sheet?.hasAttribute("data-running")) return;
      this.#bar.style.transform = `scaleX(${checkup.level().toFixed(3)})`;
      requestAnimationFrame(watch);
    };
    watch();
    await checkup.run();
    if (this.#checkup !== checkup) return;
    this.#again.disabled = false;
    this.#sheet?.removeAttribute("data-running");
    const marks = [...this.#findings.values()].map(({ mark }) => mark);
    const mayTalk = this.#findings.get("assistant")?.mark === "ok";
    if (!mayTalk) this.#say("checkBad", "bad");
    else if (marks.includes("bad") || marks.includes("warn")) this.#say("checkSome", "warn");
    else this.#say("checkGood", "ok");
  }

  /** @param {string} key @param {string} mark */
  #say(key, mark) {
    this.#verdict.textContent = t(key);
    this.#verdict.dataset["mark"] = mark;
  }

  /** @param {Step} step @param {Finding} finding */
  #show(step, finding) {
    this.#findings.set(step, finding);
    const line = /** @type {HTMLElement} */ (this.#list.querySelector(`[data-step=${step}]`));
    line.dataset["mark"] = finding.mark;
    line.dataset["key"] = finding.key;
    line.querySelector(".sign")?.replaceChildren(icon(finding.mark));
    const text = line.querySelector("p");
    if (text) text.textContent = t(finding.key, finding.values);
  }
}
