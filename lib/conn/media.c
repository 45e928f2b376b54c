/* conn/media.c - the audio stream of a connection: SRTP in and out, reports (RFC 3550, 3711, 7587).
 *
 * Incoming packets are decrypted in place, counted, put in order and handed out as events. Outgoing packets are
 * built and encrypted at once and wait in one slot for the next poll. Copies of lost frames
 * that others carry (RED) fill holes; what is still missing then is asked for, if that was agreed (NACK). Feedback
 * for congestion control is in feedback.c.
 */
#include <string.h>

#include "conn/conn_state.h"

#define RTCP_INTERVAL_US WR_S(1)
#define RTCP_FIRST_US WR_MS(300)
#define OPUS_CLOCK_HZ 48000

void wr_media_init(wr_conn *conn) {
  media *m = &conn->media;
  const wr_rng *rng = &conn->settings.rng;
  m->sender.ssrc = wr_rng_u32(rng) | 1;                 /* never 0 */
  m->sender.seq = (uint16_t)(wr_rng_u32(rng) & 0x7fff); /* RFC 3711 3.3.1: start low, so the ROC guess is safe */
  m->sender.timestamp_offset = wr_rng_u32(rng);
  m->rtcp_at = WR_NEVER;
  m->level_dbov = 127;
  wr_conn_video_init(conn);
  wr_feedback_init(conn);
  wr_reorder_init(&m->reorder, wr_conn_reorder_slots(conn), conn->settings.reorder_wait_us);
  wr_nack_init(&m->asker);
  wr_resend_init(&m->sender.resend, wr_conn_resend_store(conn));
}

void wr_media_keyed(wr_conn *conn, wr_time now) { conn->media.rtcp_at = now + RTCP_FIRST_US; }

static void schedule_report(wr_conn *conn, wr_time now) {
  wr_time spread = (wr_time)(wr_rng_u32(&conn->settings.rng) % (uint32_t)RTCP_INTERVAL_US);
  conn->media.rtcp_at = now + RTCP_INTERVAL_US / 2 + spread; /* RFC 3550 6.2: 0.5 .. 1.5 of the interval */
}

void wr_conn_set_tap(wr_conn *conn, const wr_tap *tap) { conn->tap = tap ? *tap : (wr_tap){0}; }

/* ---- in ---- */

static bool drop_srtp(wr_conn *conn, wr_srtp_result result) {
  switch (result) {
    case WR_SRTP_OK: break;
    case WR_SRTP_MALFORMED: conn_drop(conn, WR_DROP_SRTP_MALFORMED); break;
    case WR_SRTP_REPLAYED: conn_drop(conn, WR_DROP_SRTP_REPLAYED); break;
    case WR_SRTP_BAD_TAG: conn_drop(conn, WR_DROP_SRTP_TAG); break;
  }
  return false;
}

static void follow_source(wr_conn *conn, uint32_t ssrc) {
  media *m = &conn->media;
  if (m->source.started && m->source.ssrc == ssrc) return;
  wr_rtp_source_init(&m->source, ssrc, OPUS_CLOCK_HZ);
  wr_reorder_restart(&m->reorder);
  m->header_bytes_in = m->recovered = m->recovered_bytes = 0;
  m->remote_outbound = (wr_stats_remote_outbound_rtp){0};
  m->asker.n = 0;
  m->ended = false;
}

/* The copies of |red|, which |carrier| brings, where they fill a hole: the newest first. */
static void repair(wr_conn *conn, const wr_reorder_packet *carrier, const wr_red *red, wr_time now) {
  for (unsigned i = red->n - 1u; i-- > 0;) {
    const wr_red_block *block = &red->block[i];
    if (block->payload_type != conn->agreement.opus_payload_type || !block->offset) continue;
    wr_reorder_packet copy = {.samples = (uint16_t)wr_opus_samples(block->data),
                              .timestamp = carrier->timestamp - block->offset,
                              .payload = block->data};
    if (wr_reorder_repair(&conn->media.reorder, &copy, carrier, now)) conn->stats.rtp_frames_repaired++;
  }
}

