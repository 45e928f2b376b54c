/* sim/congestion.c - the world of congestion.h, a millisecond at a time. */
#include "sim/congestion.h"

#include <stdlib.h>
#include <string.h>

#include "bwe/bwe.h"
#include "bwe/pacer.h"
#include "bwe/twcc.h"
#include "sim/rng.h"

enum {
  STEP_US = 1000,
  QUEUE_MS = 300,
  QUEUED_MAX = 4096, /* packets in a bottleneck, or on one flow's way */
  PACKET_BYTES = 1200,
  TCP_BYTES = 1500,
  ACK_BYTES = 40,
  FRAME_US = 40000,
  FEEDBACK_US = 100000,
  FEEDBACKS = 256, /* on their way, of one flow */
  NOTES = 1024,
  JITTER_US = 15000,
};

typedef struct packet {
  uint8_t flow;
  bool back; /* feedback or acknowledgement, against its flow's direction */
  uint16_t bytes, seq;
  uint32_t tcp_seq; /* also the index of a feedback */
  wr_time sent_at, at;
} packet;

typedef struct line { /* packets in order */
  packet item[QUEUED_MAX];
  unsigned first, n;
} line;

typedef struct bottleneck {
  const sim_capacity *phase;
  line queue;
  wr_time busy_until;
} bottleneck;

typedef struct media {
  wr_bwe bwe;
  wr_bwe_note notes[NOTES];
  wr_pacer pacer;
  wr_twcc_arrivals arrivals;
  wr_time frame_at, feedback_at;
  uint32_t waiting_bytes;
  uint32_t n_feedback;
  struct {
    uint16_t len;
    uint8_t bytes[WR_TWCC_PACKET_MAX];
  } feedback[FEEDBACKS];
} media;

typedef struct tcp {
  double window, threshold;      /* packets */
  uint32_t next, acked, recover; /* |acked|: the highest acknowledged, plus one */
  uint32_t in_flight, left;      /* |left|: of the file, UINT32_MAX: without end */
  wr_time heard_at, rtt_us, idle_until;
  uint32_t received; /* at the receiver: next expected */
} tcp;

typedef struct flow {
  const sim_flow_plan *plan;
  sim_rng rng;
  line there, back; /* on the way behind the bottleneck */
  media media;
  tcp tcp;
} flow;

typedef struct world {
  const sim_congestion_plan *plan;
  sim_congestion_result *result;
  bottleneck neck[2]; /* forward, backward */
  flow flow[SIM_CONGESTION_FLOWS];
  unsigned n_flows;
  wr_time now;
} world;

uint32_t sim_capacity_at(const sim_capacity phase[SIM_CONGESTION_PHASES], int second) {
  uint32_t bps = 100000000;
  for (int i = 0; i < SIM_CONGESTION_PHASES && phase[i].bps; i++)
    if (phase[i].from_s <= second) bps = phase[i].bps;
  return bps;
}

/* ---- the network ---- */

static void push(line *l, const packet *p) {
  WR_ASSERT(l->n < QUEUED_MAX);
  l->item[(l->first + l->n++) % QUEUED_MAX] = *p;
}

static packet *head(line *l) { return l->n ? &l->item[l->first] : NULL; }

static void pop(line *l) {
  l->first = (l->first + 1) % QUEUED_MAX;
  l->n--;
}

static sim_flow_second *this_second(world *w, unsigned i) {
  return &w->result->second[i][(size_t)(w->now / WR_S(1))];
}

static bottleneck *neck_of(world *w, const packet *p) {
  return &w->neck[w->flow[p->flow].plan->backward != p->back];
}

static void send_packet(world *w, packet *p) {
  bottleneck *neck = neck_of(w, p);
  double bps = sim_capacity_at(neck->phase, (int)(w->now / WR_S(1))), backlog = 0;
  for (unsigned i = 0; i < neck->queue.n; i++)
    backlog += neck->queue.item[(neck->queue.first + i) % QUEUED_MAX].bytes;
  p->bytes = (uint16_t)(p->bytes + WR_BWE_OVERHEAD_BYTES);
  p->at = w->now;
  if (!p->back) this_second(w, p->flow)->sent++;
  if ((backlog + p->bytes) * 8 > bps * QUEUE_MS / 1000) {
    if (!p->back) this_second(w, p->flow)->lost++;
  } else {
    push(&neck->queue, p);
  }
}

