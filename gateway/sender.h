/* gateway/sender.h - a sender's end of a mailbox that must not lose what matters.
 *
 * Speech and datagrams may be dropped when the other thread does not keep up; replies and the like may not. They
 * wait here in order. How many can wait is bounded by what causes them: one per HTTP request, per session and per
 * credit of a link. One thread. */
#ifndef GATEWAY_SENDER_H
#define GATEWAY_SENDER_H

#include "gateway/mailbox.h"

typedef struct gw_waiting gw_waiting;
typedef struct gw_sender {
  gw_mailbox *box;
  gw_waiting *first, *last;
} gw_sender;

void gw_sender_init(gw_sender *sender, gw_mailbox *box);
void gw_sender_wipe(gw_sender *sender);
/* Sends now, or as soon as there is room. Takes |message->owned| in any case. */
void gw_tell(gw_sender *sender, const gw_message *message, const void *bytes, size_t len);
/* Sends now, or not at all: then false, and |owned| stays the caller's. */
bool gw_try_tell(gw_sender *sender, const gw_message *message, const void *bytes, size_t len);
/* |bytes| of any length, copied, with the kind, number and session of |message|. |must|: as gw_tell; else as
 * gw_try_tell, with nothing left to the caller. false: it was dropped, or there was no memory for it. */
bool gw_tell_bytes(gw_sender *sender, gw_message *message, wr_bytes bytes, bool must);
/* Tries again. true: nothing waits any more. */
bool gw_sender_flush(gw_sender *sender);

#endif
