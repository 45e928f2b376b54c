// The operator's page: the token, a call from close by, and its two keys, hang up and drain; in both sizes, light and dark.

import { auditInPage, fitInPage } from "./audit.js";
import { openPage } from "./browsers.js";
import { Gateway } from "./gateway.js";
import { check, same, test, until } from "./harness.js";
import { axe } from "./looks.js";

const TOKEN = "boss-of-the-browser-tests";

/** @typedef {import("./browsers.js").WatchedPage} Page */

/** @param {import("./start.js").Bench} bench */
export function testAdmin({ both, binary, folder, screens }) {
  for (const [name, use] of both) {
    test(`${name}: admin: the token, a call from close by, hung up, drained`, async () => {
      const history = ["--history", `${folder}/calls-of-${name}.db`];
      const other = new Gateway(binary,
        { args: ["--admin-token", TOKEN, "--auth-token", "caller", "--backend", "echo", ...history] });
      await other.start();
      try {
        await use((page) => operates(page, other, screens, name === "chromium"));
      } finally {
        await other.stop();
      }
    });
  }
}

/** @param {Page} page @param {string} id @returns {Promise<string>} */
const textIn = (page, id) => page.$eval(id, (element) => element.textContent ?? "");

/** A table that is wider than its place, as on a phone; there is no row of a call yet. @param {Page} page */
async function scrollsByKeys(page) {
  const place = "#day-all .wide";
  await until("the table moves", async () => {
    await page.evaluate((selector) => { // the next look at the gateway hides it again
      const wide = /** @type {HTMLElement} */ (document.querySelector(selector));
      for (const id of ["day-all", "day-browser"]) /** @type {HTMLElement} */ (document.getElementById(id)).hidden = false;
      wide.style.width = "120px";
      wide.focus();
    }, place);
    await page.keyboard.press("ArrowRight");
    return page.$eval(place, (wide) => wide.scrollLeft > 0);
  });
  await page.evaluate((selector) => {
    document.querySelector(selector)?.removeAttribute("style");
    for (const id of ["day-all", "day-browser"]) /** @type {HTMLElement} */ (document.getElementById(id)).hidden = true;
  }, place);
}

