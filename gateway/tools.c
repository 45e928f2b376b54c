/* gateway/tools.c - reads and judges an operator's list of tools; every fault is one sentence with its place. */
#include "gateway/tools.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "xiaozhi/message.h"

#define FILE_MAX_BYTES (128u * 1024)
#define NAME_MAX_BYTES 48
#define CHOICES_MAX 32

static const xz_tool music_tools[] = {
    {.name = "search_music",
     .firmware_name = "self.music.search",
     .description = "Find music by words of its title or author. Answers with at most ten songs.",
     .n_params = 1,
     .params = {{.name = "words", .type = XZ_PARAM_STRING, .ranged = true, .max = 200}}},
    {.name = "play_music",
     .firmware_name = "self.music.play",
     .description = "Play music on the device: the song with this id or these words of title and author, or any "
                    "song where the text is empty.",
     .n_params = 1,
     .params = {{.name = "song", .type = XZ_PARAM_STRING, .ranged = true, .max = 200}}},
};

static const char *const tool_keys[] = {"name", "description", "parameters", "http", "page", "devices", NULL};
static const char *const param_keys[] = {"type",    "description", "optional", "minimum",
                                         "maximum", "maxLength",   "enum",     NULL};
static const char *const http_keys[] = {"url", "method", "headers", "token", "timeout", "maxBytes", NULL};

#define SAY(why, ...) (snprintf(why, GW_CONFIG_ERROR_MAX, __VA_ARGS__), false)

static bool keys_are_known(const json_t *object, const char *const *known, const char *what, char *why) {
  const char *key;
  json_t *value;
  if (!json_is_object(object)) return SAY(why, "%s must be an object", what);
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    const char *const *at = known;
    while (*at && strcmp(*at, key)) at++;
    if (!*at) return SAY(why, "%s: '%.40s' is not known", what, key);
  }
  return true;
}

static bool is_name(const char *text) {
  size_t n = text ? strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") : 0;
  return n && n <= NAME_MAX_BYTES && !text[n];
}

/* A whole number from |least| to |most|; |fallback| where there is none. */
static bool read_number(const json_t *object, const char *key, long least, long most, long fallback, long *out,
                        char *why) {
  const json_t *value = json_object_get(object, key);
  *out = value ? (long)json_integer_value(value) : fallback;
  if (!value || (json_is_integer(value) && *out >= least && *out <= most)) return true;
  return SAY(why, "%s: must be a whole number from %ld to %ld", key, least, most);
}

static bool read_choices(const json_t *list, xz_param *param, char *why) {
  size_t n = json_array_size(list);
  if (!list) return true;
  if (param->type != XZ_PARAM_STRING || !n || n > CHOICES_MAX)
    return SAY(why, "%s: enum must be a list of 1 to %d texts, for a string", param->name, CHOICES_MAX);
  const char **choices = calloc(n + 1, sizeof *choices);
  param->choices = choices;
  for (size_t i = 0; i < n && choices; i++) {
    choices[i] = json_string_value(json_array_get(list, i));
    if (!choices[i]) return SAY(why, "%s: enum must be a list of texts", param->name);
  }
  return choices != NULL;
}

static bool read_param(const char *name, const json_t *from, xz_param *param, char *why) {
  static const char *const types[] = {
      [XZ_PARAM_INTEGER] = "integer", [XZ_PARAM_NUMBER] = "number", [XZ_PARAM_STRING] = "string",
      [XZ_PARAM_BOOLEAN] = "boolean", [XZ_PARAM_URL] = "url",
  };
  const char *type = json_string_value(json_object_get(from, "type"));
  const json_t *about = json_object_get(from, "description");
  long min, max, longest;
  if (!is_name(name)) return SAY(why, "parameter '%.40s': not made of letters, digits, '_', '-', '.'", name);
  if (!keys_are_known(from, param_keys, name, why)) return false;
  *param = (xz_param){.name = name, .optional = json_is_true(json_object_get(from, "optional"))};
  size_t i = 0;
  while (i < 5 && (!type || strcmp(type, types[i]))) i++;
  if (i == 5) return SAY(why, "%s: type must be integer, number, string, boolean or url", name);
  param->type = (xz_param_type)i;
  if (about && !json_is_string(about)) return SAY(why, "%s: description must be a text", name);
  param->description = json_string_value(about);
  bool counts = param->type == XZ_PARAM_INTEGER || param->type == XZ_PARAM_NUMBER;
  if (!read_number(from, "minimum", INT32_MIN, INT32_MAX, INT32_MIN, &min, why) ||
      !read_number(from, "maximum", INT32_MIN, INT32_MAX, INT32_MAX, &max, why) ||
      !read_number(from, "maxLength", 1, 4096, 500, &longest, why))
    return false;
  param->ranged = json_object_get(from, "minimum") || json_object_get(from, "maximum");
  if (param->ranged && (!counts || min > max)) return SAY(why, "%s: minimum and maximum do not fit", name);
  param->min = (int32_t)min;
  param->max = (int32_t)max;
  if (param->type == XZ_PARAM_STRING) {
    param->ranged = true;
    param->max = (int32_t)longest;
  }
  return read_choices(json_object_get(from, "enum"), param, why);
}