/* Normal, by the sum of twelve; RFC 8868: deviation 5 ms, cut at three of them. */
static wr_time jitter_us(sim_rng *rng) {
  int64_t sum = -6 * 5000;
  for (int i = 0; i < 12; i++) sum += (int64_t)sim_rng_upto(rng, 5000);
  if (sum > JITTER_US) sum = JITTER_US;
  return sum < -JITTER_US ? -JITTER_US : sum;
}

static void leave(world *w, packet *p, wr_time done_at) {
  flow *f = &w->flow[p->flow];
  line *way = p->back ? &f->back : &f->there;
  wr_time waited_us = done_at - p->at;
  if (!p->back) {
    sim_flow_second *second = this_second(w, p->flow);
    uint32_t waited_ms = (uint32_t)(waited_us / 1000);
    if (waited_ms > second->queue_ms) second->queue_ms = waited_ms;
    w->result->waits[p->flow][waited_ms < 1023 ? waited_ms : 1023]++;
  }
  wr_time last_at = way->n ? way->item[(way->first + way->n - 1) % QUEUED_MAX].at : 0;
  p->at = done_at + WR_MS(f->plan->one_way_ms) + jitter_us(&f->rng);
  if (p->at < last_at) p->at = last_at;
  if (p->at < done_at) p->at = done_at;
  push(way, p);
}

static void drain(world *w, bottleneck *neck) {
  double bps = sim_capacity_at(neck->phase, (int)(w->now / WR_S(1)));
  for (packet *p; (p = head(&neck->queue));) {
    wr_time from = neck->busy_until > p->at ? neck->busy_until : p->at;
    wr_time done_at = from + (wr_time)(p->bytes * 8e6 / bps);
    if (done_at > w->now + STEP_US) return;
    neck->busy_until = done_at;
    packet gone = *p;
    pop(&neck->queue);
    leave(w, &gone, done_at);
  }
}

/* ---- media ---- */

static bool is_on(const sim_flow_plan *plan, wr_time now) {
  bool paused = plan->pause_s && now >= WR_S(plan->pause_s) && now < WR_S(plan->resume_s);
  return now >= WR_S(plan->start_s) && !paused;
}

static void encode(flow *f, wr_time now) {
  media *m = &f->media;
  if (!is_on(f->plan, now)) {
    m->waiting_bytes = 0;
    m->frame_at = now;
    return;
  }
  for (; m->frame_at <= now; m->frame_at += FRAME_US) {
    double bps = wr_bwe_target_bps(&m->bwe) * PACKET_BYTES / (PACKET_BYTES + WR_BWE_OVERHEAD_BYTES);
    if (bps > SIM_CONGESTION_MEDIA_MOST_BPS) bps = SIM_CONGESTION_MEDIA_MOST_BPS;
    if (bps < SIM_CONGESTION_MEDIA_LEAST_BPS) bps = SIM_CONGESTION_MEDIA_LEAST_BPS;
    double frame = bps * FRAME_US / 8e6 * (0.75 + (double)sim_rng_upto(&f->rng, 500) / 1000);
    if (m->waiting_bytes < bps / 8 / 2) m->waiting_bytes += (uint32_t)frame; /* else half a second waits: skipped */
  }
}

static void send_media(world *w, unsigned i) {
  flow *f = &w->flow[i];
  media *m = &f->media;
  encode(f, w->now);
  if (!is_on(f->plan, w->now)) return;
  while (wr_pacer_at(&m->pacer) <= w->now) {
    uint8_t cluster = 0;
    double probe_bps = wr_bwe_probe(&m->bwe, &cluster, w->now), bps = wr_bwe_target_bps(&m->bwe) * WR_PACER_FACTOR;
    uint32_t bytes = m->waiting_bytes < PACKET_BYTES ? m->waiting_bytes : PACKET_BYTES;
    if (probe_bps > 0) bytes = PACKET_BYTES; /* what media does not fill is padding */
    if (!bytes) return;
    m->waiting_bytes -= bytes < m->waiting_bytes ? bytes : m->waiting_bytes;
    packet p = {.flow = (uint8_t)i, .bytes = (uint16_t)bytes, .sent_at = w->now};
    p.seq = wr_bwe_sent(&m->bwe, bytes, cluster, w->now);
    wr_pacer_sent(&m->pacer, bytes + WR_BWE_OVERHEAD_BYTES, probe_bps > 0 ? probe_bps : bps, w->now);
    send_packet(w, &p);
  }
}

