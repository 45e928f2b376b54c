/* sctp/channels.c - data channels over one association (RFC 8831, RFC 8832).
 *
 * A channel is a slot and a stream id. Closing is a stream reset of each direction; the slot is free when both are
 * done and the application took the event. Deviations: an id of the wrong parity is tolerated; an unordered
 * message that overtakes its OPEN waits for it (RFC 8832 6 forbids sending it, networks reorder all the same). */
#include <string.h>

#include "sctp/association.h"
#include "sctp/dcep.h"

#define DEFAULT_PRIORITY 256
#define NO_LIMIT UINT32_MAX

static uint8_t slot_of(const wr_sctp *s, const wr_sctp_channel *channel) {
  return (uint8_t)(channel - s->channels);
}

wr_sctp_channel *wr_sctp_find_channel(wr_sctp *s, uint16_t id) {
  for (size_t i = 0; i < s->n_channels; i++) {
    wr_sctp_channel *channel = &s->channels[i];
    bool lives = channel->state != WR_SCTP_CHANNEL_FREE && channel->state != WR_SCTP_CHANNEL_CLOSED;
    if (lives && channel->id == id) return channel;
  }
  return NULL;
}

static wr_sctp_channel *take_slot(wr_sctp *s, uint16_t id, wr_sctp_channel_state state) {
  for (uint8_t i = 0; i < WR_SCTP_MAX_CHANNELS; i++) {
    if (s->channels[i].state != WR_SCTP_CHANNEL_FREE) continue;
    if (i == s->n_channels) s->n_channels++;
    s->channels[i] = (wr_sctp_channel){.state = state, .id = id, .max_retransmits = NO_LIMIT};
    s->queue.lanes[i].priority = DEFAULT_PRIORITY;
    return &s->channels[i];
  }
  return NULL;
}

static void set_label(wr_sctp_channel *channel, wr_bytes label) {
  size_t len = label.len < WR_SCTP_LABEL_MAX ? label.len : WR_SCTP_LABEL_MAX;
  if (len) memcpy(channel->label, label.data, len);
  channel->label_len = (uint8_t)len;
}

static wr_err queue_message(wr_sctp *s, const wr_sctp_channel *channel, uint32_t ppid, wr_bytes bytes,
                            wr_time now) {
  /* RFC 8832 6: ordered until the peer has shown that it knows the channel. DCEP is ordered and reliable. */
  bool is_data = ppid != WR_PPID_DCEP;
  wr_sctp_message message = {.bytes = bytes,
                             .ppid = ppid,
                             .stream = channel->id,
                             .lane = slot_of(s, channel),
                             .unordered = is_data && channel->unordered && channel->state == WR_SCTP_CHANNEL_OPEN,
                             .max_retransmits = is_data ? channel->max_retransmits : NO_LIMIT,
                             .expires_at = WR_NEVER};
  if (is_data && channel->lifetime_ms) message.expires_at = now + WR_MS(channel->lifetime_ms);
  return wr_sctp_sendqueue_push(&s->queue, &message);
}

/* ---- opening ---- */

static bool id_is_used(const wr_sctp *s, uint16_t id) {
  for (size_t i = 0; i < s->n_channels; i++) {
    if (s->channels[i].state != WR_SCTP_CHANNEL_FREE && s->channels[i].id == id) return true;
  }
  return false;
}

static wr_dcep_reliability reliability_of(const wr_sctp_channel_settings *settings) {
  if (settings->limited_retransmits) return WR_DCEP_COUNT;
  return settings->limited_lifetime ? WR_DCEP_TIMED : WR_DCEP_RELIABLE;
}

static void set_reliability(wr_sctp_channel *channel, bool unordered, wr_dcep_reliability kind,
                            uint32_t parameter) {
  channel->unordered = unordered;
  if (kind == WR_DCEP_COUNT) channel->max_retransmits = parameter;
  if (kind == WR_DCEP_TIMED) channel->lifetime_ms = parameter ? parameter : 1;
}

