// One run: a machine under the simulated shell, hosts, applications, an operator and a nemesis, all
// drawn from four tapes, and the oracles that judge what comes of it.
//
// A run has two phases, and in some modes several rounds of them. Safety: everything drawn happens,
// and nothing wrong may come of it. Liveness: the world is healed but for a drawn part that stays
// broken for good; nobody starts anything new, and within a computed bound nothing may be pending.
// Then all leave, and the pooler has to be as if nobody had ever been there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/machine.h"
#include "sim/application.h"
#include "sim/assertions.h"
#include "sim/census.h"
#include "sim/clock.h"
#include "sim/in_force.h"
#include "sim/ledger.h"
#include "sim/machines.h"
#include "sim/mail.h"
#include "sim/names.h"
#include "sim/network.h"
#include "sim/no_growth.h"
#include "sim/operator.h"
#include "sim/options.h"
#include "sim/passwords.h"
#include "sim/postgres.h"
#include "sim/probes.h"
#include "sim/quotas.h"
#include "sim/receiver.h"
#include "sim/replications.h"
#include "sim/ruins.h"
#include "sim/shell.h"
#include "sim/shrink.h"
#include "sim/stranger.h"
#include "sim/tape.h"
#include "sim/toy_vault.h"
#include "sim/verdict.h"
#include "sim/watch.h"
#include "sim/workload.h"

namespace pgweir::sim {

// Where choices come from. Separate, so that a draw more in one does not reshuffle the others.
struct Tapes {
  static Tapes from_seed(std::uint64_t seed);
  static Tapes replay(const Choices& choices);
  Tape options;
  Tape workload;
  Tape network;
  Tape faults;
};

struct Outcome {
  std::optional<Finding> finding;
  std::uint64_t trace_hash = 0;
  std::uint64_t step_count = 0;
  bool all_steps = false;  // its safety phase had as many as its options say
  std::uint64_t asked_count = 0;
  std::uint64_t answered_count = 0;
  std::uint64_t lost_count = 0;
  Duration simulated{};
  Probes probes;
};

// Who watches, if anybody does: each step with what came of it, and each fault that is made.
struct Teller {
  std::function<void(Instant, const Event&, std::span<const Effect>)> step = {};
  std::function<void(Instant, const std::string&)> fault = {};
};

// How long a fault stays: mostly short, sometimes long enough for every clock to notice.
Duration fault_lasts(Tape& tape);

class Simulation {
 public:
  // What an application may take to read what it has been told, and a pooler to say it.
  static constexpr Duration time_to_hear = std::chrono::milliseconds(2000);

  // The shell's socket options: how long a kernel keeps at a peer that does not answer.
  static constexpr std::uint32_t kernel_patience_s_max = 90;

