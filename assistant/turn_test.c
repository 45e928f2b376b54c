/* assistant/turn_test.c - the conversation without sockets, threads or speech libraries: jobs are answered here. */
#include "assistant/turn.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static as_turn turn;
static as_job *asked; /* the job that waits for an answer */
static bool busy;
static unsigned n_cancelled;
static char log_text[4096]; /* what was sent, texts only, "[n]" for n packets */

static bool submit(void *ctx, as_job *job) {
  (void)ctx;
  if (busy) return false;
  as_job_free(asked);
  asked = job;
  return true;
}

static struct tm local_time(void *ctx) {
  (void)ctx;
  return (struct tm){.tm_hour = 9, .tm_min = 30};
}

/* The job is being done already: its result comes all the same. */
static void cancel(void *ctx, uint64_t session) {
  (void)ctx;
  CHECK_EQ(session, 1);
  n_cancelled++;
}

static int64_t now_s(void *ctx) {
  (void)ctx;
  return 1000;
}

static void say(const char *text, wr_time now) { as_turn_text(&turn, wr_bytes_of(text, strlen(text)), now); }

static as_world world = {.submit = submit, .cancel = cancel, .local_time = local_time, .now_s = now_s};

static void begin(const char *hello) {
  busy = false;
  as_job_free(asked);
  asked = NULL;
  CHECK(as_turn_init(
      &turn, 1, &world,
      (xz_server_settings){.session_id = "s", .vision_url = "", .vision_token = "", .audio = {24000, 1, 60}}, 0));
  say(hello, 0);
}

static void end(void) {
  as_turn_wipe(&turn);
  as_job_free(asked);
  asked = NULL;
}

/* Everything that waits to be sent goes to the log; returns it. */
static const char *sent(void) {
  size_t n = 0, n_packets = 0;
  xz_send send;
  log_text[0] = 0;
  while (xz_server_peek(&turn.link, &send)) {
    n_packets += send.kind == XZ_SEND_BINARY;
    if (send.kind != XZ_SEND_BINARY && n < sizeof log_text - 1)
      n += (size_t)snprintf(log_text + n, sizeof log_text - n, "%.*s\n", (int)send.bytes.len,
                            (const char *)send.bytes.data);
    if (send.kind == XZ_SEND_CLOSE && n < sizeof log_text)
      n += (size_t)snprintf(log_text + n, sizeof log_text - n, "CLOSE %d\n", send.code);
    xz_server_pop(&turn.link, 0);
  }
  if (n_packets && n < sizeof log_text) snprintf(log_text + n, sizeof log_text - n, "[%zu]", n_packets);
  return log_text;
}

/* The studio did the job: |n| packets of speech, or words. */
static void speech_is_made(size_t n, wr_time now) {
  as_job *job = asked;
  asked = NULL;
  if (!job || job->kind != AS_JOB_SPEAK) {
    CHECK(false);
    return;
  }
  job->speech.packets = malloc(3 * n + 1);
  for (size_t i = 0; i < n; i++) memcpy(job->speech.packets + 3 * i, "\1\0\x58", 3);
  job->speech.bytes = 3 * n;
  job->speech.n_packets = n;
  as_turn_done(&turn, job, now);
}

static void words_are_heard(const char *words, wr_time now) {
  as_job *job = asked;
  asked = NULL;
  if (!job || job->kind != AS_JOB_HEAR) {
    CHECK(false);
    return;
  }
  snprintf(job->heard.text, sizeof job->heard.text, "%s", words);
  as_turn_done(&turn, job, now);
}

/* |ms| of a loud tone or of silence, as the device would send it. */
static void sound(bool loud, int ms, wr_time now) {
  int error;
  OpusEncoder *encoder = opus_encoder_create(16000, 1, OPUS_APPLICATION_VOIP, &error);
  for (int at = 0; at < ms; at += 60) {
    int16_t pcm[960];
    uint8_t packet[400];
    for (int i = 0; i < 960; i++) pcm[i] = (int16_t)(loud ? (i / 20 % 2 ? 8000 : -8000) + i : 0);
    int n = opus_encode(encoder, pcm, 960, packet, sizeof packet);
    as_turn_binary(&turn, wr_bytes_of(packet, (size_t)(n > 0 ? n : 0)), now);
  }
  opus_encoder_destroy(encoder);
}

