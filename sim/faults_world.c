/* sim/faults_world.c - see faults_world.h. One loop, one clock. */
#include "sim/faults_world.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define POOL_BLOCKS 256
#define MESSAGE_BYTES 65536
#define FIRST_PORT 40000       /* of the client: one per link */
#define HTTP_LIMIT_US WR_S(10) /* of client/signalling.c */
#define HTTP_SLOW_US WR_S(5)
#define PROBE_US WR_MS(100)
#define TICKS_MAX 16 /* in one instant: one may make another due */

wr_time sim_world_now(const sim_world *w) { return sim_net_now(w->net); }

static wr_time client_now(const sim_world *w) { return sim_world_now(w) + w->skew; }

__attribute__((format(printf, 2, 3))) static void trace(const sim_world *w, const char *format, ...) {
  if (!w->settings.trace) return;
  fprintf(w->settings.trace, "%10.3f ms  ", (double)sim_world_now(w) / 1000);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(w->settings.trace, format, arguments);
  va_end(arguments);
  fputc('\n', w->settings.trace);
}

/* ---- building ---- */

void sim_world_set_link(sim_world *w, uint32_t loss_ppm, uint64_t rate_bps) {
  sim_link_profile link = {.delay_us = w->rtt_us / 2, .loss_ppm = loss_ppm, .rate_bps = rate_bps};
  if (rate_bps) link.queue_bytes = (size_t)(rate_bps / 8 / 2); /* half a second, as access networks have */
  for (int i = 0; i < 2; i++) sim_net_set_link(w->net, w->home[i], &link, &link);
}

static void build_network(sim_world *w) {
  w->rtt_us = WR_MS(5) + (wr_time)sim_rng_upto(&w->rng, (uint64_t)WR_MS(295));
  w->loss_ppm = (uint32_t)sim_rng_upto(&w->rng, 50000);
  w->home[0] = sim_net_add_host(w->net, "10.0.0.2");
  w->home[1] = sim_net_add_host(w->net, "10.1.0.2");
  w->gateway_host = sim_net_add_host(w->net, "203.0.113.1");
  sim_nat_rules rules = sim_nat_classic((sim_nat_kind)sim_rng_upto(&w->rng, SIM_NAT_SYMMETRIC));
  w->nat = sim_net_add_nat(w->net, "198.51.100.1", rules);
  sim_net_put_behind_nat(w->net, w->home[0], w->nat);
  sim_net_put_behind_nat(w->net, w->home[1], sim_net_add_nat(w->net, "198.51.100.2", rules));
  sim_link_profile ideal = {0};
  sim_net_set_link(w->net, w->gateway_host, &ideal, &ideal);
  sim_world_set_link(w, w->loss_ppm, 0);
}

static bool open_caller(sim_world *w) {
  w->memory = aligned_alloc(16, (caller_size() + 15) / 16 * 16);
  w->pool_memory = malloc(wr_pool_size(WR_CONN_POOL_BLOCK, POOL_BLOCKS));
  w->message_buffer = malloc(MESSAGE_BYTES);
  w->scratch = malloc(sizeof *w->scratch);
  if (!w->memory || !w->pool_memory || !w->message_buffer || !w->scratch) return false;
  w->caller_rng = sim_rng_of(w->settings.seed, 1201);
  caller_settings s;
  caller_settings_default(&s);
  s.crypto = w->settings.crypto[0];
  s.rng = (wr_rng){sim_rng_fill, &w->caller_rng};
  s.pool = wr_pool_init(w->pool_memory, WR_CONN_POOL_BLOCK, POOL_BLOCKS);
  s.message_buffer = w->message_buffer;
  s.message_buffer_bytes = MESSAGE_BYTES;
  s.scratch = w->scratch;
  s.fetch_servers = w->settings.fetch_servers;
  s.plain = w->settings.plain;
  s.manager.seed = w->settings.seed;
  s.manager.prepare = MGR_PREPARE_NOTHING;
  w->caller = caller_init(w->memory, &s, client_now(w));
  return true;
}