static bool read_params(const json_t *from, xz_tool *row, char *why) {
  const char *name;
  json_t *value;
  if (from && !json_is_object(from)) return SAY(why, "parameters: must be an object {\"name\": {\"type\": ...}}");
  if (json_object_size(from) > XZ_TOOL_PARAMS_MAX) return SAY(why, "parameters: more than %d", XZ_TOOL_PARAMS_MAX);
  json_object_foreach((json_t *)(uintptr_t)from, name, value) {
    if (!read_param(name, value, &row->params[row->n_params++], why)) return false;
  }
  return true;
}

static bool is_printable(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7f) return false;
  return true;
}

static bool read_headers(const json_t *from, gw_tool *how, char *why) {
  const char *name;
  json_t *value;
  if (from && (!json_is_object(from) || json_object_size(from) > GW_TOOL_HEADERS_MAX))
    return SAY(why, "headers: must be an object of at most %d texts", GW_TOOL_HEADERS_MAX);
  json_object_foreach((json_t *)(uintptr_t)from, name, value) {
    const char *text = json_string_value(value);
    if (!is_name(name) || !text || !is_printable(text) || strlen(text) > 1000)
      return SAY(why, "headers: '%.40s' is no header", name);
    snprintf(how->header[how->n_headers].name, sizeof how->header[0].name, "%s:", name);
    how->header[how->n_headers++].value = text;
  }
  return true;
}

static bool read_http(const json_t *from, gw_tool *how, char *why) {
  const char *method = json_string_value(json_object_get(from, "method"));
  const json_t *token = json_object_get(from, "token");
  long seconds, most;
  if (!keys_are_known(from, http_keys, "http", why)) return false;
  how->kind = GW_TOOL_HTTP;
  how->url = json_string_value(json_object_get(from, "url"));
  bool is_web = how->url && (!strncmp(how->url, "http://", 7) || !strncmp(how->url, "https://", 8));
  if (!is_web || strlen(how->url) > 400 || strpbrk(how->url, " #\\"))
    return SAY(why, "http: url must be an http or https address");
  if (json_object_get(from, "method") && (!method || (strcmp(method, "GET") && strcmp(method, "POST"))))
    return SAY(why, "http: method must be GET or POST");
  how->is_get = method && !strcmp(method, "GET");
  how->token = token ? json_string_value(token) : "";
  if (!how->token || !is_printable(how->token) || strlen(how->token) > 1000)
    return SAY(why, "http: token must be a text");
  if (!read_number(from, "timeout", 1, GW_TOOL_SECONDS_MAX, 5, &seconds, why) ||
      !read_number(from, "maxBytes", 1, GW_TOOL_ANSWER_MAX, 4096, &most, why))
    return false;
  how->seconds = (unsigned)seconds;
  how->most = (size_t)most;
  return read_headers(json_object_get(from, "headers"), how, why);
}

/* true: wait for the page's answer; "note": do not. */
static bool read_page(const json_t *from, gw_tool *how, char *why) {
  const char *word = json_string_value(from);
  how->kind = word ? GW_TOOL_NOTE : GW_TOOL_PAGE;
  if (json_is_true(from) || (word && !strcmp(word, "note"))) return true;
  return SAY(why, "page: must be true (the page answers) or \"note\" (it is only told)");
}

