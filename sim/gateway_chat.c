/* sim/gateway_chat.c - what the simulated gateway says and hears on the channel "chat", and its speech. */
#include <stdlib.h>
#include <string.h>

#include "sim/gateway_state.h"

#define FRAME_US WR_MS(20)
#define FRAME_BYTES 80
#define FRAMES_OF_AN_ANSWER 25

void sim_gateway_say(sim_gateway *g, session *s, json_t *message) {
  char *text = message && s->conn && s->has_chat ? json_dumps(message, JSON_COMPACT) : NULL;
  if (text)
    (void)wr_conn_send_message(s->conn, s->chat, true, wr_bytes_of(text, strlen(text)), sim_net_now(g->net));
  free(text);
  json_decref(message);
}

static void say_state(sim_gateway *g, session *s, const char *type, const char *state) {
  sim_gateway_say(g, s, json_pack("{s:s, s:s}", "type", type, "state", state));
}

static void say_ready(sim_gateway *g, session *s) {
  if (!s->has_chat || !s->has_backend || s->said_ready) return;
  s->said_ready = true;
  sim_gateway_say(g, s, json_pack("{s:s, s:s, s:s}", "type", "ready", "sessionId", s->id, "resume", s->token));
}

void sim_gateway_say_draining(sim_gateway *g, session *s) {
  json_int_t left_ms = (g->drained_at - sim_net_now(g->net)) / 1000;
  sim_gateway_say(g, s, json_pack("{s:s, s:I}", "type", "server-draining", "in", left_ms));
}

void sim_gateway_on_channel(sim_gateway *g, session *s) {
  say_state(g, s, "backend", s->has_backend ? "ready" : g->backend_lost ? "retrying" : "connecting");
  if (g->is_draining) sim_gateway_say_draining(g, s);
  say_ready(g, s);
}

static void answer_text(sim_gateway *g, session *s) {
  if (!s->unsaid[0] || !s->has_backend) return;
  sim_gateway_say(g, s, json_pack("{s:s, s:s}", "type", "stt", "text", s->unsaid));
  if (!s->n_frames_left) say_state(g, s, "tts", "start");
  sim_gateway_say(g, s, json_pack("{s:s, s:s, s:s}", "type", "tts", "state", "sentence_start", "text", s->unsaid));
  s->unsaid[0] = 0;
  s->n_frames_left = FRAMES_OF_AN_ANSWER;
  if (s->speech_at == WR_NEVER) s->speech_at = sim_net_now(g->net);
}

static void stop_speech(sim_gateway *g, session *s) {
  if (s->n_frames_left) say_state(g, s, "tts", "stop");
  s->n_frames_left = 0;
  s->speech_at = WR_NEVER;
}

void sim_gateway_on_message(sim_gateway *g, session *s, wr_bytes bytes) {
  json_t *message = json_loadb((const char *)bytes.data, bytes.len, 0, NULL);
  const char *type = json_string_value(json_object_get(message, "type"));
  const char *state = json_string_value(json_object_get(message, "state"));
  const char *text = json_string_value(json_object_get(message, "text"));
  if (type && !strcmp(type, "ping")) {
    sim_gateway_say(g, s, json_pack("{s:s, s:O?}", "type", "pong", "t", json_object_get(message, "t")));
  } else if (type && !strcmp(type, "abort")) {
    stop_speech(g, s);
  } else if (type && state && !strcmp(type, "listen") && !strcmp(state, "start")) {
    stop_speech(g, s);
  } else if (type && state && text && !strcmp(state, "detect") && strlen(text) < TEXT_MAX) {
    json_int_t n = json_integer_value(json_object_get(message, "n"));
    bool repeated = n > 0 && n <= s->last_text;
    if (!repeated) {
      s->last_text = n;
      memcpy(s->unsaid, text, strlen(text) + 1);
      answer_text(g, s);
    }
  }
  json_decref(message);
}

static void say_quality(sim_gateway *g, session *s) {
  wr_conn_stats stats;
  wr_conn_get_stats(s->conn, &stats);
  sim_gateway_say(g, s,
                  json_pack("{s:s, s:f, s:f, s:I, s:I}", "type", "quality", "rtt", stats.rtt_us / 1e3, "jitter",
                            stats.jitter_us / 1e3, "received", (json_int_t)stats.rtp_packets_in, "lost",
                            (json_int_t)stats.rtp_lost));
}

static void speak(sim_gateway *g, session *s, wr_time now) {
  uint8_t frame[FRAME_BYTES] = {0x78}; /* TOC: one 20 ms CELT frame */
  sim_rng_fill(&g->rng, frame + 1, sizeof frame - 1);
  if (s->conn)
    (void)wr_conn_send_audio(s->conn, wr_bytes_of(frame, sizeof frame), s->timestamp,
                             s->n_frames_left == FRAMES_OF_AN_ANSWER, now);
  s->timestamp += 960;
  s->speech_at = now + FRAME_US;
  if (--s->n_frames_left) return;
  s->speech_at = WR_NEVER;
  say_state(g, s, "tts", "stop");
}

void sim_gateway_chat_tick(sim_gateway *g, session *s) {
  wr_time now = sim_net_now(g->net);
  if (now >= s->backend_at) {
    s->backend_at = WR_NEVER;
    s->has_backend = true;
    say_state(g, s, "backend", "ready");
    say_ready(g, s);
    answer_text(g, s);
  }
  if (s->conn && now >= s->quality_at) {
    s->quality_at = now + WR_S(1);
    say_quality(g, s);
  }
  if (now >= s->speech_at) {
    if (s->n_frames_left)
      speak(g, s, now);
    else
      s->speech_at = WR_NEVER;
  }
  sim_gateway_settle(g, s);
}

wr_time sim_gateway_chat_deadline(const session *s) {
  wr_time at = wr_time_min(s->backend_at, s->speech_at);
  return s->conn ? wr_time_min(at, s->quality_at) : at;
}
