/* gateway/sender.c - a list of messages that found their mailbox full. */
#include "gateway/sender.h"

#include <stdlib.h>
#include <string.h>

struct gw_waiting {
  gw_waiting *next;
  gw_message message;
};

void gw_sender_init(gw_sender *sender, gw_mailbox *box) { *sender = (gw_sender){.box = box}; }

void gw_sender_wipe(gw_sender *sender) {
  while (sender->first) {
    gw_waiting *w = sender->first;
    sender->first = w->next;
    free(w->message.owned);
    free(w);
  }
  sender->last = NULL;
}

bool gw_sender_flush(gw_sender *sender) {
  while (sender->first) {
    gw_waiting *w = sender->first;
    if (!gw_mailbox_send(sender->box, &w->message, w->message.bytes, w->message.len)) return false;
    sender->first = w->next;
    if (!sender->first) sender->last = NULL;
    free(w);
  }
  return true;
}

bool gw_try_tell(gw_sender *sender, const gw_message *message, const void *bytes, size_t len) {
  return gw_sender_flush(sender) && gw_mailbox_send(sender->box, message, bytes, len);
}

void gw_tell(gw_sender *sender, const gw_message *message, const void *bytes, size_t len) {
  if (gw_try_tell(sender, message, bytes, len)) return;
  gw_waiting *w = malloc(sizeof(*w));
  if (!w) abort(); /* out of memory for a control message: there is no orderly way on */
  memcpy(&w->message, message, offsetof(gw_message, bytes));
  w->message.len = (uint16_t)len;
  if (len) memcpy(w->message.bytes, bytes, len);
  w->next = NULL;
  if (sender->last)
    sender->last->next = w;
  else
    sender->first = w;
  sender->last = w;
}

bool gw_tell_bytes(gw_sender *sender, gw_message *message, wr_bytes bytes, bool must) {
  size_t len = bytes.len;
  message->owned = NULL;
  message->owned_len = 0;
  if (len > GW_MESSAGE_INLINE) {
    message->owned = malloc(len);
    if (!message->owned) return false;
    memcpy(message->owned, bytes.data, len);
    message->owned_len = len;
    len = 0;
  }
  if (must) {
    gw_tell(sender, message, bytes.data, len);
    return true;
  }
  bool sent = gw_try_tell(sender, message, bytes.data, len);
  if (!sent) free(message->owned);
  return sent;
}
