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
    "what time is it",
    "tell me a joke",
    "who are you",
    "set the volume to fifty percent",
    "turn the volume up",
    "take a photo",
    "good morning",
    "stop",
    "thank you",
    "what can you do",
    "how are you",
    "goodbye",
    "play some music",
    "computer",
    "okay computer what time is it",
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

TEST(assistant_stops_within_a_frame_when_interrupted) {
  as_assistant *a = start(NULL, 4);
  xz_client_event e;
  REQUIRE(a);
  REQUIRE(connect_device(a));
  CHECK_EQ(xz_client_detect(&device.client, "what can you do"), WR_OK);
  CHECK(hear_packets(8) > 100.0 * 100);
  CHECK_EQ(xz_client_abort(&device.client, NULL), WR_OK);
  CHECK(test_device_await(&device, XZ_CLIENT_EVENT_TTS_STOP, &e, LIMIT_MS));
  /* What was on its way when we said stop: the client dropped it. */
  CHECK(device.client.stats.drop[XZ_DROP_STALE] <= 1);
  CHECK(!test_device_next(&device, &e, 300));
  CHECK(device.client.stats.drop[XZ_DROP_STALE] <= 1);
  test_device_close(&device);
  as_assistant_stop(a);
}

TEST(assistant_rejects_what_it_was_not_asked) {
  static const char *const others[] = {"the quick brown fox jumps over the lazy dog",
                                       "my sister went to the market", "open the pod bay doors"};
  as_assistant *a = start(NULL, 4);
  REQUIRE(a);
  REQUIRE(connect_device(a));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    char heard[200];
    ask("-v en-us", others[i], 500, XZ_MODE_AUTO, 24000, heard, sizeof heard);
    CHECK_TEXT(heard, "...");
  }
  as_assistant_stats stats;
  as_assistant_stats_read(a, &stats);
  CHECK_EQ(stats.n_unrecognised, 3);
  test_device_close(&device);
  as_assistant_stop(a);
}

/* The whole answer, up to its stop; -1 or its number of packets. */
static int answer_to(const char *text, char *first_sentence, size_t cap) {
  xz_client_event e;
  int n = 0;
  first_sentence[0] = 0;
  CHECK_EQ(xz_client_detect(&device.client, text), WR_OK);
  while (test_device_next(&device, &e, LIMIT_MS)) {
    if (e.kind == XZ_CLIENT_EVENT_SENTENCE_START && !first_sentence[0]) snprintf(first_sentence, cap, "%s", e.text);
    if (e.kind == XZ_CLIENT_EVENT_AUDIO) n++;
    if (e.kind == XZ_CLIENT_EVENT_TOOL_CALL)
      CHECK_EQ(xz_client_tool_result(&device.client, e.tool.call, true, "true"), WR_OK);
    if (e.kind == XZ_CLIENT_EVENT_TTS_STOP) return n;
  }
  return -1;
}

TEST(assistant_answers_typed_text_in_three_languages) {
  char sentence[300];
  as_assistant *a = start(NULL, 4);
  REQUIRE(a);
  REQUIRE(connect_device(a));
  CHECK(answer_to("Set volume to 35%, please!", sentence, sizeof sentence) > 10);
  CHECK_TEXT(sentence, "The volume is now 35 percent.");
  CHECK(answer_to("你好", sentence, sizeof sentence) > 5);
  CHECK_TEXT(sentence, "你好！");
  CHECK(answer_to("xin chào", sentence, sizeof sentence) > 5);
  CHECK_TEXT(sentence, "Xin chào!");
  test_device_close(&device);
  as_assistant_stop(a);
}

