/* manager/alive.c - see alive.h. */
#include "manager/alive.h"

void mgr_alive_start(mgr_alive *a, mgr_time now) {
  double rtt_ms = a->rtt_ms;
  *a = (mgr_alive){.runs = true,
                   .heard_at = now,
                   .came_at = now,
                   .pinged_at = now,
                   .asked_at = MGR_NEVER,
                   .ponged_at = now,
                   .unponged_at = MGR_NEVER,
                   .rtt_ms = rtt_ms};
}

void mgr_alive_stop(mgr_alive *a) { a->runs = false; }

void mgr_alive_heard(mgr_alive *a, mgr_time now) {
  a->heard_at = a->came_at = now;
  a->asked_at = MGR_NEVER;
}

void mgr_alive_pong(mgr_alive *a, int32_t rtt_ms, mgr_time now) {
  mgr_alive_heard(a, now);
  a->ponged_at = now;
  a->unponged_at = MGR_NEVER;
  if (rtt_ms < 0 || rtt_ms > 60000) return;
  /* As TCP smooths (RFC 6298), but up at once: patience must not lag behind a queue that fills. */
  double rtt = rtt_ms;
  if (a->least_ms <= 0 || rtt < a->least_ms) a->least_ms = rtt > 1 ? rtt : 1;
  a->rtt_ms = a->rtt_ms == 0 || rtt > a->rtt_ms ? rtt : a->rtt_ms + (rtt - a->rtt_ms) / 8;
}

double mgr_alive_take_rtt(mgr_alive *a, mgr_time now) {
  double least_ms = a->least_ms;
  a->least_ms = 0;
  if (least_ms > 0) return least_ms;
  double waited_ms = a->unponged_at < now ? (double)(now - a->unponged_at) / 1000 : 0;
  return waited_ms > a->rtt_ms ? waited_ms : -1;
}

bool mgr_alive_counted(mgr_alive *a, double n_answers, mgr_time now) {
  bool grew = a->n_answers > 0 && n_answers > a->n_answers;
  a->n_answers = n_answers;
  if (grew) mgr_alive_heard(a, now);
  return grew;
}

void mgr_alive_pinged(mgr_alive *a, mgr_time now) {
  a->pinged_at = now;
  if (a->asked_at == MGR_NEVER) a->asked_at = now;
  if (a->unponged_at == MGR_NEVER) a->unponged_at = now;
}

void mgr_alive_excuse(mgr_alive *a, mgr_time now) {
  a->heard_at = a->ponged_at = now;
  a->asked_at = a->unponged_at = MGR_NEVER;
}

void mgr_alive_path_is_back(mgr_alive *a, mgr_time now) {
  if (a->unponged_at != MGR_NEVER) a->unponged_at = now;
}

void mgr_alive_late(mgr_alive *a, mgr_time late_us) {
  if (a->asked_at != MGR_NEVER) a->asked_at += late_us;
  if (a->unponged_at != MGR_NEVER) a->unponged_at += late_us;
}

mgr_time mgr_alive_patience(const mgr_alive *a, uint32_t timeout_ms) {
  mgr_time four = (mgr_time)(a->rtt_ms * 4000) + MGR_MS(100);
  mgr_time patience = four > MGR_MS(timeout_ms) ? four : MGR_MS(timeout_ms);
  bool comes = a->asked_at != MGR_NEVER && a->came_at > a->asked_at;
  return comes ? patience * 3 : patience;
}
