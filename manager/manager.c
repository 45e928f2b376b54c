/* manager/manager.c - the core's front: events of the person, the page and the device, samples, the deadline.
 *
 * Every event is one instant: the clock is taken once, the event is handed to whoever it concerns (attempt.c,
 * recover.c, turn.c), then what is due is done. What the hands are to do is appended to a list that they drain. */
#include "manager/manager.h"

#include "manager/beside.h"
#include "manager/state.h"

#define SLEPT_US MGR_S(3)         /* a tick this late: the page or the device slept */
#define LATE_US MGR_MS(50)        /* a tick this late does not count against the other side */
#define SILENCED_US MGR_S(4)      /* a microphone the system silenced is opened anew after this */
#define PONG_ROUNDED_US MGR_MS(2) /* hands count whole milliseconds */
#define SAMPLE_MIN_US MGR_MS(700) /* samples closer than this are proof of life only: figures would be noise */

size_t mgr_manager_size(void) { return sizeof(mgr_manager); }

void mgr_manager_init(mgr_manager *m, const mgr_settings *settings, mgr_time now) {
  *m = (mgr_manager){.settings = *settings,
                     .now = now,
                     .supported = true,
                     .online = true,
                     .visible = true,
                     .mic_at = MGR_NEVER,
                     .step_until = MGR_NEVER,
                     .lost_at = now,
                     .quiet_at = now,
                     .trouble_at = MGR_NEVER,
                     .overall_until = MGR_NEVER,
                     .proof_until = MGR_NEVER,
                     .refresh_at = MGR_NEVER,
                     .prepared_until = MGR_NEVER};
  m->link.trickle_at = MGR_NEVER;
  mgr_beside_init(m);
  for (int i = 0; i < MGR_N_PHASES; i++) m->phases[i] = MGR_NEVER;
  mgr_ladder_init(&m->ladder, settings->seed);
  mgr_turn_init(&m->turn);
  mgr_quality_init(&m->quality);
  mgr_bitrate_init(&m->bitrate, &settings->bitrate);
}

/* ---- what the hands are to do ---- */

void mgr_core_do(mgr_manager *m, mgr_command command) {
  if (m->n_commands == MGR_N_COMMANDS) __builtin_trap();
  m->commands[m->n_commands++] = command;
}

bool mgr_manager_poll(mgr_manager *m, mgr_command *command) {
  if (m->i_command == m->n_commands) {
    m->i_command = m->n_commands = 0;
    return false;
  }
  *command = m->commands[m->i_command++];
  return true;
}

void mgr_core_set_state(mgr_manager *m, mgr_state state, mgr_reason reason) {
  uint32_t delay_ms = 0;
  if (m->step == MGR_STEP_WAIT && m->step_until != MGR_NEVER && m->step_until > m->now)
    delay_ms = (uint32_t)((m->step_until - m->now) / 1000);
  m->state = state;
  m->reason = reason;
  /* What is done about the link does not concern who talks over a bridge. */
  bool is_mending = state == MGR_STATE_UNSTABLE || state == MGR_STATE_RESTARTING;
  mgr_state told_state = is_mending && mgr_beside_carries(m) ? MGR_STATE_CONNECTED : state;
  mgr_command tell = {.kind = MGR_COMMAND_TELL_STATE,
                      .link = m->link.number,
                      .state = (int32_t)told_state,
                      .reason = (int32_t)reason,
                      .rung = (int32_t)m->rung,
                      .value = (int32_t)m->ladder.n_attempts,
                      .more = m->settings.max_attempts,
                      .delay_ms = delay_ms};
  const mgr_command *told = &m->told;
  if (told->kind && told->state == tell.state && told->reason == tell.reason && told->value == tell.value &&
      told->delay_ms == delay_ms && told->rung == tell.rung)
    return;
  m->told = tell;
  mgr_core_do(m, tell);
}

void mgr_core_mark(mgr_manager *m, mgr_phase phase) {
  if (m->phases[phase] == MGR_NEVER) m->phases[phase] = m->now;
}

