/* sim/congestion_table.c - cases, scores and bounds; see congestion_table.h. */
#include "sim/congestion_table.h"

#include <stdlib.h>
#include <string.h>

#include "sim/document.h"

enum { WARM_UP_S = 10, SETTLED_QUEUE_MS = 150 };
#define SETTLED_SHARE 0.8

#define MBIT(x) ((uint32_t)((x)*1000000))
#define MEDIA(ms, from) \
  { .kind = SIM_FLOW_MEDIA, .one_way_ms = (ms), .start_s = (from) }
#define SHORT \
  { .kind = SIM_FLOW_SHORT_TCP, .one_way_ms = 50 }

static const sim_congestion_plan plans[] = {
    {.name = "variable capacity, one flow",
     .section = "5.1",
     .seconds = 100,
     .forward = {{0, MBIT(1)}, {40, MBIT(2.5)}, {60, MBIT(0.6)}, {80, MBIT(1)}},
     .flow = {MEDIA(50, 0)}},
    {.name = "variable capacity, two flows",
     .section = "5.2",
     .seconds = 125,
     .forward = {{0, MBIT(4)}, {25, MBIT(2)}, {50, MBIT(3.5)}, {75, MBIT(1)}, {100, MBIT(2)}},
     .flow = {MEDIA(50, 0), MEDIA(50, 0)}},
    {.name = "congested feedback, both ways",
     .section = "5.3",
     .seconds = 100,
     .forward = {{0, MBIT(2)}, {20, MBIT(1)}, {40, MBIT(0.5)}, {60, MBIT(2)}},
     .backward = {{0, MBIT(2)}, {35, MBIT(0.8)}, {70, MBIT(2)}},
     .flow = {MEDIA(50, 0), {.kind = SIM_FLOW_MEDIA, .backward = true, .one_way_ms = 50}}},
    {.name = "three flows, one after the other",
     .section = "5.4",
     .seconds = 120,
     .forward = {{0, MBIT(3.5)}},
     .flow = {MEDIA(50, 0), MEDIA(50, 20), MEDIA(50, 40)}},
    {.name = "round-trip fairness, five flows",
     .section = "5.5",
     .seconds = 300,
     .forward = {{0, MBIT(4)}},
     .flow = {MEDIA(10, 0), MEDIA(25, 10), MEDIA(50, 20), MEDIA(100, 30), MEDIA(150, 40)}},
    {.name = "beside a long TCP flow",
     .section = "5.6",
     .seconds = 120,
     .forward = {{0, MBIT(2)}},
     .flow = {MEDIA(50, 5), {.kind = SIM_FLOW_LONG_TCP, .one_way_ms = 50}}},
    {.name = "beside ten short TCP flows",
     .section = "5.7",
     .seconds = 300,
     .forward = {{0, MBIT(2)}},
     .flow = {MEDIA(50, 5), MEDIA(50, 5), SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT}},
    {.name = "one of three pauses",
     .section = "5.8",
     .seconds = 120,
     .forward = {{0, MBIT(3.5)}},
     .flow = {{.kind = SIM_FLOW_MEDIA, .one_way_ms = 50, .pause_s = 40, .resume_s = 60},
              MEDIA(50, 0),
              MEDIA(50, 0)}},
};

const sim_congestion_plan *sim_congestion_plan_at(size_t i) {
  return i < sizeof plans / sizeof *plans ? &plans[i] : NULL;
}

/* ---- scores ---- */

static bool is_media(const sim_flow_plan *f, bool backward) {
  return f->kind == SIM_FLOW_MEDIA && f->backward == backward;
}

static bool is_on(const sim_flow_plan *f, int second) {
  return second >= f->start_s && !(f->pause_s && second >= f->pause_s && second < f->resume_s);
}

/* What all media flows of a direction could receive in |second|. */
static double possible_bps(const sim_congestion_plan *plan, bool backward, int second) {
  double capacity = sim_capacity_at(backward ? plan->backward : plan->forward, second);
  unsigned n_media = 0, n_tcp = 0;
  for (int i = 0; i < SIM_CONGESTION_FLOWS && plan->flow[i].kind; i++) {
    const sim_flow_plan *f = &plan->flow[i];
    n_media += is_media(f, backward) && is_on(f, second);
    n_tcp += f->kind == SIM_FLOW_LONG_TCP && f->backward == backward && is_on(f, second);
  }
  double share = n_media ? capacity * n_media / (n_media + n_tcp) : 0;
  double most = n_media * (double)SIM_CONGESTION_MEDIA_MOST_BPS;
  return share < most ? share : most;
}

