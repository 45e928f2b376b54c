/* gateway/protocol.h - what the HTTP thread and the workers say to each other, through mailboxes.
 *
 * The HTTP thread owns all sockets but the media ones: it is a pump for the backends' WebSockets and knows nothing
 * of their content. A worker owns everything of a session. Messages carry a gw_ref; whoever receives one for a
 * session that is gone drops it. */
#ifndef GATEWAY_PROTOCOL_H
#define GATEWAY_PROTOCOL_H

#include "gateway/http_error.h"
#include "gateway/last_minute.h"
#include "gateway/mailbox.h"
#include "gateway/metrics.h"
#include "gateway/page_message.h"
#include "gateway/quality.h"
#include "gateway/tally.h"
#include "gateway/timeline.h"
#include "gateway/trace.h"
#include "xiaozhi/ota.h"

#define GW_SLOT_NONE UINT32_MAX
#define GW_ID_HEX 32    /* a session's id, in text */
#define GW_TOKEN_HEX 64 /* its resume token: the id, then the secret */

typedef enum gw_kind {
  /* to a worker */
  GW_DATAGRAM,     /* from another worker whose socket it came to: |path|, bytes */
  GW_TCP_STRANGER, /* from another worker: a TCP connection, |number| its descriptor; names |ref.slot|; |path| */
  GW_ROUTE,        /* from another worker: |ref| sends to |path.remote| */
  GW_REFLEXIVE,    /* from the worker that asks STUN: |path.local| is seen as |path.remote| */
  GW_ADDRESSES,    /* owned gw_locals: this machine has others now */
  GW_SERVERS,      /* owned gw_reach_servers: there are others now */
  GW_OFFER,        /* owned gw_request; |ref| names a session to resume or renegotiate, or none */
  GW_FRAGMENT,     /* owned gw_request: application/trickle-ice-sdpfrag */
  GW_CANDIDATES,   /* owned gw_request: "candidate:..." lines; |number| 1: these were the last */
  GW_HANGUP,       /* |number|: request */
  GW_SEND_AWAY,    /* the same, by the operator: the page is told first */
  GW_LINK_OPENED,  /* the backend's socket is up */
  GW_LINK_TEXT,    /* bytes or owned */
  GW_LINK_BINARY,  /* bytes or owned; over UDP a datagram */
  GW_LINK_SENT,    /* |number| bytes left our queue: credit */
  GW_LINK_CLOSED,  /* |number|: close code, HTTP status of a refusal, or 0; bytes: reason */
  GW_ASKED,        /* |number|: HTTP status, 0: no answer; bytes or owned: the body */
  GW_TOOL_DONE,    /* |number|: the tool call; owned text; |owned_len| 1: success */
  GW_TOOL_SAY,     /* owned text: a message for the page, before the result */
  GW_CALLER_TEXT,  /* |number|: the caller's WebSocket; bytes or owned */
  GW_CALLER_BYTES, /* the same: a piece of sound, or of a photo */
  GW_CALLER_GONE,  /* the same; bytes: gw_farewell */
  GW_SNAPSHOT,     /* |number|: request */
  GW_LOOK,         /* |number|: request, for everything that is known of the session */
  GW_CAPTURE,      /* owned gw_capture; |number|: request */
  GW_DRAIN,        /* |number|: seconds */
  GW_STOP,
  /* to the HTTP thread */
  GW_REPLY,        /* owned gw_reply; |ref| of the session if there is one */
  GW_SESSION_GONE, /* bytes: the id, 16; owned gw_view: its last */
  GW_ASK,          /* owned gw_ask: a request to the OTA server */
  GW_LINK_OPEN,    /* owned gw_target */
  GW_LINK_SEND_TEXT,
  GW_LINK_SEND_BINARY, /* a frame; over UDP a datagram */
  GW_LINK_CHANNEL,     /* over MQTT: datagrams go to port |number| of the host in bytes, and come from there */
  GW_LINK_CLOSE,       /* |number|: code; bytes: reason */
  GW_CALLER_SAY,       /* |number|: the caller's WebSocket; text, bytes or owned */
  GW_CALLER_PLAY,      /* the same: samples */
  GW_CALLER_HUSH,      /* the same: samples not yet sent are thrown away; then the text in bytes */
  GW_CALLER_CLOSE,     /* the same; bytes: gw_farewell, then the reason */
  GW_PHOTO,            /* owned gw_photo */
  GW_TOOL_ASK,         /* owned gw_tool_ask */
  GW_SNAPSHOT_TAKEN,   /* owned gw_snapshot; |number|: request */
  GW_SEEN,             /* owned gw_view; |number|: request */
  GW_ERRAND_DONE,      /* owned gw_errand of gateway/http_mqtt.c; see gateway/errand.h */
  GW_REACH_FOUND,      /* owned gw_reach_errand of gateway/http_ice.c */
  GW_DRAINED,          /* the worker has no session left, or time is up */
  GW_TROUBLE,          /* bytes: gw_trouble; for gateway/errors.h */
  GW_SPAN,             /* bytes: gw_span; for gateway/http_trace.c */
  GW_HISTORY_SAYS,     /* owned gw_history_answer, from the history's thread */
} gw_kind;

