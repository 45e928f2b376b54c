/* tests/check.c - runs the registered tests; see check.h. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef REPOSITORY_ROOT
#define REPOSITORY_ROOT "."
#endif

static check_test *first_test, **last_link = &first_test;
static unsigned n_checks, n_failed_checks;

void check_register(check_test *test) {
  *last_link = test;
  last_link = &test->next;
}

static bool count(bool held) {
  n_checks++;
  if (!held) n_failed_checks++;
  return held;
}

bool check_that(bool held, const char *expr, const char *file, int line) {
  if (!count(held)) printf("  %s:%d: CHECK(%s)\n", file, line, expr);
  return held;
}

bool check_equal_int(int64_t got, int64_t want, const char *expr, const char *file, int line) {
  if (!count(got == want))
    printf("  %s:%d: %s: got %lld, want %lld\n", file, line, expr, (long long)got, (long long)want);
  return got == want;
}

static void print_bytes(const char *label, const uint8_t *bytes, size_t len, size_t from) {
  printf("    %s (%zu bytes, from %zu):", label, len, from);
  for (size_t i = from; i < len && i < from + 24; i++) printf(" %02x", bytes[i]);
  printf("  \"");
  for (size_t i = from; i < len && i < from + 24; i++) putchar(bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '.');
  printf("\"\n");
}

bool check_equal_bytes(const void *got, size_t got_len, const void *want, size_t want_len, const char *expr,
                       const char *file, int line) {
  bool held = got_len == want_len && (got_len == 0 || memcmp(got, want, got_len) == 0);
  if (count(held)) return true;
  const uint8_t *a = got, *b = want;
  size_t same = 0;
  while (same < got_len && same < want_len && a[same] == b[same]) same++;
  printf("  %s:%d: %s: differs at byte %zu\n", file, line, expr, same);
  print_bytes("got ", a, got_len, same > 8 ? same - 8 : 0);
  print_bytes("want", b, want_len, same > 8 ? same - 8 : 0);
  return false;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

size_t check_hex(uint8_t *out, size_t cap, const char *hex) {
  size_t n = 0;
  for (const char *at = hex; *at;) {
    if (*at == ' ' || *at == '\n' || *at == ':') {
      at++;
      continue;
    }
    if (hex_value(at[0]) < 0 || hex_value(at[1]) < 0 || n == cap) {
      fprintf(stderr, "check_hex: bad text or more than %zu bytes: %s\n", cap, at);
      exit(2);
    }
    out[n++] = (uint8_t)(hex_value(at[0]) << 4 | hex_value(at[1]));
    at += 2;
  }
  return n;
}

size_t check_read_file(const char *path_in_repository, void *out, size_t cap) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", REPOSITORY_ROOT, path_in_repository);
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "cannot open %s\n", path);
    exit(2);
  }
  size_t len = fread(out, 1, cap, file);
  fclose(file);
  return len;
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

int main(int argc, char **argv) {
  const char *filter = "", *skipped = NULL;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "-t") && i + 1 < argc) {
      filter = argv[++i];
    } else if (!strcmp(argv[i], "--skip") && i + 1 < argc) {
      skipped = argv[++i];
    } else if (!strcmp(argv[i], "--list")) {
      for (check_test *t = first_test; t; t = t->next) printf("%s\n", t->name);
      return 0;
    } else {
      fprintf(stderr, "usage: %s [-t TEXT] [--skip TEXT] [--list]\n", argv[0]);
      return 2;
    }
  }
  unsigned n_passed = 0, n_failed = 0;
  for (check_test *t = first_test; t; t = t->next) {
    if (!strstr(t->name, filter) || (skipped && strstr(t->name, skipped))) continue;
    n_checks = n_failed_checks = 0;
    t->run();
    if (n_checks && !n_failed_checks) {
      n_passed++;
      continue;
    }
    n_failed++;
    printf("FAIL %s (%s)%s -- %s -t %s\n", t->name, t->file, n_checks ? "" : ": it checked nothing", argv[0],
           t->name);
  }
  printf("%u passed, %u failed\n", n_passed, n_failed);
  return n_failed || !n_passed ? 1 : 0;
}
