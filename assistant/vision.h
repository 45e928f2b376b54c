/* assistant/vision.h - a photo that was uploaded, described by what can honestly be measured. */
#ifndef ASSISTANT_VISION_H
#define ASSISTANT_VISION_H

#include "wr/types.h"

#define AS_PHOTO_MAX (5 << 20) /* bytes */

/* The image part of a multipart/form-data body; parts in any order, field "file" or "image". |boundary| is that of
 * the Content-Type header, without quotes. false: there is none. |image| is borrowed from |body|. */
bool as_multipart_image(wr_bytes body, const char *boundary, wr_bytes *image);

/* One or two English sentences: size, brightness, main colours. false: not a JPEG this can read; |out| says so. */
bool as_describe_jpeg(wr_bytes jpeg, char *out, size_t cap);

#endif
