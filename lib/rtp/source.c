/* rtp/source.c - what a receiver keeps of one source, as RFC 3550 A.1, A.3 and A.8 compute it.
 *
 * Two differences from A.1: no probation, since SRTP has authenticated the packet before it comes here, and a
 * restart of the sequence keeps the jitter, since the path is the same. */
#include "base/seq.h"
#include "rtp/rtcp.h"

enum { MAX_DROPOUT = 3000, MAX_MISORDER = 100 };
#define NO_BAD_SEQ 0x10001u /* no 16-bit number equals it */
/* Above this a transit difference is a change of clocks, not jitter; it also keeps jitter_q4 within 32 bits. */
#define MAX_TRANSIT_CHANGE (1 << 26)

void wr_rtp_source_init(wr_rtp_source_stats *source, uint32_t ssrc, uint32_t clock_hz) {
  *source = (wr_rtp_source_stats){.ssrc = ssrc, .clock_hz = clock_hz, .bad_seq = NO_BAD_SEQ};
}

static void restart(wr_rtp_source_stats *source, uint16_t seq) {
  source->base_seq = source->highest_seq = seq;
  source->cycles = source->received = source->expected_prior = source->received_prior = 0;
  source->bad_seq = NO_BAD_SEQ;
}

/* RFC 3550 A.1. false: the packet must not be counted. */
static bool follow_seq(wr_rtp_source_stats *source, uint16_t seq) {
  uint16_t ahead = (uint16_t)(seq - source->highest_seq);
  if (ahead < MAX_DROPOUT) {
    if (seq < source->highest_seq) source->cycles += 0x10000;
    source->highest_seq = seq;
  } else if (ahead <= 0x10000 - MAX_MISORDER) {
    /* A very large jump: believed when the next packet follows it, then the other side has restarted. */
    if (seq != source->bad_seq) {
      source->bad_seq = (uint16_t)(seq + 1);
      return false;
    }
    restart(source, seq);
  }
  return true;
}

/* |now| in units of the RTP clock, modulo 2^32, without overflow for any |now|. */
static uint32_t rtp_clock(uint32_t clock_hz, wr_time now) {
  uint64_t us = (uint64_t)now;
  return (uint32_t)(us / 1000000u * clock_hz + us % 1000000u * clock_hz / 1000000u);
}

/* RFC 3550 A.8. */
static void follow_jitter(wr_rtp_source_stats *source, uint32_t timestamp, bool first, wr_time now) {
  uint32_t transit = rtp_clock(source->clock_hz, now) - timestamp;
  int32_t change = wr_seq32_diff(transit, (uint32_t)source->transit);
  source->transit = transit;
  if (first || change > MAX_TRANSIT_CHANGE || change < -MAX_TRANSIT_CHANGE) return;
  uint32_t size = (uint32_t)(change < 0 ? -change : change);
  source->jitter_q4 += size - ((source->jitter_q4 + 8) >> 4);
}

void wr_rtp_source_received(wr_rtp_source_stats *source, uint16_t seq, uint32_t timestamp, size_t payload_bytes,
                            wr_time now) {
  bool first = !source->started;
  if (first) restart(source, seq);
  source->started = true;
  if (!first && !follow_seq(source, seq)) return;
  source->received++;
  source->bytes += payload_bytes;
  follow_jitter(source, timestamp, first, now);
}

void wr_rtp_source_sr(wr_rtp_source_stats *source, uint64_t ntp, wr_time now) {
  source->last_sr = (uint32_t)(ntp >> 16);
  source->last_sr_at = now;
}

uint32_t wr_rtcp_delay(wr_time since, wr_time now) {
  if (now <= since) return 0;
  uint64_t us = (uint64_t)now - (uint64_t)since;
  uint64_t seconds = us / 1000000u;
  if (seconds > UINT16_MAX) return UINT32_MAX;
  return (uint32_t)(seconds << 16 | (us % 1000000u << 16) / 1000000u);
}

/* RFC 3550 A.3. */
void wr_rtp_source_report(wr_rtp_source_stats *source, wr_rtcp_report *report, wr_time now) {
  *report = (wr_rtcp_report){.ssrc = source->ssrc};
  report->last_sr = source->last_sr;
  report->delay_since_last_sr = source->last_sr ? wr_rtcp_delay(source->last_sr_at, now) : 0; /* RFC 3550 6.4.1 */
  if (!source->started) return;
  report->highest_seq = source->cycles + source->highest_seq;
  report->jitter = source->jitter_q4 >> 4;
  uint32_t expected = report->highest_seq - source->base_seq + 1;
  int64_t lost = (int64_t)expected - source->received;
  report->cumulative_lost = (int32_t)(lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost);
  uint32_t expected_interval = expected - source->expected_prior;
  uint32_t received_interval = source->received - source->received_prior;
  source->expected_prior = expected;
  source->received_prior = source->received;
  /* Duplicates and late packets can make more received than expected: nothing was lost then. */
  if (expected_interval <= received_interval) return;
  uint64_t fraction = ((uint64_t)(expected_interval - received_interval) << 8) / expected_interval;
  report->fraction_lost = (uint8_t)(fraction > 255 ? 255 : fraction);
}

uint32_t wr_rtcp_rtt_us(const wr_rtcp_report *report, uint64_t ntp_now) {
  if (report->last_sr == 0) return 0;
  uint32_t arrived = (uint32_t)(ntp_now >> 16);
  int32_t rtt = wr_seq32_diff(arrived - report->last_sr, report->delay_since_last_sr);
  if (rtt < 0) return 0;
  if (rtt == 0) return 1; /* under the resolution of 15 us, but told */
  uint64_t us = ((uint64_t)rtt * 1000000u) >> 16;
  return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}
