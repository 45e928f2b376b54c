/* fuzz_ccfb.c - any bytes as feedback of RFC 8888: told to an estimator that has sent packets, whose figures stay
 * within their bounds; and as arrivals, which the writer tells and the reader reads again. */
#include "bwe/bwe.h"
#include "bwe/ccfb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_estimator(wr_bytes body) {
  static wr_bwe_note notes[64];
  wr_bwe bwe;
  wr_bwe_init(&bwe, &(wr_bwe_settings){.start_bps = WR_BWE_START_BPS,
                                       .least_bps = WR_BWE_LEAST_BPS,
                                       .most_bps = 1e7,
                                       .notes = notes,
                                       .n_notes = 64});
  wr_time now = WR_S(1);
  uint32_t ssrc = body.len >= 8 ? wr_get_u32(body.data) : 0;
  uint16_t first = body.len >= 8 ? wr_get_u16(body.data + 4) : 0;
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 40; i++, now += WR_MS(20)) (void)wr_bwe_sent(&bwe, 1000, 0, now);
    wr_bwe_feedback_ccfb(&bwe, body, ssrc, (uint16_t)(round * 10 - first), now);
    double bps = wr_bwe_target_bps(&bwe);
    WR_ASSERT(bps >= WR_BWE_LEAST_BPS && bps <= 1e7);
    WR_ASSERT(bwe.rtt_us >= 0);
  }
}

static unsigned check_reader(wr_bytes body) {
  wr_ccfb_reader reader;
  wr_ccfb_status status;
  unsigned n_received = 0;
  if (!wr_ccfb_open(&reader, body)) return 0;
  while (wr_ccfb_next(&reader, &status)) {
    WR_ASSERT(status.at == WR_NEVER || (status.received && status.at >= 0 && status.at < WR_CCFB_CLOCK_US));
    n_received += status.received;
  }
  return n_received;
}

/* Five bytes an arrival: source, number, and how much later. */
static void check_writer(const uint8_t *data, size_t len) {
  wr_ccfb_arrivals arrivals;
  wr_ccfb_arrivals_init(&arrivals);
  wr_time now = WR_S(1);
  for (; len >= 5; data += 5, len -= 5) {
    now += (wr_time)wr_get_u16(data + 3) * 1000;
    if (wr_ccfb_arrived(&arrivals, data[0] % 6, wr_get_u16(data + 1), now) && data[4] & 7) continue;
    uint8_t out[WR_CCFB_PACKET_MAX];
    unsigned n = arrivals.n;
    wr_writer w = wr_writer_of(out, sizeof out);
    wr_ccfb_write(&arrivals, &w, 1, now);
    WR_ASSERT(wr_writer_ok(&w) && wr_writer_len(&w) % 4 == 0 && arrivals.n == 0);
    WR_ASSERT(check_reader(wr_bytes_of(out + 8, wr_writer_len(&w) - 8)) <= n);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  (void)check_reader(wr_bytes_of(data, len));
  check_estimator(wr_bytes_of(data, len));
  check_writer(data, len);
  return 0;
}
