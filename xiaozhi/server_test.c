/* xiaozhi/server_test.c - the server side: hello, pace, interruption, tools; and both sides against each other. */
#include "xiaozhi/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "xiaozhi/client.h"

static xz_server server;
static uint8_t speech_memory[8 * 1024];

static void say(const char *text, wr_time now) {
  xz_server_recv_text(&server, wr_bytes_of(text, strlen(text)), now);
}

static void ignore_events(void) {
  xz_server_event e;
  while (xz_server_poll(&server, &e)) continue;
}

static bool next_is(xz_server_event_kind kind) {
  xz_server_event e;
  return xz_server_poll(&server, &e) && e.kind == kind;
}

static int sent(char *out, size_t cap) {
  xz_send send;
  out[0] = 0;
  if (!xz_server_peek(&server, &send)) return 0;
  size_t len = send.bytes.len < cap - 1 ? send.bytes.len : cap - 1;
  if (len) memcpy(out, send.bytes.data, len);
  out[len] = 0;
  xz_server_pop(&server, 0);
  return (int)send.kind;
}

static void forget_sent(void) {
  while (!xz_outbox_empty(&server.out)) xz_server_pop(&server, 0);
}

static void start(void) {
  xz_server_wipe(&server);
  xz_server_init(&server,
                 &(xz_server_settings){.session_id = "s",
                                       .vision_url = "http://h/v",
                                       .vision_token = "t",
                                       .audio = {24000, 1, 60},
                                       .speech_memory = speech_memory,
                                       .speech_bytes = sizeof speech_memory},
                 0);
}

static void start_open(const char *hello) {
  start();
  say(hello, 0);
  ignore_events();
  forget_sent();
}

static const char plain_hello[] = "{\"type\":\"hello\",\"version\":1,\"transport\":\"websocket\"}";
static const char opus60[] =
    "\x58"
    "abc";

static bool hears(void) {
  xz_server_recv_binary(&server, wr_bytes_of(opus60, 4), 0);
  return next_is(XZ_SERVER_EVENT_AUDIO);
}

TEST(xz_server_answers_hello_with_everything_clients_read) {
  char text[512];
  start();
  say("{\"type\":\"hello\",\"audioParams\":{\"frameDuration\":20}}", 0);
  CHECK(next_is(XZ_SERVER_EVENT_HELLO));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK_TEXT(text,
             "{\"type\":\"hello\",\"version\":1,\"transport\":\"websocket\",\"session_id\":\"s\","
             "\"audio_params\":{\"format\":\"opus\",\"sample_rate\":24000,\"channels\":1,"
             "\"frame_duration\":20}}");
  CHECK_EQ(sent(text, sizeof text), 0); /* no mcp was offered: none is asked for */
  say(plain_hello, 1);
  CHECK(!next_is(XZ_SERVER_EVENT_HELLO));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
}

TEST(xz_server_does_not_wait_for_hello_for_ever) {
  char text[64];
  start();
  say("{\"type\":\"listen\",\"state\":\"start\"}", 0);
  CHECK_EQ(server.stats.drop[XZ_SERVER_DROP_EARLY], 1);
  CHECK_EQ(xz_server_deadline(&server), WR_S(10));
  xz_server_tick(&server, WR_S(10));
  CHECK(next_is(XZ_SERVER_EVENT_FAILED));
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_CLOSE);
  say(plain_hello, WR_S(11));
  CHECK_EQ(server.stats.drop[XZ_SERVER_DROP_CLOSED], 1);
}

TEST(xz_server_hears_only_while_listening) {
  start_open(plain_hello);
  CHECK(!hears());
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0);
  CHECK(next_is(XZ_SERVER_EVENT_ABORT));
  xz_server_event e;
  REQUIRE(xz_server_poll(&server, &e));
  CHECK_EQ(e.kind, XZ_SERVER_EVENT_LISTEN_START);
  CHECK_EQ(e.mode, XZ_MODE_MANUAL);
  CHECK(hears());
  xz_server_recv_binary(&server, wr_bytes_of("\x4b\x07xx", 4), 0);
  CHECK_EQ(server.stats.drop[XZ_SERVER_DROP_NOT_OPUS], 1);
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  CHECK(next_is(XZ_SERVER_EVENT_LISTEN_STOP));
  CHECK(!hears());
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  CHECK(!next_is(XZ_SERVER_EVENT_LISTEN_STOP));
}

