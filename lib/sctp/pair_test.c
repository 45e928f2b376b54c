/* sctp/pair_test.c - see pair_test.h. */
#include "sctp/pair_test.h"

_Alignas(16) static uint8_t pool_memory[PAIR_POOL_BLOCKS * 2048 + 64];
_Alignas(16) static uint8_t end_memory[2][16 * 1024];
static uint8_t message_buffer[2][1 << 18];
static pair_packet packets[PAIR_PACKETS];
static pair the_pair;

pair *pair_init(uint64_t seed, pair_network network, void (*tweak)(wr_sctp_settings *settings, int side)) {
  pair *p = &the_pair;
  *p = (pair){.network = network, .rng = {seed * 2 + 1}, .now = WR_S(1)};
  p->pool = wr_pool_init(pool_memory, WR_SCTP_POOL_BLOCK, PAIR_POOL_BLOCKS);
  for (int side = 0; side < 2; side++) {
    wr_sctp_settings settings;
    wr_sctp_settings_default(&settings);
    settings.rng = (wr_rng){check_rng_fill, &p->rng};
    settings.pool = p->pool;
    settings.is_dtls_client = side == 0;
    if (tweak) tweak(&settings, side);
    p->end[side] = wr_sctp_init(end_memory[side], &settings, message_buffer[side], sizeof message_buffer[side]);
  }
  return p;
}

static uint32_t percent(pair *p) { return check_rng_u32(&p->rng) % 100; }

static void carry(pair *p, int to, const uint8_t *bytes, size_t len) {
  if (p->deaf[to] || percent(p) < p->network.loss_percent) return;
  int copies = percent(p) < p->network.duplicate_percent ? 2 : 1;
  while (copies-- && p->n_in_network < PAIR_PACKETS) {
    pair_packet *packet = &packets[p->n_in_network++];
    wr_time jitter = p->network.jitter_us ? (wr_time)check_rng_u32(&p->rng) % p->network.jitter_us : 0;
    *packet = (pair_packet){.at = p->now + p->network.delay_us + jitter, .len = (uint16_t)len, .to = (uint8_t)to};
    packet->order = p->n_sent[0] + p->n_sent[1];
    memcpy(packet->bytes, bytes, len);
  }
}

static void note_event(pair *p, int side, const wr_sctp_event *event) {
  switch (event->kind) {
    case WR_SCTP_EVENT_CONNECTED: p->n_connected[side]++; break;
    case WR_SCTP_EVENT_CHANNEL_OPEN: p->n_opened[side]++; break;
    case WR_SCTP_EVENT_BUFFERED_LOW: p->n_low[side]++; break;
    case WR_SCTP_EVENT_CHANNEL_CLOSED: p->n_channels_closed[side]++; break;
    case WR_SCTP_EVENT_CLOSED: p->n_closed[side]++; break;
    case WR_SCTP_EVENT_ABORTED: p->n_aborted[side]++; break;
    case WR_SCTP_EVENT_MESSAGE_TOO_BIG: p->n_too_big[side]++; break;
    case WR_SCTP_EVENT_NONE:
    case WR_SCTP_EVENT_MESSAGE: break;
  }
  if (p->on_event) p->on_event(p, side, event);
}

void pair_drain(pair *p) {
  for (bool busy = true; busy;) {
    busy = false;
    for (int side = 0; side < 2; side++) {
      wr_sctp_event event;
      while (wr_sctp_poll_event(p->end[side], &event)) {
        note_event(p, side, &event);
        busy = true;
      }
      uint8_t out[WR_SCTP_MTU + 64];
      size_t len;
      while ((len = wr_sctp_poll(p->end[side], out, sizeof out, p->now)) > 0) {
        CHECK(len <= WR_SCTP_MTU && len % 4 == 0);
        p->n_sent[side]++;
        p->n_bytes[side] += (uint32_t)len;
        carry(p, 1 - side, out, len);
        busy = true;
      }
    }
  }
}

static size_t earliest(const pair *p) {
  size_t best = 0;
  for (size_t i = 1; i < p->n_in_network; i++) {
    bool sooner = packets[i].at < packets[best].at;
    if (sooner || (packets[i].at == packets[best].at && packets[i].order < packets[best].order)) best = i;
  }
  return best;
}

static bool step(pair *p) {
  wr_time deadline = wr_time_min(wr_sctp_deadline(p->end[0]), wr_sctp_deadline(p->end[1]));
  if (p->n_in_network) {
    size_t i = earliest(p);
    if (packets[i].at <= deadline) {
      if (packets[i].at > p->now) p->now = packets[i].at;
      static pair_packet packet;
      packet = packets[i];
      packets[i] = packets[--p->n_in_network];
      wr_sctp_recv(p->end[packet.to], wr_bytes_of(packet.bytes, packet.len), p->now);
      return true;
    }
  }
  if (deadline == WR_NEVER) return false;
  if (deadline > p->now) p->now = deadline;
  for (int side = 0; side < 2; side++) {
    wr_sctp_tick(p->end[side], p->now);
    CHECK(wr_sctp_deadline(p->end[side]) > p->now);
  }
  return true;
}

bool pair_step(pair *p) {
  pair_drain(p);
  bool happened = step(p);
  pair_drain(p);
  return happened;
}

void pair_run_for(pair *p, wr_time duration_us) {
  wr_time end = p->now + duration_us;
  while (p->now < end && pair_step(p)) continue;
  pair_drain(p);
}

void pair_inject(pair *p, int side, wr_bytes packet) {
  wr_sctp_recv(p->end[side], packet, p->now);
  pair_drain(p);
}

void pair_wipe(pair *p) {
  wr_sctp_wipe(p->end[0]);
  wr_sctp_wipe(p->end[1]);
  CHECK_EQ(wr_pool_n_free(p->pool), PAIR_POOL_BLOCKS);
}

bool pair_connect(pair *p) {
  wr_sctp_connect(p->end[0], p->now);
  for (int i = 0; i < 100000 && !(p->n_connected[0] && p->n_connected[1]); i++) {
    if (!pair_step(p)) break;
  }
  return p->n_connected[0] == 1 && p->n_connected[1] == 1;
}
