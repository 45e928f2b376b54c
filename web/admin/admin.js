/* admin.js - the operator's desk: what the gateway says of itself, once a second while somebody looks, and two keys. */

import { byId, make, makeSheet, words } from "../js/dom.js";
import { addTexts, applyLang, bindLangSelect, chooseLang, t, translate } from "../js/i18n.js";
import { loadPrefs, savePrefs } from "../js/prefs.js";
import { Calls, short, showFigures } from "./calls.js";
import { drawDay } from "./day.js";
import { drawErrors } from "./errors.js";
import { duration, inMs, median_ms, readMetrics, sum } from "./figures.js";
import { ask, keepToken, keptToken, Refused } from "./gate.js";
import { wordOf, WORDS } from "./words.js";

/** @typedef {{ready:boolean, reasons:string[], degraded:string[]}} Health */
/** @typedef {{source:string, level:string, validation:{issues:string[], stun_servers:number, turn_servers:number,
 *   total_servers:number}}} Ice */

const EVERY_MS = 1000;
const SLOW = 5; // what changes slowly is asked for in every fifth round
const RARE = 30; // and what is added up over a day in every thirtieth
const EVENTS_KEPT = 100;

addTexts(WORDS);
applyLang(chooseLang(loadPrefs().lang));

const form = byId("enter", HTMLFormElement);
const field = byId("token", HTMLInputElement);
const said = byId("token-error", HTMLElement);
const away = byId("away", HTMLElement);
const events = byId("events", HTMLElement);
const calls = new Calls(note);
let token = "";
let round = 0;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let next;
/** @type {Health|null} */
let health = null;
/** @type {Ice|null} */
let ice = null;
/** @type {Parameters<typeof drawErrors>[0]|null} */
let errors = null;
/** @type {Map<string, number>} */
let metrics = new Map();
/** @type {Parameters<typeof drawDay>[0]} */
let day = null;
let dayTrouble = "";

/** In another language, too. @param {HTMLElement} line @param {string} key "": nothing */
function say(line, key) {
  if (key) line.dataset["t"] = key;
  else delete line.dataset["t"];
  line.textContent = key && t(key);
}

/** What happened, the newest first; their lines are written anew in another language. @type {(() => void)[]} */
const written = [];

/** @param {string} key @param {Record<string, string>} values; a state as the gateway says it */
function note(key, values) {
  const [at, time, text] = [new Date(), make("time"), make("span")];
  const write = () => {
    time.textContent = at.toLocaleTimeString(document.documentElement.lang);
    text.textContent = t(key, { ...values, state: wordOf(values["state"] ?? "") });
  };
  write();
  events.prepend(make("li", {}, time, text));
  if (written.unshift(write) <= EVENTS_KEPT) return;
  written.pop();
  events.lastElementChild?.remove();
}

// ---- what is shown ----

function drawHealth() {
  if (!health) return;
  const { ready, reasons, degraded } = health;
  const line = byId("health", HTMLElement);
  const text = !ready ? t("admUnready", { why: reasons.map(wordOf).join(", ") })
    : degraded.length ? t("admLacks", { why: degraded.join(", ") }) : t("admReady");
  if (line.textContent !== text) line.textContent = text; // said aloud once, not every second
  line.dataset["mark"] = !ready ? "bad" : degraded.length ? "warn" : "ok";
  byId("drain", HTMLButtonElement).hidden = reasons.includes("draining");
}

function drawTotals() {
  if (!metrics.size) return;
  const info = [...metrics.keys()].find((key) => key.startsWith("build_info")) ?? "";
  const refused = (/** @type {string} */ kind) => sum(metrics, "http_responses_total", `class="${kind}"`);
  showFigures(byId("totals", HTMLElement), [
    ["admVersion", /version="([^"]*)"/.exec(info)?.[1] ?? "–"],
    ["admUptime", duration(sum(metrics, "uptime_seconds"))],
    ["admMemory", `${(sum(metrics, "process_resident_bytes") / 1e6).toFixed(1)} MB`],
    ["admOpened", String(sum(metrics, "sessions_opened_total"))],
    ["admFailures", String(sum(metrics, "session_total", 'result="failed"'))],
    ["admConnect", inMs(median_ms(metrics, "connect_seconds", 'phase="first_media"'))],
    ["admTurns", String(sum(metrics, "turns_total"))],
    ["admRefusals", `${refused("4xx")} / ${refused("5xx")}`],
  ]);
}

function drawIce() {
  if (!ice) return;
  const { validation, source, level } = ice;
  const { stun_servers: stun, turn_servers: turn, total_servers: total } = validation;
  const from = level === source ? source : `${source}, ${level}`;
  byId("ice", HTMLElement).textContent = total ? t("admIceSome", { stun, turn, from }) : t("admIceNone");
  byId("ice-issues", HTMLElement).replaceChildren(...validation.issues.map((issue) => make("li", {}, issue)));
}

// ---- asking ----

async function lookAtDay() {
  const said = JSON.parse(await ask(token, "/api/admin/history", { anyStatus: true }));
  day = said.error ? null : said;
  dayTrouble = said.error ? String(said.error.message) : "";
  showDay();
}

const showDay = () => drawDay(day, dayTrouble && t("admDayAway", { why: dayTrouble }));

