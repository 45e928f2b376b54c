// docs/compatibility.md, made of the results: node page.js build/webdriver/results.json

import fs from "node:fs";

/** @typedef {import("./results.js").Seen} Seen */

/** A call over a WebSocket has no such statistics; WebKitGTK has no test camera. */
const NOT_THERE = [["WebKitGTK", "shows the quality"], ["WebKitGTK", "a photo"]];

/** Browsers of the table, whether or not they were here. */
const BROWSERS = ["Chromium", "Chrome", "Edge", "Firefox", "WebKitGTK", "Safari"];
const FEATURES = ["connects", "answers a typed text in words and sound", "hold to talk", "hands-free", "shows the quality",
  "a photo", "recovers when the gateway dies", "hangs up"];

/** @param {Seen} seen @returns {string} the page, Markdown */
function page(seen) {
  const cell = (/** @type {string} */ browser, /** @type {string} */ feature) => {
    const result = seen[browser]?.features[feature];
    if (NOT_THERE.some(([name, what]) => name === browser && what === feature)) return "-";
    return result === undefined ? "not run" : result ? "yes" : "**no**";
  };
  const head = BROWSERS.map((name) => `${name} ${seen[name]?.version ?? ""}`.trim());
  return `# Browsers

Made by \`./dev compatibility\`, which drives each browser as a person would: a click on the start key, words spoken into its
microphone, keys held, an answer listened to. What was not run is marked so; it is no statement that it works or does not.

| | ${head.join(" | ")} |
|---|${BROWSERS.map(() => "---|").join("")}
${FEATURES.map((feature) => `| ${feature} | ${BROWSERS.map((name) => cell(name, feature)).join(" | ")} |`).join("\n")}

- WebKitGTK is Debian's, which has no WebRTC: the page says so and holds the conversation over a WebSocket
  ([protocol.md](protocol.md)). Safari has WebRTC and takes the way of the others.
- Speech comes from a sound card; photos are taken in a second run of the browser, of its own test camera.
- \`-\`: WebKitGTK has no test camera, and a call over a WebSocket shows no quality.
- Chrome, Edge and Safari are run on a grid: \`docker compose -f docker-compose.test.yml up\` has Chrome, Edge and Firefox, any
  other driver goes by its address: \`./dev compatibility --grid http://HOST:4444 safari\`. A grid's browsers have a test
  microphone with a tone: speech is not understood there, hands-free is left out.

The page needs Chromium 97 or Safari 16, which know the word \`'wasm-unsafe-eval'\` of its policy, or Firefox 98, which has
\`<dialog>\`: read from what it uses, not run. Tried by hand: in QtWebEngine 6.4 (Chromium 102) all of the table works; in
QtWebEngine 5.15 (Chromium 87) no call can be made, and the page says that the browser is too old.
`;
}

process.stdout.write(page(JSON.parse(fs.readFileSync(String(process.argv[2]), "utf8"))));
