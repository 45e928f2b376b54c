/* manager/recover.c - signs of trouble, the ladder, giving up; see manager.h and state.h.
 *
 * Detection is by pings over the data channel: the browser's own "disconnected" comes seconds later. The cheapest
 * cure is at the same time the best question: an ICE restart answered 404 says that the gateway has forgotten us.
 */
#include "manager/beside.h"
#include "manager/state.h"

#define N_RESTARTS_MAX 2            /* of one link in one trouble */
#define OFFLINE_POLL_MS 5000        /* navigator.onLine is sometimes wrong */
#define TROUBLE_PING_US MGR_MS(250) /* the first answer on a new path shall not wait for the next ping */
#define TROUBLE_SAMPLE_US MGR_MS(150)
#define PROOF_US MGR_MS(1000) /* and two round trips: SCTP's retransmission timer may have grown to seconds */
#define N_PROBES 3 /* pings at once: reports of three later ones make SCTP repeat the lost (RFC 9260 7.2.4) */
#define QUIET_US MGR_S(5) /* between restarts because the network changed */
#define AGAIN_US MGR_S(1) /* an attempt younger than this is not begun anew when the network changes */

static bool is_in_trouble(const mgr_manager *m) { return m->trouble_at != MGR_NEVER; }

/* The link that stood may still come back by itself, or by an ICE restart. */
static bool link_may_heal(const mgr_manager *m) {
  return m->link.number && m->link.was_up && !m->link.broken &&
         (m->step == MGR_STEP_UP || m->rung == MGR_RUNG_RESTART || m->step == MGR_STEP_CHANNEL);
}

static mgr_rung choose_rung(const mgr_manager *m) {
  bool is_kept = m->has_token && m->now - m->lost_at < MGR_MS(m->settings.resume_window_ms);
  bool stands = m->link.number && m->link.was_up && !m->link.broken;
  if (stands && is_kept && m->ladder.n_restarts < N_RESTARTS_MAX) return MGR_RUNG_RESTART;
  if (is_kept) return MGR_RUNG_RESUME;
  return m->ever_up ? MGR_RUNG_NEW : MGR_RUNG_FIRST;
}

void mgr_recover_begin(mgr_manager *m, mgr_reason reason) {
  if (is_in_trouble(m)) return;
  m->trouble_at = m->now;
  m->trouble = reason;
  m->best_rung = MGR_RUNG_FIRST;
  if (m->link.was_up) m->lost_at = m->alive.heard_at;
  m->overall_until = mgr_time_add(m->now, MGR_MS(m->settings.overall_ms));
  m->ladder.n_restarts = 0;
  mgr_ladder_lost(&m->ladder, &m->settings, m->now);
}

/* Nobody is waiting for a prepared connection: it is simply not there any more. */
static void give_back(mgr_manager *m, mgr_reason reason) {
  mgr_attempt_close(m, true);
  m->trouble_at = m->overall_until = MGR_NEVER;
  m->step = MGR_STEP_NONE;
  mgr_core_set_state(m, MGR_STATE_IDLE, reason);
}

void mgr_recover_from(mgr_manager *m, mgr_reason reason) {
  mgr_recover_begin(m, reason);
  mgr_recover_next(m, reason, 0);
}

static void wait_for_network(mgr_manager *m) {
  if (m->state != MGR_STATE_OFFLINE) m->overall_until = mgr_time_add(m->now, MGR_MS(m->settings.offline_ms));
  m->step_until = mgr_time_add(m->now, MGR_MS(OFFLINE_POLL_MS));
  mgr_core_set_state(m, MGR_STATE_OFFLINE, MGR_REASON_NO_NETWORK);
}