static void say(mgr_manager *m, mgr_command_kind kind, int32_t value) {
  mgr_core_do(m, (mgr_command){.kind = (int32_t)kind, .link = m->link.number, .value = value});
}

/* For the other side. A link that is silent may lose it: kept until a later ping is answered. */
static void say_over(mgr_manager *m, mgr_command_kind kind, int32_t value) {
  mgr_core_do(m, (mgr_command){.kind = (int32_t)kind, .link = mgr_beside_carrier(m), .value = value});
  if (kind == MGR_COMMAND_SAY_TEXT || m->link.route == MGR_ROUTE_SOCKET || mgr_beside_carries(m)) return;
  if (m->n_unproved == MGR_N_UNPROVED)
    for (m->n_unproved = 0; m->n_unproved < MGR_N_UNPROVED - 1; m->n_unproved++)
      m->unproved[m->n_unproved] = m->unproved[m->n_unproved + 1];
  m->unproved[m->n_unproved++] = (mgr_word){.kind = (int32_t)kind, .value = value, .at = m->now};
}

static void prove_words(mgr_manager *m, mgr_time sent_at) {
  uint32_t n = 0, kept = 0;
  while (n < m->n_unproved && m->unproved[n].at < sent_at) n++;
  for (; n < m->n_unproved; n++) m->unproved[kept++] = m->unproved[n];
  m->n_unproved = kept;
}

void mgr_core_follow_turn(mgr_manager *m, const mgr_turn_out *given) {
  mgr_turn_out out = *given;
  mgr_turn_finish(&m->turn, &out);
  if (out.say_abort) say_over(m, MGR_COMMAND_SAY_ABORT, 0);
  if (out.hush) say(m, MGR_COMMAND_HUSH, 1);
  if (out.unhush) say(m, MGR_COMMAND_HUSH, 0);
  if (out.say_stop) say_over(m, MGR_COMMAND_SAY_STOP, 0);
  if (out.say_listen) say_over(m, MGR_COMMAND_SAY_LISTEN, (int32_t)out.listen_mode);
  if (out.say_text) say_over(m, MGR_COMMAND_SAY_TEXT, m->texts.said);
  if (out.clear_notice) say(m, MGR_COMMAND_CLEAR_NOTICE, 0);
  if (out.notice) say(m, MGR_COMMAND_TELL_NOTICE, (int32_t)out.notice);
  if (out.mic_changed) say(m, MGR_COMMAND_MIC_LIVE, m->turn.mic_live);
}

/* ---- microphone ---- */

void mgr_core_ask_microphone(mgr_manager *m, bool again) {
  if (m->mic == MGR_MIC_ASKING || (m->mic == MGR_MIC_READY && !again)) return;
  m->mic = MGR_MIC_ASKING;
  m->mic_at = MGR_NEVER;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_ASK_MICROPHONE, .value = again});
}

void mgr_core_release_microphone(mgr_manager *m) {
  if (m->mic == MGR_MIC_UNKNOWN) return;
  m->mic = MGR_MIC_UNKNOWN;
  m->mic_at = MGR_NEVER;
  m->mic_retried = false;
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_RELEASE_MICROPHONE});
  mgr_turn_out out = {0};
  mgr_turn_set_mic(&m->turn, false, &out);
  mgr_core_follow_turn(m, &out);
}

static void tell_issues(mgr_manager *m, uint32_t before) {
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TELL_ISSUES,
                               .link = m->link.number,
                               .value = (int32_t)m->quality.issues,
                               .more = before ^ m->quality.issues});
}

static void set_silenced(mgr_manager *m, bool silenced) {
  uint32_t before = m->quality.issues;
  if (mgr_quality_set_muted(&m->quality, silenced) & MGR_QUALITY_ISSUES_CHANGED) tell_issues(m, before);
}

