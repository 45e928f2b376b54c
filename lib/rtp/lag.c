/* rtp/lag.c - see rtp/lag.h. Times are 6.18 bits of seconds, so they wrap each 64 s; differences are signed. */
#include "rtp/lag.h"

enum { MASK = 0xffffff, HALF = 0x800000, UNITS_PER_S = 1 << 18 };

static uint32_t units_of(wr_time now) {
  uint64_t us = (uint64_t)now;
  return (uint32_t)((us / 1000000u * UNITS_PER_S + us % 1000000u * UNITS_PER_S / 1000000u) & MASK);
}

static int32_t later(uint32_t a, uint32_t b) {
  uint32_t difference = (a - b) & MASK;
  return difference < HALF ? (int32_t)difference : (int32_t)difference - 2 * HALF;
}

void wr_rtp_lag_init(wr_rtp_lag *lag) { *lag = (wr_rtp_lag){.started = false}; }

static void begin(wr_rtp_lag *lag, uint32_t transit, wr_time now) {
  *lag = (wr_rtp_lag){.started = true,
                      .quickest = {transit, transit},
                      .row = {transit, transit, transit},
                      .period_until = now + WR_RTP_LAG_PERIOD_US,
                      .last_at = now};
}

void wr_rtp_lag_arrived(wr_rtp_lag *lag, uint32_t sent, wr_time now) {
  uint32_t transit = (units_of(now) - sent) & MASK;
  /* After so long without a packet both are of another time, and differences may have wrapped. */
  if (!lag->started || now - lag->period_until > WR_RTP_LAG_PERIOD_US) {
    begin(lag, transit, now);
    return;
  }
  if (now >= lag->period_until) {
    lag->quickest[0] = lag->quickest[1];
    lag->quickest[1] = transit;
    lag->period_until = now + WR_RTP_LAG_PERIOD_US;
  }
  for (size_t i = 0; i < 2; i++)
    if (later(transit, lag->quickest[i]) < 0) lag->quickest[i] = transit;
  lag->last_at = now;
  lag->row[lag->n] = transit;
  lag->n = (uint8_t)((lag->n + 1) % WR_RTP_LAG_ROW);
}

uint32_t wr_rtp_lag_us(const wr_rtp_lag *lag, wr_time now) {
  int32_t least = INT32_MAX;
  if (!lag->started || now - lag->last_at > WR_RTP_LAG_STALE_US) return 0;
  for (size_t i = 0; i < WR_RTP_LAG_ROW; i++) {
    int32_t lag_units = later(lag->row[i], lag->quickest[0]);
    if (lag_units < least) least = lag_units;
  }
  return least <= 0 ? 0 : (uint32_t)((uint64_t)least * 1000000u / UNITS_PER_S);
}
