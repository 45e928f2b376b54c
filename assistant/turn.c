/* assistant/turn.c - the conversation.
 *
 * Modes: auto and realtime end an utterance by the endpointer, manual by "listen stop". In realtime the device's
 * microphone is open while we speak; voice that lasts BARGE_FRAMES then interrupts. Left out: memory of what was
 * said before, except the volume. */
#include "assistant/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  RATE = AS_RECOGNISER_RATE,
  PRE_ROLL = AS_EP_PRE_ROLL * AS_EP_FRAME,
  UTTERANCE_MAX = AS_EP_MAX * AS_EP_FRAME + PRE_ROLL,
  BARGE_FRAMES = 15, /* 300 ms */
  DECODED_MAX = RATE / 1000 * 120,
  VOLUME_STEP = 20,
};

bool as_turn_init(as_turn *t, uint64_t id, const as_world *world, xz_server_settings settings, wr_time now) {
  *t = (as_turn){.id = id, .world = *world, .volume = -1, .last_voice_at = now};
  settings.speech_memory = t->speech_memory;
  settings.speech_bytes = sizeof t->speech_memory;
  xz_server_init(&t->link, &settings, now);
  as_endpointer_init(&t->endpointer);
  int error;
  t->decoder = opus_decoder_create(RATE, 1, &error);
  return t->decoder != NULL;
}

void as_turn_wipe(as_turn *t) {
  if (t->decoder) opus_decoder_destroy(t->decoder);
  free(t->utterance);
  as_job_free(t->spoken);
  xz_server_wipe(&t->link);
}

/* ---- speaking ---- */

static bool submit(as_turn *t, as_job *job) {
  job->session = t->id;
  job->turn = t->turn;
  return t->world.submit(t->world.ctx, job);
}

static void finish_speaking(as_turn *t) {
  t->unsaid = NULL;
  t->phase = AS_PHASE_IDLE;
  xz_server_speech_end(&t->link);
}

/* Has the next sentence made, or ends the speech. */
static void say_next(as_turn *t) {
  as_job *job = t->unsaid ? calloc(1, sizeof *job) : NULL;
  if (!job || !as_next_sentence(&t->unsaid, job->text, sizeof job->text)) {
    as_job_free(job);
    finish_speaking(t);
    return;
  }
  if (!as_next_sentence(&t->unspoken, job->spoken, sizeof job->spoken)) job->spoken[0] = 0;
  job->kind = AS_JOB_SPEAK;
  job->language = t->reply.language;
  job->frame_ms = xz_server_frame_ms(&t->link);
  if (!submit(t, job)) finish_speaking(t);
}

/* tts start, emotion, then the sentences as they are made. */
static void speak(as_turn *t) {
  t->phase = AS_PHASE_SPEAKING;
  t->unsaid = t->reply.text;
  t->unspoken = t->reply.spoken;
  if (xz_server_speech_begin(&t->link)) {
    finish_speaking(t);
    return;
  }
  if (xz_server_emotion(&t->link, t->reply.emotion)) t->stats.n_failed_jobs++;
  say_next(t);
}

static bool fits(const as_turn *t, const as_job *job) {
  size_t need = job->speech.bytes + 4 * job->speech.n_packets + 2 * AS_TEXT_MAX;
  return xz_outbox_used(&t->link.speech) + need < AS_SPEECH_BYTES;
}

/* Moves a finished sentence into the speech queue, when there is room, and has the next one made meanwhile. */
static void queue_spoken(as_turn *t) {
  as_job *job = t->spoken;
  if (!job || (!fits(t, job) && xz_server_speech_queued(&t->link) > 0)) return;
  t->spoken = NULL;
  wr_err err = xz_server_sentence(&t->link, job->text);
  const uint8_t *at = job->speech.packets;
  for (size_t i = 0; i < job->speech.n_packets && !err; i++) {
    uint16_t len;
    memcpy(&len, at, 2);
    err = xz_server_speech(&t->link, wr_bytes_of(at + 2, len));
    at += 2 + len;
  }
  as_job_free(job);
  say_next(t);
}

static void say(as_turn *t, const char *emotion, const char *text) {
  as_reply_say(&t->reply, emotion, AS_ENGLISH, text);
  speak(t);
}

/* ---- deciding ---- */

static bool call_tool(as_turn *t, const char *name, json_t *args, wr_time now) {
  wr_err err = xz_server_call_tool(&t->link, name, args, &t->tool, now);
  json_decref(args);
  if (err) return false;
  t->phase = AS_PHASE_TOOL;
  return true;
}

static int clamp(int v) { return v < 0 ? 0 : v > 100 ? 100 : v; }

