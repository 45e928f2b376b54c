/* assistant/turn.c - the conversation.
 *
 * Modes: auto and realtime end an utterance by the endpointer, manual by "listen stop". In realtime the device's
 * microphone is open while we speak, and while servers of plugged-in stages are waited for; voice that lasts
 * BARGE_FRAMES then interrupts. */
#include "assistant/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assistant/chat.h"
#include "assistant/results.h"
#include "assistant/talk.h"
#include "assistant/wake.h"

enum {
  RATE = AS_RECOGNISER_RATE,
  PRE_ROLL = AS_EP_PRE_ROLL * AS_EP_FRAME,
  UTTERANCE_MAX = AS_EP_MAX * AS_EP_FRAME + PRE_ROLL,
  BARGE_FRAMES = 15, /* 300 ms */
  DECODED_MAX = RATE / 1000 * 120,
  FOLLOW_SAMPLES = RATE, /* 1 s */
  VOLUME_STEP = 20,
};

bool as_turn_init(as_turn *t, uint64_t id, const as_world *world, xz_server_settings settings, wr_time now) {
  *t = (as_turn){.id = id, .world = *world, .volume = -1, .last_voice_at = now};
  settings.speech_memory = t->speech_memory;
  settings.speech_bytes = sizeof t->speech_memory;
  settings.wake_word = world->wake_word;
  xz_server_init(&t->link, &settings, now);
  as_endpointer_init(&t->endpointer);
  int error;
  t->decoder = opus_decoder_create(RATE, 1, &error);
  return t->decoder != NULL;
}

static void end_talk(as_turn *t);

void as_turn_wipe(as_turn *t) {
  end_talk(t);
  if (t->decoder) opus_decoder_destroy(t->decoder);
  free(t->utterance);
  as_job_free(t->spoken);
  xz_server_wipe(&t->link);
}

/* Takes |job| over. false: nobody does it; why is noted. */
static bool submit(as_turn *t, as_job *job) {
  job->session = t->id;
  job->turn = t->turn;
  if (t->world.submit(t->world.ctx, job)) return true;
  t->why = job->why ? job->why : AS_WHY_BUSY;
  t->outage = job->outage;
  t->rests = job->rests;
  as_job_free(job);
  return false;
}

/* ---- explaining ---- */

/* Once per turn, and once per time of trouble where it was not even tried. It is said before what comes next. */
static void explain(as_turn *t, as_job_kind kind, as_why why, uint32_t outage, bool rests) {
  t->stats.n_fallbacks++;
  bool told = t->told_in[kind] == t->turn || (rests && t->told[kind] == outage);
  size_t n = t->unprefaced ? strlen(t->preface) : 0;
  t->told[kind] = outage;
  if (told || n + 200 > sizeof t->preface) return;
  t->told_in[kind] = t->turn;
  if (n) t->preface[n++] = ' ';
  as_explain(kind, why, t->preface + n, sizeof t->preface - n);
  if (!t->unprefaced) t->unprefaced = t->preface;
}

/* ---- what a plugged-in dialogue says ---- */

/* The answer is over, as far as it was said; that much is remembered. */
static void end_talk(as_turn *t) {
  as_talk *talk = &t->talk;
  if (!talk->messages) return;
  json_decref(talk->messages);
  json_decref(talk->calls);
  free(talk->photo);
  size_t n = talk->n_said < talk->n_own ? talk->n_said : talk->n_own;
  talk->text[n] = 0;
  if (n && t->world.memory)
    as_memory_add(t->world.memory, t->person, t->said, talk->text, t->world.now_s(t->world.ctx));
  *talk = (as_talk){0};
}

static bool talk_goes_on(const as_turn *t) { return t->talk.messages && (t->talk.thinking || t->talk.calls); }

/* The next sentence that can be spoken. */
static bool next_of_talk(as_turn *t, as_job *job) {
  as_talk *talk = &t->talk;
  size_t used;
  job->text[0] = 0;
  while (!job->text[0] && (used = as_talk_sentence(talk->text + talk->n_said, talk->n_text - talk->n_said,
                                                   !talk->thinking, job->text, sizeof job->text)))
    talk->n_said += used;
  job->language = as_language_of(job->text);
  return job->text[0] != 0;
}

