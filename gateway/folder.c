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

static const struct {
  const char *ending, *mime;
  bool is_plain;
} types[] = {
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

/* Its row of |types|; -1: none. */
static int type_of(const char *file) {
  const char *ending = strrchr(file, '.');
  for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
    if (strcmp(ending, types[i].ending) == 0) return (int)i;
  return -1;
}

/* Opens |path| part by part, no link followed. -1: not there, or no such path can be. |n_parts|: of it. */
static int open_parts(const char *root, const char *path, int *n_parts) {
  int fd = root[0] ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  const char *part = path;
  for (*n_parts = 1; fd >= 0; (*n_parts)++) {
    char name[PART_MAX_BYTES + 1];
    size_t len = strcspn(part, "/"), most = *n_parts == 1 ? GW_FOLDER_NAME_MAX : PART_MAX_BYTES;
    bool last = !part[len];
    int next = -1, flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY);
    if (has_letters(part, len, most, *n_parts > 1) && *n_parts <= DEEPEST && !(last && *n_parts == 1)) {
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

bool gw_folder_open(const char *root, const char *path, gw_file *file) {
  struct stat about;
  int n_parts, type = type_of(path);
  if (type < 0) return false;
  int fd = open_parts(root, path, &n_parts);
  if (fd < 0) return false;
  off_t most = types[type].is_plain ? (off_t)GW_FOLDER_PICTURE_MAX : (off_t)GW_FOLDER_MODEL_MAX;
  if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > most) {
    close(fd);
    return false;
  }
  *file = (gw_file){fd, (size_t)about.st_size, types[type].mime, types[type].is_plain && n_parts == 2};
  return true;
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
