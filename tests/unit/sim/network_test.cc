// Streams over a network: bytes keep their order, take their time, wait where it is clogged, and
// are lost where it is broken.
#include "sim/network.h"

#include <gtest/gtest.h>

namespace pgweir::sim {
namespace {

class NetworkTest : public ::testing::Test {
 protected:
  void run() {
    while (clock.next() != never) {
      clock.move_to(std::max(clock.now(), clock.next()));
      while (clock.run_due()) continue;
    }
  }

  Clock clock;
  Tape tape = Tape::from_seed(5);
  Network network{clock, tape};
};

TEST_F(NetworkTest, bytes_keep_their_order_however_they_are_cut) {
  network.weather = {.delay_max = std::chrono::milliseconds(5), .split_percent = 80};
  const auto stream = network.connect(1 << 20);
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    const std::string piece = std::to_string(i) + ",";
    stream->write(piece);
    sent += piece;
  }
  stream->finish();
  EXPECT_EQ(stream->readable_size(), 0u) << "nothing arrives at once";
  run();
  EXPECT_EQ(stream->receive(sent.size() + 1), sent);
  EXPECT_TRUE(stream->peer_finished());
}

TEST_F(NetworkTest, a_full_pipe_takes_no_more_until_the_peer_has_read) {
  const auto stream = network.connect(10);
  EXPECT_EQ(stream->send("0123456789abc"), 10u);
  EXPECT_EQ(stream->send("abc"), 0u);
  run();
  EXPECT_EQ(stream->read(), "0123456789");
  EXPECT_EQ(stream->send("abc"), 3u);
}

TEST_F(NetworkTest, what_comes_while_it_is_clogged_comes_when_it_is_free) {
  const auto stream = network.connect(100);
  stream->clog(Stream::Way::to_shell, true);
  stream->write("late");
  run();
  EXPECT_EQ(stream->readable_size(), 0u);
  stream->clog(Stream::Way::to_shell, false);
  EXPECT_EQ(stream->receive(100), "late");
}

TEST_F(NetworkTest, a_cut_loses_what_was_on_its_way_and_both_ends_are_told) {
  network.weather.delay_max = std::chrono::milliseconds(5);
  const auto stream = network.connect(100);
  stream->write("lost");
  stream->send("lost too");
  stream->cut();
  run();
  EXPECT_EQ(stream->readable_size(), 0u);
  EXPECT_EQ(stream->hangup_reason(), Reason::reset);
  EXPECT_TRUE(stream->at_end());
}

TEST_F(NetworkTest, in_the_dark_nothing_arrives_until_the_kernel_gives_up) {
  const auto stream = network.connect(100);
  stream->go_dark(std::chrono::seconds(30));
  stream->write("lost");
  EXPECT_FALSE(stream->peer_reset());
  run();
  EXPECT_EQ(stream->readable_size(), 0u);
  EXPECT_EQ(stream->hangup_reason(), Reason::timed_out);
}

}  // namespace
}  // namespace pgweir::sim