bool sim_world_open(sim_world *w, const sim_world_settings *settings) {
  *w = (sim_world){
      .settings = *settings, .mic = MGR_MIC_READY, .next_frame_at = WR_NEVER, .next_probe_at = WR_NEVER};
  w->rng = sim_rng_of(settings->seed, 1301);
  w->net = sim_net_open(settings->seed);
  if (!w->net) return false;
  build_network(w);
  sim_delivery none;
  sim_net_recv(w->net, WR_S(1), &none); /* "0: not yet" must not be confused with the beginning */
  sim_gateway_settings g = {
      .crypto = settings->crypto[1], .seed = settings->seed, .servers_ttl_s = settings->servers_ttl_s};
  w->gateway = sim_gateway_open(w->net, w->gateway_host, &g);
  w->sender = (mgr_sender){.audio_bps = 32000, .audio_ptime_ms = 20};
  w->not_final_since = WR_NEVER;
  return w->gateway && open_caller(w);
}

void sim_world_close(sim_world *w) {
  if (w->caller) caller_wipe(w->caller);
  free(w->memory);
  free(w->pool_memory);
  free(w->message_buffer);
  free(w->scratch);
  sim_gateway_close(w->gateway);
  sim_net_close(w->net);
}

/* ---- HTTP ---- */

static void ask(sim_world *w, const caller_request *r) {
  sim_world_request *slot = NULL;
  for (int i = 0; i < WORLD_REQUESTS && !slot; i++)
    if (!w->request[i].used) slot = &w->request[i];
  if (!slot || r->body.len > sizeof slot->body) {
    w->fault = "more requests than anybody should have open";
    return;
  }
  wr_time now = sim_world_now(w);
  w->n_servers_asked += !strcmp(r->path, "/api/ice");
  *slot = (sim_world_request){.number = r->number, .used = true, .body_len = r->body.len, .fault = HTTP_WORKS};
  snprintf(slot->method, sizeof slot->method, "%s", r->method);
  snprintf(slot->path, sizeof slot->path, "%s", r->path);
  if (r->body.len) memcpy(slot->body, r->body.data, r->body.len);
  if (w->http != HTTP_WORKS && w->http_budget) {
    slot->fault = w->http;
    if (w->http_budget != UINT_MAX) w->http_budget--;
  }
  slot->returns_at = now + HTTP_LIMIT_US;
  slot->arrives_at = now + w->rtt_us / 2;
  if (slot->fault == HTTP_NO_ANSWER) slot->arrives_at = WR_NEVER;
  if (w->offline) {
    slot->arrives_at = WR_NEVER;
    slot->returns_at = now + WR_MS(1);
  }
  trace(w, "HTTP %u %s %s%s", r->number, r->method, r->path, slot->fault ? " (into a fault)" : "");
}

/* A stretch of |text| is replaced by as many other characters. */
static void spoil(char *text, const char *where, const char *with) {
  for (char *at = strstr(text, where); at; at = strstr(at + 1, where)) memcpy(at, with, strlen(with));
}

static void apply_fault(const sim_world *w, sim_world_request *r) {
  sim_response *a = &r->response;
  a->body[a->len < sizeof a->body ? a->len : sizeof a->body - 1] = 0;
  switch (r->fault) {
    case HTTP_WORKS:
    case HTTP_NO_ANSWER:
    case HTTP_ANSWER_LOST:
    case HTTP_SLOW: return;
    case HTTP_STATUS:
      *a = (sim_response){.status = w->http_status, .retry_after_ms = w->http_retry_after_ms};
      return;
    case HTTP_GARBAGE: *a = (sim_response){.status = 200, .len = 25, .body = "<html>Welcome to the Wifi"}; return;
    case HTTP_BAD_ANSWER: spoil(a->body, "a=fingerprint", "a=fingerpaint"); return;
    case HTTP_FINGERPRINT: spoil(a->body, "sha-256 ", "sha-256 00:11:22:33"); return;
  }
}

