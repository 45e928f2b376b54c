// docs/loss.md: which cells it has, what was measured of them so far, and the page.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";

/** @typedef {"off"|"copies"|"all"} Repair */
/** @typedef {{percent:number, burst:number, repair:Repair}} Cell */
/** @typedef {{concealed:number, received:number, waited_s:number, emitted:number}} Sound  samples of the answers, and how long
 *   they waited in the browser's buffer, together */
/** One phrase, and the answer to it. |load|: of the machine. |after_ms|: from its end until its words were on the page; null:
 * never. |counted|: of the gateway's metrics.
 * @typedef {Cell & {revision:string, load:number, phrase:string, heard:string, right:boolean, after_ms:number|null, sound:Sound,
 *   counted:Record<string, number>}} Spoken */

/** @type {Repair[]} */
const REPAIRS = ["off", "copies", "all"];
/** What the table is made of: percent lost, in rows of, phrases in each cell. The target is one of 20 % at random. */
const PLAN = [[0, 1, 20], [1, 1, 10], [5, 1, 10], [10, 1, 20], [15, 1, 10], [20, 1, 40], [30, 1, 20],
  [1, 2, 10], [5, 2, 10], [10, 2, 20], [20, 2, 20], [30, 2, 20], [10, 4, 20], [20, 4, 20], [30, 4, 10]];

/** @param {number} share of the phrases of the plan @returns {(Cell & {count:number})[]} the important ones first */
export function plan(share) {
  const rows = [...PLAN].sort(([, , a = 0], [, , b = 0]) => b - a);
  return rows.flatMap(([percent = 0, burst = 1, count = 0]) => REPAIRS.map((repair) =>
    ({ percent, burst, repair, count: Math.ceil(count * share) })));
}

/** @param {Cell} a @param {Cell} b */
const isSame = (a, b) => a.percent === b.percent && a.burst === b.burst && a.repair === b.repair;

/** @param {Spoken[]} all @param {Cell} cell */
export const ofCell = (all, cell) => all.filter((one) => isSame(one, cell));