static double received_bps(const sim_congestion_plan *plan, const sim_congestion_result *r, bool backward,
                           int second, uint32_t *longest_ms) {
  double bits = 0;
  *longest_ms = 0;
  for (int i = 0; i < SIM_CONGESTION_FLOWS; i++) {
    if (!is_media(&plan->flow[i], backward)) continue;
    bits += r->second[i][second].bits;
    if (r->second[i][second].queue_ms > *longest_ms) *longest_ms = r->second[i][second].queue_ms;
  }
  return bits;
}

static double settled_s(const sim_congestion_plan *plan, const sim_congestion_result *r, bool backward) {
  double longest = 0, before = 0;
  int since = -1;
  for (int second = 0; second < plan->seconds; second++) {
    double possible = possible_bps(plan, backward, second);
    uint32_t waited_ms;
    double received = received_bps(plan, r, backward, second, &waited_ms);
    if (possible < before || possible > before) since = second;
    before = possible;
    if (since < 0) continue;
    if (received >= SETTLED_SHARE * possible && waited_ms < SETTLED_QUEUE_MS) since = -1;
    if (since >= 0 && second + 1 - since > longest) longest = second + 1 - since;
  }
  return longest;
}

static double percentile_ms(const sim_congestion_plan *plan, const sim_congestion_result *r, double share) {
  double all = 0, so_far = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int ms = 0; ms < 1024; ms++) {
      for (int i = 0; i < SIM_CONGESTION_FLOWS; i++)
        if (plan->flow[i].kind == SIM_FLOW_MEDIA) *(pass ? &so_far : &all) += r->waits[i][ms];
      if (pass && so_far >= share * all) return ms;
    }
  return 1023;
}

static double jain(const sim_congestion_plan *plan, const sim_congestion_result *r) {
  double sum = 0, squares = 0, n = 0;
  for (int i = 0; i < SIM_CONGESTION_FLOWS; i++) {
    if (!is_media(&plan->flow[i], false)) continue;
    double bits = 0;
    for (int second = plan->seconds * 2 / 3; second < plan->seconds; second++) bits += r->second[i][second].bits;
    sum += bits;
    squares += bits * bits;
    n++;
  }
  return squares > 0 ? sum * sum / (n * squares) : 0;
}

void sim_congestion_judge(const sim_congestion_plan *plan, const sim_congestion_result *r,
                          sim_congestion_score *s) {
  double possible = 0, received = 0, sent = 0, lost = 0, tcp = 0, capacity = 0;
  for (int second = 0; second < plan->seconds; second++) {
    for (int i = 0; i < SIM_CONGESTION_FLOWS; i++) {
      if (plan->flow[i].kind == SIM_FLOW_LONG_TCP) tcp += r->second[i][second].bits;
      if (plan->flow[i].kind != SIM_FLOW_MEDIA) continue;
      sent += r->second[i][second].sent;
      lost += r->second[i][second].lost;
    }
    capacity += sim_capacity_at(plan->forward, second);
    for (int backward = 0; backward < 2 && second >= WARM_UP_S; backward++) {
      uint32_t waited_ms;
      possible += possible_bps(plan, backward, second);
      received += received_bps(plan, r, backward, second, &waited_ms);
    }
  }
  *s = (sim_congestion_score){.use = received / possible,
                              .loss = lost / sent,
                              .fair = jain(plan, r),
                              .queue_p50_ms = percentile_ms(plan, r, 0.5),
                              .queue_p95_ms = percentile_ms(plan, r, 0.95),
                              .settled_s = settled_s(plan, r, false),
                              .tcp_share = tcp / capacity};
  double back_s = settled_s(plan, r, true);
  if (back_s > s->settled_s) s->settled_s = back_s;
}

/* ---- bounds and table ---- */

/* NULL: it keeps them. Beside TCP, which fills any queue, delay and settling are its doing. */
static const char *fault_of(const sim_congestion_plan *plan, const sim_congestion_score *s) {
  bool alone = strcmp(plan->section, "5.6") && strcmp(plan->section, "5.7");
  if (s->use < (alone ? 0.85 : 0.15)) return "uses too little";
  if (alone && s->queue_p95_ms > 100) return "queues too long";
  if (s->loss > 0.01) return "loses too much";
  if (s->fair < 0.85) return "unfair";
  if (alone && s->settled_s > 15) return "settles too slowly";
  return NULL;
}

static void add_mean(sim_congestion_score *mean, const sim_congestion_score *s, unsigned n) {
  mean->use += s->use / n;
  mean->loss += s->loss / n;
  mean->fair += s->fair / n;
  mean->queue_p50_ms += s->queue_p50_ms / n;
  mean->queue_p95_ms += s->queue_p95_ms / n;
  mean->settled_s += s->settled_s / n;
  mean->tcp_share += s->tcp_share / n;
}

