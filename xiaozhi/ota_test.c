/* xiaozhi/ota_test.c - the device's way to a server, against scripted replies. Pitfall numbers are those of
 * docs/interop.md. */
#include "xiaozhi/ota.h"

#include <jansson.h>
#include <string.h>

#include "check.h"

static xz_ota ota;

static xz_ota_news answer(unsigned status, const char *body, wr_time now) {
  return xz_ota_answer(&ota, status, wr_bytes_of(body, strlen(body)), 1000, now);
}

static const char server[] = "{\"websocket\":{\"url\":\"wss://h/v1/\",\"token\":\"t\",\"version\":3}}";
static const char code[] =
    "{\"activation\":{\"code\":\"123456\",\"message\":\"xiaozhi.me\\n123456\",\"challenge\":\"c\"},"
    "\"websocket\":{\"url\":\"ws://h/\",\"token\":\"\"}}";
static const char code_alone[] = "{\"activation\":{\"code\":\"123456\",\"message\":\"m\"}}";

static void start(void) {
  xz_ota_init(&ota);
  CHECK_EQ(xz_ota_ask(&ota, 0), XZ_OTA_NOTHING);
  xz_ota_start(&ota, 0);
  CHECK_EQ(xz_ota_ask(&ota, 0), XZ_OTA_CHECK);
  CHECK_EQ(xz_ota_ask(&ota, 0), XZ_OTA_NOTHING); /* one at a time */
  CHECK_EQ(xz_ota_deadline(&ota), WR_NEVER);
}

TEST(xz_ota_finds_the_server_and_stays_with_it) {
  start();
  CHECK_EQ(answer(200, server, 10), XZ_OTA_NEWS_READY);
  CHECK_TEXT(ota.server.url, "wss://h/v1/");
  CHECK_TEXT(ota.server.token, "t");
  CHECK_EQ(ota.server.version, 3);
  xz_ota_start(&ota, 20);
  CHECK_EQ(xz_ota_ask(&ota, 20), XZ_OTA_NOTHING);
}

/* Pitfall 6: a token that is refused is asked for anew, and until then the old one is the last resort, once. */
TEST(xz_ota_pitfall_6_refreshes_and_keeps_the_last_good_server) {
  start();
  CHECK_EQ(answer(200, server, 10), XZ_OTA_NEWS_READY);
  xz_ota_forget(&ota);
  xz_ota_start(&ota, WR_S(1));
  CHECK_EQ(xz_ota_ask(&ota, WR_S(1)), XZ_OTA_CHECK);
  CHECK_EQ(answer(0, "", WR_S(2)), XZ_OTA_NEWS_READY);
  CHECK_TEXT(ota.server.url, "wss://h/v1/");
  xz_ota_forget(&ota);
  xz_ota_start(&ota, WR_S(3));
  CHECK_EQ(xz_ota_ask(&ota, WR_S(3)), XZ_OTA_CHECK);
  CHECK_EQ(answer(503, "", WR_S(3)), XZ_OTA_NEWS_FAILED);
  CHECK(strstr(ota.error, "503") != NULL);
}

TEST(xz_ota_backs_off_from_10_s_to_5_min) {
  static const unsigned waits_s[] = {10, 20, 40, 80, 160, 300, 300};
  wr_time now = 0;
  start();
  for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
    CHECK_EQ(answer(500, "", now), XZ_OTA_NEWS_FAILED);
    CHECK_EQ(xz_ota_deadline(&ota), now + WR_S(waits_s[i]));
    CHECK_EQ(xz_ota_ask(&ota, now + WR_S(waits_s[i]) - 1), XZ_OTA_NOTHING);
    now += WR_S(waits_s[i]);
    CHECK_EQ(xz_ota_ask(&ota, now), XZ_OTA_CHECK);
  }
  CHECK_EQ(answer(200, server, now), XZ_OTA_NEWS_READY);
}

TEST(xz_ota_shows_the_words_of_errors_with_status_200) {
  start();
  CHECK_EQ(answer(200, "{\"success\":false,\"message\":\"request error.\"}", 0), XZ_OTA_NEWS_FAILED);
  CHECK_TEXT(ota.error, "request error.");
  start();
  CHECK_EQ(answer(200, "{\"error\":\"Invalid device ID\"}", 0), XZ_OTA_NEWS_FAILED);
  CHECK_TEXT(ota.error, "Invalid device ID");
  start();
  CHECK_EQ(answer(200, "<html>", 0), XZ_OTA_NEWS_FAILED);
  start();
  CHECK_EQ(answer(200, "{\"mqtt\":{\"endpoint\":\"h\"}}", 0), XZ_OTA_NEWS_FAILED); /* no client id */
  CHECK(strstr(ota.error, "MQTT") != NULL);
}

