// The part of a simulation that breaks things: connections, hosts, the network, the process itself.
// Every fault keeps for a while, and is written down, because it is what explains an error later.
#include <array>

#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t steps_between_faults = 8;

}  // namespace

Duration fault_lasts(Tape& tape) {
  const std::uint32_t ms = tape.between(1, 1000);
  return tape.chance(1, 5) ? milliseconds(ms * 40) : milliseconds(ms);
}

void Simulation::schedule_fault() {
  const Duration wait = options_.fault_every * tapes_.faults.between(1, 128) / 64;
  clock_.in_passing(wait, [this, season = season_] {
    if (season != season_) return;
    // What stands still learns nothing from more of it.
    if (shell_->step_count() >= next_fault_step_) {
      next_fault_step_ = shell_->step_count() + steps_between_faults;
      strike();
    }
    schedule_fault();
  });
}

void Simulation::strike() {
  Tape& tape = tapes_.faults;
  if (options_.change_passwords && tape.chance(1, 20)) return shut_out();
  if (options_.change_tables && tape.chance(1, 2)) return change_tables();
  if (options_.deafen && tape.chance(1, 8)) return deafen();
  switch (tape.below(10)) {
    case 0:
    case 1:
      if (options_.lose_clients) strike_application();
      return;
    case 2:
    case 3:
      if (options_.lose_servers) strike_server();
      return;
    case 4:
      if (options_.lose_hosts) strike_host(tape.below(options_.host_count));
      return;
    case 5:
      if (options_.stall)
        stall(tape.chance(1, 30) ? minutes(tape.between(1, 60)) : fault_lasts(tape));
      return;
    case 6:
      if (!options_.clog) return;
      if (tape.chance(1, 3)) return clog_host(tape.below(options_.host_count));
      return clog_some();
    case 7:
      if (options_.move_names) strike_names();
      return;
    case 8:
      if (options_.move_names) fail_over();
      return;
    default:
      if (options_.fail_accepts && !(options_.reload && tape.chance(1, 2))) {
        tell_fault("no descriptor is left for the next client");
        return shell_->fail_accept(Reason::out_of_descriptors);
      }
      if (options_.reload) return reload();
  }
}

void Simulation::strike_application() {
  Tape& tape = tapes_.faults;
  const std::size_t number =
      tape.below(static_cast<std::uint32_t>(applications_.size() + receivers_.size()));
  if (number >= applications_.size()) {
    return strike_receiver(*receivers_[number - applications_.size()]);
  }
  Application& victim = *applications_[number];
  if (!victim.stream()) return;
  const std::string who = "c" + std::to_string(victim.identity().number);
  switch (tape.below(3)) {
    case 0: tell_fault(who + " vanishes"); return victim.vanish();
    case 1: tell_fault(who + " and pgweir are cut apart"); return victim.stream()->cut();
    default:
      tell_fault(who + (options_.darken ? " goes dark" : " vanishes"));
      if (options_.darken) return victim.go_dark();
      victim.vanish();
  }
}

void Simulation::strike_receiver(Receiver& victim) {
  if (!victim.stream()) return;
  tell_fault(victim.name() + (options_.darken ? " goes dark" : " vanishes"));
  if (options_.darken) return victim.go_dark();
  victim.vanish();
}

// One session of a host ends, in one of the ways there are.
void Simulation::strike_server() {
  Tape& tape = tapes_.faults;
  const std::size_t number = tape.below(options_.host_count);
  hosts_[number]->forget_ended();
  const auto& sessions = hosts_[number]->sessions();
  if (sessions.empty()) return;
  PostgresSession& session = *sessions[tape.below(static_cast<std::uint32_t>(sessions.size()))];
  if (session.ended()) return;
  Duration lasts = network_.delay_longest();
  const std::uint32_t how = tape.below(5);
  constexpr std::array<const char*, 5> ways{"says FATAL 57P01", "closes", "vanishes",
                                            "is cut off pgweir", "goes dark or vanishes"};
  tell_fault("host" + std::to_string(number) + " backend " + std::to_string(session.pid()) +
             " of " + session.user() + "/" + session.database() + " " + ways[how]);
  switch (how) {
    case 0: session.end("57P01"); break;
    case 1: session.close(); break;
    case 2: session.vanish(); break;
    case 3: session.stream()->cut(); break;
    default:
      if (options_.darken) {
        const Duration patience = kernel_patience();
        lasts += patience;
        session.stream()->go_dark(patience);
      } else {
        session.vanish();
      }
  }
  trouble(number, lasts);
}

void Simulation::strike_host(std::size_t number) {
  Tape& tape = tapes_.faults;
  Postgres& host = *hosts_[number];
  host_down_[number] = true;
  const bool starting = tape.chance(1, 3);
  const std::uint32_t how = tape.below(4);
  constexpr std::array<const char*, 4> ways{"ends all with 57P01", "vanishes",
                                            "crashes or closes all", "takes nobody new"};
  tell_fault("host" + std::to_string(number) + " " + ways[how]);
  if (how == 0) host.end_all("57P01");
  if (how == 1) host.vanish_all();
  if (how == 2) tape.chance(1, 2) ? host.crash() : host.close_all();
  // how 3: who is in stays in, and nobody new gets in.
  // Where it is started again at once it says so to everybody until it is there.
  host.options().starting_up = how != 3 && tape.chance(1, 2);
  if (!host.options().starting_up) {
    host.set_welcome(starting || how == 3 ? Host::Welcome::refuse : Host::Welcome::never_answer);
  }
  clock_.in(fault_lasts(tape), [this, number, season = season_] {
    if (season == season_) bring_back(number);
  });
}

