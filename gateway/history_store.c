/* gateway/history_store.c - one table, one row per call. */
#include "gateway/history_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/sqlite.h"

#define PATH_BYTES 1024
#define VERSION "1" /* of the table; a file of another is set aside */
#define PAGE_BYTES 4096u
#define CHUNK_ROWS "4000" /* deleted at a time: the file beside ours grows by what one change touches */
#define CHUNKS_MAX 512

struct gw_store {
  sqlite3 *db;
  sqlite3_stmt *insert;
  uint64_t bytes_max;
};

static gw_sqlite lib; /* of the one thread that has a store */

const char *gw_store_state_text(gw_store_state state) {
  static const char *const names[] = {"ok", "no_library", "unusable", "locked", "disk_full", "broken", "failed"};
  return names[state];
}

static gw_store_state state_of(int code) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return GW_STORE_OK;
    case SQLITE_FULL: return GW_STORE_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return GW_STORE_LOCKED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: return GW_STORE_BROKEN; /* another table than ours, too */
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return GW_STORE_UNUSABLE;
    default: return GW_STORE_FAILED;
  }
}

static gw_store_state run(gw_store *s, const char *sql) { return state_of(lib.exec(s->db, sql, NULL, NULL, NULL)); }

/* The first column of the first row; -1: there is none. */
static int64_t ask(gw_store *s, const char *sql) {
  sqlite3_stmt *statement = NULL;
  int64_t value = -1;
  if (lib.prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK && lib.step(statement) == SQLITE_ROW)
    value = lib.column_int64(statement, 0);
  lib.finalize(statement);
  return value;
}

/* ---- open ---- */

static void make_folders(const char *path) {
  char folder[PATH_BYTES];
  snprintf(folder, sizeof(folder), "%s", path);
  for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    (void)mkdir(folder, 0700); /* what is wrong is seen when the file is opened */
    *at = '/';
  }
}

/* An empty file is one that SQLite fills; so it is for its owner only from the first byte on. */
static gw_store_state make_file(const char *path) {
  struct stat about;
  int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return errno == ENOSPC || errno == EDQUOT ? GW_STORE_FULL : GW_STORE_UNUSABLE;
  bool ok = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && fchmod(fd, 0600) == 0;
  close(fd);
  return ok ? GW_STORE_OK : GW_STORE_UNUSABLE;
}