static void on_microphone(mgr_manager *m, int32_t value) {
  if (value < MGR_MIC_UNKNOWN || value > MGR_MIC_INSECURE) return;
  mgr_mic before = m->mic;
  m->mic = (mgr_mic)value;
  m->mic_at = value == (int32_t)before ? m->mic_at : MGR_NEVER;
  if (value == MGR_MIC_ASKING || value == (int32_t)before) return;
  set_silenced(m, value == MGR_MIC_SILENCED);
  mgr_turn_out out = {0};
  mgr_turn_set_mic(&m->turn, value == MGR_MIC_READY, &out);
  mgr_core_follow_turn(m, &out);
  if (value == MGR_MIC_READY) {
    m->mic_retried = false;
    if (m->link.number) say(m, MGR_COMMAND_ATTACH, 1);
    if (m->beside.link.number && !m->beside.leaves)
      mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_ATTACH, .link = m->beside.link.number, .value = 1});
    return;
  }
  if (!m->wanted || value == MGR_MIC_UNKNOWN) return;
  say(m, MGR_COMMAND_TELL_NOTICE, MGR_NOTICE_MICROPHONE);
  if (value == MGR_MIC_SILENCED) {
    m->mic_at = m->now + SILENCED_US;
  } else if (value == MGR_MIC_LOST && !m->mic_retried) {
    m->mic_retried = true; /* another device may be there; if not, DEVICES will tell */
    mgr_core_ask_microphone(m, true);
  } else if (m->settings.require_microphone) {
    mgr_recover_fail(m, MGR_REASON_NO_MICROPHONE);
  }
}

static void on_devices(mgr_manager *m) {
  bool lacks =
      m->mic == MGR_MIC_NONE || m->mic == MGR_MIC_DENIED || m->mic == MGR_MIC_BUSY || m->mic == MGR_MIC_LOST;
  if (m->wanted && lacks) mgr_core_ask_microphone(m, true);
}

/* ---- the person ---- */

static void prepare(mgr_manager *m) {
  if (m->settings.prepare == MGR_PREPARE_NOTHING || !m->online || !m->visible || !m->supported) return;
  if (m->wanted || m->step != MGR_STEP_NONE || m->put_away || m->frozen) return;
  m->rung = MGR_RUNG_FIRST;
  m->has_token = false;
  mgr_core_set_state(m, MGR_STATE_PREPARING, MGR_REASON_ASKED);
  mgr_attempt_begin(m);
  if (m->settings.prepared_idle_ms) m->prepared_until = mgr_time_add(m->now, MGR_MS(m->settings.prepared_idle_ms));
}

static void begin_first(mgr_manager *m) {
  m->rung = MGR_RUNG_FIRST;
  m->has_token = m->ever_up = false;
  mgr_ladder_begin(&m->ladder, m->now);
  m->overall_until = mgr_time_add(m->now, MGR_MS(m->settings.overall_ms));
  m->ladder.n_attempts = 1; /* the first is made at once */
  mgr_core_set_state(m, MGR_STATE_CONNECTING, MGR_REASON_ASKED);
  mgr_attempt_begin(m);
}

static void start(mgr_manager *m, int32_t mode) {
  if (m->wanted) return;
  if (!m->supported) {
    m->wanted = true;
    mgr_recover_fail(m, MGR_REASON_UNSUPPORTED);
    return;
  }
  m->wanted = true;
  m->armed = m->put_away = m->frozen = false;
  m->prepared_until = MGR_NEVER;
  mgr_core_ask_microphone(m, false);
  mgr_turn_out out = {0};
  if (mode >= MGR_MODE_AUTO && mode <= MGR_MODE_REALTIME) mgr_turn_set_mode(&m->turn, (mgr_mode)mode, &out);
  say(m, MGR_COMMAND_CLEAR_NOTICE, 0);
  if (m->step == MGR_STEP_UP) {
    mgr_core_set_state(m, MGR_STATE_CONNECTED, MGR_REASON_ASKED);
  } else if (m->step == MGR_STEP_NONE) {
    begin_first(m);
  } else {
    m->overall_until = mgr_time_add(m->now, MGR_MS(m->settings.overall_ms));
    mgr_core_set_state(m, MGR_STATE_CONNECTING, MGR_REASON_ASKED);
    if (m->step == MGR_STEP_HELD) mgr_attempt_offer(m);
  }
  mgr_turn_want(&m->turn, true, &out);
  mgr_core_follow_turn(m, &out);
}