static const char plain[] = "{\"type\":\"hello\"}";
static const char listen_auto[] = "{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"auto\"}";

TEST(as_turn_hears_answers_and_ends_the_bracket) {
  begin(plain);
  (void)sent();
  say(listen_auto, 0);
  sound(false, 900, 0);
  sound(true, 900, 0);
  CHECK(asked == NULL);
  sound(false, 1200, 0);
  REQUIRE(asked && asked->kind == AS_JOB_HEAR);
  CHECK(asked->n_samples > 16000 && asked->n_samples < 3 * 16000);
  words_are_heard("what time is it", 1);
  const char *log = sent();
  const char *stt = strstr(log, "\"text\":\"what time is it\""), *started = strstr(log, "\"start\"");
  CHECK(stt && started && stt < started && strstr(log, "\"llm\""));
  REQUIRE(asked);
  CHECK_TEXT(asked->spoken, "It is 9:30 A M.");
  speech_is_made(3, 2);
  CHECK(asked == NULL);
  as_turn_tick(&turn, 3);
  CHECK(strstr(sent(), "It is 9:30 AM.") != NULL);
  for (wr_time at; (at = as_turn_deadline(&turn)) < WR_S(5);) as_turn_tick(&turn, at);
  CHECK(strstr(sent(), "\"stop\"") != NULL);
  CHECK(!turn.link.speaking);
  end();
}

/* Speech, then the pause in which it is recognised so far. */
static void pause_after_speech(wr_time now) {
  begin(plain);
  (void)sent();
  say(listen_auto, now);
  sound(false, 900, now);
  sound(true, 900, now);
  sound(false, 240, now);
  REQUIRE(asked && asked->kind == AS_JOB_HEAR && asked->early);
}

TEST(as_turn_answers_a_whole_sentence_early) {
  pause_after_speech(0);
  words_are_heard("what time is it", 0);
  CHECK_TEXT(sent(), ""); /* known, but it might go on */
  sound(false, 180, 0);
  CHECK(strstr(sent(), "\"text\":\"what time is it\""));
  CHECK_EQ(turn.stats.n_heard, 1);
  end();
}

TEST(as_turn_waits_when_a_sentence_may_go_on) {
  static const char *const words[] = {"set volume to twenty", ""}; /* five; or something else altogether */
  for (int i = 0; i < 2; i++) {
    pause_after_speech(0);
    words_are_heard(words[i], 0);
    sound(false, 240, 0);
    CHECK_TEXT(sent(), "");
    sound(false, 180, 0);
    if (i) {
      REQUIRE(asked && asked->kind == AS_JOB_HEAR && !asked->early); /* once more, with all the quiet there is */
      words_are_heard("hello", 0);
    }
    CHECK(strstr(sent(), i ? "\"text\":\"hello\"" : "to twenty"));
    CHECK_EQ(turn.stats.n_heard, 1);
    CHECK_EQ(turn.stats.n_unrecognised, 0);
    end();
  }
}

TEST(as_turn_a_sentence_that_goes_on_is_heard_whole) {
  pause_after_speech(0);
  size_t n_first = asked->n_samples;
  sound(true, 300, 0);
  words_are_heard("stop", 0);
  sound(false, 240, 0);
  CHECK_TEXT(sent(), "");
  REQUIRE(asked && asked->early && asked->n_samples > n_first + 16 * 300);
  sound(false, 420, 0); /* it ends before the recogniser is done */
  CHECK_TEXT(sent(), "");
  words_are_heard("stop talking", 0);
  CHECK(strstr(sent(), "\"text\":\"stop talking\""));
  CHECK_EQ(turn.stats.n_heard, 1);
  end();
  pause_after_speech(0);
  sound(false, 420, 0);
  words_are_heard("", 0); /* a guess that was none */
  REQUIRE(asked && asked->kind == AS_JOB_HEAR && !asked->early && asked->n_samples > 16 * 1400);
  words_are_heard("hello", 0);
  CHECK(strstr(sent(), "\"text\":\"hello\""));
  end();
  /* Busy: as if nothing had been guessed. */
  pause_after_speech(0);
  sound(true, 300, 0);
  as_job_free(asked);
  asked = NULL;
  busy = true;
  sound(false, 300, 0);
  busy = false;
  sound(false, 420, 0);
  REQUIRE(asked && !asked->early);
  end();
}

