#include "assistant/wake.h"

#include "check.h"

TEST(wake_finds_what_follows_the_word) {
  static const struct {
    const char *text, *word, *rest; /* NULL: it is not there */
  } rows[] = {
      {"computer what time is it", "computer", "what time is it"},
      {"Hey, Computer! What time is it?", "computer", "What time is it?"},
      {"okay computer", "computer", ""},
      {"hey computer.", "Computer", ""},
      {"computers are fast", "computer", NULL},
      {"what is a computer", "computer", NULL},
      {"hey", "computer", NULL},
      {"", "computer", NULL},
      {"hello there", "computer", NULL},
      {"xiao, zhi: stop", "xiao zhi", "stop"},
      {"xiaozhi stop", "xiao zhi", NULL},
      {"你好小智，现在几点", "你好小智", "现在几点"},
      {"你好小智现在几点", "你好小智", "现在几点"},
      {"你好，现在几点", "你好小智", NULL},
      {"computerđ", "computer", NULL},
      {"computer，几点", "computer", "几点"},
      {"what time is it", "", "what time is it"},
      {"what time is it", "!", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *rest = as_wake_rest(rows[i].text, rows[i].word);
    CHECK_EQ(rest != NULL, rows[i].rest != NULL);
    if (rest && rows[i].rest) CHECK_TEXT(rest, rows[i].rest);
  }
}
