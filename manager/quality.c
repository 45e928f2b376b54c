/* manager/quality.c - implements quality.h. All constants and thresholds of the judgement stand here, with reasons.
 *
 * Left out: burst length (no browser reports it: a constant), the encoder's bit rate in the MOS, video. */
#include "manager/quality.h"

/* ---- E-model ---- */

#define R_CLEAN 93.2 /* G.107 with all defaults */
#define R_MAX 100.0
#define IE_MAX 95.0

/* Opus at 24 to 32 kbit/s. There is no agreed table for it in G.113. Ie 0: without loss it is at least as good as
 * G.711, which is 0 by definition, and this narrow-band scale has no room above. Bpl: G.113 gives G.711 with
 * concealment 25, G.729 19, GSM-EFR 10; Opus conceals single 20 ms frames, not more, hence between the last two;
 * its in-band FEC gives most single frames back. So 5 % random loss is a MOS of 3.5 without FEC and 3.9 with it. */
#define IE_OPUS 0.0
#define BPL_OPUS 15.0
#define BPL_OPUS_FEC 25.0
/* Queues and radio lose in bursts; nobody tells us how long. G.107 allows 1 (random) to about 2. */
#define BURST_RATIO 1.5

/* One way besides the network and the jitter buffer: 20 ms to fill a packet, 6.5 ms Opus look-ahead, and about 10
 * ms each for the buffers of microphone and loudspeaker. */
#define FIXED_DELAY_MS 46.5

/* ---- figures ---- */

#define COUNTER_MAX 1e15 /* larger: not a number of this world; below, doubles count exactly */
#define SECONDS_MAX 60.0 /* a round trip, a time in a buffer */
#define LEAST_ELAPSED_US MGR_MS(100)
#define REPORT_AGE_US MGR_S(3)
#define MIN_PACKETS 5.0 /* fewer make no ratio: one of two lost is not 50 % */
/* The interval in which a stream stops has an invented end of sound; that is not loss. Stopped: fewer packets than
 * this share of the interval before. */
#define PAUSE_SHARE 0.8

/* ---- levels, by MOS ----
 * EXCELLENT survives one packet of a second's fifty (2 %: 4.0), GOOD two (4 %: 3.6). Below 2.6, R 50, G.109 says
 * "nearly all users dissatisfied". */
static const struct level_rule {
  mgr_level level;
  double mos;
} levels[] = {{MGR_LEVEL_EXCELLENT, 3.9}, {MGR_LEVEL_GOOD, 3.4}, {MGR_LEVEL_POOR, 2.6}, {MGR_LEVEL_BAD, 0.0}};

/* ---- issues ---- */

#define SILENCE_LEVEL 1e-3       /* -60 dBFS: a room's noise is above, a dead input below */
#define SILENCE_ENERGY 1e-6      /* the same as mean square */
#define SILENCE_US MGR_S(4)      /* nothing at all since it went live */
#define QUIET_US MGR_S(15)       /* it was heard before: most likely the person listens */
#define AUDIBLE_LEVEL 3e-3       /* -50 dBFS of the assistant: the echo canceller may silence the microphone */
#define SILENCE_STEP_US MGR_S(2) /* a page that slept did not listen */

/* So much made up, although the packets came, and evenly: nobody had time to decode. */
#define CONCEALED_BUSY 0.05
#define LOSS_NONE 0.01
#define JITTER_LOW_MS 25.0

/* 16 kbit/s of voice as 50 packets a second of 40 bytes, each with 60 bytes of IP, UDP, RTP, SRTP and header
 * extensions around it. */
#define NEED_BPS 40000.0

#define FORGET_SAMPLES 10 /* nothing measured for so long: an issue can no longer be claimed */

