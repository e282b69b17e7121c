#include "sim/answers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace pgweir::sim {

namespace {

// What may be told at any time, and of which a client keeps the last (see application.cc).
bool is_asynchronous(char type) { return type == 'N' || type == 'A' || type == 'S'; }

// The columns of a proof; behind them there may be one that fills the row.
enum Column {
  client_tag,
  request_tag,
  host,
  backend,
  generation,
  transaction,
  row,
  state,
  reading
};
constexpr std::size_t column_count = 9;

using Proof = std::array<std::string_view, column_count>;

std::optional<Proof> read_proof(const Message& message) {
  Body body(message.body);
  Proof row;
  if (body.int16().value_or(0) < static_cast<std::int32_t>(column_count)) return std::nullopt;
  for (std::string_view& column : row) {
    const std::int32_t size = body.int32().value_or(-1);
    column = size < 0 ? "" : body.bytes(static_cast<std::size_t>(size)).value_or("?");
  }
  return row;
}

// Host, backend, generation, transaction.
std::span<const std::string_view> place_of(const Proof& row) {
  return std::span(row).subspan(Column::host, Column::row - Column::host);
}

// "host1/1003/1/17".
template <typename Place>
std::string told_place(const Place& place) {
  std::string text;
  for (const std::string_view part : place) text.append(text.empty() ? "" : "/").append(part);
  return text;
}

// "c7".
bool is_tag(std::string_view text, char letter, std::uint32_t number) {
  std::uint32_t found = 0;
  const char* end = text.data() + text.size();
  return text.size() > 1 && text[0] == letter &&
         std::from_chars(text.data() + 1, end, found).ptr == end && found == number;
}

bool has_rows(const Ask& ask) {
  using Kind = Ask::Kind;
  return ask.kind == Kind::proof || ask.kind == Kind::sleep || ask.kind == Kind::lock ||
         ask.kind == Kind::fetch || ask.kind == Kind::keep_lock || ask.kind == Kind::end_locks;
}

}  // namespace

void Answers::begin(OwnState::Parameters parameters) {
  owed_.clear();
  ask_index_ = 0;
  row_count_ = fetched_ = 0;
  described_ = copy_open_ = copying_out_ = failed_ = cancel_may_hit_ = confused_ = false;
  status_ = 'I';
  ready_ = true;
  prepared_.clear();
  old_plans_.clear();
  session_.clear();
  state_.begin(std::move(parameters));
}

void Answers::owe(std::vector<Owed> owed) {
  for (Owed& one : owed) {
    one.number = ++owed_count_ever_;
    asked_count_ += one.what == Owed::What::query || one.what == Owed::What::sync;
  }
  std::ranges::move(owed, std::back_inserter(owed_));
}

void Answers::lose() {
  state_.lose();
  for (const Owed& owed : owed_) {
    for (const Ask& ask : owed.asks) {
      if (ask.kind == Kind::insert) state_.add_unknown(ask.value);
    }
  }
  owed_.clear();
}

void Answers::hear(const Message& message) {
  if (is_asynchronous(message.type)) return;
  ready_ = message.type == 'Z';
  if (owed_.empty()) return wrong(message, "nothing is owed");
  Owed& owed = owed_.front();
  if (owed.what == Owed::What::query) return hear_query(owed, message);
  hear_extended(owed, message);
}

const Ask* Answers::current() const {
  if (owed_.empty() || ask_index_ >= owed_.front().asks.size()) return nullptr;
  return &owed_.front().asks[ask_index_];
}

