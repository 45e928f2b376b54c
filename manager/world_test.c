/* manager/world_test.c - see world_test.h. */
#include "manager/world_test.h"

#include "check.h"

static void follow(world *w, const mgr_command *c) {
  switch (c->kind) {
    case MGR_COMMAND_OPEN:
      if (c->value)
        w->beside = c->link;
      else
        w->link = w->open_link = c->link;
      return;
    case MGR_COMMAND_CLOSE:
      if (c->link == w->open_link) w->open_link = 0;
      if (c->link == w->beside) w->beside = 0;
      return;
    case MGR_COMMAND_CARRY:
      if (!c->value || c->link != w->beside) return;
      w->beside = w->open_link;
      w->link = w->open_link = c->link;
      return;
    case MGR_COMMAND_OFFER:
    case MGR_COMMAND_RESTART: *(c->more ? &w->beside_request : &w->request) = c->request; return;
    case MGR_COMMAND_FETCH_SERVERS: w->last_fetch = c->request; return;
    default: return;
  }
}

static void drain(world *w) {
  mgr_command c;
  while (mgr_manager_poll(&w->m, &c)) {
    if (w->n_log < WORLD_LOG_MAX) w->log[w->n_log++] = c;
    follow(w, &c);
  }
}

void world_begin(world *w, const mgr_settings *settings) {
  mgr_settings chosen;
  mgr_settings_default(&chosen);
  *w = (world){.now = MGR_S(100)};
  mgr_manager_init(&w->m, settings ? settings : &chosen, w->now);
}

void world_tell(world *w, mgr_event_kind kind, int32_t value, uint32_t more) {
  bool is_servers = kind == MGR_EVENT_SERVERS;
  mgr_event event = {.kind = (int32_t)kind,
                     .link = w->link,
                     .request = is_servers ? w->last_fetch : w->request,
                     .value = value,
                     .more = more};
  mgr_manager_handle(&w->m, &event, w->now);
  drain(w);
}

void world_tell_beside(world *w, mgr_event_kind kind, int32_t value) {
  mgr_event event = {.kind = (int32_t)kind, .link = w->beside, .request = w->beside_request, .value = value};
  mgr_manager_handle(&w->m, &event, w->now);
  drain(w);
}

void world_sample(world *w, uint32_t link, const mgr_sample *sample) {
  mgr_manager_sample(&w->m, link, sample, w->now);
  drain(w);
}

bool world_step(world *w) {
  mgr_time at = mgr_manager_deadline(&w->m);
  if (at == MGR_NEVER) return false;
  if (at > w->now) w->now = at;
  world_tell(w, MGR_EVENT_TICK, 0, 0);
  return true;
}

void world_wait(world *w, uint32_t ms) {
  mgr_time end = w->now + MGR_MS(ms);
  while (mgr_manager_deadline(&w->m) <= end) world_step(w);
  w->now = end;
}

void world_forget(world *w) { w->n_log = 0; }

size_t world_count(const world *w, mgr_command_kind kind) {
  size_t n = 0;
  for (size_t i = 0; i < w->n_log; i++) n += w->log[i].kind == (int32_t)kind;
  return n;
}

const mgr_command *world_last(const world *w, mgr_command_kind kind) {
  for (size_t i = w->n_log; i--;)
    if (w->log[i].kind == (int32_t)kind) return &w->log[i];
  return NULL;
}

void world_answer_all(world *w, bool resumed) {
  if (w->m.step == MGR_STEP_SERVERS) world_tell(w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(w, MGR_EVENT_CANDIDATE, 0, 0);
  world_tell(w, MGR_EVENT_ANSWERED, resumed, 0);
  world_tell(w, MGR_EVENT_ICE, 2, 0);
  world_tell(w, MGR_EVENT_PEER, 2, 0);
  world_tell(w, MGR_EVENT_CHANNEL, 1, 0);
  world_tell(w, MGR_EVENT_READY, 0, 0);
}

void world_connect(world *w, mgr_mode mode) {
  world_tell(w, MGR_EVENT_START, (int32_t)mode, 0);
  world_tell(w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0);
  world_answer_all(w, false);
  CHECK_EQ(w->m.state, MGR_STATE_CONNECTED);
}

void world_talk(world *w, uint32_t ms) {
  mgr_time end = w->now + MGR_MS(ms);
  while (mgr_manager_deadline(&w->m) <= end) {
    size_t before = world_count(w, MGR_COMMAND_PING);
    world_step(w);
    if (world_count(w, MGR_COMMAND_PING) == before) continue;
    w->now += MGR_MS(5);
    world_tell(w, MGR_EVENT_PONG, 5, 0);
    world_forget(w);
  }
  if (end > w->now) w->now = end;
}
