/* client/call.c - see call.h.
 *
 * Under load each packet carries the time it was sent behind a valid Opus TOC byte, so that an echo tells its
 * delay. */
#include "client/call.h"

#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/talk.h"

#define FRAME_US WR_MS(20)
#define CONNECT_TIMEOUT_US WR_S(10)
#define ANSWER_TIMEOUT_US WR_S(30)
#define LOAD_PACKET_BYTES 90
#define LOAD_TOC 0xf8 /* CELT fullband 20 ms mono, one frame */

static socklen_t to_sockaddr(const wr_addr *addr, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (addr->family == 6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(addr->port);
    memcpy(&six->sin6_addr, addr->ip, 16);
    return sizeof *six;
  }
  struct sockaddr_in *four = (struct sockaddr_in *)out;
  four->sin_family = AF_INET;
  four->sin_port = htons(addr->port);
  memcpy(&four->sin_addr, addr->ip, 4);
  return sizeof *four;
}

static void from_sockaddr(const struct sockaddr_storage *in, wr_addr *addr) {
  memset(addr, 0, sizeof *addr);
  if (in->ss_family == AF_INET6) {
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)in;
    addr->family = 6;
    addr->port = ntohs(six->sin6_port);
    memcpy(addr->ip, &six->sin6_addr, 16);
    return;
  }
  const struct sockaddr_in *four = (const struct sockaddr_in *)in;
  addr->family = 4;
  addr->port = ntohs(four->sin_port);
  memcpy(addr->ip, &four->sin_addr, 4);
}

static bool open_socket(call *c) {
  struct sockaddr_storage here;
  socklen_t len = to_sockaddr(&c->world->local, &here);
  c->fd = socket(here.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) return false;
  if (bind(c->fd, (struct sockaddr *)&here, len) || getsockname(c->fd, (struct sockaddr *)&here, &len))
    return false;
  from_sockaddr(&here, &c->local);
  return true;
}

static bool make_conn(call *c, wr_time now) {
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = c->world->crypto;
  settings.rng = c->world->rng;
  settings.pool = c->world->pool;
  settings.message_buffer = c->world->message_buffer;
  settings.message_buffer_bytes = settings.max_message_bytes;
  settings.cname = "xiaozhi-rtc-call";
  void *mem = aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16);
  if (!mem) return false;
  c->conn = wr_conn_init(mem, &settings, now);
  return wr_conn_add_local(c->conn, &c->local, &c->local, now) == WR_OK;
}

static bool post_offer(call *c, wr_time now) {
  char sdp[8192];
  size_t len;
  if (wr_conn_create_offer(c->conn, sdp, sizeof sdp, &len, now) != WR_OK) return false;
  json_t *body = json_pack("{s:s, s:s, s:s}", "sdp", sdp, "type", "offer", "mode", c->world->options->mode);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  const char *path = signalling_path(c->world->signalling);
  if (!*path) path = "/api/offer";
  bool ok = text && signalling_request(c->world->signalling, c->id, "POST", path, "application/json", text);
  free(text);
  return ok;
}

bool call_begin(call *c, call_world *world, unsigned id, wr_time now) {
  *c = (call){
      .world = world, .id = id, .fd = -1, .state = CALL_OFFERED, .offered_at = now, .next_frame_at = WR_NEVER};
  c->echo.n_bytes = world->options->echo_bytes;
  c->finish_at = WR_NEVER;
  if (open_socket(c) && make_conn(c, now) && post_offer(c, now)) return true;
  perror("call: cannot begin");
  call_wipe(c);
  c->state = CALL_ENDED;
  return false;
}

static void explain_refusal(call *c, const signalling_result *result, const json_t *body) {
  const char *message = json_string_value(json_object_get(json_object_get(body, "error"), "message"));
  char text[256];
  if (result->status == 0)
    snprintf(text, sizeof text, "no connection: %s", result->body ? result->body : "");
  else
    snprintf(text, sizeof text, "HTTP %d: %s", result->status, message ? message : "no reason given");
  talk_print(c, "refused", "why", text);
}

static void open_channel(call *c, wr_time now) {
  wr_channel_settings chat = {.label = "chat"};
  if (wr_conn_open_channel(c->conn, &chat, &c->channel, now) != WR_OK)
    call_end(c, "no data channel was agreed", now);
}

void call_on_answer(call *c, const signalling_result *result, wr_time now) {
  if (c->state != CALL_OFFERED) return;
  json_t *body = result->body ? json_loadb(result->body, result->len, 0, NULL) : NULL;
  const char *sdp = json_string_value(json_object_get(body, "sdp"));
  const char *location = json_string_value(json_object_get(body, "location"));
  if (location) snprintf(c->location, sizeof c->location, "%s", location);
  wr_sdp_error error;
  if (result->status / 100 != 2 || !sdp) {
    explain_refusal(c, result, body);
    call_end(c, "refused", now);
  } else if (wr_conn_accept_answer(c->conn, wr_bytes_of(sdp, strlen(sdp)), c->world->scratch, &error, now) !=
             WR_OK) {
    talk_print(c, "refused", "why", error.what);
    call_end(c, "the answer cannot be used", now);
  } else {
    c->state = CALL_CONNECTING;
    open_channel(c, now);
    call_work(c, now);
  }
  json_decref(body);
}

