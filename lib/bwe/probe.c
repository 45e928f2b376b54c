/* bwe/probe.c - see bwe/probe.h. One probe is under way at a time, the next one begins when its result is known or
 * a second has passed. */
#include "bwe/probe.h"

void wr_probe_init(wr_probe *probe, double most_bps) {
  *probe = (wr_probe){.most_bps = most_bps, .limited_at = WR_NEVER};
}

static void want(wr_probe *p, double bps) {
  if (bps > p->most_bps) bps = p->most_bps;
  if (p->n_wanted < 2) p->wanted_bps[p->n_wanted++] = bps;
}

void wr_probe_start(wr_probe *probe, double start_bps) {
  probe->may_go_on = true;
  want(probe, WR_PROBE_FIRST * start_bps);
  want(probe, WR_PROBE_SECOND * start_bps);
}

void wr_probe_limited(wr_probe *probe, double target_bps, wr_time now) {
  if (probe->limited_at == WR_NEVER) probe->limited_at = now;
  if (now - probe->limited_at < WR_PROBE_LIMITED_EVERY_US || target_bps >= probe->most_bps) return;
  probe->limited_at = now;
  probe->may_go_on = true;
  if (!probe->n_wanted && probe->sending_bps <= 0) want(probe, WR_PROBE_LIMITED * target_bps);
}

void wr_probe_cancel(wr_probe *probe) {
  probe->n_wanted = 0;
  probe->sending_bps = 0;
  probe->may_go_on = false;
}

static void begin(wr_probe *p, wr_time now) {
  p->sending_bps = p->wanted_bps[0];
  p->wanted_bps[0] = p->wanted_bps[1];
  p->n_wanted--;
  p->cluster = (uint8_t)(p->cluster == 255 ? 1 : p->cluster + 1);
  p->n_sent = p->n_arrived = 0;
  p->sent_bytes = p->arrived_bytes = 0;
  p->enough_bytes = (size_t)(p->sending_bps * (double)WR_PROBE_LEAST_US / 8e6);
  p->began_at = now;
}

static bool is_sent(const wr_probe *p) { return p->n_sent >= WR_PROBE_PACKETS && p->sent_bytes >= p->enough_bytes; }

double wr_probe_rate(wr_probe *p, uint8_t *cluster, wr_time now) {
  if (p->sending_bps > 0 && now - p->began_at > WR_PROBE_LONGEST_US) p->sending_bps = 0; /* no result */
  if (p->sending_bps <= 0 && p->n_wanted) begin(p, now);
  if (p->sending_bps <= 0 || is_sent(p)) return 0;
  *cluster = p->cluster;
  return p->sending_bps;
}

void wr_probe_sent(wr_probe *p, uint8_t cluster, size_t bytes) {
  if (!cluster || cluster != p->cluster) return;
  p->n_sent++;
  p->sent_bytes += bytes;
}

/* From all but the last sent, and all but the first arrived: n packets have n - 1 gaps. */
static double result(const wr_probe *p) {
  wr_time sending_us = p->last_sent_at - p->first_sent_at, arriving_us = p->last_arrived_at - p->first_arrived_at;
  if (sending_us <= 0 || arriving_us <= 0 || sending_us > WR_PROBE_LONGEST_US || arriving_us > WR_PROBE_LONGEST_US)
    return 0;
  double sent_bps = (double)(p->arrived_bytes - p->last_sent_bytes) * 8e6 / (double)sending_us;
  double arrived_bps = (double)(p->arrived_bytes - p->first_arrived_bytes) * 8e6 / (double)arriving_us;
  if (arrived_bps > WR_PROBE_RATIO_MOST * sent_bps) return 0;
  if (arrived_bps < WR_PROBE_FULL_RATIO * sent_bps) return WR_PROBE_FULL_SHARE * arrived_bps;
  return sent_bps < arrived_bps ? sent_bps : arrived_bps;
}

double wr_probe_arrived(wr_probe *p, uint8_t cluster, size_t bytes, wr_time sent_at, wr_time arrived_at) {
  if (!cluster || cluster != p->cluster || p->sending_bps <= 0) return 0;
  if (p->n_arrived == 0) {
    p->first_sent_at = sent_at;
    p->first_arrived_at = p->last_arrived_at = arrived_at;
    p->first_arrived_bytes = bytes;
  }
  p->n_arrived++;
  p->arrived_bytes += bytes;
  p->last_sent_at = sent_at;
  p->last_sent_bytes = bytes;
  if (arrived_at > p->last_arrived_at) p->last_arrived_at = arrived_at;
  if (!is_sent(p) || p->n_arrived < WR_PROBE_ARRIVED_SHARE * p->n_sent ||
      (double)p->arrived_bytes < WR_PROBE_ARRIVED_SHARE * (double)p->enough_bytes)
    return 0;
  double bps = result(p), asked_bps = p->sending_bps;
  p->sending_bps = 0;
  if (bps > WR_PROBE_FURTHER_IF * asked_bps && p->may_go_on && !p->n_wanted && asked_bps < p->most_bps)
    want(p, WR_PROBE_FURTHER * bps);
  return bps;
}
