/* fuzz_dcep.c - what parses must come out the same after writing and parsing again. */
#include "sctp/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static uint8_t out[200000];
  wr_dcep dcep, again;
  if (!wr_dcep_read(wr_bytes_of(data, len), &dcep)) return 0;
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_dcep_write(&w, &dcep);
  WR_ASSERT(wr_writer_ok(&w) && wr_dcep_read(wr_bytes_of(out, wr_writer_len(&w)), &again));
  WR_ASSERT(again.kind == dcep.kind && again.parameter == dcep.parameter && again.unordered == dcep.unordered);
  WR_ASSERT(wr_bytes_equal(again.label, dcep.label) && wr_bytes_equal(again.protocol, dcep.protocol));
  return 0;
}
