/* gateway/library.c - see library.h. */
#include "gateway/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *gw_library_load(const char *file, const gw_library_name *names, size_t n, char *error, size_t cap) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(error, cap, "%s", dlerror());
    return NULL;
  }
  for (size_t i = 0; i < n; i++) {
    void *symbol = dlsym(library, names[i].name);
    if (!symbol) {
      snprintf(error, cap, "%s has no %s", file, names[i].name);
      dlclose(library);
      return NULL;
    }
    memcpy(names[i].function, &symbol, sizeof(symbol));
  }
  return library;
}
