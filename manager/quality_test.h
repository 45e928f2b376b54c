/* manager/quality_test.h - a call whose statistics a test can play: a good one, second by second, and its troubles.
 */
#ifndef MANAGER_QUALITY_TEST_H
#define MANAGER_QUALITY_TEST_H

#include "check.h"
#include "manager/quality.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline bool near(double got, double want, double by) { return got >= want - by && got <= want + by; }
static inline int64_t hundredths(double x) { return (int64_t)(x * 100.0 + (x < 0 ? -0.5 : 0.5)); }
static inline double not_a_number(void) { return (double)__builtin_nanf(""); }
static inline double infinite(void) { return (double)__builtin_inff(); }

/* ---- a call that goes well, and what may trouble it ---- */

typedef struct weather {
  double lost_down, lost_up; /* packets of a second's fifty */
  double rtt_s, jitter_s;
  double concealed; /* share of samples made up audibly */
  double mic_level;
} weather;

static const weather fine = {.rtt_s = 0.04, .jitter_s = 0.003, .mic_level = 0.1};

typedef struct call {
  mgr_quality q;
  mgr_sample s;
  mgr_gateway_report report;
  mgr_time now;
} call;

/* Everything a browser can report, and its first sample fed. */
static inline void begin(call *c) {
  *c = (call){.now = MGR_S(1000)};
  c->s.pair = 1;
  c->s.pair_available_out_bps = 300000;
  c->s.mic_live = 1;
  c->s.pair_rtt_s = c->s.remote_rtt_s = fine.rtt_s;
  c->report = (mgr_gateway_report){.rtt_ms = 41, .jitter_ms = 2};
  mgr_quality_init(&c->q);
  mgr_quality_sample(&c->q, &c->s, c->now);
}

/* The counters of |seconds| more; nothing is fed. */
static inline void pass(call *c, const weather *w, double seconds) {
  mgr_sample *s = &c->s;
  double arrived = 50 - w->lost_down, sent = 50;
  c->now += (mgr_time)(seconds * 1e6);
  s->pair_rtt_s = w->rtt_s + 0.001;
  s->pair_bytes_sent += sent * 120 * seconds;
  s->pair_bytes_received += arrived * 130 * seconds;
  s->in_packets += arrived * seconds;
  s->in_lost += w->lost_down * seconds;
  s->in_bytes += arrived * 80 * seconds;
  s->in_jitter_s = w->jitter_s;
  s->in_samples += 48000 * seconds;
  s->in_concealed += (48000 * w->concealed + 100) * seconds;
  s->in_silent_concealed += 100 * seconds;
  s->in_buffer_delay_s += 0.06 * 48000 * seconds;
  s->in_buffer_emitted += 48000 * seconds;
  s->out_packets += sent * seconds;
  s->out_bytes += sent * 80 * seconds;
  s->remote_lost += w->lost_up * seconds;
  s->remote_fraction_lost = w->lost_up / sent;
  s->remote_rtt_s = w->rtt_s + 1e-6 * (double)(c->now / 1000000 % 2); /* no two reports are alike */
  s->remote_jitter_s = w->jitter_s;
  s->mic_level = w->mic_level;
  s->mic_energy += w->mic_level * w->mic_level * seconds;
}

static inline unsigned feed(call *c) { return mgr_quality_sample(&c->q, &c->s, c->now); }

static inline unsigned second(call *c, const weather *w) {
  pass(c, w, 1);
  return feed(c);
}

static inline void seconds(call *c, const weather *w, unsigned n) {
  while (n--) second(c, w);
}

static inline weather with_loss_down(double packets) {
  weather w = fine;
  w.lost_down = packets;
  return w;
}

static inline weather with_mic(double level) {
  weather w = fine;
  w.mic_level = level;
  return w;
}

/* ---- laws ---- */

static inline bool is_absent_or(double x, double low, double high) {
  return x == MGR_ABSENT || (x >= low && x <= high);
}

static inline bool are_in_range(const mgr_figures *f) {
  static const double most = 1e18;
  return is_absent_or(f->mos, 1, 4.5) && is_absent_or(f->r_factor, 0, 93.2) && is_absent_or(f->rtt_ms, 0, 60000) &&
         is_absent_or(f->jitter_ms, 0, 60000) && is_absent_or(f->delay_ms, 46, 100000) &&
         is_absent_or(f->loss_down, 0, 1) && is_absent_or(f->loss_up, 0, 1) && is_absent_or(f->in_bps, 0, most) &&
         is_absent_or(f->out_bps, 0, most) && is_absent_or(f->video_bps, 0, most) &&
         is_absent_or(f->available_out_bps, 0, most) && is_absent_or(f->concealed, 0, 1) &&
         is_absent_or(f->buffer_ms, 0, 60000) && is_absent_or(f->in_level, 0, 1) &&
         is_absent_or(f->mic_level, 0, 1) && is_absent_or(f->relayed, 0, 1);
}

/* What holds between two states whatever was fed between them. */
static inline bool is_lawful(const mgr_quality *before, const mgr_quality *after, unsigned changed) {
  bool rose = after->level > before->level;
  bool is_step = !rose || before->level == MGR_LEVEL_UNKNOWN || after->level == before->level + 1;
  return are_in_range(&after->figures) && is_step && after->level >= MGR_LEVEL_UNKNOWN &&
         after->level <= MGR_LEVEL_EXCELLENT && !(before->level && !after->level) && after->issues < 512 &&
         (changed & MGR_QUALITY_LEVEL_CHANGED) == (after->level != before->level ? MGR_QUALITY_LEVEL_CHANGED : 0) &&
         (changed & MGR_QUALITY_ISSUES_CHANGED) ==
             (after->issues != before->issues ? MGR_QUALITY_ISSUES_CHANGED : 0);
}

#endif
