// Makes the laboratories, gives the faults to lanes (a laboratory and a browser each), collects what they say.

import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Lab } from "./lab.js";
import { FAULTS } from "./matrix.js";
import { table, times } from "./table.js";

/** @typedef {import("./lane.js").Verdict} Verdict */
/** @typedef {{fault:import("./matrix.js").Fault, kind:string}} Task */

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "../..");
const out = path.join(root, "build/faults");

/** @param {string[]} words */
function parseArguments(words) {
  const options = { runs: 1, browsers: ["chromium", "firefox"], full: false, lanes: 2, part: "", table: "" };
  for (let i = 0; i < words.length; i++) {
    const word = String(words[i]);
    if (word === "--full") options.full = true;
    else if (word === "--runs") options.runs = Number(words[++i]);
    else if (word === "--lanes") options.lanes = Number(words[++i]);
    else if (word === "--browser") options.browsers = [String(words[++i])];
    else if (word === "--table") options.table = path.resolve(root, String(words[++i]));
    else if (word.startsWith("-")) throw new Error(`unknown: ${word}`);
    else options.part = word;
  }
  return options;
}

/** @type {Lab[]} */
const labs = [];
/** @type {Set<import("node:child_process").ChildProcess>} */
const lanes = new Set();

/** One lane works through |tasks| until none is left. A lane that ends before its task is over has failed it.
 * @param {Lab} lab @param {Task[]} tasks shared with the other lanes @param {boolean} full
 * @param {(verdict:Verdict) => void} tell */
async function runLane(lab, tasks, full, tell) {
  for (;;) {
    // A lane keeps its browser as long as the tasks are for it.
    const kind = tasks[0]?.kind;
    if (!kind) return;
    const lane = [process.execPath, path.join(here, "lane.js"), lab.name, kind, full ? "full" : "short"];
    const child = spawn("ip", ["netns", "exec", lab.page, ...lane], { stdio: ["pipe", "pipe", "inherit"] });
    lanes.add(child);
    const over = new Promise((resolve) => child.once("exit", resolve));
    /** @type {Task|undefined} */
    let task;
    const next = () => {
      const at = tasks.findIndex((one) => one.kind === kind);
      task = at < 0 ? undefined : tasks.splice(at, 1)[0];
      if (task) child.stdin.write(`${task.fault.name}\n`);
      else child.stdin.end();
    };
    next();
    for await (const line of createInterface({ input: child.stdout })) {
      const verdict = JSON.parse(line);
      task = undefined;
      tell(verdict);
      next();
    }
    await over;
    lanes.delete(child);
    if (task) tell({ ...nothing(task), error: `the lane ended with ${child.exitCode ?? child.signalCode}` });
  }
}

/** @param {Task} task @returns {Verdict} */
const nothing = ({ fault, kind }) => ({
  fault: fault.name, group: fault.group, browser: kind, recovered: false, ms: null, rung: "", kept: null,
  target_ms: fault.target_ms ?? null, note: "", told: "", error: "", took_s: 0,
});

async function main() {
  const options = parseArguments(process.argv.slice(2));
  if (options.table) return void process.stdout.write(table(readVerdicts(options.table), FAULTS));
  /** @type {Task[]} */
  const tasks = [];
  for (const kind of options.browsers) {
    for (let run = 0; run < options.runs; run++) {
      for (const fault of FAULTS) {
        if (!fault.name.includes(options.part) && !fault.group.includes(options.part)) continue;
        if (!(fault.browsers ?? ["chromium", "firefox"]).some((one) => one === kind)) continue;
        tasks.push({ fault, kind });
      }
    }
  }
  fs.mkdirSync(out, { recursive: true });
  process.env["FAULT_LOGS"] = out;
  const results = fs.createWriteStream(path.join(out, "results.jsonl"));
  let passed = 0;
  let failed = 0;
  /** Of the short form: tried again when the machine has nothing else to do. @type {Task[]|null} */
  let again = options.full ? null : [];
  const tell = (/** @type {Verdict} */ verdict) => {
    results.write(`${JSON.stringify(verdict)}\n`);
    const late = verdict.target_ms !== null && verdict.ms !== null && verdict.ms > verdict.target_ms;
    const well = verdict.recovered && !(late && options.full);
    if (well) passed++;
    else if (again) again.push(taskOf(verdict));
    else failed++;
    const time = verdict.ms === null ? "" : `${verdict.ms} ms`;
    const kept = verdict.kept === null ? "" : verdict.kept ? "kept" : "not kept";
    const facts = [time, verdict.rung, kept, verdict.note].filter(Boolean);
    if (late) facts.push(`over its ${verdict.target_ms} ms`);
    const word = well ? "ok  " : again ? "?   " : "FAIL";
    console.log(`  ${word} ${verdict.browser}: ${verdict.fault} (${facts.join("; ")}) [${verdict.took_s} s]`);
    if (verdict.error) console.log(`       ${verdict.error}`);
    if ((!well || late) && verdict.told) console.log(`       ${verdict.told}`);
  };
  const count = Math.max(options.lanes, options.browsers.length);
  const halves = options.browsers.map((kind) => tasks.filter((task) => task.kind === kind));
  const lane = async (/** @type {number} */ index) => {
    const lab = Lab.make(index);
    labs.push(lab);
    await runLane(lab, halves[index % halves.length] ?? [], options.full, tell);
  };
  await Promise.all(Array.from({ length: count }, (_, index) => lane(index)));
  const [lab] = labs;
  if (again?.length && lab) {
    const second = again;
    again = null;
    console.log(`  again, one at a time: ${second.length}`);
    await runLane(lab, second, false, tell);
  }
  await new Promise((resolve) => results.end(resolve));
  if (options.runs > 1) for (const line of times(readVerdicts(path.join(out, "results.jsonl")))) console.log(`  ${line}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

/** @param {Verdict} verdict @returns {Task} */
function taskOf({ fault: name, browser: kind }) {
  const fault = FAULTS.find((one) => one.name === name);
  if (!fault) throw new Error(`no such fault: ${name}`);
  return { fault, kind };
}

/** @param {string} file @returns {Verdict[]} */
function readVerdicts(file) {
  return fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

async function cleanUp() {
  const over = [...lanes].map((child) => new Promise((resolve) => child.once("exit", resolve)));
  for (const child of lanes) child.kill("SIGTERM");
  await Promise.race([Promise.all(over), new Promise((resolve) => setTimeout(resolve, 5000))]);
  for (const lab of labs) lab.remove();
}

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => cleanUp().finally(() => process.exit(1)));
}
Lab.removeStale();
main()
  .catch((error) => {
    console.error(error);
    return false;
  })
  .then(async (well) => {
    await cleanUp();
    process.exit(well === false ? 1 : 0);
  });