TEST(xz_server_limits_what_one_device_sends) {
  start_open(plain_hello);
  unsigned n = 0;
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"auto\"}", 0);
  ignore_events();
  while (n < 10000 && hears()) n++;
  CHECK_EQ(n, XZ_SERVER_SOUND_AHEAD / WR_MS(60));
  CHECK_EQ(server.stats.drop[XZ_SERVER_DROP_FLOOD], 1);
  xz_server_recv_binary(&server, wr_bytes_of(opus60, 4), WR_MS(60));
  CHECK(next_is(XZ_SERVER_EVENT_AUDIO));
  for (n = 0; n < 1000; n++) {
    say("{\"type\":\"abort\"}", WR_MS(60));
    ignore_events();
    forget_sent();
  }
  CHECK(server.stats.drop[XZ_SERVER_DROP_FLOOD] > 700 && server.stats.drop[XZ_SERVER_DROP_FLOOD] < 900);
  say("{\"type\":\"abort\"}", WR_S(1));
  CHECK(next_is(XZ_SERVER_EVENT_ABORT));
}

TEST(xz_server_hears_while_speaking_only_in_realtime) {
  start_open(plain_hello);
  say("{\"type\":\"listen\",\"state\":\"start\"}", 0);
  ignore_events();
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  CHECK(!hears());
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"realtime\"}", 0);
  ignore_events();
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  CHECK(hears());
}

/* Pitfalls 13 and 14: two packets ahead, one per 60 ms, stop only when the last one has been played. */
TEST(xz_server_paces_speech) {
  char text[512];
  start_open(plain_hello);
  wr_time t0 = WR_S(1), packet_at[5];
  CHECK_EQ(xz_server_speech(&server, wr_bytes_of("a", 1)), WR_ERR_STATE);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  CHECK_EQ(xz_server_sentence(&server, "One."), WR_OK);
  for (int i = 0; i < 5; i++) CHECK_EQ(xz_server_speech(&server, wr_bytes_of(&"abcde"[i], 1)), WR_OK);
  xz_server_speech_end(&server);
  (void)sent(text, sizeof text);
  CHECK_TEXT(text, "{\"session_id\":\"s\",\"type\":\"tts\",\"state\":\"start\"}");
  wr_time now = t0, stop_at = 0;
  int n = 0;
  while (!stop_at && now < WR_S(5)) {
    xz_server_tick(&server, now);
    ignore_events();
    int kind;
    while ((kind = sent(text, sizeof text))) {
      if (kind == XZ_SEND_BINARY) {
        CHECK_EQ(text[0], "abcde"[n]);
        packet_at[n++] = now - t0;
      } else if (strstr(text, "stop")) {
        stop_at = now - t0;
      } else {
        CHECK(strstr(text, "One.") != NULL && n == 0);
      }
    }
    now = xz_server_deadline(&server);
  }
  REQUIRE(n == 5);
  static const int want_ms[] = {0, 0, 60, 120, 180};
  for (int i = 0; i < 5; i++) CHECK_EQ(packet_at[i], WR_MS(want_ms[i]));
  CHECK_EQ(stop_at, WR_MS(5 * 60 + 100));
  CHECK_EQ(xz_server_deadline(&server), WR_NEVER);
}

/* Sends what waits, at |now|; returns how many packets that were. */
static int send_at(wr_time now) {
  int n = 0;
  for (xz_send send; xz_server_peek(&server, &send); xz_server_pop(&server, now)) n += send.kind == XZ_SEND_BINARY;
  return n;
}

