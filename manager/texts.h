/* manager/texts.h - typed text is said once, and once more where a connection was lost before it had surely
 * arrived.
 *
 * Texts have numbers that grow; the hands hold the words. The channel is ordered, so the answer to a ping that was
 * sent after a text proves that the text arrived. A gateway knows a number that it has had and passes over it. A
 * value. */
#ifndef MANAGER_TEXTS_H
#define MANAGER_TEXTS_H

#include "manager/types.h"

#define MGR_N_TEXTS 8 /* held at a time; the hands refuse more */

typedef struct mgr_texts {
  int32_t told; /* the last number that was typed */
  int32_t said; /* on the present channel */
  int32_t most; /* ever said */
  int32_t done; /* arrived, or given up */
  mgr_time said_at;
} mgr_texts;

/* False: not a number above the last, or too many are held; the caller gives them up. */
bool mgr_texts_tell(mgr_texts *t, int32_t number);
/* The next to say now, which counts as said; 0: none. |*again|: it was said on another channel already. */
int32_t mgr_texts_say(mgr_texts *t, bool *again, mgr_time now);
/* Another channel: what was said on the last and is not known to have arrived is to be said again. */
void mgr_texts_new_channel(mgr_texts *t);
/* A ping sent at |sent_at| was answered. True: |done| has grown. */
bool mgr_texts_proved(mgr_texts *t, mgr_time sent_at);
/* Nothing more will be said. True: something was held. */
bool mgr_texts_give_up(mgr_texts *t);

#endif
