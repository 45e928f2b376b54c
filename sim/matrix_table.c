/* sim/matrix_table.c - see sim/matrix_table.h. */
#include "sim/matrix_table.h"

#include <stdlib.h>
#include <string.h>

#include "sim/document.h"
#include "wr/crypto_openssl.h"

#define RTT WR_MS(100)

sim_nat_rules sim_matrix_kind(size_t kind) {
  return (sim_nat_rules){.mapping = (sim_nat_scope)(kind / 3), .filtering = (sim_nat_scope)(kind % 3)};
}

static const char *name_of(size_t kind) {
  static const char *const names[SIM_MATRIX_KINDS] = {"EI/EI",  "EI/AD",  "EI/APD", "AD/EI",  "AD/AD",
                                                      "AD/APD", "APD/EI", "APD/AD", "APD/APD"};
  return names[kind];
}

/* ---- who can ---- */

/* |a| sends to the address that |b| has told. Is a stable path the result?
 *
 * "known": the NAT shows to everybody what it shows to the server (endpoint-independent mapping), so what was told
 * is what is used. "fixed": it shows one port to all ports of the other's address. */
static bool works_from(sim_nat_rules a, sim_nat_rules b) {
  bool a_known = a.mapping == SIM_NAT_ANY_REMOTE, b_known = b.mapping == SIM_NAT_ANY_REMOTE;
  bool a_fixed = a.mapping != SIM_NAT_PER_ADDRESS_PORT, b_fixed = b.mapping != SIM_NAT_PER_ADDRESS_PORT;
  bool enters =
      b.filtering == SIM_NAT_ANY_REMOTE || (b.filtering == SIM_NAT_PER_ADDRESS && b_known) || (b_known && a_known);
  if (!enters) return false;
  if (b_known) return true; /* |b| answers from where it was asked */
  /* |b| answers from a port that |a| has never sent to; then |a| sends there, and one of the two must stay put. */
  if (a.filtering == SIM_NAT_PER_ADDRESS_PORT) return false;
  return a_fixed || b_fixed;
}

bool sim_matrix_can_be_direct(sim_nat_rules a, sim_nat_rules b) { return works_from(a, b) || works_from(b, a); }

/* ---- cells ---- */

typedef struct run {
  FILE *out, *trace;
  uint64_t seed;
  uint32_t loss_ppm; /* then only whether they connect is judged */
  unsigned *n_passed, *n_failed;
} run;

static sim_matrix_settings plain(const run *r) {
  return (sim_matrix_settings){.crypto = wr_crypto_null(),
                               .seed = r->seed,
                               .rtt_us = RTT,
                               .stun = true,
                               .loss_ppm = r->loss_ppm,
                               .talk_us = WR_S(2),
                               .patience_us = r->loss_ppm ? WR_S(25) : WR_S(8),
                               .trace = r->trace};
}

static double round_trips(wr_time us) { return (double)us / (double)RTT; }

static wr_time heard_by_both(const sim_matrix_result *m) {
  return m->heard_us[0] > m->heard_us[1] ? m->heard_us[0] : m->heard_us[1];
}

static wr_time longest_gap(const sim_matrix_result *m) {
  return m->longest_gap_us[0] > m->longest_gap_us[1] ? m->longest_gap_us[0] : m->longest_gap_us[1];
}

/* What is wrong with |m|, which should go by |way| in the end; NULL: nothing. */
static const char *wrong_with(const run *r, const sim_matrix_result *m, sim_matrix_way way) {
  if (m->fault) return m->fault;
  if (way == SIM_WAY_NONE) return m->connected ? "connected where no path is" : NULL;
  if (!m->connected) return "not connected";
  if (!r->loss_ppm && heard_by_both(m) > SIM_MATRIX_MOST_ROUND_TRIPS * RTT) return "late";
  if (r->loss_ppm) return NULL; /* loss may have made it give up a path that works */
  if (m->last != way) return way == SIM_WAY_DIRECT ? "through the relay, needlessly" : "direct: impossible";
  return NULL;
}

