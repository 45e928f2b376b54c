/* xiaozhi/client_test.c - the device side against scripted servers. */
#include "xiaozhi/client.h"

#include <stdio.h>

#include "check.h"
#include "wr/crypto_openssl.h"

static xz_client client;

static wr_bytes text_bytes(const char *text) { return wr_bytes_of(text, strlen(text)); }

static void ignore_events(void) {
  xz_client_event e;
  while (xz_client_poll(&client, &e)) continue;
}

/* The next message to send into |out|, NUL-terminated; the kind, or 0. */
static int sent(char *out, size_t cap) {
  xz_send send;
  out[0] = 0;
  if (!xz_client_peek(&client, &send)) return 0;
  size_t len = send.bytes.len < cap - 1 ? send.bytes.len : cap - 1;
  if (len) memcpy(out, send.bytes.data, len);
  out[len] = 0;
  xz_client_pop(&client);
  return (int)send.kind;
}

static json_t *sent_json(void) {
  char text[XZ_CLIENT_OUT_BYTES];
  return sent(text, sizeof text) == XZ_SEND_TEXT ? json_loads(text, 0, NULL) : NULL;
}

static void say(const char *text, wr_time now) { xz_client_recv_text(&client, text_bytes(text), now); }

static bool next_is(xz_client_event_kind kind) {
  xz_client_event e;
  return xz_client_poll(&client, &e) && e.kind == kind;
}

static const char hello[] =
    "{\"type\":\"hello\",\"transport\":\"websocket\",\"session_id\":\"abc\",\"audio_params\":"
    "{\"format\":\"opus\",\"sample_rate\":24000,\"channels\":1,\"frame_duration\":60}}";

static void start(void) {
  xz_client_settings settings;
  xz_client_settings_default(&settings);
  xz_client_wipe(&client);
  xz_client_init(&client, &settings);
  xz_client_opened(&client, 0);
}

static void start_ready(void) {
  char text[512];
  start();
  (void)sent(text, sizeof text);
  say(hello, WR_MS(20));
  ignore_events();
}

static bool sound_passes(void) {
  xz_client_recv_binary(&client,
                        wr_bytes_of("\x58"
                                    "abc",
                                    4),
                        0);
  xz_client_event e;
  return xz_client_poll(&client, &e) && e.kind == XZ_CLIENT_EVENT_AUDIO && e.opus.len == 4;
}

/* Pitfall 9, and a server that drops messages of its first second: hello again at 2 s and 5 s, give up at 10 s. */
TEST(xz_client_repeats_hello_and_gives_up) {
  char text[512];
  start();
  wr_time expected[] = {WR_S(2), WR_S(5), WR_S(10)};
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  for (int i = 0; i < 3; i++) {
    wr_time at = xz_client_deadline(&client);
    CHECK_EQ(at, expected[i]);
    xz_client_tick(&client, at - 1);
    CHECK_EQ(sent(text, sizeof text), 0);
    xz_client_tick(&client, at);
    if (i < 2) CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  }
  CHECK(next_is(XZ_CLIENT_EVENT_FAILED));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_CLOSE);
  CHECK_EQ(xz_client_deadline(&client), WR_NEVER);
  CHECK_EQ(client.state, XZ_CLIENT_FAILED);
}

TEST(xz_client_is_ready_on_hello_once) {
  start();
  say(hello, 1);
  xz_client_event e;
  REQUIRE(xz_client_poll(&client, &e));
  CHECK_EQ(e.kind, XZ_CLIENT_EVENT_READY);
  CHECK_EQ(e.audio.sample_rate, 24000);
  say(hello, 2);
  CHECK(!xz_client_poll(&client, &e));
  CHECK_EQ(client.stats.drop[XZ_DROP_REPEATED], 1);
  CHECK_EQ(xz_client_deadline(&client), WR_NEVER);
  say("{\"type\":\"hello\",\"transport\":\"udp\"}", 3);
  CHECK_EQ(client.stats.drop[XZ_DROP_MALFORMED], 1);
}

TEST(xz_client_knows_the_wake_word) {
  char text[200];
  start_ready();
  CHECK_TEXT(client.wake_word, "");
  start();
  say("{\"type\":\"hello\",\"transport\":\"websocket\",\"wake_word\":\"computer\"}", 1);
  CHECK_TEXT(client.wake_word, "computer");
  start();
  snprintf(text, sizeof text, "{\"type\":\"hello\",\"wake_word\":\"%0*d\"}", XZ_WAKE_WORD_MAX, 7);
  say(text, 1);
  CHECK(next_is(XZ_CLIENT_EVENT_READY));
  CHECK_TEXT(client.wake_word, "");
}

