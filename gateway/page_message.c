/* gateway/page_message.c - the reader of data channel messages. */
#include "gateway/page_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tally.h"

#define HELD_MAX_MS 2000 /* a page holds less */

typedef void reader(gw_page_message *m, const json_t *root);

static void bad(gw_page_message *m, const char *why) {
  m->type = GW_PAGE_BAD;
  m->why = why;
}

static const char *text_at(const json_t *root, const char *key) {
  const char *text = json_string_value(json_object_get(root, key));
  return text ? text : "";
}

static bool copy_text(gw_page_message *m, const char *text) {
  if (strlen(text) > GW_PAGE_TEXT_MAX) return false;
  memcpy(m->text, text, strlen(text) + 1);
  return true;
}

static void read_listen(gw_page_message *m, const json_t *root) {
  const char *state = text_at(root, "state"), *mode = text_at(root, "mode");
  m->mode = XZ_MODE_AUTO;
  if (strcmp(state, "stop") == 0) {
    m->type = GW_PAGE_LISTEN_STOP;
  } else if (strcmp(state, "start") == 0) {
    m->type = GW_PAGE_LISTEN_START;
    if (*mode && !xz_mode_read(mode, &m->mode)) bad(m, "listen: mode is none of auto, manual, realtime");
  } else if (strcmp(state, "detect") == 0) {
    m->type = GW_PAGE_TEXT;
    if (!*text_at(root, "text"))
      bad(m, "listen: detect without text");
    else if (!copy_text(m, text_at(root, "text")))
      bad(m, "listen: text is too long");
    else
      m->id = json_integer_value(json_object_get(root, "n"));
  } else {
    bad(m, "listen: state is none of start, stop, detect");
  }
}

static void read_push_to_talk(gw_page_message *m, const json_t *root) {
  read_listen(m, root);
  m->mode = XZ_MODE_MANUAL;
  if (m->type == GW_PAGE_TEXT) bad(m, "push-to-talk: state is none of start, stop");
}

static void read_abort(gw_page_message *m, const json_t *root) {
  (void)root;
  m->type = GW_PAGE_ABORT;
}

/* Becomes a short sentence for the assistant, as users of touch screens know it. */
static void read_touch(gw_page_message *m, const json_t *root) {
  static const struct {
    const char *name, *said;
  } areas[] = {{"Head", "head"}, {"Face", "face"}, {"Body", "body"}},
    events[] = {{"singlehit", "taps"}, {"doublehit", "pats"}, {"swipe", "strokes"}};
  const char *event = NULL, *area = NULL;
  m->type = GW_PAGE_TOUCH;
  for (size_t i = 0; i < 3; i++) {
    if (strcmp(text_at(root, "area"), areas[i].name) == 0) area = areas[i].said;
    if (strcmp(text_at(root, "event"), events[i].name) == 0) event = events[i].said;
  }
  if (area && event)
    snprintf(m->text, sizeof(m->text), "(%s your %s)", event, area);
  else
    bad(m, "touch: event or area is unknown");
}

static void read_tool_result(gw_page_message *m, const json_t *root) {
  const json_t *id = json_object_get(root, "id"), *ok = json_object_get(root, "ok");
  const json_t *value = json_object_get(root, json_is_true(ok) ? "value" : "error");
  if (!json_is_integer(id) || !json_is_boolean(ok)) {
    bad(m, "tool_result: needs id and ok");
    return;
  }
  m->type = GW_PAGE_TOOL_RESULT;
  m->id = json_integer_value(id);
  m->ok = json_is_true(ok);
  const char *text = m->ok ? "true" : "failed";
  char *dumped = NULL;
  if (json_is_string(value))
    text = json_string_value(value);
  else if (value && !json_is_null(value))
    text = dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  if (!text || !copy_text(m, text)) bad(m, "tool_result: value is too long");
  free(dumped);
}

