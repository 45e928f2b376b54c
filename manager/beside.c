/* manager/beside.c - see beside.h.
 *
 * Why a socket: on another network the sockets of a peer connection are dead until the browser looks for its
 * addresses anew (Chromium: 2 s), while a new connection goes out by the new address at once. It takes what is said
 * until the peer connection has proved itself again, longer after each time that it broke soon after.
 *
 * Left out: what becomes of the link meanwhile. Its trouble and its ladder go on as if nothing stood beside it
 * (recover.c), until a new connection would be made: then the socket becomes the link, and new connections are
 * looks beside it. */
#include "manager/beside.h"
#include "manager/state.h"

#define BRIDGE_MS 4000        /* for a socket to stand; each step */
#define STEADY_US MGR_MS(600) /* two pings: the link is well again */
#define STEADY_TWICE_MOST 5   /* doubled so often at most */
#define AGAIN_US MGR_S(1)     /* after a socket that came to nothing; doubled as often */
#define COMING_US MGR_MS(600) /* so long a link that is lost waits for a socket that was asked for */
#define LEAVE_US MGR_S(3)     /* for what is still on its way over a socket that was left */
#define FIRST_PROBE_MS 1000   /* what broke in mid-call may be whole already */
#define PROBE_MOST_MS 60000

static bool is_bridge(const mgr_manager *m) {
  return m->beside.link.number && m->beside.link.route == MGR_ROUTE_SOCKET;
}

bool mgr_beside_carries(const mgr_manager *m) {
  return is_bridge(m) && m->beside.step == MGR_STEP_UP && !m->beside.leaves;
}

static bool is_coming(const mgr_manager *m) {
  return is_bridge(m) && m->beside.step != MGR_STEP_UP && !m->beside.leaves;
}

mgr_time mgr_beside_comes_until(const mgr_manager *m) {
  return is_coming(m) && m->online ? m->beside.began_at + COMING_US : 0;
}

/* The link is lost, and nothing was begun for another one. */
static bool is_waited_for(const mgr_manager *m) {
  return m->link.number && m->step == MGR_STEP_WAIT && m->rung != MGR_RUNG_RESTART;
}

uint32_t mgr_beside_carrier(const mgr_manager *m) {
  return mgr_beside_carries(m) ? m->beside.link.number : m->link.number;
}

static void enter(mgr_manager *m, mgr_step step, uint32_t limit_ms) {
  m->beside.step = step;
  m->beside.until = mgr_time_add(m->now, MGR_MS(limit_ms));
}

static void tell(mgr_manager *m, mgr_command_kind kind, uint32_t link, int32_t value) {
  mgr_core_do(m, (mgr_command){.kind = (int32_t)kind, .link = link, .value = value});
}

static void forget(mgr_manager *m) {
  m->beside.link = (mgr_link){.trickle_at = MGR_NEVER};
  m->beside.step = MGR_STEP_NONE;
  m->beside.leaves = false;
  m->beside.until = m->beside.well_at = MGR_NEVER;
}

void mgr_beside_init(mgr_manager *m) { forget(m); }

/* Without a word about the link: it is closed, or goes on without. */
void mgr_beside_close(mgr_manager *m) {
  if (!m->beside.link.number) return;
  tell(m, MGR_COMMAND_CLOSE, m->beside.link.number, 0);
  forget(m);
}

static uint32_t doubled(const mgr_manager *m) {
  return m->beside.n < STEADY_TWICE_MOST ? m->beside.n : STEADY_TWICE_MOST;
}

/* Half of the wait, and a part of the other half by chance: who lost a relay together does not look for it
 * together. */
static void probe_later(mgr_manager *m) {
  uint64_t wait_ms = (uint64_t)m->settings.probe_ms << (m->beside.n < 16 ? m->beside.n : 16);
  uint32_t most_ms = wait_ms < PROBE_MOST_MS ? (uint32_t)wait_ms : PROBE_MOST_MS;
  m->beside.n++;
  m->beside.at = m->now + MGR_MS(most_ms / 2 + mgr_ladder_draw(&m->ladder, most_ms / 2));
}

/* It came to nothing. */
static void fail(mgr_manager *m) {
  bool was_bridge = is_bridge(m), carried = mgr_beside_carries(m);
  mgr_beside_close(m);
  if (was_bridge && is_waited_for(m)) m->step_until = m->now;
  if (carried) tell(m, MGR_COMMAND_CARRY, m->link.number, 1);
  if (carried) mgr_core_set_state(m, m->state, m->reason);
  if (!was_bridge) {
    probe_later(m);
    return;
  }
  m->beside.at = m->now + (AGAIN_US << doubled(m));
  m->beside.n++;
}

/* ---- making it ---- */

static bool link_is_silent(const mgr_manager *m) {
  if (m->step != MGR_STEP_UP) return true;
  return m->alive.asked_at != MGR_NEVER &&
         m->now >= m->alive.asked_at + mgr_alive_patience(&m->alive, m->settings.bridge_ms);
}

