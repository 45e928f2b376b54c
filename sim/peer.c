/* sim/peer.c - drives a wr_conn by the rules of wr/conn.h and plays the application of sim/peer.h.
 *
 * Also watches that libwr keeps its own laws: datagrams in = consumed + dropped, no audio out of order. */
#include "sim/peer.h"

#include "base/io.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define POOL_BLOCKS 256
#define FRAME_BYTES 80 /* Opus at 32 kbit/s */

__attribute__((format(printf, 2, 3))) static void trace(const sim_peer *peer, const char *format, ...) {
  if (!peer->trace) return;
  fprintf(peer->trace, "%10.3f ms  %-6s ", (double)(sim_net_now(peer->net) - peer->started_at) / 1000, peer->name);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(peer->trace, format, arguments);
  va_end(arguments);
  fputc('\n', peer->trace);
}

static void fail(sim_peer *peer, const char *fault) {
  if (!peer->fault) peer->fault = fault;
  trace(peer, "FAULT %s", fault);
}

/* Protocol of a datagram by its first byte (RFC 7983). */
static const char *protocol_of(wr_bytes b) {
  if (!b.len) return "empty";
  if (b.data[0] <= 3) return b.data[0] ? "STUN response" : "STUN request";
  if (b.data[0] >= 64 && b.data[0] <= 79) return "TURN channel";
  if (b.data[0] >= 20 && b.data[0] <= 63) return b.data[0] == 22 ? "DTLS handshake" : "DTLS record";
  if (b.data[0] >= 128 && b.data[0] <= 191)
    return b.len > 1 && b.data[1] >= 192 && b.data[1] <= 223 ? "SRTCP" : "SRTP";
  return "unknown";
}

/* The large message, the same at both ends. */
static uint8_t large_byte(size_t at) { return (uint8_t)(at * 131 + (at >> 8)); }

static bool is_large(wr_bytes message) {
  if (message.len != SIM_LARGE_BYTES) return false;
  for (size_t i = 0; i < message.len; i++)
    if (message.data[i] != large_byte(i)) return false;
  return true;
}

static bool use_gather(sim_peer *peer, const sim_peer_settings *settings) {
  wr_gather_settings gather = *settings->gather;
  gather.rng = (wr_rng){sim_rng_fill, &peer->rng};
  peer->gather_memory = malloc(wr_gather_size(&gather));
  if (!peer->gather_memory) return false;
  peer->pipe = settings->pipe;
  peer->piped_server = settings->piped_server;
  wr_conn_use_gather(peer->conn, wr_gather_init(peer->gather_memory, &gather, peer->started_at));
  return true;
}

#define TCP_PORT 443
#define CALLER_TCP_PORT 40000

void sim_tcp_init(sim_tcp *tcp, const wr_addr *callee, const wr_addr *caller_seen, wr_time one_way) {
  sim_pipe_init(&tcp->pipe, one_way);
  tcp->path = (wr_path){*callee, *caller_seen};
  tcp->path.local.port = TCP_PORT;
  tcp->path.remote.port = CALLER_TCP_PORT;
  tcp->path.local.transport = tcp->path.remote.transport = WR_TCP;
  tcp->up_at = WR_NEVER;
}

/* The path as this end names it. */
static wr_path tcp_path(const sim_peer *peer) {
  wr_path path = peer->tcp->path;
  if (!peer->is_caller) return path;
  path = (wr_path){sim_net_addr(peer->net, peer->host, 0), path.local};
  path.local.transport = WR_TCP;
  return path;
}

static void use_tcp(sim_peer *peer, sim_tcp *tcp) {
  peer->tcp = tcp;
  wr_frames_init(&peer->frames);
  wr_addr local = tcp_path(peer).local;
  if (wr_conn_add_local(peer->conn, &local, &local, peer->started_at)) fail(peer, "add_local of TCP");
}