static bool set_volume(as_turn *t, int volume, wr_time now) {
  t->intent.amount = clamp(volume);
  t->asked_status = false;
  return call_tool(t, "set_volume", json_pack("{s:i}", "volume", t->intent.amount), now);
}

static bool step_volume(as_turn *t, wr_time now) {
  if (t->volume >= 0)
    return set_volume(t, t->volume + (t->intent.want == AS_WANT_LOUDER ? VOLUME_STEP : -VOLUME_STEP), now);
  t->asked_status = true;
  if (call_tool(t, "get_device_status", json_object(), now)) return true;
  t->volume = 50;
  return step_volume(t, now);
}

static bool use_tool(as_turn *t, const char *text, wr_time now) {
  switch (t->intent.want) {
    case AS_WANT_VOLUME: return set_volume(t, t->intent.amount, now);
    case AS_WANT_LOUDER:
    case AS_WANT_QUIETER: return step_volume(t, now);
    case AS_WANT_PHOTO: return call_tool(t, "take_photo", json_pack("{s:s}", "question", text), now);
    case AS_WANT_STOP: {
      uint32_t unused;
      json_t *none = json_object();
      if (xz_server_call_tool(&t->link, "stop_music", none, &unused, now)) unused = 0;
      json_decref(none);
      return false;
    }
    case AS_WANT_UNKNOWN:
    case AS_WANT_GREETING:
    case AS_WANT_NAME:
    case AS_WANT_MOOD:
    case AS_WANT_TIME:
    case AS_WANT_DATE:
    case AS_WANT_JOKE:
    case AS_WANT_GOODBYE:
    case AS_WANT_THANKS:
    case AS_WANT_TAP:
    case AS_WANT_CARESS:
    case AS_WANT_HELP: return false;
  }
  return false;
}

static bool wants_tool(as_want want) {
  return want == AS_WANT_VOLUME || want == AS_WANT_LOUDER || want == AS_WANT_QUIETER || want == AS_WANT_PHOTO;
}

static void answer(as_turn *t, const char *text, wr_time now) {
  if (t->refusal[0]) {
    say(t, "neutral", t->refusal);
    return;
  }
  struct tm local = t->world.local_time(t->world.ctx);
  t->intent = as_intent_of(text);
  if (wants_tool(t->intent.want) && !t->link.mcp.listed && now < t->waits_until) {
    snprintf(t->waits, sizeof t->waits, "%s", text);
    t->phase = AS_PHASE_TOOL;
    return;
  }
  if (use_tool(t, text, now)) return;
  as_reply_to(&t->reply, &t->intent, &local, t->n_replies++);
  speak(t);
}

/* The tools are known, or will not be. */
static void answer_what_waits(as_turn *t, wr_time now) {
  if (!t->waits[0] || (!t->link.mcp.listed && now < t->waits_until)) return;
  char text[AS_TEXT_MAX];
  memcpy(text, t->waits, sizeof text);
  t->waits[0] = 0;
  answer(t, text, now);
}

/* The volume in a get_device_status result; -1: it does not say. */
static int volume_in(const char *status) {
  json_t *json = json_loads(status, JSON_DECODE_ANY, NULL), *inner = NULL;
  if (json_is_string(json)) inner = json_loads(json_string_value(json), 0, NULL); /* one client quotes results */
  const json_t *root = inner ? inner : json;
  const json_t *volume = json_object_get(json_object_get(root, "audio_speaker"), "volume");
  if (!volume) volume = json_object_get(root, "volume");
  int v = json_is_number(volume) ? clamp((int)json_number_value(volume)) : -1;
  json_decref(inner);
  json_decref(json);
  return v;
}

/* What a photo's result says: {"response":".."} or {"message":".."}, or the text itself. */
static void say_photo(as_turn *t, const char *result) {
  json_t *json = json_loads(result, JSON_DECODE_ANY, NULL), *inner = NULL;
  if (json_is_string(json)) inner = json_loads(json_string_value(json), 0, NULL);
  const json_t *root = inner ? inner : json;
  const char *words = json_string_value(json_object_get(root, "response"));
  if (!words) words = json_string_value(json_object_get(root, "message"));
  if (!words) words = json_is_string(json) ? json_string_value(json) : result;
  say(t, "cool", *words ? words : "I took the photo.");
  json_decref(inner);
  json_decref(json);
}

static void say_failure(as_turn *t, const char *why) {
  char text[200];
  snprintf(text, sizeof text, "I am sorry, that did not work. Your device says: %.100s.", why);
  say(t, "sad", text);
}

