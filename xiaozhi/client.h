/* xiaozhi/client.h - the device's side of one XiaoZhi link, over a WebSocket or over MQTT and UDP, without I/O.
 *
 * The caller opens the socket (headers Protocol-Version, Device-Id, Client-Id, Authorization; no extensions) and
 * tells the client. Then, after every call marked [input]:
 *   1. take all events with xz_client_poll: they borrow from the message just given and are gone with the next
 *      input (leaving one behind is asserted);
 *   2. send what xz_client_peek shows, when the socket can take it, and pop it;
 *   3. call xz_client_tick when xz_client_deadline has come.
 * One client serves many connections one after another. It never reads a clock, opens a socket or prints; it
 * allocates nothing but what jansson needs while a message is parsed.
 *
 * Hello is sent on opening, again after 2 s and 5 s (one server drops messages in its first second), and the link
 * has FAILED after 10 s. Everything a server says before its hello is handled as if it came after.
 *
 * Over MQTT and UDP (xz_client_set_udp) texts are MQTT messages and binary messages are datagrams, both ways. Hello
 * is said once: bridges answer another one with another session. A goodbye of the server ends the conversation and
 * leaves the connection, as on the devices: the client is IDLE, tools and alerts still work, and xz_client_begin
 * says hello again. Each hello of the server brings a key and an address (EVENT_CHANNEL, before READY); the first
 * datagram leaves at once, for servers learn our address from it, and one of silence whenever 20 s passed without
 * any, for the NAT. */
#ifndef XIAOZHI_CLIENT_H
#define XIAOZHI_CLIENT_H

#include "xiaozhi/frame.h"
#include "xiaozhi/mcp_device.h"
#include "xiaozhi/message.h"
#include "xiaozhi/outbox.h"
#include "xiaozhi/udp.h"

#define XZ_CLIENT_OUT_BYTES (24 * 1024) /* waiting for the socket; speech may fill half of it (over 2.4 s) */
#define XZ_CLIENT_PLAIN_MAX 128
#define XZ_WAKE_WORD_MAX 64  /* a longer one is passed over: nobody says that */
#define XZ_SESSION_ID_MAX 64 /* a longer id is cut: it is opaque and nobody checks it */

typedef struct xz_client_settings {
  unsigned version; /* binary framing 1..3 from OTA; 1 unless told otherwise */
  xz_audio audio;   /* what we send; 16000/1/60 unless there is a reason */
  bool interim;     /* ask for words while they are spoken: servers that are not ours pass over that */
  bool server_aec;  /* ask the server to cancel echo; never with local cancellation */
  xz_mcp_settings mcp;
} xz_client_settings;

typedef enum xz_client_state {
  XZ_CLIENT_CLOSED,
  XZ_CLIENT_HELLO, /* open, waiting for the server's hello */
  XZ_CLIENT_READY,
  XZ_CLIENT_IDLE,   /* MQTT: open between conversations */
  XZ_CLIENT_FAILED, /* no hello, or goodbye said; a close waits in the outbox or was sent */
} xz_client_state;

typedef enum xz_client_event_kind {
  XZ_CLIENT_EVENT_READY,          /* hello; |audio| is what the server announced (decode by TOC all the same) */
  XZ_CLIENT_EVENT_CHANNEL,        /* |text|, |port|: where datagrams go from now on, and come from */
  XZ_CLIENT_EVENT_STT,            /* |text|: what the user said */
  XZ_CLIENT_EVENT_HEARING,        /* |text|: what he seems to say; STT follows */
  XZ_CLIENT_EVENT_LLM,            /* |emotion| one of the 21 names, |text| its emoji */
  XZ_CLIENT_EVENT_TTS_START,      /* always in pairs with TTS_STOP, even where the server's are not */
  XZ_CLIENT_EVENT_SENTENCE_START, /* |text|: about to be heard */
  XZ_CLIENT_EVENT_SENTENCE_END,   /* some servers */
  XZ_CLIENT_EVENT_TTS_STOP,       /* no more speech comes: play what is there, do not flush */
  XZ_CLIENT_EVENT_AUDIO,          /* |opus|, one packet, any duration; |timestamp_ms| of framing 2 */
  XZ_CLIENT_EVENT_TOOL_CALL,      /* |tool|: perform it, answer with xz_client_tool_result within 8 s */
  XZ_CLIENT_EVENT_ALERT,          /* |status|, |text|, |emotion| */
  XZ_CLIENT_EVENT_SYSTEM,         /* |text|: the command, "reboot" */
  XZ_CLIENT_EVENT_CUSTOM,         /* |payload| */
  XZ_CLIENT_EVENT_ERROR,          /* |text|: the server's words; also plain text before its hello, which says why it
                                     will not come (once, cut) */
  XZ_CLIENT_EVENT_GOODBYE,        /* the server ends the session; a close is queued, or the client is IDLE */
  XZ_CLIENT_EVENT_FAILED,         /* |text|: why; a close is queued */
} xz_client_event_kind;

/* Texts are never NULL; everything is borrowed until the next input. */
typedef struct xz_client_event {
  xz_client_event_kind kind;
  const char *text, *emotion, *status;
  xz_audio audio;
  wr_bytes opus;
  uint32_t timestamp_ms;
  uint16_t port;
  xz_tool_call tool;
  const json_t *payload;
} xz_client_event;

