/* cli/check_stages.c - every stage that is plugged into the embedded assistant, asked as the assistant asks it (its
 * own code does), all at once; one sentence for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assistant/chat.h"
#include "assistant/remote.h"
#include "assistant/resample.h"
#include "cli/check.h"
#include "cli/plugs.h"
#include "cli/way.h"

#define SENTENCE "What time is it?"
#define PATIENCE WR_S(5)
#define LONG_WAIT WR_MS(2000) /* of an answer that comes: people notice */

typedef struct outcome {
  bool asked, done, has_words;
  as_why why;
  unsigned status;
  char said[AS_TEXT_MAX]; /* of a failure: the server's words; of a recogniser: what it heard */
  double sound_s;
  wr_time began, first_word, ended;
} outcome;

typedef struct doctor {
  const gw_config *config;
  check_finding *finding;
  as_remote *remote;
  struct lws_context *lws;
  unsigned n_open;
  outcome of[AS_N_STAGES];
} doctor;

/* ---- answers ---- */

static void take_outcome(void *ctx, as_job *job) {
  doctor *d = ctx;
  outcome *o = &d->of[job->kind];
  o->done = true;
  o->ended = way_now();
  o->why = job->why;
  o->status = job->status;
  snprintf(o->said, sizeof(o->said), "%s", job->why ? job->error : job->heard.text);
  if (job->rate) o->sound_s = (double)job->n_samples / job->rate;
  if (job->calls) o->has_words = true; /* or a tool to call instead */
  as_job_free(job);
  d->n_open--;
}

/* What a server could not do comes here, and sound that is whole. */
static bool take_built_in(void *ctx, as_job *job) {
  take_outcome(ctx, job);
  return true;
}

static void cancel_built_in(void *ctx, uint64_t session) { (void)ctx, (void)session; }

static void take_words(void *ctx, const as_job *job, const char *text, size_t len) {
  doctor *d = ctx;
  outcome *o = &d->of[job->kind];
  bool blank = strspn(text, " \n\t") >= len;
  if (!o->has_words && !blank) o->first_word = way_now();
  o->has_words |= !blank;
}

static void take_line(void *ctx, as_log_level level, const char *line) { (void)ctx, (void)level, (void)line; }

/* ---- questions ---- */

/* A sentence in the built-in voice; where there is none, as long a silence. */
static void add_speech(as_job *job) {
  char error[160];
  size_t n = 0;
  unsigned rate = AS_RECOGNISER_RATE;
  int16_t *voice = as_voice_samples(AS_ENGLISH, SENTENCE, &n, &rate, error, sizeof(error));
  job->n_samples = voice ? as_resample_length(n, rate, AS_RECOGNISER_RATE) : AS_RECOGNISER_RATE;
  job->samples = calloc(job->n_samples + 1, sizeof(*job->samples));
  if (voice && job->samples) as_resample(job->samples, AS_RECOGNISER_RATE, voice, n, rate);
  free(voice);
}

/* With a tool, for that is what some models do not take. */
static char *chat_body(const char *model) {
  json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", "Say hello in one word.");
  json_t *tools = json_pack("[{s:s,s:s,s:{s:s,s:{s:{s:s}}}}]", "name", "set_volume", "description",
                            "Sets the volume of the device.", "inputSchema", "type", "object", "properties",
                            "volume", "type", "integer");
  char *body = messages && tools ? as_chat_request(model, messages, tools) : NULL;
  json_decref(messages);
  json_decref(tools);
  return body;
}

static void ask(doctor *d, as_job_kind kind) {
  as_job *job = calloc(1, sizeof(*job));
  if (!job) abort();
  job->kind = kind;
  job->frame_ms = 60;
  snprintf(job->text, sizeof(job->text), SENTENCE);
  if (kind == AS_JOB_HEAR) add_speech(job);
  if (kind == AS_JOB_THINK) job->request = chat_body(as_remote_model(d->remote, kind));
  d->of[kind].asked = true;
  d->of[kind].began = way_now();
  d->n_open++;
  if (!as_remote_take(d->remote, job)) take_outcome(d, job);
}

static int on_wake(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  (void)user, (void)in, (void)len;
  doctor *d = lws_context_user(lws_get_context(wsi));
  if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED && d->remote) as_remote_woken(d->remote);
  return 0;
}

static void wake(void *ctx) {
  doctor *d = ctx;
  lws_cancel_service(d->lws);
}

static bool open_loop(doctor *d) {
  static const struct lws_protocols protocols[] = {{"wake", on_wake, 0, 0, 0, NULL, 0},
                                                   {"ask", as_ask_callback, 0, 16384, 0, NULL, 0},
                                                   {NULL, NULL, 0, 0, 0, NULL, 0}};
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols, .user = d, .gid = -1, .uid = -1};
  info.fd_limit_per_thread = 32;
  as_remote_prepare(d->remote, &info);
  lws_set_log_level(0, NULL);
  d->lws = lws_create_context(&info);
  return d->lws && as_remote_start(d->remote, d->lws, NULL, wake, d);
}

/* ---- sentences ---- */

static void say_refused(char *out, size_t cap, const doctor *d, as_job_kind kind) {
  bool has_key = as_remote_has_key(d->remote, kind);
  snprintf(out, cap,
           has_key ? "it refuses the key in --%s-key-file (%u)" : "it wants a key: give --%s-key-file (%u)",
           as_stage_name(kind), d->of[kind].status);
}

static void say_missing(char *out, size_t cap, const doctor *d, as_job_kind kind) {
  const outcome *o = &d->of[kind];
  const char *model = as_remote_model(d->remote, kind), *path = as_remote_endpoint(d->remote, kind)->path;
  if (strcasestr(o->said, "model"))
    snprintf(out, cap, "it does not know the model '%.80s' (404): see --%s-model", model, as_stage_name(kind));
  else
    snprintf(out, cap, "it has nothing at %.120s (404): see --%s-url", path, as_stage_name(kind));
}