/* Locked for good by the first reading; what was not finished at a crash is taken back or carried out then. */
static gw_store_state set_up(gw_store *s) {
  char limits[160];
  lib.db_config(s->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
  gw_store_state state = run(s,
                             "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-128; PRAGMA temp_store=MEMORY;"
                             "PRAGMA trusted_schema=OFF; PRAGMA auto_vacuum=INCREMENTAL;"
                             "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=64;"
                             "PRAGMA journal_size_limit=524288; BEGIN IMMEDIATE; COMMIT");
  if (state) return state;
  int64_t version = ask(s, "PRAGMA user_version"), n_tables = ask(s, "SELECT count(*) FROM sqlite_schema");
  if (n_tables > 0 && version != strtol(VERSION, NULL, 10)) return GW_STORE_BROKEN;
  snprintf(limits, sizeof(limits), "PRAGMA max_page_count=%llu", (unsigned long long)(s->bytes_max / PAGE_BYTES));
  state =
      run(s,
          "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS call(id INTEGER PRIMARY KEY, ended_at INTEGER NOT NULL"
#define TEXT(name) ", " #name " TEXT"
#define INTEGER(name) ", " #name " INTEGER"
#define REAL(name, digits) ", " #name " REAL"
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
          "); CREATE INDEX IF NOT EXISTS call_ended_at ON call(ended_at); PRAGMA user_version=" VERSION "; COMMIT");
  if (!state) state = run(s, limits);
  if (!state)
    state = state_of(lib.prepare_v2(s->db,
                                    "INSERT INTO call VALUES(NULL, ?"
#define TEXT(name) ", ?"
#define INTEGER(name) ", ?"
#define REAL(name, digits) ", ?"
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
                                    ")",
                                    -1, &s->insert, NULL));
  return state;
}

static gw_store *try_open(const char *path, gw_store_limits limits, gw_store_state *state) {
  gw_store *s = calloc(1, sizeof(*s));
  *state = make_file(path);
  if (!s || *state) {
    free(s);
    return NULL;
  }
  s->bytes_max = limits.bytes;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  *state = state_of(lib.open_v2(path, &s->db, flags, NULL));
  if (!*state) *state = set_up(s);
  if (!*state) return s;
  gw_store_close(s);
  return NULL;
}

static bool put_aside(const char *path) {
  char aside[PATH_BYTES + 16], beside[PATH_BYTES + 16];
  snprintf(aside, sizeof(aside), "%s.broken", path);
  snprintf(beside, sizeof(beside), "%s-wal", path);
  if (rename(path, aside)) return false;
  (void)unlink(beside);
  return true;
}

/* A folder on the way may be a link; the file itself may not. SQLite would refuse both. */
static bool resolve(char real[PATH_BYTES], const char *path) {
  char folder[PATH_BYTES];
  int n = snprintf(folder, sizeof(folder), "%s%s", strchr(path, '/') ? "" : "./", path);
  if (n < 0 || (size_t)n >= sizeof(folder) - 16) return false;
  char *name = strrchr(folder, '/') + 1, last[PATH_BYTES];
  snprintf(last, sizeof(last), "%s", name);
  *name = 0;
  char *found = realpath(folder, NULL);
  n = found ? snprintf(real, PATH_BYTES, "%s/%s", found, last) : -1;
  free(found);
  return n > 0 && n < PATH_BYTES - 16 && *last;
}

gw_store *gw_store_open(const char *path, gw_store_limits limits, gw_store_state *state, bool *set_aside) {
  char real[PATH_BYTES], error[256];
  bool is_broken = *set_aside;
  *set_aside = false;
  *state = GW_STORE_NO_LIBRARY;
  if (!gw_sqlite_load(&lib, error, sizeof(error))) return NULL;
  *state = GW_STORE_UNUSABLE;
  make_folders(path);
  if (!resolve(real, path)) return NULL;
  gw_store *s = is_broken ? NULL : try_open(real, limits, state);
  if (!is_broken && *state != GW_STORE_BROKEN) return s;
  if (!put_aside(real)) return NULL;
  *set_aside = true;
  return try_open(real, limits, state);
}

void gw_store_close(gw_store *s) {
  if (!s) return;
  lib.finalize(s->insert);
  lib.close(s->db);
  free(s);
}

/* ---- write ---- */

static void bind_text(gw_store *s, int at, const char *text) {
  if (text && *text)
    lib.bind_text(s->insert, at, text, -1, SQLITE_STATIC);
  else
    lib.bind_null(s->insert, at);
}

static void bind_real(gw_store *s, int at, double value) {
  if (value >= 0)
    lib.bind_double(s->insert, at, value);
  else
    lib.bind_null(s->insert, at);
}

static int insert(gw_store *s, const gw_call *call) {
  int at = 1;
  lib.bind_int64(s->insert, at++, call->ended_at);
#define TEXT(name) bind_text(s, at++, call->name);
#define INTEGER(name) lib.bind_int64(s->insert, at++, call->name);
#define REAL(name, digits) bind_real(s, at++, call->name);
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
  int code = lib.step(s->insert);
  lib.reset(s->insert);
  return code;
}

gw_store_state gw_store_add(gw_store *s, const gw_call *calls, size_t n) {
  gw_store_state state = run(s, "BEGIN IMMEDIATE");
  for (size_t i = 0; i < n && !state; i++) state = state_of(insert(s, &calls[i]));
  if (!state) state = run(s, "COMMIT");
  if (state) (void)run(s, "ROLLBACK");
  return state;
}

static uint64_t used_bytes(gw_store *s) {
  int64_t pages = ask(s, "PRAGMA page_count"), freed = ask(s, "PRAGMA freelist_count");
  return pages > freed ? (uint64_t)(pages - freed) * PAGE_BYTES : 0;
}

uint64_t gw_store_bytes(gw_store *s) {
  int64_t pages = ask(s, "PRAGMA page_count");
  return pages > 0 ? (uint64_t)pages * PAGE_BYTES : 0;
}

/* |sql| again and again, until it deletes no more. */
static gw_store_state delete_all(gw_store *s, const char *sql) {
  gw_store_state state = GW_STORE_OK;
  for (int i = 0; i < CHUNKS_MAX && !state; i++) {
    state = run(s, sql);
    if (!lib.changes(s->db)) break;
  }
  return state;
}

gw_store_state gw_store_prune(gw_store *s, gw_store_limits limits, int64_t now_s) {
  char sql[160];
  s->bytes_max = limits.bytes;
  snprintf(sql, sizeof(sql),
           "DELETE FROM call WHERE id IN (SELECT id FROM call WHERE ended_at < %lld LIMIT " CHUNK_ROWS ")",
           (long long)(now_s - limits.hours * 3600));
  gw_store_state state = delete_all(s, sql);
  /* An eighth stays free, so that a busy minute finds room. */
  for (int i = 0; i < CHUNKS_MAX && !state && used_bytes(s) > limits.bytes - limits.bytes / 8; i++)
    state = run(s, "DELETE FROM call WHERE id IN (SELECT id FROM call ORDER BY id LIMIT " CHUNK_ROWS ")");
  if (!state) state = run(s, "PRAGMA incremental_vacuum");
  snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%llu", (unsigned long long)(limits.bytes / PAGE_BYTES));
  return state ? state : run(s, sql);
}

/* ---- read ---- */

static const char *text_of(sqlite3_stmt *statement, int at) {
  const unsigned char *text = lib.column_text(statement, at);
  return text ? (const char *)text : "";
}

static double real_of(sqlite3_stmt *statement, int at) {
  return lib.column_type(statement, at) == SQLITE_NULL ? -1 : lib.column_double(statement, at);
}

static void read_row(sqlite3_stmt *statement, gw_call *call) {
  int at = 0;
  call->ended_at = lib.column_int64(statement, at++);
#define TEXT(name) call->name = text_of(statement, at++);
#define INTEGER(name) call->name = lib.column_int64(statement, at++);
#define REAL(name, digits) call->name = real_of(statement, at++);
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
}

gw_store_state gw_store_walk(gw_store *s, int64_t from_s, gw_store_take *take, void *ctx) {
  static const char sql[] =
      "SELECT ended_at"
#define TEXT(name) ", " #name
#define INTEGER(name) ", " #name
#define REAL(name, digits) ", " #name
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
      " FROM call WHERE ended_at >= ? AND id > (SELECT max(id) FROM call) - ? ORDER BY id";
  sqlite3_stmt *statement = NULL;
  int code = lib.prepare_v2(s->db, sql, -1, &statement, NULL);
  if (code == SQLITE_OK) {
    lib.bind_int64(statement, 1, from_s);
    lib.bind_int64(statement, 2, GW_HISTORY_ROWS_MAX);
    while ((code = lib.step(statement)) == SQLITE_ROW) {
      gw_call call;
      read_row(statement, &call);
      take(ctx, &call);
    }
  }
  lib.finalize(statement);
  return state_of(code);
}