static const char interim[] = "{\"type\":\"hello\",\"features\":{\"interim\":true}}";

/* Once a second the utterance so far, for words that are only shown; the end of it is another question. */
TEST(as_turn_shows_words_while_they_are_spoken) {
  world.interim = true;
  begin(interim);
  (void)sent();
  say(listen_auto, 0);
  sound(false, 900, 0);
  sound(true, 1200, 0);
  REQUIRE(asked && asked->kind == AS_JOB_HEAR && asked->early && asked->interim);
  size_t n_first = asked->n_samples;
  words_are_heard("what", 0);
  const char *log = sent();
  CHECK(strstr(log, "\"hearing\"") && strstr(log, "\"text\":\"what\"") && !strstr(log, "stt"));
  sound(true, 1080, 0);
  REQUIRE(asked && asked->interim && asked->n_samples >= n_first + 16000);
  asked->failed = true; /* nobody is told */
  words_are_heard("", 0);
  CHECK_TEXT(sent(), "");
  sound(false, 240, 0);
  REQUIRE(asked && asked->early && !asked->interim); /* a pause: it may be the end */
  words_are_heard("what time is it", 0);
  CHECK(strstr(sent(), "\"hearing\""));
  sound(false, 180, 0);
  CHECK(strstr(sent(), "\"stt\""));
  CHECK_EQ(turn.stats.n_heard, 1);
  CHECK_EQ(turn.stats.n_failed_jobs, 0);
  end();
  /* While the button is held, too; what comes after it was let go is shown no more. */
  begin(interim);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0);
  sound(true, 1200, 0);
  REQUIRE(asked && asked->interim);
  as_job *late = asked;
  asked = NULL;
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  REQUIRE(asked && !asked->early);
  (void)sent();
  snprintf(late->heard.text, sizeof late->heard.text, "late");
  as_turn_done(&turn, late, 0);
  CHECK_TEXT(sent(), "");
  end();
  world.interim = false;
}

/* Neither asked for nor told to a device that knows nothing of it, and not asked where the operator did not say so.
 */
TEST(as_turn_shows_such_words_to_who_takes_them) {
  world.interim = true;
  begin(plain);
  say(listen_auto, 0);
  sound(true, 1500, 0);
  CHECK(asked == NULL);
  end();
  world.interim = false;
  begin(interim);
  say(listen_auto, 0);
  sound(true, 1500, 0);
  CHECK(asked == NULL);
  end();
  pause_after_speech(0);
  (void)sent();
  words_are_heard("what time is it", 0);
  CHECK_TEXT(sent(), "");
  end();
}

/* What the recogniser makes of a second of speech, in hands-free talk. */
static const char *hear_and_answer(const char *words, wr_time now) {
  sound(true, 900, now);
  sound(false, 1200, now);
  while (asked && asked->kind == AS_JOB_HEAR)
    words_are_heard(words, now); /* so far, and if that was nothing all of it */
  return sent();
}

/* The firmware's way: the word that woke the device, and in the same breath that it listens. It is greeted, and
 * what follows the word is what is meant. */
TEST(as_turn_greets_a_device_that_was_woken) {
  world.wake_word = "computer";
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"Computer\"}", 1);
  say(listen_auto, 1);
  REQUIRE(asked && asked->kind == AS_JOB_SPEAK);
  CHECK_TEXT(asked->text, "Yes?");
  speech_is_made(1, 2);
  REQUIRE(asked);
  CHECK_TEXT(asked->text, "I am listening.");
  speech_is_made(1, 2);
  CHECK(turn.link.speaking);
  say("{\"type\":\"abort\"}", 3);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hey computer, what time is it\"}", 4);
  REQUIRE(asked);
  CHECK_TEXT(asked->spoken, "It is 9:30 A M.");
  snprintf(turn.refusal, sizeof turn.refusal, "Not you.");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"computer\"}", 5);
  REQUIRE(asked);
  CHECK_TEXT(asked->text, "Not you.");
  end();
  world.wake_word = NULL;
}

