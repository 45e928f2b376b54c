/* assistant/voice.h - sound out of words, as Opus packets.
 *
 * English is spoken by flite in this process; the library is loaded at the first sentence. Other languages are
 * spoken by the program espeak-ng as a child: its licence (GPL) stays with it. */
#ifndef ASSISTANT_VOICE_H
#define ASSISTANT_VOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum as_language { AS_ENGLISH, AS_CHINESE, AS_VIETNAMESE } as_language;

#define AS_SPEECH_RATE 24000 /* Hz */
#define AS_TEXT_MAX 600      /* bytes of one sentence */

/* Packets one after another, each with its length (u16, native) before it. Freed with as_speech_free. */
typedef struct as_speech {
  uint8_t *packets;
  size_t bytes;
  size_t n_packets;
} as_speech;

/* Samples of |text| at |*rate| Hz; free() them. NULL: |error| says why. */
int16_t *as_voice_samples(as_language language, const char *text, size_t *n, unsigned *rate, char *error,
                          size_t cap);
/* The same as Opus of |frame_ms| (20, 40 or 60) each, mono, the last one filled with silence. */
bool as_voice_speak(as_language language, const char *text, unsigned frame_ms, as_speech *speech, char *error,
                    size_t cap);
/* The same from |n| samples at |rate| Hz. */
bool as_voice_pack(const int16_t *samples, size_t n, unsigned rate, unsigned frame_ms, as_speech *speech,
                   char *error, size_t cap);
void as_speech_free(as_speech *speech);

#endif
