// How a connection begins, and when it does not. Rows 1, 23 and 24 of simulation.md, section 4.3,
// hosts that are full, that are going, and that only follow.
#include <csignal>

#include "tests/integration/conformance.h"

namespace pgweir::integration {
namespace {

class ConformanceLogin : public ConformanceTest {
 protected:
  static std::string hello(std::int32_t version, const sim::Parameters& more = {}) {
    sim::Parameters parameters{{"user", "trusted"}, {"database", "appdb"}};
    parameters.insert(parameters.end(), more.begin(), more.end());
    return sim::startup(parameters, version);
  }
  static void expect_login(Pair& pair, const std::string& bytes, const std::string& begin) {
    for (Side* side : pair.sides()) {
      side->client().say(bytes);
      side->wait_for_login();
      EXPECT_TRUE(side->client().login().starts_with(begin)) << side->client().login();
    }
  }
};

// Only the names: the values are the cluster's.
std::string names_in(const std::string& login) {
  std::string names;
  for (std::size_t at = login.find("S("); at != std::string::npos; at = login.find("S(", at + 1)) {
    names += login.substr(at, login.find('=', at) - at) + ") ";
  }
  return names;
}

TEST_F(ConformanceLogin, Row1TheseParametersAreReportedInThisOrder) {
  const std::string& real = first_.real->client().login();
  EXPECT_EQ(names_in(first_.model->client().login()), names_in(real));
  for (Side* side : first_.sides()) {
    EXPECT_TRUE(side->client().login().starts_with("R(0) S("));
    EXPECT_TRUE(side->client().login().ends_with(" K Z(I)"));
  }
}

TEST_F(ConformanceLogin, Row23ARequestForTlsIsAnsweredByOneByte) {
  Pair pair = connect();
  expect(pair, sim::ssl_request(), "'N'");
  expect_login(pair, hello(0x30000), "R(0) S(");
}

TEST_F(ConformanceLogin, Row24ANewerProtocolOrItsOptionsAreNegotiated) {
  Pair newer = connect();
  expect_login(newer, hello(0x30002), "v(196608) R(0) S(");
  Pair with_option = connect();
  expect_login(with_option, hello(0x30000, {{"_pq_.something", "x"}}),
               "v(196608|_pq_.something) R(0) S(");
  Pair much_newer = connect();
  expect(much_newer, hello(0x40000), "E(0A000) EOF");
}

TEST_F(ConformanceLogin, WhatIsNotThereOrHasNoSuchValue) {
  Pair pair = connect();
  expect(pair, hello(0x30000, {{"database", "nowhere"}}), "R(0) E(3D000) EOF");
  Pair setting = connect();
  expect(setting, hello(0x30000, {{"nothing_like_it", "x"}}), "R(0) E(42704) EOF");
  Pair nobody = connect();
  expect(nobody, sim::startup({{"database", "appdb"}}), "E(28000) EOF");
}

TEST_F(ConformanceLogin, AFullHostRefuses) {
  std::vector<RawClient> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back(postgres().port());
    if (!clients.back().log_in("postgres", "appdb")) break;
  }
  model_->options().max_connections = model_->session_count();
  Pair pair = connect();
  expect(pair, hello(0x30000), "E(53300) EOF");
}

TEST_F(ConformanceLogin, AStandbyReadsUntilItIsPromotedAndOneThatGoesRefuses) {
  const std::string folder = environment().new_folder("standby");
  Postgres standby(folder);
  standby.direct().run("create table conformance (value text)");
  standby.direct().run("grant all on conformance to trusted");
  write_file(folder + "/data/postgresql.auto.conf", "wal_level = replica\n");
  standby.stop();
  standby.start();
  standby.stop();
  write_file(folder + "/data/standby.signal", "");
  standby.start();
  model_->options().standby = true;

  Pair pair = connect(standby.port());
  for (Side* side : pair.sides()) {
    side->client().say(hello(0x30000));
    side->wait_for_login();
    EXPECT_EQ(side->client().parameter("in_hot_standby"), "on");
  }
  expect(pair, [](const Dialect& d) { return query(d.insert); }, "E(25006) Z(I)");
  expect(pair, [](const Dialect& d) { return query(d.copy_in); }, "E(25006) Z(I)");
  expect(pair, query("create temp table t (a text)"), "E(25006) Z(I)");
  expect(pair, query("listen l"), "E(25006) Z(I)");
  expect(pair, query("unlisten l"), "C(UNLISTEN) Z(I)");
  expect(pair, query("notify l"), "E(25006) Z(I)");
  expect(pair, query("select pg_advisory_lock(1)"), "T D() C(SELECT 1) Z(I)");
  expect(pair, query("discard all"), "C(DISCARD ALL) Z(I)");

  EXPECT_EQ(standby.direct().run("select pg_promote()").value(), "t");
  model_->promote();
  expect(
      pair, [](const Dialect& d) { return query(d.insert); },
      "C(INSERT 0 1) S(in_hot_standby=off) Z(I)");

  // It waits for who is there, and takes nobody else.
  kill(std::stoi(read_file(folder + "/data/postmaster.pid")), SIGTERM);
  model_->options().starting_up = true;
  EXPECT_TRUE(
      eventually([&] { return PQping(standby.conninfo("postgres").c_str()) == PQPING_REJECT; }));
  Pair late = connect(standby.port());
  expect(late, hello(0x30000), "E(57P03) EOF");
}

}  // namespace
}  // namespace pgweir::integration