void mgr_recover_next(mgr_manager *m, mgr_reason reason, uint32_t retry_after_ms) {
  if (!m->wanted) {
    give_back(m, reason);
    return;
  }
  if (m->draining) reason = MGR_REASON_DRAINING;
  mgr_recover_begin(m, reason);
  bool is_over = mgr_ladder_is_used_up(&m->ladder, &m->settings) || m->now >= m->overall_until;
  m->rung = choose_rung(m);
  if ((is_over || m->rung != MGR_RUNG_RESTART) && mgr_beside_take_over(m)) return;
  if (is_over) {
    mgr_recover_fail(m, MGR_REASON_GAVE_UP);
    return;
  }
  if (m->rung == MGR_RUNG_RESUME && mgr_beside_comes_until(m) > m->now) {
    m->step = MGR_STEP_WAIT;
    m->step_until = mgr_beside_comes_until(m);
    mgr_core_set_state(m, MGR_STATE_RECONNECTING, reason);
    return;
  }
  if (m->rung != MGR_RUNG_RESTART) mgr_attempt_close(m, m->rung == MGR_RUNG_NEW);
  m->step = MGR_STEP_WAIT;
  if (!m->online) {
    wait_for_network(m);
    return;
  }
  bool is_fresh = m->ever_up && m->now - m->trouble_at < MGR_MS(m->settings.near_ms);
  uint32_t most_ms = is_fresh && reason == MGR_REASON_UNREACHABLE ? m->settings.near_wait_ms : UINT32_MAX;
  uint32_t wait_ms = mgr_ladder_wait_ms(&m->ladder, &m->settings, most_ms, retry_after_ms);
  /* Both say that the gateway is there; the first is said once, the second is a second old. */
  if (reason == MGR_REASON_SESSION_LOST || reason == MGR_REASON_STUCK) wait_ms = 0;
  m->step_until = mgr_time_add(m->now, MGR_MS(wait_ms));
  mgr_core_set_state(m, m->rung == MGR_RUNG_RESTART ? MGR_STATE_RESTARTING : MGR_STATE_RECONNECTING, reason);
  if (!wait_ms) mgr_recover_try(m);
}

void mgr_recover_done(mgr_manager *m) {
  bool was_new = !m->link.was_up, lost_context = was_new && m->ever_up && !m->link.resumed;
  m->step = MGR_STEP_UP;
  m->step_until = m->proof_until = m->overall_until = MGR_NEVER;
  m->link.was_up = m->ever_up = true;
  m->link.broken = false; /* whoever said so was wrong, or it is watched all the more */
  mgr_ladder_connected(&m->ladder, m->link.route, m->now);
  mgr_bitrate_new_path(&m->bitrate, m->now);
  if (was_new) {
    mgr_beside_on_up(m);
    mgr_alive_start(&m->alive, m->now);
    mgr_quality_restart(&m->quality);
    m->draining = false;
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_SENDER, .link = m->link.number});
  }
  mgr_core_set_state(m, m->wanted ? MGR_STATE_CONNECTED : MGR_STATE_PREPARED,
                     is_in_trouble(m) ? m->trouble : MGR_REASON_ASKED);
  if (!m->wanted && m->settings.prepared_idle_ms)
    m->prepared_until = mgr_time_add(m->now, MGR_MS(m->settings.prepared_idle_ms));
  if (is_in_trouble(m)) {
    m->counts.n_recovered++;
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TELL_RECOVERED,
                                 .link = m->link.number,
                                 .more = (uint32_t)((m->now - m->trouble_at) / 1000),
                                 .reason = (int32_t)m->trouble,
                                 .rung = (int32_t)m->best_rung});
  }
  if (lost_context && m->wanted)
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TELL_NOTICE, .value = MGR_NOTICE_CONTEXT_LOST});
  m->trouble_at = MGR_NEVER;
}

/* What no network can mend waits for the person; the rest starts again by itself when the world changes. */
static bool is_mendable(mgr_reason reason) {
  return reason != MGR_REASON_NOT_ALLOWED && reason != MGR_REASON_REFUSED && reason != MGR_REASON_UNSUPPORTED &&
         reason != MGR_REASON_NO_MICROPHONE;
}

void mgr_recover_fail(mgr_manager *m, mgr_reason reason) {
  if (!m->wanted) {
    m->wants_ahead = m->wants_ahead && is_mendable(reason);
    give_back(m, reason);
    return;
  }
  if (!m->online && reason == MGR_REASON_GAVE_UP) reason = MGR_REASON_NO_NETWORK;
  mgr_attempt_close(m, true);
  m->step = MGR_STEP_NONE;
  m->step_until = m->overall_until = m->trouble_at = MGR_NEVER;
  m->armed = is_mendable(reason);
  m->wanted = false;
  m->has_token = false;
  m->counts.n_failed++;
  mgr_core_set_state(m, MGR_STATE_FAILED, reason);
  mgr_core_release_microphone(m);
}

