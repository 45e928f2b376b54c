/* gateway/sqlite.c - libsqlite3 by name. */
#include "gateway/sqlite.h"

#include "gateway/library.h"

#define FILE_NAME "libsqlite3.so.0"

bool gw_sqlite_load(gw_sqlite *lib, char *error, size_t cap) {
  if (lib->library) return true;
#define NAME(member) \
  { "sqlite3_" #member, &lib->member }
  const gw_library_name names[] = {
      NAME(open_v2), NAME(close),        NAME(db_config),   NAME(exec),        NAME(prepare_v2),   NAME(step),
      NAME(reset),   NAME(finalize),     NAME(bind_int64),  NAME(bind_double), NAME(bind_null),    NAME(bind_text),
      NAME(changes), NAME(column_int64), NAME(column_type), NAME(column_text), NAME(column_double)};
#undef NAME
  lib->library = gw_library_load(FILE_NAME, names, sizeof(names) / sizeof(names[0]), error, cap);
  return lib->library != NULL;
}
