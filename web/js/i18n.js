/* i18n.js - every word of the pages, in one table. */

/** @typedef {"en"|"zh"|"vi"} Lang */

/** @type {readonly Lang[]} */
export const LANGS = ["en", "zh", "vi"];

/** @type {Record<string, [en:string, zh:string, vi:string]>} */
const TABLE = {
  // start page
  tagline: ["A voice to think with.", "说出来，一起想。", "Cùng nói, cùng nghĩ."],
  intro: [
    "Talk to your XiaoZhi assistant right here, in the browser. Nothing to install.",
    "在浏览器里直接和小智对话，无需安装。",
    "Trò chuyện với trợ lý XiaoZhi ngay trong trình duyệt, không cần cài đặt.",
  ],
  language: ["Language", "语言", "Ngôn ngữ"],
  how: ["How do you want to talk?", "您想怎样说话？", "Bạn muốn nói thế nào?"],
  talk: ["Talk", "开始对话", "Trò chuyện"],
  privacy: [
    "The microphone is used only during a call. You will be asked first.",
    "只在通话时使用麦克风，并会先征得您的同意。",
    "Micrô chỉ dùng trong cuộc gọi và bạn sẽ được hỏi trước.",
  ],
  // modes
  manual: ["Hold to talk", "按住说话", "Giữ để nói"],
  manualHint: ["Heard only while you hold the button", "只有按住按钮时才会听", "Chỉ nghe khi bạn giữ nút"],
  auto: ["Hands-free", "免提", "Rảnh tay"],
  autoHint: ["Just speak; pauses are understood", "直接说，停顿会被识别", "Cứ nói, sẽ tự hiểu khi bạn ngừng"],
  mode: ["Way of talking", "说话方式", "Cách nói"],
  // states
  idle: ["Ready when you are", "随时可以开始", "Sẵn sàng khi bạn muốn"],
  connecting: ["Connecting", "正在连接", "Đang kết nối"],
  waking: ["Waiting for the assistant", "正在等待助手", "Đang chờ trợ lý"],
  ready: ["Your turn", "请讲", "Mời bạn nói"],
  listening: ["Listening", "正在听", "Đang nghe"],
  muted: ["Microphone is off", "麦克风已关闭", "Micrô đang tắt"],
  thinking: ["Thinking", "正在思考", "Đang nghĩ"],
  speaking: ["Speaking", "正在说", "Đang nói"],
  reconnecting: ["Reconnecting", "正在重新连接", "Đang kết nối lại"],
  reconnectingIn: ["Reconnecting in {n} s", "{n} 秒后重新连接", "Kết nối lại sau {n} giây"],
  offline: ["Offline", "未连接", "Ngoại tuyến"],
  ended: ["Call ended", "通话已结束", "Cuộc gọi đã kết thúc"],
  // controls
  start: ["Start talking", "开始对话", "Bắt đầu nói"],
  again: ["Talk again", "再聊一次", "Nói chuyện tiếp"],
  tryAgain: ["Try again", "重试", "Thử lại"],
  tryNow: ["Try now", "立即重试", "Thử ngay"],
  hold: ["Hold to talk", "按住说话", "Giữ để nói"],
  release: ["Release to send", "松开发送", "Thả để gửi"],
  holdKey: ["or hold the Space key", "或按住空格键", "hoặc giữ phím cách"],
  escKey: ["Esc to discard", "按 Esc 取消", "Esc để huỷ"],
  slideAway: ["slide away to discard", "移开手指取消", "trượt ra ngoài để huỷ"],
  interrupt: ["Tap to interrupt", "点按打断", "Chạm để ngắt lời"],
  interruptKey: ["or press Esc", "或按 Esc", "hoặc nhấn Esc"],
  speakNow: ["Just speak", "请直接说", "Cứ nói đi"],
  typeOnly: ["You can type", "可以打字", "Bạn có thể gõ"],
  micAsk: ["Allow the microphone", "请允许使用麦克风", "Hãy cho phép micrô"],
  micNot: ["No microphone", "没有麦克风", "Không có micrô"],
  wait: ["One moment", "请稍候", "Chờ một chút"],
  mute: ["Mute microphone", "关闭麦克风", "Tắt micrô"],
  hangup: ["Hang up", "挂断", "Kết thúc"],
  volume: ["Volume", "音量", "Âm lượng"],
  captions: ["Conversation", "对话", "Hội thoại"],
  you: ["You", "您", "Bạn"],
  assistant: ["XiaoZhi", "小智", "XiaoZhi"],
  type: ["Type a message", "输入消息", "Nhập tin nhắn"],
  send: ["Send", "发送", "Gửi"],
  emptyTitle: ["What you both say appears here", "双方说的话会显示在这里", "Lời của hai bên hiện ở đây"],
  emptyTry: ["Try one of these", "可以这样问", "Hãy thử"],
  try1: ["What time is it?", "现在几点了？", "Mấy giờ rồi?"],
  try2: ["Tell me a joke", "讲个笑话", "Kể chuyện cười đi"],
  try3: ["Who are you?", "你是谁？", "Bạn là ai?"],
  try4: ["Take a photo", "拍张照片", "Chụp một tấm ảnh"],
  avatar: ["The assistant", "助手", "Trợ lý"],
  close: ["Dismiss", "关闭", "Đóng"],
  // cards
  linkTitle: ["The assistant suggests a page", "助手推荐了一个网页", "Trợ lý gợi ý một trang"],
  linkOpen: ["Open {host}", "打开 {host}", "Mở {host}"],
  musicTitle: ["Music: {text}", "音乐：{text}", "Nhạc: {text}"],
  photoTitle: ["Picture sent to the assistant", "照片已发送给助手", "Ảnh đã gửi cho trợ lý"],
  activation: ["Activation code", "激活码", "Mã kích hoạt"],
  camera: ["The assistant asked for a picture", "助手请求拍照", "Trợ lý muốn chụp ảnh"],
  cancel: ["Cancel", "取消", "Huỷ"],
  // notices
  insecure: [
    "This page is not secure, so the browser gives it no microphone. Open it with https:// or on localhost. Typing works.",
    "此页面不安全，浏览器不提供麦克风。请用 https:// 或 localhost 打开。仍可打字。",
    "Trang không an toàn nên trình duyệt không cấp micrô. Hãy mở bằng https:// hoặc localhost. Vẫn gõ được.",
  ],
  micDenied: [
    "The microphone is not allowed. Press the lock beside the address, allow the microphone, then reload. Typing works.",
    "麦克风未获许可。请点地址栏旁的锁形图标，允许麦克风后刷新。仍可打字。",
    "Micrô chưa được phép. Nhấn ổ khoá cạnh địa chỉ, cho phép micrô rồi tải lại. Vẫn gõ được.",
  ],
  micNone: [
    "No microphone was found. Plug one in and start again. Typing works.",
    "未找到麦克风。请接好后重新开始。仍可打字。",
    "Không thấy micrô. Hãy cắm vào rồi bắt đầu lại. Vẫn gõ được.",
  ],
  micBusy: [
    "Another program holds the microphone. Close it and start again. Typing works.",
    "麦克风被其他程序占用。请关闭该程序后重新开始。仍可打字。",
    "Chương trình khác đang dùng micrô. Hãy đóng nó rồi bắt đầu lại. Vẫn gõ được.",
  ],
  micFailed: [
    "The microphone could not be opened. Start again to retry. Typing works.",
    "无法打开麦克风。请重新开始。仍可打字。",
    "Không mở được micrô. Hãy bắt đầu lại. Vẫn gõ được.",
  ],
  micLost: [
    "The microphone was unplugged. Hang up and start again with another one. Typing works.",
    "麦克风已断开。请挂断后换一个重新开始。仍可打字。",
    "Micrô đã bị ngắt. Hãy kết thúc rồi bắt đầu lại với micrô khác. Vẫn gõ được.",
  ],
  tapToHear: ["The browser holds the sound back. Tap anywhere to hear.", "浏览器暂停了声音，点按任意处即可收听。", "Trình duyệt đang chặn âm thanh. Chạm để nghe."],
  noWebRtc: [
    "This browser cannot make calls (no WebRTC). Use a current Chrome, Edge, Firefox or Safari.",
    "此浏览器不支持通话（WebRTC）。请使用新版 Chrome、Edge、Firefox 或 Safari。",
    "Trình duyệt này không gọi được (không có WebRTC). Hãy dùng Chrome, Edge, Firefox hoặc Safari mới.",
  ],
  unreachable: [
    "The gateway cannot be reached. Check the network or a firewall that blocks UDP.",
    "无法连接网关。请检查网络，或防火墙是否拦截 UDP。",
    "Không tới được cổng. Kiểm tra mạng hoặc tường lửa chặn UDP.",
  ],
  serverFull: [
    "All places are taken at the moment. Your place is asked for again by itself.",
    "当前名额已满，将自动再次申请。",
    "Hiện đã đầy chỗ. Trang sẽ tự xin lại.",
  ],
  notAllowed: [
    "This gateway does not let you in. Open the page with the link its operator gave you.",
    "网关未允许您进入。请用管理员提供的链接打开。",
    "Cổng không cho vào. Hãy mở bằng liên kết của người vận hành.",
  ],
  refused: [
    "The gateway could not accept this browser's call. Reload the page; if it stays, tell the operator.",
    "网关无法接受此浏览器的呼叫。请刷新；若仍如此，请告知管理员。",
    "Cổng không nhận cuộc gọi của trình duyệt này. Tải lại trang; nếu vẫn vậy hãy báo người vận hành.",
  ],
  lost: [
    "The connection was lost. The conversation is kept for a moment.",
    "连接已断开，对话会暂时保留。",
    "Mất kết nối. Cuộc trò chuyện được giữ lại một lúc.",
  ],
  assistantLost: [
    "The assistant does not answer. The call stays up and it is being called again.",
    "助手没有回应。通话保持，正在重新联系。",
    "Trợ lý không phản hồi. Cuộc gọi vẫn giữ và đang gọi lại.",
  ],
  draining: [
    "The gateway is about to restart. Finish your sentence, then start again.",
    "网关即将重启。请说完后重新开始。",
    "Cổng sắp khởi động lại. Nói xong rồi bắt đầu lại.",
  ],
  heardNothing: [
    "Nothing was heard. Speak closer, and hold the button until you have finished.",
    "没有听到声音。请靠近一点，说完再松开。",
    "Không nghe thấy gì. Hãy nói gần hơn và giữ nút đến khi nói xong.",
  ],
  holdLonger: [
    "Hold the button while you speak, and let go when you have finished.",
    "说话时请按住按钮，说完再松开。",
    "Giữ nút trong khi nói, nói xong hãy thả.",
  ],
  said: ["The gateway says: {text}", "网关提示：{text}", "Cổng báo: {text}"],
};

