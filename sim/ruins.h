// What stays broken when the rest of the world is healed, and whom that excuses. Whoever does not
// depend on it gets everything. Whoever does gets what the settings promise; only where they
// promise nothing may he wait for ever, and that is computed here, from the world, never assumed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "sim/census.h"

namespace pgweir::sim {

class Application;
class Simulation;

class Ruins {
 public:
  explicit Ruins(const Simulation& simulation) : simulation_(simulation) {}

  // No server can be had there any more. silent: those there are do not answer either.
  void add_host(std::size_t number, bool silent);
  // Any other thing.
  void add(const std::string& what);
  void clear();

  bool empty() const { return what_.empty(); }
  bool has_host(std::size_t number) const { return hosts_.contains(number); }
  // Its host hangs.
  bool has_session(SocketId server) const;
  bool is_silent(SocketId server) const;
  // In words.
  const std::string& what() const { return what_; }

  // It asks for something, and nobody promises that it ever hears of it.
  bool excuses(const Application& who) const;
  // What pgweir owes to the others about one that is frozen; empty: nothing.
  std::string owed_about(const Application& frozen) const;
  // There are clients that nothing ends, and told to drain pgweir waits for them.
  bool may_keep_pgweir() const;
  // What the clocks of all that is broken may take, one after the other.
  Duration patience() const;

 private:
  SocketId server_of(const Application& who) const;
  SocketId client_of(const Application& who) const;
  const Application* holder_of(SocketId server) const;
  bool is_kept(SocketId server) const;
  bool can_be_reached(const std::string& database) const;
  bool has_room(const Login& pool) const;
  bool waits_in_vain(const Login& pool) const;
  std::vector<Login> kept_places() const;

  const Simulation& simulation_;
  std::string what_;
  std::set<std::size_t> hosts_;
  std::set<std::size_t> silent_hosts_;
};

}  // namespace pgweir::sim