void Answers::hear_query(Owed& owed, const Message& message) {
  if (message.type == 'E') return hear_error(message);
  const bool all_done = failed_ || ask_index_ == owed.asks.size();
  if (message.type == 'Z') {
    if (!all_done) return wrong(message, "the answer of a statement");
    return hear_ready(message);
  }
  if (all_done) return wrong(message, "ReadyForQuery");
  const Ask& ask = owed.asks[ask_index_];
  if (message.type == 'T' && !described_ && has_rows(ask)) {
    described_ = true;
    return;
  }
  if (hear_rows(ask, message) || hear_copy(ask, message)) return;
  if (message.type == 'C') {
    hear_complete(ask, message);
    return next_ask();
  }
  if (message.type == 'I' && ask.kind == Kind::nothing) return next_ask();
  if (message.type == 'V' && ask.kind == Kind::function_call) {
    Body body(message.body);
    body.int32();  // its size
    if (body.rest() == "'" + sql_of(ask, client_) + "'") return next_ask();
  }
  wrong(message, "the answer of " + sql_of(ask, client_));
}

// How many rows are right: of a portal all, of a cursor as many as it has left.
int Answers::rows_of(const Ask& ask) const {
  if (ask.kind == Kind::sleep || ask.kind == Kind::lock) return 1;
  if (ask.kind == Kind::keep_lock || ask.kind == Kind::end_locks) return 1;
  return ask.kind == Kind::fetch ? state_.rows_for(ask.name, ask.count) : ask.count;
}

bool Answers::hear_rows(const Ask& ask, const Message& message) {
  if (message.type != 'D' || !has_rows(ask) || row_count_ == rows_of(ask)) return false;
  ++row_count_;
  if (ask.kind == Kind::proof || ask.kind == Kind::fetch) check_row(ask, message);
  return true;
}

std::string Answers::tag_of(const Ask& ask) const {
  switch (ask.kind) {
    case Kind::proof: return "SELECT " + std::to_string(ask.count - fetched_);
    case Kind::sleep:
    case Kind::lock:
    case Kind::keep_lock:
    case Kind::end_locks: return "SELECT 1";
    case Kind::keep_setting: return "SET";
    case Kind::keep_channel: return "LISTEN";
    case Kind::keep_table: return "CREATE TABLE";
    case Kind::end_setting:
    case Kind::reset: return "RESET";
    case Kind::discard_all: return "DISCARD ALL";
    case Kind::end_channels: return "UNLISTEN";
    case Kind::end_tables: return "DISCARD TEMP";
    case Kind::deallocate: return ask.name == "all" ? "DEALLOCATE ALL" : "DEALLOCATE";
    case Kind::begin: return "BEGIN";
    case Kind::commit: return status_ == 'E' ? "ROLLBACK" : "COMMIT";
    case Kind::rollback:
    case Kind::rollback_to: return "ROLLBACK";
    case Kind::savepoint: return "SAVEPOINT";
    case Kind::release: return "RELEASE";
    case Kind::set:
    case Kind::set_local: return "SET";
    case Kind::insert: return "INSERT 0 1";
    case Kind::notice: return "NOTICE";
    case Kind::declare: return "DECLARE CURSOR";
    case Kind::fetch: return "FETCH " + std::to_string(rows_of(ask));
    case Kind::close_cursor: return "CLOSE CURSOR";
    case Kind::create_table: return "CREATE TABLE";
    case Kind::notify: return "NOTIFY";
    case Kind::copy_in:
    case Kind::copy_out: return "COPY " + std::to_string(ask.count);
    case Kind::error:
    case Kind::fail_at_bind:
    case Kind::syntax_error:
    case Kind::nothing:
    case Kind::function_call:
    case Kind::copy_abort:
    case Kind::copy_refused: return "";
  }
  return "";
}

bool Answers::hear_copy(const Ask& ask, const Message& message) {
  switch (message.type) {
    case 'G':
      if (!ask.copies_in() || copy_open_) return false;
      copy_open_ = true;
      // A Sync that was sent before the data is part of it (PostgreSQL: "COPY Operations").
      if (owed_.front().what == Owed::What::execute && owed_.size() > 1 && owed_[1].before_data) {
        owed_.erase(owed_.begin() + 1);
        --asked_count_;
      }
      return true;
    case 'H':
      if (ask.kind != Kind::copy_out || copying_out_) return false;
      copying_out_ = true;
      return true;
    case 'd': return copying_out_ && ++row_count_ <= ask.count;
    case 'c':
      if (!copying_out_ || row_count_ != ask.count) return false;
      copying_out_ = false;
      return true;
    default: return false;
  }
}