TEST(xz_client_carries_session_id_and_mode) {
  char text[512];
  start_ready();
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_MANUAL), WR_OK);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK_TEXT(text, "{\"session_id\":\"abc\",\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}");
  CHECK_EQ(xz_client_listen_stop(&client), WR_OK);
  (void)sent(text, sizeof text);
  CHECK_TEXT(text, "{\"session_id\":\"abc\",\"type\":\"listen\",\"state\":\"stop\"}");
  CHECK_EQ(xz_client_detect(&client, "hi"), WR_OK);
  (void)sent(text, sizeof text);
  CHECK_TEXT(text, "{\"session_id\":\"abc\",\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hi\"}");
  CHECK_EQ(xz_client_abort(&client, "wake_word_detected"), WR_OK);
  (void)sent(text, sizeof text);
  CHECK_TEXT(text, "{\"session_id\":\"abc\",\"type\":\"abort\",\"reason\":\"wake_word_detected\"}");
}

TEST(xz_client_wants_hello_before_the_user_may_speak) {
  start();
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_AUTO), WR_ERR_STATE);
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("x", 1), 0), WR_ERR_STATE);
  CHECK_EQ(xz_client_abort(&client, NULL), WR_ERR_STATE);
}

/* Before hello: MCP initialize (2.3 b), and the spoken code of an unbound device (2.3 d). */
TEST(xz_client_handles_what_comes_before_hello) {
  char text[512];
  start();
  (void)sent(text, sizeof text);
  say("{\"type\":\"mcp\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
      "\"capabilities\":{\"vision\":{\"url\":\"http://h/v\",\"token\":\"t\"}}}}}",
      1);
  json_t *reply = sent_json();
  CHECK_EQ(json_integer_value(json_object_get(json_object_get(reply, "payload"), "id")), 1);
  json_decref(reply);
  CHECK_TEXT(xz_client_vision_url(&client), "http://h/v");
  CHECK_TEXT(xz_client_vision_token(&client), "t");
  say("{\"type\":\"tts\",\"state\":\"start\"}", 2);
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_START));
  CHECK(sound_passes());
}

TEST(xz_client_drops_speech_before_start_and_after_abort) {
  start_ready();
  CHECK(!sound_passes());
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  ignore_events();
  CHECK(sound_passes());
  CHECK_EQ(xz_client_abort(&client, NULL), WR_OK);
  CHECK(!sound_passes());
  say("{\"type\":\"tts\",\"state\":\"sentence_start\",\"text\":\"old\"}", 0);
  CHECK(!next_is(XZ_CLIENT_EVENT_SENTENCE_START));
  say("{\"type\":\"tts\",\"state\":\"stop\"}", 0);
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_STOP));
  CHECK(!sound_passes());
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_START));
  CHECK(sound_passes());
  CHECK_EQ(client.stats.drop[XZ_DROP_STALE], 4);
}

/* Pitfall 13: the stop may run ahead of the last packets. */
TEST(xz_client_lets_the_last_packets_pass_after_stop) {
  start_ready();
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  ignore_events();
  say("{\"type\":\"tts\",\"state\":\"stop\"}", 0);
  ignore_events();
  CHECK(sound_passes());
}

TEST(xz_client_reports_starts_and_stops_in_pairs) {
  start_ready();
  say("{\"type\":\"tts\",\"state\":\"stop\"}", 0);
  CHECK(!next_is(XZ_CLIENT_EVENT_TTS_STOP));
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_START));
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  CHECK(!next_is(XZ_CLIENT_EVENT_TTS_START));
  say("{\"type\":\"stt\",\"text\":\"late\"}", 0);
  CHECK(next_is(XZ_CLIENT_EVENT_STT));
  CHECK_EQ(xz_client_abort(&client, NULL), WR_OK);
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_STOP));
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_START));
  xz_client_closed(&client);
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_STOP));
}

