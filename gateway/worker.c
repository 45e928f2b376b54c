/* gateway/worker.c - the loop of a media thread, and its sessions' slots.
 *
 * One turn: wake -> read the clock once -> mailbox -> datagrams in batches into their connections -> sessions that
 * are due -> send what is queued -> account for the time it took -> sleep until the earliest deadline. No lock, no
 * allocation on the way of a packet; control messages may allocate. */
#include "gateway/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gateway/log.h"

#define MESSAGE_BUFFER_BYTES 65536
#define MAILBOX_CELLS 1024
#define PAGE 4096
#define ROUTES_PER_SLOT 4 /* remote candidates of a session, roughly */
#define ROAM_PERIOD_US 100000
#define ROAMS_MAX 16 /* unknown addresses looked at in that time */
#define EVENTS_MAX 64
#define ROUNDS_MAX 8 /* batches taken before other work has its turn */

wr_time gw_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return WR_S(t.tv_sec) + t.tv_nsec / 1000;
}

static void count(gw_worker *w, gw_counter counter) { w->metrics.counter[counter]++; }

/* ---- ufrags that name their session: 6 bits of worker, 18 bits of slot, in four characters of RFC 8839 5.4 ----
 */

static const char ice_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gw_ufrag_prefix(char prefix[5], uint16_t worker, uint32_t slot) {
  uint32_t v = (uint32_t)worker << 18 | slot;
  for (int i = 3; i >= 0; i--, v >>= 6) prefix[i] = ice_chars[v & 63];
  prefix[4] = 0;
}

bool gw_ufrag_read(wr_bytes ufrag, uint16_t *worker, uint32_t *slot) {
  uint32_t v = 0;
  if (ufrag.len < 4) return false;
  for (size_t i = 0; i < 4; i++) {
    const char *at = ufrag.data[i] ? strchr(ice_chars, ufrag.data[i]) : NULL;
    if (!at) return false;
    v = v << 6 | (uint32_t)(at - ice_chars);
  }
  *worker = (uint16_t)(v >> 18);
  *slot = v & (GW_MAX_SLOTS - 1);
  return true;
}

/* ---- slots ---- */

/* A slot: what every packet touches, the connection, what only a conversation with an assistant touches. */
static size_t hot_bytes(void) { return (sizeof(gw_session) + 63) / 64 * 64; }

static gw_session *slot_at(gw_worker *w, uint32_t slot) { return (void *)(w->slots + slot * w->slot_bytes); }

gw_session *gw_worker_session(gw_worker *w, uint32_t slot) {
  if (slot >= w->n_used) return NULL;
  gw_session *s = slot_at(w, slot);
  return s->state == GW_SESSION_FREE ? NULL : s;
}

static gw_session *session_of(gw_worker *w, gw_ref ref) {
  gw_session *s = gw_worker_session(w, ref.slot);
  return s && s->generation == ref.generation ? s : NULL;
}

static gw_session *take_slot(gw_worker *w) {
  uint32_t slot;
  if (w->n_free)
    slot = w->free_slots[--w->n_free];
  else if (w->n_used < w->settings.n_slots)
    slot = w->n_used++;
  else
    return NULL;
  gw_session *s = slot_at(w, slot);
  uint32_t generation = s->generation + 1;
  memset(s, 0, sizeof(*s));
  s->worker = w;
  s->slot = slot;
  s->generation = generation;
  s->first_tcp = GW_TCP_NONE;
  s->conn_memory = (uint8_t *)s + hot_bytes();
  s->cold = (void *)((uint8_t *)s->conn_memory + (wr_conn_size() + 63) / 64 * 64);
  atomic_fetch_add_explicit(&w->n_sessions, 1, memory_order_relaxed);
  return s;
}

void gw_worker_release(gw_worker *w, gw_session *s) {
  gw_timers_remove(&w->timers, s->slot);
  s->state = GW_SESSION_FREE;
  w->free_slots[w->n_free++] = s->slot;
  atomic_fetch_sub_explicit(&w->n_sessions, 1, memory_order_relaxed);
}

