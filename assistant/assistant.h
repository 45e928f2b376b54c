/* assistant/assistant.h - the embedded assistant: a XiaoZhi server inside this program.
 *
 * as_assistant_start opens a port and serves it from a thread of its own; speech is made and understood on further
 * threads. No network, no account, no key, unless stages of other servers are plugged in (remote.h). What it
 * serves:
 *
 *   WebSocket /xiaozhi/v1/             the XiaoZhi protocol; framing 1, 2 or 3, as the device announces
 *   GET, POST /xiaozhi/ota/            where the WebSocket is, and a code for devices that must be activated
 *   POST      /xiaozhi/ota/activate    200: activated, 202: not yet
 *   POST      /xiaozhi/vision/explain  a photo, multipart/form-data -> what can be measured of it. The token that
 *                                      MCP initialize brought is one session's, and ends with it
 *   GET, POST /xiaozhi/devices         for whoever runs it: list; {"code":"123456"} activates, {"forget":"MAC"}
 *   GET, POST /xiaozhi/memory          likewise: how much is remembered of how many; {"erase":"MAC"} or
 *                                      {"erase":"all"}
 *   GET       /xiaozhi/stats           likewise: as_assistant_stats
 *
 * All functions may be called from any thread, start and stop not at once for the same assistant. */
#ifndef ASSISTANT_ASSISTANT_H
#define ASSISTANT_ASSISTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum as_log_level { AS_LOG_ERROR, AS_LOG_WARNING, AS_LOG_INFO } as_log_level;

/* A stage that is plugged in instead of the built-in one; texts are copied. */
typedef struct as_plug {
  const char *url;      /* NULL or "": the built-in one */
  const char *key_file; /* its first line is the bearer token; NULL or "": none */
  const char *model;    /* NULL or "": what the API's documents use */
} as_plug;

enum { AS_PLUG_SECONDS = 8 };

typedef struct as_assistant_settings {
  const char *host;    /* address to listen on; default 127.0.0.1 */
  uint16_t port;       /* 0: any free one */
  const char *token;   /* whoever brings it as a bearer token may come; NULL or "": see activation */
  bool activation;     /* devices must be activated by a code; without it and without a token anybody may come */
  const char *devices; /* file of activated devices; NULL or "": they end with the program */
  const char *admin_token; /* of /xiaozhi/devices; NULL or "": no such route */
  unsigned n_sessions;     /* at most so many devices at once; default 256; one more gets 503 */
  unsigned n_workers;      /* speech threads, each with a model (13 MB) once used; default 2 */
  as_plug recogniser, dialogue, synthesiser;
  const char *wake_word;   /* as_world.wake_word; NULL or "": none */
  bool interim;            /* the recogniser is asked while somebody speaks, too, so that words can be shown */
  const char *voice_name;  /* of the synthesiser; NULL or "": "alloy" */
  const char *prompt_file; /* what a plugged-in dialogue is told about its part; NULL or "": as built in */
  const char *plug_ca;     /* certificates to trust for them; NULL or "": the system's */
  unsigned plug_seconds;   /* of silence after which a built-in stage takes over; 0: AS_PLUG_SECONDS */
  const char *model_dir;   /* pocketsphinx models; NULL: where the system keeps them */
  bool scripted;           /* no recognition and no voice: assistant/script.h, for measuring */
  /* One line per step of a session's life; called from several threads; may be NULL. */
  void (*log)(void *ctx, as_log_level level, const char *line);
  void *log_ctx;
} as_assistant_settings;

typedef struct as_assistant as_assistant;

typedef struct as_assistant_stats {
  uint32_t n_sessions; /* now */
  uint64_t n_sessions_total, n_refused, n_replaced;
  uint64_t n_heard, n_unrecognised, n_clicks, n_typed, n_barge_ins, n_failed_jobs; /* of ended and live sessions */
  uint64_t n_fallbacks; /* jobs of plugged-in stages that the built-in ones had to do */
  uint64_t n_photos;
  uint64_t n_frames_in, n_frames_out; /* of sound */
  uint64_t n_frames_late;             /* xz_server_stats.frames_late */
  uint64_t latest_us;                 /* the latest of all frames, after its slot */
} as_assistant_stats;

void as_assistant_settings_default(as_assistant_settings *settings);
/* Returns when the port is open. NULL: |error| says why. Texts are copied. */
as_assistant *as_assistant_start(const as_assistant_settings *settings, char *error, size_t error_cap);
uint16_t as_assistant_port(const as_assistant *assistant);
void as_assistant_stats_read(as_assistant *assistant, as_assistant_stats *stats);
/* Closes all sessions and waits for the threads. */
void as_assistant_stop(as_assistant *assistant);

#endif