static void send_tcp(sim_peer *peer, const wr_path *path, wr_bytes bytes) {
  uint8_t frame[WR_FRAME_HEAD + WR_FRAME_MAX];
  wr_time now = sim_net_now(peer->net), one_way = peer->tcp->pipe.one_way;
  wr_path ours = tcp_path(peer);
  if (!wr_path_equal(path, &ours)) fail(peer, "a TCP connection that cannot be");
  if (peer->tcp->up_at == WR_NEVER && !peer->is_caller) fail(peer, "who listens has opened a connection");
  if (peer->tcp->up_at == WR_NEVER) peer->tcp->up_at = now + 2 * one_way; /* SYN, SYN ACK */
  trace(peer, "=> %zu bytes by TCP", bytes.len);
  wr_frame_head(frame, bytes.len);
  memcpy(frame + WR_FRAME_HEAD, bytes.data, bytes.len);
  wr_time at = now < peer->tcp->up_at ? peer->tcp->up_at : now;
  sim_pipe_send(&peer->tcp->pipe, peer->is_caller, wr_bytes_of(frame, WR_FRAME_HEAD + bytes.len), at);
}

static void add_host(sim_peer *peer, sim_host_id host) {
  wr_addr local = sim_net_addr(peer->net, host, SIM_PEER_PORT);
  if (wr_conn_add_local(peer->conn, &local, &local, peer->started_at)) fail(peer, "add_local");
}

bool sim_peer_open(sim_peer *peer, sim_net *net, sim_host_id host, const sim_peer_settings *settings) {
  *peer = (sim_peer){.name = settings->name, .net = net, .host = host, .trace = settings->trace};
  peer->is_caller = settings->is_caller;
  peer->started_at = sim_net_now(net);
  peer->next_audio_at = WR_NEVER;
  peer->other_host = -1;
  peer->rng = sim_rng_of(settings->seed, settings->is_caller ? 1001 : 1002);
  peer->memory = malloc(wr_conn_size());
  peer->pool_memory = malloc(wr_pool_size(WR_CONN_POOL_BLOCK, POOL_BLOCKS));
  peer->message_buffer = malloc(SIM_LARGE_BYTES);
  if (!peer->memory || !peer->pool_memory || !peer->message_buffer) return false;
  wr_conn_settings s;
  wr_conn_settings_default(&s);
  s.crypto = settings->crypto;
  s.rng = (wr_rng){sim_rng_fill, &peer->rng};
  s.pool = wr_pool_init(peer->pool_memory, WR_CONN_POOL_BLOCK, POOL_BLOCKS);
  s.message_buffer = peer->message_buffer;
  s.message_buffer_bytes = SIM_LARGE_BYTES;
  s.dtls_passive = settings->dtls_passive;
  s.ice_lite = settings->ice_lite;
  peer->conn = wr_conn_init(peer->memory, &s, peer->started_at);
  if (settings->gather && !use_gather(peer, settings)) return false;
  add_host(peer, host);
  if (settings->tcp) use_tcp(peer, settings->tcp);
  if (settings->has_other_host) add_host(peer, peer->other_host = settings->other_host);
  return true;
}

void sim_peer_close(sim_peer *peer) {
  if (peer->conn) wr_conn_wipe(peer->conn);
  free(peer->memory);
  free(peer->gather_memory);
  free(peer->pool_memory);
  free(peer->message_buffer);
  peer->conn = NULL;
}

/* ---- the application ---- */

static void send_message(sim_peer *peer, bool is_text, wr_bytes message) {
  if (wr_conn_send_message(peer->conn, peer->channel, is_text, message, sim_net_now(peer->net)))
    fail(peer, "send_message refused");
}

static void send_large(sim_peer *peer) {
  static uint8_t large[SIM_LARGE_BYTES];
  for (size_t i = 0; i < sizeof large; i++) large[i] = large_byte(i);
  send_message(peer, false, wr_bytes_of(large, sizeof large));
  peer->large_sent = true;
}

static void open_channel(sim_peer *peer) {
  wr_channel_settings settings = {.label = "chat"};
  if (wr_conn_open_channel(peer->conn, &settings, &peer->channel, sim_net_now(peer->net))) {
    fail(peer, "open_channel refused");
    return;
  }
  peer->has_channel = true;
  send_message(peer, true, WR_BYTES_LITERAL("hello"));
}

