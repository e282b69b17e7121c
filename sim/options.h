// What a run is like: drawn once from the tape of options, printed with a failure, and calm where
// the tape says zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/settings.h"
#include "sim/network.h"
#include "sim/postgres_session.h"
#include "sim/tape.h"
#include "sim/workload.h"

namespace pgweir::sim {

enum class Mode : std::uint8_t { smoke, calm, safety, liveness, drain, overload, lifetime };

std::string_view name_of(Mode mode);
std::optional<Mode> mode_named(std::string_view name);

struct RunOptions {
  Mode mode = Mode::calm;
  std::uint64_t steps = 20'000;  // of a safety phase, at least
  std::uint32_t rounds = 1;      // of safety and liveness

  // The pooler's settings; databases and users are added to them by the numbers here.
  Settings settings;
  PoolMode pool_mode = PoolMode::transaction;  // of some of them
  enum class PoolModeFor : std::uint8_t { all, database, user, all_but_user };
  PoolModeFor pool_mode_for = PoolModeFor::all;
  std::string timezone = {};   // of the first database
  bool unlisted_user = false;  // "*" stands for him of this name
  static constexpr std::string_view unlisted_name = "user0";
  std::string connect_query = {};  // of all
  std::uint8_t machine_count = 1;
  std::uint32_t host_count = 1;
  std::uint32_t database_count = 1;
  std::uint32_t user_count = 1;
  bool scram = false;  // of clients; of servers as well
  std::string server_version = ServerOptions().server_version;
  ServerOptions::Newer server_newer{};
  bool servers_give_secrets = true;

  // The world.
  std::uint32_t client_count = 4;
  std::uint32_t settings_percent = 0;  // of them: ask for settings in their startup packets
  std::uint32_t refused_count = 0;     // more of them, which ask for what there is not
  std::uint32_t unwelcome_count = 0;   // with a wrong password, or for a database that is not there
  WorkloadOptions workload;
  Weather weather;
  std::size_t pipe_capacity = 256 * 1024;
  Duration answers_late_max{};  // DNS, connects, derivations, other machines
  Duration timers_late_max{};
  bool cuts = false;      // what the shell reads comes in pieces
  bool shuffled = false;  // sockets with news in any order
  Duration work_max{};
  std::uint32_t noise_percent = 0;
  std::uint32_t hostile_permille = 0;  // of what the hostile host says
  std::uint32_t hostile_host = 0;

  // Who is at the console, and for how long nobody types anything there.
  std::uint32_t operator_count = 0;
  Duration operator_pause{};

  // Clients that replicate.
  std::uint32_t receiver_count = 0;

  // Hostile clients, and how long they stay away.
  std::uint32_t stranger_count = 0;
  Duration stranger_pause{};

  // Faults: the mean time between two of them (zero: none), and which kinds there are.
  Duration fault_every{};
  bool lose_clients = false;
  bool lose_servers = false;
  bool lose_hosts = false;
  bool stall = false;
  bool clog = false;
  bool darken = false;
  bool fail_accepts = false;
  bool reload = false;
  bool move_names = false;
  std::uint32_t ruins_percent = 0;  // of the times when all is healed: something stays broken
  bool change_passwords = false;    // by a reload, and at the servers
  bool change_tables = false;       // prepared statements of before fail
  bool deafen = false;              // a machine takes no letters for a while
};

RunOptions draw_options(Mode mode, Tape& tape);

// One "name value" a line, of what is not as in the calmest run.
std::string describe(const RunOptions& options);

}  // namespace pgweir::sim
