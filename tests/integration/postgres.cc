#include "tests/integration/postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace pgweir::integration {

namespace {

// First match wins: the users with ways of their own come before everybody else.
constexpr const char* access_rules = R"(
local all postgres                trust
host  all postgres  127.0.0.1/32  trust
host  all md5user   127.0.0.1/32  md5
host  all plainuser 127.0.0.1/32  password
host  all trusted   127.0.0.1/32  trust
host  replication replicator 127.0.0.1/32 scram-sha-256
local all all                     scram-sha-256
host  all all       127.0.0.1/32  scram-sha-256
)";

constexpr const char* settings = R"(
listen_addresses = '127.0.0.1'
max_connections = 100
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = '4GB'
wal_level = logical
max_wal_senders = 10
autovacuum = off
timezone = 'Etc/UTC'
log_line_prefix = '%m [%p] %u@%d '
)";

void must(const Outcome& outcome, const std::string& what) {
  if (outcome.status == 0) return;
  std::fprintf(stderr, "integration: %s failed (status %d):\n%s\n", what.c_str(), outcome.status,
               outcome.output.c_str());
  std::exit(1);
}

}  // namespace

Postgres::Postgres(const std::string& folder)
    : folder_(folder), account_(account_of("postgres")), port_(free_port()) {
  std::filesystem::create_directories(socket_folder());
  if (account_) {
    for (const std::string& path : {folder_, socket_folder()}) {
      if (chown(path.c_str(), account_->uid, account_->gid) != 0) std::perror(path.c_str());
    }
  }
  must(run(command({program("initdb"), "--pgdata=data", "--username=postgres", "--auth=trust",
                    "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"})),
       "initdb");
  write_file(folder_ + "/data/pg_hba.conf", access_rules);
  write_file(folder_ + "/data/postgresql.conf",
             std::string(settings) + "port = " + std::to_string(port_) +
                 "\nunix_socket_directories = '" + socket_folder() + "'\n");
  start();
  make_users();
}

Postgres::~Postgres() { stop(); }

std::string Postgres::program(const std::string& name) const {
  return std::string(PGWEIR_POSTGRES_PROGRAMS) + "/" + name;
}

Session Postgres::direct(const std::string& database) const {
  return Session(conninfo("postgres", database));
}

std::string Postgres::conninfo(const std::string& user, const std::string& database) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + user + " dbname=" + database +
         " password=" + password + " sslmode=disable gssencmode=disable application_name=direct";
}

void Postgres::end_sessions() const {
  Session session = direct();
  const bool gone = eventually([&] {
    return session
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND usename <> 'postgres'")
        .rows.empty();
  });
  if (!gone) std::fprintf(stderr, "integration: sessions of an earlier test do not end\n");
}

void Postgres::stop() {
  process_->signal(SIGINT);
  if (!process_->wait()) std::fprintf(stderr, "integration: PostgreSQL does not stop\n");
  process_.reset();
}

void Postgres::start() {
  Command postgres = command({program("postgres"), "-D", "data"});
  postgres.output = log_path();
  postgres.death_signal = SIGQUIT;
  process_ = std::make_unique<Process>(postgres);
  const std::string target = conninfo("postgres", "postgres");
  const bool up = eventually(
      [&] { return process_->exit_status() || PQping(target.c_str()) == PQPING_OK; }, 60s);
  if (up && !process_->exit_status()) return;
  std::fprintf(stderr, "integration: PostgreSQL does not start:\n%s\n",
               tail(read_file(log_path()), 20).c_str());
  std::exit(1);
}

Command Postgres::command(std::vector<std::string> arguments) const {
  return {.arguments = std::move(arguments), .as = account_, .folder = folder_};
}

void Postgres::make_users() {
  Session session = direct("postgres");
  const std::string secret = std::string(" LOGIN PASSWORD '") + password + "'";
  for (const std::string& sql :
       {"CREATE USER app" + secret, "CREATE USER replicator REPLICATION" + secret,
        "CREATE USER other" + secret, "CREATE USER trusted" + secret,
        "CREATE USER plainuser" + secret, std::string("SET password_encryption = md5"),
        "CREATE USER md5user" + secret, std::string("CREATE DATABASE appdb OWNER app"),
        std::string("CREATE DATABASE otherdb OWNER app")}) {
    const Answer answer = session.run(sql);
    if (answer.ok()) continue;
    std::fprintf(stderr, "integration: %s\n", answer.value().c_str());
    std::exit(1);
  }
}

int free_port() {
  // Suites that run at the same time begin at different places.
  static int next = 20000 + static_cast<int>(getpid() % 1000) * 10;
  for (int tried = 0; tried < 10000; ++tried) {
    next = next >= 32000 ? 20000 : next + 1;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(next));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool free = bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                      listen(listener, 1) == 0;
    close(listener);
    if (free) return next;
  }
  std::fprintf(stderr, "integration: no free port between 20000 and 32000\n");
  std::exit(1);
}

}  // namespace pgweir::integration
