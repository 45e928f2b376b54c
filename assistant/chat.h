/* assistant/chat.h - a dialogue in the OpenAI-compatible form: the request as JSON, the reply as a stream of
 * events.
 *
 * Reading is sans-IO and bounded: bytes come in any pieces (server-sent events, or one JSON object from servers
 * that do not stream), words go out as they come, tool calls are put together. What a model thinks between <think>
 * tags is not said. */
#ifndef ASSISTANT_CHAT_H
#define ASSISTANT_CHAT_H

#include <jansson.h>

#include "assistant/stage.h"
#include "wr/types.h"

enum {
  AS_CHAT_EVENT_MAX = 64 * 1024,   /* bytes of one event, or of a reply in one piece */
  AS_CHAT_REPLY_MAX = 1024 * 1024, /* bytes of a whole stream */
  AS_CHAT_CALLS_MAX = 8,           /* tool calls of one reply */
  AS_CHAT_NAME_MAX = 80,           /* bytes of a tool's name */
  AS_CHAT_ID_MAX = 64,             /* bytes of a call's id; longer ones are cut, and given back so */
  AS_CHAT_ARGUMENTS_MAX = 4096,    /* bytes of one call's arguments */
  AS_CHAT_TOOLS_BYTES = 24 * 1024, /* JSON of the tools that a request offers; further tools are left out */
  AS_CHAT_RESULT_MAX = 4096,       /* bytes of a tool's result that are passed on */
};

typedef struct as_chat_call {
  char id[AS_CHAT_ID_MAX], name[AS_CHAT_NAME_MAX];
  char *arguments;
  size_t n_arguments;
} as_chat_call;

typedef struct as_chat {
  void (*words)(void *ctx, const char *text, size_t len); /* UTF-8, never half a character */
  void *ctx;
  enum { AS_CHAT_UNKNOWN, AS_CHAT_EVENTS, AS_CHAT_OBJECT } form;
  char *line; /* the event, or the object, so far; grows up to AS_CHAT_EVENT_MAX */
  size_t n_line, line_cap, n_total;
  size_t n_name; /* of the field's name at the beginning of the line; SIZE_MAX: it is known */
  bool is_data;  /* the line's field */
  bool after_cr, line_empty, has_data;
  char name[8];
  /* <think> */
  enum { AS_THINK_MAYBE, AS_THINK_INSIDE, AS_THINK_NOT } thought;
  size_t n_tag;
  as_chat_call calls[AS_CHAT_CALLS_MAX];
  size_t n_calls;
  bool finished; /* the reply said that it is whole */
  as_why why;    /* what went wrong first */
  char error[160];
} as_chat;

void as_chat_begin(as_chat *chat, void (*words)(void *ctx, const char *text, size_t len), void *ctx);
/* false: it went wrong, or there is nothing more to wait for. */
bool as_chat_recv(as_chat *chat, wr_bytes bytes);
/* The stream is over. NONE: the reply was whole. */
as_why as_chat_end(as_chat *chat);
/* The calls as [{"id","name","arguments":{..}}]; NULL: none. Arguments that are no object count as none. */
json_t *as_chat_calls(const as_chat *chat);
void as_chat_wipe(as_chat *chat);

/* The body of a request. |messages| as the API has them. |tools|: as MCP lists them, NULL none. Owned by the
 * caller, NULL: out of memory. */
char *as_chat_request(const char *model, json_t *messages, const json_t *tools);
/* The MCP name behind the function |name| that a model calls; "." is not allowed in those. NULL: no such tool. */
const char *as_chat_tool(const json_t *tools, const char *name);
/* {"role":"user","content":[text, image]} with the JPEG inside. NULL: out of memory. */
json_t *as_chat_image(const char *text, wr_bytes jpeg);

#endif
