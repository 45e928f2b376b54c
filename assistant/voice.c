/* assistant/voice.c - flite or espeak-ng, then 24 kHz, then Opus. Thread-safe: flite is used under a lock. */
#include "assistant/voice.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <flite/flite.h>
#include <opus/opus.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "assistant/resample.h"

enum { BIT_RATE = 24000, COMPLEXITY = 5, PACKET_MAX = 1275, CHILD_MS = 6000, WAV_MAX = 4 << 20 };

/* ---- flite ---- */

static pthread_mutex_t flite_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  bool tried;
  cst_voice *voice;
  __typeof__(flite_text_to_wave) *text_to_wave;
  __typeof__(delete_wave) *delete_wave;
} english;

static void *symbol(void *library, const char *name) { return library ? dlsym(library, name) : NULL; }

/* Loaded once and kept: a voice cannot be given back to flite. */
static void load_flite(void) {
  int (*init)(void);
  cst_voice *(*open_voice)(const char *);
  english.tried = true;
  void *library = dlopen("libflite_cmu_us_slt.so.1", RTLD_NOW | RTLD_LOCAL);
  void *found[] = {symbol(library, "flite_init"), symbol(library, "register_cmu_us_slt"),
                   symbol(library, "flite_text_to_wave"), symbol(library, "delete_wave")};
  for (size_t i = 0; i < sizeof found / sizeof found[0]; i++)
    if (!found[i]) return;
  memcpy(&init, &found[0], sizeof init);
  memcpy(&open_voice, &found[1], sizeof open_voice);
  memcpy(&english.text_to_wave, &found[2], sizeof found[2]);
  memcpy(&english.delete_wave, &found[3], sizeof found[3]);
  init();
  english.voice = open_voice(NULL);
}

static int16_t *speak_english(const char *text, size_t *n, unsigned *rate, char *error, size_t cap) {
  int16_t *samples = NULL;
  pthread_mutex_lock(&flite_lock);
  if (!english.tried) load_flite();
  cst_wave *wave = english.voice ? english.text_to_wave(text, english.voice) : NULL;
  if (wave && wave->num_samples > 0) {
    *n = (size_t)wave->num_samples;
    *rate = (unsigned)wave->sample_rate;
    samples = malloc(*n * sizeof *samples);
    if (samples) memcpy(samples, wave->samples, *n * sizeof *samples);
  }
  if (wave) english.delete_wave(wave);
  pthread_mutex_unlock(&flite_lock);
  if (!samples) snprintf(error, cap, "flite with the voice cmu_us_slt cannot be used");
  return samples;
}

/* ---- espeak-ng ---- */

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Starts the program with |text| as an argument and its output in |*from|. */
static pid_t start_child(const char *voice, const char *text, int *from) {
  char *const argv[] = {(char[]){"espeak-ng"},
                        (char[]){"--stdout"},
                        (char[]){"-v"},
                        strdup(voice),
                        (char[]){"--"},
                        strdup(text),
                        NULL};
  int out[2];
  pid_t child = -1;
  if (argv[3] && argv[5] && pipe2(out, O_CLOEXEC) == 0) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    extern char **environ;
    if (posix_spawnp(&child, argv[0], &actions, NULL, argv, environ)) child = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    *from = out[0];
    if (child < 0) close(out[0]);
  }
  free(argv[3]);
  free(argv[5]);
  return child;
}

/* Everything the child says until it ends, at most WAV_MAX bytes within CHILD_MS. */
static uint8_t *read_child(int from, size_t *len) {
  uint8_t *bytes = malloc(WAV_MAX);
  int64_t deadline = now_ms() + CHILD_MS;
  *len = 0;
  while (bytes && *len < WAV_MAX) {
    int64_t left = deadline - now_ms();
    struct pollfd p = {.fd = from, .events = POLLIN};
    int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
    if (ready < 0 && errno == EINTR) continue;
    ssize_t n = ready > 0 ? read(from, bytes + *len, WAV_MAX - *len) : -1;
    if (n == 0) return bytes;
    if (n < 0) break;
    *len += (size_t)n;
  }
  free(bytes);
  return NULL;
}