static wr_err queue_open(wr_sctp *s, const wr_sctp_channel *channel, const wr_sctp_channel_settings *settings,
                         wr_time now) {
  const char *protocol = settings->protocol ? settings->protocol : "";
  wr_dcep open = {.kind = WR_DCEP_OPEN,
                  .unordered = settings->unordered,
                  .reliability = reliability_of(settings),
                  .parameter = settings->reliability,
                  .priority = settings->priority ? settings->priority : DEFAULT_PRIORITY,
                  .label = wr_bytes_of(channel->label, channel->label_len),
                  .protocol = wr_bytes_of(protocol, strlen(protocol))};
  if (open.reliability == WR_DCEP_RELIABLE) open.parameter = 0;
  uint8_t out[12 + 2 * WR_SCTP_LABEL_MAX];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_dcep_write(&w, &open);
  WR_ASSERT(wr_writer_ok(&w)); /* label and protocol are bounded */
  return queue_message(s, channel, WR_PPID_DCEP, wr_bytes_of(out, wr_writer_len(&w)), now);
}

wr_err wr_sctp_open_channel(wr_sctp *s, const wr_sctp_channel_settings *settings, uint16_t *channel_id,
                            wr_time now) {
  if (s->state == WR_SCTP_ENDED || s->state > WR_SCTP_ESTABLISHED) return WR_ERR_STATE;
  uint16_t id = s->settings.is_dtls_client ? 0 : 1;
  while (id_is_used(s, id)) id = (uint16_t)(id + 2);
  wr_sctp_channel *channel = take_slot(s, id, WR_SCTP_CHANNEL_OPENING);
  if (!channel) return WR_ERR_LIMIT;
  set_label(channel, wr_bytes_of(settings->label, settings->label ? strlen(settings->label) : 0));
  set_reliability(channel, settings->unordered, reliability_of(settings), settings->reliability);
  if (settings->priority) s->queue.lanes[slot_of(s, channel)].priority = settings->priority;
  wr_err err = queue_open(s, channel, settings, now);
  if (err != WR_OK) {
    channel->state = WR_SCTP_CHANNEL_FREE;
    return err;
  }
  *channel_id = id;
  return WR_OK;
}

static void recv_open(wr_sctp *s, uint16_t id, const wr_dcep *open) {
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  if (channel && channel->state != WR_SCTP_CHANNEL_EARLY) return;
  if (!channel) channel = take_slot(s, id, WR_SCTP_CHANNEL_OPEN);
  if (!channel) {
    (void)wr_sctp_reconfig_add(&s->reconfig, id); /* all channels used: refused by closing our side */
    return;
  }
  channel->state = WR_SCTP_CHANNEL_OPEN;
  channel->by_peer = channel->open_event = channel->ack_due = true;
  set_label(channel, open->label);
  set_reliability(channel, open->unordered, open->reliability, open->parameter);
  if (open->priority) s->queue.lanes[slot_of(s, channel)].priority = open->priority;
}

static void recv_dcep(wr_sctp *s, const wr_sctp_run *run) {
  uint8_t bytes[12 + 4 * 256];
  wr_dcep dcep;
  if (run->bytes.len > sizeof bytes) return;
  size_t len = wr_rope_copy(&run->bytes, bytes);
  if (!wr_dcep_read(wr_bytes_of(bytes, len), &dcep)) return;
  if (dcep.kind == WR_DCEP_OPEN) recv_open(s, run->stream, &dcep);
}

/* Any message on a channel of ours is as good as the ACK (RFC 8832 6). */
static void note_alive(wr_sctp_channel *channel) {
  if (channel->state != WR_SCTP_CHANNEL_OPENING) return;
  channel->state = WR_SCTP_CHANNEL_OPEN;
  channel->open_event = true;
}

/* ---- messages ---- */

wr_err wr_sctp_send(wr_sctp *s, uint16_t id, bool is_text, wr_bytes message, wr_time now) {
  static const uint8_t zero[1];
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  bool takes = channel && channel->state != WR_SCTP_CHANNEL_EARLY && !channel->closing;
  if (!takes || s->state == WR_SCTP_ENDED || s->state > WR_SCTP_ESTABLISHED) return WR_ERR_STATE;
  uint32_t ppid = is_text ? WR_PPID_STRING : WR_PPID_BINARY;
  if (message.len == 0) {
    ppid = is_text ? WR_PPID_STRING_EMPTY : WR_PPID_BINARY_EMPTY;
    message = wr_bytes_of(zero, 1);
  }
  if (message.len > s->settings.send_budget_bytes) return WR_ERR_LIMIT;
  wr_err err = queue_message(s, channel, ppid, message, now);
  if (err == WR_ERR_LIMIT) {
    channel->refused_bytes = (uint32_t)message.len;
    if (s->room_at == WR_NEVER) s->room_at = now + WR_MS(50);
  }
  if (err == WR_OK) s->stats.messages_sent++;
  return err;
}

