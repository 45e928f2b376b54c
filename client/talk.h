/* client/talk.h - the conversation on the data channel (the messages of the gateway's interface). */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

#include "client/call.h"

void talk_on_open(call *c, wr_time now);                                 /* the channel can be written */
void talk_on_message(call *c, wr_bytes text, wr_time now);               /* one text message */
void talk_on_echo(call *c, bool is_text, wr_bytes message, wr_time now); /* with --echo-test */
void talk_on_spoken(call *c, wr_time now);                               /* the input file has been sent whole */
/* Prints one event: {"event":name, key:value} with --json, else "name: value". */
void talk_print(const call *c, const char *name, const char *key, const char *value);

#endif
