/* gateway/history_report.c - one walk over the rows; figures in tables of fixed size. Percentiles are exact: of
 * what was measured, the least value that so many percent do not exceed. */
#include "gateway/history_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GROUPS_MAX 24 /* of one kind; what comes when all are taken is told as "other" */
#define REASONS_MAX 48
#define WORD_MAX 32
#define N_KINDS 5
#define N_TIMES 5

typedef struct counts {
  uint64_t attempts, connected, failed, abandoned, lost, refused;
} counts;

typedef struct group {
  char word[WORD_MAX];
  int64_t number; /* of a browser its major version */
  counts n;
  gw_mean mos, loss_up, loss_down, rtt;
  uint64_t n_times; /* of connecting, that were measured */
  float p50, p95;
} group;

typedef struct groups {
  const char *kind, *member;
  size_t n;
  group at[GROUPS_MAX];
} groups;

typedef struct reason {
  char result[WORD_MAX], word[WORD_MAX];
  uint64_t n;
} reason;

/* The times of one call, and which groups it is in. */
typedef struct sample {
  float ms[N_TIMES]; /* negative: not measured */
  uint8_t in[N_KINDS];
} sample;

typedef struct report {
  int64_t from_s;
  group all;
  groups by[N_KINDS];
  reason reasons[REASONS_MAX];
  size_t n_reasons, n_hours, n_samples, cap;
  counts *hours;
  sample *samples;
  bool is_short; /* of memory */
  uint64_t n_rows;
  int64_t oldest_s;
} report;

/* ---- words that may be anything ---- */

/* Printable ASCII; the rest becomes '?'. Cut to fit. */
static void clean(char out[WORD_MAX], const char *text) {
  size_t n = 0;
  for (; text[n] && n < WORD_MAX - 1; n++) out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
  out[n] = 0;
}

static void json_text(gw_text *out, const char *text) {
  char word[WORD_MAX];
  clean(word, text);
  gw_text_add(out, "\"");
  for (const char *c = word; *c; c++) gw_text_add(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
  gw_text_add(out, "\"");
}

/* RFC 4180; OWASP's rule for what a spreadsheet must not run. */
static void csv_text(gw_text *out, const char *text) {
  char word[WORD_MAX];
  clean(word, text);
  bool is_formula = word[0] && strchr("=+-@", word[0]);
  bool is_plain = !is_formula && !strpbrk(word, ",\";\n\r");
  if (is_plain) {
    gw_text_add(out, "%s", word);
    return;
  }
  gw_text_add(out, is_formula ? "\"'" : "\"");
  for (const char *c = word; *c; c++) gw_text_add(out, *c == '"' ? "\"\"" : "%c", *c);
  gw_text_add(out, "\"");
}

static const char *iso(char out[24], int64_t unix_s) {
  time_t t = (time_t)unix_s;
  struct tm tm;
  if (!gmtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm)) out[0] = 0;
  return out;
}

/* ---- adding up ---- */

static void count(counts *c, const gw_call *call) {
  uint64_t n = call->n > 0 ? (uint64_t)call->n : 1;
  if (strcmp(call->result, "refused") == 0) {
    c->refused += n;
    return;
  }
  c->attempts++;
  if (strcmp(call->result, "connected") == 0) {
    c->connected++;
    c->lost += strcmp(call->reason, "lost") == 0 || strcmp(call->reason, "evicted") == 0;
  } else if (strcmp(call->result, "abandoned") == 0) {
    c->abandoned++;
  } else {
    c->failed++;
  }
}

static void add_mean(gw_mean *mean, double value) {
  if (!(value >= 0)) return;
  mean->sum += value;
  mean->n++;
}

static void add_to(group *g, const gw_call *call) {
  count(&g->n, call);
  add_mean(&g->mos, call->mos_mean);
  add_mean(&g->loss_up, call->loss_up);
  add_mean(&g->loss_down, call->loss_down);
  add_mean(&g->rtt, call->rtt_ms);
  g->n_times += call->connect_ms >= 0;
}

static size_t group_of(groups *by, const char *text, int64_t number) {
  char word[WORD_MAX];
  clean(word, *text ? text : "unknown");
  for (size_t i = 0; i < by->n; i++)
    if (by->at[i].number == number && strcmp(by->at[i].word, word) == 0) return i;
  if (by->n == GROUPS_MAX) return GROUPS_MAX - 1;
  if (by->n == GROUPS_MAX - 1) { /* the last one is for all that have none */
    number = 0;
    snprintf(word, sizeof(word), "other");
  }
  by->at[by->n] = (group){.number = number};
  memcpy(by->at[by->n].word, word, sizeof(word));
  return by->n++;
}