/* Pitfall 12: no microphone while the assistant speaks, unless echo is cancelled (realtime). */
TEST(xz_client_rests_the_microphone_while_the_assistant_speaks) {
  start_ready();
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("x", 1), 0), WR_ERR_STATE);
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_AUTO), WR_OK);
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("x", 1), 0), WR_OK);
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  ignore_events();
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("x", 1), 0), WR_ERR_STATE);
  say("{\"type\":\"tts\",\"state\":\"stop\"}", 0);
  ignore_events();
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_REALTIME), WR_OK);
  say("{\"type\":\"tts\",\"state\":\"start\"}", 0);
  ignore_events();
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("x", 1), 0), WR_OK);
}

TEST(xz_client_drops_speech_the_socket_does_not_take_but_keeps_room_for_messages) {
  char text[512];
  uint8_t opus[180] = {0};
  start_ready();
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_AUTO), WR_OK);
  (void)sent(text, sizeof text);
  int n = 0;
  while (n < 1000 && xz_client_send_audio(&client, wr_bytes_of(opus, sizeof opus), 0) == WR_OK) n++;
  CHECK(n >= 40 && n < 1000);
  CHECK_EQ(client.stats.drop[XZ_DROP_QUEUE], 1);
  CHECK_EQ(xz_client_abort(&client, NULL), WR_OK);
  for (int i = 0; i < n; i++) CHECK_EQ(sent(text, sizeof text), XZ_SEND_BINARY);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
}

TEST(xz_client_frames_audio_as_told) {
  char text[512];
  xz_client_settings settings;
  xz_client_settings_default(&settings);
  settings.version = 3;
  xz_client_wipe(&client);
  xz_client_init(&client, &settings);
  xz_client_opened(&client, 0);
  (void)sent(text, sizeof text);
  say(hello, 0);
  ignore_events();
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_AUTO), WR_OK);
  (void)sent(text, sizeof text);
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("ab", 2), 0), WR_OK);
  xz_send send;
  REQUIRE(xz_client_peek(&client, &send));
  CHECK_BYTES(send.bytes.data, send.bytes.len, "\0\0\0\2ab", 6);
  /* JSON in a binary frame is text */
  xz_client_recv_binary(&client, wr_bytes_of("\1\0\0\x1a{\"type\":\"stt\",\"text\":\"yo\"}", 30), 0);
  CHECK(next_is(XZ_CLIENT_EVENT_STT));
}

/* Pitfall 21, and everything else a server may say out of turn. */
TEST(xz_client_survives_rubbish) {
  static const char *const texts[] = {"认证失败",
                                      "{}",
                                      "{\"type\":\"nonsense\"}",
                                      "{\"type\":\"tts\"}",
                                      "{\"type\":\"tts\",\"state\":\"detect\"}",
                                      "{\"type\":\"mcp\"}",
                                      "{\"type\":\"alert\",\"status\":\"x\"}",
                                      "{\"type\":\"listen\"}"};
  start_ready();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    say(texts[i], 0);
    xz_client_event e;
    CHECK(!xz_client_poll(&client, &e));
  }
  uint64_t n = 0;
  for (int i = 0; i < XZ_N_DROPS; i++) n += client.stats.drop[i];
  CHECK_EQ(n, sizeof texts / sizeof texts[0]);
  CHECK_EQ(client.state, XZ_CLIENT_READY);
}

TEST(xz_client_knows_the_emotions) {
  start_ready();
  say("{\"type\":\"llm\",\"emotion\":\"grumpy\",\"text\":\"x\"}", 0);
  xz_client_event e;
  REQUIRE(xz_client_poll(&client, &e));
  CHECK_TEXT(e.emotion, "neutral");
  CHECK_TEXT(e.text, "😶");
}

TEST(xz_client_ends_on_goodbye_and_can_be_opened_again) {
  char text[512];
  start_ready();
  say("{\"type\":\"goodbye\",\"session_id\":\"other\"}", 0);
  CHECK(next_is(XZ_CLIENT_EVENT_GOODBYE));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_CLOSE);
  say("{\"type\":\"stt\",\"text\":\"x\"}", 0);
  CHECK_EQ(client.stats.drop[XZ_DROP_NOT_OPEN], 1);
  xz_client_closed(&client);
  xz_client_opened(&client, WR_S(60));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK_EQ(xz_client_deadline(&client), WR_S(62));
}

