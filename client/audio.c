/* client/audio.c - see audio.h. Files are read whole: they are a few seconds of speech. */
#include "client/audio.h"

#include <math.h>
#include <opus/opus.h>
#include <opus/opusfile.h>
#include <speex/speex_resampler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_HZ 48000
#define MAX_FILE_BYTES (64u << 20)
#define MAX_GAP_SAMPLES (10 * RATE_HZ) /* a longer silence between packets is not written out */
#define LOUD_RMS (32768.0 * 0.0056)    /* -45 dBFS */

typedef struct samples {
  int16_t *data; /* mono, owned */
  size_t n;
  unsigned rate_hz;
} samples;

static uint32_t le32(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static uint16_t le16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

static uint8_t *read_whole(const char *path, size_t *len) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  uint8_t *bytes = malloc(MAX_FILE_BYTES);
  *len = bytes ? fread(bytes, 1, MAX_FILE_BYTES, file) : 0;
  fclose(file);
  return bytes;
}

static bool mix_to_mono(samples *out, const uint8_t *pcm, size_t bytes, unsigned channels) {
  out->n = bytes / 2 / channels;
  out->data = malloc((out->n + 1) * sizeof *out->data);
  if (!out->data) return false;
  for (size_t i = 0; i < out->n; i++) {
    int32_t sum = 0;
    for (unsigned c = 0; c < channels; c++) sum += (int16_t)le16(pcm + 2 * (i * channels + c));
    out->data[i] = (int16_t)(sum / (int32_t)channels);
  }
  return true;
}

static bool wav_parse(samples *out, const uint8_t *file, size_t len, const char **why) {
  *why = "not a WAV file of 16-bit PCM";
  if (len < 12 || memcmp(file, "RIFF", 4) || memcmp(file + 8, "WAVE", 4)) return false;
  unsigned channels = 0, bits = 0;
  for (size_t at = 12; at + 8 <= len;) {
    size_t size = le32(file + at + 4), left = len - at - 8;
    if (size > left) size = left; /* a streamed file names no length */
    const uint8_t *body = file + at + 8;
    if (!memcmp(file + at, "fmt ", 4) && size >= 16) {
      channels = le16(body + 2);
      out->rate_hz = le32(body + 4);
      bits = le16(body + 14);
    } else if (!memcmp(file + at, "data", 4)) {
      if (bits != 16 || channels < 1 || channels > 8 || out->rate_hz < 4000 || out->rate_hz > 192000) return false;
      *why = "out of memory";
      return mix_to_mono(out, body, size, channels);
    }
    at += 8 + size + (size & 1);
  }
  return false;
}

static bool opus_parse(samples *out, const uint8_t *file, size_t len, const char **why) {
  *why = "not an Ogg Opus file";
  OggOpusFile *opus = op_open_memory(file, len, NULL);
  if (!opus) return false;
  ogg_int64_t total = op_pcm_total(opus, -1);
  size_t cap = total > 0 ? (size_t)total + 5760 : 0;
  int16_t *stereo = malloc((5760 * 2) * sizeof *stereo);
  out->data = cap ? malloc(cap * sizeof *out->data) : NULL;
  out->rate_hz = RATE_HZ;
  int n;
  while (stereo && out->data && (n = op_read_stereo(opus, stereo, 5760 * 2)) > 0) {
    for (int i = 0; i < n && out->n < cap; i++)
      out->data[out->n++] = (int16_t)((stereo[2 * i] + stereo[2 * i + 1]) / 2);
  }
  free(stereo);
  op_free(opus);
  return out->data != NULL;
}

