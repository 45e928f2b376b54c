/* A caller against the simulated gateway, on the virtual network: real parts throughout, no clock. */
#include "caller/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller/caller_state.h"
#include "check.h"
#include "sim/faults_world.h"
#include "wr/crypto_openssl.h"

static sim_world w;

static void open_world(uint64_t seed, bool plain) {
  sim_world_settings settings = {
      .crypto = {wr_crypto_null(), wr_crypto_null()}, .seed = seed, .plain = plain, .servers_ttl_s = 60};
  REQUIRE(sim_world_open(&w, &settings));
}

static void start(void) {
  sim_world_do(&w, MGR_EVENT_START, MGR_MODE_REALTIME);
  sim_world_watch(&w);
}

static void talk(uint64_t seed) {
  open_world(seed, false);
  start();
  REQUIRE(sim_world_run(&w, sim_world_now(&w) + WR_S(20), sim_world_is_well));
}

static void wait(wr_time us) { sim_world_run(&w, sim_world_now(&w) + us, NULL); }

static const sim_gateway_counts *counts(void) { return sim_gateway_counts_of(w.gateway); }

TEST(caller_talks_and_hangs_up_on_both_layers) {
  talk(1);
  wr_conn_stats stats;
  CHECK(caller_stats(w.caller, &stats) && stats.checks_answered > 0);
  CHECK(strncmp(caller_location(w.caller), "/api/sessions/", 14) == 0);
  CHECK(mgr_manager_can_talk(caller_manager(w.caller)));
  w.probing = false;
  sim_world_do(&w, MGR_EVENT_STOP, 0);
  wait(WR_S(2));
  CHECK_EQ(w.told.state, MGR_STATE_CLOSED);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 0);
  CHECK(!caller_stats(w.caller, &stats));
  CHECK_EQ(caller_send_audio(w.caller, WR_BYTES_LITERAL("x"), 0, false, sim_world_now(&w)), WR_ERR_STATE);
  CHECK_EQ(caller_send_message(w.caller, true, WR_BYTES_LITERAL("x"), sim_world_now(&w)), WR_ERR_STATE);
  CHECK_EQ(caller_deadline(w.caller), WR_NEVER);
  sim_world_close(&w);
}

TEST(caller_says_texts_of_a_size) {
  static char text[CALLER_TEXT_MAX + 2];
  talk(2);
  CHECK(!caller_say(w.caller, "", sim_world_now(&w)));
  memset(text, 'x', sizeof text - 1);
  CHECK(!caller_say(w.caller, text, sim_world_now(&w)));
  text[CALLER_TEXT_MAX] = 0;
  CHECK(caller_say(w.caller, text, sim_world_now(&w)));
  wait(WR_S(1));
  sim_world_close(&w);
}

/* The session stays the same over an ICE restart and over a resumption. */
TEST(caller_keeps_its_session) {
  char before[LOCATION_MAX];
  talk(3);
  memcpy(before, caller_location(w.caller), sizeof before);
  sim_world_move(&w);
  sim_world_watch(&w);
  CHECK(sim_world_run(&w, sim_world_now(&w) + WR_S(10), sim_world_is_well));
  CHECK(counts()->n_restarted >= 1);
  CHECK(strcmp(before, caller_location(w.caller)) == 0);
  sim_world_block_udp(&w, true);
  wait(WR_S(20));
  sim_world_block_udp(&w, false);
  sim_world_watch(&w);
  CHECK(sim_world_run(&w, sim_world_now(&w) + WR_S(15), sim_world_is_well));
  CHECK(counts()->n_resumed >= 1);
  CHECK_EQ(counts()->n_opened, 1);
  CHECK(strcmp(before, caller_location(w.caller)) == 0);
  sim_world_close(&w);
}

/* An answer to an offer whose link was given up meanwhile: the session it tells of is removed. */
TEST(caller_removes_what_an_answer_too_late_made) {
  open_world(4, false);
  start();
  wait(WR_MS(1));
  sim_world_do(&w, MGR_EVENT_STOP, 0);
  wait(WR_S(2));
  CHECK_EQ(counts()->n_opened, 1);
  CHECK_EQ(counts()->n_deleted, 1);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 0);
  sim_world_close(&w);
}