static void call_tool(int id, const char *name, const char *arguments, wr_time now) {
  char text[1024];
  int n = snprintf(text, sizeof text,
                   "{\"type\":\"mcp\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/call\","
                   "\"params\":{\"name\":\"%s\",\"arguments\":%s}}}",
                   id, name, arguments);
  xz_client_recv_text(&client, wr_bytes_of(text, (size_t)n), now);
}

TEST(xz_client_hands_out_tool_calls_and_takes_results_in_any_order) {
  start_ready();
  xz_client_event first, second;
  call_tool(41, "set_volume", "{\"volume\":30}", 0);
  REQUIRE(xz_client_poll(&client, &first));
  CHECK_EQ(first.kind, XZ_CLIENT_EVENT_TOOL_CALL);
  CHECK_TEXT(first.tool.tool->name, "set_volume");
  CHECK_EQ(json_number_value(json_object_get(first.tool.args, "volume")), 30);
  call_tool(42, "self.camera.take_photo", "{\"question\":\"?\"}", 0);
  REQUIRE(xz_client_poll(&client, &second));
  CHECK_EQ(xz_client_tool_result(&client, second.tool.call, false, "no camera"), WR_OK);
  CHECK_EQ(xz_client_tool_result(&client, first.tool.call, true, "true"), WR_OK);
  json_t *reply = sent_json(), *payload = json_object_get(reply, "payload");
  CHECK_EQ(json_integer_value(json_object_get(payload, "id")), 42);
  CHECK_EQ(json_integer_value(json_object_get(json_object_get(payload, "error"), "code")), -32603);
  json_decref(reply);
  reply = sent_json();
  payload = json_object_get(reply, "payload");
  CHECK_EQ(json_integer_value(json_object_get(payload, "id")), 41);
  const json_t *content = json_array_get(json_object_get(json_object_get(payload, "result"), "content"), 0);
  CHECK_TEXT(json_string_value(json_object_get(content, "text")), "true");
  json_decref(reply);
}

/* An answer within 8 s, whatever the page does. */
TEST(xz_client_pitfall_18_answers_for_tools_that_do_not) {
  start_ready();
  xz_client_event e;
  call_tool(7, "stop_music", "{}", WR_S(1));
  REQUIRE(xz_client_poll(&client, &e));
  CHECK_EQ(xz_client_deadline(&client), WR_S(9));
  xz_client_tick(&client, WR_S(9));
  json_t *reply = sent_json(), *error = json_object_get(json_object_get(reply, "payload"), "error");
  CHECK_TEXT(json_string_value(json_object_get(error, "message")), "timed out");
  json_decref(reply);
  CHECK_EQ(xz_client_tool_result(&client, e.tool.call, true, "late"), WR_ERR_STATE);
  CHECK_EQ(client.mcp.n_late, 1);
  CHECK(sent_json() == NULL);
}

/* ---- over MQTT and UDP ---- */

#define KEY "000102030405060708090a0b0c0d0e0f"
#define UDP_HELLO(session, number, port)                                                                         \
  "{\"type\":\"hello\",\"transport\":\"udp\",\"session_id\":\"" session                                          \
  "\",\"udp\":{\"server\":\"192.0.2.7\",\"port\":" port ",\"key\":\"" KEY "\",\"nonce\":\"01000000000000" number \
  "0000000000000000\"}}"

static xz_udp server;

static const wr_crypto *start_udp(void) {
  const wr_crypto *crypto = NULL;
  xz_client_settings settings;
  xz_client_settings_default(&settings);
  xz_client_wipe(&client);
  xz_client_init(&client, &settings);
  CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  xz_client_set_udp(&client, crypto);
  xz_client_opened(&client, 0);
  return crypto;
}

static void stop_udp(const wr_crypto *crypto) {
  xz_client_wipe(&client);
  xz_udp_close(&server);
  wr_crypto_openssl_close(crypto);
}

static void key_server(const wr_crypto *crypto, uint8_t number) {
  uint8_t key[16], nonce[16] = {1, 0, 0, 0, 0, 0, 0, number};
  (void)check_hex(key, sizeof key, KEY);
  CHECK(xz_udp_open(&server, crypto, key, nonce));
}

static const wr_crypto *start_udp_ready(void) {
  char text[512];
  const wr_crypto *crypto = start_udp();
  (void)sent(text, sizeof text);
  say(UDP_HELLO("one", "07", "8884"), WR_MS(20));
  ignore_events();
  (void)sent(text, sizeof text);
  key_server(crypto, 7);
  return crypto;
}

