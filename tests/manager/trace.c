/* tests/manager/trace.c - manager_trace FIRST_SEED N_SEEDS N_EVENTS: random traces of events, and all that the
 * core, compiled natively, makes of them. tests/manager/run.js plays the same through manager.wasm and compares the
 * text.
 *
 * Each seed is another world: settings, how often it answers, in what order, how wildly it reports. Times are
 * microseconds, doubles the hex of their bits:
 *   new SEED NOW SPECIFICATION [SETTING=N[,N]]...   event NOW KIND LINK REQUEST VALUE MORE
 *   sample NOW LINK DOUBLES...                      report NOW LINK DOUBLES...
 * and after each such line, indented, what comes of it: command, after, figures, sender, counts, phases. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manager/state.h"

#define N_DOUBLES(type) (sizeof(type) / sizeof(double))
_Static_assert(__FLT_EVAL_METHOD__ == 0, "doubles are doubles: no x87");

static mgr_manager manager;

/* ---- what the manager says ---- */

static void print_doubles(const char *name, const void *from, size_t n) {
  printf("%s", name);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, (const char *)from + i * sizeof bits, sizeof bits);
    printf(" %016" PRIx64, bits);
  }
  printf("\n");
}

static void print_words(const char *name, const void *from, size_t n) {
  printf(" %s", name);
  for (size_t i = 0; i < n; i++) {
    uint32_t word;
    memcpy(&word, (const char *)from + i * sizeof word, sizeof word);
    printf(" %" PRIu32, word);
  }
  printf("\n");
}

/* As the page sees it: milliseconds. */
static void print_time(mgr_time at) {
  double ms = (double)at / 1000.0;
  uint64_t bits;
  memcpy(&bits, &ms, sizeof bits);
  at == MGR_NEVER ? printf(" never") : printf(" %016" PRIx64, bits);
}

static void world_hears(const mgr_command *command);

static void print_outcome(void) {
  mgr_command c;
  while (mgr_manager_poll(&manager, &c)) {
    printf(" command %d %u %u %d %u %d %d %d %d %u\n", c.kind, c.link, c.request, c.value, c.more, c.state,
           c.reason, c.rung, c.route, c.delay_ms);
    world_hears(&c);
  }
  printf(" after %d %d %d %d", (int)mgr_manager_state(&manager), (int)mgr_manager_reason(&manager),
         (int)mgr_manager_turn(&manager), (int)mgr_manager_can_talk(&manager));
  print_time(mgr_manager_deadline(&manager));
  printf("\n");
}

static void print_knowledge(void) {
  print_doubles(" figures", mgr_manager_quality(&manager), N_DOUBLES(mgr_figures));
  print_words("sender", mgr_manager_sender(&manager), sizeof(mgr_sender) / 4);
  print_words("counts", mgr_manager_counts(&manager), sizeof(mgr_counts) / 4);
  printf(" phases");
  for (int i = 0; i < MGR_N_PHASES; i++) print_time(mgr_manager_phase(&manager, (mgr_phase)i));
  printf("\n");
}

/* ---- what it is told ---- */

static void play_event(const mgr_event *e, mgr_time now) {
  printf("event %" PRId64 " %d %u %u %d %u\n", now, e->kind, e->link, e->request, e->value, e->more);
  mgr_manager_handle(&manager, e, now);
  print_outcome();
}

static void play_sample(uint32_t link, const mgr_sample *sample, mgr_time now) {
  printf("sample %" PRId64 " %u", now, link);
  print_doubles("", sample, N_DOUBLES(mgr_sample));
  mgr_manager_sample(&manager, link, sample, now);
  print_outcome();
  print_knowledge();
}

static void play_report(uint32_t link, const mgr_gateway_report *report, mgr_time now) {
  printf("report %" PRId64 " %u", now, link);
  print_doubles("", report, N_DOUBLES(mgr_gateway_report));
  mgr_manager_report(&manager, link, report, now);
  print_outcome();
  print_knowledge();
}

/* ---- a world ---- */

static struct world {
  uint64_t rng;
  mgr_time now;
  uint32_t link, request; /* the newest that were named */
  int32_t n_texts;
  uint32_t percent_answered, percent_wild, percent_absent;
  mgr_event replies[64]; /* what will be reported because of commands */
  uint32_t n_replies;
  mgr_sample sample; /* counters as they stand */
  mgr_gateway_report report;
} w;