/* On when the value is at least |on| for |n_on| samples in a row; off when below |off| for |n_off|. */
static const struct issue_rule {
  mgr_issue issue;
  double on, off;
  uint8_t n_on, n_off;
} rules[] = {
    {MGR_ISSUE_UPLINK_LOSS, 0.04, 0.02, 2, 4},   /* named before the level is POOR (5 %) */
    {MGR_ISSUE_DOWNLINK_LOSS, 0.04, 0.02, 2, 4}, /* likewise */
    {MGR_ISSUE_DELAY, 250, 200, 2, 4},           /* ms one way: past the E-model's knee at 177 */
    {MGR_ISSUE_JITTER, 40, JITTER_LOW_MS, 2, 4}, /* ms: two packets' time; buffers grow past 100 ms */
    {MGR_ISSUE_SILENT_MICROPHONE, 1, 1, 1, 1},   /* has its own times, above; the first sound ends it */
    {MGR_ISSUE_CPU, 1, 1, 2, 4},
    {MGR_ISSUE_RELAY, 1, 1, 2, 4},
    {MGR_ISSUE_LOW_BANDWIDTH, 1.0, 0.8, 2, 4}, /* need over what there is */
};
enum { N_RULES = sizeof rules / sizeof *rules };
_Static_assert(N_RULES <= MGR_N_ISSUES, "every rule has its counters");

/* ---- small tools ---- */

static bool is_there(double x) { return x >= 0.0; }

static double most(double a, double b) { return a > b ? a : b; }
static double least(double a, double b) { return a < b ? a : b; }

/* NaN fails the comparison and is absent. */
static double believed(double x, double max) { return x >= 0.0 && x <= max ? x : MGR_ABSENT; }

static double share(double x) { return is_there(x) ? least(x, 1.0) : MGR_ABSENT; }

static double first_there(double a, double b, double c) { return is_there(a) ? a : is_there(b) ? b : c; }

static mgr_time since(mgr_time then, mgr_time now) {
  if (now <= then) return 0;
  uint64_t gone = (uint64_t)now - (uint64_t)then;
  return gone > INT64_MAX ? INT64_MAX : (mgr_time)gone;
}

/* What a counter gained; MGR_ABSENT if it is not there or began anew. */
static double gain(double from, double to) {
  return is_there(from) && is_there(to) && to >= from ? to - from : MGR_ABSENT;
}

static double milliseconds(double seconds) {
  double s = believed(seconds, SECONDS_MAX);
  return is_there(s) ? s * 1e3 : MGR_ABSENT;
}

static double bits_per_second(double bytes, double seconds) {
  return is_there(bytes) ? bytes * 8.0 / seconds : MGR_ABSENT;
}

static mgr_sample cleaned(const mgr_sample *in) {
  mgr_sample s;
#define MGR_SAMPLE(field, name) s.field = believed(in->field, COUNTER_MAX);
#include "manager/sample.def"
#undef MGR_SAMPLE
  return s;
}

static const mgr_figures nothing = {
    .mos = MGR_ABSENT,
    .r_factor = MGR_ABSENT,
    .rtt_ms = MGR_ABSENT,
    .jitter_ms = MGR_ABSENT,
    .delay_ms = MGR_ABSENT,
    .loss_down = MGR_ABSENT,
    .loss_up = MGR_ABSENT,
    .in_bps = MGR_ABSENT,
    .out_bps = MGR_ABSENT,
    .video_bps = MGR_ABSENT,
    .available_out_bps = MGR_ABSENT,
    .concealed = MGR_ABSENT,
    .buffer_ms = MGR_ABSENT,
    .in_level = MGR_ABSENT,
    .mic_level = MGR_ABSENT,
    .relayed = MGR_ABSENT,
};

/* ---- E-model ---- */

double mgr_quality_r(double delay_ms, double loss, double burst_ratio, bool has_fec) {
  double d = most(believed(delay_ms, SECONDS_MAX * 1e3), 0.0);
  double ppl = 100.0 * most(share(believed(loss, COUNTER_MAX)), 0.0);
  double burst = most(believed(burst_ratio, COUNTER_MAX), 1.0);
  double id = 0.024 * d + (d > 177.3 ? 0.11 * (d - 177.3) : 0.0);
  double bpl = has_fec ? BPL_OPUS_FEC : BPL_OPUS;
  double ie = IE_OPUS + (IE_MAX - IE_OPUS) * ppl / (ppl / burst + bpl);
  return most(R_CLEAN - id - ie, 0.0);
}