void gw_worker_learn(gw_worker *w, gw_session *s, const wr_addr *remote) {
  if (remote->transport == WR_TCP) {
    gw_worker_tcp_learn(w, s, remote);
    return;
  }
  for (unsigned i = 0; i < s->n_known; i++)
    if (wr_addr_equal(&s->known[i], remote)) return;
  gw_map_key key = gw_key_of_addr(remote);
  uint64_t other;
  if (gw_map_get(&w->by_addr, &key, &other)) { /* two sessions cannot hold one address: the newer proof wins */
    gw_session *holder = gw_worker_session(w, (uint32_t)other);
    for (unsigned i = 0; holder && i < holder->n_known; i++)
      if (wr_addr_equal(&holder->known[i], remote)) holder->known[i] = (wr_addr){0};
  }
  unsigned place = s->n_known < GW_N_KNOWN ? s->n_known++ : s->i_known++ % GW_N_KNOWN;
  gw_map_key old = gw_key_of_addr(&s->known[place]);
  if (s->known[place].family) gw_map_remove(&w->by_addr, &old);
  s->known[place] = *remote;
  gw_map_set(&w->by_addr, &key, s->slot);
}

void gw_worker_forget(gw_worker *w, gw_session *s) {
  for (unsigned i = 0; i < s->n_known; i++) {
    gw_map_key key = gw_key_of_addr(&s->known[i]);
    if (s->known[i].family) gw_map_remove(&w->by_addr, &key);
  }
  s->n_known = s->i_known = 0;
  gw_worker_tcp_forget(w, s);
}

/* ---- datagrams ---- */

static bool put_datagram(gw_mailbox *box, const wr_path *path, wr_span datagram) {
  gw_message message = {.kind = GW_DATAGRAM, .path = *path};
  if (datagram.len <= GW_MESSAGE_INLINE) return gw_mailbox_put(box, &message, datagram.data, datagram.len);
  message.owned = malloc(datagram.len); /* a handshake or a large message: media is shorter */
  if (!message.owned) return false;
  message.owned_len = datagram.len;
  memcpy(message.owned, datagram.data, datagram.len);
  bool put = gw_mailbox_put(box, &message, NULL, 0);
  if (!put) free(message.owned);
  return put;
}

static void forward(gw_worker *w, uint16_t owner, const wr_path *path, wr_span datagram) {
  if (put_datagram(&w->settings.workers[owner].inbox, path, datagram)) {
    w->woken |= 1ull << owner;
    count(w, GW_FORWARDED);
    return;
  }
  count(w, GW_DATAGRAMS_IN); /* counted where it ends, so that each worker's books are closed */
  count(w, GW_DROP_MAILBOX_FULL);
}

static void deliver(gw_worker *w, gw_session *s, const wr_path *path, wr_span datagram, wr_time now) {
  count(w, GW_DATAGRAMS_IN);
  if (s && s->conn)
    gw_session_recv(s, path, datagram, now);
  else
    count(w, GW_DROP_NO_SESSION);
}

/* ---- routes: whom an address has to do with, before it has proved anything ---- */

static void set_route(gw_worker *w, gw_map *map, const wr_addr *remote, uint64_t to) {
  gw_map_key key = gw_key_of_addr(remote);
  if (gw_map_set(map, &key, to)) return;
  gw_map_close(map); /* only a memory: start afresh */
  if (!gw_map_open(map, ROUTES_PER_SLOT * w->settings.n_slots, w->by_addr.seed) || !gw_map_set(map, &key, to))
    abort();
}

void gw_worker_hint(gw_worker *w, const gw_session *s, const wr_addr *remote) {
  uint64_t to = (uint64_t)w->settings.index << 32 | s->slot, known;
  gw_map_key key = gw_key_of_addr(remote);
  if (gw_map_get(&w->routes, &key, &known) && known == to) return;
  set_route(w, &w->routes, remote, to);
  gw_message message = {.kind = GW_ROUTE, .ref = gw_session_ref(s), .path.remote = *remote};
  for (uint16_t i = 0; i < w->settings.n_workers; i++)
    if (i != w->settings.index) (void)gw_mailbox_send(&w->settings.workers[i].inbox, &message, NULL, 0);
}

/* What came |from_peer| was forwarded already: sent on again it might go round for ever. */
static void follow(gw_worker *w, uint64_t to, bool from_peer, const wr_path *path, wr_span datagram, wr_time now) {
  uint16_t owner = (uint16_t)(to >> 32);
  if (owner == w->settings.index)
    deliver(w, gw_worker_session(w, (uint32_t)to), path, datagram, now);
  else if (from_peer)
    deliver(w, NULL, path, datagram, now);
  else
    forward(w, owner, path, datagram);
}