static void judge(const run *r, const char *what, const char *wrong) {
  if (wrong) fprintf(r->out, "FAIL matrix: %s: %s\n", what, wrong);
  ++*(wrong ? r->n_failed : r->n_passed);
}

static sim_matrix_result run_cell(const run *r, size_t a, size_t b, bool turn, const char **wrong) {
  sim_matrix_settings s = plain(r);
  s.turn = turn;
  s.end[0] = (sim_matrix_end){.has_nat = true, .nat = sim_matrix_kind(a)};
  s.end[1] = (sim_matrix_end){.has_nat = true, .nat = sim_matrix_kind(b)};
  sim_matrix_result m = sim_matrix_run(&s);
  bool direct = sim_matrix_can_be_direct(s.end[0].nat, s.end[1].nat);
  *wrong = wrong_with(r, &m, direct ? SIM_WAY_DIRECT : turn ? SIM_WAY_RELAYED : SIM_WAY_NONE);
  if (!*wrong && !r->loss_ppm && longest_gap(&m) > SIM_MATRIX_MOST_GAP_US) *wrong = "a gap in the sound";
  return m;
}

static void print_cell(FILE *out, const sim_matrix_result *m) {
  if (!m->connected)
    fprintf(out, " | -");
  else if (m->last == SIM_WAY_RELAYED)
    fprintf(out, " | %.1f relay", round_trips(heard_by_both(m)));
  else if (m->first == SIM_WAY_RELAYED)
    fprintf(out, " | %.1f (%.1f)", round_trips(heard_by_both(m)), round_trips(m->settled_us));
  else
    fprintf(out, " | %.1f", round_trips(heard_by_both(m)));
}

static void print_grid(const run *r, bool turn) {
  fprintf(r->out, "\n| caller \\ callee");
  for (size_t b = 0; b < SIM_MATRIX_KINDS; b++) fprintf(r->out, " | %s", name_of(b));
  fprintf(r->out, " |\n|---");
  for (size_t b = 0; b < SIM_MATRIX_KINDS; b++) fprintf(r->out, "|---");
  fprintf(r->out, "|\n");
  for (size_t a = 0; a < SIM_MATRIX_KINDS; a++) {
    const char *wrong[SIM_MATRIX_KINDS];
    fprintf(r->out, "| %s", name_of(a));
    for (size_t b = 0; b < SIM_MATRIX_KINDS; b++) {
      sim_matrix_result m = run_cell(r, a, b, turn, &wrong[b]);
      print_cell(r->out, &m);
    }
    fprintf(r->out, " |\n");
    for (size_t b = 0; b < SIM_MATRIX_KINDS; b++) {
      char what[80];
      snprintf(what, sizeof what, "%s:%s-%s", turn ? "turn" : "stun", name_of(a), name_of(b));
      judge(r, what, wrong[b]);
    }
  }
}

/* ---- other networks ---- */

typedef struct other {
  const char *name, *about;
  sim_matrix_way way;     /* in the end */
  wr_time most_gap_us;    /* 0: SIM_MATRIX_MOST_GAP_US */
  bool begins_relayed;    /* and is better later */
  sim_matrix_settings is; /* what differs from plain */
} other;

