/* manager/ladder.h - how long to wait before which attempt, and by which rung and route: numbers only.
 *
 * A ladder counts the attempts since trouble began. Reaching the other side ends the trouble, but only a connection
 * that stayed for |stable_ms| starts the count anew, so a link that flaps is retried ever more slowly. */
#ifndef MANAGER_LADDER_H
#define MANAGER_LADDER_H

#include "manager/manager.h"

typedef struct mgr_ladder {
  uint64_t random;
  uint32_t n_attempts;   /* since the count began */
  uint32_t n_restarts;   /* ICE restarts of the present link in this trouble */
  uint32_t n_no_path;    /* attempts that were answered and found no path */
  mgr_time no_path_at;   /* of the last of them */
  bool had_path;         /* in this call, by WebRTC */
  mgr_time connected_at; /* MGR_NEVER: not connected */
} mgr_ladder;

void mgr_ladder_init(mgr_ladder *l, uint64_t seed);
/* Uniform in [0, bound]. */
uint32_t mgr_ladder_draw(mgr_ladder *l, uint32_t bound);
/* What the next attempt has to wait, in ms; counts it. |most_ms|: of the ladder's own wish. |retry_after_ms|: the
 * server's wish, 0 none. */
uint32_t mgr_ladder_wait_ms(mgr_ladder *l, const mgr_settings *s, uint32_t most_ms, uint32_t retry_after_ms);
bool mgr_ladder_is_used_up(const mgr_ladder *l, const mgr_settings *s);
void mgr_ladder_connected(mgr_ladder *l, mgr_route route, mgr_time now);
/* Trouble begins: the count starts anew if the connection was stable. */
void mgr_ladder_lost(mgr_ladder *l, const mgr_settings *s, mgr_time now);
/* An attempt was answered and found no path, or the socket did not get through. */
void mgr_ladder_no_path(mgr_ladder *l, mgr_time now);
/* As if nothing had ever gone wrong: the person or the network asks. */
void mgr_ladder_restart(mgr_ladder *l);
/* A call begins: the same, but for paths that were just looked for. */
void mgr_ladder_begin(mgr_ladder *l, mgr_time now);
/* What is known of paths is of another network. */
void mgr_ladder_new_network(mgr_ladder *l);
/* The way of the next new connection. */
mgr_route mgr_ladder_route(const mgr_ladder *l, const mgr_settings *s, bool has_relay);

#endif
