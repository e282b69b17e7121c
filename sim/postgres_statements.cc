// What the simulated PostgreSQL's statements do, and its transactions.
#include <algorithm>
#include <utility>

#include "sim/postgres_session.h"

namespace pgweir::sim {

namespace {

// PostgreSQL sends on its own when so much has gathered.
constexpr std::size_t output_size_max = 8192;

bool has_columns(const Statement& statement) {
  using Kind = Statement::Kind;
  return statement.kind == Kind::select || statement.kind == Kind::proof ||
         statement.kind == Kind::rows || statement.kind == Kind::show ||
         statement.kind == Kind::set_config || statement.kind == Kind::sleep;
}

std::vector<std::string> columns_of(const Statement& statement) {
  if (statement.kind == Statement::Kind::proof) {
    return {"client", "request", "host", "backend", "generation", "transaction", "row", "state"};
  }
  if (statement.kind != Statement::Kind::set_config) return {"text"};
  return std::vector<std::string>(static_cast<std::size_t>(statement.count / 2), "set_config");
}

}  // namespace

void PostgresSession::on_describe(const Message& message) {
  Body body(message.body);
  const auto kind = body.byte();
  const auto name = body.text();
  if (!well_formed((kind == 'S' || kind == 'P') && name && body.rest().empty(), message)) return;
  start_implicit();
  Statement statement;
  if (*kind == 'S') {
    const auto found = prepared_.find(*name);
    if (found == prepared_.end()) {
      fail("26000", "prepared statement \"" + std::string(*name) + "\" does not exist");
      return;
    }
    statement = found->second;
    std::string types = int16(statement.kind == Statement::Kind::set_config ? statement.count : 0);
    for (int i = 0; statement.kind == Statement::Kind::set_config && i < statement.count; ++i) {
      types += int32(25);
    }
    say(sim::message('t', types));
  } else {
    const auto found = portals_.find(*name);
    if (found == portals_.end()) {
      fail("34000", "portal \"" + std::string(*name) + "\" does not exist");
      return;
    }
    statement = found->second.statement;
  }
  say(has_columns(statement) ? row_description(columns_of(statement)) : sim::message('n'));
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
}

PostgresSession::Outcome PostgresSession::execute_portal(Portal& portal,
                                                         std::int32_t row_count_max) {
  const Statement& statement = portal.statement;
  if (statement.kind == Statement::Kind::set_config) {
    return set_config(statement, portal.parameters, false);
  }
  const bool in_parts =
      statement.kind == Statement::Kind::rows || statement.kind == Statement::Kind::proof;
  if (!in_parts || status_ == 'E') return execute(statement, false);
  // Fact 22: a portal may be suspended and fetched from again before Sync.
  const int left = statement.count - portal.row_count_sent;
  const int count = row_count_max == 0 ? left : std::min(left, row_count_max);
  if (statement.kind == Statement::Kind::proof) {
    send_proof(statement, portal.row_count_sent, count);
  } else {
    for (int i = 0; i < count; ++i) {
      say(data_row({std::string(static_cast<std::size_t>(statement.size), 'x')}));
    }
  }
  portal.row_count_sent += count;
  if (count == row_count_max) {
    say(message('s'));
  } else {
    say(message('C', cstring("SELECT " + std::to_string(count))));
  }
  return Outcome::done;
}

PostgresSession::Outcome PostgresSession::execute(const Statement& statement, bool simple) {
  using Kind = Statement::Kind;
  if (status_ == 'E' && statement.kind != Kind::commit && statement.kind != Kind::rollback &&
      statement.kind != Kind::nothing) {
    return fail("25P02", "current transaction is aborted");
  }
  const auto done = [&](const std::string& tag) {
    say(message('C', cstring(tag)));
    return Outcome::done;
  };
  switch (statement.kind) {
    case Kind::nothing: say(message('I')); return Outcome::done;
    case Kind::proof:
      if (simple) say(row_description(columns_of(statement)));
      send_proof(statement, 0, statement.count);
      return done("SELECT " + std::to_string(statement.count));
    case Kind::select: return send_rows({statement.value}, simple);
    case Kind::show: return send_rows({setting(statement.name)}, simple);
    case Kind::rows: {
      const std::string row(static_cast<std::size_t>(statement.size), 'x');
      return send_rows(std::vector<std::string>(static_cast<std::size_t>(statement.count), row),
                       simple);
    }
    case Kind::error:
      return fail(statement.value.empty() ? "22012" : statement.value, "this statement fails");
    case Kind::fail_at_bind: return fail("22012", "division by zero");
    case Kind::notice: say(notice_response(statement.value)); return done("NOTICE");
    case Kind::sleep:
      phase_ = Phase::sleeping;
      if (statement.count > 0 && options_.clock != nullptr) {
        sleep(std::chrono::milliseconds(statement.count));
      }
      return Outcome::paused;
    case Kind::fatal: fatal(statement.value, "this statement ends the session"); break;
    case Kind::begin:
    case Kind::commit:
    case Kind::rollback: return control_transaction(statement);
    case Kind::set:
      return set(statement.name, statement.value) == Outcome::done ? done("SET") : Outcome::failed;
    case Kind::set_config: return fail("42P02", "there is no parameter $1");
    case Kind::copy_in:
      say(message('G', '\0' + int16(1) + int16(0)));
      flush();
      copy_fails_ = statement.value == "fail";
      copy_count_ = 0;
      phase_ = Phase::copy_in;
      return Outcome::paused;
    case Kind::copy_out: return copy_out(statement.count);
    case Kind::discard:
      if (status_ == 'T' || in_list_) {
        return fail("25001", "DISCARD ALL cannot run inside a transaction block");
      }
      prepared_.clear();
      portals_.clear();
      ++generation_;
      return done("DISCARD ALL");
    case Kind::insert: inserted_.push_back(statement.value); return done("INSERT 0 1");
    case Kind::unknown: return fail("42601", "syntax error");
  }
  return Outcome::failed;
}

PostgresSession::Outcome PostgresSession::control_transaction(const Statement& statement) {
  const auto done = [&](const char* tag) {
    say(message('C', cstring(tag)));
    return Outcome::done;
  };
  if (statement.kind == Statement::Kind::begin) {
    if (status_ == 'T') say(notice_response("there is already a transaction in progress"));
    status_ = 'T';
    return done("BEGIN");
  }
  if (status_ == 'I') say(notice_response("there is no transaction in progress"));
  // Fact 19: a failed transaction is rolled back whatever its end is called. Fact 2: so are SETs.
  const bool commits = statement.kind == Statement::Kind::commit && status_ != 'E';
  end_transaction(commits);
  status_ = 'I';
  return done(commits ? "COMMIT" : "ROLLBACK");
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
                               state_text()};
  if (statement.size > 0) row.emplace_back(static_cast<std::size_t>(statement.size), 'x');
  for (int i = first; i < first + count; ++i) {
    row[row_column] = std::to_string(i + 1) + of_all;
    say(data_row(row));
  }
}

