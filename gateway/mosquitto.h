/* gateway/mosquitto.h - libmosquitto, loaded when the first session needs it: most gateways never do. */
#ifndef GATEWAY_MOSQUITTO_H
#define GATEWAY_MOSQUITTO_H

#include <mosquitto.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct gw_mosquitto {
  void *library; /* NULL: not loaded */
  __typeof__(mosquitto_lib_init) *lib_init;
  __typeof__(mosquitto_new) *create;
  __typeof__(mosquitto_destroy) *destroy;
  __typeof__(mosquitto_username_pw_set) *username_pw_set;
  __typeof__(mosquitto_int_option) *int_option;
  __typeof__(mosquitto_void_option) *void_option;
  __typeof__(mosquitto_connect_callback_set) *connect_callback_set;
  __typeof__(mosquitto_message_callback_set) *message_callback_set;
  __typeof__(mosquitto_connect_async) *connect_async;
  __typeof__(mosquitto_disconnect) *disconnect;
  __typeof__(mosquitto_publish) *publish;
  __typeof__(mosquitto_subscribe) *subscribe;
  __typeof__(mosquitto_socket) *socket;
  __typeof__(mosquitto_loop_read) *loop_read;
  __typeof__(mosquitto_loop_write) *loop_write;
  __typeof__(mosquitto_loop_misc) *loop_misc;
  __typeof__(mosquitto_want_write) *want_write;
  __typeof__(mosquitto_strerror) *strerror;
} gw_mosquitto;

/* Does nothing the second time. false: |error| says why. It stays loaded to the end of the process. */
bool gw_mosquitto_load(gw_mosquitto *lib, char *error, size_t cap);

#endif
