/* manager/attempt.c - one attempt to connect, step by step; see state.h.
 *
 *   SERVERS -> DESCRIBE -> [GATHER] -> [HELD] -> ANSWER -> PATH -> SECURE -> CHANNEL -> UP
 *
 * Each step has a deadline; what comes out of order is taken as it comes (a path may be found before the answer's
 * promise resolves). Left out: what happens when a step fails (recover.c). */
#include "manager/beside.h"
#include "manager/state.h"

#define SERVERS_MARGIN_US MGR_S(30) /* credentials that end this soon are asked for anew first */
#define SERVERS_RETRY_US MGR_S(30)  /* after a refusal, while a call goes on */
#define REOPEN_US MGR_MS(1500)      /* for a new channel on a connection that stands */

static void enter(mgr_manager *m, mgr_step step, uint32_t limit_ms) {
  m->step = step;
  m->step_until = mgr_time_add(m->now, MGR_MS(limit_ms));
}

static uint32_t new_request(mgr_manager *m) { return ++m->last_request; }

/* ---- ICE servers ---- */

void mgr_attempt_fetch_servers(mgr_manager *m) {
  m->servers_request = new_request(m);
  m->refresh_at = MGR_NEVER;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_FETCH_SERVERS, .request = m->servers_request});
}

/* Fresh enough for an attempt. After a failure a relay's credentials are doubted, too. */
static bool has_good_servers(const mgr_manager *m) {
  if (!m->has_servers || m->servers_until - SERVERS_MARGIN_US <= m->now) return false;
  bool doubted = m->has_relay && m->ladder.n_no_path > 0 && m->now - m->servers_at > SERVERS_MARGIN_US;
  return !doubted;
}

static void go_on_with_servers(mgr_manager *m);

void mgr_attempt_on_servers(mgr_manager *m, const mgr_event *event) {
  m->servers_request = 0;
  m->has_servers = true;
  m->has_relay = event->value & 1;
  m->servers_at = m->now;
  m->servers_until = event->more ? mgr_time_add(m->now, MGR_MS(event->more)) : MGR_NEVER;
  m->refresh_at = event->more ? mgr_time_add(m->now, MGR_MS(event->more / 4 * 3)) : MGR_NEVER;
  bool is_up = m->step == MGR_STEP_UP;
  if (m->link.number) mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_USE_SERVERS, .link = m->link.number});
  if (m->step == MGR_STEP_SERVERS) go_on_with_servers(m);
  if (is_up && m->is_relayed) mgr_attempt_quiet_restart(m, MGR_REASON_CREDENTIALS);
}

/* Beside a call that goes on: a relay's allocation lives only as long as the credentials it was made with, and
 * paths of a network that has come are found only by gathering anew. */
void mgr_attempt_quiet_restart(mgr_manager *m, mgr_reason reason) {
  if (m->quiet_request || m->link.request) return;
  m->quiet_request = new_request(m);
  m->quiet_at = m->now;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_RESTART,
                               .link = m->link.number,
                               .request = m->quiet_request,
                               .reason = (int32_t)reason});
}

/* ---- the link ---- */

void mgr_attempt_close(mgr_manager *m, bool remove) {
  mgr_beside_close(m);
  if (!m->link.number) return;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_CLOSE, .link = m->link.number, .value = remove});
  mgr_turn_out out = {0};
  if (m->turn.channel) mgr_turn_set_channel(&m->turn, false, true, &out);
  mgr_core_follow_turn(m, &out);
  m->link = (mgr_link){.trickle_at = MGR_NEVER};
  m->quiet_request = m->n_unproved = 0;
  m->step = MGR_STEP_NONE;
  m->step_until = m->proof_until = MGR_NEVER;
  mgr_alive_stop(&m->alive);
}

