/* fuzz_rtcp.c - any bytes as a compound RTCP packet. What is understood is written again and read as the same; the
 * reports and the arrival of each packet feed a source. */
#include "rtp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_reports(const wr_rtcp_packet *packet) {
  uint8_t out[4 + 24 + 31 * 24];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_rtcp_sender_info info = {.ntp = packet->ntp,
                              .rtp_timestamp = packet->rtp_timestamp,
                              .packets = packet->packets,
                              .bytes = packet->bytes};
  if (packet->kind == WR_RTCP_SR)
    wr_rtcp_write_sr(&w, packet->ssrc, &info, packet->report, packet->n_reports);
  else
    wr_rtcp_write_rr(&w, packet->ssrc, packet->report, packet->n_reports);
  WR_ASSERT(wr_writer_ok(&w));
  wr_reader r = wr_reader_of(wr_bytes_of(out, wr_writer_len(&w)));
  wr_rtcp_packet again;
  WR_ASSERT(wr_rtcp_read(&again, &r) && wr_reader_done(&r));
  WR_ASSERT(again.kind == packet->kind && again.ssrc == packet->ssrc && again.ntp == packet->ntp);
  WR_ASSERT(again.n_reports == packet->n_reports);
  for (size_t i = 0; i < again.n_reports; i++) {
    WR_ASSERT(again.report[i].cumulative_lost == packet->report[i].cumulative_lost);
    WR_ASSERT(again.report[i].last_sr == packet->report[i].last_sr);
    (void)wr_rtcp_rtt_us(&again.report[i], packet->ntp);
  }
}

static void check_nack(const wr_rtcp_packet *packet) {
  uint16_t seqs[17 * 400], seq;
  size_t n = 0;
  for (size_t at = 0; wr_rtcp_next_nack(packet, &at, &seq);)
    if (n < sizeof seqs / sizeof *seqs) seqs[n++] = seq;
  static uint8_t out[12 + 4 * 17 * 400];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_rtcp_write_nack(&w, 1, 2, seqs, n);
  WR_ASSERT(wr_writer_ok(&w));
  wr_rtcp_packet again;
  wr_reader r = wr_reader_of(wr_bytes_of(out, wr_writer_len(&w)));
  if (n == 0) return;
  WR_ASSERT(wr_rtcp_read(&again, &r) && again.kind == WR_RTCP_NACK && again.body.len <= n * 4);
}

static void check_xr(const wr_rtcp_packet *packet) {
  uint64_t ntp, ntp_again;
  uint32_t told[2], again[2], ssrc = packet->body.len >= 8 ? wr_get_u32(packet->body.data + 4) : 0;
  bool has_reference = wr_rtcp_xr_reference(packet, &ntp);
  bool has_answer = wr_rtcp_xr_answer(packet, ssrc, &told[0], &told[1]);
  uint8_t out[44];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_rtcp_packet read;
  if (has_reference) wr_rtcp_write_xr_reference(&w, packet->ssrc, ntp);
  if (has_answer) wr_rtcp_write_xr_answer(&w, packet->ssrc, ssrc, told[0], told[1]);
  WR_ASSERT(wr_writer_ok(&w));
  wr_reader r = wr_reader_of(wr_bytes_of(out, wr_writer_len(&w)));
  if (has_reference)
    WR_ASSERT(wr_rtcp_read(&read, &r) && wr_rtcp_xr_reference(&read, &ntp_again) && ntp_again == ntp);
  if (has_answer)
    WR_ASSERT(wr_rtcp_read(&read, &r) && wr_rtcp_xr_answer(&read, ssrc, &again[0], &again[1]) &&
              again[0] == told[0] && again[1] == told[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  wr_rtcp_packet packet;
  wr_rtp_source_stats source;
  wr_rtp_source_init(&source, 1, 48000);
  while (wr_rtcp_read(&packet, &r)) {
    if (packet.kind == WR_RTCP_SR || packet.kind == WR_RTCP_RR) check_reports(&packet);
    if (packet.kind == WR_RTCP_NACK) check_nack(&packet);
    if (packet.kind == WR_RTCP_XR) check_xr(&packet);
    WR_ASSERT(packet.cname.len <= 255);
    wr_time now = (wr_time)(packet.ntp >> 8);
    wr_rtp_source_sr(&source, packet.ntp, now);
    wr_rtp_source_received(&source, (uint16_t)packet.ssrc, packet.media_ssrc, packet.body.len, now);
  }
  wr_rtcp_report report;
  wr_rtp_source_report(&source, &report, (wr_time)len);
  return 0;
}
