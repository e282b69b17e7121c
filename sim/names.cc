#include "sim/names.h"

#include <algorithm>
#include <chrono>

#include "core/seats/message.h"
#include "sim/shell.h"
#include "sim/verdict.h"

namespace pgweir::sim {

std::vector<Endpoint> Names::addresses_of(std::size_t host) {
  const auto number = static_cast<std::uint8_t>(host + 1);
  return {ipv4(10, 0, 0, number, 5432), ipv4(10, 0, 1, number, 5432)};
}

void Names::say(Shell& shell, const std::string& name, const std::vector<Endpoint>& addresses) {
  for (const Endpoint& address : addresses) led_to_[name].insert(host_at(address));
  said_[name] = addresses;
  shell.set_name(name, addresses);
}

std::set<std::size_t> Names::leads_to(const std::string& name) const {
  const auto said = said_.find(name);
  std::set<std::size_t> hosts;
  if (said != said_.end()) {
    for (const Endpoint& address : said->second) hosts.insert(host_at(address));
  }
  if (!hosts.empty()) return hosts;
  const auto told = told_.find(name);
  if (told == told_.end()) return hosts;
  for (const Endpoint& address : told->second.addresses) hosts.insert(host_at(address));
  return hosts;
}

void Names::say_originals(Shell& shell) {
  for (std::size_t host = 0; host < host_count_; ++host) {
    say(shell, name_of(host), addresses_of(host));
  }
}

bool Names::ever_led(const std::string& name, std::size_t host) const {
  const auto found = led_to_.find(name);
  return found != led_to_.end() && found->second.contains(host);
}

void Names::step(std::uint8_t machine, Instant now, Duration ttl, const Event& event,
                 std::span<const Effect> effects, Verdict& verdict) {
  if (const auto* resolved = std::get_if<event::Resolved>(&event)) {
    Told& told = told_[asked_[resolved->ticket]];
    if (!resolved->addresses.empty()) {
      told.addresses.assign(resolved->addresses.begin(), resolved->addresses.end());
    }
    told.at = now;
    asked_.erase(resolved->ticket);
  }
  const auto check = [&](const Endpoint& to) {
    if (may_be_used(to, now, ttl)) return;
    verdict.blame(oracle::failover, "a connection to 10.0." + std::to_string(to.address[2]) + "." +
                                        std::to_string(to.address[3]) +
                                        ", where no answer that is in force leads");
  };
  for (const Effect& effect : effects) {
    if (const auto* resolve = std::get_if<effect::Resolve>(&effect)) {
      asked_[resolve->ticket] = resolve->host;
    } else if (const auto* tell = std::get_if<effect::Tell>(&effect)) {
      const seats::Message message = seats::read(tell->message);
      if (const auto* open = std::get_if<seats::Open>(&message)) check(open->endpoint);
    } else if (const auto* connect = std::get_if<effect::Connect>(&effect)) {
      // Others go where the first machine has told them to, and a cancel where its server is.
      if (connect->socket.kind == SocketKind::server && machine == 0) check(connect->to);
    }
  }
}

// Some name's last answer has it, and is not old.
bool Names::may_be_used(const Endpoint& address, Instant now, Duration ttl) const {
  return std::ranges::any_of(told_, [&](const auto& entry) {
    const Told& told = entry.second;
    if (now - told.at >= std::max<Duration>(ttl, std::chrono::seconds(1))) return false;
    return std::ranges::find(told.addresses, address) != told.addresses.end();
  });
}

}  // namespace pgweir::sim