static void stop(mgr_manager *m, bool remove, mgr_state state, mgr_reason reason) {
  mgr_attempt_close(m, remove);
  m->step = MGR_STEP_NONE;
  m->step_until = m->overall_until = m->trouble_at = m->prepared_until = MGR_NEVER;
  m->armed = false;
  mgr_core_set_state(m, state, reason);
  mgr_core_release_microphone(m);
}

/* ---- typed text ---- */

static void tell_texts(mgr_manager *m, bool given_up) {
  mgr_core_do(
      m,
      (mgr_command){
          .kind = MGR_COMMAND_TELL_TEXT, .link = m->link.number, .value = m->texts.done, .more = given_up ? 1 : 0});
}

static void give_up_texts(mgr_manager *m) {
  if (mgr_texts_give_up(&m->texts)) tell_texts(m, true);
}

/* Text waits for a connection as the person does; it is said as soon as it can be. */
static void say_texts(mgr_manager *m) {
  if (!m->wanted) give_up_texts(m);
  bool again = false, is_first = true;
  while (mgr_turn_can_talk(&m->turn)) {
    int32_t number = mgr_texts_say(&m->texts, &again, m->now);
    if (!number) return;
    mgr_turn_out out = {0};
    /* The first of several begins the turn; of one that is said again, the answer may have been heard already. */
    if (is_first && !again) mgr_turn_text(&m->turn, &m->settings, m->now, &out);
    is_first = is_first && again;
    out.say_text = true;
    mgr_core_follow_turn(m, &out);
  }
}

static void hang_up(mgr_manager *m, mgr_reason reason) {
  bool was_something = m->wanted || m->armed || m->step != MGR_STEP_NONE;
  m->wanted = m->wants_ahead = m->has_token = false;
  mgr_turn_out out = {0};
  mgr_turn_want(&m->turn, false, &out);
  mgr_core_follow_turn(m, &out);
  if (was_something || m->state != MGR_STATE_CLOSED) stop(m, true, MGR_STATE_CLOSED, reason);
}

/* The operator hung up. What was only made ahead is not made again either, and whoever has not called is not told.
 */
static void on_ended(mgr_manager *m) {
  if (m->wanted) {
    hang_up(m, MGR_REASON_ENDED);
    return;
  }
  m->wants_ahead = false;
  stop(m, true, MGR_STATE_IDLE, MGR_REASON_ENDED);
}

/* ---- the page and the device ---- */

static void on_online(mgr_manager *m, bool online) {
  if (m->online == online) return;
  m->online = online;
  if (online && m->overall_until != MGR_NEVER)
    m->overall_until = mgr_time_add(m->now, MGR_MS(m->settings.overall_ms));
  mgr_recover_look(m, online ? MGR_REASON_NETWORK_CHANGED : MGR_REASON_NO_NETWORK);
  if (online && m->wants_ahead) prepare(m);
}

static void on_visible(mgr_manager *m, bool visible) {
  if (m->visible == visible) return;
  m->visible = visible;
  if (!visible) return;
  mgr_recover_look(m, MGR_REASON_RESUMED);
  if (m->wants_ahead) prepare(m);
}

static void on_frozen(mgr_manager *m, bool frozen) {
  if (m->frozen == frozen || m->put_away) return;
  m->frozen = frozen;
  if (m->step == MGR_STEP_NONE) return;
  if (frozen) {
    mgr_core_set_state(m, MGR_STATE_SUSPENDED, MGR_REASON_RESUMED);
    return;
  }
  if (m->step != MGR_STEP_UP)
    mgr_core_set_state(m, m->wanted ? MGR_STATE_RECONNECTING : MGR_STATE_PREPARING, MGR_REASON_RESUMED);
  mgr_recover_look(m, MGR_REASON_RESUMED);
}

/* An open connection or a live track would keep the page out of the back-forward cache. */
static void on_page_hide(mgr_manager *m, bool may_return) {
  if (!may_return) {
    hang_up(m, MGR_REASON_ASKED);
    return;
  }
  bool was_up = m->step == MGR_STEP_UP;
  if (m->put_away) return;
  if (was_up) m->lost_at = m->now;
  m->put_away = true;
  m->frozen = false;
  stop(m, !m->wanted, MGR_STATE_SUSPENDED, MGR_REASON_ASKED);
}

