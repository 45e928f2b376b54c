/* gateway/repair.c - see gateway/repair.h. */
#include "gateway/repair.h"

static bool is_queued(gw_repair *r, uint32_t rtt_us) {
  if (!rtt_us) return false;
  /* The least follows upwards, too, a hundredth a step: paths change. */
  if (!r->least_rtt_us || rtt_us < r->least_rtt_us)
    r->least_rtt_us = rtt_us;
  else
    r->least_rtt_us += (rtt_us - r->least_rtt_us) / 100;
  r->n_queued = rtt_us > r->least_rtt_us + GW_REPAIR_QUEUE_US ? r->n_queued + 1 : 0;
  return r->n_queued >= 2; /* one report may be late */
}

double gw_repair_lost(gw_repair *r, double reported, uint64_t asked, uint64_t sent) {
  bool is_new = sent < r->sent || asked < r->asked; /* another connection */
  uint64_t missed = asked - (is_new ? 0 : r->asked), of = sent - (is_new ? 0 : r->sent);
  r->asked = asked;
  r->sent = sent;
  if (of < GW_REPAIR_SENT) return r->loss;
  double share = missed < of ? (double)missed / (double)of : 1;
  return share > reported ? share : reported;
}

uint8_t gw_repair_step(gw_repair *r, double lost, uint32_t rtt_us, wr_time now) {
  r->loss = lost > r->loss ? lost : r->loss + (lost - r->loss) / 10;
  if (is_queued(r, rtt_us)) r->rest_until = now + GW_REPAIR_REST_US;
  unsigned wanted = r->loss >= GW_REPAIR_TWO ? 2 : r->loss >= GW_REPAIR_ONE ? 1 : 0;
  double stays = r->n_copies == 2 ? GW_REPAIR_TWO / 2 : GW_REPAIR_ONE / 2;
  if (wanted > r->n_copies || r->loss < stays) r->n_copies = wanted;
  if (now < r->rest_until) r->n_copies = 0;
  return r->n_copies == 2 ? GW_REPAIR_TWO_COPIES : r->n_copies == 1 ? GW_REPAIR_ONE_COPY : 0;
}
