/* gateway/narrow.c - see gateway/narrow.h. */
#include "gateway/narrow.h"

static void narrows(gw_narrow *n, wr_time now) {
  bool again = n->state == GW_NARROW_TRIAL;
  n->hold_us = again ? wr_time_min(2 * n->hold_us, GW_NARROW_HOLD_MAX_US) : GW_NARROW_HOLD_US;
  n->state = GW_NARROW_YES;
  n->very = false;
  n->until = now + n->hold_us;
}

unsigned gw_narrow_step(gw_narrow *n, uint32_t target_bps, uint32_t queue_us, wr_time now) {
  if (!target_bps || target_bps >= GW_NARROW_WIDE_BPS) *n = (gw_narrow){.state = GW_NARROW_NO};
  switch (n->state) {
    case GW_NARROW_NO:
      if (target_bps && target_bps < GW_NARROW_BPS) narrows(n, now);
      break;
    case GW_NARROW_YES:
      if (now >= n->until && queue_us < GW_NARROW_QUEUE_US / 2) n->state = GW_NARROW_TRIAL;
      break;
    case GW_NARROW_TRIAL:
      if (queue_us > GW_NARROW_QUEUE_US) narrows(n, now);
      break;
  }
  if (n->state != GW_NARROW_YES) return 0;
  /* The estimate then grows with what is sent, so it says nothing of 60 ms: the next trial does. */
  if (target_bps < GW_NARROW_LEAST_BPS) n->very = true;
  return n->very ? 120 : 60;
}

unsigned gw_narrow_quiet_ms(const gw_narrow *n, uint32_t target_bps) {
  bool limited = target_bps && target_bps < GW_NARROW_AMPLE_BPS;
  return limited || n->state != GW_NARROW_NO ? 20 : 10;
}

wr_time gw_narrow_rest_us(gw_narrow *n, uint32_t queue_us, uint32_t rtt_us, wr_time now) {
  if (n->state != GW_NARROW_YES || queue_us <= GW_NARROW_REST_US || now < n->rested_until) return 0;
  wr_time rest = wr_time_min(queue_us - GW_NARROW_LEFT_US, GW_NARROW_REST_MAX_US);
  n->rested_until = now + rest + rtt_us + GW_NARROW_NEWS_US;
  return rest;
}
