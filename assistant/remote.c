/* assistant/remote.c - jobs as requests, replies as results. Left out: sound that is played before its sentence is
 * complete, formats other than WAV. */
#include "assistant/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assistant/chat.h"
#include "assistant/wav.h"

typedef struct plug {
  bool used;
  as_endpoint endpoint;
  size_t i_name;
  char key[AS_KEY_MAX];
  char model[128];
  wr_time rests_until;
  unsigned n_failures; /* in a row */
  uint32_t outage;
  as_why why;
} plug;

typedef struct request {
  as_ask *ask;
  as_job *job;
  as_remote *remote;
  as_chat chat;
  uint8_t *reply;
  size_t n_reply, reply_cap;
  bool reading, cancelled; /* its words are being told: it may not be freed under our feet */
  struct request *next;
} request;

struct as_remote {
  plug plugs[AS_N_STAGES];
  char voice[64];
  char ca[512]; /* a file; "": the system's */
  wr_time silence_us;
  as_remote_world world;
  as_asker asker;
  size_t n_names;
  const char *names[AS_N_STAGES];
  request *requests;
};

static wr_time now_us(void) { return (wr_time)lws_now_usecs(); }

/* ---- settings ---- */

static bool read_key(plug *p, const char *name, const char *path, char *error, size_t cap) {
  FILE *file = fopen(path, "re");
  bool got = file && fgets(p->key, sizeof p->key, file);
  int why = errno;
  if (file) fclose(file);
  size_t len = strcspn(p->key, "\r\n");
  if (!got)
    snprintf(error, cap, "%s-key-file: cannot read '%.200s': %s", name, path, file ? "it is empty" : strerror(why));
  if (got && len + 1 == sizeof p->key)
    snprintf(error, cap, "%s-key-file: the key in '%.200s' is too long", name, path);
  p->key[len] = 0;
  bool plain = strspn(p->key,
                      "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                      "abcdefghijklmnopqrstuvwxyz{|}~") == len;
  if (got && (!len || !plain))
    snprintf(error, cap, "%s-key-file: the first line of '%.200s' is no key", name, path);
  return got && len && plain && len + 1 < sizeof p->key;
}

static bool open_plug(as_remote *r, as_job_kind kind, const as_plug *settings, const char *route, char *error,
                      size_t cap) {
  plug *p = &r->plugs[kind];
  char why[256];
  const char *name = as_stage_name(kind);
  if (!settings->url || !*settings->url) {
    bool alone = (settings->model && *settings->model) || (settings->key_file && *settings->key_file);
    if (alone) snprintf(error, cap, "%s-model and %s-key-file need %s-url", name, name, name);
    return !alone;
  }
  p->used = true;
  if (!as_endpoint_read(&p->endpoint, settings->url, route, why, sizeof why)) {
    snprintf(error, cap, "%s-url: %s", name, why);
    return false;
  }
  snprintf(p->model, sizeof p->model, "%s", settings->model ? settings->model : "");
  p->i_name = r->n_names;
  if (!as_endpoint_is_address(&p->endpoint)) r->names[r->n_names++] = p->endpoint.host;
  return !settings->key_file || !*settings->key_file || read_key(p, name, settings->key_file, error, cap);
}

as_remote *as_remote_open(const as_assistant_settings *s, const as_remote_world *world, bool *none, char *error,
                          size_t cap) {
  as_remote *r = calloc(1, sizeof *r);
  *none = false;
  if (!r) return NULL;
  r->world = *world;
  r->silence_us = WR_S(s->plug_seconds ? s->plug_seconds : AS_PLUG_SECONDS);
  snprintf(r->ca, sizeof r->ca, "%s", s->plug_ca ? s->plug_ca : "");
  snprintf(r->voice, sizeof r->voice, "%s", s->voice_name && *s->voice_name ? s->voice_name : "alloy");
  bool fine = open_plug(r, AS_JOB_HEAR, &s->recogniser, "/audio/transcriptions", error, cap) &&
              open_plug(r, AS_JOB_THINK, &s->dialogue, "/chat/completions", error, cap) &&
              open_plug(r, AS_JOB_SPEAK, &s->synthesiser, "/audio/speech", error, cap);
  *none = fine && !r->plugs[0].used && !r->plugs[1].used && !r->plugs[2].used;
  if (fine && !*none) return r;
  as_remote_close(r);
  return NULL;
}

/* Where this system keeps the certificates it trusts: libwebsockets would not look there. */
static const char *ca_file(const as_remote *r) {
  static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
  const char *named = getenv("SSL_CERT_FILE");
  if (r->ca[0]) return r->ca;
  return named && *named ? named : bundle;
}

/* TLS costs megabytes to set up: only where it is used. */
void as_remote_prepare(const as_remote *r, struct lws_context_creation_info *info) {
  unsigned silence_s = (unsigned)(r->silence_us / WR_S(1));
  bool tls = false;
  info->fd_limit_per_thread += AS_ASKS_MAX;
  info->timeout_secs = silence_s + 20; /* ours is first */
  info->connect_timeout_secs = silence_s / 2 + 1;
  for (size_t i = 0; i < AS_N_STAGES; i++) tls = tls || r->plugs[i].endpoint.tls;
  if (!tls) return;
  info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  info->client_ssl_ca_filepath = ca_file(r);
}

bool as_remote_start(as_remote *r, struct lws_context *lws, struct lws_vhost *vhost, void (*wake)(void *ctx),
                     void *ctx) {
  r->asker.lws = lws;
  r->asker.vhost = vhost;
  if (!r->n_names) return true;
  r->asker.resolver = as_resolver_start(r->names, r->n_names, wake, ctx);
  return r->asker.resolver != NULL;
}

bool as_remote_does(const as_remote *r, as_job_kind kind) { return r && r->plugs[kind].used; }

const char *as_remote_model(const as_remote *r, as_job_kind kind) { return r->plugs[kind].model; }

const as_endpoint *as_remote_endpoint(const as_remote *r, as_job_kind kind) { return &r->plugs[kind].endpoint; }

bool as_remote_has_key(const as_remote *r, as_job_kind kind) { return r->plugs[kind].key[0] != 0; }

void as_remote_woken(as_remote *r) { as_asker_resolved(&r->asker); }

/* ---- one request ---- */

static void unlist(request *q) {
  for (request **at = &q->remote->requests; *at; at = &(*at)->next) {
    if (*at != q) continue;
    *at = q->next;
    return;
  }
}

static void free_request(request *q) {
  as_chat_wipe(&q->chat);
  free(q->reply);
  free(q);
}

void as_remote_close(as_remote *r) {
  if (!r) return;
  for (request *q; (q = r->requests);) {
    r->requests = q->next;
    as_ask_cancel(q->ask);
    as_job_free(q->job);
    free_request(q);
  }
  as_resolver_stop(r->asker.resolver);
  wr_wipe(r, sizeof *r); /* keys */
  free(r);
}

void as_remote_cancel(void *remote, uint64_t session) {
  as_remote *r = remote;
  for (request *q = r->requests, *next; q; q = next) {
    next = q->next;
    if (q->job->session != session) continue;
    q->cancelled = true;
    if (q->reading) continue;
    unlist(q);
    as_ask_cancel(q->ask);
    as_job_free(q->job);
    free_request(q);
  }
  r->world.built_in.cancel(r->world.built_in.ctx, session);
}

/* A job that is the built-in stage's now. */
static void pass_on(as_remote *r, as_job *job) {
  if (job->kind == AS_JOB_THINK) {
    job->failed = true;
    r->world.done(r->world.ctx, job);
  } else if (!r->world.built_in.take(r->world.built_in.ctx, job)) {
    job->failed = true;
    snprintf(job->error, sizeof job->error, "too many jobs");
    r->world.done(r->world.ctx, job);
  }
}

static void rest(plug *p, as_why why, unsigned retry_after_s) {
  wr_time seconds = 0;
  if (why == AS_WHY_REFUSED)
    seconds = AS_REST_REFUSED_S;
  else if (why == AS_WHY_LIMITED)
    seconds = retry_after_s ? (wr_time)retry_after_s : AS_REST_S;
  else if (p->n_failures >= 2)
    seconds = AS_REST_S;
  if (seconds > AS_REST_LONGEST_S) seconds = AS_REST_LONGEST_S;
  p->rests_until = now_us() + WR_S(seconds);
  p->why = why;
}

/* What the server said of its failure: {"error":{"message":".."}} and its relatives, or what came, as it is. */
static void words_of(const request *q, char *out, size_t cap) {
  json_t *json = json_loads(q->ask->error, 0, NULL);
  const json_t *error = json_object_get(json, "error"), *inner = json_object_get(error, "message");
  const char *text = json_string_value(inner ? inner : error ? error : json_object_get(json, "message"));
  if (!text) text = q->chat.error[0] ? q->chat.error : q->ask->error;
  snprintf(out, cap, "%.*s", (int)cap - 1, text);
  for (char *c = out; *c; c++)
    if ((unsigned char)*c < ' ') *c = ' ';
  json_decref(json);
}

static void note(request *q, as_why why) {
  as_remote *r = q->remote;
  plug *p = &r->plugs[q->job->kind];
  char line[500], what[sizeof q->job->error];
  if (!why) {
    p->n_failures = 0;
    return;
  }
  p->n_failures++;
  p->outage++;
  rest(p, why, q->ask->retry_after_s);
  words_of(q, what, sizeof what);
  q->job->status = q->ask->status;
  memcpy(q->job->error, what, sizeof q->job->error);
  snprintf(line, sizeof line, "%s of %s failed: %s status=%u says=%s", as_stage_name(q->job->kind),
           p->endpoint.authority, as_why_name(why), q->ask->status, what);
  r->world.log(r->world.ctx, AS_LOG_WARNING, line);
}

static bool keep(request *q, wr_bytes piece, size_t max) {
  if (piece.len > max - q->n_reply) return false;
  if (q->n_reply + piece.len > q->reply_cap) {
    size_t cap = (q->n_reply + piece.len) * 2;
    uint8_t *grown = realloc(q->reply, cap);
    if (!grown) return false;
    q->reply = grown;
    q->reply_cap = cap;
  }
  if (piece.len) memcpy(q->reply + q->n_reply, piece.data, piece.len);
  q->n_reply += piece.len;
  return true;
}

static bool on_data(as_ask *ask, wr_bytes piece) {
  request *q = ask->owner;
  if (q->job->kind == AS_JOB_THINK) {
    q->reading = true;
    bool more = as_chat_recv(&q->chat, piece) && !q->chat.finished;
    q->reading = false;
    return more && !q->cancelled;
  }
  bool kept = keep(q, piece, q->job->kind == AS_JOB_HEAR ? AS_HEARD_REPLY_MAX : AS_SPOKEN_REPLY_MAX);
  if (!kept) q->n_reply = 0; /* so that what is there is not taken for a whole reply */
  return kept;
}

/* ---- replies ---- */

static void take_words(char out[AS_HEARD_MAX], const char *text) {
  size_t n = 0;
  while (*text == ' ' || *text == '\n') text++;
  for (; text[n] && n < AS_HEARD_MAX - 1; n++) out[n] = (unsigned char)text[n] < ' ' ? ' ' : text[n];
  while (text[n] && n && ((unsigned char)text[n] & 0xc0) == 0x80) n--; /* not inside a character */
  while (n && out[n - 1] == ' ') n--;
  out[n] = 0;
}

static as_why read_heard(request *q) {
  json_t *json = json_loadb(q->reply ? (const char *)q->reply : "", q->n_reply, 0, NULL);
  const char *text = json_string_value(json_object_get(json, "text"));
  if (text) take_words(q->job->heard.text, text);
  json_decref(json);
  return text ? AS_WHY_NONE : AS_WHY_GARBLED;
}

static as_why read_spoken(request *q) {
  as_job *job = q->job;
  if (!q->reply) return AS_WHY_EMPTY;
  switch (as_wav_read(wr_bytes_of(q->reply, q->n_reply), &job->samples, &job->n_samples, &job->rate)) {
    case AS_WAV_OK: return AS_WHY_NONE;
    case AS_WAV_CUT: return AS_WHY_CUT;
    case AS_WAV_OTHER: return AS_WHY_GARBLED;
  }
  return AS_WHY_GARBLED;
}

/* What HTTP says counts unless the content is whole all the same: some servers end by closing. */
static as_why read_reply(request *q, as_why why) {
  if (why != AS_WHY_NONE && why != AS_WHY_CUT) return why;
  if (q->ask->status < 200 || q->ask->status > 299) return why ? why : AS_WHY_GARBLED;
  as_why content = AS_WHY_NONE;
  switch (q->job->kind) {
    case AS_JOB_HEAR: content = read_heard(q); break;
    case AS_JOB_SPEAK: content = read_spoken(q); break;
    case AS_JOB_THINK:
      q->reading = true;
      content = as_chat_end(&q->chat);
      q->reading = false;
      q->job->calls = content ? NULL : as_chat_calls(&q->chat);
      break;
    case AS_N_STAGES: break;
  }
  return content && why ? why : content;
}

static void on_done(as_ask *ask, as_why why) {
  request *q = ask->owner;
  as_remote *r = q->remote;
  as_job *job = q->job;
  if (!q->cancelled) why = read_reply(q, why);
  if (q->cancelled) {
    unlist(q);
    free_request(q);
    as_job_free(job);
    return;
  }
  note(q, why);
  unlist(q);
  free_request(q);
  job->why = why;
  job->outage = r->plugs[job->kind].outage;
  if (why && job->interim) { /* the built-in one would hear other words */
    job->failed = true;
    r->world.done(r->world.ctx, job);
    return;
  }
  if (why || job->kind == AS_JOB_SPEAK) /* sound is packed by the studio */
    pass_on(r, job);
  else
    r->world.done(r->world.ctx, job);
}

/* ---- requests ---- */

#define BOUNDARY "----xiaozhi-rtc-7MA4YWxkTrZu0gW"

static bool heard_body(const as_remote *r, as_ask *ask, const as_job *job) {
  static const char field[] = "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n";
  static const char tail[] = "\r\n--" BOUNDARY "--\r\n";
  char head[1200];
  size_t bytes = job->n_samples * 2;
  int n = snprintf(head, sizeof head, field, "response_format", "json");
  const char *model = r->plugs[AS_JOB_HEAR].model;
  n += snprintf(head + n, sizeof head - (size_t)n, field, "model", *model ? model : "whisper-1");
  n += snprintf(head + n, sizeof head - (size_t)n,
                "--" BOUNDARY
                "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n"
                "Content-Type: audio/wav\r\n\r\n");
  ask->content_type = "multipart/form-data; boundary=" BOUNDARY;
  ask->body = malloc((size_t)n + AS_WAV_HEAD + bytes + sizeof tail);
  if (!ask->body) return false;
  memcpy(ask->body, head, (size_t)n);
  as_wav_head(ask->body + n, job->n_samples, AS_RECOGNISER_RATE);
  if (bytes) memcpy(ask->body + n + AS_WAV_HEAD, job->samples, bytes); /* little endian, as we are */
  memcpy(ask->body + (size_t)n + AS_WAV_HEAD + bytes, tail, sizeof tail - 1);
  ask->n_body = (size_t)n + AS_WAV_HEAD + bytes + sizeof tail - 1;
  return true;
}

static bool json_body(as_ask *ask, char *text) {
  ask->content_type = "application/json";
  ask->body = (uint8_t *)text;
  ask->n_body = text ? strlen(text) : 0;
  return text != NULL;
}

static bool spoken_body(const as_remote *r, as_ask *ask, const as_job *job) {
  const char *model = r->plugs[AS_JOB_SPEAK].model;
  json_t *json = json_pack("{s:s,s:s,s:s,s:s}", "model", *model ? model : "tts-1", "input", job->text, "voice",
                           r->voice, "response_format", "wav");
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  return json_body(ask, text);
}

static bool make_body(const as_remote *r, as_ask *ask, as_job *job) {
  char *text = job->request;
  switch (job->kind) {
    case AS_JOB_HEAR: return heard_body(r, ask, job);
    case AS_JOB_SPEAK: return spoken_body(r, ask, job);
    case AS_JOB_THINK: job->request = NULL; return json_body(ask, text);
    case AS_N_STAGES: break;
  }
  return false;
}

static void on_words(void *ctx, const char *text, size_t len) {
  request *q = ctx;
  if (!q->cancelled) q->remote->world.words(q->remote->world.ctx, q->job, text, len);
}

static bool start(as_remote *r, as_job *job) {
  const plug *p = &r->plugs[job->kind];
  request *q = calloc(1, sizeof *q);
  as_ask *ask = calloc(1, sizeof *ask);
  if (!q || !ask || !make_body(r, ask, job)) {
    free(q);
    free(ask);
    return false;
  }
  *q = (request){.ask = ask, .job = job, .remote = r, .next = r->requests};
  as_chat_begin(&q->chat, on_words, q);
  ask->asker = &r->asker;
  ask->to = &p->endpoint;
  ask->i_name = p->i_name;
  ask->key = p->key;
  ask->silence_us = r->silence_us;
  ask->total_us = AS_PATIENCE_IN_ALL * r->silence_us;
  ask->data = on_data;
  ask->done = on_done;
  ask->owner = q;
  if (!as_ask_start(ask)) {
    free(ask->body);
    free(ask);
    free_request(q);
    return false;
  }
  r->requests = q;
  return true;
}

bool as_remote_take(void *remote, as_job *job) {
  as_remote *r = remote;
  plug *p = &r->plugs[job->kind];
  if (!p->used || job->by_built_in) return r->world.built_in.take(r->world.built_in.ctx, job);
  job->rests = now_us() < p->rests_until;
  job->why = job->rests ? p->why : AS_WHY_NONE;
  job->outage = p->outage;
  if (!job->rests && start(r, job)) return true;
  if (!job->rests) job->why = AS_WHY_BUSY;
  if (job->kind == AS_JOB_THINK || job->interim) return false; /* |why| says it */
  return r->world.built_in.take(r->world.built_in.ctx, job);
}