TEST(assistant_lets_in_who_may_and_keeps_one_connection_per_device) {
  static test_device second;
  xz_client_event e;
  char reply[600], head[300];
  as_assistant *a = start("secret", 2);
  REQUIRE(a);
  uint16_t port = as_assistant_port(a);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", "wrong"), 401);
  test_device_close(&device);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", "secret"), 101);
  CHECK(test_device_await(&device, XZ_CLIENT_EVENT_READY, &e, LIMIT_MS));
  CHECK_EQ(test_device_open(&second, port, "02:00:00:00:00:01", "secret"), 101);
  CHECK(test_device_await(&second, XZ_CLIENT_EVENT_READY, &e, LIMIT_MS));
  CHECK(!test_device_await(&device, XZ_CLIENT_EVENT_ERROR, &e, LIMIT_MS));
  CHECK_EQ(device.close_code, 1000);
  test_device_close(&device);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:02", "secret"), 101);
  static test_device third;
  CHECK_EQ(test_device_open(&third, port, "02:00:00:00:00:03", "secret"), 503);
  test_device_close(&third);
  test_device_close(&second);
  test_device_close(&device);
  snprintf(head, sizeof head, "GET /xiaozhi/ota HTTP/1.1\r\nHost: gateway.example:8000\r\n\r\n");
  CHECK_EQ(test_http(port, head, NULL, 0, reply, sizeof reply), 200);
  CHECK(strstr(reply, "\"url\":\"ws://gateway.example:8000/xiaozhi/v1/\"") && strstr(reply, "\"token\":\"\""));
  snprintf(head, sizeof head,
           "POST /xiaozhi/ota/ HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer secret\r\nContent-Length: 38\r\n\r\n");
  CHECK_EQ(test_http(port, head, "{\"application\":{\"version\":\"2.10.77\"}} ", 38, reply, sizeof reply), 200);
  CHECK(strstr(reply, "\"version\":\"2.10.77\"") && strstr(reply, "\"token\":\"secret\""));
  CHECK_EQ(test_http(port, "GET /etc HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0, reply, sizeof reply), 404);
  as_assistant_stop(a);
}

/* Web pages can set no headers of a WebSocket, and ask beforehand whether they may ask OTA. */
TEST(assistant_lets_in_pages_that_have_no_headers) {
  static test_device page;
  xz_client_event e;
  char reply[600];
  as_assistant *a = start("secret", 2);
  REQUIRE(a);
  uint16_t port = as_assistant_port(a);
  CHECK_EQ(test_page_open(&page, port, "02:00:00:00:00:01", "wrong"), 401);
  test_device_close(&page);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", "secret"), 101);
  CHECK_EQ(test_page_open(&page, port, "02%3A00%3a00:00:00:01", "secret"), 101);
  CHECK(test_device_await(&page, XZ_CLIENT_EVENT_READY, &e, LIMIT_MS));
  CHECK(!test_device_await(&device, XZ_CLIENT_EVENT_ERROR, &e, LIMIT_MS)); /* it is the same device */
  CHECK_EQ(device.close_code, 1000);
  test_device_close(&device);
  test_device_close(&page);
  CHECK_EQ(test_http(port, "OPTIONS /xiaozhi/ota/ HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0, reply, sizeof reply), 200);
  as_assistant_stop(a);
}

/* The text of |key| in a flat piece of JSON. */
static void value_of(const char *json, const char *key, char *out, size_t cap) {
  char quoted[40];
  snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
  const char *at = strstr(json, quoted);
  out[0] = 0;
  if (!at) return;
  at += strlen(quoted);
  snprintf(out, cap, "%.*s", (int)strcspn(at, "\""), at);
}

static void log_nothing(void *ctx, as_log_level level, const char *line) {
  (void)level;
  if (strstr(line, "code=")) ++*(int *)ctx;
}

/* Pitfall 1 from the server's side: a code until it is bound, then never again. */
TEST(assistant_pitfall_1_activates_devices_by_their_code) {
  char reply[900], again[900], code[16], token[128], head[400], body[64], error[200];
  int n_asked = 0;
  as_assistant_settings settings;
  as_assistant_settings_default(&settings);
  settings.activation = true;
  settings.admin_token = "admin";
  settings.log = log_nothing;
  settings.log_ctx = &n_asked;
  as_assistant *a = as_assistant_start(&settings, error, sizeof error);
  REQUIRE(a);
  uint16_t port = as_assistant_port(a);
  static const char ota[] =
      "POST /xiaozhi/ota/ HTTP/1.1\r\nHost: h:1\r\nDevice-Id: 02:00:00:00:00:01\r\nClient-Id: c\r\n"
      "Content-Length: 2\r\n\r\n";
  static const char activate[] =
      "POST /xiaozhi/ota/activate HTTP/1.1\r\nHost: h\r\nDevice-Id: 02:00:00:00:00:01\r\nContent-Length: 0\r\n\r\n";
  CHECK_EQ(test_http(port, ota, "{}", 2, reply, sizeof reply), 200);
  value_of(reply, "code", code, sizeof code);
  value_of(reply, "token", token, sizeof token);
  CHECK_EQ(strlen(code), 6);
  CHECK(strstr(reply, "\"challenge\":\"02:00:00:00:00:01\"") && strstr(reply, "\"timeout_ms\":600000"));
  CHECK_EQ(test_http(port, ota, "{}", 2, again, sizeof again), 200);
  CHECK(strstr(again, code) != NULL);
  CHECK_EQ(n_asked, 1);
  CHECK_EQ(test_http(port, activate, NULL, 0, reply, sizeof reply), 202);
  char sentence[200];
  xz_client_event e;
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", token), 101); /* to be told its code, no more */
  CHECK(test_device_await(&device, XZ_CLIENT_EVENT_READY, &e, LIMIT_MS));
  CHECK(answer_to("set the volume to 30 percent", sentence, sizeof sentence) > 10);
  CHECK_TEXT(sentence, "This device has to be activated.");
  snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
  snprintf(head, sizeof head,
           "POST /xiaozhi/devices HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
           "Content-Length: %zu\r\n\r\n",
           "wrong", strlen(body));
  CHECK_EQ(test_http(port, head, body, strlen(body), reply, sizeof reply), 401);
  snprintf(head, sizeof head,
           "POST /xiaozhi/devices HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
           "Content-Length: %zu\r\n\r\n",
           "admin", strlen(body));
  CHECK_EQ(test_http(port, head, body, strlen(body), reply, sizeof reply), 200);
  CHECK(strstr(reply, "02:00:00:00:00:01") != NULL);
  CHECK_EQ(test_http(port, head, body, strlen(body), reply, sizeof reply), 404); /* once */
  CHECK(answer_to("hello", sentence, sizeof sentence) > 3);
  CHECK_TEXT(sentence, "Hello!");
  test_device_close(&device);
  CHECK_EQ(test_http(port, activate, NULL, 0, reply, sizeof reply), 200);
  CHECK_EQ(test_http(port, ota, "{}", 2, reply, sizeof reply), 200);
  CHECK(strstr(reply, "activation") == NULL);
  value_of(reply, "token", token, sizeof token);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:02", token), 401); /* another's token */
  test_device_close(&device);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", ""), 401);
  test_device_close(&device);
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", token), 101);
  test_device_close(&device);
  CHECK_EQ(test_http(port, "GET /xiaozhi/ota/ HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0, reply, sizeof reply), 400);
  as_assistant_stop(a);
}

TEST(assistant_limits_how_often_a_device_connects) {
  as_assistant *a = start(NULL, 4);
  int status = 101;
  REQUIRE(a);
  for (int i = 0; i < 100 && status == 101; i++) {
    status = test_device_open(&device, as_assistant_port(a), "02:00:00:00:00:01", "");
    test_device_close(&device);
  }
  CHECK_EQ(status, 429);
  CHECK_EQ(test_device_open(&device, as_assistant_port(a), "02:00:00:00:00:02", ""), 101);
  test_device_close(&device);
  as_assistant_stop(a);
}

/* Devices upload in chunks (RFC 9112 7.1); browsers and libraries with a length. */
TEST(assistant_takes_photos_with_and_without_chunks) {
  char reply[600], head[600], token[65];
  as_assistant *a = start(NULL, 2);
  REQUIRE(a);
  REQUIRE(connect_device(a));
  xz_client_event e;
  (void)test_device_next(&device, &e, 300); /* MCP initialize came */
  snprintf(token, sizeof token, "%.64s", xz_client_vision_token(&device.client));
  CHECK(strstr(xz_client_vision_url(&device.client), "/xiaozhi/vision/explain") != NULL);
  uint16_t port = as_assistant_port(a);
  static const char body[] =
      "--b\r\nContent-Disposition: form-data; name=\"question\"\r\n\r\nq\r\n--b\r\n"
      "Content-Disposition: form-data; name=\"file\"; filename=\"c.jpg\"\r\n\r\nno picture\r\n--b--\r\n";
  size_t len = sizeof body - 1;
  snprintf(head, sizeof head,
           "POST /xiaozhi/vision/explain HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
           "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %zu\r\n\r\n",
           token, len);
  CHECK_EQ(test_http(port, head, body, len, reply, sizeof reply), 200);
  CHECK(strstr(reply, "The picture could not be read.") != NULL);
  snprintf(head, sizeof head,
           "POST /xiaozhi/vision/explain HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
           "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n",
           token);
  char chunks[600];
  int n = snprintf(chunks, sizeof chunks, "40\r\n%.64s\r\n%zX;x=y\r\n%s\r\n0\r\n\r\n", body, len - 64, body + 64);
  CHECK_EQ(test_http(port, head, chunks, (size_t)n, reply, sizeof reply), 200);
  CHECK(strstr(reply, "The picture could not be read.") != NULL);
  snprintf(head, sizeof head, "POST /xiaozhi/vision/explain HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
           len);
  CHECK_EQ(test_http(port, head, body, len, reply, sizeof reply), 401);
  snprintf(head, sizeof head,
           "POST /xiaozhi/vision/explain HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
           "Device-Id: 02:00:00:00:00:02\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
           "%zu\r\n\r\n",
           token, len);
  CHECK_EQ(test_http(port, head, body, len, reply, sizeof reply), 401); /* another device's */
  test_device_close(&device);
  snprintf(head, sizeof head,
           "POST /xiaozhi/vision/explain HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
           "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %zu\r\n\r\n",
           token, len);
  unsigned status = 200;
  for (int i = 0; i < 200 && status == 200; i++) { /* until it noticed that the session is over */
    status = (unsigned)test_http(port, head, body, len, reply, sizeof reply);
    usleep(20000);
  }
  CHECK_EQ(status, 401);
  as_assistant_stop(a);
}

TEST(assistant_counts_its_frames_and_tells_who_runs_it) {
  char reply[900], error[200], sentence[200];
  as_assistant_settings settings;
  as_assistant_settings_default(&settings);
  settings.admin_token = "admin";
  settings.scripted = true;
  as_assistant *a = as_assistant_start(&settings, error, sizeof error);
  REQUIRE(a);
  uint16_t port = as_assistant_port(a);
  xz_client_event e;
  CHECK_EQ(test_device_open(&device, port, "02:00:00:00:00:01", ""), 101);
  CHECK(test_device_await(&device, XZ_CLIENT_EVENT_READY, &e, LIMIT_MS));
  CHECK(answer_to("hello", sentence, sizeof sentence) > 10);
  CHECK_EQ(test_http(port, "GET /xiaozhi/stats HTTP/1.1\r\nHost: h\r\n\r\n", NULL, 0, reply, sizeof reply), 401);
  CHECK_EQ(test_http(port, "GET /xiaozhi/stats HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n\r\n", NULL, 0,
                     reply, sizeof reply),
           200);
  const char *out = strstr(reply, "\"framesOut\":");
  CHECK(strstr(reply, "\"sessions\":1,") && strstr(reply, "\"typed\":1,"));
  CHECK(out && strtol(out + 12, NULL, 10) > 10);
  test_device_close(&device);
  as_assistant_stop(a);
}