static void note_reason(report *r, const gw_call *call) {
  char result[WORD_MAX], word[WORD_MAX];
  clean(result, call->result);
  clean(word, call->reason);
  size_t i = 0;
  while (i < r->n_reasons && (strcmp(r->reasons[i].word, word) != 0 || strcmp(r->reasons[i].result, result) != 0))
    i++;
  if (i == REASONS_MAX) return;
  if (i == r->n_reasons) {
    r->n_reasons++;
    memcpy(r->reasons[i].word, word, sizeof(word));
    memcpy(r->reasons[i].result, result, sizeof(result));
  }
  r->reasons[i].n += call->n > 0 ? (uint64_t)call->n : 1;
}

static sample *new_sample(report *r) {
  if (r->n_samples == r->cap) {
    size_t cap = r->cap ? 2 * r->cap : 256;
    sample *grown = realloc(r->samples, cap * sizeof(*grown));
    if (!grown) {
      r->is_short = true;
      return NULL;
    }
    r->samples = grown;
    r->cap = cap;
  }
  return &r->samples[r->n_samples++];
}

static void take(void *ctx, const gw_call *call) {
  report *r = ctx;
  char family[8] = "";
  int64_t hour = (call->ended_at - r->from_s) / 3600;
  r->n_rows++;
  if (!r->oldest_s || call->ended_at < r->oldest_s) r->oldest_s = call->ended_at;
  if (hour >= 0) count(&r->hours[(size_t)hour < r->n_hours ? (size_t)hour : r->n_hours - 1], call);
  bool is_refusal = strcmp(call->result, "refused") == 0;
  if (is_refusal) {
    count(&r->all.n, call);
    note_reason(r, call);
    return;
  }
  note_reason(r, call);
  add_to(&r->all, call);
  if (call->family == 4 || call->family == 6) snprintf(family, sizeof(family), "IPv%d", (int)call->family);
  const struct {
    const char *word;
    int64_t number;
  } keys[N_KINDS] = {
      {call->browser, call->browser_major}, {call->way, 0}, {call->network, 0}, {family, 0}, {call->backend, 0}};
  sample *one = new_sample(r);
  if (one)
    *one = (sample){.ms = {(float)call->connect_ms, (float)call->signalling_ms, (float)call->ice_ms,
                           (float)call->dtls_ms, (float)call->media_ms}};
  for (size_t k = 0; k < N_KINDS; k++) {
    size_t i = group_of(&r->by[k], keys[k].word, keys[k].number);
    add_to(&r->by[k].at[i], call);
    if (one) one->in[k] = (uint8_t)i;
  }
}

/* ---- percentiles ---- */

static int by_connect(const void *a, const void *b) {
  float x = ((const sample *)a)->ms[0], y = ((const sample *)b)->ms[0];
  return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static uint64_t rank(uint64_t n, unsigned percent) { return (n * percent + 99) / 100; }

/* The samples come in order: each group's so many-th is its percentile. */
static void rank_groups(report *r) {
  uint64_t seen[N_KINDS][GROUPS_MAX] = {{0}};
  if (r->n_samples) qsort(r->samples, r->n_samples, sizeof(sample), by_connect);
  for (size_t i = 0; i < r->n_samples; i++) {
    const sample *s = &r->samples[i];
    if (s->ms[0] < 0) continue;
    for (size_t k = 0; k < N_KINDS; k++) {
      group *g = &r->by[k].at[s->in[k]];
      uint64_t at = ++seen[k][s->in[k]];
      if (at == rank(g->n_times, 50)) g->p50 = s->ms[0];
      if (at == rank(g->n_times, 95)) g->p95 = s->ms[0];
    }
  }
}

static void write_times(gw_text *out, const report *r) {
  static const char *const names[N_TIMES] = {"connect", "signalling", "ice", "dtls", "media"};
  float *values = malloc((r->n_samples + 1) * sizeof(*values));
  gw_text_add(out, ",\"times\":{");
  for (size_t t = 0; values && t < N_TIMES; t++) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_samples; i++)
      if (r->samples[i].ms[t] >= 0) values[n++] = r->samples[i].ms[t];
    qsort(values, n, sizeof(*values), by_value);
    gw_text_add(out, "%s\"%s\":{\"n\":%zu", t ? "," : "", names[t], n);
    for (size_t p = 0; p < 3 && n; p++) {
      const unsigned percent[] = {50, 95, 99};
      gw_text_add(out, ",\"p%u\":%.1f", percent[p], (double)values[rank(n, percent[p]) - 1]);
    }
    gw_text_add(out, "}");
  }
  gw_text_add(out, "}");
  free(values);
}

