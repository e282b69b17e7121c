#include "sim/host_marks.h"

#include <algorithm>
#include <utility>

#include "core/base/limits.h"
#include "sim/message_view.h"
#include "sim/simulation.h"

namespace pgweir::sim {

namespace {

// What severity and code are in, whatever follows.
constexpr std::size_t front_size = 5 + 100;
constexpr std::size_t marks_kept_max = 64;

std::string name_of(SocketId server) {
  return "s" + std::to_string(server.slot) + "." + std::to_string(server.generation);
}

bool is_about(const Event& event, SocketId server) {
  return std::visit(
      [&](const auto& what) {
        if constexpr (requires { SocketId{what.socket}; }) return what.socket == server;
        return false;
      },
      event);
}

}  // namespace

void HostMarks::step(const Event& event, std::span<const Effect> effects) {
  ++step_;
  const Instant now = simulation_.clock().now();
  const auto* received = std::get_if<event::Received>(&event);
  const auto heard = received == nullptr ? servers_.end() : servers_.find(received->socket);
  if (heard != servers_.end()) hear(heard->second, pgweir::text_of(received->bytes));
  if (const auto* gone = std::get_if<event::Closed>(&event)) servers_.erase(gone->socket);
  if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) {
    servers_.erase(failed->socket);
  }
  for (const Effect& effect : effects) {
    if (const auto* connect = std::get_if<effect::Connect>(&effect)) {
      if (connect->socket.kind != SocketKind::server) continue;
      Server& server = servers_[connect->socket];
      server.host = Names::host_at(connect->to);
      server.fresh_step = step_;
      server.fresh_at = now;
    } else if (const auto* stop = std::get_if<effect::StopReading>(&effect)) {
      stopped_.insert(stop->socket);
      let_on_.erase(stop->socket);
    } else if (const auto* resume = std::get_if<effect::ResumeReading>(&effect)) {
      if (stopped_.erase(resume->socket) > 0) let_on_[resume->socket] = step_;
    } else if (const auto* close = std::get_if<effect::Close>(&effect)) {
      closed(close->socket, event);
      stopped_.erase(close->socket);
      let_on_.erase(close->socket);
    } else if (const auto* note = std::get_if<Note>(&effect)) {
      const bool leaves =
          note->kind == NoteKind::server_closed && note->text.starts_with("its host is a standby");
      const auto known = servers_.find(note->socket);
      if (!leaves || known == servers_.end()) continue;
      for (const std::string& host : known->second.names) left_at_[host] = now;
      simulation_.probes().hit(Probe::standby_left);
      if (known->second.was_standby || !is_judged(known->second)) continue;
      simulation_.verdict().blame(oracle::marked_hosts, name_of(note->socket) +
                                                            " is closed as that of a standby, and "
                                                            "has never said that it is one");
    } else if (const auto* send = std::get_if<effect::Send>(&effect)) {
      const auto told = servers_.find(send->socket);
      if (told == servers_.end()) {
        // Its transaction is over: what it gets next is another matter.
        if (pgweir::text_of(send->bytes).ends_with("\5I")) let_on_.erase(send->socket);
        continue;
      }
      if (told->second.names.empty()) name(send->socket, told->second);
      if (told->second.asked) continue;
      if (!simulation_.ledger().is_checked(send->socket)) continue;
      told->second.asked = true;
      check_reason(send->socket, told->second);
    }
  }
  if (heard == servers_.end() || !servers_.contains(received->socket)) return;
  Server& server = heard->second;
  const bool answers = server.asked && !simulation_.ledger().is_checked(received->socket);
  const bool logs_in =
      !server.logged_in && simulation_.census().servers().at(received->socket).ready;
  if (!answers && !logs_in) return;
  server.asked = server.asked && !answers;
  server.logged_in = true;
  server.fresh_step = step_;
  server.fresh_at = now;
}

void HostMarks::hear(Server& server, std::string_view bytes) {
  while (!bytes.empty()) {
    if (server.rest > 0) {
      const std::size_t size = std::min(server.rest, bytes.size());
      server.rest -= size;
      bytes.remove_prefix(size);
      continue;
    }
    const std::size_t size = whole_size(server.front).value_or(0);
    const std::size_t wanted =
        server.front.size() < header_size ? header_size : std::min(size, front_size);
    const std::size_t more = std::min(wanted - server.front.size(), bytes.size());
    server.front += bytes.substr(0, more);
    bytes.remove_prefix(more);
    if (server.front.size() < header_size) return;
    const std::size_t whole = whole_size(server.front).value_or(0);
    if (whole == 0) return;  // no message at all
    if (server.front.size() < std::min(whole, front_size)) continue;
    server.rest = whole - server.front.size();
    read(server);
    server.front.clear();
  }
}

void HostMarks::read(Server& server) {
  const std::string_view said = server.front;
  server.last_words.clear();
  server.fatal = false;
  if (said[0] == 'S') {
    Body body(body_of(said));
    if (body.text() == "in_hot_standby") server.standby = body.text() == "on";
    server.was_standby |= server.standby;
    if (!server.standby) server.refused_at = never;
  }
  if (said[0] != 'E' && said[0] != 'N') return;
  const std::string_view severity = field(said, 'S');
  const std::string_view code = field(said, 'C');
  if (severity == "ERROR" && code == "25006" && server.standby) {
    server.refused_at = std::min(server.refused_at, simulation_.clock().now());
  }
  server.fatal = severity == "FATAL";
  if (!server.fatal && severity != "WARNING") return;
  if (code != "57P01" && code != "57P02" && code != "57P03") return;
  server.last_words = code;
  server.said_step = step_;
}

