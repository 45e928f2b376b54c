/* assistant/results_test.c - answers as devices word them. */
#include "assistant/results.h"

#include "check.h"

TEST(as_result_volumes) {
  static const struct {
    const char *result;
    int volume;
  } rows[] = {
      {"{\"audio_speaker\":{\"volume\":70},\"screen\":{\"brightness\":100}}", 70},
      {"\"{\\\"audio_speaker\\\":{\\\"volume\\\":30}}\"", 30}, /* xiaozhi-sdk quotes */
      {"{\"volume\":12.7}", 12},
      {"{\"volume\":-5}", 0},
      {"{\"volume\":1e300}", 100},
      {"{\"volume\":\"loud\"}", -1},
      {"{}", -1},
      {"70", -1},
      {"true", -1},
      {"", -1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    CHECK_EQ(as_result_volume(rows[i].result), rows[i].volume);
}

TEST(as_result_words_of_any_form) {
  static const char *const rows[][2] = {
      {"{\"success\":true,\"response\":\"It is a cat.\"}", "It is a cat."},
      {"{\"success\":false,\"message\":\"no camera\"}", "no camera"},
      {"\"{\\\"response\\\":\\\"A dog.\\\"}\"", "A dog."},
      {"\"quoted\"", "quoted"},
      {"plain words", "plain words"},
      {"{\"x\":1}", ""},
      {"", ""},
  };
  char words[40];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    as_result_words(rows[i][0], words, sizeof words);
    CHECK_TEXT(words, rows[i][1]);
  }
  as_result_words("ééé", words, 4); /* not inside of a character */
  CHECK_TEXT(words, "é");
}

TEST(as_result_songs_are_three_at_least) {
  json_t *ids =
      as_result_songs("{\"message\":\"ok\",\"music_list\":[{\"id\":\"a\"},{\"name\":\"no id\"},{\"id\":7}]}");
  char *text = json_dumps(ids, JSON_COMPACT);
  CHECK_TEXT(text, "[\"a\",\"7\",\"a\"]");
  free(text);
  json_decref(ids);
  ids = as_result_songs("\"{\\\"music_list\\\":[{\\\"id\\\":1}]}\"");
  CHECK_EQ(json_array_size(ids), 3);
  json_decref(ids);
  CHECK(!as_result_songs("{}") && !as_result_songs("{\"music_list\":[]}") && !as_result_songs("none"));
}