static bool is_watching(const mgr_manager *m) {
  return m->alive.runs && !m->frozen && !m->put_away && link_may_heal(m) && m->link.channel;
}

static void send_ping(mgr_manager *m, uint32_t ballast) {
  mgr_alive_pinged(&m->alive, m->now);
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_PING, .link = m->link.number, .value = (int32_t)ballast});
}

static void ping(mgr_manager *m) { send_ping(m, 0); }

static void ask_for_room(mgr_manager *m) {
  uint32_t ballast = m->state == MGR_STATE_CONNECTED ? mgr_bitrate_ask(&m->bitrate, m->now) : 0;
  if (ballast) send_ping(m, ballast);
}

void mgr_recover_answered(mgr_manager *m, const mgr_event *pong) {
  if (mgr_bitrate_answered(&m->bitrate, pong->more, pong->value, m->now))
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_SENDER, .link = m->link.number});
  if (is_watching(m)) ask_for_room(m);
}

void mgr_recover_heard(mgr_manager *m, bool over_channel) {
  if (m->step == MGR_STEP_UP) {
    if (over_channel) m->proof_until = MGR_NEVER;
    if (over_channel) mgr_beside_link_is_well(m);
    if (m->state == MGR_STATE_UNSTABLE || m->state == MGR_STATE_SUSPENDED)
      mgr_core_set_state(m, m->wanted ? MGR_STATE_CONNECTED : MGR_STATE_PREPARED, m->reason);
    return;
  }
  if (!is_in_trouble(m) || !link_may_heal(m) || !m->link.channel) return;
  mgr_recover_done(m);
  if (over_channel) mgr_beside_link_is_well(m);
  if (over_channel) return;
  mgr_alive_path_is_back(&m->alive, m->now);
  for (int i = 0; i < N_PROBES; i++) ping(m);
  m->proof_until = m->now + PROOF_US + (mgr_time)(m->alive.rtt_ms * 2000);
}

/* ---- the world changed ---- */

void mgr_recover_try(mgr_manager *m) {
  m->rung = choose_rung(m);
  if (m->rung != MGR_RUNG_RESTART) mgr_attempt_close(m, m->rung == MGR_RUNG_NEW); /* a bridge was waited for */
  m->step = MGR_STEP_WAIT;
  m->step_until = MGR_NEVER;
  mgr_state state = m->rung == MGR_RUNG_RESTART ? MGR_STATE_RESTARTING : MGR_STATE_RECONNECTING;
  if (m->online) mgr_core_set_state(m, state, m->reason); /* else this is a look whether it is really offline */
  mgr_attempt_begin(m);
}

static void go_on_at_once(mgr_manager *m, mgr_reason reason) {
  if (!m->wanted && m->armed && m->state == MGR_STATE_FAILED) {
    m->wanted = true;
    m->armed = false;
    mgr_ladder_restart(&m->ladder);
    mgr_core_ask_microphone(m, true);
    mgr_recover_next(m, reason, 0);
  } else if (m->step == MGR_STEP_WAIT) {
    m->reason = reason;
    mgr_recover_try(m);
  }
}

/* Requests under way may hang on a network that is gone. */
static void begin_anew(mgr_manager *m, mgr_reason reason) {
  bool is_old = m->now - m->attempt_at > AGAIN_US;
  if (!m->wanted || !is_old || m->step <= MGR_STEP_WAIT || m->step >= MGR_STEP_SECURE) return;
  m->link.request = 0;
  m->servers_request = 0;
  mgr_core_set_state(m, m->state, reason);
  mgr_attempt_begin(m);
}

