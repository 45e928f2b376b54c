// A whole client: hands-free, typed text, captions, and what the connection does. `node examples/serve.js` shows it.

import { WebRTCManager } from "../web/js/manager/manager.js";

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`#${id} is missing`);
  return element;
}

/** @param {string} text */
function log(text) {
  const item = document.createElement("li");
  item.textContent = text;
  byId("log", HTMLOListElement).append(item);
}

const manager = new WebRTCManager({ mode: "auto" });

manager.on("state", ({ state, reason, attempt, of, retryIn_ms }) => {
  byId("state", HTMLOutputElement).textContent = state;
  log(`${state}: ${reason}${retryIn_ms ? `, attempt ${attempt} of ${of} in ${retryIn_ms} ms` : ""}`);
});
manager.on("turn", ({ turn }) => {
  byId("turn", HTMLOutputElement).textContent = turn;
});
manager.on("quality", ({ level, figures }) => {
  const { mos } = figures;
  byId("quality", HTMLOutputElement).textContent = mos === undefined ? level : `${level}, MOS ${mos.toFixed(1)}`;
});
manager.on("timeline", ({ phases }) => log(`connected: ${JSON.stringify(phases)}`));
manager.on("recovered", ({ rung, reason, took_ms }) => log(`recovered from ${reason} by ${rung} in ${took_ms} ms`));
manager.on("notice", ({ notice }) => log(notice));
manager.on("message", (message) => {
  if (message.type === "stt") log(`you: ${message["text"]}`);
  if (message.type === "tts" && message["state"] === "sentence_start") log(`assistant: ${message["text"]}`);
});

byId("connect", HTMLButtonElement).addEventListener("click", () => manager.connect());
byId("hangup", HTMLButtonElement).addEventListener("click", () => manager.disconnect());
byId("typing", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("text", HTMLInputElement);
  if (manager.sendText(field.value)) field.value = "";
});

manager.prepare(); // connected before the button is pressed, without a microphone