double mgr_quality_mos(double r_factor) {
  if (!(r_factor > 0.0)) return 1.0;
  if (r_factor >= R_MAX) return 4.5;
  /* The cubic dips below 1 for R under 6.5. */
  return most(1.0 + 0.035 * r_factor + r_factor * (r_factor - 60.0) * (100.0 - r_factor) * 7e-6, 1.0);
}

double mgr_quality_direction_r(double rtt_ms, double buffer_ms, double loss) {
  double way_ms = most(rtt_ms, 0.0) / 2.0 + FIXED_DELAY_MS;
  return mgr_quality_r(way_ms + most(buffer_ms, 0.0), loss, BURST_RATIO, false);
}

mgr_level mgr_quality_level(double mos) {
  size_t i = 0;
  while (mos < levels[i].mos) i++;
  return levels[i].level;
}

/* ---- loss ---- */

/* How the second counter counts. */
typedef enum meter_kind { SENT, RECEIVED } meter_kind;

static void start_meter(mgr_loss_meter *m, double lost, double packets, mgr_time now) {
  bool has_start = is_there(lost) && is_there(packets);
  *m = (mgr_loss_meter){lost, packets, MGR_ABSENT, now, has_start};
}

/* |is_news|: the counters were really reported again. Between reports the last ratio holds, for REPORT_AGE_US.
 * |lost| may fall: late packets are taken back, which is no loss now, and no gain on what comes. */
static void read_meter(mgr_loss_meter *m, meter_kind kind, double lost, double packets, bool is_news,
                       mgr_time now) {
  if (!is_there(lost) || !is_there(packets) || !m->has_start || packets < m->packets) {
    start_meter(m, lost, packets, now);
    return;
  }
  if (!is_news && since(m->at, now) < REPORT_AGE_US) return;
  double new_lost = most(lost - m->lost, 0.0);
  double total = packets - m->packets + (kind == RECEIVED ? new_lost : 0.0);
  if (total < MIN_PACKETS) {
    m->ratio = MGR_ABSENT; /* and the start stays: they add up */
    return;
  }
  *m = (mgr_loss_meter){lost, packets, share(new_lost / total), now, true};
}

static bool remote_is_new(const mgr_sample *from, const mgr_sample *to) {
  return from->remote_lost != to->remote_lost || from->remote_fraction_lost != to->remote_fraction_lost ||
         from->remote_jitter_s != to->remote_jitter_s || from->remote_rtt_s != to->remote_rtt_s;
}

static void measure_loss(mgr_quality *q, const mgr_sample *s, mgr_time now) {
  read_meter(&q->down, RECEIVED, s->in_lost, s->in_packets, true, now);
  q->figures.loss_down = q->down.ratio;

  read_meter(&q->up, SENT, s->remote_lost, s->out_packets, remote_is_new(&q->last, s), now);
  double by_rtcp = q->up.ratio;
  bool has_counters = is_there(s->remote_lost) && is_there(s->out_packets);
  bool sent_nothing = gain(q->last.out_packets, s->out_packets) == 0.0;
  if (!has_counters && !sent_nothing) by_rtcp = share(s->remote_fraction_lost);

  double by_gateway = MGR_ABSENT;
  if (q->has_gateway) {
    read_meter(&q->up_gateway, RECEIVED, q->gateway.lost, q->gateway.received, q->gateway_is_new, now);
    by_gateway = q->up_gateway.ratio;
  }
  q->gateway_is_new = false;
  q->figures.loss_up = most(by_rtcp, by_gateway);
}

/* ---- other figures ---- */

