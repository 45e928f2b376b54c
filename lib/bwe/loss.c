/* bwe/loss.c - see bwe/loss.h. */
#include "bwe/loss.h"

void wr_loss_init(wr_loss *loss, double least_bps, double most_bps) {
  *loss = (wr_loss){.bound_bps = most_bps, .least_bps = least_bps, .most_bps = most_bps, .began_at = WR_NEVER};
}

static void lower(wr_loss *l, double excess, double sent_bps, double allowed_bps) {
  double from_bps = l->bound_bps < allowed_bps ? l->bound_bps : allowed_bps;
  if (l->n_trials == 0) {
    l->n_trials = WR_LOSS_TRIALS;
    l->tried = excess;
    l->before_bps = l->bound_bps;
    if (sent_bps < from_bps) from_bps = sent_bps; /* else the trial would change nothing */
  }
  l->bound_bps = from_bps * (1 - excess / 2);
  if (l->bound_bps < l->least_bps) l->bound_bps = l->least_bps;
}

/* The trial is over: what is still lost, although less was sent? */
static void judge(wr_loss *l) {
  double still = (l->share + l->last_share) / 2, excess = still - l->own;
  if (excess < WR_LOSS_HIGH || excess < WR_LOSS_HELPED * l->tried) return;
  l->own = l->smoothed = still;
  l->bound_bps = l->before_bps;
}

static void interval_ended(wr_loss *l, double sent_bps, double allowed_bps, double elapsed_s) {
  l->smoothed += WR_LOSS_WEIGHT * (l->share - l->smoothed);
  if (l->n_trials && --l->n_trials == 0) judge(l);
  if (l->smoothed < l->own) l->own = 0.9 * l->own + 0.1 * l->smoothed; /* a path gets better slowly */
  double excess = l->smoothed - l->own;
  if (excess > WR_LOSS_HIGH && l->share > l->own) lower(l, l->share - l->own, sent_bps, allowed_bps);
  if (excess < WR_LOSS_LOW && l->n_trials == 0) {
    if (elapsed_s > 1) elapsed_s = 1;
    l->bound_bps *= 1 + (WR_LOSS_INCREASE - 1) * elapsed_s;
    /* Nothing below what the delay allows: then loss is no bound any more. */
    if (l->bound_bps > 2 * allowed_bps || l->bound_bps > l->most_bps) l->bound_bps = l->most_bps;
  }
}

void wr_loss_update(wr_loss *l, uint32_t n_packets, uint32_t n_lost, double sent_bps, double allowed_bps,
                    wr_time now) {
  if (l->began_at == WR_NEVER) l->began_at = now;
  l->n_packets += n_packets;
  l->n_lost += n_lost;
  if (now - l->began_at < WR_LOSS_INTERVAL_US || l->n_packets < WR_LOSS_PACKETS) return;
  l->last_share = l->share;
  l->share = (double)l->n_lost / l->n_packets;
  interval_ended(l, sent_bps, allowed_bps, (double)(now - l->began_at) / 1e6);
  l->n_packets = l->n_lost = 0;
  l->began_at = now;
}