/* Why something the server sent had no effect. */
typedef enum xz_client_drop {
  XZ_DROP_NOT_JSON,  /* some servers send plain text */
  XZ_DROP_TOO_LONG,  /* over XZ_TEXT_MAX */
  XZ_DROP_UNKNOWN,   /* a type or state we have no use for, or an empty frame */
  XZ_DROP_REPEATED,  /* second hello, start within a start, stop without start */
  XZ_DROP_STALE,     /* speech before any tts start, or after abort until the next one */
  XZ_DROP_QUEUE,     /* our own: no room for a frame or message */
  XZ_DROP_NOT_OPEN,  /* came while closed or failed */
  XZ_DROP_MALFORMED, /* known type, unusable content */
  XZ_N_DROPS,
} xz_client_drop;

typedef struct xz_client_stats {
  uint64_t texts_in, frames_in, texts_out, frames_out, hellos_out;
  uint64_t drop[XZ_N_DROPS];
} xz_client_stats;

/* Public so that it can be embedded; touch only through the functions. */
typedef struct xz_client {
  xz_client_settings settings;
  xz_client_state state;
  xz_mode mode;
  bool listening; /* between listen start and stop, or start of speech unless realtime */
  bool speaking;  /* within a tts bracket */
  bool muted;     /* no speech until the next tts start: none came yet, or we aborted */
  bool aborted;   /* a tts stop is still owed to the caller's bracket */
  unsigned n_hellos;
  wr_time opened_at;
  char session_id[XZ_SESSION_ID_MAX];
  char wake_word[XZ_WAKE_WORD_MAX]; /* as hello says; "": none */
  char plain[XZ_CLIENT_PLAIN_MAX];  /* text that was not JSON, before hello */
  xz_message message;               /* what the events borrow from */
  xz_client_event events[2];
  size_t n_events, i_event;
  xz_mcp_device mcp;
  const wr_crypto *crypto; /* over UDP; NULL: a WebSocket */
  xz_udp udp;
  wr_time path_at;    /* when a datagram must have left */
  uint32_t path_sent; /* the last one's number, when that was set */
  unsigned n_silent;  /* answers in a row of which no datagram came */
  uint64_t n_heard;   /* datagrams taken before this answer */
  xz_outbox out;
  xz_client_stats stats;
  uint8_t out_memory[XZ_CLIENT_OUT_BYTES];
} xz_client;

/* version 1, 16 kHz mono 60 ms, the page's tools by their plain names. */
void xz_client_settings_default(xz_client_settings *settings);
void xz_client_init(xz_client *client, const xz_client_settings *settings);
void xz_client_wipe(xz_client *client);
/* What OTA said, from the next opening on. */
void xz_client_set_version(xz_client *client, unsigned version);
/* The same: messages over MQTT, speech over UDP, with |crypto|, which stays. NULL: all over a WebSocket. */
void xz_client_set_udp(xz_client *client, const wr_crypto *crypto);

void xz_client_opened(xz_client *client, wr_time now);      /* [input] the socket is up: hello is queued */
void xz_client_opened_idle(xz_client *client, wr_time now); /* [input] the same of MQTT, with nothing to say yet */
void xz_client_begin(xz_client *client, wr_time now); /* [input] IDLE: another conversation, hello is queued */
void xz_client_closed(xz_client *client); /* [input] it is gone, whoever closed it: the outbox is empty */
void xz_client_recv_text(xz_client *client, wr_bytes text, wr_time now);      /* [input] */
void xz_client_recv_binary(xz_client *client, wr_bytes message, wr_time now); /* [input] */
void xz_client_tick(xz_client *client, wr_time now);                          /* [input] */
wr_time xz_client_deadline(const xz_client *client);                          /* WR_NEVER: nothing pending */

/* What the user wants. WR_ERR_STATE: no hello yet (wait for READY and ask again). WR_ERR_LIMIT: the socket has
 * not taken what was queued before. */
WR_NODISCARD wr_err xz_client_listen_start(xz_client *client, xz_mode mode);
WR_NODISCARD wr_err xz_client_listen_stop(xz_client *client);
WR_NODISCARD wr_err xz_client_detect(xz_client *client, const char *text); /* typed text or a wake word */
/* Barge-in. Speech still coming is dropped until the next tts start. |reason| may be NULL. */
WR_NODISCARD wr_err xz_client_abort(xz_client *client, const char *reason);
/* One Opus packet of the announced duration. WR_ERR_STATE: not listening, which is also the case while the
 * assistant speaks unless the mode is realtime. WR_ERR_LIMIT: dropped and counted. */
WR_NODISCARD wr_err xz_client_send_audio(xz_client *client, wr_bytes opus, uint32_t timestamp_ms);
/* See xz_mcp_device_result. */
WR_NODISCARD wr_err xz_client_tool_result(xz_client *client, uint32_t call, bool ok, const char *text);
/* Queues a close with code 1000; over MQTT, which may live on, a goodbye before it. */
void xz_client_hang_up(xz_client *client);

bool xz_client_poll(xz_client *client, xz_client_event *event); /* false: no more */
bool xz_client_peek(const xz_client *client, xz_send *send);    /* false: nothing to send */
void xz_client_pop(xz_client *client);
/* Where photos go, from MCP initialize; "" while unknown. Borrowed until the next input. */
const char *xz_client_vision_url(const xz_client *client);
const char *xz_client_vision_token(const xz_client *client);

#endif
