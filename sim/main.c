/* sim/main.c - the program wr_sim: calls between two libwr peers on the virtual network, many seeds at a time.
 *
 * A run that fails prints the command that repeats it. With --crypto openssl the handshakes are real, drawn from
 * the seed; the null backend (default) is some hundred times faster and takes the same flights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/call.h"
#include "sim/congestion_table.h"
#include "sim/faults.h"
#include "sim/matrix_table.h"
#include "sim/rate_table.h"
#include "sim/seeded_openssl.h"
#include "wr/crypto_openssl.h"

#define SEEDS_MAX 1000000
#define SHOWN_FAILURES 3 /* of one fault */
#define REPEATED_SEEDS 5 /* per check: run twice, digests compared */

typedef struct scenario {
  const char *name, *profile, *about;
  bool callee_passive, callee_lite, behind_nat;
  sim_nat_kind nat;
} scenario;

static const scenario scenarios[] = {
    {.name = "call", .about = "host candidates, the callee is the DTLS client"},
    {.name = "passive", .callee_passive = true, .about = "the callee is the DTLS server"},
    {.name = "lite", .callee_lite = true, .about = "the callee is an ICE lite agent"},
    {.name = "nat", .behind_nat = true, .nat = SIM_NAT_SYMMETRIC, .about = "the caller is behind a symmetric NAT"},
    {.name = "lte", .profile = "lte", .about = "jitter and bursty loss"},
    {.name = "cafe_wifi", .profile = "cafe_wifi", .about = "jitter, loss, reordering, duplicates, a short queue"},
    {.name = "satellite", .profile = "satellite", .about = "540 ms round trip"},
};
#define N_SCENARIOS (sizeof scenarios / sizeof *scenarios)

typedef struct options {
  uint64_t seed, n_seeds;
  double loss_percent;
  int rtt_ms;
  bool openssl, trace;
} options;

/* A certificate carries the date; so that a seed means the same bytes tomorrow, the library gets this clock. */
time_t time(time_t *out) {
  time_t noon = 1767268800; /* 2026-01-01 12:00 UTC */
  if (out) *out = noon;
  return noon;
}

static const wr_crypto *crypto_pair[2];

static bool open_crypto(bool openssl) {
  if (!openssl) {
    crypto_pair[0] = crypto_pair[1] = wr_crypto_null();
    return true;
  }
  sim_seed_openssl(0);
  return !wr_crypto_openssl_open(&crypto_pair[0]) && !wr_crypto_openssl_open(&crypto_pair[1]);
}

static void close_crypto(bool openssl) {
  for (int i = 0; openssl && i < 2; i++) wr_crypto_openssl_close(crypto_pair[i]);
}

static sim_call_result run_seed(const scenario *s, const options *o, uint64_t seed) {
  sim_call_settings settings = {.crypto = {crypto_pair[0], crypto_pair[1]},
                                .seed = seed,
                                .rtt_us = s->profile ? 0 : WR_MS(o->rtt_ms),
                                .loss_ppm = (uint32_t)(o->loss_percent * 10000),
                                .profile = s->profile ? sim_profile_named(s->profile) : NULL,
                                .callee_passive = s->callee_passive,
                                .callee_lite = s->callee_lite,
                                .behind_nat = s->behind_nat,
                                .nat = s->nat,
                                .trace = o->trace ? stdout : NULL};
  if (o->openssl) sim_seed_openssl(seed);
  return sim_call_run(&settings);
}

/* ---- figures ---- */

typedef struct figures {
  wr_time *values;
  size_t n;
} figures;

static int by_time(const void *a, const void *b) {
  wr_time x = *(const wr_time *)a, y = *(const wr_time *)b;
  return (x > y) - (x < y);
}

