/* sctp/reconfig.h - stream reset (RFC 6525) as data channels use it (RFC 8831 6.7).
 *
 * One request of ours is in flight at a time; streams wait their turn. Of the peer's requests the last one is
 * remembered: repeated ones get the same answer, one that is ahead of its data is answered "in progress" and
 * performed when the data is there. Requests other than stream resets are denied. */
#ifndef WR_SCTP_RECONFIG_H
#define WR_SCTP_RECONFIG_H

#include "sctp/chunk.h"

typedef struct wr_sctp_stream_list {
  uint16_t ids[WR_SCTP_MAX_RESET_STREAMS];
  size_t n;
} wr_sctp_stream_list;

typedef struct wr_sctp_reconfig {
  wr_sctp_stream_list waiting, in_flight; /* outgoing streams to reset; of the request sent */
  uint32_t sequence;                      /* of the request in flight, or the next one */
  uint32_t last_tsn;                      /* of the request in flight */
  uint32_t answers;                       /* the peer's request ours answers */
  bool request_due;

  uint32_t peer_sequence; /* the next request expected */
  uint32_t result;        /* of the last one: wr_sctp_reset_result */
  uint32_t response_to;
  bool response_due;
  bool bad_sequence; /* the response due refuses a sequence number */
  bool deferred;     /* |deferred_streams| will be reset when all up to |deferred_tsn| is here */
  uint32_t deferred_tsn;
  wr_sctp_stream_list deferred_streams;
} wr_sctp_reconfig;

typedef enum wr_sctp_reconfig_action {
  WR_SCTP_RECONFIG_NOTHING,
  WR_SCTP_RECONFIG_RESET_IN,  /* |streams|: the peer's outgoing side was reset */
  WR_SCTP_RECONFIG_RESET_OUT, /* |streams|: the peer wants ours reset */
  WR_SCTP_RECONFIG_DONE,      /* |streams|: our reset was performed */
  WR_SCTP_RECONFIG_FAILED,    /* |streams|: it was refused */
} wr_sctp_reconfig_action;

void wr_sctp_reconfig_init(wr_sctp_reconfig *r, uint32_t initial_tsn, uint32_t peer_initial_tsn);
bool wr_sctp_reconfig_add(wr_sctp_reconfig *r, uint16_t stream); /* false: too many wait; ask again later */
/* Starts a request for what waits, if none is in flight. true: one is due. */
bool wr_sctp_reconfig_begin(wr_sctp_reconfig *r, uint32_t last_tsn);
bool wr_sctp_reconfig_is_busy(const wr_sctp_reconfig *r);
/* One parameter from the peer. |cumulative|: TSN up to which we have its data. An empty |streams| with RESET_IN or
 * RESET_OUT means all streams. */
wr_sctp_reconfig_action wr_sctp_reconfig_recv(wr_sctp_reconfig *r, const wr_sctp_reset *reset, uint32_t cumulative,
                                              wr_sctp_stream_list *streams);
/* After the cumulative TSN moved: performs what was deferred (RESET_IN) or nothing. */
wr_sctp_reconfig_action wr_sctp_reconfig_advance(wr_sctp_reconfig *r, uint32_t cumulative,
                                                 wr_sctp_stream_list *streams);
/* Writes the chunk that is due, if any, and clears what was due. */
void wr_sctp_reconfig_write(wr_sctp_reconfig *r, wr_writer *w);

#endif
