/* gateway/session.h - one caller: peer connection, media bridge, data channel, assistant link. All on one worker.
 *
 *   new -> connecting -> connected <-> degraded -> lost -> (resumed: connecting | closed)
 *
 * A session lives in a slot of its worker: this struct, the memory of its wr_conn, gw_cold. Slots are pages that
 * become resident on first use; a slot's generation tells its tenants apart. After anything happened to a session,
 * gw_session_settle drains what follows from it: datagrams, events, speech that is due, messages, the next
 * deadline. Nothing else may be left undone when it returns; the session may be gone then. */
#ifndef GATEWAY_SESSION_H
#define GATEWAY_SESSION_H

#include "gateway/brake.h"
#include "gateway/capture.h"
#include "gateway/clean.h"
#include "gateway/deaf.h"
#include "gateway/downlink.h"
#include "gateway/last_minute.h"
#include "gateway/narrow.h"
#include "gateway/pcm.h"
#include "gateway/protocol.h"
#include "gateway/quality.h"
#include "gateway/quiet.h"
#include "gateway/repair.h"
#include "gateway/said.h"
#include "gateway/tally.h"
#include "gateway/trace.h"
#include "gateway/uplink.h"
#include "gateway/video.h"
#include "wr/conn.h"
#include "xiaozhi/client.h"

#define GW_N_KNOWN 4              /* remote addresses remembered per session; the oldest gives way */
#define GW_N_UNSAID 4             /* typed texts kept while the assistant cannot be reached */
#define GW_LINK_CREDIT 32768u     /* bytes on their way to the backend's socket, per session */
#define GW_EARLY_SPEECH_BLOCKS 12 /* speech kept while the assistant cannot be reached: about 48 KB, over 10 s */

struct gw_worker;

typedef enum gw_session_state {
  GW_SESSION_NEW,
  GW_SESSION_CONNECTING,
  GW_SESSION_CONNECTED,
  GW_SESSION_DEGRADED,
  GW_SESSION_LOST,
  GW_SESSION_FREE, /* the slot is empty */
} gw_session_state;

typedef enum gw_link_state {
  GW_LINK_OFF,    /* nobody asked for it yet, or the conversation has ended; over MQTT it is connected even so */
  GW_LINK_ASKING, /* where the server is, and whether it knows this device */
  GW_LINK_CONNECTING, /* socket, then hello */
  GW_LINK_READY,
  GW_LINK_WAITING, /* until |retry_at| */
} gw_link_state;

/* The assistant's side of a session (gateway/link.c). */
typedef struct gw_link {
  gw_link_state state;
  unsigned attempt;
  wr_time retry_at;
  wr_time keep_at;      /* OFF: when MQTT is connected again, with nothing to say; 0: not to be */
  uint32_t in_flight;   /* bytes given to the HTTP thread and not yet sent */
  bool client_ready;    /* |client| was initialised */
  bool socket_wanted;   /* a LINK_OPEN was sent and no LINK_CLOSED came yet */
  bool wants_to_listen; /* the caller's wish, kept over reconnects */
  bool listening;       /* told the assistant so */
  bool refreshed;  /* the server's address was asked anew because it refused us, and it has not been ready since */
  bool hung_up;    /* by us, on an assistant that sends rubbish */
  bool in_answer;  /* between TTS_START and TTS_STOP of the assistant */
  bool page_hears; /* the page was told tts start and not yet stop */
  bool awaits_sound; /* turn latency runs */
  bool tells_level;  /* how loud the caller's packets are is known */
  bool captioned;    /* the page is told what is said, or that something is, in this answer */
  xz_mode mode;
  wr_time listen_at; /* hands-free, an answer has been played: when listening begins again; 0: not by itself */
  wr_time sound_at;  /* when speech was handed out last */
  wr_time voice_at;  /* last time the caller's audio was loud enough for speech */
  wr_time asked_at;  /* end of the caller's speech */
  char *unsaid[GW_N_UNSAID];
  size_t n_unsaid;
  gw_fifo early;        /* speech the assistant has not heard yet */
  xz_client *client;    /* in the slot's cold part */
  xz_udp_stats counted; /* of its datagrams, in the metrics already */
} gw_link;

/* The caller's end where there is no WebRTC, or none that works just now: a WebSocket at the HTTP thread, and
 * samples (gateway/caller.c). While there is one it carries the call. */
typedef struct gw_caller {
  uint32_t number; /* of the socket; 0: there is none */
  gw_pcm *pcm;     /* while there is one */
  wr_time opened_at, first_sound_at, heard_at;
  uint64_t sound_in, sound_out; /* pieces */
} gw_caller;