TEST(xz_ota_polls_activation_by_status) {
  start();
  CHECK_EQ(answer(200, code, 0), XZ_OTA_NEWS_CODE);
  CHECK_TEXT(ota.code, "123456");
  CHECK_TEXT(ota.message, "xiaozhi.me\n123456");
  CHECK_EQ(xz_ota_ask(&ota, WR_S(3) - 1), XZ_OTA_NOTHING);
  CHECK_EQ(xz_ota_ask(&ota, WR_S(3)), XZ_OTA_ACTIVATE);
  CHECK_EQ(answer(202, "", WR_S(3)), XZ_OTA_NO_NEWS);
  CHECK_EQ(xz_ota_deadline(&ota), WR_S(6));
  CHECK_EQ(xz_ota_ask(&ota, WR_S(6)), XZ_OTA_ACTIVATE);
  CHECK_EQ(answer(500, "", WR_S(6)), XZ_OTA_NO_NEWS);
  CHECK_EQ(xz_ota_deadline(&ota), WR_S(16));
  CHECK_EQ(xz_ota_ask(&ota, WR_S(16)), XZ_OTA_ACTIVATE);
  CHECK_EQ(answer(200, "\"success\"", WR_S(16)), XZ_OTA_NO_NEWS);
  CHECK_EQ(xz_ota_ask(&ota, WR_S(16)), XZ_OTA_CHECK);
  CHECK_EQ(answer(200, server, WR_S(16)), XZ_OTA_NEWS_READY);
}

/* Pitfall 1: a server that confirms and asks for activation all the same makes no tight loop. */
TEST(xz_ota_pitfall_1_endless_activation_is_slow) {
  start();
  CHECK_EQ(answer(200, code, 0), XZ_OTA_NEWS_CODE);
  CHECK_EQ(xz_ota_ask(&ota, WR_S(3)), XZ_OTA_ACTIVATE);
  CHECK_EQ(answer(200, "", WR_S(3)), XZ_OTA_NO_NEWS);
  CHECK_EQ(xz_ota_ask(&ota, WR_S(3)), XZ_OTA_CHECK);
  CHECK_EQ(answer(200, code, WR_S(3)), XZ_OTA_NEWS_CODE);
  CHECK_EQ(xz_ota_deadline(&ota), WR_S(13));
}

/* Some servers never implement /activate, and some give no challenge: the check alone finds out. */
TEST(xz_ota_becomes_ready_without_activate) {
  start();
  CHECK_EQ(answer(200, code_alone, 0), XZ_OTA_NEWS_CODE);
  CHECK_EQ(xz_ota_deadline(&ota), WR_S(30));
  CHECK_EQ(xz_ota_ask(&ota, WR_S(30)), XZ_OTA_CHECK);
  CHECK_EQ(answer(200, code_alone, WR_S(30)), XZ_OTA_NEWS_CODE);
  CHECK_EQ(xz_ota_ask(&ota, WR_S(60)), XZ_OTA_CHECK);
  CHECK_EQ(answer(200, server, WR_S(60)), XZ_OTA_NEWS_READY);
  CHECK_EQ(xz_ota_deadline(&ota), WR_NEVER);
  start();
  CHECK_EQ(answer(200, code, 0), XZ_OTA_NEWS_CODE);
  for (wr_time at = WR_S(3); at < WR_S(30); at += WR_S(10)) {
    CHECK_EQ(xz_ota_ask(&ota, at), XZ_OTA_ACTIVATE);
    CHECK_EQ(answer(404, "nothing is here", at), XZ_OTA_NO_NEWS);
  }
  CHECK_EQ(xz_ota_ask(&ota, WR_S(30)), XZ_OTA_CHECK);
}

/* What goes into requests must not end a line of them, and what cannot be used is no server. */
TEST(xz_ota_refuses_what_would_break_a_request) {
  static const char *const bad[] = {
      "{\"websocket\":{\"url\":\"ws://h/ x\",\"token\":\"\"}}",
      "{\"websocket\":{\"url\":\"http://h/\",\"token\":\"\"}}",
      "{\"websocket\":{\"url\":\"ws://h/\",\"token\":\"a\\r\\nX: y\"}}",
      "{\"websocket\":{\"url\":7}}",
      "{\"websocket\":\"ws://h/\"}",
      "{\"activation\":{}}",
      "{}",
      "[]",
      "",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    start();
    CHECK_EQ(answer(200, bad[i], 0), XZ_OTA_NEWS_FAILED);
  }
  start();
  CHECK_EQ(answer(200, "{\"websocket\":{\"url\":\"ws://h/\",\"token\":\"Bearer x\",\"version\":9}}", 0),
           XZ_OTA_NEWS_READY);
  CHECK_TEXT(ota.server.token, "Bearer x");
  CHECK_EQ(ota.server.version, 1);
}

TEST(xz_ota_knows_the_servers_clock) {
  start();
  CHECK_EQ(answer(200,
                  "{\"websocket\":{\"url\":\"ws://h/\"},\"server_time\":{\"timestamp\":1754650000000,"
                  "\"timezone_offset\":480}}",
                  0),
           XZ_OTA_NEWS_READY);
  CHECK(ota.has_skew);
  CHECK_EQ(ota.skew_ms, 1754650000000 - 1000);
  xz_ota_reply reply;
  const char *text = "{\"server_time\":{\"timestamp\":1,\"timezone_offset\":-90}}";
  CHECK(xz_ota_read(&reply, wr_bytes_of(text, strlen(text))));
  CHECK_EQ(reply.offset_min, -90);
}

