/* caller/caller.c - life of a caller and its poll: commands first, then reports, then what the connections put out.
 *
 * The manager wants its commands polled before it is told anything more; so whatever happens becomes a report in a
 * queue, and caller_poll alone talks to the manager. */
#include <string.h>

#include "caller/caller_state.h"

#define ALIGNED(n) (((n) + 15) / 16 * 16)
#define SAMPLE_US WR_S(1)

void caller_settings_default(caller_settings *settings) {
  *settings = (caller_settings){.cname = "xiaozhi-rtc", .offer_path = "/api/offer"};
  mgr_settings_default(&settings->manager);
}

/* The struct, the manager, the links: what is seldom touched comes last. */
size_t caller_size(void) {
  return ALIGNED(sizeof(caller)) + ALIGNED(mgr_manager_size()) + N_LINKS * ALIGNED(wr_conn_size());
}

caller *caller_init(void *mem, const caller_settings *settings, wr_time now) {
  WR_ASSERT(((uintptr_t)mem & 15) == 0);
  WR_ASSERT(settings->crypto && settings->pool && settings->message_buffer && settings->scratch);
  caller *c = mem;
  memset(c, 0, sizeof *c);
  c->settings = *settings;
  uint8_t *rest = (uint8_t *)mem + ALIGNED(sizeof *c);
  c->manager = (void *)rest;
  rest += ALIGNED(mgr_manager_size());
  for (size_t i = 0; i < N_LINKS; i++) c->link[i].memory = rest + i * ALIGNED(wr_conn_size());
  mgr_manager_init(c->manager, &settings->manager, now);
  return c;
}

static void drop_json(caller *c) {
  json_decref(c->json);
  c->json = NULL;
}

void caller_wipe(caller *c) {
  for (size_t i = 0; i < N_LINKS; i++) caller_wipe_link(&c->link[i]);
  drop_json(c);
  json_decref(c->servers);
  c->servers = NULL;
  wr_wipe(c->token, sizeof c->token);
}

void caller_wipe_link(caller_link *link) {
  if (link->conn) wr_conn_wipe(link->conn);
  *link = (caller_link){.memory = link->memory};
}

caller_link *caller_link_of(caller *c, uint32_t number) {
  for (size_t i = 0; number && i < N_LINKS; i++)
    if (c->link[i].number == number && !c->link[i].closing) return &c->link[i];
  return NULL;
}

static const caller_link *present_link(const caller *c) {
  for (size_t i = 0; c->chat_link && i < N_LINKS; i++)
    if (c->link[i].number == c->chat_link && !c->link[i].closing) return &c->link[i];
  return NULL;
}

/* ---- what happens ---- */

void caller_report_to(caller *c, const mgr_event *event) {
  WR_ASSERT(c->n_reports < N_REPORTS && "drain with caller_poll after every call that mutates");
  c->report[(c->first_report + c->n_reports++) % N_REPORTS] = *event;
}

void caller_do(caller *c, mgr_event_kind kind, int32_t value, wr_time now) {
  (void)now;
  caller_report_to(c, &(mgr_event){.kind = (int32_t)kind, .value = value});
}

bool caller_say(caller *c, const char *text, wr_time now) {
  size_t len = strlen(text);
  if (!len || len > CALLER_TEXT_MAX || c->n_texts - c->n_texts_done >= CALLER_N_TEXTS) return false;
  memcpy(c->text[++c->n_texts % CALLER_N_TEXTS], text, len + 1);
  caller_do(c, MGR_EVENT_TEXT, c->n_texts, now);
  return true;
}

static bool knows_local(const caller_link *link, const wr_addr *addr) {
  for (size_t i = 0; i < link->n_locals; i++)
    if (wr_addr_equal(&link->local[i], addr)) return true;
  return false;
}

static void make_conn(caller *c, caller_link *link, wr_time now) {
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = c->settings.crypto;
  settings.rng = c->settings.rng;
  settings.pool = c->settings.pool;
  settings.message_buffer = c->settings.message_buffer;
  settings.message_buffer_bytes = c->settings.message_buffer_bytes;
  settings.cname = c->settings.cname;
  link->conn = wr_conn_init(link->memory, &settings, now);
  if (link->gather) wr_conn_use_gather(link->conn, link->gather);
}

void caller_use_gather(caller *c, uint32_t number, wr_gather *gather) {
  caller_link *link = caller_link_of(c, number);
  if (link && !link->conn) link->gather = gather;
}