TEST(xz_server_counts_what_leaves_after_its_deadline) {
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  for (int i = 0; i < 8; i++) CHECK_EQ(xz_server_speech(&server, wr_bytes_of("a", 1)), WR_OK);
  wr_time t0 = WR_S(1);
  xz_server_tick(&server, t0);
  CHECK_EQ(send_at(t0 + WR_MS(2)), 2);
  CHECK_EQ(server.stats.latest, WR_MS(2));
  xz_server_tick(&server, t0 + WR_MS(60)); /* in time, but the socket takes it just when it is to be heard */
  CHECK_EQ(send_at(t0 + WR_MS(120)), 1);
  CHECK_EQ(server.stats.latest, WR_MS(60));
  CHECK_EQ(server.stats.frames_late, 0);
  xz_server_tick(&server, t0 + WR_MS(120));
  CHECK_EQ(send_at(t0 + WR_MS(181)), 1); /* a millisecond too late */
  CHECK_EQ(server.stats.latest, WR_MS(61));
  CHECK_EQ(server.stats.frames_late, 1);
  xz_server_tick(&server, t0 + WR_MS(500)); /* the clock was late: one gap, then the clock goes anew */
  CHECK_EQ(send_at(t0 + WR_MS(500)), 2);
  CHECK_EQ(server.stats.frames_late, 2);
  xz_server_tick(&server, t0 + WR_MS(560));
  xz_server_tick(&server, t0 + WR_MS(620));
  CHECK_EQ(send_at(t0 + WR_MS(620)), 2);
  xz_server_tick(&server, t0 + WR_MS(680)); /* nothing is there: no fault of the clock */
  CHECK_EQ(xz_server_speech(&server, wr_bytes_of("a", 1)), WR_OK);
  xz_server_tick(&server, t0 + WR_S(3));
  CHECK_EQ(send_at(t0 + WR_S(3)), 1);
  CHECK_EQ(server.stats.frames_late, 2);
  CHECK_EQ(server.stats.frames_out, 9);
}

TEST(xz_server_pause_in_speech_is_no_debt) {
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  CHECK_EQ(xz_server_speech(&server, wr_bytes_of("a", 1)), WR_OK);
  xz_server_tick(&server, WR_S(1));
  forget_sent();
  for (int i = 0; i < 4; i++) CHECK_EQ(xz_server_speech(&server, wr_bytes_of("b", 1)), WR_OK);
  xz_server_tick(&server, WR_S(9));
  CHECK_EQ(server.out.n_binary, XZ_SERVER_LEAD_FRAMES);
}

TEST(xz_server_abort_flushes_and_stops_once) {
  char text[512];
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  for (int i = 0; i < 9; i++) CHECK_EQ(xz_server_speech(&server, wr_bytes_of("a", 1)), WR_OK);
  xz_server_tick(&server, 1);
  say("{\"type\":\"abort\",\"reason\":\"\"}", 2);
  CHECK(next_is(XZ_SERVER_EVENT_ABORT));
  CHECK_EQ(server.stats.frames_flushed, 9);
  CHECK_EQ(xz_server_speech(&server, wr_bytes_of("a", 1)), WR_ERR_STATE);
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "\"start\"") != NULL);
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "\"stop\"") != NULL);
  CHECK_EQ(sent(text, sizeof text), 0);
  say("{\"type\":\"abort\"}", 3);
  CHECK(next_is(XZ_SERVER_EVENT_ABORT));
  CHECK_EQ(sent(text, sizeof text), 0);
  xz_server_tick(&server, WR_S(3));
  CHECK_EQ(sent(text, sizeof text), 0);
}

TEST(xz_server_typed_text_interrupts_speech) {
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hi\",\"source\":\"text\"}", 0);
  CHECK(next_is(XZ_SERVER_EVENT_ABORT));
  xz_server_event e;
  REQUIRE(xz_server_poll(&server, &e));
  CHECK_EQ(e.kind, XZ_SERVER_EVENT_DETECT);
  CHECK_TEXT(e.text, "hi");
  CHECK(!server.speaking);
}

/* The firmware says the word that woke it, then at once that it listens: the greeting is heard all the same. The
 * button means something else, and so does whoever listens anew later on. */