static void send_audio(sim_peer *peer, wr_time now) {
  uint8_t frame[FRAME_BYTES] = {0x78}; /* TOC: one 20 ms CELT frame */
  wr_put_u32(frame + 1, peer->n_audio_sent);
  sim_rng_fill(&peer->rng, frame + 5, sizeof frame - 5);
  bool first = !peer->n_audio_sent;
  wr_err err =
      wr_conn_send_audio(peer->conn, wr_bytes_of(frame, sizeof frame), peer->n_audio_sent * 960, first, now);
  if (err) fail(peer, "send_audio refused");
  peer->n_audio_sent++;
  peer->next_audio_at = now + WR_MS(20);
}

static void on_state(sim_peer *peer, const wr_event *event, wr_time now) {
  trace(peer, "state %d %s", (int)event->state, event->end ? wr_end_text(event->end) : "");
  if (event->state == WR_CONN_CONNECTED && !peer->connected_at) {
    peer->connected_at = now;
    peer->next_audio_at = now;
  }
  if (event->state == WR_CONN_CLOSED) {
    peer->ended_at = now;
    peer->end = event->end;
    peer->next_audio_at = WR_NEVER;
  }
}

static void on_audio(sim_peer *peer, const wr_audio *audio, wr_time now) {
  if (audio->payload.len != FRAME_BYTES) {
    fail(peer, "an audio frame changed its size");
    return;
  }
  uint32_t number = wr_get_u32(audio->payload.data + 1);
  if (peer->n_audio_came && number <= peer->highest_audio) fail(peer, "audio out of order");
  if (!peer->n_audio_came) peer->timestamp_base = audio->timestamp - number * 960; /* RFC 3550 5.1: random */
  if (audio->timestamp - number * 960 != peer->timestamp_base) fail(peer, "timestamps do not fit the frames");
  peer->highest_audio = number;
  if (!peer->n_audio_came++) {
    peer->media_at = now;
    trace(peer, "first audio frame");
  }
}

static void on_message(sim_peer *peer, const wr_event *event, wr_time now) {
  trace(peer, "message of %zu bytes", event->message.len);
  wr_bytes expected = peer->is_caller ? WR_BYTES_LITERAL("ready") : WR_BYTES_LITERAL("hello");
  if (!peer->data_at) {
    peer->data_at = now;
    if (!event->is_text || !wr_bytes_equal(event->message, expected)) fail(peer, "a message changed");
    if (peer->is_caller) send_large(peer);
    return;
  }
  if (!is_large(event->message) || peer->large_came) fail(peer, "the large message changed");
  peer->large_came = true;
  if (!peer->is_caller) send_large(peer);
}

static void on_path(sim_peer *peer, const wr_event *event, wr_time now) {
  char from[WR_ADDR_TEXT_MAX], to[WR_ADDR_TEXT_MAX];
  wr_addr_text(&event->path.local, from);
  wr_addr_text(&event->path.remote, to);
  trace(peer, "path %s:%u -> %s:%u, rtt %.1f ms", from, event->path.local.port, to, event->path.remote.port,
        event->rtt_us / 1000.0);
  peer->path = event->path;
  peer->path_at = now;
}

static void on_candidate(sim_peer *peer, const wr_candidate *candidate) {
  char text[200] = "no more candidates";
  if (candidate) wr_candidate_write(candidate, text, sizeof text);
  trace(peer, "%s", text);
  if (!candidate) {
    peer->trickle_ended = true;
  } else if (peer->n_trickle == SIM_PEER_TRICKLE) {
    fail(peer, "too many candidates");
  } else {
    peer->trickle[peer->n_trickle++] = *candidate;
  }
}

