// The model server, asked directly: the facts of simulation.md, section 4.3, that it has.
#include "sim/postgres.h"

#include <gtest/gtest.h>

#include "sim/client.h"

namespace pgweir::sim {
namespace {

// A client and the model with nothing between them but a wire.
class Direct {
 public:
  explicit Direct(ServerOptions options = {}) : postgres(std::move(options)) {}

  Postgres postgres;

  Client& client(const std::string& user = "ann", const std::string& password = "secret") {
    auto near = std::make_shared<Stream>(1 << 20);
    auto far = std::make_shared<Stream>(1 << 20);
    postgres.accepted(far);
    wires_.emplace_back(near, far);
    clients_.push_back(std::make_unique<Client>(near, "client"));
    clients_.back()->log_in({.user = user, .password = password});
    run();
    return *clients_.back();
  }

  std::string ask(Client& client, std::string_view bytes) {
    client.say(bytes);
    run();
    return client.heard();
  }

  void run() {
    for (int quiet = 0; quiet < 3; ++quiet) {
      for (auto& client : clients_) client->turn();
      for (auto& [near, far] : wires_) {
        if (near->readable_size() + far->readable_size() > 0) quiet = 0;
        far->send(near->receive(1 << 20));
        near->send(far->receive(1 << 20));
        if (near->peer_finished()) far->close();
        if (far->peer_finished()) near->close();
      }
      postgres.turn();
    }
  }

 private:
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::pair<std::shared_ptr<Stream>, std::shared_ptr<Stream>>> wires_;
};

std::string pipeline(std::string_view sql) { return parse("", sql) + bind("", "") + execute(""); }

TEST(PostgresModelTest, login_reports_thirteen_parameters_a_key_and_readiness) {
  Direct direct;
  EXPECT_EQ(direct.client().login(),
            "R(0) S(application_name=) S(client_encoding=UTF8) S(DateStyle=ISO, MDY) "
            "S(default_transaction_read_only=off) S(in_hot_standby=off) S(integer_datetimes=on) "
            "S(IntervalStyle=postgres) S(is_superuser=off) S(server_encoding=UTF8) "
            "S(server_version=15.20) S(session_authorization=ann) "
            "S(standard_conforming_strings=on) S(TimeZone=Etc/UTC) K Z(I)");
}

TEST(PostgresModelTest, scram_and_cleartext_ask_for_the_right_password) {
  for (const auto auth : {ServerOptions::Auth::scram, ServerOptions::Auth::cleartext}) {
    ServerOptions options;
    options.auth = auth;
    options.passwords["ann"] = "secret";
    Direct direct(options);
    EXPECT_TRUE(direct.client("ann", "secret").logged_in());
    Client& wrong = direct.client("ann", "wrong");
    EXPECT_FALSE(wrong.logged_in());
    EXPECT_TRUE(wrong.heard().ends_with("E(28P01) EOF"));
    EXPECT_TRUE(wrong.complaints().empty());
  }
}

TEST(PostgresModelTest, set_is_reported_before_ready_and_taken_back_by_rollback) {  // fact 2
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, query("begin")), "C(BEGIN) Z(T)");
  EXPECT_EQ(direct.ask(client, query("set TimeZone = UTC")), "C(SET) S(TimeZone=UTC) Z(T)");
  EXPECT_EQ(direct.ask(client, query("rollback")), "C(ROLLBACK) S(TimeZone=Etc/UTC) Z(I)");
  EXPECT_EQ(direct.ask(client, query("set search_path to x")), "C(SET) Z(I)");
}

TEST(PostgresModelTest, after_an_error_a_query_is_skipped_until_sync) {  // fact 3
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, pipeline("error") + query("select 'a'") + sync()),
            "1 2 E(22012) Z(I)");
}

