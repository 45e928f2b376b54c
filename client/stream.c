/* client/stream.c - see stream.h. */
#include "client/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/sockets.h"

bool client_stream_open(client_stream *s, const wr_path *path) {
  s->path = *path;
  s->in_at = s->n_in = s->n_out = 0;
  wr_frames_init(&s->frames);
  s->fd = sockets_connect(path);
  return s->fd >= 0;
}

void client_stream_close(client_stream *s) {
  if (s->fd >= 0) close(s->fd);
  s->fd = -1;
}

/* Until the connection is there, everything waits. */
bool client_stream_flush(client_stream *s) {
  while (s->n_out) {
    ssize_t n = send(s->fd, s->out, s->n_out, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN || errno == EINPROGRESS;
    s->n_out -= (size_t)n;
    memmove(s->out, s->out + n, s->n_out);
  }
  return true;
}

void client_stream_send(client_stream *s, wr_bytes datagram) {
  if (s->n_out + WR_FRAME_HEAD + datagram.len > sizeof(s->out)) return;
  wr_frame_head(s->out + s->n_out, datagram.len);
  memcpy(s->out + s->n_out + WR_FRAME_HEAD, datagram.data, datagram.len);
  s->n_out += WR_FRAME_HEAD + datagram.len;
  (void)client_stream_flush(s); /* an end is told by the next read */
}

int client_stream_next(client_stream *s, wr_span *datagram) {
  for (;;) {
    wr_span input = {s->in + s->in_at, s->n_in - s->in_at};
    wr_frame_got got = wr_frames_next(&s->frames, &input, datagram);
    s->in_at = s->n_in - input.len;
    if (got == WR_FRAME_TOO_LARGE) return -1;
    if (got == WR_FRAME_DATAGRAM) return 1;
    ssize_t n = recv(s->fd, s->in, sizeof(s->in), 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -1;
    if (n == 0) return -1;
    s->in_at = 0;
    s->n_in = (size_t)n;
  }
}