/* ---- writing ---- */

static void write_mean(gw_text *out, const char *name, const gw_mean *mean, int digits) {
  if (mean->n) gw_text_add(out, ",\"%s\":%.*f", name, digits, mean->sum / mean->n);
}

/* Of the attempts that nobody gave up himself. */
static void write_counts(gw_text *out, const counts *n) {
  gw_text_add(out,
              "\"calls\":%" PRIu64 ",\"connected\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"abandoned\":%" PRIu64
              ",\"lost\":%" PRIu64,
              n->attempts, n->connected, n->failed, n->abandoned, n->lost);
  if (n->connected + n->failed)
    gw_text_add(out, ",\"successRate\":%.4f", (double)n->connected / (double)(n->connected + n->failed));
}

static void write_quality(gw_text *out, const group *g) {
  write_mean(out, "mos", &g->mos, 2);
  write_mean(out, "lossUp", &g->loss_up, 4);
  write_mean(out, "lossDown", &g->loss_down, 4);
  write_mean(out, "rtt", &g->rtt, 1);
}

static int by_calls(const void *a, const void *b) {
  uint64_t x = ((const group *)a)->n.attempts, y = ((const group *)b)->n.attempts;
  return (x < y) - (x > y);
}

static void write_groups(gw_text *out, groups *by) {
  qsort(by->at, by->n, sizeof(group), by_calls);
  gw_text_add(out, ",\"%s\":[", by->kind);
  for (size_t i = 0; i < by->n; i++) {
    const group *g = &by->at[i];
    gw_text_add(out, "%s{\"%s\":", i ? "," : "", by->member);
    json_text(out, g->word);
    if (g->number > 0) gw_text_add(out, ",\"version\":%" PRId64, g->number);
    gw_text_add(out, ",");
    write_counts(out, &g->n);
    if (g->n_times) gw_text_add(out, ",\"p50\":%.1f,\"p95\":%.1f", (double)g->p50, (double)g->p95);
    write_quality(out, g);
    gw_text_add(out, "}");
  }
  gw_text_add(out, "]");
}

static int by_number(const void *a, const void *b) {
  uint64_t x = ((const reason *)a)->n, y = ((const reason *)b)->n;
  return (x < y) - (x > y);
}

static void write_reasons(gw_text *out, report *r) {
  qsort(r->reasons, r->n_reasons, sizeof(reason), by_number);
  gw_text_add(out, ",\"reasons\":[");
  for (size_t i = 0; i < r->n_reasons; i++) {
    gw_text_add(out, "%s{\"result\":", i ? "," : "");
    json_text(out, r->reasons[i].result);
    gw_text_add(out, ",\"reason\":");
    json_text(out, r->reasons[i].word);
    gw_text_add(out, ",\"count\":%" PRIu64 "}", r->reasons[i].n);
  }
  gw_text_add(out, "]");
}

static void write_hours(gw_text *out, const report *r) {
  char at[24];
  gw_text_add(out, ",\"byHour\":[");
  for (size_t i = 0; i < r->n_hours; i++) {
    gw_text_add(out, "%s{\"from\":\"%s\",", i ? "," : "", iso(at, r->from_s + 3600 * (int64_t)i));
    write_counts(out, &r->hours[i]);
    gw_text_add(out, ",\"refused\":%" PRIu64 "}", r->hours[i].refused);
  }
  gw_text_add(out, "]");
}

static void write_report(gw_text *out, report *r, int64_t now_s) {
  char from[24], until[24], oldest[24];
  rank_groups(r);
  gw_text_add(out, "\"from\":\"%s\",\"until\":\"%s\",\"rows\":%" PRIu64 ",\"complete\":%s,", iso(from, r->from_s),
              iso(until, now_s), r->n_rows, r->n_rows < GW_HISTORY_ROWS_MAX && !r->is_short ? "true" : "false");
  if (r->oldest_s) gw_text_add(out, "\"oldest\":\"%s\",", iso(oldest, r->oldest_s));
  write_counts(out, &r->all.n);
  gw_text_add(out, ",\"refused\":%" PRIu64, r->all.n.refused);
  write_quality(out, &r->all);
  write_times(out, r);
  for (size_t k = 0; k < N_KINDS; k++) write_groups(out, &r->by[k]);
  write_reasons(out, r);
  write_hours(out, r);
}