static bool measure(const sim_congestion_plan *plan, uint64_t seed, unsigned n_seeds, sim_congestion_score *mean) {
  sim_congestion_result *result = malloc(sizeof *result);
  *mean = (sim_congestion_score){0};
  bool held = result != NULL;
  for (uint64_t i = seed; held && i < seed + n_seeds; i++) {
    sim_congestion_score score;
    held = sim_congestion_run(plan, i, NULL, result);
    if (!held) break;
    sim_congestion_judge(plan, result, &score);
    add_mean(mean, &score, n_seeds);
  }
  free(result);
  return held;
}

static void print_row(char *out, size_t cap, const sim_congestion_plan *plan, const sim_congestion_score *s) {
  char tcp[16] = "-";
  if (s->tcp_share > 0) (void)snprintf(tcp, sizeof tcp, "%.0f %%", 100 * s->tcp_share);
  (void)snprintf(out, cap, "| %s | %s | %.0f %% | %.0f ms | %.0f ms | %.2f %% | %.1f s | %.2f | %s |",
                 plan->section, plan->name, 100 * s->use, s->queue_p50_ms, s->queue_p95_ms, 100 * s->loss,
                 s->settled_s, s->fair, tcp);
}

void sim_congestion_table(FILE *out, const char *document, uint64_t seed, unsigned n_seeds, unsigned *n_passed,
                          unsigned *n_failed) {
  fprintf(out, "| RFC 8867 | case | use | queue p50 | p95 | loss | settled | fair | TCP's part |\n");
  fprintf(out, "|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
    sim_congestion_score s;
    char row[256];
    const char *fault = measure(&plans[i], seed, n_seeds, &s) ? fault_of(&plans[i], &s) : "out of memory";
    print_row(row, sizeof row, &plans[i], &s);
    if (!fault && document && !strstr(document, row)) fault = "the document says otherwise";
    fprintf(out, "%s%s%s\n", row, fault ? " FAIL: " : "", fault ? fault : "");
    *(fault ? n_failed : n_passed) += 1;
  }
}

/* ---- the verb ---- */

static int usage(FILE *to, int status) {
  fprintf(to,
          "usage: wr_sim congestion [--check FILE] [--seed N] [--seeds N]\n"
          "       wr_sim congestion --on SECTION [--seed N]\n\n"
          "lib/bwe in the test cases of RFC 8867: the table, and whether it keeps its bounds and stands so in "
          "FILE; or\n"
          "one case, second by second. Cases:\n");
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
    fprintf(to, "  %s  %s\n", plans[i].section, plans[i].name);
  return status;
}

static int run_one(const char *section, uint64_t seed) {
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
    if (strcmp(section, plans[i].section)) continue;
    sim_congestion_result *result = malloc(sizeof *result);
    bool held = result && sim_congestion_run(&plans[i], seed, stdout, result);
    free(result);
    return !held;
  }
  return usage(stderr, 2);
}

static int run_table(const char *path, uint64_t seed, unsigned n_seeds) {
  char *document = path ? sim_document_read(path) : NULL;
  if (path && !document) {
    fprintf(stderr, "cannot read %s\n", path);
    return 2;
  }
  unsigned n_passed = 0, n_failed = 0;
  sim_congestion_table(stdout, document, seed, n_seeds, &n_passed, &n_failed);
  free(document);
  printf("\n%u passed, %u failed\n", n_passed, n_failed);
  return n_failed != 0;
}

int sim_congestion_main(int argc, char **argv) {
  const char *section = NULL, *document = NULL;
  uint64_t seed = 1, n_seeds = SIM_CONGESTION_SEEDS;
  for (int i = 0; i < argc; i++) {
    if (!strcmp(argv[i], "help")) return usage(stdout, 0);
    if (i + 1 == argc) return usage(stderr, 2);
    const char *flag = argv[i], *value = argv[++i];
    if (!strcmp(flag, "--on"))
      section = value;
    else if (!strcmp(flag, "--check"))
      document = value;
    else if (!strcmp(flag, "--seed"))
      seed = strtoull(value, NULL, 10);
    else if (!strcmp(flag, "--seeds"))
      n_seeds = strtoull(value, NULL, 10);
    else
      return usage(stderr, 2);
  }
  if (section) return run_one(section, seed);
  if (n_seeds < 1 || n_seeds > 1000) return usage(stderr, 2);
  return run_table(document, seed, (unsigned)n_seeds);
}