TEST(caller_takes_answers_of_any_kind) {
  static const char *const answers[] = {"",
                                        "{}",
                                        "[]",
                                        "null",
                                        "{\"sdp\":1}",
                                        "{\"sdp\":\"v=0\\r\\n\"}",
                                        "{\"sdp\":\"\",\"location\":5}",
                                        "\xff{",
                                        "{\"error\":{\"message\":\"no\"}}"};
  static const int statuses[] = {0, 100, 200, 204, 302, 400, 401, 404, 500, 503, 999};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    for (size_t j = 0; j < sizeof statuses / sizeof *statuses; j++) {
      open_world(i * 100 + j, false);
      w.http = HTTP_NO_ANSWER;
      w.http_budget = 1;
      start();
      wait(WR_MS(1));
      caller_on_response(w.caller, 77, 200, 0, WR_BYTES_LITERAL("{}"), sim_world_now(&w)); /* nobody asked */
      caller_on_response(w.caller, w.request[0].number, statuses[j], 0, wr_bytes_of(answers[i], strlen(answers[i])),
                         sim_world_now(&w));
      wait(WR_S(1));
      CHECK(w.told.state != MGR_STATE_CONNECTED || counts()->n_opened == 1);
      bool is_final = statuses[j] == 400 || statuses[j] == 401 || statuses[j] == 404;
      if (is_final) CHECK_EQ(w.told.state, MGR_STATE_FAILED);
      sim_world_close(&w);
    }
  }
}

/* Whatever the other side says on the channel: it is reported as a sign of life at most. */
TEST(caller_reads_messages_of_any_kind) {
  static const char *const texts[] = {"",
                                      "{",
                                      "[]",
                                      "7",
                                      "{\"type\":7}",
                                      "{\"type\":\"pong\"}",
                                      "{\"type\":\"pong\",\"t\":\"x\"}",
                                      "{\"type\":\"tts\",\"state\":\"nonsense\"}",
                                      "{\"type\":\"backend\"}",
                                      "{\"type\":\"quality\",\"rtt\":\"x\"}",
                                      "{\"type\":\"server-draining\",\"in\":-5}",
                                      "{\"type\":\"stt\",\"text\":null}"};
  talk(5);
  const caller_link *link = caller_link_of(w.caller, w.caller->chat_link);
  REQUIRE(link != NULL);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    bool again = true;
    wr_bytes text = wr_bytes_of(texts[i], strlen(texts[i]));
    json_decref(caller_read_message(w.caller, link, text, &again, sim_world_now(&w)));
    CHECK(!again);
    wait(WR_MS(50));
    CHECK_EQ(w.told.state, MGR_STATE_CONNECTED);
  }
  CHECK(!w.fault);
  sim_world_close(&w);
}

/* By its number, whatever it is; numbers that are none are not read. */
TEST(caller_takes_a_message_once) {
  static const struct {
    const char *n;
    bool again;
    int64_t heard; /* it and all before */
  } rows[] = {{"1", false, 1},     {"1", true, 1},     {"4", false, 1},
              {"3", false, 1},     {"3", true, 1},     {"2", false, 4},
              {"\"1\"", false, 4}, {"1.5", false, 4},  {"-1", false, 4},
              {"0", false, 4},     {"null", false, 4}, {"36", false, 4},
              {"5", false, 5},     {"100", false, 67}, {"67", true, 67},
              {"68", false, 68},   {"2", true, 68},    {"9223372036854775807", false, INT64_MAX - 33}};
  talk(6);
  const caller_link *link = caller_link_of(w.caller, w.caller->chat_link);
  REQUIRE(link != NULL);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool again;
    char text[80];
    snprintf(text, sizeof text, "{\"type\":\"stt\",\"n\":%s}", rows[i].n);
    json_decref(caller_read_message(w.caller, link, wr_bytes_of(text, strlen(text)), &again, sim_world_now(&w)));
    CHECK_EQ(again, rows[i].again);
    CHECK_EQ(caller_heard(w.caller), rows[i].heard);
    wait(WR_MS(50));
  }
  sim_world_close(&w);
}