/* With a wake word nobody is answered who does not say it, until an answer has made us awake. */
TEST(as_turn_sleeps_until_it_is_woken) {
  world.wake_word = "computer";
  begin(plain);
  CHECK(strstr(sent(), "\"wake_word\":\"computer\"")); /* its hello says it */
  say(listen_auto, 0);
  CHECK(!*hear_and_answer("what time is it", 0));
  CHECK_EQ(turn.stats.n_not_meant, 1);
  CHECK(!*hear_and_answer("", 0));
  CHECK_EQ(turn.stats.n_not_meant, 2);
  CHECK_EQ(turn.phase, AS_PHASE_IDLE);
  CHECK_EQ(turn.stats.n_heard + turn.stats.n_unrecognised, 0);
  CHECK(strstr(hear_and_answer("hey computer what time is it", 0), "hey computer what time is it"));
  REQUIRE(asked);
  CHECK_TEXT(asked->spoken, "It is 9:30 A M.");
  say("{\"type\":\"abort\"}", 1);
  say(listen_auto, 1);
  (void)sent();
  CHECK(strstr(hear_and_answer("tell me a joke", AS_AWAKE - 1), "stt")); /* awake */
  say("{\"type\":\"abort\"}", AS_AWAKE);
  (void)sent();
  CHECK(!*hear_and_answer("tell me a joke", 3 * AS_AWAKE));
  CHECK(strstr(hear_and_answer("okay computer", 3 * AS_AWAKE), "stt"));
  REQUIRE(asked && asked->kind == AS_JOB_SPEAK);
  CHECK_TEXT(asked->text, "Yes?");
  say("{\"type\":\"abort\"}", 3 * AS_AWAKE);
  (void)sent();
  CHECK(strstr(hear_and_answer("what time is it", 4 * AS_AWAKE - 1), "stt"));
  end();
  /* The button, and the keyboard, mean us in any case. */
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0);
  sound(true, 900, 0);
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  (void)sent();
  words_are_heard("what time is it", 0);
  CHECK(strstr(sent(), "stt"));
  end();
  world.wake_word = NULL;
}

TEST(as_turn_speaks_sentence_by_sentence) {
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"blah blah\"}", 0);
  (void)sent();
  static const char *const want[] = {"Sorry, I did not understand that.", "I can tell you the time or the date.",
                                     "I can tell a joke, set the volume, take a photo, or play music.",
                                     "Just ask."};
  for (int i = 0; i < 4; i++) {
    REQUIRE(asked != NULL);
    CHECK_TEXT(asked->text, want[i]);
    speech_is_made(1, WR_MS(i));
  }
  CHECK(asked == NULL);
  end();
}

TEST(as_turn_late_results_find_no_owner) {
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hello\"}", 0);
  REQUIRE(asked != NULL);
  say("{\"type\":\"abort\"}", 1);
  (void)sent();
  speech_is_made(5, 2);
  as_turn_tick(&turn, 3);
  CHECK_TEXT(sent(), "");
  CHECK_EQ(turn.phase, AS_PHASE_IDLE);
  end();
}

TEST(as_turn_voice_interrupts_speech_in_realtime) {
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"realtime\"}", 0);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hello\"}", 0);
  speech_is_made(30, 1);
  as_turn_tick(&turn, 2);
  sound(false, 600, 3);
  CHECK(turn.link.speaking);
  (void)sent();
  sound(true, 600, 4);
  CHECK(!turn.link.speaking);
  CHECK(strstr(sent(), "\"stop\"") != NULL);
  CHECK_EQ(turn.stats.n_barge_ins, 1);
  sound(false, 900, 5);
  CHECK(asked && asked->kind == AS_JOB_HEAR);
  end();
}

TEST(as_turn_says_when_it_is_busy_or_deaf) {
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0);
  sound(true, 600, 0);
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  REQUIRE(asked && asked->kind == AS_JOB_HEAR);
  asked->failed = true;
  words_are_heard("", 0);
  CHECK(asked && strstr(asked->text, "I cannot hear"));
  (void)sent();
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0);
  sound(true, 600, 0);
  busy = true;
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  for (wr_time at; (at = as_turn_deadline(&turn)) < WR_S(5);) as_turn_tick(&turn, at);
  CHECK(strstr(sent(), "\"stop\"") != NULL); /* whatever fails, the bracket ends */
  end();
}

static void reply(int id, const char *member) {
  char text[600];
  snprintf(text, sizeof text, "{\"type\":\"mcp\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":%d,%s}}", id, member);
  say(text, 1);
}