std::string PostgresSession::state_text() const {
  std::string text;
  const auto add = [&](const std::string& item) { text += (text.empty() ? "" : ",") + item; };
  // Both have the same names.
  auto other = defaults_.begin();
  for (const auto& [name, value] : settings_) {
    if (value != (other++)->second) add(name + "=" + value);
  }
  for (const auto& [name, statement] : prepared_) {
    if (!name.empty()) add("prepared=" + name);
  }
  return text;
}

void PostgresSession::end_transaction(bool committed) {
  if (committed) {
    for (const std::string& value : inserted_) journal_.ledger.insert(value);
  } else if (before_ && (status_ != 'I' || implicit_)) {
    settings_ = *before_;
    to_tell_ = true;
  }
  inserted_.clear();
  before_.reset();
}

PostgresSession::Outcome PostgresSession::set(const std::string& name, const std::string& value) {
  if (!settings_.contains(name)) {
    return fail("42704", "unrecognized configuration parameter \"" + name + "\"");
  }
  if (value == "invalid") {
    return fail("22023", "invalid value for parameter \"" + name + "\": \"invalid\"");
  }
  if (!before_) before_ = settings_;
  settings_[name] = value;
  to_tell_ = true;
  return Outcome::done;
}

PostgresSession::Outcome PostgresSession::set_config(const Statement& statement,
                                                     const std::vector<std::string>& parameters,
                                                     bool simple) {
  std::vector<std::string> row;
  for (std::size_t i = 0; i + 1 < parameters.size(); i += 2) {
    if (set(parameters[i], parameters[i + 1]) != Outcome::done) return Outcome::failed;
    row.push_back(parameters[i + 1]);
  }
  if (simple) say(row_description(columns_of(statement)));
  say(data_row(row));
  say(message('C', cstring("SELECT 1")));
  return Outcome::done;
}