void Answers::hear_extended(Owed& owed, const Message& message) {
  using What = Owed::What;
  if (message.type == 'E') return hear_error(message);
  switch (owed.what) {
    case What::query: return;
    case What::parse:
      if (message.type != '1') break;
      prepared_.erase(unnamed);
      return owed_.pop_front();
    case What::bind:
      if (message.type != '2') break;
      if (!owed.name.empty()) return hear_of_statement(owed, message);
      return owed_.pop_front();
    case What::close:
      if (message.type != '3') break;
      prepared_.erase(owed.name);
      return owed_.pop_front();
    case What::prepare:
    case What::describe_statement: return hear_of_statement(owed, message);
    case What::describe:
      if (message.type != 'T' && message.type != 'n') break;
      return owed_.pop_front();
    case What::execute: return hear_execute(*ask_of(owed), owed.row_count_max, message);
    case What::sync:
      if (message.type != 'Z') break;
      return hear_ready(message);
  }
  wrong(message, "the answer of a " + name_of(owed.what));
}

// What a name stands for when this is answered, is what it stood for when the server did it.
void Answers::hear_of_statement(Owed& owed, const Message& message) {
  const auto known = prepared_.find(owed.name);
  if (owed.what == Owed::What::prepare) {
    if (message.type != '1') return wrong(message, "ParseComplete of " + owed.name);
    if (known != prepared_.end() && owed.name != unnamed) {
      return wrong(message, "that " + owed.name + " exists");
    }
    prepared_.insert_or_assign(owed.name, owed.asks.front());
    old_plans_.erase(owed.name);
    return owed_.pop_front();
  }
  if (known == prepared_.end()) return wrong(message, "that " + owed.name + " does not exist");
  if (owed.what == Owed::What::bind) {
    bound_ = known->second;
    bound_.request = owed.asks.front().request;
    return owed_.pop_front();
  }
  if (!described_) {
    if (message.type != 't') return wrong(message, "ParameterDescription");
    described_ = true;
    return;
  }
  if (message.type != 'T' && message.type != 'n') return wrong(message, "RowDescription");
  described_ = false;
  owed_.pop_front();
}

// What it is about, as far as that is known before it is answered.
const Ask* Answers::ask_of(const Owed& owed) const {
  if (owed.name.empty() || owed.what == Owed::What::prepare) {
    return owed.asks.empty() ? nullptr : &owed.asks.front();
  }
  if (owed.what == Owed::What::execute) return &bound_;
  const auto known = prepared_.find(owed.name);
  return known == prepared_.end() ? nullptr : &known->second;
}

// The error that there is, or is not, such a statement.
bool Answers::name_explains(const Owed& owed, std::string_view code) const {
  if (owed.name.empty()) return false;
  const bool known = prepared_.contains(owed.name);
  if (owed.what == Owed::What::prepare) return known && owed.name != unnamed && code == "42P05";
  return !known && code == "26000";
}

// What it returns has changed since it was prepared. A name is told so once of each change; of the
// unnamed statement, and in a session of one's own, it is as PostgreSQL says, until another is
// prepared.
bool Answers::hear_of_old_plan(const Owed& owed, std::string_view text) {
  const bool uses = owed.what == Owed::What::bind || owed.what == Owed::What::describe_statement;
  if (!uses || owed.name.empty() || !text.starts_with(old_plan_text)) return false;
  const auto told = old_plans_.find(owed.name);
  const bool again = told != old_plans_.end() && told->second.text == text;
  // What was asked before it was told is told the same.
  const bool once = owed.name != unnamed && !has_session_;
  if (again && once && owed.number > told->second.last) return false;
  if (!again) old_plans_[owed.name] = {std::string(text), owed_count_ever_};
  return true;
}