/* Whether speech that the server sends is heard. */
static bool datagram_passes(void) {
  uint8_t out[XZ_UDP_MAX];
  size_t n = xz_udp_seal(&server, out, sizeof out, 0,
                         wr_bytes_of("\x58"
                                     "abc",
                                     4));
  xz_client_recv_binary(&client, wr_bytes_of(out, n), 0);
  xz_client_event e;
  return xz_client_poll(&client, &e) && e.kind == XZ_CLIENT_EVENT_AUDIO && e.opus.len == 4;
}

TEST(xz_client_udp_hello_channel_and_first_datagram) {
  char text[512];
  xz_client_event e;
  xz_send send;
  const wr_crypto *crypto = start_udp();
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK(strstr(text, "\"version\":3") && strstr(text, "\"transport\":\"udp\""));
  CHECK_EQ(xz_client_deadline(&client), WR_S(10)); /* hello is said once */
  say(hello, WR_MS(20));                           /* of a WebSocket */
  CHECK_EQ(client.state, XZ_CLIENT_HELLO);
  say(UDP_HELLO("one", "07", "8884"), WR_MS(30));
  CHECK(xz_client_poll(&client, &e) && e.kind == XZ_CLIENT_EVENT_CHANNEL);
  CHECK_TEXT(e.text, "192.0.2.7");
  CHECK_EQ(e.port, 8884);
  CHECK(next_is(XZ_CLIENT_EVENT_READY));
  CHECK(xz_client_peek(&client, &send) && send.kind == XZ_SEND_BINARY);
  uint32_t at;
  key_server(crypto, 7);
  CHECK(wr_bytes_equal(xz_udp_unseal(&server, send.bytes, &at), xz_opus_silence()));
  stop_udp(crypto);
}

TEST(xz_client_udp_speech_both_ways) {
  xz_send send;
  char text[512];
  const wr_crypto *crypto = start_udp_ready();
  uint32_t at = 9, first = 0;
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_REALTIME), WR_OK);
  (void)sent(text, sizeof text);
  for (uint32_t i = 0; i < 3; i++) {
    CHECK_EQ(xz_client_send_audio(&client,
                                  wr_bytes_of("\x58"
                                              "ab",
                                              3),
                                  0),
             WR_OK);
    CHECK(xz_client_peek(&client, &send) && send.kind == XZ_SEND_BINARY);
    CHECK_EQ(xz_udp_unseal(&server, send.bytes, &at).len, 3);
    CHECK(i == 0 || at == first + 60 * i); /* no part of the keystream twice */
    if (!i) first = at;
    xz_client_pop(&client);
  }
  CHECK(!datagram_passes()); /* before any answer */
  say("{\"type\":\"tts\",\"state\":\"start\"}", WR_S(1));
  ignore_events();
  CHECK(datagram_passes());
  CHECK_EQ(xz_client_abort(&client, NULL), WR_OK);
  CHECK(!datagram_passes());
  stop_udp(crypto);
}

TEST(xz_client_udp_keeps_the_path_open) {
  char text[512];
  const wr_crypto *crypto = start_udp_ready();
  wr_time at = xz_client_deadline(&client);
  CHECK_EQ(at, WR_S(20) + WR_MS(20));
  xz_client_tick(&client, at);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_BINARY);
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_AUTO), WR_OK);
  (void)sent(text, sizeof text);
  CHECK_EQ(xz_client_send_audio(&client, wr_bytes_of("\x58", 1), 0), WR_OK);
  (void)sent(text, sizeof text);
  xz_client_tick(&client, xz_client_deadline(&client));
  CHECK_EQ(sent(text, sizeof text), 0); /* speech has just kept it */
  stop_udp(crypto);
}

TEST(xz_client_udp_another_hello_is_another_key) {
  char text[512];
  const wr_crypto *crypto = start_udp_ready();
  say("{\"type\":\"tts\",\"state\":\"start\"}", WR_S(1));
  ignore_events();
  CHECK(datagram_passes());
  say(UDP_HELLO("two", "08", "8885"), WR_S(2));
  CHECK(next_is(XZ_CLIENT_EVENT_CHANNEL));
  ignore_events();
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_BINARY);
  CHECK(!datagram_passes());
  key_server(crypto, 8);
  CHECK(datagram_passes());
  say("{\"type\":\"goodbye\",\"session_id\":\"one\"}", WR_S(3)); /* late, to the last session */
  CHECK_EQ(client.state, XZ_CLIENT_READY);
  say("{\"type\":\"goodbye\",\"session_id\":\"two\"}", WR_S(3));
  CHECK(next_is(XZ_CLIENT_EVENT_GOODBYE));
  CHECK_EQ(sent(text, sizeof text), 0); /* it is not answered, and nothing is closed */
  stop_udp(crypto);
}

