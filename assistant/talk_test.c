/* assistant/talk_test.c */
#include "assistant/talk.h"

#include <stdio.h>

#include "check.h"

static char out[AS_TALK_SENTENCE + 20];

/* All sentences of |text|, between bars. */
static const char *split(const char *text, bool whole) {
  static char all[2000];
  size_t len = strlen(text), at = 0, n = 0;
  all[0] = 0;
  for (size_t used; at < len && (used = as_talk_sentence(text + at, len - at, whole, out, sizeof out)); at += used)
    n += (size_t)snprintf(all + n, sizeof all - n, "%s|", out);
  return all;
}

TEST(talk_splits_into_sentences) {
  CHECK_TEXT(split("It is 3.14. Really? Yes!", true), "It is 3.14.|Really?|Yes!|");
  CHECK_TEXT(split("It is 3.14. Really? Yes!", false), "It is 3.14.|Really?|");
  CHECK_TEXT(split("你好！很高兴。见", false), "你好！|很高兴。|");
  CHECK_TEXT(split("one\ntwo\n\n three", true), "one|two|three|");
  CHECK_TEXT(split("He said \"no.\" Then", true), "He said \"no.\"|Then|");
  CHECK_TEXT(split("   ", true), "|");
  CHECK_TEXT(split("   ", false), "");
}

TEST(talk_drops_what_cannot_be_spoken) {
  CHECK_TEXT(split("🙂 **Hello** `you`! ✨", true), "Hello you!||");
  CHECK_TEXT(split("# Title\n- a\tb", true), "Title|- a b|");
  CHECK_TEXT(split("😂❤️ ok.", true), "ok.|");
}

TEST(talk_cuts_what_is_too_long) {
  char text[2000];
  for (size_t i = 0; i < sizeof text - 1; i++) text[i] = i % 7 == 6 ? ' ' : 'a';
  text[sizeof text - 1] = 0;
  for (size_t at = 0, used; (used = as_talk_sentence(text + at, 1999 - at, true, out, sizeof out)); at += used) {
    CHECK(strlen(out) <= AS_TALK_SENTENCE + 8);
    CHECK(at + used == 1999 || strlen(out) > AS_TALK_SENTENCE / 2);
  }
  for (size_t i = 0; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xe4\xbd\xa0", 3);
  size_t used = as_talk_sentence(text, 1500, false, out, sizeof out);
  CHECK(used > 0 && used % 3 == 0 && strlen(out) == used);
}

TEST(talk_any_bytes_come_to_an_end) {
  check_rng rng = {3};
  for (int i = 0; i < 2000; i++) {
    char text[600];
    size_t len = check_rng_u32(&rng) % sizeof text;
    static const char some[] =
        " .!?\n\xe3\x80\x82\xf0\x9f\x99\x82"
        "ab*";
    for (size_t k = 0; k < len; k++) text[k] = some[check_rng_u32(&rng) % (sizeof some - 1)];
    size_t at = 0, used = 1;
    while (at < len && (used = as_talk_sentence(text + at, len - at, true, out, sizeof out))) at += used;
    CHECK_EQ(at, len);
  }
}

TEST(talk_emotion_is_the_first_emoji) {
  CHECK_TEXT(as_talk_emotion(" 😭 oh", 7), "crying");
  CHECK_TEXT(as_talk_emotion("no 😭", 7), "neutral");
  CHECK_TEXT(as_talk_emotion("", 0), "neutral");
}
