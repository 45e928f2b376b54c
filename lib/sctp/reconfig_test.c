#include "sctp/reconfig.h"

#include "check.h"

static wr_sctp_reconfig fresh(void) {
  wr_sctp_reconfig r;
  wr_sctp_reconfig_init(&r, 100, 500);
  return r;
}

/* What |r| would send: the parameters of its chunk. */
static size_t sent(wr_sctp_reconfig *r, wr_sctp_reset out[2]) {
  static uint8_t bytes[256];
  wr_writer w = wr_writer_of(bytes, sizeof bytes);
  wr_sctp_reconfig_write(r, &w);
  if (wr_writer_len(&w) == 0) return 0;
  wr_reader reader = wr_reader_of(wr_bytes_of(bytes + 4, wr_get_u16(bytes + 2) - 4u));
  size_t n = 0;
  while (n < 2 && wr_sctp_read_reset(&reader, &out[n])) n++;
  return n;
}

TEST(reconfig_sends_one_request_at_a_time) {
  wr_sctp_reconfig r = fresh();
  wr_sctp_reset out[2];
  wr_sctp_stream_list streams;
  CHECK(wr_sctp_reconfig_add(&r, 3) && wr_sctp_reconfig_add(&r, 3) && wr_sctp_reconfig_add(&r, 4));
  CHECK(wr_sctp_reconfig_begin(&r, 77));
  CHECK(wr_sctp_reconfig_add(&r, 9));
  CHECK(!wr_sctp_reconfig_begin(&r, 78));
  REQUIRE(sent(&r, out) == 1);
  CHECK(out[0].kind == WR_SCTP_RESET_OUTGOING && out[0].sequence == 100 && out[0].last_tsn == 77);
  CHECK_BYTES(out[0].streams.data, out[0].streams.len, "\0\3\0\4", 4);
  wr_sctp_reset answer = {.kind = WR_SCTP_RESET_RESPONSE, .sequence = 99, .result = WR_SCTP_RESET_PERFORMED};
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &answer, 0, &streams), WR_SCTP_RECONFIG_NOTHING); /* not this one */
  answer.sequence = 100;
  answer.result = WR_SCTP_RESET_IN_PROGRESS;
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &answer, 0, &streams), WR_SCTP_RECONFIG_NOTHING);
  answer.result = WR_SCTP_RESET_PERFORMED;
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &answer, 0, &streams), WR_SCTP_RECONFIG_DONE);
  CHECK(streams.n == 2 && streams.ids[0] == 3 && streams.ids[1] == 4);
  CHECK(wr_sctp_reconfig_begin(&r, 80));
  REQUIRE(sent(&r, out) == 1);
  CHECK_EQ(out[0].sequence, 101);
  answer = (wr_sctp_reset){.kind = WR_SCTP_RESET_RESPONSE, .sequence = 101, .result = WR_SCTP_RESET_DENIED};
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &answer, 0, &streams), WR_SCTP_RECONFIG_FAILED);
}

TEST(reconfig_defers_a_reset_that_is_ahead_of_its_data) {
  wr_sctp_reconfig r = fresh();
  wr_sctp_reset out[2];
  wr_sctp_stream_list streams;
  wr_sctp_reset request = {.kind = WR_SCTP_RESET_OUTGOING, .sequence = 500, .last_tsn = 20};
  request.streams = wr_bytes_of("\0\5", 2);
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &request, 19, &streams), WR_SCTP_RECONFIG_NOTHING);
  REQUIRE(sent(&r, out) == 1);
  CHECK(out[0].kind == WR_SCTP_RESET_RESPONSE && out[0].sequence == 500);
  CHECK_EQ(out[0].result, WR_SCTP_RESET_IN_PROGRESS);
  CHECK_EQ(wr_sctp_reconfig_advance(&r, 19, &streams), WR_SCTP_RECONFIG_NOTHING);
  CHECK_EQ(wr_sctp_reconfig_advance(&r, 20, &streams), WR_SCTP_RECONFIG_RESET_IN);
  CHECK(streams.n == 1 && streams.ids[0] == 5);
  REQUIRE(sent(&r, out) == 1);
  CHECK(out[0].sequence == 500 && out[0].result == WR_SCTP_RESET_PERFORMED);
  /* The answer was lost: the same request gets it again and nothing is reset twice. */
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &request, 30, &streams), WR_SCTP_RECONFIG_NOTHING);
  REQUIRE(sent(&r, out) == 1);
  CHECK_EQ(out[0].result, WR_SCTP_RESET_PERFORMED);
}

TEST(reconfig_answers_incoming_requests_and_refuses_the_rest) {
  wr_sctp_reconfig r = fresh();
  wr_sctp_reset out[2];
  wr_sctp_stream_list streams;
  wr_sctp_reset request = {.kind = WR_SCTP_RESET_INCOMING, .sequence = 500, .streams = wr_bytes_of("\0\7", 2)};
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &request, 0, &streams), WR_SCTP_RECONFIG_RESET_OUT);
  CHECK(streams.n == 1 && streams.ids[0] == 7);
  (void)wr_sctp_reconfig_add(&r, 7);
  (void)wr_sctp_reconfig_begin(&r, 1);
  REQUIRE(sent(&r, out) == 2);
  CHECK(out[1].kind == WR_SCTP_RESET_OUTGOING && out[1].response_sequence == 500);
  request = (wr_sctp_reset){.kind = WR_SCTP_ADD_OUTGOING, .sequence = 501};
  (void)wr_sctp_reconfig_recv(&r, &request, 0, &streams);
  REQUIRE(sent(&r, out) == 1);
  CHECK_EQ(out[0].result, WR_SCTP_RESET_DENIED);
  request.sequence = 777;
  (void)wr_sctp_reconfig_recv(&r, &request, 0, &streams);
  REQUIRE(sent(&r, out) == 1);
  CHECK_EQ(out[0].result, WR_SCTP_RESET_BAD_SEQUENCE);
  CHECK_EQ(sent(&r, out), 0);
}

TEST(reconfig_bounds_its_lists) {
  wr_sctp_reconfig r = fresh();
  for (uint16_t i = 0; i < WR_SCTP_MAX_RESET_STREAMS; i++) CHECK(wr_sctp_reconfig_add(&r, i));
  CHECK(!wr_sctp_reconfig_add(&r, 1000));
  static const uint8_t many[2 * WR_SCTP_MAX_RESET_STREAMS + 2];
  wr_sctp_stream_list streams;
  wr_sctp_reset request = {.kind = WR_SCTP_RESET_OUTGOING, .sequence = 500};
  request.streams = wr_bytes_of(many, sizeof many);
  CHECK_EQ(wr_sctp_reconfig_recv(&r, &request, 0, &streams), WR_SCTP_RECONFIG_NOTHING);
  CHECK_EQ(r.result, WR_SCTP_RESET_DENIED);
}
