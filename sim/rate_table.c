/* sim/rate_table.c - what the players of rate.h reach on every trace, as a table, and what of it must hold. */
#include "sim/rate_table.h"

#include <stdlib.h>
#include <string.h>

typedef struct row {
  const sim_rate_trace *trace;
  bool has_camera, may_red;
  double fixed, with_estimate, without, oracle; /* scores */
  double changes;                               /* a minute, mean of both ways */
  uint32_t most_changes;                        /* in any minute */
} row;

static sim_rate_result play(const row *r, sim_rate_player player, bool has_estimate, uint64_t seed) {
  sim_rate_settings settings = {.trace = r->trace,
                                .player = player,
                                .seed = seed,
                                .has_camera = r->has_camera,
                                .has_estimate = has_estimate,
                                .may_red = r->may_red};
  sim_rate_result result;
  sim_rate_run(&settings, &result);
  return result;
}

static void add_adaptive(row *r, double *score, bool has_estimate, uint64_t seed, unsigned n_seeds) {
  sim_rate_result result = play(r, SIM_RATE_ADAPTIVE, has_estimate, seed);
  *score += result.score / n_seeds;
  r->changes += result.changes_per_minute / n_seeds / 2;
  if (result.most_changes > r->most_changes) r->most_changes = result.most_changes;
}

static void measure(row *r, uint64_t seed, unsigned n_seeds) {
  for (uint64_t i = seed; i < seed + n_seeds; i++) {
    r->fixed += play(r, SIM_RATE_FIXED, false, i).score / n_seeds;
    r->oracle += play(r, SIM_RATE_ORACLE, false, i).score / n_seeds;
    add_adaptive(r, &r->with_estimate, true, i, n_seeds);
    add_adaptive(r, &r->without, false, i, n_seeds);
  }
}

/* NULL: all that must hold does. */
static const char *fault_of(const row *r) {
  double worse = r->with_estimate < r->without ? r->with_estimate : r->without;
  if (r->trace->clean && worse < 0.995 * r->fixed) return "fixed is better on a clean wire";
  if (r->trace->clean && worse < 0.995 * r->oracle) return "less than 99.5 % of the oracle on a clean wire";
  if (!r->trace->clean && worse <= r->fixed) return "fixed is better";
  if (worse < SIM_RATE_LEAST_SHARE * r->oracle) return "too far from the oracle";
  if (r->changes > SIM_RATE_MEAN_CHANGES || r->most_changes > SIM_RATE_MOST_CHANGES) return "flaps";
  return NULL;
}

static void print_row(FILE *out, const row *r) {
  const char *call = r->has_camera ? "camera" : r->may_red ? "voice, RED" : "voice";
  const char *fault = fault_of(r);
  fprintf(out, "%-16s %-11s %6.1f %8.1f %6.1f %8.1f   %5.0f %% %4.0f %%   %5.1f %6u   %s\n", r->trace->name, call,
          r->fixed, r->with_estimate, r->without, r->oracle, 100 * r->with_estimate / r->oracle,
          100 * r->without / r->oracle, r->changes, r->most_changes, fault ? fault : "ok");
}

static void print_head(FILE *out, uint64_t seed, unsigned n_seeds) {
  fprintf(
      out,
      "score 0..100, mean of %u seeds from %llu, %d s each; adaptive: with and without availableOutgoingBitrate\n"
      "                               adaptive            share of oracle    changes/min\n"
      "trace            call         fixed     with without   oracle      with without    mean   most\n",
      n_seeds, (unsigned long long)seed, SIM_RATE_SECONDS);
}

void sim_rate_table(FILE *out, uint64_t seed, unsigned n_seeds, unsigned *n_passed, unsigned *n_failed) {
  print_head(out, seed, n_seeds);
  const sim_rate_trace *trace;
  for (int kind = 0; kind < 3; kind++) {
    for (size_t i = 0; (trace = sim_rate_trace_at(i)); i++) {
      if (kind == 2 && !trace->lossy) continue;
      row r = {.trace = trace, .has_camera = kind == 1, .may_red = kind == 2};
      measure(&r, seed, n_seeds);
      print_row(out, &r);
      *(fault_of(&r) ? n_failed : n_passed) += 1;
    }
  }
}

/* ---- the verb ---- */

static int usage(FILE *to, int status) {
  fprintf(to,
          "usage: wr_sim bitrate [--check] [--seed N] [--seeds N]\n"
          "       wr_sim bitrate --on TRACE [--player fixed|adaptive|oracle] [--camera] [--no-estimate] [--red]\n"
          "                                 [--seed N]\n\n"
          "The adaptive bitrate of manager/ against a fixed one and an oracle, on every trace as a table whose "
          "rows are\n"
          "judged, or on one trace second by second. Traces:\n");
  const sim_rate_trace *t;
  for (size_t i = 0; (t = sim_rate_trace_at(i)); i++) fprintf(to, "  %-16s %s\n", t->name, t->about);
  return status;
}

static bool read_player(sim_rate_settings *s, const char *name) {
  static const char *const names[] = {
      [SIM_RATE_FIXED] = "fixed", [SIM_RATE_ADAPTIVE] = "adaptive", [SIM_RATE_ORACLE] = "oracle"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(names[i], name)) continue;
    s->player = (sim_rate_player)i;
    return true;
  }
  return false;
}

static bool read_switch(sim_rate_settings *s, const char *flag) {
  if (!strcmp(flag, "--check")) return true; /* rows are judged whenever they are printed */
  if (!strcmp(flag, "--camera")) return s->has_camera = true;
  if (!strcmp(flag, "--red")) return s->may_red = true;
  if (strcmp(flag, "--no-estimate")) return false;
  s->has_estimate = false;
  return true;
}

static bool read_options(sim_rate_settings *s, unsigned *n_seeds, int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    if (read_switch(s, argv[i])) continue;
    if (i + 1 == argc) return false;
    const char *flag = argv[i], *value = argv[++i];
    char *end = NULL;
    if (!strcmp(flag, "--seed")) {
      s->seed = strtoull(value, &end, 10);
    } else if (!strcmp(flag, "--seeds")) {
      *n_seeds = (unsigned)strtoul(value, &end, 10);
    } else if (!strcmp(flag, "--on")) {
      if (!(s->trace = sim_rate_trace_named(value))) return false;
      continue;
    } else if (!strcmp(flag, "--player")) {
      if (!read_player(s, value)) return false;
      continue;
    }
    if (!end || *end || end == value) return false;
  }
  return *n_seeds > 0;
}

int sim_rate_main(int argc, char **argv) {
  sim_rate_settings s = {.player = SIM_RATE_ADAPTIVE, .has_estimate = true, .log = stdout};
  unsigned n_seeds = SIM_RATE_SEEDS, n_passed = 0, n_failed = 0;
  if (argc && (!strcmp(argv[0], "help") || !strcmp(argv[0], "--help"))) return usage(stdout, 0);
  if (!read_options(&s, &n_seeds, argc, argv)) return usage(stderr, 2);
  if (!s.trace) {
    sim_rate_table(stdout, s.seed, n_seeds, &n_passed, &n_failed);
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_failed != 0;
  }
  sim_rate_result result;
  sim_rate_run(&s, &result);
  printf("score %.1f, %.1f changes a minute, digest %016llx\n", result.score, result.changes_per_minute,
         (unsigned long long)result.digest);
  return 0;
}
