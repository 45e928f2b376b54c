/* gateway/roles.c - reads, completes and judges a list of roles. The one that is built in goes the same way. */
#include "gateway/roles.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/folder.h"
#include "web/assets.h"

#define FILE_MAX_BYTES (64u * 1024)
#define ID_MAX 40
#define NAME_MAX_BYTES 60
#define ABOUT_MAX_BYTES 240

/* As the page has it in roles.js, so that both can begin without each other; a test compares them. */
static const char built_in[] =
    "{\"roles\":["
    "{\"id\":\"xiaozhi\",\"name\":{\"en\":\"XiaoZhi\",\"zh\":\"小智\",\"vi\":\"XiaoZhi\"},"
    "\"about\":{\"en\":\"This gateway's assistant\",\"zh\":\"本网关的助手\",\"vi\":\"Trợ lý của cổng này\"}},"
    "{\"id\":\"companion\",\"name\":{\"en\":\"Companion\",\"zh\":\"知心朋友\",\"vi\":\"Người tâm giao\"},"
    "\"about\":{\"en\":\"A warm listener who feels with you\",\"zh\":\"善于倾听，感同身受\","
    "\"vi\":\"Biết lắng nghe và đồng cảm\"},"
    "\"mac\":\"00:00:00:00:00:AA\",\"picture\":\"/roles/companion.svg\",\"look\":\"companion\"},"
    "{\"id\":\"curious\",\"name\":{\"en\":\"Curious boy\",\"zh\":\"好奇男孩\",\"vi\":\"Cậu bé tò mò\"},"
    "\"about\":{\"en\":\"Wants to know about everything\",\"zh\":\"什么都想知道\",\"vi\":\"Cái gì cũng muốn "
    "biết\"},"
    "\"mac\":\"00:00:00:00:00:BB\",\"picture\":\"/roles/curious.svg\",\"look\":\"curious\"},"
    "{\"id\":\"own\",\"own\":true,\"name\":{\"en\":\"My device\",\"zh\":\"我的设备\",\"vi\":\"Thiết bị của tôi\"},"
    "\"about\":{\"en\":\"The persona you gave your device\",\"zh\":\"您为设备设置的角色\","
    "\"vi\":\"Nhân vật bạn đã đặt cho thiết bị\"},\"picture\":\"/roles/own.svg\",\"look\":\"own\"}]}";

static const char *const languages[] = {"en", "zh", "vi"};
#define N_LANGUAGES (sizeof languages / sizeof languages[0])
static const char *const keys[] = {"id", "name", "about", "mac", "own", "picture", "look", "avatar"};
static const char *const looks[] = {"xiaozhi", "companion", "curious", "own"};

typedef struct reader {
  const char *avatars;
  char *why; /* GW_CONFIG_ERROR_MAX; what is wrong with the entry */
} reader;

static bool is_among(const char *word, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(word, list[i]) == 0) return true;
  return false;
}

#define SAY(r, ...) (snprintf((r)->why, GW_CONFIG_ERROR_MAX, __VA_ARGS__), false)

/* A text member; "": it is not there. false: it is something else, or too long. */
static bool text_of(reader *r, const json_t *role, const char *key, size_t most, const char **text) {
  const json_t *value = json_object_get(role, key);
  *text = value ? json_string_value(value) : "";
  if (!*text) return SAY(r, "%s: must be a text", key);
  if (strlen(*text) > most) return SAY(r, "%s: longer than %zu bytes", key, most);
  return true;
}

static const char *first_text(const json_t *texts) {
  for (size_t i = 0; i < N_LANGUAGES; i++) {
    const char *text = json_string_value(json_object_get(texts, languages[i]));
    if (text) return text;
  }
  return "";
}