void Answers::hear_execute(const Ask& ask, int row_count_max, const Message& message) {
  if (hear_rows(ask, message) || hear_copy(ask, message)) return;
  const auto done = [&] {
    row_count_ = fetched_ = 0;
    described_ = copy_open_ = false;
    owed_.pop_front();
  };
  if (message.type == 's') {
    if (row_count_max == 0 || row_count_ % row_count_max != 0 || row_count_ == 0) {
      return wrong(message, "no PortalSuspended");
    }
    // The rows go on with the next Execute of the same portal.
    fetched_ = row_count_;
    return owed_.pop_front();
  }
  if (message.type == 'C') {
    hear_complete(ask, message);
    return done();
  }
  if (message.type == 'I' && ask.kind == Kind::nothing) return done();
  wrong(message, "the answer of Execute of " + sql_of(ask, client_));
}

void Answers::hear_complete(const Ask& ask, const Message& message) {
  const std::string tag(Body(message.body).text().value_or("?"));
  const std::string expected = tag_of(ask);
  if (tag != expected) {
    return wrong(message, "CommandComplete \"" + expected + "\", not \"" + tag + "\"");
  }
  if (has_rows(ask) && row_count_ != rows_of(ask)) {
    return wrong(message,
                 std::to_string(rows_of(ask)) + " rows, not " + std::to_string(row_count_));
  }
  done(ask, tag);
}

void Answers::forget_prepared(const std::string& name) {
  if (name == "all") {
    std::erase_if(prepared_, [](const auto& one) { return one.first != unnamed; });
  } else if (prepared_.erase(name) == 0) {
    blame(oracle::own_answers,
          "c" + std::to_string(client_) + " has no " + name + ", and it was deallocated");
  }
}

// What it has changed.
void Answers::done(const Ask& ask, std::string_view tag) {
  switch (ask.kind) {
    case Kind::begin: status_ = 'T'; return;
    case Kind::commit:
    case Kind::rollback:
      end_transaction(tag == "COMMIT");
      status_ = 'I';
      return;
    case Kind::savepoint: return state_.add_savepoint(ask.name);
    case Kind::rollback_to:
      state_.roll_back_to(ask.name);
      status_ = 'T';
      return;
    case Kind::release: return state_.release(ask.name);
    case Kind::set: return state_.set(ask.name, ask.value);
    case Kind::set_local: return state_.set_local(ask.name, ask.value);
    case Kind::insert: return state_.insert(ask.value);
    case Kind::declare: return state_.declare(ask.name, ask.count);
    case Kind::fetch: return state_.fetch(ask.name, row_count_);
    case Kind::close_cursor: return state_.close(ask.name);
    case Kind::create_table: return state_.add("table=" + ask.name);
    case Kind::lock: return state_.add("xact_lock=" + ask.name);
    case Kind::keep_setting: return state_.keep_setting("work_mem", ask.value);
    case Kind::keep_channel: return state_.keep("listen=" + ask.name);
    case Kind::keep_lock: return state_.keep("lock=" + ask.name);
    case Kind::keep_table: return state_.keep("table=" + ask.name);
    case Kind::end_setting: return state_.end_kept_setting("work_mem");
    case Kind::end_channels: return state_.end_kept("listen");
    case Kind::end_locks: return state_.end_kept("lock");
    case Kind::end_tables: return state_.end_kept("table");
    case Kind::reset: return state_.reset(ask.name);
    case Kind::discard_all: state_.discard_all(); return forget_prepared("all");
    case Kind::deallocate: return forget_prepared(ask.name);
    case Kind::proof:
    case Kind::sleep:
    case Kind::notice:
    case Kind::notify:
    case Kind::error:
    case Kind::fail_at_bind:
    case Kind::syntax_error:
    case Kind::nothing:
    case Kind::function_call:
    case Kind::copy_in:
    case Kind::copy_out:
    case Kind::copy_abort:
    case Kind::copy_refused: return;
  }
}