static void open_it(mgr_manager *m, mgr_route route) {
  m->beside.link = (mgr_link){.number = ++m->last_link, .route = route, .trickle_at = MGR_NEVER};
  m->beside.well_at = MGR_NEVER;
  m->beside.began_at = m->now;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_OPEN,
                               .link = m->beside.link.number,
                               .value = 1,
                               .rung = MGR_RUNG_RESUME,
                               .route = (int32_t)route});
  if (m->mic == MGR_MIC_READY) tell(m, MGR_COMMAND_ATTACH, m->beside.link.number, 1);
  enter(m, MGR_STEP_DESCRIBE, m->settings.describe_ms);
}

static void offer(mgr_manager *m) {
  mgr_beside *b = &m->beside;
  b->link.request = ++m->last_request;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_OFFER,
                               .link = b->link.number,
                               .request = b->link.request,
                               .value = (int32_t)m->turn.mode,
                               .more = 1,
                               .rung = MGR_RUNG_RESUME});
  enter(m, MGR_STEP_ANSWER, is_bridge(m) ? BRIDGE_MS : m->settings.answer_ms);
}

void mgr_beside_on_answered(mgr_manager *m, const mgr_event *event) {
  mgr_beside *b = &m->beside;
  b->link.request = 0;
  b->link.answered = true;
  if (!(event->value & 1)) {
    fail(m); /* a session of its own: an older gateway's */
    return;
  }
  b->link.trickle_at = m->now;
  if (b->step != MGR_STEP_ANSWER) return;
  if (is_bridge(m))
    enter(m, MGR_STEP_CHANNEL, BRIDGE_MS);
  else
    enter(m, MGR_STEP_PATH, m->settings.path_ms);
}

void mgr_beside_on_refused(mgr_manager *m) { fail(m); }

/* What was said over the link and not surely heard is said again, in its order. */
static void say_again(mgr_manager *m) {
  uint32_t n = m->n_unproved;
  mgr_texts_new_channel(&m->texts);
  m->n_unproved = 0;
  for (uint32_t i = 0; i < n; i++)
    tell(m, (mgr_command_kind)m->unproved[i].kind, m->beside.link.number, m->unproved[i].value);
}

static void leave(mgr_manager *m, uint32_t link) {
  tell(m, MGR_COMMAND_CARRY, m->link.number, 1);
  tell(m, MGR_COMMAND_LEAVE, link, 0);
  m->beside.leaves = true;
  m->beside.until = m->now + LEAVE_US;
}

static void bridge(mgr_manager *m) {
  mgr_beside *b = &m->beside;
  if (m->now - b->left_at > MGR_MS(m->settings.stable_ms)) b->n = 0;
  b->step = MGR_STEP_UP;
  b->until = MGR_NEVER;
  if (b->well_at != MGR_NEVER && !link_is_silent(m)) { /* it came too late */
    leave(m, b->link.number);
    return;
  }
  tell(m, MGR_COMMAND_CARRY, b->link.number, 0);
  say_again(m);
  if (is_waited_for(m) && mgr_beside_take_over(m)) return;
  mgr_core_set_state(m, m->state, m->reason);
}

/* The connection that was looked for beside a socket stands. */
static void adopt(mgr_manager *m) {
  mgr_link left = m->link;
  left.request = 0;
  m->link = m->beside.link;
  m->link.answered = m->link.path = m->link.secure = m->link.channel = m->link.resumed = true;
  m->beside.link = left;
  m->beside.n = 0;
  mgr_texts_new_channel(&m->texts);
  leave(m, left.number);
  mgr_recover_done(m);
}

static void on_channel_open(mgr_manager *m) {
  mgr_beside *b = &m->beside;
  if (b->step == MGR_STEP_UP || b->leaves || !b->link.answered) return;
  b->link.channel = true;
  if (is_bridge(m))
    bridge(m);
  else
    adopt(m);
}

void mgr_beside_on_link(mgr_manager *m, const mgr_event *event) {
  mgr_beside *b = &m->beside;
  bool is_dead = (event->kind == MGR_EVENT_PEER && event->value >= 4) ||
                 (event->kind == MGR_EVENT_ICE && event->value >= 4) || event->kind == MGR_EVENT_BROKEN ||
                 (event->kind == MGR_EVENT_CHANNEL && !event->value);
  if (b->leaves) {
    if (is_dead) mgr_beside_close(m); /* all of it was heard */
    return;
  }
  if (is_dead) {
    fail(m);
    return;
  }
  switch (event->kind) {
    case MGR_EVENT_DESCRIBED:
      if (b->step == MGR_STEP_DESCRIBE) offer(m);
      return;
    case MGR_EVENT_CANDIDATE:
    case MGR_EVENT_GATHERED:
      b->link.trickle_at = mgr_time_min(b->link.trickle_at, mgr_time_add(m->now, MGR_MS(m->settings.trickle_ms)));
      return;
    case MGR_EVENT_ICE:
      if (event->value == 2 && b->step == MGR_STEP_PATH) enter(m, MGR_STEP_CHANNEL, m->settings.secure_ms);
      return;
    case MGR_EVENT_CHANNEL: on_channel_open(m); return;
    default: return;
  }
}

