/* xiaozhi/server.h - the server's side of one XiaoZhi WebSocket session, without I/O: hello, listening, speech with
 * its pace, and MCP towards the device. What is heard and said is the caller's.
 *
 * Rules of use are those of xiaozhi/client.h: after every call marked [input] take all events, send what
 * xz_server_peek shows when the socket can take it, tick at the deadline.
 *
 * Speech. xz_server_speech_begin sends "tts start"; sentences and packets are queued in order and leave on the
 * clock of what they play: two packets ahead, then one per frame. After xz_server_speech_end, "tts stop" follows
 * when the last packet has been played (its end + 100 ms), because some clients empty their buffer on it. An abort,
 * a new "listen start" or typed text while speaking flushes at once. Every start gets exactly one stop. A device
 * that is woken says so and listens in the same breath: such a start within XZ_SERVER_WOKEN is no barge-in. */
#ifndef XIAOZHI_SERVER_H
#define XIAOZHI_SERVER_H

#include "xiaozhi/frame.h"
#include "xiaozhi/mcp_host.h"
#include "xiaozhi/message.h"
#include "xiaozhi/outbox.h"

#define XZ_SERVER_OUT_BYTES (16 * 1024)
#define XZ_SERVER_LEAD_FRAMES 2
#define XZ_SERVER_SENTENCE_MAX 1024 /* bytes of one sentence's text; longer is cut at a character */

typedef struct xz_server_settings {
  const char *session_id;                /* borrowed; opaque, at most 63 bytes are used */
  const char *vision_url, *vision_token; /* borrowed for the session's life; "" for none */
  bool describe_tools;                   /* keep the device's descriptions of its tools: mcp.descriptions */
  const char *wake_word; /* borrowed: what hands-free talk must begin with, told in hello; NULL or "": nothing */
  xz_audio audio;        /* what we send; frame_ms becomes the client's if that is 20, 40 or 60 */
  /* Lent for the session's life: the speech queue. 24 kbit/s need 3 KB per second; 64 KiB hold 20 s. */
  void *speech_memory;
  size_t speech_bytes;
} xz_server_settings;

typedef enum xz_server_event_kind {
  XZ_SERVER_EVENT_HELLO,        /* the device is there; it was answered */
  XZ_SERVER_EVENT_TOOLS,        /* its tools are known */
  XZ_SERVER_EVENT_LISTEN_START, /* |mode|: an utterance begins; forget what was heard before */
  XZ_SERVER_EVENT_LISTEN_STOP,  /* manual: it is complete */
  XZ_SERVER_EVENT_DETECT,       /* |text|: typed, or a wake word */
  XZ_SERVER_EVENT_ABORT,        /* stop whatever answer is being made; queued speech is gone already */
  XZ_SERVER_EVENT_AUDIO,        /* |opus|, one packet of |audio_ms|; while speaking only in realtime mode */
  XZ_SERVER_EVENT_SPEECH_DONE,  /* tts stop was sent after all was said */
  XZ_SERVER_EVENT_TOOL_RESULT,  /* |result| */
  XZ_SERVER_EVENT_GOODBYE,      /* the device leaves; a close is queued */
  XZ_SERVER_EVENT_FAILED,       /* no hello within 10 s; a close (1002) is queued */
} xz_server_event_kind;

typedef struct xz_server_event {
  xz_server_event_kind kind;
  xz_mode mode;
  const char *text; /* never NULL */
  wr_bytes opus;
  unsigned audio_ms;
  xz_host_result result;
} xz_server_event; /* everything is borrowed until the next input */

/* A device may send sound so far ahead of time (what it kept while we were away comes in one burst), and so many
 * messages that start work: 200 at once, 10 a second. */
#define XZ_SERVER_SOUND_AHEAD WR_S(300)
#define XZ_SERVER_OBEY WR_MS(100)
#define XZ_SERVER_OBEY_AHEAD WR_S(20)
#define XZ_SERVER_WOKEN WR_S(1)

typedef enum xz_server_drop {
  XZ_SERVER_DROP_NOT_JSON,
  XZ_SERVER_DROP_TOO_LONG,
  XZ_SERVER_DROP_UNKNOWN,
  XZ_SERVER_DROP_EARLY,    /* anything but hello before hello */
  XZ_SERVER_DROP_UNHEARD,  /* sound outside listen start/stop, or while we speak and the mode is not realtime */
  XZ_SERVER_DROP_NOT_OPUS, /* sound that is no Opus packet of at most 120 ms */
  XZ_SERVER_DROP_QUEUE,    /* our own: a message the outbox had no room for */
  XZ_SERVER_DROP_CLOSED,   /* after goodbye or close */
  XZ_SERVER_DROP_FLOOD,    /* more sound, or more messages to obey, than a person makes */
  XZ_SERVER_N_DROPS,
} xz_server_drop;