/* The samples of a WAV of 16-bit mono, whose sizes a pipe leaves unset. */
static int16_t *wav_samples(const uint8_t *wav, size_t len, size_t *n, unsigned *rate) {
  if (len <= 44 || memcmp(wav, "RIFF", 4) || memcmp(wav + 8, "WAVE", 4)) return NULL;
  *rate = (unsigned)(wav[24] | wav[25] << 8 | wav[26] << 16);
  *n = (len - 44) / 2;
  int16_t *samples = *n && *rate >= 8000 && *rate <= 48000 ? malloc(*n * sizeof *samples) : NULL;
  if (samples) memcpy(samples, wav + 44, *n * sizeof *samples);
  return samples;
}

static int16_t *speak_by_child(const char *voice, const char *text, size_t *n, unsigned *rate, char *error,
                               size_t cap) {
  int from = -1;
  pid_t child = start_child(voice, text, &from);
  if (child < 0) {
    snprintf(error, cap, "espeak-ng cannot be started");
    return NULL;
  }
  size_t len;
  uint8_t *wav = read_child(from, &len);
  close(from);
  if (!wav) kill(child, SIGKILL);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  int16_t *samples = wav ? wav_samples(wav, len, n, rate) : NULL;
  free(wav);
  if (!samples) snprintf(error, cap, "espeak-ng said nothing");
  return samples;
}

int16_t *as_voice_samples(as_language language, const char *text, size_t *n, unsigned *rate, char *error,
                          size_t cap) {
  switch (language) {
    case AS_ENGLISH: return speak_english(text, n, rate, error, cap);
    case AS_CHINESE: return speak_by_child("cmn", text, n, rate, error, cap);
    case AS_VIETNAMESE: return speak_by_child("vi", text, n, rate, error, cap);
  }
  return NULL;
}

/* ---- Opus ---- */

static bool encode(OpusEncoder *encoder, const int16_t *samples, size_t n, size_t frame, as_speech *speech) {
  size_t n_frames = (n + frame - 1) / frame;
  speech->packets = malloc(n_frames * (PACKET_MAX + 2) + 1);
  int16_t *last = calloc(frame, sizeof *last);
  bool fine = speech->packets && last;
  for (size_t at = 0; fine && at < n; at += frame) {
    const int16_t *from = samples + at;
    if (n - at < frame) {
      memcpy(last, from, (n - at) * sizeof *last);
      from = last;
    }
    uint8_t *packet = speech->packets + speech->bytes;
    int len = opus_encode(encoder, from, (int)frame, packet + 2, PACKET_MAX);
    fine = len > 0;
    if (!fine) break;
    memcpy(packet, &(uint16_t){(uint16_t)len}, 2);
    speech->bytes += (size_t)len + 2;
    speech->n_packets++;
  }
  free(last);
  return fine;
}

bool as_voice_pack(const int16_t *samples, size_t n, unsigned rate, unsigned frame_ms, as_speech *speech,
                   char *error, size_t cap) {
  *speech = (as_speech){0};
  size_t n_out = as_resample_length(n, rate, AS_SPEECH_RATE);
  int16_t *out = malloc((n_out + 1) * sizeof *out);
  int failed;
  OpusEncoder *encoder = opus_encoder_create(AS_SPEECH_RATE, 1, OPUS_APPLICATION_VOIP, &failed);
  bool fine = out && encoder;
  if (fine) {
    as_resample(out, AS_SPEECH_RATE, samples, n, rate);
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(BIT_RATE));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(COMPLEXITY));
    fine = encode(encoder, out, n_out, AS_SPEECH_RATE / 1000 * frame_ms, speech);
  }
  if (encoder) opus_encoder_destroy(encoder);
  free(out);
  if (fine) return true;
  as_speech_free(speech);
  snprintf(error, cap, "speech cannot be encoded");
  return false;
}

bool as_voice_speak(as_language language, const char *text, unsigned frame_ms, as_speech *speech, char *error,
                    size_t cap) {
  size_t n;
  unsigned rate;
  *speech = (as_speech){0};
  int16_t *samples = as_voice_samples(language, text, &n, &rate, error, cap);
  if (!samples) return false;
  bool fine = as_voice_pack(samples, n, rate, frame_ms, speech, error, cap);
  free(samples);
  return fine;
}

void as_speech_free(as_speech *speech) {
  free(speech->packets);
  *speech = (as_speech){0};
}
