/* fuzz/fuzz_gw_traceparent.c - the header `traceparent`: what is taken says the same when it is written again. */
#include <stdio.h>
#include <string.h>

#include "gateway/traceparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t write_hex(char *out, const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
  return 2 * len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  gw_traceparent t;
  char again[64];
  if (!gw_traceparent_read(&t, wr_bytes_of(data, len))) {
    WR_ASSERT(!t.present && !t.sampled);
    return 0;
  }
  size_t at = write_hex(again, t.trace, sizeof(t.trace));
  again[at++] = '-';
  at += write_hex(again + at, t.parent, sizeof(t.parent));
  WR_ASSERT(len >= 55 && memcmp(again, data + 3, at) == 0);
  return 0;
}
