/* gateway/music.c - reads folders and lists, finds songs by words. Left out: tags inside of files; a name says
 * "Author - Title", or the folder is the author. */
#include "gateway/music.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/protocol.h"

#define PATH_MAX_BYTES 1024

static const struct {
  const char *ending, *mime;
} types[] = {
    {".mp3", "audio/mpeg"}, {".ogg", "audio/ogg"},   {".oga", "audio/ogg"},
    {".opus", "audio/ogg"}, {".m4a", "audio/mp4"},   {".aac", "audio/aac"},
    {".wav", "audio/wav"},  {".flac", "audio/flac"}, {".webm", "audio/webm"},
};

static const char *mime_of(const char *name) {
  const char *ending = strrchr(name, '.');
  for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
    if (strcasecmp(ending, types[i].ending) == 0) return types[i].mime;
  return NULL;
}

void gw_music_init(gw_music *m, const char *source, const wr_crypto *crypto, wr_rng *rng) {
  *m = (gw_music){.source = source, .crypto = crypto};
  m->is_folder = strncmp(source, "http://", 7) != 0 && strncmp(source, "https://", 8) != 0;
  wr_rng_fill(rng, m->secret, sizeof m->secret);
}

static void free_songs(gw_song *songs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    free(songs[i].title);
    free(songs[i].author);
    free(songs[i].where);
  }
  free(songs);
}

void gw_music_wipe(gw_music *m) {
  free_songs(m->songs, m->n);
  *m = (gw_music){0};
}

bool gw_music_is_source(const char *source) {
  if (!source[0] || strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0) return true;
  int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

/* A list being read. */
typedef struct reader {
  const gw_music *music;
  gw_song *songs;
  size_t n;
} reader;

static void make_id(const gw_music *m, gw_song *song) {
  uint8_t mac[20];
  wr_bytes part = wr_bytes_of(song->where, strlen(song->where));
  m->crypto->hmac_sha1(m->crypto->ctx, wr_bytes_of(m->secret, sizeof m->secret), &part, 1, mac);
  gw_hex(song->id, mac, GW_SONG_ID_HEX / 2);
}

static void add_song(reader *r, const char *title, const char *author, const char *where) {
  if (r->n == GW_SONGS_MAX) return;
  gw_song *grown = realloc(r->songs, (r->n + 1) * sizeof *grown);
  if (!grown) return;
  r->songs = grown;
  gw_song *song = &grown[r->n];
  *song = (gw_song){.title = strdup(title), .author = strdup(author), .where = strdup(where)};
  r->n++;
  if (song->title && song->author && song->where) {
    make_id(r->music, song);
    return;
  }
  r->n--;
  free(song->title);
  free(song->author);
  free(song->where);
}

/* "artist/01 Song.ogg", "Artist - Song.mp3" */
static void add_file(reader *r, const char *path) {
  char title[256], author[256] = "";
  const char *name = strrchr(path, '/'), *dash;
  if (name && name > path) {
    size_t len = (size_t)(name - path);
    const char *folder = memrchr(path, '/', len);
    folder = folder ? folder + 1 : path;
    snprintf(author, sizeof author, "%.*s", (int)(path + len - folder), folder);
  }
  name = name ? name + 1 : path;
  int stem = (int)(strrchr(name, '.') - name);
  dash = strstr(name, " - ");
  if (dash && dash < name + stem && dash > name) {
    snprintf(author, sizeof author, "%.*s", (int)(dash - name), name);
    stem -= (int)(dash + 3 - name);
    name = dash + 3;
  }
  snprintf(title, sizeof title, "%.*s", stem, name);
  add_song(r, title, author, path);
}

static void read_folder(reader *r, int fd, const char *path, int deep) {
  DIR *folder = fdopendir(fd); /* takes |fd| */
  if (!folder) {
    close(fd);
    return;
  }
  for (struct dirent *entry; (entry = readdir(folder)) && r->n < GW_SONGS_MAX;) {
    char at[PATH_MAX_BYTES];
    struct stat about;
    if (entry->d_name[0] == '.') continue;
    int len = snprintf(at, sizeof at, "%s%s%s", path, *path ? "/" : "", entry->d_name);
    if (len >= (int)sizeof at || fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(about.st_mode) && about.st_size <= GW_SONG_MAX_BYTES && mime_of(entry->d_name)) {
      add_file(r, at);
    } else if (S_ISDIR(about.st_mode) && deep < GW_MUSIC_DEEPEST) {
      int inner = openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) read_folder(r, inner, at, deep + 1);
    }
  }
  closedir(folder);
}

