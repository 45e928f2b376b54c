/* sctp/association.c - the life of an association: construction, packets by chunk type, timers, events.
 *
 * RFC 9260 with RFC 8261's restrictions: one path, no addresses, no ECN, no authentication, no user-settable
 * parameters. Out-of-the-blue packets are ignored: DTLS already said who speaks. A packet with checksum zero is
 * taken in any state if the settings allow it: RFC 9653 asks for a declaration first so that a corrupted packet
 * cannot pass, and under DTLS none can. */
#include <string.h>

#include "sctp/association.h"

void wr_sctp_settings_default(wr_sctp_settings *settings) {
  settings->send_budget_bytes = 256 * 1024;
  settings->recv_budget_bytes = 256 * 1024;
  settings->max_message_bytes = 65536;
  settings->is_dtls_client = false;
  settings->zero_checksum = true;
}

size_t wr_sctp_size(void) { return sizeof(wr_sctp); }

static void stop_timers(wr_sctp *s) {
  s->t1_at = s->t2_at = s->t3_at = s->sack_at = s->reset_at = s->heartbeat_at = s->room_at = WR_NEVER;
}

wr_sctp *wr_sctp_init(void *mem, const wr_sctp_settings *settings, uint8_t *message_buffer, size_t buffer_bytes) {
  WR_ASSERT(((uintptr_t)mem & 15) == 0 && buffer_bytes >= settings->max_message_bytes);
  WR_ASSERT(settings->recv_budget_bytes >= 16 * WR_SCTP_POOL_BLOCK);
  wr_sctp *s = mem;
  memset(s, 0, sizeof *s);
  s->settings = *settings;
  s->message_buffer = message_buffer;
  do {
    s->local_tag = wr_rng_u32(&settings->rng);
  } while (s->local_tag == 0);
  s->local_initial_tsn = wr_rng_u32(&settings->rng);
  s->limited_tsn = s->local_initial_tsn - 1;
  s->timed_at = WR_NEVER;
  stop_timers(s);
  wr_sctp_reassembly_init(&s->reassembly, settings->pool, settings->recv_budget_bytes, settings->max_message_bytes);
  wr_sctp_sendqueue_init(&s->queue, settings->pool, settings->send_budget_bytes, s->local_initial_tsn);
  wr_sctp_cwnd_init(&s->cwnd, WR_SCTP_MTU);
  wr_sctp_rto_init(&s->rto);
  return s;
}

static void release(wr_sctp *s) {
  wr_sctp_sendqueue_wipe(&s->queue);
  wr_sctp_drop_ready(s);
  wr_sctp_reassembly_wipe(&s->reassembly);
}

void wr_sctp_wipe(wr_sctp *s) {
  release(s);
  wr_wipe(s, sizeof *s);
}

/* Messages that are whole stay for the application; everything else is over. */
void wr_sctp_end_association(wr_sctp *s, bool aborted) {
  if (s->state == WR_SCTP_ENDED) return;
  s->state = WR_SCTP_ENDED;
  s->was_aborted = s->aborted_event = aborted;
  s->closed_event = !aborted;
  s->init_due = s->init_ack_due = false;
  stop_timers(s);
  wr_sctp_sendqueue_wipe(&s->queue);
  wr_sctp_reassembly_wipe(&s->reassembly);
  wr_sctp_close_all_channels(s);
}

void wr_sctp_count_error(wr_sctp *s, uint32_t limit) {
  if (++s->n_errors > limit) wr_sctp_fail(s, WR_SCTP_CAUSE_USER_ABORT);
}

/* ---- packets in ---- */

static void recv_heartbeat_ack(wr_sctp *s, wr_bytes body, wr_time now) {
  wr_reader r = wr_reader_of(body);
  wr_read_skip(&r, 4);
  uint64_t nonce = wr_read_u64(&r);
  if (!wr_reader_ok(&r) || !s->heartbeat_open || nonce != s->heartbeat_nonce) return;
  s->heartbeat_open = false;
  s->n_errors = 0;
  wr_sctp_rto_measure(&s->rto, now - s->heartbeat_sent_at);
}

