// docs/recovery.md from the verdicts of a run.

/** @typedef {import("./lane.js").Verdict} Verdict */

/** @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/** @param {Verdict[]} verdicts @param {{name:string, group:string}[]} faults gives the order @returns {string} Markdown */
export function table(verdicts, faults) {
  const tried = verdicts.length;
  const well = verdicts.filter((one) => one.recovered).length;
  const lines = [
    "# Recovery, measured",
    "",
    "Made by `./dev faults`; what each fault is and how it is made: [tests/faults](../tests/faults). Real browsers and the",
    "real gateway, on two sides of a router with NAT. Recovered means: afterwards a typed sentence was answered in words",
    "and in sound. Time to recover: from the healing of the fault (where nothing heals it, from the fault) until the page",
    "says one can talk and a ping has been answered, in milliseconds. *Kept*: same session, same assistant's link, captions",
    "still there. A dash: the gateway had gone, or the call had not begun.",
    "",
    `Recovered ${well} of ${tried}.`,
  ];
  for (const group of [...new Set(faults.map((fault) => fault.group))]) {
    lines.push("", `## ${group[0]?.toUpperCase()}${group.slice(1)}`, "");
    lines.push("| fault | browser | recovered / tried | p50 | max | target | rung | kept | how |", `|${"---|".repeat(9)}`);
    for (const fault of faults.filter((one) => one.group === group)) {
      for (const browser of ["chromium", "firefox"]) {
        const rows = verdicts.filter((one) => one.fault === fault.name && one.browser === browser);
        if (rows.length) lines.push(row(fault.name, browser, rows));
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A line for each browser and fault. @param {Verdict[]} verdicts of several runs @returns {string[]} */
export function times(verdicts) {
  return [...new Set(verdicts.map((one) => `${one.browser}: ${one.fault}`))].map((name) => {
    const rows = verdicts.filter((one) => `${one.browser}: ${one.fault}` === name);
    const ms = rows.flatMap((one) => (one.ms === null ? [] : [one.ms]));
    const well = rows.filter((one) => one.recovered).length;
    return `${name}: ${well} of ${rows.length} recovered; p50 ${quantile(ms, 0.5)} ms, p95 ${quantile(ms, 0.95)} ms`;
  });
}

/** @param {string} name @param {string} browser @param {Verdict[]} rows @returns {string} */
function row(name, browser, rows) {
  const times = rows.flatMap((one) => (one.recovered && one.ms !== null ? [one.ms] : []));
  const rungs = [...new Set(rows.map((one) => one.rung).filter(Boolean))];
  const kept = rows.filter((one) => one.kept !== null);
  const notes = [...new Set(rows.map((one) => one.note).filter(Boolean))];
  const cells = [
    name,
    browser,
    `${rows.filter((one) => one.recovered).length} / ${rows.length}`,
    quantile(times, 0.5) ?? "",
    times.length ? Math.max(...times) : "",
    rows[0]?.target_ms ?? "",
    rungs.join(", "),
    kept.length && kept.every((one) => one.kept) ? "yes" : "-",
    notes.join("; "),
  ];
  return `| ${cells.join(" | ")} |`;
}
