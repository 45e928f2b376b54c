/* assistant/assistant_test.c - the whole assistant over real sockets: speech in, words, answers, speech out. */
#include "assistant/assistant.h"

#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "assistant/test_device.h"
#include "check.h"

enum { LIMIT_MS = 20000 };
static test_device device;

static as_assistant *start(const char *token, unsigned n_sessions) {
  as_assistant_settings settings;
  char error[200];
  as_assistant_settings_default(&settings);
  settings.token = token;
  settings.n_sessions = n_sessions;
  as_assistant *a = as_assistant_start(&settings, error, sizeof error);
  if (!a) printf("  %s\n", error);
  return a;
}

static bool connect_device(as_assistant *a) {
  xz_client_event e;
  return test_device_open(&device, as_assistant_port(a), "02:00:00:00:00:01", "") == 101 &&
         test_device_await(&device, XZ_CLIENT_EVENT_READY, &e, LIMIT_MS);
}

/* Loudness (RMS) of the next |n| packets of speech; -1 if they do not come. */
static double hear_packets(int n) {
  int error;
  double sum = 0;
  size_t n_samples = 0;
  OpusDecoder *decoder = opus_decoder_create(24000, 1, &error);
  for (int i = 0; i < n; i++) {
    xz_client_event e;
    int16_t pcm[2880];
    int got = -1;
    if (test_device_await(&device, XZ_CLIENT_EVENT_AUDIO, &e, LIMIT_MS))
      got = opus_decode(decoder, e.opus.data, (opus_int32)e.opus.len, pcm, 2880, 0);
    if (got != 1440) {
      opus_decoder_destroy(decoder);
      return -1;
    }
    for (int k = 0; k < got; k++) sum += pcm[k] * (double)pcm[k];
    n_samples += (size_t)got;
  }
  opus_decoder_destroy(decoder);
  return sum / (double)n_samples;
}

/* Says |text|; what the assistant heard is copied to |heard|. Then it is interrupted, to save time. */
static void ask(const char *voice, const char *text, int quiet_ms, xz_mode mode, int bit_rate, char *heard,
                size_t cap) {
  size_t n;
  xz_client_event e;
  heard[0] = 0;
  int16_t *samples = test_phrase(voice, text, quiet_ms, quiet_ms, &n);
  CHECK_EQ(xz_client_listen_start(&device.client, mode), WR_OK);
  test_device_say(&device, samples, n, bit_rate);
  free(samples);
  if (mode == XZ_MODE_MANUAL) CHECK_EQ(xz_client_listen_stop(&device.client), WR_OK);
  if (test_device_await(&device, XZ_CLIENT_EVENT_STT, &e, LIMIT_MS)) snprintf(heard, cap, "%s", e.text);
  for (bool started = false; !started && test_device_next(&device, &e, LIMIT_MS);) {
    started = e.kind == XZ_CLIENT_EVENT_TTS_START;
    if (e.kind == XZ_CLIENT_EVENT_TOOL_CALL)
      CHECK_EQ(xz_client_tool_result(&device.client, e.tool.call, true, "true"), WR_OK);
  }
  CHECK(hear_packets(6) > 100.0 * 100);
  CHECK_EQ(xz_client_abort(&device.client, NULL), WR_OK);
  CHECK(test_device_await(&device, XZ_CLIENT_EVENT_TTS_STOP, &e, LIMIT_MS));
}

static const char *const phrases[] = {
    "what time is it",    "tell me a joke",  "who are you",  "set the volume to fifty percent",
    "turn the volume up", "take a photo",    "good morning", "stop",
    "thank you",          "what can you do", "how are you",  "goodbye",
};
enum { N_PHRASES = sizeof phrases / sizeof phrases[0] };

static int count_recognised(const char *voice, int step, int quiet_ms, xz_mode mode, int bit_rate) {
  int n = 0, n_said = 0;
  for (int i = 0; i < N_PHRASES; i += step, n_said++) {
    char heard[200];
    ask(voice, phrases[i], quiet_ms, mode, bit_rate, heard, sizeof heard);
    n += !strcmp(heard, phrases[i]);
    if (strcmp(heard, phrases[i])) printf("  %s: \"%s\" heard as \"%s\"\n", voice, phrases[i], heard);
  }
  printf("  recognised %d of %d phrases (%s, %d bit/s, %d ms of quiet)\n", n, n_said, voice, bit_rate, quiet_ms);
  return n_said - n;
}

TEST(assistant_understands_phrases_in_several_voices) {
  as_assistant *a = start(NULL, 4);
  REQUIRE(a);
  REQUIRE(connect_device(a));
  CHECK(count_recognised("flite", 1, 3000, XZ_MODE_AUTO, 24000) <= 1);
  CHECK(count_recognised("-v en-us", 1, 700, XZ_MODE_AUTO, 32000) <= 1);
  CHECK(count_recognised("-v en-us+f3 -s 150", 3, 1000, XZ_MODE_REALTIME, 24000) <= 1);
  CHECK(count_recognised("-v en-us -p 65 -s 165", 3, 200, XZ_MODE_MANUAL, 24000) <= 1);
  test_device_close(&device);
  as_assistant_stop(a);
}
