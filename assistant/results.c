/* assistant/results.c - JSON, JSON in a JSON text, or plain words. */
#include "assistant/results.h"

#include <stdbool.h>
#include <string.h>

enum { SONGS_LEAST = 3, SONGS_MOST = 20 };

/* NULL: plain words. The caller's. */
static json_t *parse(const char *result) {
  json_t *json = json_loads(result, JSON_DECODE_ANY, NULL);
  json_t *inner = json_is_string(json) ? json_loads(json_string_value(json), 0, NULL) : NULL;
  if (!inner) return json;
  json_decref(json);
  return inner;
}

int as_result_volume(const char *result) {
  json_t *json = parse(result);
  const json_t *volume = json_object_get(json_object_get(json, "audio_speaker"), "volume");
  if (!volume) volume = json_object_get(json, "volume");
  bool known = json_is_number(volume);
  double v = json_number_value(volume);
  json_decref(json);
  return !known ? -1 : v < 0 ? 0 : v > 100 ? 100 : (int)v;
}

void as_result_words(const char *result, char *out, size_t cap) {
  json_t *json = parse(result);
  const char *words = json_string_value(json_object_get(json, "response"));
  if (!words) words = json_string_value(json_object_get(json, "message"));
  if (!words) words = json_is_string(json) ? json_string_value(json) : json_is_object(json) ? "" : result;
  size_t n = strnlen(words, cap - 1);
  while (n && ((unsigned char)words[n] & 0xc0) == 0x80) n--;
  memcpy(out, words, n);
  out[n] = 0;
  json_decref(json);
}

json_t *as_result_songs(const char *result) {
  json_t *json = parse(result), *ids = json_array();
  const json_t *list = json_object_get(json, "music_list");
  for (size_t i = 0; i < json_array_size(list) && json_array_size(ids) < SONGS_MOST; i++) {
    json_t *id = json_object_get(json_array_get(list, i), "id");
    if (json_is_string(id)) json_array_append(ids, id);
    if (json_is_integer(id))
      json_array_append_new(ids, json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(id)));
  }
  size_t n = json_array_size(ids);
  for (size_t i = 0; n && n + i < SONGS_LEAST; i++) json_array_append(ids, json_array_get(ids, i));
  json_decref(json);
  if (n) return ids;
  json_decref(ids);
  return NULL;
}
