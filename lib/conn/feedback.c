/* conn/feedback.c - congestion control of a connection: what arrived is told to the peer, what it tells is heard
 * (transport-wide feedback, or RFC 8888's where the peer offers it; REMB), and what follows from it for what is
 * sent.
 *
 * All media of a connection share one path and so one estimate. Voice is sent at its own pace and is little: what
 * it can do without is the copies of earlier frames, so they go first, as soon as the peer's arrivals tell of a
 * queue. If nothing helps, the circuit breakers of RFC 8083 stop the stream for a while. */
#include "conn/conn_state.h"

#define INTERVAL_LEAST_US WR_MS(50) /* libwebrtc RemoteEstimatorProxy: bounds of the feedback's interval ... */
#define INTERVAL_MOST_US WR_MS(250)
#define INTERVAL_NARROW_US WR_MS(400) /* ours: bound where the way out is what is narrow */
#define SHARE 0.05                    /* ... and its share of what comes in, and of what may go out */
#define FEEDBACK_BYTES 76             /* of one packet, with UDP and IP */
#define QUEUE_MS 40                   /* of a queue that grows, before copies are given up: less is jitter */
#define REST_US WR_S(3)               /* without copies after it ... */
#define CAREFUL_US WR_S(6)            /* ... and until then with one */
#define BROKEN_US WR_S(3)             /* before a stopped stream is tried again (RFC 8083 4.5) */
#define MOST_BPS 5e6                  /* of the estimate */

static void begin_estimate(feedback *f) {
  uint16_t next_seq = f->bwe.next_seq;
  f->full_at = WR_NEVER;
  wr_bwe_init(&f->bwe, &(wr_bwe_settings){.start_bps = WR_BWE_START_BPS,
                                          .least_bps = WR_BWE_LEAST_BPS,
                                          .most_bps = MOST_BPS,
                                          .notes = f->notes,
                                          .n_notes = FEEDBACK_NOTES});
  f->bwe.next_seq = next_seq;
}

static void close_breaker(feedback *f) {
  wr_breaker_reset(&f->breaker);
  f->broken_until = 0;
}

/* The peer was thought to be gone: anything it sends says that it is not. */
static void prove_alive(feedback *f) {
  if (f->breaker.verdict == WR_BREAKER_RTCP_TIMEOUT) close_breaker(f);
}

static void begin_arrivals(feedback *f, bool by_ccfb) {
  f->by_ccfb = by_ccfb;
  if (by_ccfb)
    wr_ccfb_arrivals_init(&f->arrivals.ccfb);
  else
    wr_twcc_arrivals_init(&f->arrivals.twcc);
}

void wr_feedback_init(wr_conn *conn) {
  feedback *f = &conn->media.feedback;
  begin_arrivals(f, false);
  f->incoming = (wr_rate){0};
  wr_rtp_lag_init(&f->lag);
  f->due_at = WR_NEVER;
  f->bwe.next_seq = 0;
  begin_estimate(f);
  close_breaker(f);
}

void wr_feedback_alive(wr_conn *conn) { prove_alive(&conn->media.feedback); }

void wr_feedback_path_changed(wr_conn *conn) {
  begin_estimate(&conn->media.feedback);
  wr_rtp_lag_init(&conn->media.feedback.lag);
  close_breaker(&conn->media.feedback);
}

/* ---- what we tell ---- */

static wr_time within(double us, wr_time least, wr_time most) {
  return us < (double)least ? least : us > (double)most ? most : (wr_time)us;
}

/* On a narrow way out it is rarer than for the way in alone. */
static wr_time interval_us(feedback *f, wr_time now) {
  double in_us = FEEDBACK_BYTES * 8e6 / (SHARE * wr_rate_bps(&f->incoming, now) + 1),
         out_us = f->bwe.n_feedback ? FEEDBACK_BYTES * 8e6 / (SHARE * wr_bwe_target_bps(&f->bwe)) : 0;
  wr_time us = within(in_us, INTERVAL_LEAST_US, INTERVAL_MOST_US);
  return within(out_us, us, INTERVAL_NARROW_US);
}

static void follow_lag(wr_conn *conn, const wr_rtp_packet *packet, wr_time now) {
  const wr_agreement *a = &conn->agreement;
  bool is_video = wr_conn_video_is(conn, packet->payload_type);
  wr_bytes sent = wr_rtp_extension(packet, is_video ? a->video_sent_extension : a->sent_extension);
  if (sent.len == 3) wr_rtp_lag_arrived(&conn->media.feedback.lag, wr_get_u24(sent.data), now);
}

/* false: not one that is told of. |full|: nothing more can be noted. */
static bool note_arrival(wr_conn *conn, const wr_rtp_packet *packet, bool *full, wr_time now) {
  feedback *f = &conn->media.feedback;
  const wr_agreement *agreement = &conn->agreement;
  *full = false;
  if (f->by_ccfb != agreement->ccfb) begin_arrivals(f, agreement->ccfb);
  if (agreement->ccfb) {
    if (wr_conn_video_is(conn, packet->payload_type) && !agreement->video_ccfb) return false;
    *full = !wr_ccfb_arrived(&f->arrivals.ccfb, packet->ssrc, packet->seq, now);
    return true;
  }
  wr_bytes number = wr_rtp_extension(packet, agreement->twcc_extension);
  if (number.len < 2) return false;
  wr_twcc_arrived(&f->arrivals.twcc, wr_get_u16(number.data), now);
  return true;
}