TEST(xz_server_greets_a_device_that_listens_at_once) {
  static const char detect[] = "{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hi\"}";
  static const char listen[] = "{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"auto\"}";
  static const struct {
    const char *then;
    wr_time after;
    bool interrupts;
  } rows[] = {{listen, 0, false},
              {listen, XZ_SERVER_WOKEN - 1, false},
              {listen, XZ_SERVER_WOKEN, true},
              {"{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0, true},
              {"{\"type\":\"abort\"}", 0, true}};
  start_open(plain_hello);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    wr_time now = WR_S(10 * (int64_t)i);
    say(detect, now);
    ignore_events();
    CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
    say(rows[i].then, now + rows[i].after);
    CHECK_EQ(next_is(XZ_SERVER_EVENT_ABORT), rows[i].interrupts);
    CHECK_EQ(server.speaking, !rows[i].interrupts);
    CHECK(server.listening);
    ignore_events();
    forget_sent();
    say(listen, now + rows[i].after);
    CHECK_EQ(server.speaking, !rows[i].interrupts);
    ignore_events();
    xz_server_speech_cancel(&server);
    forget_sent();
  }
}

TEST(xz_server_stalled_socket_stops_the_clock_of_speech) {
  char text[512];
  uint8_t opus[180] = {0x58};
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  wr_time now = 0;
  int n_ticks = 0;
  do {
    while (xz_server_speech(&server, wr_bytes_of(opus, sizeof opus)) == WR_OK) continue;
    now = now > xz_server_deadline(&server) ? now : xz_server_deadline(&server);
    xz_server_tick(&server, now);
  } while (xz_server_deadline(&server) != WR_NEVER && ++n_ticks < 2000);
  CHECK(n_ticks > 20 && n_ticks < 2000);
  CHECK_EQ(xz_server_deadline(&server), WR_NEVER);
  CHECK_EQ(xz_server_stt(&server, "still room"), WR_OK);
  for (int i = 0; i < 8; i++) (void)sent(text, sizeof text);
  CHECK(xz_server_deadline(&server) != WR_NEVER);
}

TEST(xz_server_speech_queue_is_bounded) {
  uint8_t opus[180] = {0x58};
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  int n = 0;
  while (n < 1000 && xz_server_speech(&server, wr_bytes_of(opus, sizeof opus)) == WR_OK) n++;
  CHECK_EQ(n, sizeof speech_memory / 184);
  CHECK_EQ(xz_server_speech_queued(&server), n);
}

TEST(xz_server_close_ends_the_bracket_first) {
  char text[512];
  start_open(plain_hello);
  CHECK_EQ(xz_server_speech_begin(&server), WR_OK);
  xz_server_close(&server, 1000, "idle");
  (void)sent(text, sizeof text);
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "stop") != NULL);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_CLOSE);
  CHECK_TEXT(text, "idle");
  CHECK_EQ(xz_server_stt(&server, "x"), WR_ERR_STATE);
}

/* ---- MCP towards odd devices ---- */

static const char mcp_hello[] = "{\"type\":\"hello\",\"features\":{\"mcp\":true}}";

static void reply(int id, const char *member) {
  char text[1024];
  snprintf(text, sizeof text, "{\"type\":\"mcp\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":%d,%s}}", id, member);
  say(text, WR_S(1));
}

TEST(xz_server_finds_and_calls_tools) {
  char text[1024];
  start();
  say(mcp_hello, 0);
  ignore_events();
  (void)sent(text, sizeof text);
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  CHECK(strstr(text, "\"id\":1") && strstr(text, "\"vision\":{\"url\":\"http://h/v\",\"token\":\"t\"}"));
  reply(1, "\"result\":{}");
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "notifications/initialized") && !strstr(text, "\"id\""));
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "tools/list") && strstr(text, "\"id\":2"));
  reply(2,
        "\"result\":{\"tools\":[{\"name\":\"self.audio_speaker.set_volume\"},{\"name\":5}],\"nextCursor\":\"n\"}");
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "\"cursor\":\"n\"") && strstr(text, "\"id\":3"));
  reply(3, "\"result\":{\"tools\":[{\"name\":\"xtake_photo\"}]}");
  CHECK(next_is(XZ_SERVER_EVENT_TOOLS));
  CHECK(xz_mcp_host_find(&server.mcp, "take_photo") == NULL);
  json_t *args = json_pack("{s:i}", "volume", 40);
  uint32_t call = 0;
  CHECK_EQ(xz_server_call_tool(&server, "take_photo", args, &call, WR_S(1)), WR_ERR_UNSUPPORTED);
  CHECK_EQ(xz_server_call_tool(&server, "set_volume", args, &call, WR_S(1)), WR_OK);
  CHECK_EQ(call, 4);
  json_decref(args);
  (void)sent(text, sizeof text);
  CHECK(strstr(text, "\"name\":\"self.audio_speaker.set_volume\",\"arguments\":{\"volume\":40}") != NULL);
  reply(4, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"true\"}],\"isError\":false}");
  xz_server_event e;
  REQUIRE(xz_server_poll(&server, &e));
  CHECK_EQ(e.kind, XZ_SERVER_EVENT_TOOL_RESULT);
  CHECK_EQ(e.result.call, 4);
  CHECK(e.result.ok);
  CHECK_TEXT(e.result.text, "true");
}