uint32_t wr_sctp_buffered_bytes(const wr_sctp *s, uint16_t id) {
  const wr_sctp_channel *channel = wr_sctp_find_channel((wr_sctp *)(uintptr_t)s, id);
  return channel ? s->queue.lanes[slot_of(s, channel)].buffered_bytes : 0;
}

void wr_sctp_set_buffered_low(wr_sctp *s, uint16_t id, uint32_t bytes) {
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  if (channel) channel->low_bytes = bytes;
}

void wr_sctp_note_sent(wr_sctp *s, const wr_sctp_frag *frag, uint32_t buffered_before) {
  wr_sctp_channel *channel = &s->channels[frag->lane];
  uint32_t buffered = s->queue.lanes[frag->lane].buffered_bytes;
  if (frag->ppid == WR_PPID_DCEP) return; /* nobody waits for OPEN or ACK to leave */
  if (buffered_before > channel->low_bytes && buffered <= channel->low_bytes) channel->low_event = true;
}

/* The budget may have been full although nothing was buffered: all in flight. Then room comes with a SACK, or,
 * when other associations held the pool, with time. */
void wr_sctp_note_room(wr_sctp *s, wr_time now) {
  bool waits = false;
  for (size_t i = 0; i < s->n_channels; i++) {
    wr_sctp_channel *channel = &s->channels[i];
    if (channel->refused_bytes == 0) continue;
    if (wr_sctp_sendqueue_has_room(&s->queue, channel->refused_bytes)) {
      channel->refused_bytes = 0;
      channel->low_event = true;
    } else {
      waits = true;
    }
  }
  s->room_at = waits ? now + WR_MS(50) : WR_NEVER;
}

static void push_ready(wr_sctp *s, wr_sctp_run *run) {
  run->prev = run->next = NULL;
  *(s->ready_tail ? &s->ready_tail->next : &s->ready_head) = run;
  s->ready_tail = run;
}

static bool is_user_message(uint32_t ppid) {
  return ppid == WR_PPID_STRING || ppid == WR_PPID_BINARY || ppid == WR_PPID_STRING_EMPTY ||
         ppid == WR_PPID_BINARY_EMPTY;
}

/* The channel a user message is for; NULL: nobody wants it. */
static wr_sctp_channel *receiver_of(wr_sctp *s, const wr_sctp_run *run) {
  wr_sctp_channel *channel = wr_sctp_find_channel(s, run->stream);
  if (channel) return channel->closing ? NULL : channel;
  if (run->unordered) return take_slot(s, run->stream, WR_SCTP_CHANNEL_EARLY);
  (void)wr_sctp_reconfig_add(&s->reconfig, run->stream); /* RFC 8832 6: data on an unused stream closes it */
  return NULL;
}

void wr_sctp_recv_run(wr_sctp *s, wr_sctp_run *run) {
  wr_sctp_channel *channel = wr_sctp_find_channel(s, run->stream);
  if (channel) note_alive(channel);
  if (run->ppid == WR_PPID_DCEP && !run->too_big) {
    recv_dcep(s, run);
  } else if (is_user_message(run->ppid) && (channel = receiver_of(s, run)) != NULL) {
    run->channel = slot_of(s, channel);
    push_ready(s, run);
    return;
  }
  wr_sctp_run_give(&s->reassembly, run);
}

void wr_sctp_drop_ready(wr_sctp *s) {
  for (wr_sctp_run *run = s->ready_head, *next; run; run = next) {
    next = run->next;
    wr_sctp_run_give(&s->reassembly, run);
  }
  s->ready_head = s->ready_tail = NULL;
}

/* ---- closing ---- */

static void forget_messages(wr_sctp *s, uint8_t slot) {
  for (wr_sctp_run **link = &s->ready_head, *run; (run = *link) != NULL;) {
    if (run->channel != slot) {
      link = &run->next;
      continue;
    }
    *link = run->next;
    wr_sctp_run_give(&s->reassembly, run);
  }
  s->ready_tail = s->ready_head;
  while (s->ready_tail && s->ready_tail->next) s->ready_tail = s->ready_tail->next;
}

