// The part of a simulation in which names lead elsewhere: answers that rotate, that lack an address
// or everything, and hosts that fail over to another.
#include <algorithm>
#include <utility>

#include "core/base/bytes.h"
#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::milliseconds;

// DNS answers something else, for a while at least.
void Simulation::strike_names() {
  Tape& tape = tapes_.faults;
  const std::size_t number = tape.below(options_.host_count);
  const std::string name = Names::name_of(number);
  std::vector<Endpoint> addresses = Names::addresses_of(number);
  switch (tape.below(4)) {
    case 0:
      tell_fault("DNS answers in another order for " + name);
      std::ranges::reverse(addresses);
      break;
    case 1:
      tell_fault("DNS leaves out an address of " + name);
      addresses.erase(addresses.begin() + tape.below(2));
      break;
    case 2:
      tell_fault("DNS does not know " + name);
      addresses.clear();
      break;
    default: tell_fault("DNS says of " + name + " what it said at first");
  }
  names_.say(*shell_, name, addresses);
}

// A host goes in one of the ways there are, its name leads to another a while later, and that may
// be so before it has gone. It comes back as any host does, and its name when DNS is struck again.
void Simulation::fail_over() {
  Tape& tape = tapes_.faults;
  const std::size_t from = tape.below(options_.host_count);
  const std::size_t to = tape.below(options_.host_count);
  if (from == to || host_down_[from]) return;
  const std::string name = Names::name_of(from);
  const auto move = [this, name, to] {
    if (!faults_on_) return;
    tell_fault(name + " leads to " + Names::name_of(to) + " now");
    names_.say(*shell_, name, Names::addresses_of(to));
  };
  switch (tape.below(5)) {
    case 0:  // a switch-over: all is said before
      move();
      return strike_host(from);
    case 1:  // all at once, as behind an address that moves
      move();
      hosts_[from]->vanish_all();
      return trouble(from, network_.delay_longest());
    case 2:  // the old one works on: only new connections go elsewhere
      return move();
    case 3:  // the old one comes back as the other's standby, before its name has moved
      demote(from);
      clock_.in(milliseconds(tape.between(1, 5000)), move);
      return;
    default:  // it is gone, and somebody notices later
      strike_host(from);
      clock_.in(milliseconds(tape.between(1, 5000)), move);
  }
}

// That a name leads elsewhere, or says so in another order, ends no connection that is in order
// (O-30).
void Simulation::check_recycled(const Event& event, std::span<const Effect> effects) {
  const bool was_due = std::exchange(deadline_, never) <= clock_.now();
  if (const auto wake = machines_->deadline()) deadline_ = wake->at;
  // For another pool, or for one that replicates.
  const bool makes_room = options_.receiver_count > 0 ||
                          in_force_->newest().max_db_connections > 0 ||
                          in_force_->newest().max_user_connections > 0;
  if (!std::holds_alternative<event::Resolved>(event) || was_due || makes_room) return;
  for (const Effect& effect : effects) {
    const auto* close = std::get_if<effect::Close>(&effect);
    if (close == nullptr || close->socket.kind != SocketKind::server) continue;
    const PostgresSession* session = watch_->session_of(close->socket);
    const Stream* stream = shell_->stream_of(close->socket);
    if (session == nullptr || !session->idle() || stream->peer_reset() || stream->dark()) continue;
    verdict_.blame(oracle::failover, "an answer of DNS came, and the idle backend " +
                                         std::to_string(session->pid()) + " was closed");
  }
}

// Whoever is told for which database it is stands where the name of that database's host has led:
// an answer of DNS is about the name that was asked for (O-30).
void Simulation::check_place(const effect::Send& send) {
  if (!pgweir::text_of(send.bytes).starts_with('\0')) return;  // it is no startup packet
  const Census::Server& server = census_.servers().at(send.socket);
  bool known = false;
  const bool led_there = in_force_->ever(Instant{}, [&](const Settings& settings) {
    const DatabaseSettings* database = find_database(settings, server.whom.database);
    known = known || database != nullptr;
    return database != nullptr && names_.ever_led(database->host, Names::host_at(server.to));
  });
  if (led_there || !known) return;
  verdict_.blame(oracle::failover, "a server of " + server.whom.database + " is opened at " +
                                       Names::name_of(Names::host_at(server.to)) +
                                       ", where the name of its host never led");
}

// A transaction that was asked for when a reload was over runs where its database leads since then:
// a server of before serves nobody new, wherever it was when the settings changed (O-30).
void Simulation::check_host(std::size_t host, const Application& who) {
  const bool leads_there = in_force_->ever(who.transaction_at(), [&](const Settings& settings) {
    const DatabaseSettings* database = find_database(settings, who.identity().database);
    return database == nullptr || names_.ever_led(database->host, host);
  });
  if (leads_there) return;
  verdict_.blame(oracle::failover, "c" + std::to_string(who.identity().number) +
                                       " was given a server at " + Names::name_of(host) +
                                       ", where " + who.identity().database +
                                       " has not led since it asked");
}

// Where nothing fails, whoever is to be let in waits for a server that is being opened, or for what
// that takes (O-22).
void Simulation::check_first_server() {
  if (options_.mode != Mode::calm && options_.mode != Mode::overload) return;
  if (options_.scram || stalled() || !census_.servers().empty() || shell_->asks()) return;
  if (shell_->mail_under_way() || watch_->connects_are_spent()) return;
  for (const auto& [socket, client] : census_.clients()) {
    if (!client.started || client.welcomed || client.closing) continue;
    if (find_database(settings(), client.who.database) == nullptr) continue;
    verdict_.blame(oracle::growth, "a client of " + client.who.database +
                                       " waits to be let in, and no server is being opened");
  }
}

}  // namespace pgweir::sim