TEST(xz_server_keeps_descriptions_of_tools_within_bounds) {
  static char page[20 * 1024];
  start();
  server.mcp.describes = true;
  say(mcp_hello, 0);
  ignore_events();
  reply(1, "\"result\":{}");
  reply(2,
        "\"result\":{\"tools\":[{\"name\":\"a\",\"description\":\"what it "
        "does\",\"inputSchema\":{\"type\":\"object\"}},"
        "{\"name\":\"b\",\"inputSchema\":5}],\"nextCursor\":\"n\"}");
  char *text = json_dumps(server.mcp.descriptions, JSON_COMPACT);
  CHECK_TEXT(text,
             "[{\"name\":\"a\",\"description\":\"what it does\",\"inputSchema\":{\"type\":\"object\"}},"
             "{\"name\":\"b\",\"description\":\"\"}]");
  free(text);
  for (int id = 3; id < 7; id++) { /* 15 KB each */
    int n = snprintf(
        page, sizeof page,
        "{\"type\":\"mcp\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"nextCursor\":\"n\",\"tools\":["
        "{\"name\":\"c%d\",\"description\":\"",
        id, id);
    memset(page + n, 'x', 15000);
    memcpy(page + n + 15000, "\"}]}}}", sizeof "\"}]}}}");
    say(page, WR_S(1));
    forget_sent();
  }
  CHECK_EQ(server.mcp.n_tools, 6);
  CHECK_EQ(json_array_size(server.mcp.descriptions), 4);
  CHECK(server.mcp.n_described <= XZ_HOST_TOOLS_BYTES);
  start(); /* wipes */
}

TEST(xz_server_bears_errors_without_code_and_no_reply) {
  char text[1024];
  start();
  say(mcp_hello, 0);
  ignore_events();
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"stop_music\"}]}");
  ignore_events();
  forget_sent();
  json_t *none = json_object();
  uint32_t first, second;
  CHECK_EQ(xz_server_call_tool(&server, "stop_music", none, &first, WR_S(1)), WR_OK);
  CHECK_EQ(xz_server_call_tool(&server, "stop_music", none, &second, WR_S(2)), WR_OK);
  CHECK(first != second);
  reply((int)second, "\"error\":{\"message\":\"Unknown tool: stop_music\"}");
  xz_server_event e;
  REQUIRE(xz_server_poll(&server, &e));
  CHECK(!e.result.ok);
  CHECK_EQ(e.result.call, second);
  CHECK_TEXT(e.result.text, "Unknown tool: stop_music");
  reply((int)second, "\"result\":{}"); /* twice */
  CHECK(!xz_server_poll(&server, &e));
  CHECK_EQ(xz_server_deadline(&server), WR_S(31));
  xz_server_tick(&server, WR_S(31));
  REQUIRE(xz_server_poll(&server, &e));
  CHECK_EQ(e.result.call, first);
  CHECK_TEXT(e.result.text, "timed out");
  CHECK_EQ(sent(text, sizeof text), XZ_SEND_TEXT);
  for (int i = 0; i < XZ_HOST_REQUESTS_MAX; i++)
    CHECK_EQ(xz_server_call_tool(&server, "stop_music", none, &first, WR_S(40)), WR_OK);
  CHECK_EQ(xz_server_call_tool(&server, "stop_music", none, &first, WR_S(40)), WR_ERR_LIMIT);
  xz_server_tick(&server, WR_S(70));
  ignore_events();
  json_decref(none);
}

