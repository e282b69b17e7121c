// pgweir CONFIG serves in the foreground; pgweir check CONFIG validates and exits.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "config/load.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/version.h"
#include "io/fleet.h"
#include "io/log.h"
#include "io/machines.h"
#include "io/process.h"
#include "io/signals.h"

namespace pgweir::io {

namespace {

constexpr int usage_error = 2;

struct Arguments {
  std::string config;
  bool check = false;
  bool quiet = false;
  bool verbose = false;
};

int failed(const std::string& message) {
  std::cerr << "pgweir: " << message << '\n';
  return 1;
}

// Every problem on standard error; the settings unless one is fatal.
std::optional<config::Loaded> load_and_report(const std::string& path) {
  config::Result result = config::load(path);
  for (const config::Problem& problem : result.problems) {
    std::cerr << text_of(problem) << '\n';
  }
  return std::move(result.loaded);
}

int check(const Arguments& arguments) {
  if (!load_and_report(arguments.config)) return 1;
  std::cout << arguments.config << ": valid\n";
  return 0;
}

int serve(const Arguments& arguments) {
  if (const auto refusal = refused_user()) return failed(*refusal);
  std::optional<config::Loaded> loaded = load_and_report(arguments.config);
  if (!loaded) return failed(join(arguments.config, " is not valid: see above"));
  const Settings settings = loaded->settings;

  harden();
  Log log({settings.logfile, !arguments.quiet, arguments.verbose || settings.verbose > 0});
  if (!log.problem().empty()) return failed(log.problem());
  Machines machines(*std::exchange(loaded, std::nullopt));  // the secrets go on, and none stays
  // Derivations of all machines share libuv's threads, and leave room for DNS.
  const std::size_t threads = limits::derivations_max * machines.count() + 2;
  ::setenv("UV_THREADPOOL_SIZE", std::to_string(threads).c_str(), 0);
  Fleet fleet(machines.members(), log, settings, {arguments.config, arguments.verbose});
  Shell& shell = fleet.first();
  Signals signals(shell.loop(), shell, [&] { log.reopen(); });
  int status = 1;
  if (const auto problem = shell.listen(settings)) {
    log.say(Level::error, "listen_failed", *problem);
    if (arguments.quiet) failed(*problem);
  } else {
    if (machines.count() > 1) log.say(Level::info, "machines", join(machines.count()));
    for (const std::string& name : shell.listeners().names()) {
      log.say(Level::info, "listening", name);
    }
    status = fleet.run();
  }
  signals.close_all();
  if (fleet.shut_down()) return status;
  // A resolver that does not answer is not worth waiting for: only the log is.
  log.close();
  std::_Exit(status);
}

int run(int argument_count, char** argument_values) {
  CLI::App app("pgweir: a connection pooler for PostgreSQL", "pgweir");
  Arguments arguments;
  app.add_option("CONFIG", arguments.config,
                 "settings: .toml, or any other name in the form of pgbouncer.ini");
  app.add_flag("-q,--quiet", arguments.quiet, "log to logfile only, not to standard error");
  app.add_flag("-v,--verbose", arguments.verbose, "log debug messages too");
  app.set_version_flag("-V,--version", join("pgweir ", version));
  CLI::App* check_command = app.add_subcommand("check", "validate CONFIG, print every problem");
  check_command->add_option("CONFIG", arguments.config, "settings")->required();
  try {
    app.parse(argument_count, argument_values);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  if (check_command->parsed()) return check(arguments);
  if (arguments.config.empty()) {
    std::cerr << "pgweir: CONFIG is required\n" << app.help();
    return usage_error;
  }
  return serve(arguments);
}

}  // namespace

}  // namespace pgweir::io

int main(int argument_count, char** argument_values) {
  try {
    return pgweir::io::run(argument_count, argument_values);
  } catch (const std::exception& error) {
    std::cerr << "pgweir: " << error.what() << '\n';
    return 1;
  }
}
