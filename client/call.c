/* client/call.c - see call.h.
 *
 * Until a call was open once, a refusal ends it, as somebody at a terminal expects; from then on the manager heals
 * it. A server that only echoes (a URL with a path of its own) cannot be come back to: there the first trouble is
 * the end. Under load each packet carries the time it was sent behind a valid Opus TOC byte, so that an echo tells
 * its delay. */
#include "client/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client/servers.h"
#include "client/sockets.h"
#include "client/talk.h"

#define FRAME_US WR_MS(20)
#define CONNECT_TIMEOUT_US WR_S(10)
#define ANSWER_TIMEOUT_US WR_S(30)
#define LOAD_PING_MS 5000 /* thousands of calls are not to be watched by the half second */
#define LOAD_PACKET_BYTES 90
#define LOAD_TOC 0xf8 /* CELT fullband 20 ms mono, one frame */

static void drain(call *c, wr_time now);

/* ---- sockets ---- */

static call_socket *socket_of(call *c, uint32_t link) {
  for (int i = 0; i < CALL_LINKS; i++)
    if (c->socket[i].link == link) return &c->socket[i];
  return NULL;
}

static void close_stream(call *c, size_t i) {
  client_stream_close(&c->stream[i]->stream);
  free(c->stream[i]);
  c->stream[i] = NULL;
}

/* The connection that |path| is, made if it is not there. NULL: it cannot be. */
static client_stream *stream_of(call *c, uint32_t link, const wr_path *path) {
  size_t free_at = CALL_STREAMS;
  for (size_t i = 0; i < CALL_STREAMS; i++) {
    if (!c->stream[i])
      free_at = i;
    else if (c->stream[i]->link == link && wr_path_equal(&c->stream[i]->stream.path, path))
      return &c->stream[i]->stream;
  }
  call_stream *made = free_at < CALL_STREAMS ? malloc(sizeof *made) : NULL;
  if (!made) return NULL;
  made->link = link;
  c->stream[free_at] = made;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = c->id};
  if (client_stream_open(&made->stream, path) &&
      !epoll_ctl(c->world->epoll, EPOLL_CTL_ADD, made->stream.fd, &event))
    return &made->stream;
  close_stream(c, free_at);
  return NULL;
}

static void unbind(call *c, uint32_t link) {
  for (size_t i = 0; link && i < CALL_STREAMS; i++)
    if (c->stream[i] && c->stream[i]->link == link) close_stream(c, i);
  call_socket *s = link ? socket_of(c, link) : NULL;
  if (!s) return;
  close(s->fd);
  *s = (call_socket){.fd = -1};
}

static bool open_socket(call *c, uint32_t link, const wr_addr *local) {
  call_socket *s = socket_of(c, 0);
  if (!s) return false;
  *s = (call_socket){.link = link, .local = *local};
  s->fd = sockets_open(&s->local);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = c->id};
  if (s->fd >= 0 && !epoll_ctl(c->world->epoll, EPOLL_CTL_ADD, s->fd, &event)) return true;
  if (s->fd >= 0) close(s->fd);
  *s = (call_socket){.fd = -1};
  return false;
}

static void free_gather(call *c, uint32_t link) {
  for (int i = 0; link && i < CALL_LINKS; i++) {
    if (c->gather[i].link != link) continue;
    wr_gather_wipe(c->gather[i].gather);
    free(c->gather[i].gather);
    c->gather[i] = (call_gather){0};
  }
}

/* For a link that has no connection yet. */
static void open_gather(call *c, uint32_t link, const wr_addr *base, wr_time now) {
  call_gather *slot = c->gather[0].link ? &c->gather[1] : &c->gather[0];
  const json_t *servers = caller_servers(c->caller);
  if (!servers || slot->link || c->gather[0].link == link || c->gather[1].link == link) return;
  slot->gather = servers_gather(servers, base, c->world->crypto, c->world->rng, now);
  if (!slot->gather) return;
  slot->link = link;
  caller_use_gather(c->caller, link, slot->gather);
}

static bool same_ip(const wr_addr *a, const wr_addr *b) {
  return a->family == b->family && !memcmp(a->ip, b->ip, sizeof a->ip);
}