/* A channel that never opened has no one to tell. */
static void forget_early(wr_sctp *s, wr_sctp_channel *channel) {
  forget_messages(s, slot_of(s, channel));
  channel->state = WR_SCTP_CHANNEL_FREE;
}

wr_err wr_sctp_close_channel(wr_sctp *s, uint16_t id, wr_time now) {
  (void)now;
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  if (!channel || channel->state == WR_SCTP_CHANNEL_EARLY) return WR_ERR_STATE;
  channel->closing = true;
  return WR_OK;
}

static void settle(wr_sctp_channel *channel) {
  if (channel->out_done && channel->in_done) channel->state = WR_SCTP_CHANNEL_CLOSED;
}

void wr_sctp_close_all_channels(wr_sctp *s) {
  for (size_t i = 0; i < s->n_channels; i++) {
    wr_sctp_channel *channel = &s->channels[i];
    if (channel->state == WR_SCTP_CHANNEL_EARLY) forget_early(s, channel);
    if (channel->state != WR_SCTP_CHANNEL_FREE) channel->state = WR_SCTP_CHANNEL_CLOSED;
  }
}

static void peer_reset(wr_sctp *s, uint16_t id) {
  if (id < WR_SCTP_MAX_STREAMS) wr_sctp_reassembly_reset_stream(&s->reassembly, id);
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  if (!channel) return;
  if (channel->state == WR_SCTP_CHANNEL_EARLY) {
    forget_early(s, channel);
    return;
  }
  channel->in_done = channel->closing = true;
  settle(channel);
}

static void our_reset_done(wr_sctp *s, uint16_t id, bool performed) {
  if (performed && id < WR_SCTP_MAX_STREAMS) s->queue.next_ssn[id] = 0;
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  if (!channel || !channel->out_asked) return;
  channel->out_done = true;
  if (!performed) channel->in_done = true; /* the peer will not play: nothing more to wait for */
  settle(channel);
}

static void close_by_request(wr_sctp *s, uint16_t id) {
  wr_sctp_channel *channel = wr_sctp_find_channel(s, id);
  if (channel) channel->closing = true;
}

static void apply(wr_sctp *s, wr_sctp_reconfig_action action, wr_sctp_stream_list *streams) {
  if (streams->n == 0) { /* all streams: those that have a channel */
    for (size_t i = 0; i < s->n_channels; i++) {
      if (s->channels[i].state != WR_SCTP_CHANNEL_FREE) streams->ids[streams->n++] = s->channels[i].id;
    }
  }
  for (size_t i = 0; i < streams->n; i++) {
    switch (action) {
      case WR_SCTP_RECONFIG_NOTHING: break;
      case WR_SCTP_RECONFIG_RESET_IN: peer_reset(s, streams->ids[i]); break;
      case WR_SCTP_RECONFIG_RESET_OUT: close_by_request(s, streams->ids[i]); break;
      case WR_SCTP_RECONFIG_DONE: our_reset_done(s, streams->ids[i], true); break;
      case WR_SCTP_RECONFIG_FAILED: our_reset_done(s, streams->ids[i], false); break;
    }
  }
}

void wr_sctp_recv_reconfig(wr_sctp *s, wr_bytes body, wr_time now) {
  if (s->state < WR_SCTP_ESTABLISHED || s->state == WR_SCTP_ENDED) return;
  wr_reader r = wr_reader_of(body);
  wr_sctp_reset reset;
  wr_sctp_stream_list streams;
  while (wr_sctp_read_reset(&r, &reset)) {
    wr_sctp_reconfig_action action = wr_sctp_reconfig_recv(&s->reconfig, &reset, s->received.cumulative, &streams);
    if (action != WR_SCTP_RECONFIG_NOTHING) apply(s, action, &streams);
    if (action == WR_SCTP_RECONFIG_DONE || action == WR_SCTP_RECONFIG_FAILED) {
      s->reset_at = WR_NEVER;
      s->n_errors = 0;
    }
    /* "In progress" is an answer: the peer lives, only the data has not arrived. */
    if (reset.kind == WR_SCTP_RESET_RESPONSE && action == WR_SCTP_RECONFIG_NOTHING && s->reset_at != WR_NEVER) {
      s->n_errors = 0;
      s->reset_at = now + s->rto.rto_us;
    }
  }
}