static void print_figures(const char *name, figures *f, wr_time rtt_us) {
  if (!f->n) return;
  qsort(f->values, f->n, sizeof *f->values, by_time);
  double p50 = (double)f->values[f->n / 2], p95 = (double)f->values[f->n * 95 / 100];
  double max = (double)f->values[f->n - 1], rtt = (double)rtt_us;
  if (rtt_us)
    printf("     %-20s round trips: p50 %6.2f  p95 %6.2f  max %6.2f\n", name, p50 / rtt, p95 / rtt, max / rtt);
  else
    printf("     %-20s ms: p50 %7.1f  p95 %7.1f  max %7.1f\n", name, p50 / 1000, p95 / 1000, max / 1000);
}

static void print_failure(const scenario *s, const options *o, uint64_t seed, const char *fault) {
  printf("FAIL %s seed=%llu: %s -- ./dev sim %s --seed %llu --loss %g --rtt %d%s --trace\n", s->name,
         (unsigned long long)seed, fault, s->name, (unsigned long long)seed, o->loss_percent, o->rtt_ms,
         o->openssl ? " --crypto openssl" : "");
}

/* All seeds of one scenario; true if none failed. */
static bool run_scenario(const scenario *s, const options *o) {
  enum { HEARD_CALLER, HEARD_CALLEE, READ_CALLEE, READ_CALLER, DONE, N };
  static const char *const names[N] = {"caller hears callee", "callee hears caller", "callee reads caller",
                                       "caller reads callee", "64 KiB both ways"};
  if (!open_crypto(o->openssl)) {
    printf("OpenSSL refused\n");
    return false;
  }
  figures f[N];
  for (int i = 0; i < N; i++) f[i] = (figures){calloc((size_t)o->n_seeds, sizeof(wr_time)), 0};
  uint64_t n_failed = 0, digest = 0, n_datagrams = 0;
  wr_time rtt_us = 0;
  for (uint64_t seed = o->seed; seed < o->seed + o->n_seeds; seed++) {
    sim_call_result r = run_seed(s, o, seed);
    if (!r.fault && seed - o->seed < REPEATED_SEEDS && !o->trace && run_seed(s, o, seed).digest != r.digest)
      r.fault = "the same seed gave other bytes";
    digest = digest * 31 + r.digest;
    rtt_us = r.rtt_us;
    if (r.fault) {
      n_failed++;
      print_failure(s, o, seed, r.fault);
      continue;
    }
    n_datagrams += r.net.n_sent;
    const wr_time at[N] = {r.media_us[0], r.media_us[1], r.data_us[1], r.data_us[0], r.done_us};
    for (int i = 0; i < N; i++)
      if (f[i].values) f[i].values[f[i].n++] = at[i];
  }
  printf("%s %s, %g %% loss, %s crypto: %llu of %llu seeds, digest %016llx, %llu datagrams\n",
         n_failed ? "FAIL" : "ok  ", s->name, o->loss_percent, o->openssl ? "OpenSSL" : "null",
         (unsigned long long)(o->n_seeds - n_failed), (unsigned long long)o->n_seeds, (unsigned long long)digest,
         (unsigned long long)n_datagrams);
  for (int i = 0; i < N; i++) {
    print_figures(names[i], &f[i], rtt_us);
    free(f[i].values);
  }
  close_crypto(o->openssl);
  return !n_failed;
}

/* ---- faults ---- */

typedef struct tally {
  figures took;
  uint64_t n_tried, n_failed;
  uint64_t by_rung[MGR_RUNG_NEW + 1], n_unnoticed; /* recovered: by the highest rung, or without any trouble */
  wr_time longest_us;
  uint64_t longest_seed;
} tally;

static void print_tally(size_t fault, tally *t) {
  figures *f = &t->took;
  double at[3] = {0};
  if (f->n) {
    qsort(f->values, f->n, sizeof *f->values, by_time);
    const wr_time chosen[3] = {f->values[f->n / 2], f->values[f->n * 95 / 100], f->values[f->n - 1]};
    for (int i = 0; i < 3; i++) at[i] = (double)chosen[i] / 1000;
  }
  printf("%-4s %-20s %5llu/%-5llu %7.0f %7.0f %7.0f   %5llu %5llu %5llu %5llu %5llu   %llu\n",
         t->n_failed ? "FAIL" : "ok", sim_fault_name(fault), (unsigned long long)f->n,
         (unsigned long long)t->n_tried, at[0], at[1], at[2], (unsigned long long)t->n_unnoticed,
         (unsigned long long)t->by_rung[MGR_RUNG_FIRST], (unsigned long long)t->by_rung[MGR_RUNG_RESTART],
         (unsigned long long)t->by_rung[MGR_RUNG_RESUME], (unsigned long long)t->by_rung[MGR_RUNG_NEW],
         (unsigned long long)t->longest_seed);
}