TEST(PostgresModelTest, a_pipeline_is_one_transaction) {  // fact 4
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, pipeline("set TimeZone = UTC") + pipeline("error") + sync()),
            "1 2 C(SET) 1 2 E(22012) Z(I)");
  EXPECT_EQ(direct.ask(client, query("show TimeZone")), "T D(Etc/UTC) C(SHOW) Z(I)");
}

TEST(PostgresModelTest, an_error_may_come_at_bind) {  // fact 5
  Direct direct;
  EXPECT_EQ(direct.ask(direct.client(), pipeline("fail at bind") + sync()), "1 E(22012) Z(I)");
}

TEST(PostgresModelTest, a_parsed_statement_outlives_the_rollback) {  // fact 6
  Direct direct;
  Client& client = direct.client();
  direct.ask(client, query("begin") + parse("s", "select 'a'") + sync() + query("rollback"));
  EXPECT_EQ(direct.ask(client, bind("", "s") + execute("") + sync()), "2 D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(direct.ask(client, parse("s", "select 'a'") + sync()), "E(42P05) Z(I)");  // fact 7
  EXPECT_EQ(direct.ask(client, close('S', "none") + sync()), "3 Z(I)");
  EXPECT_EQ(direct.ask(client, execute("") + sync()), "E(34000) Z(I)");
}

TEST(PostgresModelTest, a_sync_inside_copy_is_ignored) {  // fact 9
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, pipeline("copy in") + sync()), "1 2 G");
  EXPECT_EQ(direct.ask(client, copy_data("a") + copy_done()), "");
  EXPECT_EQ(direct.ask(client, sync()), "C(COPY 1) Z(I)");
}

TEST(PostgresModelTest, a_failed_copy_drops_what_comes_late) {  // fact 10
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, query("copy in fail") + copy_data("a") + copy_data("b") +
                                   copy_done() + query("select 'a'")),
            "G E(22P04) Z(I) T D(a) C(SELECT 1) Z(I)");
  EXPECT_EQ(direct.ask(client, pipeline("copy in fail") + copy_data("a") + copy_done() + sync()),
            "1 2 G E(22P04) Z(I)");
  EXPECT_EQ(direct.ask(client, query("copy in") + copy_fail("no")), "G E(57014) Z(I)");
}

TEST(PostgresModelTest, a_query_inside_copy_ends_the_session) {  // fact 11
  Direct direct;
  EXPECT_EQ(direct.ask(direct.client(), query("copy in") + query("select 'a'")),
            "G E(08P01)*2 EOF");
}

TEST(PostgresModelTest, one_ready_for_many_statements_and_earlier_ones_undone) {  // fact 12
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, query("set TimeZone = UTC; select 'a;b'; error; select 'c'")),
            "C(SET) T D(a;b) C(SELECT 1) E(22012) Z(I)");
  EXPECT_EQ(direct.ask(client, query("rollback; discard all")),
            "N(25P01) C(ROLLBACK) E(25001) Z(I)");
  EXPECT_EQ(direct.ask(client, query("")), "I Z(I)");
}

TEST(PostgresModelTest, a_failed_transaction_refuses_until_its_end) {  // fact 19
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, query("begin; error")), "C(BEGIN) E(22012) Z(E)");
  EXPECT_EQ(direct.ask(client, query("select 'a'")), "E(25P02) Z(E)");
  EXPECT_EQ(direct.ask(client, query("commit")), "C(ROLLBACK) Z(I)");
}

TEST(PostgresModelTest, a_portal_is_suspended_and_goes_on) {  // fact 22
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, parse("", "rows 3 1") + bind("", "") + execute("", 2) +
                                   execute("", 2) + sync()),
            "1 2 D(x)*2 s D(x) C(SELECT 1) Z(I)");
}

