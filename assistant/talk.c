/* assistant/talk.c - sentences end at . ! ? and their Chinese kin, at line ends, and where they grow too long. */
#include "assistant/talk.h"

#include <string.h>

#include "wr/types.h"

static const struct {
  const char *emoji, *name;
} emotions[] = {
    {"😶", "neutral"},      {"🙂", "happy"},    {"😆", "laughing"},  {"😂", "funny"},       {"😔", "sad"},
    {"😠", "angry"},        {"😭", "crying"},      {"😍", "loving"},    {"😳", "embarrassed"}, {"😲", "surprised"},
    {"😱", "shocked"},      {"🤔", "thinking"}, {"😉", "winking"},   {"😎", "cool"},        {"😌", "relaxed"},
    {"🤤", "delicious"}, {"😘", "kissy"},       {"😏", "confident"}, {"😴", "sleepy"},      {"😜", "silly"},
    {"🙄", "confused"},  {"😊", "happy"},       {"😄", "happy"},     {"😀", "happy"},       {"😢", "sad"},
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

const char *as_talk_emotion(const char *text, size_t len) {
  while (len && is_blank(*text)) text++, len--;
  for (size_t i = 0; i < sizeof emotions / sizeof emotions[0]; i++)
    if (len >= 4 && !memcmp(text, emotions[i].emoji, 4)) return emotions[i].name;
  return "neutral";
}

/* Bytes of a sentence's end at |s|; 0: none. */
static size_t end_at(const char *s, size_t left, bool whole) {
  if (*s == '\n') return 1;
  if (strchr(".!?", *s) && *s) {
    size_t n = 1;
    while (n < left && strchr(".!?\"')*", s[n]) && s[n]) n++;
    return n == left ? (whole ? n : 0) : is_blank(s[n]) ? n : 0;
  }
  static const char *const wide[] = {"。", "！", "？", "；"};
  for (size_t i = 0; i < 4; i++)
    if (left >= 3 && !memcmp(s, wide[i], 3)) return 3;
  return 0;
}

/* Where to cut what is too long: behind the last blank or comma, or else before a character. */
static size_t cut_of(const char *text) {
  for (size_t n = AS_TALK_SENTENCE; n > AS_TALK_SENTENCE / 2; n--)
    if (is_blank(text[n - 1]) || text[n - 1] == ',' || !memcmp(text + n - 3, "，", 3)) return n;
  size_t n = AS_TALK_SENTENCE;
  while (n && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
  return n;
}

/* U+2600 to U+27BF: hearts, stars, ticks. */
static bool is_symbol(const char *s) {
  unsigned char second = (unsigned char)s[1];
  return (unsigned char)s[0] == 0xe2 && second >= 0x98 && second <= 0x9e;
}

/* Markup, emoji and control characters go; runs of blanks are one. */
static void clean(const char *text, size_t len, char *out, size_t cap) {
  size_t n = 0;
  bool spoken = false;
  for (size_t i = 0; i < len;) {
    unsigned char c = (unsigned char)text[i];
    size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (bytes > len - i) break;
    bool picture = bytes == 4 || (bytes == 3 && (!memcmp(text + i, "\xef\xb8\x8f", 3) || /* variation selector */
                                                 !memcmp(text + i, "\xe2\x80\x8d", 3) || /* joiner */
                                                 is_symbol(text + i)));
    bool blank = c <= ' ' || c == 0x7f;
    if (n + bytes + 1 > cap) break;
    if (blank) {
      if (n && out[n - 1] != ' ') out[n++] = ' ';
    } else if (!picture && !strchr("*`#_", c)) {
      memcpy(out + n, text + i, bytes);
      n += bytes;
      spoken = spoken || bytes > 1 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    }
    i += bytes;
  }
  while (n && out[n - 1] == ' ') n--;
  out[spoken ? n : 0] = 0;
}

size_t as_talk_sentence(const char *text, size_t len, bool whole, char *out, size_t cap) {
  size_t begin = 0;
  while (begin < len && is_blank(text[begin])) begin++;
  size_t at = begin;
  out[0] = 0;
  for (; at < len; at++) {
    size_t end = end_at(text + at, len - at, whole);
    if (end) {
      at += end;
      break;
    }
    if (at - begin >= AS_TALK_SENTENCE + 8) {
      at = begin + cut_of(text + begin);
      break;
    }
    if (at + 1 == len && !whole) return 0;
  }
  if (at == begin) return whole ? len : 0;
  if (at - begin > AS_TALK_SENTENCE + 8) at = begin + cut_of(text + begin);
  clean(text + begin, at - begin, out, cap);
  return at;
}