gw_store_state gw_report_write(gw_text *out, gw_store *store, int64_t now_s, int64_t hours) {
  static const char *const kinds[N_KINDS][2] = {{"byBrowser", "browser"},
                                                {"byWay", "way"},
                                                {"byNetwork", "network"},
                                                {"byFamily", "family"},
                                                {"byBackend", "backend"}};
  report *r = calloc(1, sizeof(*r));
  gw_store_state state = GW_STORE_FAILED;
  if (r) r->hours = calloc((size_t)hours, sizeof(*r->hours));
  if (r && r->hours) {
    r->from_s = now_s - 3600 * hours;
    r->n_hours = (size_t)hours;
    for (size_t k = 0; k < N_KINDS; k++) r->by[k].kind = kinds[k][0], r->by[k].member = kinds[k][1];
    state = gw_store_walk(store, r->from_s, take, r);
    if (!state) write_report(out, r, now_s);
    free(r->samples);
    free(r->hours);
  }
  free(r);
  return state;
}

/* ---- export ---- */

#define FLUSH_BYTES 32768

typedef struct sink {
  int fd;
  gw_export format;
  gw_text text;
  uint64_t bytes, n_rows;
  gw_store_state state;
} sink;

static void flush(sink *s) {
  size_t at = 0;
  if (s->text.failed) s->state = GW_STORE_FAILED;
  while (at < s->text.len && !s->state) {
    ssize_t n = write(s->fd, s->text.text + at, s->text.len - at);
    if (n < 0 && errno != EINTR) s->state = errno == ENOSPC || errno == EDQUOT ? GW_STORE_FULL : GW_STORE_FAILED;
    if (n > 0) at += (size_t)n;
  }
  s->bytes += at;
  s->text.len = 0;
}

static void csv_row(gw_text *out, const gw_call *call) {
  char at[24];
  gw_text_add(out, "%s", iso(at, call->ended_at));
#define TEXT(name)       \
  gw_text_add(out, ","); \
  csv_text(out, call->name);
#define INTEGER(name) gw_text_add(out, call->name ? ",%" PRId64 : ",", call->name);
#define REAL(name, digits) \
  gw_text_add(out, ",");   \
  if (call->name >= 0) gw_text_add(out, "%.*f", digits, call->name);
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
  gw_text_add(out, "\r\n");
}

static void json_row(gw_text *out, const gw_call *call) {
  char at[24];
  gw_text_add(out, "{\"ended_at\":\"%s\"", iso(at, call->ended_at));
#define TEXT(name)                       \
  if (*call->name) {                     \
    gw_text_add(out, ",\"" #name "\":"); \
    json_text(out, call->name);          \
  }
#define INTEGER(name) \
  if (call->name) gw_text_add(out, ",\"" #name "\":%" PRId64, call->name);
#define REAL(name, digits) \
  if (call->name >= 0) gw_text_add(out, ",\"" #name "\":%.*f", digits, call->name);
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
  gw_text_add(out, "}");
}

static void export_row(void *ctx, const gw_call *call) {
  sink *s = ctx;
  if (s->state) return;
  if (s->format == GW_EXPORT_CSV) {
    csv_row(&s->text, call);
  } else {
    gw_text_add(&s->text, s->n_rows ? ",\n" : "");
    json_row(&s->text, call);
  }
  s->n_rows++;
  if (s->text.len >= FLUSH_BYTES) flush(s);
}

gw_store_state gw_export_write(int fd, gw_store *store, gw_export format, int64_t now_s, int64_t hours,
                               uint64_t *bytes) {
  sink s = {.fd = fd, .format = format};
  if (format == GW_EXPORT_CSV)
    gw_text_add(&s.text,
                "ended_at"
#define TEXT(name) "," #name
#define INTEGER(name) "," #name
#define REAL(name, digits) "," #name
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
                "\r\n");
  else
    gw_text_add(&s.text, "[");
  gw_store_state state = gw_store_walk(store, now_s - 3600 * hours, export_row, &s);
  if (format == GW_EXPORT_JSON) gw_text_add(&s.text, "]\n");
  flush(&s);
  free(s.text.text);
  *bytes = s.bytes;
  return state ? state : s.state;
}