static void open_link(mgr_manager *m) {
  mgr_route route = mgr_ladder_route(&m->ladder, &m->settings, m->has_relay);
  m->link = (mgr_link){.number = ++m->last_link, .route = route, .trickle_at = MGR_NEVER};
  mgr_core_mark(m, MGR_PHASE_OPENED);
  mgr_core_do(
      m, (mgr_command){
             .kind = MGR_COMMAND_OPEN, .link = m->link.number, .rung = (int32_t)m->rung, .route = (int32_t)route});
  if (m->mic == MGR_MIC_READY)
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_ATTACH, .link = m->link.number, .value = 1});
  enter(m, MGR_STEP_DESCRIBE, m->settings.describe_ms);
}

static void restart(mgr_manager *m) {
  m->link.request = new_request(m);
  m->quiet_request = 0;
  m->link.end_sent = m->link.gathered = false;
  m->link.n_held = 0;
  m->link.trickle_at = MGR_NEVER;
  m->counts.n_restarts++;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_RESTART,
                               .link = m->link.number,
                               .request = m->link.request,
                               .rung = MGR_RUNG_RESTART,
                               .reason = (int32_t)m->trouble});
  enter(m, MGR_STEP_ANSWER, m->settings.answer_ms);
}

static void go_on_with_servers(mgr_manager *m) {
  if (m->rung == MGR_RUNG_RESTART)
    restart(m);
  else
    open_link(m);
}

static void forget_timeline(mgr_manager *m) {
  for (int i = 0; i < MGR_N_PHASES; i++) m->phases[i] = MGR_NEVER;
  m->n_timelines = 0;
  mgr_core_mark(m, MGR_PHASE_WANTED);
}

void mgr_attempt_begin(mgr_manager *m) {
  m->counts.n_attempts++;
  m->attempt_at = m->now;
  if (m->rung > m->best_rung) m->best_rung = m->rung;
  if (m->rung != MGR_RUNG_RESTART) {
    mgr_attempt_close(m, m->rung == MGR_RUNG_NEW);
    forget_timeline(m);
    if (m->rung == MGR_RUNG_RESUME) m->counts.n_resumes++;
    if (m->rung == MGR_RUNG_NEW) m->counts.n_new++;
  }
  if (has_good_servers(m)) {
    go_on_with_servers(m);
    return;
  }
  enter(m, MGR_STEP_SERVERS, m->settings.servers_ms);
  if (!m->servers_request) mgr_attempt_fetch_servers(m);
}

/* ---- offer and candidates ---- */

void mgr_attempt_offer(mgr_manager *m) {
  m->link.request = new_request(m);
  mgr_core_mark(m, MGR_PHASE_OFFERED);
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_OFFER,
                               .link = m->link.number,
                               .request = m->link.request,
                               .value = (int32_t)m->turn.mode,
                               .rung = (int32_t)m->rung});
  enter(m, MGR_STEP_ANSWER, m->settings.answer_ms);
}

static void offer_or_hold(mgr_manager *m) {
  if (!m->wanted && m->settings.prepare == MGR_PREPARE_GATHER) {
    m->step = MGR_STEP_HELD;
    m->step_until = MGR_NEVER;
    return;
  }
  mgr_attempt_offer(m);
}

static void on_described(mgr_manager *m) {
  mgr_core_mark(m, MGR_PHASE_DESCRIBED);
  if (m->step != MGR_STEP_DESCRIBE) return;
  if (m->settings.gather_wait_ms && !m->link.gathered)
    enter(m, MGR_STEP_GATHER, m->settings.gather_wait_ms);
  else
    offer_or_hold(m);
}

void mgr_attempt_trickle(mgr_manager *m) {
  m->link.trickle_at = MGR_NEVER;
  if (m->link.end_sent || (!m->link.n_held && !m->link.gathered)) return;
  m->link.n_held = 0;
  m->link.end_sent = m->link.gathered;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TRICKLE, .link = m->link.number});
}

