/* sim/pipe.h - a reliable byte stream between two programs of the virtual world: TCP as far as its users can tell.
 *
 * What is sent arrives in order after one delay, in the pieces it was sent in. No loss and no rate: those turn into
 * delay, which is the owner's to choose. A value. */
#ifndef SIM_PIPE_H
#define SIM_PIPE_H

#include "wr/types.h"

#define SIM_PIPE_PIECES 256     /* under way in each direction; asserted */
#define SIM_PIPE_PIECE_MAX 2048 /* asserted */

typedef struct sim_pipe_piece {
  wr_time at;
  size_t len;
  uint8_t bytes[SIM_PIPE_PIECE_MAX];
} sim_pipe_piece;

typedef struct sim_pipe {
  wr_time one_way;
  struct {
    size_t first, n;
    sim_pipe_piece piece[SIM_PIPE_PIECES];
  } to[2]; /* 0: the client, 1: the server */
} sim_pipe;

void sim_pipe_init(sim_pipe *pipe, wr_time one_way);
void sim_pipe_send(sim_pipe *pipe, int to, wr_bytes bytes, wr_time now);
/* The next piece that has arrived by |now|, lent until the next send; empty: none. */
wr_span sim_pipe_recv(sim_pipe *pipe, int to, wr_time now);
wr_time sim_pipe_deadline(const sim_pipe *pipe);

#endif
