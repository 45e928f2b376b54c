/* rtp/nack.c - see rtp/nack.h.
 *
 * Bounds of giving: a datagram goes out again at most WR_RESEND_TRIES times and once a round trip, all of them
 * together half as often as new ones are sent. Requests are authenticated (SRTCP), so these hold against a peer
 * that asks for more than it misses. */
#include "rtp/nack.h"

#include <string.h>

#include "base/seq.h"

/* ---- asking ---- */

void wr_nack_init(wr_nack_asker *asker) { *asker = (wr_nack_asker){.due_at = WR_NEVER}; }

static wr_nack_entry *find_entry(wr_nack_asker *asker, uint16_t seq) {
  for (size_t i = 0; i < asker->n; i++)
    if (asker->entry[i].seq == seq) return &asker->entry[i];
  return NULL;
}

bool wr_nack_can(uint32_t rtt_us) { return rtt_us && rtt_us + WR_NACK_MARGIN_US <= WR_NACK_WAIT_MAX_US; }

size_t wr_nack_due(wr_nack_asker *asker, const uint16_t *missing, size_t n, uint32_t rtt_us, uint16_t *out,
                   wr_time now) {
  WR_ASSERT(n <= WR_NACK_MISSING);
  wr_nack_entry kept[WR_NACK_MISSING];
  size_t n_out = 0;
  asker->due_at = WR_NEVER;
  if (!wr_nack_can(rtt_us)) n = 0;
  for (size_t i = 0; i < n; i++) {
    const wr_nack_entry *known = find_entry(asker, missing[i]);
    kept[i] = known ? *known : (wr_nack_entry){.seq = missing[i], .again_at = now};
    if (kept[i].n_tries == WR_NACK_TRIES) continue;
    if (now >= kept[i].again_at) {
      if (!kept[i].n_tries++) asker->n_asked++;
      kept[i].again_at = now + rtt_us / 2 + WR_NACK_MARGIN_US;
      out[n_out++] = missing[i];
    }
    if (kept[i].n_tries < WR_NACK_TRIES) asker->due_at = wr_time_min(asker->due_at, kept[i].again_at);
  }
  if (n) memcpy(asker->entry, kept, n * sizeof *kept);
  asker->n = (uint8_t)n;
  return n_out;
}

bool wr_nack_take(wr_nack_asker *asker, uint16_t seq) {
  wr_nack_entry *entry = find_entry(asker, seq);
  if (!entry) return false;
  *entry = asker->entry[--asker->n];
  return true;
}

wr_time wr_nack_wait_us(uint32_t rtt_us, wr_time least) {
  if (!wr_nack_can(rtt_us)) return least;
  wr_time all = WR_NACK_TRIES * (rtt_us + WR_NACK_MARGIN_US);
  if (all > WR_NACK_WAIT_MAX_US) all = WR_NACK_WAIT_MAX_US;
  return all > least ? all : least;
}

/* ---- giving ---- */

void wr_resend_init(wr_resend *resend, wr_resend_store *store) {
  *resend = (wr_resend){.store = store, .budget_halves = 2 * WR_RESEND_BUDGET};
}

static wr_resend_packet *packet_at(const wr_resend *resend, unsigned i) {
  return &resend->store->packet[(resend->first + i) % WR_RESEND_PACKETS];
}

static void drop_oldest(wr_resend *resend) {
  if (packet_at(resend, 0)->wanted) resend->n_wanted--;
  resend->first = (uint16_t)((resend->first + 1) % WR_RESEND_PACKETS);
  resend->n--;
}

/* Makes |len| bytes free in a row; where they begin. What lies there is the oldest: bytes are written in a circle.
 */
static uint16_t make_room(wr_resend *resend, size_t len) {
  bool wraps = resend->end + len > WR_RESEND_BYTES;
  size_t from = wraps ? 0 : resend->end;
  /* What lies behind the newest up to the end of the circle is older than all at its beginning. */
  while (resend->n && wraps && packet_at(resend, 0)->at >= resend->end) drop_oldest(resend);
  while (resend->n && packet_at(resend, 0)->at < from + len && packet_at(resend, 0)->at >= from)
    drop_oldest(resend);
  return (uint16_t)from;
}

void wr_resend_keep(wr_resend *resend, uint16_t seq, wr_bytes datagram, wr_time now) {
  if (resend->budget_halves < 2 * WR_RESEND_BUDGET) resend->budget_halves++;
  if (resend->n && (uint16_t)(packet_at(resend, resend->n - 1u)->seq + 1) != seq)
    while (resend->n) drop_oldest(resend);
  if (datagram.len > WR_RESEND_BYTES / 4) return; /* the next one's number will not follow */
  if (resend->n == WR_RESEND_PACKETS) drop_oldest(resend);
  uint16_t at = make_room(resend, datagram.len);
  memcpy(resend->store->bytes + at, datagram.data, datagram.len);
  resend->end = (uint16_t)(at + datagram.len);
  *packet_at(resend, resend->n++) =
      (wr_resend_packet){.sent_at = now, .seq = seq, .at = at, .len = (uint16_t)datagram.len};
}

void wr_resend_ask(wr_resend *resend, uint16_t seq, uint32_t rtt_us, wr_time now) {
  uint16_t i = resend->n ? (uint16_t)(seq - packet_at(resend, 0)->seq) : 0;
  if (i >= resend->n) {
    resend->n_refused++;
    return;
  }
  wr_resend_packet *packet = packet_at(resend, i);
  if (!packet->asked) {
    resend->n_asked++;
    if (i == 0 || !packet_at(resend, i - 1u)->asked) resend->n_rows++;
    packet->asked = true;
  }
  if (packet->wanted || (packet->n_resent && now < packet->sent_at + rtt_us)) return;
  if (packet->n_resent == WR_RESEND_TRIES) {
    resend->n_refused++;
    return;
  }
  packet->wanted = true;
  resend->n_wanted++;
}

wr_bytes wr_resend_next(wr_resend *resend, wr_time now) {
  for (unsigned i = 0; i < resend->n && resend->n_wanted; i++) {
    wr_resend_packet *packet = packet_at(resend, i);
    if (!packet->wanted) continue;
    packet->wanted = false;
    resend->n_wanted--;
    if (resend->budget_halves < 2) {
      resend->n_refused++;
      continue;
    }
    resend->budget_halves = (uint8_t)(resend->budget_halves - 2);
    resend->n_resent++;
    packet->n_resent++;
    packet->sent_at = now;
    return wr_bytes_of(resend->store->bytes + packet->at, packet->len);
  }
  return (wr_bytes){0};
}

void wr_resend_forget(wr_resend *resend) {
  while (resend->n) drop_oldest(resend);
}