void Simulation::bring_back(std::size_t number) {
  Postgres& host = *hosts_[number];
  if (!host_down_[number]) return;
  host.set_welcome(Host::Welcome::accept);
  host.options().starting_up = false;
  if (host.options().standby) promote(number);
  host_down_[number] = false;
  tell_fault("host" + std::to_string(number) + " is back");
  // Its pools may be told so only at their next attempt.
  trouble(number, settings_.server_login_retry * 2 + settings_.server_connect_timeout +
                      network_.delay_longest());
}

void Simulation::change_tables() {
  const std::uint32_t number = tapes_.faults.below(options_.host_count);
  tell_fault("tables of host" + std::to_string(number) + " change");
  hosts_[number]->change_tables();
}

// Another is the primary now: nobody can write there, until it is that again.
void Simulation::demote(std::size_t number) {
  tell_fault(Names::name_of(number) + " is a standby from now on");
  host_down_[number] = true;
  standby_until_[number] = never;
  hosts_[number]->demote();
  clock_.in(fault_lasts(tapes_.faults), [this, number, season = season_] {
    if (season == season_) bring_back(number);
  });
}

void Simulation::promote(std::size_t number) {
  tell_fault(Names::name_of(number) + " is the primary again");
  standby_until_[number] = clock_.now();
  hosts_[number]->promote();
}

// Another server stands in its place, and nobody keeps what the old one said.
void Simulation::make_honest(std::size_t number) {
  tell_fault("host" + std::to_string(number) + " is honest from now on");
  hosts_[number]->options().hostile_permille = 0;
  hosts_[number]->end_all("57P01");
  trouble(number, network_.delay_longest());
}

// The pooler does nothing for a while; what it did not notice before, it notices only then.
void Simulation::stall(Duration how_long) {
  tell_fault("pgweir does not run for " + std::to_string(microseconds(how_long) / 1000) + " ms");
  stalled_until_ = std::max(stalled_until_, after(clock_.now(), how_long));
  shell_->stall_until(stalled_until_);
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    const bool fresh = host_trouble_[number] >= clock_.now() - network_.delay_longest();
    if (fresh) trouble(number, network_.delay_longest());
  }
  for (auto& [user, until] : password_trouble_) {
    if (until >= clock_.now() && until != never) until = after(until, how_long);
  }
}

// A machine goes on, and takes no letters for a while: they pile up at those who have them to send.
void Simulation::deafen() {
  Tape& tape = tapes_.faults;
  const auto machine = static_cast<std::uint8_t>(tape.below(options_.machine_count));
  const Duration how_long = milliseconds(tape.between(1, 1000));
  tell_fault("machine " + std::to_string(machine) + " takes no letters for " +
             std::to_string(microseconds(how_long) / 1000) + " ms");
  const Instant until = after(clock_.now(), how_long);
  deaf_until_ = std::max(deaf_until_, until);
  shell_->hold_mail(machine, until);
  probes_.hit(Probe::machine_deaf);
}

// What went wrong at a host is felt for so long, from when the pooler can notice it.
void Simulation::trouble(std::size_t number, Duration lasts) {
  const Instant noticed = std::max(clock_.now(), stalled_until_);
  host_trouble_[number] = std::max(host_trouble_[number], after(noticed, lasts));
}

void Simulation::tell_fault(const std::string& what) {
  if (teller_.fault) teller_.fault(clock_.now(), what);
}

// A stream stops one way, and goes on after a while, each after one of its own.
void Simulation::clog_while(const std::shared_ptr<Stream>& stream, Stream::Way way) {
  stream->clog(way, true);
  const std::weak_ptr<Stream> clogged = stream;
  clock_.in(fault_lasts(tapes_.faults), [clogged, way] {
    if (const auto free = clogged.lock()) free->clog(way, false);
  });
}

// Some streams stop, one way or both, and go on one by one in another order.
void Simulation::clog_some() {
  Tape& tape = tapes_.faults;
  tell_fault("some streams are clogged");
  for (const std::shared_ptr<Stream>& stream : network_.streams()) {
    if (!tape.chance(1, 3)) continue;
    const bool to_peer = tape.chance(1, 2);
    clog_while(stream, to_peer ? Stream::Way::to_peer : Stream::Way::to_shell);
    if (tape.chance(1, 3)) {
      clog_while(stream, to_peer ? Stream::Way::to_shell : Stream::Way::to_peer);
    }
  }
}

// A host hears nothing more, or is heard no more, on all that it has.
void Simulation::clog_host(std::size_t number) {
  const Stream::Way way = tapes_.faults.chance(1, 2) ? Stream::Way::to_peer : Stream::Way::to_shell;
  tell_fault(Names::name_of(number) +
             (way == Stream::Way::to_peer ? " does not hear pgweir" : " is not heard"));
  for (const auto& session : hosts_[number]->sessions()) {
    if (!session->ended()) clog_while(session->stream(), way);
  }
}

// A signal, not a command of the console.
void Simulation::reload() {
  tell_fault("SIGHUP");
  write_settings();
  shell_->command(event::Command::reload);
}

}  // namespace pgweir::sim
