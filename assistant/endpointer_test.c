/* assistant/endpointer_test.c - voices, clicks, fans and long speeches made of numbers. */
#include "assistant/endpointer.h"

#include <math.h>

#include "check.h"

typedef struct room {
  as_endpointer ep;
  check_rng rng;
  int noise; /* peak */
  double phase;
} room;

/* One frame of a "voice" (two tones) of |peak| in the room's noise. */
static as_ep_news push(room *r, int peak) {
  int16_t frame[AS_EP_FRAME];
  for (int i = 0; i < AS_EP_FRAME; i++) {
    r->phase += 6.283185307 * 200 / AS_EP_RATE;
    double voice = peak * (0.6 * sin(r->phase) + 0.4 * sin(7 * r->phase));
    int noise = r->noise ? (int)(check_rng_u32(&r->rng) % (2u * (unsigned)r->noise)) - r->noise : 0;
    frame[i] = (int16_t)(voice + noise);
  }
  return as_endpointer_push(&r->ep, frame);
}

static room room_with(int noise) {
  room r = {.noise = noise, .rng = {5}};
  as_endpointer_init(&r.ep);
  return r;
}

/* Frames until |news|, at most |n|; -1 if it does not come. */
static int until(room *r, int peak, as_ep_news news, int n) {
  for (int i = 0; i < n; i++)
    if (push(r, peak) == news) return i;
  return -1;
}

TEST(as_endpointer_finds_begin_and_end) {
  static const int noises[] = {0, 30, 150, 600};
  for (int i = 0; i < 4; i++) {
    room r = room_with(noises[i]);
    CHECK_EQ(until(&r, 0, AS_EP_BEGIN, 150), -1);
    int begin = until(&r, 6000, AS_EP_BEGIN, 50);
    CHECK(begin >= 0 && begin < AS_EP_WINDOW);
    CHECK_EQ(until(&r, 6000, AS_EP_END, 60), -1);
    int end = until(&r, 0, AS_EP_END, 100);
    CHECK(end >= AS_EP_HANG - 1 && end <= AS_EP_HANG + 5);
  }
}

TEST(as_endpointer_pause_between_words_is_no_end) {
  room r = room_with(40);
  (void)until(&r, 0, AS_EP_BEGIN, 50);
  CHECK(until(&r, 5000, AS_EP_BEGIN, 50) >= 0);
  for (int word = 0; word < 5; word++) {
    CHECK_EQ(until(&r, 5000, AS_EP_END, 15), -1);
    CHECK_EQ(until(&r, 0, AS_EP_END, AS_EP_HANG - 6), -1);
  }
  CHECK(until(&r, 0, AS_EP_END, 60) >= 0);
}

TEST(as_endpointer_click_is_no_turn) {
  room r = room_with(40);
  CHECK_EQ(until(&r, 0, AS_EP_BEGIN, 50), -1);
  CHECK_EQ(until(&r, 20000, AS_EP_BEGIN, 2), -1); /* 40 ms: not even a beginning */
  CHECK_EQ(until(&r, 0, AS_EP_BEGIN, 50), -1);
  CHECK(until(&r, 20000, AS_EP_BEGIN, 6) >= 0);
  CHECK(until(&r, 0, AS_EP_CLICK, 50) >= 0);
}

TEST(as_endpointer_gets_used_to_a_fan) {
  room r = room_with(20);
  CHECK_EQ(until(&r, 0, AS_EP_BEGIN, 100), -1);
  r.noise = 1500;
  CHECK(until(&r, 0, AS_EP_BEGIN, 100) >= 0); /* switched on: taken for a voice, until it is known */
  int n = 0;
  while (n < 4000 && r.ep.inside) n++, (void)push(&r, 0);
  CHECK(n <= AS_EP_MAX + 1);
  for (int i = 0; i < 60 * 50; i++) (void)push(&r, 0);
  CHECK_EQ(until(&r, 0, AS_EP_BEGIN, 500), -1);
  CHECK(until(&r, 12000, AS_EP_BEGIN, 50) >= 0);
}

TEST(as_endpointer_cuts_what_never_ends) {
  room r = room_with(30);
  CHECK_EQ(until(&r, 0, AS_EP_BEGIN, 50), -1);
  CHECK(until(&r, 9000, AS_EP_BEGIN, 50) >= 0);
  int end = until(&r, 9000, AS_EP_END, 2 * AS_EP_MAX);
  CHECK(end > 0 && end <= AS_EP_MAX);
}
