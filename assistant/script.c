/* assistant/script.c - see script.h. The tone is made of one packet, repeated: Opus packets stand alone well enough
 * for a tone, and nothing is encoded while something is measured. */
#include "assistant/script.h"

#include <math.h>
#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FRAME_MAX = AS_SPEECH_RATE / 1000 * 60, PACKET_MAX = 400 };

void as_script_hear(as_job *job) { snprintf(job->heard.text, sizeof job->heard.text, "hello"); }

/* One packet of 300 Hz. 0: no encoder. */
static int encode_tone(uint8_t packet[PACKET_MAX], unsigned frame_ms) {
  int error, len = 0, n = (int)(AS_SPEECH_RATE / 1000 * frame_ms);
  float samples[N_FRAME_MAX];
  OpusEncoder *encoder = opus_encoder_create(AS_SPEECH_RATE, 1, OPUS_APPLICATION_AUDIO, &error);
  if (!encoder) return 0;
  for (int i = 0; i < n; i++) samples[i] = 0.3f * sinf(6.2831853f * 300.0f * (float)i / AS_SPEECH_RATE);
  for (int i = 0; i < 3; i++) len = opus_encode_float(encoder, samples, n, packet, PACKET_MAX);
  opus_encoder_destroy(encoder);
  return len > 0 ? len : 0;
}

void as_script_speak(as_job *job) {
  uint8_t packet[PACKET_MAX];
  uint16_t len = (uint16_t)encode_tone(packet, job->frame_ms);
  size_t n = AS_SCRIPT_MS / job->frame_ms;
  job->speech.packets = len ? malloc(n * (2u + len)) : NULL;
  job->failed = !job->speech.packets;
  if (job->failed) return;
  for (size_t i = 0; i < n; i++) {
    uint8_t *at = job->speech.packets + i * (2u + len);
    memcpy(at, &len, 2);
    memcpy(at + 2, packet, len);
  }
  job->speech.n_packets = n;
  job->speech.bytes = n * (2u + len);
}
