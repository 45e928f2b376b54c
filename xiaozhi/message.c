/* xiaozhi/message.c - reads a XiaoZhi JSON message into an xz_message.
 *
 * Every field is looked up whatever the type: a wrong combination costs nothing and is ignored by whoever handles
 * the type. Left out: the glyph_push extension and the pre-MCP "iot" messages. */
#include "xiaozhi/message.h"

#include <ctype.h>
#include <string.h>

static const struct {
  const char *name;
  xz_type type;
} type_names[] = {
    {"hello", XZ_HELLO}, {"listen", XZ_LISTEN},   {"abort", XZ_ABORT},     {"stt", XZ_STT},
    {"llm", XZ_LLM},     {"tts", XZ_TTS},         {"mcp", XZ_MCP},         {"system", XZ_SYSTEM},
    {"alert", XZ_ALERT}, {"custom", XZ_CUSTOM},   {"ping", XZ_PING},       {"pong", XZ_PONG},
    {"error", XZ_ERROR}, {"goodbye", XZ_GOODBYE}, {"hearing", XZ_HEARING},
};

static const char *const state_names[] = {
    [XZ_STATE_NONE] = "",
    [XZ_STATE_START] = "start",
    [XZ_STATE_STOP] = "stop",
    [XZ_STATE_DETECT] = "detect",
    [XZ_STATE_SENTENCE_START] = "sentence_start",
    [XZ_STATE_SENTENCE_END] = "sentence_end",
};

static const char *const mode_names[] = {
    [XZ_MODE_AUTO] = "auto",
    [XZ_MODE_MANUAL] = "manual",
    [XZ_MODE_REALTIME] = "realtime",
};

const char *xz_state_name(xz_state state) { return state_names[state]; }
const char *xz_mode_name(xz_mode mode) { return mode_names[mode]; }

bool xz_mac_read(char mac[XZ_MAC_BYTES], const char *text) {
  if (strlen(text) != XZ_MAC_BYTES - 1) return false;
  for (size_t i = 0; i < XZ_MAC_BYTES - 1; i++) {
    bool separates = i % 3 == 2;
    if (separates ? text[i] != ':' && text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
    mac[i] = separates ? ':' : (char)tolower((unsigned char)text[i]);
  }
  mac[XZ_MAC_BYTES - 1] = 0;
  return true;
}

bool xz_mode_read(const char *name, xz_mode *mode) {
  for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
    if (strcmp(name, mode_names[i])) continue;
    *mode = (xz_mode)i;
    return true;
  }
  return false;
}

static xz_type type_of(const char *name) {
  for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
    if (!strcmp(name, type_names[i].name)) return type_names[i].type;
  return XZ_UNKNOWN;
}

static xz_state state_of(const char *name) {
  for (size_t i = 1; i < sizeof state_names / sizeof state_names[0]; i++)
    if (!strcmp(name, state_names[i])) return (xz_state)i;
  return XZ_STATE_NONE;
}

static const json_t *either(const json_t *object, const char *name, const char *camel) {
  const json_t *value = json_object_get(object, name);
  return value ? value : json_object_get(object, camel);
}

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

/* |fallback| when absent, not a number, or outside [min, max]. */
static unsigned number_of(const json_t *value, unsigned min, unsigned max, unsigned fallback) {
  double v = json_number_value(value);
  return json_is_number(value) && v >= min && v <= max ? (unsigned)v : fallback;
}

static void read_audio(xz_message *m) {
  const json_t *params = either(m->root, "audio_params", "audioParams");
  m->has_audio = json_is_object(params);
  m->audio.sample_rate = number_of(either(params, "sample_rate", "sampleRate"), 8000, 48000, 16000);
  m->audio.n_channels = (uint8_t)number_of(json_object_get(params, "channels"), 1, 2, 1);
  m->audio.frame_ms = (uint8_t)number_of(either(params, "frame_duration", "frameDuration"), 1, 120, 60);
}

static unsigned hex_digit(char c) {
  const char *digits = "0123456789abcdef", *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
  return at ? (unsigned)(at - digits) : 16;
}

static bool read_hex16(uint8_t out[16], const char *text) {
  if (strlen(text) != 32) return false;
  for (size_t i = 0; i < 16; i++) {
    unsigned high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high > 15 || low > 15) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static void read_udp(xz_message *m) {
  const json_t *offer = json_object_get(m->root, "udp");
  const char *server = text_of(offer, "server"), *encryption = text_of(offer, "encryption");
  bool known = !*encryption || !strcmp(encryption, "aes-128-ctr");
  m->udp.port = (uint16_t)number_of(json_object_get(offer, "port"), 1, 65535, 0);
  if (known && *server && m->udp.port && read_hex16(m->udp.key, text_of(offer, "key")) &&
      read_hex16(m->udp.nonce, text_of(offer, "nonce")))
    m->udp.server = server;
}

static const char *session_of(const json_t *root) {
  const char *id = text_of(root, "session_id");
  return *id ? id : text_of(root, "sessionId");
}

wr_err xz_message_read(xz_message *m, wr_bytes text) {
  *m = (xz_message){0};
  if (text.len > XZ_TEXT_MAX) return WR_ERR_LIMIT;
  json_error_t error;
  json_t *root = json_loadb(text.len ? (const char *)text.data : "", text.len, 0, &error);
  if (!json_is_object(root)) {
    json_decref(root);
    return WR_ERR_SYNTAX;
  }
  m->root = root;
  m->type = type_of(text_of(root, "type"));
  m->state = state_of(text_of(root, "state"));
  (void)xz_mode_read(text_of(root, "mode"), &m->mode);
  m->session_id = session_of(root);
  m->text = text_of(root, "text");
  m->emotion = text_of(root, "emotion");
  m->reason = text_of(root, "reason");
  m->transport = text_of(root, "transport");
  m->command = text_of(root, "command");
  m->status = text_of(root, "status");
  m->message = text_of(root, "message");
  m->wake_word = text_of(root, "wake_word");
  m->version = number_of(json_object_get(root, "version"), 1, 3, 1);
  read_audio(m);
  if (m->type == XZ_HELLO) read_udp(m);
  const json_t *features = json_object_get(root, "features");
  m->mcp = json_is_true(json_object_get(features, "mcp"));
  m->aec = json_is_true(json_object_get(features, "aec"));
  m->interim = json_is_true(json_object_get(features, "interim"));
  const json_t *payload = json_object_get(root, "payload");
  m->payload = json_is_object(payload) ? payload : NULL;
  return WR_OK;
}

void xz_message_wipe(xz_message *m) {
  json_decref(m->root);
  *m = (xz_message){0};
}
