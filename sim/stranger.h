// A hostile client: sends what no driver would (illegal bytes, lengths that cannot be, a second
// startup packet, a password nobody asked for, COPY data without COPY, pipelines without end,
// messages that hide others or lack what they say is in them), or comes and goes. Nobody else may
// notice it; what is illegal is answered by the end of the connection within a bounded time (O-12),
// and what it does not read does not pile up (O-26).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sim/messages.h"
#include "sim/network.h"

namespace pgweir::sim {

class Simulation;

class Stranger : public Peer {
 public:
  // number: of all strangers, from 1.
  Stranger(Simulation& simulation, std::uint32_t number)
      : simulation_(simulation), number_(number) {}
  ~Stranger() override;
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // Strangers connect from 10.9.4.N.
  static bool is_at(const Endpoint& peer) { return peer.address[2] == 4; }
  // Where its logins lead.
  static constexpr std::string_view user = "user0";
  static constexpr std::string_view database = "db0";

  // Whose lengths lie have this in them; the text that some of them hide must never be a query.
  static constexpr std::string_view lie = "a lie";
  static constexpr std::string_view hidden = "/* a lie */ select what was hidden";

  void start() { later(Duration::zero()); }
  void turn() override;
  // It says nothing more, reads nothing, and stays.
  void freeze();
  void thaw();
  // It has been let in, and may have a server.
  bool frozen_inside() const { return frozen_ && phase_ == Phase::ready && !stream_->closed(); }

 private:
  enum class Phase : std::uint8_t { away, logging_in, ready, over };

  void later(Duration delay);
  void go_on();
  void connect();
  void say_hello();
  void ask_again();
  void attack();
  std::string lies();
  // From now on the pooler owes it the end of the connection.
  void say_illegal(std::string_view bytes);
  void check_end() const;
  void leave();
  std::string garbage(std::uint32_t size);

  Simulation& simulation_;
  std::uint32_t number_;
  std::uint32_t connection_ = 0;  // which one: late tasks of an old one do nothing
  Phase phase_ = Phase::away;
  std::shared_ptr<Stream> stream_;
  Framer framer_{false};
  bool reading_ = true;
  bool frozen_ = false;
  bool illegal_ = false;  // it has said what ends a connection
  std::string deed_;      // in words
};

}  // namespace pgweir::sim
