/* i18n.js - every word of the pages, in one table. */

/** @typedef {"en"|"zh"|"vi"} Lang */
/** @typedef {string|Record<Lang, string>} Texts  a key of the table, or words that came in every language */

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
  how: ["How do you want to talk?", "您想怎样说话？", "Bạn muốn trò chuyện theo cách nào?"],
  talk: ["Talk", "开始对话", "Trò chuyện"],
  privacy: [
    "The microphone is used only during a call. You will be asked first.",
    "只在通话时使用麦克风，并会先征得您的同意。",
    "Micrô chỉ dùng trong cuộc gọi và bạn sẽ được hỏi trước.",
  ],
  who: ["Who would you like to talk to?", "您想和谁聊？", "Bạn muốn nói chuyện với ai?"],
  roleXiaozhi: ["XiaoZhi", "小智", "XiaoZhi"],
  roleXiaozhiAbout: ["This gateway's assistant", "本网关的助手", "Trợ lý của cổng này"],
  roleCompanion: ["Companion", "知心朋友", "Người tâm giao"],
  roleCompanionAbout: ["A warm listener who feels with you", "善于倾听，感同身受", "Biết lắng nghe và đồng cảm"],
  roleCurious: ["Curious boy", "好奇男孩", "Cậu bé tò mò"],
  roleCuriousAbout: ["Wants to know about everything", "什么都想知道", "Cái gì cũng muốn biết"],
  roleOwn: ["My device", "我的设备", "Thiết bị của tôi"],
  roleOwnAbout: ["The persona you gave your device", "您为设备设置的角色", "Nhân vật bạn đã đặt cho thiết bị"],
  macLabel: ["MAC address of your device", "您设备的 MAC 地址", "Địa chỉ MAC của thiết bị"],
  macWrong: [
    "Six pairs of 0-9 and A-F, as printed on the device: 00:11:22:AA:BB:CC",
    "请输入六组 0-9、A-F，如设备上所示：00:11:22:AA:BB:CC",
    "Sáu cặp 0-9, A-F như in trên thiết bị: 00:11:22:AA:BB:CC",
  ],
  // asked who one is
  signIn: ["Sign in", "登录", "Đăng nhập"],
  signInLabel: ["Token", "令牌", "Mã truy cập"],
  signInHint: [
    "This gateway asks for a token. Its operator gives you one, as text or as a link. It is kept until you close this tab.",
    "本网关需要令牌，由管理员以文字或链接提供。令牌只保留到您关闭此标签页。",
    "Cổng này cần mã truy cập do người vận hành cấp, dưới dạng chữ hoặc liên kết. Mã chỉ được giữ đến khi bạn đóng thẻ này.",
  ],
  signInWrong: [
    "The gateway does not accept this token. It may have expired: ask for a new one.",
    "网关不接受此令牌，可能已过期，请索取新的令牌。",
    "Cổng không chấp nhận mã này. Có thể mã đã hết hạn: hãy xin mã khác.",
  ],
  signInGo: ["Continue", "继续", "Tiếp tục"],
  // settings
  settings: ["Settings", "设置", "Cài đặt"],
  devices: ["Microphone and speaker", "麦克风和扬声器", "Micrô và loa"],
  microphone: ["Microphone", "麦克风", "Micrô"],
  microphoneN: ["Microphone {n}", "麦克风 {n}", "Micrô {n}"],
  micTry: ["Try it", "试一试", "Thử"],
  micLevel: ["Level of the microphone", "麦克风音量", "Mức micrô"],
  micSay: ["Say something: the bar should move.", "说句话，音量条应会动。", "Hãy nói gì đó: thanh sẽ chuyển động."],
  speaker: ["Speaker", "扬声器", "Loa"],
  speakerN: ["Speaker {n}", "扬声器 {n}", "Loa {n}"],
  speakerTest: ["Play a sound", "播放测试音", "Phát âm thử"],
  speakerPlaying: ["Three notes are playing.", "正在播放三个音。", "Đang phát ba nốt nhạc."],
  speakerPlayed: [
    "Heard nothing? Choose another speaker, or turn the device up.",
    "没听到？请换个扬声器或调高音量。",
    "Không nghe thấy? Hãy chọn loa khác hoặc tăng âm lượng máy.",
  ],
  speakerFailed: [
    "This speaker cannot be used. Choose another one.",
    "此扬声器无法使用，请换一个。",
    "Không dùng được loa này. Hãy chọn loa khác.",
  ],
  speakerSystem: [
    "This browser plays through the speaker chosen in the system.",
    "此浏览器使用系统选定的扬声器。",
    "Trình duyệt này phát qua loa mà hệ thống đã chọn.",
  ],
  automatic: ["Automatic", "自动", "Tự động"],
  deviceAway: ["{name} (not connected)", "{name}（未连接）", "{name} (chưa kết nối)"],
  deviceUnnamed: ["The chosen device", "所选设备", "Thiết bị đã chọn"],
  theme: ["Appearance", "外观", "Giao diện"],
  themeSystem: ["System", "跟随系统", "Theo hệ thống"],
  themeLight: ["Light", "浅色", "Sáng"],
  themeDark: ["Dark", "深色", "Tối"],
  haptics: ["Vibrate on touch", "触摸时振动", "Rung khi chạm"],
  awake: ["Keep the screen on during a call", "通话时保持屏幕常亮", "Giữ màn hình sáng khi gọi"],
  toggle: ["Tap to talk instead of holding", "点按说话，无需按住", "Chạm để nói thay vì giữ"],
  // connection test
  checkTitle: ["Test the connection", "测试连接", "Kiểm tra kết nối"],
  checkPage: ["This page", "此页面", "Trang này"],
  checkMicrophone: ["Microphone", "麦克风", "Micrô"],
  checkGateway: ["Gateway", "网关", "Cổng kết nối"],
  checkRelay: ["Relay", "中继", "Trạm chuyển"],
  checkPath: ["Path for sound", "语音线路", "Đường truyền âm thanh"],
  checkAssistant: ["Assistant", "助手", "Trợ lý"],
  checkWait: ["Waiting", "等待中", "Đang chờ"],
  checkRunning: ["Testing…", "正在测试…", "Đang kiểm tra…"],
  checkSkipped: ["Not tested", "未测试", "Chưa kiểm tra"],
  checkAgain: ["Test again", "重新测试", "Kiểm tra lại"],
  checkGood: ["All is well. You can talk.", "一切正常，可以对话。", "Mọi thứ đều ổn. Bạn có thể nói chuyện."],
  checkSome: ["You can talk, but with limits. See below.", "可以对话，但有限制，见下方。", "Có thể nói chuyện, nhưng còn hạn chế bên dưới."],
  checkBad: ["Something is in the way. See below.", "有问题需要解决，见下方。", "Có trở ngại. Xem bên dưới."],
  checkPageOk: ["Secure: it may use the microphone", "安全，可使用麦克风", "An toàn: được dùng micrô"],
  checkMicOk: ["{name}. Say something: the bar should move.", "{name}。说句话，音量条应会动。", "{name}. Hãy nói gì đó: thanh sẽ chuyển động."],
  checkMicQuiet: ["{name}: it is there, but nothing was heard", "{name}：可用，未听到说话", "{name}: hoạt động; chưa nghe ai nói"],
  checkMicHeard: ["{name}: you were heard", "{name}：听到了您的声音", "{name}: đã nghe thấy bạn"],
  checkGatewayOk: ["Answers in {ms} ms", "{ms} 毫秒内应答", "Trả lời sau {ms} ms"],
  checkUnreachable: [
    "No answer. Check your network and any VPN; is the gateway running?",
    "网关没有应答。请检查网络和 VPN；网关是否在运行？",
    "Cổng không trả lời. Hãy kiểm tra mạng và VPN; cổng có đang chạy không?",
  ],
  checkNoRelay: ["None is set up: direct paths only", "未配置，仅使用直连", "Chưa thiết lập: chỉ dùng đường trực tiếp"],
  checkRelayOk: ["Works, even behind strict firewalls", "可用，严格的防火墙后也能通话", "Hoạt động: cả sau tường lửa chặt"],
  checkRelayRefused: [
    "It refused the password. Tell the operator: the TURN secret is wrong or has expired.",
    "中继拒绝了密码。请告知管理员：TURN 密钥错误或已过期。",
    "Trạm từ chối mật khẩu. Hãy báo người vận hành: khoá TURN sai hoặc quá cũ.",
  ],
  checkRelaySilent: [
    "No answer. A firewall may block it, or it is down: tell the operator.",
    "中继没有应答。可能被防火墙拦截或已停机，请告知管理员。",
    "Trạm không trả lời. Tường lửa có thể chặn, hoặc trạm đã tắt: hãy báo người vận hành.",
  ],
  checkPathOk: ["Direct, in {ms} ms", "直连，用时 {ms} 毫秒", "Trực tiếp, sau {ms} ms"],
  checkPathRelay: ["Over a relay, in {ms} ms", "经中继，用时 {ms} 毫秒", "Qua trạm chuyển, sau {ms} ms"],
  checkNoPath: [
    "None was found: a firewall or VPN blocks UDP. Try another network or turn the VPN off; the operator can add a TURN relay.",
    "找不到线路：防火墙或 VPN 拦截了 UDP。请换个网络或关闭 VPN；管理员可添加 TURN 中继。",
    "Không tìm thấy: tường lửa hoặc VPN chặn UDP. Hãy đổi mạng hoặc tắt VPN; người vận hành có thể thêm trạm TURN.",
  ],
  checkAssistantOk: ["Ready and listening", "已就绪", "Đã sẵn sàng"],
  checkAssistantDown: [
    "The gateway cannot reach it. Wait a moment and test again; if that does not help, tell the operator.",
    "网关联系不上助手。请稍后重试；若持续如此，请告知管理员。",
    "Cổng không liên lạc được với trợ lý. Chờ một lát rồi thử lại; nếu vẫn vậy hãy báo người vận hành.",
  ],
  // modes
  manual: ["Hold to talk", "按住说话", "Giữ để nói"],
  manualHint: ["Heard only while you hold the button", "只有按住按钮时才会听", "Chỉ nghe khi bạn giữ nút"],
  auto: ["Hands-free", "免提", "Rảnh tay"],
  autoHint: ["Just speak, then pause", "直接说，停顿会被识别", "Cứ nói, khi bạn ngừng sẽ tự hiểu"],
  mode: ["How to talk", "说话方式", "Cách nói"],
  // states
  idle: ["Ready when you are", "随时可以开始", "Sẵn sàng khi bạn muốn"],
  connecting: ["Connecting", "正在连接", "Đang kết nối"],
  waking: ["Waiting for the assistant", "正在等待助手", "Đang chờ trợ lý"],
  ready: ["Your turn", "请讲", "Mời bạn nói"],
  listening: ["Listening", "正在听", "Đang nghe"],
  muted: ["Microphone is off", "麦克风已关闭", "Micrô đang tắt"],
  thinking: ["Thinking", "正在思考", "Đang nghĩ"],
  speaking: ["Speaking", "正在说", "Đang nói"],
  unstable: ["{state}, weak connection", "{state}，连接不稳", "{state}, kết nối chập chờn"],
  restarting: ["Finding a new path", "正在换线路", "Đang tìm đường mới"],
  reconnectingNow: [
    "Reconnecting ({attempt} of {of})",
    "正在重新连接（{attempt}/{of}）",
    "Đang kết nối lại ({attempt}/{of})",
  ],
  reconnectingIn: [
    "Reconnecting in {n} s ({attempt} of {of})",
    "{n} 秒后重新连接（{attempt}/{of}）",
    "Kết nối lại sau {n} s ({attempt}/{of})",
  ],
  offline: ["No network", "没有网络", "Không có mạng"],
  suspended: ["Paused", "已暂停", "Tạm dừng"],
  failed: ["Not connected", "未连接", "Chưa kết nối"],
  ended: ["Call ended", "通话已结束", "Cuộc gọi đã kết thúc"],
  // controls
  start: ["Start talking", "开始对话", "Bắt đầu nói"],
  again: ["Talk again", "再聊一次", "Nói chuyện tiếp"],
  tryAgain: ["Try again", "重试", "Thử lại"],
  tryNow: ["Try now", "立即重试", "Thử ngay"],
  hold: ["Hold to talk", "按住说话", "Giữ để nói"],
  release: ["Release to send", "松开发送", "Thả để gửi"],
  tap: ["Tap to talk", "点按说话", "Chạm để nói"],
  tapSend: ["Tap to send", "点按发送", "Chạm để gửi"],
  tapKey: ["or press Space", "或按空格键", "hoặc nhấn phím cách"],
  earlier: ["Show earlier", "显示更早的内容", "Xem phần trước"],
  save: ["Save the conversation", "保存对话", "Lưu hội thoại"],
  saveHint: [
    "A file on this device. Nothing is sent anywhere.",
    "保存到此设备，不会发送到任何地方。",
    "Một tệp trên thiết bị này. Không gửi đi đâu cả.",
  ],
  saveMd: ["Text (Markdown)", "文本（Markdown）", "Văn bản (Markdown)"],
  saveVtt: ["Subtitles (WebVTT)", "字幕（WebVTT）", "Phụ đề (WebVTT)"],
  saveJson: ["Data (JSON)", "数据（JSON）", "Dữ liệu (JSON)"],
  holdKey: ["or hold the Space key", "或按住空格键", "hoặc giữ phím cách"],
  escKey: ["Esc to discard", "按 Esc 取消", "Esc để huỷ"],
  slideAway: ["slide away to discard", "移开手指取消", "trượt ra ngoài để huỷ"],
  interrupt: ["Tap to interrupt", "点按打断", "Chạm để ngắt lời"],
  interruptKey: ["or press Esc", "或按 Esc", "hoặc nhấn Esc"],
  speakNow: ["Just speak", "请直接说", "Cứ nói đi"],
  wakeFirst: ["Say “{word}”", "说“{word}”", "Gọi “{word}”"],
  wakeThen: ["then what you want", "再说您的问题", "rồi nói điều bạn muốn"],
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
  emptyTitle: ["Your conversation appears here", "对话内容会显示在这里", "Cuộc trò chuyện sẽ hiện ở đây"],
  emptyTry: ["Try one of these", "可以这样问", "Hãy thử"],
  emptyLater: ["Once connected, try one of these", "接通后可以这样问", "Kết nối xong, hãy thử"],
  try1: ["What time is it?", "现在几点了？", "Mấy giờ rồi?"],
  try2: ["Tell me a joke", "讲个笑话", "Kể chuyện cười đi"],
  try3: ["Who are you?", "你是谁？", "Bạn là ai?"],
  try4: ["Take a photo", "拍张照片", "Chụp một tấm ảnh"],
  avatar: ["{name}, {emotion}", "{name}：{emotion}", "{name}, {emotion}"],
  avatarMissing: [
    "The avatar “{name}” cannot be shown ({text}). The usual one stays.",
    "无法显示头像“{name}”（{text}），继续使用默认形象。",
    "Không hiện được hình đại diện “{name}” ({text}). Vẫn dùng hình mặc định.",
  ],
  avatarGone: ["there is no such folder", "没有这个文件夹", "không có thư mục này"],
  avatarBad: ["its avatar.json cannot be used", "avatar.json 无法使用", "avatar.json không dùng được"],
  avatarNoNeutral: ["it has no picture for neutral", "缺少 neutral 图片", "thiếu hình neutral"],
  avatarNoLicence: [
    "the operator has not set --avatar-licence {renderer}",
    "运营者未设置 --avatar-licence {renderer}",
    "người vận hành chưa đặt --avatar-licence {renderer}",
  ],
  avatarNoRuntime: ["its runtime is missing", "缺少运行库", "thiếu bộ chạy"],
  avatarNoWebGl: ["this browser gives no WebGL", "此浏览器不提供 WebGL", "trình duyệt không có WebGL"],
  avatarLate: ["not ready within {n} s", "{n} 秒内未就绪", "chưa sẵn sàng sau {n} giây"],
  avatarNotContract: ["its runtime has no {text}", "运行库缺少 {text}", "bộ chạy thiếu {text}"],
  avatarFailed: ["it failed: {text}", "出错：{text}", "bị lỗi: {text}"],
  avatarChoice: ["Avatar", "形象", "Hình đại diện"],
  avatarOfRole: ["The role's own", "跟随角色", "Theo vai"],
  avatarDrawn: ["Drawn", "手绘", "Hình vẽ"],
  avatarUnusable: ["{name} (not usable)", "{name}（不可用）", "{name} (không dùng được)"],
  avatarStays: ["Not shown: {text}. The drawing stays.", "无法显示：{text}。继续使用手绘形象。", "Không hiện được: {text}. Vẫn dùng hình vẽ."],
  avatarKeys: ["Enter taps it, arrow keys stroke it", "按回车键轻点，按方向键抚摸", "Enter để chạm, phím mũi tên để vuốt ve"],
  "emotion.neutral": ["calm", "平静", "điềm tĩnh"],
  "emotion.happy": ["happy", "开心", "vui vẻ"],
  "emotion.laughing": ["laughing", "大笑", "cười lớn"],
  "emotion.funny": ["in tears of laughter", "笑出眼泪", "cười ra nước mắt"],
  "emotion.sad": ["sad", "难过", "buồn"],
  "emotion.angry": ["angry", "生气", "giận dữ"],
  "emotion.crying": ["crying", "大哭", "khóc"],
  "emotion.loving": ["in love", "满是喜爱", "yêu mến"],
  "emotion.embarrassed": ["embarrassed", "害羞", "ngượng ngùng"],
  "emotion.surprised": ["surprised", "惊讶", "ngạc nhiên"],
  "emotion.shocked": ["shocked", "震惊", "sửng sốt"],
  "emotion.thinking": ["thinking", "思考中", "đang nghĩ"],
  "emotion.winking": ["winking", "眨眼", "nháy mắt"],
  "emotion.cool": ["cool", "很酷", "ngầu"],
  "emotion.relaxed": ["relaxed", "放松", "thư thái"],
  "emotion.delicious": ["enjoying a treat", "觉得好吃", "thấy ngon miệng"],
  "emotion.kissy": ["blowing a kiss", "飞吻", "gửi nụ hôn"],
  "emotion.confident": ["confident", "自信", "tự tin"],
  "emotion.sleepy": ["sleepy", "困了", "buồn ngủ"],
  "emotion.silly": ["silly", "调皮", "tinh nghịch"],
  "emotion.confused": ["confused", "困惑", "bối rối"],
  close: ["Close", "关闭", "Đóng"],
  // quality
  qualityUnknown: ["Connection", "连接", "Kết nối"],
  qualityBad: ["Bad connection", "连接很差", "Kết nối tệ"],
  qualityPoor: ["Poor connection", "连接较差", "Kết nối kém"],
  qualityGood: ["Good connection", "连接良好", "Kết nối tốt"],
  qualityExcellent: ["Excellent connection", "连接极佳", "Kết nối rất tốt"],
  detailsTitle: ["Connection", "连接", "Kết nối"],
  saveReport: ["Save a report", "保存报告", "Lưu báo cáo"],
  reportHint: [
    "What happened lately, for whoever helps you. It holds none of your words, no addresses, no keys.",
    "近期运行情况，供帮助您的人查看：不含对话内容、地址或密钥。",
    "Những gì vừa xảy ra, cho người giúp bạn: không có lời đã nói, địa chỉ hay khoá.",
  ],
  figureConnected: ["Connected in", "连接用时", "Kết nối trong"],
  figureMos: ["Sound (1 to 5)", "音质（1 到 5）", "Âm thanh (1 đến 5)"],
  figureRtt: ["Round trip", "往返时延", "Khứ hồi"],
  figureJitter: ["Jitter", "抖动", "Độ rung"],
  figureLossUp: ["Lost (sent)", "上行丢包", "Mất khi gửi"],
  figureLossDown: ["Lost (received)", "下行丢包", "Mất khi nhận"],
  figureOut: ["Sent", "发送", "Gửi"],
  figureIn: ["Received", "接收", "Nhận"],
  figureBuffer: ["Jitter buffer", "抖动缓冲", "Bộ đệm"],
  figuresGateway: ["As the gateway measures it", "网关测得", "Theo cổng đo được"],
  figureConcealed: ["Filled in", "补偿", "Được bù"],
  figurePacketsOut: ["Packets out", "上行包数", "Gói gửi"],
  figurePacketsIn: ["Packets in", "下行包数", "Gói nhận"],
  figureLoss: ["Lost (out / in)", "丢包（上行 / 下行）", "Mất (gửi / nhận)"],
  figureRate: ["Bit rate (out / in)", "码率（上行 / 下行）", "Tốc độ bit (gửi / nhận)"],
  figureTurn: ["Answer after", "应答用时", "Trả lời sau"],
  figureRoute: ["Path", "线路", "Đường đi"],
  routeDirect: ["direct", "直连", "trực tiếp"],
  routeRelay: ["over a relay", "经中继", "qua trạm chuyển"],
  routeSocket: ["over a WebSocket: no other path was found", "经 WebSocket：未找到其他线路", "qua WebSocket: không tìm thấy đường khác"],
  figureRecoveries: ["Recoveries", "恢复次数", "Số lần khôi phục"],
  uplinkLoss: [
    "Some of what you say gets lost on the way. Move closer to the router, or use a cable.",
    "您说的话有部分丢失。请靠近路由器或使用网线。",
    "Một phần lời bạn nói bị mất. Hãy lại gần bộ phát hoặc dùng dây mạng.",
  ],
  downlinkLoss: [
    "Some of the answer gets lost on the way. Pause downloads and videos on this network.",
    "部分回答丢失。请暂停此网络上的下载和视频。",
    "Một phần câu trả lời bị mất. Hãy dừng tải xuống và video trên mạng này.",
  ],
  delayLong: [
    "Answers take long to arrive. Another network, or turning a VPN off, may help.",
    "回答传输较慢。换个网络或关闭 VPN 可能有帮助。",
    "Câu trả lời đến chậm. Đổi mạng hoặc tắt VPN có thể giúp.",
  ],
  jitterHigh: [
    "Sound arrives unevenly. On Wi-Fi, move closer to the router.",
    "声音传输不均匀。使用 Wi-Fi 时请靠近路由器。",
    "Âm thanh đến không đều. Nếu dùng Wi-Fi, hãy lại gần bộ phát.",
  ],
  silentMicrophone: [
    "The microphone is silent. Look for a switch on it, or choose another one in the settings.",
    "麦克风没有声音。请检查其开关，或在设置中换一个。",
    "Micrô không có tiếng. Xem công tắc trên micrô hoặc chọn micrô khác trong phần cài đặt.",
  ],
  deviceBusy: [
    "This device is very busy. Close other programs or tabs.",
    "设备过于繁忙。请关闭其他程序或标签页。",
    "Thiết bị quá bận. Hãy đóng bớt chương trình hoặc thẻ.",
  ],
  lowBandwidth: [
    "Your upload is slow, so sound is sent in less detail.",
    "上行带宽较窄，已降低音质。",
    "Đường gửi chậm nên âm thanh được gửi giản lược hơn.",
  ],
  // cards
  linkTitle: ["The assistant suggests a page", "助手推荐了一个网页", "Trợ lý gợi ý một trang"],
  linkOpen: ["Open {host}", "打开 {host}", "Mở {host}"],
  musicMore: ["{n} more", "还有 {n} 首", "còn {n} bài"],
  music: ["Music", "音乐", "Nhạc"],
  musicPlay: ["Play", "播放", "Phát"],
  musicPause: ["Pause", "暂停", "Tạm dừng"],
  musicNext: ["Next", "下一首", "Bài tiếp"],
  musicStop: ["Stop the music", "停止音乐", "Dừng nhạc"],
  musicFailed: ["This music cannot be played here: {text}", "无法在此播放：{text}", "Không phát được ở đây: {text}"],
  copy: ["Copy", "复制", "Sao chép"],
  copied: ["Copied", "已复制", "Đã chép"],
  activationLeft: ["Valid for {time}", "剩余 {time}", "Còn {time}"],
  activationOld: [
    "This activation code has expired. A new one will appear by itself.",
    "激活码已过期，将自动更新。",
    "Mã kích hoạt đã hết hạn. Mã mới sẽ tự đến.",
  ],
  activationDone: ["The device is activated.", "设备已激活。", "Thiết bị đã được kích hoạt."],
  photoTitle: ["Picture sent to the assistant", "照片已发送给助手", "Ảnh đã gửi cho trợ lý"],
  activation: ["Activation code", "激活码", "Mã kích hoạt"],
  camera: ["The assistant asked for a picture", "助手请求拍照", "Trợ lý muốn chụp ảnh"],
  cameraKey: ["Camera", "摄像头", "Máy ảnh"],
  cameraSwitch: ["Other camera", "切换摄像头", "Đổi máy ảnh"],
  cameraBack: ["Show the camera picture", "显示摄像头画面", "Hiện hình máy ảnh"],
  cameraMine: ["Your camera, seen only by you. Arrow keys move it.", "您的摄像头画面，仅自己可见。方向键可移动。", "Máy ảnh của bạn, chỉ bạn thấy. Phím mũi tên để di chuyển."],
  cameraSent: [
    "Your camera. The assistant can look at it at any time. Arrow keys move it.",
    "您的摄像头画面，助手可随时查看。方向键可移动。",
    "Máy ảnh của bạn, trợ lý có thể xem bất cứ lúc nào. Phím mũi tên để di chuyển.",
  ],
  cameraLive: ["The assistant sees this", "助手可看到此画面", "Trợ lý thấy hình này"],
  cameraDenied: [
    "The camera is blocked. Press the lock beside the address and allow it.",
    "摄像头未获许可。请点地址栏旁的锁形图标并允许。",
    "Máy ảnh chưa được phép. Nhấn ổ khoá cạnh địa chỉ và cho phép.",
  ],
  cameraNone: ["No camera was found. Plug one in and try again.", "未找到摄像头。请接好后重试。", "Không thấy máy ảnh. Hãy cắm vào rồi thử lại."],
  cameraBusy: [
    "Another program is using the camera. Close it and try again.",
    "摄像头被其他程序占用。请关闭后重试。",
    "Chương trình khác đang dùng máy ảnh. Hãy đóng nó rồi thử lại.",
  ],
  cancel: ["Cancel", "取消", "Huỷ"],
  // notices
  insecure: [
    "This page is not secure, so the browser gives it no microphone. Open it with https:// or on localhost. You can still type.",
    "此页面不安全，浏览器不提供麦克风。请用 https:// 或 localhost 打开。仍可打字。",
    "Trang không an toàn nên trình duyệt không cấp micrô. Hãy mở bằng https:// hoặc localhost. Vẫn gõ được.",
  ],
  micDenied: [
    "The microphone is blocked. Press the lock beside the address, allow the microphone, then reload. You can still type.",
    "麦克风未获许可。请点地址栏旁的锁形图标，允许麦克风后刷新。仍可打字。",
    "Micrô chưa được phép. Nhấn ổ khoá cạnh địa chỉ, cho phép micrô rồi tải lại. Vẫn gõ được.",
  ],
  micNone: [
    "No microphone was found. Plug one in and start again. You can still type.",
    "未找到麦克风。请接好后重新开始。仍可打字。",
    "Không thấy micrô. Hãy cắm vào rồi bắt đầu lại. Vẫn gõ được.",
  ],
  micBusy: [
    "Another program is using the microphone. Close it and start again. You can still type.",
    "麦克风被其他程序占用。请关闭该程序后重新开始。仍可打字。",
    "Chương trình khác đang dùng micrô. Hãy đóng nó rồi bắt đầu lại. Vẫn gõ được.",
  ],
  micLost: [
    "The microphone was unplugged. Plug one in and it is used at once. You can still type.",
    "麦克风已断开。插上麦克风即可继续使用。仍可打字。",
    "Micrô đã bị ngắt. Cắm micrô vào là dùng được ngay. Vẫn gõ được.",
  ],
  micSilenced: [
    "The system has muted the microphone: a switch on it, another app, or a phone call. The page tries again by itself.",
    "系统关闭了麦克风：可能是开关、其他应用或来电。将自动重试。",
    "Hệ thống đã tắt tiếng micrô: công tắc, ứng dụng khác hoặc cuộc gọi. Trang sẽ tự thử lại.",
  ],
  tapToHear: [
    "The browser is holding the sound back. Tap anywhere to hear it.",
    "浏览器暂停了声音，点按任意处即可收听。",
    "Trình duyệt đang chặn âm thanh. Chạm để nghe.",
  ],
  noWebRtc: [
    "This browser cannot make calls (no WebRTC). Use a current Chrome, Edge, Firefox or Safari.",
    "此浏览器不支持通话（WebRTC）。请使用新版 Chrome、Edge、Firefox 或 Safari。",
    "Trình duyệt này không gọi được (không có WebRTC). Hãy dùng Chrome, Edge, Firefox hoặc Safari mới.",
  ],
  tooOld: [
    "This browser cannot make calls: it is too old, or WebAssembly is off. Use a current Chrome, Edge, Firefox or Safari.",
    "此浏览器无法通话：版本过旧，或 WebAssembly 已关闭。请使用新版 Chrome、Edge、Firefox 或 Safari。",
    "Trình duyệt này không gọi được: quá cũ hoặc WebAssembly bị tắt. Hãy dùng Chrome, Edge, Firefox hoặc Safari mới.",
  ],
  overSocket: [
    "This browser has no WebRTC, so the call goes another way. It works, but a poor network is noticed sooner.",
    "此浏览器没有 WebRTC，通话将改用其他方式：可以使用，但网络不佳时更容易听出来。",
    "Trình duyệt này không có WebRTC. Cuộc gọi đi đường khác: vẫn dùng được, nhưng mạng kém sẽ nghe rõ hơn.",
  ],
  unreachable: [
    "The gateway does not answer. Check your network; the page keeps trying.",
    "网关没有应答。请检查网络，页面会继续尝试。",
    "Cổng không trả lời. Hãy kiểm tra mạng; trang sẽ tiếp tục thử.",
  ],
  noPath: [
    "No path for sound was found. A firewall may be blocking UDP: try another network.",
    "找不到语音线路，防火墙可能拦截了 UDP。请换一个网络试试。",
    "Không tìm được đường truyền âm thanh. Tường lửa có thể chặn UDP: hãy thử mạng khác.",
  ],
  serverError: [
    "Something went wrong at the gateway. The page tries again; if that does not help, tell the operator.",
    "网关出现故障，将再次尝试。若持续如此，请告知管理员。",
    "Cổng gặp lỗi. Trang sẽ thử lại; nếu vẫn vậy hãy báo người vận hành.",
  ],
  serverFull: [
    "All places are taken right now. The page keeps asking for one.",
    "当前名额已满，将自动再次申请。",
    "Hiện đã đầy chỗ. Trang sẽ tự xin lại.",
  ],
  notAllowed: [
    "This gateway does not let you in. Open the page with the link its operator gave you.",
    "网关未允许您进入。请用管理员提供的链接打开。",
    "Cổng không cho vào. Hãy mở bằng liên kết của người vận hành.",
  ],
  refused: [
    "The gateway could not accept this browser's call. Reload the page; if that does not help, tell the operator.",
    "网关无法接受此浏览器的呼叫。请刷新；若仍如此，请告知管理员。",
    "Cổng không nhận cuộc gọi của trình duyệt này. Tải lại trang; nếu vẫn vậy hãy báo người vận hành.",
  ],
  lost: [
    "The connection was lost. The conversation is kept for a moment.",
    "连接已断开，对话会暂时保留。",
    "Mất kết nối. Cuộc trò chuyện được giữ lại một lúc.",
  ],
  noNetwork: [
    "This device has no network. The call goes on by itself as soon as there is one.",
    "设备没有网络。网络恢复后通话会自动继续。",
    "Thiết bị không có mạng. Có mạng lại thì cuộc gọi tự tiếp tục.",
  ],
  networkChanged: [
    "The network has changed. A new path is being found; the conversation is kept.",
    "网络已切换，正在寻找新线路，对话会保留。",
    "Mạng đã đổi. Đang tìm đường mới; cuộc trò chuyện được giữ.",
  ],
  woke: [
    "The page was asleep. Your call is being picked up again.",
    "页面曾被暂停，正在恢复通话。",
    "Trang vừa ngủ. Đang nối lại cuộc gọi.",
  ],
  talkBefore: [
    "From before the page was reloaded. The assistant may have forgotten it.",
    "以上是页面重新加载前的对话，助手可能已不记得。",
    "Đã nói trước khi tải lại trang. Trợ lý có thể đã quên.",
  ],
  notSent: ["not sent", "未发送", "chưa gửi"],
  gaveUp: [
    "Every attempt failed. Check your network, then press the button. When the network changes, the page tries again by itself.",
    "多次尝试均失败。请检查网络后点按钮；网络变化时会自动重试。",
    "Mọi lần thử đều thất bại. Kiểm tra mạng rồi nhấn nút. Khi mạng thay đổi, trang sẽ tự thử lại.",
  ],
  endedByOperator: [
    "The operator of this gateway ended the call. Press the button to call again.",
    "网关管理员结束了通话。点按钮可再次呼叫。",
    "Người vận hành cổng đã kết thúc cuộc gọi. Nhấn nút để gọi lại.",
  ],
  contextLost: [
    "A new conversation had to begin: the assistant no longer remembers what was said.",
    "只能开始新的对话：助手不记得之前说过的话。",
    "Phải bắt đầu cuộc trò chuyện mới: trợ lý không nhớ những gì đã nói.",
  ],
  broken: [
    "Something on this page failed: {text}. Please reload it.",
    "页面出错：{text}。请刷新。",
    "Trang gặp lỗi: {text}. Hãy tải lại.",
  ],
  assistantLost: [
    "The assistant does not answer. Your call stays up while it is called again.",
    "助手没有回应。通话保持，正在重新联系。",
    "Trợ lý không phản hồi. Cuộc gọi vẫn giữ và đang gọi lại.",
  ],
  draining: [
    "The gateway is about to restart. The page reconnects by itself.",
    "网关即将重启，页面会自动重新连接。",
    "Cổng sắp khởi động lại. Trang sẽ tự kết nối lại.",
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

/** Words of one page that the others need not load. @param {typeof TABLE} texts */
export function addTexts(texts) {
  Object.assign(TABLE, texts);
}

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

/** @param {Texts} texts */
export const textOf = (texts) => (typeof texts === "string" ? t(texts) : texts[current]);

/** Names what has no words on it; of a key the pointer is told, too. @param {Element} element @param {string} key */
export function label(element, key) {
  const text = t(key);
  element.setAttribute("aria-label", text);
  if (element instanceof HTMLButtonElement) element.title = text;
}

/** Puts a language on everything marked with data-t (text), data-t-label or data-t-placeholder. @param {Lang} lang */
export function applyLang(lang) {
  current = lang;
  document.documentElement.lang = lang === "zh" ? "zh-Hans" : lang;
  translate(document);
  delete document.documentElement.dataset["words"]; // of theme.js
}

/** The same for what was made later. @param {ParentNode} root */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) {
    element.textContent = t(element.getAttribute("data-t") ?? "");
  }
  for (const element of root.querySelectorAll("[data-t-label]")) {
    label(element, element.getAttribute("data-t-label") ?? "");
  }
  for (const element of root.querySelectorAll("[data-t-placeholder]")) {
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