static int by_author_and_title(const void *a, const void *b) {
  const gw_song *x = a, *y = b;
  int order = strcasecmp(x->author, y->author);
  return order ? order : strcasecmp(x->title, y->title);
}

static void take(gw_music *m, reader *r, wr_time now) {
  free_songs(m->songs, m->n);
  m->songs = r->songs;
  m->n = r->n;
  m->read_at = now;
  if (m->n) qsort(m->songs, m->n, sizeof *m->songs, by_author_and_title);
}

void gw_music_read_folder(gw_music *m, wr_time now) {
  reader r = {.music = m};
  int fd = open(m->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) read_folder(&r, fd, "", 0);
  take(m, &r, now);
}

bool gw_music_read_list(gw_music *m, const char *text, size_t len, wr_time now) {
  reader r = {.music = m};
  json_t *json = json_loadb(text, len, 0, NULL), *song;
  const json_t *list = json_is_object(json) ? json_object_get(json, "songs") : json;
  size_t i;
  if (!json_is_array(list)) {
    json_decref(json);
    return false;
  }
  json_array_foreach((json_t *)(uintptr_t)list, i, song) {
    const char *title = json_string_value(json_object_get(song, "title"));
    const char *author = json_string_value(json_object_get(song, "author"));
    const char *url = json_string_value(json_object_get(song, "url"));
    bool is_web = url && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
                  strlen(url) < PATH_MAX_BYTES;
    if (title && *title && is_web) add_song(&r, title, author ? author : "", url);
  }
  json_decref(json);
  take(m, &r, now);
  return true;
}

static bool holds(const char *text, const char *word, size_t len) {
  for (; *text; text++)
    if (strncasecmp(text, word, len) == 0) return true;
  return false;
}

static bool holds_all(const gw_song *song, const char *words) {
  static const char blanks[] = " \t\r\n,.;:\"'-";
  for (const char *at = words + strspn(words, blanks); *at; at += strspn(at, blanks)) {
    size_t len = strcspn(at, blanks);
    if (!holds(song->title, at, len) && !holds(song->author, at, len)) return false;
    at += len;
  }
  return true;
}

size_t gw_music_find(const gw_music *m, const char *words, const gw_song **found, size_t most) {
  size_t n = 0;
  /* An id or a whole title first, then whatever holds the words. */
  for (int best = 1; best >= 0; best--) {
    for (size_t i = 0; i < m->n; i++) {
      const gw_song *song = &m->songs[i];
      bool is_it = strcmp(song->id, words) == 0 || strcasecmp(song->title, words) == 0;
      if (best ? !is_it : is_it || !holds_all(song, words)) continue;
      if (n < most) found[n] = song;
      n++;
    }
  }
  return n;
}

bool gw_music_open(const gw_music *m, const char *id, gw_file *file) {
  const gw_song *song = NULL;
  struct stat about;
  for (size_t i = 0; m->is_folder && i < m->n && !song; i++)
    if (strcmp(m->songs[i].id, id) == 0) song = &m->songs[i];
  int fd = song ? open(m->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  for (const char *part = song ? song->where : ""; fd >= 0 && *part;) {
    char name[PATH_MAX_BYTES];
    size_t len = strcspn(part, "/");
    snprintf(name, sizeof name, "%.*s", (int)len, part);
    int next = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (part[len] ? O_DIRECTORY : O_NONBLOCK));
    close(fd);
    fd = next;
    part += len + (part[len] == '/');
  }
  if (fd < 0) return false;
  if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > GW_SONG_MAX_BYTES) {
    close(fd);
    return false;
  }
  *file = (gw_file){.fd = fd, .len = (size_t)about.st_size, .mime = mime_of(song->where)};
  return true;
}
