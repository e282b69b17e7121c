// What pool_mode promises (O-15): in a session a client has one server from its first request until
// it goes, nobody else has it meanwhile, and whoever has it next gets it reset. (Who is in
// statement mode looks itself whether he ever hears that he is in a transaction.) Precedence is
// told here once more, not taken from core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "core/config/settings.h"
#include "sim/census.h"
#include "sim/postgres_session.h"

namespace pgweir::sim {

class Application;
class Verdict;

PoolMode pool_mode_of(const Settings& settings, const Login& who);

class PoolModes {
 public:
  explicit PoolModes(Verdict& verdict) : verdict_(verdict) {}

  // As after each session, in every mode.
  void expect_resets() { resets_always_ = true; }
  // A backend is asked something by another application than before. is_there: whether an
  // application's connection is still the pooler's.
  void handed_on(std::size_t host, const ServerEvent& event, const Application& who,
                 const std::function<bool(const Application&)>& is_there);

 private:
  using Backend = std::pair<std::size_t, std::uint32_t>;
  struct Owner {
    const Application* who;
    Instant connected_at;
    std::uint32_t generation;
  };

  static bool had_session(const Owner& owner);
  static bool goes_on(const Owner& owner);
  void blame(const Owner& from, const Application& by, std::string_view what);
  void came_to(const Backend& backend, const Application& who);

  Verdict& verdict_;
  bool resets_always_ = false;
  std::map<Backend, Owner> owners_;                               // asked there last
  std::map<const Application*, std::pair<Instant, Backend>> at_;  // by session mode's
};

}  // namespace pgweir::sim
