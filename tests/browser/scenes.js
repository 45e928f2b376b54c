// Every state that a person can see, and how the page is brought into it. What would take long to reach in earnest (a full
// gateway, a lost network, an activation) is told to the page by the manager's own events; the manager itself rests.

/** @typedef {import("./browsers.js").WatchedPage} Page */
/** @typedef {"en"|"zh"|"vi"} Lang */
/** @typedef {{name:string, route:"/"|"/chat", reach:(page:Page, lang:Lang) => Promise<unknown>}} Scene */

/** @type {Record<Lang, {person:string, short:string, answer:string, song:string}>} */
const WORDS = {
  en: {
    person: "Could you tell me what the weather will be like tomorrow afternoon, and whether I need an umbrella?",
    short: "Thank you", answer: "It will be mostly dry, with a shower towards the evening. Take the small umbrella along.",
    song: "A long evening by the river, in a recording from the old theatre",
  },
  zh: {
    person: "请告诉我明天下午天气怎么样，出门需要带伞吗？",
    short: "谢谢", answer: "明天大体上不会下雨，傍晚可能有阵雨。带上那把小伞吧。", song: "河边的漫长夜晚，老剧院现场录音版本",
  },
  vi: {
    person: "Bạn cho tôi biết chiều mai thời tiết thế nào, và tôi có cần mang theo ô không?",
    short: "Cảm ơn bạn", answer: "Trời hầu như không mưa, chỉ có mưa rào vào lúc chạng vạng. Hãy mang theo chiếc ô nhỏ.",
    song: "Buổi tối dài bên dòng sông, bản thu tại nhà hát cũ",
  },
};

/** In the page: from now on the manager says what the test says. */
export function takeOver() {
  const early = /** @type {HTMLScriptElement} */ (document.querySelector("script[src$='/early.js']"));
  return import(early.src).then(({ manager }) => {
    const real = manager.getConnectionInfo();
    const lab = { info: {}, metrics: {}, ask: manager.dispatchEvent.bind(manager), manager };
    Object.assign(window, { lab });
    manager.dispatchEvent = () => true;
    manager.getConnectionInfo = () => ({ ...real, turn: "NONE", microphone: "READY", mode: "manual", ...lab.info });
    manager.getQualityMetrics = () => lab.metrics;
  });
}

/** In the page: the state, then what else is told. @param {Record<string, any>} info @param {[string, any][]} told */
function tell(info, told) {
  const { lab } = /** @type {any} */ (window);
  const { reason = "NONE", retryIn_s = 0, metrics, ...rest } = info;
  if (metrics) lab.metrics = metrics;
  const at_ms = performance.now() + retryIn_s * 1000 - 50;
  const can = { canTalk: true, canType: true, isConnected: true, muted: false };
  const state = { state: "CONNECTED", turn: "NONE", microphone: "READY", attempt: 1, of: 8, rung: "NONE", ...can,
    retryAt_ms: retryIn_s ? at_ms : 0, ...rest };
  lab.info = state;
  const say = (/** @type {string} */ name, /** @type {any} */ detail) => lab.ask(new CustomEvent(name, { detail }));
  say("clearnotice", {});
  say("microphone", { state: state.microphone });
  say("state", { ...state, reason });
  say("turn", { turn: state.turn });
  for (const [name, detail] of told) say(name, detail);
}

const GOOD = { level: "EXCELLENT", mos: 4.4, rtt_ms: 24, jitter_ms: 2, loss_up: 0, loss_down: 0, out_bps: 32_000,
  in_bps: 30_000, buffer_ms: 40, issues: [] };
const POOR = { ...GOOD, level: "POOR", mos: 2.9, rtt_ms: 480, loss_up: 0.07, loss_down: 0.02,
  issues: ["UPLINK_LOSS", "DELAY"] };

/** @param {string} name @param {Record<string, any>} info @param {(lang:Lang) => [string, any][]} [told]
 * @returns {Scene} */
const chat = (name, info, told = () => []) =>
  ({ name, route: "/chat", reach: (page, lang) => page.evaluate(tell, { metrics: GOOD, ...info }, told(lang)) });