TEST(as_turn_uses_the_tools_of_the_device) {
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"set_volume\"},{\"name\":\"self.get_device_status\"}]}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"louder\"}", 2);
  CHECK(strstr(sent(), "\"name\":\"self.get_device_status\"") != NULL);
  reply(3,
        "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"audio_speaker\\\":{\\\"volume\\\":90}}\"}]}");
  CHECK(strstr(sent(), "{\"volume\":100}") != NULL);
  reply(4, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"true\"}]}");
  CHECK(asked && !strcmp(asked->text, "The volume is now 100 percent."));
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"volume down\"}", 3);
  CHECK(strstr(sent(), "{\"volume\":80}") != NULL); /* remembered */
  reply(5, "\"error\":{\"message\":\"no speaker\"}");
  CHECK(asked && strstr(asked->text, "that did not work"));
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"take a photo\"}", 4);
  CHECK(asked && strstr(asked->text, "no camera"));
  end();
}

TEST(as_turn_speaks_what_the_photo_showed) {
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"self.camera.take_photo\"}]}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"take a photo\"}", 2);
  CHECK(strstr(sent(), "\"arguments\":{\"question\":\"take a photo\"}") != NULL);
  reply(3,
        "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"success\\\":true,\\\"response\\\":\\\"A "
        "wall.\\\"}\"}]}");
  CHECK(asked && !strcmp(asked->text, "A wall."));
  end();
}

TEST(as_turn_plays_music) {
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"search_music\"},{\"name\":\"play_music\"}]}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"Play Morning Song, please!\"}", 2);
  CHECK(strstr(sent(), "\"play_music\",\"arguments\":{\"song\":\"morning song\"}") != NULL);
  reply(3, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"playing: Jane Doe - Morning Song\"}]}");
  CHECK(asked && !strcmp(asked->text, "Now playing Jane Doe - Morning Song."));
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"播放音乐\"}", 3);
  CHECK(strstr(sent(), "\"arguments\":{\"song\":\"\"}") != NULL);
  reply(4, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"playing: One\"}]}");
  CHECK(asked && !strcmp(asked->text, "正在播放：One。") && asked->language == AS_CHINESE);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"play nothing like it\"}", 4);
  reply(5, "\"error\":{\"message\":\"there is no music of that\"}");
  speech_is_made(1, 5);
  as_turn_tick(&turn, 6);
  CHECK(asked && strstr(asked->text, "there is no music of that"));
  end();
}

/* xiaozhi-sdk's way: a search, then one of at least three ids. */
TEST(as_turn_plays_what_it_has_searched_for) {
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"search_custom_music\"},{\"name\":\"play_custom_music\"}]}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"play some music\"}", 2);
  CHECK(strstr(sent(), "\"search_custom_music\",\"arguments\":{\"music_name\":\"music\"}") != NULL);
  reply(3,
        "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"message\\\":\\\"ok\\\",\\\"music_list\\\":[{"
        "\\\"id\\\":5}]}\"}]}");
  CHECK(strstr(sent(), "{\"music_name\":\"music\",\"id_list\":[\"5\",\"5\",\"5\"]}") != NULL);
  reply(4, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{}\"}]}");
  CHECK(asked && !strcmp(asked->text, "Here is your music."));
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"play x\"}", 3);
  reply(5, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{}\"}]}");
  speech_is_made(1, 5);
  as_turn_tick(&turn, 6);
  CHECK(asked && strstr(asked->text, "there is no such music"));
  end();
}

TEST(as_turn_says_that_there_is_no_music) {
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"self.music.play\"},{\"name\":\"self.music.stop\"}]}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"stop the music\"}", 2);
  CHECK(strstr(sent(), "self.music.stop") != NULL);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"play one\"}", 3);
  CHECK(strstr(sent(), "\"self.music.play\",\"arguments\":{\"song\":\"one\"}") != NULL);
  end();
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"play one\"}", 2);
  CHECK(asked && strstr(asked->text, "no music that I can play"));
  end();
}

