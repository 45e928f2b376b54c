/* xiaozhi/message.h - the JSON messages of the XiaoZhi protocol, both directions: text to a plain struct and back.
 *
 * The reader forgives what existing servers and clients really send: camelCase names, missing fields, no session
 * id, numbers as reals. It never fails on a message it does not know; it says XZ_UNKNOWN. Text that is not a JSON
 * object is WR_ERR_SYNTAX (two servers do send such text): count and ignore it. */
#ifndef XIAOZHI_MESSAGE_H
#define XIAOZHI_MESSAGE_H

#include <jansson.h>

#include "wr/types.h"

struct wr_writer; /* base/io.h */

#define XZ_TEXT_MAX (64 * 1024) /* longest message read */

typedef enum xz_type {
  XZ_UNKNOWN, /* no type, or one we have no use for (iot, server, ...) */
  XZ_HELLO,
  XZ_LISTEN,
  XZ_ABORT,
  XZ_STT,
  XZ_HEARING, /* our own: words while they are spoken */
  XZ_LLM,
  XZ_TTS,
  XZ_MCP,
  XZ_SYSTEM,
  XZ_ALERT,
  XZ_CUSTOM,
  XZ_GOODBYE,
  XZ_PING,
  XZ_PONG,
  XZ_ERROR,
} xz_type;

typedef enum xz_state {
  XZ_STATE_NONE, /* absent or unknown */
  XZ_STATE_START,
  XZ_STATE_STOP,
  XZ_STATE_DETECT,         /* listen: text instead of sound */
  XZ_STATE_SENTENCE_START, /* tts: the sentence about to be heard */
  XZ_STATE_SENTENCE_END,
} xz_state;

typedef enum xz_mode {
  XZ_MODE_AUTO,     /* the server finds the end of speech; the microphone rests while it speaks */
  XZ_MODE_MANUAL,   /* push to talk */
  XZ_MODE_REALTIME, /* the microphone stays open; needs echo cancellation */
} xz_mode;

/* What a peer will send. */
typedef struct xz_audio {
  uint32_t sample_rate; /* Hz */
  uint8_t n_channels;
  uint8_t frame_ms;
} xz_audio;

/* Where a server's hello wants speech, and under which key (xiaozhi/udp.h). */
typedef struct xz_udp_offer {
  const char *server; /* an address or a name; NULL: no offer, or one that cannot be used */
  uint16_t port;
  uint8_t key[16], nonce[16]; /* |key| is secret */
} xz_udp_offer;

/* Texts are NUL-terminated UTF-8, "" when absent, borrowed until xz_message_wipe; so is |payload|. */
typedef struct xz_message {
  xz_type type;
  xz_state state;
  xz_mode mode; /* listen start; AUTO when absent */
  const char *session_id, *text, *emotion, *reason, *transport;
  const char *command;          /* system */
  const char *status, *message; /* alert; |message| also of error */
  const char *wake_word;        /* a server's hello: our own addition */
  unsigned version;             /* hello: framing, 1 when absent or impossible */
  bool has_audio;               /* hello carried audio parameters; otherwise |audio| holds 16000/1/60 */
  xz_audio audio;
  bool mcp, aec, interim; /* hello: features */
  xz_udp_offer udp;       /* hello */
  const json_t *payload;  /* mcp, custom: an object, or NULL */
  json_t *root;           /* owned */
} xz_message;

/* WR_ERR_LIMIT: longer than XZ_TEXT_MAX. WR_ERR_SYNTAX: not a JSON object. On failure there is nothing to wipe. */
WR_NODISCARD wr_err xz_message_read(xz_message *message, wr_bytes text);
void xz_message_wipe(xz_message *message); /* harmless on a zeroed or wiped message */

const char *xz_state_name(xz_state state);
const char *xz_mode_name(xz_mode mode);
bool xz_mode_read(const char *name, xz_mode *mode);
/* An address as devices write it, "AA-BB-.." or "aa:bb:..", to lower case and colons. false: it is none. */
#define XZ_MAC_BYTES 18
bool xz_mac_read(char mac[XZ_MAC_BYTES], const char *text);

/* Writers; they fail through |w| alone. A session id of "" is written as an empty string, as devices do. */
typedef struct xz_client_hello {
  unsigned version;
  bool mcp, aec;
  xz_audio audio;
  bool udp;     /* the transport: speech over UDP, messages over MQTT */
  bool interim; /* takes words while they are spoken: our own addition */
} xz_client_hello;
void xz_write_client_hello(struct wr_writer *w, const xz_client_hello *hello);
/* |wake_word|: what hands-free talk must begin with; NULL or "": nothing. */
void xz_write_server_hello(struct wr_writer *w, const char *session_id, unsigned version, const xz_audio *audio,
                           const char *wake_word);
void xz_write_listen(struct wr_writer *w, const char *session_id, xz_state state, xz_mode mode, const char *text);
void xz_write_abort(struct wr_writer *w, const char *session_id, const char *reason); /* |reason| may be NULL */
void xz_write_goodbye(struct wr_writer *w, const char *session_id);
void xz_write_stt(struct wr_writer *w, const char *session_id, const char *text);
/* What seems to be said so far; another type than stt, so that nobody takes it for the end of a sentence. */
void xz_write_hearing(struct wr_writer *w, const char *session_id, const char *text);
void xz_write_llm(struct wr_writer *w, const char *session_id, const char *emotion);
/* |text| NULL: none. */
void xz_write_tts(struct wr_writer *w, const char *session_id, xz_state state, const char *text);
void xz_write_pong(struct wr_writer *w, const char *session_id);
/* The envelope of a JSON-RPC message; the caller writes the object between them. */
void xz_write_mcp_begin(struct wr_writer *w, const char *session_id);
void xz_write_mcp_end(struct wr_writer *w);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so what we write can always be read. */
void xz_write_json_text(struct wr_writer *w, const char *text);
/* A JSON number; |v| may be negative. */
void xz_write_json_int(struct wr_writer *w, int64_t v);

/* The emoji of one of the 21 emotion names; NULL if it is none of them. */
const char *xz_emotion_emoji(const char *name);

#endif