/* Pitfalls 4 and 5: the body's address is the header's, and application.version is always there. */
TEST(xz_ota_pitfalls_4_and_5_body_names_device_and_version) {
  char body[2048];
  xz_ota_device device = {"02:aa:bb:cc:dd:ee", "id", "xiaozhi-rtc", "0.1.0", "en-US", "127.0.0.1"};
  size_t len = xz_ota_write(body, sizeof body, &device);
  json_t *root = json_loadb(body, len, 0, NULL);
  CHECK(root != NULL);
  const json_t *board = json_object_get(root, "board");
  CHECK_TEXT(json_string_value(json_object_get(root, "mac_address")), device.mac);
  CHECK_TEXT(json_string_value(json_object_get(board, "mac")), device.mac);
  CHECK_TEXT(json_string_value(json_object_get(root, "uuid")), "id");
  CHECK_TEXT(json_string_value(json_object_get(json_object_get(root, "application"), "version")), "0.1.0");
  CHECK(json_is_string(json_object_get(root, "minimum_free_heap_size")));
  json_decref(root);
  CHECK_EQ(xz_ota_write(body, 100, &device), 0);
}

TEST(xz_ota_activate_address) {
  char url[40];
  CHECK(xz_ota_activate_url(url, sizeof url, "http://h/xiaozhi/ota"));
  CHECK_TEXT(url, "http://h/xiaozhi/ota/activate");
  CHECK(xz_ota_activate_url(url, sizeof url, "http://h/xiaozhi/ota/"));
  CHECK_TEXT(url, "http://h/xiaozhi/ota/activate");
  CHECK(!xz_ota_activate_url(url, 20, "http://h/xiaozhi/ota/"));
}

#define MQTT_REST                                                                             \
  "\"client_id\":\"GID@@@02_00_00_00_00_01@@@u\",\"username\":\"eyJ9\",\"password\":\"p w\"," \
  "\"publish_topic\":\"device-server\",\"subscribe_topic\":\"null\"}"

TEST(xz_ota_mqtt_where_only_that_is_offered) {
  start();
  CHECK_EQ(answer(200, "{\"mqtt\":{\"endpoint\":\"mqtt.example\"," MQTT_REST "}", 0), XZ_OTA_NEWS_READY);
  const xz_ota_mqtt *q = &ota.server.mqtt;
  CHECK_TEXT(ota.server.url, "");
  CHECK_TEXT(q->host, "mqtt.example");
  CHECK_EQ(q->port, 8883);
  CHECK(q->tls);
  CHECK_TEXT(q->client_id, "GID@@@02_00_00_00_00_01@@@u");
  CHECK_TEXT(q->username, "eyJ9");
  CHECK_TEXT(q->password, "p w");
  CHECK_TEXT(q->publish_topic, "device-server");
  CHECK_TEXT(q->subscribe_topic, "");
  CHECK_EQ(q->keep_alive_s, 240);
}

TEST(xz_ota_a_websocket_goes_before_mqtt) {
  start();
  CHECK_EQ(answer(200, "{\"websocket\":{\"url\":\"ws://h/\"},\"mqtt\":{\"endpoint\":\"m\"," MQTT_REST "}", 0),
           XZ_OTA_NEWS_READY);
  CHECK_TEXT(ota.server.url, "ws://h/");
  CHECK_TEXT(ota.server.mqtt.host, "");
}

TEST(xz_ota_mqtt_endpoints) {
  static const struct {
    const char *endpoint, *host;
    unsigned port;
    bool tls;
  } rows[] = {
      {"h:1883", "h", 1883, false},
      {"h:8883", "h", 8883, true},
      {"[::1]:1884", "::1", 1884, false},
      {"[::1]", "::1", 8883, true},
      {"mqtt://h", "h", 1883, false},
      {"mqtts://h:1999", "h", 1999, true},
      {"ssl://h", "h", 8883, true},
      {"mqtt://h:8883", "h", 8883, false},
      {"", NULL, 0, false},
      {":1883", NULL, 0, false},
      {"h:0", NULL, 0, false},
      {"h:70000", NULL, 0, false},
      {"h h:1883", NULL, 0, false},
      {"[::1", NULL, 0, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char body[512];
    xz_ota_reply r;
    snprintf(body, sizeof body, "{\"mqtt\":{\"endpoint\":\"%s\"," MQTT_REST "}", rows[i].endpoint);
    CHECK(xz_ota_read(&r, wr_bytes_of(body, strlen(body))));
    CHECK_EQ(r.has_server, rows[i].host != NULL);
    CHECK_EQ(r.unusable_mqtt, rows[i].host == NULL);
    CHECK_TEXT(r.server.mqtt.host, rows[i].host ? rows[i].host : "");
    CHECK_EQ(r.server.mqtt.port, rows[i].port);
    CHECK_EQ(r.server.mqtt.tls, rows[i].tls);
  }
}
