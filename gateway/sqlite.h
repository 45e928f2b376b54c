/* gateway/sqlite.h - SQLite, opened when it is needed: 1.3 MB that a gateway without a history does not load. */
#ifndef GATEWAY_SQLITE_H
#define GATEWAY_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/* The functions we use, as the library has them under sqlite3_... */
typedef struct gw_sqlite {
  void *library; /* NULL: not loaded */
  int (*open_v2)(const char *name, sqlite3 **db, int flags, const char *vfs);
  int (*close)(sqlite3 *db);
  int (*db_config)(sqlite3 *db, int op, ...);
  int (*exec)(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **error);
  int (*prepare_v2)(sqlite3 *db, const char *sql, int len, sqlite3_stmt **statement, const char **rest);
  int (*step)(sqlite3_stmt *statement);
  int (*reset)(sqlite3_stmt *statement);
  int (*finalize)(sqlite3_stmt *statement);
  int (*bind_int64)(sqlite3_stmt *statement, int at, sqlite3_int64 value);
  int (*bind_double)(sqlite3_stmt *statement, int at, double value);
  int (*bind_null)(sqlite3_stmt *statement, int at);
  int (*bind_text)(sqlite3_stmt *statement, int at, const char *text, int len, void (*wipe)(void *));
  int (*column_type)(sqlite3_stmt *statement, int at);
  sqlite3_int64 (*column_int64)(sqlite3_stmt *statement, int at);
  double (*column_double)(sqlite3_stmt *statement, int at);
  const unsigned char *(*column_text)(sqlite3_stmt *statement, int at);
  int (*changes)(sqlite3 *db);
} gw_sqlite;

/* Once; kept until the program ends. One thread. false: |error| says why. */
bool gw_sqlite_load(gw_sqlite *lib, char *error, size_t cap);

#endif
