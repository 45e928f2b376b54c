/* assistant/endpointer.h - where an utterance begins and ends, from sound alone.
 *
 * Sans-IO: it is fed 20 ms at a time and time is what the samples say, so bursts and pauses of the network do not
 * matter. Voice is what stands clear of the room's noise, which is followed all the while. */
#ifndef ASSISTANT_ENDPOINTER_H
#define ASSISTANT_ENDPOINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  AS_EP_RATE = 16000,
  AS_EP_FRAME = 320,   /* samples per push: 20 ms */
  AS_EP_N_BEGIN = 5,   /* voiced frames within EP_WINDOW that make a beginning: 100 ms */
  AS_EP_WINDOW = 8,    /* 160 ms */
  AS_EP_HANG = 30,     /* quiet frames that make an end: 600 ms */
  AS_EP_PAUSE = 10,    /* those after which it is worth knowing whether the sentence is whole: 200 ms */
  AS_EP_SURE = 18,     /* those that make an end if it is: 360 ms */
  AS_EP_MIN_VOICE = 8, /* voiced frames an utterance needs; less is a click: 160 ms */
  AS_EP_MAX = 15 * 50, /* frames after which it is cut: 15 s */
  AS_EP_PRE_ROLL = 20, /* frames before the beginning that belong to it: 400 ms */
};

typedef enum as_ep_news {
  AS_EP_QUIET,
  AS_EP_BEGIN, /* voice began, at most AS_EP_WINDOW frames ago */
  AS_EP_INSIDE,
  AS_EP_END,   /* the utterance is complete */
  AS_EP_CLICK, /* it was too short to be one: forget it */
} as_ep_news;

typedef struct as_endpointer {
  float floor_db; /* the room */
  float dc;
  uint32_t history; /* one bit per frame, newest lowest: voiced */
  bool inside;
  unsigned n_quiet, n_voiced, n_frames;
} as_endpointer;

void as_endpointer_init(as_endpointer *ep);
/* Forgets the utterance but not the room. */
void as_endpointer_reset(as_endpointer *ep);
as_ep_news as_endpointer_push(as_endpointer *ep, const int16_t samples[AS_EP_FRAME]);

#endif