TEST(PostgresModelTest, set_config_sets_pairs_and_returns_them) {
  Direct direct;
  Client& client = direct.client();
  const std::string sql =
      "select pg_catalog.set_config($1, $2, false), pg_catalog.set_config($3, $4, false)";
  EXPECT_EQ(direct.ask(client, parse("", sql) +
                                   bind("", "", {"TimeZone", "UTC", "application_name", "x"}) +
                                   execute("") + sync()),
            "1 2 D(UTC|x) C(SELECT 1) S(application_name=x) S(TimeZone=UTC) Z(I)");
}

TEST(PostgresModelTest, a_cancel_hits_the_running_statement_with_the_right_key_only) {  // fact 13
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(direct.ask(client, query("sleep; select 'a'")), "");
  Client& wrong = direct.client();
  direct.ask(wrong, terminate());
  for (const std::string& secret : {almost(client.secret()), client.secret()}) {
    auto far = std::make_shared<Stream>(1 << 20);
    direct.postgres.accepted(far);
    far->send(cancel_request(client.pid(), secret));
    direct.run();
    EXPECT_TRUE(far->peer_finished());
    EXPECT_EQ(far->readable_size(), 0u);
    EXPECT_EQ(client.heard(), secret == client.secret() ? "T E(57014) Z(I)" : "");
  }
  direct.ask(client, query("sleep"));
  direct.postgres.wake_sleepers();
  direct.run();
  EXPECT_EQ(client.heard(), "T D(awake) C(SELECT 1) Z(I)");
}

TEST(PostgresModelTest, what_no_pooler_may_send_is_a_complaint) {
  Direct direct;
  direct.ask(direct.client(), message('!', "abc"));
  direct.ask(direct.client(), message('Q', "no terminator"));
  direct.ask(direct.client(), message('B', "x"));
  EXPECT_EQ(direct.postgres.complaints().size(), 3u);
  EXPECT_EQ(direct.postgres.session_count(), 0u);
}

// What a session says of itself in a proof: all that is not as in a new one.
std::string state_of(Direct& direct, Client& client) {
  const std::string heard = direct.ask(client, query("proof 1"));
  const std::size_t end = heard.rfind('|', heard.find(") C("));  // before what it was read by
  const std::size_t begin = heard.rfind('|', end - 1) + 1;
  return heard.substr(begin, end - begin);
}

TEST(PostgresModelTest, a_proof_tells_all_that_is_not_as_in_a_new_session) {
  Direct direct;
  Client& client = direct.client();
  EXPECT_EQ(state_of(direct, client), "");
  direct.ask(client, query("set role bob; listen l"));
  EXPECT_EQ(state_of(direct, client), "role=bob,listen=l");
  direct.ask(client, query("discard all"));
  direct.ask(client, query("create temp table t (a text); select pg_advisory_lock(1)"));
  EXPECT_EQ(state_of(direct, client), "table=t,lock=1");
  direct.ask(client, query("discard all"));
  direct.ask(client, query("prepare s as select 'a'"));
  direct.ask(client, query("declare c cursor with hold for select 'a'"));
  EXPECT_EQ(state_of(direct, client), "prepared=s,portal=c");
  direct.ask(client, query("discard all"));
  EXPECT_EQ(state_of(direct, client), "");
}

TEST(PostgresModelTest, an_ended_session_gives_up_its_locks_and_times_nothing_any_more) {
  Clock clock;
  ServerOptions options;
  options.clock = &clock;
  Direct direct(options);
  Client& holder = direct.client();
  Client& waiter = direct.client();
  direct.ask(holder, query("set statement_timeout = '5ms'; select pg_advisory_lock(1)"));
  EXPECT_EQ(direct.ask(waiter, query("select pg_advisory_lock(1)")), "");
  direct.ask(holder, query("sleep"));
  direct.postgres.sessions()[0]->vanish();
  direct.run();
  EXPECT_EQ(waiter.heard(), "T D() C(SELECT 1) Z(I)");
  clock.move_to(clock.next());
  while (clock.run_due()) continue;
  EXPECT_EQ(direct.postgres.session_count(), 1u);
}

}  // namespace
}  // namespace pgweir::sim
