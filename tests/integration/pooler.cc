#include "tests/integration/pooler.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "tests/integration/environment.h"
#include "tests/integration/postgres.h"

namespace pgweir::integration {

namespace {

// The same tests are made of one machine and of several: PGWEIR_MACHINES=4.
std::string machines_wanted() {
  const char* const machines = std::getenv("PGWEIR_MACHINES");
  return machines == nullptr ? "1" : machines;
}

// Under the usual settings, those of the test: PgBouncer's later keys win.
std::string ini_of(const PoolerConfig& config, int port, const std::string& folder) {
  std::string text = "[databases]\n";
  PoolerConfig::Entries databases = config.databases;
  if (databases.empty()) databases = {{"appdb", host_of_postgres()}};
  for (const auto& [name, target] : databases) text += name + " = " + target + "\n";
  text += "\n[users]\n";
  for (const auto& [name, limits] : config.users) text += name + " = " + limits + "\n";
  text += "\n[pgbouncer]\n";
  PoolerConfig::Entries settings = {{"listen_addr", "127.0.0.1"},
                                    {"listen_port", std::to_string(port)},
                                    {"unix_socket_dir", folder},
                                    {"auth_type", "scram-sha-256"},
                                    {"auth_file", folder + "/userlist.txt"},
                                    {"admin_users", "admin"},
                                    {"stats_users", "stats"},
                                    {"default_pool_size", "5"},
                                    {"pool_mode", "transaction"},
                                    {"server_login_retry", "1"},
                                    {"machines", machines_wanted()}};
  for (const auto& [key, value] : config.settings) {
    std::erase_if(settings, [&](const auto& setting) { return setting.first == key; });
    settings.emplace_back(key, value);
  }
  for (const auto& [key, value] : settings) text += key + " = " + value + "\n";
  return text;
}

bool accepts(int port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected =
      connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(client);
  return connected;
}

void give_to_pgweir(const std::string& path) {
  const std::optional<Account> account = Pooler::account();
  if (account && chown(path.c_str(), account->uid, account->gid) != 0) {
    ADD_FAILURE() << "cannot give " << path << " to the account of pgweir";
  }
}

}  // namespace

Pooler::Pooler(const PoolerConfig& config)
    : port_(free_port()), folder_(environment().new_folder("pooler")) {
  give_to_pgweir(folder_);
  write(config);
  environment().watch_log(log_path());
  start(config.switches);
}

Pooler::~Pooler() {
  process_.reset();
  EXPECT_EQ(logged("event=protocol_desync"), 0)
      << "pgweir got an answer that nobody had asked for; docs/invariants.md, I-01: " << log();
}

void Pooler::start(const std::vector<std::string>& switches) {
  Command command{.arguments = {environment().pgweir()},
                  .as = account(),
                  .folder = folder_,
                  .output = log_path()};
  for (const std::string& text : switches) command.arguments.push_back(text);
  command.arguments.push_back(config_path());
  process_.emplace(command);
  const bool up = eventually([&] { return process_->exit_status().has_value() || accepts(port_); });
  if (!up || process_->exit_status()) ADD_FAILURE() << "the pooler does not start: " << log();
}

int Pooler::logged(const std::string& text) const {
  const std::string content = log();
  int count = 0;
  for (std::size_t at = content.find(text); at != std::string::npos;
       at = content.find(text, at + text.size())) {
    ++count;
  }
  return count;
}

void Pooler::write(const PoolerConfig& config) const {
  write_file(config_path(), ini_of(config, port_, folder_));
  std::string users;
  PoolerConfig::Entries passwords = config.passwords;
  for (const char* name : {"app", "other", "admin", "stats", "trusted", "md5user", "plainuser"}) {
    const auto same = [&](const auto& entry) { return entry.first == name; };
    if (std::ranges::none_of(config.passwords, same)) passwords.emplace_back(name, password);
  }
  for (const auto& [name, secret] : passwords) users += "\"" + name + "\" \"" + secret + "\"\n";
  write_file(userlist_path(), users);
}

std::string Pooler::conninfo(const std::string& user, const std::string& database,
                             const std::string& more) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + user + " dbname=" + database +
         " password=" + password + " sslmode=disable gssencmode=disable " + more;
}

std::string Pooler::pool(const std::string& column, const std::string& user,
                         const std::string& database) const {
  const Answer pools = console().run("SHOW POOLS");
  for (std::size_t row = 0; row < pools.rows.size(); ++row) {
    if (pools.at(row, "database") == database && pools.at(row, "user") == user) {
      return pools.at(row, column);
    }
  }
  return pools.message.empty() ? "no such pool" : pools.value();
}

bool Pooler::waits_for_clients_waiting(int count, const std::string& user) const {
  return eventually([&] { return pool("cl_waiting", user) == std::to_string(count); });
}

long Pooler::memory_kib() const {
#ifdef PGWEIR_SANITIZED
  return 0;
#endif
  std::istringstream status(read_file("/proc/" + std::to_string(process_->pid()) + "/status"));
  for (std::string word; status >> word;) {
    long kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  ADD_FAILURE() << "no VmRSS of the pooler: it is not running";
  return 0;
}

std::optional<Account> Pooler::account() { return account_of("nobody"); }

std::string host_of_postgres() {
  return "host=127.0.0.1 port=" + std::to_string(postgres().port());
}

Outcome run_pgweir(std::vector<std::string> arguments, const std::string& folder) {
  arguments.insert(arguments.begin(), environment().pgweir());
  return run({.arguments = std::move(arguments), .as = Pooler::account(), .folder = folder}, 20s);
}

}  // namespace pgweir::integration