/* false: no Opus of the agreement's. |red|: what it brings; one block for a plain packet. */
static bool open_audio(const wr_conn *conn, const wr_rtp_packet *packet, wr_red *red, wr_drop *why) {
  const wr_agreement *agreement = &conn->agreement;
  *why = WR_DROP_RTP_PAYLOAD_TYPE;
  *red = (wr_red){.n = 1, .block[0] = {.payload_type = packet->payload_type, .data = packet->payload}};
  if (!agreement->audio) return false;
  if (packet->payload_type == agreement->red_payload_type && agreement->red_payload_type) {
    *why = WR_DROP_RTP_MALFORMED;
    if (packet->payload.len && wr_red_read(red, packet->payload) != WR_OK) return false;
    *why = WR_DROP_RTP_PAYLOAD_TYPE;
    if (!packet->payload.len) return true; /* padding only */
  }
  return red->block[red->n - 1].payload_type == agreement->opus_payload_type;
}

static bool asks_again(const wr_conn *conn) { return conn->agreement.opus_nack && conn->settings.reorder_wait_us; }

/* The round trip for asking: the lesser of what reports and checks say. Reports come each five seconds, and one
 * that a busy browser delays must not end all asking until the next. */
static uint32_t asking_rtt_us(const wr_conn *conn) {
  wr_path path;
  uint32_t by_checks = 0, by_reports = conn->stats.rtt_us;
  if (!conn->ice || !wr_ice_selected(conn->ice, &path, &by_checks) || !by_checks) return by_reports;
  return !by_reports || by_checks < by_reports ? by_checks : by_reports;
}

/* After the copies: what they mend needs no asking. */
static void notice_holes(wr_conn *conn, wr_time now) {
  media *m = &conn->media;
  uint16_t one;
  if (!asks_again(conn)) return;
  m->reorder.max_wait_us = wr_nack_wait_us(asking_rtt_us(conn), conn->settings.reorder_wait_us);
  m->asker.due_at = wr_reorder_missing(&m->reorder, &one, 1) ? now : WR_NEVER;
}

static bool recv_rtp(wr_conn *conn, wr_span datagram, wr_time now) {
  media *m = &conn->media;
  size_t len = datagram.len;
  wr_srtp_result result = wr_srtp_unprotect_rtp(&conn->srtp, datagram.data, &len);
  if (result != WR_SRTP_OK) return drop_srtp(conn, result);
  conn_tap(conn, WR_TAP_RTP, false, datagram.data, len, now);
  wr_rtp_packet packet;
  if (wr_rtp_read(&packet, wr_bytes_of(datagram.data, len)) != WR_OK) {
    conn_drop(conn, WR_DROP_RTP_MALFORMED);
    return true; /* authenticated all the same */
  }
  wr_feedback_arrived(conn, &packet, datagram.len, now);
  if (wr_conn_video_is(conn, packet.payload_type)) {
    wr_conn_video_recv(conn, &packet, now);
    return true;
  }
  wr_red red;
  wr_drop why;
  if (!open_audio(conn, &packet, &red, &why)) {
    conn_drop(conn, why);
    return true;
  }
  conn->stats.consumed++;
  conn->stats.rtp_packets_in++;
  conn->stats.rtp_bytes_in += packet.payload.len;
  if (!conn->stats.first_audio_at) conn->stats.first_audio_at = now;
  follow_source(conn, packet.ssrc);
  m->header_bytes_in += len - packet.payload.len;
  if (wr_nack_take(&m->asker, packet.seq)) {
    conn->stats.rtp_recovered++; /* its delay is our asking's, its loss happened: no news of the network */
    m->recovered++;
    m->recovered_bytes += packet.payload.len;
  } else {
    wr_rtp_source_received(&m->source, packet.seq, packet.timestamp, packet.payload.len, now);
  }
  bool voice;
  if (!wr_rtp_audio_level(&packet, conn->agreement.level_extension, &m->level_dbov, &voice)) m->level_dbov = 127;
  wr_bytes opus = red.block[red.n - 1].data;
  wr_reorder_packet arrived = {.seq = packet.seq,
                               .samples = (uint16_t)wr_opus_samples(opus),
                               .timestamp = packet.timestamp,
                               .payload = opus};
  repair(conn, &arrived, &red, now);
  wr_reorder_insert(&m->reorder, &arrived, now);
  notice_holes(conn, now);
  return true;
}

