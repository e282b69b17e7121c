// What a session of the model server hears: a function a message type.
#include <algorithm>
#include <iterator>
#include <utility>

#include "sim/postgres_session.h"
#include "sim/stranger.h"
#include "sim/verdict.h"

namespace pgweir::sim {

namespace {

// It is understood in a failed transaction.
bool ends_failure(const Statement& statement) {
  using Kind = Statement::Kind;
  return statement.kind == Kind::commit || statement.kind == Kind::rollback ||
         statement.kind == Kind::rollback_to;
}

std::string unknown_statement(std::string_view name) {
  if (name.empty()) return "unnamed prepared statement does not exist";
  return "prepared statement \"" + std::string(name) + "\" does not exist";
}

}  // namespace

void PostgresSession::on_message(const Message& message) {
  // Fact 3: after an error everything is skipped, a Query too, to the next Sync.
  if (skipping_ && message.type != 'S' && message.type != 'X') return;
  const bool ends_batch = message.type == 'Q' || message.type == 'S' || message.type == 'F';
  const bool was_open = std::exchange(batch_open_, !ends_batch);
  if (replicates() && std::string_view("PBDECF").contains(message.type)) {
    in_query_ = message.type == 'F';
    fail("08P01", "extended query protocol not supported in a replication connection");
    return in_query_ ? run_queue() : void();
  }
  switch (message.type) {
    case 'Q': return on_query(message);
    case 'P': return on_parse(message);
    case 'B': return on_bind(message);
    case 'D': return on_describe(message);
    case 'E': return on_execute(message);
    case 'C': return on_close(message);
    case 'S': return on_sync();
    case 'F': return on_function_call(message);
    case 'H': batch_open_ = was_open; return flush();
    case 'X': return close();
    case 'd':
    case 'c':
    case 'f': batch_open_ = was_open; return;  // fact 10: late ones of a COPY that failed
    default: well_formed(false, message);
  }
}

void PostgresSession::on_query(const Message& message) {
  Body body(message.body);
  const auto sql = body.text();
  if (!well_formed(sql && body.rest().empty(), message)) return;
  prepared_.erase("");
  portals_.erase("");
  if (journal_.keep_statements) {
    journal_.statements.push_back(std::to_string(pid_) + ": " + std::string(*sql));
  }
  if (*sql == Stranger::hidden) {
    complain(std::string(oracle::step_contract), "is asked what a client has hidden in a message");
  }
  connect_query_heard_ = connect_query_heard_ || *sql == options_.connect_query;
  in_query_ = true;
  if (replicates() && on_replication_command(*sql)) return;
  std::vector<Statement> statements = understand(*sql);
  for (const Statement& statement : statements) check_owner(statement);
  in_query_ = true;
  in_list_ = statements.size() > 1;
  // A text is parsed as a whole before anything of it is done.
  const bool parsed =
      std::ranges::find(statements, Statement::Kind::unknown, &Statement::kind) == statements.end();
  if (parsed) {
    queue_.assign(std::make_move_iterator(statements.begin()),
                  std::make_move_iterator(statements.end()));
  } else {
    start_implicit();
    const std::string_view first = sql->substr(0, sql->find(' '));
    fail("42601", "syntax error at or near \"" + std::string(first) + "\"");
  }
  run_queue();
}

void PostgresSession::on_parse(const Message& message) {
  Body body(message.body);
  const auto name = body.text();
  const auto sql = body.text();
  const auto type_count = body.int16();
  bool right = name && sql && type_count;
  for (int i = 0; right && i < *type_count; ++i) right = body.int32().has_value();
  if (!well_formed(right && body.rest().empty(), message)) return;
  const std::vector<Statement> statements = understand(*sql);
  const Statement& statement = statements[0];
  check_owner(statement);
  start_implicit();
  if (journal_.keep_statements) {
    journal_.statements.push_back(std::to_string(pid_) + ": " + std::string(*sql));
  }
  if (name->empty()) prepared_.erase("");  // whatever comes of the new one
  if (statements.size() > 1) {
    fail("42601", "cannot insert multiple commands into a prepared statement");
    return;
  }
  if (statement.kind == Statement::Kind::unknown) {
    fail("42601", "syntax error");
    return;
  }
  const bool empty = statement.kind == Statement::Kind::nothing;
  if (status_ == 'E' && !empty && !ends_failure(statement)) {
    fail("25P02", "current transaction is aborted");
    return;
  }
  if (!name->empty() && prepared_.contains(*name)) {
    fail("42P05", "prepared statement \"" + std::string(*name) + "\" already exists");
    return;
  }
  Statement& prepared = prepared_.insert_or_assign(std::string(*name), statement).first->second;
  prepared.schema = journal_.schema;
  prepared.reading = state_.reading();
  say(sim::message('1'));
}

void PostgresSession::on_bind(const Message& message) {
  Body body(message.body);
  const auto portal = body.text();
  const auto name = body.text();
  const auto format_count = body.int16();
  bool right = portal && name && format_count;
  for (int i = 0; right && i < *format_count; ++i) right = body.int16().has_value();
  const auto parameter_count = body.int16();
  right = right && parameter_count;
  Portal bound;
  for (int i = 0; right && i < *parameter_count; ++i) {
    const auto size = body.int32();
    const bool none = size == -1;
    const auto value = body.bytes(none ? 0 : static_cast<std::size_t>(size.value_or(0)));
    right = size && value;
    bound.parameters.emplace_back();
    if (!none && value) bound.parameters.back() = std::string(*value);
  }
  const auto result_count = body.int16();
  right = right && result_count;
  for (int i = 0; right && i < *result_count; ++i) right = body.int16().has_value();
  if (!well_formed(right && body.rest().empty(), message)) return;
  start_implicit();
  const auto found = prepared_.find(*name);
  if (found == prepared_.end()) {
    fail("26000", unknown_statement(*name));
    return;
  }
  bound.statement = found->second;
  // A portal may be called by whom and what it is for: its statement may be anybody's.
  if (retag(bound.statement, *portal)) check_owner(bound.statement);
  if (status_ == 'E' && !ends_failure(bound.statement)) {
    fail("25P02", "current transaction is aborted");
    return;
  }
  if (has_old_plan(bound.statement)) return fail_for_old_plan();
  // Fact 5: some errors are found while planning, before there is a portal.
  if (bound.statement.kind == Statement::Kind::fail_at_bind) {
    fail("22012", "division by zero");
    return;
  }
  const int expected =
      bound.statement.kind == Statement::Kind::set_config ? bound.statement.count : 0;
  if (expected != *parameter_count) {
    fail("08P01", "bind message supplies another number of parameters");
    return;
  }
  if (!portal->empty() && portals_.contains(*portal)) {
    fail("42P03", "cursor \"" + std::string(*portal) + "\" already exists");
    return;
  }
  bound.level = savepoints_.size();
  portals_.insert_or_assign(std::string(*portal), std::move(bound));
  say(sim::message('2'));
}

void PostgresSession::on_describe(const Message& message) {
  Body body(message.body);
  const auto kind = body.byte();
  const auto name = body.text();
  if (!well_formed(kind && name && body.rest().empty(), message)) return;
  if (kind != 'S' && kind != 'P') {
    fail("08P01", "invalid DESCRIBE message subtype " + std::to_string(int(*kind)));
    return;
  }
  start_implicit();
  const auto prepared = prepared_.find(*name);
  const auto portal = portals_.find(*name);
  if (*kind == 'S' && prepared == prepared_.end()) {
    fail("26000", unknown_statement(*name));
    return;
  }
  if (*kind == 'P' && portal == portals_.end()) {
    fail("34000", "portal \"" + std::string(*name) + "\" does not exist");
    return;
  }
  const Statement& statement = *kind == 'S' ? prepared->second : portal->second.statement;
  const std::vector<std::string> columns = columns_of(resolved(statement));
  if (status_ == 'E' && !columns.empty()) {
    fail("25P02", "current transaction is aborted");
    return;
  }
  if (*kind == 'S') {
    const int count = statement.kind == Statement::Kind::set_config ? statement.count : 0;
    std::string types = int16(count);
    for (int i = 0; i < count; ++i) types += int32(25);
    say(sim::message('t', types));
    if (has_old_plan(statement)) return fail_for_old_plan();
  }
  say(columns.empty() ? sim::message('n') : row_description(columns));
}

bool PostgresSession::has_old_plan(const Statement& statement) const {
  return statement.schema < schema_ && !columns_of(statement).empty();
}

// Behind PostgreSQL's own words: where, and how often, so that each is told from the one before.
void PostgresSession::fail_for_old_plan() {
  fail("0A000", std::string(old_plan_text) + " (" + options_.host_name + ", " +
                    std::to_string(schema_) + ")");
}

void PostgresSession::on_execute(const Message& message) {
  Body body(message.body);
  const auto name = body.text();
  const auto row_count_max = body.int32();
  if (!well_formed(name && row_count_max && body.rest().empty(), message)) return;
  start_implicit();
  const auto found = portals_.find(*name);
  if (found == portals_.end()) {
    fail("34000", "portal \"" + std::string(*name) + "\" does not exist");
    return;
  }
  execute_portal(found->second, *row_count_max);
  pipelining_ = implicit_;
}

void PostgresSession::on_close(const Message& message) {
  Body body(message.body);
  const auto kind = body.byte();
  const auto name = body.text();
  if (!well_formed((kind == 'S' || kind == 'P') && name && body.rest().empty(), message)) return;
  // Fact 7: what is not there may be closed as well.
  if (*kind == 'S') {
    if (const auto it = prepared_.find(*name); it != prepared_.end()) prepared_.erase(it);
  } else {
    if (const auto it = portals_.find(*name); it != portals_.end()) portals_.erase(it);
  }
  say(sim::message('3'));
}

void PostgresSession::on_sync() {
  skipping_ = false;
  batch_open_ = false;
  end_implicit();
  ready_for_query();
}

void PostgresSession::on_copy_message(const Message& message) {
  switch (message.type) {
    case 'd':
    case 'c':
      // Fact 14: a cancel is noticed when there is something to read.
      if (std::exchange(cancel_pending_, false)) {
        tell(ServerEvent::Kind::cancelled);
        return copy_failed("57014", "canceling statement due to user request");
      }
      if (message.type == 'd') {
        ++copy_count_;
        if (copy_fails_) copy_failed("22P04", "this COPY was told to fail");
        return;
      }
      phase_ = Phase::ready;
      say(sim::message('C', cstring("COPY " + std::to_string(copy_count_))));
      return resume(Outcome::done);
    case 'f': return copy_failed("57014", "COPY from stdin failed");
    case 'S':  // fact 9: ignored
    case 'H': return;
    case 'X': return close();
    default:  // fact 11
      fail("08P01", "unexpected message type during COPY from stdin");
      return fatal("08P01", "terminating connection because protocol synchronization was lost");
  }
}

// quote_literal(text): the answer is what was asked.
void PostgresSession::on_function_call(const Message& message) {
  constexpr std::int32_t quote_literal = 1283;
  Body body(message.body);
  const auto function = body.int32();
  const auto format_count = body.int16();
  bool right = function && format_count;
  for (int i = 0; right && i < *format_count; ++i) right = body.int16().has_value();
  const auto argument_count = body.int16();
  const auto size = argument_count == 1 ? body.int32() : std::nullopt;
  const auto argument = body.bytes(static_cast<std::size_t>(size.value_or(0)));
  right = right && argument_count && argument && body.int16() && body.rest().empty();
  if (!well_formed(right, message)) return;
  check_owner(understand(*argument)[0]);
  in_query_ = true;
  start_implicit();
  if (status_ == 'E') {
    fail("25P02", "current transaction is aborted");
  } else if (*function != quote_literal || *argument_count != 1) {
    fail("42883", "function does not exist");
  } else {
    const std::string result = "'" + std::string(*argument) + "'";
    say(sim::message('V', int32(std::int64_t(result.size())) + result));
  }
  run_queue();
}

// Fact 12: several statements in one Query are answered up to the first that fails, with one
// ReadyForQuery.
void PostgresSession::run_queue() {
  start_implicit();
  while (!queue_.empty()) {
    const Statement statement = std::move(queue_.front());
    queue_.pop_front();
    const Outcome outcome = execute(statement, true);
    if (outcome == Outcome::paused || ended()) return;
    if (outcome == Outcome::failed) queue_.clear();
  }
  in_query_ = in_list_ = false;
  end_implicit();
  ready_for_query();
}

Statement PostgresSession::resolved(const Statement& statement) const {
  if (statement.kind == Statement::Kind::execute) {
    const auto found = prepared_.find(statement.name);
    return found == prepared_.end() ? statement : found->second;
  }
  if (statement.kind == Statement::Kind::fetch) {
    const auto found = portals_.find(statement.name);
    return found == portals_.end() ? statement : found->second.statement;
  }
  return statement;
}

void PostgresSession::resume(Outcome outcome) {
  if (!in_query_ || ended()) return;
  if (outcome == Outcome::failed) queue_.clear();
  run_queue();
}

// Fact 10.
void PostgresSession::copy_failed(const char* code, const std::string& why) {
  phase_ = Phase::ready;
  resume(fail(code, why));
}

}  // namespace pgweir::sim