static void on_open(call *c, wr_time now) {
  c->state = CALL_OPEN;
  c->was_open = true;
  c->opened_at = now;
  figures_add(&c->world->figures.connect, now - c->offered_at);
  c->world->figures.n_connected++;
  const client_options *options = c->world->options;
  if (!options->sequential && options->media) c->next_frame_at = now;
  if (options->duration_s > 0)
    c->finish_at = now + (wr_time)(options->duration_s * 1e6);
  else if (!client_is_load(options))
    c->finish_at = now + ANSWER_TIMEOUT_US;
  talk_print(c, "connected", "location", c->location);
  talk_on_open(c, now);
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

static void on_event(call *c, const wr_event *event, wr_time now) {
  switch (event->kind) {
    case WR_EVENT_STATE:
      if (event->state == WR_CONN_CLOSED && event->end != WR_END_LOCAL) call_end(c, wr_end_text(event->end), now);
      break;
    case WR_EVENT_CHANNEL_OPEN:
      if (event->channel == c->channel && c->state == CALL_CONNECTING) on_open(c, now);
      break;
    case WR_EVENT_MESSAGE:
      if (c->world->options->echo_test)
        talk_on_echo(c, event->is_text, event->message, now);
      else if (event->is_text)
        talk_on_message(c, event->message, now);
      break;
    case WR_EVENT_AUDIO: on_audio(c, &event->audio, now); break;
    case WR_EVENT_PATH:
    case WR_EVENT_AUDIO_ENDED:
    case WR_EVENT_DATA_READY:
    case WR_EVENT_MESSAGE_TOO_BIG:
    case WR_EVENT_BUFFERED_LOW:
    case WR_EVENT_CHANNEL_CLOSED: break;
  }
}

static void drain(call *c, wr_time now) {
  uint8_t datagram[WR_CONN_MTU];
  wr_out out;
  while (c->conn) {
    wr_conn_poll(c->conn, datagram, sizeof datagram, &out, now);
    if (out.kind == WR_OUT_IDLE) return;
    if (out.kind == WR_OUT_EVENT) {
      on_event(c, &out.event, now);
      continue;
    }
    struct sockaddr_storage to;
    socklen_t len = to_sockaddr(&out.path.remote, &to);
    /* A full socket or an unreachable candidate is a lost packet, which every layer above survives. */
    ssize_t sent = sendto(c->fd, datagram, out.len, 0, (struct sockaddr *)&to, len);
    (void)sent;
  }
}

void call_on_readable(call *c, wr_time now) {
  uint8_t bytes[2048];
  struct sockaddr_storage from;
  for (int i = 0; i < 16 && c->conn; i++) {
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(c->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);
    if (len < 0) return;
    wr_path path = {.local = c->local};
    from_sockaddr(&from, &path.remote);
    (void)wr_conn_recv(c->conn, &path, (wr_span){bytes, (size_t)len}, now);
    drain(c, now);
  }
}

static void send_frame(call *c, wr_time now) {
  const client_track *track = &c->world->track;
  const client_packet *silence = &c->world->silence;
  uint8_t stamped[LOAD_PACKET_BYTES] = {LOAD_TOC};
  wr_bytes frame = wr_bytes_of(silence->bytes, silence->len);
  if (client_is_load(c->world->options)) {
    memcpy(stamped + 1, &now, sizeof now);
    frame = wr_bytes_of(stamped, sizeof stamped);
  } else if (c->next_packet < track->n) {
    frame = wr_bytes_of(track->packet[c->next_packet].bytes, track->packet[c->next_packet].len);
    c->next_packet++;
  } else if (track->n && !c->said_stop) {
    c->said_stop = true;
    talk_on_spoken(c, now);
  }
  if (wr_conn_send_audio(c->conn, frame, c->timestamp, c->timestamp == 0, now) == WR_OK)
    c->world->figures.packets_sent++;
  c->timestamp += CLIENT_FRAME_SAMPLES;
}

void call_work(call *c, wr_time now) {
  if (c->state == CALL_ENDED) return;
  if (c->state != CALL_OPEN && now - c->offered_at > CONNECT_TIMEOUT_US) {
    call_end(c, "no connection within 10 s", now);
    return;
  }
  if (c->world->options->echo_test && c->state == CALL_OPEN && echo_check_passed(&c->echo, c->world->recorder)) {
    call_end(c, NULL, now);
    return;
  }
  if (now >= c->finish_at) {
    call_end(c, NULL, now);
    return;
  }
  while (c->conn && now >= c->next_frame_at) {
    send_frame(c, now);
    c->next_frame_at += FRAME_US;
    drain(c, now);
  }
  if (c->conn && now >= wr_conn_deadline(c->conn)) wr_conn_tick(c->conn, now);
  drain(c, now);
}

wr_time call_next_at(const call *c) {
  if (c->state == CALL_ENDED) return WR_NEVER;
  wr_time at = wr_time_min(wr_conn_deadline(c->conn), c->next_frame_at);
  if (c->state != CALL_OPEN) at = wr_time_min(at, c->offered_at + CONNECT_TIMEOUT_US + 1);
  return wr_time_min(at, c->finish_at);
}

void call_end(call *c, const char *why, wr_time now) {
  if (c->state == CALL_ENDED) return;
  c->state = CALL_ENDED;
  c->why = why;
  if (why) talk_print(c, "ended", "why", why);
  if (why) c->world->figures.n_failed++;
  wr_conn_close(c->conn, now);
  drain(c, now);
  if (c->location[0]) (void)signalling_request(c->world->signalling, c->id, "DELETE", c->location, NULL, NULL);
}

void call_wipe(call *c) {
  if (c->conn) {
    wr_conn_wipe(c->conn);
    free(c->conn);
    c->conn = NULL;
  }
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}