static void measure_rates(mgr_quality *q, const mgr_sample *s, double seconds) {
  const mgr_sample *from = &q->last;
  mgr_figures *f = &q->figures;
  f->video_bps = bits_per_second(gain(from->video_bytes, s->video_bytes), seconds);
  double in_bytes = MGR_ABSENT, out_bytes = MGR_ABSENT;
  if (from->pair == s->pair) { /* another pair counts from elsewhere */
    in_bytes = gain(from->pair_bytes_received, s->pair_bytes_received);
    out_bytes = gain(from->pair_bytes_sent, s->pair_bytes_sent);
  }
  f->in_bps = bits_per_second(first_there(in_bytes, gain(from->in_bytes, s->in_bytes), MGR_ABSENT), seconds);
  if (!is_there(out_bytes)) {
    out_bytes = gain(from->out_bytes, s->out_bytes);
    double video = gain(from->video_bytes, s->video_bytes);
    bool is_partial = is_there(s->out_bytes) && !is_there(out_bytes); /* audio began anew: no sum */
    if (is_there(video) && !is_partial) out_bytes = most(out_bytes, 0.0) + video;
  }
  f->out_bps = bits_per_second(out_bytes, seconds);
  f->available_out_bps = s->pair_available_out_bps;
}

/* A gauge of a stream that stands still is an old one. */
static double unless_still(double gauge, double from, double to) {
  return gain(from, to) == 0.0 ? MGR_ABSENT : gauge;
}

static void measure_times(mgr_quality *q, const mgr_sample *s) {
  const mgr_sample *from = &q->last;
  mgr_figures *f = &q->figures;
  double gateway_rtt_ms = q->has_gateway ? q->gateway.rtt_ms : MGR_ABSENT;
  double gateway_jitter_ms = q->has_gateway ? q->gateway.jitter_ms : MGR_ABSENT;
  f->rtt_ms = first_there(milliseconds(s->remote_rtt_s), milliseconds(s->pair_rtt_s), gateway_rtt_ms);
  f->jitter_ms = first_there(unless_still(milliseconds(s->in_jitter_s), from->in_packets, s->in_packets),
                             unless_still(milliseconds(s->remote_jitter_s), from->out_packets, s->out_packets),
                             unless_still(gateway_jitter_ms, from->out_packets, s->out_packets));
  double delay_s = gain(from->in_buffer_delay_s, s->in_buffer_delay_s);
  double emitted = gain(from->in_buffer_emitted, s->in_buffer_emitted);
  if (is_there(delay_s) && emitted > 0.0) f->buffer_ms = milliseconds(delay_s / emitted);
  if (is_there(f->rtt_ms)) f->delay_ms = f->rtt_ms / 2.0 + most(f->buffer_ms, 0.0) + FIXED_DELAY_MS;
}

static void measure_concealment(mgr_quality *q, const mgr_sample *s, double seconds) {
  const mgr_sample *from = &q->last;
  double samples = gain(from->in_samples, s->in_samples);
  double concealed = gain(from->in_concealed, s->in_concealed);
  double silent = is_there(s->in_silent_concealed) ? gain(from->in_silent_concealed, s->in_silent_concealed) : 0.0;
  if (samples > 0.0 && is_there(concealed) && is_there(silent))
    q->figures.concealed = share(most(concealed - silent, 0.0) / samples);

  double came = gain(from->in_packets, s->in_packets);
  double lost = most(gain(from->in_lost, s->in_lost), 0.0);
  double rate = is_there(came) ? (came + lost) / seconds : MGR_ABSENT;
  bool is_flowing =
      !is_there(s->in_packets) || (came + lost >= MIN_PACKETS && rate >= PAUSE_SHARE * q->packet_rate);
  q->concealed = is_flowing ? q->figures.concealed : MGR_ABSENT;
  q->packet_rate = rate;
}

static void measure(mgr_quality *q, const mgr_sample *s, double seconds, mgr_time now) {
  mgr_figures *f = &q->figures;
  *f = nothing;
  if (since(q->gateway_at, now) > REPORT_AGE_US) q->has_gateway = false;
  measure_loss(q, s, now);
  measure_rates(q, s, seconds);
  measure_times(q, s);
  measure_concealment(q, s, seconds);
  f->in_level = share(s->in_level);
  f->mic_level = share(s->mic_level);
  if (is_there(s->pair_relayed)) f->relayed = s->pair_relayed >= 0.5 ? 1.0 : 0.0;
}