void caller_bind(caller *c, uint32_t number, const wr_addr *locals, size_t n, wr_time now) {
  caller_link *link = caller_link_of(c, number);
  if (!link) return;
  bool first = !link->conn;
  if (first && n) make_conn(c, link, now);
  bool ok = n > 0;
  for (size_t i = 0; i < n; i++) {
    if (!first && knows_local(link, &locals[i])) continue;
    ok = ok && wr_conn_add_local(link->conn, &locals[i], &locals[i], now) == WR_OK;
  }
  link->n_locals = n < CALLER_N_LOCALS ? n : CALLER_N_LOCALS;
  if (n) memcpy(link->local, locals, link->n_locals * sizeof *locals);
  uint32_t restart = link->restart_number;
  link->restart_number = 0;
  if (!ok) {
    caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_BROKEN, .link = number});
  } else if (restart) {
    caller_ask(c, REQUEST_RESTART, restart, number, false, link->location);
  } else if (first) {
    caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_DESCRIBED, .link = number});
    caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_CANDIDATE, .link = number});
    if (!link->gather) caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_GATHERED, .link = number});
  }
}

void caller_recv(caller *c, uint32_t number, const wr_path *path, wr_span datagram, wr_time now) {
  caller_link *link = caller_link_of(c, number);
  if (link && link->conn) (void)wr_conn_recv(link->conn, path, datagram, now);
}

void caller_path_closed(caller *c, uint32_t number, const wr_path *path, wr_time now) {
  caller_link *link = caller_link_of(c, number);
  if (link && link->conn) wr_conn_path_closed(link->conn, path, now);
}

void caller_tick(caller *c, wr_time now) {
  for (size_t i = 0; i < N_LINKS; i++) {
    wr_conn *conn = c->link[i].conn;
    if (conn && now >= wr_conn_deadline(conn)) wr_conn_tick(conn, now);
  }
  if (now >= mgr_manager_deadline(c->manager)) caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_TICK});
}

wr_time caller_deadline(const caller *c) {
  wr_time at = mgr_manager_deadline(c->manager);
  for (size_t i = 0; i < N_LINKS; i++) {
    const caller_link *link = &c->link[i];
    if (link->conn) at = wr_time_min(at, wr_conn_deadline(link->conn));
    if (link->sample_at) at = wr_time_min(at, link->sample_at);
  }
  return at;
}

/* ---- events of a connection ---- */

static void tell(caller *c, const caller_link *link, mgr_event_kind kind, int32_t value) {
  caller_report_to(c, &(mgr_event){.kind = (int32_t)kind, .link = link->number, .value = value});
}

/* W3C's words: connectionState and iceConnectionState, as mgr_event wants them. */
enum { PEER_CONNECTING = 1, PEER_CONNECTED = 2, PEER_DISCONNECTED = 3, PEER_FAILED = 4, PEER_CLOSED = 5 };

static void on_state(caller *c, caller_link *link, const wr_event *event, wr_time now) {
  switch (event->state) {
    case WR_CONN_NEW: return;
    case WR_CONN_CONNECTING:
      tell(c, link, MGR_EVENT_ICE, PEER_CONNECTING);
      tell(c, link, MGR_EVENT_PEER, PEER_CONNECTING);
      return;
    case WR_CONN_CONNECTED:
      tell(c, link, MGR_EVENT_ICE, PEER_CONNECTED);
      tell(c, link, MGR_EVENT_PEER, PEER_CONNECTED);
      if (!link->sample_at) link->sample_at = now + SAMPLE_US;
      return;
    case WR_CONN_DISCONNECTED:
      tell(c, link, MGR_EVENT_ICE, PEER_DISCONNECTED);
      tell(c, link, MGR_EVENT_PEER, PEER_DISCONNECTED);
      return;
    case WR_CONN_CLOSED:
      link->sample_at = 0;
      if (event->end == WR_END_LOCAL) return;
      if (event->end == WR_END_ICE_FAILED) tell(c, link, MGR_EVENT_ICE, PEER_FAILED);
      tell(c, link, MGR_EVENT_PEER, event->end == WR_END_REMOTE ? PEER_CLOSED : PEER_FAILED);
      return;
  }
}

static void on_path(caller *c, caller_link *link) {
  link->n_paths++;
  tell(c, link, MGR_EVENT_ICE, PEER_CONNECTED);
  if (wr_conn_get_state(link->conn) == WR_CONN_CONNECTED) tell(c, link, MGR_EVENT_PEER, PEER_CONNECTED);
}

