/* gateway/downlink.c - split, queue, pace. The invariant: while the stream runs |next_at| only moves by whole frame
 * durations, so the caller gets exactly as many packets as time passes, whatever the server's rhythm. */
#include "gateway/downlink.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_SAMPLES 960  /* 20 ms */
#define QUIET_SAMPLES 480  /* 10 ms */
#define LATE_US WR_MS(100) /* we were not called for so long: start a new spurt instead of a burst */
/* A mono full-band CELT frame of 10 ms (RFC 6716 section 3.1: configuration 30, code 0) that decodes to zeros. */
static const uint8_t silent_frame[] = {0xF0, 0xFF, 0xFE};
/* One of 20 ms (configuration 31). */
static const uint8_t one_silent[] = {0xF8, 0xFF, 0xFE};
/* Three, and six, of those in one packet (RFC 6716 section 3.2.5: code 3, all of one size). */
static const uint8_t three_silent[] = {0xFB, 0x03, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE};
static const uint8_t six_silent[] = {0xFB, 0x06, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF,
                                     0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE};
#define SIX_SAMPLES (6 * SPLIT_SAMPLES)
#define LONG_BYTES 900 /* of a long packet: it shall be one datagram, with copies */
#define SAMPLES_US(samples) ((wr_time)(samples)*125 / 6) /* 48 kHz */

void gw_downlink_init(gw_downlink *down, gw_stock *stock, OpusRepacketizer *repacketizer, uint32_t timestamp,
                      wr_time now) {
  memset(down, 0, sizeof(*down));
  gw_fifo_init(&down->fifo, stock, GW_DOWNLINK_BLOCKS);
  gw_fifo_init(&down->sent, stock, GW_DOWNLINK_KEEP_BLOCKS);
  down->repacketizer = repacketizer;
  down->timestamp = timestamp;
  down->timestamp_at = now;
}

void gw_downlink_wipe(gw_downlink *down) { gw_downlink_flush(down); }

/* Slots that nobody fills end the stream. */
static bool fills(const gw_downlink *down) {
  return down->next_at < down->fill_until || (down->streaming && down->queued_samples);
}

static void note_gap(gw_downlink *down, wr_time now) {
  if (now > down->next_at && !fills(down)) down->streaming = false;
}

static void queue_frame(gw_downlink *down, wr_bytes opus, uint32_t samples) {
  bool fits = opus.len <= GW_RECORD_MAX && down->queued_samples + samples <= GW_DOWNLINK_MAX_MS * 48u;
  gw_record record = {.kind = GW_DOWNLINK_AUDIO, .len = (uint16_t)opus.len, .value = samples};
  if (!fits || !gw_fifo_push(&down->fifo, &record, opus.data)) {
    down->n_refused++;
    return;
  }
  down->queued_samples += samples;
}

/* Several frames in one packet: out again in groups of at most 20 ms. */
static void queue_split(gw_downlink *down, wr_bytes opus, int n_frames, uint32_t frame_samples) {
  uint8_t part[GW_RECORD_MAX];
  int group = frame_samples < SPLIT_SAMPLES ? (int)(SPLIT_SAMPLES / frame_samples) : 1;
  opus_repacketizer_init(down->repacketizer);
  if (opus_repacketizer_cat(down->repacketizer, opus.data, (opus_int32)opus.len) != OPUS_OK) {
    down->n_bad++;
    return;
  }
  for (int at = 0; at < n_frames; at += group) {
    int end = at + group < n_frames ? at + group : n_frames;
    opus_int32 len = opus_repacketizer_out_range(down->repacketizer, at, end, part, (opus_int32)sizeof(part));
    if (len > 0)
      queue_frame(down, wr_bytes_of(part, (size_t)len), (uint32_t)(end - at) * frame_samples);
    else
      down->n_bad++;
  }
}

