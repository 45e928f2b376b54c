/* sim/gateway.c - sessions on one UDP port of one host, their life, and the switches that break them. */
#include <stdlib.h>
#include <string.h>

#include "sim/gateway_state.h"

#define POOL_BLOCKS 512
#define MESSAGE_BYTES 65536

sim_gateway *sim_gateway_open(sim_net *net, sim_host_id host, const sim_gateway_settings *settings) {
  sim_gateway *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  *g = (sim_gateway){.net = net, .host = host, .settings = *settings, .drained_at = WR_NEVER};
  g->rng = sim_rng_of(settings->seed, 1101);
  g->pool_memory = malloc(wr_pool_size(WR_CONN_POOL_BLOCK, POOL_BLOCKS));
  g->message_buffer = malloc(MESSAGE_BYTES);
  g->held = calloc(N_HELD, sizeof *g->held);
  if (!g->pool_memory || !g->message_buffer || !g->held) {
    sim_gateway_close(g);
    return NULL;
  }
  g->pool = wr_pool_init(g->pool_memory, WR_CONN_POOL_BLOCK, POOL_BLOCKS);
  return g;
}

void sim_gateway_close(sim_gateway *g) {
  if (!g) return;
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    sim_gateway_forget(&g->session[i]);
    free(g->session[i].memory);
  }
  free(g->pool_memory);
  free(g->message_buffer);
  free(g->held);
  free(g);
}

const sim_gateway_counts *sim_gateway_counts_of(const sim_gateway *g) { return &g->counts; }

unsigned sim_gateway_n_sessions(const sim_gateway *g) {
  unsigned n = 0;
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) n += g->session[i].state != SESSION_FREE;
  return n;
}

/* ---- sessions ---- */

static void write_hex(sim_gateway *g, char *out, size_t n) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) out[i] = digits[sim_rng_upto(&g->rng, 15)];
  out[n] = 0;
}

session *sim_gateway_new_session(sim_gateway *g) {
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (s->state != SESSION_FREE) continue;
    void *memory = s->memory ? s->memory : malloc(wr_conn_size());
    if (!memory) return NULL;
    *s = (session){.memory = memory, .quality_at = WR_NEVER, .backend_at = WR_NEVER, .speech_at = WR_NEVER};
    write_hex(g, s->id, ID_MAX - 1);
    write_hex(g, s->token, 2 * ID_MAX - 2);
    memcpy(s->token, s->id, ID_MAX - 1);
    return s;
  }
  return NULL;
}

void sim_gateway_start_conn(sim_gateway *g, session *s) {
  wr_time now = sim_net_now(g->net);
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = g->settings.crypto;
  settings.rng = (wr_rng){sim_rng_fill, &g->rng};
  settings.pool = g->pool;
  settings.message_buffer = g->message_buffer;
  settings.message_buffer_bytes = MESSAGE_BYTES;
  s->conn = wr_conn_init(s->memory, &settings, now);
  wr_addr local = sim_net_addr(g->net, g->host, SIM_GATEWAY_PORT);
  (void)wr_conn_add_local(s->conn, &local, &local, now);
}

void sim_gateway_drop_conn(session *s) {
  if (s->conn) wr_conn_wipe(s->conn);
  s->conn = NULL;
  s->has_chat = s->said_ready = false;
  s->n_known = 0;
  s->quality_at = WR_NEVER;
}

void sim_gateway_forget(session *s) {
  sim_gateway_drop_conn(s);
  *s = (session){.memory = s->memory};
}

/* The peer is gone; its conversation waits for it if there was one. */
static void lose(sim_gateway *g, session *s, wr_end end) {
  bool keeps = s->has_backend && (end == WR_END_REMOTE || end == WR_END_ICE_FAILED);
  g->counts.n_lost++;
  if (!keeps) {
    sim_gateway_forget(s);
    return;
  }
  sim_gateway_drop_conn(s);
  s->state = SESSION_LOST;
  s->until = sim_net_now(g->net) + SIM_GATEWAY_RESUME_US;
}

static void learn(session *s, const wr_addr *remote) {
  for (unsigned i = 0; i < s->n_known && i < N_KNOWN; i++)
    if (wr_addr_equal(&s->known[i], remote)) return;
  s->known[s->n_known++ % N_KNOWN] = *remote;
}

