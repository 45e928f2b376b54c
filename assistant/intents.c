/* assistant/intents.c - keyword rules over normalised text, and the replies.
 *
 * Spoken text comes from the grammar and always matches; typed text is free, so rules look for words rather than
 * sentences. The first rule that matches wins: special before general. */
#include "assistant/intents.h"

#include <stdio.h>
#include <string.h>

enum { NORMAL_MAX = 512 };

/* Lower-case words between single blanks, with one at each end; bytes above 127 are kept. */
static void normalise(const char *text, char out[NORMAL_MAX]) {
  size_t n = 0;
  out[n++] = ' ';
  for (; *text && n < NORMAL_MAX - 3; text++) {
    unsigned char c = (unsigned char)*text;
    if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + 32);
    bool word = c >= 128 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'';
    if (word)
      out[n++] = (char)c;
    else if (c == '%' && n > 1)
      n += (size_t)snprintf(out + n, NORMAL_MAX - n - 2, n < NORMAL_MAX - 12 ? " percent" : "");
    else if (out[n - 1] != ' ')
      out[n++] = ' ';
  }
  if (out[n - 1] != ' ') out[n++] = ' ';
  out[n] = 0;
}

static int number_word(const char *word, size_t len) {
  static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                      "five",    "six",     "seven",     "eight",    "nine",
                                      "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                      "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  static const char *const tens[] = {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
  for (int i = 0; i < 20; i++)
    if (strlen(small[i]) == len && !memcmp(word, small[i], len)) return i;
  for (int i = 0; i < 8; i++)
    if (strlen(tens[i]) == len && !memcmp(word, tens[i], len)) return 20 + 10 * i;
  if (len == 7 && !memcmp(word, "hundred", 7)) return 100;
  if (len == 4 && (!memcmp(word, "half", 4))) return 50;
  return -1;
}

static int digits(const char *word, size_t len) {
  int v = 0;
  for (size_t i = 0; i < len; i++) {
    if (word[i] < '0' || word[i] > '9') return -1;
    v = v * 10 + (word[i] - '0');
    if (v > 100000) return 100000;
  }
  return len ? v : -1;
}

/* The first number in words or digits; "twenty five" is one number, "one hundred" is 100. -1: none. */
static int amount_in(const char *text) {
  int value = -1;
  for (const char *at = text; *at;) {
    size_t len = strcspn(at, " ");
    int v = digits(at, len);
    if (v < 0) v = number_word(at, len);
    if (v < 0 && value >= 0 && len) break;
    if (v == 100)
      value = 100;
    else if (value >= 20 && value % 10 == 0 && v > 0 && v < 10)
      value += v;
    else if (v >= 0)
      value = v;
    at += len + (at[len] == ' ');
  }
  return value;
}

bool as_may_go_on(const char *text) {
  const char *last = strrchr(text, ' ') ? strrchr(text, ' ') + 1 : text;
  int v = number_word(last, strlen(last));
  return v >= 20 && v < 100 && v % 10 == 0;
}

static bool has(const char *text, const char *const *keys) {
  for (; *keys; keys++)
    if (strstr(text, *keys)) return true;
  return false;
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool volume_of(const char *text, as_intent *intent) {
  bool named = has(text, KEYS(" volume ", "音量", "âm lượng"));
  bool up = has(text, KEYS(" up ", " louder ", " increase ", " raise ", "大", "tăng"));
  bool down = has(text, KEYS(" down ", " quieter ", " lower ", " decrease ", " softer ", "小", "giảm"));
  if (has(text, KEYS(" mute "))) {
    intent->want = AS_WANT_VOLUME;
    intent->amount = 0;
    return true;
  }
  if (!named && !has(text, KEYS(" louder ", " quieter ", " turn it up ", " turn it down ", "大声", "小声")))
    return false;
  intent->amount = amount_in(text);
  if (intent->amount >= 0)
    intent->want = AS_WANT_VOLUME;
  else if (up || down)
    intent->want = up ? AS_WANT_LOUDER : AS_WANT_QUIETER;
  return intent->want != AS_WANT_UNKNOWN;
}

as_language as_language_of(const char *text) {
  for (const unsigned char *s = (const unsigned char *)text; *s; s++)
    if (*s >= 0xe4 && *s <= 0xe9) return AS_CHINESE; /* U+4000..U+9FFF */
  static const char *const vietnamese[] = {"ă", "đ", "ơ", "ư", "ạ", "ả", "ấ", "ầ", "ậ",    "ắ",
                                           "ặ", "ế", "ề", "ệ", "ị", "ỉ", "ọ", "ố", "ồ",    "ộ",
                                           "ớ", "ờ", "ợ", "ụ", "ủ", "ứ", "ừ", "ự", "chào", NULL};
  return has(text, vietnamese) ? AS_VIETNAMESE : AS_ENGLISH;
}

const char *as_awake_text(as_language language) {
  static const char *const texts[] = {
      [AS_ENGLISH] = "Yes? I am listening.", [AS_CHINESE] = "我在，请说。", [AS_VIETNAMESE] = "Tôi đang nghe."};
  return texts[language];
}

const char *as_farewell_text(as_language language) {
  static const char *const texts[] = {[AS_ENGLISH] = "I have not heard you for a while. Goodbye for now.",
                                      [AS_CHINESE] = "好一会儿没有听到你了。再见！",
                                      [AS_VIETNAMESE] = "Đã lâu tôi không nghe thấy bạn. Tạm biệt nhé."};
  return texts[language];
}

as_intent as_intent_of(const char *raw) {
  static const struct {
    as_want want;
    const char *keys[12]; /* NULL ends them if there are fewer */
  } rules[] = {
      {AS_WANT_TAP, {" taps your "}}, /* the gateway's words for a touch */
      {AS_WANT_CARESS, {" pats your ", " strokes your "}},
      {AS_WANT_FORGET,
       {" forget everything ", " forget all ", " forget me ", " forget our conversation ", " erase your memory ",
        "忘记一切", "忘掉一切", "quên hết", "quên tất cả"}},
      {AS_WANT_MUSIC,
       {" play ", " put on some music ", "播放", "想听", "听歌", "放音乐", "首歌", "phát nhạc", "mở nhạc",
        "nghe nhạc"}},
      {AS_WANT_PHOTO,
       {" photo ", " picture ", " selfie ", " you see ", " look at ", " camera ", "拍照", "照片", "chụp"}},
      {AS_WANT_TIME, {" time is it ", " the time ", " o'clock ", "几点", "时间", "mấy giờ"}},
      {AS_WANT_DATE,
       {" what day ", " the date ", " day is it ", " today's date ", "几号", "星期", "ngày mấy", "thứ mấy"}},
      {AS_WANT_JOKE, {" joke ", " laugh ", " funny ", "笑话", "chuyện cười"}},
      {AS_WANT_HELP, {" can you do ", " help ", " what can i ", "你会什么", "帮助", "giúp"}},
      {AS_WANT_NAME,
       {" who are you ", " what are you ", " your name ", "你是谁", "你叫什么", "bạn là ai", "tên gì"}},
      {AS_WANT_MOOD, {" how are you ", " how do you do ", " how's it going ", "你好吗", "khỏe không"}},
      {AS_WANT_THANKS, {" thank you ", " thanks ", "谢谢", "cảm ơn"}},
      {AS_WANT_GOODBYE, {" goodbye ", " bye ", " good night ", " see you ", "再见", "拜拜", "tạm biệt"}},
      {AS_WANT_STOP, {" stop ", " quiet ", " cancel ", " shut up ", " silence ", "停", "dừng", "im lặng"}},
      {AS_WANT_GREETING,
       {" hello ", " hi ", " hey ", " good morning ", " good afternoon ", " good evening ", "你好", "您好",
        "chào"}},
  };
  char text[NORMAL_MAX] = {0};
  normalise(raw, text);
  as_intent intent = {AS_WANT_UNKNOWN, -1, as_language_of(text)};
  if (volume_of(text, &intent)) return intent;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    for (size_t k = 0; k < 12 && rules[i].keys[k]; k++) {
      if (!strstr(text, rules[i].keys[k])) continue;
      intent.want = rules[i].want;
      return intent;
    }
  }
  return intent;
}

/* Takes words of |fillers| off the beginning of |*at|. */
static void skip(const char **at, const char *const *fillers) {
  for (size_t i = 0; fillers[i];) {
    size_t n = strlen(fillers[i]);
    bool found = !strncmp(*at, fillers[i], n);
    if (found) *at += n;
    i = found ? 0 : i + 1;
  }
}

/* Takes them off the end of what |at| and |n| say. */
static size_t trim(const char *at, size_t n, const char *const *fillers) {
  for (size_t i = 0; fillers[i];) {
    size_t len = strlen(fillers[i]);
    bool found = n >= len && !memcmp(at + n - len, fillers[i], len);
    if (found) n -= len;
    i = found ? 0 : i + 1;
  }
  return n;
}

void as_song_of(const char *raw, char *song, size_t cap) {
  static const char *const verbs[] = {" play ", " put on ", "播放", "听", "放", "phát ", "mở ", "nghe ", NULL};
  static const char *const before[] = {"me ",   "us ",    "some ",    "a ",     "an ",        "the ",    "any ",
                                       "song ", "songs ", "track ",   "music ", "something ", "called ", "please ",
                                       "by ",   "一首",   "首",       "一下",   "点",         "音乐",    "歌曲",
                                       "歌",    "nhạc ",  "bài hát ", "bài ",   " ",          NULL};
  static const char *const after[] = {" please", " for me", " now", "的歌", "吧", "。",
                                      "！",      "？",      "音乐", "歌曲", " ",  NULL};
  char text[NORMAL_MAX] = {0};
  const char *at = NULL;
  normalise(raw, text);
  for (size_t i = 0; verbs[i] && !at; i++) {
    at = strstr(text, verbs[i]);
    if (at) at += strlen(verbs[i]);
  }
  if (!at) at = "";
  skip(&at, before);
  size_t n = trim(at, strlen(at), after);
  if (n >= cap) n = cap - 1;
  while (n && ((unsigned char)at[n] & 0xc0) == 0x80) n--; /* not inside a character */
  memcpy(song, at, n);
  song[n] = 0;
}

/* ---- replies ---- */

static const char *const jokes[] = {
    "Why did the scarecrow win a prize? Because he was outstanding in his field.",
    "What do you call a fish without eyes? A fsh.",
    "I told my computer I needed a break. It said no problem, it would go to sleep.",
    "Why do programmers prefer dark mode? Because light attracts bugs.",
    "What did the ocean say to the beach? Nothing, it just waved.",
    "Why did the bicycle fall over? It was two tired.",
    "What do you call cheese that is not yours? Nacho cheese.",
    "How does a penguin build its house? Igloos it together.",
    "Why can you not trust stairs? They are always up to something.",
    "What is brown and sticky? A stick.",
    "Parallel lines have so much in common. It is a shame they will never meet.",
    "Why did the coffee call the police? It got mugged.",
};

static const char help[] =
    "I can tell you the time or the date. I can tell a joke, set the volume, take a photo, or play music. Just "
    "ask.";

void as_reply_say(as_reply *reply, const char *emotion, as_language language, const char *text) {
  reply->emotion = emotion;
  reply->language = language;
  snprintf(reply->text, sizeof reply->text, "%s", text);
  reply->spoken[0] = 0;
}

static void say_time(as_reply *reply, const struct tm *now) {
  int hour = now->tm_hour % 12 ? now->tm_hour % 12 : 12;
  char half = now->tm_hour < 12 ? 'A' : 'P';
  snprintf(reply->text, sizeof reply->text, "It is %d:%02d %cM.", hour, now->tm_min, half);
  if (now->tm_min == 0)
    snprintf(reply->spoken, sizeof reply->spoken, "It is %d o'clock %c M.", hour, half);
  else
    snprintf(reply->spoken, sizeof reply->spoken, "It is %d:%02d %c M.", hour, now->tm_min, half);
}

static void say_date(as_reply *reply, const struct tm *now) {
  char date[80];
  strftime(date, sizeof date, "%A, %B", now);
  snprintf(reply->text, sizeof reply->text, "Today is %s %d.", date, now->tm_mday);
}

/* true: the language has an answer of its own. */
static bool say_elsewhere(as_reply *reply, const as_intent *intent, const struct tm *now) {
  bool chinese = intent->language == AS_CHINESE;
  const char *text =
      chinese ? "我现在只会用中文打招呼和报时。" : "Tôi chỉ biết chào hỏi và xem giờ bằng tiếng Việt.";
  if (intent->language == AS_ENGLISH) return false;
  if (intent->want == AS_WANT_TIME) {
    as_reply_say(reply, "neutral", intent->language, "");
    snprintf(reply->text, sizeof reply->text, chinese ? "现在是%d点%d分。" : "Bây giờ là %d giờ %d phút.",
             now->tm_hour, now->tm_min);
    return true;
  }
  if (intent->want == AS_WANT_GREETING) text = chinese ? "你好！很高兴见到你。" : "Xin chào! Rất vui được gặp bạn.";
  if (intent->want == AS_WANT_NAME)
    text = chinese ? "我是小智，你的语音助手。" : "Tôi là Xiaozhi, trợ lý giọng nói của bạn.";
  if (intent->want == AS_WANT_THANKS) text = chinese ? "不客气。" : "Không có gì.";
  if (intent->want == AS_WANT_FORGET) text = chinese ? "好的，我全都忘记了。" : "Vâng, tôi đã quên hết rồi.";
  if (intent->want == AS_WANT_GOODBYE) text = chinese ? "再见！" : "Tạm biệt!";
  if (intent->want == AS_WANT_MUSIC)
    text = chinese ? "抱歉，你的设备不能播放音乐。" : "Xin lỗi, thiết bị của bạn không phát được nhạc.";
  as_reply_say(reply, intent->want == AS_WANT_UNKNOWN ? "confused" : "happy", intent->language, text);
  return true;
}

void as_reply_to(as_reply *reply, const as_intent *intent, const struct tm *now, unsigned turn) {
  if (say_elsewhere(reply, intent, now)) return;
  as_reply_say(reply, "neutral", AS_ENGLISH, "");
  switch (intent->want) {
    case AS_WANT_UNKNOWN:
      as_reply_say(reply, "confused", AS_ENGLISH, "");
      snprintf(reply->text, sizeof reply->text, "Sorry, I did not understand that. %s", help);
      return;
    case AS_WANT_GREETING:
      as_reply_say(reply, "happy", AS_ENGLISH, "Hello! It is nice to hear you. What can I do for you?");
      return;
    case AS_WANT_NAME:
      as_reply_say(reply, "confident", AS_ENGLISH,
                   "I am the built-in assistant of this gateway. I run right here, without any network.");
      return;
    case AS_WANT_MOOD: as_reply_say(reply, "happy", AS_ENGLISH, "I am fine, thank you. How are you?"); return;
    case AS_WANT_TIME: say_time(reply, now); return;
    case AS_WANT_DATE: say_date(reply, now); return;
    case AS_WANT_JOKE:
      as_reply_say(reply, "funny", AS_ENGLISH, jokes[turn % (sizeof jokes / sizeof jokes[0])]);
      return;
    case AS_WANT_VOLUME:
    case AS_WANT_LOUDER:
    case AS_WANT_QUIETER:
      as_reply_say(reply, "sad", AS_ENGLISH, "I am sorry, your device does not let me change the volume.");
      return;
    case AS_WANT_PHOTO:
      as_reply_say(reply, "sad", AS_ENGLISH, "I am sorry, your device has no camera that I can use.");
      return;
    case AS_WANT_MUSIC:
      as_reply_say(reply, "sad", AS_ENGLISH, "I am sorry, your device has no music that I can play.");
      return;
    case AS_WANT_STOP: as_reply_say(reply, "neutral", AS_ENGLISH, "Okay."); return;
    case AS_WANT_GOODBYE: as_reply_say(reply, "relaxed", AS_ENGLISH, "Goodbye! Talk to you soon."); return;
    case AS_WANT_THANKS: as_reply_say(reply, "loving", AS_ENGLISH, "You are welcome."); return;
    case AS_WANT_TAP: as_reply_say(reply, "surprised", AS_ENGLISH, "Oh! Here I am."); return;
    case AS_WANT_CARESS:
      as_reply_say(reply, turn % 2 ? "happy" : "loving", AS_ENGLISH,
                   turn % 2 ? "That tickles!" : "That feels nice.");
      return;
    case AS_WANT_HELP: as_reply_say(reply, "happy", AS_ENGLISH, help); return;
    case AS_WANT_FORGET:
      as_reply_say(reply, "relaxed", AS_ENGLISH, "I have forgotten everything that we said.");
      return;
  }
}

/* Length of a sentence end at |s|: punctuation and what belongs to it; 0 if none. */
static size_t sentence_end(const char *s) {
  if (strchr(".!?", *s) && *s) return s[1] == 0 || s[1] == ' ' ? 1 : 0;
  if (!strncmp(s, "。", 3) || !strncmp(s, "！", 3) || !strncmp(s, "？", 3)) return 3;
  return 0;
}

bool as_next_sentence(const char **text, char *sentence, size_t cap) {
  const char *s = *text;
  while (*s == ' ') s++;
  size_t n = 0;
  while (s[n] && n < cap - 4) {
    size_t end = sentence_end(s + n);
    n += end ? end : 1;
    if (end) break;
  }
  while (s[n] && ((unsigned char)s[n] & 0xc0) == 0x80) n--; /* not inside a character */
  memcpy(sentence, s, n);
  sentence[n] = 0;
  *text = s + n;
  return n > 0;
}
