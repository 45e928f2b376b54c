/* client/stream.h - an outgoing TCP connection for media (ICE-TCP): datagrams in frames, both ways, never blocking.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include "wr/frame.h"
#include "wr/types.h"

#define CLIENT_STREAM_BYTES 16384 /* waiting to be sent; a datagram beyond is dropped, as a network would */

typedef struct client_stream {
  int fd;
  wr_path path; /* local: as libwr names it, without port */
  wr_frames frames;
  size_t in_at, n_in, n_out;
  uint8_t in[4096], out[CLIENT_STREAM_BYTES];
} client_stream;

/* Begins to connect. false: it cannot be; errno says why. */
bool client_stream_open(client_stream *stream, const wr_path *path);
void client_stream_close(client_stream *stream);
void client_stream_send(client_stream *stream, wr_bytes datagram);
/* Sends what waits, if there is room. false: the connection has ended, or could not be made. */
bool client_stream_flush(client_stream *stream);
/* The next datagram, lent until the next call. 0: none now; -1: the connection has ended. */
int client_stream_next(client_stream *stream, wr_span *datagram);

#endif