static void carry(sim_world *w, sim_world_request *r) {
  wr_time now = sim_world_now(w);
  if (now >= r->arrives_at && !sim_gateway_is_stopped(w->gateway)) {
    r->arrives_at = WR_NEVER;
    if (r->fault == HTTP_STATUS || r->fault == HTTP_GARBAGE)
      r->response = (sim_response){0};
    else
      sim_gateway_request(w->gateway, r->method, r->path, wr_bytes_of(r->body, r->body_len), &r->response);
    r->answered = r->fault != HTTP_ANSWER_LOST;
    apply_fault(w, r);
    if (r->answered && !w->offline)
      r->returns_at = wr_time_min(r->returns_at, now + w->rtt_us / 2 + (r->fault == HTTP_SLOW ? HTTP_SLOW_US : 0));
  }
  if (now < r->returns_at || w->frozen_until) return;
  bool came = r->answered && !w->offline;
  wr_bytes body = came ? wr_bytes_of(r->response.body, r->response.len) : (wr_bytes){0};
  r->used = false;
  trace(w, "HTTP %u answered %d", r->number, came ? r->response.status : 0);
  caller_on_response(w->caller, r->number, came ? r->response.status : 0, came ? r->response.retry_after_ms : 0,
                     body, client_now(w));
}

static wr_time http_deadline(const sim_world *w) {
  wr_time at = WR_NEVER;
  for (int i = 0; i < WORLD_REQUESTS; i++) {
    const sim_world_request *r = &w->request[i];
    if (!r->used) continue;
    if (!sim_gateway_is_stopped(w->gateway)) at = wr_time_min(at, r->arrives_at);
    if (!w->frozen_until) at = wr_time_min(at, r->returns_at);
  }
  return at;
}

/* ---- the client ---- */

static void drain(sim_world *w);

void sim_world_do(sim_world *w, mgr_event_kind kind, int32_t value) {
  caller_do(w->caller, kind, value, client_now(w));
  drain(w);
}

static uint16_t port_of(uint32_t link) { return (uint16_t)(FIRST_PORT + link % 20000); }

bool sim_world_is_final(const sim_world *w) {
  switch ((mgr_state)w->told.state) {
    case MGR_STATE_IDLE:
    case MGR_STATE_PREPARED:
    case MGR_STATE_CONNECTED:
    case MGR_STATE_FAILED:
    case MGR_STATE_CLOSED:
    case MGR_STATE_SUSPENDED: return true;
    case MGR_STATE_PREPARING:
    case MGR_STATE_CONNECTING:
    case MGR_STATE_UNSTABLE:
    case MGR_STATE_RESTARTING:
    case MGR_STATE_RECONNECTING:
    case MGR_STATE_OFFLINE: return false;
  }
  return false;
}

const char *sim_world_state_text(const sim_world *w) {
#define MGR_STATE(name, value, text) \
  if (w->told.state == (value)) return #name;
#include "manager/names.def"
#undef MGR_STATE
  return "?";
}

static const char *reason_text(int32_t reason) {
#define MGR_REASON(name, value, text) \
  if (reason == (value)) return #name;
#include "manager/names.def"
#undef MGR_REASON
  return "?";
}

static void on_state(sim_world *w, const mgr_command *c) {
  bool was_final = sim_world_is_final(w);
  w->told = *c;
  w->told_at = sim_world_now(w);
  bool is_final = sim_world_is_final(w);
  if (is_final) w->not_final_since = WR_NEVER;
  if (!is_final && was_final) w->not_final_since = w->told_at;
  if (!is_final) w->saw_trouble = true;
  trace(w, "%s because %s, rung %d, attempt %d of %u, next in %u ms", sim_world_state_text(w),
        reason_text(c->reason), c->rung, c->value, c->more, c->delay_ms);
}

static void answer_microphone(sim_world *w) {
  caller_do(w->caller, MGR_EVENT_MICROPHONE, (int32_t)w->mic, client_now(w));
}