void Answers::hear_error(const Message& message) {
  const std::string code = error_field(message, 'C');
  Owed& owed = owed_.front();
  const Ask* ask = owed.what == Owed::What::query ? current() : ask_of(owed);
  const bool may_be_cancelled = cancel_may_hit_ || state_.has_parameter("statement_timeout") ||
                                (ask != nullptr && ask->kind == Kind::copy_abort);
  if (code == "57014" && !may_be_cancelled) {
    blame(oracle::cancel_reach, "c" + std::to_string(client_) +
                                    " was cancelled and had not asked for it; it waits for " +
                                    waits_for());
    return;
  }
  const bool of_old_plan = code == "0A000" && hear_of_old_plan(owed, error_field(message, 'M'));
  if (failed_ || !(of_old_plan || name_explains(owed, code) || error_allowed(ask, code))) {
    return wrong(message, "no error " + code + " (" + error_field(message, 'M') + ")");
  }
  const bool refused = code == "0A000" || code == "53300";
  const bool keeps = ask != nullptr && (ask->keeps_state() || ask->kind == Kind::keep_setting);
  if (keeps && !refused) state_.fail_to_keep();
  const bool unnamed_lost =
      owed.what == Owed::What::parse || (owed.what == Owed::What::prepare && owed.name == unnamed);
  if (unnamed_lost) prepared_.erase(unnamed);
  if (status_ == 'T') status_ = 'E';
  if (status_ == 'I') end_transaction(false);
  row_count_ = fetched_ = 0;
  described_ = copy_open_ = copying_out_ = false;
  if (owed.what == Owed::What::query) {
    failed_ = true;
  } else {
    skip_to_sync();
  }
}

// Whether this may fail like that.
bool Answers::error_allowed(const Ask* ask, std::string_view code) const {
  const bool interrupted = cancel_may_hit_ || state_.has_parameter("statement_timeout");
  if (interrupted && code == "57014") return true;
  if (status_ == 'E' && code == "25P02") {
    return ask == nullptr || !(ask->ends_transaction() || ask->kind == Kind::rollback_to);
  }
  if (ask == nullptr) return false;
  if (maybe_standby_ && ask->writes() && code == "25006") return true;
  if (ask->keeps_state()) {
    if (policy_ == SessionStatePolicy::error) return code == "0A000";
    return policy_ == SessionStatePolicy::pin && pins_bounded_ && code == "53300";
  }
  switch (ask->kind) {
    case Kind::error: return code == (ask->value.empty() ? "22012" : ask->value);
    case Kind::fail_at_bind: return code == "22012";
    case Kind::syntax_error: return code == "42601";
    case Kind::copy_abort: return copy_open_ && code == "57014";
    case Kind::copy_refused: return copy_open_ && code == "22P04";
    // Where what they need has failed itself.
    case Kind::savepoint:
    case Kind::declare: return status_ == 'I' && code == "25P01";
    case Kind::rollback_to:
    case Kind::release:
      return status_ == 'I' ? code == "25P01" : code == "3B001" && !state_.has_savepoint(ask->name);
    case Kind::fetch:
    case Kind::close_cursor: return code == "34000" && !state_.has_cursor(ask->name);
    case Kind::deallocate:
      return code == "26000" && ask->name != "all" && !prepared_.contains(ask->name);
    case Kind::proof:
    case Kind::begin:
    case Kind::commit:
    case Kind::rollback:
    case Kind::set:
    case Kind::set_local:
    case Kind::insert:
    case Kind::notice:
    case Kind::nothing:
    case Kind::sleep:
    case Kind::lock:
    case Kind::create_table:
    case Kind::notify:
    case Kind::function_call:
    case Kind::copy_in:
    case Kind::copy_out:
    case Kind::keep_setting:
    case Kind::keep_channel:
    case Kind::keep_lock:
    case Kind::keep_table:
    case Kind::end_setting:
    case Kind::end_channels:
    case Kind::end_locks:
    case Kind::end_tables:
    case Kind::reset:
    case Kind::discard_all: return false;
  }
  return false;
}

