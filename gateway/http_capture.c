/* gateway/http_capture.c - records of a call (gateway/capture.h): who asks, the files, and the threads that write
 * them. Only with --capture-dir. A session has one file, FOLDER/ID.pcapng, readable for its owner only; another
 * record of the same session replaces it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/log.h"

#define PIPE_BYTES (1 << 20) /* of a second's picture and more, while the disk is busy */
#define SECONDS_DEFAULT 60
#define BYTES_DEFAULT (16u << 20)
#define END_WAIT_MS 2000

typedef struct writer {
  atomic_bool used;
  char id[GW_ID_HEX + 1];
  int from, to;
} writer;

static writer writers[GW_CAPTURES_MAX];

/* A full disk ends the file, not the reading: nobody may write into a pipe without an end. */
static void *carry(void *ctx) {
  writer *w = ctx;
  uint8_t bytes[16384];
  bool failed = false;
  for (ssize_t n; (n = read(w->from, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR);) {
    for (ssize_t at = 0; at < n && !failed;) {
      ssize_t written = write(w->to, bytes + at, (size_t)(n - at));
      failed = written < 0 && errno != EINTR;
      if (failed) gw_log(GW_ERROR, "capture", "session", w->id, "state", "cut", "reason", strerror(errno), NULL);
      if (written > 0) at += written;
    }
  }
  close(w->from);
  close(w->to);
  atomic_store(&w->used, false);
  return NULL;
}

static bool start_thread(writer *w) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the HTTP thread's */
  bool ok = pthread_create(&thread, NULL, carry, w) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (ok) pthread_detach(thread);
  return ok;
}

static writer *find_writer(const char *id) {
  for (unsigned i = 0; i < GW_CAPTURES_MAX; i++)
    if (atomic_load(&writers[i].used) && strcmp(writers[i].id, id) == 0) return &writers[i];
  return NULL;
}

static writer *free_writer(void) {
  for (unsigned i = 0; i < GW_CAPTURES_MAX; i++)
    if (!atomic_load(&writers[i].used)) return &writers[i];
  return NULL;
}

bool gw_capture_folder_is_usable(const char *folder) {
  return !folder[0] || ((mkdir(folder, 0700) == 0 || errno == EEXIST) && access(folder, R_OK | W_OK | X_OK) == 0);
}

void gw_capture_wait(void) {
  for (unsigned i = 0, ms = 0; i < GW_CAPTURES_MAX; i++)
    for (; atomic_load(&writers[i].used) && ms < END_WAIT_MS; ms++) usleep(1000);
}

/* ---- requests ---- */

/* The id in the path, and the folder; answers if there is none. -1: none. The name of a file is made of 32 hex
 * digits only. */