/* ---- speaking ---- */

static void finish_speaking(as_turn *t) {
  t->unsaid = t->unprefaced = NULL;
  end_talk(t);
  t->phase = AS_PHASE_IDLE;
  xz_server_speech_end(&t->link);
}

static bool next_of_reply(as_turn *t, as_job *job) {
  if (!t->unsaid || !as_next_sentence(&t->unsaid, job->text, sizeof job->text)) return false;
  if (!as_next_sentence(&t->unspoken, job->spoken, sizeof job->spoken)) job->spoken[0] = 0;
  job->language = t->reply.language;
  return true;
}

static bool next_sentence(as_turn *t, as_job *job) {
  if (t->unprefaced && as_next_sentence(&t->unprefaced, job->text, sizeof job->text)) return true;
  t->unprefaced = NULL;
  return next_of_reply(t, job) || (t->talk.messages && next_of_talk(t, job));
}

/* Has the next sentence made, or waits for words, or ends the speech. */
static void say_next(as_turn *t) {
  if (t->making) return;
  as_job *job = calloc(1, sizeof *job);
  t->talk.starved = false;
  if (!job || !next_sentence(t, job)) {
    as_job_free(job);
    if (talk_goes_on(t))
      t->talk.starved = true;
    else if (t->phase == AS_PHASE_SPEAKING)
      finish_speaking(t);
    return;
  }
  job->kind = AS_JOB_SPEAK;
  job->frame_ms = xz_server_frame_ms(&t->link);
  job->by_built_in = t->told_in[AS_JOB_SPEAK] == t->turn; /* one voice to the end, and no second wait */
  t->making = submit(t, job);
  if (!t->making) finish_speaking(t);
}

/* tts start and the emotion. false: the device cannot hear. */
static bool open_speech(as_turn *t, const char *emotion) {
  t->phase = AS_PHASE_SPEAKING;
  if (xz_server_speech_begin(&t->link)) {
    finish_speaking(t);
    return false;
  }
  if (xz_server_emotion(&t->link, emotion)) t->stats.n_failed_jobs++;
  return true;
}