// By the pooler: when it has read the last words, or the end behind them.
void HostMarks::closed(SocketId socket, const Event& event) {
  const auto known = servers_.find(socket);
  if (known == servers_.end() || known->second.last_words.empty()) return;
  const Server& server = known->second;
  const Instant now = simulation_.clock().now();
  for (const std::string& host : server.names) reason_at_[host] = now;
  const bool at_login = !simulation_.census().servers().at(socket).ready;
  if (at_login != (server.last_words == "57P03")) return;
  const bool ended = std::holds_alternative<event::PeerDone>(event) ||
                     std::holds_alternative<event::Hangup>(event) || server.fatal;
  if (!is_about(event, socket) || !ended || server.names.size() != 1) return;
  std::vector<Mark>& marks = marks_[server.names.front()];
  marks.push_back({step_, now, simulation_.shell().machine_of(socket)});
  if (marks.size() > marks_kept_max) marks.erase(marks.begin());
  simulation_.probes().hit(Probe::host_marked);
}

// When it is told for which database it is. The machine may have had older settings than others.
void HostMarks::name(SocketId socket, Server& server) const {
  const Login& whom = simulation_.census().servers().at(socket).whom;
  std::set<std::string> names;
  const auto is_there = [&](const Settings& settings) {
    const DatabaseSettings* line = find_database(settings, whom.database);
    if (line != nullptr && simulation_.names().ever_led(line->host, server.host)) {
      names.insert(line->host);
    }
    return !names.empty();
  };
  simulation_.in_force().ever(server.fresh_at, [&](const Settings& settings) {
    is_there(settings);
    return false;
  });
  // The last clients of a database that is gone are still served, where it was.
  if (names.empty()) simulation_.in_force().ever(Instant{}, is_there);
  server.names.assign(names.begin(), names.end());
}

bool HostMarks::in_trouble(const Server& server) const {
  for (std::size_t host = 0; host < simulation_.hosts().size(); ++host) {
    const bool led_there = simulation_.names().ever_led(server.names.front(), host);
    if (led_there && simulation_.host_in_trouble(host, server.fresh_at)) return true;
  }
  return false;
}

// To the ledger, and from there.
Duration HostMarks::letters() const {
  return 2 * simulation_.options().answers_late_max + simulation_.options().timers_late_max;
}

bool HostMarks::is_judged(const Server& server) const {
  const RunOptions& options = simulation_.options();
  const bool honest = options.hostile_permille == 0 || server.host != options.hostile_host;
  return honest && server.names.size() == 1;
}

void HostMarks::given(SocketId socket, SocketId client) {
  const auto known = servers_.find(socket);
  if (known == servers_.end() || !is_judged(known->second)) return;
  Server& server = known->second;
  const Instant now = simulation_.clock().now();
  const Instant calm_since = simulation_.undisturbed_since();
  const std::string whom =
      "c" + std::to_string(simulation_.watch().number_of(client)) + " is given " + name_of(socket);
  const auto let = let_on_.extract(client);
  const std::uint64_t since = let.empty() ? step_ + 1 : let.mapped();
  if (const auto marks = marks_.find(server.names.front()); marks != marks_.end()) {
    const std::uint8_t machine = simulation_.shell().machine_of(socket);
    const bool unchecked = std::ranges::any_of(marks->second, [&](const Mark& mark) {
      const bool known_here =
          mark.machine == machine || now > after(std::max(mark.at, calm_since), letters());
      return mark.step > server.fresh_step && mark.step < since && known_here;
    });
    if (unchecked) {
      simulation_.verdict().blame(oracle::marked_hosts,
                                  whom +
                                      ", which was there when its host was marked, and was not "
                                      "asked since whether it still is");
    }
  }
  const std::uint64_t assigned = let.empty() ? step_ : let.mapped();
  if (!server.last_words.empty() && server.said_step <= assigned) {
    simulation_.verdict().blame(oracle::marked_hosts,
                                whom + ", which has said " + server.last_words +
                                    " and nothing since, and was not asked whether it still is");
  }
  const Instant refused_at = std::exchange(server.refused_at, never);
  // What it said last is that it ends: that counts, and not what it refused before.
  if (refused_at == never || !server.last_words.empty()) return;
  const auto left = left_at_.find(server.names.front());
  Duration lasts = limits::host_mark_min;
  simulation_.in_force().ever(refused_at, [&](const Settings& settings) {
    lasts = std::max<Duration>(lasts, settings.server_login_retry);
    return false;
  });
  // It was decided when it came free.
  const bool lately =
      left != left_at_.end() &&
      refused_at <=
          after(std::max(left->second, std::min(calm_since, refused_at)), lasts) + letters();
  if (lately) return;
  simulation_.verdict().blame(oracle::marked_hosts,
                              whom + ", which is of a standby and has refused a write");
}

void HostMarks::check_reason(SocketId socket, const Server& server) const {
  const RunOptions& options = simulation_.options();
  if (!options.settings.server_check_query.empty() || !options.connect_query.empty()) return;
  if (!is_judged(server)) return;
  if (in_trouble(server) || !server.last_words.empty()) return;
  const auto reason = reason_at_.find(server.names.front());
  if (reason != reason_at_.end()) {
    const Instant told = std::max(reason->second, simulation_.undisturbed_since());
    const bool several = options.machine_count > 1;
    if (reason->second >= server.fresh_at) return;
    if (several && after(told, 2 * letters()) >= server.fresh_at) return;
  }
  simulation_.verdict().blame(oracle::marked_hosts,
                              name_of(socket) + " is asked whether it is there, for no reason");
}

}  // namespace pgweir::sim
