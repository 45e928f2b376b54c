/* cli/probe.c - one server at a time; what was allocated is given back. */
#include "cli/probe.h"

#include <stdio.h>
#include <string.h>

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