/* Whose it seems to be is asked, by a check to that address; the datagram itself is lost, its sender repeats it.
 * What no caller of ours might have sent is shown to the other workers, once. Strangers can make guesses come true,
 * hence the limit: they are no more than a few checks a second to an address. */
static void roam(gw_worker *w, bool from_peer, const wr_path *path, wr_span datagram, wr_time now) {
  if (now - w->roam_at >= ROAM_PERIOD_US) w->roam_at = now, w->n_roams = 0;
  gw_session *found = NULL;
  bool may = w->n_roams < ROAMS_MAX;
  for (uint32_t i = 0; may && i < w->n_used && !found; i++) {
    gw_session *s = gw_worker_session(w, i);
    if (s && s->conn && wr_conn_may_be_of(s->conn, wr_span_bytes(datagram), now)) found = s;
  }
  if (found || !may || from_peer || w->settings.n_workers == 1) {
    if (found) w->n_roams++;
    if (found) count(w, GW_ROAMED);
    deliver(w, found, path, datagram, now);
    if (found) gw_session_ask_at(found, path, now);
    return;
  }
  w->n_roams++;
  for (uint16_t i = 0; i < w->settings.n_workers; i++)
    if (i != w->settings.index) forward(w, i, path, datagram);
}

/* Of a STUN server, which worker 0 has asked. */
static void take_server_answer(gw_worker *w, bool from_peer, const wr_path *path, wr_span datagram, wr_time now) {
  if (w->settings.index == 0) {
    count(w, GW_SERVER_ANSWERS); /* no caller's: apart from the others */
    gw_reach_take_answer(&w->reach, path, datagram, now);
  } else if (from_peer) {
    deliver(w, NULL, path, datagram, now);
  } else {
    forward(w, 0, path, datagram);
  }
}

/* Not from an address that has proved itself: a STUN request says whose it is; an answer to one of ours comes from
 * where we sent it. Anybody can name a session; that is remembered apart, so that it can crowd out nothing else. */
static void route(gw_worker *w, bool from_peer, const wr_path *path, wr_span datagram, wr_time now) {
  uint16_t owner;
  uint32_t slot;
  uint64_t to;
  gw_map_key key = gw_key_of_addr(&path->remote);
  if (gw_reach_is_stun(&w->reach, &path->remote)) {
    take_server_answer(w, from_peer, path, datagram, now);
    return;
  }
  if (gw_ufrag_read(wr_conn_peek_ufrag(wr_span_bytes(datagram)), &owner, &slot) && owner < w->settings.n_workers) {
    to = (uint64_t)owner << 32 | slot;
    set_route(w, &w->named, &path->remote, to);
    follow(w, to, from_peer, path, datagram, now);
  } else if (gw_map_get(&w->named, &key, &to) || gw_map_get(&w->routes, &key, &to)) {
    follow(w, to, from_peer, path, datagram, now);
  } else {
    roam(w, from_peer, path, datagram, now);
  }
}

static void take_datagram(gw_worker *w, bool from_peer, const wr_path *path, wr_span datagram, wr_time now) {
  uint64_t slot;
  gw_map_key key = gw_key_of_addr(&path->remote);
  if (gw_map_get(&w->by_addr, &key, &slot)) {
    gw_session *s = gw_worker_session(w, (uint32_t)slot);
    /* One address, another session (a page opened a second call): its STUN names it. */
    uint16_t owner;
    uint32_t named;
    wr_bytes ufrag = wr_conn_peek_ufrag(wr_span_bytes(datagram));
    bool elsewhere = ufrag.len && gw_ufrag_read(ufrag, &owner, &named) &&
                     (owner != w->settings.index || named != (uint32_t)slot);
    if (!elsewhere) {
      deliver(w, s, path, datagram, now);
      return;
    }
  }
  route(w, from_peer, path, datagram, now);
}

static void take_datagrams(gw_worker *w, wr_time now) {
  for (unsigned round = 0; round < ROUNDS_MAX; round++) {
    unsigned n = gw_udp_recv(&w->udp);
    for (unsigned i = 0; i < n; i++) {
      wr_path path;
      wr_span datagram;
      if (gw_udp_get(&w->udp, i, &path, &datagram)) {
        take_datagram(w, false, &path, datagram, now);
      } else {
        count(w, GW_DATAGRAMS_IN);
        count(w, GW_DROP_TOO_LARGE);
      }
    }
    if (n < GW_BATCH) break;
  }
  for (uint16_t i = 0; w->woken; i++, w->woken >>= 1)
    if (w->woken & 1) gw_mailbox_announce(&w->settings.workers[i].inbox);
}

