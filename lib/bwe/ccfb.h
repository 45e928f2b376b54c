/* bwe/ccfb.h - congestion control feedback of RFC 8888 (RTPFB 11): which packets of each source arrived, and when.
 *
 * What transport-wide feedback (twcc.h) tells by numbers of its own, this tells by the numbers that RTP packets
 * have anyway, in steps of 1/1024 s. Here are the receiver's notebook with its writer, and the reader of what a
 * peer tells. Left out: ECN marks, which we do not see; they are read and written as "not ECN-capable". */
#ifndef WR_BWE_CCFB_H
#define WR_BWE_CCFB_H

#include "base/io.h"
#include "wr/types.h"

#define WR_CCFB_KEPT 96         /* arrivals between two reports */
#define WR_CCFB_SOURCES 4       /* voice, picture, the picture's repairs, and one more */
#define WR_CCFB_RANGE 128       /* numbers of one source told at once: of a longer run the last */
#define WR_CCFB_PACKET_MAX 1084 /* bytes of the largest packet written */
#define WR_CCFB_TOLD_MAX 16384  /* numbers of one source that are read (RFC 8888 3.1); more is malformed */

/* The clock of a report counts 1/65536 s in 32 bits. */
#define WR_CCFB_CLOCK_US ((wr_time)65536 * 1000000)

/* ---- what a peer tells ---- */

typedef struct wr_ccfb_status {
  uint32_t ssrc;
  uint16_t seq;
  bool received;
  wr_time at; /* when received: in microseconds of the peer's clock, modulo WR_CCFB_CLOCK_US; WR_NEVER: not told */
} wr_ccfb_status;

typedef struct wr_ccfb_reader {
  wr_reader blocks;
  uint32_t clock, ssrc; /* |clock|: when the report was made */
  uint16_t seq, n_left; /* of the source being read */
  bool padded;          /* its numbers are odd in number: two bytes follow */
  bool failed;
} wr_ccfb_reader;

/* |body|: of the feedback packet, behind its sender's SSRC; borrowed. false: malformed, nothing may be read. */
WR_NODISCARD bool wr_ccfb_open(wr_ccfb_reader *r, wr_bytes body);
/* The next number. false: no more, or malformed: then |failed| is set. */
bool wr_ccfb_next(wr_ccfb_reader *r, wr_ccfb_status *status);

/* ---- what we tell ---- */

typedef struct wr_ccfb_arrival {
  uint32_t ssrc, clock;
  uint16_t seq;
} wr_ccfb_arrival;

typedef struct wr_ccfb_source {
  uint32_t ssrc;
  uint16_t next; /* the first number not told yet */
  bool known;
} wr_ccfb_source;

typedef struct wr_ccfb_arrivals {
  uint16_t n;
  uint8_t newest_source; /* the one that takes the next place is the oldest */
  wr_ccfb_source source[WR_CCFB_SOURCES];
  wr_ccfb_arrival arrival[WR_CCFB_KEPT];
} wr_ccfb_arrivals;

void wr_ccfb_arrivals_init(wr_ccfb_arrivals *arrivals);
/* Packet |seq| of |ssrc| has arrived. false: nothing more can be noted before wr_ccfb_write; this one was. */
bool wr_ccfb_arrived(wr_ccfb_arrivals *arrivals, uint32_t ssrc, uint16_t seq, wr_time now);
/* Appends one RTCP packet about everything since the last one, at most WR_CCFB_PACKET_MAX bytes; nothing if nothing
 * has arrived. |ssrc|: ours. What came late is told as well; of numbers told between it and newer ones nothing is
 * known any more, which nobody believes after "received". */
void wr_ccfb_write(wr_ccfb_arrivals *arrivals, wr_writer *w, uint32_t ssrc, wr_time now);

#endif