/* ---- judgement ---- */

/* No FEC in either direction: the gateway hands frames on undecoded, and what the browser could mend with it is
 * not among the concealed samples. The gateway has no playout buffer, so ours counts on the way down only. */
static void score(mgr_quality *q) {
  mgr_figures *f = &q->figures;
  double loss_down = most(f->loss_down, q->concealed);
  if (!is_there(f->rtt_ms) && !is_there(loss_down) && !is_there(f->loss_up)) return;
  double down = mgr_quality_direction_r(f->rtt_ms, f->buffer_ms, loss_down);
  double up = mgr_quality_direction_r(f->rtt_ms, 0.0, f->loss_up);
  f->r_factor = least(down, up);
  f->mos = mgr_quality_mos(f->r_factor);
}

static unsigned judge_level(mgr_quality *q) {
  if (!is_there(q->figures.mos)) return 0;
  mgr_level level = mgr_quality_level(q->figures.mos), before = q->level;
  q->n_better = level > before ? q->n_better + 1 : 0;
  if (level < before || before == MGR_LEVEL_UNKNOWN)
    q->level = level;
  else if (q->n_better >= MGR_QUALITY_RISE_SAMPLES)
    q->level = (mgr_level)(before + 1);
  if (q->level == before) return 0;
  q->n_better = 0;
  return MGR_QUALITY_LEVEL_CHANGED;
}

static void watch_microphone(mgr_quality *q, const mgr_sample *s, mgr_time elapsed) {
  if (s->mic_live != 1.0 || q->system_muted) {
    q->silent_us = 0;
    q->was_heard = false;
    return;
  }
  double energy = gain(q->last.mic_energy, s->mic_energy) * 1e6 / (double)elapsed;
  if (s->mic_level >= SILENCE_LEVEL || energy >= SILENCE_ENERGY) {
    q->silent_us = 0;
    q->was_heard = true;
  } else if ((is_there(s->mic_level) || is_there(energy)) && s->in_level < AUDIBLE_LEVEL) {
    q->silent_us += mgr_time_min(mgr_time_min(elapsed, SILENCE_STEP_US), QUIET_US - q->silent_us);
  }
}

static double busy(const mgr_quality *q, const mgr_sample *s) {
  const mgr_figures *f = &q->figures;
  if (s->video_limited == 1.0) return 1.0;
  if (is_there(q->concealed) && is_there(f->loss_down))
    return q->concealed >= CONCEALED_BUSY && f->loss_down < LOSS_NONE && f->jitter_ms < JITTER_LOW_MS ? 1.0 : 0.0;
  return is_there(s->video_limited) ? 0.0 : MGR_ABSENT;
}

/* The number a rule compares; MGR_ABSENT: this sample says nothing about it. */
static double value_of(const mgr_quality *q, const mgr_sample *s, mgr_issue issue) {
  const mgr_figures *f = &q->figures;
  switch (issue) {
    case MGR_ISSUE_UPLINK_LOSS: return f->loss_up;
    case MGR_ISSUE_DOWNLINK_LOSS: return f->loss_down;
    case MGR_ISSUE_DELAY: return f->delay_ms;
    case MGR_ISSUE_JITTER: return f->jitter_ms;
    case MGR_ISSUE_SILENT_MICROPHONE: return q->silent_us >= (q->was_heard ? QUIET_US : SILENCE_US) ? 1.0 : 0.0;
    case MGR_ISSUE_CPU: return busy(q, s);
    case MGR_ISSUE_RELAY: return f->relayed;
    case MGR_ISSUE_LOW_BANDWIDTH:
      return is_there(f->available_out_bps) ? NEED_BPS / most(f->available_out_bps, 1.0) : MGR_ABSENT;
    case MGR_ISSUE_MICROPHONE_MUTED: break; /* an event, not a measurement */
  }
  return MGR_ABSENT;
}