static void on_channel(caller *c, caller_link *link, bool open, wr_time now) {
  link->channel_open = open;
  if (open && link->had_channel && !c->settings.plain) caller_say_heard(c, link, now);
  link->had_channel = true;
  if (open) c->chat_link = link->number;
  tell(c, link, MGR_EVENT_CHANNEL, open);
  if (open && c->settings.plain) tell(c, link, MGR_EVENT_READY, 0);
}

static bool on_message(caller *c, caller_link *link, const wr_event *event, caller_out *out, wr_time now) {
  bool again = false;
  if (event->is_text && !c->settings.plain)
    c->json = caller_read_message(c, link, event->message, &again, now);
  else
    tell(c, link, MGR_EVENT_ALIVE, 0);
  *out = (caller_out){.kind = CALLER_OUT_MESSAGE,
                      .link = link->number,
                      .is_text = event->is_text,
                      .message = event->message,
                      .json = c->json};
  return !again;
}

static void on_candidate(caller *c, caller_link *link, const wr_candidate *candidate) {
  if (!candidate) {
    link->gathered = true;
    tell(c, link, MGR_EVENT_GATHERED, 0);
  } else if (link->n_lines < N_LINES && wr_candidate_write(candidate, link->line[link->n_lines], LINE_MAX)) {
    link->n_lines++;
    tell(c, link, MGR_EVENT_CANDIDATE, 0);
  }
}

static bool on_event(caller *c, caller_link *link, const wr_event *event, caller_out *out, wr_time now) {
  bool is_ours = link->has_channel && event->channel == link->channel;
  if (link->closing) return false;
  switch (event->kind) {
    case WR_EVENT_STATE: on_state(c, link, event, now); return false;
    case WR_EVENT_PATH: on_path(c, link); return false;
    case WR_EVENT_AUDIO:
      if (!link->heard) tell(c, link, MGR_EVENT_MEDIA, 0);
      link->heard = true;
      *out = (caller_out){.kind = CALLER_OUT_AUDIO, .link = link->number, .audio = event->audio};
      return true;
    case WR_EVENT_CHANNEL_OPEN:
      if (is_ours && !event->by_peer) on_channel(c, link, true, now);
      return false;
    case WR_EVENT_CHANNEL_CLOSED:
      if (is_ours) on_channel(c, link, link->has_channel = false, now);
      return false;
    case WR_EVENT_MESSAGE: return on_message(c, link, event, out, now);
    case WR_EVENT_CANDIDATE:
      if (link->gather) on_candidate(c, link, event->candidate);
      return false;
    case WR_EVENT_AUDIO_ENDED:
    case WR_EVENT_DATA_READY:
    case WR_EVENT_MESSAGE_TOO_BIG:
    case WR_EVENT_VIDEO:
    case WR_EVENT_BUFFERED_LOW: return false;
  }
  return false;
}

/* ---- once a second ---- */

static void sample(caller *c, caller_link *link, wr_time now) {
  wr_conn_stats s;
  wr_conn_get_stats(link->conn, &s);
  mgr_sample sample;
#define MGR_SAMPLE(field, name) sample.field = MGR_ABSENT;
#include "manager/sample.def"
#undef MGR_SAMPLE
  sample.pair = link->n_paths;
  sample.pair_relayed = 0;
  sample.pair_responses = s.checks_answered;
  sample.pair_bytes_sent = (double)s.bytes_out;
  sample.pair_bytes_received = (double)s.bytes_in;
  if (s.rtt_us) sample.pair_rtt_s = sample.remote_rtt_s = s.rtt_us / 1e6;
  sample.in_packets = (double)s.rtp_packets_in;
  sample.in_lost = (double)s.rtp_lost;
  sample.in_bytes = (double)s.rtp_bytes_in;
  sample.in_jitter_s = s.jitter_us / 1e6;
  sample.out_packets = (double)s.rtp_packets_out;
  sample.out_bytes = (double)s.rtp_bytes_out;
  sample.remote_jitter_s = s.remote_jitter_us / 1e6;
  sample.remote_fraction_lost = s.remote_fraction_lost / 256.0;
  sample.mic_live = c->mic_live && c->attached_link == link->number;
  mgr_manager_sample(c->manager, link->number, &sample, now);
  link->sample_at = now + SAMPLE_US;
}

