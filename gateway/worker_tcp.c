/* gateway/worker_tcp.c - whose a TCP connection is: from a stranger's first frame to its session, on whatever
 * worker that lives, and what comes and goes on it. A connection moves once, unread, before it belongs to anybody;
 * from then on it stays with its session. */
#include <unistd.h>

#include "gateway/worker.h"

static gw_session *session_of(gw_worker *w, const gw_tcp_conn *c) {
  gw_session *s = c->is_named ? gw_worker_session(w, c->slot) : NULL;
  return s && s->generation == c->generation ? s : NULL;
}

static void leave_session(gw_worker *w, gw_session *s, uint32_t number) {
  uint32_t *at = &s->first_tcp;
  while (*at != GW_TCP_NONE && *at != number) at = &w->tcp.conn[*at].next;
  if (*at == number) *at = w->tcp.conn[number].next;
}

/* Its session, if it has one, hears of it. */
static void end(gw_worker *w, uint32_t number, gw_counter why, wr_time now) {
  gw_tcp_conn *c = gw_tcp_at(&w->tcp, number);
  gw_session *s = session_of(w, c);
  wr_path path = c->path;
  if (s) leave_session(w, s, number);
  gw_tcp_end(&w->tcp, number, why);
  if (!s || !s->conn) return;
  wr_conn_path_closed(s->conn, &path, now);
  gw_session_settle(s, now);
}

static unsigned n_of(const gw_worker *w, const gw_session *s) {
  unsigned n = 0;
  for (uint32_t i = s->first_tcp; i != GW_TCP_NONE; i = w->tcp.conn[i].next) n++;
  return n;
}

static void give_to_session(gw_worker *w, uint32_t number, uint32_t slot, wr_time now) {
  gw_session *s = gw_worker_session(w, slot);
  if (!s || !s->conn) {
    end(w, number, GW_TCP_CLOSED_NOBODY, now);
  } else if (n_of(w, s) >= GW_TCP_PER_SESSION) {
    end(w, number, GW_TCP_CLOSED_CROWDED, now);
  } else {
    gw_tcp_name(&w->tcp, number, slot, s->generation);
    w->tcp.conn[number].next = s->first_tcp;
    s->first_tcp = number;
  }
}

static void give_to_worker(gw_worker *w, uint32_t number, uint16_t owner, uint32_t slot) {
  wr_path path = w->tcp.conn[number].path;
  int fd = gw_tcp_give_away(&w->tcp, number);
  gw_message message = {.kind = GW_TCP_STRANGER, .number = (uint32_t)fd, .ref = {.slot = slot}, .path = path};
  if (gw_mailbox_send(&w->settings.workers[owner].inbox, &message, NULL, 0)) return;
  w->metrics.counter[GW_TCP_CLOSED_CROWDED]++;
  close(fd);
}

void gw_worker_tcp_take_over(gw_worker *w, const gw_message *m, wr_time now) {
  uint32_t number = gw_tcp_take_over(&w->tcp, (int)m->number, &m->path, now);
  if (number != GW_TCP_NONE) give_to_session(w, number, m->ref.slot, now);
}

static void look_at(gw_worker *w, uint32_t number, wr_time now) {
  wr_bytes ufrag;
  uint16_t owner;
  uint32_t slot;
  switch (gw_tcp_look_at(&w->tcp, number, &ufrag)) {
    case GW_TCP_LOOK_NOTHING: return;
    case GW_TCP_LOOK_RUBBISH: end(w, number, GW_TCP_CLOSED_RUBBISH, now); return;
    case GW_TCP_LOOK_ENDED: end(w, number, GW_TCP_CLOSED_PEER, now); return;
    case GW_TCP_LOOK_REQUEST: break;
  }
  if (!gw_ufrag_read(ufrag, &owner, &slot) || owner >= w->settings.n_workers)
    end(w, number, GW_TCP_CLOSED_NOBODY, now);
  else if (owner == w->settings.index)
    give_to_session(w, number, slot, now);
  else
    give_to_worker(w, number, owner, slot);
}

