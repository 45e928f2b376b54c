/* sctp/reconfig.c - see the header. Left out: SSN/TSN reset and adding streams (denied: RFC 6525 4.4 result 2). */
#include "sctp/reconfig.h"

#include "base/seq.h"

void wr_sctp_reconfig_init(wr_sctp_reconfig *r, uint32_t initial_tsn, uint32_t peer_initial_tsn) {
  /* RFC 6525 5.1.1: request sequence numbers begin at the initial TSN. */
  *r = (wr_sctp_reconfig){.sequence = initial_tsn, .peer_sequence = peer_initial_tsn};
  r->answers = peer_initial_tsn - 1;
}

static bool contains(const wr_sctp_stream_list *list, uint16_t stream) {
  for (size_t i = 0; i < list->n; i++) {
    if (list->ids[i] == stream) return true;
  }
  return false;
}

bool wr_sctp_reconfig_add(wr_sctp_reconfig *r, uint16_t stream) {
  if (contains(&r->waiting, stream) || contains(&r->in_flight, stream)) return true;
  if (r->waiting.n == WR_SCTP_MAX_RESET_STREAMS) return false;
  r->waiting.ids[r->waiting.n++] = stream;
  return true;
}

bool wr_sctp_reconfig_is_busy(const wr_sctp_reconfig *r) { return r->in_flight.n > 0; }

bool wr_sctp_reconfig_begin(wr_sctp_reconfig *r, uint32_t last_tsn) {
  if (wr_sctp_reconfig_is_busy(r) || r->waiting.n == 0) return false;
  r->in_flight = r->waiting;
  r->waiting.n = 0;
  r->last_tsn = last_tsn;
  r->request_due = true;
  return true;
}

static void read_streams(const wr_sctp_reset *reset, wr_sctp_stream_list *streams) {
  streams->n = reset->streams.len / 2;
  for (size_t i = 0; i < streams->n; i++) streams->ids[i] = wr_get_u16(reset->streams.data + 2 * i);
}

static wr_sctp_reconfig_action finish(wr_sctp_reconfig *r, wr_sctp_stream_list *streams, bool performed) {
  *streams = r->in_flight;
  r->in_flight.n = 0;
  r->request_due = false;
  r->sequence++;
  return performed ? WR_SCTP_RECONFIG_DONE : WR_SCTP_RECONFIG_FAILED;
}

static wr_sctp_reconfig_action recv_response(wr_sctp_reconfig *r, const wr_sctp_reset *reset,
                                             wr_sctp_stream_list *streams) {
  if (!wr_sctp_reconfig_is_busy(r) || reset->sequence != r->sequence) return WR_SCTP_RECONFIG_NOTHING;
  switch (reset->result) {
    case WR_SCTP_RESET_NOTHING_TO_DO:
    case WR_SCTP_RESET_PERFORMED: return finish(r, streams, true);
    case WR_SCTP_RESET_BUSY:
    case WR_SCTP_RESET_IN_PROGRESS: return WR_SCTP_RECONFIG_NOTHING; /* asked again when the timer says so */
    default: return finish(r, streams, false);
  }
}

static wr_sctp_reconfig_action answer(wr_sctp_reconfig *r, wr_sctp_reset_result result,
                                      wr_sctp_reconfig_action action) {
  r->result = result;
  return action;
}