static void take_reports(wr_conn *conn, const wr_rtcp_packet *packet, wr_time now) {
  for (unsigned i = 0; i < packet->n_reports; i++) {
    const wr_rtcp_report *report = &packet->report[i];
    if (report->ssrc != conn->media.sender.ssrc) continue;
    wr_stats_remote_inbound_rtp *told = &conn->media.remote_inbound;
    conn->stats.remote_fraction_lost = report->fraction_lost;
    told->present = true;
    told->packets_lost = report->cumulative_lost;
    told->fraction_lost = report->fraction_lost / 256.0;
    conn->stats.remote_jitter_us = (uint32_t)((uint64_t)report->jitter * 1000000 / OPUS_CLOCK_HZ);
    uint32_t rtt_us = wr_rtcp_rtt_us(report, wr_ntp_of(now));
    told->jitter_us = conn->stats.remote_jitter_us;
    if (rtt_us) {
      conn->stats.rtt_us = told->round_trip_time_us = rtt_us;
      told->round_trip_time_measurements++;
      told->total_round_trip_time_us += rtt_us;
    }
    wr_feedback_report(conn, report, now);
  }
}

static void take_nack(wr_conn *conn, const wr_rtcp_packet *packet, wr_time now) {
  uint16_t seq;
  if (!conn->agreement.opus_nack || packet->media_ssrc != conn->media.sender.ssrc) return;
  for (size_t at = 0; wr_rtcp_next_nack(packet, &at, &seq);)
    wr_resend_ask(&conn->media.sender.resend, seq, conn->stats.rtt_us, now);
}

/* A BYE names the sources that leave (RFC 3550 6.6). */
static bool leaves(const wr_rtcp_packet *bye, uint32_t ssrc) {
  for (size_t at = 0; at + 4 <= bye->body.len; at += 4)
    if (wr_get_u32(bye->body.data + at) == ssrc) return true;
  return false;
}

static void take_sender_report(wr_conn *conn, const wr_rtcp_packet *packet, wr_time now) {
  wr_stats_remote_outbound_rtp *told = &conn->media.remote_outbound;
  wr_rtp_source_sr(&conn->media.source, packet->ntp, now);
  told->present = true;
  told->packets_sent = packet->packets;
  told->bytes_sent = packet->bytes;
  told->remote_ntp = packet->ntp;
  told->reports_sent++;
}

/* RFC 3611 4.4, 4.5: the peer's reference time, and the answer to ours. */
static void take_extended_report(wr_conn *conn, const wr_rtcp_packet *packet, wr_time now) {
  media *m = &conn->media;
  uint64_t ntp;
  uint32_t last_rr, delay;
  if (wr_rtcp_xr_reference(packet, &ntp))
    m->asked_time = (media_asker){.ssrc = packet->ssrc, .last_rr = (uint32_t)(ntp >> 16), .at = now};
  if (!wr_rtcp_xr_answer(packet, m->sender.ssrc, &last_rr, &delay)) return;
  wr_rtcp_report report = {.last_sr = last_rr, .delay_since_last_sr = delay};
  uint32_t rtt_us = wr_rtcp_rtt_us(&report, wr_ntp_of(now));
  if (!rtt_us) return;
  wr_stats_remote_outbound_rtp *told = &m->remote_outbound;
  conn->stats.rtt_us = told->round_trip_time_us = rtt_us;
  told->round_trip_time_measurements++;
  told->total_round_trip_time_us += rtt_us;
}

