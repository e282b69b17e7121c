// One pooler, one PostgreSQL, and its clients: what a story needs. Change settings, vault and
// server before the first client; then the pooler starts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/client.h"
#include "sim/machines.h"
#include "sim/postgres.h"
#include "sim/shell.h"
#include "sim/toy_vault.h"

namespace pgweir::sim {

// A database "db" at 10.0.0.1:5432, user "ann" (and anybody else) trusted; one server at most.
Settings plain_settings();

class World {
 public:
  explicit World(Settings settings = plain_settings(), ShellOptions shell_options = {});

  Settings settings;
  ShellOptions shell_options;
  std::uint8_t machine_count = 1;
  ToyVault vault{7};
  Postgres postgres;

  // Adds a user with a password; users are kept sorted.
  void add_user(const std::string& name, const std::string& password);
  Shell& shell();  // starts the pooler
  Machine& machine() { return machines_->first(); }
  Machines& machines() { return *machines_; }
  Client& connect();                      // a client that has said nothing
  Client& client(const LogIn& how = {});  // one that has tried to log in
  // Says it, runs, and tells what was heard.
  std::string ask(Client& client, std::string_view bytes);
  std::string query(Client& client, std::string_view sql) { return ask(client, sim::query(sql)); }
  void run() { shell().run(); }
  void advance(Duration duration) { shell().advance(duration); }

  // Everybody goes; nothing may be left behind. All complaints there are, of everybody.
  std::string finish();
  std::string complaints() const;

 private:
  std::vector<std::unique_ptr<Client>> clients_;
  Clock clock_;
  std::optional<Machines> machines_;
  std::unique_ptr<Shell> shell_;
};

}  // namespace pgweir::sim
