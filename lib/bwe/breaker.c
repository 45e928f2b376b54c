/* bwe/breaker.c - see bwe/breaker.h. */
#include "bwe/breaker.h"

void wr_breaker_sent(wr_breaker *b, size_t bytes, wr_time now) {
  if (b->n_packets++ == 0) b->unreported_since = now;
  b->n_bytes += bytes;
}

static double square_root(double x) {
  double guess = x > 1 ? x : 1;
  for (int i = 0; i < 60; i++) guess = (guess + x / guess) / 2;
  return guess;
}

/* RFC 8083 4.3, simplified equation of RFC 5348: s / (Tr sqrt(2 p / 3)), in bytes a second. */
static double tcp_bytes_per_s(double packet_bytes, double rtt_s, double loss) {
  return packet_bytes / (rtt_s * square_root(2 * loss / 3));
}

/* One interval more in which something was lost. */
static void weigh(wr_breaker *b, double loss, double rtt_s, double elapsed_s) {
  b->sent_bytes += (double)b->n_bytes;
  b->all_packets += b->n_packets;
  b->seconds += elapsed_s;
  b->lost_sum += loss;
  if (++b->n_high < WR_BREAKER_CONGESTION_INTERVALS) return;
  double packet_bytes = b->all_packets ? b->sent_bytes / (double)b->all_packets : 0;
  double tcp = tcp_bytes_per_s(packet_bytes, rtt_s, b->lost_sum / b->n_high);
  if (b->seconds > 0 && b->sent_bytes / b->seconds > WR_BREAKER_TCP_TIMES * tcp) b->verdict = WR_BREAKER_CONGESTION;
  b->n_high = 0;
  b->sent_bytes = b->seconds = b->lost_sum = 0;
  b->all_packets = 0;
}

void wr_breaker_report(wr_breaker *b, uint32_t highest_seq, uint8_t fraction_lost, uint32_t rtt_us, wr_time now) {
  wr_time since = b->reported ? b->reported_at : b->unreported_since, elapsed_us = now - since;
  bool stuck = b->reported && highest_seq == b->highest_seq && b->n_packets > 0;
  b->n_stuck = stuck ? b->n_stuck + 1 : 0;
  if (b->n_stuck >= WR_BREAKER_MEDIA_INTERVALS) b->verdict = WR_BREAKER_MEDIA_TIMEOUT;
  if (fraction_lost && rtt_us && b->n_packets) {
    weigh(b, fraction_lost / 256.0, rtt_us / 1e6, (double)elapsed_us / 1e6);
  } else {
    b->n_high = 0;
    b->sent_bytes = b->seconds = b->lost_sum = 0;
    b->all_packets = 0;
  }
  if (b->reported) b->interval_us = b->interval_us ? (3 * b->interval_us + elapsed_us) / 4 : elapsed_us;
  b->reported = true;
  b->reported_at = now;
  b->highest_seq = highest_seq;
  b->n_packets = 0;
  b->n_bytes = 0;
}

wr_breaker_verdict wr_breaker_ask(wr_breaker *b, wr_time now) {
  wr_time patience_us = 3 * b->interval_us;
  if (patience_us < WR_BREAKER_RTCP_LEAST_US) patience_us = WR_BREAKER_RTCP_LEAST_US;
  if (b->reported && b->n_packets && b->verdict == WR_BREAKER_CLOSED && now - b->unreported_since > patience_us)
    b->verdict = WR_BREAKER_RTCP_TIMEOUT;
  return b->verdict;
}
