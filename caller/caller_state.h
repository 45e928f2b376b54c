/* caller/caller_state.h - the inside of a caller, for the files of this room only.
 *
 * caller.c   life, links, poll
 * commands.c what the manager wants
 * http.c     requests and their results
 * chat.c     messages on the data channel */
#ifndef CALLER_CALLER_STATE_H
#define CALLER_CALLER_STATE_H

#include "caller/caller.h"

#define N_LINKS 2
#define N_REPORTS 32 /* waiting for the manager: more means the owner does not drain */
#define N_REQUESTS 8 /* waiting for poll, and as many waiting for their result; the oldest gives way */
#define LOCATION_MAX 128
#define TOKEN_MAX 160
#define N_LINES 8 /* candidates that wait to be told */
#define LINE_MAX 160

typedef struct caller_link {
  uint32_t number; /* 0: free */
  wr_conn *conn;   /* NULL: waits for addresses */
  void *memory;
  bool closing; /* says goodbye, then is wiped */
  bool has_channel, channel_open, had_channel, heard, wants_bind;
  wr_gather *gather; /* NULL: none */
  size_t n_lines;
  char line[N_LINES][LINE_MAX];
  bool gathered;           /* all candidates are known, and that is to be told */
  uint32_t restart_number; /* request that waits for addresses; 0: none */
  uint16_t channel;
  uint32_t n_paths; /* selections so far: mgr_sample.pair */
  wr_time sample_at;
  size_t n_locals;
  wr_addr local[CALLER_N_LOCALS];
  char location[LOCATION_MAX];
} caller_link;

typedef enum request_kind {
  REQUEST_NONE,
  REQUEST_SERVERS,
  REQUEST_OFFER,
  REQUEST_RESTART,
  REQUEST_TRICKLE,
  REQUEST_DELETE
} request_kind;

typedef struct caller_task {
  request_kind kind;
  uint32_t number, link;
  bool resumes;
  char path[LOCATION_MAX + 8]; /* room for "/offer" */
} caller_task;

typedef struct caller_report {
  uint32_t link;
  mgr_gateway_report figures;
} caller_report;

struct caller {
  caller_settings settings;
  mgr_manager *manager;
  caller_link link[N_LINKS];
  uint32_t chat_link;     /* whose channel opened last */
  uint32_t attached_link; /* that carries the microphone; 0: none */
  bool mic_live;
  mgr_event report[N_REPORTS]; /* to the manager */
  size_t n_reports, first_report;
  caller_report gateway; /* link 0: none */
  caller_task task[N_REQUESTS], awaited[N_REQUESTS];
  size_t n_tasks, n_awaited;
  char token[TOKEN_MAX];
  uint32_t session_link;         /* the first one of the present session */
  int64_t heard;                 /* number of the last message of its conversation that came; 0: none */
  uint32_t gaps;                 /* bit i: heard - 1 - i has not come */
  int32_t n_texts, n_texts_done; /* typed so far; of these no longer held */
  char text[CALLER_N_TEXTS][CALLER_TEXT_MAX + 1];
  char why[128]; /* of the last refusal */
  int status;
  bool was_refused;
  json_t *json;    /* of the message handed out last */
  json_t *servers; /* NULL: not told */
};

/* caller.c */
void caller_report_to(caller *c, const mgr_event *event);
caller_link *caller_link_of(caller *c, uint32_t number); /* NULL: gone */
/* commands.c: true: |out| is for the application. */
bool caller_obey(caller *c, const mgr_command *command, caller_out *out, wr_time now);
void caller_wipe_link(caller_link *link);
/* http.c */
void caller_ask(caller *c, request_kind kind, uint32_t number, uint32_t link, bool resumes, const char *path);
/* The next request, its body written to |buffer|; false: none. */
bool caller_poll_request(caller *c, uint8_t *buffer, size_t cap, caller_request *request, wr_time now);
/* chat.c */
void caller_say_command(caller *c, const mgr_command *command, wr_time now);
/* Reports what the message means. The parsed object, NULL if it is none: to be given back with json_decref.
 * |*again|: it had come before, over another link, and means nothing. */
json_t *caller_read_message(caller *c, const caller_link *link, wr_bytes text, bool *again, wr_time now);
void caller_open_channel(caller *c, caller_link *link, wr_time now);
/* Of the messages of the session's conversation: it and all before it have come. */
int64_t caller_heard(const caller *c);
void caller_say_heard(caller *c, caller_link *link, wr_time now);

#endif
