// What a server says, to its client: each reply is matched against what is owed.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "core/session/link.h"
#include "core/session/made_up.h"
#include "core/session/reading.h"
#include "core/session/settle.h"
#include "core/wire/error_fields.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace pgweir::session {

using wire::BackendType;
using wire::TransactionStatus;

namespace {

PgError refusal_error(Refusal refusal, std::string_view name) {
  switch (refusal) {
    case Refusal::no_named_statements:
      return {sqlstate::feature_not_supported,
              "max_prepared_statements is 0: pgweir keeps no prepared statements by name",
              "Raise it, or let the driver use unnamed statements or the simple protocol."};
    case Refusal::unnamed_too_long:
      return {
          sqlstate::invalid_sql_statement_name,
          join(
              "the unnamed prepared statement, or those that are not answered yet, take more than ",
              limits::unnamed_statement_size_max,
              " bytes, and it was not kept for the next transaction"),
          "Parse and Bind it in one transaction, or give it a name."};
    case Refusal::too_many_statements:
      return {sqlstate::program_limit_exceeded,
              join("prepared statement \"", name, "\": those of this session take more than ",
                   limits::client_statements_size_max, " bytes"),
              "Close or deallocate those that are not used any more."};
    case Refusal::name_too_long:
      return {sqlstate::name_too_long, join("the name of a prepared statement is longer than ",
                                            limits::name_size_max, " bytes")};
    case Refusal::statement_too_long:
      return {sqlstate::program_limit_exceeded,
              join("prepared statement \"", name, "\" is longer than ", limits::statement_size_max,
                   " bytes"),
              "Leave it unnamed: then it is not kept, and may be longer."};
    case Refusal::malformed: return {sqlstate::protocol_violation, "invalid message format"};
    case Refusal::statement_exists:
      return {sqlstate::duplicate_prepared_statement,
              join("prepared statement \"", name, "\" already exists")};
    case Refusal::unknown_statement:
      return {sqlstate::invalid_sql_statement_name,
              join("prepared statement \"", name, "\" does not exist")};
    case Refusal::session_state:
      return {
          sqlstate::feature_not_supported,
          join(name, " is refused: it leaves state in the session, and session_state is error"),
          "Use what ends with the transaction (SET LOCAL, pg_advisory_xact_lock, ON COMMIT DROP), "
          "or set session_state to pin or reset."};
    case Refusal::too_many_pinned:
      return {sqlstate::too_many_connections,
              join(name,
                   " is refused: it would keep a server for this client, and max_pinned of them "
                   "are kept already"),
              "SHOW SERVERS tells for whom, and why. Raise max_pinned, or set session_state to "
              "reset."};
    case Refusal::none:
    case Refusal::no_unnamed_statement: break;
  }
  return {sqlstate::invalid_sql_statement_name, "unnamed prepared statement does not exist"};
}

// PgBouncer's code and words, which clients go by (PostgREST).
PgError block_error() {
  return {
      sqlstate::protocol_violation, "transaction blocks not allowed in statement pooling mode",
      "Let the client use autocommit, or set pool_mode to transaction for its user or database."};
}

std::uint32_t at_most(std::uint32_t size, std::size_t limit) {
  return size < limit ? size : static_cast<std::uint32_t>(limit);
}

std::uint32_t needed_of_server(const wire::Header& header) {
  switch (static_cast<BackendType>(header.type)) {
    case BackendType::parameter_status:
      return at_most(header.body_size, limits::server_message_size_max);
    case BackendType::error_response:
    case BackendType::notice_response: return at_most(header.body_size, limits::error_prefix_size);
    case BackendType::ready_for_query: return at_most(header.body_size, 1);
    case BackendType::authentication:
    case BackendType::backend_key_data:
    case BackendType::bind_complete:
    case BackendType::close_complete:
    case BackendType::command_complete:
    case BackendType::copy_both_response:
    case BackendType::copy_data:
    case BackendType::copy_done:
    case BackendType::copy_in_response:
    case BackendType::copy_out_response:
    case BackendType::data_row:
    case BackendType::empty_query_response:
    case BackendType::function_call_response:
    case BackendType::negotiate_protocol_version:
    case BackendType::no_data:
    case BackendType::notification_response:
    case BackendType::parameter_description:
    case BackendType::parse_complete:
    case BackendType::portal_suspended:
    case BackendType::row_description: break;
  }
  return 0;
}

// One pass over a server's bytes.
class ServerSide {
 public:
  ServerSide(Server& server, Client* client, LinkContext& context)
      : server_(server),
        client_(client),
        context_(context),
        run_(context.out, client != nullptr ? client->socket() : SocketId{}) {}