static bool recv_rtcp(wr_conn *conn, wr_span datagram, wr_time now) {
  media *m = &conn->media;
  size_t len = datagram.len;
  wr_srtp_result result = wr_srtp_unprotect_rtcp(&conn->srtp, datagram.data, &len);
  if (result != WR_SRTP_OK) return drop_srtp(conn, result);
  conn_tap(conn, WR_TAP_RTCP, false, datagram.data, len, now);
  wr_reader r = wr_reader_of(wr_bytes_of(datagram.data, len));
  wr_rtcp_packet packet;
  while (wr_rtcp_read(&packet, &r)) {
    if (packet.kind == WR_RTCP_NACK) take_nack(conn, &packet, now);
    if (packet.kind == WR_RTCP_SR || packet.kind == WR_RTCP_RR) take_reports(conn, &packet, now);
    if (packet.kind == WR_RTCP_XR) take_extended_report(conn, &packet, now);
    wr_feedback_heard(conn, &packet, now);
    if (packet.kind == WR_RTCP_SR && m->source.started && packet.ssrc == m->source.ssrc)
      take_sender_report(conn, &packet, now);
    if (packet.kind == WR_RTCP_SR && conn->video.source.started && packet.ssrc == conn->video.source.ssrc)
      wr_rtp_source_sr(&conn->video.source, packet.ntp, now);
    if (packet.kind == WR_RTCP_BYE && m->source.started && !m->ended && leaves(&packet, m->source.ssrc)) {
      m->ended = true;
      wr_conn_notice(conn, &(wr_event){.kind = WR_EVENT_AUDIO_ENDED});
    }
  }
  if (wr_reader_ok(&r))
    conn->stats.consumed++;
  else
    conn_drop(conn, WR_DROP_RTCP_MALFORMED);
  return true;
}

bool wr_media_recv(wr_conn *conn, wr_span datagram, wr_time now) {
  if (!conn->keyed) {
    conn_drop(conn, WR_DROP_TOO_EARLY);
    return false;
  }
  return wr_rtcp_is(wr_span_bytes(datagram)) ? recv_rtcp(conn, datagram, now) : recv_rtp(conn, datagram, now);
}

bool wr_media_poll_event(wr_conn *conn, wr_event *event, wr_time now) {
  wr_reorder_frame frame;
  if (wr_reorder_next(&conn->media.reorder, &frame, now)) {
    *event = (wr_event){.kind = WR_EVENT_AUDIO,
                        .audio = {.payload = frame.payload,
                                  .timestamp = frame.timestamp,
                                  .seq = frame.seq,
                                  .n_lost = frame.n_lost,
                                  .level_dbov = conn->media.level_dbov}};
    return true;
  }
  return wr_conn_video_poll_event(conn, event, now);
}

/* ---- out ---- */

void wr_conn_forget_audio(wr_conn *conn) {
  wr_resend_forget(&conn->media.sender.resend);
  wr_wipe(&conn->media.sender.history, sizeof conn->media.sender.history);
}

void wr_conn_set_audio_copies(wr_conn *conn, uint8_t copies) { conn->media.sender.copies = copies; }

/* Header and payload, with copies of earlier frames if they are wanted; the length, and that of the payload alone.
 */
static size_t write_audio(wr_conn *conn, wr_rtp_outgoing *header, wr_bytes opus, size_t *payload_len, wr_time now) {
  media_sender *sender = &conn->media.sender;
  uint8_t *out = conn->media.pending.bytes;
  size_t cap = sizeof conn->media.pending.bytes, header_len = wr_rtp_write_header(header, out, cap);
  uint8_t *payload = out + header_len;
  *payload_len = 0;
  uint8_t copies = wr_feedback_copies(conn, sender->copies, now);
  if (copies && conn->agreement.red_payload_type)
    *payload_len = wr_red_write(&sender->history, copies, header->payload_type, opus, header->timestamp, payload,
                                cap - header_len - WR_SRTP_MAX_EXPANSION);
  if (*payload_len) {
    header->payload_type = conn->agreement.red_payload_type;
    return wr_rtp_write_header(header, out, cap) + *payload_len;
  }
  if (opus.len) memcpy(payload, opus.data, opus.len);
  *payload_len = opus.len;
  return header_len + opus.len;
}