static bool knows(const session *s, const wr_addr *remote) {
  for (unsigned i = 0; i < s->n_known && i < N_KNOWN; i++)
    if (wr_addr_equal(&s->known[i], remote)) return true;
  return false;
}

static void on_connected(sim_gateway *g, session *s) {
  wr_time now = sim_net_now(g->net);
  s->state = SESSION_CONNECTED;
  s->until = WR_NEVER;
  if (s->quality_at == WR_NEVER) s->quality_at = now + WR_S(1);
  if (!s->has_backend && !g->backend_lost && s->backend_at == WR_NEVER) s->backend_at = now + WR_MS(20);
}

static void on_event(sim_gateway *g, session *s, const wr_event *event) {
  bool is_chat = s->has_chat && event->channel == s->chat;
  switch (event->kind) {
    case WR_EVENT_STATE:
      if (event->state == WR_CONN_CONNECTED) on_connected(g, s);
      if (event->state == WR_CONN_CLOSED && event->end != WR_END_LOCAL) lose(g, s, event->end);
      return;
    case WR_EVENT_AUDIO: g->counts.n_frames_heard++; return;
    case WR_EVENT_CHANNEL_OPEN:
      if (!wr_bytes_equal(event->message, WR_BYTES_LITERAL("chat"))) return;
      s->has_chat = true;
      s->chat = event->channel;
      sim_gateway_on_channel(g, s);
      return;
    case WR_EVENT_MESSAGE:
      g->counts.n_messages++;
      if (is_chat && event->is_text) sim_gateway_on_message(g, s, event->message);
      return;
    case WR_EVENT_CHANNEL_CLOSED:
      if (is_chat) s->has_chat = s->said_ready = false;
      return;
    case WR_EVENT_PATH: learn(s, &event->path.remote); return;
    case WR_EVENT_AUDIO_ENDED:
    case WR_EVENT_DATA_READY:
    case WR_EVENT_MESSAGE_TOO_BIG:
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_VIDEO:
    case WR_EVENT_BUFFERED_LOW: return;
  }
}

void sim_gateway_settle(sim_gateway *g, session *s) {
  uint8_t buffer[WR_CONN_MTU];
  wr_time now = sim_net_now(g->net);
  while (s->conn) {
    wr_out out;
    wr_conn_poll(s->conn, buffer, sizeof buffer, &out, now);
    if (out.kind == WR_OUT_IDLE) return;
    if (out.kind == WR_OUT_EVENT) {
      on_event(g, s, &out.event);
      continue;
    }
    if (g->ignores_dtls && buffer[0] >= 20 && buffer[0] <= 63) continue;
    out.path.local = sim_net_addr(g->net, g->host, SIM_GATEWAY_PORT);
    sim_net_send(g->net, g->host, &out.path, wr_bytes_of(buffer, out.len));
  }
}

/* ---- the network ---- */

static session *find(sim_gateway *g, const wr_addr *remote, wr_bytes datagram) {
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++)
    if (g->session[i].conn && knows(&g->session[i], remote)) return &g->session[i];
  wr_bytes ufrag = wr_conn_peek_ufrag(datagram);
  for (int i = 0; ufrag.len && i < SIM_GATEWAY_SESSIONS; i++) {
    const session *s = &g->session[i];
    const char *ours = s->conn ? wr_conn_local_ufrag(s->conn) : "";
    if (wr_bytes_equal(ufrag, wr_bytes_of(ours, strlen(ours)))) return &g->session[i];
  }
  return NULL;
}

/* As gateway/worker.c: data from an address of nobody's. */
static void ask_whose(sim_gateway *g, const wr_path *path, wr_bytes datagram) {
  wr_time now = sim_net_now(g->net);
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (!s->conn || !wr_conn_may_be_of(s->conn, datagram, now)) continue;
    learn(s, &path->remote); /* the answer comes from there */
    wr_conn_ask_at(s->conn, path, now);
    sim_gateway_settle(g, s);
  }
}

static void take(sim_gateway *g, const wr_path *path, wr_span bytes) {
  if (g->ignores_dtls && bytes.len && bytes.data[0] >= 20 && bytes.data[0] <= 63) return;
  session *s = find(g, &path->remote, wr_span_bytes(bytes));
  if (!s) {
    ask_whose(g, path, wr_span_bytes(bytes));
    return;
  }
  if (wr_conn_recv(s->conn, path, bytes, sim_net_now(g->net))) learn(s, &path->remote);
  sim_gateway_settle(g, s);
}

