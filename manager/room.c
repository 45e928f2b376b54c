/* manager/room.c - see room.h. */
#include "manager/room.h"

/* One after the other, each as soon as the one before was answered so quickly. */
static const struct {
  uint32_t bytes, quick_ms;
} ladder[] = {
    {200, 40},  /* 60 ms of 40 kbit/s: that much is no trouble */
    {1100, 60}, /* one packet, in so little time: 160 kbit/s, or a shaper */
    {2200, 60}, /* with those before it more than a shaper lets through: 120 kbit/s, or a large shaper */
    {3700, 0},  /* more than a shaper lets through at once, within the 4 packets that SCTP may send at first */
};
#define N_LADDER (sizeof ladder / sizeof *ladder)

#define PIECE_BYTES 1100      /* of ballast in one packet ... */
#define HEADER_BYTES 93       /* ... with IP, UDP, DTLS and SCTP */
#define SHAPER_BYTES 3000     /* two packets are what shapers have to let through; that says nothing of the rate */
#define SLOW_MS 500           /* the last one: it holds up speech, the next one is the first */
#define LEAST_MS 8            /* clocks of pages, and how late they run */
#define EVERY_US MGR_MS(2500) /* so that a picture is back within 5 s */
#define VAIN_MANY 40          /* in vain: half as often; and again as many, half as often again */
#define AFTER_US MGR_S(1)     /* so long it still stands in queues and figures */
#define DENIED_US MGR_S(6)    /* longer than the pause between two questions */
#define LOST_US MGR_MS(1500)  /* no answer: something else is wrong */
#define DISTRUST_US MGR_S(8)  /* doubles each time */
#define DISTRUST_MAX_US MGR_S(120)

void mgr_room_init(mgr_room *r) { *r = (mgr_room){.ask_at = MGR_NEVER}; }

void mgr_room_want(mgr_room *r, mgr_time now) {
  if (r->ask_at != MGR_NEVER) return;
  r->rung = 0;
  r->n_vain = 0;
  r->ask_at = mgr_time_add(now, r->distrust_us > EVERY_US ? r->distrust_us : EVERY_US);
}

void mgr_room_stop(mgr_room *r) {
  r->ask_at = MGR_NEVER;
  r->open = false;
}

static mgr_time every_us(const mgr_room *r) {
  uint32_t halvings = r->n_vain / VAIN_MANY;
  return EVERY_US * (halvings >= 2 ? 4 : halvings ? 2 : 1);
}

mgr_time mgr_room_ask_at(const mgr_room *r) {
  return r->ask_at != MGR_NEVER && r->open && r->quiet_until > r->ask_at ? r->quiet_until : r->ask_at;
}

uint32_t mgr_room_ask(mgr_room *r, mgr_time now) {
  if (r->ask_at == MGR_NEVER || now < mgr_room_ask_at(r)) return 0;
  r->open = true;
  r->quiet_until = mgr_time_add(now, LOST_US);
  r->ask_at = mgr_time_add(now, every_us(r));
  return ladder[r->rung].bytes;
}

bool mgr_room_is_asking(const mgr_room *r, mgr_time now) { return r->ask_at != MGR_NEVER && now < r->quiet_until; }

static double on_wire(uint32_t bytes) {
  return bytes + (double)HEADER_BYTES * ((bytes + PIECE_BYTES - 1) / PIECE_BYTES);
}

double mgr_room_answered(mgr_room *r, uint32_t bytes, double rtt_ms, double base_ms, mgr_time now) {
  if (!r->open || bytes != ladder[r->rung].bytes) return 0;
  double longer_ms = base_ms >= 0 && rtt_ms > base_ms + LEAST_MS ? rtt_ms - base_ms : LEAST_MS;
  r->open = false;
  r->quiet_until = now;
  if (r->rung + 1 < N_LADDER) {
    bool is_quick = longer_ms <= ladder[r->rung].quick_ms;
    if (is_quick) r->ask_at = now;
    if (!is_quick && r->rung) mgr_room_deny(r, now);
    r->n_vain += !is_quick;
    r->rung = is_quick ? r->rung + 1 : 0;
    return 0;
  }
  r->n_vain++;
  r->quiet_until = mgr_time_add(now, AFTER_US);
  if (longer_ms > SLOW_MS) { /* speech waited for it: not soon again */
    r->rung = 0;
    r->n_vain += VAIN_MANY;
  }
  return 8000.0 * (on_wire(bytes) - SHAPER_BYTES) / longer_ms;
}

void mgr_room_deny(mgr_room *r, mgr_time now) { r->denied_until = mgr_time_add(now, DENIED_US); }

bool mgr_room_is_denied(const mgr_room *r, mgr_time now) { return r->ask_at != MGR_NEVER && now < r->denied_until; }

void mgr_room_was_wrong(mgr_room *r, mgr_time now) {
  r->distrust_us = r->distrust_us ? mgr_time_min(2 * r->distrust_us, DISTRUST_MAX_US) : DISTRUST_US;
  if (r->ask_at != MGR_NEVER) r->ask_at = mgr_time_add(now, r->distrust_us);
}
