/* conn/video.c - the video stream of a connection, received only: packets to frames, and what its sender is asked
 * for: packets again (NACK, RFC 4585; they come back as they were or as RTX, RFC 4588), a key frame (PLI, or FIR).
 *
 * Of several sources with the payload type that was agreed, as of a simulcast that was not, the first is followed
 * until it is silent. */
#include "base/seq.h"
#include "conn/conn_state.h"

#define CLOCK_HZ 90000
#define SILENT_US WR_S(1)      /* then another source may take over */
#define WAIT_MIN_US WR_MS(100) /* for a packet that was asked for again: three round trips, between these */
#define WAIT_MAX_US WR_MS(500)
#define REORDER_US WR_MS(10) /* a packet so late was not lost */
#define RETRY_MIN_US WR_MS(20)
#define KEY_INTERVAL_US WR_MS(200) /* and a round trip, between requests for a key frame; doubled each time */
#define KEY_DOUBLINGS 4
#define KEY_REQUESTS 12 /* in vain; then the peer will not */
#define NACK_MAX 64     /* numbers in one packet */

void wr_conn_video_init(wr_conn *conn) {
  wr_video_queue_init(&conn->video.queue, conn->settings.pool, WR_VIDEO_NONE);
  conn->video.nack_at = WR_NEVER;
}

void wr_conn_video_wipe(wr_conn *conn) { wr_video_queue_wipe(&conn->video.queue); }

void wr_conn_video_agreed(wr_conn *conn, const wr_agreement *before) {
  const wr_agreement *now = &conn->agreement;
  if (before && before->video == now->video && before->video_codec == now->video_codec) return;
  wr_video_queue_restart(&conn->video.queue, now->video_codec);
  conn->video.source.started = false;
  conn->video.nack_at = WR_NEVER;
}

bool wr_conn_video_is(const wr_conn *conn, uint8_t payload_type) {
  const wr_agreement *a = &conn->agreement;
  if (!a->video || (a->audio && payload_type == a->opus_payload_type)) return false;
  return payload_type == a->video_payload_type || (a->rtx_payload_type && payload_type == a->rtx_payload_type);
}

/* ---- in ---- */

static wr_time wait_us(const wr_conn *conn) {
  if (!conn->agreement.video_nack) return WAIT_MIN_US;
  wr_time wait = 3 * (wr_time)conn->stats.rtt_us;
  return wait < WAIT_MIN_US ? WAIT_MIN_US : wr_time_min(wait, WAIT_MAX_US);
}

static bool follow_source(video_receiver *v, const wr_conn *conn, uint32_t ssrc, wr_time now) {
  if (v->source.started && v->source.ssrc != ssrc && now - v->last_at < SILENT_US) return false;
  if (!v->source.started || v->source.ssrc != ssrc) {
    wr_rtp_source_init(&v->source, ssrc, CLOCK_HZ);
    wr_video_queue_restart(&v->queue, conn->agreement.video_codec);
    v->nack_at = WR_NEVER;
  }
  v->last_at = now;
  return true;
}

/* A packet sent again: the number it had stands before its payload (RFC 4588 4). */
static void recv_again(wr_conn *conn, const wr_rtp_packet *packet) {
  if (packet->payload.len < 2 || !conn->video.source.started) return; /* padding, for the sender's measurements */
  uint16_t seq = wr_get_u16(packet->payload.data);
  if (!conn->video.queue.started || wr_seq16_newer(seq, conn->video.queue.highest_seq) ||
      wr_seq16_newer(conn->video.queue.next_seq, seq))
    return; /* not one that is missing */
  wr_bytes payload = wr_bytes_of(packet->payload.data + 2, packet->payload.len - 2);
  if (wr_video_queue_insert(&conn->video.queue, seq, packet->timestamp, packet->marker, payload))
    conn->stats.video_packets_repaired++;
}

void wr_conn_video_recv(wr_conn *conn, const wr_rtp_packet *packet, wr_time now) {
  video_receiver *v = &conn->video;
  bool again = packet->payload_type != conn->agreement.video_payload_type;
  if (!again && !follow_source(v, conn, packet->ssrc, now)) {
    conn_drop(conn, WR_DROP_RTP_PAYLOAD_TYPE);
    return;
  }
  conn->stats.consumed++;
  conn->stats.video_packets_in++;
  conn->stats.video_bytes_in += packet->payload.len;
  if (again) {
    recv_again(conn, packet);
    return;
  }
  wr_rtp_source_received(&v->source, packet->seq, packet->timestamp, packet->payload.len, now);
  bool gap = v->queue.started && wr_seq16_newer(packet->seq, (uint16_t)(v->queue.highest_seq + 1));
  if (!v->queue.started) v->nacked_to = packet->seq;
  (void)wr_video_queue_insert(&v->queue, packet->seq, packet->timestamp, packet->marker, packet->payload);
  if (gap && conn->agreement.video_nack) v->nack_at = wr_time_min(v->nack_at, now + REORDER_US);
}

