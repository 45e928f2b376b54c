/* sim/rate_score.h - how good one second of a call was: 0..1, from what arrived, when, and how it was coded.
 *
 * Voice, by the E-model (ITU-T G.107, in the shape of Cole and Rosenbluth):
 *   R   = 93.2 - Id - Ie - (95 - Ie) * P / (P / B + Bpl)
 *   Id  = 0.024 d + 0.11 (d - 177.3) if d > 177.3          d one way in ms, mouth to ear
 *   MOS = 1 + 0.035 R + 7e-6 R (R - 60) (100 - R)          1 .. 4.5
 *   Ie by bitrate, linear in log2(bit/s) between 6000: 36, 8000: 28, 12000: 17, 16000: 11, 24000: 5, 32000: 2,
 *   40000 and more: 1 (narrowband, wideband, superwideband and fullband Opus; no agreed table exists, these keep
 * the order and the distances of published listening tests). In-band FEC takes a fifth of the bits. P in per cent:
 * packets neither received nor repaired; one repaired by FEC counts a quarter (it is coarse), one by a RED copy not
 * at all. B: mean run of losses against random loss, 1 .. 4. Bpl 10 at 20 ms a packet, 8 at 40, 6 at 60: a longer
 * hole is harder to hide. d = way of the packets (mean and twice the mean deviation: the jitter buffer) + packet
 * time (twice with FEC or RED, which wait for the next packet) + 60 ms of devices, codec and buffer. voice = (MOS -
 * 1) / 3.5
 *
 * Video: log(1 + g / 50k) / log(1 + 1M / 50k) * (1 - broken)^2 * max(0, 1 - max(0, d - 150 ms) / 850 ms)
 *   g bit/s in whole frames, broken: share of frames with a hole; 0 without frames.
 *
 * Call: voice alone, or 3/4 voice + 1/4 video. A run's score is 100 times the mean over its seconds. */
#ifndef SIM_RATE_SCORE_H
#define SIM_RATE_SCORE_H

#include <stdbool.h>
#include <stdint.h>

/* What became of one second. */
typedef struct sim_rate_second {
  uint32_t n_audio, n_lost, n_by_fec, n_runs; /* |n_lost|: for good; |n_runs|: of them in a row */
  double delay_sum_ms, delay_n;               /* of audio packets that arrived */
  double delays_ms[128];                      /* the first of them, for the deviation */
  uint32_t n_frames, n_broken;
  double frame_bits, frame_delay_sum_ms; /* of whole frames */
} sim_rate_second;

double sim_rate_voice(const sim_rate_second *s, double audio_bps, double ptime_ms, bool fec, int copies);
double sim_rate_video(const sim_rate_second *s);

#endif