static bool sample_one(caller *c, wr_time now) {
  for (size_t i = 0; i < N_LINKS; i++) {
    caller_link *link = &c->link[i];
    if (!link->sample_at || now < link->sample_at || link->closing) continue;
    sample(c, link, now);
    return true;
  }
  return false;
}

/* ---- outputs ---- */

/* Tells the manager the next thing; false: there is nothing. */
static bool report_one(caller *c, wr_time now) {
  if (c->n_reports) {
    mgr_event event = c->report[c->first_report];
    c->first_report = (c->first_report + 1) % N_REPORTS;
    c->n_reports--;
    mgr_manager_handle(c->manager, &event, now);
    return true;
  }
  if (c->gateway.link) {
    mgr_manager_report(c->manager, c->gateway.link, &c->gateway.figures, now);
    c->gateway.link = 0;
    return true;
  }
  return sample_one(c, now);
}

/* One round with the manager; true: |out| is for the application, or |*busy|. */
static bool poll_manager(caller *c, caller_out *out, bool *busy, wr_time now) {
  mgr_command command;
  *busy = true;
  if (mgr_manager_poll(c->manager, &command)) return caller_obey(c, &command, out, now);
  *busy = report_one(c, now);
  return false;
}

static bool poll_link(caller *c, caller_link *link, uint8_t *buffer, size_t cap, caller_out *out, bool *busy,
                      wr_time now) {
  wr_out o;
  *busy = false;
  if (link->wants_bind) {
    link->wants_bind = false;
    *out = (caller_out){.kind = CALLER_OUT_BIND, .link = link->number};
    return true;
  }
  if (!link->conn && !link->closing) return false;
  if (link->conn) {
    wr_conn_poll(link->conn, buffer, cap, &o, now);
    if (o.kind == WR_OUT_DATAGRAM) {
      *out = (caller_out){.kind = CALLER_OUT_DATAGRAM, .link = link->number, .path = o.path, .len = o.len};
      return true;
    }
    *busy = o.kind == WR_OUT_EVENT;
    if (*busy) return on_event(c, link, &o.event, out, now);
  }
  if (!link->closing) return false;
  *out = (caller_out){.kind = CALLER_OUT_UNBIND, .link = link->number};
  caller_wipe_link(link);
  return true;
}

void caller_poll(caller *c, uint8_t *buffer, size_t cap, caller_out *out, wr_time now) {
  WR_ASSERT(cap >= CALLER_BUFFER);
  drop_json(c);
  for (bool busy = true; busy;) {
    if (c->was_refused) {
      c->was_refused = false;
      *out = (caller_out){.kind = CALLER_OUT_REFUSED, .status = c->status, .text = c->why};
      return;
    }
    if (poll_manager(c, out, &busy, now)) return;
    for (size_t i = 0; !busy && i < N_LINKS; i++)
      if (c->link[i].number && poll_link(c, &c->link[i], buffer, cap, out, &busy, now)) return;
    if (busy) continue;
    *out = (caller_out){.kind = CALLER_OUT_REQUEST};
    if (caller_poll_request(c, buffer, cap, &out->request, now)) return;
    busy = c->n_reports > 0; /* a request that could not be made */
  }
  out->kind = CALLER_OUT_IDLE;
}

/* ---- what is said ---- */

wr_err caller_send_audio(caller *c, wr_bytes opus, uint32_t timestamp, bool marker, wr_time now) {
  caller_link *link = caller_link_of(c, c->attached_link);
  if (!link || !link->conn) return WR_ERR_STATE;
  return wr_conn_send_audio(link->conn, opus, timestamp, marker, now);
}

wr_err caller_send_message(caller *c, bool is_text, wr_bytes message, wr_time now) {
  caller_link *link = caller_link_of(c, c->chat_link);
  if (!link || !link->conn || !link->has_channel) return WR_ERR_STATE;
  return wr_conn_send_message(link->conn, link->channel, is_text, message, now);
}

/* ---- what it knows ---- */

const mgr_manager *caller_manager(const caller *c) { return c->manager; }

const json_t *caller_servers(const caller *c) { return c->servers; }

const char *caller_location(const caller *c) {
  const caller_link *link = present_link(c);
  return link ? link->location : "";
}

bool caller_stats(const caller *c, wr_conn_stats *stats) {
  const caller_link *link = present_link(c);
  if (!link || !link->conn) return false;
  wr_conn_get_stats(link->conn, stats);
  return true;
}
