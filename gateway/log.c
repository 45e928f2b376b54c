/* gateway/log.c - formatting and the one write. */
#include "gateway/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"

#define N_PAIRS_MAX 12

static _Atomic gw_severity least = GW_INFO;
static gw_log_form form_used;

static const char *const names[] = {"debug", "info", "warn", "error"};

void gw_log_level(const char *level) {
  gw_severity found = GW_OFF;
  for (int i = 0; i < 4; i++)
    if (strcmp(level, names[i]) == 0) found = (gw_severity)i;
  atomic_store_explicit(&least, found, memory_order_relaxed);
}

void gw_log_setup(const char *level, const char *format) {
  gw_log_level(level);
  form_used = strcmp(format, "json") == 0                                  ? GW_LOG_JSON
              : gw_log_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM")) ? GW_LOG_JOURNAL
                                                                           : GW_LOG_TEXT;
}

bool gw_log_is_journal(int fd, const char *stream) {
  struct stat status;
  char own[64];
  if (!stream || fstat(fd, &status)) return false;
  snprintf(own, sizeof(own), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
  return strcmp(own, stream) == 0;
}

static void write_quoted(wr_writer *w, const char *text) {
  static const char hex[] = "0123456789abcdef";
  wr_write_u8(w, '"');
  for (; *text; text++) {
    uint8_t c = (uint8_t)*text;
    if (c == '"' || c == '\\') wr_write_u8(w, '\\');
    if (c >= 0x20) {
      wr_write_u8(w, c);
    } else {
      wr_write_text(w, "\\u00");
      wr_write_u8(w, (uint8_t)hex[c >> 4]);
      wr_write_u8(w, (uint8_t)hex[c & 15]);
    }
  }
  wr_write_u8(w, '"');
}

static bool is_plain(const char *text) {
  if (!*text) return false;
  for (; *text; text++)
    if ((uint8_t)*text <= ' ' || *text == '"' || *text == '=' || (uint8_t)*text == 127) return false;
  return true;
}

static void write_time(wr_writer *w, int64_t wall_us) {
  time_t seconds = (time_t)(wall_us / 1000000);
  struct tm tm;
  char text[64];
  gmtime_r(&seconds, &tm);
  size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(wall_us / 1000 % 1000));
  wr_write_text(w, text);
}

/* What stands before the event. */
static void write_head(wr_writer *w, gw_log_form form, int64_t wall_us, gw_severity severity) {
  static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"}; /* sd-daemon(3) */
  if (form == GW_LOG_JOURNAL) {
    wr_write_text(w, priorities[severity]);
    return;
  }
  bool json = form == GW_LOG_JSON;
  wr_write_text(w, json ? "{\"time\":\"" : "");
  write_time(w, wall_us);
  wr_write_text(w, json ? "\",\"level\":\"" : " ");
  wr_write_text(w, names[severity]);
  wr_write_text(w, json ? "\",\"event\":" : " ");
}

size_t gw_log_format(char *out, size_t cap, gw_log_form form, int64_t wall_us, gw_severity severity,
                     const char *event, const char *const *pairs) {
  wr_writer w = wr_writer_of((uint8_t *)out, cap - 2); /* room for what ends a line that was cut */
  bool json = form == GW_LOG_JSON;
  write_head(&w, form, wall_us, severity);
  json ? write_quoted(&w, event) : wr_write_text(&w, event);
  for (size_t i = 0; pairs[i]; i += 2) {
    wr_writer before = w;
    const char *value = pairs[i + 1] ? pairs[i + 1] : "";
    wr_write_text(&w, json ? "," : " ");
    json ? write_quoted(&w, pairs[i]) : wr_write_text(&w, pairs[i]);
    wr_write_text(&w, json ? ":" : "=");
    json || !is_plain(value) ? write_quoted(&w, value) : wr_write_text(&w, value);
    if (wr_writer_ok(&w)) continue;
    w = before; /* a pair is whole or absent */
    break;
  }
  size_t len = wr_writer_len(&w);
  if (json) out[len++] = '}';
  out[len] = 0;
  return len;
}

void gw_log(gw_severity severity, const char *event, ...) {
  if (severity < atomic_load_explicit(&least, memory_order_relaxed)) return;
  const char *pairs[2 * N_PAIRS_MAX + 1] = {NULL};
  va_list args;
  va_start(args, event);
  for (size_t i = 0; i < 2 * N_PAIRS_MAX; i += 2) {
    pairs[i] = va_arg(args, const char *);
    if (!pairs[i]) break;
    pairs[i + 1] = va_arg(args, const char *);
  }
  va_end(args);
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  char line[2048];
  size_t len = gw_log_format(line, sizeof(line) - 1, form_used,
                             (int64_t)wall.tv_sec * 1000000 + wall.tv_nsec / 1000, severity, event, pairs);
  line[len++] = '\n';
  if (write(STDERR_FILENO, line, len) < 0) return; /* nowhere left to say it */
}