static uint32_t draw(void) {
  uint64_t old = w.rng;
  w.rng = old * 6364136223846793005u + 1442695040888963407u;
  uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27), rotation = (uint32_t)(old >> 59);
  return shifted >> rotation | shifted << ((32 - rotation) & 31);
}

static uint32_t below(uint32_t n) { return draw() % n; }
/* 0 half of the time. One draw per expression: C does not say which operand comes first. */
static uint32_t maybe(uint32_t n) {
  uint32_t value = below(2 * n);
  return value < n ? value : 0;
}
static bool chance(uint32_t percent) { return below(100) < percent; }

static void reply(int32_t kind, int32_t value, uint32_t more) {
  if (w.n_replies == sizeof w.replies / sizeof *w.replies || !chance(w.percent_answered)) return;
  mgr_event e = {.kind = kind, .link = w.link, .request = w.request, .value = value, .more = more};
  w.replies[w.n_replies++] = e;
}

static void answer_offer(void) {
  static const int32_t refusals[] = {0, 400, 401, 404, 429, 500, 503};
  if (chance(15)) {
    int32_t status = refusals[below(7)];
    reply(MGR_EVENT_REFUSED, status, maybe(9000));
    return;
  }
  reply(MGR_EVENT_ANSWERED, (int32_t)below(2), 0);
  for (int32_t i = 1; i <= 2; i++) reply(MGR_EVENT_ICE, chance(10) ? 4 : i, 0);
  for (int32_t i = 1; i <= 2; i++) reply(MGR_EVENT_PEER, chance(10) ? 4 : i, 0);
  reply(MGR_EVENT_CHANNEL, 1, 0);
  reply(MGR_EVENT_READY, 0, 0);
  reply(MGR_EVENT_BACKEND, 1, 0);
  reply(MGR_EVENT_MEDIA, 0, 0);
}

static void world_hears(const mgr_command *c) {
  if (c->link) w.link = c->link;
  if (c->request) w.request = c->request;
  switch (c->kind) {
    case MGR_COMMAND_FETCH_SERVERS: {
      uint32_t lifetime_ms = maybe(200000);
      reply(MGR_EVENT_SERVERS, (int32_t)below(2), lifetime_ms);
      break;
    }
    case MGR_COMMAND_OPEN:
      reply(MGR_EVENT_DESCRIBED, 0, 0);
      reply(MGR_EVENT_CANDIDATE, 0, 0);
      reply(MGR_EVENT_GATHERED, 0, 0);
      break;
    case MGR_COMMAND_OFFER:
    case MGR_COMMAND_RESTART: answer_offer(); break;
    case MGR_COMMAND_LEAVE: reply(MGR_EVENT_CHANNEL, 0, 0); break;
    case MGR_COMMAND_REOPEN_CHANNEL: reply(MGR_EVENT_CHANNEL, 1, 0); break;
    case MGR_COMMAND_PING: reply(MGR_EVENT_PONG, (int32_t)below(400), 0); break;
    case MGR_COMMAND_ASK_MICROPHONE:
      reply(MGR_EVENT_MICROPHONE, MGR_MIC_ASKING, 0);
      reply(MGR_EVENT_MICROPHONE, chance(80) ? MGR_MIC_READY : (int32_t)below(9), 0);
      break;
    case MGR_COMMAND_SAY_STOP:
    case MGR_COMMAND_SAY_TEXT:
      reply(MGR_EVENT_STT, (int32_t)below(2), 0);
      for (int32_t i = 0; i < 3; i++) reply(MGR_EVENT_TTS, i, 0);
      break;
    default: break;
  }
}

/* A number of any size, mostly a sane one. */
static double wild(double sane) {
  if (!chance(w.percent_wild)) return sane;
  static const double sizes[] = {0, 1e-300, 1e-9, 0.1, 3, 1e6, 4294967296.0, 1e15, 1e200};
  double size = sizes[below(9)];
  return size * (1 + below(1000)) / 7.0;
}

static double part(uint32_t most) { return (double)below(most) / (double)most; }

