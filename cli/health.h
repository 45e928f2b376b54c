/* cli/health.h - `xiaozhi-rtc health`: does a gateway say that it is well? For health checks of containers. */
#ifndef CLI_HEALTH_H
#define CLI_HEALTH_H

/* |argv| without program and command name: [URL], by default this machine's port 51000 and /healthz; with a path,
 * that is asked. Prints what was said; exit code 0: it answered 200 within 5 s. */
int health_run(int argc, char **argv);

#endif