static void obey(sim_world *w, const mgr_command *c) {
  switch ((int)c->kind) {
    case MGR_COMMAND_TELL_STATE: on_state(w, c); return;
    case MGR_COMMAND_TELL_RECOVERED:
      w->n_recovered++;
      if ((mgr_rung)c->rung > w->best_rung) w->best_rung = (mgr_rung)c->rung;
      trace(w, "recovered by rung %d, %u ms", c->rung, c->more);
      return;
    case MGR_COMMAND_ASK_MICROPHONE: answer_microphone(w); return;
    case MGR_COMMAND_MIC_LIVE: w->next_frame_at = c->value ? client_now(w) : WR_NEVER; return;
    case MGR_COMMAND_SENDER:
      w->sender = *mgr_manager_sender(caller_manager(w->caller));
      if (w->sender.audio_bps < w->least_bps) w->least_bps = w->sender.audio_bps;
      trace(w, "sender: %u bit/s, %u ms", w->sender.audio_bps, w->sender.audio_ptime_ms);
      return;
    default: return;
  }
}

static void on_message(sim_world *w, const json_t *json) {
  unsigned number;
  const char *type = json_string_value(json_object_get(json, "type"));
  const char *text = json_string_value(json_object_get(json, "text"));
  if (type && text && !strcmp(type, "stt") && sscanf(text, "probe %u", &number) == 1 && number > w->came_back)
    w->came_back = number;
}

static void bind_link(sim_world *w, uint32_t link) {
  wr_addr addr = sim_net_addr(w->net, w->home[w->at], port_of(link));
  trace(w, "link %u: %s", link, w->offline ? "no network" : "bound");
  caller_bind(w->caller, link, &addr, w->offline ? 0 : 1, client_now(w));
}

static void send_datagram(sim_world *w, const caller_out *out, const uint8_t *buffer) {
  wr_addr here = sim_net_addr(w->net, w->home[w->at], port_of(out->link));
  wr_path path = out->path;
  if (path.local.family && !wr_addr_equal(&path.local, &here)) return; /* that address is gone */
  path.local = here;
  if (!w->offline) sim_net_send(w->net, w->home[w->at], &path, wr_bytes_of(buffer, out->len));
}

static void drain(sim_world *w) {
  uint8_t buffer[CALLER_BUFFER];
  for (unsigned n_outputs = 0; n_outputs < 100000; n_outputs++) {
    caller_out out;
    caller_poll(w->caller, buffer, sizeof buffer, &out, client_now(w));
    switch (out.kind) {
      case CALLER_OUT_IDLE: return;
      case CALLER_OUT_DATAGRAM: send_datagram(w, &out, buffer); break;
      case CALLER_OUT_REQUEST: ask(w, &out.request); break;
      case CALLER_OUT_BIND: bind_link(w, out.link); break;
      case CALLER_OUT_UNBIND: break;
      case CALLER_OUT_COMMAND: obey(w, &out.command); break;
      case CALLER_OUT_REFUSED: trace(w, "refused, %d: %s", out.status, out.text); break;
      case CALLER_OUT_AUDIO: w->n_frames++; break;
      case CALLER_OUT_MESSAGE: on_message(w, out.json); break;
    }
  }
  w->fault = "outputs without end";
}

static void send_frame(sim_world *w, wr_time now) {
  uint8_t frame[CALLER_BUFFER / 16] = {0x78};
  size_t len = w->sender.audio_bps / 8 * w->sender.audio_ptime_ms / 1000;
  if (len > sizeof frame) len = sizeof frame;
  (void)caller_send_audio(w->caller, wr_bytes_of(frame, len < 8 ? 8 : len), w->timestamp, w->timestamp == 0, now);
  w->timestamp += 48 * w->sender.audio_ptime_ms;
  w->next_frame_at += WR_MS(w->sender.audio_ptime_ms);
  if (w->next_frame_at < now) w->next_frame_at = now;
  drain(w);
}

static void probe(sim_world *w) {
  char text[32];
  w->next_probe_at = sim_world_now(w) + PROBE_US;
  if (w->told.state != MGR_STATE_CONNECTED) return;
  snprintf(text, sizeof text, "probe %u", ++w->n_probe);
  caller_say(w->caller, text, client_now(w));
  drain(w);
}