void gw_downlink_push_audio(gw_downlink *down, wr_bytes opus, wr_time now) {
  int n_frames = opus.len && opus.len < 8192 ? opus_packet_get_nb_frames(opus.data, (opus_int32)opus.len) : 0;
  if (n_frames <= 0 || opus_packet_get_nb_samples(opus.data, (opus_int32)opus.len, 48000) <= 0) {
    down->n_bad++;
    return;
  }
  down->n_in++;
  if (!down->queued_samples) {
    /* The queue had run dry: if what was handed out is over too, a new spurt begins and collects first. */
    if (now > down->next_at) down->playing = false;
    if (!down->playing) down->first_at = now;
    note_gap(down, now);
  }
  uint32_t frame_samples = (uint32_t)opus_packet_get_samples_per_frame(opus.data, 48000);
  if (n_frames == 1)
    queue_frame(down, opus, frame_samples);
  else
    queue_split(down, opus, n_frames, frame_samples);
}

void gw_downlink_push_text(gw_downlink *down, char *text, wr_time now) {
  (void)now;
  size_t len = strlen(text);
  bool fits = len <= GW_DOWNLINK_TEXT_MAX - down->queued_text;
  gw_record record = {.kind = GW_DOWNLINK_TEXT, .value = fits ? (uint32_t)len : 0, .owned = text};
  if (fits && gw_fifo_push(&down->fifo, &record, NULL)) {
    down->queued_text += record.value;
    return;
  }
  down->n_refused++;
  free(text);
}

void gw_downlink_push_end(gw_downlink *down, wr_time now) {
  (void)now;
  if (gw_fifo_push(&down->fifo, &(gw_record){.kind = GW_DOWNLINK_END}, NULL))
    down->n_ends++;
  else
    down->n_refused++;
}

void gw_downlink_expect(gw_downlink *down, wr_time until, wr_time now) {
  note_gap(down, now);
  if (!down->streaming) down->next_at = now;
  if (down->fill_until < until) down->fill_until = until;
}

/* ---- what may come back ---- */

static bool is_silence(wr_bytes opus) {
  return wr_bytes_equal(opus, wr_bytes_of(silent_frame, sizeof(silent_frame))) ||
         wr_bytes_equal(opus, wr_bytes_of(one_silent, sizeof(one_silent))) ||
         wr_bytes_equal(opus, wr_bytes_of(three_silent, sizeof(three_silent))) ||
         wr_bytes_equal(opus, wr_bytes_of(six_silent, sizeof(six_silent)));
}

static void forget_sent(gw_downlink *down) {
  gw_fifo_clear(&down->sent);
  down->sent_samples = 0;
}

static void forget_first_sent(gw_downlink *down) {
  const uint8_t *bytes;
  down->sent_samples -= gw_fifo_front(&down->sent, &bytes)->value;
  gw_fifo_pop(&down->sent);
}

/* Silence matters only between speech. That of any length stands for time in which nothing was sent. */
static void keep_sent(gw_downlink *down, wr_bytes opus, uint32_t samples) {
  if (opus.len > GW_RECORD_MAX || (!down->sent.n_records && is_silence(opus))) return;
  while (down->sent.n_records && down->sent_samples + samples > GW_DOWNLINK_KEEP_MS * 48u) forget_first_sent(down);
  gw_record record = {.kind = GW_DOWNLINK_AUDIO, .len = (uint16_t)opus.len, .value = samples};
  if (gw_fifo_push(&down->sent, &record, opus.data))
    down->sent_samples += samples;
  else
    forget_sent(down); /* a row with a hole would tell wrong times */
}

void gw_downlink_arrived(gw_downlink *down, wr_time until) {
  const uint8_t *bytes;
  for (const gw_record *first; (first = gw_fifo_front(&down->sent, &bytes)); forget_first_sent(down)) {
    bool arrived = down->timestamp_at - SAMPLES_US(down->sent_samples) <= until;
    if (!arrived && !is_silence(wr_bytes_of(bytes, first->len))) return;
  }
}