/* libwebsockets does not tell the reason. */
static void say_unreachable(char *out, size_t cap, const doctor *d, as_job_kind kind) {
  const as_endpoint *to = as_remote_endpoint(d->remote, kind);
  char otherwise[200];
  gw_ice_url url = {.tcp = true, .secured = to->tls, .literal = as_endpoint_is_address(to), .port = to->port};
  snprintf(url.host, sizeof(url.host), "%s", to->host);
  snprintf(otherwise, sizeof(otherwise), "it cannot be reached: %.160s", d->of[kind].said);
  way_explain(out, cap, &url, d->config->backend_ca[0] != 0, otherwise, PATIENCE);
}

static void say_failure(char *out, size_t cap, const doctor *d, as_job_kind kind) {
  const outcome *o = &d->of[kind];
  const char *colon = o->said[0] ? ": " : "";
  switch (o->why) {
    case AS_WHY_NONE: break;
    case AS_WHY_UNREACHABLE: say_unreachable(out, cap, d, kind); break;
    case AS_WHY_SLOW:
      snprintf(out, cap, "no answer within %d s: the built-in stage would take over (--stage-seconds)",
               (int)d->config->stage_seconds);
      break;
    case AS_WHY_REFUSED: say_refused(out, cap, d, kind); break;
    case AS_WHY_MISSING: say_missing(out, cap, d, kind); break;
    case AS_WHY_LIMITED: snprintf(out, cap, "it wants to be asked less often (429)%s%s", colon, o->said); break;
    case AS_WHY_REJECTED: snprintf(out, cap, "it rejects the request (%u)%s%s", o->status, colon, o->said); break;
    case AS_WHY_BROKEN:
      if (o->status >= 500)
        snprintf(out, cap, "it has a fault of its own (%u)%s%s", o->status, colon, o->said);
      else
        snprintf(out, cap, "it reports a fault of its own%s%s", colon, o->said);
      break;
    case AS_WHY_GARBLED:
      if (o->status / 100 == 3)
        snprintf(out, cap, "it redirects (%u), which is not followed: see --%s-url", o->status,
                 as_stage_name(kind));
      else
        snprintf(out, cap, "what it sends is %s",
                 kind == AS_JOB_SPEAK ? "no WAV of 16 bits" : "no answer in the OpenAI-compatible form");
      break;
    case AS_WHY_CUT: snprintf(out, cap, "it breaks off in the middle of its answer"); break;
    case AS_WHY_EMPTY: snprintf(out, cap, "it answers without a word"); break;
    case AS_WHY_BUSY: snprintf(out, cap, "it could not be asked: no memory"); break;
  }
}

static void say_success(char *out, size_t cap, const outcome *o, as_job_kind kind) {
  wr_time took = (o->first_word ? o->first_word : o->ended) - o->began;
  int ms = (int)(took / 1000);
  int n = snprintf(out, cap, took < LONG_WAIT ? "answers after %d ms" : "answers, but only after %d ms", ms);
  out += n;
  cap -= (size_t)n;
  if (kind == AS_JOB_HEAR && o->said[0])
    snprintf(out, cap, "; of '" SENTENCE "' it heard '%.80s'", o->said);
  else if (kind == AS_JOB_HEAR)
    snprintf(out, cap, "; of '" SENTENCE "' it heard nothing");
  else if (kind == AS_JOB_SPEAK)
    snprintf(out, cap, ", with %.1f s of speech", o->sound_s);
}

static void report(doctor *d, as_job_kind kind, const char *url) {
  char said[400], line[GW_TEXT_MAX + sizeof(said) + 8];
  outcome *o = &d->of[kind];
  if (!o->why && kind == AS_JOB_THINK && !o->has_words) o->why = AS_WHY_EMPTY;
  if (!o->why && kind == AS_JOB_SPEAK && o->sound_s <= 0) o->why = AS_WHY_GARBLED;
  if (!o->done)
    snprintf(said, sizeof(said), "it could not be asked");
  else if (o->why)
    say_failure(said, sizeof(said), d, kind);
  else
    say_success(said, sizeof(said), o, kind);
  snprintf(line, sizeof(line), "%s: %s", url, said);
  d->finding(o->done && !o->why, as_stage_name(kind), line);
}

void check_stages(const gw_config *config, check_finding *finding) {
  static doctor d; /* large */
  char error[256] = "out of memory";
  bool none;
  as_assistant_settings settings = {0};
  const char *urls[AS_N_STAGES] = {config->stt_url, config->llm_url, config->tts_url};
  as_remote_world world = {{take_built_in, cancel_built_in, &d}, take_words, take_outcome, take_line, &d};
  d = (doctor){.config = config, .finding = finding};
  plugs_read(&settings, config);
  d.remote = as_remote_open(&settings, &world, &none, error, sizeof(error));
  if (!d.remote && !none) finding(false, "stages", error);
  if (!d.remote) return; /* nothing is said of what was not asked for */
  if (open_loop(&d)) {
    for (as_job_kind kind = 0; kind < AS_N_STAGES; kind++)
      if (as_remote_does(d.remote, kind)) ask(&d, kind);
    while (d.n_open && lws_service(d.lws, 0) >= 0) continue;
  }
  for (as_job_kind kind = 0; kind < AS_N_STAGES; kind++)
    if (as_remote_does(d.remote, kind)) report(&d, kind, urls[kind]);
  as_remote *remote = d.remote;
  d.remote = NULL;
  as_remote_close(remote);
  if (d.lws) lws_context_destroy(d.lws);
}