static void on_tool_result(as_turn *t, const xz_host_result *result, wr_time now) {
  if (t->phase != AS_PHASE_TOOL || result->call != t->tool) return;
  t->tool = 0;
  if (t->asked_status) {
    t->asked_status = false;
    t->volume = result->ok ? volume_in(result->text) : -1;
    if (t->volume < 0) t->volume = 50;
    if (!step_volume(t, now)) say_failure(t, "there is no volume to set");
  } else if (!result->ok) {
    say_failure(t, result->text);
  } else if (t->intent.want == AS_WANT_PHOTO) {
    say_photo(t, result->text);
  } else {
    char text[80];
    t->volume = t->intent.amount;
    snprintf(text, sizeof text, "The volume is now %d percent.", t->volume);
    say(t, "happy", text);
  }
}

/* ---- hearing ---- */

static void forget_utterance(as_turn *t) {
  t->n_utterance = t->n_piece = 0;
  t->voiced = false;
  as_endpointer_reset(&t->endpointer);
}

/* Whatever was under way is over; its results will find no owner. */
static void new_turn(as_turn *t) {
  t->turn++;
  t->phase = AS_PHASE_IDLE;
  t->unsaid = NULL;
  t->tool = 0;
  t->asked_status = false;
  t->waits[0] = 0;
  as_job_free(t->spoken);
  t->spoken = NULL;
}

static void hear_utterance(as_turn *t) {
  as_job *job = calloc(1, sizeof *job);
  int16_t *samples = realloc(t->utterance, (t->n_utterance + 1) * sizeof *samples);
  if (samples) t->utterance = samples;
  if (!job || !samples) {
    as_job_free(job);
    forget_utterance(t);
    return;
  }
  job->kind = AS_JOB_HEAR;
  job->samples = t->utterance;
  job->n_samples = t->n_utterance;
  t->utterance = NULL;
  t->utterance_cap = 0;
  forget_utterance(t);
  new_turn(t);
  t->phase = AS_PHASE_HEARING;
  if (!submit(t, job)) say(t, "embarrassed", "I am busy at the moment. Please try again.");
}

static bool keep(as_turn *t, const int16_t *samples, size_t n) {
  if (t->n_utterance + n > t->utterance_cap) {
    size_t cap = t->utterance_cap ? 2 * t->utterance_cap : 2 * PRE_ROLL;
    int16_t *grown = realloc(t->utterance, cap * sizeof *grown);
    if (!grown) return false;
    t->utterance = grown;
    t->utterance_cap = cap;
  }
  memcpy(t->utterance + t->n_utterance, samples, n * sizeof *samples);
  t->n_utterance += n;
  return true;
}

static void interrupt(as_turn *t) {
  t->stats.n_barge_ins++;
  new_turn(t);
  xz_server_speech_cancel(&t->link);
}

static bool manual(const as_turn *t) { return t->link.mode == XZ_MODE_MANUAL; }

/* One frame of 20 ms. */
static void on_frame(as_turn *t, const int16_t *frame, wr_time now) {
  as_ep_news news = as_endpointer_push(&t->endpointer, frame);
  size_t limit = t->voiced || manual(t) ? UTTERANCE_MAX : PRE_ROLL;
  if (t->n_utterance + AS_EP_FRAME > limit) {
    if (manual(t)) return; /* the button was held for too long: the beginning counts */
    size_t surplus = t->n_utterance + AS_EP_FRAME - limit;
    memmove(t->utterance, t->utterance + surplus, (t->n_utterance - surplus) * sizeof *t->utterance);
    t->n_utterance -= surplus;
  }
  if (!keep(t, frame, AS_EP_FRAME)) return;
  switch (news) {
    case AS_EP_QUIET: return;
    case AS_EP_BEGIN: t->voiced = true; return;
    case AS_EP_INSIDE:
      t->last_voice_at = now;
      if (t->link.speaking && t->endpointer.n_voiced == BARGE_FRAMES) interrupt(t);
      return;
    case AS_EP_CLICK:
      t->stats.n_clicks++;
      if (!manual(t)) forget_utterance(t);
      return;
    case AS_EP_END:
      if (!manual(t)) hear_utterance(t);
      return;
  }
}

static void on_audio(as_turn *t, wr_bytes opus, wr_time now) {
  int16_t decoded[DECODED_MAX];
  int n = opus_decode(t->decoder, opus.data, (opus_int32)opus.len, decoded, DECODED_MAX, 0);
  /* Between the end of an utterance and the end of its answer only realtime listens on. */
  bool deaf = t->phase == AS_PHASE_HEARING || t->phase == AS_PHASE_TOOL ||
              (t->phase == AS_PHASE_SPEAKING && t->link.mode != XZ_MODE_REALTIME);
  for (int i = 0; i < n && !deaf; i++) {
    t->piece[t->n_piece++] = decoded[i];
    if (t->n_piece < AS_EP_FRAME) continue;
    t->n_piece = 0;
    on_frame(t, t->piece, now);
  }
}