void gw_downlink_take_back(gw_downlink *down) {
  down->queued_samples += down->sent_samples;
  down->sent_samples = 0;
  gw_fifo_prepend(&down->fifo, &down->sent);
}

void gw_downlink_flush(gw_downlink *down) {
  forget_sent(down);
  gw_fifo_clear(&down->fifo);
  down->queued_samples = down->queued_text = 0;
  down->n_ends = 0;
  down->playing = false;
}

void gw_downlink_pause(gw_downlink *down, bool paused, wr_time now) {
  if (down->paused == paused) return;
  down->paused = paused;
  down->playing = down->streaming = false;
  down->fill_until = 0;
  down->first_at = now;
}

void gw_downlink_join(gw_downlink *down, uint32_t samples) { down->joined_samples = samples; }

void gw_downlink_spare(gw_downlink *down, bool spares) { down->spares = spares; }

void gw_downlink_rest(gw_downlink *down, wr_time us) {
  if (!down->streaming) return;
  down->next_at += us;
  down->timestamp_at += us;
}

bool gw_downlink_is_empty(const gw_downlink *down) { return !down->fifo.n_records; }

static wr_time audio_due(const gw_downlink *down) {
  if (down->playing) return down->next_at;
  bool enough = SAMPLES_US(down->queued_samples) >= GW_DOWNLINK_START_US || down->n_ends;
  wr_time ready = down->first_at + (enough ? 0 : GW_DOWNLINK_START_US);
  return down->streaming && ready < down->next_at ? down->next_at : ready;
}

/* When what was handed out is over: 0 is long ago. */
static wr_time played_at(const gw_downlink *down) { return down->playing ? down->next_at : 0; }

static wr_time front_due(const gw_downlink *down) {
  const uint8_t *bytes;
  const gw_record *front = gw_fifo_front(&down->fifo, &bytes);
  if (!front) return WR_NEVER;
  switch ((gw_downlink_kind)front->kind) {
    case GW_DOWNLINK_AUDIO: return audio_due(down);
    case GW_DOWNLINK_TEXT: /* with its first frame; if none will come, when the speech before it is over */
      if (down->queued_samples) return audio_due(down);
      return down->n_ends ? played_at(down) : WR_NEVER;
    case GW_DOWNLINK_END: return played_at(down);
  }
  return WR_NEVER;
}

wr_time gw_downlink_deadline(const gw_downlink *down) {
  if (down->paused) return WR_NEVER;
  return wr_time_min(front_due(down), fills(down) ? down->next_at : WR_NEVER);
}

/* |opus| into the next slot. */
static void take_frame(gw_downlink *down, wr_bytes opus, uint32_t samples, gw_downlink_item *item, wr_time now) {
  bool starts = !down->streaming || now - down->next_at > LATE_US;
  if (starts) {
    /* The RTP clock runs on through silence (RFC 7587 4.1), and never back. */
    wr_time passed = now - down->timestamp_at;
    if (passed > 0) down->timestamp += (uint32_t)(passed * 6 / 125);
    down->next_at = now;
    if (passed > WR_MS(GW_DOWNLINK_KEEP_MS))
      forget_sent(down);
    else if (passed > SAMPLES_US(GW_DOWNLINK_LONG_SAMPLES))
      keep_sent(down, wr_bytes_of(silent_frame, sizeof(silent_frame)), (uint32_t)(passed * 6 / 125));
  }
  *item =
      (gw_downlink_item){.kind = GW_DOWNLINK_AUDIO, .opus = opus, .timestamp = down->timestamp, .marker = starts};
  down->streaming = true;
  down->next_at += SAMPLES_US(samples);
  down->timestamp += samples;
  down->timestamp_at = down->next_at;
  keep_sent(down, opus, samples);
}

/* More frames of the kind of |*opus|, which was the front, as far as they follow one another: they leave the queue,
 * whose bytes stay where they are. |*opus| becomes one packet of all. */
