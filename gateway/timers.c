/* gateway/timers.c - sift up, sift down. */
#include "gateway/timers.h"

#include <sys/mman.h>

static void *zeroed(size_t bytes) {
  void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mem == MAP_FAILED ? NULL : mem;
}

bool gw_timers_open(gw_timers *timers, uint32_t n_slots) {
  *timers = (gw_timers){.n_slots = n_slots};
  timers->heap = zeroed(n_slots * sizeof(gw_timer));
  timers->place = zeroed(n_slots * sizeof(uint32_t));
  return timers->heap && timers->place;
}

void gw_timers_close(gw_timers *timers) {
  if (timers->heap) munmap(timers->heap, timers->n_slots * sizeof(gw_timer));
  if (timers->place) munmap(timers->place, timers->n_slots * sizeof(uint32_t));
  *timers = (gw_timers){0};
}

static void put(gw_timers *t, uint32_t i, gw_timer timer) {
  t->heap[i] = timer;
  t->place[timer.slot] = i + 1;
}

static void sift_up(gw_timers *t, uint32_t i) {
  gw_timer timer = t->heap[i];
  while (i > 0 && t->heap[(i - 1) / 2].at > timer.at) {
    put(t, i, t->heap[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  put(t, i, timer);
}

static void sift_down(gw_timers *t, uint32_t i) {
  gw_timer timer = t->heap[i];
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= t->n) break;
    if (child + 1 < t->n && t->heap[child + 1].at < t->heap[child].at) child++;
    if (t->heap[child].at >= timer.at) break;
    put(t, i, t->heap[child]);
    i = child;
  }
  put(t, i, timer);
}

void gw_timers_set(gw_timers *timers, uint32_t slot, wr_time at) {
  WR_ASSERT(slot < timers->n_slots);
  uint32_t place = timers->place[slot];
  if (place) {
    if (at >= timers->heap[place - 1].at) return;
    timers->heap[place - 1].at = at;
    sift_up(timers, place - 1);
  } else if (at != WR_NEVER) {
    timers->heap[timers->n] = (gw_timer){at, slot};
    sift_up(timers, timers->n++);
  }
}

void gw_timers_remove(gw_timers *timers, uint32_t slot) {
  uint32_t place = timers->place[slot];
  if (!place) return;
  timers->place[slot] = 0;
  timers->n--;
  if (place - 1 == timers->n) return;
  put(timers, place - 1, timers->heap[timers->n]);
  sift_up(timers, place - 1);
  sift_down(timers, timers->place[timers->heap[place - 1].slot] - 1);
}

wr_time gw_timers_next(const gw_timers *timers) { return timers->n ? timers->heap[0].at : WR_NEVER; }

bool gw_timers_take(gw_timers *timers, wr_time now, uint32_t *slot) {
  if (!timers->n || timers->heap[0].at > now) return false;
  *slot = timers->heap[0].slot;
  gw_timers_remove(timers, *slot);
  return true;
}