/* Counters go on, now and then one begins anew; what is in [0, 1) is drawn; what is absent stays so for this
 * sample. */
static void world_measures(mgr_sample *out) {
  mgr_sample *s = &w.sample;
  double packets = below(60), lost = chance(30) ? below(12) : 0;
  s->pair = chance(3) ? below(4) : s->pair;
  s->pair_relayed = s->pair > 1;
  s->pair_rtt_s = s->remote_rtt_s = wild(part(1000));
  s->pair_bytes_sent += wild(packets * 90), s->pair_bytes_received += wild(packets * 95);
  s->pair_available_out_bps = wild(below(2000000));
  s->in_packets += packets, s->in_lost += lost - (chance(5) ? 3 : 0), s->in_bytes += wild(packets * 80);
  s->in_jitter_s = s->remote_jitter_s = wild(part(500) / 10);
  s->in_samples += packets * 960, s->in_concealed += lost * 960, s->in_silent_concealed += lost * below(960);
  s->in_buffer_delay_s += packets * 960 * part(20) / 10, s->in_buffer_emitted += packets * 960;
  s->in_level = part(300), s->mic_level = chance(50) ? 0 : part(300), s->mic_energy += s->mic_level;
  s->out_packets += below(60), s->out_bytes += wild(below(5000));
  s->remote_lost += lost, s->remote_fraction_lost = wild(chance(70) ? 0 : part(256));
  s->mic_live = below(2);
  s->video_bytes += maybe(90000), s->video_frames += below(30), s->video_limited = below(4);
  s->video_fraction_lost = chance(70) ? 0 : part(256);
  if (chance(1)) w.sample = (mgr_sample){0};
  *out = w.sample;
  for (size_t i = 0; i < N_DOUBLES(mgr_sample); i++)
    if (chance(w.percent_absent)) memcpy((char *)out + i * sizeof(double), &(double){MGR_ABSENT}, sizeof(double));
}

static uint32_t some_link(void) { return chance(85) ? w.link : w.link + below(5) - 2; }

static void random_event(mgr_event *e) {
  static const uint32_t likely[] = {MGR_EVENT_STT,  MGR_EVENT_TTS,   MGR_EVENT_PRESS, MGR_EVENT_RELEASE,
                                    MGR_EVENT_TEXT, MGR_EVENT_ALIVE, MGR_EVENT_ICE,   MGR_EVENT_NETWORK};
  e->kind = (int32_t)(chance(70) ? likely[below(8)] : below(MGR_N_EVENTS));
  if (e->kind == MGR_EVENT_UNSUPPORTED && !chance(2)) e->kind = MGR_EVENT_DEVICES; /* nothing follows it */
  e->link = some_link();
  e->request = chance(80) ? w.request : below(20);
  e->value = (int32_t)below(6);
  if (e->kind == MGR_EVENT_TEXT && chance(80)) e->value = ++w.n_texts;
  e->more = chance(80) ? 0 : below(100000);
  if (!chance(w.percent_wild)) return;
  e->kind = chance(50) ? e->kind : (int32_t)draw();
  e->value = (int32_t)draw();
  e->more = draw();
}

/* What ends a rest: the person, the network, the page. */
static bool wake(mgr_event *e) {
  static const mgr_event wakes[] = {
      {.kind = MGR_EVENT_START, .value = MGR_MODE_AUTO},
      {.kind = MGR_EVENT_START, .value = MGR_MODE_MANUAL},
      {.kind = MGR_EVENT_PREPARE},
      {.kind = MGR_EVENT_ONLINE, .value = 1},
      {.kind = MGR_EVENT_FROZEN, .value = 0},
      {.kind = MGR_EVENT_PAGE_SHOW},
      {.kind = MGR_EVENT_VISIBLE, .value = 1},
      {.kind = MGR_EVENT_RETRY},
  };
  mgr_state s = mgr_manager_state(&manager);
  bool rests = s == MGR_STATE_IDLE || s == MGR_STATE_FAILED || s == MGR_STATE_CLOSED || s == MGR_STATE_SUSPENDED ||
               s == MGR_STATE_OFFLINE;
  if (!rests || !chance(40)) return false;
  *e = wakes[below(sizeof wakes / sizeof *wakes)];
  return true;
}

