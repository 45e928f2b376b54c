/* client/client.h - the native client: connects to a gateway as a browser would, for people at a terminal, tests
 * and load. See `xiaozhi-rtc call --help`. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

/* Runs the subcommand; argv[0] is its name. Returns the exit code: 0 connected (and audio came back where asked
 * for), 1 not, 2 usage. */
int client_main(int argc, char **argv);

#endif
