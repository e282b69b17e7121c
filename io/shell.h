// The shell of one machine, on a thread of its own where there are several (io/fleet.h): a loop
// that turns what happens into events, and carries out the effects. It decides nothing; an `if`
// about a PostgreSQL message, a pool or a session state does not belong here.
//
// Owns the loop, the sockets, the alarm and the answers under way. The stepper, the vault and the
// log outlive it. Everything runs on the thread that calls run(), but for key derivations, DNS and
// the reading of settings, which run on libuv's threads and touch nothing of the shell's.
//
// The contract it keeps towards the machine stands in core/event.h.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/effect.h"
#include "core/event.h"
#include "io/alarm.h"
#include "io/derivations.h"
#include "io/listener.h"
#include "io/loader.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/post.h"
#include "io/resolver.h"
#include "io/stepper.h"
#include "io/streams.h"
#include "io/teller.h"
#include "io/vault.h"

namespace pgweir::io {

class Shell final : public Teller {
 public:
  struct Options {
    std::string config_path;  // what LoadSettings reads
    bool debug_log = false;   // -v: whatever the settings say
  };

  // settings: those the machine was made with. post: to the other machines' shells; the first of
  // them does what concerns the whole process. Requires: SIGPIPE may be ignored process-wide.
  Shell(Stepper& stepper, Vault& vault, Log& log, const Settings& settings, Options options,
        Post post = {});
  ~Shell();
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  // Before run: binds what the settings name. The problem in words, when that fails.
  std::optional<std::string> listen(const Settings& settings) { return listeners_.open(settings); }
  const Listeners& listeners() const { return listeners_; }
  uv_loop_t& loop() { return loop_.uv(); }

  // Tells the wall clock, which lets the machine begin; then serves until Exit, whose status it
  // returns.
  int run();
  // The same in parts, for tests: start, then turns (each waits until something happens) until
  // exit_status.
  void start();
  void turn();
  std::optional<int> exit_status() const { return exit_status_; }

  // Closes everything. False when libuv's threads are still at work (a resolver that does not
  // answer): the destructor would wait for them.
  bool shut_down();

  void tell(const Event& event) override;
  void owe(Event event) override;
  void settle() override;

 private:
  // Sends of one write; more go out in the next.
  static constexpr std::size_t pieces_max = 64;

  void step(const Event& event);
  void tell_wall_clock_changes();
  void carry_out(std::span<const Effect> effects);
  // The Sends from first on that go to the same socket; where the next effect is.
  std::size_t send_run(std::span<const Effect> effects, std::size_t first);

  void carry(const effect::Send& send);
  void carry(const effect::StopReading& stop) { streams_.stop_reading(stop.socket); }
  void carry(const effect::ResumeReading& resume) { streams_.resume_reading(resume.socket); }
  void carry(const effect::ReadSize& size) { streams_.read_size(size.socket, size.large); }
  void carry(const effect::Accepting& accepting);
  void carry(const effect::Close& close) { streams_.close(close.socket, close.when, now_); }
  void carry(const effect::Connect& connect) { streams_.connect(connect.socket, connect.to); }
  void carry(const effect::HandOver& hand_over);
  void carry(const effect::Take& take);
  void carry(const effect::Tell& tell);
  void carry(const effect::Resolve& resolve) {
    resolver_.resolve(resolve.ticket, resolve.host, resolve.port);
  }
  void carry(const effect::Derive& derive) { derivations_.derive(derive); }
  void carry(const effect::LoadSettings&) { loader_.load(); }
  void carry(const Note& note) { log_.note(note); }
  void carry(const effect::Exit& exit);

  // Letters of other machines' shells, told as events.
  void open(Letters letters);
  void open(std::uint8_t from, const letter::Told& told);
  void open(std::uint8_t from, letter::HandedOver& handed_over);
  void open(std::uint8_t from, letter::NewSettings& settings);
  void open(std::uint8_t from, const letter::Stop& stop);

  void use(const Settings& settings);
  void use_for_the_process(const Settings& settings);
  void set_alarm();
  void on_alarm();

  // First, so that it is there when the others begin to use it.
  Loop loop_;
  Stepper& stepper_;
  Log& log_;
  Options options_;
  Post post_;
  Streams streams_;
  Listeners listeners_;
  Resolver resolver_;
  Derivations derivations_;
  Loader loader_;

  Instant now_{};  // of this turn
  Instant wall_checked_at_{};
  Duration wall_offset_{};
  Alarm alarm_;
  Instant alarm_due_ = never;

  std::optional<MovingSocket> arriving_;  // a server's that its machine has not named yet
  std::deque<Event> owed_;
  std::size_t owed_congested_ = 0;  // the first so many of owed_
  bool carrying_out_ = false;
  bool closed_ = false;
  std::optional<int> exit_status_;
};

}  // namespace pgweir::io
