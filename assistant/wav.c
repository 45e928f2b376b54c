/* assistant/wav.c - RIFF/WAVE, PCM of 16 bits; chunks other than "fmt " and "data" are skipped. */
#include "assistant/wav.h"

#include <stdlib.h>
#include <string.h>

static void put(uint8_t *at, uint32_t value, unsigned n_bytes) {
  for (unsigned i = 0; i < n_bytes; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get(const uint8_t *at, unsigned n_bytes) {
  uint32_t value = 0;
  for (unsigned i = 0; i < n_bytes; i++) value |= (uint32_t)at[i] << 8 * i;
  return value;
}

void as_wav_head(uint8_t head[AS_WAV_HEAD], size_t n, unsigned rate) {
  memcpy(head, "RIFF....WAVEfmt ", 16);
  put(head + 4, (uint32_t)(2 * n + 36), 4);
  put(head + 16, 16, 4);
  put(head + 20, 1, 2);
  put(head + 22, 1, 2);
  put(head + 24, rate, 4);
  put(head + 28, 2 * rate, 4);
  put(head + 32, 2, 2);
  put(head + 34, 16, 2);
  memcpy(head + 36, "data", 4);
  put(head + 40, (uint32_t)(2 * n), 4);
}

static as_wav_result take_samples(const uint8_t *at, size_t len, unsigned n_channels, int16_t **samples,
                                  size_t *n) {
  *n = len / (2 * n_channels);
  if (!*n) return AS_WAV_CUT;
  *samples = malloc(*n * sizeof **samples);
  if (!*samples) return AS_WAV_OTHER;
  for (size_t i = 0; i < *n; i++) {
    int sum = 0;
    for (unsigned c = 0; c < n_channels; c++) sum += (int16_t)get(at + 2 * (i * n_channels + c), 2);
    (*samples)[i] = (int16_t)(sum / (int)n_channels);
  }
  return AS_WAV_OK;
}

as_wav_result as_wav_read(wr_bytes wav, int16_t **samples, size_t *n, unsigned *rate) {
  unsigned n_channels = 0;
  if (wav.len < 12) return wav.len < 4 || !memcmp(wav.data, "RIFF", 4) ? AS_WAV_CUT : AS_WAV_OTHER;
  if (memcmp(wav.data, "RIFF", 4) || memcmp(wav.data + 8, "WAVE", 4)) return AS_WAV_OTHER;
  for (size_t at = 12; wav.len - at >= 8;) {
    const uint8_t *chunk = wav.data + at;
    size_t size = get(chunk + 4, 4), left = wav.len - at - 8;
    if (!memcmp(chunk, "data", 4)) {
      if (!n_channels) return AS_WAV_OTHER;
      bool open = size == 0 || size >= 0x7fffffff;
      if (!open && size > left) return AS_WAV_CUT;
      return take_samples(chunk + 8, open ? left : size, n_channels, samples, n);
    }
    if (size > left) return AS_WAV_CUT;
    if (!memcmp(chunk, "fmt ", 4)) {
      if (size < 16) return AS_WAV_OTHER;
      uint32_t format = get(chunk + 8, 2);
      n_channels = get(chunk + 10, 2);
      *rate = get(chunk + 12, 4);
      bool fits = (format == 1 || format == 0xfffe) && get(chunk + 22, 2) == 16 && n_channels >= 1 &&
                  n_channels <= 2 && *rate >= 8000 && *rate <= 48000;
      if (!fits) return AS_WAV_OTHER;
    }
    at += 8 + size + (size & 1);
    if (at > wav.len) break;
  }
  return AS_WAV_CUT;
}