/* A link's first socket, or at a restart another one if the machine has moved to another network. */
static void bind_link(call *c, uint32_t link, wr_time now) {
  call_world *w = c->world;
  bool reachable = !c->was_open || sockets_find_local(w->options->url, &w->local);
  call_socket *s = socket_of(c, link);
  if (s && reachable && !same_ip(&s->local, &w->local)) {
    unbind(c, link);
    s = NULL;
  }
  if (!s && reachable && open_socket(c, link, &w->local)) s = socket_of(c, link);
  if (s && reachable && w->options->udp) open_gather(c, link, &s->local, now);
  wr_addr locals[2];
  size_t n = 0;
  if (s && reachable && w->options->udp) locals[n++] = s->local;
  if (s && reachable && w->options->tcp) {
    locals[n] = s->local;
    locals[n].port = 0;
    locals[n++].transport = WR_TCP;
  }
  caller_bind(c->caller, link, locals, n, now);
}

/* ---- life ---- */

static bool is_plain(const signalling *s) {
  const char *path = signalling_path(s);
  return *path && strcmp(path, "/api/offer") != 0;
}

static bool make_caller(call *c, wr_time now) {
  const call_world *w = c->world;
  caller_settings s;
  caller_settings_default(&s);
  s.crypto = w->crypto;
  s.rng = w->rng;
  s.pool = w->pool;
  s.message_buffer = w->message_buffer;
  s.message_buffer_bytes = 65536;
  s.scratch = w->scratch;
  s.cname = "xiaozhi-rtc-call";
  s.plain = is_plain(w->signalling);
  s.fetch_servers = !s.plain && !client_is_load(w->options);
  if (*signalling_path(w->signalling)) s.offer_path = signalling_path(w->signalling);
  s.manager.seed = wr_rng_u64(&w->rng);
  s.manager.prepare = MGR_PREPARE_NOTHING;
  if (client_is_load(w->options))
    s.manager.ping_ms = s.manager.ping_idle_ms = s.manager.ping_timeout_ms = LOAD_PING_MS;
  void *mem = aligned_alloc(16, (caller_size() + 15) / 16 * 16);
  if (mem) c->caller = caller_init(mem, &s, now);
  return mem != NULL;
}

static mgr_mode mode_of(const client_options *options) {
  if (!strcmp(options->mode, "manual")) return MGR_MODE_MANUAL;
  return strcmp(options->mode, "realtime") ? MGR_MODE_AUTO : MGR_MODE_REALTIME;
}

bool call_begin(call *c, call_world *world, unsigned id, wr_time now) {
  *c = (call){.world = world, .id = id, .offered_at = now, .next_frame_at = WR_NEVER, .finish_at = WR_NEVER};
  c->socket[0].fd = c->socket[1].fd = -1;
  c->echo.n_bytes = world->options->echo_bytes;
  if (!make_caller(c, now)) {
    perror("call: cannot begin");
    c->state = CALL_ENDED;
    return false;
  }
  caller_do(c->caller, MGR_EVENT_START, (int32_t)mode_of(world->options), now);
  drain(c, now);
  return true;
}

void call_end(call *c, const char *why, wr_time now) {
  if (c->state == CALL_ENDED) return;
  c->state = CALL_ENDED;
  c->why = why;
  if (why) talk_print(c, "ended", "why", why);
  if (why) c->world->figures.n_failed++;
  caller_do(c->caller, MGR_EVENT_STOP, 0, now);
  c->next_at = now; /* the goodbye is drained in call_work */
}

void call_wipe(call *c) {
  if (c->caller) {
    caller_wipe(c->caller);
    free(c->caller);
    c->caller = NULL;
  }
  for (int i = 0; i < CALL_LINKS; i++) {
    unbind(c, c->socket[i].link);
    free_gather(c, c->gather[i].link);
  }
  for (size_t i = 0; i < CALL_STREAMS; i++)
    if (c->stream[i]) close_stream(c, i);
}

/* ---- what the caller says ---- */

static void on_open(call *c, wr_time now) {
  c->state = CALL_OPEN;
  c->was_open = true;
  figures_add(&c->world->figures.connect, now - c->offered_at);
  c->world->figures.n_connected++;
  const client_options *options = c->world->options;
  if (!options->sequential && options->media) c->next_frame_at = now;
  if (options->duration_s > 0)
    c->finish_at = now + (wr_time)(options->duration_s * 1e6);
  else if (!client_is_load(options))
    c->finish_at = now + ANSWER_TIMEOUT_US;
  talk_print(c, "connected", "location", caller_location(c->caller));
  talk_on_open(c, now);
}

