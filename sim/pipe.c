/* sim/pipe.c - two rings of pieces. */
#include "sim/pipe.h"

#include <string.h>

void sim_pipe_init(sim_pipe *pipe, wr_time one_way) {
  pipe->one_way = one_way;
  for (int to = 0; to < 2; to++) pipe->to[to].first = pipe->to[to].n = 0;
}

void sim_pipe_send(sim_pipe *pipe, int to, wr_bytes bytes, wr_time now) {
  WR_ASSERT(pipe->to[to].n < SIM_PIPE_PIECES && bytes.len <= SIM_PIPE_PIECE_MAX);
  sim_pipe_piece *piece = &pipe->to[to].piece[(pipe->to[to].first + pipe->to[to].n++) % SIM_PIPE_PIECES];
  piece->at = now + pipe->one_way;
  piece->len = bytes.len;
  if (bytes.len) memcpy(piece->bytes, bytes.data, bytes.len);
}

wr_span sim_pipe_recv(sim_pipe *pipe, int to, wr_time now) {
  sim_pipe_piece *piece = &pipe->to[to].piece[pipe->to[to].first];
  if (!pipe->to[to].n || piece->at > now) return (wr_span){0};
  pipe->to[to].first = (pipe->to[to].first + 1) % SIM_PIPE_PIECES;
  pipe->to[to].n--;
  return (wr_span){piece->bytes, piece->len};
}

wr_time sim_pipe_deadline(const sim_pipe *pipe) {
  wr_time at = WR_NEVER;
  for (int to = 0; to < 2; to++)
    if (pipe->to[to].n) at = wr_time_min(at, pipe->to[to].piece[pipe->to[to].first].at);
  return at;
}