  LinkOutcome forward(Bytes& bytes) {
    MessageStream& stream = server_.stream;
    while (!bytes.empty()) {
      if (!stream.between_messages()) {
        const Bytes piece = bytes.first(at_most(stream.body_left, bytes.size()));
        stream.body_left -= static_cast<std::uint32_t>(piece.size());
        if (stream.forward) run_.add(piece);
        bytes = bytes.subspan(piece.size());
      } else {
        if (server_.dying) return {};  // it said FATAL: what follows is noise
        if (took_rows(bytes)) continue;
        Opening opening{};
        switch (open_message(stream, bytes, context_.out.arena(), needed_of_server, opening)) {
          case Opened::incomplete: return {};
          case Opened::invalid: return {Verdict::desync, std::nullopt};
          case Opened::message: break;
        }
        LinkOutcome outcome = reply(opening);
        if (outcome.verdict != Verdict::carry_on || outcome.error) return outcome;
      }
      note_idle();
      if (!stream.between_messages()) continue;
      make_up_answers();
      if (!bytes.empty() && client_goes_on()) return {Verdict::go_on, std::nullopt};
    }
    return {};
  }

 private:
  LinkOutcome reply(const Opening& opening) {
    server_.trail.received(opening.header.type);
    const auto type = static_cast<BackendType>(opening.header.type);
    if (type == BackendType::parameter_status) return parameter_status(opening);
    if (type == BackendType::notice_response || type == BackendType::notification_response) {
      return unasked(opening, type);
    }
    if (type == BackendType::error_response) return error(opening);

    const ReplyQueue::Match match = server_.owed.match(type);
    // Of a query that was refused ReadyForQuery is its client's.
    const bool replaced = match.fate == Fate::replace && type != BackendType::ready_for_query;
    if (!match.matched || replaced) return {Verdict::desync, std::nullopt};
    const Fate fate = match.fate == Fate::replace ? Fate::forward : match.fate;
    if (type == BackendType::ready_for_query && !ready(opening, fate)) {
      return {Verdict::desync, std::nullopt};
    }
    made(match);
    if (client_ != nullptr && fate == Fate::forward) client_->batch.answered();
    if (begins_block(type, fate)) return {Verdict::broken, block_error()};
    pass(opening, fate == Fate::forward);
    if (type == BackendType::ready_for_query && fate == Fate::swallow) return is_set_up();
    return {};
  }

  // Those that are all here, as one piece: they are most of what servers say, and nothing changes
  // by them.
  bool took_rows(Bytes& bytes) {
    const auto first = static_cast<BackendType>(bytes.front());
    if (first != BackendType::data_row || !server_.stream.held.empty()) return false;
    const std::optional<Fate> fate = server_.owed.fate_of_rows();
    const std::size_t size = fate ? wire::size_of_leading(BackendType::data_row, bytes) : 0;
    if (size == 0) return false;
    server_.trail.received(static_cast<std::uint8_t>(BackendType::data_row));
    if (fate == Fate::forward && client_ != nullptr) {
      client_->batch.answered();
      run_.add(bytes.first(size));
    }
    bytes = bytes.subspan(size);
    return true;
  }