static void judge_issue(mgr_quality *q, size_t i, double value) {
  const struct issue_rule *rule = &rules[i];
  bool is_on = q->issues & (uint32_t)rule->issue;
  if (!is_there(value)) {
    if (!is_on) return;
    if (++q->n_unknown[i] < FORGET_SAMPLES) return;
  } else {
    q->n_unknown[i] = 0;
    bool is_against = is_on ? value < rule->off : value >= rule->on;
    q->streak[i] = is_against ? (uint8_t)(q->streak[i] + 1) : 0;
    if (q->streak[i] < (is_on ? rule->n_off : rule->n_on)) return;
  }
  q->issues ^= (uint32_t)rule->issue;
  q->streak[i] = q->n_unknown[i] = 0;
}

static unsigned judge_issues(mgr_quality *q, const mgr_sample *s, mgr_time elapsed) {
  uint32_t before = q->issues;
  watch_microphone(q, s, elapsed);
  for (size_t i = 0; i < N_RULES; i++) judge_issue(q, i, value_of(q, s, rules[i].issue));
  return q->issues != before ? MGR_QUALITY_ISSUES_CHANGED : 0;
}

/* ---- what the others call ---- */

void mgr_quality_init(mgr_quality *q) {
  *q = (mgr_quality){.level = MGR_LEVEL_UNKNOWN};
  mgr_quality_restart(q);
}

void mgr_quality_restart(mgr_quality *q) {
  q->figures = nothing;
  q->has_last = q->has_gateway = q->gateway_is_new = false;
  q->up_gateway.has_start = false; /* the others start with the first sample */
  q->packet_rate = q->concealed = MGR_ABSENT;
}

static void remember(mgr_quality *q, const mgr_sample *s, mgr_time now) {
  q->last = *s;
  q->sampled_at = now;
  q->has_last = true;
}

unsigned mgr_quality_sample(mgr_quality *q, const mgr_sample *sample, mgr_time now) {
  mgr_sample s = cleaned(sample);
  if (!q->has_last || now < q->sampled_at) {
    start_meter(&q->down, s.in_lost, s.in_packets, now);
    start_meter(&q->up, s.remote_lost, s.out_packets, now);
    remember(q, &s, now);
    return 0;
  }
  mgr_time elapsed = since(q->sampled_at, now);
  if (elapsed < LEAST_ELAPSED_US) return 0;
  measure(q, &s, (double)elapsed / 1e6, now);
  score(q);
  unsigned changed = judge_level(q) | judge_issues(q, &s, elapsed);
  remember(q, &s, now);
  return changed;
}

void mgr_quality_gateway(mgr_quality *q, const mgr_gateway_report *report, mgr_time now) {
  q->gateway = (mgr_gateway_report){
      .rtt_ms = believed(report->rtt_ms, SECONDS_MAX * 1e3),
      .jitter_ms = believed(report->jitter_ms, SECONDS_MAX * 1e3),
      .received = believed(report->received, COUNTER_MAX),
      .lost = believed(report->lost, COUNTER_MAX),
  };
  q->gateway_at = now;
  q->has_gateway = q->gateway_is_new = true;
  if (!q->up_gateway.has_start) start_meter(&q->up_gateway, q->gateway.lost, q->gateway.received, now);
}

unsigned mgr_quality_set_muted(mgr_quality *q, bool muted) {
  uint32_t before = q->issues;
  q->system_muted = muted;
  q->issues &= ~(uint32_t)MGR_ISSUE_MICROPHONE_MUTED;
  if (muted) { /* one trouble, one name */
    q->issues |= MGR_ISSUE_MICROPHONE_MUTED;
    q->issues &= ~(uint32_t)MGR_ISSUE_SILENT_MICROPHONE;
  }
  return q->issues != before ? MGR_QUALITY_ISSUES_CHANGED : 0;
}