/* What came through the relay, and what is due with it; what the NAT shows is told to the others. */
static void run_reach(gw_worker *w, wr_time now) {
  wr_path path;
  wr_span datagram;
  gw_reach_address address;
  for (unsigned i = 0; i < ROUNDS_MAX * GW_BATCH && gw_reach_recv(&w->reach, &path, &datagram, now); i++)
    take_datagram(w, false, &path, datagram, now);
  gw_reach_tick(&w->reach, &w->udp, w->epoll, now);
  while (gw_reach_news(&w->reach, &address)) {
    gw_reach_learn(&w->reach, &address);
    gw_message message = {.kind = GW_REFLEXIVE, .path = {address.base, address.shown}};
    for (uint16_t i = 0; i < w->settings.n_workers; i++)
      if (i != w->settings.index) (void)gw_mailbox_send(&w->settings.workers[i].inbox, &message, NULL, 0);
  }
}

/* ---- messages ---- */

static void refuse(gw_worker *w, uint32_t number, gw_http_error error) {
  gw_reply *reply = calloc(1, sizeof(*reply));
  if (!reply) abort();
  reply->number = number;
  reply->error = error;
  gw_tell(&w->http, &(gw_message){.kind = GW_REPLY, .owned = reply, .ref = {.slot = GW_SLOT_NONE}}, NULL, 0);
}

/* When all slots are taken, the longest lost session makes room: it has the least claim. */
static bool evict_lost(gw_worker *w, wr_time now) {
  gw_session *oldest = NULL;
  for (uint32_t i = 0; i < w->n_used; i++) {
    gw_session *s = slot_at(w, i);
    if (s->state == GW_SESSION_LOST && (!oldest || s->state_until < oldest->state_until)) oldest = s;
  }
  if (oldest) gw_session_close(oldest, GW_END_EVICTED, now);
  return oldest != NULL;
}

static void on_offer(gw_worker *w, const gw_message *m, gw_request *request, wr_time now) {
  WR_ASSERT(request);
  if (m->ref.slot != GW_SLOT_NONE) {
    gw_session *s = session_of(w, m->ref);
    bool may = s && (!request->resumes || wr_equal_secret(s->secret, request->secret, sizeof(s->secret)));
    if (may) gw_session_reoffer(s, request, now);
    if (may || !request->resumes || request->beside) {
      if (!may) refuse(w, request->number, GW_HTTP_NO_SESSION);
      return;
    }
    request->resumes = false; /* a stale or wrong token: simply a new session */
  }
  if (w->draining) {
    refuse(w, request->number, GW_HTTP_DRAINING);
    return;
  }
  gw_session *s = take_slot(w);
  if (!s && evict_lost(w, now)) s = take_slot(w);
  if (!s) {
    refuse(w, request->number, GW_HTTP_FULL);
    return;
  }
  gw_session_open(s, request, now);
}

static void on_hangup(gw_worker *w, const gw_message *m, wr_time now) {
  gw_session *s = session_of(w, m->ref);
  if (s && m->kind == GW_SEND_AWAY)
    gw_session_send_away(s, now);
  else if (s)
    gw_session_close(s, GW_END_HANGUP, now);
  refuse(w, m->number, s ? GW_HTTP_OK : GW_HTTP_NO_SESSION);
}

static void on_look(gw_worker *w, const gw_message *m, wr_time now) {
  const gw_session *s = session_of(w, m->ref);
  gw_view *view = s ? gw_session_view(s, now) : NULL;
  if (!view)
    refuse(w, m->number, s ? GW_HTTP_INTERNAL : GW_HTTP_NO_SESSION);
  else
    gw_tell(&w->http, &(gw_message){.kind = GW_SEEN, .owned = view, .number = m->number}, NULL, 0);
}

static void on_capture(gw_worker *w, gw_message *m, wr_time now) {
  gw_session *s = session_of(w, m->ref);
  gw_http_error error = GW_HTTP_NO_SESSION;
  if (s)
    error = gw_session_record(s, m->owned, now);
  else
    gw_capture_end(m->owned, NULL, now);
  m->owned = NULL;
  refuse(w, m->number, error);
}