static void on_page_show(mgr_manager *m) {
  if (!m->put_away) return;
  m->put_away = false;
  if (!m->wanted) {
    mgr_core_set_state(m, MGR_STATE_IDLE, MGR_REASON_RESUMED);
    if (m->wants_ahead) prepare(m);
    return;
  }
  mgr_ladder_restart(&m->ladder);
  mgr_core_ask_microphone(m, true);
  mgr_recover_next(m, MGR_REASON_RESUMED, 0);
}

/* ---- what comes over the channel ---- */

static void apply_sender(mgr_manager *m) {
  mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_SENDER, .link = m->link.number});
}

static void on_pong(mgr_manager *m, const mgr_event *event) {
  mgr_alive_pong(&m->alive, event->more ? -1 : event->value, m->now); /* ballast takes its time */
  mgr_time sent_at = m->now - MGR_MS(event->value) - PONG_ROUNDED_US;
  if (event->value >= 0) prove_words(m, sent_at);
  /* What a bridge carries the link does not prove. */
  if (event->value >= 0 && !mgr_beside_carries(m) && mgr_texts_proved(&m->texts, sent_at)) tell_texts(m, false);
  mgr_recover_heard(m, true);
  if (event->more) mgr_recover_answered(m, event);
}

static void on_channel_message(mgr_manager *m, const mgr_event *event) {
  mgr_turn_out out = {0};
  bool is_link = event->link == m->link.number;
  if (is_link) m->alive.came_at = m->now;
  switch (event->kind) {
    case MGR_EVENT_PONG:
      if (is_link) on_pong(m, event);
      break;
    case MGR_EVENT_READY:
      mgr_core_mark(m, MGR_PHASE_READY);
      mgr_turn_set_assistant(&m->turn, true, &out);
      break;
    case MGR_EVENT_BACKEND:
      if (event->value == 1) mgr_turn_set_assistant(&m->turn, true, &out);
      if (event->value >= 2) mgr_turn_set_assistant(&m->turn, false, &out);
      break;
    case MGR_EVENT_STT: mgr_turn_heard(&m->turn, event->value != 0, &m->settings, m->now, &out); break;
    case MGR_EVENT_TTS: mgr_turn_speech(&m->turn, event->value, &out); break;
    case MGR_EVENT_DRAINING:
      m->draining = true;
      out.notice = MGR_NOTICE_DRAINING;
      break;
    default: break; /* ALIVE */
  }
  mgr_core_follow_turn(m, &out);
}

static void on_queue(mgr_manager *m, int32_t queue_ms) {
  m->alive.came_at = m->now;
  if (m->step == MGR_STEP_UP && mgr_bitrate_brake(&m->bitrate, queue_ms, m->now)) apply_sender(m);
}

/* ---- dispatch ---- */

static bool is_of_link(int32_t kind) {
  return (kind >= MGR_EVENT_DESCRIBED && kind <= MGR_EVENT_BROKEN) ||
         (kind >= MGR_EVENT_ALIVE && kind <= MGR_EVENT_DRAINING) || kind == MGR_EVENT_ENDED ||
         kind == MGR_EVENT_QUEUE;
}

static bool is_of_request(int32_t kind) {
  return kind == MGR_EVENT_ANSWERED || kind == MGR_EVENT_REFUSED || kind == MGR_EVENT_SERVERS ||
         kind == MGR_EVENT_ARRIVED;
}

static bool is_stale(const mgr_manager *m, const mgr_event *event) {
  if (is_of_link(event->kind))
    return !event->link || (event->link != m->link.number && event->link != m->beside.link.number);
  if (!is_of_request(event->kind)) return false;
  if (!event->request) return true;
  if (event->kind == MGR_EVENT_SERVERS) return event->request != m->servers_request;
  bool is_known = event->request == m->link.request || event->request == m->quiet_request ||
                  event->request == m->beside.link.request;
  return !is_known && !(event->kind == MGR_EVENT_REFUSED && event->request == m->servers_request);
}