/** @param {string} name @param {string} id of its dialog @param {(page:Page) => Promise<unknown>} open
 * @param {Scene["route"]} route @returns {Scene} */
const sheet = (name, id, open, route = "/chat") => ({
  name, route,
  reach: async (page) => {
    await open(page);
    await page.waitForSelector(`#${id}[open]`);
  },
});

const press = (/** @type {string} */ selector) => (/** @type {Page} */ page) =>
  page.$eval(selector, (/** @type {any} */ element) => element.click());
const stt = (/** @type {string} */ text) => /** @type {[string, any]} */ (["message", { type: "stt", text }]);
const said = (/** @type {string} */ text) =>
  /** @type {[string, any]} */ (["message", { type: "tts", state: "sentence_start", text }]);
const over = /** @type {[string, any]} */ (["message", { type: "tts", state: "stop" }]);
const feels = (/** @type {string} */ emotion) => /** @type {[string, any]} */ (["message", { type: "llm", emotion }]);
/** @param {string} [wakeWord] @returns {[string, any]} */
const ready = (wakeWord) => ["message", { type: "ready", features: { tools: true, ...(wakeWord ? { wakeWord } : {}) } }];
const resting = { canTalk: false, canType: false, isConnected: false };

/** Each reason for which a call is broken or over, with the state in which it is told. @type {[string, string][]} */
export const FAILURES = [
  ["FAILED", "ICE_FAILED"], ["FAILED", "UNREACHABLE"], ["FAILED", "SERVER_ERROR"], ["FAILED", "NOT_ALLOWED"],
  ["FAILED", "REFUSED"], ["FAILED", "UNSUPPORTED"], ["FAILED", "NO_MICROPHONE"], ["FAILED", "GAVE_UP"],
  ["RECONNECTING", "SERVER_FULL"], ["RECONNECTING", "DRAINING"], ["RECONNECTING", "NETWORK_CHANGED"],
  ["RECONNECTING", "RESUMED"], ["OFFLINE", "NO_NETWORK"], ["RECONNECTING", "SILENCE"], ["CLOSED", "ENDED"],
];
/** @type {[string, any][]} */
export const NOTICED = [
  ...["NONE", "DENIED", "BUSY", "LOST", "SILENCED", "INSECURE"].map((state) =>
    /** @type {[string, any]} */ (["microphone", { state }])),
  ...["HOLD_LONGER", "HEARD_NOTHING", "ASSISTANT_LOST", "DRAINING", "CONTEXT_LOST"].map((notice) =>
    /** @type {[string, any]} */ (["notice", { notice }])),
  ["blocked", { blocked: true }],
  ["message", { type: "error", message: "the assistant's server has ended the conversation" }],
  ["error", { message: "RangeError: the core's memory is not there" }],
];

/** In the page a notice of each kind, one after the other. @param {Page} page @param {Record<string, any>} info
 * @param {[string, any][]} told */
export const show = (page, info, told = []) => page.evaluate(tell, { metrics: GOOD, ...info }, told);

/** In this order: the conversation grows from one to the next.
 * @param {string} song an address that never answers @returns {Scene[]} */