  // A notice may be about what pgweir asks; a notification is about what the client listens to: one
  // that is untried does not yet, and may be told at any time that it is cancelled.
  LinkOutcome unasked(const Opening& opening, BackendType type) {
    const bool notice = type == BackendType::notice_response;
    const bool listens = !notice && client_ != nullptr && !client_->untried;
    pass(opening, listens || !server_.owed.swallowing());
    says(notice ? last_words(wire::read_error_fields(opening.body())) : HostSign::none);
    return {};
  }

  // What pool_mode statement does not allow.
  bool begins_block(BackendType type, Fate fate) const {
    return type == BackendType::ready_for_query && fate == Fate::forward && client_ != nullptr &&
           client_->pool_mode == PoolMode::statement && server_.status != TransactionStatus::idle;
  }

  // Where nothing is owed any more its transaction may be over instead.
  bool client_goes_on() const {
    return client_ != nullptr && client_->blocked && may_go_on(*client_, server_) &&
           !server_.owed.empty();
  }

  void make_up_answers() {
    if (!server_.owed.makes_up()) return;
    run_.flush();
    answer_made_up(server_, client_, context_);
  }

  void made(const ReplyQueue::Match& match) {
    if (match.change.server) server_.statements.confirm();
    if (match.deallocates) server_.stand_ins.clear();
    if (client_ == nullptr) return;
    if (match.change.client) client_->statements.confirm(context_.statements);
    if (match.change.unnamed && match.fate != Fate::inject) client_->unnamed.confirm();
  }

  void lost(const ReplyQueue::Match& match, std::string_view code) {
    if (match.changes_lost) {
      server_.statements.take_back();
      if (client_ != nullptr) client_->statements.take_back(context_.statements);
    }
    const Statement* statement = context_.statements.find(match.statement);
    if (statement == nullptr) return;
    // Somebody has deallocated it, or what it returns has changed, on all servers: it is prepared
    // anew when it is used next.
    if (code == sqlstate::invalid_sql_statement_name.text())
      server_.statements.forget(statement->digest);
    if (code == sqlstate::feature_not_supported.text()) context_.statements.renew(match.statement);
  }

  // What it was asked to set it has set.
  LinkOutcome is_set_up() {
    if (server_.setting_up) {
      context_.values.release(server_.settings);
      server_.settings = *std::exchange(server_.setting_up, std::nullopt);
    }
    if (client_ == nullptr) return {};
    if (client_->untried && client_->settings != server_.settings) {
      run_.flush();
      align_parameters(*client_, server_, context_);  // another's were taken back
      return {};
    }
    adopt_parameters();
    const bool waited = std::exchange(client_->untried, false);
    return {waited ? Verdict::go_on : Verdict::carry_on, std::nullopt};
  }

  // pgweir has set what differed, and the server reports nothing where that changed nothing in its
  // eyes (DateStyle "ISO" is "ISO, MDY"): its way to write a value is the client's from here on.
  void adopt_parameters() {
    for (std::size_t i = 0; i < tracked_count; ++i) {
      if (client_->parameters[i] == no_value || server_.parameters[i] == no_value ||
          client_->parameters[i] == server_.parameters[i]) {
        continue;
      }
      const std::string_view value = context_.values.text(server_.parameters[i]);
      run_.flush();
      if (client_->first_parameters[i] == client_->parameters[i]) {
        context_.values.assign(client_->first_parameters, i, value);
      }
      tell_parameter(*client_, i, value, context_);
      reads_otherwise(tracked_parameters[i]);
    }
  }

  // What is prepared from here on is read by another value, and what was since all was answered
  // last may have been.
  [[gnu::noinline]] void reads_otherwise(std::string_view parameter) {
    if (!reads_by(parameter)) return;
    if (client_ != nullptr) client_->reading.reset();
    server_.statements.doubt_fresh();
  }

  // A transaction is idle from the last byte of its last answer on, ReadyForQuery or not.
  void note_idle() {
    if (client_ != nullptr && server_.owed.empty()) client_->state_at = context_.now;
  }

  void pass(const Opening& opening, bool forward) {
    server_.stream.forward = forward && client_ != nullptr;
    if (server_.stream.forward) run_.add(opening.piece);
  }

