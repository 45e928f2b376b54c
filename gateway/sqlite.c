/* gateway/sqlite.c - libsqlite3 by name. */
#include "gateway/sqlite.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "libsqlite3.so.0"

bool gw_sqlite_load(gw_sqlite *lib, char *error, size_t cap) {
  if (lib->library) return true;
  void *library = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(error, cap, "%s", dlerror());
    return false;
  }
#define NAME(member) \
  { "sqlite3_" #member, &lib->member }
  const struct {
    const char *name;
    void *function;
  } names[] = {NAME(open_v2),     NAME(close),        NAME(db_config), NAME(exec),         NAME(prepare_v2),
               NAME(step),        NAME(reset),        NAME(finalize),  NAME(bind_int64),   NAME(bind_double),
               NAME(bind_null),   NAME(bind_text),    NAME(changes),   NAME(column_int64), NAME(column_type),
               NAME(column_text), NAME(column_double)};
#undef NAME
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    void *symbol = dlsym(library, names[i].name);
    if (!symbol) {
      snprintf(error, cap, FILE_NAME " has no %s", names[i].name);
      dlclose(library);
      return false;
    }
    memcpy(names[i].function, &symbol, sizeof(symbol));
  }
  lib->library = library;
  return true;
}