/* One text for all languages, or an object of them, in |out| completed. */
static bool read_texts(reader *r, const json_t *role, const char *key, size_t most, json_t *out) {
  json_t *value = json_object_get(role, key), *texts = json_object(), *text;
  const char *language;
  json_object_set_new(out, key, texts);
  if (value && !json_is_string(value) && !json_is_object(value))
    return SAY(r, "%s: must be a text, or texts by language as in {\"en\": \"...\", \"zh\": \"...\"}", key);
  json_object_foreach(value, language, text) {
    if (!is_among(language, languages, N_LANGUAGES))
      return SAY(r, "%s: '%.20s' is none of en, zh, vi", key, language);
    if (!json_is_string(text)) return SAY(r, "%s: the text for %s is none", key, language);
  }
  for (size_t i = 0; i < N_LANGUAGES; i++) {
    const char *own = json_string_value(json_object_get(value, languages[i]));
    const char *any = json_is_string(value) ? json_string_value(value) : first_text(value);
    if (strlen(own ? own : any) > most) return SAY(r, "%s: longer than %zu bytes", key, most);
    json_object_set_new(texts, languages[i], json_string(own ? own : any));
  }
  return true;
}

/* AA:BB:CC:DD:EE:FF in any case, also with "-". */
static bool read_mac(reader *r, const json_t *role, json_t *out) {
  const char *mac;
  char clean[18] = "";
  bool own = json_is_true(json_object_get(role, "own"));
  if (!text_of(r, role, "mac", 60, &mac)) return false;
  for (size_t i = 0; i < 17 && mac[0]; i++) {
    char c = mac[i], upper = c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A') : c;
    bool is_hex = (upper >= '0' && upper <= '9') || (upper >= 'A' && upper <= 'F');
    if (i % 3 == 2 ? c != ':' && c != '-' : !is_hex)
      return SAY(r, "mac: '%.40s' is not of the form 00:11:22:AA:BB:CC", mac);
    clean[i] = i % 3 == 2 ? ':' : upper;
  }
  if (strlen(mac) > 17) return SAY(r, "mac: '%.40s' is not of the form 00:11:22:AA:BB:CC", mac);
  if (own && mac[0]) return SAY(r, "mac: with \"own\": true the person types it; leave one of them out");
  json_object_set_new(out, "mac", json_string(clean));
  json_object_set_new(out, "own", json_boolean(own));
  return true;
}

static bool read_picture(reader *r, const json_t *role, json_t *out) {
  const char *picture;
  gw_file file;
  if (!text_of(r, role, "picture", 160, &picture)) return false;
  if (!picture[0]) picture = "/portrait.svg";
  if (picture[0] == '/') {
    bool lasting;
    const web_asset *asset = web_asset_find(picture, &lasting);
    if (!asset || lasting || strncmp(asset->mime, "image/", 6) != 0)
      return SAY(r,
                 "picture: '%s' is none of /portrait.svg, /roles/companion.svg, /roles/curious.svg, /roles/own.svg",
                 picture);
    json_object_set_new(out, "picture", json_string(picture));
    return true;
  }
  bool there = gw_folder_open(r->avatars, picture, &file);
  if (there) close(file.fd);
  if (!there || strncmp(file.mime, "image/", 6) != 0)
    return SAY(r, "picture: '%s' is no picture NAME/FILE in the folder of --avatars (%s)", picture,
               r->avatars[0] ? r->avatars : "which is not set");
  json_object_set_new(out, "picture", json_sprintf("/avatar/%s", picture));
  return true;
}

static bool read_avatar(reader *r, const json_t *role, json_t *out) {
  const char *look, *avatar;
  char list[GW_FOLDER_NAME_MAX + 16];
  gw_file file;
  if (!text_of(r, role, "look", 40, &look) || !text_of(r, role, "avatar", GW_FOLDER_NAME_MAX, &avatar))
    return false;
  if (!look[0]) look = looks[0];
  if (!is_among(look, looks, sizeof looks / sizeof looks[0]))
    return SAY(r, "look: '%s' is none of xiaozhi, companion, curious, own", look);
  if (!avatar[0]) avatar = "vector";
  snprintf(list, sizeof list, "%s/avatar.json", avatar);
  bool drawn = strcmp(avatar, "vector") == 0, there = !drawn && gw_folder_open(r->avatars, list, &file);
  if (there) close(file.fd);
  if (!drawn && !there)
    return SAY(r, "avatar: there is no '%s' in the folder of --avatars (%s); 'vector' is the one that is built in",
               list, r->avatars[0] ? r->avatars : "which is not set");
  json_object_set_new(out, "look", json_string(look));
  json_object_set_new(out, "avatar", json_string(avatar));
  return true;
}

