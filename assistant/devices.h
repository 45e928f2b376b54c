/* assistant/devices.h - which devices may come: codes for those that are unknown, a list of those that are bound,
 * tokens that OTA gives out, and how often one may connect.
 *
 * A device is named by its Device-Id, a MAC address in any case. An unknown one is given a code of six digits;
 * whoever runs the server binds it by that code. A token is "MAC part", a signature over device, client and time:
 * it opens the WebSocket for 30 days to that device alone, if that is bound. One thread; |now_s| is seconds since
 * 1970. */
#ifndef ASSISTANT_DEVICES_H
#define ASSISTANT_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xiaozhi/message.h"

enum {
  AS_DEVICES_MAX = 4096, /* bound; one more is refused */
  AS_CODES_MAX = 256,    /* waiting to be bound; the oldest gives way */
  AS_CODE_LIFE_S = 600,
  AS_TOKEN_LIFE_S = 30 * 24 * 3600,
  AS_TOKEN_MAX = 96,
  AS_VISITS_MAX = 60, /* of one in a minute, and at once */
};

typedef struct as_devices as_devices;

/* |file|: where bound devices and the secret of the tokens are kept; NULL or "": nowhere, they end with the
 * program. NULL: |error| says why. */
as_devices *as_devices_open(const char *file, char *error, size_t error_cap);
void as_devices_close(as_devices *devices);

bool as_devices_is_bound(const as_devices *devices, const char *mac);
/* The code of an unknown device, the same while it holds; |left_s|: how long that is. true: it is new. */
bool as_devices_code(as_devices *devices, const char *mac, char code[7], uint32_t *left_s, int64_t now_s);
/* Binds whoever was given |code|, and tells who that was. false: nobody, not any more, or no room; not saved is
 * bound all the same until the program ends (|saved| false). */
bool as_devices_bind(as_devices *devices, const char *code, char mac[XZ_MAC_BYTES], bool *saved, int64_t now_s);
bool as_devices_forget(as_devices *devices, const char *mac, bool *saved);
/* Bound devices, one address after the other: |i| from 0; NULL: no more. */
const char *as_devices_at(const as_devices *devices, size_t i);

void as_devices_sign(const as_devices *devices, const char *mac, const char *client, char token[AS_TOKEN_MAX],
                     int64_t now_s);
bool as_devices_verify(const as_devices *devices, const char *mac, const char *client, const char *token,
                       int64_t now_s);

/* Counts a visit of |id|, any text: a connection of a device, a photo of a session. false: too many. */
bool as_devices_visit(as_devices *devices, const char *id, int64_t now_s);

#endif
