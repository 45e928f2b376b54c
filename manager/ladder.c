/* manager/ladder.c - see ladder.h, and the default settings with their reasons.
 *
 * Why these numbers. An attempt that costs nothing is made at once. Then the waits grow to 2.8 s: a restarted
 * gateway must be found within 3 s of its return, which rules out the 7 to 10 s at which others end; with full
 * jitter a crowd of N pages still asks only N / 1.4 times a second. There it stays until the overall deadline: a
 * gateway that refuses at once is asked a dozen times within 10 s, so longer waits further up the list would come
 * long before anybody has lost hope. |max_attempts| is what fits into that deadline, and some. The specification's
 * 3 attempts of 1, 2, 4 s end after 7 s, before a phone has changed from Wi-Fi to cellular.
 *
 * Who was in a call seconds ago and reaches nobody waits 0.6 s at most: a request that does not leave the house
 * costs nobody anything, and a network that is back is to be noticed within a second. */
#include "manager/ladder.h"

/* Where there was a path: two restarts and a new connection. Loss alone shall not end it. */
#define SOCKET_AFTER 3
#define KNOWN_US MGR_S(60) /* what was not found ahead of the press is not waited for once more */

void mgr_settings_default(mgr_settings *s) {
  static const uint32_t backoff_ms[] = {0, 300, 800, 1500, 2200, 2600, 2800};
  const uint32_t n_backoff = sizeof backoff_ms / sizeof *backoff_ms;
  *s = (mgr_settings){
      .seed = 1,
      .prepare = MGR_PREPARE_CONNECT,
      .prepared_idle_ms = 300000,
      .n_backoff = n_backoff,
      .max_attempts = 60,
      .jitter = true,
      .retry_after_max_ms = 60000,
      .servers_ms = 1500,
      .describe_ms = 3000,
      .gather_wait_ms = 0,
      .answer_ms = 8000,
      .path_ms = 6000,
      .secure_ms = 5000,
      .channel_ms = 4000,
      .trickle_ms = 20,
      .ping_ms = 400,
      .ping_idle_ms = 1000,
      .ping_timeout_ms = 450,
      .restart_ms = 3000,
      .stuck_ms = 5000,
      .resume_window_ms = 30000,
      .overall_ms = 60000,
      .offline_ms = 120000,
      .stable_ms = 10000,
      .direct_failures = 2,
      .bridge_ms = 250,
      .probe_ms = 5000,
      .near_ms = 5000,
      .near_wait_ms = 600,
      .require_microphone = false,
      .press_ms = 250,
      .thinking_ms = 10000,
  };
  for (uint32_t i = 0; i < n_backoff; i++) s->backoff_ms[i] = backoff_ms[i];
  mgr_bitrate_settings_default(&s->bitrate);
}

void mgr_settings_specification(mgr_settings *s) {
  mgr_settings_default(s);
  s->n_backoff = s->max_attempts = 3;
  for (uint32_t i = 0; i < 3; i++) s->backoff_ms[i] = 1000u << i;
  s->jitter = false;
}

void mgr_ladder_init(mgr_ladder *l, uint64_t seed) { *l = (mgr_ladder){.random = seed, .connected_at = MGR_NEVER}; }

/* PCG32 (XSH RR): small, and the same everywhere. Uniform in [0, bound]. */
uint32_t mgr_ladder_draw(mgr_ladder *l, uint32_t bound) {
  uint64_t old = l->random;
  l->random = old * 6364136223846793005u + 1442695040888963407u;
  uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27), turn = (uint32_t)(old >> 59);
  x = x >> turn | x << (-turn & 31);
  return (uint32_t)((uint64_t)x * (bound + (uint64_t)1) >> 32);
}

uint32_t mgr_ladder_wait_ms(mgr_ladder *l, const mgr_settings *s, uint32_t most_ms, uint32_t retry_after_ms) {
  uint32_t last = s->n_backoff ? s->n_backoff - 1 : 0;
  uint32_t base_ms = s->backoff_ms[l->n_attempts < last ? l->n_attempts : last];
  if (base_ms > most_ms) base_ms = most_ms;
  uint32_t wait_ms = s->jitter ? mgr_ladder_draw(l, base_ms) : base_ms;
  l->n_attempts++;
  if (!retry_after_ms) return wait_ms;
  if (retry_after_ms > s->retry_after_max_ms) retry_after_ms = s->retry_after_max_ms;
  /* All who were sent away with the same figure would come back in the same instant. */
  uint32_t spread_ms = s->jitter ? mgr_ladder_draw(l, retry_after_ms / 8) : 0;
  return wait_ms > retry_after_ms ? wait_ms : retry_after_ms + spread_ms;
}

bool mgr_ladder_is_used_up(const mgr_ladder *l, const mgr_settings *s) { return l->n_attempts >= s->max_attempts; }

void mgr_ladder_connected(mgr_ladder *l, mgr_route route, mgr_time now) {
  l->connected_at = now;
  l->n_restarts = 0;
  if (route == MGR_ROUTE_SOCKET) return; /* what finds no path still finds none: the next link goes this way, too */
  l->n_no_path = 0;
  l->had_path = true;
}

void mgr_ladder_lost(mgr_ladder *l, const mgr_settings *s, mgr_time now) {
  if (l->connected_at != MGR_NEVER && now - l->connected_at >= MGR_MS(s->stable_ms)) l->n_attempts = 0;
  l->connected_at = MGR_NEVER;
}

void mgr_ladder_no_path(mgr_ladder *l, mgr_time now) {
  l->n_no_path++;
  l->no_path_at = now;
}

void mgr_ladder_restart(mgr_ladder *l) { l->n_attempts = l->n_restarts = l->n_no_path = 0; }

void mgr_ladder_begin(mgr_ladder *l, mgr_time now) {
  uint32_t n_no_path = l->n_no_path && now - l->no_path_at < KNOWN_US ? l->n_no_path : 0;
  mgr_ladder_restart(l);
  l->n_no_path = n_no_path;
  l->had_path = false;
}

void mgr_ladder_new_network(mgr_ladder *l) { l->n_no_path = 0; }

mgr_route mgr_ladder_route(const mgr_ladder *l, const mgr_settings *s, bool has_relay) {
  mgr_route order[4];
  uint32_t n = 0, direct = s->direct_failures;
  if (s->socket) {
    order[n++] = MGR_ROUTE_SOCKET;
    direct = l->had_path ? SOCKET_AFTER : 1;
  }
  if (has_relay) {
    order[n++] = MGR_ROUTE_RELAY;
    order[n++] = MGR_ROUTE_RELAY_TCP;
  }
  if (!n || l->n_no_path < direct) return MGR_ROUTE_ALL;
  order[n++] = MGR_ROUTE_ALL;
  return order[(l->n_no_path - direct) % n];
}