void wr_sctp_take_deferred_resets(wr_sctp *s) {
  wr_sctp_stream_list streams;
  wr_sctp_reconfig_action action = wr_sctp_reconfig_advance(&s->reconfig, s->received.cumulative, &streams);
  if (action != WR_SCTP_RECONFIG_NOTHING) apply(s, action, &streams);
}

static void ask_reset(wr_sctp *s, wr_sctp_channel *channel) {
  if (!s->peer_re_config) { /* nobody to ask: both sides are simply not used any more */
    channel->out_done = channel->in_done = true;
    settle(channel);
  } else if (wr_sctp_reconfig_add(&s->reconfig, channel->id)) {
    channel->out_asked = true;
  }
}

void wr_sctp_serve_channels(wr_sctp *s, wr_time now) {
  static const uint8_t ack[1] = {WR_DCEP_ACK};
  if (s->state != WR_SCTP_ESTABLISHED) return;
  for (size_t i = 0; i < s->n_channels; i++) {
    wr_sctp_channel *channel = &s->channels[i];
    if (channel->state != WR_SCTP_CHANNEL_OPEN && channel->state != WR_SCTP_CHANNEL_OPENING) continue;
    if (channel->ack_due && queue_message(s, channel, WR_PPID_DCEP, wr_bytes_of(ack, 1), now) == WR_OK)
      channel->ack_due = false;
    if (channel->closing && !channel->out_asked && !s->queue.lanes[i].head) ask_reset(s, channel);
  }
  (void)wr_sctp_reconfig_begin(&s->reconfig, s->queue.next_tsn - 1);
}

/* ---- events ---- */

static bool poll_open(wr_sctp *s, wr_sctp_event *event) {
  for (size_t i = 0; i < s->n_channels; i++) {
    wr_sctp_channel *channel = &s->channels[i];
    if (!channel->open_event || channel->state == WR_SCTP_CHANNEL_FREE) continue;
    channel->open_event = false;
    *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_CHANNEL_OPEN,
                             .channel = channel->id,
                             .by_peer = channel->by_peer,
                             .label = wr_bytes_of(channel->label, channel->label_len)};
    return true;
  }
  return false;
}

static bool poll_message(wr_sctp *s, wr_sctp_event *event) {
  wr_sctp_run *before = NULL, *run = s->ready_head;
  while (run && s->channels[run->channel].state == WR_SCTP_CHANNEL_EARLY) {
    before = run;
    run = run->next;
  }
  if (!run) return false;
  *(before ? &before->next : &s->ready_head) = run->next;
  if (s->ready_tail == run) s->ready_tail = before;
  *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_MESSAGE_TOO_BIG, .channel = run->stream};
  if (!run->too_big) {
    bool empty = run->ppid == WR_PPID_STRING_EMPTY || run->ppid == WR_PPID_BINARY_EMPTY;
    size_t len = wr_rope_copy(&run->bytes, s->message_buffer);
    event->kind = WR_SCTP_EVENT_MESSAGE;
    event->is_text = run->ppid == WR_PPID_STRING || run->ppid == WR_PPID_STRING_EMPTY;
    event->message = wr_bytes_of(s->message_buffer, empty ? 0 : len);
    s->stats.messages_received++;
  }
  wr_sctp_run_give(&s->reassembly, run);
  wr_sctp_window_opened(s);
  return true;
}

bool wr_sctp_poll_channel_event(wr_sctp *s, wr_sctp_event *event) {
  if (poll_open(s, event) || poll_message(s, event)) return true;
  for (size_t i = 0; i < s->n_channels; i++) {
    wr_sctp_channel *channel = &s->channels[i];
    if (channel->state == WR_SCTP_CHANNEL_FREE) continue;
    *event = (wr_sctp_event){.kind = WR_SCTP_EVENT_BUFFERED_LOW, .channel = channel->id};
    if (channel->state == WR_SCTP_CHANNEL_CLOSED) {
      event->kind = WR_SCTP_EVENT_CHANNEL_CLOSED;
      forget_messages(s, (uint8_t)i);
      channel->state = WR_SCTP_CHANNEL_FREE;
      return true;
    }
    if (channel->low_event) {
      channel->low_event = false;
      return true;
    }
  }
  return false;
}