#define NAT(m, f)                                                               \
  {                                                                             \
    .has_nat = true, .nat = {.mapping = SIM_NAT_##m, .filtering = SIM_NAT_##f } \
  }
#define V4 \
  { 0 }
#define V6 \
  { .no_v4 = true, .has_v6 = true }
#define BOTH \
  { .has_v6 = true }
#define BLOCKED \
  { .has_nat = true, .udp_blocked = true }
#define PORT NAT(ANY_REMOTE, PER_ADDRESS_PORT)
#define SYMMETRIC NAT(PER_ADDRESS_PORT, PER_ADDRESS_PORT)
#define REBOUND_US WR_S(1) /* until sound is back when a NAT gave another port */

static const other others[] = {
    {"open", "no NAT at all", SIM_WAY_DIRECT, .is = {.turn = true, .end = {V4, V4}}},
    {"upgrade", "server-reflexive candidates are 2 s late: relayed at first", SIM_WAY_DIRECT,
     .begins_relayed = true, .is = {.turn = true, .late_us = WR_S(2), .end = {PORT, PORT}}},
    {"blocked", "the caller has no UDP: TURN over TCP", SIM_WAY_RELAYED,
     .is = {.turn = true, .turn_tcp = true, .end = {BLOCKED, V4}}},
    {"blocked-symmetric", "and the callee a symmetric NAT", SIM_WAY_RELAYED,
     .is = {.turn = true, .turn_tcp = true, .end = {BLOCKED, SYMMETRIC}}},
    {"blocked-both", "nobody has UDP: TURN over TCP twice", SIM_WAY_RELAYED,
     .is = {.turn = true, .turn_tcp = true, .end = {BLOCKED, BLOCKED}}},
    {"blocked-alone", "no UDP, and no TURN over TCP", SIM_WAY_NONE, .is = {.turn = true, .end = {BLOCKED, V4}}},
    {"tcp", "the caller has no UDP and no relay; the callee takes TCP", SIM_WAY_DIRECT,
     .is = {.ice_tcp = true, .talk_us = WR_S(40), .end = {BLOCKED, V4}}},
    {"tcp-upgrade", "the same, and after 3 s UDP gets through", SIM_WAY_DIRECT,
     .is = {.ice_tcp = true, .opens_us = WR_S(3), .talk_us = WR_S(20), .end = {BLOCKED, V4}}},
    {"udp-tcp", "the callee takes TCP as well, and it is not needed", SIM_WAY_DIRECT,
     .is = {.ice_tcp = true, .end = {V4, V4}}},
    {"v6", "IPv6 on both sides", SIM_WAY_DIRECT, .is = {.turn = true, .end = {V6, V6}}},
    {"dual", "both families on both sides, IPv4 behind symmetric NATs", SIM_WAY_DIRECT,
     .is = {.end = {{.has_nat = true,
                     .nat = {SIM_NAT_PER_ADDRESS_PORT, SIM_NAT_PER_ADDRESS_PORT, false, 0},
                     .has_v6 = true},
                    {.has_nat = true,
                     .nat = {SIM_NAT_PER_ADDRESS_PORT, SIM_NAT_PER_ADDRESS_PORT, false, 0},
                     .has_v6 = true}}}},
    {"dual-v4", "both families, and IPv4 alone", SIM_WAY_DIRECT, .is = {.turn = true, .end = {BOTH, V4}}},
    {"dual-v6", "both families, and IPv6 alone", SIM_WAY_DIRECT, .is = {.turn = true, .end = {BOTH, V6}}},
    {"v4-v6", "IPv4 alone and IPv6 alone: relayed, for TURN has both", SIM_WAY_RELAYED,
     .is = {.turn = true, .end = {V4, V6}}},
    {"v6-v4", "the other way round", SIM_WAY_RELAYED, .is = {.turn = true, .end = {V6, V4}}},
    {"v4-v6-alone", "the same without TURN", SIM_WAY_NONE, .is = {.end = {V4, V6}}},
    {"rebind-ei", "the caller's NAT, endpoint-independent, gives another port during the call", SIM_WAY_DIRECT,
     REBOUND_US, .is = {.rebind_us = WR_S(3), .talk_us = WR_S(12), .end = {NAT(ANY_REMOTE, ANY_REMOTE), V4}}},
    {"rebind-apd", "the same, port-restricted", SIM_WAY_DIRECT, REBOUND_US,
     .is = {.rebind_us = WR_S(3), .talk_us = WR_S(12), .end = {PORT, V4}}},
    {"rebind-symmetric", "the same, symmetric", SIM_WAY_DIRECT, REBOUND_US,
     .is = {.rebind_us = WR_S(3), .talk_us = WR_S(12), .end = {SYMMETRIC, V4}}},
    {"rebind-tcp", "relayed over TCP: UDP mappings do not matter", SIM_WAY_RELAYED,
     .is = {.turn_tcp = true, .rebind_us = WR_S(3), .talk_us = WR_S(8), .end = {BLOCKED, BLOCKED}}},
    {"long", "12 minutes through the relay; its nonces are good for 50 s", SIM_WAY_RELAYED,
     .is = {.turn = true, .old_nonces = true, .talk_us = WR_S(720), .end = {SYMMETRIC, SYMMETRIC}}},
};
#define N_OTHERS (sizeof others / sizeof *others)

static sim_matrix_result run_other(const run *r, const other *o, const char **wrong) {
  sim_matrix_settings s = plain(r), is = o->is;
  s.turn = is.turn;
  s.turn_tcp = is.turn_tcp;
  s.old_nonces = is.old_nonces;
  s.ice_tcp = is.ice_tcp;
  s.opens_us = is.opens_us;
  s.late_us = is.late_us;
  s.rebind_us = is.rebind_us;
  if (is.talk_us) s.talk_us = is.talk_us;
  if (is.late_us) s.talk_us += is.late_us;
  memcpy(s.end, is.end, sizeof s.end);
  sim_matrix_result m = sim_matrix_run(&s);
  *wrong = wrong_with(r, &m, o->way);
  wr_time most = o->most_gap_us ? o->most_gap_us : SIM_MATRIX_MOST_GAP_US;
  if (!*wrong && !r->loss_ppm && longest_gap(&m) > most) *wrong = "a gap in the sound";
  if (!*wrong && o->begins_relayed && m.first != SIM_WAY_RELAYED) *wrong = "not relayed at first";
  bool must_begin = s.ice_tcp && s.end[0].udp_blocked, must_end = must_begin && !s.opens_us;
  if (!*wrong && m.ends_tcp != must_end) *wrong = must_end ? "not over TCP" : "over TCP in the end";
  if (!*wrong && must_begin && !m.began_tcp) *wrong = "not over TCP at first";
  if (!*wrong && s.old_nonces && (!m.relay.n_stale || m.relay.n_refreshes < 2)) *wrong = "nothing was refreshed";
  return m;
}

static void print_others(const run *r) {
  fprintf(r->out,
          "\n| network | | round trips to sound | in the end | longest gap, ms | datagrams "
          "|\n|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < N_OTHERS; i++) {
    const char *wrong;
    sim_matrix_result m = run_other(r, &others[i], &wrong);
    fprintf(r->out, "| %s | %s", others[i].name, others[i].about);
    if (m.connected)
      fprintf(r->out, " | %.1f | %s | %.0f | %llu |\n", round_trips(heard_by_both(&m)),
              m.last == SIM_WAY_DIRECT ? "direct" : "relayed", (double)longest_gap(&m) / 1000,
              (unsigned long long)m.n_datagrams);
    else
      fprintf(r->out, " | - | not connected, as it must be | | |\n");
    judge(r, others[i].name, wrong);
  }
}

static int by_time(const void *a, const void *b) {
  wr_time x = *(const wr_time *)a, y = *(const wr_time *)b;
  return (x > y) - (x < y);
}

/* The second grid once more where a tenth of all datagrams is lost, on each of the two links: one verdict a seed.
 */
static void print_lossy(const run *given) {
  enum { SEEDS = 1, CELLS = SIM_MATRIX_KINDS * SIM_MATRIX_KINDS };
  static wr_time took[SEEDS * CELLS];
  run r = *given;
  size_t n = 0;
  r.loss_ppm = 100000;
  for (unsigned i = 0; i < SEEDS; i++, r.seed++) {
    char what[80];
    const char *any_wrong = NULL;
    for (size_t cell = 0; cell < CELLS; cell++) {
      size_t a = cell / SIM_MATRIX_KINDS, b = cell % SIM_MATRIX_KINDS;
      const char *wrong;
      sim_matrix_result m = run_cell(&r, a, b, true, &wrong);
      if (wrong)
        snprintf(what, sizeof what, "turn:%s-%s --seed %u --loss 10", name_of(a), name_of(b), (unsigned)r.seed);
      if (wrong) any_wrong = wrong;
      if (m.connected) took[n++] = heard_by_both(&m);
    }
    judge(&r, what, any_wrong);
  }
  if (!n) return;
  qsort(took, n, sizeof took[0], by_time);
  fprintf(r.out,
          "\nWith 10 %% loss on each of the two links, all of the second grid: %zu of %d calls "
          "connect, in\n"
          "%.1f round trips (p50), %.1f (p95), %.1f (max).\n",
          n, SEEDS * CELLS, round_trips(took[n / 2]), round_trips(took[n * 95 / 100]), round_trips(took[n - 1]));
}

void sim_matrix_table(FILE *out, uint64_t seed, unsigned *n_passed, unsigned *n_failed) {
  run r = {.out = out, .seed = seed, .n_passed = n_passed, .n_failed = n_failed};
  print_grid(&r, false);
  print_grid(&r, true);
  print_others(&r);
  print_lossy(&r);
}

/* ---- the verb ---- */

/* One call of the tables by its name. */
static void run_named(const run *r, const char *name) {
  const char *wrong;
  for (size_t i = 0; i < 2 * SIM_MATRIX_KINDS * SIM_MATRIX_KINDS; i++) {
    size_t a = i / 2 / SIM_MATRIX_KINDS, b = i / 2 % SIM_MATRIX_KINDS;
    char what[80];
    snprintf(what, sizeof what, "%s:%s-%s", i % 2 ? "turn" : "stun", name_of(a), name_of(b));
    if (strcmp(what, name) != 0) continue;
    sim_matrix_result m = run_cell(r, a, b, i % 2, &wrong);
    print_cell(r->out, &m);
    fprintf(r->out, "\n");
    judge(r, what, wrong);
  }
  for (size_t i = 0; i < N_OTHERS; i++) {
    if (strcmp(others[i].name, name) != 0) continue;
    (void)run_other(r, &others[i], &wrong);
    judge(r, name, wrong);
  }
}

/* The tables, and whether the document at |path| says the same, word for word. false: it cannot be read. */
static bool check_document(const char *path, uint64_t seed, unsigned *n_passed, unsigned *n_failed) {
  char *document = sim_document_read(path), *text = NULL;
  size_t size = 0;
  FILE *out = document ? open_memstream(&text, &size) : NULL;
  if (out) {
    sim_matrix_table(out, seed, n_passed, n_failed);
    bool held = fclose(out) == 0;
    if (held) fputs(text, stdout);
    if (held) sim_document_check(stdout, document, text, n_passed, n_failed);
  }
  free(text);
  free(document);
  return out != NULL;
}

int sim_matrix_main(int argc, char **argv) {
  unsigned n_passed = 0, n_failed = 0;
  const char *document = NULL;
  run r = {.out = stdout, .seed = 1, .n_passed = &n_passed, .n_failed = &n_failed};
  const char *name = argc && argv[0][0] != '-' ? argv[0] : NULL;
  for (int i = name != NULL; i < argc; i++) {
    if (!strcmp(argv[i], "--trace")) r.trace = stdout;
    if (!strcmp(argv[i], "--loss") && i + 1 < argc) r.loss_ppm = (uint32_t)(strtod(argv[++i], NULL) * 10000);
    if (!strcmp(argv[i], "--check") && i + 1 < argc) document = argv[++i];
    if (!strcmp(argv[i], "--seed") && i + 1 < argc) r.seed = strtoull(argv[++i], NULL, 10);
  }
  if (name)
    run_named(&r, name);
  else if (document && !check_document(document, r.seed, &n_passed, &n_failed))
    fprintf(stderr, "cannot read %s\n", document);
  else if (!document)
    sim_matrix_table(stdout, r.seed, &n_passed, &n_failed);
  printf("%u passed, %u failed\n", n_passed, n_failed);
  return n_failed || !n_passed;
}
