/* fuzz_sdpfrag.c - any text as a trickle fragment and as a candidate; a candidate that was read is written and read
 * back as the same. */
#include <string.h>

#include "wr/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_round_trip(const wr_candidate *candidate) {
  char text[160];
  size_t len = wr_candidate_write(candidate, text, sizeof text);
  WR_ASSERT((len == 0) == (candidate->addr.family == 0));
  if (len == 0) return;
  wr_candidate again;
  WR_ASSERT(wr_candidate_read(&again, wr_bytes_of(text, len)) == WR_OK);
  WR_ASSERT(wr_addr_equal(&again.addr, &candidate->addr));
  WR_ASSERT(again.type == candidate->type && again.tcp == candidate->tcp);
  WR_ASSERT(again.priority == candidate->priority && again.component == candidate->component);
  WR_ASSERT(strcmp(again.foundation, candidate->foundation) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  wr_candidate candidate;
  if (wr_candidate_read(&candidate, wr_bytes_of(data, len)) == WR_OK) check_round_trip(&candidate);
  wr_sdpfrag fragment;
  wr_sdp_error error;
  if (wr_sdpfrag_parse(&fragment, wr_bytes_of(data, len), &error)) {
    WR_ASSERT(error.what != NULL);
    return 0;
  }
  for (size_t at = 0; wr_sdpfrag_next_candidate(&fragment, &at, &candidate);) {
    WR_ASSERT(candidate.component == 1);
    check_round_trip(&candidate);
  }
  return 0;
}