TEST(xz_server_device_without_answers_has_no_tools) {
  start();
  say(mcp_hello, 0);
  ignore_events();
  CHECK_EQ(xz_server_deadline(&server), WR_S(30));
  xz_server_tick(&server, WR_S(30));
  CHECK(next_is(XZ_SERVER_EVENT_TOOLS));
}

/* ---- both sides, with random delays and interruptions: every start has one stop, nothing stale is heard ---- */

static xz_client client;

static void carry(wr_time now) {
  xz_send send;
  xz_server_event se;
  xz_client_event ce;
  for (bool moved = true; moved;) {
    moved = false;
    if (xz_client_peek(&client, &send)) {
      if (send.kind == XZ_SEND_TEXT) xz_server_recv_text(&server, send.bytes, now);
      if (send.kind == XZ_SEND_BINARY) xz_server_recv_binary(&server, send.bytes, now);
      while (xz_server_poll(&server, &se)) continue;
      xz_client_pop(&client);
      moved = true;
    }
    if (xz_server_peek(&server, &send)) {
      if (send.kind == XZ_SEND_TEXT) xz_client_recv_text(&client, send.bytes, now);
      if (send.kind == XZ_SEND_BINARY) xz_client_recv_binary(&client, send.bytes, now);
      while (xz_client_poll(&client, &ce)) {
        if (ce.kind == XZ_CLIENT_EVENT_TOOL_CALL)
          CHECK_EQ(xz_client_tool_result(&client, ce.tool.call, true, "1"), 0);
        if (ce.kind == XZ_CLIENT_EVENT_TTS_START) CHECK(client.speaking);
        if (ce.kind == XZ_CLIENT_EVENT_AUDIO) CHECK(!client.muted);
      }
      xz_server_pop(&server, 0);
      moved = true;
    }
  }
}

TEST(xz_client_and_server_agree_under_random_use) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    check_rng rng = {seed};
    xz_client_settings settings;
    xz_client_settings_default(&settings);
    settings.version = 1 + (unsigned)seed % 3;
    settings.mcp.firmware_names = seed & 1;
    start();
    xz_client_wipe(&client);
    xz_client_init(&client, &settings);
    xz_client_opened(&client, 0);
    carry(0);
    CHECK_EQ(client.state, XZ_CLIENT_READY);
    CHECK(server.mcp.listed);
    CHECK_EQ(server.mcp.n_tools, xz_n_page_tools);
    json_t *volume = json_pack("{s:i}", "volume", 5);
    for (wr_time now = WR_MS(10); now < WR_S(20); now += WR_MS(1 + check_rng_u32(&rng) % 50)) {
      uint32_t call;
      wr_err err = WR_OK;
      switch (check_rng_u32(&rng) % 12) {
        case 0: err = xz_client_abort(&client, NULL); break;
        case 1: err = xz_client_listen_start(&client, (xz_mode)(check_rng_u32(&rng) % 3)); break;
        case 2: err = xz_client_detect(&client, "hello"); break;
        case 3: err = xz_server_call_tool(&server, "set_volume", volume, &call, now); break;
        case 4: xz_server_speech_end(&server); break;
        case 5: err = xz_server_stt(&server, "words"); break;
        case 6: err = xz_client_listen_stop(&client); break;
        default:
          err = xz_server_speech_begin(&server);
          if (!err && xz_server_speech(&server, wr_bytes_of(opus60, 4)) == WR_ERR_LIMIT)
            xz_server_speech_end(&server);
          break;
      }
      CHECK_EQ(err, WR_OK);
      if (check_rng_u32(&rng) % 3) carry(now);
      if (now >= xz_server_deadline(&server)) xz_server_tick(&server, now);
      ignore_events();
    }
    carry(WR_S(20));
    xz_server_speech_end(&server);
    for (int i = 0; i < 200 && xz_server_deadline(&server) != WR_NEVER; i++) {
      wr_time at = xz_server_deadline(&server);
      xz_server_tick(&server, at);
      ignore_events();
      carry(at);
    }
    CHECK(!server.speaking && !client.speaking && !client.aborted);
    CHECK_EQ(client.stats.drop[XZ_DROP_NOT_JSON] + client.stats.drop[XZ_DROP_REPEATED], 0);
    json_decref(volume);
  }
}