static int open_folder(gw_exchange *x, char name[GW_ID_HEX + 8]) {
  const char *folder = x->http->config->capture_dir, *id = x->path + strlen("/api/sessions/");
  char hex[GW_ID_HEX + 1];
  uint8_t bytes[16] = {0};
  int fd = -1;
  snprintf(hex, sizeof(hex), "%s", id);
  if (!folder[0])
    gw_respond_error(x, GW_HTTP_NOT_FOUND, "records of calls are off: --capture-dir", 0);
  else if (!gw_unhex(bytes, sizeof(bytes), hex) || id[GW_ID_HEX] != '/')
    gw_respond_error(x, GW_HTTP_NO_SESSION, NULL, 0);
  else if ((fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    gw_respond_error(x, GW_HTTP_INTERNAL, "--capture-dir cannot be opened", 0);
  gw_hex(hex, bytes, sizeof(bytes)); /* in one case */
  if (fd >= 0) snprintf(name, GW_ID_HEX + 8, "%s.pcapng", hex);
  return fd;
}

typedef struct limits {
  json_int_t seconds, bytes;
} limits;

static bool read_limits(gw_exchange *x, limits *l) {
  json_t *body = json_loadb((const char *)x->body, x->body_len, 0, NULL);
  const json_t *seconds = json_object_get(body, "seconds"), *bytes = json_object_get(body, "bytes");
  *l = (limits){SECONDS_DEFAULT, BYTES_DEFAULT};
  bool ok = json_is_object(body) && (!seconds || json_is_integer(seconds)) && (!bytes || json_is_integer(bytes));
  if (seconds) l->seconds = json_integer_value(seconds);
  if (bytes) l->bytes = json_integer_value(bytes);
  ok = ok && l->seconds >= 0 && l->seconds <= GW_CAPTURE_SECONDS_MAX && l->bytes >= 1 &&
       l->bytes <= GW_CAPTURE_BYTES_MAX;
  json_decref(body);
  if (!ok)
    gw_respond_error(x, GW_HTTP_BAD_JSON, "an object is wanted, with 'seconds' to 600 and 'bytes' to 67108864", 0);
  return ok;
}

static void tell(gw_exchange *x, gw_ref ref, gw_capture *capture) {
  if (!capture || !gw_exchange_await(x)) {
    if (capture) gw_capture_end(capture, NULL, gw_now());
    if (!x->ready) gw_respond_error(x, GW_HTTP_INTERNAL, NULL, 0);
    return;
  }
  gw_message message = {.kind = GW_CAPTURE, .ref = ref, .number = x->number, .owned = capture};
  gw_tell(&x->http->to[ref.worker], &message, NULL, 0);
}

/* The pipe's end that is written to; -1: answered why not. */
static int start_writer(gw_exchange *x, int folder, const char *name) {
  int ends[2];
  writer *w = free_writer();
  if (!w) {
    gw_respond_error(x, GW_HTTP_CONFLICT, "so many records are made already", 0);
    return -1;
  }
  if (pipe2(ends, O_CLOEXEC)) {
    gw_respond_error(x, GW_HTTP_INTERNAL, NULL, 0);
    return -1;
  }
  (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
  (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
  (void)unlinkat(folder, name, 0); /* never into what lies there, whatever it is */
  snprintf(w->id, sizeof(w->id), "%.*s", GW_ID_HEX, name);
  w->from = ends[0];
  w->to = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  atomic_store(&w->used, w->to >= 0);
  if (w->to >= 0 && start_thread(w)) return ends[1];
  if (w->to >= 0) close(w->to);
  atomic_store(&w->used, false);
  close(ends[0]);
  close(ends[1]);
  gw_respond_error(x, GW_HTTP_INTERNAL, "the file cannot be made", 0);
  return -1;
}

void gw_capture_post(gw_exchange *x) {
  char name[GW_ID_HEX + 8];
  gw_ref ref;
  limits l;
  int folder = open_folder(x, name), pipe = -1;
  if (folder < 0) return;
  bool ok = read_limits(x, &l) && gw_api_find(x, &ref);
  char id[GW_ID_HEX + 1];
  snprintf(id, sizeof(id), "%.*s", GW_ID_HEX, name);
  if (ok && l.seconds && find_writer(id)) {
    gw_respond_error(x, GW_HTTP_CONFLICT, "this session is recorded already", 0);
    ok = false;
  }
  if (ok && l.seconds) ok = (pipe = start_writer(x, folder, name)) >= 0;
  if (ok) tell(x, ref, gw_capture_new(pipe, id, (unsigned)l.seconds, (uint64_t)l.bytes));
  close(folder);
}

void gw_capture_get(gw_exchange *x) {
  char name[GW_ID_HEX + 8], id[GW_ID_HEX + 1];
  struct stat about;
  int folder = open_folder(x, name);
  if (folder < 0) return;
  snprintf(id, sizeof(id), "%.*s", GW_ID_HEX, name);
  int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (find_writer(id)) {
    gw_respond_error(x, GW_HTTP_CONFLICT, "it is being made", 0);
  } else if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
    gw_respond_file(x, "application/octet-stream", fd, (size_t)about.st_size);
    fd = -1;
  } else {
    gw_respond_error(x, GW_HTTP_NOT_FOUND, "there is no record of this session", 0);
  }
  if (fd >= 0) close(fd);
  close(folder);
}

void gw_capture_delete(gw_exchange *x) {
  char name[GW_ID_HEX + 8], id[GW_ID_HEX + 1];
  int folder = open_folder(x, name);
  if (folder < 0) return;
  snprintf(id, sizeof(id), "%.*s", GW_ID_HEX, name);
  if (find_writer(id))
    gw_respond_error(x, GW_HTTP_CONFLICT, "it is being made", 0);
  else if (unlinkat(folder, name, 0))
    gw_respond_error(x, GW_HTTP_NOT_FOUND, "there is no record of this session", 0);
  else
    gw_respond(x, 204, NULL, NULL, 0);
  close(folder);
}
