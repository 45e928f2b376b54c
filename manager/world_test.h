/* manager/world_test.h - hands for tests: a virtual clock, a record of the commands, a gateway that answers. */
#ifndef MANAGER_WORLD_TEST_H
#define MANAGER_WORLD_TEST_H

#include "manager/state.h"

#define WORLD_LOG_MAX 512

typedef struct world {
  mgr_manager m;
  mgr_time now;
  mgr_command log[WORLD_LOG_MAX]; /* since world_forget */
  size_t n_log;
  uint32_t link, request;          /* the newest named by a command; events name them */
  uint32_t open_link;              /* opened and not closed; 0: none */
  uint32_t beside, beside_request; /* the same of what stands beside it */
  uint32_t last_fetch;
} world;

void world_begin(world *w, const mgr_settings *settings);
/* One event, and everything it leads to into the log. */
void world_tell(world *w, mgr_event_kind kind, int32_t value, uint32_t more);
/* The same, naming what stands beside the link. */
void world_tell_beside(world *w, mgr_event_kind kind, int32_t value);
void world_sample(world *w, uint32_t link, const mgr_sample *sample);
/* Lets |ms| pass, deadline by deadline. */
void world_wait(world *w, uint32_t ms);
/* Up to the next deadline, and through it; false: there is none. */
bool world_step(world *w);
void world_forget(world *w);
/* How often |kind| was commanded, and the latest; NULL: never. */
size_t world_count(const world *w, mgr_command_kind kind);
const mgr_command *world_last(const world *w, mgr_command_kind kind);

/* From the OPEN that was commanded to READY, answering as a gateway on a good day; |resumed| as the answer says. */
void world_answer_all(world *w, bool resumed);
/* START to READY with a microphone. */
void world_connect(world *w, mgr_mode mode);
/* A pong for each ping, for |ms|. */
void world_talk(world *w, uint32_t ms);

#endif