/* Over MQTT a conversation ends and the connection stays: a device that nobody talks to, but which is there. */
TEST(xz_client_udp_rests_between_conversations) {
  char text[1024];
  const wr_crypto *crypto = start_udp_ready();
  say("{\"type\":\"tts\",\"state\":\"start\"}", WR_S(1));
  ignore_events();
  say("{\"type\":\"goodbye\",\"session_id\":\"one\"}", WR_S(2));
  CHECK(next_is(XZ_CLIENT_EVENT_GOODBYE));
  CHECK(next_is(XZ_CLIENT_EVENT_TTS_STOP)); /* the answer was cut off */
  CHECK_EQ(client.state, XZ_CLIENT_IDLE);
  CHECK_EQ(xz_client_deadline(&client), WR_NEVER);
  CHECK_EQ(xz_client_listen_start(&client, XZ_MODE_AUTO), WR_ERR_STATE);
  say("{\"type\":\"tts\",\"state\":\"start\"}", WR_S(3));
  say("{\"type\":\"goodbye\",\"session_id\":\"one\"}", WR_S(3));
  say(UDP_HELLO("new", "09", "8886"), WR_S(3));
  CHECK(!next_is(XZ_CLIENT_EVENT_TTS_START));
  CHECK(!datagram_passes());
  CHECK_EQ(client.state, XZ_CLIENT_IDLE);
  say("{\"type\":\"mcp\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}}",
      WR_S(4));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK(strstr(text, "protocolVersion"));
  xz_client_begin(&client, WR_S(60));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK(strstr(text, "\"type\":\"hello\"") && strstr(text, "\"version\":3"));
  say("{\"type\":\"goodbye\",\"session_id\":\"one\"}", WR_S(60)); /* once more, late */
  CHECK_EQ(client.state, XZ_CLIENT_HELLO);
  say(UDP_HELLO("two", "08", "8885"), WR_S(61));
  CHECK(next_is(XZ_CLIENT_EVENT_CHANNEL));
  CHECK(next_is(XZ_CLIENT_EVENT_READY));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_BINARY);
  stop_udp(crypto);
}

/* It came back with nothing to say; and it is hung up without a word, for there is no conversation to end. */
TEST(xz_client_udp_opens_idle) {
  char text[512];
  const wr_crypto *crypto = start_udp_ready();
  xz_client_closed(&client);
  ignore_events();
  xz_client_opened_idle(&client, WR_S(9));
  CHECK_EQ(sent(text, sizeof text), 0);
  CHECK_EQ(client.state, XZ_CLIENT_IDLE);
  xz_client_hang_up(&client);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_CLOSE);
  stop_udp(crypto);
}

TEST(xz_client_udp_says_goodbye) {
  char text[512];
  const wr_crypto *crypto = start_udp_ready();
  xz_client_hang_up(&client);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK_TEXT(text, "{\"session_id\":\"one\",\"type\":\"goodbye\"}");
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_CLOSE);
  xz_client_closed(&client);
  ignore_events();
  xz_client_opened(&client, WR_S(5));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  stop_udp(crypto);
}

/* Captions without a voice: MQTT comes through and UDP does not. */
TEST(xz_client_udp_says_that_no_sound_arrives) {
  const wr_crypto *crypto = start_udp_ready();
  for (int answer = 0; answer < 3; answer++) {
    xz_client_event e = {.kind = XZ_CLIENT_EVENT_READY};
    say("{\"type\":\"tts\",\"state\":\"start\"}", WR_S(1));
    ignore_events();
    say("{\"type\":\"tts\",\"state\":\"stop\"}", WR_S(1));
    CHECK(xz_client_poll(&client, &e));
    CHECK_EQ(e.kind, answer == 1 ? XZ_CLIENT_EVENT_ERROR : XZ_CLIENT_EVENT_TTS_STOP);
    ignore_events();
  }
  stop_udp(crypto);
}
