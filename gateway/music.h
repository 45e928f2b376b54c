/* gateway/music.h - an operator's music (--music): a folder of files, or a list (JSON) from a web address.
 *
 * Songs of a folder have addresses /music/ID. The id is made of the path with a secret, and only what the list
 * holds is ever opened, so no path from outside reaches the disk. A folder is read again when it was last read half
 * a minute ago; links are not followed, names that begin with a dot are passed over. Blocks as long as the disk
 * does. */
#ifndef GATEWAY_MUSIC_H
#define GATEWAY_MUSIC_H

#include "gateway/folder.h"
#include "wr/crypto.h"

#define GW_SONGS_MAX 5000
#define GW_MUSIC_DEEPEST 4                      /* folders within folders */
#define GW_SONG_MAX_BYTES (512ll * 1024 * 1024) /* a larger file is no song */
#define GW_MUSIC_LIST_MAX (512u * 1024)         /* bytes of a list from the web */
#define GW_SONG_ID_HEX 24

typedef struct gw_song {
  char id[GW_SONG_ID_HEX + 1];
  char *title, *author; /* author "": not known */
  char *where;          /* path below the folder, or address */
} gw_song;

typedef struct gw_music {
  const char *source; /* of --music; borrowed */
  bool is_folder;
  const wr_crypto *crypto;
  uint8_t secret[16];
  gw_song *songs;
  size_t n;
  wr_time read_at; /* 0: never */
} gw_music;

void gw_music_init(gw_music *music, const char *source, const wr_crypto *crypto, wr_rng *rng);
void gw_music_wipe(gw_music *music);
/* Whether --music may be |source|: "" or a folder that can be read, or an http or https address. */
bool gw_music_is_source(const char *source);
void gw_music_read_folder(gw_music *music, wr_time now);
/* [{"title","author","url"}], or such a list as "songs" of an object; what has no title or no web address is passed
 * over. false: it is no such list, and the songs are those of before. */
bool gw_music_read_list(gw_music *music, const char *text, size_t len, wr_time now);
/* At most |most| songs whose title and author hold all |words|, in any case, best first; how many there are in all.
 */
size_t gw_music_find(const gw_music *music, const char *words, const gw_song **found, size_t most);
/* A folder's song. false: there is none. The descriptor is the caller's. */
bool gw_music_open(const gw_music *music, const char *id, gw_file *file);

#endif