PostgresSession::Outcome PostgresSession::send_rows(const std::vector<std::string>& rows,
                                                    bool simple) {
  if (simple) say(row_description({"text"}));
  for (const std::string& row : rows) say(data_row({row}));
  say(message('C', cstring("SELECT " + std::to_string(rows.size()))));
  return Outcome::done;
}

PostgresSession::Outcome PostgresSession::copy_out(int count) {
  say(message('H', '\0' + int16(1) + int16(0)));
  for (int i = 0; i < count; ++i) say(copy_data("line " + std::to_string(i) + "\n"));
  say(copy_done());
  say(message('C', cstring("COPY " + std::to_string(count))));
  return Outcome::done;
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
  in_query_ = false;
  end_implicit();
  ready_for_query();
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

// Fact 4: what comes before the next Sync, or in one Query, is one transaction.
void PostgresSession::start_implicit() {
  if (implicit_ || status_ != 'I') return;
  ++transaction_;
  implicit_ = true;
}

void PostgresSession::end_implicit() {
  if (status_ == 'I') {
    end_transaction(true);
    portals_.clear();
  }
  implicit_ = false;
}

PostgresSession::Outcome PostgresSession::fail(const std::string& code, const std::string& text) {
  say(error_response("ERROR", code, text));
  if (status_ == 'I' && implicit_) end_transaction(false);
  if (status_ == 'T') status_ = 'E';
  // In a Query the error ends the Query; in the extended protocol all is skipped to Sync.
  skipping_ = !in_query_;
  flush();
  return Outcome::failed;
}

void PostgresSession::fatal(const std::string& code, const std::string& text) {
  say(error_response("FATAL", code, text));
  close();
}

void PostgresSession::ready_for_query() {
  if (std::exchange(to_tell_, false)) report_settings();
  say(message('Z', std::string(1, status_)));
  flush();
  if (status_ == 'I') owned_ = false;
  if (status_ == 'I') tell(ServerEvent::Kind::became_idle);
}

void PostgresSession::report_settings() {
  for (auto& [name, value] : told_) {
    if (settings_[name] == value) continue;
    value = settings_[name];
    say(parameter_status(name, value));
  }
}

// What a server may say between any two messages.
void PostgresSession::make_noise() {
  if (options_.noise_percent == 0 || options_.tape == nullptr || !logged_in_) return;
  if (!options_.tape->chance(options_.noise_percent, 100)) return;
  if (options_.tape->chance(1, 2)) {
    out_ += notice_response("noise");
  } else {
    out_ += parameter_status("server_version", settings_["server_version"]);
  }
}

void PostgresSession::say(std::string_view bytes) {
  make_noise();
  out_ += bytes;
  if (out_.size() >= output_size_max) flush();
}

void PostgresSession::flush() {
  if (out_.empty()) return;
  stream_->write(out_);
  out_.clear();  // its room is kept
}

}  // namespace pgweir::sim
