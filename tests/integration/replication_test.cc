// Replication connections through pgweir, with PostgreSQL's own programs.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/integration/environment.h"
#include "tests/integration/pooler.h"

namespace pgweir::integration {

namespace {

class Replication : public IntegrationTest {
 protected:
  // Programs of before PostgreSQL 17 ask for database "replication", whatever they are told.
  static PoolerConfig config(int pool_size = 5) {
    return {.settings = {{"default_pool_size", std::to_string(pool_size)}},
            .databases = {{"appdb", host_of_postgres()}, {"replication", host_of_postgres()}},
            .passwords = {{"replicator", password}}};
  }

  void TearDown() override {
    Session direct = postgres().direct();
    EXPECT_TRUE(eventually([&] { return walsenders(direct) == "0"; })) << "one is left";
    direct.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
  }

  static std::string walsenders(Session& direct) {
    return direct.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'");
  }

  // As the account that owns PostgreSQL: it may write there.
  static std::string new_folder() {
    const std::string folder = environment().new_folder("replication");
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    return folder;
  }

  static Command program(const Pooler& pooler, const std::string& name,
                         std::vector<std::string> more, const std::string& folder) {
    Command command{.arguments = {postgres().program(name), "-h", "127.0.0.1", "-p",
                                  std::to_string(pooler.port()), "-U", "replicator", "-w"},
                    .as = Pooler::account(),
                    .environment = {{"PGPASSWORD", password}, {"PGSSLMODE", "disable"}},
                    .folder = folder,
                    .output = folder + "/output"};
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    return command;
  }

  static Session logical(const Pooler& pooler, const std::string& more = "") {
    return pooler.session("replicator", "appdb", "replication=database " + more);
  }

  static bool starts(Session& session, const std::string& sql) {
    PGresult* const result = PQexec(session.get(), sql.c_str());
    const bool started = PQresultStatus(result) == PGRES_COPY_BOTH;
    PQclear(result);
    return started;
  }

  // Reads to the end of a stream; what the end says.
  static std::string end_of_stream(Session& session) {
    char* data = nullptr;
    while (PQgetCopyData(session.get(), &data, 0) > 0) PQfreemem(data);
    std::string said;
    while (PGresult* const result = PQgetResult(session.get())) {
      if (PQresultStatus(result) == PGRES_COPY_BOTH) break;
      said += PQresultErrorMessage(result);
      PQclear(result);
    }
    return said;
  }
};

TEST_F(Replication, a_logical_connection_takes_commands_and_sql) {
  Pooler pooler(config());
  Session session = logical(pooler, "application_name=mine options='-c enable_seqscan=off'");
  ASSERT_TRUE(session.connected()) << session.failure();
  EXPECT_EQ(session.run("IDENTIFY_SYSTEM").at(0, "dbname"), "appdb");
  EXPECT_EQ(session.value("SELECT current_database()"), "appdb");
  EXPECT_EQ(session.value("SHOW application_name"), "mine");
  EXPECT_EQ(session.value("SHOW enable_seqscan"), "off");
  EXPECT_EQ(session.value("BEGIN"), "BEGIN");
  EXPECT_EQ(session.value("SELECT 1"), "1");
  EXPECT_EQ(session.value("COMMIT"), "COMMIT");
  Session console = pooler.console();
  for (const char* what : {"SHOW CLIENTS", "SHOW SERVERS"}) {
    const Answer rows = console.run(what);
    int count = 0;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
      count += rows.at(row, "replication") == "logical";
    }
    EXPECT_EQ(count, 1) << what;
  }
}

TEST_F(Replication, a_physical_connection_takes_no_sql) {
  Pooler pooler(config());
  Session session = pooler.session("replicator", "appdb", "replication=yes");
  ASSERT_TRUE(session.connected()) << session.failure();
  EXPECT_NE(session.run("IDENTIFY_SYSTEM").at(0, "systemid"), "");
  EXPECT_NE(session.value("SELECT 1").find("0A000"), std::string::npos);
  EXPECT_EQ(pooler.console().run("SHOW SERVERS").at(0, "replication"), "physical");
}

TEST_F(Replication, a_role_that_may_not_replicate_hears_what_postgresql_says) {
  Pooler pooler(config());
  Session session = pooler.session("app", "appdb", "replication=database");
  EXPECT_FALSE(session.connected());
  EXPECT_NE(session.failure().find("walsender"), std::string::npos) << session.failure();
  EXPECT_EQ(pooler.session().value("SELECT 1"), "1") << "that role's pool is as it was";
}

TEST_F(Replication, an_idle_server_of_a_full_pool_makes_room) {
  Pooler pooler(config(1));
  Session ordinary = pooler.session("replicator");
  EXPECT_EQ(ordinary.value("SELECT 1"), "1");
  {
    Session session = logical(pooler);
    ASSERT_TRUE(session.connected()) << session.failure();
    EXPECT_EQ(session.value("SELECT 2"), "2");
    EXPECT_EQ(pooler.pool("sv_active", "replicator"), "1");
    EXPECT_EQ(pooler.pool("sv_idle", "replicator"), "0");
  }
  EXPECT_EQ(ordinary.value("SELECT 3"), "3");
}

TEST_F(Replication, pg_receivewal_receives) {
  Pooler pooler(config());
  const std::string folder = new_folder();
  std::filesystem::create_directory(folder + "/wal");
  std::filesystem::permissions(folder + "/wal", std::filesystem::perms::all);
  Process process(program(pooler, "pg_receivewal", {"-D", folder + "/wal", "--no-loop"}, folder));
  Session direct = postgres().direct();
  EXPECT_TRUE(eventually([&] { return walsenders(direct) == "1"; }))
      << read_file(folder + "/output");
  const auto whole_segments = [&] {
    return std::ranges::count_if(
        std::filesystem::directory_iterator(folder + "/wal"),
        [](const auto& entry) { return entry.path().extension() != ".partial"; });
  };
  EXPECT_TRUE(eventually([&] {
    direct.run("SELECT pg_logical_emit_message(false, 'x', 'y')");
    direct.run("SELECT pg_switch_wal()");
    return whole_segments() >= 2;
  })) << read_file(folder + "/output");
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 0) << read_file(folder + "/output");
}

