/* tests/check.h - the unit test harness.
 *
 *   TEST(srtp_window_accepts_each_index_once) { CHECK(...); CHECK_EQ(got, want); }
 *
 * Tests register themselves; one program runs them all, or those whose name contains `-t TEXT`, without those whose
 * name contains `--skip TEXT`; `--list` names them. A failed CHECK prints both values and the test goes on; REQUIRE
 * leaves the test. Every test must execute at least one check. The program ends with "N passed, N failed". */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct check_test {
  const char *name;
  const char *file;
  void (*run)(void);
  struct check_test *next;
} check_test;

void check_register(check_test *test);
bool check_that(bool held, const char *expr, const char *file, int line);
bool check_equal_int(int64_t got, int64_t want, const char *expr, const char *file, int line);
bool check_equal_bytes(const void *got, size_t got_len, const void *want, size_t want_len, const char *expr,
                       const char *file, int line);
/* Bytes from hex text ("80 0f 12.."; blanks ignored); returns the count, asserts on bad text or overflow. */
size_t check_hex(uint8_t *out, size_t cap, const char *hex);
/* Reads a whole file below the repository's root into |out|; returns its size; ends the program if it cannot. */
size_t check_read_file(const char *path_in_repository, void *out, size_t cap);
/* A seeded generator for property tests (PCG32). */
typedef struct check_rng {
  uint64_t state;
} check_rng;
uint32_t check_rng_u32(check_rng *rng);
void check_rng_fill(void *check_rng_ctx, uint8_t *out, size_t len); /* shape of wr_rng.fill */

#define TEST(id)                                                             \
  static void test_##id(void);                                               \
  __attribute__((constructor)) static void register_##id(void) {             \
    static check_test t = {.name = #id, .file = __FILE__, .run = test_##id}; \
    check_register(&t);                                                      \
  }                                                                          \
  static void test_##id(void)

#define CHECK(x) ((void)check_that((x), #x, __FILE__, __LINE__))
#define REQUIRE(x)                                        \
  do {                                                    \
    if (!check_that((x), #x, __FILE__, __LINE__)) return; \
  } while (0)
#define CHECK_EQ(got, want) \
  ((void)check_equal_int((int64_t)(got), (int64_t)(want), #got " == " #want, __FILE__, __LINE__))
#define CHECK_BYTES(got, got_len, want, want_len) \
  ((void)check_equal_bytes((got), (got_len), (want), (want_len), #got, __FILE__, __LINE__))
#define CHECK_TEXT(got, want) \
  ((void)check_equal_bytes((got), strlen(got), (want), strlen(want), #got, __FILE__, __LINE__))

#endif
