// One simulated application: connects through the shell, logs in, does its jobs with pauses, and
// leaves in one of many ways, for as long as it is given work. What it hears is checked by its
// Answers; how a connection ends must have a reason that it can name.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "core/config/settings.h"
#include "sim/answers.h"
#include "sim/greeting.h"
#include "sim/messages.h"
#include "sim/network.h"
#include "sim/request.h"
#include "sim/scram.h"
#include "sim/startup_settings.h"
#include "sim/twin.h"

namespace pgweir::sim {

class Simulation;

// Who an application is for all its life.
struct Identity {
  std::uint32_t number = 0;  // its tag: c7
  std::string user;
  std::string database;
  std::string password = {};      // a wrong one; empty: it types what is right, or was
  Parameters parameters;          // said in the startup packet
  StartupSettings settings = {};  // the same
  bool refused = false;           // these are: it logs in, and never gets an answer
  Greeting greeting = {};
  bool welcome = true;  // false: a wrong password, an unknown user or database
};

class Application : public Peer {
 public:
  Application(Simulation& simulation, Identity identity);
  ~Application() override;
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  // Begins its life, now.
  void start();
  // Finishes what it is at, then leaves and does not come back.
  void retire() { retired_ = true; }
  // What it hears is compared with what PostgreSQL itself would say.
  void compare_with_direct_run(const std::string& server_version);
  bool gone() const { return phase_ == Phase::away && retired_; }
  // What it waits for of others; empty when it waits for nobody.
  std::string pending() const;
  Instant waits_since() const { return waits_since_; }

  // Whether what it brings as its cancels' secret on this connection is wrong.
  bool mistakes_secret() const { return generation_ % 3 == 2; }
  // It brings one of another replica.
  bool mistakes_replica() const { return mistakes_secret() && generation_ / 3 % 2 == 1; }
  // The connection that brought its cancel has been closed.
  void cancel_over() { answers_.cancel_ends(); }

  // Faults: what the world does to its connection.
  void vanish();
  void go_dark();
  // It does nothing more, and nobody hears of it: not even its connection ends.
  void freeze();
  bool frozen() const { return frozen_; }
  // One that is frozen is killed, and started again.
  void thaw();

  const Identity& identity() const { return identity_; }
  PoolMode pool_mode() const { return pool_mode_; }
  const Answers& answers() const { return answers_; }
  const std::shared_ptr<Stream>& stream() const { return stream_; }
  bool logged_in() const { return phase_ == Phase::working; }
  Instant connected_at() const { return connected_at_; }
  // What its cancels come from: another for each connection that they are for.
  std::uint16_t cancel_port() const {
    return static_cast<std::uint16_t>(20'000 + generation_ % 20'000);
  }
  // It has asked for something and has no answer yet.
  bool asking() const { return phase_ == Phase::working && !answers_.settled(); }
  bool in_transaction() const { return answers_.in_transaction(); }
  // When the first part of its transaction was said, or of what was asked together with that.
  Instant transaction_at() const { return transaction_at_; }
  // Of this connection, and of all so far.
  std::uint32_t first_request() const { return first_request_; }
  std::uint32_t last_request() const { return last_request_; }
  std::uint64_t asked_count() const { return answers_.asked_count(); }
  std::uint64_t answered_count() const { return answers_.answered_count(); }
  std::uint64_t lost_count() const { return lost_count_; }

  void turn() override;

 private:
  enum class Phase : std::uint8_t { away, logging_in, working, ending };
  enum class Later : std::uint8_t { connect, say, cancel, read, despair, give_up };

  void connect();
  void hear(const Message& message);
  void hear_login(const Message& message);
  void check_told(Body body) const;
  std::string hear_wishes(std::string_view& heard);
  void check_approach();
  void prove(Body body);
  void hear_fatal(const Message& message);
  void go_on();
  void say_next();
  void say(Part part);
  void cancel();
  void maybe_pause_reading();
  void leave();
  void end_of_stream();
  void end_connection();
  void later(Duration delay, Later what, bool in_passing = false);
  void do_now(Later what);
  bool password_is(bool right) const;
  bool explained(std::string_view code, std::string_view text) const;
  bool timeout_explains(std::string_view text) const;
  bool some_clock_ran_out() const;
  bool ran_out(Duration Settings::* timeout, Instant since) const;

  Simulation& simulation_;
  Identity identity_;
  PoolMode pool_mode_;  // no reload changes it
  Answers answers_;
  std::unique_ptr<Twin> twin_;  // none: not compared
  Phase phase_ = Phase::away;
  bool retired_ = false;
  bool frozen_ = false;
  std::uint32_t generation_ = 0;  // of the connection: late tasks of an old one do nothing
  std::shared_ptr<Stream> stream_;
  Approach approach_;  // until it is answered
  Framer framer_{false};
  std::optional<ScramClient> scram_;
  bool reading_ = true;
  bool thinking_ = false;
  bool broken_ = false;  // the world broke this connection: nothing is expected of it
  bool left_ = false;    // it ended the connection itself
  bool fatal_heard_ = false;
  std::string password_;  // that it typed
  std::uint32_t pid_ = 0;
  std::string secret_;
  std::deque<Part> job_;
  std::uint32_t jobs_left_ = 0;
  Instant connected_at_{};
  Instant waits_since_ = never;  // since when it waits for an answer
  Instant asked_at_{};           // when the oldest unanswered part was said
  Instant settled_at_{};         // when the last answer was complete
  Instant transaction_at_{};     // when its transaction's first part was said
  std::uint32_t first_request_ = 0;
  std::uint32_t last_request_ = 0;
  // When it first asked for a cancel on this connection: any of them may be the one in doubt.
  Instant cancelled_at_ = never;
  std::uint64_t lost_count_ = 0;
};

}  // namespace pgweir::sim