/* Pitfall 11: two minutes without a word. */
TEST(as_turn_ends_a_session_nobody_uses) {
  begin(plain);
  (void)sent();
  CHECK_EQ(as_turn_deadline(&turn), WR_S(120));
  as_turn_tick(&turn, WR_S(119));
  CHECK(asked == NULL);
  as_turn_tick(&turn, WR_S(120));
  speech_is_made(1, WR_S(121));
  CHECK(asked && strstr(asked->text, "Goodbye"));
  speech_is_made(1, WR_S(121));
  for (int i = 0; i < 50 && turn.link.state == XZ_SERVER_OPEN; i++) as_turn_tick(&turn, WR_S(121) + WR_MS(60 * i));
  CHECK(strstr(sent(), "CLOSE 1000") != NULL);
  end();
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"你好\"}", 0);
  say("{\"type\":\"abort\"}", 0);
  as_turn_tick(&turn, WR_S(120));
  CHECK(asked && asked->language == AS_CHINESE && strstr(asked->text, "好一会儿"));
  end();
}

TEST(as_turn_survives_rubbish) {
  check_rng rng = {4};
  begin(plain);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"realtime\"}", 0);
  for (int i = 0; i < 3000; i++) {
    uint8_t packet[200];
    size_t n = 1 + check_rng_u32(&rng) % sizeof packet;
    check_rng_fill(&rng, packet, n);
    as_turn_binary(&turn, wr_bytes_of(packet, n), WR_MS(i));
    (void)sent();
  }
  CHECK(turn.n_utterance <= (AS_EP_MAX + AS_EP_PRE_ROLL) * AS_EP_FRAME);
  end();
}

/* The user speaks before the device has told its tools. */
TEST(as_turn_pitfall_17_waits_a_moment_for_the_tools) {
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"volume 30\"}", 1);
  CHECK(asked == NULL);
  reply(1, "\"result\":{}");
  reply(2, "\"result\":{\"tools\":[{\"name\":\"set_volume\"}]}");
  CHECK(strstr(sent(), "{\"volume\":30}") != NULL);
  end();
  begin("{\"type\":\"hello\",\"features\":{\"mcp\":true}}");
  say("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"volume 30\"}", 1);
  CHECK_EQ(as_turn_deadline(&turn), WR_S(2));
  as_turn_tick(&turn, WR_S(2));
  CHECK(asked && strstr(asked->text, "does not let me change"));
  end();
}

/* ---- a dialogue that is plugged in ---- */

static const char mcp_hello[] = "{\"type\":\"hello\",\"features\":{\"mcp\":true}}";

static void begin_plugged(as_memory *memory) {
  world.plugged[AS_JOB_THINK] = world.plugged[AS_JOB_HEAR] = true;
  world.model = "m";
  world.prompt = "p";
  world.memory = memory;
  begin(mcp_hello);
  turn.link.mcp.describes = true;
  snprintf(turn.person, sizeof turn.person, "me");
  reply(1, "\"result\":{}");
  reply(2,
        "\"result\":{\"tools\":[{\"name\":\"set_volume\",\"description\":\"d\",\"inputSchema\":{\"type\":"
        "\"object\"}},"
        "{\"name\":\"take_photo\"}]}");
}

static void end_plugged(void) {
  end();
  world.plugged[AS_JOB_THINK] = world.plugged[AS_JOB_HEAR] = false;
  world.memory = NULL;
}

static void type(const char *words) {
  char text[300];
  snprintf(text, sizeof text, "{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"%s\"}", words);
  say(text, 2);
}

/* The dialogue's job, taken from where the stand-in keeps one. */
static as_job *thought(void) {
  as_job *job = asked;
  asked = NULL;
  if (job && job->kind == AS_JOB_THINK) return job;
  CHECK(false);
  as_job_free(job);
  return NULL;
}

static void words(const char *text) { as_turn_words(&turn, turn.turn, text, strlen(text)); }

static void over(as_job *job, as_why why, const char *calls) {
  if (!job) return;
  job->why = why;
  job->failed = why != AS_WHY_NONE;
  job->calls = calls ? json_loads(calls, 0, NULL) : NULL;
  as_turn_done(&turn, job, 3);
}