void sim_gateway_recv(sim_gateway *g, const sim_delivery *delivery) {
  if (g->is_dead || delivery->path.local.port != SIM_GATEWAY_PORT) return;
  if (!g->is_stopped) {
    take(g, &delivery->path, delivery->bytes);
    return;
  }
  if (g->n_held == N_HELD) return;
  held *h = &g->held[g->n_held++];
  h->path = delivery->path;
  h->len = delivery->bytes.len;
  memcpy(h->bytes, delivery->bytes.data, h->len);
}

static void say_goodbye(sim_gateway *g) {
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (s->conn) {
      wr_conn_close(s->conn, sim_net_now(g->net));
      sim_gateway_settle(g, s);
    }
    sim_gateway_forget(s);
  }
}

void sim_gateway_tick(sim_gateway *g) {
  wr_time now = sim_net_now(g->net);
  if (g->is_dead || g->is_stopped) return;
  if (now >= g->drained_at) {
    say_goodbye(g);
    sim_gateway_kill(g);
    return;
  }
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (s->state == SESSION_FREE) continue;
    if (now >= s->until) {
      sim_gateway_forget(s);
      continue;
    }
    if (s->conn && now >= wr_conn_deadline(s->conn)) wr_conn_tick(s->conn, now);
    sim_gateway_settle(g, s);
    if (s->state != SESSION_FREE) sim_gateway_chat_tick(g, s);
  }
}

wr_time sim_gateway_deadline(const sim_gateway *g) {
  if (g->is_dead || g->is_stopped) return WR_NEVER;
  wr_time at = g->drained_at;
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    const session *s = &g->session[i];
    if (s->state == SESSION_FREE) continue;
    at = wr_time_min(at, wr_time_min(s->until, sim_gateway_chat_deadline(s)));
    if (s->conn) at = wr_time_min(at, wr_conn_deadline(s->conn));
  }
  return at;
}

/* ---- faults ---- */

void sim_gateway_kill(sim_gateway *g) {
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) sim_gateway_forget(&g->session[i]);
  g->is_dead = true;
  g->is_stopped = g->is_draining = g->backend_lost = false;
  g->n_held = 0;
  g->drained_at = WR_NEVER;
}

void sim_gateway_start(sim_gateway *g) { g->is_dead = false; }

void sim_gateway_stop(sim_gateway *g, bool stopped) {
  g->is_stopped = stopped;
  if (stopped) return;
  size_t n = g->n_held;
  g->n_held = 0;
  for (size_t i = 0; i < n; i++) take(g, &g->held[i].path, (wr_span){g->held[i].bytes, g->held[i].len});
}

bool sim_gateway_is_stopped(const sim_gateway *g) { return g->is_stopped; }

void sim_gateway_drain(sim_gateway *g, wr_time after_us) {
  if (g->is_dead) return;
  g->is_draining = true;
  g->drained_at = sim_net_now(g->net) + after_us;
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    sim_gateway_say_draining(g, s);
    sim_gateway_settle(g, s);
  }
}

void sim_gateway_close_channels(sim_gateway *g) {
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (!s->conn || !s->has_chat) continue;
    (void)wr_conn_close_channel(s->conn, s->chat, sim_net_now(g->net));
    s->has_chat = s->said_ready = false;
    sim_gateway_settle(g, s);
  }
}

void sim_gateway_lose_backend(sim_gateway *g, bool lost) {
  g->backend_lost = lost;
  for (int i = 0; i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (s->state == SESSION_FREE) continue;
    if (!lost) {
      s->backend_at = sim_net_now(g->net);
      continue;
    }
    s->has_backend = s->said_ready = false;
    s->backend_at = WR_NEVER;
    s->n_frames_left = 0;
    sim_gateway_say(g, s, json_pack("{s:s, s:s, s:s}", "type", "backend", "state", "lost", "reason", "closed"));
    sim_gateway_say(g, s, json_pack("{s:s, s:s, s:i}", "type", "backend", "state", "retrying", "in", 1000));
    sim_gateway_settle(g, s);
  }
}

void sim_gateway_ignore_dtls(sim_gateway *g, bool ignored) { g->ignores_dtls = ignored; }