static void on_trouble(call *c, const mgr_command *command, wr_time now) {
  bool is_over = command->state == MGR_STATE_FAILED || command->state == MGR_STATE_CLOSED;
  if (is_over || is_plain(c->world->signalling))
    call_end(c, talk_reason(command->reason), now);
  else
    talk_print(c, "connection", "state", talk_state(command->state));
}

static void on_state(call *c, const mgr_command *command, wr_time now) {
  bool was_connected = c->is_connected;
  c->is_connected = command->state == MGR_STATE_CONNECTED;
  if (c->state == CALL_ENDED) return;
  if (c->is_connected && !c->was_open)
    on_open(c, now);
  else if (c->is_connected && !was_connected)
    talk_print(c, "connection", "state", talk_state(command->state));
  else if (!c->is_connected && c->was_open && !command->delay_ms)
    on_trouble(c, command, now);
  else if (command->state == MGR_STATE_FAILED)
    call_end(c, talk_reason(command->reason), now);
}

static void on_refused(call *c, const caller_out *out, wr_time now) {
  if (c->was_open || c->state == CALL_ENDED) return;
  char text[256];
  if (out->status)
    snprintf(text, sizeof text, "HTTP %d: %s", out->status, out->text);
  else
    snprintf(text, sizeof text, "no connection: %s", out->text);
  talk_print(c, "refused", "why", text);
  call_end(c, out->status / 100 == 2 ? "the answer cannot be used" : "refused", now);
}

static void on_command(call *c, const mgr_command *command, wr_time now) {
  const client_options *options = c->world->options;
  switch ((int)command->kind) {
    case MGR_COMMAND_TELL_STATE: on_state(c, command, now); return;
    case MGR_COMMAND_TELL_RECOVERED: talk_print(c, "recovered", "by", talk_rung(command->rung)); return;
    case MGR_COMMAND_ASK_MICROPHONE: {
      bool listens = options->in_path || !options->text;
      caller_do(c->caller, MGR_EVENT_MICROPHONE, listens ? MGR_MIC_READY : MGR_MIC_NONE, now);
      return;
    }
    case MGR_COMMAND_MIC_LIVE:
      if (command->value) c->speaks = true; /* a file that has begun runs on */
      return;
    default: return;
  }
}

static void on_audio(call *c, const wr_audio *audio, wr_time now) {
  client_figures *figures = &c->world->figures;
  figures->packets_received++;
  if (c->world->recorder)
    client_recorder_add(c->world->recorder, audio->payload.data, audio->payload.len, audio->timestamp);
  wr_time sent_at;
  if (!client_is_load(c->world->options) || audio->payload.len != LOAD_PACKET_BYTES) return;
  memcpy(&sent_at, audio->payload.data + 1, sizeof sent_at);
  figures_add(&figures->echo, now - sent_at);
}

static void send_datagram(call *c, const caller_out *out, const uint8_t *bytes, wr_time now) {
  if (out->path.remote.transport == WR_TCP) {
    client_stream *stream = stream_of(c, out->link, &out->path);
    if (stream)
      client_stream_send(stream, wr_bytes_of(bytes, out->len));
    else
      caller_path_closed(c->caller, out->link, &out->path, now);
    return;
  }
  const call_socket *s = socket_of(c, out->link);
  if (s && (!out->path.local.family || wr_addr_equal(&out->path.local, &s->local)))
    sockets_send(s->fd, &out->path.remote, bytes, out->len);
}

static void drain(call *c, wr_time now) {
  uint8_t buffer[CALLER_BUFFER];
  caller_out out;
  for (;;) {
    caller_poll(c->caller, buffer, sizeof buffer, &out, now);
    switch (out.kind) {
      case CALLER_OUT_IDLE:
        c->next_at = wr_time_min(caller_deadline(c->caller), wr_time_min(c->next_frame_at, c->finish_at));
        if (!c->was_open) c->next_at = wr_time_min(c->next_at, c->offered_at + CONNECT_TIMEOUT_US + 1);
        return;
      case CALLER_OUT_DATAGRAM: send_datagram(c, &out, buffer, now); break;
      case CALLER_OUT_REQUEST:
        if (!signalling_request(c->world->signalling, c->id, out.request.number, out.request.method,
                                out.request.path, out.request.content_type, out.request.body))
          caller_on_response(c->caller, out.request.number, 0, 0, (wr_bytes){0}, now);
        break;
      case CALLER_OUT_BIND: bind_link(c, out.link, now); break;
      case CALLER_OUT_UNBIND:
        unbind(c, out.link);
        free_gather(c, out.link);
        break;
      case CALLER_OUT_COMMAND: on_command(c, &out.command, now); break;
      case CALLER_OUT_REFUSED: on_refused(c, &out, now); break;
      case CALLER_OUT_AUDIO: on_audio(c, &out.audio, now); break;
      case CALLER_OUT_MESSAGE:
        if (c->state == CALL_OPEN) talk_on_message(c, &out, now);
        break;
    }
    if (c->state == CALL_OPEN && !c->began && mgr_manager_can_talk(caller_manager(c->caller))) {
      c->began = true;
      talk_on_ready(c, now);
    }
  }
}

