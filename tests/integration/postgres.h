// A private, throwaway PostgreSQL: its own data, its own port, nothing kept. It trusts the
// superuser and asks everybody else for a password, each user in its own way.
#pragma once

#include <memory>
#include <string>

#include "tests/integration/process.h"
#include "tests/integration/session.h"

namespace pgweir::integration {

// Every user of the cluster but the superuser has this password.
inline constexpr const char* password = "river-and-weir";

class Postgres {
 public:
  // Makes the cluster in this folder, with databases appdb and otherdb and users app and other
  // (SCRAM), replicator (SCRAM, may replicate), md5user (md5), plainuser (the password itself) and
  // trusted (nothing), and starts it.
  explicit Postgres(const std::string& folder);
  ~Postgres();

  int port() const { return port_; }
  std::string socket_folder() const { return folder_ + "/socket"; }
  std::string log_path() const { return folder_ + "/log"; }
  std::string program(const std::string& name) const;

  // The superuser's connection, past every pooler.
  Session direct(const std::string& database = "appdb") const;
  std::string conninfo(const std::string& user, const std::string& database = "appdb") const;

  // Ends all sessions but the superuser's, and returns when they are gone.
  void end_sessions() const;

  // SIGINT: PostgreSQL ends its sessions and stops.
  void stop();
  void start();

 private:
  Command command(std::vector<std::string> arguments) const;
  void make_users();

  std::string folder_;
  std::optional<Account> account_;
  int port_;
  std::unique_ptr<Process> process_;
};

// A TCP port of 127.0.0.1 that nobody listens on, below those the kernel gives to clients.
int free_port();

}  // namespace pgweir::integration