static bool to_48k(samples *s, const char **why) {
  if (s->rate_hz == RATE_HZ) return true;
  *why = "cannot resample";
  int err;
  SpeexResamplerState *resampler = speex_resampler_init(1, s->rate_hz, RATE_HZ, 5, &err);
  if (!resampler) return false;
  spx_uint32_t n_in = (spx_uint32_t)s->n, n_out = (spx_uint32_t)((uint64_t)s->n * RATE_HZ / s->rate_hz + 64);
  int16_t *out = malloc(n_out * sizeof *out);
  bool ok = out && speex_resampler_process_int(resampler, 0, s->data, &n_in, out, &n_out) == RESAMPLER_ERR_SUCCESS;
  speex_resampler_destroy(resampler);
  free(s->data);
  s->data = out;
  s->n = n_out;
  s->rate_hz = RATE_HZ;
  return ok;
}

static OpusEncoder *voice_encoder(void) {
  int err;
  OpusEncoder *encoder = opus_encoder_create(RATE_HZ, 1, OPUS_APPLICATION_VOIP, &err);
  if (encoder) opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
  return encoder;
}

static bool encode(client_track *track, const samples *s) {
  OpusEncoder *encoder = voice_encoder();
  track->n = (s->n + CLIENT_FRAME_SAMPLES - 1) / CLIENT_FRAME_SAMPLES;
  track->packet = calloc(track->n + 1, sizeof *track->packet);
  bool ok = encoder && track->packet;
  for (size_t i = 0; ok && i < track->n; i++) {
    int16_t frame[CLIENT_FRAME_SAMPLES] = {0};
    size_t at = i * CLIENT_FRAME_SAMPLES, n = s->n - at < CLIENT_FRAME_SAMPLES ? s->n - at : CLIENT_FRAME_SAMPLES;
    memcpy(frame, s->data + at, n * sizeof *frame);
    opus_int32 len = opus_encode(encoder, frame, CLIENT_FRAME_SAMPLES, track->packet[i].bytes, CLIENT_PACKET_MAX);
    ok = len > 0;
    track->packet[i].len = (uint16_t)(ok ? len : 0);
  }
  if (encoder) opus_encoder_destroy(encoder);
  return ok;
}

bool client_track_read(client_track *track, const char *path, const char **why) {
  *track = (client_track){0};
  *why = "cannot be opened";
  size_t len;
  uint8_t *file = read_whole(path, &len);
  if (!file) return false;
  samples s = {0};
  bool ok = len >= 4 && !memcmp(file, "OggS", 4) ? opus_parse(&s, file, len, why) : wav_parse(&s, file, len, why);
  free(file);
  ok = ok && to_48k(&s, why);
  if (ok) {
    *why = "cannot be encoded";
    ok = encode(track, &s);
  }
  free(s.data);
  if (!ok) client_track_free(track);
  return ok;
}

bool client_track_tone(client_track *track, unsigned seconds) {
  samples s = {.n = (size_t)seconds * RATE_HZ, .rate_hz = RATE_HZ};
  s.data = malloc(s.n * sizeof *s.data);
  for (size_t i = 0; s.data && i < s.n; i++)
    s.data[i] = (int16_t)(8000 * sin(2 * M_PI * 440 * (double)i / RATE_HZ));
  bool ok = s.data && encode(track, &s);
  free(s.data);
  return ok;
}

bool client_track_silence(client_packet *packet) {
  static const int16_t zeros[CLIENT_FRAME_SAMPLES];
  OpusEncoder *encoder = voice_encoder();
  opus_int32 len = 0;
  /* The third packet is what a running encoder makes of silence. */
  for (int i = 0; encoder && i < 3; i++)
    len = opus_encode(encoder, zeros, CLIENT_FRAME_SAMPLES, packet->bytes, CLIENT_PACKET_MAX);
  if (encoder) opus_encoder_destroy(encoder);
  packet->len = (uint16_t)(len > 0 ? len : 0);
  return len > 0;
}

void client_track_free(client_track *track) {
  free(track->packet);
  *track = (client_track){0};
}

/* ---- what is heard ---- */

struct client_recorder {
  OpusDecoder *decoder;
  FILE *file; /* NULL: measure only */
  bool started, failed;
  uint32_t next_timestamp;
  uint64_t n_samples, n_written, n_loud;
};