  bool ready(const Opening& opening, Fate fate) {
    if (opening.header.body_size != 1) return false;
    const auto status = static_cast<TransactionStatus>(opening.body()[0]);
    if (status != TransactionStatus::idle && status != TransactionStatus::in_transaction &&
        status != TransactionStatus::failed) {
      return false;
    }
    server_.status = status;
    says(HostSign::none);
    if (fate == Fate::forward && client_ != nullptr) {
      ++context_.totals.query_count;
      context_.totals.query_time_us +=
          static_cast<std::uint64_t>(microseconds(context_.now - client_->request_at));
      client_->request_at = context_.now;
      client_->state_at = context_.now;
      if (status == TransactionStatus::idle) end_transaction();
      if (server_.owed.settled()) all_is_answered();
    }
    return true;
  }

  void all_is_answered() {
    server_.session.told();
    if (!server_.session.is_settled()) settle();
    if (server_.status == TransactionStatus::idle) server_.statements.reading_is_known();
  }

  [[gnu::noinline]] void settle() {
    run_.flush();  // what it is told of comes behind
    if (server_.status == TransactionStatus::idle) {
      settle_unsettled(server_, client_, context_);
    } else {
      tell_parameters_taken_back(server_, *client_, context_);
    }
  }

  // The next one may follow on the same server, when it has been sent already.
  void end_transaction() {
    ++context_.totals.xact_count;
    context_.totals.xact_time_us +=
        static_cast<std::uint64_t>(microseconds(context_.now - client_->transaction_at));
    client_->transaction_at = context_.now;
  }

  // Out of the way of the answers that come all the time, which are one piece with their loop.
  [[gnu::noinline]] LinkOutcome error(const Opening& opening) {
    const wire::ErrorFields fields = wire::read_error_fields(opening.body());
    if (fields.fatal()) {
      server_.dying = true;  // the session is over, whatever was owed
      // Even in the place of an answer to something pgweir asked, but not where it gets another.
      const bool gets_another =
          client_ != nullptr && (server_.unheard ? !client_->retried : is_done(*client_, server_));
      pass(opening, !gets_another);
      says(last_words(fields));
      if (client_ != nullptr) return {};
      return {Verdict::carry_on,
              PgError{sqlstate::connection_failure, std::string(fields.message)}};
    }
    const ReplyQueue::Match match = server_.owed.match(BackendType::error_response);
    // A second error of one query is no answer of PostgreSQL's.
    const bool twice = match.fate == Fate::replace && server_.refused_names.empty();
    if (!match.matched || twice) return {Verdict::desync, std::nullopt};
    const bool again = may_ask_again(match, fields.code);
    if (!again) server_.session.failed();
    if (server_.own_query != OwnQuery::none) server_.own_error = fields.message;
    if (match.deallocating_lost) {
      server_.session.made(StateKind::unknown);
      server_.statements.doubt_all();
    }
    // Whatever unnamed statement the server has now, it is not the one this client prepared.
    if (match.parse_lost) server_.unnamed_owner = {};
    if (client_ != nullptr) client_->unnamed.take_back(match.unnamed_lost, match.unnamed_failed);
    lost(match, fields.code);
    note_idle();
    if (again) return ask_again(opening, match.refusals_lost);
    if (client_ != nullptr && match.fate != Fate::swallow) client_->batch.answered();
    if (match.fate == Fate::swallow && server_.setting_up) {
      context_.values.release(*std::exchange(server_.setting_up, std::nullopt));
    }
    if (match.fate == Fate::swallow && client_ != nullptr) {
      return {Verdict::setup, refusal_of_set_up(fields)};
    }
    pass(opening, match.fate == Fate::forward || match.fate == Fate::inject);
    // On a server that is none it is the client's own transaction that is READ ONLY.
    if (server_.standby && fields.code == sqlstate::read_only_sql_transaction.text()) {
      says(HostSign::is_standby);
    }
    if (match.fate == Fate::replace && client_ != nullptr) {
      run_.flush();
      std::string& message = context_.out.scratch();
      write_error(message, wire::ErrorSeverity::error,
                  refusal_error(match.refusal, server_.refused_names.front()));
      context_.out.send_copy(client_->socket(), message);
    }
    forget_names(match.refusals_lost);
    return {};
  }

