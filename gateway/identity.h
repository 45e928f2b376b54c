/* gateway/identity.h - which device a caller is to a XiaoZhi server.
 *
 * A page brings its own address and keeps it. Callers that bring none are devices made from a secret in a file and
 * the slot their session lives in: the same few each time, never a new one per attempt, for every new address is
 * one more unknown device, and one more code, to a server that binds devices. */
#ifndef GATEWAY_IDENTITY_H
#define GATEWAY_IDENTITY_H

#include "gateway/protocol.h"

#define GW_SECRET_BYTES 16

/* Reads |path|, or makes it (0600, whole or not at all; folders that are missing are made, too). "": the place
 * where programs keep their state: $STATE_DIRECTORY, $XDG_STATE_HOME or ~/.local/state. false: |error| says why. */
bool gw_identity_load(uint8_t secret[GW_SECRET_BYTES], const char *path, char error[512]);

/* |name| in the place where programs keep their state; see above. false: there is none, or the path is too long. */
bool gw_state_path(char *path, size_t cap, const char *name);

/* Locally administered, one station; lower case with colons. */
void gw_identity_from_random(gw_identity *identity, const uint8_t random[6]);
void gw_identity_from_slot(gw_identity *identity, const uint8_t secret[GW_SECRET_BYTES], uint16_t worker,
                           uint32_t slot);
/* The client id that goes with the address in |identity|: a UUID of form 4, the same each time. */
void gw_identity_set_client(gw_identity *identity);

#endif
