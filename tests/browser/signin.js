// A gateway that asks for a token: the form, the link that brings one, and where the token must never be seen.

import { execFileSync } from "node:child_process";
import { auditInPage } from "./audit.js";
import { Gateway } from "./gateway.js";
import { check, same, test, until } from "./harness.js";
import { call, reach } from "./talk.js";

const SECRET = "a secret of the browser tests";

/** @typedef {import("./browsers.js").WatchedPage} Page */

/** @param {import("./start.js").Bench} bench */
export function testSignIn({ both, binary }) {
  for (const [name, use] of both) {
    test(`${name}: sign-in: a form asks for the token, a link brings it, and it is in no address`, async () => {
      const other = new Gateway(binary, { args: ["--token-secret", SECRET, "--backend", "echo"] });
      await other.start();
      try {
        await use(async (page) => {
          page.expected.push(/status of 401/, /preloaded using link preload/, /net::ERR_CONNECTION_REFUSED/);
          await comesIn(page, other, binary);
        });
      } finally {
        await other.stop();
      }
    });
  }
}

/** @param {Page} page @param {Gateway} gateway @param {string} binary */
async function comesIn(page, gateway, binary) {
  const mint = (/** @type {string[]} */ ...options) =>
    execFileSync(binary, ["token", "--token-secret", SECRET, ...options], { encoding: "utf8" }).trim();
  /** @type {string[]} */
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url().split("#")[0] + (request.headers()["referer"] ?? "")));
  await page.goto(`${gateway.url}/chat`);
  await page.waitForSelector("#signin[open]");
  await page.click("#signin .sheet-head button");
  same(await page.$("#signin[open]"), null, "left by its key");
  await page.reload();
  await page.waitForSelector("#signin[open]");
  same(await page.evaluate(auditInPage), [], "names and contrast");
  same(await page.evaluate(() => document.activeElement?.id), "signin-token", "focus");
  await page.type("#signin-token", mint("--ttl", "3600").slice(0, -4));
  await page.keyboard.press("Enter");
  await until("word that it is wrong", () => page.$eval("#signin-error", (line) => line.textContent !== ""));
  same(await page.$eval("#signin-token", (field) => field.getAttribute("aria-invalid")), "true", "the field");
  await page.$eval("#signin-token", (field) => (/** @type {HTMLInputElement} */ (field).value = ""));
  await page.type("#signin-token", mint());
  await Promise.all([page.waitForNavigation(), page.click("#signin [type=submit]")]);
  await page.click("#start");
  await reach(page, ["ready"]);

  await page.evaluate(() => sessionStorage.clear());
  const link = mint("--link", `${gateway.url}/chat`);
  await page.goto("about:blank");
  await page.goto(link);
  same(await page.evaluate(() => location.hash), "", "the address");
  await page.click("#start");
  await reach(page, ["ready"]);
  await page.goto(`${gateway.url}/`);
  await page.waitForSelector("#roles input:checked");
  check(!(await page.$("#signin[open]")), "the start page asks again");
  await call(page, gateway.url); // with a fragment gone and the tab's memory alone
  const token = link.split("#token=")[1] ?? "";
  same(addresses.filter((address) => address.includes(token) || /[?&]token=/.test(address)), [], "addresses with it");
  check(!gateway.log.includes(token), "the gateway's log has it");
  await page.evaluate(() => (sessionStorage.clear(), localStorage.clear()));
}
