/* gateway/hold.c - nobody hears the assistant through a path that is dead: speech is held while the caller is
 * missed, or does not answer what is sent to him, and what went into the path since then is said again when there
 * is one. See quiet.h, deaf.h, downlink.h. */
#include "gateway/log.h"
#include "gateway/session.h"
#include "gateway/worker.h"

#define MARGIN_US WR_MS(20) /* rather a frame twice than none */
#define SACK_US \
  WR_MS(200)            /* so long a browser may keep an acknowledgement back: the path may have died meanwhile */
#define ROAM_US WR_S(1) /* a path so soon after the caller was asked at a new address is that address */

static void tell(gw_session *s, const char *what, const char *why, wr_time now) {
  gw_session_note(s, "caller", what, why, now);
  gw_log(GW_DEBUG, "session", "session", s->id_text, "caller", what, "path", why, NULL);
}

static gw_quiet_sound sound_of(const gw_session *s, wr_time now) {
  wr_stats stats;
  wr_conn_read_stats(s->conn, &stats, now);
  return (gw_quiet_sound){stats.inbound_rtp.packets_received, stats.inbound_rtp.packets_lost};
}

/* A packet that came at |heard_at| says that its sender was on the path half a round trip earlier. */
static void arrived(gw_session *s, wr_time heard_at, uint32_t rtt_us) {
  if (rtt_us) gw_downlink_arrived(&s->down, heard_at - (wr_time)rtt_us - MARGIN_US);
}

static void take_back(gw_session *s, wr_time heard_at) {
  wr_conn_stats stats = {0};
  if (s->conn) wr_conn_get_stats(s->conn, &stats);
  arrived(s, heard_at, stats.rtt_us);
  if (!s->down.sent.n_records) return;
  s->worker->metrics.counter[GW_SPEECH_REPEATED] += s->down.sent.n_records;
  gw_downlink_take_back(&s->down);
  if (s->conn) wr_conn_forget_audio(s->conn);
}

void gw_hold_break(gw_session *s, wr_time now) {
  take_back(s, s->deaf.is && s->deaf.before_at < s->quiet.heard_at ? s->deaf.before_at : s->quiet.heard_at);
  s->deaf = (gw_deaf){0};
  s->quiet.missed = s->quiet.moved = s->quiet.roamed = false;
  gw_downlink_pause(&s->down, true, now);
}

/* When he was heard, and had answered something, last. */
static wr_time known_until(const gw_session *s) {
  wr_time proved_at = wr_conn_arrival(s->conn).proved_at - SACK_US;
  return proved_at < s->quiet.heard_at ? proved_at : s->quiet.heard_at;
}

void gw_hold_played(gw_session *s) {
  if (s->conn && !gw_session_by_socket(s))
    arrived(s, known_until(s), s->rtt_us);
  else
    gw_downlink_arrived(&s->down, WR_NEVER); /* a WebSocket loses nothing while it stands */
}

static void judge(gw_session *s, wr_time now) {
  gw_quiet_sound sound = sound_of(s, now);
  wr_time heard_at;
  gw_quiet_verdict verdict = gw_quiet_judge(&s->quiet, &sound, &heard_at, now);
  if (verdict == GW_QUIET_UNKNOWN) return;
  if (verdict == GW_QUIET_DEAD)
    take_back(s, s->deaf.is && s->deaf.before_at < heard_at ? s->deaf.before_at : heard_at);
  tell(s, "back", verdict == GW_QUIET_DEAD ? "dead" : "late", now);
  gw_downlink_pause(&s->down, s->deaf.is, now);
}

static void look(gw_session *s, wr_time now) {
  wr_arrival arrival = wr_conn_arrival(s->conn);
  switch (gw_deaf_look(&s->deaf, &arrival, s->rtt_us, now)) {
    case GW_DEAF_NOTHING: return;
    case GW_DEAF_ASK: wr_conn_ask(s->conn, now); return;
    case GW_DEAF_BEGINS:
      if (!s->quiet.missed) s->worker->metrics.counter[GW_SPEECH_HELD]++;
      tell(s, "deaf", "unanswered", now);
      gw_downlink_pause(&s->down, true, now);
      return;
    case GW_DEAF_ENDS:
      take_back(s, s->deaf.before_at - SACK_US);
      tell(s, "hears", "answered", now);
      gw_downlink_pause(&s->down, s->quiet.missed, now);
      return;
  }
}

static bool is_watched(const gw_session *s) {
  return s->conn && !gw_session_by_socket(s) && !s->echo && s->state == GW_SESSION_CONNECTED;
}

void gw_hold_answered(gw_session *s, wr_time now) {
  if ((s->deaf.is || s->deaf.asked_at) && is_watched(s)) look(s, now);
}

void gw_hold_heard(gw_session *s, wr_time now) {
  gw_hold_answered(s, now);
  gw_quiet_heard(&s->quiet, now);
  if (s->quiet.missed && is_watched(s)) judge(s, now);
}

void gw_hold_moved(gw_session *s, wr_time now) {
  if (!is_watched(s)) return;
  gw_deaf_move(&s->deaf);
  look(s, now);
  gw_quiet_sound sound = sound_of(s, now);
  bool roamed = s->asked_at && now - s->asked_at < ROAM_US;
  s->asked_at = 0;
  gw_quiet_move(&s->quiet, &sound, roamed, now);
  /* A packet now would show the page the hole; what it asks for then would be heard beside what is said again. */
  if (roamed && s->quiet.missed) gw_downlink_pause(&s->down, true, now);
}

void gw_hold_tick(gw_session *s, wr_time now) {
  if (!is_watched(s)) return;
  look(s, now);
  if (now < gw_quiet_deadline(&s->quiet)) return;
  if (s->quiet.missed) {
    judge(s, now);
    return;
  }
  gw_quiet_sound sound = sound_of(s, now);
  if (!gw_quiet_miss(&s->quiet, &sound, now)) return;
  s->worker->metrics.counter[GW_SPEECH_HELD]++;
  tell(s, "missed", "quiet", now);
  gw_downlink_pause(&s->down, true, now);
}

wr_time gw_hold_deadline(const gw_session *s) {
  if (!is_watched(s)) return WR_NEVER;
  wr_arrival arrival = wr_conn_arrival(s->conn);
  return wr_time_min(gw_quiet_deadline(&s->quiet), gw_deaf_deadline(&s->deaf, &arrival, s->rtt_us));
}
