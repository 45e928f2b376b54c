/* sim/rate_call.h - the sending half of a call, packet by packet over one link, and what its sender is told of it.
 *
 * A sim_rate_call is a value: a copy of it tries what would have been (the oracle does). Voice has a fixed packet
 * time and pauses in which Opus needs a third of the bits; video frames vary by a fifth and are paced over 2/5 of
 * their time; a packet every 400 ms stands for pings, checks and reports. Headers: IP, UDP (the link adds them),
 * RTP, 10 bytes of SRTP tag, 8 of extensions. Left out: retransmission, key frames, encoders that miss their
 * target. */
#ifndef SIM_RATE_CALL_H
#define SIM_RATE_CALL_H

#include "manager/bitrate.h"
#include "sim/link.h"
#include "sim/rate_score.h"
#include "sim/rate_trace.h"

/* ---- what the sender is told ---- */

#define SIM_RATE_PENDING 4096

typedef struct sim_rate_arrival {
  wr_time sent_at, arrive_at;
  uint32_t seq, bytes;
  int kind; /* 0 audio, 1 video, 2 the packet that measures RTT */
} sim_rate_arrival;

/* The other end: counts what has arrived, says so once a second, 300 ms before the sender looks. Its estimate of
 * the way out stands in for Google congestion control (draft-ietf-rmcat-gcc-02): on a growing delay 0.85 of what
 * arrived, else 8 % a second more, never above 1.5 times what arrived and 10 kbit/s; much loss lowers it. */
typedef struct sim_rate_receiver {
  sim_rate_arrival pending[SIM_RATE_PENDING]; /* in flight, in order of arrival */
  uint32_t first, n;
  uint32_t highest[2], received[2]; /* audio, video; |highest|: next sequence number */
  uint32_t last_highest[2], last_received[2];
  double loss, rtt_ms; /* as reported; -1 not known */
  double estimate_bps, acked_bps, tick_delay_ms;
  int n_growing;
  sim_rng rng; /* of the way back */
} sim_rate_receiver;

void sim_rate_receiver_init(sim_rate_receiver *r, uint64_t seed);

/* ---- the sender ---- */

typedef struct sim_rate_call {
  const sim_link_profile *up; /* borrowed: SIM_RATE_SECONDS of them; the last one goes on for ever */
  sim_link link;              /* everything but the rate, whose changes reach what is already queued */
  wr_time busy_until;         /* the last bit of everything queued has left */
  sim_rng frames, talk;
  wr_time now; /* the next second begins here */
  wr_time audio_at, report_at, frame_at, piece_at, piece_gap, frame_sent_at, talk_until;
  bool has_camera, talking, frame_broken, piece_waits;
  uint32_t n_pieces, frame_bytes, frame_left, seq[2];
  int fate[2]; /* of the last two audio packets: 0 arrived, 1 lost, 2 repaired by FEC, -1 none yet */
  bool in_run;
  double out_bits; /* of the last second, without headers */
} sim_rate_call;

void sim_rate_call_init(sim_rate_call *call, const sim_link_profile up[SIM_RATE_SECONDS], bool has_camera,
                        uint64_t seed);
/* One second with |sender|. |receiver| may be NULL: nobody is told. */
void sim_rate_call_second(sim_rate_call *call, const mgr_sender *sender, sim_rate_receiver *receiver,
                          sim_rate_second *out);
/* A ping with |bytes| of ballast leaves now, before the second; returns how long its answer takes, in ms. A lost
 * piece is sent again after a second. */
double sim_rate_call_ping(sim_rate_call *call, uint32_t bytes);
/* Score of that second, 0..1: voice alone, or 3/4 voice and 1/4 video. */
double sim_rate_call_score(const sim_rate_call *call, const mgr_sender *sender, const sim_rate_second *second);

#endif
