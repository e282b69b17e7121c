// The part of a simulation that is not its applications: the people at the console and the files
// they write, and what the world is like at a glance.
#include <algorithm>
#include <array>

#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::seconds;

void Simulation::build_operators() {
  constexpr std::array<std::pair<const char*, Right>, 3> people{
      {{"admin", Right::act}, {"watcher", Right::look}, {"user0", Right::none}}};
  for (std::uint32_t i = 0; i < options_.operator_count; ++i) {
    operators_.push_back(
        std::make_unique<Operator>(*this, i + 1, people[i].first, people[i].second));
    operators_.back()->start();
  }
}

void Simulation::watch_people(const Event& event, std::span<const Effect> effects) {
  census_.happened(event);
  if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
    for (const auto& person : operators_) person->accepted(*accepted);
  }
  for (const Effect& effect : effects) {
    census_.carried_out(effect);
    const auto* send = std::get_if<effect::Send>(&effect);
    if (send == nullptr || send->socket.kind != SocketKind::client) continue;
    for (const auto& person : operators_) person->said(send->socket, event);
  }
}

Duration Simulation::operator_pause() {
  return options_.operator_pause * (1 + tapes_.faults.below(128)) / 64;
}

// What the next reload finds: the settings as they are; sometimes none that are valid.
void Simulation::write_settings() {
  if (tapes_.faults.chance(1, 4)) {
    shell_->set_settings(std::nullopt);
  } else {
    shell_->set_settings(settings_);
  }
}

Stock Simulation::stock() const {
  Stock stock{census_, settings_, shell_->socket_count(SocketKind::cancel) == 0, {}};
  for (const auto& application : applications_) {
    stock.still = stock.still && application->pending().empty();
  }
  for (const auto& [socket, server] : census_.servers()) {
    const bool free = watch_->is_free(socket) && !shell_->stream_of(socket)->dark();
    stock.still = stock.still && server.ready && free;
    // One that is gone may have been idle, and so may one that is about to hear the rest of a COPY
    // that failed.
    const PostgresSession* session = watch_->session_of(socket);
    const bool busy = session != nullptr && !session->idle() && !session->ended();
    if (busy && session->stream()->flying_size() == 0) continue;
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
