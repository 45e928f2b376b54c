/* manager/manager_property_test.c - the laws of manager.h under any order of events.
 *
 * Each sequence: random settings, then random events at random instants, most of them naming the right link and
 * request. Then one of two endings. Left alone: nobody answers any more, and the core must come to rest (no
 * deadline pending, a final state with a reason) in bounded time and a bounded number of ticks. Looked after:
 * everything that is asked is answered, and the core must be connected in bounded time, and stay so.
 * MGR_SEQUENCES=1000000 runs so many (some 10 s with -O2). */
#include <stdlib.h>

#include "check.h"
#include "manager/world_test.h"

#define REST_MAX_US MGR_S(700) /* prepared_idle 300 s, offline 120 s, overall 60 s, and their steps */
#define TICKS_MAX 20000
#define HEAL_MAX_US MGR_S(120)

static world w;
static check_rng rng;
static uint64_t sequence;

static uint32_t upto(uint32_t n) { return check_rng_u32(&rng) % (n + 1); }

static bool held(bool is_so, const char *law) {
  if (!is_so) {
    static char text[96];
    size_t n = 0;
    for (const char *c = law; *c && n < 60; c++) text[n++] = *c;
    text[n] = 0;
    check_that(false, text, "sequence", (int)sequence);
  }
  return is_so;
}

static void random_settings(mgr_settings *s) {
  mgr_settings_default(s);
  s->seed = check_rng_u32(&rng);
  s->prepare = (mgr_prepare)upto(2);
  s->jitter = upto(3) != 0;
  s->gather_wait_ms = upto(3) ? 0 : 500;
  s->require_microphone = upto(7) == 0;
  s->socket = upto(1);
  if (upto(3) == 0) mgr_settings_specification(s);
}

static bool may_name(const mgr_command *c, uint32_t open_link, uint32_t beside) {
  bool of_both = c->kind == MGR_COMMAND_OFFER || c->kind == MGR_COMMAND_TRICKLE || c->kind == MGR_COMMAND_CLOSE;
  return c->link && (c->link == open_link || (of_both && c->link == beside));
}

/* A link is opened only when the one before was closed, one at most beside it, and commands name what is open. */
static bool law_of_commands(uint32_t open_link, uint32_t beside) {
  for (size_t i = 0; i < w.n_log; i++) {
    const mgr_command *c = &w.log[i];
    bool names_link = c->kind == MGR_COMMAND_OFFER || c->kind == MGR_COMMAND_RESTART ||
                      c->kind == MGR_COMMAND_PING || c->kind == MGR_COMMAND_TRICKLE ||
                      c->kind == MGR_COMMAND_SAMPLE || c->kind == MGR_COMMAND_CLOSE;
    if (c->kind == MGR_COMMAND_OPEN) {
      uint32_t *place = c->value ? &beside : &open_link;
      if (!held(*place == 0, "one link at a time, and one beside it")) return false;
      *place = c->link;
    }
    if (names_link && !held(may_name(c, open_link, beside), "a command names the open link")) return false;
    if (c->kind == MGR_COMMAND_CLOSE) *(c->link == beside ? &beside : &open_link) = 0;
    if (c->kind == MGR_COMMAND_LEAVE && !held(c->link == beside, "what is left stands beside")) return false;
    if (c->kind != MGR_COMMAND_CARRY) continue;
    if (!held(c->link == open_link || c->link == beside, "what carries is open")) return false;
    if (!c->value || c->link == open_link) continue;
    beside = open_link;
    open_link = c->link;
  }
  return held(w.m.link.number == open_link, "the open link is known") &&
         held(w.m.beside.link.number == beside, "and what is beside it");
}

static bool check_laws(uint32_t open_link, uint32_t beside) {
  mgr_time at = mgr_manager_deadline(&w.m);
  return held(at == MGR_NEVER || at > w.now || at == w.now, "a deadline is not in the past") &&
         held(w.m.state <= MGR_STATE_CLOSED, "the state has a name") && law_of_commands(open_link, beside);
}

static void random_sample(void) {
  mgr_sample sample;
  double *field = (double *)&sample;
  for (size_t i = 0; i < sizeof sample / sizeof *field; i++) field[i] = upto(4) ? upto(100000) / 7.0 : MGR_ABSENT;
  world_sample(&w, upto(5) ? w.link : upto(9), &sample);
}

static bool random_event(void) {
  static const uint32_t pauses_ms[] = {0, 0, 0, 1, 5, 20, 100, 450, 1000, 3000, 10000, 60000};
  uint32_t open_link = w.open_link, beside = w.beside;
  world_forget(&w);
  w.now += MGR_MS(pauses_ms[upto(11)]);
  while (upto(3) && mgr_manager_deadline(&w.m) <= w.now) world_tell(&w, MGR_EVENT_TICK, 0, 0);
  if (upto(40) == 0) w.now -= MGR_MS(upto(2000));
  uint32_t link = w.link, request = w.request;
  if (upto(9) == 0) w.link = upto(5), w.request = upto(20);
  if (upto(12) == 0) {
    random_sample();
  } else {
    static const int32_t statuses[] = {0, 200, 400, 401, 404, 409, 429, 500, 502, 503};
    mgr_event_kind kind = (mgr_event_kind)upto(MGR_N_EVENTS + 1);
    int32_t value = kind == MGR_EVENT_REFUSED ? statuses[upto(9)] : (int32_t)upto(9) - 1;
    if (w.beside && !upto(2))
      world_tell_beside(&w, kind, value);
    else
      world_tell(&w, kind, value, upto(3) ? upto(5000) : check_rng_u32(&rng));
  }
  w.link = w.open_link ? w.open_link : link;
  if (!upto(1) && request > w.request) w.request = request;
  bool well = check_laws(open_link, beside);
  world_forget(&w);
  return well;
}