static wr_sctp_reconfig_action recv_request(wr_sctp_reconfig *r, const wr_sctp_reset *reset, uint32_t cumulative,
                                            wr_sctp_stream_list *streams) {
  if (reset->kind != WR_SCTP_RESET_OUTGOING && reset->kind != WR_SCTP_RESET_INCOMING)
    return answer(r, WR_SCTP_RESET_DENIED, WR_SCTP_RECONFIG_NOTHING);
  if (reset->streams.len / 2 > WR_SCTP_MAX_RESET_STREAMS)
    return answer(r, WR_SCTP_RESET_DENIED, WR_SCTP_RECONFIG_NOTHING);
  read_streams(reset, streams);
  if (reset->kind == WR_SCTP_RESET_INCOMING) {
    r->answers = reset->sequence;
    return answer(r, WR_SCTP_RESET_PERFORMED, WR_SCTP_RECONFIG_RESET_OUT);
  }
  /* RFC 6525 5.2.2 E3: the reset takes place behind the data that was sent before it. */
  if (wr_seq32_newer(reset->last_tsn, cumulative)) {
    r->deferred = true;
    r->deferred_tsn = reset->last_tsn;
    r->deferred_streams = *streams;
    return answer(r, WR_SCTP_RESET_IN_PROGRESS, WR_SCTP_RECONFIG_NOTHING);
  }
  return answer(r, WR_SCTP_RESET_PERFORMED, WR_SCTP_RECONFIG_RESET_IN);
}

wr_sctp_reconfig_action wr_sctp_reconfig_recv(wr_sctp_reconfig *r, const wr_sctp_reset *reset, uint32_t cumulative,
                                              wr_sctp_stream_list *streams) {
  streams->n = 0;
  if (reset->kind == WR_SCTP_RESET_RESPONSE) return recv_response(r, reset, streams);
  r->response_due = true;
  r->response_to = reset->sequence;
  if (reset->sequence == r->peer_sequence - 1) return WR_SCTP_RECONFIG_NOTHING; /* repeated: same answer */
  if (reset->sequence != r->peer_sequence) {
    r->bad_sequence = true;
    return WR_SCTP_RECONFIG_NOTHING;
  }
  if (r->deferred) { /* the peer must not ask for more before it has its answer */
    r->response_due = false;
    return WR_SCTP_RECONFIG_NOTHING;
  }
  r->peer_sequence++;
  return recv_request(r, reset, cumulative, streams);
}

wr_sctp_reconfig_action wr_sctp_reconfig_advance(wr_sctp_reconfig *r, uint32_t cumulative,
                                                 wr_sctp_stream_list *streams) {
  if (!r->deferred || wr_seq32_newer(r->deferred_tsn, cumulative)) return WR_SCTP_RECONFIG_NOTHING;
  *streams = r->deferred_streams;
  r->deferred = false;
  r->response_due = true;
  r->response_to = r->peer_sequence - 1;
  r->result = WR_SCTP_RESET_PERFORMED;
  return WR_SCTP_RECONFIG_RESET_IN;
}

static void write_request(const wr_sctp_reconfig *r, wr_writer *w) {
  uint8_t ids[2 * WR_SCTP_MAX_RESET_STREAMS];
  for (size_t i = 0; i < r->in_flight.n; i++) wr_put_u16(ids + 2 * i, r->in_flight.ids[i]);
  wr_sctp_reset request = {.kind = WR_SCTP_RESET_OUTGOING,
                           .sequence = r->sequence,
                           .response_sequence = r->answers,
                           .last_tsn = r->last_tsn,
                           .streams = wr_bytes_of(ids, 2 * r->in_flight.n)};
  wr_sctp_write_reset(w, &request);
}

void wr_sctp_reconfig_write(wr_sctp_reconfig *r, wr_writer *w) {
  if (!r->request_due && !r->response_due) return;
  size_t start = wr_sctp_begin_chunk(w, WR_SCTP_RE_CONFIG, 0);
  if (r->response_due) {
    uint32_t result = r->bad_sequence ? WR_SCTP_RESET_BAD_SEQUENCE : r->result;
    wr_sctp_reset response = {.kind = WR_SCTP_RESET_RESPONSE, .sequence = r->response_to, .result = result};
    wr_sctp_write_reset(w, &response);
  }
  if (r->request_due) write_request(r, w);
  wr_sctp_end(w, start);
  r->request_due = r->response_due = r->bad_sequence = false;
}
