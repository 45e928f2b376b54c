/* turn/turn.h - a TURN client: one allocation on one server (RFC 8656 over RFC 8489).
 *
 * The caller owns the way to the server: a UDP socket, or a TCP or TLS connection of which the bytes are cut into
 * frames by wr_turn_stream. What comes from there goes to wr_turn_recv; what wr_turn_poll and wr_turn_send write is
 * sent there. After any call that [mutates]: poll until 0, take the events, sleep until the deadline.
 *
 * A server's answer counts when its transaction is known and, once there is a key, when its integrity is right.
 * Errors need no integrity: not every server adds it, and who could forge one (it takes the 96-bit id) could as
 * well drop everything. Left out: EVEN-PORT and reservations, DONT-FRAGMENT, mobility, TCP relaying (RFC 6062),
 * preparation of non-ASCII names (SASLprep). */
#ifndef WR_TURN_TURN_H
#define WR_TURN_TURN_H

#include "base/io.h"
#include "wr/crypto.h"

#define WR_TURN_PEERS 16 /* peers with a permission at a time, unless the settings say otherwise */
#define WR_TURN_PEERS_MAX 1024
#define WR_TURN_OUT_MAX 1300   /* bytes of the largest request we write */
#define WR_TURN_OVERHEAD 48    /* at most so many bytes around relayed data: Send indication, IPv6 */
#define WR_TURN_FRAME_MAX 2048 /* bytes of the largest frame taken from a stream */
#define WR_TURN_RTO_US 500000  /* first retransmission over UDP; then doubling, 7 sends in all (RFC 8489 6.2.1) */

typedef enum wr_turn_state {
  WR_TURN_NEW,
  WR_TURN_ALLOCATING,
  WR_TURN_ALLOCATED,
  WR_TURN_CLOSING, /* a Refresh with lifetime 0 is under way */
  WR_TURN_CLOSED,
  WR_TURN_FAILED, /* wr_turn_failure says why; nothing more is sent */
} wr_turn_state;

typedef enum wr_turn_reason {
  WR_TURN_FINE,
  WR_TURN_SILENT,       /* nobody answered */
  WR_TURN_UNAUTHORIZED, /* 401 to our credentials, or answers under another key */
  WR_TURN_STALE,        /* 438 again and again */
  WR_TURN_CHALLENGE,    /* a challenge without realm or nonce, too long, or with no algorithm we have */
  WR_TURN_FORBIDDEN,    /* 403 */
  WR_TURN_ALTERNATE,    /* 300: the server names another one */
  WR_TURN_MISMATCH,     /* 437: the addresses are in use by another allocation, or ours is gone. Use another port */
  WR_TURN_FAMILY,       /* 440: no such address family */
  WR_TURN_WRONG_USER,   /* 441: the allocation is another user's */
  WR_TURN_NO_TRANSPORT, /* 442 */
  WR_TURN_QUOTA,        /* 486: too many allocations of this user */
  WR_TURN_CAPACITY,     /* 508: the server is full */
  WR_TURN_REFUSED,      /* any other error, as 400, 420, 500; see the code */
  WR_TURN_MALFORMED,    /* an answer without what it must have, or a broken stream */
} wr_turn_reason;
/* A few words for a person; never NULL. */
const char *wr_turn_reason_text(wr_turn_reason reason);

typedef struct wr_turn wr_turn; /* opaque; lives in caller memory */

typedef struct wr_turn_settings {
  wr_rng rng;
  const wr_crypto *crypto;         /* with md5, sha256 and hmac_sha256 */
  bool stream;                     /* TCP or TLS: nothing is retransmitted, data is padded to four bytes */
  uint8_t family;                  /* of the relayed address: 4, 6; 0: the server's choice */
  const char *username, *password; /* copied; at most 508 and 511 bytes */
  uint16_t n_peers;                /* at most so many at a time; 0: WR_TURN_PEERS */
  bool forgets;    /* a peer that nothing was sent to for 4 minutes gives up its place: for an allocation of many */
  wr_time keep_us; /* refreshed so often: NATs keep the mapping, and a server that forgot us is noticed; 0: when it
                      must be */
} wr_turn_settings;

