/* assistant/intents_test.c - what people say and type, and what is wanted. */
#include "assistant/intents.h"

#include "check.h"
#include "xiaozhi/message.h"

TEST(as_intents_of_spoken_and_typed_text) {
  static const struct {
    const char *text;
    as_want want;
    int amount;
  } rows[] = {
      {"what time is it", AS_WANT_TIME, -1},
      {"Please forget everything.", AS_WANT_FORGET, -1},
      {"do not forget the time", AS_WANT_TIME, -1},
      {"Hey, what's the time?!", AS_WANT_TIME, -1},
      {"what day is it today", AS_WANT_DATE, -1},
      {"tell me another joke", AS_WANT_JOKE, -1},
      {"who are you", AS_WANT_NAME, -1},
      {"what can you do", AS_WANT_HELP, -1},
      {"set the volume to fifty percent", AS_WANT_VOLUME, 50},
      {"set the volume to twenty five percent", AS_WANT_VOLUME, 25},
      {"volume 35%", AS_WANT_VOLUME, 35},
      {"volume to one hundred", AS_WANT_VOLUME, 100},
      {"volume a hundred percent", AS_WANT_VOLUME, 100},
      {"volume zero", AS_WANT_VOLUME, 0},
      {"Volume 999999999999", AS_WANT_VOLUME, 100000},
      {"mute", AS_WANT_VOLUME, 0},
      {"turn the volume up", AS_WANT_LOUDER, -1},
      {"turn it down", AS_WANT_QUIETER, -1},
      {"LOUDER", AS_WANT_LOUDER, -1},
      {"please take a photo of me", AS_WANT_PHOTO, -1},
      {"what do you see", AS_WANT_PHOTO, -1},
      {"play music", AS_WANT_MUSIC, -1},
      {"Play the song Yesterday, please!", AS_WANT_MUSIC, -1},
      {"播放音乐", AS_WANT_MUSIC, -1},
      {"放首歌", AS_WANT_MUSIC, -1},
      {"phát nhạc", AS_WANT_MUSIC, -1},
      {"stop the music", AS_WANT_STOP, -1},
      {"be quiet", AS_WANT_STOP, -1},
      {"good night", AS_WANT_GOODBYE, -1},
      {"thank you very much", AS_WANT_THANKS, -1},
      {"good evening", AS_WANT_GREETING, -1},
      {"how are you today", AS_WANT_MOOD, -1},
      {"(taps your face)", AS_WANT_TAP, -1},
      {"(pats your head)", AS_WANT_CARESS, -1},
      {"(strokes your body)", AS_WANT_CARESS, -1},
      {"现在几点了？", AS_WANT_TIME, -1},
      {"你好", AS_WANT_GREETING, -1},
      {"Bây giờ là mấy giờ?", AS_WANT_TIME, -1},
      {"xin chào", AS_WANT_GREETING, -1},
      {"音量 30", AS_WANT_VOLUME, 30},
      {"the volume", AS_WANT_UNKNOWN, -1},
      {"Chile and history", AS_WANT_UNKNOWN, -1},
      {"", AS_WANT_UNKNOWN, -1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    as_intent intent = as_intent_of(rows[i].text);
    CHECK_EQ(intent.want, rows[i].want);
    CHECK_EQ(intent.amount, rows[i].amount);
  }
  CHECK_EQ(as_intent_of("你好").language, AS_CHINESE);
  CHECK_EQ(as_intent_of("xin chào").language, AS_VIETNAMESE);
  CHECK_EQ(as_intent_of("café au lait").language, AS_ENGLISH);
}

TEST(as_songs_are_named) {
  static const char *const rows[][2] = {
      {"play music", ""},
      {"Play some music please.", ""},
      {"play a song", ""},
      {"Can you play the song Yesterday by the Band for me?", "yesterday by the band"},
      {"play me something by Jane Doe", "jane doe"},
      {"put on some music", ""},
      {"播放音乐", ""},
      {"请播放音乐吧！", ""},
      {"播放一首晴天。", "晴天"},
      {"我想听周杰伦的歌", "周杰伦"},
      {"放首歌", ""},
      {"phát nhạc", ""},
      {"mở bài hát Diễm Xưa", "diễm xưa"},
      {"hello", ""},
  };
  char song[80], small[5];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    as_song_of(rows[i][0], song, sizeof song);
    CHECK_TEXT(song, rows[i][1]);
  }
  as_song_of("play ééé", small, sizeof small);
  CHECK_TEXT(small, "éé");
}