static void tell(world *w, unsigned i) {
  media *m = &w->flow[i].media;
  if (!m->arrivals.waiting || w->now < m->feedback_at) return;
  m->feedback_at = w->now + FEEDBACK_US;
  unsigned slot = m->n_feedback++ % FEEDBACKS;
  wr_writer writer = wr_writer_of(m->feedback[slot].bytes, WR_TWCC_PACKET_MAX);
  wr_twcc_write(&m->arrivals, &writer, 1, 2);
  m->feedback[slot].len = (uint16_t)wr_writer_len(&writer);
  packet p = {.flow = (uint8_t)i, .back = true, .bytes = m->feedback[slot].len, .tcp_seq = slot};
  send_packet(w, &p);
}

static void media_arrived(world *w, unsigned i, const packet *p) {
  wr_twcc_arrived(&w->flow[i].media.arrivals, p->seq, p->at);
}

static void feedback_arrived(world *w, unsigned i, const packet *p) {
  media *m = &w->flow[i].media;
  wr_bwe_feedback(&m->bwe, wr_bytes_of(m->feedback[p->tcp_seq].bytes + 12, m->feedback[p->tcp_seq].len - 12u),
                  w->now);
}

/* ---- TCP ---- */

static void open_tcp(flow *f, wr_time now) {
  uint32_t left = UINT32_MAX;
  if (f->plan->kind == SIM_FLOW_SHORT_TCP) /* RFC 8867 5.7: 30 to 50 KB */
    left = 20 + (uint32_t)sim_rng_upto(&f->rng, 13);
  uint32_t next = f->tcp.next, received = f->tcp.received;
  f->tcp = (tcp){.window = 2, .threshold = 1e9, .next = next, .acked = next, .recover = next, .left = left};
  f->tcp.received = received;
  f->tcp.heard_at = now;
}

/* Off for ten seconds on average: exponential, by counting tenths. */
static wr_time pause_us(sim_rng *rng) {
  wr_time us = 0;
  while (us < WR_S(60) && !sim_rng_chance(rng, 10000)) us += WR_MS(100);
  return us;
}

static void halve(tcp *t) {
  t->threshold = t->window / 2 > 2 ? t->window / 2 : 2;
  t->window = t->threshold;
  t->recover = t->next;
}

static void send_tcp(world *w, unsigned i) {
  flow *f = &w->flow[i];
  tcp *t = &f->tcp;
  if (w->now < WR_S(f->plan->start_s) || w->now < t->idle_until) return;
  if (t->window < 1) open_tcp(f, w->now);
  if (t->in_flight && w->now - t->heard_at > 2 * t->rtt_us + WR_S(1)) { /* RFC 6298, about */
    halve(t);
    if (t->left != UINT32_MAX) t->left += t->in_flight;
    t->window = 1;
    t->in_flight = 0;
    t->heard_at = w->now;
  }
  while (t->left && t->in_flight < t->window) {
    packet p = {
        .flow = (uint8_t)i, .bytes = TCP_BYTES - WR_BWE_OVERHEAD_BYTES, .tcp_seq = t->next++, .sent_at = w->now};
    if (t->left != UINT32_MAX) t->left--;
    t->in_flight++;
    send_packet(w, &p);
  }
  if (!t->left && !t->in_flight) {
    t->idle_until = w->now + pause_us(&f->rng);
    t->window = 0;
  }
}

static void tcp_arrived(world *w, unsigned i, const packet *p) {
  packet ack = {.flow = (uint8_t)i,
                .back = true,
                .bytes = ACK_BYTES - WR_BWE_OVERHEAD_BYTES,
                .tcp_seq = p->tcp_seq,
                .sent_at = p->sent_at};
  send_packet(w, &ack);
}