/* The part of a slot whose pages stay untouched without an assistant. Not zeroed. */
typedef struct gw_cold {
  gw_said_row said[GW_SAID_ROWS];
  xz_client client;
  xz_ota ota;
  char loss[128];                /* why the link was lost last; set with it */
  uint8_t held[GW_UPLINK_BYTES]; /* of the uplink */
} gw_cold;

typedef struct gw_session {
  struct gw_worker *worker;
  uint32_t slot, generation;
  gw_session_state state;
  gw_purpose purpose;
  bool echo;          /* audio and messages go straight back */
  bool dirty;         /* something may wait in |conn|: settle goes round again */
  bool announced;     /* phases of connecting were recorded */
  bool heard;         /* first audio was recorded */
  bool closing;       /* to be torn down at the end of settle */
  gw_counter end;     /* why */
  wr_conn *conn;      /* NULL: wiped */
  gw_caller caller;   /* if it has a socket, |conn| only stands beside it: lost, being mended, or being made */
  wr_time conn_until; /* beside: a new one that has not connected by then is given up; WR_NEVER */
  void *conn_memory;
  uint8_t id[16], secret[16];
  char id_text[GW_ID_HEX + 1];
  gw_identity identity;
  wr_addr known[GW_N_KNOWN];
  uint8_t n_known, i_known;
  uint32_t first_tcp; /* its TCP connections (gateway/tcp.h), linked */
  bool is_tcp;        /* the path in use is one of them */
  wr_time created_at, state_until, quality_at;
  wr_time ends_at;                 /* it was sent away, and closes at last by then */
  wr_time offered_at, answered_at; /* of this connection, see gw_timeline */
  bool has_chat, said_ready, auto_listen;
  bool had_chat;                 /* at any time: the caller may come back for what it was to be told */
  bool may_lack;                 /* what was said over the channel before this one; its page has not told */
  uint16_t chat;                 /* the channel "chat" */
  bool conn_has_chat, conn_told; /* |conn| has such a channel; over it was said how things stand */
  uint16_t conn_chat;
  wr_time stale_until; /* what comes over |conn| may be older than what came over the socket; "heard" ends it */
  uint64_t messages_in, messages_out;
  int64_t last_text; /* number of the last typed text that came with one */
  gw_said said;      /* and to be told when there is a channel again */
  gw_photo *photo;   /* being collected */
  char photo_question[512];
  int64_t photo_call;        /* the latest tool call for a photo; 0: none yet */
  bool photo_is_wanted;      /* and it was not announced yet */
  wr_time photo_asked_at;    /* for a frame */
  wr_time photo_frame_until; /* a frame of the video is waited for instead; 0: no */
  char photo_excuse[128];    /* the page's, if that does not come */
  gw_video video;
  gw_downlink down;
  gw_brake brake;
  gw_quiet quiet;
  gw_deaf deaf;
  wr_path last_path; /* by which he was heard last */
  wr_time asked_at;  /* at an address that may be his now; 0: not */
  uint32_t rtt_us;   /* when it was sampled; 0: not known */
  gw_uplink up;
  gw_clean *clean; /* NULL: what is heard passes as it is */
  gw_repair repair;
  gw_narrow narrow;
  bool quality_is_due; /* was told the last time */
  gw_quality quality;
  gw_link link;
  gw_minute minute;
  gw_trace trace;
  gw_tally tally;
  gw_capture *capture; /* NULL: nobody records it */
  gw_cold *cold;
} gw_session;

/* |kind| and |reason|: static words, for gateway/errors.h. */
void gw_session_trouble(gw_session *session, const char *kind, const char *reason);
const char *gw_session_state_text(gw_session_state state);
const char *gw_link_state_text(gw_link_state state);
gw_ref gw_session_ref(const gw_session *session);

/* Builds a session in its slot for |request| and answers; the reply is sent through the worker. On refusal the slot
 * is empty again. */
void gw_session_open(gw_session *session, const gw_request *request, wr_time now);
/* A new offer for a session: renegotiation, ICE restart, or the return of a lost peer. */
void gw_session_reoffer(gw_session *session, const gw_request *request, wr_time now);
void gw_session_fragment(gw_session *session, const gw_request *request, wr_time now);
void gw_session_candidates(gw_session *session, const gw_request *request, bool last, wr_time now);
void gw_session_recv(gw_session *session, const wr_path *path, wr_span datagram, wr_time now);
/* Something from |path| seems to be this caller's: it is asked there. */
void gw_session_ask_at(gw_session *session, const wr_path *path, wr_time now);
void gw_session_tick(gw_session *session, wr_time now);
/* Says goodbye to the peer and the backend and empties the slot. */
void gw_session_close(gw_session *session, gw_counter end, wr_time now);
/* The operator hangs up: a page that listens is told, so that it does not call again, and closes; one that does not
 * is closed a moment later. Asked twice, or with nobody to tell: at once. */
