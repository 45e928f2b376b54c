/* gateway/notify.h - tells a service manager how we are: the datagram that sd_notify(3) describes. */
#ifndef GATEWAY_NOTIFY_H
#define GATEWAY_NOTIFY_H

/* |state|: READY=1, STOPPING=1, WATCHDOG=1. Without NOTIFY_SOCKET in the environment nobody is told. */
void gw_notify(const char *state);

#endif
