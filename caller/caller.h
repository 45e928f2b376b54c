/* caller/caller.h - a call that heals itself: WebRTCManager's hands over libwr, without I/O.
 *
 * What JavaScript is to the manager in a browser, this is to it in a native program: it carries out the manager's
 * commands (manager/names.def) with wr_conns, HTTP requests and messages, and reports what happens. It decides
 * nothing. The native client runs it on sockets, the simulator on a virtual network and clock.
 *
 *   caller_init -> [ caller_do | caller_recv | caller_tick | caller_bind | caller_on_response | caller_send_* ,
 * then caller_poll until CALLER_OUT_IDLE ]* -> caller_wipe
 *
 * - Links: each connection the manager opens has a number of its own, local addresses of its own (CALLER_OUT_BIND)
 * and lives beside the one it replaces until that one is given up. Two at most.
 * - Candidates of our sockets ride in the offer, those that STUN and TURN servers give are trickled; a gathering
 * for them is the owner's (caller_use_gather, caller_servers). A route, and fresh servers for a link that stands,
 * change nothing: both commands are carried out by doing nothing.
 * - JSON is read and written here, with jansson: then the simulator and the client need no code for it, and what
 * the simulated gateway says, garbage included, takes the way that bytes take. It is the only thing that allocates
 * after caller_init, and but for the list of servers nothing of it outlives the next call.
 * - Bounded: caller_size() bytes, requests and reports in fixed queues. Not thread-safe. */
#ifndef CALLER_CALLER_H
#define CALLER_CALLER_H

#include <jansson.h>

#include "manager/manager.h"
#include "wr/conn.h"

#define CALLER_BUFFER 16384  /* least |cap| of caller_poll: the largest request body */
#define CALLER_TEXT_MAX 4096 /* bytes of typed text */
#define CALLER_N_TEXTS 4     /* that have not surely arrived */
#define CALLER_N_LOCALS 4    /* local addresses of one link */

typedef struct caller caller; /* lives wholly in caller_size() bytes of the owner */

typedef struct caller_settings {
  const wr_crypto *crypto; /* borrowed, as are pool, buffers and texts */
  wr_rng rng;
  wr_pool *pool; /* of WR_CONN_POOL_BLOCK; may be shared by all callers of a thread, as may the next two */
  uint8_t *message_buffer; /* see wr_conn_settings */
  size_t message_buffer_bytes;
  wr_sdp *scratch;
  const char *cname;      /* default "xiaozhi-rtc" */
  const char *offer_path; /* default "/api/offer" */
  bool plain;         /* the other side only echoes: it knows no ping and no ready, so both are taken as answered
                         while the path is alive; nothing is said to it that the application does not say */
  bool fetch_servers; /* ask /api/ice for servers when the manager wants to know; default false: there are none */
  mgr_settings manager;
} caller_settings;

typedef enum caller_out_kind {
  CALLER_OUT_IDLE,
  CALLER_OUT_DATAGRAM, /* send |len| bytes of the buffer along |path| from a socket of |link|; of TCP see wr_out */
  CALLER_OUT_REQUEST,  /* |request|; its result goes to caller_on_response */
  CALLER_OUT_BIND,     /* addresses for |link| are wanted (again, at an ICE restart): answer with caller_bind */
  CALLER_OUT_UNBIND,   /* |link| is gone: its sockets can be closed */
  CALLER_OUT_COMMAND,  /* |command|: a TELL_, CLEAR_NOTICE, or what only the application can do: ASK_MICROPHONE,
                          RELEASE_MICROPHONE, MIC_LIVE, HUSH, SENDER */
  CALLER_OUT_REFUSED,  /* |status| (0: no answer), |text|: an offer was refused; for people, the manager knows */
  CALLER_OUT_AUDIO,    /* |audio| came */
  CALLER_OUT_MESSAGE,  /* |is_text|, |message|; |json| if it is a JSON object */
} caller_out_kind;

typedef struct caller_request {
  uint32_t number; /* 0: nobody waits for the result */
  const char *method, *path, *content_type;
  wr_bytes body; /* in the buffer; empty: none */
} caller_request;

/* Everything borrowed here is good until the next caller_ call. */
typedef struct caller_out {
  caller_out_kind kind;
  uint32_t link;
  wr_path path;
  size_t len;
  caller_request request;
  mgr_command command;
  int status;
  const char *text;
  wr_audio audio;
  bool is_text;
  wr_bytes message;
  const json_t *json;
} caller_out;

void caller_settings_default(
    caller_settings *settings); /* crypto, rng, pool, buffers and scratch remain to be set */
size_t caller_size(void);
/* Builds a caller inside |mem| (16-aligned, lent until wipe). */
caller *caller_init(void *mem, const caller_settings *settings, wr_time now);
/* Sends nothing: for a goodbye let the manager STOP, and drain. */
void caller_wipe(caller *c);

/* [mutates] What the person, the device or the application does: PREPARE to INTERRUPT, ONLINE to UNSUPPORTED. */
void caller_do(caller *c, mgr_event_kind kind, int32_t value, wr_time now);
/* [mutates] Typed text, copied; said as soon as it can be, and again on the next connection where it may not have
 * arrived. false: empty, too long, or CALLER_N_TEXTS are still held; it will not be said. */
bool caller_say(caller *c, const char *text, wr_time now);
/* [mutates] The answer to CALLER_OUT_BIND: addresses that |link| may send from. |n| 0: there is no network. */
void caller_bind(caller *c, uint32_t link, const wr_addr *locals, size_t n, wr_time now);
/* What the gateway said last of STUN and TURN servers, an array of RTCIceServer; NULL: nothing. */
const json_t *caller_servers(const caller *c);
/* [mutates] Before the first caller_bind of |link|: |gather| finds more candidates for it (wr_conn_use_gather).
 * Borrowed until CALLER_OUT_UNBIND. */
void caller_use_gather(caller *c, uint32_t link, wr_gather *gather);
/* [mutates] |datagram| came to a socket of |link|; it is decrypted in place. */
void caller_recv(caller *c, uint32_t link, const wr_path *path, wr_span datagram, wr_time now);
/* [mutates] |path|, a TCP connection of |link|, has ended or could not be made (wr_conn_path_closed). */
void caller_path_closed(caller *c, uint32_t link, const wr_path *path, wr_time now);
/* [mutates] |status| 0: no connection, or no answer in time. |retry_after_ms| 0: not said. */
void caller_on_response(caller *c, uint32_t number, int status, uint32_t retry_after_ms, wr_bytes body,
                        wr_time now);
/* [mutates] When now >= caller_deadline. */
void caller_tick(caller *c, wr_time now);
wr_time caller_deadline(const caller *c);
/* The next output; |cap| >= CALLER_BUFFER. */
void caller_poll(caller *c, uint8_t *buffer, size_t cap, caller_out *out, wr_time now);

/* [mutates] One Opus packet of the microphone (wr_conn_send_audio). WR_ERR_STATE: the manager has no link for it,
 * or wants silence; the packet is dropped. */
wr_err caller_send_audio(caller *c, wr_bytes opus, uint32_t timestamp, bool marker, wr_time now);
/* [mutates] On the chat channel of the present link. WR_ERR_STATE: there is none. */
wr_err caller_send_message(caller *c, bool is_text, wr_bytes message, wr_time now);

const mgr_manager *caller_manager(const caller *c);
/* The session's path at the gateway; "": none yet. */
const char *caller_location(const caller *c);
/* Of the present link; false: there is none. */
bool caller_stats(const caller *c, wr_conn_stats *stats);

#endif
