/* gateway/folder.c - what a request may name is decided by its letters, what is there by the kernel, link by link.
 */
#include "gateway/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_MAX_BYTES 80
#define DEEPEST 4 /* parts of a path */

typedef struct type {
  const char *ending, *mime;
  bool is_plain;
} type;

static const type types[] = {
    {".json", "application/json", true},
    {".webp", "image/webp", true},
    {".png", "image/png", true},
    {".jpg", "image/jpeg", true},
    {".jpeg", "image/jpeg", true},
    {".gif", "image/gif", true},
    {".svg", "image/svg+xml", true},
    {".avif", "image/avif", true},
    {".js", "text/javascript", false},
    {".mjs", "text/javascript", false},
    {".wasm", "application/wasm", false},
    {".vrm", "model/gltf-binary", false},
    {".glb", "model/gltf-binary", false},
    {".gltf", "model/gltf+json", false},
    {".moc3", "application/octet-stream", false},
    {".bin", "application/octet-stream", false},
    {".ktx2", "image/ktx2", false},
    {NULL, NULL, false},
};

static const type page_types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".svg", "image/svg+xml", true},
    {".png", "image/png", true},
    {".webmanifest", "application/manifest+json", true},
    {NULL, NULL, false},
};

static bool has_letters(const char *text, size_t len, size_t most, bool dots) {
  if (!len || len > most || text[0] == '.') return false;
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_' && !(dots && c == '.')) return false;
  }
  return true;
}

bool gw_folder_is_name(const char *text) { return has_letters(text, strlen(text), GW_FOLDER_NAME_MAX, false); }

/* Its row of |rows|, or NULL. */
static const type *type_of(const char *file, const type *rows) {
  const char *ending = strrchr(file, '.');
  for (; ending && rows->ending; rows++)
    if (strcmp(ending, rows->ending) == 0) return rows;
  return NULL;
}

/* Opens |path| part by part, no link followed. -1: not there, or no such path can be. |top|: a file in |root|
 * itself can. |n_parts|: of it. */
static int open_parts(const char *root, const char *path, bool top, int *n_parts) {
  int fd = root[0] ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  const char *part = path;
  for (*n_parts = 1; fd >= 0; (*n_parts)++) {
    char name[PART_MAX_BYTES + 1];
    bool first = *n_parts == 1 && !top;
    size_t len = strcspn(part, "/"), most = first ? GW_FOLDER_NAME_MAX : PART_MAX_BYTES;
    bool last = !part[len];
    int next = -1, flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY);
    if (has_letters(part, len, most, !first) && *n_parts <= DEEPEST && !(last && first)) {
      memcpy(name, part, len);
      name[len] = 0;
      next = openat(fd, name, flags);
    }
    close(fd);
    fd = next;
    if (last) break;
    part += len + 1;
  }
  return fd;
}

static bool open_typed(const char *root, const char *path, const type *rows, gw_file *file) {
  struct stat about;
  int n_parts;
  const type *row = type_of(path, rows);
  int fd = row ? open_parts(root, path, rows == page_types, &n_parts) : -1;
  if (fd < 0) return false;
  off_t most = row->is_plain ? (off_t)GW_FOLDER_PICTURE_MAX : (off_t)GW_FOLDER_MODEL_MAX;
  if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > most) {
    close(fd);
    return false;
  }
  *file = (gw_file){fd, (size_t)about.st_size, row->mime, row->is_plain && n_parts == 2};
  return true;
}

bool gw_folder_open(const char *root, const char *path, gw_file *file) {
  return open_typed(root, path, types, file);
}

bool gw_folder_open_page(const char *root, const char *path, gw_file *file) {
  return open_typed(root, path, page_types, file);
}

char *gw_folder_read(const char *root, const char *path, size_t most, size_t *len) {
  gw_file file;
  if (!gw_folder_open(root, path, &file)) return NULL;
  char *bytes = file.len <= most ? malloc(file.len + 1) : NULL;
  size_t n = 0;
  while (bytes && n < file.len) {
    ssize_t got = read(file.fd, bytes + n, file.len - n);
    if (got <= 0) break;
    n += (size_t)got;
  }
  close(file.fd);
  if (bytes && n == file.len) {
    bytes[n] = 0;
    *len = n;
    return bytes;
  }
  free(bytes);
  return NULL;
}
