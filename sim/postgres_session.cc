#include "sim/postgres_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/toy_vault.h"

namespace pgweir::sim {

namespace {

constexpr std::int32_t cancel_code = 80877102;
constexpr std::int32_t protocol_3_0 = 0x30000;

// Fact 1: what is reported; everything else changes silently.
const std::vector<std::string> reported_names{"application_name",
                                              "client_encoding",
                                              "DateStyle",
                                              "default_transaction_read_only",
                                              "in_hot_standby",
                                              "integer_datetimes",
                                              "IntervalStyle",
                                              "is_superuser",
                                              "server_encoding",
                                              "server_version",
                                              "session_authorization",
                                              "standard_conforming_strings",
                                              "TimeZone"};

std::map<std::string, std::string> first_settings(const ServerOptions& options,
                                                  const std::string& user) {
  return {{"application_name", ""},        {"client_encoding", "UTF8"},
          {"DateStyle", "ISO, MDY"},       {"default_transaction_read_only", "off"},
          {"in_hot_standby", "off"},       {"integer_datetimes", "on"},
          {"IntervalStyle", "postgres"},   {"is_superuser", "off"},
          {"server_encoding", "UTF8"},     {"server_version", options.server_version},
          {"session_authorization", user}, {"standard_conforming_strings", "on"},
          {"TimeZone", options.time_zone}, {"search_path", "\"$user\", public"},
          {"statement_timeout", "0"},      {"extra_float_digits", "1"}};
}

}  // namespace

PostgresSession::PostgresSession(std::shared_ptr<Stream> stream, const ServerOptions& options,
                                 Journal& journal, std::uint32_t pid)
    : stream_(std::move(stream)),
      options_(options),
      journal_(journal),
      pid_(pid),
      others_(journal.session_count) {
  stream_->set_peer(this);
}

void PostgresSession::turn() {
  if (ended() || journal_.stalled) return;
  framer_.feed(stream_->unread_by_peer());
  stream_->drop_unread();
  while (!ended() && phase_ != Phase::sleeping && phase_ != Phase::working) {
    const auto message = framer_.next();
    if (!message) break;
    switch (phase_) {
      case Phase::starting: on_start(*message); break;
      case Phase::authenticating: on_proof(*message); break;
      case Phase::ready: work_on(*message); break;
      case Phase::copy_in: on_copy_message(*message); break;
      case Phase::working:
      case Phase::sleeping:
      case Phase::ended: break;
    }
  }
  if (framer_.spoiled() && !ended()) {
    complain("O-51 step contract", "a message with an impossible length");
    fatal("08P01", "invalid message length");
  }
  // One that works does not look at its socket, as a real backend does not.
  if (stream_->at_end() && phase_ != Phase::sleeping && phase_ != Phase::working) close();
}

// Statements take their time; everything else is done at once.
void PostgresSession::work_on(const Message& message) {
  const bool takes_time = (message.type == 'Q' || message.type == 'E') && !skipping_;
  if (takes_time && options_.clock != nullptr && options_.tape != nullptr &&
      options_.work_max > Duration::zero()) {
    const std::uint32_t part = options_.tape->below(64);
    if (part > 0) {
      held_type_ = message.type;
      held_body_ = message.body;
      phase_ = Phase::working;
      return sleep(options_.work_max * part / 64);
    }
  }
  on_message(message);
}

void PostgresSession::sleep(Duration how_long) {
  ++task_count_;
  const std::uint32_t number = ++sleep_number_;
  options_.clock->in(how_long, [this, number] {
    --task_count_;
    if (number != sleep_number_) return;
    wake();
    turn();
  });
}

void PostgresSession::on_start(const Message& message) {
  Body body(message.body);
  const auto version = body.int32();
  if (version == cancel_code) {
    const auto pid = body.int32();
    const auto key = body.int32();
    if (!well_formed(pid && key && body.rest().empty(), message)) return;
    journal_.cancel({static_cast<std::uint32_t>(*pid), static_cast<std::uint32_t>(*key)});
    return close();
  }
  if (!well_formed(version == protocol_3_0, message)) return;
  Parameters parameters;
  for (;;) {
    const auto name = body.text();
    if (!well_formed(name.has_value(), message)) return;
    if (name->empty()) break;
    const auto value = body.text();
    if (!well_formed(value.has_value(), message)) return;
    parameters.emplace_back(*name, *value);
  }
  if (!well_formed(body.rest().empty(), message)) return;
  framer_.started();
  start_session(parameters);
}

void PostgresSession::start_session(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (name == "user") user_ = value;
    if (name == "database") database_ = value;
  }
  if (user_.empty()) return fatal("28000", "no PostgreSQL user name specified in startup packet");
  settings_ = first_settings(options_, user_);
  defaults_ = settings_;
  for (const auto& [name, value] : parameters) {
    if (name == "user" || name == "database") continue;
    if (!settings_.contains(name)) {
      return fatal("42704", "unrecognized configuration parameter \"" + name + "\"");
    }
    settings_[name] = value;
  }
  if (options_.starting_up) return fatal("57P03", "the database system is starting up");
  if (others_ >= options_.max_connections) return fatal("53300", "sorry, too many clients already");
  if (!options_.databases.empty() && !options_.databases.contains(database_)) {
    return fatal("3D000", "database \"" + database_ + "\" does not exist");
  }
  ask_for_proof();
}