TEST(as_numbers_may_go_on) {
  CHECK(as_may_go_on("set volume to twenty") && as_may_go_on("ninety"));
  CHECK(!as_may_go_on("volume ten") && !as_may_go_on("volume twenty five") && !as_may_go_on("one hundred"));
  CHECK(!as_may_go_on("volume twenty percent") && !as_may_go_on("what time is it") && !as_may_go_on(""));
}

/* Every text is bounded, whatever is typed. */
TEST(as_intents_survive_any_text) {
  check_rng rng = {11};
  for (int round = 0; round < 300; round++) {
    char text[2000];
    size_t len = check_rng_u32(&rng) % (sizeof text - 1);
    for (size_t i = 0; i < len; i++) text[i] = (char)("% 5aé\xff"[check_rng_u32(&rng) % 7] | 0);
    text[len] = 0;
    CHECK(as_intent_of(text).amount <= 100000);
  }
}

TEST(as_reply_has_words_and_a_known_emotion_for_everything) {
  const struct tm now = {.tm_hour = 15, .tm_min = 5, .tm_mday = 3, .tm_wday = 2, .tm_mon = 10};
  as_reply reply;
  for (int want = AS_WANT_UNKNOWN; want <= AS_WANT_HELP; want++) {
    for (int language = AS_ENGLISH; language <= AS_VIETNAMESE; language++) {
      as_intent intent = {(as_want)want, 50, (as_language)language};
      as_reply_to(&reply, &intent, &now, 3);
      CHECK(strlen(reply.text) > 2);
      CHECK(xz_emotion_emoji(reply.emotion) != NULL);
      CHECK_EQ(reply.language, language);
    }
  }
  as_reply_to(&reply, &(as_intent){AS_WANT_TIME, -1, AS_ENGLISH}, &now, 0);
  CHECK_TEXT(reply.text, "It is 3:05 PM.");
  CHECK_TEXT(reply.spoken, "It is 3:05 P M.");
  as_reply_to(&reply, &(as_intent){AS_WANT_DATE, -1, AS_ENGLISH}, &now, 0);
  CHECK_TEXT(reply.text, "Today is Tuesday, November 3.");
  CHECK_TEXT(reply.spoken, "");
  as_reply_to(&reply, &(as_intent){AS_WANT_TIME, -1, AS_ENGLISH}, &(struct tm){.tm_hour = 0}, 0);
  CHECK_TEXT(reply.text, "It is 12:00 AM.");
  CHECK_TEXT(reply.spoken, "It is 12 o'clock A M.");
}

TEST(as_jokes_are_a_dozen) {
  char first[AS_REPLY_MAX];
  as_reply reply;
  const struct tm now = {0};
  as_intent joke = {AS_WANT_JOKE, -1, AS_ENGLISH};
  as_reply_to(&reply, &joke, &now, 0);
  memcpy(first, reply.text, sizeof first);
  for (unsigned i = 1; i < 12; i++) {
    as_reply_to(&reply, &joke, &now, i);
    CHECK(strcmp(reply.text, first) != 0);
  }
  as_reply_to(&reply, &joke, &now, 12);
  CHECK_TEXT(reply.text, first);
}

TEST(as_sentences_are_taken_one_by_one) {
  char sentence[64];
  const char *text = "  Hello! It is 3.5 degrees.  你好。再见";
  static const char *const want[] = {"Hello!", "It is 3.5 degrees.", "你好。", "再见"};
  for (int i = 0; i < 4; i++) {
    CHECK(as_next_sentence(&text, sentence, sizeof sentence));
    CHECK_TEXT(sentence, want[i]);
  }
  CHECK(!as_next_sentence(&text, sentence, sizeof sentence));
  char small[8];
  text = "ééééééé";
  size_t total = 0;
  while (as_next_sentence(&text, small, sizeof small)) {
    CHECK_EQ(strlen(small) % 2, 0);
    total += strlen(small);
  }
  CHECK_EQ(total, 14);
}