/** @param {string} file of lines of JSON @returns {Spoken[]} */
export function readSpoken(file) {
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** @param {number[]} values */
const sum = (values) => values.reduce((all, one) => all + one, 0);

/** @param {Spoken[]} spoken of one cell */
export function figuresOf(spoken) {
  const n = (/** @type {string} */ name) => sum(spoken.map(({ counted }) => counted[name] ?? 0));
  const heard = (/** @type {keyof Sound} */ name) => sum(spoken.map(({ sound }) => sound[name]));
  const after = spoken.flatMap(({ after_ms }) => (after_ms === null ? [] : [after_ms])).sort((a, b) => a - b);
  const frames = n("rtp_delivered_total") + n("rtp_lost_total");
  return {
    count: spoken.length,
    right: spoken.filter(({ right }) => right).length,
    made_up: heard("concealed") / Math.max(1, heard("received")),
    lost_up: n("rtp_lost_total") / Math.max(1, frames),
    held_ms: (1000 * n("rtp_held_seconds_total")) / Math.max(1, n("rtp_delivered_total")),
    buffer_ms: (1000 * heard("waited_s")) / Math.max(1, heard("emitted")),
    after_ms: after[Math.floor(after.length / 2)] ?? NaN,
    n,
  };
}

// ---- the page ----

const REPAIR_TEXT = { off: "none", copies: "copies", all: "copies, asking" };

/** @param {number} share */
const percentOf = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;

/** @param {Cell} cell @param {Spoken[]} spoken @returns {string} */
function row({ percent, burst, repair }, spoken) {
  const one = figuresOf(spoken);
  const cells = [`${percent} %${burst > 1 ? `, rows of ${burst}` : ""}`, REPAIR_TEXT[repair], `${one.right} of ${one.count}`,
    percentOf(one.lost_up), percentOf(one.made_up), one.held_ms.toFixed(1), one.buffer_ms.toFixed(0), one.after_ms.toFixed(0)];
  return `| ${cells.join(" | ")} |`;
}

/** Whether the target is met, in words. @param {Spoken[]} all */
function verdict(all) {
  const one = figuresOf(ofCell(all, { percent: 20, burst: 1, repair: "all" }));
  if (!one.count) return "The cell of the target was not measured.";
  const share = one.right / one.count;
  const words = (/** @type {boolean} */ well) => (well ? "reached" : "**not reached**");
  return `Target, at 20 % at random with everything on: 95 % of the phrases understood: ${percentOf(share)}, ` +
    `${words(share >= 0.95)}; less than 2 % of the answers made up: ${percentOf(one.made_up)}, ${words(one.made_up < 0.02)}.`;
}

/** What was understood wrongly, with everything on. @param {Spoken[]} all @returns {string[]} */
function mistakes(all) {
  const wrong = all.filter(({ repair, right }) => repair === "all" && !right);
  return wrong.map((one) => `- ${one.percent} %${one.burst > 1 ? `, rows of ${one.burst}` : ""}: "${one.phrase}" was heard as ` +
    `${one.heard ? `"${one.heard}"` : "nothing"}; ${one.counted["rtp_lost_total"]} frames of it were missing`);
}

/** @returns {string} */
function machine() {
  const words = execFileSync("chromium", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const version = words.trim().split(" ").slice(0, 2).join(" ");
  return `${os.cpus().length} x ${os.cpus()[0]?.model.trim()}, Linux ${os.release().split("-")[0]}, ${version}`;
}

/** @param {Spoken[]} all @param {string} command @returns {string} Markdown */
export function page(all, command) {
  const loads = all.map(({ load }) => load).sort((a, b) => a - b);
  const random = plan(1).filter(({ burst }) => burst === 1).sort((a, b) => a.percent - b.percent);
  const rows = plan(1).filter(({ burst }) => burst > 1).sort((a, b) => a.burst - b.burst || a.percent - b.percent);
  const columns = ["lost, both ways", "repair", "understood", "missing up", "made up down", "held up, ms", "buffer down, ms",
    "words after, ms"];
  const head = [`| ${columns.join(" | ")} |`, `|${"---|".repeat(columns.length)}`];
  const body = (/** @type {Cell[]} */ cells) =>
    cells.flatMap((cell) => (ofCell(all, cell).length ? [row(cell, ofCell(all, cell))] : []));
  return `${[
    "# Speech through loss, measured",
    "",
    `Made by \`${command}\` on ${machine()}, gateway of ${[...new Set(all.map(({ revision }) => revision))].join(", ")};`,
    `the machine's load was ${loads[Math.floor(loads.length / 2)]?.toFixed(1)} (median), of more than its cores figures get worse.`,
    "A real Chromium with a sound card, the gateway with its embedded assistant, and a router between them that loses UDP packets",
    "both ways: each by itself, or in rows (Gilbert's channel, a state of its own for each direction).",
    "",
    "- *repair*: none; copies of frames in later packets (RED); and lost packets asked for again (NACK) besides, as the page does.",
    "- *understood*: phrases that the assistant's recogniser wrote down word by word.",
    "- *missing up*: frames of the microphone that neither came nor were mended; the assistant's decoder bridges them.",
    "- *made up down*: samples of the answers that the browser had to invent (`concealedSamples`, without silent ones).",
    "- *held up*, *buffer down*: what repair costs: how long the gateway held a frame on average for an earlier one, and the",
    "  browser's jitter buffer on average.",
    "- *words after*: from the end of a phrase until its words stood on the page, median; the pause that ends a phrase is in it.",
    "",
    verdict(all),
    "",
    "## Each packet by itself",
    "",
    ...head,
    ...body(random),
    "",
    "## In rows",
    "",
    ...head,
    ...body(rows),
    "",
    "## What was not understood, with everything on",
    "",
    ...mistakes(all),
  ].join("\n")}\n`;
}