/* The network keeps order: an acknowledgement that skips numbers tells of losses (as SACK would). */
static void ack_arrived(world *w, unsigned i, const packet *p) {
  tcp *t = &w->flow[i].tcp;
  uint32_t skipped = p->tcp_seq - t->acked;
  if ((int32_t)skipped < 0) return; /* of before a timeout */
  t->acked = p->tcp_seq + 1;
  t->heard_at = w->now;
  wr_time rtt_us = w->now - p->sent_at;
  t->rtt_us = t->rtt_us ? (7 * t->rtt_us + rtt_us) / 8 : rtt_us;
  uint32_t gone = skipped + 1;
  t->in_flight -= gone < t->in_flight ? gone : t->in_flight;
  if (skipped && t->left != UINT32_MAX) t->left += skipped; /* sent again */
  if (skipped && (int32_t)(p->tcp_seq - t->recover) >= 0)
    halve(t);
  else if (t->window < t->threshold)
    t->window += 1;
  else
    t->window += 1 / t->window;
}

/* ---- the clock ---- */

static void note_arrival(world *w, unsigned i, const packet *p) {
  sim_congestion_result *r = w->result;
  this_second(w, i)->bits += p->bytes * 8u;
  r->digest = (r->digest ^ (uint64_t)(p->at + p->seq + i)) * 0x100000001b3ull;
}

static void arrive(world *w, unsigned i) {
  flow *f = &w->flow[i];
  bool is_media = f->plan->kind == SIM_FLOW_MEDIA;
  for (packet *p; (p = head(&f->there)) && p->at <= w->now; pop(&f->there)) {
    note_arrival(w, i, p);
    (is_media ? media_arrived : tcp_arrived)(w, i, p);
  }
  for (packet *p; (p = head(&f->back)) && p->at <= w->now; pop(&f->back))
    (is_media ? feedback_arrived : ack_arrived)(w, i, p);
}

static void step(world *w) {
  for (unsigned i = 0; i < w->n_flows; i++) {
    arrive(w, i);
    if (w->flow[i].plan->kind == SIM_FLOW_MEDIA) {
      send_media(w, i);
      tell(w, i);
    } else {
      send_tcp(w, i);
    }
  }
  drain(w, &w->neck[0]);
  drain(w, &w->neck[1]);
  w->now += STEP_US;
}

static void log_second(const world *w, FILE *log) {
  size_t second = (size_t)(w->now / WR_S(1)) - 1;
  for (unsigned i = 0; i < w->n_flows; i++) {
    const flow *f = &w->flow[i];
    const sim_flow_second *s = &w->result->second[i][second];
    fprintf(log, "%3zu s flow %u: %5u kbit/s, %3u of %3u lost, queue %3u ms", second, i, s->bits / 1000, s->lost,
            s->sent, s->queue_ms);
    if (f->plan->kind == SIM_FLOW_MEDIA)
      fprintf(log, ", target %.0f kbit/s (delay %.0f, loss %.0f)%s", wr_bwe_target_bps(&f->media.bwe) / 1000,
              f->media.bwe.aimd.rate_bps / 1000, f->media.bwe.loss.bound_bps / 1000,
              f->media.bwe.limited ? " limited" : "");
    fputc('\n', log);
  }
}

static void open_flow(world *w, unsigned i, uint64_t seed) {
  flow *f = &w->flow[i];
  f->plan = &w->plan->flow[i];
  f->rng = sim_rng_of(seed, i + 1);
  f->media.frame_at = WR_S(f->plan->start_s);
  wr_twcc_arrivals_init(&f->media.arrivals);
  wr_bwe_init(&f->media.bwe, &(wr_bwe_settings){.start_bps = WR_BWE_START_BPS,
                                                .least_bps = SIM_CONGESTION_MEDIA_LEAST_BPS,
                                                .most_bps = 2 * SIM_CONGESTION_MEDIA_MOST_BPS,
                                                .probing = true,
                                                .notes = f->media.notes,
                                                .n_notes = NOTES});
}

bool sim_congestion_run(const sim_congestion_plan *plan, uint64_t seed, FILE *log, sim_congestion_result *result) {
  world *w = calloc(1, sizeof *w);
  if (!w) return false;
  memset(result, 0, sizeof *result);
  w->plan = plan;
  w->result = result;
  w->neck[0].phase = plan->forward;
  w->neck[1].phase = plan->backward;
  for (; w->n_flows < SIM_CONGESTION_FLOWS && plan->flow[w->n_flows].kind; w->n_flows++)
    open_flow(w, w->n_flows, seed);
  for (int second = 0; second < plan->seconds; second++) {
    while (w->now < WR_S(second + 1)) step(w);
    if (log) log_second(w, log);
  }
  free(w);
  return true;
}