/* Each datagram may end the session, or the connection, and another may have taken the number. */
static void read_from(gw_worker *w, uint32_t number, wr_time now) {
  wr_span bytes, datagram;
  gw_tcp_conn *c = gw_tcp_at(&w->tcp, number);
  if (gw_tcp_read(&w->tcp, number, &bytes) < 0) {
    end(w, number, GW_TCP_CLOSED_PEER, now);
    return;
  }
  gw_session *s = session_of(w, c);
  int fd = c->fd;
  wr_path path = c->path;
  while (s && s->conn) {
    wr_frame_got got = wr_frames_next(&w->tcp.bytes[number].in, &bytes, &datagram);
    if (got == WR_FRAME_NONE) return;
    if (got == WR_FRAME_TOO_LARGE) {
      end(w, number, GW_TCP_CLOSED_RUBBISH, now);
      return;
    }
    w->metrics.counter[GW_DATAGRAMS_IN]++;
    w->metrics.counter[GW_TCP_DATAGRAMS_IN]++;
    gw_session_recv(s, &path, datagram, now);
    if (c != gw_tcp_at(&w->tcp, number) || c->fd != fd || session_of(w, c) != s) return;
  }
}

static void on_event(gw_worker *w, uint32_t number, uint32_t events, wr_time now) {
  const gw_tcp_conn *c = gw_tcp_at(&w->tcp, number);
  if (!c) return; /* closed since the event was told */
  if (!c->is_named) {
    look_at(w, number, now);
    return;
  }
  if (events & EPOLLOUT) gw_tcp_send_waiting(&w->tcp, number);
  if (events & ~(uint32_t)EPOLLOUT) read_from(w, number, now);
}

void gw_worker_tcp_events(gw_worker *w, const struct epoll_event *events, int n, wr_time now) {
  for (int i = 0; i < n; i++) {
    if (!(events[i].data.u64 & GW_TCP_TAG)) continue;
    uint32_t number = (uint32_t)(events[i].data.u64 & UINT32_MAX);
    if (number == GW_TCP_NONE)
      gw_tcp_accept(&w->tcp, now);
    else
      on_event(w, number, events[i].events, now);
  }
}

void gw_worker_tcp_tick(gw_worker *w, wr_time now) {
  uint32_t number;
  while ((number = gw_tcp_expired(&w->tcp, now)) != GW_TCP_NONE) end(w, number, GW_TCP_CLOSED_SILENT, now);
  gw_tcp_tick(&w->tcp, now);
}

void gw_worker_tcp_learn(gw_worker *w, const gw_session *s, const wr_addr *remote) {
  for (uint32_t i = s->first_tcp; i != GW_TCP_NONE; i = w->tcp.conn[i].next)
    if (wr_addr_equal(&w->tcp.conn[i].path.remote, remote)) gw_tcp_prove(&w->tcp, i);
}

void gw_worker_tcp_send(gw_worker *w, const gw_session *s, const wr_path *path, wr_bytes datagram) {
  for (uint32_t i = s->first_tcp; i != GW_TCP_NONE; i = w->tcp.conn[i].next) {
    if (!wr_addr_equal(&w->tcp.conn[i].path.remote, &path->remote)) continue;
    gw_tcp_send(&w->tcp, i, datagram);
    return;
  }
  w->metrics.counter[GW_TCP_DROPPED_OTHER]++; /* it has ended */
}

void gw_worker_tcp_forget(gw_worker *w, gw_session *s) {
  while (s->first_tcp != GW_TCP_NONE) {
    uint32_t number = s->first_tcp;
    s->first_tcp = w->tcp.conn[number].next;
    gw_tcp_end(&w->tcp, number, GW_TCP_CLOSED_SESSION);
  }
}