typedef enum gw_purpose { GW_FOR_PAGE, GW_FOR_WHIP, GW_FOR_ECHO, GW_FOR_SOCKET } gw_purpose;

/* Numbers of requests and of callers' WebSockets are told apart by this bit. */
#define GW_CALLER_BIT 0x80000000u

/* How a caller's WebSocket ends: close codes (RFC 6455 7.4; 4000 and up are ours). */
typedef enum gw_farewell {
  GW_FAREWELL_NORMAL = 1000,
  GW_FAREWELL_DRAINED = 1001,
  GW_FAREWELL_REFUSED = 1013,  /* an error message came before */
  GW_FAREWELL_HANGUP = 4000,   /* from the caller: do not keep the session */
  GW_FAREWELL_REPLACED = 4001, /* another connection took the session */
  GW_FAREWELL_LOST = 1006,     /* never on the wire: no word was said */
} gw_farewell;

typedef struct gw_identity {
  char mac[18], client_id[37];
} gw_identity;

/* Whom to connect to, and as whom. */
typedef struct gw_target {
  gw_identity identity;
  xz_ota_server server; /* url "": the one backend of this gateway, with its token */
} gw_target;

typedef struct gw_ask {
  gw_ref ref;
  gw_identity identity;
  char url[XZ_OTA_URL_MAX + 16];
  size_t len;
  char body[2048];
} gw_ask;

typedef struct gw_request {
  uint32_t number; /* of the HTTP request, or of the caller's WebSocket */
  gw_purpose purpose;
  uint8_t secret[16]; /* resume */
  bool resumes;
  int64_t heard; /* with |resumes|: number of the last message that the caller got; -1: not said */
  bool beside;   /* with |resumes|: what carries the call goes on; never a new session */
  bool has_mode;
  xz_mode mode;
  char mac[18]; /* "" none given */
  gw_browser browser;
  wr_time received_at;
  gw_traceparent trace;
  size_t len;
  char text[]; /* and a NUL */
} gw_request;

typedef struct gw_reply {
  uint32_t number;
  gw_http_error error; /* GW_HTTP_OK: none */
  unsigned line;       /* of the description, with BAD_SDP; 0: as a whole */
  const char *why;     /* static; NULL: the code's own message */
  bool resumed;
  char id[GW_ID_HEX + 1], token[GW_TOKEN_HEX + 1];
  size_t len; /* of the answer or fragment; 0: none */
  char text[];
} gw_reply;

typedef struct gw_photo {
  gw_ref ref;
  uint32_t call;
  const char *mime;
  gw_identity identity;
  char url[512], token[1024], question[512];
  size_t size, len; /* promised, and there */
  uint8_t data[];
} gw_photo;

/* A call that this thread does not perform: an HTTP request, or something about music. */
typedef struct gw_tool_ask {
  gw_ref ref;
  uint32_t call;
  const struct gw_tool *tool; /* gateway/tools.h; lives as long as the program serves */
  gw_identity identity;
  size_t len;
  char args[]; /* JSON, an object, and a NUL */
} gw_tool_ask;

/* Something went wrong with a session, in words of ours. */
typedef struct gw_trouble {
  const char *kind, *reason; /* static */
  char session[9];           /* the first characters of its id */
} gw_trouble;

typedef struct gw_session_row {
  char id[GW_ID_HEX + 1];
  const char *state, *backend, *purpose, *transport;
  wr_time age_us;
  uint32_t rtt_us, jitter_us;
  uint64_t rtp_packets_in, rtp_packets_out, rtp_lost, messages_in, messages_out, dropped;
  uint64_t video_frames, video_bytes;
  size_t video_kept; /* bytes of the frame kept */
  gw_timeline timeline;
  gw_figures figures;
} gw_session_row;

typedef struct gw_snapshot {
  gw_metrics metrics;
  size_t n_rows;
  gw_session_row rows[];
} gw_snapshot;

/* One session from close by. */
typedef struct gw_view {
  gw_session_row row;
  bool has_conn; /* |stats| is one of a connection */
  wr_stats stats;
  gw_minute minute;
  int64_t seen_at; /* seconds since 1970 */
  gw_call call;    /* of a session that has ended: what it amounted to */
} gw_view;

/* "0123456789abcdef" of |len| bytes; |out| has 2 * len + 1. */
void gw_hex(char *out, const uint8_t *bytes, size_t len);
bool gw_unhex(uint8_t *out, size_t len, const char *text); /* false: not exactly 2 * len hex digits */

#endif
