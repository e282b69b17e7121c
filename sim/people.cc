// The part of a simulation that is not its applications: the people at the console and the files
// they write, and what the world is like at a glance.
#include <algorithm>
#include <array>

#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::seconds;

void Simulation::build_people() {
  constexpr std::array<std::pair<const char*, Right>, 3> people{
      {{"admin", Right::act}, {"watcher", Right::look}, {"user0", Right::none}}};
  for (std::uint32_t i = 0; i < options_.operator_count; ++i) {
    operators_.push_back(
        std::make_unique<Operator>(*this, i + 1, people[i].first, people[i].second));
    operators_.back()->start();
  }
  for (std::uint32_t i = 0; i < options_.stranger_count; ++i) {
    strangers_.push_back(std::make_unique<Stranger>(*this, i + 1));
    strangers_.back()->start();
  }
  for (std::uint32_t i = 0; i < options_.receiver_count; ++i) {
    receivers_.push_back(std::make_unique<Receiver>(*this, i + 1));
    receivers_.back()->start();
  }
}

// People at the console ask, and machines tell each other, without anything being changed by it.
bool Simulation::is_move(const Event& event, std::span<const Effect> effects) const {
  const auto persons = [&](SocketId socket) {
    return std::ranges::any_of(operators_, [&](const auto& person) {
      return person->socket() == socket && person->logged_in();
    });
  };
  const auto* received = std::get_if<event::Received>(&event);
  const bool asks = received != nullptr && persons(received->socket);
  if (!asks && !std::holds_alternative<event::Told>(event)) return true;
  return std::ranges::any_of(effects, [&](const Effect& effect) {
    if (const auto* send = std::get_if<effect::Send>(&effect)) return !persons(send->socket);
    return !std::holds_alternative<effect::Tell>(effect) &&
           !std::holds_alternative<effect::StopReading>(effect) &&
           !std::holds_alternative<effect::ResumeReading>(effect);
  });
}

void Simulation::watch_people(const Event& event, std::span<const Effect> effects) {
  move_count_ += is_move(event, effects);
  census_.happened(event);
  if (const auto* reconfigured = std::get_if<event::Reconfigured>(&event)) {
    this->reconfigured(reconfigured->settings);
  } else if (std::holds_alternative<event::Refused>(event)) {
    for (const auto& person : operators_) person->reload_refused();
  } else if (std::holds_alternative<event::Closed>(event)) {
    quotas_.gone(in_force_->of_ledger(), census_);
  }
  if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
    for (const auto& person : operators_) person->accepted(*accepted);
  }
  for (const Effect& effect : effects) {
    census_.carried_out(effect);
    const auto* send = std::get_if<effect::Send>(&effect);
    if (send == nullptr) continue;
    if (send->socket.kind == SocketKind::server) check_place(*send);
    if (send->socket.kind != SocketKind::client) continue;
    for (const auto& person : operators_) person->said(*send, event);
  }
}

// Whose database was removed is told so as soon as it has no server (O-29).
void Simulation::check_removed() {
  if (!census_.anybody_removed() || reload_under_way_) return;
  for (const auto& [socket, client] : census_.clients()) {
    if (!client.removed || client.closing) continue;
    const auto is_it = [&, stream = shell_->stream_of(socket)](const auto& application) {
      return application->logged_in() && application->stream().get() == stream;
    };
    const auto found = std::ranges::find_if(applications_, is_it);
    if (found == applications_.end()) continue;
    const Application& application = **found;
    const Stream& stream = *application.stream();
    if (application.asking() || application.in_transaction() || stream.flying_size() > 0 ||
        stream.readable_size() > 0) {
      continue;
    }
    const auto may_have = [&, &who = client.who](const auto& entry) {
      return (!entry.second.started || entry.second.whom == who) && !watch_->is_free(entry.first);
    };
    if (std::ranges::any_of(census_.servers(), may_have)) continue;
    verdict_.blame(oracle::reload, "c" + std::to_string(application.identity().number) +
                                       " is idle and was not told that its database is removed");
  }
}

Duration Simulation::operator_pause() {
  return options_.operator_pause * (1 + tapes_.faults.below(128)) / 64;
}

// What the next reload finds: the settings as they are, or beside them where there are faults;
// sometimes none that are valid.
void Simulation::write_settings() {
  Tape& tape = tapes_.faults;
  if (tape.chance(1, 4)) {
    tell_fault("the settings are broken");
    return shell_->set_settings(std::nullopt);
  }
  if (!options_.reload) return shell_->set_settings(in_force_->newest());
  Neighbour next = neighbour(in_force_->newest(), in_force_->original(), tape);
  if (options_.change_passwords && tape.chance(1, 2)) change_password(next);
  tell_fault("the settings say: " + next.what);
  shell_->set_settings(next.settings);
}

// In the file; the servers may have it before, or learn of it after it is in force.
void Simulation::change_password(Neighbour& next) {
  Tape& tape = tapes_.faults;
  const std::string name = "user" + std::to_string(tape.below(options_.user_count));
  const auto user = std::ranges::find(next.settings.users, name, &UserSettings::name);
  user->credential = tape.chance(1, 2) ? passwords_.add(name) : passwords_.any(name, tape);
  next.what += ", and " + name + " has '" + passwords_.text(user->credential) + "'";
  if (!tape.chance(1, 2)) return;
  change_at_servers(next.settings);
  clock_.in(fault_lasts(tape), [this] { change_at_servers(in_force_->newest()); });
}

