/* gateway/avatars.c - what a folder of avatars holds is read anew each time: an operator changes it while we run.
 */
#include "gateway/avatars.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX_BYTES (64u * 1024)
#define TITLE_MAX_BYTES 60
#define RUNTIME "runtime.js"

static const char *const licensed_renderers[] = {"live2d", "vrm"};
#define N_LICENSED (sizeof licensed_renderers / sizeof licensed_renderers[0])

static bool needs_licence(const char *renderer, size_t len) {
  for (size_t i = 0; i < N_LICENSED; i++)
    if (strlen(licensed_renderers[i]) == len && strncmp(licensed_renderers[i], renderer, len) == 0) return true;
  return false;
}

/* The next word of a list separated by commas and blanks; its length, 0 at the end. */
static size_t next_word(const char **at) {
  *at += strspn(*at, ", ");
  return strcspn(*at, ", ");
}

bool gw_avatar_licences_known(const char *licences) {
  for (size_t len; (len = next_word(&licences)) > 0; licences += len)
    if (!needs_licence(licences, len)) return false;
  return true;
}

static bool holds_licence(const char *licences, const char *renderer) {
  for (size_t len; (len = next_word(&licences)) > 0; licences += len)
    if (strlen(renderer) == len && strncmp(renderer, licences, len) == 0) return true;
  return false;
}

/* The list of a folder, the caller's to decref; NULL: there is none, or it is no JSON. |there|: there is one. */
static json_t *read_list(const char *root, const char *name, size_t name_len, bool *there) {
  char path[GW_FOLDER_NAME_MAX + 16];
  size_t len;
  *there = false;
  if (name_len > GW_FOLDER_NAME_MAX) return NULL;
  snprintf(path, sizeof path, "%.*s/avatar.json", (int)name_len, name);
  char *text = gw_folder_read(root, path, LIST_MAX_BYTES, &len);
  *there = text != NULL;
  json_t *list = text ? json_loadb(text, len, 0, NULL) : NULL;
  free(text);
  return list;
}

static const char *renderer_of(const json_t *list) {
  const char *renderer = json_string_value(json_object_get(list, "renderer"));
  return renderer ? renderer : "";
}

gw_avatar_result gw_avatar_open(const char *root, const char *licences, const char *path, gw_file *file) {
  bool there;
  if (!gw_folder_open(root, path, file)) return GW_AVATAR_NONE;
  if (file->is_plain) return GW_AVATAR_OPEN;
  json_t *list = read_list(root, path, strcspn(path, "/"), &there);
  const char *renderer = renderer_of(list);
  gw_avatar_result result = GW_AVATAR_NONE; /* an album of pictures has no programs, and no folders */
  if (needs_licence(renderer, strlen(renderer)))
    result = holds_licence(licences, renderer) ? GW_AVATAR_OPEN : GW_AVATAR_NO_LICENCE;
  json_decref(list);
  if (result != GW_AVATAR_OPEN) close(file->fd);
  return result;
}

static json_t *titles_of(const json_t *list, const char *name) {
  static const char *const languages[] = {"en", "zh", "vi"};
  const json_t *title = json_object_get(list, "title");
  json_t *titles = json_object();
  for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
    const char *text = json_string_value(title);
    if (!text) text = json_string_value(json_object_get(title, languages[i]));
    if (!text) text = json_string_value(json_object_get(title, "en"));
    bool good = text && text[0] && strlen(text) <= TITLE_MAX_BYTES;
    json_object_set_new(titles, languages[i], json_string(good ? text : name));
  }
  return titles;
}

static const char *state_of(const char *root, const char *licences, const char *name, const json_t *list) {
  char path[GW_FOLDER_NAME_MAX + 100];
  const char *renderer = renderer_of(list), *runtime = json_string_value(json_object_get(list, "runtime"));
  gw_file file;
  if (strcmp(renderer, "image") == 0) return "ready";
  if (!needs_licence(renderer, strlen(renderer))) return "bad";
  if (!holds_licence(licences, renderer)) return "no_licence";
  int len = snprintf(path, sizeof path, "%.*s/%.80s", GW_FOLDER_NAME_MAX, name, runtime ? runtime : RUNTIME);
  if (len < 0 || !gw_folder_open(root, path, &file)) return "no_runtime";
  close(file.fd);
  return "ready";
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* The folders' names, sorted. */
static size_t read_names(const char *root, char names[GW_AVATARS_MAX][GW_FOLDER_NAME_MAX + 1]) {
  DIR *folder = root[0] ? opendir(root) : NULL;
  struct dirent *entry;
  size_t n = 0;
  while (folder && n < GW_AVATARS_MAX && (entry = readdir(folder)))
    if (gw_folder_is_name(entry->d_name)) snprintf(names[n++], GW_FOLDER_NAME_MAX + 1, "%.40s", entry->d_name);
  if (folder) closedir(folder);
  qsort(names, n, sizeof names[0], by_name);
  return n;
}

char *gw_avatars_list(const char *root, const char *licences) {
  char names[GW_AVATARS_MAX][GW_FOLDER_NAME_MAX + 1];
  json_t *all = json_array();
  size_t n = read_names(root, names);
  for (size_t i = 0; i < n; i++) {
    bool there;
    json_t *list = read_list(root, names[i], strlen(names[i]), &there);
    if (there)
      json_array_append_new(
          all, json_pack("{s:s,s:s,s:o,s:s}", "name", names[i], "renderer", renderer_of(list), "title",
                         titles_of(list, names[i]), "state", state_of(root, licences, names[i], list)));
    json_decref(list);
  }
  json_t *answer = json_pack("{s:o}", "avatars", all);
  char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
  json_decref(answer);
  return text;
}