void gw_session_send_away(gw_session *session, wr_time now);
void gw_session_settle(gw_session *session, wr_time now);
void gw_session_timeline(const gw_session *session, gw_timeline *timeline);
gw_view *gw_session_view(const gw_session *session, wr_time now); /* the caller's to free; NULL: no memory */
/* Begins a record, or ends one where |capture->seconds| is 0; takes |capture| in any case. CONFLICT: not now. */
gw_http_error gw_session_record(gw_session *session, gw_capture *capture, wr_time now);
/* For the operator, who may look: gw_minute_note. */
void gw_session_note(gw_session *session, const char *event, const char *what, const char *why, wr_time now);

/* ---- to the caller, over whatever there is ---- */
bool gw_session_has_peer(const gw_session *session);  /* false: lost */
bool gw_session_by_socket(const gw_session *session); /* that carries it, whatever |conn| does */
wr_err gw_session_send_message(gw_session *session, uint16_t channel, bool is_text, wr_bytes message, wr_time now);
wr_err gw_session_send_audio(gw_session *session, const gw_downlink_item *item, wr_time now);
void gw_session_hush(gw_session *session); /* nothing of the answer leaves, or is heard, any more */
/* A key frame of the camera, which then becomes the frame kept; not too often. */
void gw_session_ask_key_frame(gw_session *session, wr_time now);
bool gw_session_takes_video(const gw_session *session);
bool gw_session_stats(const gw_session *session, wr_conn_stats *stats); /* false: no peer; all zero */
void gw_session_heard(gw_session *session, const wr_audio *audio, wr_time now);
void gw_session_connected(gw_session *session, wr_time now);
void gw_session_lose(gw_session *session, wr_end end, wr_time now);
/* The socket is no more and |conn| carries the call again, as well as it can. false: there is none that could. */
bool gw_session_return(gw_session *session, wr_time now);
gw_reply *gw_session_reply(gw_session *session, const gw_request *request); /* filled but for the text */
void gw_session_send_reply(gw_session *session, gw_reply *reply, const gw_request *request);
void gw_session_refuse(gw_session *session, const gw_request *request, gw_http_error error);

/* ---- gateway/caller.c: a WebSocket for a peer ---- */
/* The socket |request->number| is the caller's; answers. false: refused, nothing changed. */
bool gw_caller_open(gw_session *session, const gw_request *request, wr_time now);
/* The caller is back on |conn| and has |held_ms| of the socket's sound still to play: nothing is heard twice. */
void gw_caller_leave(gw_session *session, uint32_t held_ms, wr_time now);
void gw_caller_message(gw_session *session, const gw_message *message, wr_time now);
void gw_caller_close(gw_session *session, gw_farewell code, const char *reason); /* does nothing if there is none */
wr_err gw_caller_say(gw_session *session, bool is_text, wr_bytes message);
wr_err gw_caller_play(gw_session *session, wr_bytes opus);
void gw_caller_hush(gw_session *session);
void gw_caller_stats(const gw_session *session, wr_conn_stats *stats);
/* For admin and metrics. */
/* What its queues of speech count by themselves: added to |to| while it lives, and once for good at its end. */
void gw_session_count_speech(const gw_session *session, gw_metrics *to);
void gw_session_describe(const gw_session *session, gw_session_row *row, wr_time now);