void Simulation::change_at_servers(const Settings& settings) {
  tell_fault("the servers have the passwords of the settings");
  for (const auto& host : hosts_) {
    for (const UserSettings& user : settings.users) {
      host->options().passwords[user.name] = passwords_.text(user.credential);
    }
  }
  watch_passwords();
}

// The servers have another password of somebody for a while, and end who came with the one before.
void Simulation::shut_out() {
  Tape& tape = tapes_.faults;
  const std::string name = "user" + std::to_string(tape.below(options_.user_count));
  tell_fault("the servers let " + name + " in no more");
  for (std::size_t number = 0; number < hosts_.size(); ++number) {
    hosts_[number]->options().passwords[name] = "nobody's";
    for (const auto& session : hosts_[number]->sessions()) {
      if (session->user() == name) session->end("57P01");
    }
    trouble(number, network_.delay_longest());
  }
  watch_passwords();
  clock_.in(std::chrono::milliseconds(tape.between(1, 1000)),
            [this] { change_at_servers(in_force_->newest()); });
}

// Where servers have another password than pgweir, logins fail; and afterwards as long as it takes
// until the next attempt.
void Simulation::watch_passwords() {
  for (const UserSettings& user : in_force_->newest().users) {
    Instant& until = password_trouble_[user.name];
    const std::string& right = passwords_.text(user.credential);
    if (hosts_.front()->options().passwords[user.name] != right) {
      until = never;
    } else if (until == never) {
      until = after(std::max(clock_.now(), stalled_until_),
                    settings_.server_login_retry * 2 + settings_.server_connect_timeout +
                        network_.delay_longest() + time_to_hear);
    }
  }
}

std::string Simulation::password_typed(const std::string& user) {
  if (!options_.change_passwords) return passwords_.right(in_force_->newest(), user);
  Tape& tape = tapes_.workload;
  if (tape.chance(1, 4)) return passwords_.text(passwords_.any(user, tape));
  return passwords_.right(in_force_->newest(), user);
}

// Each machine has them in its own time.
void Simulation::reconfigured(const Settings& settings) {
  if (!std::exchange(reload_under_way_, shell_->settings_under_way())) put_in_force(settings);
  if (shell_->stepping() == 0) {
    quotas_.changed(in_force_->of_ledger());
    in_force_->ledger_has_them();
  }
  if (reload_under_way_) return;
  quotas_.lowered(census_);
  quotas_.gone(settings, census_);
  in_force_->applied(clock_.now());
}

void Simulation::put_in_force(const Settings& settings) {
  census_.reloaded(settings);
  in_force_->apply(settings);
  if (!options_.change_passwords) return;
  watch_passwords();
  const auto differs = [](const auto& entry) { return entry.second == never; };
  if (std::ranges::none_of(password_trouble_, differs)) return;
  Tape& tape = tapes_.faults;
  const bool at_once = !faults_on_ || tape.chance(1, 2);
  clock_.in(at_once ? Duration{} : fault_lasts(tape),
            [this] { change_at_servers(in_force_->newest()); });
}

Stock Simulation::stock() const {
  const bool still = shell_->socket_count(SocketKind::cancel) == 0 && ruins_.empty();
  Stock stock{census_, in_force_->newest(), options_.machine_count == 1, still, {}};
  for (const auto& application : applications_) {
    stock.still = stock.still && application->pending().empty();
  }
  for (const auto& receiver : receivers_) stock.still = stock.still && receiver->pending().empty();
  // A stranger that has said who it is may wait, as it pleases; and so may, to the pooler, who went
  // silently.
  for (const auto& [socket, client] : census_.clients()) {
    const bool waits = Stranger::is_at(client.peer) && client.started && !client.closing;
    stock.still = stock.still && !waits && !shell_->stream_of(socket)->dark();
  }
  for (const auto& [socket, server] : census_.servers()) {
    const bool free =
        (server.replicates || watch_->is_free(socket)) && !shell_->stream_of(socket)->dark();
    stock.still = stock.still && server.ready && free;
    // One that is gone may have been idle, and so may one that is about to hear the rest of a COPY
    // that failed; one that hangs has not heard it.
    const PostgresSession* session = watch_->session_of(socket);
    const bool busy = session != nullptr && !session->idle() && !session->ended();
    if (busy && session->stream()->flying_size() == 0 && !ruins_.is_silent(socket)) continue;
    stock.idle.emplace(server.to.address[3], server.pid);
  }
  return stock;
}

// When all is quiet, somebody looks whether pgweir thinks so too.
void Simulation::take_stock() {
  if (over() || operators_.empty()) return;
  for (const auto& person : operators_) person->take_stock();
  const Instant end = after(clock_.now(), patience());
  const auto taken = [](const auto& person) { return person->stock_taken(); };
  while (clock_.now() < end && !std::ranges::all_of(operators_, taken)) {
    if (!go_on_until(after(clock_.now(), seconds(1)))) return;
  }
}

}  // namespace pgweir::sim