/* Candidates of an offer that is still under way would reach a session that does not know its credentials yet. */
static void trickle_soon(mgr_manager *m, uint32_t wait_ms) {
  if (!m->link.answered || m->link.request) return;
  m->link.trickle_at = mgr_time_min(m->link.trickle_at, mgr_time_add(m->now, MGR_MS(wait_ms)));
}

static void on_candidate(mgr_manager *m) {
  mgr_core_mark(m, MGR_PHASE_CANDIDATE);
  m->link.n_held++;
  trickle_soon(m, m->settings.trickle_ms);
}

static void on_gathered(mgr_manager *m) {
  mgr_core_mark(m, MGR_PHASE_GATHERED);
  m->link.gathered = true;
  trickle_soon(m, 0);
  if (m->step == MGR_STEP_GATHER) offer_or_hold(m);
}

void mgr_attempt_on_answered(mgr_manager *m, const mgr_event *event) {
  if (event->request == m->beside.link.request) {
    mgr_beside_on_answered(m, event);
    return;
  }
  if (event->request == m->quiet_request) {
    m->quiet_request = 0;
    trickle_soon(m, 0);
    return;
  }
  m->link.request = 0;
  m->link.answered = m->has_token = true;
  m->lost_at = m->now; /* the session was there just now */
  if (m->rung == MGR_RUNG_RESTART && m->link.was_up) {
    trickle_soon(m, 0);
    if (m->step != MGR_STEP_ANSWER) return; /* healed meanwhile */
    enter(m, MGR_STEP_PATH, m->settings.restart_ms);
    m->sampled_at = m->now;
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_SAMPLE, .link = m->link.number});
    return;
  }
  mgr_core_mark(m, MGR_PHASE_ANSWERED);
  m->link.resumed = event->value & 1;
  if (m->rung == MGR_RUNG_RESUME && !m->link.resumed) m->rung = m->best_rung = MGR_RUNG_NEW;
  trickle_soon(m, 0);
  if (m->step != MGR_STEP_ANSWER) return;
  if (m->link.secure)
    enter(m, MGR_STEP_CHANNEL, m->settings.channel_ms);
  else if (m->link.path)
    enter(m, MGR_STEP_SECURE, m->settings.secure_ms);
  else
    enter(m, MGR_STEP_PATH, m->settings.path_ms);
}

/* The hands still have to apply it, and a browser may find the path before it says that it has. */
void mgr_attempt_on_arrived(mgr_manager *m, const mgr_event *event) {
  if (event->request == m->link.request && !(m->rung == MGR_RUNG_RESTART && m->link.was_up))
    mgr_core_mark(m, MGR_PHASE_ANSWERED);
}

static mgr_reason reason_of_status(int32_t status) {
  if (status == 0 || status == 408) return MGR_REASON_UNREACHABLE;
  if (status == 503 || status == 429) return MGR_REASON_SERVER_FULL;
  if (status >= 500) return MGR_REASON_SERVER_ERROR;
  if (status == 401 || status == 403) return MGR_REASON_NOT_ALLOWED;
  if (status < 400) return MGR_REASON_BAD_ANSWER; /* a success that made no sense */
  return MGR_REASON_REFUSED;
}

/* Not every gateway, and not every proxy before one, takes sockets: that says nothing of the session. */
static void on_socket_refused(mgr_manager *m, mgr_reason reason, uint32_t retry_after_ms) {
  mgr_ladder_no_path(&m->ladder, m->now);
  m->link.broken = true;
  mgr_recover_next(m, reason == MGR_REASON_REFUSED ? MGR_REASON_ICE_FAILED : reason, retry_after_ms);
}