typedef struct xz_server_stats {
  uint64_t texts_in, frames_in, frames_out, frames_flushed;
  /* Popped more than a frame's time after their slot: a device that plays without delay had run dry. Speech that
   * was not made in time is not ours, and not counted. */
  uint64_t frames_late;
  wr_time latest; /* the longest that a frame was popped after its slot */
  uint64_t drop[XZ_SERVER_N_DROPS];
} xz_server_stats;

/* Public so that it can be embedded; touch only through the functions. */
typedef struct xz_server {
  xz_server_settings settings;
  char session_id[64];
  enum { XZ_SERVER_NEW, XZ_SERVER_OPEN, XZ_SERVER_CLOSING } state;
  wr_time began_at;
  unsigned version; /* framing */
  xz_mode mode;
  bool listening;
  bool takes_interim;    /* as its hello says */
  bool speaking, ending; /* within a bracket; no more speech will come */
  bool stalled;          /* speech is due and the outbox has no room for it */
  bool starved;          /* no speech was there to be sent */
  wr_time hears_until;   /* the sound that came, end to end */
  wr_time woken_until;   /* before it a "listen start" that is not the button's belongs to the detect before it */
  wr_time obeys_until;   /* the messages that came, XZ_SERVER_OBEY each */
  wr_time plays_until;   /* when the device will have played all packets sent */
  wr_time plays_since;   /* and since when without a gap */
  xz_mcp_host mcp;
  xz_message message;
  xz_server_event events[XZ_HOST_REQUESTS_MAX + 2];
  size_t n_events, i_event;
  xz_outbox out, speech;
  xz_server_stats stats;
  uint8_t out_memory[XZ_SERVER_OUT_BYTES];
} xz_server;

void xz_server_init(xz_server *server, const xz_server_settings *settings, wr_time now); /* the socket is up */
void xz_server_wipe(xz_server *server);
/* The Protocol-Version header, which counts where the hello says nothing. */
void xz_server_set_version(xz_server *server, unsigned version);

void xz_server_recv_text(xz_server *server, wr_bytes text, wr_time now);      /* [input] */
void xz_server_recv_binary(xz_server *server, wr_bytes message, wr_time now); /* [input] */
void xz_server_tick(xz_server *server, wr_time now);                          /* [input] */
wr_time xz_server_deadline(const xz_server *server);

bool xz_server_poll(xz_server *server, xz_server_event *event);
bool xz_server_peek(const xz_server *server, xz_send *send);
void xz_server_pop(xz_server *server, wr_time now); /* it is on its way */

/* What the assistant says. WR_ERR_STATE: not open, or not speaking. WR_ERR_LIMIT: no room, nothing changed. */
WR_NODISCARD wr_err xz_server_stt(xz_server *server, const char *text);
WR_NODISCARD wr_err xz_server_hearing(xz_server *server, const char *text); /* only to who asked for it in hello */
WR_NODISCARD wr_err xz_server_emotion(xz_server *server, const char *emotion);
WR_NODISCARD wr_err xz_server_speech_begin(xz_server *server);               /* again while speaking: nothing */
WR_NODISCARD wr_err xz_server_sentence(xz_server *server, const char *text); /* heard with the next packet */
WR_NODISCARD wr_err xz_server_speech(xz_server *server, wr_bytes opus);      /* one packet of the frame duration */
void xz_server_speech_end(xz_server *server);
void xz_server_speech_cancel(xz_server *server); /* flush and stop now, as an abort does */
/* Frames the speech queue still holds. */
size_t xz_server_speech_queued(const xz_server *server);
unsigned xz_server_frame_ms(const xz_server *server);

/* |plain| as in xz_mcp_host_find. WR_ERR_UNSUPPORTED: the device has no such tool. The result is an event. */
WR_NODISCARD wr_err xz_server_call_tool(xz_server *server, const char *plain, const json_t *args, uint32_t *call,
                                        wr_time now);
/* Ends the session once what is queued is sent. Ends a bracket first. */
void xz_server_close(xz_server *server, uint16_t code, const char *reason);

#endif
