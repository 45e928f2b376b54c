/* gateway/ota.c - a session asks where its assistant's server is, where --backend is ota:URL: the worker's hands
 * for xiaozhi/ota.h. Requests go to the HTTP thread, news to the page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/gateway.h"
#include "gateway/log.h"
#include "gateway/session.h"
#include "gateway/worker.h"

#define CODE_LASTS_MS                                                                         \
  60000 /* a shorter time is how long a device waits for an answer, not how long a code holds \
         */
#define SKEW_MS 300000

static const char *url_of(const gw_session *s) {
  const char *backend = s->worker->settings.config->backend;
  if (strncmp(backend, "ota:", 4) != 0) return NULL;
  return strcmp(backend, "ota:official") == 0 ? XZ_OTA_OFFICIAL : backend + 4;
}

bool gw_ota_is_used(const gw_session *s) { return url_of(s) != NULL; }

void gw_ota_init(gw_session *s) { xz_ota_init(&s->cold->ota); }

static void send_request(gw_session *s, xz_ota_request request) {
  const gw_list *ips = &s->worker->settings.config->public_ip;
  gw_ask *ask = calloc(1, sizeof(*ask));
  if (!ask) abort();
  ask->ref = gw_session_ref(s);
  ask->identity = s->identity;
  if (request == XZ_OTA_ACTIVATE) {
    (void)xz_ota_activate_url(ask->url, sizeof(ask->url), url_of(s));
    ask->len = (size_t)snprintf(ask->body, sizeof(ask->body), "{}");
  } else {
    xz_ota_device device = {s->identity.mac, s->identity.client_id,
                            "xiaozhi-rtc",   GW_VERSION,
                            "en-US",         ips->n ? ips->item[0] : "127.0.0.1"};
    snprintf(ask->url, sizeof(ask->url), "%s", url_of(s));
    ask->len = xz_ota_write(ask->body, sizeof(ask->body), &device);
  }
  gw_tell(&s->worker->http, &(gw_message){.kind = GW_ASK, .owned = ask, .ref = ask->ref}, NULL, 0);
}

void gw_ota_tick(gw_session *s, wr_time now) {
  xz_ota_request request = xz_ota_ask(&s->cold->ota, now);
  if (request != XZ_OTA_NOTHING) send_request(s, request);
}

bool gw_ota_start(gw_session *s, wr_time now) {
  xz_ota_start(&s->cold->ota, now);
  if (s->cold->ota.state == XZ_OTA_READY) return true;
  gw_ota_tick(s, now);
  return false;
}

static int64_t wall_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell_code(gw_session *s, wr_time now) {
  const xz_ota *ota = &s->cold->ota;
  char until[24];
  bool lasts = ota->timeout_ms >= CODE_LASTS_MS;
  time_t at = (time_t)((wall_ms() + ota->timeout_ms) / 1000);
  struct tm tm;
  gmtime_r(&at, &tm);
  strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm);
  gw_page_tell(s, "activation", now, "code", ota->code, "message", ota->message, "expiresAt", lasts ? until : NULL,
               NULL);
}

void gw_ota_tell_state(gw_session *s, wr_time now) {
  const xz_ota *ota = &s->cold->ota;
  if (ota->state == XZ_OTA_RETRYING) {
    gw_page_tell(s, "backend", now, "state", "lost", "reason", ota->error, NULL);
    gw_link_say_retrying(s, ota->ask_at > now ? ota->ask_at - now : 0, now);
    return;
  }
  gw_page_tell(s, "backend", now, "state", "connecting", NULL);
  if (ota->state == XZ_OTA_ACTIVATING) tell_code(s, now);
}

static void check_clock(const gw_session *s) {
  const xz_ota *ota = &s->cold->ota;
  char text[24];
  if (!ota->has_skew || (ota->skew_ms < SKEW_MS && ota->skew_ms > -SKEW_MS)) return;
  snprintf(text, sizeof(text), "%lld", (long long)(ota->skew_ms / 1000));
  gw_log(GW_WARN, "clock", "session", s->id_text, "server_ahead_s", text, NULL);
}

bool gw_ota_answer(gw_session *s, unsigned status, wr_bytes body, wr_time now) {
  xz_ota *ota = &s->cold->ota;
  bool known_code = ota->state == XZ_OTA_ACTIVATING;
  switch (xz_ota_answer(ota, status, body, wall_ms(), now)) {
    case XZ_OTA_NO_NEWS: break;
    case XZ_OTA_NEWS_READY: check_clock(s); return true;
    case XZ_OTA_NEWS_CODE:
      if (!known_code) gw_log(GW_INFO, "backend", "session", s->id_text, "state", "activation", NULL);
      tell_code(s, now);
      break;
    case XZ_OTA_NEWS_FAILED:
      s->worker->metrics.counter[GW_BACKEND_FAILURES]++;
      gw_session_trouble(s, "assistant", "ota");
      gw_log(GW_WARN, "backend", "session", s->id_text, "state", "lost", "reason", ota->error, NULL);
      gw_ota_tell_state(s, now);
      break;
  }
  gw_ota_tick(s, now);
  return false;
}
