// One running pgweir (or what PGWEIR_BINARY names) with a configuration of its own, in a folder of
// its own, under an account without rights. Ends with the test that started it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/integration/process.h"
#include "tests/integration/session.h"

namespace pgweir::integration {

// What a test wants different from: SCRAM, 127.0.0.1, a unix socket, database appdb, users app,
// other, admin and stats, pools of five.
struct PoolerConfig {
  using Entries = std::vector<std::pair<std::string, std::string>>;

  Entries settings = {};                   // of [pgbouncer]; the same key again replaces
  Entries databases = {};                  // name and connection string; none: appdb
  Entries users = {};                      // of [users]
  Entries passwords = {};                  // of userlist.txt, as well as the usual ones
  std::vector<std::string> switches = {};  // before the path of the file
};

class Pooler {
 public:
  // Returns when it accepts connections; ends the test's hopes (ADD_FAILURE) when it does not.
  explicit Pooler(const PoolerConfig& config = {});
  // Ends the process. That it lost track of a server is a failure of every test (I-01).
  ~Pooler();

  int port() const { return port_; }
  Process& process() { return *process_; }
  const std::string& folder() const { return folder_; }
  std::string config_path() const { return folder_ + "/pgweir.ini"; }
  std::string userlist_path() const { return folder_ + "/userlist.txt"; }
  std::string log_path() const { return folder_ + "/log"; }
  std::string log() const { return read_file(log_path()); }
  // Counts this text in the log.
  int logged(const std::string& text) const;

  // Writes the files anew; nothing changes until a reload.
  void write(const PoolerConfig& config) const;

  std::string conninfo(const std::string& user = "app", const std::string& database = "appdb",
                       const std::string& more = "") const;
  Session session(const std::string& user = "app", const std::string& database = "appdb",
                  const std::string& more = "") const {
    return Session(conninfo(user, database, more));
  }
  Session console(const std::string& user = "admin") const { return session(user, "pgbouncer"); }

  // One cell of the pool's line in SHOW POOLS.
  std::string pool(const std::string& column, const std::string& user = "app",
                   const std::string& database = "appdb") const;
  bool waits_for_clients_waiting(int count, const std::string& user = "app") const;
  // Resident memory of the process; 0 under a sanitizer, whose own memory says nothing of ours.
  long memory_kib() const;

  // Where the account of pgweir may read and write.
  static std::optional<Account> account();

 private:
  void start(const std::vector<std::string>& switches);

  int port_;
  std::string folder_;
  std::optional<Process> process_;
};

// The usual connection string of a database: our PostgreSQL, over TCP.
std::string host_of_postgres();

// Runs pgweir to its end, as its account, in a folder it may write to.
Outcome run_pgweir(std::vector<std::string> arguments, const std::string& folder = "/tmp");

}  // namespace pgweir::integration