void mgr_attempt_on_refused(mgr_manager *m, const mgr_event *event) {
  if (event->request == m->beside.link.request) {
    mgr_beside_on_refused(m);
    return;
  }
  if (event->request == m->servers_request) {
    m->servers_request = 0;
    if (m->has_servers) m->refresh_at = m->now + SERVERS_RETRY_US;
    if (m->step == MGR_STEP_SERVERS) go_on_with_servers(m); /* the offer tells what is wrong; a path may exist */
    return;
  }
  mgr_reason reason = reason_of_status(event->value);
  bool is_quiet = event->request == m->quiet_request;
  if (is_quiet) m->quiet_request = 0;
  m->link.request = is_quiet ? m->link.request : 0;
  if (reason == MGR_REASON_REFUSED && m->link.was_up) m->has_token = event->value != 404 && m->has_token;
  if (m->step != MGR_STEP_ANSWER || is_quiet) return; /* the link stands without it */
  if (m->link.route == MGR_ROUTE_SOCKET && m->rung != MGR_RUNG_RESTART) {
    on_socket_refused(m, reason, event->more);
    return;
  }
  if (reason == MGR_REASON_NOT_ALLOWED) {
    mgr_recover_fail(m, reason);
    return;
  }
  if (reason == MGR_REASON_REFUSED) {
    if (m->rung < MGR_RUNG_RESTART || m->rung == MGR_RUNG_NEW) {
      mgr_recover_fail(m, reason);
      return;
    }
    /* 404: the gateway knows nothing of us. Otherwise this session's state is not what it was; a new link helps. */
    m->link.broken = true;
    if (m->rung == MGR_RUNG_RESUME || event->value == 404) {
      m->has_token = false;
      reason = MGR_REASON_SESSION_LOST;
    }
  }
  mgr_recover_next(m, reason, event->more);
}

/* ---- events of the link ---- */

static void on_path(mgr_manager *m) {
  mgr_core_mark(m, MGR_PHASE_PATH);
  m->link.path = true;
  if (m->step == MGR_STEP_PATH && m->rung != MGR_RUNG_RESTART) enter(m, MGR_STEP_SECURE, m->settings.secure_ms);
}

static void on_channel_open(mgr_manager *m) {
  mgr_core_mark(m, MGR_PHASE_CHANNEL);
  m->link.channel = m->link.path = m->link.secure = true;
  if (m->step == MGR_STEP_UP) return;
  bool same_session = m->link.resumed || m->link.was_up;
  if (mgr_beside_carries(m)) { /* where nothing was interrupted */
    mgr_recover_done(m);
    return;
  }
  mgr_texts_new_channel(&m->texts);
  mgr_recover_done(m);
  mgr_turn_out out = {0};
  mgr_turn_set_channel(&m->turn, true, same_session, &out);
  mgr_core_follow_turn(m, &out);
}

static void on_secure(mgr_manager *m) {
  on_path(m);
  mgr_core_mark(m, MGR_PHASE_SECURE);
  m->link.secure = true;
  if (m->step == MGR_STEP_SECURE || (m->step == MGR_STEP_PATH && m->rung != MGR_RUNG_RESTART))
    enter(m, MGR_STEP_CHANNEL, m->settings.channel_ms);
}

static void on_link_dead(mgr_manager *m, mgr_reason reason) {
  if (reason != MGR_REASON_ICE_FAILED) m->link.broken = true;
  bool is_socket = m->link.route == MGR_ROUTE_SOCKET && m->step != MGR_STEP_UP;
  bool is_over = m->rung != MGR_RUNG_RESTART || m->link.broken;
  if (is_socket || (m->step == MGR_STEP_PATH && is_over)) mgr_ladder_no_path(&m->ladder, m->now);
  if (m->step == MGR_STEP_UP) {
    mgr_recover_from(m, reason);
  } else if (m->step > MGR_STEP_WAIT && is_over) {
    mgr_recover_next(m, reason, 0);
  }
}

static void on_peer(mgr_manager *m, int32_t state) {
  switch (state) {
    case 2: on_secure(m); return;
    case 3:
      if (m->step == MGR_STEP_UP) mgr_recover_look(m, MGR_REASON_DISCONNECTED);
      return;
    case 4:
      on_link_dead(m, m->link.path && !m->link.secure ? MGR_REASON_DTLS_FAILED : MGR_REASON_ICE_FAILED);
      return;
    case 5: on_link_dead(m, MGR_REASON_DTLS_FAILED); return;
    default: return;
  }
}

