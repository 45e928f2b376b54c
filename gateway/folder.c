/* gateway/folder.c - what a request may name is decided by its letters, what is there by the kernel, link by link.
 */
#include "gateway/folder.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 40
#define FILE_MAX_BYTES 80

static const struct {
  const char *ending, *mime;
} types[] = {{".json", "application/json"}, {".webp", "image/webp"}, {".png", "image/png"},
             {".jpg", "image/jpeg"},        {".jpeg", "image/jpeg"}, {".gif", "image/gif"},
             {".svg", "image/svg+xml"},     {".avif", "image/avif"}};

static bool is_plain(const char *text, size_t len, size_t most, bool dots) {
  if (!len || len > most || text[0] == '.') return false;
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_' && !(dots && c == '.')) return false;
  }
  return true;
}

static const char *mime_of(const char *file) {
  const char *ending = strrchr(file, '.');
  for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
    if (strcmp(ending, types[i].ending) == 0) return types[i].mime;
  return NULL;
}

static int open_file(const char *root, const char *name, const char *file) {
  int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int folder = top < 0 ? -1 : openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int fd = folder < 0 ? -1 : openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (top >= 0) close(top);
  if (folder >= 0) close(folder);
  return fd;
}

static char *read_all(int fd, size_t len) {
  char *bytes = malloc(len + 1);
  size_t n = 0;
  while (bytes && n < len) {
    ssize_t got = read(fd, bytes + n, len - n);
    if (got <= 0) break;
    n += (size_t)got;
  }
  if (bytes && n == len) return bytes;
  free(bytes);
  return NULL;
}

char *gw_folder_read(const char *root, const char *path, size_t *len, const char **mime) {
  const char *slash = strchr(path, '/');
  char name[NAME_MAX_BYTES + 1];
  struct stat about;
  if (!root[0] || !slash || !is_plain(path, (size_t)(slash - path), NAME_MAX_BYTES, false)) return NULL;
  if (!is_plain(slash + 1, strlen(slash + 1), FILE_MAX_BYTES, true)) return NULL;
  *mime = mime_of(slash + 1);
  if (!*mime) return NULL;
  memcpy(name, path, (size_t)(slash - path));
  name[slash - path] = 0;
  int fd = open_file(root, name, slash + 1);
  if (fd < 0) return NULL;
  char *bytes = NULL;
  if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size <= (off_t)GW_FOLDER_FILE_MAX) {
    *len = (size_t)about.st_size;
    bytes = read_all(fd, *len);
  }
  close(fd);
  return bytes;
}
