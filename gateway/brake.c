/* gateway/brake.c - see gateway/brake.h. */
#include "gateway/brake.h"

bool gw_brake_step(gw_brake *b, uint32_t queue_us, wr_time now) {
  if (queue_us < GW_BRAKE_QUEUE_US) {
    *b = (gw_brake){.late_since = 0};
    return false;
  }
  if (!b->late_since) b->late_since = now;
  if (now - b->late_since < GW_BRAKE_STOOD_US) return false;
  bool is_news = !b->said_at || now - b->said_at >= GW_BRAKE_AGAIN_US || queue_us / 2 > b->said_us;
  if (!is_news) return false;
  b->said_at = now;
  b->said_us = queue_us;
  return true;
}
