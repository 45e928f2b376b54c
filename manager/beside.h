/* manager/beside.h - what stands beside the link: a socket that carries the call while WebRTC mends itself (a
 * bridge), or WebRTC that is looked for while a socket carries it (a probe).
 *
 *   the link is silent for |bridge_ms| -> OPEN, OFFER -> CARRY the socket -> the link answers again, and for a
 * while
 *     -> CARRY the link, LEAVE the socket
 *   the link will not come back                       -> the socket is the link, and probed beside
 *   the link is a socket, for |probe_ms|              -> OPEN, OFFER -> CARRY the new one, which is the link, LEAVE
 */
#ifndef MANAGER_BESIDE_H
#define MANAGER_BESIDE_H

#include "manager/state.h"

void mgr_beside_init(mgr_manager *m);
bool mgr_beside_carries(const mgr_manager *m); /* the bridge does */
/* A bridge was asked for just now: a link that is lost waits for it until then. Otherwise 0. */
mgr_time mgr_beside_comes_until(const mgr_manager *m);
uint32_t mgr_beside_carrier(const mgr_manager *m);               /* number of whatever carries what is said */
void mgr_beside_close(mgr_manager *m);                           /* if there is one */
void mgr_beside_on_link(mgr_manager *m, const mgr_event *event); /* DESCRIBED .. BROKEN, of its number */
void mgr_beside_on_answered(mgr_manager *m, const mgr_event *event);
void mgr_beside_on_refused(mgr_manager *m);
void mgr_beside_link_is_well(mgr_manager *m); /* it has answered over its channel */
void mgr_beside_watch(mgr_manager *m);        /* what is due */
mgr_time mgr_beside_deadline(const mgr_manager *m);
/* The link is given up. true: the bridge is the link now, and the call goes on over it. */
bool mgr_beside_take_over(mgr_manager *m);
void mgr_beside_on_up(mgr_manager *m); /* a new link stands */
void mgr_beside_new_network(mgr_manager *m);

#endif