static bool run_fault(size_t i, const options *o) {
  tally t = {.took = {calloc((size_t)o->n_seeds, sizeof(wr_time)), 0}};
  if (!t.took.values) return false;
  for (uint64_t seed = o->seed; seed < o->seed + o->n_seeds; seed++) {
    sim_fault_result r = sim_fault_run(i, crypto_pair, seed, o->trace ? stdout : NULL);
    t.n_tried++;
    if (r.fault) {
      if (t.n_failed++ >= SHOWN_FAILURES) continue;
      printf("FAIL faults %s seed=%llu: %s, %s -- ./dev sim faults %s --seed %llu --trace\n", sim_fault_name(i),
             (unsigned long long)seed, r.fault, r.state_text, sim_fault_name(i), (unsigned long long)seed);
      continue;
    }
    t.took.values[t.took.n++] = r.took_us;
    if (r.took_us > t.longest_us) {
      t.longest_us = r.took_us;
      t.longest_seed = seed;
    }
    if (r.troubled)
      t.by_rung[r.rung]++;
    else
      t.n_unnoticed++;
  }
  print_tally(i, &t);
  free(t.took.values);
  return !t.n_failed;
}

/* One fault, or all: |name| NULL. */
static void run_faults(const char *name, const options *o, unsigned *n_passed, unsigned *n_failed) {
  if (!open_crypto(false)) return;
  printf("     %-20s %11s %7s %7s %7s   highest rung of recovery\n", "fault", "recovered", "p50 ms", "p95", "max");
  printf("     %-20s %11s %7s %7s %7s   %5s %5s %5s %5s %5s\n", "", "", "", "", "", "none", "first", "ICE",
         "resume", "new");
  for (size_t i = 0; i < sim_faults_n(); i++) {
    if (name && strcmp(name, sim_fault_name(i))) continue;
    bool held = run_fault(i, o);
    *n_passed += held;
    *n_failed += !held;
  }
}

/* Every scenario at every loss: the first with all seeds, the others with a tenth, with OpenSSL a twentieth. */
static int check_all(options o) {
  static const double losses[] = {0, 5, 10, 25};
  unsigned n_passed = 0, n_failed = 0;
  uint64_t n_seeds = o.n_seeds;
  for (size_t i = 0; i < N_SCENARIOS; i++) {
    for (size_t j = 0; j < (scenarios[i].profile ? 1 : 4); j++) {
      o.loss_percent = losses[j];
      for (int openssl = 0; openssl < 2; openssl++) {
        o.openssl = openssl;
        o.n_seeds = openssl ? (n_seeds + 19) / 20 : i == 0 ? n_seeds : (n_seeds + 9) / 10;
        bool held = run_scenario(&scenarios[i], &o);
        n_passed += held;
        n_failed += !held;
      }
    }
  }
  o.n_seeds = (n_seeds + 49) / 50;
  run_faults(NULL, &o, &n_passed, &n_failed);
  sim_rate_table(stdout, o.seed, SIM_RATE_SEEDS, &n_passed, &n_failed);
  sim_matrix_table(stdout, o.seed, &n_passed, &n_failed);
  printf("%u passed, %u failed\n", n_passed, n_failed);
  return n_failed != 0;
}