/* ... then the sentences as they are made. */
static void speak(as_turn *t) {
  t->unsaid = t->reply.text;
  t->unspoken = t->reply.spoken;
  if (open_speech(t, t->reply.emotion)) say_next(t);
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
  t->making = false;
  if (job->why) explain(t, AS_JOB_SPEAK, job->why, job->outage, job->rests);
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

/* Players that take words; the Python package's wants ids, which have to be searched for. */
static bool play_music(as_turn *t, const char *text, wr_time now) {
  static const struct {
    const char *tool, *argument;
  } players[] = {{"play_music", "song"}, {"music.play", "song"}, {"search_and_play", "song_name"}};
  as_song_of(text, t->song, sizeof t->song);
  for (size_t i = 0; i < sizeof players / sizeof players[0]; i++)
    if (call_tool(t, players[i].tool, json_pack("{s:s}", players[i].argument, t->song), now)) return true;
  if (!t->song[0]) snprintf(t->song, sizeof t->song, "music"); /* it takes no search for nothing */
  t->searching = call_tool(t, "search_custom_music", json_pack("{s:s}", "music_name", t->song), now);
  return t->searching;
}

static void stop_music(as_turn *t, wr_time now) {
  static const char *const tools[] = {"stop_music", "music.stop"};
  json_t *none = json_object();
  uint32_t unused;
  for (size_t i = 0; i < 2 && xz_server_call_tool(&t->link, tools[i], none, &unused, now); i++) continue;
  json_decref(none);
}

static bool use_tool(as_turn *t, const char *text, wr_time now) {
  switch (t->intent.want) {
    case AS_WANT_VOLUME: return set_volume(t, t->intent.amount, now);
    case AS_WANT_LOUDER:
    case AS_WANT_QUIETER: return step_volume(t, now);
    case AS_WANT_PHOTO: return call_tool(t, "take_photo", json_pack("{s:s}", "question", text), now);
    case AS_WANT_MUSIC: return play_music(t, text, now);
    case AS_WANT_STOP: stop_music(t, now); return false;
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
    case AS_WANT_HELP:
    case AS_WANT_FORGET: return false;
  }
  return false;
}

static bool wants_tool(as_want want) {
  return want == AS_WANT_VOLUME || want == AS_WANT_LOUDER || want == AS_WANT_QUIETER || want == AS_WANT_PHOTO ||
         want == AS_WANT_MUSIC;
}

/* The built-in dialogue. */
static void answer_by_rules(as_turn *t, const char *text, wr_time now) {
  struct tm local = t->world.local_time(t->world.ctx);
  t->intent = as_intent_of(text);
  if (t->intent.want == AS_WANT_FORGET) {
    t->volume = -1;
    if (t->world.memory) as_memory_erase(t->world.memory, t->person);
  }
  if (use_tool(t, text, now)) return;
  as_reply_to(&t->reply, &t->intent, &local, t->n_replies++);
  speak(t);
}

static void think(as_turn *t, const char *text, wr_time now);

static void answer(as_turn *t, const char *text, wr_time now) {
  if (t->refusal[0]) {
    say(t, "neutral", t->refusal);
    return;
  }
  as_want want = as_intent_of(text).want;
  t->language = as_language_of(text);
  bool thinks = t->world.plugged[AS_JOB_THINK] && want != AS_WANT_FORGET && *text;
  bool needs_tools = thinks ? t->link.mcp.started : wants_tool(want);
  if (needs_tools && !t->link.mcp.listed && now < t->waits_until) {
    snprintf(t->waits, sizeof t->waits, "%s", text);
    t->phase = AS_PHASE_TOOL;
    return;
  }
  if (thinks)
    think(t, text, now);
  else
    answer_by_rules(t, text, now);
}

/* The tools are known, or will not be. */
static void answer_what_waits(as_turn *t, wr_time now) {
  if (!t->waits[0] || (!t->link.mcp.listed && now < t->waits_until)) return;
  char text[AS_TEXT_MAX];
  memcpy(text, t->waits, sizeof text);
  t->waits[0] = 0;
  answer(t, text, now);
}

static void say_photo(as_turn *t, const char *result) {
  char words[AS_REPLY_MAX];
  as_result_words(result, words, sizeof words);
  say(t, "cool", words[0] ? words : "I took the photo.");
}

static void say_failure(as_turn *t, const char *why) {
  char text[200];
  snprintf(text, sizeof text, "I am sorry, that did not work. Your device says: %.100s.", why);
  say(t, "sad", text);
}

/* ---- a plugged-in dialogue: words to say, tools to call ---- */

static void add_message(json_t *messages, const char *role, const char *content) {
  json_array_append_new(messages, json_pack("{s:s,s:s}", "role", role, "content", content));
}

/* The part it plays, what was said before, and this turn. */
static json_t *messages_of(const as_turn *t) {
  json_t *messages = json_array();
  char system[4800], date[80];
  const char *said, *answered;
  struct tm local = t->world.local_time(t->world.ctx);
  strftime(date, sizeof date, "%A, %d %B %Y, %H:%M", &local);
  snprintf(system, sizeof system, "%.4600s\nIt is %s.", t->world.prompt, date);
  add_message(messages, "system", system);
  for (size_t i = 0; t->world.memory &&
                     as_memory_at(t->world.memory, t->person, i, &said, &answered, t->world.now_s(t->world.ctx));
       i++) {
    add_message(messages, "user", said);
    add_message(messages, "assistant", answered);
  }
  json_array_extend(messages, t->talk.messages);
  return messages;
}

static void on_dialogue_failed(as_turn *t, as_why why, uint32_t outage, bool rests, wr_time now);

static void ask_dialogue(as_turn *t, wr_time now) {
  as_job *job = calloc(1, sizeof *job);
  json_t *messages = messages_of(t);
  const json_t *tools = t->talk.n_rounds < AS_ROUNDS_MAX ? t->link.mcp.descriptions : NULL;
  t->talk.thinking = true;
  if (t->phase != AS_PHASE_SPEAKING) t->phase = AS_PHASE_THINKING;
  if (job) {
    job->kind = AS_JOB_THINK;
    job->request = as_chat_request(t->world.model, messages, tools);
  }
  json_decref(messages);
  if (!job || !job->request) {
    as_job_free(job);
    on_dialogue_failed(t, AS_WHY_BUSY, 0, false, now);
  } else if (!submit(t, job)) {
    on_dialogue_failed(t, t->why, t->outage, t->rests, now);
  }
}

static void think(as_turn *t, const char *text, wr_time now) {
  end_talk(t);
  snprintf(t->said, sizeof t->said, "%s", text);
  t->talk.messages = json_array();
  add_message(t->talk.messages, "user", t->said);
  ask_dialogue(t, now);
  /* What is to be explained need not wait for the answer. */
  if (t->phase == AS_PHASE_THINKING && t->unprefaced && open_speech(t, "thinking")) say_next(t);
}

/* There are more words, or there will be none. */
static void go_on_talking(as_turn *t) {
  char sentence[AS_TALK_SENTENCE + 8];
  const as_talk *talk = &t->talk;
  if (t->phase == AS_PHASE_SPEAKING) {
    if (talk->starved) say_next(t);
  } else if (as_talk_sentence(talk->text + talk->n_said, talk->n_text - talk->n_said, !talk->thinking, sentence,
                              sizeof sentence)) {
    if (open_speech(t, as_talk_emotion(talk->text, talk->n_text))) say_next(t);
  }
}

static void add_text(as_talk *talk, const char *text, size_t len) {
  size_t room = AS_TALK_MAX - talk->n_text, n = len < room ? len : room;
  while (n && n < len && ((unsigned char)text[n] & 0xc0) == 0x80) n--; /* not inside a character */
  if (n) memcpy(talk->text + talk->n_text, text, n);
  talk->n_text += n;
}

void as_turn_words(as_turn *t, uint32_t number, const char *text, size_t len) {
  as_talk *talk = &t->talk;
  if (number != t->turn || !talk->messages || !talk->thinking) return;
  add_text(talk, text, len);
  talk->n_own = talk->n_text;
  go_on_talking(t);
}

void as_turn_photo(as_turn *t, wr_bytes jpeg) {
  if (!t->talk.calls || !jpeg.len || jpeg.len > AS_SHOWN_MAX) return; /* calls: it was asked for by a dialogue */
  uint8_t *copy = malloc(jpeg.len);
  if (!copy) return;
  memcpy(copy, jpeg.data, jpeg.len);
  free(t->talk.photo);
  t->talk.photo = copy;
  t->talk.n_photo = jpeg.len;
}

static void add_result(as_turn *t, const char *text) {
  const json_t *call = json_array_get(t->talk.calls, t->talk.i_call++);
  size_t n = strlen(text);
  if (n > AS_CHAT_RESULT_MAX) n = AS_CHAT_RESULT_MAX;
  while (n && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
  json_array_append_new(t->talk.messages, json_pack("{s:s,s:O,s:s%}", "role", "tool", "tool_call_id",
                                                    json_object_get(call, "id"), "content", text, n));
}

/* One tool after the other; with all results it is asked again. */
static void call_tools(as_turn *t, wr_time now) {
  as_talk *talk = &t->talk;
  for (const json_t *call; (call = json_array_get(talk->calls, talk->i_call));) {
    const char *name = as_chat_tool(t->link.mcp.descriptions, json_string_value(json_object_get(call, "name")));
    const json_t *arguments = json_object_get(call, "arguments");
    if (name && !xz_server_call_tool(&t->link, name, arguments, &t->tool, now)) return;
    add_result(t, name ? "The device cannot do that now." : "There is no such tool.");
  }
  json_decref(talk->calls);
  talk->calls = NULL;
  if (talk->photo)
    json_array_append_new(talk->messages,
                          as_chat_image("This is the photo.", wr_bytes_of(talk->photo, talk->n_photo)));
  if (talk->n_text) add_text(talk, "\n", 1);
  ask_dialogue(t, now);
}

/* The reply that asks for tools, as it has to be given back. */
static void add_calls(as_turn *t, json_t *calls) {
  json_t *list = json_array();
  for (size_t i = 0; i < json_array_size(calls); i++) {
    const json_t *call = json_array_get(calls, i);
    char *arguments = json_dumps(json_object_get(call, "arguments"), JSON_COMPACT);
    json_array_append_new(
        list, json_pack("{s:O,s:s,s:{s:O,s:s}}", "id", json_object_get(call, "id"), "type", "function", "function",
                        "name", json_object_get(call, "name"), "arguments", arguments ? arguments : "{}"));
    free(arguments);
  }
  json_array_append_new(t->talk.messages,
                        json_pack("{s:s,s:s,s:o}", "role", "assistant", "content", "", "tool_calls", list));
  json_decref(t->talk.calls);
  t->talk.calls = json_incref(calls);
  t->talk.i_call = 0;
  t->talk.n_rounds++;
}

static bool has_words(const as_talk *talk) {
  char sentence[AS_TALK_SENTENCE + 8] = "";
  for (size_t at = 0, used; !sentence[0] && (used = as_talk_sentence(talk->text + at, talk->n_text - at, true,
                                                                     sentence, sizeof sentence));)
    at += used;
  return sentence[0] != 0;
}

static void on_thought(as_turn *t, const as_job *job, wr_time now) {
  if (!t->talk.messages) return;
  if (job->failed) {
    on_dialogue_failed(t, job->why, job->outage, job->rests, now);
    return;
  }
  t->talk.thinking = false;
  if (job->calls && t->talk.n_rounds < AS_ROUNDS_MAX) {
    add_calls(t, job->calls);
    if (t->phase == AS_PHASE_THINKING) t->phase = AS_PHASE_TOOL;
    go_on_talking(t);
    call_tools(t, now);
  } else if (has_words(&t->talk)) {
    go_on_talking(t);
  } else {
    on_dialogue_failed(t, AS_WHY_EMPTY, 0, false, now);
  }
}

/* It broke off: what was complete is said, then what happened. */
static void end_with_explanation(as_turn *t, as_why why) {
  as_talk *talk = &t->talk;
  char text[300], sentence[AS_TALK_SENTENCE + 8];
  size_t at = talk->n_said;
  for (size_t used;
       (used = as_talk_sentence(talk->text + at, talk->n_text - at, false, sentence, sizeof sentence));)
    at += used;
  talk->n_text = talk->n_own = at;
  as_explain(AS_JOB_THINK, why, text, sizeof text);
  const char *end = strstr(text, ". ");
  add_text(talk, "\n", 1);
  add_text(talk, text, end ? (size_t)(end - text) + 1 : strlen(text));
  talk->thinking = false;
  go_on_talking(t);
}

static const char *last_result(const as_talk *talk) {
  for (size_t i = json_array_size(talk->messages); i-- > 0;) {
    const json_t *message = json_array_get(talk->messages, i);
    const char *role = json_string_value(json_object_get(message, "role"));
    const char *content = json_string_value(json_object_get(message, "content"));
    if (role && content && !strcmp(role, "tool")) return content;
  }
  return "";
}

/* The built-in dialogue answers, if nothing was said yet. What tools have done is not done again. */
static void on_dialogue_failed(as_turn *t, as_why why, uint32_t outage, bool rests, wr_time now) {
  char said[AS_HEARD_MAX], result[AS_CHAT_RESULT_MAX + 1];
  bool has_photo = t->talk.photo != NULL, has_results = t->talk.n_rounds > 0;
  if (t->talk.n_said) {
    end_with_explanation(t, why);
    return;
  }
  explain(t, AS_JOB_THINK, why, outage, rests);
  memcpy(said, t->said, sizeof said);
  snprintf(result, sizeof result, "%s", last_result(&t->talk));
  end_talk(t);
  if (t->phase != AS_PHASE_SPEAKING) t->phase = AS_PHASE_IDLE;
  if (has_photo)
    say_photo(t, result);
  else if (has_results)
    say(t, "neutral", "What you asked for was done, though.");
  else
    answer_by_rules(t, said, now);
}

static void on_result_for_talk(as_turn *t, const xz_host_result *result, wr_time now) {
  if (result->call != t->tool) return;
  char text[AS_CHAT_RESULT_MAX + 64]; /* add_result cuts it at a character */
  t->tool = 0;
  if (result->ok) {
    add_result(t, result->text);
  } else {
    snprintf(text, sizeof text, "It failed: %s", result->text);
    add_result(t, text);
  }
  call_tools(t, now);
}

static void say_music(as_turn *t, const char *result) {
  static const char *const forms[][3] = {
      [AS_ENGLISH] = {"Now playing ", ".", "Here is your music."},
      [AS_CHINESE] = {"正在播放：", "。", "好的，正在播放。"},
      [AS_VIETNAMESE] = {"Đang phát ", ".", "Đang phát nhạc."},
  };
  const char *const *form = forms[t->intent.language];
  char words[200], text[AS_REPLY_MAX];
  as_result_words(result, words, sizeof words);
  if (!strncmp(words, "playing: ", 9))
    snprintf(text, sizeof text, "%s%s%s", form[0], words + 9, form[1]);
  else
    snprintf(text, sizeof text, "%s", form[2]);
  as_reply_say(&t->reply, "happy", t->intent.language, text);
  speak(t);
}

/* The search has ended. */
static void play_found(as_turn *t, const xz_host_result *result, wr_time now) {
  json_t *ids = result->ok ? as_result_songs(result->text) : NULL;
  t->searching = false;
  if (ids && call_tool(t, "play_custom_music", json_pack("{s:s,s:o}", "music_name", t->song, "id_list", ids), now))
    return;
  say_failure(t, result->ok ? "there is no such music" : result->text);
}

static void on_tool_result(as_turn *t, const xz_host_result *result, wr_time now) {
  if (t->talk.calls) {
    on_result_for_talk(t, result, now);
    return;
  }
  if (t->phase != AS_PHASE_TOOL || result->call != t->tool) return;
  t->tool = 0;
  if (t->asked_status) {
    t->asked_status = false;
    t->volume = result->ok ? as_result_volume(result->text) : -1;
    if (t->volume < 0) t->volume = 50;
    if (!step_volume(t, now)) say_failure(t, "there is no volume to set");
  } else if (t->searching) {
    play_found(t, result, now);
  } else if (!result->ok) {
    say_failure(t, result->text);
  } else if (t->intent.want == AS_WANT_MUSIC) {
    say_music(t, result->text);
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
  t->n_followed = 0;
  t->voiced = t->following = false;
  t->guess.state = AS_GUESS_NONE;
  as_endpointer_reset(&t->endpointer);
}

/* Whatever was under way is over; its results will find no owner. */
static void new_turn(as_turn *t) {
  if (t->phase == AS_PHASE_HEARING && t->guess.state == AS_GUESS_ASKED) forget_utterance(t);
  t->turn++;
  t->phase = AS_PHASE_IDLE;
  end_talk(t);
  t->unsaid = t->unprefaced = NULL;
  t->making = t->following = false;
  t->tool = 0;
  t->asked_status = t->searching = false;
  t->waits[0] = 0;
  as_job_free(t->spoken);
  t->spoken = NULL;
  t->world.cancel(t->world.ctx, t->id);
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

/* ---- guessing ---- */

static void on_heard(as_turn *t, const as_job *job, wr_time now);

/* A job to recognise the utterance so far, which goes on. */
static as_job *early_job(const as_turn *t) {
  as_job *job = calloc(1, sizeof *job);
  if (job) job->samples = malloc((t->n_utterance + 1) * sizeof *job->samples);
  if (!job || !job->samples) {
    as_job_free(job);
    return NULL;
  }
  job->kind = AS_JOB_HEAR;
  job->early = true;
  job->n_samples = t->n_utterance;
  memcpy(job->samples, t->utterance, t->n_utterance * sizeof *job->samples);
  return job;
}

static bool manual(const as_turn *t) { return t->link.mode == XZ_MODE_MANUAL; }

/* What is for us of |text|, which may be nothing but the word that wakes us; NULL: it is for somebody else. */
static const char *meant(const as_turn *t, const char *text, wr_time now) {
  const char *rest = as_wake_rest(text, t->world.wake_word);
  return !rest && (manual(t) || now < t->awake_until) ? text : rest;
}

static void show(as_turn *t, const char *words, wr_time now) {
  if (*words && meant(t, words, now) && xz_server_hearing(&t->link, words)) t->stats.n_failed_jobs++;
}

/* While somebody speaks, one question at a time, to whoever has nothing better to do. */
static void follow(as_turn *t) {
  bool due = t->n_utterance >= t->n_followed + FOLLOW_SAMPLES && t->endpointer.n_voiced >= AS_EP_MIN_VOICE;
  bool busy = t->following || t->guess.state == AS_GUESS_ASKED || t->phase != AS_PHASE_IDLE || t->link.speaking;
  if (!t->world.interim || !t->link.takes_interim || !due || busy) return;
  as_job *job = early_job(t);
  t->n_followed = t->n_utterance;
  if (!job) return;
  job->interim = true;
  job->session = t->id;
  job->turn = t->turn;
  t->following = t->world.submit(t->world.ctx, job);
  if (!t->following) as_job_free(job);
}

static void on_followed(as_turn *t, const as_job *job, wr_time now) {
  t->following = false;
  if (!job->failed && t->phase == AS_PHASE_IDLE) show(t, job->heard.text, now);
}

/* A pause: is it the end? Plugged-in recognisers cost somebody money, and are asked once, unless the operator wants
 * the words in between. */
static void guess(as_turn *t) {
  const as_endpointer *ep = &t->endpointer;
  if (t->phase != AS_PHASE_IDLE || t->link.speaking || t->world.plugged[AS_JOB_HEAR])
    return; /* |follow| does the rest */
  if (ep->n_quiet != AS_EP_PAUSE || ep->n_voiced < AS_EP_MIN_VOICE) return;
  as_job *job = early_job(t);
  if (!job) return;
  new_turn(t); /* an older guess is void */
  if (submit(t, job)) t->guess.state = AS_GUESS_ASKED;
}

/* The utterance has ended where it was guessed. */
static void answer_guess(as_turn *t, wr_time now) {
  as_job job = {.kind = AS_JOB_HEAR, .heard = t->guess.heard};
  forget_utterance(t);
  t->phase = AS_PHASE_HEARING;
  on_heard(t, &job, now);
}

static bool may_go_on(const as_turn *t, const char *words) {
  const char *rest = as_wake_rest(words, t->world.wake_word);
  return as_may_go_on(words) || (rest && !*rest); /* who wakes us goes on to say what he wants */
}

/* The sentence is whole, and it has been quiet for long enough to believe that. */
static void end_by_guess(as_turn *t, wr_time now) {
  bool whole = t->guess.state == AS_GUESS_KNOWN && t->guess.heard.text[0] && !may_go_on(t, t->guess.heard.text);
  if (whole && t->endpointer.n_quiet >= AS_EP_SURE) answer_guess(t, now);
}

/* After each frame within an utterance. */
static void follow_guess(as_turn *t, wr_time now) {
  if (t->endpointer.n_quiet == 0) t->guess.state = AS_GUESS_NONE; /* it goes on */
  guess(t);
  end_by_guess(t, now);
  if (t->voiced) follow(t);
}

static void on_guessed(as_turn *t, const as_job *job, wr_time now) {
  if (t->guess.state != AS_GUESS_ASKED || job->failed) return;
  t->guess.state = AS_GUESS_KNOWN;
  t->guess.heard = job->heard;
  show(t, job->heard.text, now);
  end_by_guess(t, now);
}

/* By what was guessed, if that is a sentence; else all of it is heard, with the quiet at its end. */
static void end_utterance(as_turn *t, wr_time now) {
  if (t->guess.state == AS_GUESS_KNOWN && t->guess.heard.text[0]) {
    answer_guess(t, now);
  } else if (t->guess.state == AS_GUESS_ASKED) {
    t->phase = AS_PHASE_HEARING; /* it comes any moment, and the sound is kept until then */
  } else {
    hear_utterance(t);
  }
}

/* The guess comes after the utterance has ended. */
static void on_late_guess(as_turn *t, const as_job *job, wr_time now) {
  if (job->heard.text[0] || job->failed) {
    forget_utterance(t);
    on_heard(t, job, now);
  } else {
    hear_utterance(t);
  }
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

/* A server is waited for, which may take seconds: whoever speaks meanwhile means something else. */
static bool waits_for_server(const as_turn *t) {
  return t->talk.messages || (t->phase == AS_PHASE_HEARING && t->world.plugged[AS_JOB_HEAR]);
}

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
      if ((t->link.speaking || waits_for_server(t)) && t->endpointer.n_voiced == BARGE_FRAMES) interrupt(t);
      if (manual(t))
        follow(t);
      else
        follow_guess(t, now);
      return;
    case AS_EP_CLICK:
      t->stats.n_clicks++;
      if (!manual(t)) forget_utterance(t);
      return;
    case AS_EP_END:
      if (!manual(t)) end_utterance(t, now);
      return;
  }
}

static void on_audio(as_turn *t, wr_bytes opus, wr_time now) {
  int16_t decoded[DECODED_MAX];
  int n = opus_decode(t->decoder, opus.data, (opus_int32)opus.len, decoded, DECODED_MAX, 0);
  /* Between the end of an utterance and the end of its answer only realtime listens on. */
  bool listens_on = t->link.mode == XZ_MODE_REALTIME && (t->phase == AS_PHASE_SPEAKING || waits_for_server(t));
  bool deaf = t->phase != AS_PHASE_IDLE && !listens_on;
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

static void say_awake(as_turn *t, const char *words) {
  as_language language = as_language_of(words);
  if (t->refusal[0]) {
    say(t, "neutral", t->refusal);
    return;
  }
  as_reply_say(&t->reply, "happy", language, as_awake_text(language));
  speak(t);
}

/* The words are told to the device exactly as they were heard. */
static void on_heard(as_turn *t, const as_job *job, wr_time now) {
  const char *words = job->failed ? "" : meant(t, job->heard.text, now);
  if (!words) {
    t->stats.n_not_meant++;
    t->phase = AS_PHASE_IDLE;
    return;
  }
  t->awake_until = now + AS_AWAKE;
  if (job->why) explain(t, AS_JOB_HEAR, job->why, job->outage, job->rests);
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
  if (job->heard.text[0] && !*words)
    say_awake(t, job->heard.text);
  else
    answer(t, words, now);
}

static void on_typed(as_turn *t, const char *text, wr_time now) {
  new_turn(t);
  forget_utterance(t);
  t->stats.n_typed++;
  t->last_voice_at = now;
  t->awake_until = now + AS_AWAKE;
  if (!*text) return;
  if (xz_server_stt(&t->link, text)) t->stats.n_failed_jobs++;
  const char *rest = as_wake_rest(text, t->world.wake_word);
  if (rest && !*rest) /* a device that was woken says so, and what is meant comes next */
    say_awake(t, text);
  else
    answer(t, rest ? rest : text, now);
}

static void on_speech_done(as_turn *t, wr_time now) {
  t->last_voice_at = now;
  t->awake_until = now + AS_AWAKE;
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
        if (manual(t) && waits_for_server(t)) new_turn(t); /* the button again: never mind */
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

static void say_goodbye(as_turn *t) {
  t->last_words = true;
  as_reply_say(&t->reply, "sleepy", t->language, as_farewell_text(t->language));
  speak(t);
}

void as_turn_tick(as_turn *t, wr_time now) {
  xz_server_tick(&t->link, now);
  take_events(t, now);
  queue_spoken(t);
  answer_what_waits(t, now);
  if (!idle_too_long(t, now)) return;
  new_turn(t);
  say_goodbye(t);
}

void as_turn_done(as_turn *t, as_job *job, wr_time now) {
  bool current = job->turn == t->turn;
  if (current && job->kind == AS_JOB_SPEAK && t->making && !t->spoken) {
    t->stats.n_failed_jobs += job->failed; /* then there are no packets, and the words are shown all the same */
    t->spoken = job;
    queue_spoken(t);
    return;
  }
  if (job->interim) {
    if (current) on_followed(t, job, now);
    as_job_free(job);
    return;
  }
  if (current && job->kind == AS_JOB_HEAR && t->phase == AS_PHASE_HEARING)
    (job->early ? on_late_guess : on_heard)(t, job, now);
  else if (current && job->early)
    on_guessed(t, job, now);
  if (current && job->kind == AS_JOB_THINK) on_thought(t, job, now);
  as_job_free(job);
}

wr_time as_turn_deadline(const as_turn *t) {
  wr_time deadline = xz_server_deadline(&t->link);
  if (t->waits[0]) deadline = wr_time_min(deadline, t->waits_until);
  if (t->link.state == XZ_SERVER_OPEN && t->phase == AS_PHASE_IDLE && !t->link.speaking && !t->last_words)
    deadline = wr_time_min(deadline, t->last_voice_at + AS_IDLE_LIMIT);
  return deadline;
}
