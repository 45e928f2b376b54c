// A runner in a page of code: tests run in order, each says why it failed, the last line counts.

/** @type {{name:string, run:() => Promise<void>}[]} */
const tests = [];

/** @param {string} name @param {() => Promise<void>|void} run */
export function test(name, run) {
  tests.push({ name, run: async () => run() });
}

/** All that there are. @returns {string[]} */
export const testNames = () => tests.map(({ name }) => name);

/** @param {unknown} held @param {string} why @returns {asserts held} */
export function check(held, why) {
  if (!held) throw new Error(why);
}

/** @param {unknown} got @param {unknown} want @param {string} what */
export function same(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  check(a === b, `${what}: got ${a}, want ${b}`);
}

/** A line of measurement below the test's name. @param {string} text */
export function note(text) {
  console.log(`       ${text}`);
}

/** Until |ask| yields something true; the error names what was waited for.
 * @template T @param {string} what @param {() => Promise<T>|T} ask @param {number} [limit_ms]
 * @returns {Promise<NonNullable<T>>} */
export async function until(what, ask, limit_ms = 15_000) {
  const end_ms = performance.now() + limit_ms;
  for (;;) {
    const got = await ask();
    if (got) return got;
    if (performance.now() > end_ms) throw new Error(`waited ${limit_ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const SECOND_CHANCES = process.env["STRICT"] ? 0 : 2;

/** @param {() => Promise<void>} run @returns {Promise<string|null>} why it failed */
async function attempt(run) {
  try {
    await run();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Browsers and sound servers of a busy machine stumble: a failed test is run once more, but no more than two of a run,
 * and its line says so. With STRICT=1 in the environment none is.
 * @param {string} filter tests whose name contains it, or one of several with | between @returns {Promise<boolean>} all well */
export async function runAll(filter) {
  let failed = 0;
  let passed = 0;
  let chances = SECOND_CHANCES;
  for (const { name, run } of tests) {
    if (!filter.split("|").some((part) => name.includes(part))) continue;
    const start_ms = performance.now();
    let why = await attempt(run);
    let before = "";
    if (why && chances > 0) {
      chances--;
      before = `; only the second time, the first: ${why}`;
      why = await attempt(run);
    }
    if (why) {
      failed++;
      console.log(`  FAIL ${name}\n       ${why}${before}`);
    } else {
      passed++;
      console.log(`  ok   ${name} (${Math.round(performance.now() - start_ms)} ms${before})`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}
