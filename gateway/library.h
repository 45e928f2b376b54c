/* gateway/library.h - a shared library that is loaded when it is wanted, and its functions by name. */
#ifndef GATEWAY_LIBRARY_H
#define GATEWAY_LIBRARY_H

#include <stddef.h>

/* |function|: points to a pointer to a function of the right type. */
typedef struct gw_library_name {
  const char *name;
  void *function;
} gw_library_name;

/* Loads |file| and fills in all |names|. NULL: |error| says what is missing, and nothing stays loaded. What it
 * returns is for dlclose. */
void *gw_library_load(const char *file, const gw_library_name *names, size_t n, char *error, size_t cap);

#endif
