// The part of a simulation that ends its safety: what is healed, what stays broken for ever, and
// that nothing is owed any more all the same.
#include <array>

#include "core/base/limits.h"
#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

// All that is broken works again but for a drawn part, and nothing else breaks any more.
void Simulation::heal() {
  faults_on_ = false;
  ++season_;
  tell_fault("what is broken is healed, and nobody begins anything new");
  for (std::size_t number = 0; number < hosts_.size(); ++number) bring_back(number);
  stalled_until_ = std::min(stalled_until_, clock_.now());
  shell_->stall_until(stalled_until_);
  if (options_.hostile_permille > 0) make_honest(options_.hostile_host);
  const bool some_stay = tapes_.faults.below(100) < options_.ruins_percent;
  if (some_stay) leave_ruins();
  heal_names(some_stay);
  heal_streams(some_stay);
  shell_->set_settings(in_force_->original());
  shell_->command(event::Command::reload);
}

// Each of what this run breaks may stay broken; where that must be something, a host is.
void Simulation::leave_ruins() {
  Tape& tape = tapes_.faults;
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    if (options_.lose_hosts && tape.chance(1, 3)) ruin_host(number);
  }
  for (const auto& application : applications_) {
    if (!options_.lose_clients || !tape.chance(1, 8)) continue;
    application->freeze();
    leave_broken("c" + std::to_string(application->identity().number) + " is frozen");
  }
  for (const auto& stranger : strangers_) {
    if (!tape.chance(1, 2)) continue;
    stranger->freeze();
    leave_broken("a stranger is frozen");
  }
  if (ruins_.empty()) ruin_host(tape.below(options_.host_count));
}

// A host is lost for good, in one of the ways there are.
void Simulation::ruin_host(std::size_t number) {
  Postgres& host = *hosts_[number];
  constexpr std::array<const char*, 5> ways{" is down", " does not answer any more",
                                            " hangs, and its kernel answers", " takes nobody new",
                                            " is starting up"};
  const std::uint32_t how = tapes_.faults.below(ways.size());
  const bool silent = how == 2;
  host_down_[number] = true;
  ruins_.add_host(number, silent);
  leave_broken(Names::name_of(number) + ways[how]);
  switch (how) {
    case 0: host.vanish_all(); break;
    case 1:
      for (const auto& session : host.sessions()) darken(*session->stream());
      break;
    case 2: host.stall(true); return;
    case 3: break;
    default: host.options().starting_up = true; return host.end_all("57P01");
  }
  host.set_welcome(how == 1 ? Host::Welcome::never_answer : Host::Welcome::refuse);
}

// Nothing arrives any more, and the kernel gives it up after a while.
void Simulation::darken(Stream& stream) {
  const Duration lasts = kernel_patience();
  stream.go_dark(lasts);
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    for (const auto& session : hosts_[number]->sessions()) {
      if (session->stream().get() == &stream) trouble(number, lasts + network_.delay_longest());
    }
  }
}

void Simulation::leave_broken(const std::string& what) {
  ruins_.add(what);
  tell_fault("for ever: " + what);
}

// Names lead where they led at first, or for ever to where they lead now, or nowhere.
void Simulation::heal_names(bool some_stay) {
  Tape& tape = tapes_.faults;
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    const std::string name = Names::name_of(number);
    const bool stays = some_stay && options_.move_names && tape.chance(1, 2);
    if (stays && tape.chance(1, 2)) {
      names_.say(*shell_, name, {});
      leave_broken("DNS does not know " + name);
    } else if (!stays) {
      names_.say(*shell_, name, Names::addresses_of(number));
    }
  }
}

// What stands still goes on, or is broken off when the kernels have noticed.
void Simulation::heal_streams(bool some_stay) {
  for (const std::shared_ptr<Stream>& stream : network_.streams()) {
    const bool stays = some_stay && options_.darken && stream->clogged();
    if (stays && tapes_.faults.chance(1, 2)) {
      darken(*stream);
      continue;
    }
    stream->clog(Stream::Way::to_peer, false);
    stream->clog(Stream::Way::to_shell, false);
  }
}

// What stayed broken is mended too, and all begin new things again.
void Simulation::begin_anew() {
  tell_fault("all is mended, and everybody goes on");
  for (std::size_t number = 0; number < hosts_.size(); ++number) mend(number);
  names_.say_originals(*shell_);
  for (const auto& application : applications_) application->thaw();
  for (const auto& stranger : strangers_) stranger->thaw();
  ruins_.clear();
  working_ = faults_on_ = true;
  if (options_.fault_every > Duration::zero()) schedule_fault();
}

void Simulation::mend(std::size_t number) {
  if (!ruins_.has_host(number)) return;
  hosts_[number]->stall(false);
  hosts_[number]->vanish_all();
  bring_back(number);
}

// Whoever waits in vain goes.
void Simulation::give_up() {
  for (const auto& application : applications_) {
    if (application->pending().empty() || !ruins_.excuses(*application)) continue;
    application->vanish();
  }
  for (const auto& receiver : receivers_) {
    if (!receiver->pending().empty() && !ruins_.empty()) receiver->vanish();
  }
}

// What anybody may still be waiting for by its own clocks, and the network's.
Duration Simulation::patience() const {
  Duration longest = seconds(kernel_patience_s_max) + limits::recovery_wait;
  for (const Duration part :
       {settings_.server_login_retry * 2, settings_.server_connect_timeout * 2,
        settings_.cancel_wait_timeout, Duration(settings_.dns_max_ttl), Duration(seconds(60))}) {
    longest += part;
  }
  // Everybody in a pool may be ahead, with a whole transaction.
  const Duration statement = options_.work_max + milliseconds(options_.workload.sleep_ms_max) +
                             options_.weather.delay_max * 400 + options_.answers_late_max +
                             milliseconds(options_.workload.think_ms_max + 500);
  longest += statement * (12 * (options_.client_count + options_.unwelcome_count +
                                options_.refused_count + options_.receiver_count * 8 + 1));
  return longest + ruins_.patience();
}

void Simulation::run_liveness() {
  if (over()) return;
  working_ = false;
  heal();
  const Instant end = after(clock_.now(), patience());
  while (clock_.now() < end && !pending().empty()) {
    if (!go_on_until(after(clock_.now(), seconds(1)))) return;
  }
  if (const std::string owed = pending(); !owed.empty()) {
    const std::string ruins = ruins_.empty() ? "" : "; for ever: " + ruins_.what();
    verdict_.blame(oracle::liveness, "after healing nothing comes any more: " + owed + ruins);
  }
  take_stock();
}

std::string Simulation::pending() const {
  for (const auto& application : applications_) {
    const std::string owed =
        application->frozen() ? ruins_.owed_about(*application) : application->pending();
    if (!owed.empty() && !ruins_.excuses(*application)) return owed;
  }
  for (const auto& receiver : receivers_) {
    if (std::string owed = receiver->pending(); !owed.empty() && ruins_.empty()) return owed;
  }
  for (const auto& person : operators_) {
    if (std::string owed = person->pending(); !owed.empty()) return owed;
  }
  return "";
}

}  // namespace pgweir::sim
