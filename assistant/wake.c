/* assistant/wake.c - comparing words as they are recognised or written: marks, blanks and capitals differ. */
#include "assistant/wake.h"

#include <stdbool.h>
#include <string.h>

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool is_wide(char c) { return ((unsigned char)c & 0x80) != 0; }

/* A letter or a digit of a language that puts blanks between words. */
static bool is_letter(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '\'';
}

/* Over blanks and marks, Chinese ones included. */
static const char *skip(const char *text) {
  static const char *const marks[] = {"，", "。", "！", "？", "、"};
  for (bool more = true; more;) {
    more = *text && !is_wide(*text) && !is_letter(*text);
    if (more) text++;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
      size_t len = strlen(marks[i]);
      if (strncmp(text, marks[i], len) != 0) continue;
      text += len;
      more = true;
    }
  }
  return text;
}

/* Behind |words|, which |text| begins with; NULL: it does not. */
static const char *behind(const char *text, const char *words) {
  text = skip(text);
  char last = 0;
  for (words = skip(words); *words;) {
    if (!is_wide(*words) && !is_letter(*words)) { /* between two words there has to be something, whatever it is */
      words = skip(words);
      const char *next = skip(text);
      if (*words && next == text) return NULL;
      text = next;
      continue;
    }
    if (lower(*text) != lower(*words)) return NULL;
    last = *words++;
    text++;
  }
  bool goes_on = is_letter(*text) || (is_wide(*text) && !is_wide(last) && skip(text) == text);
  return last && !goes_on ? skip(text) : NULL;
}

const char *as_wake_rest(const char *text, const char *word) {
  static const char *const greetings[] = {"hey", "hello", "hi", "okay", "ok"};
  if (!word || !*word) return text;
  const char *rest = behind(text, word);
  for (size_t i = 0; i < sizeof greetings / sizeof greetings[0] && !rest; i++) {
    const char *greeted = behind(text, greetings[i]);
    if (greeted) rest = behind(greeted, word);
  }
  return rest;
}