static void on_snapshot(gw_worker *w, uint32_t number, wr_time now) {
  uint32_t n = atomic_load_explicit(&w->n_sessions, memory_order_relaxed);
  gw_snapshot *shot = calloc(1, sizeof(*shot) + n * sizeof(shot->rows[0]));
  if (!shot) abort();
  w->metrics.counter[GW_DATAGRAMS_OUT] = w->udp.n_sent + w->tcp.n_sent;
  w->metrics.counter[GW_TCP_DATAGRAMS_OUT] = w->tcp.n_sent;
  w->metrics.counter[GW_SEND_REFUSED] = w->udp.n_refused;
  shot->metrics = w->metrics;
  shot->metrics.timers = w->timers.n;
  for (uint32_t i = 0; i < w->n_used && shot->n_rows < n; i++) {
    gw_session *s = gw_worker_session(w, i);
    if (!s) continue;
    shot->metrics.sessions[s->state]++;
    gw_session_count_speech(s, &shot->metrics);
    if (s->conn) {
      wr_conn_stats stats;
      wr_conn_get_stats(s->conn, &stats);
      gw_conn_sums_add(&shot->metrics.conns, &stats);
    }
    gw_session_describe(s, &shot->rows[shot->n_rows++], now);
  }
  gw_tell(&w->http, &(gw_message){.kind = GW_SNAPSHOT_TAKEN, .owned = shot, .number = number}, NULL, 0);
}

static void on_drain(gw_worker *w, uint32_t seconds, wr_time now) {
  time_t end = time(NULL) + (time_t)seconds;
  struct tm tm;
  gmtime_r(&end, &tm);
  strftime(w->drain_deadline, sizeof(w->drain_deadline), "%Y-%m-%dT%H:%M:%SZ", &tm);
  w->draining = true;
  w->drain_until = now + WR_S(seconds);
  for (uint32_t i = 0; i < w->n_used; i++) {
    gw_session *s = gw_worker_session(w, i);
    if (!s) continue;
    gw_page_say_draining(s, now);
    gw_session_settle(s, now);
  }
}

static void close_all(gw_worker *w, wr_time now) {
  for (uint32_t i = 0; i < w->n_used; i++) {
    gw_session *s = gw_worker_session(w, i);
    if (s) gw_session_close(s, GW_END_DRAINED, now);
  }
}

static void on_session_request(gw_worker *w, const gw_message *m, wr_time now) {
  const gw_request *request = m->owned;
  gw_session *s = session_of(w, m->ref);
  WR_ASSERT(request);
  if (!s)
    refuse(w, request->number, GW_HTTP_NO_SESSION);
  else if (m->kind == GW_FRAGMENT)
    gw_session_fragment(s, request, now);
  else
    gw_session_candidates(s, request, m->number == 1, now);
}

static void on_message(gw_worker *w, gw_message *m, wr_time now) {
  gw_session *s;
  wr_span datagram = m->owned ? (wr_span){m->owned, m->owned_len} : (wr_span){m->bytes, m->len};
  switch ((int)m->kind) {
    case GW_DATAGRAM: take_datagram(w, true, &m->path, datagram, now); break;
    case GW_TCP_STRANGER: gw_worker_tcp_take_over(w, m, now); break;
    case GW_ROUTE: set_route(w, &w->routes, &m->path.remote, (uint64_t)m->ref.worker << 32 | m->ref.slot); break;
    case GW_REFLEXIVE:
      gw_reach_learn(&w->reach, &(gw_reach_address){m->path.local, m->path.remote, WR_CANDIDATE_SRFLX});
      break;
    case GW_ADDRESSES:
      WR_ASSERT(m->owned);
      w->locals = *(const gw_locals *)m->owned;
      w->settings.locals = &w->locals;
      (void)gw_reach_move(&w->reach, &w->locals, now);
      break;
    case GW_SERVERS:
      (void)gw_reach_replace(&w->reach, m->owned, now);
      wr_wipe(m->owned, sizeof(gw_reach_servers));
      break;
    case GW_OFFER: on_offer(w, m, m->owned, now); break;
    case GW_FRAGMENT:
    case GW_CANDIDATES: on_session_request(w, m, now); break;
    case GW_HANGUP:
    case GW_SEND_AWAY: on_hangup(w, m, now); break;
    case GW_SNAPSHOT: on_snapshot(w, m->number, now); break;
    case GW_LOOK: on_look(w, m, now); break;
    case GW_CAPTURE: on_capture(w, m, now); break;
    case GW_DRAIN: on_drain(w, m->number, now); break;
    case GW_STOP:
      close_all(w, now);
      w->stopped = true;
      break;
    case GW_CALLER_TEXT:
    case GW_CALLER_BYTES:
    case GW_CALLER_GONE:
      s = session_of(w, m->ref);
      if (!s) break;
      gw_caller_message(s, m, now);
      gw_session_settle(s, now);
      break;
    default: /* of a session's backend */
      s = session_of(w, m->ref);
      if (!s) break;
      gw_link_message(s, m, now);
      gw_session_settle(s, now);
      break;
  }
  free(m->owned);
}

