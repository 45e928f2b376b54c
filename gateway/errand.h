/* gateway/errand.h - work that may block for seconds (a name server), on a thread that lives as long as it lasts
 * and comes home by mailbox. Whoever it was for may be gone by then: an errand carries its own copy of all it
 * needs. */
#ifndef GATEWAY_ERRAND_H
#define GATEWAY_ERRAND_H

#include "gateway/mailbox.h"

/* Where errands of this process come home to; borrowed until gw_errands_end. */
void gw_errands_begin(gw_mailbox *home);
/* From here on none comes home; what is under way ends with the process. */
void gw_errands_end(void);
/* Runs work(message->owned) elsewhere, then sends |message|. false: there is no thread for it; nothing happened. */
bool gw_errand_send(void (*work)(void *owned), const gw_message *message);

#endif
