/* gateway/deaf.c - see deaf.h. */
#include "gateway/deaf.h"

static wr_time suspect_at(const wr_arrival *arrival, uint32_t rtt_us) {
  if (arrival->open_at == WR_NEVER || !arrival->proved_at) return WR_NEVER;
  wr_time since = arrival->open_at > arrival->proved_at ? arrival->open_at : arrival->proved_at;
  return since + GW_DEAF_SUSPECT_US + 2 * (wr_time)rtt_us;
}

static wr_time deaf_at(const gw_deaf *deaf, uint32_t rtt_us) {
  wr_time each = 2 * (wr_time)rtt_us > GW_DEAF_CHECK_US ? 2 * (wr_time)rtt_us : GW_DEAF_CHECK_US;
  return deaf->asked_at + GW_DEAF_CHECKS * each;
}

gw_deaf_news gw_deaf_look(gw_deaf *deaf, const wr_arrival *arrival, uint32_t rtt_us, wr_time now) {
  if (deaf->is) {
    if (arrival->proved_at <= deaf->before_at) return GW_DEAF_NOTHING;
    deaf->is = false;
    deaf->asked_at = 0;
    return GW_DEAF_ENDS;
  }
  if (deaf->asked_at && arrival->proved_at > deaf->before_at) deaf->asked_at = 0;
  if (!deaf->asked_at) {
    if (now < suspect_at(arrival, rtt_us)) return GW_DEAF_NOTHING;
    deaf->asked_at = now;
    deaf->before_at = arrival->proved_at;
    return GW_DEAF_ASK;
  }
  if (now < deaf_at(deaf, rtt_us)) return GW_DEAF_NOTHING;
  deaf->is = true;
  return GW_DEAF_BEGINS;
}

void gw_deaf_move(gw_deaf *deaf) { deaf->is = deaf->is || deaf->asked_at; }

wr_time gw_deaf_deadline(const gw_deaf *deaf, const wr_arrival *arrival, uint32_t rtt_us) {
  if (deaf->is) return WR_NEVER;
  return deaf->asked_at ? deaf_at(deaf, rtt_us) : suspect_at(arrival, rtt_us);
}
