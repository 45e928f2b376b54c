/* assistant/test_device.h - for tests: a XiaoZhi device over a real loopback WebSocket, and phrases to say to it.
 */
#ifndef ASSISTANT_TEST_DEVICE_H
#define ASSISTANT_TEST_DEVICE_H

#include "xiaozhi/client.h"

typedef struct test_device {
  int socket;
  uint8_t buffer[128 * 1024];
  size_t n_buffer;
  xz_client client;
  int close_code; /* the server's; 0 while open, -1 if the connection just went */
} test_device;

/* Connects, upgrades and says hello; returns the HTTP status (101), 0 if there was none. */
int test_device_open(test_device *device, uint16_t port, const char *device_id, const char *token);
/* The same, as a browser does it: it can set no headers, so all of it is in the address. */
int test_page_open(test_device *device, uint16_t port, const char *device_id, const char *token);
void test_device_close(test_device *device);
void test_device_flush(test_device *device); /* sends what the client has queued */
/* The next event; waits for at most |limit_ms|. false: none came, or the connection is closed. */
bool test_device_next(test_device *device, xz_client_event *event, int limit_ms);
/* Skips events until one of |kind|. */
bool test_device_await(test_device *device, xz_client_event_kind kind, xz_client_event *event, int limit_ms);
/* Sends 16 kHz sound in frames of 60 ms, all at once, at |bit_rate|. */
void test_device_say(test_device *device, const int16_t *samples, size_t n, int bit_rate);

/* |text| spoken at 16 kHz by flite (|voice| "flite") or the program espeak-ng (its voice and options, as
 * "-v en-us -p 70"), between |quiet_before_ms| and |quiet_after_ms| of a quiet room. free() it. */
int16_t *test_phrase(const char *voice, const char *text, int quiet_before_ms, int quiet_after_ms, size_t *n);

/* One HTTP request on a connection of its own; returns the status and up to |cap|-1 bytes of the body. */
int test_http(uint16_t port, const char *head, const void *body, size_t n_body, char *reply, size_t cap);

#endif
