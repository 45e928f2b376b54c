/* rtp/rtcp.h - RTCP: compound and reduced-size packets (RFC 3550 6, 5506), read one by one, written into a buffer;
 * of extended reports (RFC 3611) the two that measure a receiver's round trip. */
#ifndef WR_RTP_RTCP_H
#define WR_RTP_RTCP_H

#include "base/io.h"
#include "wr/types.h"

typedef enum wr_rtcp_kind {
  WR_RTCP_OTHER, /* well-formed, not understood */
  WR_RTCP_SR,
  WR_RTCP_RR,
  WR_RTCP_SDES,
  WR_RTCP_BYE,
  WR_RTCP_APP,
  WR_RTCP_NACK, /* RTPFB 1 */
  WR_RTCP_CCFB, /* RTPFB 11 (RFC 8888); body left to bwe: there is no media SSRC before it */
  WR_RTCP_TWCC, /* RTPFB 15; body left to bwe */
  WR_RTCP_PLI,  /* PSFB 1 */
  WR_RTCP_FIR,  /* PSFB 4 */
  WR_RTCP_REMB, /* PSFB 15 "REMB" */
  WR_RTCP_XR,   /* 207 */
} wr_rtcp_kind;

typedef struct wr_rtcp_report {
  uint32_t ssrc;
  uint8_t fraction_lost;                 /* /256 */
  int32_t cumulative_lost;               /* 24-bit signed */
  uint32_t highest_seq;                  /* extended */
  uint32_t jitter;                       /* timestamp units */
  uint32_t last_sr, delay_since_last_sr; /* 1/65536 s */
} wr_rtcp_report;

typedef struct wr_rtcp_packet {
  wr_rtcp_kind kind;
  uint32_t ssrc;                          /* sender; 0 if none */
  uint32_t media_ssrc;                    /* feedback packets */
  uint64_t ntp;                           /* SR */
  uint32_t rtp_timestamp, packets, bytes; /* SR */
  uint8_t n_reports;
  wr_rtcp_report report[31]; /* SR, RR */
  wr_bytes cname;            /* SDES; borrowed */
  wr_bytes body; /* after the fixed fields, for NACK items, CCFB, TWCC, XR, BYE sources, REMB after its name;
                    borrowed */
} wr_rtcp_packet;

/* Reads the next packet of a compound; |r| starts at the datagram. false: end, or malformed (then r->failed). */
bool wr_rtcp_read(wr_rtcp_packet *packet, wr_reader *r);
/* Walks the lost sequence numbers of a NACK: start with *at = 0. false: no more, or not a NACK. */
bool wr_rtcp_next_nack(const wr_rtcp_packet *packet, size_t *at, uint16_t *seq);
/* Extended reports (RFC 3611 4.4, 4.5). Who sends nothing, and so gets no reports about it, tells its time (RRTR)
 * and is told when that came (DLRR): |last_rr| and |delay| (1/65536 s) are what LSR and DLSR are to a sender.
 * false: |packet| is not an XR, or has no such block; of several the first. */
bool wr_rtcp_xr_reference(const wr_rtcp_packet *packet, uint64_t *ntp);
bool wr_rtcp_xr_answer(const wr_rtcp_packet *packet, uint32_t ssrc, uint32_t *last_rr, uint32_t *delay);
/* Whether the second byte marks RTCP under rtcp-mux (RFC 5761 4): 192..223. */
static inline bool wr_rtcp_is(wr_bytes datagram) {
  return datagram.len >= 2 && datagram.data[1] >= 192 && datagram.data[1] <= 223;
}

/* Writers append one packet. |r| and |n| are report blocks (n <= 31); |cname| is at most 255 bytes. NACKs are
 * packed best when |seqs| are in sending order; none at all writes nothing. */
typedef struct wr_rtcp_sender_info {
  uint64_t ntp;
  uint32_t rtp_timestamp, packets, bytes;
} wr_rtcp_sender_info;
void wr_rtcp_write_sr(wr_writer *w, uint32_t ssrc, const wr_rtcp_sender_info *info, const wr_rtcp_report *r,
                      size_t n);
void wr_rtcp_write_rr(wr_writer *w, uint32_t ssrc, const wr_rtcp_report *r, size_t n);
void wr_rtcp_write_sdes_cname(wr_writer *w, uint32_t ssrc, wr_bytes cname);
void wr_rtcp_write_bye(wr_writer *w, uint32_t ssrc);
void wr_rtcp_write_nack(wr_writer *w, uint32_t ssrc, uint32_t media_ssrc, const uint16_t *seqs, size_t n);
void wr_rtcp_write_pli(wr_writer *w, uint32_t ssrc, uint32_t media_ssrc);
void wr_rtcp_write_fir(wr_writer *w, uint32_t ssrc, uint32_t media_ssrc, uint8_t number); /* of the request */
void wr_rtcp_write_xr_reference(wr_writer *w, uint32_t ssrc, uint64_t ntp);
/* To |asker|, whose reference time had the middle 32 bits |last_rr|. */
void wr_rtcp_write_xr_answer(wr_writer *w, uint32_t ssrc, uint32_t asker, uint32_t last_rr, uint32_t delay);

/* ---- what a receiver keeps of one source (RFC 3550 A.1, A.3, A.8) ---- */
typedef struct wr_rtp_source_stats {
  uint32_t ssrc, clock_hz;
  bool started;
  uint16_t highest_seq;
  uint32_t cycles, base_seq, received, expected_prior, received_prior; /* extended counts */
  uint32_t bad_seq;   /* A.1: what would follow a jump that is not believed yet */
  uint32_t jitter_q4; /* timestamp units x 16 */
  int64_t transit;
  uint64_t bytes;
  uint32_t last_sr; /* middle 32 bits of the NTP time of the last SR */
  wr_time last_sr_at;
} wr_rtp_source_stats;
void wr_rtp_source_init(wr_rtp_source_stats *source, uint32_t ssrc, uint32_t clock_hz);
void wr_rtp_source_received(wr_rtp_source_stats *source, uint16_t seq, uint32_t timestamp, size_t payload_bytes,
                            wr_time now);
void wr_rtp_source_sr(wr_rtp_source_stats *source, uint64_t ntp, wr_time now);
/* The report block for now; starts a new interval for fraction_lost. */
void wr_rtp_source_report(wr_rtp_source_stats *source, wr_rtcp_report *report, wr_time now);
/* Round trip from a report block about us (RFC 3550 6.4.1); 0: cannot be told. |ntp_now|: the clock our SRs use. */
uint32_t wr_rtcp_rtt_us(const wr_rtcp_report *report, uint64_t ntp_now);
/* From |since| to |now| as DLSR and DLRR tell it: 1/65536 s. */
uint32_t wr_rtcp_delay(wr_time since, wr_time now);
/* NTP short arithmetic needs an NTP time: ours is the monotonic clock since an arbitrary epoch, which RFC
 * 3550 6.4.1 permits. */
static inline uint64_t wr_ntp_of(wr_time now) {
  uint64_t us = (uint64_t)now;
  return (us / 1000000u) << 32 | ((us % 1000000u) << 32) / 1000000u;
}

#endif
