/* gateway/pcm.c - libopus at the caller's end. The encoder is set for speech: constrained to 24 kbit/s, no DTX (the
 * uplink fills silence by itself and the assistant finds the end of speech in what it hears). */
#include "gateway/pcm.h"

#include <math.h>
#include <opus/opus.h>
#include <stdlib.h>

#define UP_SAMPLES (GW_PCM_UP_BYTES / 2)
#define DOWN_SAMPLES_MAX (GW_PCM_DOWN_MAX / 2)
#define COMPLEXITY 5

struct gw_pcm {
  OpusEncoder *encoder;
  OpusDecoder *decoder;
};

gw_pcm *gw_pcm_open(void) {
  gw_pcm *pcm = calloc(1, sizeof(*pcm));
  if (!pcm) return NULL;
  pcm->encoder = opus_encoder_create(GW_PCM_UP_HZ, 1, OPUS_APPLICATION_VOIP, NULL);
  pcm->decoder = opus_decoder_create(GW_PCM_DOWN_HZ, 1, NULL);
  if (!pcm->encoder || !pcm->decoder) {
    gw_pcm_close(pcm);
    return NULL;
  }
  opus_encoder_ctl(pcm->encoder, OPUS_SET_BITRATE(GW_PCM_UP_BITRATE));
  opus_encoder_ctl(pcm->encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
  opus_encoder_ctl(pcm->encoder, OPUS_SET_COMPLEXITY(COMPLEXITY));
  return pcm;
}

void gw_pcm_close(gw_pcm *pcm) {
  if (!pcm) return;
  if (pcm->encoder) opus_encoder_destroy(pcm->encoder);
  if (pcm->decoder) opus_decoder_destroy(pcm->decoder);
  free(pcm);
}

static int16_t sample_at(const uint8_t *bytes) { return (int16_t)(uint16_t)(bytes[0] | bytes[1] << 8); }

static uint8_t level_of(double energy) {
  double mean = energy / UP_SAMPLES / (32768.0 * 32768.0);
  double dbov = mean > 1e-13 ? -10 * log10(mean) : 127;
  return (uint8_t)(dbov > 127 ? 127 : dbov);
}

size_t gw_pcm_encode(gw_pcm *pcm, const uint8_t piece[GW_PCM_UP_BYTES], uint8_t opus[GW_PCM_OPUS_MAX],
                     uint8_t *level_dbov) {
  int16_t samples[UP_SAMPLES];
  double energy = 0;
  for (size_t i = 0; i < UP_SAMPLES; i++) {
    samples[i] = sample_at(piece + 2 * i);
    energy += (double)samples[i] * samples[i];
  }
  *level_dbov = level_of(energy);
  opus_int32 len = opus_encode(pcm->encoder, samples, UP_SAMPLES, opus, GW_PCM_OPUS_MAX);
  return len > 0 ? (size_t)len : 0;
}

size_t gw_pcm_decode(gw_pcm *pcm, wr_bytes opus, uint8_t out[GW_PCM_DOWN_MAX]) {
  int16_t samples[DOWN_SAMPLES_MAX];
  if (!opus.len || opus.len > INT32_MAX) return 0; /* libopus would take it for a loss */
  int n = opus_decode(pcm->decoder, opus.data, (opus_int32)opus.len, samples, DOWN_SAMPLES_MAX, 0);
  for (int i = 0; i < n; i++) {
    out[2 * i] = (uint8_t)((uint16_t)samples[i] & 0xff);
    out[2 * i + 1] = (uint8_t)((uint16_t)samples[i] >> 8);
  }
  return n > 0 ? 2 * (size_t)n : 0;
}

void gw_pcm_interrupt(gw_pcm *pcm) { opus_decoder_ctl(pcm->decoder, OPUS_RESET_STATE); }
