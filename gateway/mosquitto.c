/* gateway/mosquitto.c - libmosquitto by name. */
#include "gateway/mosquitto.h"

#include "gateway/library.h"

#define FILE_NAME "libmosquitto.so.1"

bool gw_mosquitto_load(gw_mosquitto *lib, char *error, size_t cap) {
  if (lib->library) return true;
#define NAME(function, member) \
  { #function, &lib->member }
  const gw_library_name names[] = {NAME(mosquitto_lib_init, lib_init),
                                   NAME(mosquitto_new, create),
                                   NAME(mosquitto_destroy, destroy),
                                   NAME(mosquitto_username_pw_set, username_pw_set),
                                   NAME(mosquitto_int_option, int_option),
                                   NAME(mosquitto_void_option, void_option),
                                   NAME(mosquitto_connect_callback_set, connect_callback_set),
                                   NAME(mosquitto_message_callback_set, message_callback_set),
                                   NAME(mosquitto_connect_async, connect_async),
                                   NAME(mosquitto_disconnect, disconnect),
                                   NAME(mosquitto_publish, publish),
                                   NAME(mosquitto_subscribe, subscribe),
                                   NAME(mosquitto_socket, socket),
                                   NAME(mosquitto_loop_read, loop_read),
                                   NAME(mosquitto_loop_write, loop_write),
                                   NAME(mosquitto_loop_misc, loop_misc),
                                   NAME(mosquitto_want_write, want_write),
                                   NAME(mosquitto_strerror, strerror)};
#undef NAME
  lib->library = gw_library_load(FILE_NAME, names, sizeof(names) / sizeof(names[0]), error, cap);
  if (!lib->library) return false;
  lib->lib_init();
  return true;
}
