/* xiaozhi/message_write.c - writes XiaoZhi JSON messages without allocating.
 *
 * Field order follows the reference firmware and server; some clients read with string search. */
#include "base/io.h"
#include "xiaozhi/message.h"

/* Length of the UTF-8 sequence at |s| (RFC 3629), 0 if it is none. */
static size_t utf8_length(const uint8_t *s) {
  uint8_t c = s[0];
  if (c < 0x80) return 1;
  size_t n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  if (n == 3 && ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f))) return 0; /* overlong, surrogate */
  if (n == 4 && ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))) return 0;
  return n;
}

static void write_ascii(wr_writer *w, uint8_t c) {
  static const char hex[] = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    wr_write_u8(w, '\\');
    wr_write_u8(w, c);
  } else if (c == '\n') {
    wr_write_text(w, "\\n");
  } else if (c < 0x20 || c == 0x7f) {
    wr_write_text(w, "\\u00");
    wr_write_u8(w, (uint8_t)hex[c >> 4]);
    wr_write_u8(w, (uint8_t)hex[c & 15]);
  } else {
    wr_write_u8(w, c);
  }
}

void xz_write_json_text(wr_writer *w, const char *text) {
  wr_write_u8(w, '"');
  for (const uint8_t *s = (const uint8_t *)text; *s;) {
    size_t n = utf8_length(s);
    if (n == 1)
      write_ascii(w, *s);
    else if (n)
      wr_write_bytes(w, wr_bytes_of(s, n));
    else
      wr_write_text(w, "\xef\xbf\xbd");
    s += n ? n : 1;
  }
  wr_write_u8(w, '"');
}

void xz_write_json_int(wr_writer *w, int64_t v) {
  if (v < 0) wr_write_u8(w, '-');
  wr_write_decimal(w, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void write_member(wr_writer *w, const char *name, const char *text) {
  wr_write_u8(w, ',');
  xz_write_json_text(w, name);
  wr_write_u8(w, ':');
  xz_write_json_text(w, text);
}

/* {"session_id":S,"type":T */
static void begin(wr_writer *w, const char *session_id, const char *type) {
  wr_write_text(w, "{\"session_id\":");
  xz_write_json_text(w, session_id);
  write_member(w, "type", type);
}

static void write_audio(wr_writer *w, const xz_audio *audio) {
  wr_write_text(w, ",\"audio_params\":{\"format\":\"opus\",\"sample_rate\":");
  wr_write_decimal(w, audio->sample_rate);
  wr_write_text(w, ",\"channels\":");
  wr_write_decimal(w, audio->n_channels);
  wr_write_text(w, ",\"frame_duration\":");
  wr_write_decimal(w, audio->frame_ms);
  wr_write_text(w, "}}");
}

void xz_write_client_hello(wr_writer *w, const xz_client_hello *hello) {
  wr_write_text(w, "{\"type\":\"hello\",\"version\":");
  wr_write_decimal(w, hello->version);
  wr_write_text(w, ",\"features\":{");
  if (hello->mcp) wr_write_text(w, "\"mcp\":true");
  if (hello->aec) wr_write_text(w, hello->mcp ? ",\"aec\":true" : "\"aec\":true");
  if (hello->interim) wr_write_text(w, hello->mcp || hello->aec ? ",\"interim\":true" : "\"interim\":true");
  wr_write_text(w, hello->udp ? "},\"transport\":\"udp\"" : "},\"transport\":\"websocket\"");
  write_audio(w, &hello->audio);
}

void xz_write_server_hello(wr_writer *w, const char *session_id, unsigned version, const xz_audio *audio,
                           const char *wake_word) {
  wr_write_text(w, "{\"type\":\"hello\",\"version\":");
  wr_write_decimal(w, version);
  wr_write_text(w, ",\"transport\":\"websocket\"");
  write_member(w, "session_id", session_id);
  if (wake_word && *wake_word) write_member(w, "wake_word", wake_word);
  write_audio(w, audio);
}

void xz_write_listen(wr_writer *w, const char *session_id, xz_state state, xz_mode mode, const char *text) {
  begin(w, session_id, "listen");
  write_member(w, "state", xz_state_name(state));
  if (state == XZ_STATE_START) write_member(w, "mode", xz_mode_name(mode));
  if (state == XZ_STATE_DETECT) write_member(w, "text", text ? text : "");
  wr_write_u8(w, '}');
}

void xz_write_abort(wr_writer *w, const char *session_id, const char *reason) {
  begin(w, session_id, "abort");
  if (reason) write_member(w, "reason", reason);
  wr_write_u8(w, '}');
}

void xz_write_goodbye(wr_writer *w, const char *session_id) {
  begin(w, session_id, "goodbye");
  wr_write_u8(w, '}');
}

void xz_write_stt(wr_writer *w, const char *session_id, const char *text) {
  begin(w, session_id, "stt");
  write_member(w, "text", text);
  wr_write_u8(w, '}');
}

void xz_write_hearing(wr_writer *w, const char *session_id, const char *text) {
  begin(w, session_id, "hearing");
  write_member(w, "text", text);
  wr_write_u8(w, '}');
}

void xz_write_llm(wr_writer *w, const char *session_id, const char *emotion) {
  const char *emoji = xz_emotion_emoji(emotion);
  begin(w, session_id, "llm");
  write_member(w, "emotion", emoji ? emotion : "neutral");
  write_member(w, "text", emoji ? emoji : xz_emotion_emoji("neutral"));
  wr_write_u8(w, '}');
}

void xz_write_tts(wr_writer *w, const char *session_id, xz_state state, const char *text) {
  begin(w, session_id, "tts");
  write_member(w, "state", xz_state_name(state));
  if (text) write_member(w, "text", text);
  wr_write_u8(w, '}');
}

void xz_write_pong(wr_writer *w, const char *session_id) {
  begin(w, session_id, "pong");
  wr_write_u8(w, '}');
}

void xz_write_mcp_begin(wr_writer *w, const char *session_id) {
  begin(w, session_id, "mcp");
  wr_write_text(w, ",\"payload\":");
}

void xz_write_mcp_end(wr_writer *w) { wr_write_u8(w, '}'); }

const char *xz_emotion_emoji(const char *name) {
  static const char *const emotions[][2] = {
      {"neutral", "😶"},      {"happy", "🙂"},    {"laughing", "😆"},  {"funny", "😂"},       {"sad", "😔"},
      {"angry", "😠"},        {"crying", "😭"},      {"loving", "😍"},    {"embarrassed", "😳"}, {"surprised", "😲"},
      {"shocked", "😱"},      {"thinking", "🤔"}, {"winking", "😉"},   {"cool", "😎"},        {"relaxed", "😌"},
      {"delicious", "🤤"}, {"kissy", "😘"},       {"confident", "😏"}, {"sleepy", "😴"},      {"silly", "😜"},
      {"confused", "🙄"},
  };
  for (size_t i = 0; i < sizeof emotions / sizeof emotions[0]; i++)
    if (!strcmp(name, emotions[i][0])) return emotions[i][1];
  return NULL;
}