static void take_messages(gw_worker *w, wr_time now) {
  gw_mailbox_rearm(&w->inbox);
  for (unsigned i = 0; i < MAILBOX_CELLS; i++) {
    gw_message *m = gw_mailbox_peek(&w->inbox);
    if (!m) return;
    on_message(w, m, now);
    gw_mailbox_pop(&w->inbox);
  }
  gw_mailbox_announce(&w->inbox); /* there may be more: next turn */
}

/* ---- the loop ---- */

static void take_due(gw_worker *w, wr_time now) {
  uint32_t slot;
  while (gw_timers_take(&w->timers, now, &slot)) {
    gw_session *s = gw_worker_session(w, slot);
    if (s) gw_session_tick(s, now);
  }
}

static void check_drained(gw_worker *w, wr_time now) {
  if (!w->draining || w->said_drained) return;
  if (now >= w->drain_until) close_all(w, now);
  if (atomic_load_explicit(&w->n_sessions, memory_order_relaxed)) return;
  w->said_drained = true;
  gw_tell(&w->http, &(gw_message){.kind = GW_DRAINED}, NULL, 0);
}

/* How many of |events| came. */
static int sleep_until(gw_worker *w, struct epoll_event events[EVENTS_MAX], wr_time at, wr_time now) {
  wr_time wait = at > now ? wr_time_min(at - now, GW_BEAT) : 0;
  if (w->http.first && wait > WR_MS(1)) wait = WR_MS(1); /* something waits for the HTTP thread's mailbox */
  struct timespec timeout = {.tv_sec = wait / WR_S(1), .tv_nsec = wait % WR_S(1) * 1000};
  int n = epoll_pwait2(w->epoll, events, EVENTS_MAX, &timeout, NULL);
  if (n < 0 && errno == ENOSYS) n = epoll_wait(w->epoll, events, EVENTS_MAX, (int)((wait + 999) / 1000));
  return n;
}

static void *run(void *ctx) {
  gw_worker *w = ctx;
  struct epoll_event events[EVENTS_MAX];
  while (!w->stopped) {
    wr_time at = gw_timers_next(&w->timers);
    if (w->draining && !w->said_drained) at = wr_time_min(at, w->drain_until);
    at = wr_time_min(at, gw_reach_deadline(&w->reach));
    at = wr_time_min(at, gw_tcp_deadline(&w->tcp));
    int n = sleep_until(w, events, at, gw_now());
    wr_time now = gw_now();
    take_messages(w, now);
    take_datagrams(w, now);
    gw_worker_tcp_events(w, events, n, now);
    gw_worker_tcp_tick(w, now);
    take_due(w, now);
    if (w->settings.reach) run_reach(w, now);
    gw_udp_flush(&w->udp);
    check_drained(w, now);
    (void)gw_sender_flush(&w->http);
    wr_time end = gw_now();
    gw_histogram_add(&w->metrics.loop_lag, end - now);
    atomic_store_explicit(&w->turned_at, end, memory_order_relaxed);
  }
  gw_udp_flush(&w->udp);
  return NULL;
}

/* ---- building it ---- */

static void *zeroed_pages(size_t bytes) {
  void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mem == MAP_FAILED ? NULL : mem;
}

/* wr/conn.h: a good start. Pages become resident as blocks are taken. */
static size_t pool_blocks(uint32_t n_slots) { return 64 + 4 * (size_t)n_slots; }
static size_t pool_bytes(uint32_t n_slots) { return wr_pool_size(WR_CONN_POOL_BLOCK, pool_blocks(n_slots)); }

