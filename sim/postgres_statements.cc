// What the statements of the model server do, but for transactions and cursors.
#include <algorithm>
#include <utility>

#include "sim/postgres_session.h"

namespace pgweir::sim {

PostgresSession::Outcome PostgresSession::execute_portal(Portal& portal,
                                                         std::int32_t row_count_max) {
  const Statement& statement = portal.statement;
  if (statement.kind == Statement::Kind::set_config) {
    return set_config(statement, portal.parameters);
  }
  if (!comes_in_parts(statement) || status_ == 'E') return execute(statement, false);
  // Fact 22: a portal may be suspended and fetched from again before Sync.
  const int left = row_count_of(statement) - portal.row_count_sent;
  const int count = row_count_max == 0 ? left : std::min(left, row_count_max);
  send_part(statement, portal.row_count_sent, count);
  portal.row_count_sent += count;
  if (count == row_count_max) {
    say(message('s'));
    return Outcome::done;
  }
  return done("SELECT " + std::to_string(count));
}

PostgresSession::Outcome PostgresSession::done(const std::string& tag) {
  say(message('C', cstring(tag)));
  return Outcome::done;
}

PostgresSession::Outcome PostgresSession::execute(const Statement& statement, bool simple) {
  using Kind = Statement::Kind;
  if (status_ == 'E' && statement.kind != Kind::commit && statement.kind != Kind::rollback &&
      statement.kind != Kind::rollback_to && statement.kind != Kind::nothing) {
    return fail("25P02", "current transaction is aborted");
  }
  switch (statement.kind) {
    case Kind::nothing: say(message('I')); return Outcome::done;
    case Kind::proof:
    case Kind::select:
    case Kind::rows:
      if (simple) say(row_description(columns_of(statement)));
      send_part(statement, 0, row_count_of(statement));
      return done("SELECT " + std::to_string(row_count_of(statement)));
    case Kind::show: return send_rows({setting(statement.name)}, simple, "SHOW");
    case Kind::error:
      return fail(statement.value.empty() ? "22012" : statement.value, "this statement fails");
    case Kind::fail_at_bind: return fail("22012", "division by zero");
    case Kind::notice: say(notice_response(statement.value)); return done("NOTICE");
    case Kind::sleep:
      if (simple) say(row_description(columns_of(statement)));
      phase_ = Phase::sleeping;
      sleep(std::chrono::milliseconds(statement.count));
      return Outcome::paused;
    case Kind::fatal: fatal(statement.value, "this statement ends the session"); break;
    case Kind::begin:
    case Kind::begin_read_only:
    case Kind::commit:
    case Kind::rollback: return control_transaction(statement);
    case Kind::savepoint:
    case Kind::rollback_to:
    case Kind::release: return control_savepoint(statement);
    case Kind::declare:
    case Kind::fetch:
    case Kind::close: return control_cursor(statement, simple);
    case Kind::set:
    case Kind::set_local: return set(statement);
    case Kind::reset: return reset(statement);
    case Kind::set_config: return fail("42P02", "there is no parameter $1");
    case Kind::prepare:
    case Kind::execute:
    case Kind::deallocate: return execute_prepared(statement, simple);
    case Kind::create_table:
    case Kind::drop_table: return change_table(statement);
    case Kind::lock:
    case Kind::try_lock:
    case Kind::unlock:
    case Kind::unlock_all: return lock(statement, simple);
    case Kind::listen:
    case Kind::unlisten:
    case Kind::notify: return use_channel(statement);
    case Kind::copy_in:
      if (read_only()) return fail("25006", "cannot execute COPY FROM in a read-only transaction");
      say(message('G', '\0' + int16(1) + int16(0)));
      flush();
      copy_fails_ = statement.value == "fail";
      copy_count_ = 0;
      cancel_pending_ = false;
      phase_ = Phase::copy_in;
      return Outcome::paused;
    case Kind::copy_out: return copy_out(statement.count);
    case Kind::discard: return discard(statement);
    case Kind::insert:
      if (read_only()) return fail("25006", "cannot execute INSERT in a read-only transaction");
      inserted_.push_back(statement.value);
      return done("INSERT 0 1");
    case Kind::unknown: return fail("42601", "syntax error");
  }
  return Outcome::failed;
}

bool PostgresSession::read_only() const {
  return options_.standby || state_.value("transaction_read_only") == "on" ||
         state_.value("default_transaction_read_only") == "on";
}

PostgresSession::Outcome PostgresSession::set(const Statement& statement) {
  const bool local = statement.kind == Statement::Kind::set_local;
  const Lasts lasts = local ? Lasts::transaction : Lasts::session;
  if (!state_.knows(statement.name)) {
    return fail("42704", "unrecognized configuration parameter \"" + statement.name + "\"");
  }
  if (statement.value == "invalid") {
    return fail("22023", "invalid value for parameter \"" + statement.name + "\": \"invalid\"");
  }
  if (local && !in_block()) {
    say(notice_response("SET LOCAL can only be used in transaction blocks", "25P01"));
  }
  if (statement.name == "role" || statement.name == "session_authorization") {
    return set_role(statement, lasts);
  }
  if (statement.value == "default") {
    state_.reset(statement.name, lasts);
  } else {
    state_.set(statement.name, statement.value, lasts);
  }
  return done("SET");
}

// is_superuser follows who it is, and a new session authorization ends the role.
PostgresSession::Outcome PostgresSession::set_role(const Statement& statement, Lasts lasts) {
  std::string who = statement.value;
  if (statement.name == "session_authorization") {
    if (who == "default") who = user_;
    if (who != user_ && !options_.superusers.contains(user_)) {
      return fail("42501", "permission denied to set session authorization \"" + who + "\"");
    }
    state_.set("role", "none", lasts);
  }
  state_.set(statement.name, who, lasts);
  if (who == "none") who = state_.value("session_authorization");
  state_.set("is_superuser", options_.superusers.contains(who) ? "on" : "off", lasts);
  return done("SET");
}

// No value: back to the default.
PostgresSession::Outcome PostgresSession::set_config(
    const Statement& statement, const std::vector<std::optional<std::string>>& parameters) {
  std::vector<std::string> row;
  for (int i = 0; i < statement.count; i += 2) {
    const auto at = static_cast<std::size_t>(i);
    const std::string name = state_.name_of(parameters[at].value_or(""));
    const std::optional<std::string>& value = parameters[at + 1];
    if (!state_.knows(name)) {
      return fail("42704", "unrecognized configuration parameter \"" + name + "\"");
    }
    if (value == "invalid") {
      return fail("22023", "invalid value for parameter \"" + name + "\": \"invalid\"");
    }
    if (value) {
      state_.set(name, *value, Lasts::session);
    } else {
      state_.reset(name);
    }
    row.push_back(state_.value(name));
  }
  say_row(row);
  return done("SELECT 1");
}

PostgresSession::Outcome PostgresSession::reset(const Statement& statement) {
  if (statement.name == "all") {
    state_.reset_all();
    connect_query_heard_ = false;
  } else if (!state_.knows(statement.name)) {
    return fail("42704", "unrecognized configuration parameter \"" + statement.name + "\"");
  } else {
    state_.reset(statement.name);
    if (statement.name == "role" || statement.name == "session_authorization") {
      state_.reset("is_superuser");
    }
  }
  return done("RESET");
}

PostgresSession::Outcome PostgresSession::discard(const Statement& statement) {
  const std::string& what = statement.value;
  if (what == "temp") state_.drop_tables();
  if (what == "all") {
    if (in_block() || pipelining_) {
      return fail("25001", "DISCARD ALL cannot run inside a transaction block");
    }
    state_.discard_all();
    connect_query_heard_ = false;
    prepared_.clear();
    portals_.clear();
    journal_.locks.unlock_all(pid_);
    ++generation_;
    return done("DISCARD ALL");
  }
  return done(what == "temp" ? "DISCARD TEMP" : "DISCARD PLANS");
}

// Fact 8: one namespace for both protocols.
PostgresSession::Outcome PostgresSession::execute_prepared(const Statement& statement,
                                                           bool simple) {
  using Kind = Statement::Kind;
  if (statement.kind == Kind::deallocate && statement.name == "all") {
    std::erase_if(prepared_, [](const auto& entry) { return !entry.first.empty(); });
    return done("DEALLOCATE ALL");
  }
  const auto found = prepared_.find(statement.name);
  if (statement.kind == Kind::prepare) {
    Statement inner = understand_for(statement, statement.value);
    if (columns_of(inner).empty() && inner.kind != Kind::insert)
      return fail("42601", "syntax error");
    if (found != prepared_.end()) {
      return fail("42P05", "prepared statement \"" + statement.name + "\" already exists");
    }
    prepared_.emplace(statement.name, std::move(inner));
    return done("PREPARE");
  }
  if (found == prepared_.end()) {
    return fail("26000", "prepared statement \"" + statement.name + "\" does not exist");
  }
  if (statement.kind == Kind::deallocate) {
    prepared_.erase(found);
    return done("DEALLOCATE");
  }
  Statement inner = found->second;
  inner.client_tag = statement.client_tag;
  inner.request_tag = statement.request_tag;
  return execute(inner, simple);
}

// Fact 20: those of the session survive the transaction.
PostgresSession::Outcome PostgresSession::lock(const Statement& statement, bool simple) {
  using Kind = Statement::Kind;
  AdvisoryLocks& locks = journal_.locks;
  const AdvisoryLocks::Key key{database_, statement.count};
  const auto taken = [&](bool waits) {
    return locks.take({key, pid_, statement.size == 0, savepoints_.size()}, waits);
  };
  if (simple) say(row_description(columns_of(statement)));
  if (statement.kind == Kind::unlock_all) locks.unlock_all(pid_);
  if (statement.kind == Kind::try_lock) return send_rows({taken(false) ? "t" : "f"}, false);
  if (statement.kind == Kind::unlock) {
    const bool held = locks.unlock(key, pid_);
    if (!held) say(notice_response("you don't own a lock of type ExclusiveLock", "01000"));
    return send_rows({held ? "t" : "f"}, false);
  }
  if (statement.kind == Kind::lock && !taken(true)) {
    phase_ = Phase::locking;
    sleep({});
    return Outcome::paused;
  }
  return send_rows({""}, false);
}

PostgresSession::Outcome PostgresSession::change_table(const Statement& statement) {
  const std::string& name = statement.name;
  if (statement.kind == Statement::Kind::drop_table) {
    if (!state_.has_table(name)) return fail("42P01", "table \"" + name + "\" does not exist");
    state_.drop_table(name);
    return done("DROP TABLE");
  }
  if (options_.standby) return fail("25006", "cannot execute CREATE TABLE during recovery");
  if (state_.has_table(name)) return fail("42P07", "relation \"" + name + "\" already exists");
  state_.add_table(name, statement.size == 1 ? Lasts::transaction : Lasts::session);
  return done("CREATE TABLE");
}

PostgresSession::Outcome PostgresSession::use_channel(const Statement& statement) {
  using Kind = Statement::Kind;
  if (options_.standby && statement.kind != Kind::unlisten) {
    return fail("25006", "cannot execute LISTEN during recovery");
  }
  if (statement.kind == Kind::listen) {
    state_.listen(statement.name);
    return done("LISTEN");
  }
  if (statement.kind == Kind::unlisten) {
    if (statement.name == "*") {
      state_.unlisten_all();
    } else {
      state_.unlisten(statement.name);
    }
    return done("UNLISTEN");
  }
  // One that is there already is not sent twice.
  const Notification one{database_, pid_, statement.name, statement.value};
  if (std::ranges::find(notifications_, one) == notifications_.end()) notifications_.push_back(one);
  return done("NOTIFY");
}

void PostgresSession::send_part(const Statement& statement, int first, int count) {
  if (statement.kind == Statement::Kind::proof) return send_proof(statement, first, count);
  const std::string row = statement.kind == Statement::Kind::select
                              ? statement.value
                              : std::string(static_cast<std::size_t>(statement.size), 'x');
  for (int i = 0; i < count; ++i) say_row({row});
}

// Rows that tell who asked, where they were made, and all that is not as in a new session.
void PostgresSession::send_proof(const Statement& statement, int first, int count) {
  constexpr std::size_t row_column = 6;
  const std::string of_all = " of " + std::to_string(statement.count);
  std::vector<std::string> row{statement.client_tag,
                               statement.request_tag,
                               options_.host_name,
                               std::to_string(pid_),
                               std::to_string(generation_),
                               std::to_string(transaction_),
                               "",
                               state_text(),
                               statement.reading.value_or(state_.reading())};
  if (statement.size > 0) row.emplace_back(static_cast<std::size_t>(statement.size), 'x');
  for (int i = first; i < first + count; ++i) {
    row[row_column] = std::to_string(i + 1) + of_all;
    say_row(row);
  }
}

std::string PostgresSession::state_text() const {
  std::string text;
  state_.add_text(text);
  journal_.locks.add_text(pid_, text);
  for (const auto& [name, statement] : prepared_) {
    // What the pooler has prepared for itself is nobody's state, and nothing stands in for what its
    // client calls so: who deallocates it sees.
    const bool stands_in = statement.kind == Statement::Kind::nothing;
    if (name.empty() || name.starts_with("pgweir_") || stands_in) continue;
    text += (text.empty() ? "prepared=" : ",prepared=") + name;
  }
  for (const auto& [name, portal] : portals_) {
    if (name.empty() || name.starts_with("/*")) continue;  // a tag
    text += (text.empty() ? "portal=" : ",portal=") + name;
  }
  return text;
}

PostgresSession::Outcome PostgresSession::send_rows(const std::vector<std::string>& rows,
                                                    bool simple, const std::string& tag) {
  if (simple) say(row_description({"text"}));
  for (const std::string& row : rows) say_row({row});
  return done(tag.empty() ? "SELECT " + std::to_string(rows.size()) : tag);
}

PostgresSession::Outcome PostgresSession::copy_out(int count) {
  say(message('H', '\0' + int16(1) + int16(0)));
  for (int i = 0; i < count; ++i) say(copy_data("line " + std::to_string(i) + "\n"));
  say(copy_done());
  return done("COPY " + std::to_string(count));
}

}  // namespace pgweir::sim