static void on_person(mgr_manager *m, const mgr_event *event) {
  mgr_turn_out out = {0};
  switch (event->kind) {
    case MGR_EVENT_MODE:
      if (event->value >= MGR_MODE_AUTO && event->value <= MGR_MODE_REALTIME)
        mgr_turn_set_mode(&m->turn, (mgr_mode)event->value, &out);
      break;
    case MGR_EVENT_MUTE: mgr_turn_set_muted(&m->turn, event->value != 0); break;
    case MGR_EVENT_PRESS:
      if (m->wanted) mgr_turn_press(&m->turn, m->now, &out);
      break;
    case MGR_EVENT_RELEASE: mgr_turn_release(&m->turn, &m->settings, m->now, &out); break;
    case MGR_EVENT_CANCEL: mgr_turn_cancel(&m->turn, &out); break;
    case MGR_EVENT_INTERRUPT: mgr_turn_interrupt(&m->turn, &out); break;
    case MGR_EVENT_TEXT: (void)mgr_texts_tell(&m->texts, event->value); break; /* said below, or given up */
    default: break;
  }
  mgr_core_follow_turn(m, &out);
}

static void on_world(mgr_manager *m, const mgr_event *event) {
  switch (event->kind) {
    case MGR_EVENT_ONLINE: on_online(m, event->value != 0); return;
    case MGR_EVENT_NETWORK:
      /* Browsers also report a mere change of estimates; an unknown kind is looked at, a known one must differ. */
      if (event->value && event->value == m->network) return;
      m->network = event->value;
      mgr_recover_look(m, MGR_REASON_NETWORK_CHANGED);
      return;
    case MGR_EVENT_VISIBLE: on_visible(m, event->value != 0); return;
    case MGR_EVENT_FROZEN: on_frozen(m, event->value != 0); return;
    case MGR_EVENT_PAGE_HIDE: on_page_hide(m, event->value != 0); return;
    case MGR_EVENT_PAGE_SHOW: on_page_show(m); return;
    case MGR_EVENT_MICROPHONE: on_microphone(m, event->value); return;
    case MGR_EVENT_DEVICES: on_devices(m); return;
    case MGR_EVENT_UNSUPPORTED:
      m->supported = false;
      if (m->wanted || m->step != MGR_STEP_NONE) mgr_recover_fail(m, MGR_REASON_UNSUPPORTED);
      return;
    default: return;
  }
}

static void dispatch(mgr_manager *m, const mgr_event *event) {
  int32_t kind = event->kind;
  if (kind == MGR_EVENT_TICK) return;
  if (kind == MGR_EVENT_PREPARE) {
    mgr_turn_out out = {0};
    if (!m->wanted && event->value >= MGR_MODE_AUTO && event->value <= MGR_MODE_REALTIME)
      mgr_turn_set_mode(&m->turn, (mgr_mode)event->value, &out);
    m->wants_ahead = true;
    prepare(m);
  } else if (kind == MGR_EVENT_START) {
    start(m, event->value);
  } else if (kind == MGR_EVENT_STOP) {
    hang_up(m, MGR_REASON_ASKED);
  } else if (kind == MGR_EVENT_RETRY) {
    mgr_recover_look(m, MGR_REASON_ASKED);
  } else if (kind <= MGR_EVENT_TEXT) {
    on_person(m, event);
  } else if (kind == MGR_EVENT_MEDIA) {
    mgr_core_mark(m, MGR_PHASE_MEDIA);
  } else if (kind <= MGR_EVENT_BROKEN) {
    mgr_attempt_on_link(m, event);
  } else if (kind == MGR_EVENT_ARRIVED) {
    mgr_attempt_on_arrived(m, event);
  } else if (kind == MGR_EVENT_ANSWERED) {
    mgr_attempt_on_answered(m, event);
  } else if (kind == MGR_EVENT_REFUSED) {
    mgr_attempt_on_refused(m, event);
  } else if (kind == MGR_EVENT_SERVERS) {
    mgr_attempt_on_servers(m, event);
  } else if (kind <= MGR_EVENT_DRAINING) {
    on_channel_message(m, event);
  } else if (kind == MGR_EVENT_ENDED) {
    on_ended(m);
  } else if (kind == MGR_EVENT_QUEUE) {
    if (event->link == m->link.number) on_queue(m, event->value);
  } else {
    on_world(m, event);
  }
}