void Answers::hear_ready(const Message& message) {
  const char status = message.body.size() == 1 ? message.body[0] : '?';
  if (status != status_) {
    return wrong(message, std::string("ReadyForQuery ") + status_ + ", not " + status);
  }
  ++answered_count_;
  if (owed_.front().what == Owed::What::query) prepared_.erase(unnamed);
  owed_.pop_front();
  ask_index_ = 0;
  failed_ = false;
  if (status_ == 'I') end_transaction(true);
  settle_cancels();
}

void Answers::next_ask() {
  ++ask_index_;
  row_count_ = fetched_ = 0;
  described_ = copy_open_ = false;
}

void Answers::skip_to_sync() {
  while (!owed_.empty() && owed_.front().what != Owed::What::sync) owed_.pop_front();
}

void Answers::end_transaction(bool committed) {
  session_.clear();
  state_.end_transaction(committed);
  if (policy_ != SessionStatePolicy::pin) state_.lose_kept();
}

void Answers::check_row(const Ask& ask, const Message& message) {
  const auto row = read_proof(message);
  if (!row) return wrong(message, "a row of a proof");
  const std::string_view client = (*row)[Column::client_tag];
  const std::string_view request = (*row)[Column::request_tag];
  const bool own = is_tag(client, 'c', client_);
  if (distrusting_ && own && !is_tag(request, 'r', ask.request)) return wrong(message, "its row");
  if (!own || !is_tag(request, 'r', ask.request)) {
    verdict_.blame(oracle::own_answers, "c" + std::to_string(client_) + " asked r" +
                                            std::to_string(ask.request) + " and got a row of " +
                                            std::string(client) + " " + std::string(request));
    return;
  }
  check_session(place_of(*row));
  check_state((*row)[Column::state]);
  if (!state_.may_have_read_by((*row)[Column::reading])) {
    blame(oracle::no_leak_in, "c" + std::to_string(client_) + ": its text was read by " +
                                  std::string((*row)[Column::reading]) + ", as it never asked");
  }
}

void Answers::check_session(std::span<const std::string_view> place) {
  if (session_.empty()) session_.assign(place.begin(), place.end());
  if (std::ranges::equal(session_, place)) return;
  blame(oracle::transaction_integrity,
        "c" + std::to_string(client_) + ": one transaction in two places: " + told_place(session_) +
            ", then " + told_place(place));
}

void Answers::check_state(std::string_view state) {
  std::vector<std::string> statements;
  for (const auto& [name, what] : prepared_) {
    if (has_session_ && name != unnamed) statements.push_back("prepared=" + name);
  }
  const auto difference = state_.compare(state, statements);
  if (!difference) return;
  blame(difference->leak ? oracle::no_leak_in : oracle::own_state,
        "c" + std::to_string(client_) + ": " +
            (difference->leak ? "somebody else's state: " : "its own state: ") + difference->what);
}

void Answers::blame(std::string_view oracle, std::string what) {
  if (distrusting_) {
    confused_ = true;
  } else {
    verdict_.blame(oracle, std::move(what));
  }
}

void Answers::wrong(const Message& message, std::string_view expected) {
  const std::string who = "c" + std::to_string(client_);
  blame(message.type == 'E' ? oracle::error_shape : oracle::own_answers,
        who + " heard '" + message.type + "', expected " + std::string(expected) + "; waits for " +
            waits_for());
}

std::string Answers::waits_for() const {
  if (owed_.empty()) return "nothing";
  const Owed& owed = owed_.front();
  std::string text = name_of(owed.what);
  if (!owed.asks.empty()) {
    const std::size_t index = std::min(ask_index_, owed.asks.size() - 1);
    text += " " + sql_of(owed.asks[index], client_);
  }
  return text + " (" + std::to_string(owed_.size()) + " owed)";
}

}  // namespace pgweir::sim