static void recv_unknown(wr_sctp *s, const wr_sctp_chunk *chunk) {
  wr_sctp_unknown action = wr_sctp_unknown_chunk(chunk->type);
  if (action != WR_SCTP_STOP_REPORT && action != WR_SCTP_SKIP_REPORT) return;
  uint8_t cause[WR_SCTP_REPLY_MAX / 2];
  wr_writer w = wr_writer_of(cause, sizeof cause);
  size_t quoted = chunk->whole.len < sizeof cause - 4 ? chunk->whole.len : sizeof cause - 4;
  wr_write_u16(&w, WR_SCTP_CAUSE_UNRECOGNIZED_CHUNK);
  wr_write_u16(&w, (uint16_t)(4 + quoted));
  wr_write_bytes(&w, wr_bytes_of(chunk->whole.data, quoted));
  wr_sctp_reply(s, WR_SCTP_ERROR, wr_bytes_of(cause, wr_writer_len(&w)));
}

/* RFC 9260 8.5: whose tag a packet beginning with |first| must carry. */
static bool tag_is_right(const wr_sctp *s, uint32_t tag, const wr_sctp_chunk *first) {
  switch (first->type) {
    case WR_SCTP_INIT: return tag == 0;
    case WR_SCTP_COOKIE_ECHO: return s->promise.valid && tag == s->promise.local_tag;
    case WR_SCTP_ABORT:
    case WR_SCTP_SHUTDOWN_COMPLETE:
      if (first->flags & WR_SCTP_FLAG_T) return s->peer_tag != 0 && tag == s->peer_tag;
      return tag == s->local_tag;
    default: return tag == s->local_tag;
  }
}

/* false: the rest of the packet is not to be looked at. */
static bool recv_chunk(wr_sctp *s, const wr_sctp_chunk *chunk, uint32_t tag, wr_time now) {
  switch (chunk->type) {
    case WR_SCTP_DATA: wr_sctp_recv_data(s, chunk); return true;
    case WR_SCTP_INIT: wr_sctp_recv_init(s, chunk->body); return false;
    case WR_SCTP_INIT_ACK: wr_sctp_recv_init_ack(s, chunk->body, now); return false;
    case WR_SCTP_SACK: wr_sctp_recv_sack(s, chunk->body, now); return true;
    case WR_SCTP_HEARTBEAT: wr_sctp_reply(s, WR_SCTP_HEARTBEAT_ACK, chunk->body); return true;
    case WR_SCTP_HEARTBEAT_ACK: recv_heartbeat_ack(s, chunk->body, now); return true;
    case WR_SCTP_ABORT:
      if (s->state != WR_SCTP_CLOSED) wr_sctp_end_association(s, true);
      return false;
    case WR_SCTP_SHUTDOWN: wr_sctp_recv_shutdown(s, chunk->body, now); return true;
    case WR_SCTP_SHUTDOWN_ACK: wr_sctp_recv_shutdown_ack(s); return true;
    case WR_SCTP_ERROR: return true; /* nothing a data channel could do better next time */
    case WR_SCTP_COOKIE_ECHO: return wr_sctp_recv_cookie_echo(s, tag, chunk->body, now);
    case WR_SCTP_COOKIE_ACK: wr_sctp_recv_cookie_ack(s, now); return true;
    case WR_SCTP_SHUTDOWN_COMPLETE: wr_sctp_recv_shutdown_complete(s); return false;
    case WR_SCTP_RE_CONFIG: wr_sctp_recv_reconfig(s, chunk->body, now); return true;
    case WR_SCTP_FORWARD_TSN: wr_sctp_recv_forward_tsn(s, chunk->body); return true;
    default: break;
  }
  recv_unknown(s, chunk);
  wr_sctp_unknown action = wr_sctp_unknown_chunk(chunk->type);
  return action == WR_SCTP_SKIP || action == WR_SCTP_SKIP_REPORT;
}

static bool checksum_is_right(const wr_sctp *s, const wr_sctp_header *header, wr_bytes packet) {
  if (header->checksum == 0 && s->settings.zero_checksum) return true;
  return header->checksum == wr_sctp_checksum(packet);
}

