/* fuzz_twcc.c - any bytes as transport-wide feedback: told to an estimator that has sent packets, whose figures
 * stay within their bounds; and as arrivals, which the writer tells and the reader reads again. */
#include "bwe/bwe.h"
#include "bwe/twcc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_estimator(wr_bytes body) {
  static wr_bwe_note notes[64];
  wr_bwe bwe;
  wr_bwe_init(&bwe, &(wr_bwe_settings){.start_bps = WR_BWE_START_BPS,
                                       .least_bps = WR_BWE_LEAST_BPS,
                                       .most_bps = 1e7,
                                       .probing = true,
                                       .notes = notes,
                                       .n_notes = 64});
  wr_time now = WR_S(1);
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 40; i++, now += WR_MS(20)) {
      uint8_t cluster = 0;
      (void)wr_bwe_probe(&bwe, &cluster, now);
      (void)wr_bwe_sent(&bwe, 1000, cluster, now);
    }
    bwe.next_seq = (uint16_t)(round + 1); /* so that a body meets packets once more */
    wr_bwe_feedback(&bwe, body, now);
    double bps = wr_bwe_target_bps(&bwe);
    WR_ASSERT(bps >= WR_BWE_LEAST_BPS && bps <= 1e7);
    WR_ASSERT(bwe.rtt_us >= 0);
  }
}

static void check_reader(wr_bytes body) {
  wr_twcc_reader reader;
  wr_twcc_status status;
  unsigned n = 0;
  if (!wr_twcc_open(&reader, body)) return;
  unsigned n_told = reader.n_left;
  while (wr_twcc_next(&reader, &status)) n++;
  WR_ASSERT(reader.failed || n == n_told);
}

/* Four bytes an arrival: number, and how much later. */
static void check_writer(const uint8_t *data, size_t len) {
  wr_twcc_arrivals arrivals;
  wr_twcc_arrivals_init(&arrivals);
  wr_time now = WR_S(1);
  for (; len >= 4; data += 4, len -= 4) {
    now += (wr_time)wr_get_u16(data + 2) * 1000;
    wr_twcc_arrived(&arrivals, wr_get_u16(data), now);
    for (int i = 0; arrivals.waiting && (data[3] & 7) == 0; i++) {
      uint8_t out[WR_TWCC_PACKET_MAX];
      wr_writer w = wr_writer_of(out, sizeof out);
      wr_twcc_write(&arrivals, &w, 1, 2);
      WR_ASSERT(wr_writer_ok(&w) && wr_writer_len(&w) % 4 == 0 && i <= WR_TWCC_WINDOW);
      check_reader(wr_bytes_of(out + 12, wr_writer_len(&w) - 12));
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  check_reader(wr_bytes_of(data, len));
  check_estimator(wr_bytes_of(data, len));
  check_writer(data, len);
  return 0;
}