/** @type {Lang} */
let current = "en";

/** @param {string} wish a choice kept from before, or "" @returns {Lang} */
export function chooseLang(wish) {
  for (const tag of [wish, ...navigator.languages]) {
    const lang = LANGS.find((known) => tag.toLowerCase().split("-")[0] === known);
    if (lang) return lang;
  }
  return "en";
}

/** @param {string} key @param {Record<string, string|number>} [values] */
export function t(key, values) {
  const row = TABLE[key];
  if (!row) throw new Error(`no text "${key}"`);
  const text = row[LANGS.indexOf(current)] ?? row[0];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values?.[name] ?? ""));
}

/** Puts a language on everything marked with data-t (text), data-t-label or data-t-placeholder. @param {Lang} lang */
export function applyLang(lang) {
  current = lang;
  document.documentElement.lang = lang === "zh" ? "zh-Hans" : lang;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.getAttribute("data-t") ?? "");
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.getAttribute("data-t-label") ?? ""));
  }
  for (const element of document.querySelectorAll("[data-t-placeholder]")) {
    element.setAttribute("placeholder", t(element.getAttribute("data-t-placeholder") ?? ""));
  }
}

/** Wires a <select> of the three languages. @param {HTMLSelectElement} select @param {(lang:Lang) => void} onChange */
export function bindLangSelect(select, onChange) {
  select.value = current;
  select.addEventListener("change", () => {
    applyLang(chooseLang(select.value));
    onChange(current);
  });
}