TEST(caller_does_not_call_again_when_the_operator_ended_it) {
  talk(7);
  const caller_link *link = caller_link_of(w.caller, w.caller->chat_link);
  REQUIRE(link != NULL);
  w.probing = false;
  bool again;
  json_decref(caller_read_message(w.caller, link, WR_BYTES_LITERAL("{\"type\":\"ended\",\"reason\":\"operator\"}"),
                                  &again, sim_world_now(&w)));
  wait(WR_S(60));
  CHECK_EQ(w.told.state, MGR_STATE_CLOSED);
  CHECK_EQ(w.told.reason, MGR_REASON_ENDED);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 0);
  CHECK_EQ(counts()->n_opened, 1);
  sim_world_close(&w);
}

/* Towards a server that only echoes nothing is said that nobody asked for, and silence on the channel is no alarm.
 */
TEST(caller_plain_keeps_quiet) {
  open_world(6, true);
  sim_world_do(&w, MGR_EVENT_START, MGR_MODE_REALTIME);
  wait(WR_S(20));
  CHECK_EQ(w.told.state, MGR_STATE_CONNECTED);
  CHECK_EQ(counts()->n_messages, 0);
  CHECK_EQ(counts()->n_restarted, 0);
  CHECK(mgr_manager_can_talk(caller_manager(w.caller)));
  CHECK(counts()->n_frames_heard > 0);
  sim_world_close(&w);
}

TEST(caller_without_a_network_says_so) {
  open_world(7, false);
  sim_world_go_offline(&w, true);
  start();
  wait(WR_S(100));
  CHECK_EQ(w.told.state, MGR_STATE_FAILED);
  sim_world_go_offline(&w, false);
  sim_world_do(&w, MGR_EVENT_RETRY, 0);
  sim_world_watch(&w);
  CHECK(sim_world_run(&w, sim_world_now(&w) + WR_S(10), sim_world_is_well));
  sim_world_close(&w);
}

/* ---- servers ---- */

typedef struct rig {
  caller *c;
  wr_conn *gateway;
  wr_gather *gather;
  wr_time now;
  bool asked, offered, patched;
  uint8_t query[64]; /* the binding request */
  char patch[1024];
} rig;

static const wr_addr home = {.family = 4, .ip = {10, 0, 0, 1}, .port = 5000};
static const wr_addr mirror = {.family = 4, .ip = {192, 0, 2, 9}, .port = 3478};
static const wr_addr seen = {.family = 4, .ip = {203, 0, 113, 5}, .port = 7000};
static _Alignas(16) uint8_t blocks[2][(WR_CONN_POOL_BLOCK + 16) * 65];
static uint8_t messages[2][65536];
static wr_sdp scratch;
static check_rng dice = {9};

static void on_bind(rig *r, uint32_t link) {
  const wr_gather_server server = {.addr = mirror};
  const wr_gather_settings settings = {
      .rng = {check_rng_fill, &dice}, .crypto = wr_crypto_null(), .servers = &server, .n_servers = 1};
  CHECK_EQ(json_array_size(caller_servers(r->c)), 1);
  r->gather = wr_gather_init(aligned_alloc(16, (wr_gather_size(&settings) + 15) / 16 * 16), &settings, r->now);
  caller_use_gather(r->c, link, r->gather);
  caller_bind(r->c, link, &home, 1, r->now);
}

/* The gateway's answer, by a connection that nothing else is asked of. */
static void on_offer(rig *r, const caller_request *request) {
  char answer[8192];
  size_t len;
  wr_sdp_error error;
  json_t *body = json_loadb((const char *)request->body.data, request->body.len, 0, NULL);
  const char *sdp = json_string_value(json_object_get(body, "sdp"));
  CHECK(sdp && !strstr(sdp, "203.0.113.5") && strstr(sdp, "10.0.0.1"));
  CHECK_EQ(wr_conn_accept_offer(r->gateway, wr_bytes_of(sdp, strlen(sdp)), &scratch, &error, answer, sizeof answer,
                                &len, r->now),
           WR_OK);
  json_decref(body);
  body = json_pack("{s:s, s:s}", "sdp", answer, "location", "/api/sessions/1");
  char *text = json_dumps(body, 0);
  r->offered = true;
  caller_on_response(r->c, request->number, 201, 0, wr_bytes_of(text, strlen(text)), r->now);
  free(text);
  json_decref(body);
}

