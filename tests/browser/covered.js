// usage: node covered.js FOLDER PERCENT: from what coverage.js left in FOLDER, the share of the lines of all JavaScript of web/
// that ran, file by file; lines that did not, in FOLDER/missed.txt. A line counts if an expression or a statement begins on it,
// except imports, and ran if the first of them did. A file that nothing loaded counts with all its lines.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const WEB = fileURLToPath(new URL("../../web/", import.meta.url));

/** What may not run although its file does. @param {import("typescript").Node} node */
const mayNot = (node) => ts.isFunctionLike(node) || ts.isPropertyDeclaration(node) || ts.isBlock(node) || ts.isIfStatement(node) ||
  ts.isConditionalExpression(node) || ts.isBinaryExpression(node);

/** Where each line that counts begins to: line, from 0, to place and whether it runs when the file does.
 * @param {string} name @param {string} text */
function codeLines(name, text) {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  /** @type {Map<number, {at:number, always:boolean}>} */
  const lines = new Map();
  /** @param {import("typescript").Node} node @param {boolean} always */
  const visit = (node, always) => {
    if (ts.isImportDeclaration(node)) return;
    if (!ts.isSourceFile(node) && !ts.isBlock(node) && !ts.isEmptyStatement(node) && node.kind !== ts.SyntaxKind.EndOfFileToken) {
      const at = node.getStart(source);
      const { line } = source.getLineAndCharacterOfPosition(at);
      if (at < (lines.get(line)?.at ?? Infinity)) lines.set(line, { at, always });
    }
    ts.forEachChild(node, (child) => visit(child, always && !mayNot(node)));
  };
  visit(source, true);
  return lines;
}

/** @param {string} folder @returns {Map<string, number[][]>} path below web/: of each process, where what ran begins and ends */
function read(folder) {
  const all = new Map();
  for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    for (const [name, runs] of Object.entries(JSON.parse(fs.readFileSync(path.join(folder, file), "utf8")))) {
      all.set(name, [...(all.get(name) ?? []), runs]);
    }
  }
  return all;
}

/** @param {number[]} runs @param {number} at */
function ranAt(runs, at) {
  let n = 0;
  while (n < runs.length && Number(runs[n]) <= at) n++;
  return n % 2 === 1;
}

/** @param {string} folder @param {number} least */
function main(folder, least) {
  const ran = read(folder);
  const files = /** @type {string[]} */ (fs.readdirSync(WEB, { recursive: true })).filter((name) => name.endsWith(".js"));
  let [all, covered] = [0, 0];
  let missed = "";
  const rows = files.map((name) => {
    const text = fs.readFileSync(WEB + name, "utf8");
    const lines = [...codeLines(name, text)].sort(([a], [b]) => a - b);
    const runs = ran.get(name) ?? [];
    const loaded = runs.some((edges) => edges.length); // a service worker's first lines run before anybody watches
    const not = lines.filter(([, { at, always }]) => !(always && loaded) && !runs.some((edges) => ranAt(edges, at)));
    all += lines.length;
    covered += lines.length - not.length;
    const words = text.split("\n");
    missed += not.map(([line]) => `web/${name}:${line + 1}: ${words[line]?.trim()}\n`).join("");
    return { name, of: lines.length, n: lines.length - not.length };
  });
  fs.writeFileSync(path.join(folder, "missed.txt"), missed);
  rows.sort((a, b) => a.n / a.of - b.n / b.of);
  const percent = (/** @type {number} */ n, /** @type {number} */ of) => ((100 * n) / of).toFixed(1);
  for (const { name, n, of } of rows) console.log(`${percent(n, of).padStart(6)} %  ${`${n}/${of}`.padEnd(9)} web/${name}`);
  const held = files.length > 0 && (100 * covered) / all >= least;
  console.log(`all JavaScript: ${percent(covered, all)} % of ${all} lines, at least ${least} % wanted`);
  console.log(held ? "1 passed, 0 failed" : "0 passed, 1 failed");
  return held ? 0 : 1;
}

process.exit(main(process.argv[2] ?? "", Number(process.argv[3])));
