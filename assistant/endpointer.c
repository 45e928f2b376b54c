/* assistant/endpointer.c - adaptive energy detector with hysteresis.
 *
 * Level: energy of the frame without its slow part (hum, wind, offset). Floor: falls at once, rises 1 dB a second,
 * so speech does not lift it and a fan does within seconds. Left out: any model of what a voice is. */
#include "assistant/endpointer.h"

#include <math.h>

#define FLOOR_MIN_DB 18.0f   /* of 16-bit units; quieter is a muted microphone */
#define FLOOR_START_DB 52.0f /* the first frame is taken for the room, but not if it is as loud as a voice */
#define CLEAR_DB 10.0f       /* voice stands this far above the floor ... */
#define STAY_DB 7.0f         /* ... and goes on while it stands this far */
#define VOICE_MIN_DB 40.0f   /* -50 dB of full scale */
#define RISE_DB 0.02f        /* per frame */

void as_endpointer_init(as_endpointer *ep) { *ep = (as_endpointer){.floor_db = FLOOR_START_DB}; }

void as_endpointer_reset(as_endpointer *ep) {
  float room = ep->floor_db;
  as_endpointer_init(ep);
  ep->floor_db = room;
}

static float level_db(as_endpointer *ep, const int16_t *samples) {
  float sum = 0;
  for (int i = 0; i < AS_EP_FRAME; i++) {
    ep->dc += 0.02f * ((float)samples[i] - ep->dc);
    float v = (float)samples[i] - ep->dc;
    sum += v * v;
  }
  return 10.0f * log10f(sum / AS_EP_FRAME + 1.0f);
}

static bool is_voiced(as_endpointer *ep, float db) {
  if (db < ep->floor_db)
    ep->floor_db = db > FLOOR_MIN_DB ? db : FLOOR_MIN_DB;
  else
    ep->floor_db += RISE_DB;
  float above = ep->inside ? STAY_DB : CLEAR_DB;
  return db > VOICE_MIN_DB && db > ep->floor_db + above;
}

static as_ep_news begin(as_endpointer *ep) {
  unsigned n = (unsigned)__builtin_popcount(ep->history & ((1u << AS_EP_WINDOW) - 1));
  if (n < AS_EP_N_BEGIN) return AS_EP_QUIET;
  ep->inside = true;
  ep->n_voiced = n;
  ep->n_quiet = ep->n_frames = 0;
  return AS_EP_BEGIN;
}

as_ep_news as_endpointer_push(as_endpointer *ep, const int16_t samples[AS_EP_FRAME]) {
  bool voiced = is_voiced(ep, level_db(ep, samples));
  ep->history = ep->history << 1 | voiced;
  if (!ep->inside) return begin(ep);
  ep->n_frames++;
  ep->n_voiced += voiced;
  ep->n_quiet = voiced ? 0 : ep->n_quiet + 1;
  if (ep->n_quiet < AS_EP_HANG && ep->n_frames < AS_EP_MAX) return AS_EP_INSIDE;
  bool click = ep->n_voiced < AS_EP_MIN_VOICE;
  as_endpointer_reset(ep);
  return click ? AS_EP_CLICK : AS_EP_END;
}