static void on_event(sim_peer *peer, const wr_event *event, wr_time now) {
  switch (event->kind) {
    case WR_EVENT_STATE: on_state(peer, event, now); return;
    case WR_EVENT_AUDIO: on_audio(peer, &event->audio, now); return;
    case WR_EVENT_MESSAGE: on_message(peer, event, now); return;
    case WR_EVENT_CHANNEL_OPEN:
      trace(peer, "channel %u open%s", event->channel, event->by_peer ? " by peer" : "");
      if (!event->by_peer) return;
      peer->channel = event->channel;
      peer->has_channel = true;
      send_message(peer, true, WR_BYTES_LITERAL("ready"));
      return;
    case WR_EVENT_MESSAGE_TOO_BIG: fail(peer, "a message was too big"); return;
    case WR_EVENT_PATH: on_path(peer, event, now); return;
    case WR_EVENT_DATA_READY: trace(peer, "data ready"); return;
    case WR_EVENT_AUDIO_ENDED: trace(peer, "audio ended"); return;
    case WR_EVENT_CANDIDATE: on_candidate(peer, event->candidate); return;
    case WR_EVENT_VIDEO:
    case WR_EVENT_BUFFERED_LOW:
    case WR_EVENT_CHANNEL_CLOSED: return;
  }
}

static void send_out(sim_peer *peer, wr_out *out, wr_bytes bytes) {
  if (!out->len || out->len > WR_CONN_MTU + 48) fail(peer, "a datagram of impossible size");
  if (!peer->ended_at) peer->sent_at = sim_net_now(peer->net);
  if (out->stream >= 0) {
    trace(peer, "=> %s, %zu bytes by the pipe", protocol_of(bytes), out->len);
    sim_pipe_send(peer->pipe, 1, bytes, sim_net_now(peer->net));
    return;
  }
  if (out->path.remote.transport == WR_TCP) {
    send_tcp(peer, &out->path, bytes);
    return;
  }
  sim_host_id host = peer->host;
  if (!out->path.local.family) out->path.local = sim_net_addr(peer->net, host, SIM_PEER_PORT);
  if (sim_net_addr(peer->net, host, 0).family != out->path.local.family) host = peer->other_host;
  char to[WR_ADDR_TEXT_MAX];
  wr_addr_text(&out->path.remote, to);
  trace(peer, "-> %s, %zu bytes to %s:%u", protocol_of(bytes), out->len, to, out->path.remote.port);
  sim_net_send(peer->net, host, &out->path, bytes);
}

static void drain(sim_peer *peer) {
  uint8_t buffer[WR_GATHER_OUT_MAX];
  wr_time now = sim_net_now(peer->net);
  for (unsigned n_outputs = 0; n_outputs < 100000; n_outputs++) {
    wr_out out;
    wr_conn_poll(peer->conn, buffer, sizeof buffer, &out, now);
    switch (out.kind) {
      case WR_OUT_IDLE: return;
      case WR_OUT_EVENT: on_event(peer, &out.event, now); break;
      case WR_OUT_DATAGRAM: send_out(peer, &out, wr_bytes_of(buffer, out.len)); break;
    }
  }
  fail(peer, "outputs without end");
}

static void check_conservation(sim_peer *peer) {
  wr_conn_stats stats;
  wr_conn_get_stats(peer->conn, &stats);
  uint64_t sum = stats.consumed;
  for (int i = 0; i < WR_DROP_COUNT; i++) sum += stats.drop[i];
  if (sum != stats.datagrams_in) fail(peer, "datagrams in != consumed + dropped");
}

/* ---- signalling ---- */

bool sim_peer_offer(sim_peer *peer, char *offer, size_t cap) {
  size_t len;
  if (wr_conn_create_offer(peer->conn, offer, cap, &len, sim_net_now(peer->net))) fail(peer, "create_offer");
  drain(peer);
  trace(peer, "offer of %zu bytes leaves", strlen(offer));
  return !peer->fault;
}

bool sim_peer_answer(sim_peer *peer, const char *offer, char *answer, size_t cap) {
  static wr_sdp scratch;
  wr_sdp_error error = {0};
  size_t len;
  if (wr_conn_accept_offer(peer->conn, wr_bytes_of(offer, strlen(offer)), &scratch, &error, answer, cap, &len,
                           sim_net_now(peer->net)))
    fail(peer, error.what ? error.what : "accept_offer");
  if (peer->fault) return false;
  trace(peer, "answer of %zu bytes leaves", len);
  drain(peer);
  return !peer->fault;
}