static int usage(FILE *to, int status) {
  fprintf(
      to,
      "usage: wr_sim SCENARIO|check [--seed N] [--seeds N] [--loss PERCENT] [--rtt MS]\n"
      "                             [--crypto null|openssl] [--trace]\n"
      "       wr_sim faults [NAME] [--seed N] [--seeds N] [--trace]\n"
      "       wr_sim bitrate [--check] [--seed N] [--seeds N], or bitrate help\n"
      "       wr_sim congestion [--check FILE] [--on SECTION] [--seed N] [--seeds N], or congestion help\n"
      "       wr_sim matrix [NAME] [--check FILE] [--seed N] [--loss PERCENT] [--trace]\n\n"
      "check runs every scenario at 0, 5, 10 and 25 %% loss: `call` with all seeds, the others with a tenth,\n"
      "with OpenSSL a twentieth; and every fault with a fiftieth; and bitrate, and matrix.\n"
      "matrix calls through every pair of NATs, with and without a relay, and through stranger networks: who\n"
      "reaches whom, by which way, and in how many round trips; and whether it stands so in FILE. Scenarios:\n");
  for (size_t i = 0; i < N_SCENARIOS; i++) fprintf(to, "  %-16s %s\n", scenarios[i].name, scenarios[i].about);
  fprintf(to, "faults breaks calls in every way below and tells how long each took to be well again:\n");
  for (size_t i = 0; i < sim_faults_n(); i++) fprintf(to, "  %-20s %s\n", sim_fault_name(i), sim_fault_about(i));
  return status;
}

static bool read_options(options *o, int first, int argc, char **argv) {
  for (int i = first; i < argc; i++) {
    const char *flag = argv[i];
    if (!strcmp(flag, "--trace")) {
      o->trace = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const char *value = argv[++i];
    char *end = NULL;
    if (!strcmp(flag, "--seed")) {
      o->seed = strtoull(value, &end, 10);
    } else if (!strcmp(flag, "--seeds")) {
      o->n_seeds = strtoull(value, &end, 10);
    } else if (!strcmp(flag, "--loss")) {
      o->loss_percent = strtod(value, &end);
    } else if (!strcmp(flag, "--rtt")) {
      o->rtt_ms = (int)strtol(value, &end, 10);
    } else if (!strcmp(flag, "--crypto")) {
      o->openssl = !strcmp(value, "openssl");
      if (!o->openssl && strcmp(value, "null")) return false;
      continue;
    }
    if (!end || *end || end == value) return false;
  }
  return o->n_seeds > 0 && o->n_seeds <= SEEDS_MAX && o->loss_percent >= 0 && o->loss_percent <= 100 &&
         o->rtt_ms >= 0 && o->rtt_ms <= 60000;
}

static int faults_main(const options *o, const char *name) {
  unsigned n_passed = 0, n_failed = 0;
  run_faults(name, o, &n_passed, &n_failed);
  if (!n_passed && !n_failed) {
    fprintf(stderr, "no such fault: %s\n", name);
    return usage(stderr, 2);
  }
  printf("%u passed, %u failed\n", n_passed, n_failed);
  return n_failed != 0;
}

int main(int argc, char **argv) {
  options o = {.n_seeds = 1, .rtt_ms = 100};
  if (argc < 2 || !strcmp(argv[1], "help") || !strcmp(argv[1], "--help")) return usage(stdout, 0);
  if (!strcmp(argv[1], "bitrate")) return sim_rate_main(argc - 2, argv + 2);
  if (!strcmp(argv[1], "congestion")) return sim_congestion_main(argc - 2, argv + 2);
  if (!strcmp(argv[1], "matrix")) return sim_matrix_main(argc - 2, argv + 2);
  bool faults = !strcmp(argv[1], "faults"), named = faults && argc > 2 && argv[2][0] != '-';
  if (!read_options(&o, named ? 3 : 2, argc, argv)) return usage(stderr, 2);
  if (faults) return faults_main(&o, named ? argv[2] : NULL);
  if (!strcmp(argv[1], "check")) return check_all(o);
  for (size_t i = 0; i < N_SCENARIOS; i++) {
    if (strcmp(argv[1], scenarios[i].name)) continue;
    bool held = run_scenario(&scenarios[i], &o);
    printf("%d passed, %d failed\n", held, !held);
    return !held;
  }
  fprintf(stderr, "no such scenario: %s\n", argv[1]);
  return usage(stderr, 2);
}