static void next_reply(mgr_event *e) {
  uint32_t i = chance(90) ? 0 : below(w.n_replies); /* sometimes out of order */
  *e = w.replies[i];
  w.n_replies--;
  memmove(&w.replies[i], &w.replies[i + 1], (w.n_replies - i) * sizeof *e);
}

static void step(void) {
  mgr_event e = {.kind = MGR_EVENT_TICK};
  mgr_time deadline = mgr_manager_deadline(&manager);
  uint32_t dice = below(100);
  if (wake(&e)) {
    w.now += below(2000000);
  } else if (dice < 55 && w.n_replies) {
    w.now += below(60000);
    next_reply(&e);
  } else if (dice < 70 && deadline != MGR_NEVER) {
    w.now = mgr_time_add(deadline < w.now ? w.now : deadline, chance(80) ? 0 : below(3000000));
  } else if (dice < 80) {
    mgr_sample sample;
    world_measures(&sample);
    w.now += 900000 + below(200000);
    play_sample(some_link(), &sample, w.now);
    return;
  } else if (dice < 85) {
    w.report.received += below(60), w.report.lost += chance(70) ? 0 : below(20);
    w.report.rtt_ms = wild(below(900)), w.report.jitter_ms = chance(w.percent_absent) ? MGR_ABSENT : part(99) * 40;
    play_report(some_link(), &w.report, w.now);
    return;
  } else {
    w.now += below(300000);
    random_event(&e);
  }
  if (chance(1)) w.now += chance(50) ? MGR_S(below(4000)) : -(mgr_time)below(500000);
  play_event(&e, w.now < 0 ? 0 : w.now);
}

/* ---- a trace ---- */

static uint32_t setting(const char *name, uint32_t i) {
  uint32_t value = strstr(name, "_bps")  ? 6000 + below(100000)
                   : strstr(name, "_ms") ? 1 + below(20000)
                                         : 1 + below(9);
  if (!strcmp(name, "prepare")) value = below(3);
  if (!strcmp(name, "jitter") || strstr(name, "may_") || strstr(name, "require_")) value = below(2);
  i ? printf(",%u", value) : printf(" %s=%u", name, value);
  return value;
}

static void begin(uint64_t seed) {
  w = (struct world){.rng = seed * 2 + 1, .percent_answered = 90 + (uint32_t)(seed % 5) * 2};
  for (int i = 0; i < 8; i++) (void)draw();
  w.percent_wild = seed % 3 == 0 ? 5 : 0;
  w.percent_absent = seed % 2 == 0 ? 10 : 0;
  w.now = below(100000000);
  bool specification = seed % 7 == 6;
  mgr_settings s;
  specification ? mgr_settings_specification(&s) : mgr_settings_default(&s);
  s.seed = (uint64_t)below(1 << 21) << 32;
  s.seed |= draw();
  printf("new %" PRIu64 " %" PRId64 " %d", s.seed, w.now, specification);
  s.socket = seed % 4 != 3 && chance(50); /* else among the settings that are drawn */
  if (s.socket) printf(" socket=1");
#define MGR_SETTING_LIST(name, count, most, meaning)                      \
  if (seed % 4 == 3 && chance(30)) {                                      \
    s.count = 1 + below(most);                                            \
    for (uint32_t i = 0; i < s.count; i++) s.name[i] = setting(#name, i); \
  }
#define MGR_SETTING(name, member, meaning) \
  if (seed % 4 == 3 && chance(20)) s.member = setting(#name, 0);
#include "manager/settings.def"
#undef MGR_SETTING_LIST
#undef MGR_SETTING
  printf("\n");
  mgr_manager_init(&manager, &s, w.now);
  print_outcome();
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s FIRST_SEED N_SEEDS N_EVENTS\n", argv[0]);
    return 2;
  }
  uint64_t first = strtoull(argv[1], NULL, 10);
  uint32_t n_seeds = (uint32_t)strtoul(argv[2], NULL, 10), n_events = (uint32_t)strtoul(argv[3], NULL, 10);
  for (uint64_t seed = first; seed < first + n_seeds; seed++) {
    begin(seed);
    for (uint32_t i = 0; i < n_events; i++) step();
    print_knowledge();
  }
  return 0;
}