void wr_sctp_recv(wr_sctp *s, wr_bytes packet, wr_time now) {
  wr_reader r = wr_reader_of(packet);
  wr_sctp_header header;
  wr_sctp_chunk chunk;
  s->stats.packets_received++;
  bool sound = wr_sctp_read_header(&r, &header) && checksum_is_right(s, &header, packet) &&
               wr_sctp_read_chunk(&r, &chunk) && tag_is_right(s, header.tag, &chunk);
  if (!sound || (chunk.type == WR_SCTP_INIT && wr_reader_left(&r))) { /* INIT travels alone (4.3) */
    s->stats.packets_dropped++;
    return;
  }
  bool had_data = false;
  do {
    had_data = had_data || chunk.type == WR_SCTP_DATA;
    if (!recv_chunk(s, &chunk, header.tag, now)) break;
  } while (s->state != WR_SCTP_ENDED && wr_sctp_read_chunk(&r, &chunk));
  if (!wr_reader_ok(&r)) s->stats.packets_dropped++;
  if (had_data && s->state >= WR_SCTP_ESTABLISHED && s->state != WR_SCTP_ENDED) wr_sctp_data_packet_ended(s, now);
}

/* ---- time ---- */

static bool expired(wr_time *timer, wr_time now) {
  if (*timer > now) return false;
  *timer = WR_NEVER;
  return true;
}

static void heartbeat_expired(wr_sctp *s, wr_time now) {
  if (s->heartbeat_open) wr_sctp_count_error(s, WR_SCTP_MAX_SILENT_HEARTBEATS);
  if (s->state == WR_SCTP_ENDED) return;
  s->heartbeat_due = wr_sctp_sendqueue_is_empty(&s->queue); /* not idle: T3 watches */
  s->heartbeat_open = s->heartbeat_open && s->heartbeat_due;
  s->heartbeat_at = now + WR_SCTP_HEARTBEAT_INTERVAL;
}

static void reset_expired(wr_sctp *s, wr_time now) {
  if (!wr_sctp_reconfig_is_busy(&s->reconfig)) return;
  wr_sctp_count_error(s, WR_SCTP_MAX_RETRANSMITS);
  if (s->state == WR_SCTP_ENDED) return;
  wr_sctp_rto_back_off(&s->rto);
  s->reconfig.request_due = true;
  s->reset_at = now + s->rto.rto_us;
}

void wr_sctp_path_works(wr_sctp *s, wr_time now) {
  if (!s->n_errors) return;
  wr_time *const timers[] = {&s->t1_at, &s->t2_at, &s->t3_at, &s->reset_at};
  for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
    if (*timers[i] != WR_NEVER) *timers[i] = now;
  wr_sctp_rto_recover(&s->rto);
  s->n_errors = 0;
}

void wr_sctp_tick(wr_sctp *s, wr_time now) {
  if (expired(&s->sack_at, now)) s->sack_due = true;
  if (expired(&s->t1_at, now)) wr_sctp_t1_expired(s, now);
  if (expired(&s->t2_at, now)) wr_sctp_t2_expired(s, now);
  if (expired(&s->t3_at, now)) wr_sctp_t3_expired(s, now);
  if (expired(&s->reset_at, now)) reset_expired(s, now);
  if (expired(&s->heartbeat_at, now)) heartbeat_expired(s, now);
  if (expired(&s->room_at, now)) wr_sctp_note_room(s, now);
}

wr_time wr_sctp_deadline(const wr_sctp *s) {
  const wr_time timers[] = {s->t1_at, s->t2_at, s->t3_at, s->sack_at, s->reset_at, s->heartbeat_at, s->room_at};
  wr_time first = WR_NEVER;
  for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) first = wr_time_min(first, timers[i]);
  return first;
}

/* ---- events ---- */

static bool take_flag(bool *flag) {
  bool was = *flag;
  *flag = false;
  return was;
}

bool wr_sctp_poll_event(wr_sctp *s, wr_sctp_event *event) {
  *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_CONNECTED};
  if (take_flag(&s->connected_event)) return true;
  if (wr_sctp_poll_channel_event(s, event)) return true;
  *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_CLOSED};
  if (take_flag(&s->closed_event)) return true;
  *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_ABORTED};
  if (take_flag(&s->aborted_event)) return true;
  *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_NONE};
  return false;
}

const wr_sctp_stats *wr_sctp_get_stats(const wr_sctp *s) { return &s->stats; }