  // A statement that pgweir has prepared is not there, or what it returns has changed. Nothing of
  // its batch was done or answered, no transaction is open, and all that its client has said is
  // here: it is asked again as it was said.
  bool may_ask_again(const ReplyQueue::Match& match, std::string_view code) const {
    return client_ != nullptr && client_->batch.whole() && match.statement &&
           match.fate == Fate::forward && server_.owed.only_sync() &&
           server_.session.sent().empty() && client_->stream.between_messages() &&
           (code == sqlstate::invalid_sql_statement_name.text() ||
            code == sqlstate::feature_not_supported.text());
  }

  LinkOutcome ask_again(const Opening& opening, std::uint32_t refusals_lost) {
    pass(opening, false);
    forget_names(refusals_lost);
    server_.owed.end_unheard();
    const std::vector<std::byte> batch = client_->batch.ask_again();
    context_.totals.received -= batch.size();  // it is counted once more
    client_->stream.hold_in_front(batch);
    return {Verdict::go_on, std::nullopt};
  }

  // Words are the last ones until something comes behind them; that it is a standby stays true.
  void says(HostSign sign) {
    if (sign == HostSign::none && server_.sign == HostSign::is_standby) return;
    server_.sign = sign;
    server_.sign_at = context_.now;
  }

  // As PostgreSQL itself would have said it when the client logged in.
  PgError refusal_of_set_up(const wire::ErrorFields& fields) const {
    const SqlState code = SqlState::named(fields.code);
    std::string hint = "A parameter of this session was refused by the server.";
    std::string names;
    for (const auto& [name, value] : settings_of(context_.values.text(client_->settings))) {
      names += join(names.empty() ? "" : ", ", name);
    }
    const std::string_view who = client_->untried ? " Its startup packet" : " Its session";
    if (!names.empty()) hint += join(who, " asked for ", names, ".");
    if (client_->startup != no_value) {
      hint += " ignore_startup_parameters leaves out what it can do without.";
    }
    return {code == sqlstate::internal_error ? sqlstate::invalid_parameter_value : code,
            std::string(fields.message), std::move(hint)};
  }

  void forget_names(std::uint32_t count) {
    std::vector<std::string>& names = server_.refused_names;
    names.erase(names.begin(), names.begin() + std::min<std::ptrdiff_t>(count, std::ssize(names)));
  }

  // A value belongs to the client whose request changed it. While pgweir sets a client's own
  // values, the client only hears of those that PostgreSQL writes differently.
  LinkOutcome parameter_status(const Opening& opening) {
    wire::Reader reader(opening.body());
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    if (!opening.whole() || !reader.finished()) return {Verdict::desync, std::nullopt};
    bool tell = client_ != nullptr;
    if (name == in_hot_standby) server_.standby = value == "on";
    if (const auto index = tracked_index(name)) {
      context_.values.assign(server_.parameters, *index, value);
      if (client_ != nullptr && is_taken_back(server_, *client_, *index)) {
        tell = false;
      } else if (client_ != nullptr) {
        const ValueId told = client_->parameters[*index];
        tell = !server_.owed.swallowing() || told != server_.parameters[*index];
        context_.values.assign(client_->parameters, *index, value);
      }
      if (tell || client_ == nullptr) reads_otherwise(name);
    }
    says(HostSign::none);
    pass(opening, tell);
    return {};
  }

  Server& server_;
  Client* client_;
  LinkContext& context_;
  Run run_;
};

}  // namespace

LinkOutcome forward_from_server(Server& server, Client* client, Bytes& bytes,
                                LinkContext& context) {
  PGWEIR_REQUIRE(client == nullptr || client->server == server.self, server.self.slot);  // I-04
  return ServerSide(server, client, context).forward(bytes);
}

}  // namespace pgweir::session