static bool read_devices(json_t *list, gw_tool *how, char *why) {
  size_t i;
  json_t *item;
  if (!list) return true;
  if (!json_array_size(list)) return SAY(why, "devices: must be a list of addresses");
  json_array_foreach(list, i, item) {
    char mac[XZ_MAC_BYTES];
    if (!json_is_string(item) || !xz_mac_read(mac, json_string_value(item)))
      return SAY(why, "devices: must be a list of addresses like 02:00:00:aa:bb:cc");
    json_string_set(item, mac);
  }
  how->devices = list;
  return true;
}

static bool read_tool(gw_tools *tools, json_t *from, char *why) {
  const char *name = json_string_value(json_object_get(from, "name"));
  const char *about = json_string_value(json_object_get(from, "description"));
  json_t *http = json_object_get(from, "http"), *page = json_object_get(from, "page");
  xz_tool *row = &tools->rows[tools->n];
  gw_tool *how = &tools->how[tools->n];
  if (!keys_are_known(from, tool_keys, "a tool", why)) return false;
  if (!is_name(name))
    return SAY(why, "name: not made of letters, digits, '_', '-', '.', at most %d", NAME_MAX_BYTES);
  if (xz_tool_find(tools->rows, tools->n, name)) return SAY(why, "name: there is a tool of this name already");
  if (!about || !*about || strlen(about) > 1000)
    return SAY(why, "description: must be a text of at most 1000 bytes");
  if (!http == !page) return SAY(why, "must have either http or page");
  char *firmware_name = malloc(strlen(name) + 6);
  if (!firmware_name) return SAY(why, "no memory");
  snprintf(firmware_name, strlen(name) + 6, "self.%s", name);
  *row = (xz_tool){.name = name, .firmware_name = firmware_name, .description = about};
  tools->n++; /* to be wiped, whatever comes */
  return read_params(json_object_get(from, "parameters"), row, why) &&
         read_devices(json_object_get(from, "devices"), how, why) &&
         (http ? read_http(http, how, why) : read_page(page, how, why));
}

static void add_known(gw_tools *tools, const xz_tool *rows, size_t n, gw_tool_kind kind) {
  for (size_t i = 0; i < n; i++) {
    tools->rows[tools->n] = rows[i];
    tools->how[tools->n++].kind = kind;
  }
}

static bool open_table(gw_tools *tools, bool music) {
  *tools = (gw_tools){.rows = calloc(XZ_TOOLS_MAX, sizeof *tools->rows),
                      .how = calloc(XZ_TOOLS_MAX, sizeof *tools->how)};
  if (!tools->rows || !tools->how) return false;
  add_known(tools, xz_page_tools, xz_n_page_tools, GW_TOOL_PAGE);
  if (!music) return true;
  add_known(tools, &music_tools[0], 1, GW_TOOL_SEARCH_MUSIC);
  add_known(tools, &music_tools[1], 1, GW_TOOL_PLAY_MUSIC);
  return true;
}

static bool read_all(gw_tools *tools, const char *name, char *error) {
  char why[GW_CONFIG_ERROR_MAX];
  json_t *list = json_object_get(tools->file, "tools"), *item;
  size_t i;
  if (!json_is_array(list) || json_array_size(list) > GW_TOOLS_MAX) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "tools: %.200s: must be {\"tools\": [...]} with at most %d tools", name,
             GW_TOOLS_MAX);
    return false;
  }
  json_array_foreach(list, i, item) {
    const char *named = json_string_value(json_object_get(item, "name"));
    if (read_tool(tools, item, why)) continue;
    snprintf(error, GW_CONFIG_ERROR_MAX, "tools: %.120s: entry %zu%s%.40s%s: %.280s", name, i + 1,
             named ? " (" : "", named ? named : "", named ? ")" : "", why);
    return false;
  }
  return true;
}

