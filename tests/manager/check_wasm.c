/* tests/manager/check_wasm.c - the harness of tests/check.h inside WebAssembly: the unit tests of manager/ run as
 * the browser would run them. tests/manager/run.js calls test after test and prints what comes out of print(). */
#include "check.h"

#define IMPORT(name) __attribute__((import_module("check"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

IMPORT(print) void print(const char *text, size_t len);
EXPORT(next) const char *next_test(void);
EXPORT(run) int32_t run_test(void);

static check_test *first_test, **last_link = &first_test, *current;
static uint32_t n_checks, n_failed_checks;

int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < n; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (uint8_t)*a - (uint8_t)*b;
}

char *strstr(const char *text, const char *part) {
  size_t len = strlen(part);
  for (; strlen(text) >= len; text++)
    if (!memcmp(text, part, len)) return (char *)(uintptr_t)text;
  return NULL;
}

static void say(const char *text) { print(text, strlen(text)); }

static void say_number(int64_t value) {
  char digits[24];
  char *at = digits + sizeof digits;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0) *--at = '-';
  print(at, (size_t)(digits + sizeof digits - at));
}

static bool judge(bool held, const char *expr, const char *file, int line) {
  n_checks++;
  if (held) return true;
  n_failed_checks++;
  say("  ");
  say(file);
  say(":");
  say_number(line);
  say(": ");
  say(expr);
  return false;
}

void check_register(check_test *test) {
  *last_link = test;
  last_link = &test->next;
}

bool check_that(bool held, const char *expr, const char *file, int line) {
  if (!judge(held, expr, file, line)) say("\n");
  return held;
}

bool check_equal_int(int64_t got, int64_t want, const char *expr, const char *file, int line) {
  if (judge(got == want, expr, file, line)) return true;
  say(": got ");
  say_number(got);
  say(", want ");
  say_number(want);
  say("\n");
  return false;
}

bool check_equal_bytes(const void *got, size_t got_len, const void *want, size_t want_len, const char *expr,
                       const char *file, int line) {
  bool held = got_len == want_len && memcmp(got, want, got_len) == 0;
  if (!judge(held, expr, file, line)) say(": other bytes\n");
  return held;
}

uint32_t check_rng_u32(check_rng *rng) {
  uint64_t old = rng->state;
  rng->state = old * 6364136223846793005u + 1442695040888963407u;
  uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27), rotation = (uint32_t)(old >> 59);
  return shifted >> rotation | shifted << ((32 - rotation) & 31);
}

void check_rng_fill(void *ctx, uint8_t *out, size_t len) {
  for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(check_rng_u32(ctx) >> 24);
}

/* The next test's name, NULL after the last. */
const char *next_test(void) {
  current = current ? current->next : first_test;
  return current ? current->name : NULL;
}

/* Runs it: 1 if it checked something and all of it held. */
int32_t run_test(void) {
  n_checks = n_failed_checks = 0;
  current->run();
  if (!n_checks) say("  it checked nothing\n");
  return n_checks && !n_failed_checks;
}