void PostgresSession::ask_for_proof() {
  phase_ = Phase::authenticating;
  switch (options_.auth) {
    case ServerOptions::Auth::trust: return log_in();
    case ServerOptions::Auth::cleartext: say(message('R', int32(3))); break;
    case ServerOptions::Auth::md5: say(message('R', int32(5) + "salt")); break;
    case ServerOptions::Auth::scram:
      say(message('R', int32(10) + cstring("SCRAM-SHA-256") + '\0'));
      break;
  }
  flush();
}

void PostgresSession::on_proof(const Message& message) {
  const auto found = options_.passwords.find(user_);
  const std::string password = found == options_.passwords.end() ? "" : found->second;
  if (!well_formed(message.type == 'p', message)) return;
  Body body(message.body);
  if (options_.auth != ServerOptions::Auth::scram) {
    const std::array<std::byte, 4> salt{std::byte{'s'}, std::byte{'a'}, std::byte{'l'},
                                        std::byte{'t'}};
    const std::string expected =
        options_.auth == ServerOptions::Auth::cleartext
            ? password
            : ToyVault::md5_response(ToyVault::md5_hash(password, user_), salt);
    if (body.text() == expected && body.rest().empty() && !password.empty()) return log_in();
    return fatal("28P01", "password authentication failed for user \"" + user_ + "\"");
  }
  std::optional<std::string> answer;
  const bool first = !scram_;
  if (first) {
    const auto mechanism = body.text();
    const auto size = body.int32();
    if (!well_formed(mechanism == "SCRAM-SHA-256" && size == std::int32_t(body.rest().size()),
                     message)) {
      return;
    }
    scram_.emplace(password);
    answer = scram_->first(body.rest());
    if (!well_formed(answer.has_value(), message)) return;
  } else {
    answer = scram_->last(body.rest());
    if (!answer || password.empty()) {
      return fatal("28P01", "password authentication failed for user \"" + user_ + "\"");
    }
  }
  say(sim::message('R', int32(first ? 11 : 12) + *answer));
  flush();
  if (!first) log_in();
}

void PostgresSession::log_in() {
  say(message('R', int32(0)));
  for (const std::string& name : reported_names) {
    told_[name] = settings_[name];
    say(parameter_status(name, settings_[name]));
  }
  say(message('K', int32(pid_) + int32(key())));
  phase_ = Phase::ready;
  logged_in_ = true;
  ++journal_.login_count;
  journal_.session_count_max = std::max(journal_.session_count_max, ++journal_.session_count);
  tell(ServerEvent::Kind::logged_in);
  ready_for_query();
}