static bool read_role(reader *r, json_t *role, json_t *out) {
  const char *key, *id;
  json_t *value;
  if (!json_is_object(role)) return SAY(r, "must be an object {\"id\": ..., \"name\": ...}");
  json_object_foreach(role, key, value) {
    if (!is_among(key, keys, sizeof keys / sizeof keys[0]))
      return SAY(r, "'%.40s' is none of id, name, about, mac, own, picture, look, avatar", key);
  }
  value = json_object_get(role, "own");
  if (value && !json_is_boolean(value)) return SAY(r, "own: must be true or false");
  if (!text_of(r, role, "id", ID_MAX, &id)) return false;
  if (!gw_folder_is_name(id)) return SAY(r, "id: '%s' is not made of letters, digits, '-' and '_'", id);
  json_object_set_new(out, "id", json_string(id));
  if (!read_texts(r, role, "name", NAME_MAX_BYTES, out)) return false;
  if (!first_text(json_object_get(out, "name"))[0]) return SAY(r, "name: is missing");
  return read_texts(r, role, "about", ABOUT_MAX_BYTES, out) && read_mac(r, role, out) &&
         read_picture(r, role, out) && read_avatar(r, role, out);
}

static bool is_double(const json_t *roles, const json_t *role) {
  const char *id = json_string_value(json_object_get(role, "id"));
  size_t i;
  json_t *other;
  json_array_foreach(roles, i, other) {
    if (strcmp(id, json_string_value(json_object_get(other, "id"))) == 0) return true;
  }
  return false;
}

/* |out|: what is good so far. */
static bool read_roles(const json_t *list, json_t *out, const char *name, const char *avatars, char *error) {
  char why[GW_CONFIG_ERROR_MAX];
  reader r = {avatars, why};
  size_t i;
  json_t *role;
  if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > GW_ROLES_MAX) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "roles: %.200s: must be {\"roles\": [...]} with 1 to %d roles", name,
             GW_ROLES_MAX);
    return false;
  }
  json_array_foreach(list, i, role) {
    json_t *good = json_object();
    bool ok = read_role(&r, role, good);
    if (ok && is_double(out, good)) ok = SAY(&r, "id: another role has it, too");
    if (ok) {
      json_array_append_new(out, good);
      continue;
    }
    const char *id = json_string_value(json_object_get(role, "id"));
    json_decref(good);
    snprintf(error, GW_CONFIG_ERROR_MAX, "roles: %.120s: entry %zu%s%.40s%s: %.280s", name, i + 1, id ? " (" : "",
             id ? id : "", id ? ")" : "", why);
    return false;
  }
  return true;
}

char *gw_roles_read(const char *text, size_t len, const char *name, const char *avatars,
                    char error[GW_CONFIG_ERROR_MAX]) {
  json_error_t fault;
  json_t *file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault), *out = json_array();
  char *answer = NULL;
  if (!file) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "roles: %.120s line %d: not JSON: %.160s", name, fault.line, fault.text);
  } else if (read_roles(json_object_get(file, "roles"), out, name, avatars, error)) {
    json_t *whole = json_pack("{s:O}", "roles", out);
    answer = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    json_decref(whole);
    if (!answer) snprintf(error, GW_CONFIG_ERROR_MAX, "no memory");
  }
  json_decref(file);
  json_decref(out);
  return answer;
}

char *gw_roles_load(const char *file, const char *avatars, char error[GW_CONFIG_ERROR_MAX]) {
  static char text[FILE_MAX_BYTES + 1];
  if (!file[0]) return gw_roles_read(built_in, sizeof built_in - 1, "built in", avatars, error);
  FILE *in = fopen(file, "re");
  errno = in ? 0 : errno;
  size_t len = in ? fread(text, 1, sizeof text, in) : 0;
  int failed = errno;
  if (in) fclose(in);
  if (failed)
    snprintf(error, GW_CONFIG_ERROR_MAX, "roles: cannot read '%.200s': %s", file, strerror(failed));
  else if (len > FILE_MAX_BYTES)
    snprintf(error, GW_CONFIG_ERROR_MAX, "roles: '%.200s' is longer than 64 KiB", file);
  else
    return gw_roles_read(text, len, file, avatars, error);
  return NULL;
}