/* ---- time ---- */

static void give_up_if_due(mgr_manager *m) {
  if (m->now >= m->overall_until && m->step != MGR_STEP_UP && !mgr_beside_take_over(m))
    mgr_recover_fail(m, MGR_REASON_GAVE_UP);
  if (m->now >= m->prepared_until && !m->wanted) {
    m->prepared_until = MGR_NEVER;
    m->wants_ahead = false;
    if (m->step != MGR_STEP_NONE) stop(m, true, MGR_STATE_IDLE, MGR_REASON_ASKED);
    if (m->state == MGR_STATE_IDLE) mgr_core_set_state(m, MGR_STATE_IDLE, MGR_REASON_IDLE_TOO_LONG);
  }
}

static void do_what_is_due(mgr_manager *m) {
  give_up_if_due(m);
  if (m->now >= m->step_until) mgr_attempt_out_of_time(m);
  if (m->now >= m->link.trickle_at) mgr_attempt_trickle(m);
  if (m->now >= m->refresh_at && m->step == MGR_STEP_UP && !m->servers_request) mgr_attempt_fetch_servers(m);
  if (m->now >= m->mic_at) mgr_core_ask_microphone(m, true);
  say_texts(m);
  mgr_recover_watch(m);
  mgr_beside_watch(m);
  mgr_turn_out out = {0};
  mgr_turn_tick(&m->turn, m->now, &out);
  mgr_core_follow_turn(m, &out);
}

mgr_time mgr_manager_deadline(const mgr_manager *m) {
  if (m->put_away) return MGR_NEVER;
  mgr_time at = mgr_time_min(m->step_until, m->link.trickle_at);
  if (m->step != MGR_STEP_UP) at = mgr_time_min(at, m->overall_until);
  if (m->step == MGR_STEP_UP && !m->servers_request) at = mgr_time_min(at, m->refresh_at);
  if (!m->wanted) at = mgr_time_min(at, m->prepared_until);
  at = mgr_time_min(at, m->mic_at);
  at = mgr_time_min(at, m->turn.until);
  at = mgr_time_min(at, mgr_beside_deadline(m));
  return mgr_time_min(at, mgr_recover_deadline(m));
}

/* Takes the clock; time that was slept through is nobody's fault and starts no deadline. */
static void advance(mgr_manager *m, mgr_time now) {
  if (m->i_command < m->n_commands) __builtin_trap();
  m->i_command = m->n_commands = 0;
  if (now < m->now) {
    m->counts.n_backwards++;
    return;
  }
  mgr_time due = mgr_manager_deadline(m), late_us = due < now ? now - due : 0;
  mgr_time gap_us = now - m->now;
  m->now = now;
  if (late_us > LATE_US) mgr_alive_late(&m->alive, late_us);
  if (late_us < SLEPT_US) return;
  if (m->overall_until != MGR_NEVER) m->overall_until = mgr_time_add(m->overall_until, gap_us);
  if (m->frozen) return;
  if (m->step != MGR_STEP_UP && m->step_until != MGR_NEVER) m->step_until = now;
  mgr_recover_look(m, MGR_REASON_RESUMED);
}

/* What followed from an event is told once, at its end. */
static void tell_what_changed(mgr_manager *m, mgr_turn_state before) {
  if (m->turn.state != before)
    mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TELL_TURN, .value = (int32_t)m->turn.state});
  uint32_t n =
      (m->phases[MGR_PHASE_READY] != MGR_NEVER ? 1u : 0) + (m->phases[MGR_PHASE_MEDIA] != MGR_NEVER ? 1u : 0);
  if (n > m->n_timelines) mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TELL_TIMELINE, .link = m->link.number});
  m->n_timelines = n;
}