bool gw_tools_read(gw_tools *tools, const char *text, size_t len, const char *name, bool music,
                   char error[GW_CONFIG_ERROR_MAX]) {
  json_error_t fault;
  snprintf(error, GW_CONFIG_ERROR_MAX, "no memory");
  bool ok = open_table(tools, music);
  tools->file = ok ? json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault) : NULL;
  if (ok && !tools->file)
    snprintf(error, GW_CONFIG_ERROR_MAX, "tools: %.120s line %d: not JSON: %.160s", name, fault.line, fault.text);
  ok = ok && tools->file && read_all(tools, name, error);
  if (!ok) gw_tools_wipe(tools);
  return ok;
}

bool gw_tools_load(gw_tools *tools, const char *file, bool music, char error[GW_CONFIG_ERROR_MAX]) {
  static const char none[] = "{\"tools\":[]}";
  static char text[FILE_MAX_BYTES + 1];
  if (!file[0]) return gw_tools_read(tools, none, sizeof none - 1, "none", music, error);
  FILE *in = fopen(file, "re");
  errno = in ? 0 : errno;
  size_t len = in ? fread(text, 1, sizeof text, in) : 0;
  int failed = errno;
  if (in) fclose(in);
  *tools = (gw_tools){0};
  if (!failed && len <= FILE_MAX_BYTES) return gw_tools_read(tools, text, len, file, music, error);
  snprintf(error, GW_CONFIG_ERROR_MAX, "tools: cannot read '%.200s': %s", file,
           failed ? strerror(failed) : "it is longer than 128 KiB");
  return false;
}

void gw_tools_wipe(gw_tools *tools) {
  size_t i = 0;
  while (i < tools->n && tools->how[i].kind == GW_TOOL_PAGE && i < xz_n_page_tools) i++;
  for (; i < tools->n; i++) {
    if (tools->how[i].kind == GW_TOOL_SEARCH_MUSIC || tools->how[i].kind == GW_TOOL_PLAY_MUSIC) continue;
    for (size_t j = 0; j < tools->rows[i].n_params; j++) free((void *)(uintptr_t)tools->rows[i].params[j].choices);
    free((void *)(uintptr_t)tools->rows[i].firmware_name);
  }
  free(tools->rows);
  free(tools->how);
  json_decref(tools->file);
  *tools = (gw_tools){0};
}

const gw_tool *gw_tools_how(const gw_tools *tools, const xz_tool *row) { return &tools->how[row - tools->rows]; }

uint64_t gw_tools_hidden(const gw_tools *tools, const char *mac) {
  uint64_t hidden = 0;
  for (size_t i = 0; i < tools->n; i++) {
    bool has = !tools->how[i].devices;
    for (size_t j = 0; !has && j < json_array_size(tools->how[i].devices); j++)
      has = strcmp(json_string_value(json_array_get(tools->how[i].devices, j)), mac) == 0;
    if (!has) hidden |= (uint64_t)1 << i;
  }
  return hidden;
}

bool gw_tools_need_tls(const gw_tools *tools) {
  size_t i = 0;
  while (i < tools->n && (tools->how[i].kind != GW_TOOL_HTTP || strncmp(tools->how[i].url, "https:", 6) != 0)) i++;
  return i < tools->n;
}

static size_t encode(char *out, size_t cap, size_t at, const char *text) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  static const char hex[] = "0123456789ABCDEF";
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    bool is_plain = strchr(plain, c) != NULL;
    size_t n = is_plain ? 1 : 3;
    if (at + n >= cap) return cap;
    if (is_plain) {
      out[at] = (char)c;
    } else {
      out[at] = '%';
      out[at + 1] = hex[c >> 4];
      out[at + 2] = hex[c & 15];
    }
    at += n;
  }
  return at;
}

bool gw_tools_query(char *out, size_t cap, const char *url, const json_t *args) {
  size_t at = strlen(url);
  const char *name;
  json_t *value;
  if (at >= cap) return false;
  memcpy(out, url, at);
  char mark = strchr(url, '?') ? '&' : '?';
  json_object_foreach((json_t *)(uintptr_t)args, name, value) {
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text && at + 1 < cap) {
      out[at++] = mark;
      mark = '&';
      at = encode(out, cap, at, name);
      if (at + 1 < cap) out[at++] = '=';
      at = encode(out, cap, at, text);
    } else {
      at = cap;
    }
    free(text);
    if (at >= cap) return false;
  }
  out[at] = 0;
  return true;
}