wr_err wr_conn_send_audio(wr_conn *conn, wr_bytes opus, uint32_t timestamp, bool marker, wr_time now) {
  media_sender *sender = &conn->media.sender;
  media_pending *pending = &conn->media.pending;
  if (opus.len > WR_CONN_AUDIO_MAX || pending->len) return WR_ERR_LIMIT;
  if (!conn->keyed || conn->state == WR_CONN_CLOSED || !((unsigned)conn->agreement.audio_direction & WR_SENDONLY))
    return WR_ERR_STATE;
  if (!wr_feedback_may_send(conn, now)) return WR_OK;
  wr_rtp_outgoing header = {.marker = marker,
                            .payload_type = conn->agreement.opus_payload_type,
                            .seq = sender->seq,
                            .timestamp = timestamp + sender->timestamp_offset,
                            .ssrc = sender->ssrc,
                            .mid_id = sender->packets < 50 ? conn->agreement.mid_extension : 0,
                            .mid = conn->agreement.audio_mid,
                            .twcc_id = conn->agreement.twcc_extension,
                            .twcc_seq = conn->media.feedback.bwe.next_seq};
  size_t payload_len, whole = write_audio(conn, &header, opus, &payload_len, now);
  conn_tap(conn, WR_TAP_RTP, true, pending->bytes, whole, now);
  size_t len = wr_srtp_protect_rtp(&conn->srtp, pending->bytes, whole, sizeof pending->bytes);
  if (!len) return WR_ERR_CRYPTO;
  wr_red_remember(&sender->history, opus, header.timestamp);
  wr_feedback_sent(conn, len, now);
  pending->len = (uint16_t)len;
  if (conn->agreement.opus_nack)
    wr_resend_keep(&sender->resend, sender->seq, wr_bytes_of(pending->bytes, len), now);
  sender->seq++;
  sender->packets++;
  sender->bytes += (uint32_t)payload_len;
  sender->header_bytes += whole - payload_len;
  sender->last_timestamp = header.timestamp;
  sender->last_at = now;
  conn->stats.rtp_packets_out++;
  conn->stats.rtp_bytes_out += payload_len;
  return WR_OK;
}

/* Who sends nothing gets no reports about it and so no round trip: he tells his time instead. One who did so is
 * answered once. */
static void write_extended_reports(wr_conn *conn, wr_writer *w, wr_time now) {
  media *m = &conn->media;
  media_asker *asked = &m->asked_time;
  if (!m->sender.packets && (conn->agreement.xr_rtt || conn->agreement.opus_rrtr))
    wr_rtcp_write_xr_reference(w, m->sender.ssrc, wr_ntp_of(now));
  if (asked->last_rr)
    wr_rtcp_write_xr_answer(w, m->sender.ssrc, asked->ssrc, asked->last_rr, wr_rtcp_delay(asked->at, now));
  *asked = (media_asker){0};
}

static size_t write_report(wr_conn *conn, uint8_t *out, size_t cap, wr_time now) {
  media *m = &conn->media;
  wr_writer w = wr_writer_of(out, cap - WR_SRTP_MAX_EXPANSION);
  wr_rtcp_report report[2];
  size_t n = 0;
  if (m->source.started) wr_rtp_source_report(&m->source, &report[n++], now);
  if (conn->video.source.started) wr_rtp_source_report(&conn->video.source, &report[n++], now);
  if (m->sender.packets) {
    uint64_t since = (uint64_t)(now - m->sender.last_at);
    wr_rtcp_sender_info info = {
        .ntp = wr_ntp_of(now),
        .rtp_timestamp = m->sender.last_timestamp + (uint32_t)(since * (OPUS_CLOCK_HZ / 1000) / 1000),
        .packets = m->sender.packets + (uint32_t)m->sender.resend.n_resent,
        .bytes = m->sender.bytes + (uint32_t)m->sender.resent_bytes};
    wr_rtcp_write_sr(&w, m->sender.ssrc, &info, report, n);
  } else {
    wr_rtcp_write_rr(&w, m->sender.ssrc, report, n);
  }
  wr_rtcp_write_sdes_cname(&w, m->sender.ssrc, wr_bytes_of(conn->cname, strlen(conn->cname)));
  write_extended_reports(conn, &w, now);
  if (!wr_writer_ok(&w)) return 0;
  conn_tap(conn, WR_TAP_RTCP, true, out, wr_writer_len(&w), now);
  return wr_srtp_protect_rtcp(&conn->srtp, out, wr_writer_len(&w), cap);
}

/* The same bytes once more: encrypted anew, with another number of the path's feedback, they would give the key
 * away. */