TEST(as_turn_speaks_while_a_dialogue_still_thinks) {
  as_memory *memory = as_memory_open();
  const char *said, *answered;
  begin_plugged(memory);
  type("hi");
  as_job *job = thought();
  REQUIRE(job);
  CHECK(strstr(job->request, "\"content\":\"hi\"") && strstr(job->request, "\"name\":\"set_volume\""));
  CHECK_EQ(turn.phase, AS_PHASE_THINKING);
  words("One");
  CHECK(asked == NULL);
  words(" sentence. And ");
  REQUIRE(asked);
  CHECK_TEXT(asked->text, "One sentence.");
  speech_is_made(2, 3);
  CHECK(asked == NULL); /* the second is not complete */
  words("more");
  over(job, AS_WHY_NONE, NULL);
  REQUIRE(asked);
  CHECK_TEXT(asked->text, "And more");
  speech_is_made(2, 3);
  CHECK_EQ(turn.phase, AS_PHASE_IDLE);
  REQUIRE(as_memory_at(memory, "me", 0, &said, &answered, 1000));
  CHECK_TEXT(said, "hi");
  CHECK_TEXT(answered, "One sentence. And more");
  type("again");
  job = thought();
  REQUIRE(job);
  CHECK(strstr(job->request, "One sentence. And more") != NULL);
  as_job_free(job);
  type("forget everything");
  CHECK(asked && strstr(asked->text, "I have forgotten"));
  CHECK(!as_memory_at(memory, "me", 0, &said, &answered, 1000));
  end_plugged();
  as_memory_close(memory);
}

TEST(as_turn_remembers_what_was_said_when_it_was_interrupted) {
  as_memory *memory = as_memory_open();
  const char *said, *answered;
  begin_plugged(memory);
  type("hi");
  as_job *job = thought();
  words("Heard. Unheard. ");
  REQUIRE(asked);
  unsigned before = n_cancelled;
  say("{\"type\":\"abort\"}", 3);
  CHECK_EQ(n_cancelled, before + 1);
  REQUIRE(as_memory_at(memory, "me", 0, &said, &answered, 1000));
  CHECK_TEXT(answered, "Heard.");
  words("Late. "); /* of a job whose end did not reach its server yet */
  over(job, AS_WHY_NONE, NULL);
  CHECK_EQ(turn.phase, AS_PHASE_IDLE);
  type("nothing came of it");
  as_job_free(thought());
  say("{\"type\":\"abort\"}", 3);
  CHECK(!as_memory_at(memory, "me", 1, &said, &answered, 1000));
  end_plugged();
  as_memory_close(memory);
}

TEST(as_turn_voice_interrupts_thinking_in_realtime) {
  begin_plugged(NULL);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"realtime\"}", 0);
  type("hi");
  as_job_free(thought());
  unsigned before = n_cancelled;
  sound(false, 600, 3);
  CHECK_EQ(turn.phase, AS_PHASE_THINKING);
  sound(true, 600, 4);
  CHECK_EQ(n_cancelled, before + 1);
  CHECK_EQ(turn.phase, AS_PHASE_IDLE);
  sound(false, 900, 5);
  CHECK(asked && asked->kind == AS_JOB_HEAR);
  end_plugged();
}

TEST(as_turn_explains_and_answers_by_itself) {
  begin_plugged(NULL);
  type("who are you");
  over(thought(), AS_WHY_SLOW, NULL);
  REQUIRE(asked);
  CHECK_TEXT(asked->text, "My language service takes too long to answer.");
  speech_is_made(1, 3);
  CHECK(asked && strstr(asked->text, "I answer by myself"));
  speech_is_made(1, 3);
  CHECK(asked && strstr(asked->text, "I am the built-in assistant"));
  type("who are you"); /* while it rests: once is enough */
  as_job *job = thought();
  REQUIRE(job);
  job->outage = 0;
  job->rests = true;
  over(job, AS_WHY_SLOW, NULL);
  CHECK(asked && strstr(asked->text, "I am the built-in assistant"));
  type("and now");
  job = thought();
  words("Half. And th");
  speech_is_made(1, 3);
  over(job, AS_WHY_CUT, NULL);
  CHECK(asked && !strcmp(asked->text, "My language service broke off in the middle."));
  type("what");
  over(thought(), AS_WHY_NONE, NULL);
  CHECK(asked && strstr(asked->text, "had nothing to say"));
  CHECK_EQ(turn.stats.n_fallbacks, 3); /* the broken-off answer was its own */
  end_plugged();
}

