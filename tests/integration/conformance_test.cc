// What PostgreSQL says to whom, in which order: the rows of simulation.md, section 4.3.
#include "tests/integration/conformance.h"

namespace pgweir::integration {
namespace {

class Conformance : public ConformanceTest {};

TEST_F(Conformance, Row2SetIsReportedBehindItsAnswerAndTakenBackByRollback) {
  expect(query("set TimeZone = 'Asia/Tokyo'"), "C(SET) S(TimeZone=Asia/Tokyo) Z(I)");
  expect(query("begin"), "C(BEGIN) Z(T)");
  expect(query("set TimeZone = 'Europe/Rome'"), "C(SET) S(TimeZone=Europe/Rome) Z(T)");
  expect(query("rollback"), "C(ROLLBACK) S(TimeZone=Asia/Tokyo) Z(I)");
  expect(query("set search_path to x"), "C(SET) Z(I)");
  expect(query("show search_path"), "T D(x) C(SHOW) Z(I)");
}

TEST_F(Conformance, Row3AfterAnErrorAQueryIsSkippedUpToSync) {
  expect([](const Dialect& d) { return pipeline(d.error) + query("select 'a'") + sync(); },
         "1 2 E(22012) Z(I)");
  expect_nothing_more();
}

TEST_F(Conformance, Row4APipelineIsOneTransaction) {
  expect([](const Dialect& d) { return pipeline(d.insert) + pipeline(d.error) + sync(); },
         "1 2 C(INSERT 0 1) 1 2 E(22012) Z(I)");
  EXPECT_EQ(postgres().direct().run("select count(*) from conformance").value(), "0");
  EXPECT_TRUE(model_->ledger().empty());
  expect(pipeline("set TimeZone = 'Asia/Tokyo'") + sync(),
         "1 2 C(SET) S(TimeZone=Asia/Tokyo) Z(I)");
}

TEST_F(Conformance, Row5AnErrorMayComeAtBind) {
  expect([](const Dialect& d) { return pipeline(d.fail_at_bind) + sync(); }, "1 E(22012) Z(I)");
}

TEST_F(Conformance, Row6AParsedStatementOutlivesTheRollback) {
  expect(query("begin"), "C(BEGIN) Z(T)");
  expect(parse("s", "select 'a'") + sync(), "1 Z(T)");
  expect(query("rollback"), "C(ROLLBACK) Z(I)");
  expect(bind("", "s") + execute("") + sync(), "2 D(a) C(SELECT 1) Z(I)");
  expect([](const Dialect& d) { return parse("t", "select 'b'") + pipeline(d.error) + sync(); },
         "1 1 2 E(22012) Z(I)");
  expect(bind("", "t") + execute("") + sync(), "2 D(b) C(SELECT 1) Z(I)");
}

TEST_F(Conformance, Row7NamesThatAreThereTwiceOrNotAtAll) {
  expect(parse("s", "select 'a'") + parse("s", "select 'a'") + sync(), "1 E(42P05) Z(I)");
  expect(bind("", "none") + sync(), "E(26000) Z(I)");
  expect(sim::describe('S', "none") + sync(), "E(26000) Z(I)");
  expect(sim::close('S', "none") + sim::close('P', "none") + sync(), "3 3 Z(I)");
  expect(parse("", "select 'a'") + bind("", "") + sync(), "1 2 Z(I)");
  expect(execute("") + sync(), "E(34000) Z(I)");
  expect(sim::describe('P', "none") + sync(), "E(34000) Z(I)");
}

TEST_F(Conformance, Row8AQueryDropsTheUnnamedStatement) {
  expect(parse("", "select 'a'") + sync(), "1 Z(I)");
  expect(query("select 'b'"), "T D(b) C(SELECT 1) Z(I)");
  expect(bind("", "") + sync(), "E(26000) Z(I)");
}

TEST_F(Conformance, Row9ASyncBehindTheExecuteOfACopyIsIgnored) {
  expect([](const Dialect& d) { return pipeline(d.copy_in) + sync(); }, "1 2 G");
  expect(copy_data("a\n") + copy_done(), "");
  expect(sync(), "C(COPY 1) Z(I)");
  expect_nothing_more();
}

TEST_F(Conformance, Row10AFailedCopyDropsWhatComesLate) {
  expect([](const Dialect& d) { return query(d.copy_in_fail); }, "G");
  expect(copy_data("a|b\n") + copy_data("c|d\n") + copy_done(), "E(22P04) Z(I)");
  expect_nothing_more();
  expect([](const Dialect& d) { return pipeline(d.copy_in_fail); }, "1 2 G");
  expect(copy_data("a|b\n") + copy_done() + query("select 'skipped'") + sync(), "E(22P04) Z(I)");
  expect_nothing_more();
  expect([](const Dialect& d) { return query(d.copy_in) + copy_fail("no"); }, "G E(57014) Z(I)");
}

TEST_F(Conformance, Row10ACopyThatIsGivenUpByExtendedProtocolIsSkippedToSync) {
  expect([](const Dialect& d) { return pipeline(d.copy_in) + copy_fail("no") + sync(); },
         "1 2 G E(57014) Z(I)");
  expect_nothing_more();
}

TEST_F(Conformance, Row11AQueryInsideACopyEndsTheSession) {
  expect([](const Dialect& d) { return query(d.copy_in) + query("select 'a'"); },
         "G E(08P01) E(08P01) EOF");
}

TEST_F(Conformance, CopyOutIsLinesAndTheirEnd) {
  expect([](const Dialect& d) { return query(d.copy_out); },
         "H d(7 bytes) d(7 bytes) c C(COPY 2) Z(I)");
}

TEST_F(Conformance, Row12OneReadyForManyStatementsAndEarlierOnesUndone) {
  expect(
      [](const Dialect& d) {
        return query("set TimeZone = 'Asia/Tokyo'; select 'a;b'; " + d.error + "; select 'c'");
      },
      "C(SET) T D(a;b) C(SELECT 1) E(22012) Z(I)");
  expect(query("begin"), "C(BEGIN) Z(T)");
  expect(query("rollback; discard all"), "C(ROLLBACK) E(25001) Z(I)");
  expect(query("rollback"), "N(25P01) C(ROLLBACK) Z(I)");
  expect(query("begin; begin"), "C(BEGIN) N(25001) C(BEGIN) Z(T)");
  expect(query("rollback; select 'a'"), "C(ROLLBACK) T D(a) C(SELECT 1) Z(I)");
  expect(query(""), "I Z(I)");
  expect(query(";"), "I Z(I)");
  expect(query("select 'a';"), "T D(a) C(SELECT 1) Z(I)");
}

TEST_F(Conformance, Row13ACancelOfAnIdleSessionOrWithAWrongKeyDoesNothing) {
  cancel();
  cancel(false);
  expect_nothing_more();
  expect(query("begin"), "C(BEGIN) Z(T)");
  cancel();
  expect(query("select 'a'"), "T D(a) C(SELECT 1) Z(T)");
}

TEST_F(Conformance, Row13ACancelEndsTheRunningStatement) {
  expect([](const Dialect& d) { return query(d.sleep); }, "");
  wait_until("state = 'active'");
  cancel();
  expect_heard("T E(57014) Z(I)");
}

TEST_F(Conformance, Row14ACancelInsideACopyIsNoticedWithItsNextData) {
  expect([](const Dialect& d) { return query(d.copy_in); }, "G");
  cancel();
  expect(copy_data("a\n") + copy_data("b\n"), "E(57014) Z(I)");
  expect(copy_done(), "");
  expect_nothing_more();
  expect([](const Dialect& d) { return query(d.copy_in) + copy_data("a\n"); }, "G");
  cancel();
  expect(copy_done(), "E(57014) Z(I)");
}

TEST_F(Conformance, Row16ASessionThatIsEndedSaysSoUnasked) {
  model_->end_all("57P01");
  const std::string pid = std::to_string(first_.real->client().pid());
  postgres().direct().run("select pg_terminate_backend(" + pid + ")");
  expect_heard("E(57P01) EOF");
}

TEST_F(Conformance, Row19AFailedTransactionRefusesUntilItsEnd) {
  expect([](const Dialect& d) { return query("begin; " + d.error); }, "C(BEGIN) E(22012) Z(E)");
  expect(query("select 'a'"), "E(25P02) Z(E)");
  expect(parse("", "select 'a'") + sync(), "E(25P02) Z(E)");
  expect(parse("", "rollback") + sync(), "1 Z(E)");
  expect(sim::function_call(1283, {"a"}), "E(25P02) Z(E)");
  expect(query(""), "I Z(E)");
  expect(query("commit"), "C(ROLLBACK) Z(I)");
}

TEST_F(Conformance, Row21OneReadyForEachSync) {
  expect(sync() + sync(), "Z(I) Z(I)");
  expect(query("select 'a'") + sync(), "T D(a) C(SELECT 1) Z(I) Z(I)");
  expect(sim::flush() + sync(), "Z(I)");
}

TEST_F(Conformance, Row21OneReadyForEachFunctionCallUnlessItIsSkipped) {
  constexpr std::uint32_t quote_literal = 1283;
  expect(sim::function_call(quote_literal, {"abc"}), "V('abc') Z(I)");
  expect(sim::function_call(1, {"abc"}), "E(42883) Z(I)");
  expect(
      [](const Dialect& d) { return pipeline(d.error) + sim::function_call(1283, {"a"}) + sync(); },
      "1 2 E(22012) Z(I)");
  expect(pipeline("select 'a'") + sim::function_call(quote_literal, {"abc"}) + sync(),
         "1 2 D(a) C(SELECT 1) V('abc') Z(I) Z(I)");
  expect([](const Dialect& d) { return query("begin; " + d.error); }, "C(BEGIN) E(22012) Z(E)");
  expect(sim::function_call(quote_literal, {"abc"}), "E(25P02) Z(E)");
}

TEST_F(Conformance, Row22APortalIsSuspendedAndGoesOn) {
  expect(
      [](const Dialect& d) {
        return parse("", d.rows) + bind("", "") + execute("", 2) + execute("", 2) + sync();
      },
      "1 2 D(x) D(x) s D(x) C(SELECT 1) Z(I)");
  expect(
      [](const Dialect& d) {
        return parse("", d.rows) + bind("", "") + execute("", 3) + execute("", 3) + sync();
      },
      "1 2 D(x) D(x) D(x) s C(SELECT 0) Z(I)");
}

TEST_F(Conformance, Row25WhatIsNoMessageEndsTheSession) {
  expect(sim::message('!', "abc"), "E(08P01) EOF");
}

TEST_F(Conformance, APreparedStatementIsNotBoundOrDescribedInAFailedTransaction) {
  expect(parse("s", "select 'a'") + parse("n", "set TimeZone = 'UTC'") + parse("r", "rollback") +
             sync(),
         "1 1 1 Z(I)");
  expect([](const Dialect& d) { return query("begin; " + d.error); }, "C(BEGIN) E(22012) Z(E)");
  expect(bind("", "s") + sync(), "E(25P02) Z(E)");
  expect(sim::describe('S', "s") + sync(), "E(25P02) Z(E)");
  expect(sim::describe('S', "n") + sync(), "t n Z(E)");
  expect(bind("", "r") + execute("") + sync(), "2 C(ROLLBACK) Z(I)");
}

TEST_F(Conformance, SetConfigSetsPairsAndReturnsThem) {
  const std::string sql =
      "select pg_catalog.set_config($1, $2, false), pg_catalog.set_config($3, $4, false)";
  expect(parse("", sql) + bind("", "", {"TimeZone", "Asia/Tokyo", "application_name", "x"}) +
             execute("") + sync(),
         "1 2 D(Asia/Tokyo|x) C(SELECT 1) S(application_name=x) S(TimeZone=Asia/Tokyo) Z(I)");
}

TEST_F(Conformance, DescribeTellsParametersAndColumns) {
  expect(parse("", "select 'a'") + sim::describe('S', "") + sync(), "1 t T Z(I)");
  expect(parse("", "begin") + sim::describe('S', "") + sync(), "1 t n Z(I)");
  expect(parse("", "select 'a'") + bind("", "") + sim::describe('P', "") + execute("") + sync(),
         "1 2 T D(a) C(SELECT 1) Z(I)");
}

TEST_F(Conformance, ASettingThatIsNoneOrHasNoSuchValue) {
  expect(query("set nothing_like_it = 'x'"), "E(42704) Z(I)");
  expect(query("set TimeZone = 'invalid'"), "E(22023) Z(I)");
}

TEST_F(Conformance, ASyntaxErrorIsFoundBeforeAnythingOfTheListIsDone) {
  expect(query("set TimeZone = 'Asia/Tokyo'; no such words"), "E(42601) Z(I)");
  expect(parse("", "no such words") + bind("", "") + sync(), "E(42601) Z(I)");
  expect(parse("", "select 'a'; select 'b'") + sync(), "E(42601) Z(I)");
}

}  // namespace
}  // namespace pgweir::integration