async function look() {
  const { sessions } = JSON.parse(await ask(token, "/api/sessions"));
  calls.take(sessions);
  const isRare = round % RARE === 0;
  if (round++ % SLOW) return;
  health = JSON.parse(await ask(token, "/readyz", { anyStatus: true }));
  metrics = readMetrics(await ask(token, "/metrics"));
  ice = JSON.parse(await ask(token, "/api/ice/status"));
  errors = JSON.parse(await ask(token, "/api/errors"));
  if (errors) drawErrors(errors);
  drawIce();
  drawHealth();
  drawTotals();
  if (isRare && metrics.has("history_up")) await lookAtDay(); // else this gateway keeps none
}

/** @param {unknown} error */
function stumble(error) {
  const status = error instanceof Refused ? error.status : 0;
  if (status === 401) signOut("admWrong");
  else if (status === 404) signOut("admNone");
  else {
    say(away, "admAway");
    away.hidden = false;
  }
}

async function turn() {
  clearTimeout(next);
  if (!token || document.hidden) return;
  const mine = token;
  try {
    await look();
    away.hidden = true;
  } catch (error) {
    if (mine === token) stumble(error);
    round = 0;
  }
  clearTimeout(next);
  next = setTimeout(turn, EVERY_MS);
}

// ---- in and out ----

/** @param {string} why a text's key; "": because one wants to */
function signOut(why) {
  token = "";
  keepToken("");
  showDesk(false);
  say(said, why);
  field.setAttribute("aria-invalid", String(why === "admWrong"));
  field.focus();
}

/** @param {boolean} shown */
function showDesk(shown) {
  form.hidden = shown;
  for (const id of ["desk", "leave"]) byId(id, HTMLElement).hidden = !shown;
}

/** @param {string} given */
async function signIn(given) {
  say(said, "");
  try {
    await ask(given, "/api/sessions");
  } catch (error) {
    const status = error instanceof Refused ? error.status : 0;
    say(said, status === 401 ? "admWrong" : status === 404 ? "admNone" : "admAway");
    field.setAttribute("aria-invalid", String(status === 401));
    field.select();
    return;
  }
  token = given;
  keepToken(given);
  field.value = "";
  round = 0;
  showDesk(true);
  turn();
}

// ---- the two keys ----

/** @param {() => Promise<unknown>} act */
async function dare(act) {
  try {
    await act();
  } catch (error) {
    note("admFailed", { why: error instanceof Error ? error.message : String(error) });
  }
  round = 0;
  turn();
}

/** @type {{sheet:HTMLDialogElement, about:HTMLElement}|null} */
let drain = null;

function buildDrain() {
  const limits = { type: "number", min: 0, max: 600, value: 30, required: true };
  const seconds = make("input", { id: "drain-seconds", class: "field", ...limits });
  const about = make("p");
  const cancel = words("button", "admCancel", { class: "pill", type: "button" });
  const go = words("button", "admDrain", { class: "pill danger", type: "submit", id: "drain-go" });
  const ours = make("form", {}, about, words("label", "admSeconds", { class: "label", for: "drain-seconds" }), seconds,
    make("div", { class: "row" }, go, cancel));
  const sheet = makeSheet("drain-sheet", "admDrain", ours);
  cancel.addEventListener("click", () => sheet.close());
  ours.addEventListener("submit", (event) => {
    event.preventDefault();
    sheet.close();
    dare(() => ask(token, "/api/admin/drain", { method: "POST", body: { seconds: Number(seconds.value) } }));
  });
  translate(sheet);
  return { sheet, about };
}

byId("drain", HTMLButtonElement).addEventListener("click", () => {
  drain ??= buildDrain();
  drain.about.textContent = t("admDrainAsk", { n: calls.size });
  drain.sheet.showModal();
});
byId("hangup", HTMLButtonElement).addEventListener("click", () => {
  const id = calls.chosen;
  if (!id) return;
  dare(async () => {
    await ask(token, `/api/sessions/${id}`, { method: "DELETE" });
    note("admHungUp", { id: short(id) });
  });
});
/** A link cannot carry the token: the answer is fetched and handed to the browser as a file. */
function save(/** @type {string} */ path, /** @type {string} */ name, type = "application/json") {
  dare(async () => {
    const href = URL.createObjectURL(new Blob([await ask(token, path)], { type }));
    make("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  });
}

byId("minute", HTMLButtonElement).addEventListener("click", () =>
  save(`/api/sessions/${calls.looked}/last-minute`, `last-minute-${short(calls.looked)}.json`));
byId("day-csv", HTMLButtonElement).addEventListener("click", () =>
  save("/api/admin/history/export?format=csv", "calls.csv", "text/csv"));
byId("day-json", HTMLButtonElement).addEventListener("click", () => save("/api/admin/history/export?format=json", "calls.json"));
byId("leave", HTMLButtonElement).addEventListener("click", () => signOut(""));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(field.value.trim());
});
document.addEventListener("visibilitychange", turn);
bindLangSelect(byId("lang", HTMLSelectElement), (lang) => {
  savePrefs({ lang });
  calls.draw();
  drawHealth();
  drawIce();
  drawTotals();
  if (errors) drawErrors(errors);
  showDay();
  for (const write of written) write();
  if (drain) drain.about.textContent = t("admDrainAsk", { n: calls.size });
});
const kept = keptToken();
showDesk(false);
if (kept) signIn(kept);
else field.focus();