static void put_le(uint8_t *at, uint32_t v, int n_bytes) {
  for (int i = 0; i < n_bytes; i++) at[i] = (uint8_t)(v >> 8 * i);
}

static bool write_header(FILE *file, uint64_t n_samples) {
  uint8_t h[44] = "RIFF....WAVEfmt ";
  uint32_t bytes = (uint32_t)(n_samples * 2);
  put_le(h + 4, 36 + bytes, 4);
  put_le(h + 16, 16, 4);
  put_le(h + 20, 1, 2); /* PCM */
  put_le(h + 22, 1, 2);
  put_le(h + 24, RATE_HZ, 4);
  put_le(h + 28, RATE_HZ * 2, 4);
  put_le(h + 32, 2, 2);
  put_le(h + 34, 16, 2);
  memcpy(h + 36, "data", 4);
  put_le(h + 40, bytes, 4);
  return fseek(file, 0, SEEK_SET) == 0 && fwrite(h, 1, sizeof h, file) == sizeof h;
}

client_recorder *client_recorder_open(const char *path, const char **why) {
  int err;
  client_recorder *r = calloc(1, sizeof *r);
  *why = "out of memory";
  if (!r) return NULL;
  r->decoder = opus_decoder_create(RATE_HZ, 1, &err);
  r->file = path ? fopen(path, "wb") : NULL;
  if (!r->decoder || (path && !(r->file && write_header(r->file, 0)))) {
    *why = path ? "cannot be written" : "no Opus decoder";
    if (r->decoder) opus_decoder_destroy(r->decoder);
    if (r->file) fclose(r->file);
    free(r);
    return NULL;
  }
  return r;
}

static void write_samples(client_recorder *r, const int16_t *pcm, size_t n) {
  if (!r->file) return;
  for (size_t i = 0; i < n; i++) {
    uint8_t bytes[2];
    put_le(bytes, (uint16_t)pcm[i], 2);
    if (fwrite(bytes, 1, 2, r->file) != 2) r->failed = true;
  }
  r->n_written += n;
}

static void write_gap(client_recorder *r, uint32_t timestamp) {
  static const int16_t zeros[CLIENT_FRAME_SAMPLES];
  int32_t gap = (int32_t)(timestamp - r->next_timestamp);
  if (!r->started || gap <= 0 || gap > MAX_GAP_SAMPLES) return;
  for (; gap > 0; gap -= CLIENT_FRAME_SAMPLES)
    write_samples(r, zeros, gap < CLIENT_FRAME_SAMPLES ? (size_t)gap : CLIENT_FRAME_SAMPLES);
}

void client_recorder_add(client_recorder *r, const uint8_t *packet, size_t len, uint32_t timestamp) {
  int16_t pcm[5760];
  int n = opus_decode(r->decoder, packet, (opus_int32)len, pcm, 5760, 0);
  if (n <= 0) return;
  write_gap(r, timestamp);
  write_samples(r, pcm, (size_t)n);
  double energy = 0;
  for (int i = 0; i < n; i++) energy += (double)pcm[i] * pcm[i];
  if (sqrt(energy / n) > LOUD_RMS) r->n_loud += (uint64_t)n;
  r->n_samples += (uint64_t)n;
  r->started = true;
  r->next_timestamp = timestamp + (uint32_t)n;
}

double client_recorder_seconds(const client_recorder *r) { return (double)r->n_samples / RATE_HZ; }
double client_recorder_loud_seconds(const client_recorder *r) { return (double)r->n_loud / RATE_HZ; }

bool client_recorder_close(client_recorder *r) {
  if (!r) return true;
  bool ok = !r->failed;
  if (r->file) {
    ok = write_header(r->file, r->n_written) && ok;
    ok = fclose(r->file) == 0 && ok;
  }
  opus_decoder_destroy(r->decoder);
  free(r);
  return ok;
}