/* ---- gateway/page.c: the data channel ---- */
void gw_page_recv(gw_session *session, const wr_event *event, wr_time now);
/* Over |conn|, which does not carry the call: or did not, and its page has not said yet that it is back. */
void gw_page_recv_beside(gw_session *session, const wr_event *event, wr_time now);
/* What is true now or never: dropped if there is no channel. */
void gw_page_say(gw_session *session, const char *json, wr_time now);
/* Part of the conversation: numbered, kept for a caller who is away, and for one who lost it. */
void gw_page_say_or_keep(gw_session *session, const char *json, wr_time now);
void gw_page_opened(gw_session *session, uint16_t channel, wr_time now); /* "chat" is there, perhaps again */
/* Something else carries the conversation, whose page knows how things stand. */
void gw_page_moved(gw_session *session, uint16_t channel, wr_time now);
void gw_page_closed(gw_session *session);
/* The caller, who comes back, has |number| and all before it; the rest is said again to him. */
void gw_page_heard(gw_session *session, int64_t number);
void gw_page_tick(gw_session *session); /* now and then: forgets what has arrived */
void gw_page_wipe(gw_session *session);
void gw_page_say_error(gw_session *session, const char *code, const char *message, wr_time now);
/* {"type":type, key:text ...}, keys and texts ended by NULL; a text NULL leaves its key out. */
void gw_page_tell(gw_session *session, const char *type, wr_time now, ...) __attribute__((sentinel));
void gw_page_say_ready(gw_session *session, wr_time now); /* once, when both sides are up */
void gw_page_say_draining(gw_session *session, wr_time now);
void gw_page_say_queue(gw_session *session, wr_time now); /* what it sends stands in queues */
void gw_page_say_quality(gw_session *session, const wr_conn_stats *stats, wr_time now);
void gw_page_tts(gw_session *session, const char *state, wr_time now);                     /* |state|: a literal */
void gw_page_tool(gw_session *session, const xz_tool_call *call, bool waits, wr_time now); /* for its answer */

/* ---- gateway/hold.c: speech, while nobody may hear it ---- */
void gw_hold_heard(gw_session *session, wr_time now);    /* by media or data */
void gw_hold_answered(gw_session *session, wr_time now); /* by STUN alone */
void gw_hold_moved(gw_session *session, wr_time now);    /* there is a new path */
void gw_hold_tick(gw_session *session, wr_time now);
wr_time gw_hold_deadline(const gw_session *session);
void gw_hold_played(gw_session *session); /* a frame left */
/* The connection, or the path, is given up. Until gw_downlink_pause says otherwise nothing is played. */
void gw_hold_break(gw_session *session, wr_time now);

/* ---- gateway/photo.c ---- */
void gw_photo_begin(gw_session *session, const gw_page_message *message, wr_time now);
/* false: no photo is being collected. */
bool gw_photo_chunk(gw_session *session, wr_bytes chunk, wr_time now);
/* The page has no photo for the open call, as |excuse| says. true: its camera sends video, and the call is answered
 * by a key frame of that, or by the excuse. */
bool gw_photo_by_video(gw_session *session, const char *excuse, wr_time now);
void gw_photo_tick(gw_session *session, wr_time now); /* also when a frame came */

/* ---- gateway/link.c: the assistant ---- */
void gw_link_init(gw_session *session);
void gw_link_want(gw_session *session, wr_time now);       /* opens it unless it is open or about to be */
void gw_link_tell_state(gw_session *session, wr_time now); /* to a page that has just come */
/* What is heard from now on is cleaned as |wish| says; nothing of it: it passes as it is. false: not here. */
bool gw_link_clean(gw_session *session, gw_clean_wish wish);
void gw_link_close(gw_session *session, const char *reason);
void gw_link_listen(gw_session *session, xz_mode mode, wr_time now);
void gw_link_listen_stop(gw_session *session, wr_time now);
void gw_link_say(gw_session *session, const char *text, wr_time now);
void gw_link_abort(gw_session *session, wr_time now);
/* The caller's packets are loud enough for speech. */
void gw_link_voice(gw_session *session, wr_time now);
void gw_link_audio(gw_session *session, const wr_audio *audio, wr_time now);
void gw_link_tool_result(gw_session *session, uint32_t call, bool ok, const char *text, wr_time now);
/* From the HTTP thread. */
void gw_link_message(gw_session *session, const gw_message *message, wr_time now);
void gw_link_tick(gw_session *session, wr_time now);
wr_time gw_link_deadline(const gw_session *session);
/* Speech and captions that are due go to the caller. */
void gw_link_play(gw_session *session, wr_time now);
void gw_link_say_retrying(gw_session *session, wr_time wait, wr_time now);

/* ---- gateway/ota.c: where the assistant's server is ---- */
bool gw_ota_is_used(const gw_session *session);
void gw_ota_init(gw_session *session);
bool gw_ota_start(gw_session *session, wr_time now); /* true: it is known, cold->ota.server */
void gw_ota_tick(gw_session *session, wr_time now);
bool gw_ota_answer(gw_session *session, unsigned status, wr_bytes body, wr_time now); /* true: it is known now */
void gw_ota_tell_state(gw_session *session, wr_time now);

#endif
