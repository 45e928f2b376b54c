/* gateway/http_tool.c - the HTTP thread's part of a tool call: an operator's service is asked, or music is looked
 * for. Every gw_tool_ask is answered by one GW_TOOL_DONE, with a GW_TOOL_SAY before it if the page is to play
 * something. */
#include <stdlib.h>
#include <string.h>

#include "gateway/http_accept.h"
#include "gateway/http_post.h"

#define FOUND_MOST 10
#define FOLDER_FRESH WR_S(30)
#define LIST_FRESH WR_S(600)

/* Takes |text|. */
static void done(gw_http *http, gw_tool_ask *ask, bool ok, char *text) {
  gw_message m = {.kind = GW_TOOL_DONE, .number = ask->call, .ref = ask->ref, .owned = text, .owned_len = ok};
  gw_tell(&http->to[ask->ref.worker], &m, NULL, 0);
  free(ask);
}

static void fail(gw_http *http, gw_tool_ask *ask, const char *why) { done(http, ask, false, strdup(why)); }

/* ---- an operator's service ---- */

static void on_answer(gw_post *post, unsigned status, const char *text, size_t len) {
  gw_tool_ask *ask = post->owner;
  char why[160];
  if (!status) {
    snprintf(why, sizeof why, "no answer within %u s, or none at all", ask->tool->seconds);
    fail(post->http, ask, why);
  } else if (status < 200 || status > 299) {
    snprintf(why, sizeof why, "the service answered %u: %.100s", status, text);
    fail(post->http, ask, why);
  } else if (post->cut) {
    snprintf(why, sizeof why, "the answer is longer than %zu bytes", ask->tool->most);
    fail(post->http, ask, why);
  } else {
    done(post->http, ask, true, strdup(len ? text : "done"));
  }
}

static void ask_service(gw_http *http, gw_tool_ask *ask) {
  const gw_tool *tool = ask->tool;
  gw_post *post = calloc(1, sizeof *post);
  if (!post) abort();
  json_t *args = tool->is_get ? json_loadb(ask->args, ask->len, 0, NULL) : NULL;
  bool fits = gw_tools_query(post->url, sizeof post->url, tool->url, args);
  json_decref(args);
  if (!fits) {
    free(post);
    fail(http, ask, "the arguments are too long");
    return;
  }
  post->http = http;
  post->is_get = tool->is_get;
  post->stays = true; /* where an address leads is the operator's to say, not the service's */
  post->seconds = tool->seconds;
  post->most = tool->most;
  post->tool = tool;
  post->identity = &ask->identity;
  post->content_type = "application/json";
  post->token = tool->token;
  post->part[0] = wr_bytes_of(ask->args, ask->len);
  post->done = on_answer;
  post->owner = ask;
  gw_post_start(post);
}

/* ---- music ---- */

static json_t *song_json(const gw_song *song) {
  return json_pack("{s:s,s:s,s:s}", "id", song->id, "title", song->title, "author", song->author);
}

static void search(gw_http *http, gw_tool_ask *ask, const char *words) {
  const gw_song *found[FOUND_MOST];
  size_t n = gw_music_find(&http->music, words, found, FOUND_MOST);
  json_t *songs = json_array();
  for (size_t i = 0; i < n && i < FOUND_MOST; i++) json_array_append_new(songs, song_json(found[i]));
  json_t *answer = json_pack("{s:I,s:o}", "found", (json_int_t)n, "songs", songs);
  char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
  json_decref(answer);
  done(http, ask, text != NULL, text);
}

static void say_to_page(gw_http *http, const gw_tool_ask *ask, json_t *message) {
  gw_message m = {.kind = GW_TOOL_SAY, .ref = ask->ref};
  m.owned = message ? json_dumps(message, JSON_COMPACT) : NULL;
  json_decref(message);
  if (m.owned) gw_tell(&http->to[ask->ref.worker], &m, NULL, 0);
}

static void play(gw_http *http, gw_tool_ask *ask, const char *words) {
  char text[600], url[sizeof "/music/" + GW_SONG_ID_HEX];
  const gw_song *found[64];
  size_t n = gw_music_find(&http->music, words, found, 64), i = 0;
  if (!n) {
    snprintf(text, sizeof text, "there is no music of \"%.200s\"", words);
    fail(http, ask, words[0] ? text : "there is no music");
    return;
  }
  if (!words[0]) i = (size_t)gw_now() % (n < 64 ? n : 64);
  snprintf(url, sizeof url, "/music/%s", found[i]->id);
  snprintf(text, sizeof text, "%.200s%s%.200s", found[i]->author, found[i]->author[0] ? " - " : "",
           found[i]->title);
  say_to_page(http, ask,
              json_pack("{s:s,s:s,s:s,s:s}", "type", "music", "state", "start", "url",
                        http->music.is_folder ? url : found[i]->where, "text", text));
  char *answer = malloc(sizeof text + 16);
  if (answer) snprintf(answer, sizeof text + 16, "playing: %s", text);
  done(http, ask, answer != NULL, answer);
}

static void answer(gw_http *http, gw_tool_ask *ask) {
  bool plays = ask->tool->kind == GW_TOOL_PLAY_MUSIC;
  json_t *args = json_loadb(ask->args, ask->len, 0, NULL);
  const char *words = json_string_value(json_object_get(args, plays ? "song" : "words"));
  (plays ? play : search)(http, ask, words ? words : "");
  json_decref(args);
}

static void on_list(gw_post *post, unsigned status, const char *text, size_t len) {
  gw_http *http = post->http;
  bool good = status == 200 && !post->cut && gw_music_read_list(&http->music, text, len, gw_now());
  if (good || http->music.n) /* one of before is better than none */
    answer(http, post->owner);
  else
    fail(http, post->owner, "the list of music cannot be had just now");
}

static void fetch_list(gw_http *http, gw_tool_ask *ask) {
  gw_post *post = calloc(1, sizeof *post);
  if (!post) abort();
  post->http = http;
  post->is_get = true;
  post->seconds = 5;
  post->most = GW_MUSIC_LIST_MAX;
  post->token = "";
  post->done = on_list;
  post->owner = ask;
  snprintf(post->url, sizeof post->url, "%s", http->music.source);
  gw_post_start(post);
}

void gw_tool_perform(gw_http *http, gw_tool_ask *ask) {
  gw_music *music = &http->music;
  wr_time now = gw_now(), age = music->read_at ? now - music->read_at : WR_NEVER;
  if (ask->tool->kind == GW_TOOL_HTTP) {
    ask_service(http, ask);
  } else if (!music->is_folder && age > LIST_FRESH) {
    fetch_list(http, ask);
  } else {
    if (music->is_folder && age > FOLDER_FRESH) gw_music_read_folder(music, now);
    answer(http, ask);
  }
}

/* A song of the folder, or the piece of it that a player wants. */
void gw_files_music(gw_exchange *x) {
  gw_file file;
  char range[80];
  if (!gw_music_open(&x->http->music, x->path + strlen("/music/"), &file)) {
    gw_respond_error(x, GW_HTTP_NOT_FOUND, NULL, 0);
    return;
  }
  if (lws_hdr_copy(x->wsi, range, sizeof range, WSI_TOKEN_HTTP_RANGE) < 0) range[0] = 0;
  size_t first, last;
  x->cache = "private, max-age=600";
  x->is_piecewise = true;
  if (gw_accept_range(range, file.len, &first, &last))
    gw_respond_piece(x, file.mime, file.fd, file.len, first, last);
  else
    gw_respond_file(x, file.mime, file.fd, file.len);
}