  Simulation(const RunOptions& options, Tapes& tapes, Teller teller = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Outcome run();

  // For the world's inhabitants.
  Clock& clock() { return clock_; }
  Shell& shell() { return *shell_; }
  const Shell& shell() const { return *shell_; }
  Verdict& verdict() { return verdict_; }
  Workload& workload() { return workload_; }
  Watch& watch() { return *watch_; }
  const Watch& watch() const { return *watch_; }
  Probes& probes() { return probes_; }
  const RunOptions& options() const { return options_; }
  const Settings& settings() const { return in_force_->newest(); }
  const InForce& in_force() const { return *in_force_; }
  const Names& names() const { return names_; }
  const Census& census() const { return census_; }
  Quotas& quotas() { return quotas_; }
  const Ledger& ledger() const { return ledger_; }
  // In the machine's own eyes.
  SocketId client_of(SocketId server) const {
    return machines_->at(shell_->machine_of(server)).client_of(shell_->own_name(server));
  }
  const Network& network() const { return network_; }
  bool may_connect() const { return working_ && shell_->listening(); }
  bool may_ask() const { return working_; }
  // The longest until every machine knows what one has to say: two times the slack, once more
  // each time that others of a pool's many machines are told, and what letters and timers take.
  Duration machines_agree_within() const;
  // handover_slack, or the lateness that a machine may take for it.
  Duration slack() const;
  // Settings, a stall, or letters that were not taken have disturbed none of that since.
  Instant undisturbed_since() const;
  bool stalled() const { return clock_.now() < stalled_until_; }
  // While pgweir stood still, strangers came and went, each with a connection that has not logged
  // in: whoever had connected by its end may have to make room.
  bool crowded_out(Instant connected_at) const {
    return options_.stranger_count > 0 && connected_at < stalled_until_;
  }
  bool draining() const { return draining_; }
  Duration kernel_patience();
  void send_cancel(Application& who, std::uint32_t pid, const std::string& secret);
  // Its host is hostile, or was while it was connected: it believes nothing, and may lose its
  // connection, but never hears what is somebody else's.
  bool may_lie(const Application& who) const;
  bool explains_fatal(const Application& who, std::string_view code, std::string_view text,
                      Instant since) const;
  bool explains_silent_end(const Application& who, bool half_message, Instant since) const;

  // A connection of the pooler's to a host came to nothing, or its end was noticed.
  void host_failed(std::size_t host) { trouble(host, network_.delay_longest() + time_to_hear); }

  // A transaction of this application runs there (O-30).
  void check_host(std::size_t host, const Application& who);

  // A server that it may have had since then was a standby.
  bool may_refuse_writes(const Application& who, Instant since) const;

  // Something goes wrong there, or went wrong since then.
  bool host_in_trouble(std::size_t host, Instant since) const {
    return host_down_[host] || host_trouble_[host] >= since;
  }

  // people.cc: for those at the console.
  Tape& people_tape() { return tapes_.faults; }
  Duration operator_pause();
  void write_settings();
  // What somebody types who knows most of the time what is right now.
  std::string password_typed(const std::string& user);
  const Passwords& passwords() const { return passwords_; }
  Stock stock() const;
  // How often anything happened but that people asked and machines told each other.
  std::uint64_t move_count() const { return move_count_; }

  // For the watchers.
  const std::vector<std::unique_ptr<Application>>& applications() const { return applications_; }
  const std::vector<std::unique_ptr<Postgres>>& hosts() const { return hosts_; }
  const std::vector<std::unique_ptr<Stranger>>& strangers() const { return strangers_; }
  Application* application_of(std::string_view tag);
  // Who waits for what, of those whom nothing excuses; empty: nobody.
  std::string pending() const;

 private:
  void build_settings();
  void set_pool_mode();
  void build_hosts();
  void build_applications();
  void add_startup_settings(std::vector<Identity>& identities);
  void build_people();
  void reconfigured(const Settings& settings);
  void put_in_force(const Settings& settings);
  void check_removed();
  bool is_move(const Event& event, std::span<const Effect> effects) const;
  void change_password(Neighbour& next);
  void change_at_servers(const Settings& settings);
  void shut_out();
  void watch_passwords();
  void watch_people(const Event& event, std::span<const Effect> effects);
  ShellOptions shell_options();
  void after_step(const Event& event, std::span<const Effect> effects);
  void run_rounds();
  void run_safety();
  void run_liveness();
  void run_drain();
  void check_undrained();
  void take_stock();
  void check_end();
  void check_left_over();
  void audit_ledger();
  // Lets happen what happens until nothing does or the time has come; false when the run is over.
  bool go_on_until(Instant when);
  bool over() const;
  void collect_complaints();

  Duration patience() const;
  bool host_in_trouble(const Application& who, Instant since) const;
  bool password_in_trouble(const Application& who, Instant since) const;

  // nemesis.cc
  void schedule_fault();
  void strike();
  void strike_application();
  void strike_receiver(Receiver& victim);
  void strike_server();
  void strike_host(std::size_t number);
  void change_tables();
  void bring_back(std::size_t number);
  void demote(std::size_t number);
  void promote(std::size_t number);
  void make_honest(std::size_t number);
  void stall(Duration how_long);
  void deafen();
  void trouble(std::size_t number, Duration lasts);
  void tell_fault(const std::string& what);
  void clog_some();
  void clog_host(std::size_t number);
  void clog_while(const std::shared_ptr<Stream>& stream, Stream::Way way);
  void strike_names();
  void check_recycled(const Event& event, std::span<const Effect> effects);
  void check_place(const effect::Send& send);
  void check_first_server();
  void check_wake_up();
  void fail_over();
  void reload();

  // healing.cc
  void heal();
  void leave_ruins();
  void ruin_host(std::size_t number);
  void darken(Stream& stream);
  void leave_broken(const std::string& what);
  void heal_names(bool some_stay);
  void heal_streams(bool some_stay);
  void begin_anew();
  void give_up();
  void mend(std::size_t number);

  RunOptions options_;
  std::optional<ChecksMayFail> checks_may_fail_;  // where a host is hostile
  Tapes& tapes_;
  Teller teller_;
  Verdict verdict_;
  Clock clock_;
  Network network_;
  ToyVault vault_{7};
  Passwords passwords_{vault_};
  std::map<std::string, Instant> password_trouble_;  // of a user: until when servers may refuse it
  Settings settings_;                                // at first
  std::optional<InForce> in_force_;
  std::optional<Machines> machines_;
  std::unique_ptr<Shell> shell_;
  Workload workload_;
  std::vector<std::unique_ptr<Postgres>> hosts_;
  std::vector<std::unique_ptr<Application>> applications_;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::vector<std::unique_ptr<Stranger>> strangers_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  Census census_;
  Replications replications_{verdict_, census_};
  Quotas quotas_;
  Names names_;
  Ruins ruins_{*this};
  std::unique_ptr<Watch> watch_;
  bool reload_under_way_ = false;  // some machines have the new settings, and some have not
  Probes probes_;
  NoGrowth no_growth_;
  std::uint64_t move_count_ = 0;
  Ledger ledger_{verdict_, probes_};
  Mail mail_{verdict_, probes_};
  std::vector<std::unique_ptr<Peer>> cancels_;  // connections that bring one
  bool working_ = true;                         // applications begin new things
  bool faults_on_ = true;
  std::uint32_t season_ = 0;  // of faults: one more with each healing
  std::uint64_t next_fault_step_ = 0;
  bool draining_ = false;
  Instant stalled_until_{};
  Instant deaf_until_{};      // some machine took no letters
  Instant deadline_ = never;  // the machine's, before this step
  std::array<bool, 4> host_down_{};
  std::array<Instant, 4> standby_until_{};  // never: it is one now
  std::array<Instant, 4> host_trouble_{};   // until when what went wrong there may be felt
};

}  // namespace pgweir::sim
