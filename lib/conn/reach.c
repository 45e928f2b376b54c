/* conn/reach.c - the candidates of a connection: those it is given, those its gathering finds; what of them the
 * peer has been told; and what passes a relay. */
#include <string.h>

#include "conn/conn_state.h"

void wr_conn_use_gather(wr_conn *conn, wr_gather *gather) {
  WR_ASSERT(!conn->ice && !conn->n_locals && !conn->gather);
  conn->gather = gather;
}

wr_err wr_conn_add_local_candidate(wr_conn *conn, const wr_addr *base, const wr_addr *shown, wr_candidate_type type,
                                   wr_time now) {
  if (conn->gather && type == WR_CANDIDATE_HOST && base->transport == WR_UDP)
    (void)wr_gather_add_base(conn->gather, base, now);
  if (conn->ice) return wr_ice_add_local(conn->ice, base, shown, type, now);
  for (size_t i = 0; i < conn->n_locals; i++)
    if (wr_addr_equal(&conn->local[i].base, base) && wr_addr_equal(&conn->local[i].shown, shown)) return WR_OK;
  if (conn->n_locals == WR_ICE_MAX_LOCAL) return WR_ERR_LIMIT;
  conn->local[conn->n_locals++] = (local_address){*base, *shown, type};
  return WR_OK;
}

wr_err wr_conn_add_local(wr_conn *conn, const wr_addr *base, const wr_addr *shown, wr_time now) {
  wr_candidate_type type = wr_addr_equal(base, shown) ? WR_CANDIDATE_HOST : WR_CANDIDATE_SRFLX;
  return wr_conn_add_local_candidate(conn, base, shown, type, now);
}

bool wr_reach_is_done(const wr_conn *conn) { return !conn->gather || wr_gather_is_done(conn->gather); }

void wr_reach_described(wr_conn *conn) {
  const wr_candidate *candidates;
  conn->n_told = (uint8_t)wr_ice_local_candidates(conn->ice, &candidates);
  conn->told_end = wr_reach_is_done(conn);
}

/* Failures and losses are the owner's to see: a pair that works no longer is noticed by its consent. */
static void follow(wr_conn *conn, wr_time now) {
  wr_gather_event event;
  while (wr_gather_poll_event(conn->gather, &event)) {
    if (event.kind == WR_GATHER_EVENT_CANDIDATE)
      (void)wr_conn_add_local_candidate(conn, &event.base, &event.shown, event.type, now);
  }
}

bool wr_reach_poll_event(wr_conn *conn, wr_event *event) {
  if (!conn->described || !conn->ice) return false;
  const wr_candidate *candidates;
  size_t n = wr_ice_local_candidates(conn->ice, &candidates);
  bool ends = conn->n_told == n && !conn->told_end && wr_reach_is_done(conn);
  if (conn->n_told == n && !ends) return false;
  *event = (wr_event){.kind = WR_EVENT_CANDIDATE, .candidate = ends ? NULL : &candidates[conn->n_told]};
  conn->told_end |= ends;
  conn->n_told = (uint8_t)(conn->n_told + !ends);
  return true;
}

/* ---- through servers ---- */

static bool take_input(wr_conn *conn, wr_gather_input input, const wr_path *path, wr_span inner, wr_time now) {
  follow(conn, now);
  if (input == WR_GATHER_RELAYED) return wr_conn_take(conn, path, inner, now);
  conn->stats.consumed++;
  return false;
}

bool wr_reach_recv(wr_conn *conn, const wr_path *path, wr_span datagram, bool *proved, wr_time now) {
  wr_path inner_path;
  wr_span inner = {0};
  if (!conn->gather || conn->state == WR_CONN_CLOSED) return false;
  wr_gather_input input = wr_gather_recv(conn->gather, path, datagram, &inner_path, &inner, now);
  if (input == WR_GATHER_NOT_MINE) return false;
  *proved = take_input(conn, input, &inner_path, inner, now);
  return true;
}

void wr_conn_recv_stream(wr_conn *conn, unsigned server, wr_bytes bytes, wr_time now) {
  wr_path inner_path;
  wr_span inner = {0};
  size_t taken;
  while (bytes.len && conn->state != WR_CONN_CLOSED) {
    wr_gather_input input = wr_gather_recv_stream(conn->gather, server, bytes, &taken, &inner_path, &inner, now);
    conn->stats.datagrams_in++;
    conn->stats.bytes_in += taken == SIZE_MAX ? bytes.len : taken;
    if (take_input(conn, input, &inner_path, inner, now)) conn->roam.heard_at = now;
    if (taken == SIZE_MAX) return;
    bytes = wr_bytes_of(bytes.data + taken, bytes.len - taken);
  }
}

void wr_conn_stream_up(wr_conn *conn, unsigned server, wr_time now) {
  wr_gather_stream_up(conn->gather, server, now);
}

void wr_conn_stream_down(wr_conn *conn, unsigned server, wr_time now) {
  wr_gather_stream_down(conn->gather, server, now);
  follow(conn, now);
}

static void set_way(wr_out *out, const wr_gather_way *way) {
  out->path = way->path;
  out->stream = way->stream;
}

static size_t poll_servers(wr_conn *conn, uint8_t *out, size_t cap, wr_out *way, wr_time now) {
  wr_gather_way to;
  if (conn->state == WR_CONN_CLOSED) return 0;
  size_t len = wr_gather_poll(conn->gather, &to, out, cap, now);
  follow(conn, now);
  if (len) set_way(way, &to);
  return len;
}

/* |len| bytes in |out| are to leave along |way->path|. 0: they cannot now. */
static size_t wrap(wr_conn *conn, uint8_t *out, size_t len, size_t cap, wr_out *way, wr_time now) {
  uint8_t inner[WR_GATHER_OUT_MAX];
  wr_gather_way to;
  if (!wr_gather_is_relayed(conn->gather, &way->path.local)) return len;
  WR_ASSERT(len <= sizeof inner);
  memcpy(inner, out, len);
  len = wr_gather_send(conn->gather, &way->path, wr_bytes_of(inner, len), &to, out, cap, now);
  if (len) set_way(way, &to);
  return len;
}

/* After the goodbye, which may have to go through them, relays are given back. */
static size_t give_back(wr_conn *conn, uint8_t *out, size_t cap, wr_out *way, wr_time now) {
  wr_gather_way to;
  if (conn->state != WR_CONN_CLOSED) return 0;
  if (!conn->gave_back) wr_gather_close(conn->gather, now);
  conn->gave_back = true;
  size_t len = wr_gather_poll(conn->gather, &to, out, cap, now);
  if (len) set_way(way, &to);
  return len;
}

/* What a relay keeps back makes a request due, hence the order. */
size_t wr_reach_next(wr_conn *conn, uint8_t *out, size_t cap, wr_out *way, wr_time now) {
  for (;;) {
    size_t len = poll_servers(conn, out, cap, way, now);
    if (len) return len;
    len = wr_conn_next_datagram(conn, out, cap, &way->path, now);
    if (!len) return give_back(conn, out, cap, way, now);
    len = wrap(conn, out, len, cap, way, now);
    if (len) return len;
  }
}