static void on_ice(mgr_manager *m, int32_t state) {
  if (state == 2) on_path(m);
  if (state == 3 && m->step == MGR_STEP_UP) mgr_recover_look(m, MGR_REASON_DISCONNECTED);
  if (state == 4) on_link_dead(m, MGR_REASON_ICE_FAILED);
}

/* The association stands: a new channel costs one round trip and keeps everything. Tried once. */
static void on_channel_closed(mgr_manager *m) {
  if (!m->link.channel) return;
  m->link.channel = false;
  mgr_turn_out out = {0};
  bool goes_on = mgr_beside_carries(m) || mgr_beside_comes_until(m) > m->now;
  if (!goes_on) mgr_turn_set_channel(&m->turn, false, true, &out);
  mgr_core_follow_turn(m, &out);
  if (m->step != MGR_STEP_UP) {
    on_link_dead(m, MGR_REASON_CHANNEL_CLOSED); /* twice in trouble: an ICE restart alone will not do */
    return;
  }
  mgr_recover_begin(m, MGR_REASON_CHANNEL_CLOSED);
  m->step = MGR_STEP_CHANNEL;
  m->step_until = mgr_time_add(m->now, REOPEN_US);
  mgr_core_set_state(m, MGR_STATE_UNSTABLE, MGR_REASON_CHANNEL_CLOSED);
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_REOPEN_CHANNEL, .link = m->link.number});
}

void mgr_attempt_on_link(mgr_manager *m, const mgr_event *event) {
  if (event->link != m->link.number) {
    mgr_beside_on_link(m, event);
    return;
  }
  switch (event->kind) {
    case MGR_EVENT_DESCRIBED: on_described(m); return;
    case MGR_EVENT_CANDIDATE: on_candidate(m); return;
    case MGR_EVENT_GATHERED: on_gathered(m); return;
    case MGR_EVENT_PEER: on_peer(m, event->value); return;
    case MGR_EVENT_ICE: on_ice(m, event->value); return;
    case MGR_EVENT_CHANNEL:
      if (event->value)
        on_channel_open(m);
      else
        on_channel_closed(m);
      return;
    case MGR_EVENT_BROKEN:
      if (event->value == 1)
        mgr_recover_fail(m, MGR_REASON_UNSUPPORTED);
      else
        on_link_dead(m, MGR_REASON_BAD_ANSWER);
      return;
    default: return;
  }
}

void mgr_attempt_out_of_time(mgr_manager *m) {
  m->step_until = MGR_NEVER;
  switch (m->step) {
    case MGR_STEP_WAIT: mgr_recover_try(m); return;
    case MGR_STEP_SERVERS:
      m->servers_request = 0;
      go_on_with_servers(m);
      return;
    case MGR_STEP_GATHER: offer_or_hold(m); return; /* with what there is */
    case MGR_STEP_PATH:
      if (m->rung == MGR_RUNG_RESTART) m->ladder.n_restarts++;
      mgr_ladder_no_path(&m->ladder, m->now);
      mgr_recover_next(m, MGR_REASON_ICE_FAILED, 0);
      return;
    case MGR_STEP_ANSWER:
      m->link.request = 0;
      if (m->link.route == MGR_ROUTE_SOCKET) mgr_ladder_no_path(&m->ladder, m->now);
      mgr_recover_next(m, MGR_REASON_UNREACHABLE, 0);
      return;
    case MGR_STEP_CHANNEL:
    case MGR_STEP_SECURE:
    case MGR_STEP_DESCRIBE:
      m->link.broken = true;
      mgr_recover_next(m, MGR_REASON_TIMED_OUT, 0);
      return;
    case MGR_STEP_NONE:
    case MGR_STEP_HELD:
    case MGR_STEP_UP: return;
  }
}