void mgr_manager_handle(mgr_manager *m, const mgr_event *event, mgr_time now) {
  mgr_turn_state turn = m->turn.state;
  advance(m, now);
  m->counts.n_events++;
  if (event->kind < 0 || event->kind >= MGR_N_EVENTS)
    m->counts.n_unknown++;
  else if (is_stale(m, event))
    m->counts.n_stale++;
  else
    dispatch(m, event);
  do_what_is_due(m);
  tell_what_changed(m, turn);
}

/* ---- statistics ---- */

static void step_bitrate(mgr_manager *m, const mgr_sample *sample) {
  const mgr_figures *f = &m->quality.figures;
  mgr_bitrate_input input = {.loss_up = f->loss_up,
                             .rtt_ms = f->rtt_ms,
                             .available_out_bps = f->available_out_bps,
                             .out_bps = f->out_bps,
                             .has_video = sample->video_bytes >= 0,
                             .cpu_limited = sample->video_limited == 1};
  /* A picture fills a queue within a second; RTCP measures each five. */
  double pong_ms = mgr_alive_take_rtt(&m->alive, m->now);
  if (input.has_video && pong_ms >= 0) input.rtt_ms = pong_ms;
  if (input.has_video && f->video_bps > 0)
    input.out_bps = f->out_bps < 0 ? f->video_bps : f->out_bps + f->video_bps;
  if (mgr_bitrate_step(&m->bitrate, &input, m->now)) apply_sender(m);
}

void mgr_manager_sample(mgr_manager *m, uint32_t link, const mgr_sample *sample, mgr_time now) {
  mgr_turn_state turn = m->turn.state;
  advance(m, now);
  if (!m->link.number || link != m->link.number) {
    m->counts.n_stale++;
  } else {
    if (sample->pair != m->pair) m->alive.n_answers = 0;
    m->pair = sample->pair;
    if (sample->pair_responses >= 0 && mgr_alive_counted(&m->alive, sample->pair_responses, m->now))
      mgr_recover_heard(m, false);
    m->is_relayed = sample->pair_relayed == 1;
    if (m->step == MGR_STEP_UP && (!m->quality.has_last || m->now - m->quality.sampled_at >= SAMPLE_MIN_US)) {
      uint32_t issues = m->quality.issues;
      unsigned changed = mgr_quality_sample(&m->quality, sample, m->now);
      mgr_core_do(m, (mgr_command){.kind = MGR_COMMAND_TELL_QUALITY,
                                   .link = m->link.number,
                                   .value = (int32_t)m->quality.level,
                                   .more = changed & MGR_QUALITY_LEVEL_CHANGED});
      if (changed & MGR_QUALITY_ISSUES_CHANGED) tell_issues(m, issues);
      step_bitrate(m, sample);
    }
  }
  do_what_is_due(m);
  tell_what_changed(m, turn);
}

void mgr_manager_report(mgr_manager *m, uint32_t link, const mgr_gateway_report *report, mgr_time now) {
  mgr_turn_state turn = m->turn.state;
  advance(m, now);
  if (!m->link.number || link != m->link.number) {
    m->counts.n_stale++;
  } else {
    m->alive.came_at = m->now;
    mgr_quality_gateway(&m->quality, report, m->now);
  }
  do_what_is_due(m);
  tell_what_changed(m, turn);
}

/* ---- what it knows ---- */

mgr_state mgr_manager_state(const mgr_manager *m) { return m->state; }
mgr_reason mgr_manager_reason(const mgr_manager *m) { return m->reason; }
mgr_turn_state mgr_manager_turn(const mgr_manager *m) { return m->turn.state; }
bool mgr_manager_can_talk(const mgr_manager *m) { return mgr_turn_can_talk(&m->turn); }
mgr_time mgr_manager_phase(const mgr_manager *m, mgr_phase phase) { return m->phases[phase]; }
const mgr_figures *mgr_manager_quality(const mgr_manager *m) { return &m->quality.figures; }
const mgr_sender *mgr_manager_sender(const mgr_manager *m) { return &m->bitrate.sender; }
const mgr_counts *mgr_manager_counts(const mgr_manager *m) { return &m->counts; }
