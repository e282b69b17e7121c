#include "sim/world.h"

#include <algorithm>

namespace pgweir::sim {

Settings plain_settings() {
  Settings settings;
  settings.auth_type = AuthType::trust;
  settings.default_pool_size = 1;
  DatabaseSettings database;
  database.name = "db";
  database.host = "10.0.0.1";
  settings.databases.push_back(database);
  UserSettings user;
  user.name = "ann";
  settings.users.push_back(user);
  return settings;
}

World::World(Settings first_settings, ShellOptions first_options)
    : settings(std::move(first_settings)), shell_options(std::move(first_options)) {}

void World::add_user(const std::string& name, const std::string& password) {
  std::erase_if(settings.users, [&](const UserSettings& user) { return user.name == name; });
  UserSettings user;
  user.name = name;
  user.credential = vault.add(auth::SecretKind::plain, password);
  settings.users.push_back(user);
  std::ranges::sort(settings.users, {}, &UserSettings::name);
}

Shell& World::shell() {
  if (!shell_) {
    machines_.emplace(machine_count, settings, vault);
    ShellOptions options = shell_options;
    options.watch = [this, watch = shell_options.watch](const Event& event,
                                                        std::span<const Effect> effects) {
      machines_->check_invariants();
      if (watch) watch(event, effects);
    };
    shell_ = std::make_unique<Shell>(clock_, machines_->steppers(), vault, std::move(options));
    shell_->add_host(ipv4(10, 0, 0, 1, 5432), postgres);
    shell_->add_peer(postgres);
  }
  return *shell_;
}

Client& World::connect() {
  const std::string name = "client-" + std::to_string(clients_.size() + 1);
  clients_.push_back(std::make_unique<Client>(shell().connect(), name));
  shell().add_peer(*clients_.back());
  return *clients_.back();
}

Client& World::client(const LogIn& how) {
  Client& client = connect();
  client.log_in(how);
  run();
  return client;
}

std::string World::ask(Client& client, std::string_view bytes) {
  client.say(bytes);
  run();
  return client.heard();
}

std::string World::finish() {
  for (const auto& client : clients_) {
    client->read(true);
    if (!client->ended()) client->vanish();
  }
  postgres.stall(false);
  run();
  postgres.wake_sleepers();
  advance(std::chrono::minutes(1));
  shell().check_no_leaks();
  return complaints();
}

std::string World::complaints() const {
  std::string text;
  const auto add = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) text += line + "\n";
  };
  if (shell_) add(shell_->complaints());
  add(postgres.complaints());
  for (const auto& client : clients_) add(client->complaints());
  return text;
}

}  // namespace pgweir::sim
