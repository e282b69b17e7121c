// Transactions of the model server: their blocks and savepoints, what ends with them, and the
// cursors that live in them.
#include <algorithm>
#include <utility>

#include "sim/postgres_session.h"

namespace pgweir::sim {

PostgresSession::Outcome PostgresSession::control_transaction(const Statement& statement) {
  using Kind = Statement::Kind;
  if (statement.kind == Kind::begin || statement.kind == Kind::begin_read_only) {
    if (status_ == 'T') say(notice_response("there is already a transaction in progress", "25001"));
    if (statement.kind == Kind::begin_read_only) {
      state_.set("transaction_read_only", "on", Lasts::transaction);
    }
    status_ = 'T';
    return done("BEGIN");
  }
  if (status_ == 'I') say(notice_response("there is no transaction in progress", "25P01"));
  // Fact 19: a failed transaction is rolled back whatever its end is called. Fact 2: so are SETs.
  const bool commits = statement.kind == Kind::commit && status_ != 'E';
  end_transaction(commits);
  status_ = 'I';
  return done(commits ? "COMMIT" : "ROLLBACK");
}

PostgresSession::Outcome PostgresSession::control_savepoint(const Statement& statement) {
  if (status_ == 'I') return fail("25P01", "savepoints can only be used in transaction blocks");
  if (statement.kind == Statement::Kind::savepoint) {
    state_.add_level();
    savepoints_.push_back({statement.name, inserted_.size(), notifications_.size()});
    return done("SAVEPOINT");
  }
  // The last of that name.
  const auto found =
      std::ranges::find(savepoints_.rbegin(), savepoints_.rend(), statement.name, &Savepoint::name);
  if (found == savepoints_.rend()) {
    return fail("3B001", "savepoint \"" + statement.name + "\" does not exist");
  }
  const auto level = static_cast<std::size_t>(savepoints_.rend() - found);
  if (statement.kind == Statement::Kind::rollback_to) {
    roll_back_to(level);
    status_ = 'T';
    return done("ROLLBACK");
  }
  savepoints_.resize(level - 1);
  state_.release(level);
  journal_.locks.release(pid_, level);
  for (auto& [name, portal] : portals_) portal.level = std::min(portal.level, level - 1);
  return done("RELEASE");
}

PostgresSession::Outcome PostgresSession::control_cursor(const Statement& statement, bool simple) {
  using Kind = Statement::Kind;
  if (statement.kind == Kind::close && statement.name == "all") {
    std::erase_if(portals_, [](const auto& entry) { return !entry.first.empty(); });
    return done("CLOSE CURSOR ALL");
  }
  const auto found = portals_.find(statement.name);
  if (statement.kind == Kind::declare) {
    const bool held = statement.size == 1;
    if (!held && !in_block()) {
      return fail("25P01", "DECLARE CURSOR can only be used in transaction blocks");
    }
    if (found != portals_.end()) {
      return fail("42P03", "cursor \"" + statement.name + "\" already exists");
    }
    Portal cursor;
    cursor.statement = understand_for(statement, statement.value);
    cursor.held = held;
    cursor.level = savepoints_.size();
    if (!comes_in_parts(cursor.statement)) return fail("42601", "syntax error");
    portals_.emplace(statement.name, std::move(cursor));
    return done("DECLARE CURSOR");
  }
  if (found == portals_.end()) {
    return fail("34000", "cursor \"" + statement.name + "\" does not exist");
  }
  if (statement.kind == Kind::close) {
    portals_.erase(found);
    return done("CLOSE CURSOR");
  }
  Portal& portal = found->second;
  // Its rows are an answer to who fetches.
  portal.statement.request_tag = statement.request_tag;
  const int left = row_count_of(portal.statement) - portal.row_count_sent;
  const int count = statement.count < 0 ? left : std::min(left, statement.count);
  if (simple) say(row_description(columns_of(portal.statement)));
  send_part(portal.statement, portal.row_count_sent, count);
  portal.row_count_sent += count;
  return done("FETCH " + std::to_string(count));
}

// Fact 4: what comes before the next Sync, or in one Query, is one transaction.
void PostgresSession::start_implicit() {
  if (implicit_ || status_ != 'I') return;
  ++transaction_;
  schema_ = journal_.schema;
  implicit_ = true;
}

void PostgresSession::end_implicit() {
  if (status_ == 'I') end_transaction(true);
  implicit_ = pipelining_ = false;
}

// All that was done in this level and above is undone; level 0 is the transaction.
void PostgresSession::roll_back_to(std::size_t level) {
  const Savepoint to = level == 0 ? Savepoint{} : savepoints_[level - 1];
  inserted_.resize(to.inserted_count);
  notifications_.resize(to.notification_count);
  savepoints_.resize(level);
  state_.roll_back_to(level);
  std::erase_if(portals_, [&](const auto& entry) {
    return entry.second.of_transaction && entry.second.level >= level;
  });
  journal_.locks.roll_back_to(pid_, level);
}

// The portal that is being executed may be among those that end: nobody looks at it after this.
void PostgresSession::end_transaction(bool committed) {
  if (committed) {
    for (const std::string& value : inserted_) journal_.ledger.insert(value);
  }
  inserted_.clear();
  savepoints_.clear();
  state_.end_transaction(committed);
  std::erase_if(portals_, [&](const auto& entry) {
    return !entry.second.held || (entry.second.of_transaction && !committed);
  });
  for (auto& [name, portal] : portals_) portal.of_transaction = false;
  journal_.locks.roll_back_to(pid_, 0);
  for (const Notification& one : std::exchange(notifications_, {})) {
    if (committed) journal_.publish(one);
  }
}

}  // namespace pgweir::sim
