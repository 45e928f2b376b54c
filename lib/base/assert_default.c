/* base/assert_default.c - what a broken invariant does when the embedder defines nothing else: stop here, now. */
#include "wr/types.h"

__attribute__((weak)) _Noreturn void wr_assert_failed(const char *expr, const char *file, int line) {
  (void)expr;
  (void)file;
  (void)line;
  __builtin_trap();
}