/* ---- what comes in ---- */

void call_on_result(call *c, const signalling_result *result, wr_time now) {
  if (!c->caller) return;
  caller_on_response(c->caller, result->number, result->status, result->retry_after_ms,
                     wr_bytes_of(result->body, result->body ? result->len : 0), now);
  drain(c, now);
}

/* What a datagram sets off may close the connection it came on. */
static void read_stream(call *c, size_t i, wr_time now) {
  const call_stream *stream = c->stream[i];
  wr_span datagram;
  int got = client_stream_flush(&c->stream[i]->stream) ? 1 : -1;
  while (got > 0 && (got = client_stream_next(&c->stream[i]->stream, &datagram)) > 0) {
    wr_path path = stream->stream.path;
    caller_recv(c->caller, stream->link, &path, datagram, now);
    drain(c, now);
    if (c->stream[i] != stream) return;
  }
  if (got == 0) return;
  wr_path path = stream->stream.path;
  uint32_t link = stream->link;
  close_stream(c, i);
  caller_path_closed(c->caller, link, &path, now);
  drain(c, now);
}

void call_on_readable(call *c, wr_time now) {
  for (size_t i = 0; i < CALL_STREAMS; i++)
    if (c->stream[i]) read_stream(c, i, now);
  uint8_t bytes[2048];
  for (int i = 0; i < CALL_LINKS; i++) {
    for (int n = 0; n < 16 && c->socket[i].link; n++) {
      wr_path path = {.local = c->socket[i].local};
      long len = sockets_recv(c->socket[i].fd, &path.remote, bytes, sizeof bytes);
      if (len < 0) break;
      caller_recv(c->caller, c->socket[i].link, &path, (wr_span){bytes, (size_t)len}, now);
      drain(c, now);
    }
  }
}

/* ---- what is due ---- */

static void send_frame(call *c, wr_time now) {
  const client_track *track = &c->world->track;
  const client_packet *silence = &c->world->silence;
  uint8_t stamped[LOAD_PACKET_BYTES] = {LOAD_TOC};
  wr_bytes frame = wr_bytes_of(silence->bytes, silence->len);
  if (client_is_load(c->world->options)) {
    memcpy(stamped + 1, &now, sizeof now);
    frame = wr_bytes_of(stamped, sizeof stamped);
  } else if (c->speaks && c->next_packet < track->n) {
    frame = wr_bytes_of(track->packet[c->next_packet].bytes, track->packet[c->next_packet].len);
    c->next_packet++;
  } else if (c->speaks && track->n && !c->said_stop) {
    c->said_stop = true;
    talk_on_spoken(c, now);
  }
  if (caller_send_audio(c->caller, frame, c->timestamp, c->timestamp == 0, now) == WR_OK)
    c->world->figures.packets_sent++;
  c->timestamp += CLIENT_FRAME_SAMPLES;
}

/* true: the call is over. */
static bool is_over(call *c, wr_time now) {
  if (!c->was_open && now - c->offered_at > CONNECT_TIMEOUT_US)
    call_end(c, "no connection within 10 s", now);
  else if (c->world->options->echo_test && c->state == CALL_OPEN && echo_check_passed(&c->echo, c->world->recorder))
    call_end(c, NULL, now);
  else if (now >= c->finish_at)
    call_end(c, c->is_connected ? NULL : "not connected at the end", now);
  return c->state == CALL_ENDED;
}

void call_work(call *c, wr_time now) {
  if (!c->caller) return;
  if (c->state == CALL_ENDED || is_over(c, now)) {
    drain(c, now);
    return;
  }
  while (now >= c->next_frame_at) {
    send_frame(c, now);
    c->next_frame_at += FRAME_US;
    drain(c, now);
  }
  caller_tick(c->caller, now);
  drain(c, now);
}