static void read_ping(gw_page_message *m, const json_t *root) {
  const json_t *t = json_object_get(root, "t");
  m->type = GW_PAGE_PING;
  if (json_is_integer(t))
    snprintf(m->t, sizeof(m->t), "%" JSON_INTEGER_FORMAT, json_integer_value(t));
  else if (json_is_real(t))
    snprintf(m->t, sizeof(m->t), "%.17g", json_real_value(t));
  else if (t)
    bad(m, "ping: t is not a number");
  else
    snprintf(m->t, sizeof(m->t), "null");
}

static double number_at(const json_t *root, const char *key) {
  const json_t *value = json_object_get(root, key);
  return json_is_number(value) ? json_number_value(value) : -1;
}

static void read_stats(gw_page_message *m, const json_t *root) {
  m->type = GW_PAGE_STATS;
  m->samples = number_at(root, "samples");
  m->concealed = number_at(root, "concealed");
  m->network = gw_tally_network(text_at(root, "network"));
}

static void read_photo(gw_page_message *m, const json_t *root) {
  static const char *const mimes[] = {"image/jpeg", "image/png", "image/webp"};
  const json_t *id = json_object_get(root, "id"), *size = json_object_get(root, "size");
  const char *mime = text_at(root, "mime");
  m->type = GW_PAGE_PHOTO;
  for (size_t i = 0; i < 3; i++)
    if (strcmp(mime, mimes[i]) == 0) m->mime = mimes[i];
  json_int_t bytes = json_integer_value(size);
  if (!json_is_integer(id) || !json_is_integer(size) || bytes < 1) {
    bad(m, "photo: needs id and size");
  } else if (bytes > (json_int_t)GW_PHOTO_MAX) {
    bad(m, "photo: larger than 5 MB");
  } else if (!m->mime) {
    bad(m, "photo: mime is none of image/jpeg, image/png, image/webp");
  } else {
    m->id = json_integer_value(id);
    m->size = (uint32_t)bytes;
  }
}

static void read_camera(gw_page_message *m, const json_t *root) {
  const char *state = text_at(root, "state");
  m->type = GW_PAGE_CAMERA;
  m->ok = strcmp(state, "on") == 0;
  if (!m->ok && strcmp(state, "off") != 0) bad(m, "camera: state is none of on, off");
}

static void read_heard(gw_page_message *m, const json_t *root) {
  const json_t *n = json_object_get(root, "n");
  m->type = GW_PAGE_HEARD;
  m->id = json_integer_value(n);
  if (!json_is_integer(n) || m->id < 0) bad(m, "heard: n is no number of a message");
  double held_ms = json_number_value(json_object_get(root, "held"));
  m->size = held_ms > 0 ? held_ms < HELD_MAX_MS ? (uint32_t)held_ms : HELD_MAX_MS : 0;
}

static void read_clean(gw_page_message *m, const json_t *root) {
  m->type = GW_PAGE_CLEAN;
  m->clean = (gw_clean_wish){.echo = json_is_true(json_object_get(root, "echo")),
                             .noise = json_is_true(json_object_get(root, "noise")),
                             .gain = json_is_true(json_object_get(root, "gain"))};
}

static const struct {
  const char *type;
  reader *read;
} readers[] = {{"listen", read_listen},
               {"push-to-talk", read_push_to_talk},
               {"abort", read_abort},
               {"touch", read_touch},
               {"live2d", read_touch},
               {"ping", read_ping},
               {"tool_result", read_tool_result},
               {"stats", read_stats},
               {"photo", read_photo},
               {"camera", read_camera},
               {"heard", read_heard},
               {"clean", read_clean}};

void gw_page_message_read(gw_page_message *message, wr_bytes text) {
  memset(message, 0, offsetof(gw_page_message, text) + 1);
  message->why = "";
  json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object(root)) {
    bad(message, "not a JSON object");
  } else if (!json_is_string(json_object_get(root, "type"))) {
    bad(message, "no type");
  } else {
    message->type = GW_PAGE_UNKNOWN;
    const char *type = text_at(root, "type");
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
      if (strcmp(type, readers[i].type) != 0) continue;
      readers[i].read(message, root);
      break;
    }
  }
  json_decref(root);
}