void PostgresSession::on_message(const Message& message) {
  // Fact 3: after an error everything is skipped, a Query too, to the next Sync.
  if (skipping_ && message.type != 'S' && message.type != 'X') return;
  const bool was_open = std::exchange(batch_open_, message.type != 'Q' && message.type != 'S');
  switch (message.type) {
    case 'Q': return on_query(message);
    case 'P': return on_parse(message, was_open);
    case 'B': return on_bind(message);
    case 'D': return on_describe(message);
    case 'E': return on_execute(message);
    case 'C': return on_close(message);
    case 'S': return on_sync();
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
  const std::vector<Statement> statements = understand(*sql);
  for (const Statement& statement : statements) check_owner(statement, batch_open_);
  queue_.assign(statements.begin(), statements.end());
  in_query_ = true;
  in_list_ = statements.size() > 1;
  run_queue();
}

void PostgresSession::on_parse(const Message& message, bool batch_open) {
  Body body(message.body);
  const auto name = body.text();
  const auto sql = body.text();
  const auto type_count = body.int16();
  bool right = name && sql && type_count;
  for (int i = 0; right && i < *type_count; ++i) right = body.int32().has_value();
  if (!well_formed(right && body.rest().empty(), message)) return;
  const std::vector<Statement> statements = understand(*sql);
  const Statement& statement = statements[0];
  check_owner(statement, batch_open);
  start_implicit();
  if (journal_.keep_statements) {
    journal_.statements.push_back(std::to_string(pid_) + ": " + std::string(*sql));
  }
  if (statements.size() > 1) {
    fail("42601", "cannot insert multiple commands into a prepared statement");
    return;
  }
  if (statement.kind == Statement::Kind::unknown) {
    fail("42601", "syntax error");
    return;
  }
  const bool ends = statement.kind == Statement::Kind::commit ||
                    statement.kind == Statement::Kind::rollback ||
                    statement.kind == Statement::Kind::nothing;
  if (status_ == 'E' && !ends) {
    fail("25P02", "current transaction is aborted");
    return;
  }
  if (!name->empty() && prepared_.contains(*name)) {
    fail("42P05", "prepared statement \"" + std::string(*name) + "\" already exists");
    return;
  }
  prepared_.insert_or_assign(std::string(*name), statement);
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
    const auto value = body.bytes(static_cast<std::size_t>(size.value_or(0)));
    right = size && value;
    bound.parameters.emplace_back(value.value_or(""));
  }
  const auto result_count = body.int16();
  right = right && result_count;
  for (int i = 0; right && i < *result_count; ++i) right = body.int16().has_value();
  if (!well_formed(right && body.rest().empty(), message)) return;
  start_implicit();
  const auto found = prepared_.find(*name);
  if (found == prepared_.end()) {
    fail("26000", "prepared statement \"" + std::string(*name) + "\" does not exist");
    return;
  }
  bound.statement = found->second;
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
  portals_.insert_or_assign(std::string(*portal), std::move(bound));
  say(sim::message('2'));
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
      ++copy_count_;
      if (copy_fails_) copy_failed("22P04", "this COPY was told to fail");
      return;
    case 'c':
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

void PostgresSession::wake() {
  if (phase_ == Phase::working) {
    phase_ = Phase::ready;
    return on_message({held_type_, held_body_});
  }
  if (!sleeping()) return;
  ++sleep_number_;
  phase_ = Phase::ready;
  resume(send_rows({"awake"}, in_query_));
}

void PostgresSession::cancel() {
  if (!sleeping() && phase_ != Phase::working) return;
  const bool had_begun = sleeping();
  ++sleep_number_;
  phase_ = Phase::ready;
  if (!had_begun && held_type_ == 'Q') {
    for (const Statement& statement : understand(Body(held_body_).text().value_or(""))) {
      check_owner(statement, batch_open_);
    }
  }
  tell(ServerEvent::Kind::cancelled);
  if (!had_begun && held_type_ == 'Q') {
    prepared_.erase("");
    portals_.erase("");
    queue_.clear();
    in_query_ = true;
  }
  resume(fail("57014", "canceling statement due to user request"));
  turn();
}

// The oracles of the server's side: whose statements these are, and when that may change.
void PostgresSession::check_owner(const Statement& statement, bool batch_open) {
  request_ = statement.request_tag;
  tell(ServerEvent::Kind::text_arrived);
  if (statement.client_tag.empty() || statement.client_tag == owner_) {
    owned_ = owned_ || !statement.client_tag.empty();
    return;
  }
  if (owned_) {
    complain("O-02 one owner", statement.client_tag + " speaks inside a transaction of " + owner_);
  } else if (status_ != 'I' || batch_open || skipping_ || phase_ != Phase::ready) {
    complain("O-11 clean release", statement.client_tag + " got a session that " + owner_ +
                                       " left in status " + status_ +
                                       (skipping_    ? ", skipping to Sync"
                                        : batch_open ? ", before its Sync"
                                                     : ""));
  }
  owner_ = statement.client_tag;
  owned_ = true;
}

void PostgresSession::tell(ServerEvent::Kind kind) {
  if (options_.on_event) options_.on_event({kind, pid_, owner_, request_});
}

void PostgresSession::end(const std::string& code) {
  if (!ended()) fatal(code, "terminating connection because this test says so");
}

void PostgresSession::vanish() {
  if (ended()) return;
  stream_->reset();
  end_session();
}

void PostgresSession::close() {
  if (ended()) return;
  flush();
  stream_->finish();
  end_session();
}

void PostgresSession::end_session() {
  phase_ = Phase::ended;
  if (logged_in_) --journal_.session_count;
  tell(ServerEvent::Kind::ended);
}

std::string PostgresSession::setting(const std::string& name) const {
  const auto found = settings_.find(name);
  return found == settings_.end() ? "" : found->second;
}

void PostgresSession::complain(const std::string& oracle, const std::string& what) {
  journal_.complaints.push_back(oracle + ": backend " + std::to_string(pid_) + ": " + what);
}

bool PostgresSession::well_formed(bool right, const Message& message) {
  if (right) return true;
  const std::string type = message.type == '\0' ? "startup" : std::string(1, message.type);
  complain("O-51 step contract", "heard a message it should not have been sent: type " + type +
                                     ", " + std::to_string(message.body.size()) + " bytes");
  fatal("08P01", "invalid message");
  return false;
}

}  // namespace pgweir::sim