bool wr_conn_video_poll_event(wr_conn *conn, wr_event *event, wr_time now) {
  video_receiver *v = &conn->video;
  wr_video_frame frame;
  if (!conn->agreement.video || !wr_video_queue_next(&v->queue, conn->settings.video_buffer,
                                                     conn->settings.video_buffer_bytes, wait_us(conn), &frame, now))
    return false;
  if (frame.is_key) {
    v->is_key_wanted = false;
    v->n_asked = 0;
  }
  *event = (wr_event){.kind = WR_EVENT_VIDEO,
                      .video = {.frame = frame.bytes,
                                .codec = conn->agreement.video_codec,
                                .timestamp = frame.timestamp,
                                .is_key = frame.is_key}};
  return true;
}

/* ---- out ---- */

wr_err wr_conn_request_key_frame(wr_conn *conn, wr_time now) {
  if (!conn->agreement.video || !conn->keyed || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  (void)now;
  conn->video.is_key_wanted = true;
  return WR_OK;
}

/* When the next request for a key frame may leave; WR_NEVER: none is wanted. */
static wr_time key_request_at(const wr_conn *conn) {
  const video_receiver *v = &conn->video;
  if (!v->source.started || !(v->queue.wants_key || v->is_key_wanted)) return WR_NEVER;
  if (!conn->agreement.video_pli && !conn->agreement.video_fir) return WR_NEVER;
  if (!v->asked_at) return 0;
  unsigned doublings = v->n_asked > KEY_DOUBLINGS ? KEY_DOUBLINGS : v->n_asked;
  return v->asked_at + ((KEY_INTERVAL_US + (wr_time)conn->stats.rtt_us) << doublings);
}

static void write_key_request(wr_conn *conn, wr_writer *w, wr_time now) {
  video_receiver *v = &conn->video;
  uint32_t ssrc = conn->media.sender.ssrc;
  if (conn->agreement.video_pli)
    wr_rtcp_write_pli(w, ssrc, v->source.ssrc);
  else
    wr_rtcp_write_fir(w, ssrc, v->source.ssrc, v->fir++);
  v->asked_at = now;
  conn->stats.video_key_requests++;
  if (++v->n_asked < KEY_REQUESTS) return;
  v->n_asked = 0;
  v->is_key_wanted = v->queue.wants_key = false;
}

static void write_nack(wr_conn *conn, wr_writer *w, wr_time now) {
  video_receiver *v = &conn->video;
  uint16_t lost[NACK_MAX];
  bool all = now >= v->retry_at;
  uint16_t from = all ? v->queue.next_seq : (uint16_t)(v->nacked_to + 1);
  size_t n = wr_video_queue_missing(&v->queue, from, lost, NACK_MAX);
  wr_rtcp_write_nack(w, conn->media.sender.ssrc, v->source.ssrc, lost, n);
  conn->stats.video_nacks += (uint32_t)n;
  if (n) v->nacked_to = lost[n - 1];
  wr_time retry_us = (wr_time)conn->stats.rtt_us * 5 / 4;
  if (all) v->retry_at = now + (retry_us < RETRY_MIN_US ? RETRY_MIN_US : retry_us);
  v->nack_at = n || !all ? v->retry_at : WR_NEVER;
}

size_t wr_conn_video_feedback(wr_conn *conn, uint8_t *out, size_t cap, wr_time now) {
  bool wants_packets = now >= conn->video.nack_at, wants_key = now >= key_request_at(conn);
  if (!conn->agreement.video || !(wants_packets || wants_key)) return 0;
  wr_writer w = wr_writer_of(out, cap);
  if (!conn->agreement.video_rsize) { /* a compound begins with a report and names its sender (RFC 3550 6.1) */
    wr_rtcp_write_rr(&w, conn->media.sender.ssrc, NULL, 0);
    wr_rtcp_write_sdes_cname(&w, conn->media.sender.ssrc, wr_bytes_of(conn->cname, strlen(conn->cname)));
  }
  size_t empty = wr_writer_len(&w);
  if (wants_packets) write_nack(conn, &w, now);
  if (wants_key) write_key_request(conn, &w, now);
  return wr_writer_ok(&w) && wr_writer_len(&w) > empty ? wr_writer_len(&w) : 0;
}

wr_time wr_conn_video_deadline(const wr_conn *conn) {
  if (!conn->agreement.video) return WR_NEVER;
  wr_time at = wr_time_min(conn->video.nack_at, key_request_at(conn));
  return wr_time_min(at, wr_video_queue_deadline(&conn->video.queue, wait_us(conn)));
}
