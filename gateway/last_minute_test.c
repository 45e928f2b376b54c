#include "gateway/last_minute.h"

#include <jansson.h>
#include <stdlib.h>

#include "check.h"

static gw_figures unmeasured(void) {
  gw_quality quality;
  gw_quality_init(&quality);
  return quality.figures;
}

static json_t *read_back(const gw_minute *m) {
  gw_text out = {0};
  gw_text_add(&out, "{");
  gw_minute_write(&out, m);
  gw_text_add(&out, "}");
  json_t *object = json_loads(out.text, 0, NULL);
  free(out.text);
  return object;
}

static double number(const json_t *of, const char *key) { return json_number_value(json_object_get(of, key)); }

TEST(last_minute_is_a_few_kilobytes) { CHECK(sizeof(gw_minute) < 4096); }

TEST(last_minute_of_a_new_call_is_empty_lists) {
  gw_minute m;
  gw_minute_init(&m, WR_S(5));
  json_t *all = read_back(&m);
  CHECK(json_is_array(json_object_get(all, "seconds")) && json_array_size(json_object_get(all, "seconds")) == 0);
  CHECK(json_is_array(json_object_get(all, "events")) && json_array_size(json_object_get(all, "events")) == 0);
  CHECK(number(all, "forgotten") == 0);
  json_decref(all);
}

TEST(last_minute_tells_differences_and_leaves_out_what_is_not_measured) {
  gw_minute m;
  gw_minute_init(&m, WR_S(5));
  const gw_figures none = unmeasured();
  wr_conn_stats stats = {.rtp_packets_in = 50, .rtp_packets_out = 49, .bytes_in = 5000, .rtp_lost = 2};
  gw_minute_step(&m, &stats, &none, WR_S(6));
  gw_figures figures = {.rtt_ms = 12.34, .jitter_ms = 0, .loss_down = 0.125, .concealed = MGR_ABSENT, .mos = 4.4};
  stats.rtp_packets_in = 100;
  stats.rtp_lost = 5;
  stats.drop[WR_DROP_SRTP_TAG] = 3;
  stats.target_bps = 64000;
  gw_minute_step(&m, &stats, &figures, WR_S(7) + WR_MS(1));
  json_t *all = read_back(&m);
  const json_t *seconds = json_object_get(all, "seconds"), *first = json_array_get(seconds, 0),
               *second = json_array_get(seconds, 1);
  CHECK(number(first, "at") == 1 && number(first, "packetsIn") == 50 && number(first, "packetsOut") == 49);
  CHECK(number(first, "bytesIn") == 5000 && number(first, "lost") == 2);
  CHECK(!json_object_get(first, "rtt") && !json_object_get(first, "mos") && !json_object_get(first, "queue"));
  CHECK(number(second, "at") == 2.001 && number(second, "packetsIn") == 50 && number(second, "packetsOut") == 0);
  CHECK(number(second, "lost") == 3 && number(second, "dropped") == 3 && number(second, "targetKbps") == 64);
  CHECK(number(second, "rtt") == 12.3 && number(second, "lossDown") == 0.125 && number(second, "mos") == 4.4);
  CHECK(json_object_get(second, "jitter") && !json_object_get(second, "concealed"));
  json_decref(all);
}

TEST(last_minute_begins_anew_with_another_connection) {
  gw_minute m;
  gw_minute_init(&m, 0);
  wr_conn_stats stats = {.rtp_packets_in = 1000};
  const gw_figures none = unmeasured();
  gw_minute_step(&m, &stats, &none, WR_S(1));
  gw_minute_restart(&m);
  stats.rtp_packets_in = 40;
  gw_minute_step(&m, &stats, &none, WR_S(2));
  json_t *all = read_back(&m);
  CHECK(number(json_array_get(json_object_get(all, "seconds"), 1), "packetsIn") == 40);
  json_decref(all);
}

TEST(last_minute_keeps_the_latest_sixty_seconds_and_events) {
  gw_minute m;
  gw_minute_init(&m, 0);
  const gw_figures none = unmeasured();
  wr_conn_stats stats = {0};
  for (uint32_t i = 1; i <= 200; i++) {
    stats.rtp_packets_in += i;
    gw_minute_step(&m, &stats, &none, WR_S(i));
    gw_minute_note(&m, "state", i % 2 ? "connected" : "degraded", i == 200 ? "why" : NULL, WR_S(i));
  }
  json_t *all = read_back(&m);
  const json_t *seconds = json_object_get(all, "seconds"), *events = json_object_get(all, "events");
  CHECK(json_array_size(seconds) == GW_MINUTE_SECONDS && json_array_size(events) == GW_MINUTE_EVENTS);
  for (uint32_t i = 0; i < GW_MINUTE_SECONDS; i++)
    CHECK(number(json_array_get(seconds, i), "packetsIn") == 200 - GW_MINUTE_SECONDS + 1 + i);
  const json_t *last = json_array_get(events, GW_MINUTE_EVENTS - 1);
  CHECK(number(last, "at") == 200);
  CHECK_TEXT(json_string_value(json_object_get(last, "what")), "degraded");
  CHECK_TEXT(json_string_value(json_object_get(last, "why")), "why");
  CHECK(!json_object_get(json_array_get(events, 0), "why"));
  CHECK(number(all, "forgotten") == 200 - GW_MINUTE_EVENTS);
  json_decref(all);
}

TEST(last_minute_does_not_wrap_what_is_too_large) {
  gw_minute m;
  gw_minute_init(&m, 0);
  wr_conn_stats stats = {.rtp_packets_in = 100000, .rtp_lost = 65535, .target_bps = 100000000};
  gw_figures figures = unmeasured();
  figures.rtt_ms = 1e9;
  gw_minute_step(&m, &stats, &figures, WR_S(1));
  json_t *all = read_back(&m);
  const json_t *one = json_array_get(json_object_get(all, "seconds"), 0);
  CHECK(number(one, "packetsIn") == 65534 && number(one, "lost") == 65534 && number(one, "rtt") == 6500);
  CHECK(number(one, "targetKbps") == 65534);
  json_decref(all);
}
