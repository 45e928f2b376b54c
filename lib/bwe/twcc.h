/* bwe/twcc.h - transport-wide feedback: which packets arrived, and when (RTPFB 15).
 *
 * draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1. A sender numbers every packet of the transport
 * in a header extension; the receiver tells for a run of numbers which arrived, in steps of 250 us. Here are the
 * receiver's notebook with its writer, and the reader of what a peer tells. */
#ifndef WR_BWE_TWCC_H
#define WR_BWE_TWCC_H

#include "base/io.h"
#include "wr/types.h"

#define WR_TWCC_TICK_US 250
#define WR_TWCC_WINDOW 256     /* numbers kept by a receiver, and at most told at once; a power of two */
#define WR_TWCC_PACKET_MAX 640 /* bytes of the largest packet written */
#define WR_TWCC_STATUS_MAX                                                               \
  2048 /* numbers of one packet that are read; more is malformed: nobody sends that many \
        */

/* ---- what a peer tells ---- */

typedef struct wr_twcc_status {
  uint16_t seq;
  bool received;
  wr_time at; /* when received: in microseconds of the peer's clock, modulo 2^24 * 64 ms */
} wr_twcc_status;

typedef struct wr_twcc_reader {
  wr_reader chunks, deltas;
  uint16_t seq, n_left; /* numbers still to be told */
  uint16_t chunk;
  unsigned n_in_chunk, i_in_chunk;
  wr_time at;
  uint8_t n_feedback; /* counts the peer's feedback packets, modulo 256 */
  bool failed;
} wr_twcc_reader;

/* |body|: of the feedback packet, behind the two SSRCs; borrowed. false: malformed, nothing may be read. */
WR_NODISCARD bool wr_twcc_open(wr_twcc_reader *r, wr_bytes body);
/* The next number. false: no more, or malformed: then |failed| is set. */
bool wr_twcc_next(wr_twcc_reader *r, wr_twcc_status *status);

/* ---- what we tell ---- */

typedef struct wr_twcc_arrivals {
  bool started, waiting; /* |waiting|: something has arrived since the last packet written */
  uint16_t next, newest; /* the first number to be told, and the last */
  uint8_t n_feedback;    /* packets written */
  uint8_t present[WR_TWCC_WINDOW / 8];
  uint32_t tick[WR_TWCC_WINDOW]; /* arrival in steps of 250 us, modulo 2^32, as the wire's reference time */
} wr_twcc_arrivals;

void wr_twcc_arrivals_init(wr_twcc_arrivals *arrivals);
/* Packet |seq| has arrived. One older than what was told last is told again with all after it; one that is older
 * than the window is forgotten. */
void wr_twcc_arrived(wr_twcc_arrivals *arrivals, uint16_t seq, wr_time now);
/* Appends one RTCP packet about everything since the last one, at most WR_TWCC_PACKET_MAX bytes; nothing if nothing
 * has arrived. |ssrc|: ours, |media_ssrc|: of any source of the peer's. What does not fit (a pause of more than 8 s
 * between two packets) is for the next call: |waiting| is then still set. */
void wr_twcc_write(wr_twcc_arrivals *arrivals, wr_writer *w, uint32_t ssrc, uint32_t media_ssrc);

#endif