static size_t resend(wr_conn *conn, uint8_t *out, wr_time now) {
  media_sender *sender = &conn->media.sender;
  wr_bytes again = wr_resend_next(&sender->resend, now);
  wr_rtp_packet header;
  if (!again.len) return 0;
  memcpy(out, again.data, again.len);
  size_t len = again.len;
  if (conn->tap.seen && wr_srtp_reveal_rtp(&conn->srtp, out, &len)) {
    conn_tap(conn, WR_TAP_RTP, true, out, len, now);
    memcpy(out, again.data, again.len);
  }
  if (wr_rtp_read(&header, again) != WR_OK) return again.len;
  size_t payload_len = header.payload.len - wr_srtp_rtp_expansion(&conn->srtp);
  sender->resent_bytes += payload_len;
  sender->resent_headers += again.len - header.payload.len;
  wr_feedback_resent(conn, &header);
  return again.len;
}

/* What is missing and due to be asked for; 0: nothing. */
static size_t write_nack(wr_conn *conn, uint8_t *out, size_t cap, wr_time now) {
  media *m = &conn->media;
  uint16_t missing[WR_NACK_MISSING], due[WR_NACK_MISSING];
  if (now < m->asker.due_at) return 0;
  size_t n = wr_reorder_missing(&m->reorder, missing, WR_NACK_MISSING);
  n = wr_nack_due(&m->asker, missing, n, asking_rtt_us(conn), due, now);
  if (!n) return 0;
  wr_writer w = wr_writer_of(out, cap);
  if (!conn->agreement.rtcp_rsize) wr_rtcp_write_rr(&w, m->sender.ssrc, NULL, 0);
  wr_rtcp_write_nack(&w, m->sender.ssrc, m->source.ssrc, due, n);
  return wr_writer_ok(&w) ? wr_writer_len(&w) : 0;
}

size_t wr_media_poll(wr_conn *conn, uint8_t *out, size_t cap, wr_time now) {
  media *m = &conn->media;
  size_t len = m->pending.len;
  if (len) {
    memcpy(out, m->pending.bytes, len);
    m->pending.len = 0;
    return len;
  }
  if (conn->state == WR_CONN_CLOSED) return 0; /* the goodbye was all */
  if ((len = resend(conn, out, now)) > 0) return len;
  size_t feedback_len = wr_conn_video_feedback(conn, out, cap - WR_SRTP_MAX_EXPANSION, now);
  if (!feedback_len) feedback_len = write_nack(conn, out, cap - WR_SRTP_MAX_EXPANSION, now);
  if (!feedback_len) feedback_len = wr_feedback_write(conn, out, cap - WR_SRTP_MAX_EXPANSION, now);
  if (feedback_len) {
    conn_tap(conn, WR_TAP_RTCP, true, out, feedback_len, now);
    return wr_srtp_protect_rtcp(&conn->srtp, out, feedback_len, cap);
  }
  if (now < m->rtcp_at) return 0;
  schedule_report(conn, now);
  return write_report(conn, out, cap, now);
}

void wr_media_bye(wr_conn *conn, wr_time now) {
  media *m = &conn->media;
  m->rtcp_at = WR_NEVER;
  if (!conn->keyed || !conn_wants_srtp(&conn->agreement) || m->pending.len) return;
  wr_writer w = wr_writer_of(m->pending.bytes, sizeof m->pending.bytes - WR_SRTP_MAX_EXPANSION);
  wr_rtcp_write_rr(&w, m->sender.ssrc, NULL, 0); /* a compound begins with a report (RFC 3550 6.1) */
  wr_rtcp_write_bye(&w, m->sender.ssrc);
  if (!wr_writer_ok(&w)) return;
  conn_tap(conn, WR_TAP_RTCP, true, m->pending.bytes, wr_writer_len(&w), now);
  m->pending.len =
      (uint16_t)wr_srtp_protect_rtcp(&conn->srtp, m->pending.bytes, wr_writer_len(&w), sizeof m->pending.bytes);
}

wr_time wr_media_deadline(const wr_conn *conn) {
  const media *m = &conn->media;
  wr_time at = wr_time_min(wr_time_min(m->rtcp_at, m->asker.due_at), wr_reorder_deadline(&m->reorder));
  return wr_time_min(wr_time_min(at, m->feedback.due_at), wr_conn_video_deadline(conn));
}