TEST(as_turn_lets_a_dialogue_use_tools_but_not_for_ever) {
  static const char calls[] =
      "[{\"id\":\"a\",\"name\":\"set_volume\",\"arguments\":{\"volume\":7}},{\"id\":\"b\",\"name\":\"no\","
      "\"arguments\":{}}]";
  begin_plugged(NULL);
  type("quieter please");
  over(thought(), AS_WHY_NONE, calls);
  CHECK(strstr(sent(), "\"arguments\":{\"volume\":7}") != NULL);
  CHECK_EQ(turn.phase, AS_PHASE_TOOL);
  reply(3, "\"error\":{\"message\":\"no speaker\"}");
  as_job *job = thought();
  REQUIRE(job);
  CHECK(strstr(job->request, "It failed: no speaker") && strstr(job->request, "There is no such tool."));
  for (int i = 0; i < AS_ROUNDS_MAX - 1; i++) {
    over(job, AS_WHY_NONE, calls);
    char result[100];
    snprintf(result, sizeof result, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"fine %d\"}]}", i);
    reply(4 + i, result);
    job = thought();
    REQUIRE(job);
  }
  CHECK(strstr(job->request, "\"tools\"") == NULL);
  over(job, AS_WHY_NONE, calls); /* calls all the same */
  CHECK(asked && strstr(asked->text, "had nothing to say"));
  speech_is_made(1, 3);
  speech_is_made(1, 3);
  CHECK(asked && strstr(asked->text, "was done, though"));
  end_plugged();
}

TEST(as_turn_shows_a_photo_or_says_what_can_be_measured) {
  static const char calls[] = "[{\"id\":\"a\",\"name\":\"take_photo\",\"arguments\":{}}]";
  begin_plugged(NULL);
  as_turn_photo(&turn, wr_bytes_of("\xff\xd8", 2)); /* nobody asked */
  CHECK(turn.talk.photo == NULL);
  type("look");
  over(thought(), AS_WHY_NONE, calls);
  as_turn_photo(&turn, wr_bytes_of("\xff\xd8", 2));
  reply(3, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"response\\\":\\\"A wall.\\\"}\"}]}");
  as_job *job = thought();
  REQUIRE(job);
  CHECK(strstr(job->request, "data:image/jpeg;base64,/9g=") || strstr(job->request, "base64,\\/9g="));
  over(job, AS_WHY_REJECTED, NULL);
  speech_is_made(1, 3);
  speech_is_made(1, 3);
  CHECK(asked && !strcmp(asked->text, "A wall."));
  end_plugged();
}

TEST(as_turn_bounds_what_a_dialogue_says) {
  as_memory *memory = as_memory_open();
  const char *said, *answered;
  begin_plugged(memory);
  type("talk");
  as_job *job = thought();
  for (int i = 0; i < 10000; i++) words("On and on. ");
  over(job, AS_WHY_NONE, NULL);
  int n = 0;
  for (; asked && n < 1000; n++) speech_is_made(1, 3);
  CHECK(n > 300 && n <= AS_TALK_MAX / 10);
  CHECK_EQ(turn.phase, AS_PHASE_IDLE);
  REQUIRE(as_memory_at(memory, "me", 0, &said, &answered, 1000));
  CHECK(strlen(answered) <= AS_MEMORY_TEXT_MAX);
  end_plugged();
  as_memory_close(memory);
}

TEST(as_turn_explains_other_ears_and_another_voice) {
  begin_plugged(NULL);
  say("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"manual\"}", 0);
  sound(true, 600, 0);
  say("{\"type\":\"listen\",\"state\":\"stop\"}", 0);
  REQUIRE(asked && asked->kind == AS_JOB_HEAR);
  asked->why = AS_WHY_UNREACHABLE;
  words_are_heard("who are you", 1);
  as_job *job = asked && asked->kind == AS_JOB_SPEAK ? asked : NULL; /* at once, while the dialogue thinks */
  REQUIRE(job);
  CHECK_TEXT(job->text, "My listening service cannot be reached.");
  job->why = AS_WHY_REFUSED;
  speech_is_made(1, 2);
  CHECK(asked && strstr(asked->text, "I listen by myself"));
  CHECK(asked->by_built_in);
  speech_is_made(1, 2);
  CHECK(asked && strstr(asked->text, "My voice service does not accept my key."));
  end_plugged();
}