TEST_F(Replication, pg_recvlogical_decodes) {
  Pooler pooler(config());
  const std::string folder = new_folder();
  const auto recvlogical = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"-d", "appdb", "--slot", "decoded"});
    return program(pooler, "pg_recvlogical", more, folder);
  };
  Process create(recvlogical({"--create-slot", "-P", "test_decoding"}));
  ASSERT_EQ(create.wait(), 0) << read_file(folder + "/output");
  Session direct = postgres().direct();
  direct.run("CREATE TABLE IF NOT EXISTS decoded (a int)");
  Process process(recvlogical({"--start", "--no-loop", "-F", "0", "-f", folder + "/decoded"}));
  EXPECT_TRUE(eventually([&] {
    direct.run("INSERT INTO decoded VALUES (7)");
    return std::filesystem::exists(folder + "/decoded") &&
           read_file(folder + "/decoded").find("table public.decoded: INSERT: a[integer]:7") !=
               std::string::npos;
  })) << read_file(folder + "/output");
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 0) << read_file(folder + "/output");
  direct.run("DROP TABLE decoded");
}

TEST_F(Replication, pg_basebackup_copies_the_cluster) {
  Pooler pooler(config());
  const std::string folder = new_folder();
  const Outcome outcome = run([&] {
    Command command =
        program(pooler, "pg_basebackup",
                {"-D", folder + "/copy", "-X", "stream", "--checkpoint=fast", "--no-sync"}, folder);
    command.output = "/dev/null";
    return command;
  }());
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  const Outcome verified =
      run({.arguments = {postgres().program("pg_verifybackup"), folder + "/copy"},
           .as = Pooler::account(),
           .folder = folder});
  EXPECT_EQ(verified.status, 0) << verified.output;
}

TEST_F(Replication, who_streams_is_told_when_its_walsender_is_ended) {
  Pooler pooler(config());
  Session session = logical(pooler);
  ASSERT_TRUE(session.run("CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL test_decoding").ok());
  ASSERT_TRUE(starts(session, "START_REPLICATION SLOT s LOGICAL 0/0"));
  Session direct = postgres().direct();
  direct.run("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
  const std::string said = end_of_stream(session);
  EXPECT_NE(said.find("terminating connection due to administrator command"), std::string::npos)
      << said;
}

TEST_F(Replication, who_streams_is_told_when_its_walsender_is_killed) {
  Pooler pooler(config());
  Session session = logical(pooler);
  ASSERT_TRUE(session.run("CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL test_decoding").ok());
  ASSERT_TRUE(starts(session, "START_REPLICATION SLOT s LOGICAL 0/0"));
  const std::string pid = postgres().direct().value("SELECT pid FROM pg_stat_replication");
  ASSERT_EQ(kill(std::stoi(pid), SIGKILL), 0);
  const std::string said = end_of_stream(session);
  EXPECT_NE(said.find("server connection lost"), std::string::npos) << said;
  // PostgreSQL begins anew when a backend of it is killed.
  const std::string target = postgres().conninfo("postgres");
  EXPECT_TRUE(eventually([&] { return PQping(target.c_str()) == PQPING_OK; }, 60s));
}

TEST_F(Replication, its_client_ends_a_stream_and_goes_on) {
  Pooler pooler(config());
  Session session = logical(pooler);
  ASSERT_TRUE(session.run("CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL test_decoding").ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(starts(session, "START_REPLICATION SLOT s LOGICAL 0/0"));
    ASSERT_EQ(PQputCopyEnd(session.get(), nullptr), 1);
    EXPECT_EQ(end_of_stream(session), "");
    EXPECT_EQ(session.value("SELECT 1"), "1");
  }
}

TEST_F(Replication, a_cancel_ends_a_stream) {
  Pooler pooler(config());
  Session session = logical(pooler);
  ASSERT_TRUE(session.run("CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL test_decoding").ok());
  ASSERT_TRUE(starts(session, "START_REPLICATION SLOT s LOGICAL 0/0"));
  PGcancel* const cancel = PQgetCancel(session.get());
  char error[256];
  EXPECT_EQ(PQcancel(cancel, error, sizeof error), 1) << error;
  PQfreeCancel(cancel);
  const std::string said = end_of_stream(session);
  EXPECT_NE(said.find("canceling statement due to user request"), std::string::npos) << said;
  EXPECT_EQ(session.value("SELECT 1"), "1");
}

TEST_F(Replication, pgweir_that_ends_ends_a_stream) {
  Pooler pooler(config());
  Session session = logical(pooler);
  ASSERT_TRUE(session.run("CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL test_decoding").ok());
  ASSERT_TRUE(starts(session, "START_REPLICATION SLOT s LOGICAL 0/0"));
  pooler.process().signal(SIGTERM);
  const std::string said = end_of_stream(session);
  EXPECT_NE(said.find("pgweir is shutting down"), std::string::npos) << said;
  EXPECT_EQ(pooler.process().wait(), 0);
}

}  // namespace

}  // namespace pgweir::integration
