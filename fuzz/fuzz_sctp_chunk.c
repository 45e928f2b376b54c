/* fuzz_sctp_chunk.c - every parser of sctp/chunk.h over the chunks of one packet. */
#include "sctp/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_span(wr_bytes outer, wr_bytes inner) {
  if (inner.len == 0) return;
  WR_ASSERT(inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

static void read_all(const wr_sctp_chunk *chunk) {
  wr_sctp_init_chunk init;
  if (wr_sctp_read_init(chunk->body, &init)) {
    check_span(chunk->body, init.cookie);
    check_span(chunk->body, init.unrecognized);
  }
  wr_sctp_data_chunk data_chunk;
  if (wr_sctp_read_data(chunk, &data_chunk)) check_span(chunk->body, data_chunk.payload);
  wr_sctp_sack_chunk sack;
  if (wr_sctp_read_sack(chunk->body, &sack)) {
    uint16_t start, end;
    for (size_t i = 0; i < sack.n_gaps; i++) wr_sctp_sack_gap(&sack, i, &start, &end);
  }
  wr_sctp_forward_tsn_chunk forward;
  if (wr_sctp_read_forward_tsn(chunk->body, &forward)) check_span(chunk->body, forward.streams);
  wr_reader r = wr_reader_of(chunk->body);
  wr_sctp_reset reset;
  while (wr_sctp_read_reset(&r, &reset)) check_span(chunk->body, reset.streams);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  wr_bytes packet = wr_bytes_of(data, len);
  wr_reader r = wr_reader_of(packet);
  wr_sctp_header header;
  if (!wr_sctp_read_header(&r, &header)) return 0;
  (void)wr_sctp_checksum(packet);
  wr_sctp_chunk chunk;
  while (wr_sctp_read_chunk(&r, &chunk)) {
    check_span(packet, chunk.body);
    read_all(&chunk);
  }
  return 0;
}
