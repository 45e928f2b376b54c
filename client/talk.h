/* client/talk.h - the conversation on the data channel (the messages of the gateway's interface). */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

#include "client/call.h"

void talk_on_open(call *c, wr_time now);                           /* the channel can be written */
void talk_on_ready(call *c, wr_time now);                          /* the assistant is there, for the first time */
void talk_on_message(call *c, const caller_out *out, wr_time now); /* CALLER_OUT_MESSAGE */
void talk_on_spoken(call *c, wr_time now);                         /* the input file has been sent whole */
/* Prints one event: {"event":name, key:value} with --json, else "name: value". */
void talk_print(const call *c, const char *name, const char *key, const char *value);

/* Names of mgr_state, mgr_reason and mgr_rung in small letters; good until the next call of one of the three. */
const char *talk_state(int32_t value);
const char *talk_reason(int32_t value);
const char *talk_rung(int32_t value);

#endif