static void run_client(sim_world *w) {
  wr_time now = client_now(w);
  if (w->frozen_until) return;
  if (now >= w->next_frame_at) send_frame(w, now);
  if (w->probing && sim_world_now(w) >= w->next_probe_at) probe(w);
  for (unsigned n = 0; now >= caller_deadline(w->caller); n++) {
    if (n == TICKS_MAX) {
      w->fault = "the caller's deadline does not move";
      return;
    }
    caller_tick(w->caller, now);
    drain(w);
  }
}

/* ---- the loop ---- */

static wr_time client_deadline(const sim_world *w) {
  if (w->frozen_until) return w->frozen_until;
  wr_time at = wr_time_min(caller_deadline(w->caller), w->next_frame_at);
  if (at != WR_NEVER) at -= w->skew;
  return w->probing ? wr_time_min(at, w->next_probe_at) : at;
}

static void deliver(sim_world *w, const sim_delivery *d) {
  if (d->host == w->gateway_host) {
    sim_gateway_recv(w->gateway, d);
    return;
  }
  if (w->frozen_until || w->offline || d->host != w->home[w->at]) return;
  uint32_t link = (uint32_t)(d->path.local.port - FIRST_PORT);
  caller_recv(w->caller, link, &d->path, d->bytes, client_now(w));
  drain(w);
}

static void step(sim_world *w, wr_time until) {
  wr_time next = wr_time_min(until, sim_net_deadline(w->net));
  next = wr_time_min(next, sim_gateway_deadline(w->gateway));
  next = wr_time_min(next, wr_time_min(http_deadline(w), client_deadline(w)));
  if (next < sim_world_now(w)) next = sim_world_now(w);
  sim_delivery delivery;
  while (sim_net_recv(w->net, next, &delivery)) deliver(w, &delivery);
  if (w->frozen_until && sim_world_now(w) >= w->frozen_until) w->frozen_until = 0;
  sim_gateway_tick(w->gateway);
  for (int i = 0; i < WORLD_REQUESTS; i++) {
    if (!w->request[i].used) continue;
    carry(w, &w->request[i]);
    drain(w);
  }
  run_client(w);
}

bool sim_world_run(sim_world *w, wr_time until, bool (*done)(const sim_world *w)) {
  while (sim_world_now(w) < until && !w->fault) {
    if (done && done(w)) return true;
    step(w, until);
    if (w->not_final_since != WR_NEVER && sim_world_now(w) - w->not_final_since > WORLD_LIMBO_US)
      w->fault = "neither connected nor given up in time";
  }
  return done && done(w);
}

/* ---- looking ---- */

void sim_world_watch(sim_world *w) {
  w->watched_at = sim_world_now(w);
  w->probing = true;
  w->next_probe_at = w->watched_at;
  w->first_probe = w->n_probe + 1;
  w->frames_before = w->n_frames;
  w->heard_before = sim_gateway_counts_of(w->gateway)->n_frames_heard;
}

void sim_world_begin_record(sim_world *w) {
  w->best_rung = MGR_RUNG_FIRST;
  w->saw_trouble = false;
  w->least_bps = UINT32_MAX;
}

bool sim_world_is_well(const sim_world *w) {
  return w->told.state == MGR_STATE_CONNECTED && w->came_back >= w->first_probe && w->n_frames > w->frames_before &&
         sim_gateway_counts_of(w->gateway)->n_frames_heard > w->heard_before;
}

/* ---- the network ---- */

void sim_world_block_udp(sim_world *w, bool blocked) {
  for (int i = 0; i < 2; i++) sim_net_block_udp(w->net, w->home[i], blocked);
}

void sim_world_rebind_nat(sim_world *w) { sim_net_forget_mappings(w->net, w->nat); }

void sim_world_move(sim_world *w) { w->at = !w->at; }

void sim_world_go_offline(sim_world *w, bool offline) { w->offline = offline; }
