/* sdp/text.h - taking text apart: lines, words, numbers over borrowed bytes. Shared by the files of this room. */
#ifndef WR_SDP_TEXT_H
#define WR_SDP_TEXT_H

#include "wr/types.h"

/* The next line of |rest| without its line end (LF or CRLF) and trailing blanks. false: nothing is left. */
bool wr_text_line(wr_bytes *rest, wr_bytes *line);
/* The next word of |rest|, delimited by blanks; empty: none is left. */
wr_bytes wr_text_word(wr_bytes *rest);
/* What stands before the first |c|, which |rest| skips; all of |rest| if there is none. */
wr_bytes wr_text_until(wr_bytes *rest, char c);
wr_bytes wr_text_trim(wr_bytes text); /* without blanks around it */

bool wr_text_is(wr_bytes text, const char *want);
bool wr_text_is_nocase(wr_bytes text, const char *want); /* ASCII */
/* Skips |prefix| at the start of |rest|. false: it is not there. */
bool wr_text_skip(wr_bytes *rest, const char *prefix);
bool wr_text_skip_nocase(wr_bytes *rest, const char *prefix);

/* A decimal number of digits only, at most |max|. */
bool wr_text_number(wr_bytes text, uint64_t max, uint64_t *out);
/* Not empty, and nothing but printable ASCII without blanks: may be repeated in a description of ours. */
bool wr_text_is_visible(wr_bytes text);
/* RFC 8839 5.4: 4*256 characters (22*256 for the password). WebRTC stacks use more than ice-char; what can neither
 * end a line nor split a STUN USERNAME is taken. */
bool wr_text_is_ufrag(wr_bytes text);
bool wr_text_is_pwd(wr_bytes text);

#endif