static void on_request(rig *r, const caller_request *request) {
  static const char list[] = "{\"iceServers\":[{\"urls\":[\"stun:192.0.2.9\"]}],\"ttl\":600}";
  if (!strcmp(request->path, "/api/ice")) {
    caller_on_response(r->c, request->number, 200, 0, wr_bytes_of(list, strlen(list)), r->now);
  } else if (!strcmp(request->method, "POST")) {
    on_offer(r, request);
  } else if (!strcmp(request->method, "PATCH")) {
    CHECK(!strcmp(request->path, "/api/sessions/1") && request->body.len < sizeof r->patch);
    snprintf(r->patch, sizeof r->patch, "%.*s", (int)request->body.len, (const char *)request->body.data);
    r->patched = true;
  }
}

static void drain_rig(rig *r) {
  uint8_t buffer[CALLER_BUFFER];
  caller_out out;
  for (caller_poll(r->c, buffer, sizeof buffer, &out, r->now); out.kind != CALLER_OUT_IDLE;
       caller_poll(r->c, buffer, sizeof buffer, &out, r->now)) {
    if (out.kind == CALLER_OUT_BIND) on_bind(r, out.link);
    if (out.kind == CALLER_OUT_REQUEST) on_request(r, &out.request);
    if (out.kind == CALLER_OUT_DATAGRAM && wr_addr_equal(&out.path.remote, &mirror)) {
      memcpy(r->query, buffer, 20);
      r->asked = true;
    }
  }
}

/* A binding response: XOR-MAPPED-ADDRESS alone. */
static void answer_query(rig *r) {
  uint8_t answer[32] = {1, 1, 0, 12};
  memcpy(answer + 4, r->query + 4, 16);
  const uint8_t mapped[12] = {0,
                              0x20,
                              0,
                              8,
                              0,
                              1,
                              (uint8_t)(seen.port >> 8) ^ 0x21,
                              (uint8_t)(seen.port & 255) ^ 0x12,
                              203 ^ 0x21,
                              0 ^ 0x12,
                              113 ^ 0xa4,
                              5 ^ 0x42};
  memcpy(answer + 20, mapped, 12);
  caller_recv(r->c, 1, &(wr_path){home, mirror}, (wr_span){answer, sizeof answer}, r->now);
}

TEST(caller_trickles_what_its_servers_give) {
  rig r = {.now = WR_S(1)};
  caller_settings s;
  wr_conn_settings g;
  caller_settings_default(&s);
  wr_conn_settings_default(&g);
  s.crypto = g.crypto = wr_crypto_null();
  s.rng = g.rng = (wr_rng){check_rng_fill, &dice};
  s.pool = wr_pool_init(blocks[0], WR_CONN_POOL_BLOCK, 64);
  g.pool = wr_pool_init(blocks[1], WR_CONN_POOL_BLOCK, 64);
  s.message_buffer = messages[0];
  g.message_buffer = messages[1];
  s.message_buffer_bytes = g.message_buffer_bytes = sizeof messages[0];
  s.scratch = &scratch;
  s.fetch_servers = true;
  s.manager.prepare = MGR_PREPARE_NOTHING;
  r.gateway = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &g, r.now);
  r.c = caller_init(aligned_alloc(16, (caller_size() + 15) / 16 * 16), &s, r.now);
  caller_do(r.c, MGR_EVENT_START, MGR_MODE_REALTIME, r.now);
  drain_rig(&r);
  CHECK(r.asked && r.offered && !r.patched);
  answer_query(&r);
  for (int i = 0; i < 100 && !r.patched; i++) {
    drain_rig(&r);
    wr_time at = caller_deadline(r.c);
    r.now = at > r.now && at < r.now + WR_MS(50) ? at : r.now + WR_MS(50);
    caller_tick(r.c, r.now);
  }
  CHECK(strstr(r.patch, "203.0.113.5 7000 typ srflx") && strstr(r.patch, "\"sdpMid\":\"0\""));
  CHECK(strstr(r.patch, "\"end\":true"));
  caller_wipe(r.c);
  wr_conn_wipe(r.gateway);
  free(r.c);
  free(r.gateway);
  free(r.gather);
}
