/* cli/probe.c - one server at a time; what was allocated is given back. */
#include "cli/probe.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/udp.h"
#include "stun/stun.h"

void probe_stun(probe *p, const gw_ice_url *url, const probe_settings *settings) {
  uint8_t out[64], in[1500], id[WR_STUN_ID_BYTES];
  wr_stun answer;
  way w;
  wr_time began = way_now(), rto = WR_MS(500);
  memset(p, 0, sizeof(*p));
  p->end = way_open(&w, url, settings->patience);
  wr_rng_fill(&settings->rng, id, sizeof(id));
  wr_writer writer = wr_writer_of(out, sizeof(out));
  wr_stun_begin(&writer, WR_STUN_REQUEST, WR_STUN_BINDING, id);
  size_t len = wr_stun_end(&writer, settings->crypto, wr_bytes_of(NULL, 0));
  bool answered = false;
  while (p->end == WAY_FINE && !answered) {
    wr_bytes frame;
    if (way_now() >= w.until) p->end = WAY_SILENT;
    if (p->end == WAY_FINE) p->end = way_send(&w, wr_bytes_of(out, len));
    if (p->end == WAY_FINE) p->end = way_recv(&w, &frame, in, sizeof(in), way_now() + rto);
    rto *= 2;
    if (p->end != WAY_FINE || !frame.len) continue;
    answered = wr_stun_parse(&answer, frame) == WR_OK && memcmp(answer.id, id, sizeof(id)) == 0;
  }
  if (answered) p->mapped = answer.mapped;
  if (answered && !p->mapped.family) p->turn = WR_TURN_MALFORMED;
  p->took = way_now() - began;
  memcpy(p->why, w.why, sizeof(p->why));
  way_close(&w);
}

#define ROUND WR_MS(400)
#define ROUNDS 4

static void take_mapping(wr_addr *mapped, uint8_t (*ids)[WR_STUN_ID_BYTES], size_t n, wr_bytes datagram) {
  wr_stun answer;
  if (wr_stun_parse(&answer, datagram) != WR_OK || answer.class_ != WR_STUN_SUCCESS) return;
  for (size_t i = 0; i < n; i++)
    if (memcmp(answer.id, ids[i], WR_STUN_ID_BYTES) == 0) mapped[i] = answer.mapped;
}

void probe_mapping(wr_addr *mapped, const wr_addr *servers, size_t n, const probe_settings *settings) {
  uint8_t ids[PROBE_MAPPINGS][WR_STUN_ID_BYTES], bytes[1500];
  bool is_v6 = n && servers[0].family == 6;
  WR_ASSERT(n <= PROBE_MAPPINGS);
  memset(mapped, 0, n * sizeof(*mapped));
  int fd = n ? socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  wr_rng_fill(&settings->rng, ids[0], sizeof(ids));
  for (unsigned round = 0; fd >= 0 && round < ROUNDS; round++) {
    size_t n_open = 0;
    for (size_t i = 0; i < n; i++) {
      struct sockaddr_storage to = {0};
      wr_writer w = wr_writer_of(bytes, sizeof(bytes));
      if (mapped[i].family) continue;
      n_open++;
      wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, ids[i]);
      size_t len = wr_stun_end(&w, settings->crypto, wr_bytes_of(NULL, 0));
      (void)sendto(fd, bytes, len, 0, (struct sockaddr *)&to, gw_to_sockaddr(&to, &servers[i], is_v6));
    }
    wr_time end = way_now() + ROUND;
    for (struct pollfd p = {.fd = fd, .events = POLLIN}; n_open && way_now() < end;) {
      ssize_t len = poll(&p, 1, (int)((end - way_now()) / 1000) + 1) > 0 ? recv(fd, bytes, sizeof(bytes), 0) : -1;
      if (len > 0) take_mapping(mapped, ids, n, wr_bytes_of(bytes, (size_t)len));
      for (size_t i = n_open = 0; i < n; i++) n_open += !mapped[i].family;
    }
  }
  if (fd >= 0) close(fd);
}

/* Everything that is due, there and back, until |until| or an event. FINE with no event: the time is over. */
static way_end step(way *w, wr_turn *turn, wr_turn_event *event) {
  uint8_t out[WR_TURN_OUT_MAX], in[1500];
  event->kind = WR_TURN_EVENT_NONE;
  for (;;) {
    wr_bytes frame;
    wr_turn_data data;
    size_t len;
    way_end end = WAY_FINE;
    while (end == WAY_FINE && (len = wr_turn_poll(turn, out, sizeof(out), way_now())) > 0)
      end = way_send(w, wr_bytes_of(out, len));
    if (end != WAY_FINE) return end;
    if (wr_turn_poll_event(turn, event)) return WAY_FINE;
    if (way_now() >= w->until) return WAY_SILENT;
    end = way_recv(w, &frame, in, sizeof(in), wr_turn_deadline(turn));
    if (end != WAY_FINE) return end;
    if (frame.len) (void)wr_turn_recv(turn, frame, &data, way_now());
  }
}

static void try_peers(probe *p, way *w, wr_turn *turn, const probe_settings *settings) {
  size_t n_open = 0;
  for (size_t i = 0; i < settings->n_peers; i++)
    if (settings->peers[i].family == p->relayed.family &&
        wr_turn_permit(turn, &settings->peers[i], false, way_now()) == WR_OK)
      n_open++;
  while (n_open) {
    wr_turn_event event;
    if (step(w, turn, &event) != WAY_FINE || event.kind == WR_TURN_EVENT_STATE) return;
    if (event.kind == WR_TURN_EVENT_REFUSED && !p->refused.family) p->refused = event.peer;
    n_open--;
  }
}

void probe_turn(probe *p, const gw_ice_url *url, const gw_ice_server *server, const probe_settings *settings) {
  static _Alignas(16) uint8_t mem[16384];
  way w;
  wr_turn_event event;
  wr_time began = way_now();
  wr_turn_settings wanted = {.rng = settings->rng,
                             .crypto = settings->crypto,
                             .stream = url->tcp,
                             .username = server->username,
                             .password = server->credential};
  memset(p, 0, sizeof(*p));
  WR_ASSERT(wr_turn_size(0) <= sizeof(mem));
  wr_turn *turn = wr_turn_init(mem, &wanted, began);
  p->end = way_open(&w, url, settings->patience);
  if (!turn || wr_turn_allocate(turn, way_now()) != WR_OK) p->turn = WR_TURN_MALFORMED;
  while (p->end == WAY_FINE && p->turn == WR_TURN_FINE) {
    p->end = step(&w, turn, &event);
    p->turn = wr_turn_failure(turn, &p->code);
    if (wr_turn_get_state(turn) == WR_TURN_ALLOCATED) break;
  }
  if (turn) snprintf(p->realm, sizeof(p->realm), "%s", wr_turn_realm(turn));
  p->took = way_now() - began;
  if (p->end == WAY_FINE && p->turn == WR_TURN_FINE && wr_turn_relayed(turn, &p->relayed, &p->mapped)) {
    try_peers(p, &w, turn, settings);
    wr_turn_close(turn, way_now());
    while (wr_turn_get_state(turn) == WR_TURN_CLOSING && step(&w, turn, &event) == WAY_FINE) continue;
  }
  if (turn) wr_turn_wipe(turn);
  memcpy(p->why, w.why, sizeof(p->why));
  way_close(&w);
}
