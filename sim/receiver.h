// A client that replicates: asks for a walsender in its startup packet, has it identify itself, be
// copied, stream in both directions, and leaves in one of many ways, wherever it is. It looks
// itself whether all that it hears is its own, whole and in order (O-16): its application_name is
// its mark, which no two connections share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sim/messages.h"
#include "sim/network.h"
#include "sim/scram.h"

namespace pgweir::sim {

class Simulation;

class Receiver : public Peer {
 public:
  // number: of all receivers, from 1.
  Receiver(Simulation& simulation, std::uint32_t number);
  ~Receiver() override;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  void start() { later(0, Later::go_on); }
  void retire() { retired_ = true; }
  void turn() override;
  const std::shared_ptr<Stream>& stream() const { return stream_; }
  std::string name() const { return "r" + std::to_string(number_); }
  // What it waits for of others; empty when it waits for nobody.
  std::string pending() const;

  // Faults.
  void vanish();
  void go_dark();

 private:
  enum class Phase : std::uint8_t { away, logging_in, ready, asking, streaming, ending };
  enum class Later : std::uint8_t { go_on, read, give_up, lose_heart };

  void later(std::uint32_t ms, Later what);
  void do_now(Later what);
  std::uint32_t think();
  void connect();
  void hear(const Message& message);
  void hear_login(const Message& message);
  void prove(Body body);
  void let_in();
  void go_on();
  void ask();
  void expect(std::string_view answer);
  void hear_answer(const Message& message);
  void start_streaming();
  void hear_stream(const Message& message);
  void stream_on();
  std::uint32_t feedback_size_max() const;
  void end_stream();
  void check_mark(const Message& message);
  void hear_fatal(const Message& message);
  bool explained(std::string_view code, std::string_view text) const;
  bool had_passed(Duration Settings::* timeout, Instant since) const;
  void leave();
  void end_connection();
  void blame(std::string_view oracle, const std::string& what);

  Simulation& simulation_;
  std::uint32_t number_;
  std::uint32_t connection_ = 0;  // late tasks of an old one do nothing
  std::string user_;
  std::string database_;
  Phase phase_ = Phase::away;
  bool retired_ = false;
  std::shared_ptr<Stream> stream_;
  Framer framer_{false};
  std::optional<ScramClient> scram_;
  bool reading_ = true;
  bool broken_ = false;  // the world broke this connection
  bool fatal_heard_ = false;
  bool logical_ = false;
  std::string password_;
  std::string mark_;
  Instant connected_at_{};
  Instant answered_at_{};        // when its last answer was complete
  std::uint32_t asks_left_ = 0;  // of this connection
  std::string expected_;         // types of messages that are still to come
  // Of a stream.
  std::uint32_t timeline_ = 0;
  std::uint32_t feedback_left_ = 0;
  std::uint32_t said_count_ = 0;
  std::uint32_t heard_count_ = 0;
  bool done_said_ = false;
  bool done_heard_ = false;
};

}  // namespace pgweir::sim
