// What a session keeps, and for how long: statements, cursors, settings, roles, locks, tables,
// channels. Rows 2, 6, 8, 15, 16, 17, 18, 20 of simulation.md, section 4.3, and what belongs to
// them.
#include "tests/integration/conformance.h"

namespace pgweir::integration {
namespace {

class ConformanceState : public ConformanceTest {
 protected:
  void begin() { expect(query("begin"), "C(BEGIN) Z(T)"); }
  // As an operator does: the file, then SIGHUP.
  void configure(const std::string& what, const std::string& time_zone) {
    postgres().direct().run("alter system " + what);
    postgres().direct().run("select pg_reload_conf()");
    EXPECT_TRUE(
        eventually([&] { return postgres().direct().run("show TimeZone").value() == time_zone; }));
    model_->reconfigure("TimeZone", time_zone);
  }
};

TEST_F(ConformanceState, Row2SetLocalLastsAsLongAsItsTransaction) {
  begin();
  expect(query("set local TimeZone = 'Europe/Rome'"), "C(SET) S(TimeZone=Europe/Rome) Z(T)");
  expect(query("commit"), "C(COMMIT) S(TimeZone=Etc/UTC) Z(I)");
  expect(query("set TimeZone = 'Asia/Tokyo'; set local TimeZone = 'Europe/Rome'"),
         "C(SET) C(SET) S(TimeZone=Asia/Tokyo) Z(I)");
  expect(query("set local TimeZone = 'Europe/Rome'"), "N(25P01) C(SET) Z(I)");
}

TEST_F(ConformanceState, Row2AnErrorTakesBackSettingsBeforeTheTransactionIsOver) {
  begin();
  expect(query("set TimeZone = 'Europe/Rome'"), "C(SET) S(TimeZone=Europe/Rome) Z(T)");
  expect([](const Dialect& d) { return query(d.error); }, "E(22012) S(TimeZone=Etc/UTC) Z(E)");
  expect(query("commit"), "C(ROLLBACK) Z(I)");
}

TEST_F(ConformanceState, ResetAndDefaultAreWhatWasSaidAtStartup) {
  expect(query("set TimeZone = 'Asia/Tokyo'"), "C(SET) S(TimeZone=Asia/Tokyo) Z(I)");
  expect(query("reset TimeZone"), "C(RESET) S(TimeZone=Etc/UTC) Z(I)");
  expect(query("set TimeZone = 'Asia/Tokyo'"), "C(SET) S(TimeZone=Asia/Tokyo) Z(I)");
  expect(query("set TimeZone to default"), "C(SET) S(TimeZone=Etc/UTC) Z(I)");
  expect(query("set search_path to x"), "C(SET) Z(I)");
  expect(query("reset all"), "C(RESET) Z(I)");
  expect(query("show search_path"), "T D(\"$user\", public) C(SHOW) Z(I)");
  expect(query("reset nothing_like_it"), "E(42704) Z(I)");
}

TEST_F(ConformanceState, SavepointsTakeBackWhatCameAfterThem) {
  expect(query("savepoint a"), "E(25P01) Z(I)");
  expect(query("rollback to a"), "E(25P01) Z(I)");
  expect(query("release a"), "E(25P01) Z(I)");
  begin();
  expect(query("savepoint a"), "C(SAVEPOINT) Z(T)");
  expect(query("set TimeZone = 'Asia/Tokyo'"), "C(SET) S(TimeZone=Asia/Tokyo) Z(T)");
  expect(query("savepoint b"), "C(SAVEPOINT) Z(T)");
  expect(query("set TimeZone = 'Europe/Rome'"), "C(SET) S(TimeZone=Europe/Rome) Z(T)");
  expect([](const Dialect& d) { return query(d.error); }, "E(22012) S(TimeZone=Asia/Tokyo) Z(E)");
  expect(query("release b"), "E(25P02) Z(E)");
  expect(query("rollback to savepoint b"), "C(ROLLBACK) Z(T)");
  expect(query("rollback to a"), "C(ROLLBACK) S(TimeZone=Etc/UTC) Z(T)");
  expect(query("release b"), "E(3B001) Z(E)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(query("release savepoint a"), "C(RELEASE) Z(T)");
  expect(query("rollback to a"), "E(3B001) Z(E)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
}

TEST_F(ConformanceState, SavepointsOfOneNameAndWhatIsInserted) {
  begin();
  expect(query("savepoint a"), "C(SAVEPOINT) Z(T)");
  expect([](const Dialect& d) { return query(d.insert); }, "C(INSERT 0 1) Z(T)");
  expect(query("savepoint a"), "C(SAVEPOINT) Z(T)");
  expect([](const Dialect& d) { return query(d.insert); }, "C(INSERT 0 1) Z(T)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(query("release a"), "C(RELEASE) Z(T)");
  expect(query("commit"), "C(COMMIT) Z(I)");
  EXPECT_EQ(postgres().direct().run("select count(*) from conformance").value(), "1");
  EXPECT_EQ(model_->ledger().size(), 1u);
}

TEST_F(ConformanceState, CursorsLiveInTheirTransaction) {
  const auto declare = [](const Dialect& d) { return query("declare c cursor for " + d.rows); };
  expect(declare, "E(25P01) Z(I)");
  begin();
  expect(declare, "C(DECLARE CURSOR) Z(T)");
  expect(query("fetch 2 from c"), "T D(x) D(x) C(FETCH 2) Z(T)");
  expect(query("fetch all from c"), "T D(x) C(FETCH 1) Z(T)");
  expect(query("fetch 1 from c"), "T C(FETCH 0) Z(T)");
  expect(query("savepoint a"), "C(SAVEPOINT) Z(T)");
  expect(declare, "E(42P03) Z(E)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(query("close c"), "C(CLOSE CURSOR) Z(T)");
  expect(query("fetch 1 from c"), "E(34000) Z(E)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(declare, "C(DECLARE CURSOR) Z(T)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(query("close c"), "E(34000) Z(E)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
}

TEST_F(ConformanceState, CursorsArePortals) {
  begin();
  expect([](const Dialect& d) { return parse("", d.rows) + bind("p", "") + sync(); }, "1 2 Z(T)");
  expect(query("fetch 1 from p"), "T D(x) C(FETCH 1) Z(T)");
  expect(execute("p", 1) + sync(), "D(x) s Z(T)");
  expect(query("declare c cursor for select 'a'"), "C(DECLARE CURSOR) Z(T)");
  expect(sim::describe('P', "c") + execute("c") + sim::close('P', "c") + sync(),
         "T D(a) C(SELECT 1) 3 Z(T)");
  expect(query("savepoint a"), "C(SAVEPOINT) Z(T)");
  expect(parse("", "select 'a'") + bind("p", "") + sync(), "1 E(42P03) Z(E)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(query("close all"), "C(CLOSE CURSOR ALL) Z(T)");
  expect(query("commit"), "C(COMMIT) Z(I)");
  expect(execute("p") + sync(), "E(34000) Z(I)");
}

TEST_F(ConformanceState, ACursorWithHoldOutlivesItsTransactionUnlessThatIsRolledBack) {
  expect(query("declare c cursor with hold for select 'a'"), "C(DECLARE CURSOR) Z(I)");
  expect(query("fetch 1 from c"), "T D(a) C(FETCH 1) Z(I)");
  begin();
  expect(query("declare d cursor with hold for select 'b'"), "C(DECLARE CURSOR) Z(T)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
  expect(query("fetch 1 from d"), "E(34000) Z(I)");
  expect(query("close c"), "C(CLOSE CURSOR) Z(I)");
}

TEST_F(ConformanceState, ACursorInsideOneQuery) {
  expect(query("declare c cursor for select 'a'; fetch all from c; close c"),
         "C(DECLARE CURSOR) T D(a) C(FETCH 1) C(CLOSE CURSOR) Z(I)");
  expect(query("savepoint a; select 'a'"), "E(25P01) Z(I)");
  expect(pipeline("select 'a'") + pipeline("declare c cursor for select 'a'") + sync(),
         "1 2 D(a) C(SELECT 1) 1 2 E(25P01) Z(I)");
}

TEST_F(ConformanceState, Row8PreparedStatementsShareOneNamespace) {
  expect(query("prepare s as select 'a'"), "C(PREPARE) Z(I)");
  expect(query("execute s"), "T D(a) C(SELECT 1) Z(I)");
  expect(query("prepare s as select 'b'"), "E(42P05) Z(I)");
  expect(parse("s", "select 'b'") + sync(), "E(42P05) Z(I)");
  expect(bind("", "s") + sim::describe('P', "") + execute("") + sync(),
         "2 T D(a) C(SELECT 1) Z(I)");
  expect(query("deallocate s"), "C(DEALLOCATE) Z(I)");
  expect(query("execute s"), "E(26000) Z(I)");
  expect(parse("t", "select 'b'") + sync(), "1 Z(I)");
  expect(query("execute t"), "T D(b) C(SELECT 1) Z(I)");
  expect(parse("", "execute t") + sim::describe('S', "") + bind("", "") + execute("") + sync(),
         "1 t T 2 D(b) C(SELECT 1) Z(I)");
  expect(query("deallocate prepare t"), "C(DEALLOCATE) Z(I)");
  expect(query("deallocate t"), "E(26000) Z(I)");
  expect(bind("", "t") + sync(), "E(26000) Z(I)");
  expect(query("prepare s as select 'a'; deallocate all"), "C(PREPARE) C(DEALLOCATE ALL) Z(I)");
  expect(bind("", "s") + sync(), "E(26000) Z(I)");
}

TEST_F(ConformanceState, APreparedStatementOutlivesTheRollbackHoweverItWasPrepared) {
  begin();
  expect(query("prepare s as select 'a'"), "C(PREPARE) Z(T)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
  expect(query("execute s"), "T D(a) C(SELECT 1) Z(I)");
  begin();
  expect(query("deallocate s"), "C(DEALLOCATE) Z(T)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
  expect(query("execute s"), "E(26000) Z(I)");
}

TEST_F(ConformanceState, RolesChangeSilently) {
  postgres().direct().run("grant other to trusted");
  expect(query("set role other"), "C(SET) Z(I)");
  expect(query("show role"), "T D(other) C(SHOW) Z(I)");
  expect(query("show session_authorization"), "T D(trusted) C(SHOW) Z(I)");
  expect(query("reset all"), "C(RESET) Z(I)");
  expect(query("show role"), "T D(other) C(SHOW) Z(I)");
  expect(query("reset role"), "C(RESET) Z(I)");
  expect(query("show role"), "T D(none) C(SHOW) Z(I)");
  expect(query("set role invalid"), "E(22023) Z(I)");
  begin();
  expect(query("set local role other"), "C(SET) Z(T)");
  expect(query("show role"), "T D(other) C(SHOW) Z(T)");
  expect(query("commit"), "C(COMMIT) Z(I)");
  expect(query("show role"), "T D(none) C(SHOW) Z(I)");
  expect(query("set session authorization other"), "E(42501) Z(I)");
  expect(query("set session authorization trusted"), "C(SET) Z(I)");
}

TEST_F(ConformanceState, TheSessionAuthorizationOfASuperuserIsReported) {
  Pair root = log_in("postgres");
  expect(root, query("set session authorization trusted"),
         "C(SET) S(is_superuser=off) S(session_authorization=trusted) Z(I)");
  expect(root, query("set session authorization other"),
         "C(SET) S(session_authorization=other) Z(I)");
  expect(root, query("reset session authorization"),
         "C(RESET) S(is_superuser=on) S(session_authorization=postgres) Z(I)");
  expect(root, query("set role trusted"), "C(SET) S(is_superuser=off) Z(I)");
  expect(root, query("set session authorization other"),
         "C(SET) S(session_authorization=other) Z(I)");
  expect(root, query("show role"), "T D(none) C(SHOW) Z(I)");
  expect(root, query("begin"), "C(BEGIN) Z(T)");
  expect(root, query("set session authorization default"),
         "C(SET) S(is_superuser=on) S(session_authorization=postgres) Z(T)");
  expect(root, query("rollback"),
         "C(ROLLBACK) S(is_superuser=off) S(session_authorization=other) Z(I)");
  expect(root, query("discard all"),
         "C(DISCARD ALL) S(is_superuser=on) S(session_authorization=postgres) Z(I)");
}

TEST_F(ConformanceState, Row20LocksOfTheSessionSurviveARollbackAndThoseOfTheTransactionDoNot) {
  Pair other = log_in();
  begin();
  expect(query("select pg_advisory_lock(1)"), "T D() C(SELECT 1) Z(T)");
  expect(query("select pg_advisory_xact_lock(2)"), "T D() C(SELECT 1) Z(T)");
  expect(other, query("select pg_try_advisory_lock(2)"), "T D(f) C(SELECT 1) Z(I)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
  expect(other, query("select pg_try_advisory_lock(1)"), "T D(f) C(SELECT 1) Z(I)");
  expect(other, query("select pg_try_advisory_lock(2)"), "T D(t) C(SELECT 1) Z(I)");
  expect(other, query("select pg_advisory_unlock(2)"), "T D(t) C(SELECT 1) Z(I)");
  expect(other, query("select pg_advisory_unlock(2)"), "T N(01000) D(f) C(SELECT 1) Z(I)");
  expect(query("discard all"), "C(DISCARD ALL) Z(I)");
  expect(other, query("select pg_try_advisory_xact_lock(1)"), "T D(t) C(SELECT 1) Z(I)");
  expect(other, query("select pg_advisory_unlock_all()"), "T D() C(SELECT 1) Z(I)");
}

TEST_F(ConformanceState, LocksOfASavepointGoWithIt) {
  Pair other = log_in();
  const std::string ask = query("select pg_try_advisory_xact_lock(1)");
  begin();
  expect(query("savepoint a"), "C(SAVEPOINT) Z(T)");
  expect(query("select pg_advisory_xact_lock(1)"), "T D() C(SELECT 1) Z(T)");
  expect(other, ask, "T D(f) C(SELECT 1) Z(I)");
  expect(query("rollback to a"), "C(ROLLBACK) Z(T)");
  expect(other, ask, "T D(t) C(SELECT 1) Z(I)");
  expect(query("select pg_advisory_xact_lock(1)"), "T D() C(SELECT 1) Z(T)");
  expect(query("release a"), "C(RELEASE) Z(T)");
  expect(other, ask, "T D(f) C(SELECT 1) Z(I)");
  expect([](const Dialect& d) { return query(d.error); }, "E(22012) Z(E)");
  expect(other, ask, "T D(t) C(SELECT 1) Z(I)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
}

TEST_F(ConformanceState, WhoWaitsForALockGetsItOrIsCancelled) {
  Pair other = log_in();
  expect(other, query("select pg_advisory_lock(1)"), "T D() C(SELECT 1) Z(I)");
  expect(query("select pg_advisory_xact_lock(1)"), "");
  wait_until("wait_event_type = 'Lock'");
  expect(other, query("select pg_advisory_unlock(1)"), "T D(t) C(SELECT 1) Z(I)");
  expect_heard("T D() C(SELECT 1) Z(I)");
  expect(other, query("select pg_advisory_lock(1)"), "T D() C(SELECT 1) Z(I)");
  expect(query("select pg_advisory_lock(1)"), "");
  wait_until("wait_event_type = 'Lock'");
  cancel();
  expect_heard("T E(57014) Z(I)");
}

TEST_F(ConformanceState, Row20TemporaryTables) {
  begin();
  expect(query("create temp table t (a text)"), "C(CREATE TABLE) Z(T)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
  expect(query("create temp table t (a text)"), "C(CREATE TABLE) Z(I)");
  expect(query("create temp table t (a text)"), "E(42P07) Z(I)");
  expect(query("drop table t"), "C(DROP TABLE) Z(I)");
  expect(query("drop table t"), "E(42P01) Z(I)");
  begin();
  expect(query("create temp table t (a text) on commit drop"), "C(CREATE TABLE) Z(T)");
  expect(query("create temp table u (a text)"), "C(CREATE TABLE) Z(T)");
  expect(query("commit"), "C(COMMIT) Z(I)");
  expect(query("drop table t"), "E(42P01) Z(I)");
  expect(query("discard temp"), "C(DISCARD TEMP) Z(I)");
  expect(query("drop table u"), "E(42P01) Z(I)");
}

TEST_F(ConformanceState, DiscardAllForgetsEverythingAndStandsAlone) {
  expect(query("prepare s as select 'a'; create temp table t (a text)"),
         "C(PREPARE) C(CREATE TABLE) Z(I)");
  expect(query("declare c cursor with hold for select 'a'"), "C(DECLARE CURSOR) Z(I)");
  expect(query("set TimeZone = 'Asia/Tokyo'; listen l"),
         "C(SET) C(LISTEN) S(TimeZone=Asia/Tokyo) Z(I)");
  expect(pipeline("discard all") + sync(), "1 2 C(DISCARD ALL) S(TimeZone=Etc/UTC) Z(I)");
  expect(query("execute s"), "E(26000) Z(I)");
  expect(query("fetch 1 from c"), "E(34000) Z(I)");
  expect(query("drop table t"), "E(42P01) Z(I)");
  expect(query("notify l"), "C(NOTIFY) Z(I)");
  expect(pipeline("select 'a'") + pipeline("discard all") + sync(),
         "1 2 D(a) C(SELECT 1) 1 2 E(25001) Z(I)");
  begin();
  expect(query("discard all"), "E(25001) Z(E)");
}

TEST_F(ConformanceState, Row17NotificationsComeWhenASessionIsIdle) {
  Pair other = log_in();
  expect(query("listen l"), "C(LISTEN) Z(I)");
  expect(other, query("notify l, 'one'"), "C(NOTIFY) Z(I)");
  expect_heard("A(l|one)");
  begin();
  expect(other, query("notify l"), "C(NOTIFY) Z(I)");
  expect(query("select 'a'"), "T D(a) C(SELECT 1) Z(T)");
  expect(query("commit"), "C(COMMIT) A(l|) Z(I)");
  expect(pipeline("select 'a'") + sim::flush(), "1 2 D(a) C(SELECT 1)");
  expect(other, query("notify l, 'two'"), "C(NOTIFY) Z(I)");
  expect(sync(), "A(l|two) Z(I)");
}

TEST_F(ConformanceState, Row17NotificationsAreSentAtCommitAndOnce) {
  expect(query("listen l"), "C(LISTEN) Z(I)");
  expect(query("begin; notify l, 'a'; notify l, 'a'; notify l, 'b'"),
         "C(BEGIN) C(NOTIFY) C(NOTIFY) C(NOTIFY) Z(T)");
  expect(query("commit"), "C(COMMIT) A(l|a) A(l|b) Z(I)");
  expect(query("begin; notify l; rollback"), "C(BEGIN) C(NOTIFY) C(ROLLBACK) Z(I)");
  expect(query("begin; listen m; rollback; notify m"),
         "C(BEGIN) C(LISTEN) C(ROLLBACK) C(NOTIFY) Z(I)");
  expect(query("begin; savepoint a; notify l, 'lost'; rollback to a; notify l, 'kept'; commit"),
         "C(BEGIN) C(SAVEPOINT) C(NOTIFY) C(ROLLBACK) C(NOTIFY) C(COMMIT) A(l|kept) Z(I)");
  expect(query("unlisten *; notify l"), "C(UNLISTEN) C(NOTIFY) Z(I)");
  expect(query("unlisten never_listened_to"), "C(UNLISTEN) Z(I)");
  Pair elsewhere = log_in("trusted", "otherdb");
  expect(query("listen l"), "C(LISTEN) Z(I)");
  expect(elsewhere, query("notify l"), "C(NOTIFY) Z(I)");
  expect_nothing_more();
}

TEST_F(ConformanceState, Row15StatementTimeoutLooksLikeACancel) {
  expect(query("set statement_timeout = '50ms'"), "C(SET) Z(I)");
  expect([](const Dialect& d) { return query(d.sleep); }, "T E(57014) Z(I)");
  expect([](const Dialect& d) { return pipeline(d.sleep) + sync(); }, "1 2 E(57014) Z(I)");
  begin();
  expect(query("set local statement_timeout = '0'"), "C(SET) Z(T)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
}

TEST_F(ConformanceState, Row16ATransactionThatIsIdleTooLong) {
  expect(query("set idle_in_transaction_session_timeout = '50ms'"), "C(SET) Z(I)");
  expect(query("begin"), "C(BEGIN) Z(T) E(25P03) EOF");
}

TEST_F(ConformanceState, Row16ASessionThatIsIdleTooLong) {
  expect(query("set idle_session_timeout = '50ms'"), "C(SET) Z(I) E(57P05) EOF");
}

TEST_F(ConformanceState, Row18ANewConfigurationIsToldWithTheNextAnswer) {
  Pair own = log_in();
  expect(own, query("set TimeZone = 'Europe/Rome'"), "C(SET) S(TimeZone=Europe/Rome) Z(I)");
  begin();
  configure("set TimeZone = 'Asia/Tokyo'", "Asia/Tokyo");
  expect(query("select 'a'"), "T D(a) C(SELECT 1) S(TimeZone=Asia/Tokyo) Z(T)");
  expect(query("commit"), "C(COMMIT) Z(I)");
  expect(own, query("select 'a'"), "T D(a) C(SELECT 1) Z(I)");
  expect(own, query("reset TimeZone"), "C(RESET) S(TimeZone=Asia/Tokyo) Z(I)");
  configure("reset TimeZone", "Etc/UTC");
  expect(sync(), "S(TimeZone=Etc/UTC) Z(I)");
}

}  // namespace
}  // namespace pgweir::integration
