// The package as npm makes it, installed in an empty folder: what it exports is there, and the core runs in it.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { check, same, test } from "./harness.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const core = path.join(path.dirname(process.env["GATEWAY"] ?? ""), "../manager/manager.wasm");

const USE = `
import { readFileSync } from "node:fs";
import { Core, loadCore } from "xiaozhi-rtc-manager/core";
import { EVENT, STATE, nameOf } from "xiaozhi-rtc-manager/names";
import { WebRTCManager } from "xiaozhi-rtc-manager";
const bytes = readFileSync(new URL(import.meta.resolve("xiaozhi-rtc-manager/manager.wasm")));
const core = new Core(await loadCore(bytes), {}, 1, 0);
core.handle({ kind: EVENT.START, value: 0 }, 1);
console.log(nameOf(STATE, core.state), typeof WebRTCManager);
`;

const TYPES = `
import { WebRTCManager } from "xiaozhi-rtc-manager";
const manager = new WebRTCManager({ mode: "auto" });
manager.on("state", ({ state, retryIn_ms }) => state.length + retryIn_ms);
// @ts-expect-error there is no such event
manager.on("nonsense", () => 0);
`;

/** @param {string} folder @param {string} command @param {string[]} args */
function run(folder, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  check(status === 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout.trim();
}

test("npm: the package has what it exports, the core runs in node, and the types hold by themselves", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "xiaozhi-npm-"));
  try {
    run(root, "npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder]);
    const [archive = ""] = fs.readdirSync(folder);
    const home = path.join(folder, "node_modules/xiaozhi-rtc-manager");
    fs.mkdirSync(home, { recursive: true });
    run(folder, "tar", ["xzf", archive, "--strip-components=1", "-C", home]);
    fs.copyFileSync(core, path.join(home, "web/js/manager/manager.wasm")); // what its `prepare` does
    fs.writeFileSync(path.join(folder, "use.mjs"), USE);
    same(run(folder, process.execPath, ["use.mjs"]), "CONNECTING function", "used");
    fs.writeFileSync(path.join(folder, "use.ts"), TYPES);
    const compilerOptions = { strict: true, noEmit: true, module: "nodenext", target: "es2022", lib: ["es2022", "dom"], types: [] };
    fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
    run(folder, process.execPath, [fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url)), "-p", "."]);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