static bool is_final(void) {
  return w.m.state == MGR_STATE_IDLE || w.m.state == MGR_STATE_FAILED || w.m.state == MGR_STATE_CLOSED ||
         w.m.state == MGR_STATE_SUSPENDED;
}

/* Nobody answers any more. */
static bool comes_to_rest(void) {
  mgr_time began = w.now;
  int n = 0;
  world_forget(&w);
  for (; n < TICKS_MAX && world_step(&w); n++) world_forget(&w);
  if (w.m.frozen) return true; /* its ladder goes on when the page wakes */
  return held(n < TICKS_MAX, "timers end") && held(w.now - began < REST_MAX_US, "rest comes in bounded time") &&
         held(is_final(), "what is left is a final state") &&
         held(w.m.state != MGR_STATE_FAILED || w.m.reason != MGR_REASON_NONE, "with a reason") &&
         held(!w.m.link.number || w.m.put_away, "and without a connection");
}

static void answer_beside(const mgr_command *c) {
  if (c->kind == MGR_COMMAND_LEAVE) world_tell_beside(&w, MGR_EVENT_CHANNEL, 0);
  if (c->kind == MGR_COMMAND_OPEN) world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
  if (c->kind != MGR_COMMAND_OFFER) return;
  world_tell_beside(&w, MGR_EVENT_ANSWERED, 1);
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 1);
}

static void answer(const mgr_command *c) {
  bool is_beside = c->kind == MGR_COMMAND_LEAVE || (c->kind == MGR_COMMAND_OPEN && c->value) ||
                   (c->kind == MGR_COMMAND_OFFER && c->more);
  if (is_beside) {
    if (c->link == w.beside) answer_beside(c);
    return;
  }
  switch (c->kind) {
    case MGR_COMMAND_FETCH_SERVERS: world_tell(&w, MGR_EVENT_SERVERS, 0, 0); return;
    case MGR_COMMAND_OPEN: world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0); return;
    case MGR_COMMAND_OFFER:
      world_tell(&w, MGR_EVENT_ANSWERED, 0, 0);
      world_tell(&w, MGR_EVENT_PEER, 2, 0);
      world_tell(&w, MGR_EVENT_CHANNEL, 1, 0);
      world_tell(&w, MGR_EVENT_READY, 0, 0);
      return;
    case MGR_COMMAND_RESTART: world_tell(&w, MGR_EVENT_ANSWERED, 1, 0); return;
    case MGR_COMMAND_REOPEN_CHANNEL: world_tell(&w, MGR_EVENT_CHANNEL, 1, 0); return;
    case MGR_COMMAND_PING: world_tell(&w, MGR_EVENT_PONG, 3, 0); return;
    case MGR_COMMAND_ASK_MICROPHONE: world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0); return;
    default: return;
  }
}

static void answer_all(void) {
  for (size_t i = 0; i < w.n_log && i < WORLD_LOG_MAX - MGR_N_COMMANDS; i++) {
    mgr_command c = w.log[i];
    answer(&c);
  }
  world_forget(&w);
}

/* The person starts, the world is well: connected, and it stays so. */
static bool heals(void) {
  world_forget(&w);
  world_tell(&w, MGR_EVENT_PAGE_SHOW, 0, 0);
  world_tell(&w, MGR_EVENT_FROZEN, 0, 0);
  world_tell(&w, MGR_EVENT_VISIBLE, 1, 0);
  world_tell(&w, MGR_EVENT_ONLINE, 1, 0);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0);
  world_tell(&w, MGR_EVENT_PONG, 3, 0); /* to a ping of before */
  if (!w.m.supported) return true;
  mgr_time began = w.now;
  answer_all();
  while (w.now - began < HEAL_MAX_US && !(w.m.state == MGR_STATE_CONNECTED && w.m.step == MGR_STEP_UP)) {
    if (!world_step(&w)) break;
    answer_all();
    if (w.m.state == MGR_STATE_FAILED) world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0), answer_all();
  }
  if (!held(w.m.state == MGR_STATE_CONNECTED, "a world that is well connects")) return false;
  for (int i = 0; i < 50 && world_step(&w); i++) answer_all();
  return held(w.m.state == MGR_STATE_CONNECTED, "and stays connected");
}

static bool run_sequence(void) {
  mgr_settings settings;
  rng.state = sequence * 2654435761u + 1;
  random_settings(&settings);
  world_begin(&w, &settings);
  world_tell(&w, upto(1) ? MGR_EVENT_START : MGR_EVENT_PREPARE, (int32_t)upto(2), 0);
  uint32_t n = 3 + upto(40);
  for (uint32_t i = 0; i < n; i++)
    if (!random_event()) return false;
  return upto(1) ? comes_to_rest() : heals();
}

TEST(manager_any_order_of_events_ends_connected_or_at_rest_with_a_reason) {
  const char *wish = getenv("MGR_SEQUENCES");
  uint64_t n = wish ? strtoull(wish, NULL, 10) : 50000, n_failed = 0;
  for (sequence = 1; sequence <= n && n_failed < 5; sequence++) n_failed += !run_sequence();
  CHECK_EQ(n_failed, 0);
}