export const scenes = (song) => [
  { name: "start", route: "/", reach: async () => undefined },
  {
    name: "start-own", route: "/",
    reach: async (page) => {
      await press("#roles input[value=own]")(page);
      await page.$eval("#own-mac", (/** @type {any} */ field) => {
        field.value = "A0:B1:C";
        field.dispatchEvent(new Event("input"));
        field.dispatchEvent(new Event("blur"));
      });
    },
  },
  sheet("start-settings", "settings", press("#devices"), "/"),
  {
    name: "start-check", route: "/",
    reach: async (page) => {
      await press("#check")(page);
      await page.waitForSelector("#checkup[open]:not([data-running])", { timeout: 45_000 });
    },
  },
  chat("idle", { state: "PREPARED", ...resting }),
  chat("connecting", { state: "CONNECTING", ...resting, microphone: "ASKING" }),
  chat("waking", { canTalk: false, microphone: "ASKING" }),
  chat("ready", {}),
  chat("no-microphone", { microphone: "DENIED" }),
  chat("listening", { turn: "LISTENING" }),
  chat("listening-hands-free", { turn: "LISTENING", mode: "auto" }),
  chat("wake-word", { turn: "LISTENING", mode: "auto" }, () => [ready("computer")]),
  chat("muted", { turn: "LISTENING", mode: "auto", muted: true }),
  chat("thinking", { turn: "THINKING" }, (lang) => [ready(), stt(WORDS[lang].person)]),
  chat("speaking", { turn: "SPEAKING" }, (lang) => [feels("happy"), said(WORDS[lang].answer)]),
  chat("speaking-hands-free", { turn: "SPEAKING", mode: "auto" }, (lang) =>
    [over, stt(WORDS[lang].short), said(WORDS[lang].answer)]),
  {
    name: "typed", route: "/chat",
    reach: async (page, lang) => {
      await show(page, { turn: "NONE" }, [over]);
      await page.evaluate((text) => {
        const { manager } = /** @type {any} */ (window).lab;
        Object.defineProperty(manager, "canType", { value: true, configurable: true });
        Object.defineProperty(manager, "sendText", { value: () => true, configurable: true });
        const field = /** @type {HTMLInputElement} */ (document.getElementById("text"));
        for (const one of [text, text]) {
          field.value = one;
          field.form?.requestSubmit();
        }
        field.value = text;
      }, WORDS[lang].person);
      await show(page, { turn: "NONE" }, [["text", { text: WORDS[lang].person, arrived: false }]]);
    },
  },
  chat("unsteady", { state: "UNSTABLE", turn: "SPEAKING", metrics: POOR }, () => [["issues", {}]]),
  chat("reconnecting-in", { state: "RECONNECTING", ...resting, canType: true, reason: "SILENCE", attempt: 3, retryIn_s: 9 }),
  chat("reconnecting-now", { state: "RECONNECTING", ...resting, canType: true, reason: "SILENCE", attempt: 3 }),
  chat("offline", { state: "OFFLINE", ...resting, canType: true, reason: "NO_NETWORK" }),
  chat("suspended", { state: "SUSPENDED", ...resting, reason: "RESUMED" }),
  chat("failed", { state: "FAILED", ...resting, reason: "GAVE_UP" }),
  chat("ended", { state: "CLOSED", ...resting }),
  chat("link", {}, () => [["message", { type: "tool", id: 3, text: "open_tab", value: "https://a-long-name.example.org/" }]]),
  chat("activation", {}, () => [["message", { type: "activation", code: "483921", message: "example.org\n483921",
    expiresAt: new Date(Date.now() + 300_000).toISOString() }]]),
  chat("music", {}, (lang) => [["message", { type: "backend", state: "ready" }],
    ...[1, 2].map((n) => /** @type {[string, any]} */ (["message",
      { type: "music", state: "start", url: song, text: WORDS[lang].song, n }]))]),
  {
    name: "history", route: "/chat",
    reach: async (page, lang) => {
      await show(page, {}, [["message", { type: "music", state: "stop" }],
        ...Array.from({ length: 60 }, (_, i) => (i % 2 ? said(WORDS[lang].answer) : stt(WORDS[lang].person))), over]);
      await page.$eval("#log", (log) => log.scrollTo(0, 0));
    },
  },
  { name: "camera", route: "/chat", reach: (page) => press("#camera-toggle")(page).then(() =>
    page.waitForFunction("document.querySelector('#preview video').videoWidth > 0")) },
  {
    name: "photo", route: "/chat",
    reach: async (page) => {
      const on = await page.$eval("#camera-toggle", (key) => key.getAttribute("aria-pressed"));
      if (on === "true") await press("#camera-toggle")(page); // of a camera that is on there would be no sheet
      await show(page, {}, [["message", { type: "tool", id: 9, text: "take_photo" }]]);
      await page.waitForSelector("#camera[open]");
    },
  },
  sheet("details", "details", press("#quality")),
  sheet("settings", "settings", press("#open-settings")),
  sheet("saving", "saving", press("#save")),
];