bool sim_peer_accept(sim_peer *peer, const char *answer) {
  static wr_sdp scratch;
  wr_sdp_error error = {0};
  trace(peer, "answer arrives");
  if (wr_conn_accept_answer(peer->conn, wr_bytes_of(answer, strlen(answer)), &scratch, &error,
                            sim_net_now(peer->net)))
    fail(peer, error.what ? error.what : "accept_answer");
  if (peer->fault) return false;
  open_channel(peer);
  drain(peer);
  return !peer->fault;
}

/* ---- the engine ---- */

void sim_peer_recv(sim_peer *peer, const sim_delivery *delivery) {
  trace(peer, "<- %s, %zu bytes", protocol_of(wr_span_bytes(delivery->bytes)), delivery->bytes.len);
  bool may = wr_conn_may_be_of(peer->conn, wr_span_bytes(delivery->bytes), delivery->at);
  if (!wr_conn_recv(peer->conn, &delivery->path, delivery->bytes, delivery->at) && may)
    wr_conn_ask_at(peer->conn, &delivery->path, delivery->at);
  drain(peer);
  check_conservation(peer);
}

void sim_peer_pipe_up(sim_peer *peer) {
  wr_conn_stream_up(peer->conn, peer->piped_server, sim_net_now(peer->net));
  drain(peer);
}

void sim_peer_recv_pipe(sim_peer *peer) {
  for (;;) {
    wr_bytes bytes = wr_span_bytes(sim_pipe_recv(peer->pipe, 0, sim_net_now(peer->net)));
    if (!bytes.len) return;
    wr_conn_recv_stream(peer->conn, peer->piped_server, bytes, sim_net_now(peer->net));
    drain(peer);
    check_conservation(peer);
  }
}

void sim_peer_recv_tcp(sim_peer *peer) {
  if (!peer->tcp) return;
  wr_path path = tcp_path(peer);
  for (;;) {
    wr_span piece = sim_pipe_recv(&peer->tcp->pipe, !peer->is_caller, sim_net_now(peer->net)), datagram;
    if (!piece.len) return;
    uint8_t bytes[SIM_PIPE_PIECE_MAX]; /* what answers takes the ring's next place */
    memcpy(bytes, piece.data, piece.len);
    piece.data = bytes;
    while (wr_frames_next(&peer->frames, &piece, &datagram) == WR_FRAME_DATAGRAM) {
      (void)wr_conn_recv(peer->conn, &path, datagram, sim_net_now(peer->net));
      drain(peer);
    }
    check_conservation(peer);
  }
}

void sim_peer_add_candidate(sim_peer *peer, const wr_candidate *candidate) {
  wr_time now = sim_net_now(peer->net);
  if (candidate)
    (void)wr_conn_add_remote_candidate(peer->conn, candidate, now);
  else
    wr_conn_end_of_remote_candidates(peer->conn, now);
  drain(peer);
}

void sim_peer_tick(sim_peer *peer) {
  wr_time now = sim_net_now(peer->net);
  if (peer->next_audio_at <= now) {
    send_audio(peer, now);
    drain(peer);
  }
  if (wr_conn_deadline(peer->conn) > now) return;
  wr_conn_tick(peer->conn, now);
  drain(peer);
  if (wr_conn_deadline(peer->conn) <= now) fail(peer, "the deadline did not move");
}

wr_time sim_peer_deadline(const sim_peer *peer) {
  return wr_time_min(wr_conn_deadline(peer->conn), peer->next_audio_at);
}

bool sim_peer_is_done(const sim_peer *peer) {
  return peer->media_at && peer->data_at && peer->large_sent && peer->large_came &&
         peer->n_audio_sent >= SIM_AUDIO_FRAMES;
}

void sim_peer_hang_up(sim_peer *peer) {
  wr_conn_close(peer->conn, sim_net_now(peer->net));
  drain(peer);
}