/** @param {Page} page @param {Gateway} other @param {string} screens @param {boolean} looked at, in both sizes and themes */
async function operates(page, other, screens, looked) {
  page.expected.push(/status of (401|404|503)/, /net::ERR_/);
  /** @type {string[]} */
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  const textOf = (/** @type {string} */ id) => textIn(page, id);
  const audit = async (/** @type {string} */ what) => {
    if (!looked) return;
    same(await page.evaluate(auditInPage), [], `${what}: names, contrast, sizes`);
    same(await page.evaluate(fitInPage), [], `${what}: nothing cut off`);
    same(await axe(page, true), [], `${what}: axe-core`);
  };

  await page.goto(`${other.url}/admin`);
  await page.type("#token", "caller");
  await page.keyboard.press("Enter");
  await until("word that it is wrong", () => textOf("#token-error"));
  await audit("the form");
  await page.$eval("#token", (field) => (/** @type {HTMLInputElement} */ (field).value = ""));
  await page.type("#token", TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#desk", { visible: true });
  await until("its state", async () => (await textOf("#health")) === "Ready for calls");
  check(!(await page.$eval("#no-calls", (line) => line.hasAttribute("hidden"))), "nobody calls yet");

  const wrong = await fetch(`${other.url}/api/sessions`, { headers: { Authorization: "Bearer nobody" } });
  same(wrong.status, 401, "a stranger's token");
  await until("what went wrong", async () => (await textOf("#errors tbody")).includes("unauthorized"));
  const caller = await openPage(page.browser(), other.url);
  await caller.goto(`${other.url}/chat#token=caller`);
  await caller.waitForSelector("#start");
  const loaded = await caller.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  same(loaded.filter((name) => name.includes("/admin")), [], "the caller's page loads nothing of this one");
  await caller.click("#start");
  await page.bringToFront();
  await until("the call", async () => (await textOf("#calls tbody")).includes("connected"));
  await page.click("#calls tbody button");
  await until("its time-line", async () => /ICE.*DTLS/.test(await textOf("#timeline")));
  await until("its curves", () => page.$eval('[data-plot="rtt"] path', (path) => /L/.test(path.getAttribute("d") ?? "")));
  const saved = await savedBy(page, "minute");
  check(/^last-minute-[0-9a-f]{8}\.json$/.test(saved.name), `a file: ${saved.name}`);
  check(JSON.parse(saved.text).events.some((/** @type {{what:string}} */ { what }) => what === "connected"), "its events");
  for (const kind of ["csv", "json"]) {
    const file = await savedBy(page, `day-${kind}`);
    check(file.name === `calls.${kind}`, `a file: ${file.name}`);
    check(kind === "csv" ? /,.*\r?\n/.test(file.text) : JSON.parse(file.text), `the day as ${kind}: ${file.text}`);
  }
  await scrollsByKeys(page);
  await audit("the desk");
  if (looked) {
    await page.screenshot({ path: `${screens}/desktop-light-admin.png`, fullPage: true });
    await page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  }
  await page.select("#lang", "vi");
  await until("Vietnamese", async () => (await textOf("#health")).startsWith("Sẵn sàng"));
  await page.click("#calls tbody button"); // a phone's page is another: it was loaded anew
  await until("the state in Vietnamese", async () => (await textOf("#calls tbody")).includes("đã kết nối"));
  const seen = (await Promise.all(["#calls", "#one", "#ice", "#errors thead", "#events"].map(textOf))).join(" ");
  check(!/connected|echo|answered|sound|configured|often/.test(seen), `English on the Vietnamese desk: ${seen}`);
  await audit("the desk on a phone, dark");
  if (looked) await page.screenshot({ path: `${screens}/phone-dark-admin.png`, fullPage: true });
  await page.select("#lang", "en");

  await page.click("#drain");
  await page.waitForSelector("#drain-sheet[open]");
  check((await textOf("#drain-sheet")).includes("Calls now: 1."), "it says whom it concerns");
  await audit("the question");
  await page.keyboard.press("Escape");
  for (const key of [".sheet-head button", ".row button[type=button]"]) {
    await page.click("#drain");
    await page.click(`#drain-sheet ${key}`);
    same(await page.$("#drain-sheet[open]"), null, "left by its key");
  }
  same((await fetch(`${other.url}/readyz`)).status, 200, "ready after Escape and Cancel");
  same(addresses.filter((address) => address.includes(TOKEN)), [], "addresses with the token");
  same(await page.evaluate(() => JSON.stringify(localStorage)).then((kept) => kept.includes("boss")), false, "kept for good");
  check(!other.log.includes(TOKEN), "the gateway's log has it");

  await hangsUp(page, caller, looked);
  await drains(page, caller, other);
}

/** What that key hands to the browser as a file. @param {Page} page @param {string} key */
const savedBy = (page, key) =>
  page.evaluate(async (id) => {
    const [click, create] = [HTMLAnchorElement.prototype.click, URL.createObjectURL];
    let text = Promise.resolve("");
    URL.createObjectURL = (blob) => {
      text = /** @type {Blob} */ (blob).text(); // the policy lets no script read it by its address
      return create(blob);
    };
    /** @type {Promise<string>} */
    const name = new Promise((resolve) => {
      HTMLAnchorElement.prototype.click = function () {
        resolve(this.download);
      };
    });
    document.getElementById(id)?.click();
    const file = { name: await name, text: await text };
    HTMLAnchorElement.prototype.click = click;
    URL.createObjectURL = create;
    return file;
  }, key);

/** @param {Page} caller @param {string} wanted */
const callerIs = (caller, wanted) => until(`a caller who is "${wanted}"`, () =>
  caller.evaluate((state) => document.documentElement.dataset["state"] === state, wanted), 30_000);

/** @param {Page} page @param {Page} caller @param {boolean} patiently */
async function hangsUp(page, caller, patiently) {
  const textOf = (/** @type {string} */ id) => textIn(page, id);
  await callerIs(caller, "ready");
  await page.click("#hangup");
  await until("the desk knows it", async () => (await textOf("#one-title")).includes("(ended)"));
  check((await textOf("#events")).includes("hung up from here"), "the desk's log");
  await callerIs(caller, "ended");
  const told = await caller.$eval("#notice", (line) => /** @type {HTMLElement} */ (line).dataset["key"]);
  same(told, "endedByOperator", "what the caller is told");
  if (patiently) {
    await new Promise((resolve) => setTimeout(resolve, 4000)); // a call that was lost would be back by now
    await callerIs(caller, "ended");
  }
  check(!(await page.$eval("#no-calls", (line) => line.hasAttribute("hidden"))), "nobody calls");
  await caller.bringToFront();
  await caller.click("#start");
  await page.bringToFront();
  await until("the caller, who called again", async () => (await textOf("#calls tbody")).includes("connected"), 30_000);
  await callerIs(caller, "ready");
}

/** @param {Page} page @param {Page} caller @param {Gateway} other */
async function drains(page, caller, other) {
  await page.click("#drain");
  await page.$eval("#drain-seconds", (field) => (/** @type {HTMLInputElement} */ (field).value = ""));
  await page.type("#drain-seconds", "9");
  await page.click("#drain-go");
  const left_ms = await until("the caller to be told", () => caller.evaluate(() => /** @type {any} */ (window).probe.received
    .find((/** @type {any} */ { message }) => message.type === "server-draining")?.message.in));
  check(left_ms > 7000 && left_ms <= 9000, `the caller has ${left_ms} ms left, of the 9 s that were chosen`);
  await until("the desk knows it", async () => (await textIn(page, "#health")) === "Takes no new calls: draining");
  same((await fetch(`${other.url}/readyz`)).status, 503, "ready");
  same(await page.$eval("#drain", (key) => key.hasAttribute("hidden")), true, "it is pressed once");
  // Where its lines are scrolled by keys.
  await page.$eval("#events", (list) => {
    for (let i = 0; i < 60; i++) list.append(list.lastElementChild?.cloneNode(true) ?? "");
  });
  await page.focus(".seen");
  await page.keyboard.press("End");
  await until("the log's end, by its key", () => page.$eval(".seen", (box) => box.scrollTop > 100));
  await caller.close();
  await until("the end of the gateway", () => other.hasEnded, 30_000);
  await until("word that it is away", () => page.$eval("#away", (line) => !line.hasAttribute("hidden")));
  await page.click("#leave");
  same(await page.evaluate(() => sessionStorage.length), 0, "kept after signing out");
}