typedef enum wr_turn_event_kind {
  WR_TURN_EVENT_NONE,
  WR_TURN_EVENT_STATE,     /* |state| */
  WR_TURN_EVENT_PERMITTED, /* data to and from |peer| passes now */
  WR_TURN_EVENT_REFUSED,   /* |peer| is not served: |code|, 0: no answer. It is forgotten */
} wr_turn_event_kind;
typedef struct wr_turn_event {
  wr_turn_event_kind kind;
  wr_turn_state state;
  wr_addr peer;
  uint16_t code;
} wr_turn_event;

typedef enum wr_turn_input {
  WR_TURN_CONSUMED, /* an answer to us */
  WR_TURN_DATA,     /* relayed data is in |data| */
  WR_TURN_BAD,      /* not of this protocol, or broken */
  WR_TURN_BAD_MAC,
  WR_TURN_UNEXPECTED, /* answer to nothing we asked, or data of a peer we did not permit */
} wr_turn_input;

typedef struct wr_turn_data {
  wr_addr peer;
  wr_bytes bytes; /* borrowed from what was received */
} wr_turn_data;

size_t wr_turn_size(uint16_t n_peers); /* 0: WR_TURN_PEERS; with these under 8 KiB */
/* |mem| 16-aligned, lent until wipe. NULL: a name or a password that is too long. */
wr_turn *wr_turn_init(void *mem, const wr_turn_settings *settings, wr_time now);
void wr_turn_wipe(wr_turn *turn);

/* [mutates] WR_ERR_STATE: not NEW. */
WR_NODISCARD wr_err wr_turn_allocate(wr_turn *turn, wr_time now);
/* [mutates] Gives the allocation back. */
void wr_turn_close(wr_turn *turn, wr_time now);
/* [mutates] Lets |peer| through, and keeps it so; with |channel| data then costs 4 bytes, not 36 or more. Again for
 * a permitted peer: adds the channel. WR_ERR_STATE: not ALLOCATED; WR_ERR_LIMIT: so many are there. */
WR_NODISCARD wr_err wr_turn_permit(wr_turn *turn, const wr_addr *peer, bool channel, wr_time now);

/* [mutates] One datagram of the server, or one frame of its stream. */
wr_turn_input wr_turn_recv(wr_turn *turn, wr_bytes datagram, wr_turn_data *data, wr_time now);
/* Wraps |bytes| for |peer| into |out|, which takes bytes.len + WR_TURN_OVERHEAD. 0: |peer| is not permitted (yet),
 * or |out| is too small. No allocation, no hash. */
size_t wr_turn_send(wr_turn *turn, const wr_addr *peer, wr_bytes bytes, uint8_t *out, size_t cap);
/* The next request for the server; 0: none due now. |cap| >= WR_TURN_OUT_MAX. */
size_t wr_turn_poll(wr_turn *turn, uint8_t *out, size_t cap, wr_time now);
bool wr_turn_poll_event(wr_turn *turn, wr_turn_event *event);
/* When to poll next; the past while something is due. */
wr_time wr_turn_deadline(const wr_turn *turn);

wr_turn_state wr_turn_get_state(const wr_turn *turn);
/* Why it FAILED, and the server's code, 0: none. |code| may be NULL. */
wr_turn_reason wr_turn_failure(const wr_turn *turn, uint16_t *code);
/* The server's realm, once it challenged us; "" before. */
const char *wr_turn_realm(const wr_turn *turn);
/* After ALTERNATE: where to. false: the server said no usable address. */
bool wr_turn_alternate(const wr_turn *turn, wr_addr *addr);
/* Since ALLOCATED. |mapped|: our address as the server sees it; family 0 if it did not say. */
bool wr_turn_relayed(const wr_turn *turn, wr_addr *relayed, wr_addr *mapped);

/* ---- turn/stream.c: frames out of a stream (RFC 8656 12.4, RFC 8489 6.2.2) ---- */
typedef struct wr_turn_stream {
  size_t len, frame;
  uint8_t bytes[WR_TURN_FRAME_MAX + 4];
} wr_turn_stream;
void wr_turn_stream_init(wr_turn_stream *stream);
/* Takes bytes until a frame is complete; returns how many. Then |*frame| is borrowed until the next push; else
 * empty. SIZE_MAX: not a TURN stream, or a frame over WR_TURN_FRAME_MAX; close the connection. */
size_t wr_turn_stream_push(wr_turn_stream *stream, wr_bytes bytes, wr_bytes *frame);

#endif
