/* gateway/clean.h - sound cleaned for a caller who cannot do it himself: echo of the loudspeaker taken out of the
 * microphone, noise made less, a quiet voice made louder (libspeexdsp). Only where it is asked for (docs/clean.md):
 * elsewhere speech passes through the gateway without being decoded, as browsers clean it themselves.
 *
 * What the loudspeaker is given is kept for two seconds. How much later the microphone hears it (network, the
 * caller's buffer, the room) is found by comparing how loud both are, 10 ms at a time, over some seconds; then the
 * canceller is given the right piece, and covers what is left of it. 16 kHz, what recognisers are given. Some 180
 * KB per caller, allocated; about 0.3 ms of processor time per 20 ms. One thread. */
#ifndef GATEWAY_CLEAN_H
#define GATEWAY_CLEAN_H

#include "wr/types.h"

#define GW_CLEAN_HZ 16000
#define GW_CLEAN_SAMPLES 160       /* 10 ms: one step */
#define GW_CLEAN_TAIL_MS 200       /* of a room's echo, and what the delay was guessed wrong by */
#define GW_CLEAN_DELAY_MAX_MS 1200 /* between loudspeaker's and microphone's packets here */
#define GW_CLEAN_KEPT_MS 2000
#define GW_CLEAN_BITRATE 32000
#define GW_CLEAN_OPUS_MAX 400 /* bytes of a packet we make */

typedef struct gw_clean_wish {
  bool echo, noise, gain;
} gw_clean_wish;

typedef struct gw_clean gw_clean;

typedef void gw_clean_emit(void *ctx, wr_bytes opus, wr_time now);

/* NULL: no memory. |emit|: takes each packet of 20 ms, borrowed; it must not call back. */
gw_clean *gw_clean_open(gw_clean_wish wish, gw_clean_emit *emit, void *ctx);
void gw_clean_close(gw_clean *clean); /* NULL is fine */

/* The same in samples; |now| is when they were sent, or came. */
void gw_clean_played(gw_clean *clean, const int16_t *samples, size_t n, wr_time now);
/* |n|: whole steps; cleaned in place. */
void gw_clean_heard(gw_clean *clean, int16_t *samples, size_t n, wr_time now);

/* One packet that went to the caller. */
void gw_clean_play(gw_clean *clean, wr_bytes opus, wr_time now);
/* One packet of the caller's after |n_lost| that never came. What is not Opus is dropped. */
void gw_clean_hear(gw_clean *clean, wr_bytes opus, unsigned n_lost, wr_time now);

/* The delay that was found; -1: not yet. */
int gw_clean_delay_ms(const gw_clean *clean);

#endif
