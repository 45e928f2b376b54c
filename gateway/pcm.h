/* gateway/pcm.h - samples for a caller whose browser has no WebRTC, and so neither Opus nor a jitter buffer: the
 * place where sound is decoded and encoded for everybody of a kind (clean.h: for who asks). Samples are signed 16
 * bit, little-endian, mono.
 *
 * A caller's pieces of 20 ms at 16 kHz become Opus packets of 20 ms; the assistant's packets become samples at 24
 * kHz. Some 40 KB per caller, allocated; about 0.2 ms of processor time per 20 ms. One thread. */
#ifndef GATEWAY_PCM_H
#define GATEWAY_PCM_H

#include "wr/types.h"

#define GW_PCM_UP_HZ 16000
#define GW_PCM_UP_BYTES 640 /* 20 ms */
#define GW_PCM_DOWN_HZ 24000
#define GW_PCM_DOWN_BYTES 960 /* 20 ms */
#define GW_PCM_DOWN_MAX 5760  /* bytes of the longest packet there is, 120 ms */
#define GW_PCM_UP_BITRATE 24000
#define GW_PCM_OPUS_MAX 400 /* bytes of a packet we make */

typedef struct gw_pcm gw_pcm;

gw_pcm *gw_pcm_open(void); /* NULL: no memory */
void gw_pcm_close(gw_pcm *pcm);
/* One piece; |*level_dbov|: 0 loudest .. 127 silence (RFC 6464). The packet's length; 0: it could not be made. */
size_t gw_pcm_encode(gw_pcm *pcm, const uint8_t piece[GW_PCM_UP_BYTES], uint8_t opus[GW_PCM_OPUS_MAX],
                     uint8_t *level_dbov);
/* Bytes written to |out|; 0: not an Opus packet. */
size_t gw_pcm_decode(gw_pcm *pcm, wr_bytes opus, uint8_t out[GW_PCM_DOWN_MAX]);
/* What is decoded next does not continue what was decoded. */
void gw_pcm_interrupt(gw_pcm *pcm);

#endif