static void join_frames(gw_downlink *down, wr_bytes *opus, uint32_t *samples) {
  OpusRepacketizer *packet = down->repacketizer;
  const uint8_t *bytes;
  const gw_record *next;
  size_t whole = opus->len;
  uint32_t first = *samples;
  opus_repacketizer_init(packet);
  if (opus_repacketizer_cat(packet, opus->data, (opus_int32)opus->len) != OPUS_OK) return;
  while ((next = gw_fifo_front(&down->fifo, &bytes)) != NULL && next->kind == GW_DOWNLINK_AUDIO &&
         *samples + next->value <= down->joined_samples && whole + next->len <= LONG_BYTES &&
         opus_repacketizer_cat(packet, bytes, (opus_int32)next->len) == OPUS_OK) { /* not: of another kind */
    *samples += next->value;
    whole += next->len;
    gw_fifo_pop(&down->fifo);
  }
  if (*samples == first) return;
  uint8_t *joined = down->fifo.stock->joined;
  opus_int32 len = opus_repacketizer_out(packet, joined, GW_RECORD_MAX);
  *opus = wr_bytes_of(joined, len > 0 ? (size_t)len : 0);
}

/* Into the stock's buffer, for the bytes of a record that was popped last only until the next push. */
static void copy_frame(gw_downlink *down, wr_bytes *opus) {
  uint8_t *copy = down->fifo.stock->joined;
  if (opus->data == copy) return;
  memcpy(copy, opus->data, opus->len);
  opus->data = copy;
}

static void take_speech(gw_downlink *down, const gw_record *front, const uint8_t *bytes, gw_downlink_item *item,
                        wr_time now) {
  wr_bytes opus = wr_bytes_of(bytes, front->len);
  uint32_t samples = front->value;
  bool was_nothing = samples > GW_DOWNLINK_LONG_SAMPLES && is_silence(opus);
  gw_fifo_pop(&down->fifo);
  if (down->joined_samples && !was_nothing) join_frames(down, &opus, &samples);
  copy_frame(down, &opus);
  take_frame(down, opus, was_nothing ? QUIET_SAMPLES : samples, item, now);
  down->playing = true;
  down->fill_until = down->next_at + GW_DOWNLINK_TAIL_US;
  down->queued_samples -= samples;
  down->n_out++;
}

static void take_silence(gw_downlink *down, gw_downlink_item *item, wr_time now) {
  if (down->joined_samples >= SIX_SAMPLES)
    take_frame(down, wr_bytes_of(six_silent, sizeof(six_silent)), SIX_SAMPLES, item, now);
  else if (down->joined_samples)
    take_frame(down, wr_bytes_of(three_silent, sizeof(three_silent)), 3 * SPLIT_SAMPLES, item, now);
  else if (down->spares)
    take_frame(down, wr_bytes_of(one_silent, sizeof(one_silent)), SPLIT_SAMPLES, item, now);
  else
    take_frame(down, wr_bytes_of(silent_frame, sizeof(silent_frame)), QUIET_SAMPLES, item, now);
  item->silent = true;
  down->playing = false;
}

bool gw_downlink_poll(gw_downlink *down, gw_downlink_item *item, wr_time now) {
  if (gw_downlink_deadline(down) > now) return false;
  if (front_due(down) > now) {
    take_silence(down, item, now);
    return true;
  }
  const uint8_t *bytes;
  const gw_record *front = gw_fifo_front(&down->fifo, &bytes);
  switch ((gw_downlink_kind)front->kind) {
    case GW_DOWNLINK_AUDIO: take_speech(down, front, bytes, item, now); return true;
    case GW_DOWNLINK_TEXT:
      *item = (gw_downlink_item){.kind = GW_DOWNLINK_TEXT, .text = front->owned};
      down->queued_text -= front->value;
      break;
    case GW_DOWNLINK_END:
      *item = (gw_downlink_item){.kind = GW_DOWNLINK_END};
      down->n_ends--;
      down->playing = false;
      break;
  }
  gw_fifo_pop(&down->fifo);
  return true;
}
