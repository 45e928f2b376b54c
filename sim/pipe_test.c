#include "sim/pipe.h"

#include "check.h"

TEST(sim_pipe_keeps_order_and_time) {
  static sim_pipe pipe;
  sim_pipe_init(&pipe, WR_MS(30));
  CHECK_EQ(sim_pipe_deadline(&pipe), WR_NEVER);
  sim_pipe_send(&pipe, 1, WR_BYTES_LITERAL("one"), WR_MS(10));
  sim_pipe_send(&pipe, 1, WR_BYTES_LITERAL("two"), WR_MS(20));
  sim_pipe_send(&pipe, 0, WR_BYTES_LITERAL("back"), WR_MS(25));
  CHECK_EQ(sim_pipe_deadline(&pipe), WR_MS(40));
  CHECK_EQ(sim_pipe_recv(&pipe, 1, WR_MS(39)).len, 0);
  CHECK(wr_bytes_equal(wr_span_bytes(sim_pipe_recv(&pipe, 1, WR_MS(40))), WR_BYTES_LITERAL("one")));
  CHECK_EQ(sim_pipe_recv(&pipe, 1, WR_MS(49)).len, 0);
  CHECK(wr_bytes_equal(wr_span_bytes(sim_pipe_recv(&pipe, 1, WR_MS(60))), WR_BYTES_LITERAL("two")));
  CHECK_EQ(sim_pipe_recv(&pipe, 1, WR_MS(60)).len, 0);
  CHECK_EQ(sim_pipe_deadline(&pipe), WR_MS(55));
  CHECK(wr_bytes_equal(wr_span_bytes(sim_pipe_recv(&pipe, 0, WR_MS(60))), WR_BYTES_LITERAL("back")));
}