static void on_listen_stop(as_turn *t) {
  if (!manual(t)) {
    if (t->voiced)
      hear_utterance(t);
    else
      forget_utterance(t);
  } else if (t->n_utterance >= RATE / 3) {
    hear_utterance(t);
  } else {
    forget_utterance(t);
    say(t, "confused", "I did not hear anything. Hold the button while you speak.");
  }
}

/* The words are told to the device exactly as they were heard. */
static void on_heard(as_turn *t, const as_job *job, wr_time now) {
  if (job->failed) {
    t->stats.n_failed_jobs++;
    say(t, "sad", "I cannot hear at the moment, because the speech model is missing.");
    return;
  }
  if (job->heard.text[0])
    t->stats.n_heard++;
  else
    t->stats.n_unrecognised++;
  if (xz_server_stt(&t->link, job->heard.text[0] ? job->heard.text : "...")) t->stats.n_failed_jobs++;
  answer(t, job->heard.text, now);
}

static void on_typed(as_turn *t, const char *text, wr_time now) {
  new_turn(t);
  forget_utterance(t);
  t->stats.n_typed++;
  t->last_voice_at = now;
  if (!*text) return;
  if (xz_server_stt(&t->link, text)) t->stats.n_failed_jobs++;
  answer(t, text, now);
}

static void on_speech_done(as_turn *t, wr_time now) {
  t->last_voice_at = now;
  if (t->last_words) xz_server_close(&t->link, 1000, "idle");
}

static void take_events(as_turn *t, wr_time now) {
  xz_server_event e;
  while (xz_server_poll(&t->link, &e)) {
    switch (e.kind) {
      case XZ_SERVER_EVENT_HELLO: t->waits_until = now + AS_TOOLS_LIMIT; break;
      case XZ_SERVER_EVENT_TOOLS: answer_what_waits(t, now); break;
      case XZ_SERVER_EVENT_GOODBYE:
      case XZ_SERVER_EVENT_FAILED: break;
      case XZ_SERVER_EVENT_ABORT: new_turn(t); break;
      case XZ_SERVER_EVENT_LISTEN_START:
        t->last_voice_at = now;
        t->last_words = false;
        forget_utterance(t);
        break;
      case XZ_SERVER_EVENT_LISTEN_STOP: on_listen_stop(t); break;
      case XZ_SERVER_EVENT_DETECT: on_typed(t, e.text, now); break;
      case XZ_SERVER_EVENT_AUDIO: on_audio(t, e.opus, now); break;
      case XZ_SERVER_EVENT_SPEECH_DONE: on_speech_done(t, now); break;
      case XZ_SERVER_EVENT_TOOL_RESULT: on_tool_result(t, &e.result, now); break;
    }
  }
}

void as_turn_text(as_turn *t, wr_bytes text, wr_time now) {
  xz_server_recv_text(&t->link, text, now);
  take_events(t, now);
}

void as_turn_binary(as_turn *t, wr_bytes message, wr_time now) {
  xz_server_recv_binary(&t->link, message, now);
  take_events(t, now);
}

static bool idle_too_long(const as_turn *t, wr_time now) {
  return t->link.state == XZ_SERVER_OPEN && t->phase == AS_PHASE_IDLE && !t->link.speaking && !t->last_words &&
         now >= t->last_voice_at + AS_IDLE_LIMIT;
}

void as_turn_tick(as_turn *t, wr_time now) {
  xz_server_tick(&t->link, now);
  take_events(t, now);
  queue_spoken(t);
  answer_what_waits(t, now);
  if (!idle_too_long(t, now)) return;
  new_turn(t);
  t->last_words = true;
  say(t, "sleepy", "I have not heard you for a while. Goodbye for now.");
}

void as_turn_done(as_turn *t, as_job *job, wr_time now) {
  bool current = job->turn == t->turn;
  if (current && job->kind == AS_JOB_SPEAK && t->phase == AS_PHASE_SPEAKING) {
    t->stats.n_failed_jobs += job->failed; /* then there are no packets, and the words are shown all the same */
    t->spoken = job;
    queue_spoken(t);
    return;
  }
  if (current && job->kind == AS_JOB_HEAR && t->phase == AS_PHASE_HEARING) on_heard(t, job, now);
  as_job_free(job);
}

wr_time as_turn_deadline(const as_turn *t) {
  wr_time deadline = xz_server_deadline(&t->link);
  if (t->waits[0]) deadline = wr_time_min(deadline, t->waits_until);
  if (t->link.state == XZ_SERVER_OPEN && t->phase == AS_PHASE_IDLE && !t->link.speaking && !t->last_words)
    deadline = wr_time_min(deadline, t->last_voice_at + AS_IDLE_LIMIT);
  return deadline;
}
