/* client/audio.h - files to Opus packets and back. */
#ifndef CLIENT_AUDIO_H
#define CLIENT_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_FRAME_SAMPLES 960 /* 20 ms at 48 kHz */
#define CLIENT_PACKET_MAX 400

typedef struct client_packet {
  uint16_t len;
  uint8_t bytes[CLIENT_PACKET_MAX];
} client_packet;

/* A file as 20 ms Opus packets, 48 kHz mono. */
typedef struct client_track {
  client_packet *packet; /* owned */
  size_t n;
} client_track;

/* Reads .wav (16-bit PCM, any rate and channels) or Ogg Opus; false: *why is a static text. */
bool client_track_read(client_track *track, const char *path, const char **why);
/* A 440 Hz tone. */
bool client_track_tone(client_track *track, unsigned seconds);
/* 20 ms of silence as the encoder makes it. */
bool client_track_silence(client_packet *packet);
void client_track_free(client_track *track);

/* Decodes received packets on their own time line and measures them. */
typedef struct client_recorder client_recorder;
client_recorder *client_recorder_open(const char *path, const char **why); /* path NULL: measure only */
void client_recorder_add(client_recorder *recorder, const uint8_t *packet, size_t len, uint32_t timestamp);
double client_recorder_seconds(const client_recorder *recorder);      /* decoded */
double client_recorder_loud_seconds(const client_recorder *recorder); /* with an RMS above -45 dBFS */
bool client_recorder_close(client_recorder *recorder);                /* false: the file could not be written */

#endif