static bool watch(gw_worker *w, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
  return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool gw_worker_open(gw_worker *w, const gw_worker_settings *settings, const char **error) {
  uint32_t n = settings->n_slots;
  memset(w, 0, sizeof(*w));
  w->settings = *settings;
  w->slot_bytes = (hot_bytes() + (wr_conn_size() + 63) / 64 * 64 + sizeof(gw_cold) + PAGE - 1) / PAGE * PAGE;
  uint64_t seed = wr_rng_u64(&settings->rng);
  *error = "a worker: no memory";
  bool ok = gw_mailbox_open(&w->inbox, MAILBOX_CELLS, NULL, NULL) && gw_timers_open(&w->timers, n) &&
            gw_map_open(&w->by_addr, n * GW_N_KNOWN, seed) && gw_map_open(&w->routes, ROUTES_PER_SLOT * n, seed) &&
            gw_map_open(&w->named, ROUTES_PER_SLOT * n, seed);
  w->slots = zeroed_pages(n * w->slot_bytes);
  w->free_slots = zeroed_pages(n * sizeof(uint32_t));
  void *pool = zeroed_pages(pool_bytes(n));
  w->message_buffer = zeroed_pages(MESSAGE_BUFFER_BYTES);
  bool takes_video = strcmp(settings->config->video, "on") == 0;
  w->may_clean = strcmp(settings->config->clean, "on") == 0;
  w->video_buffer = takes_video ? zeroed_pages(GW_VIDEO_FRAME_MAX) : NULL;
  w->scratch = zeroed_pages(sizeof(*w->scratch));
  w->repacketizer = opus_repacketizer_create();
  if (!ok || !w->slots || !w->free_slots || !pool || !w->message_buffer || !w->scratch || !w->repacketizer ||
      (takes_video && !w->video_buffer))
    return false;
  w->pool = wr_pool_init(pool, WR_CONN_POOL_BLOCK, pool_blocks(n));
  gw_sender_init(&w->http, settings->http);
  gw_stock_init(&w->stock, 8192 + 4 * n);
  *error = "a worker: no descriptor";
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (w->epoll < 0) return false;
  gw_udp_init(&w->udp, settings->udp_socket, &settings->bound);
  if (!gw_reach_open(&w->reach, settings->reach, settings->locals, settings->index == 0, settings->crypto,
                     settings->rng, gw_now()))
    return false;
  if (!gw_tcp_open(&w->tcp, settings->tcp_socket, &settings->tcp_bound, w->epoll, GW_TCP_TAG, n, &w->metrics))
    return false;
  return watch(w, settings->udp_socket) && watch(w, w->inbox.event_fd);
}

bool gw_worker_start(gw_worker *w) {
  char name[16];
  atomic_store_explicit(&w->turned_at, gw_now(), memory_order_relaxed);
  if (pthread_create(&w->thread, NULL, run, w)) return false;
  snprintf(name, sizeof(name), "worker %u", w->settings.index);
  pthread_setname_np(w->thread, name);
  return true;
}

bool gw_worker_turns(const gw_worker *w, wr_time now) {
  return now - atomic_load_explicit(&w->turned_at, memory_order_relaxed) < GW_STALLED;
}

void gw_worker_join(gw_worker *w) { pthread_join(w->thread, NULL); }

void gw_worker_close(gw_worker *w) {
  if (w->pool) munmap(w->pool, pool_bytes(w->settings.n_slots));
  if (w->slots) munmap(w->slots, w->settings.n_slots * w->slot_bytes);
  if (w->free_slots) munmap(w->free_slots, w->settings.n_slots * sizeof(uint32_t));
  if (w->message_buffer) munmap(w->message_buffer, MESSAGE_BUFFER_BYTES);
  if (w->video_buffer) munmap(w->video_buffer, GW_VIDEO_FRAME_MAX);
  if (w->scratch) munmap(w->scratch, sizeof(*w->scratch));
  if (w->repacketizer) opus_repacketizer_destroy(w->repacketizer);
  gw_stock_wipe(&w->stock);
  gw_timers_close(&w->timers);
  gw_map_close(&w->by_addr);
  gw_map_close(&w->routes);
  gw_map_close(&w->named);
  gw_sender_wipe(&w->http);
  gw_mailbox_close(&w->inbox);
  gw_reach_close(&w->reach);
  gw_tcp_close(&w->tcp);
  if (w->epoll > 0) close(w->epoll);
  if (w->settings.udp_socket >= 0) close(w->settings.udp_socket);
}