void mgr_recover_look(mgr_manager *m, mgr_reason reason) {
  if (reason == MGR_REASON_NETWORK_CHANGED) mgr_ladder_new_network(&m->ladder);
  if (reason == MGR_REASON_NETWORK_CHANGED) mgr_beside_new_network(m);
  if (m->frozen || m->put_away) return;
  if (m->step == MGR_STEP_UP) {
    if (reason == MGR_REASON_RESUMED) mgr_alive_excuse(&m->alive, m->now);
    if (reason == MGR_REASON_DISCONNECTED && m->state != MGR_STATE_UNSTABLE)
      mgr_core_set_state(m, MGR_STATE_UNSTABLE, reason);
    ping(m);
    if (reason == MGR_REASON_NETWORK_CHANGED && m->now - m->quiet_at >= QUIET_US)
      mgr_attempt_quiet_restart(m, reason);
  } else if (m->step == MGR_STEP_NONE || m->step == MGR_STEP_WAIT) {
    if (m->online || reason == MGR_REASON_ASKED) go_on_at_once(m, reason);
  } else if (reason == MGR_REASON_NETWORK_CHANGED) {
    begin_anew(m, reason);
  }
}

/* ---- pings and verdicts ---- */

static mgr_time ping_interval(const mgr_manager *m) {
  if (m->step != MGR_STEP_UP) return TROUBLE_PING_US;
  bool is_narrow = (m->quality.issues & MGR_ISSUE_LOW_BANDWIDTH) != 0;
  bool is_busy = m->wanted && m->visible && !is_narrow;
  return MGR_MS(is_busy ? m->settings.ping_ms : m->settings.ping_idle_ms);
}

static mgr_time sample_due_at(const mgr_manager *m) {
  if (m->step == MGR_STEP_PATH) return m->sampled_at + TROUBLE_SAMPLE_US;
  if (m->alive.asked_at == MGR_NEVER || m->sampled_at > m->alive.asked_at) return MGR_NEVER;
  return m->alive.asked_at + mgr_alive_patience(&m->alive, m->settings.ping_timeout_ms) / 2;
}

static mgr_time verdict_at(const mgr_manager *m) {
  if (m->step != MGR_STEP_UP || m->alive.asked_at == MGR_NEVER) return MGR_NEVER;
  mgr_time at = m->alive.asked_at + mgr_alive_patience(&m->alive, m->settings.ping_timeout_ms);
  const mgr_room *room = &m->bitrate.room; /* whose ballast stands in the way of other pings */
  return room->open && room->quiet_until > at ? room->quiet_until : at;
}

/* The path answers and the channel does not. */
static mgr_time stuck_at(const mgr_manager *m) {
  if (m->step != MGR_STEP_UP || m->alive.unponged_at == MGR_NEVER) return MGR_NEVER;
  return mgr_time_min(m->alive.unponged_at + MGR_MS(m->settings.stuck_ms), m->proof_until);
}

mgr_time mgr_recover_deadline(const mgr_manager *m) {
  if (!is_watching(m)) return MGR_NEVER;
  mgr_time at = m->alive.pinged_at + ping_interval(m);
  at = mgr_time_min(at, sample_due_at(m));
  if (m->state == MGR_STATE_CONNECTED) at = mgr_time_min(at, mgr_bitrate_ask_at(&m->bitrate));
  at = mgr_time_min(at, verdict_at(m));
  return mgr_time_min(at, stuck_at(m));
}

void mgr_recover_watch(mgr_manager *m) {
  if (!is_watching(m)) return;
  if (m->now >= stuck_at(m)) {
    mgr_recover_begin(m, MGR_REASON_STUCK);
    m->ladder.n_restarts = N_RESTARTS_MAX;
    mgr_recover_next(m, MGR_REASON_STUCK, 0);
    return;
  }
  if (m->now >= verdict_at(m)) mgr_recover_from(m, m->state == MGR_STATE_UNSTABLE ? m->reason : MGR_REASON_SILENCE);
  if (!is_watching(m)) return;
  if (m->now >= sample_due_at(m)) {
    m->sampled_at = m->now;
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_SAMPLE, .link = m->link.number});
  }
  ask_for_room(m);
  if (m->now >= m->alive.pinged_at + ping_interval(m)) ping(m);
}
