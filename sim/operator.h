// A person at the console: a client of the admin database who looks, reloads, and tries what is not
// there or not allowed, at any step. What is answered must be what this user may have (O-10) and
// what is so (O-42): the world is taken stock of at the step that answers, and the answer is judged
// when it has come through the network.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/effect.h"
#include "core/event.h"
#include "sim/console.h"
#include "sim/network.h"
#include "sim/scram.h"
#include "sim/truth.h"

namespace pgweir::sim {

class Simulation;

enum class Right : std::uint8_t { none, look, act };

class Operator : public Peer {
 public:
  // number: of all operators, from 1.
  Operator(Simulation& simulation, std::uint32_t number, std::string user, Right right);
  ~Operator() override;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  void start();
  void retire();
  // An administrator, who always gets in, asks for all there is to see as soon as that can be.
  void take_stock() { survey_wanted_ = right_ == Right::act; }
  // The pooler has refused settings.
  void reload_refused() { refused_since_ = true; }
  // The pooler's end of its connection.
  SocketId socket() const { return socket_; }
  bool logged_in() const { return phase_ == Phase::working; }
  bool stock_taken() const { return !survey_wanted_ && asked_.empty(); }
  std::string pending() const;

  // In a step of the machine: its connection was accepted, or something was said to a client.
  void accepted(const event::Accepted& accepted);
  void said(const effect::Send& send, const Event& event);
  void turn() override;

 private:
  enum class Phase : std::uint8_t { away, logging_in, working };
  struct Command;
  static std::span<const Command> commands();

  void connect();
  void hear_login(const Message& message);
  void prove(Body body);
  void hear_fatal(const Message& message);
  void hear(const ConsoleAnswer& answer);
  void judge(const Command& command, const ConsoleAnswer& answer);
  std::string expected_error(const Command& command) const;
  void ask_next();
  void ask(std::span<const Command> commands);
  void end_connection();
  void later(Duration delay);
  void blame(std::string_view oracle, const std::string& what);

  Simulation& simulation_;
  std::uint32_t number_;
  std::string user_;
  Right right_;
  Phase phase_ = Phase::away;
  bool retired_ = false;
  bool survey_wanted_ = false;
  std::uint16_t connection_ = 0;  // which one; its port says so
  SocketId socket_{};             // the pooler's end
  std::shared_ptr<Stream> stream_;
  Framer framer_{false};
  ConsoleReader reader_;
  std::optional<ScramClient> scram_;
  bool fatal_heard_ = false;
  bool left_ = false;
  Instant connected_at_{};
  std::deque<const Command*> asked_;
  bool flooding_ = false;            // with more at once than is allowed
  bool together_ = false;            // all that is asked was, in one write
  std::deque<Stock> stocks_;         // after each step that answered what is asked
  std::uint64_t asked_at_move_ = 0;  // of the world
  Instant asked_at_{};
  bool disturbed_ = false;  // the world moved while several machines were asked, one by one
  std::size_t answers_of_step_ = 0;
  std::uint64_t stock_step_ = 0;      // of the last of them
  std::deque<bool> reloads_refused_;  // of those answered and not heard yet
  bool refused_since_ = false;        // it asked
};

}  // namespace pgweir::sim
