// Names of hosts and where they lead: what DNS says now, and what the pooler was told of it. A
// connection goes only where the last answer says, and waits for a new one when that is older than
// dns_max_ttl (O-30).
//
// Each host has two addresses, 10.0.0.N and 10.0.1.N.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/effect.h"
#include "core/event.h"

namespace pgweir::sim {

class Shell;
class Verdict;

class Names {
 public:
  explicit Names(std::uint32_t host_count) : host_count_(host_count) {}

  static std::string name_of(std::size_t host) { return "host" + std::to_string(host); }
  // The machine at an address.
  static std::size_t host_at(const Endpoint& address) { return address.address[3] - 1u; }
  static std::vector<Endpoint> addresses_of(std::size_t host);

  // What DNS says from now on.
  void say(Shell& shell, const std::string& name, const std::vector<Endpoint>& addresses);
  void say_originals(Shell& shell);
  // The machines a pooler may be led to: by what DNS says, or where that is nothing, by what it was
  // told last.
  std::set<std::size_t> leads_to(const std::string& name) const;
  // A name has led to this machine at some time.
  bool ever_led(const std::string& name, std::size_t host) const;

  // Some question is not answered yet.
  bool asking() const { return !asked_.empty(); }

  // A step of a machine, carried out. The first asks, and tells the others where to go.
  void step(std::uint8_t machine, Instant now, Duration ttl, const Event& event,
            std::span<const Effect> effects, Verdict& verdict);

 private:
  struct Told {
    std::vector<Endpoint> addresses;  // of the last answer that had some
    Instant at{};                     // of the last answer
  };
  bool may_be_used(const Endpoint& address, Instant now, Duration ttl) const;

  std::uint32_t host_count_;
  std::map<std::string, std::vector<Endpoint>> said_;  // by DNS, now
  std::map<std::string, std::set<std::size_t>> led_to_;
  std::map<Ticket, std::string> asked_;  // not answered yet
  std::map<std::string, Told> told_;
};

}  // namespace pgweir::sim