void wr_feedback_arrived(wr_conn *conn, const wr_rtp_packet *packet, size_t bytes, wr_time now) {
  feedback *f = &conn->media.feedback;
  bool full;
  prove_alive(f);
  follow_lag(conn, packet, now);
  if (!note_arrival(conn, packet, &full, now)) return;
  f->media_ssrc = packet->ssrc;
  wr_rate_add(&f->incoming, bytes + WR_BWE_OVERHEAD_BYTES, now);
  if (f->due_at == WR_NEVER) f->due_at = now + interval_us(f, now);
  if (full) f->due_at = now;
}

size_t wr_feedback_write(wr_conn *conn, uint8_t *out, size_t cap, wr_time now) {
  feedback *f = &conn->media.feedback;
  if (now < f->due_at) return 0;
  f->due_at = WR_NEVER;
  wr_writer w = wr_writer_of(out, cap);
  if (!conn->agreement.rtcp_rsize) wr_rtcp_write_rr(&w, conn->media.sender.ssrc, NULL, 0);
  if (f->by_ccfb)
    wr_ccfb_write(&f->arrivals.ccfb, &w, conn->media.sender.ssrc, now);
  else
    wr_twcc_write(&f->arrivals.twcc, &w, conn->media.sender.ssrc, f->media_ssrc);
  if (!wr_writer_ok(&w)) return 0;
  if (!f->by_ccfb && f->arrivals.twcc.waiting) f->due_at = now;
  conn->stats.feedback_out++;
  return wr_writer_len(&w);
}

/* ---- what we hear ---- */

/* draft-alvestrand-rmcat-remb-03 2.2: count of SSRCs, 6 bits of exponent, 18 of mantissa; the name is read already.
 */
static void hear_remb(feedback *f, wr_bytes body) {
  wr_reader r = wr_reader_of(body);
  uint32_t word = wr_read_u32(&r);
  if (!wr_reader_ok(&r)) return;
  double bps = word & 0x3ffff;
  for (unsigned n = word >> 18 & 0x3f; n > 0; n--) bps *= 2;
  wr_bwe_remb(&f->bwe, bps);
}

/* Each packet of our one stream gets one number of each kind. */
static uint16_t number_offset(const wr_conn *conn) {
  return (uint16_t)(conn->media.feedback.bwe.next_seq - conn->media.sender.seq);
}

void wr_feedback_heard(wr_conn *conn, const wr_rtcp_packet *packet, wr_time now) {
  feedback *f = &conn->media.feedback;
  prove_alive(f);
  if (packet->kind == WR_RTCP_REMB) hear_remb(f, packet->body);
  bool twcc = packet->kind == WR_RTCP_TWCC && conn->agreement.twcc_extension;
  bool ccfb = packet->kind == WR_RTCP_CCFB && conn->agreement.ccfb;
  if (!twcc && !ccfb) return;
  conn->stats.feedback_in++;
  if (twcc)
    wr_bwe_feedback(&f->bwe, packet->body, now);
  else
    wr_bwe_feedback_ccfb(&f->bwe, packet->body, conn->media.sender.ssrc, number_offset(conn), now);
  if (f->bwe.usage == WR_USAGE_OVER && wr_delay_queue_ms(&f->bwe.delay) > QUEUE_MS) f->full_at = now;
}

void wr_feedback_report(wr_conn *conn, const wr_rtcp_report *report, wr_time now) {
  wr_breaker_report(&conn->media.feedback.breaker, report->highest_seq, report->fraction_lost, conn->stats.rtt_us,
                    now);
}

/* ---- what follows ---- */

uint32_t wr_conn_target_bps(const wr_conn *conn) {
  const wr_bwe *bwe = &conn->media.feedback.bwe;
  return bwe->n_feedback ? (uint32_t)wr_bwe_target_bps(bwe) : 0;
}

uint32_t wr_conn_queue_us(const wr_conn *conn) {
  return (uint32_t)(wr_delay_queue_ms(&conn->media.feedback.bwe.delay) * 1000);
}

uint32_t wr_conn_queue_in_us(const wr_conn *conn, wr_time now) {
  return wr_rtp_lag_us(&conn->media.feedback.lag, now);
}

uint32_t wr_conn_queue_now_us(const wr_conn *conn) {
  return (uint32_t)(wr_delay_queue_now_ms(&conn->media.feedback.bwe.delay) * 1000);
}

uint8_t wr_feedback_copies(const wr_conn *conn, uint8_t wanted, wr_time now) {
  const feedback *f = &conn->media.feedback;
  if (f->full_at == WR_NEVER || now - f->full_at >= CAREFUL_US) return wanted;
  return now - f->full_at < REST_US ? 0 : wanted & 1;
}

bool wr_feedback_may_send(wr_conn *conn, wr_time now) {
  feedback *f = &conn->media.feedback;
  if (f->broken_until) {
    if (now < f->broken_until || f->breaker.verdict == WR_BREAKER_RTCP_TIMEOUT) return false;
    close_breaker(f);
  }
  if (wr_breaker_ask(&f->breaker, now) == WR_BREAKER_CLOSED) return true;
  f->broken_until = now + BROKEN_US;
  conn->stats.breaks++;
  return false;
}

void wr_feedback_sent(wr_conn *conn, size_t bytes, wr_time now) {
  feedback *f = &conn->media.feedback;
  wr_breaker_sent(&f->breaker, bytes, now);
  if (conn->agreement.twcc_extension || conn->agreement.ccfb) (void)wr_bwe_sent(&f->bwe, bytes, 0, now);
}

void wr_feedback_resent(wr_conn *conn, const wr_rtp_packet *packet) {
  wr_bwe *bwe = &conn->media.feedback.bwe;
  wr_bytes number = wr_rtp_extension(packet, conn->agreement.twcc_extension);
  if (conn->agreement.ccfb)
    wr_bwe_resent(bwe, (uint16_t)(packet->seq + number_offset(conn)));
  else if (number.len >= 2)
    wr_bwe_resent(bwe, wr_get_u16(number.data));
}