/* ---- when ---- */

static bool may_begin(const mgr_manager *m) {
  return m->settings.socket && m->wanted && m->has_token && m->online && !m->frozen && !m->put_away &&
         !m->draining && m->link.number && m->link.was_up && !m->beside.link.number;
}

/* The link has been silent for so long that a socket is made. */
static mgr_time bridge_at(const mgr_manager *m) {
  if (!may_begin(m) || !m->settings.bridge_ms || m->link.route == MGR_ROUTE_SOCKET) return MGR_NEVER;
  mgr_time at = m->now;
  if (m->step == MGR_STEP_UP) {
    if (m->alive.asked_at == MGR_NEVER) return MGR_NEVER;
    at = m->alive.asked_at + mgr_alive_patience(&m->alive, m->settings.bridge_ms);
    const mgr_room *room = &m->bitrate.room; /* whose ballast stands in the way of other pings */
    if (room->open && room->quiet_until > at) at = room->quiet_until;
  } else if (m->rung != MGR_RUNG_RESTART || m->step == MGR_STEP_CHANNEL) {
    return MGR_NEVER;
  }
  return at > m->beside.at ? at : m->beside.at;
}

static mgr_time probe_at(const mgr_manager *m) {
  bool may = may_begin(m) && m->settings.probe_ms && m->link.route == MGR_ROUTE_SOCKET;
  return may && m->state == MGR_STATE_CONNECTED && m->step == MGR_STEP_UP ? m->beside.at : MGR_NEVER;
}

static mgr_time return_at(const mgr_manager *m) {
  if (!mgr_beside_carries(m) || m->beside.well_at == MGR_NEVER) return MGR_NEVER;
  return m->beside.well_at + (STEADY_US << doubled(m));
}

/* The link has answered over its channel. */
void mgr_beside_link_is_well(mgr_manager *m) {
  mgr_beside *b = &m->beside;
  if (!is_bridge(m) || b->leaves || m->step != MGR_STEP_UP) return;
  if (b->step == MGR_STEP_DESCRIBE) {
    mgr_beside_close(m); /* nobody was asked for anything yet */
  } else if (b->well_at == MGR_NEVER) {
    b->well_at = m->now;
  }
}

mgr_time mgr_beside_deadline(const mgr_manager *m) {
  mgr_time at = mgr_time_min(bridge_at(m), probe_at(m));
  if (m->beside.link.answered && m->beside.step != MGR_STEP_UP) at = mgr_time_min(at, m->beside.link.trickle_at);
  return mgr_time_min(at, mgr_time_min(m->beside.until, return_at(m)));
}

static void out_of_time(mgr_manager *m) {
  if (m->beside.leaves)
    mgr_beside_close(m);
  else
    fail(m);
}

void mgr_beside_watch(mgr_manager *m) {
  mgr_beside *b = &m->beside;
  if (b->link.number && m->now >= b->until) out_of_time(m);
  if (b->link.number && b->link.answered && m->now >= b->link.trickle_at) {
    b->link.trickle_at = MGR_NEVER;
    if (!is_bridge(m)) tell(m, MGR_COMMAND_TRICKLE, b->link.number, 0);
  }
  if (b->well_at != MGR_NEVER && link_is_silent(m)) b->well_at = MGR_NEVER;
  if (m->now >= return_at(m)) {
    b->n++;
    b->left_at = m->now;
    leave(m, b->link.number);
  }
  if (m->now >= bridge_at(m))
    open_it(m, MGR_ROUTE_SOCKET);
  else if (m->now >= probe_at(m))
    open_it(m, MGR_ROUTE_ALL);
}

/* ---- changing places ---- */

bool mgr_beside_take_over(mgr_manager *m) {
  if (!mgr_beside_carries(m) || !m->has_token) return false;
  tell(m, MGR_COMMAND_CLOSE, m->link.number, 0);
  m->link = m->beside.link;
  m->link.path = m->link.secure = m->link.resumed = true;
  m->link.request = m->quiet_request = 0;
  forget(m);
  m->n_unproved = 0;
  tell(m, MGR_COMMAND_CARRY, m->link.number, 1);
  mgr_recover_done(m);
  m->beside.n = 0;
  m->beside.at = m->now + MGR_MS(m->settings.probe_ms < FIRST_PROBE_MS ? m->settings.probe_ms : FIRST_PROBE_MS);
  return true;
}

void mgr_beside_on_up(mgr_manager *m) {
  if (m->link.route != MGR_ROUTE_SOCKET || m->beside.link.number) return;
  m->beside.n = 0;
  probe_later(m);
}

void mgr_beside_new_network(mgr_manager *m) {
  m->beside.n = 0;
  /* Browsers also report a mere change of estimates. */
  mgr_time at = m->beside.began_at + MGR_MS(m->settings.probe_ms);
  if (!m->beside.link.number) m->beside.at = at > m->now ? at : m->now;
}
