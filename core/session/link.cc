#include "core/session/link.h"

#include <array>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "core/wire/error_fields.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace pgweir::session {

using wire::BackendType;
using wire::FrontendType;
using wire::TransactionStatus;

namespace {

// Describe of a statement nobody has: sent in the place of what pgweir refuses, so that the server
// fails there too, and its transaction with it. No client can name it: a name holds no such byte.
constexpr std::string_view refused_request("D\0\0\0\x15S\x01pgweir refused\0", 22);
static_assert(refused_request.size() == 1 + 0x15);

PgError refusal_error(Refusal refusal) {
  if (refusal == Refusal::named_statement) {
    return {sqlstate::feature_not_supported,
            "pgweir does not support named prepared statements yet",
            "Let the driver use unnamed statements or the simple protocol."};
  }
  return {sqlstate::invalid_sql_statement_name, "unnamed prepared statement does not exist",
          "In transaction mode, Parse and Bind in one transaction."};
}

std::uint32_t at_most(std::uint32_t size, std::size_t limit) {
  return size < limit ? size : static_cast<std::uint32_t>(limit);
}

// How much of a client's message decides what becomes of it: the names at its beginning.
std::uint32_t needed_of_client(const wire::Header& header) {
  switch (static_cast<FrontendType>(header.type)) {
    case FrontendType::parse: return at_most(header.body_size, limits::name_size_max + 1);
    case FrontendType::bind: return at_most(header.body_size, 2 * (limits::name_size_max + 1));
    case FrontendType::describe: return at_most(header.body_size, limits::name_size_max + 2);
    case FrontendType::close:
    case FrontendType::copy_data:
    case FrontendType::copy_done:
    case FrontendType::copy_fail:
    case FrontendType::execute:
    case FrontendType::flush:
    case FrontendType::function_call:
    case FrontendType::password:
    case FrontendType::query:
    case FrontendType::sync:
    case FrontendType::terminate: break;
  }
  return 0;
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

// One pass over a client's bytes.
class ClientSide {
 public:
  ClientSide(Client& client, Server& server, LinkContext& context)
      : client_(client), server_(server), context_(context), run_(context.out, server.socket()) {}

  LinkOutcome forward(Bytes bytes) {
    MessageStream& stream = client_.stream;
    while (!bytes.empty()) {
      if (!stream.between_messages()) {
        const Bytes piece = bytes.first(at_most(stream.body_left, bytes.size()));
        stream.body_left -= static_cast<std::uint32_t>(piece.size());
        context_.totals.received += piece.size();
        if (stream.forward) run_.add(piece);
        bytes = bytes.subspan(piece.size());
        continue;
      }
      if (server_.owed.size() >= limits::owed_replies_max) {
        client_.blocked = true;
        stream.hold(bytes);
        return {};
      }
      Opening opening{};
      switch (open_message(stream, bytes, context_.out.arena(), needed_of_client, opening)) {
        case Opened::incomplete: return {};
        case Opened::invalid: return {Verdict::broken, std::nullopt};
        case Opened::message: break;
      }
      context_.totals.received += opening.piece.size();
      LinkOutcome outcome = request(opening);
      if (outcome.verdict != Verdict::carry_on) return outcome;
    }
    return {};
  }

 private:
  LinkOutcome request(const Opening& opening) {
    server_.trail.sent(opening.header.type);
    switch (static_cast<FrontendType>(opening.header.type)) {
      case FrontendType::query:
        server_.unnamed_owner = {};  // a simple query drops the unnamed statement
        return ask(opening, {Request::query});
      case FrontendType::parse: return parse(opening);
      case FrontendType::bind: return bind(opening);
      case FrontendType::describe: return describe(opening);
      case FrontendType::execute: return ask(opening, {Request::execute});
      case FrontendType::close: return ask(opening, {Request::close});
      case FrontendType::sync: return ask(opening, {Request::sync});
      case FrontendType::function_call: return ask(opening, {Request::function_call});
      case FrontendType::flush:
        // One with a body is answered by an error and ReadyForQuery that no request stands for.
        if (opening.header.body_size > 0) {
          return {Verdict::broken, PgError{sqlstate::protocol_violation, "invalid message format"}};
        }
        return pass(opening);
      case FrontendType::copy_done:
      case FrontendType::copy_fail: return copy(opening, true);
      case FrontendType::copy_data: return copy(opening, false);
      case FrontendType::terminate: return {Verdict::leave, std::nullopt};
      case FrontendType::password: break;
    }
    return {Verdict::broken, PgError{sqlstate::protocol_violation,
                                     join("invalid frontend message type ", opening.header.type)}};
  }

  LinkOutcome ask(const Opening& opening, Owed owed) {
    asks();
    server_.owed.push(owed);
    return pass(opening);
  }

  LinkOutcome pass(const Opening& opening) {
    client_.stream.forward = true;
    run_.add(opening.piece);
    return {};
  }

  // COPY messages outside a COPY mean nothing to a server: those that cannot be part of one stop
  // here.
  LinkOutcome copy(const Opening& opening, bool ends) {
    if (server_.owed.empty()) {
      client_.stream.forward = false;
      return {};
    }
    if (ends) server_.owed.push({Request::copy_end});
    return pass(opening);
  }

  LinkOutcome parse(const Opening& opening) {
    ++context_.totals.client_parse_count;
    wire::Reader reader(opening.body());
    const std::string_view name = reader.text();
    // A name that does not end where names end is refused like any other.
    if (!name.empty() || (reader.failed() && opening.header.body_size > limits::name_size_max)) {
      return refuse(Refusal::named_statement);
    }
    if (!server_.owed.skipping()) server_.unnamed_owner = client_.self;
    return ask(opening, {Request::parse});
  }

  LinkOutcome bind(const Opening& opening) {
    ++context_.totals.bind_count;
    wire::Reader reader(opening.body());
    reader.text();
    const std::string_view statement = reader.text();
    // A portal's name so long that the statement's is out of sight hides nothing.
    const bool unnamed = reader.failed() ? !opening.whole() : statement.empty();
    if (unnamed && foreign()) return refuse(Refusal::foreign_statement);
    return ask(opening, {Request::bind});
  }

  LinkOutcome describe(const Opening& opening) {
    wire::Reader reader(opening.body());
    const bool statement = reader.u8() == 'S';
    const std::string_view name = reader.text();
    if (statement && !reader.failed() && name.empty() && foreign()) {
      return refuse(Refusal::foreign_statement);
    }
    return ask(opening, {statement ? Request::describe_statement : Request::describe_portal});
  }

  // The client's first request since everything it asked before was answered, and its first since
  // its last transaction ended.
  void asks() {
    if (server_.owed.empty() || server_.owed.swallowing()) client_.request_at = context_.now;
    const bool begins = server_.owed.settled() && server_.status == TransactionStatus::idle;
    if (begins) client_.transaction_at = context_.now;
  }

  // The server's unnamed statement is another client's.
  bool foreign() const { return server_.unnamed_owner != client_.self; }

  LinkOutcome refuse(Refusal refusal) {
    asks();
    server_.owed.push({Request::describe_statement, Fate::replace, refusal});
    client_.stream.forward = false;
    run_.add(bytes_of(refused_request));
    return {};
  }

  Client& client_;
  Server& server_;
  LinkContext& context_;
  Run run_;
};

// One pass over a server's bytes.
class ServerSide {
 public:
  ServerSide(Server& server, Client* client, LinkContext& context)
      : server_(server),
        client_(client),
        context_(context),
        run_(context.out, client != nullptr ? client->socket() : SocketId{}) {}

  LinkOutcome forward(Bytes bytes) {
    MessageStream& stream = server_.stream;
    while (!bytes.empty()) {
      if (!stream.between_messages()) {
        const Bytes piece = bytes.first(at_most(stream.body_left, bytes.size()));
        stream.body_left -= static_cast<std::uint32_t>(piece.size());
        if (stream.forward) run_.add(piece);
        bytes = bytes.subspan(piece.size());
        continue;
      }
      if (server_.dying) return {};  // it said FATAL: what follows is noise
      Opening opening{};
      switch (open_message(stream, bytes, context_.out.arena(), needed_of_server, opening)) {
        case Opened::incomplete: return {};
        case Opened::invalid: return {Verdict::desync, std::nullopt};
        case Opened::message: break;
      }
      LinkOutcome outcome = reply(opening);
      if (outcome.verdict != Verdict::carry_on || outcome.error) return outcome;
    }
    return {};
  }

 private:
  LinkOutcome reply(const Opening& opening) {
    server_.trail.received(opening.header.type);
    const auto type = static_cast<BackendType>(opening.header.type);
    if (type == BackendType::parameter_status) return parameter_status(opening);
    if (type == BackendType::notice_response || type == BackendType::notification_response) {
      pass(opening, !server_.owed.swallowing());
      return {};
    }
    if (type == BackendType::error_response) return error(opening);

    const ReplyQueue::Match match = server_.owed.match(type);
    if (!match.matched || match.fate == Fate::replace) return {Verdict::desync, std::nullopt};
    if (type == BackendType::ready_for_query && !ready(opening, match.fate)) {
      return {Verdict::desync, std::nullopt};
    }
    note_idle();
    if (type == BackendType::ready_for_query && match.fate == Fate::swallow) adopt_parameters();
    pass(opening, match.fate == Fate::forward);
    return {};
  }

  // pgweir has set what differed, and the server reports nothing where that changed nothing in its
  // eyes (DateStyle "ISO" is "ISO, MDY"): its way to write a value is the client's from here on.
  void adopt_parameters() {
    for (std::size_t i = 0; client_ != nullptr && i < tracked_count; ++i) {
      if (client_->parameters[i] == no_value || server_.parameters[i] == no_value ||
          client_->parameters[i] == server_.parameters[i]) {
        continue;
      }
      const std::string_view value = context_.values.text(server_.parameters[i]);
      std::string& message = context_.out.scratch();
      wire::write_parameter_status(message, tracked_parameters[i], value);
      run_.flush();
      context_.out.send_copy(client_->socket(), message);
      context_.values.assign(client_->parameters, i, value);
    }
  }

  // A transaction is idle from its last answer on, ReadyForQuery or not.
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
    if (fate == Fate::forward && client_ != nullptr) {
      ++context_.totals.query_count;
      context_.totals.query_time_us +=
          static_cast<std::uint64_t>(microseconds(context_.now - client_->request_at));
      client_->request_at = context_.now;
      client_->state_at = context_.now;
      if (status == TransactionStatus::idle) end_transaction();
    }
    return true;
  }

  // The next one may follow on the same server, when it has been sent already.
  void end_transaction() {
    ++context_.totals.xact_count;
    context_.totals.xact_time_us +=
        static_cast<std::uint64_t>(microseconds(context_.now - client_->transaction_at));
    client_->transaction_at = context_.now;
  }

  LinkOutcome error(const Opening& opening) {
    const wire::ErrorFields fields = wire::read_error_fields(opening.body());
    if (fields.fatal()) {
      server_.dying = true;  // the session is over, whatever was owed
      pass(opening, true);   // even in the place of an answer to something pgweir asked
      if (client_ != nullptr) return {};
      return {Verdict::carry_on,
              PgError{sqlstate::connection_failure, std::string(fields.message)}};
    }
    const ReplyQueue::Match match = server_.owed.match(BackendType::error_response);
    if (!match.matched) return {Verdict::desync, std::nullopt};
    // Whatever unnamed statement the server has now, it is not the one this client prepared.
    if (match.parse_lost) server_.unnamed_owner = {};
    note_idle();
    if (match.fate == Fate::swallow && client_ != nullptr) {
      return {Verdict::setup,
              PgError{sqlstate::invalid_parameter_value, std::string(fields.message),
                      "A parameter of this session was refused by the server."}};
    }
    pass(opening, match.fate == Fate::forward);
    if (match.fate == Fate::replace && client_ != nullptr) {
      run_.flush();
      std::string& message = context_.out.scratch();
      write_error(message, wire::ErrorSeverity::error, refusal_error(match.refusal));
      context_.out.send_copy(client_->socket(), message);
    }
    return {};
  }

  // A value belongs to the client whose request changed it. While pgweir sets a client's own
  // values, the client only hears of those that PostgreSQL writes differently.
  LinkOutcome parameter_status(const Opening& opening) {
    wire::Reader reader(opening.body());
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    if (!opening.whole() || !reader.finished()) return {Verdict::desync, std::nullopt};
    bool tell = client_ != nullptr;
    if (const auto index = tracked_index(name)) {
      context_.values.assign(server_.parameters, *index, value);
      if (client_ != nullptr) {
        const ValueId told = client_->parameters[*index];
        tell = !server_.owed.swallowing() || told != server_.parameters[*index];
        context_.values.assign(client_->parameters, *index, value);
      }
    }
    pass(opening, tell);
    return {};
  }

  Server& server_;
  Client* client_;
  LinkContext& context_;
  Run run_;
};

// One round trip less: set_config with the values as parameters goes out in front of the client's
// own request. Values never become part of an SQL text.
void align_parameters(const Client& client, Server& server, LinkContext& context) {
  std::array<std::size_t, tracked_count> differing{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < tracked_count; ++i) {
    if (client.parameters[i] != no_value && server.parameters[i] != no_value &&
        client.parameters[i] != server.parameters[i]) {
      differing[count++] = i;
    }
  }
  if (count == 0) return;

  std::string& out = context.out.scratch();
  wire::Writer writer(out);
  std::string query = "select ";
  for (std::size_t i = 0; i < count; ++i) {
    query +=
        join(i == 0 ? "" : ",", "pg_catalog.set_config($", 2 * i + 1, ",$", 2 * i + 2, ",false)");
  }
  writer.begin(FrontendType::parse).text("").text(query).u16(0).end();
  writer.begin(FrontendType::bind).text("").text("").u16(0);
  writer.u16(static_cast<std::uint16_t>(2 * count));
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string_view part :
         {tracked_parameters[differing[i]], context.values.text(client.parameters[differing[i]])}) {
      writer.u32(static_cast<std::uint32_t>(part.size())).bytes(bytes_of(part));
    }
  }
  writer.u16(0).end();
  writer.begin(FrontendType::execute).text("").u32(0).end();
  writer.begin(FrontendType::sync).end();
  context.out.send_copy(server.socket(), out);

  server.unnamed_owner = {};
  for (const Request request : {Request::parse, Request::bind, Request::execute, Request::sync}) {
    server.owed.push({request, Fate::swallow});
  }
}

}  // namespace

void join_link(Client& client, Server& server, LinkContext& context) {
  PGWEIR_REQUIRE(server.state == ServerState::idle && !server.client, server.state);  // I-04
  PGWEIR_REQUIRE(provably_clean(server, nullptr), server.self.slot);                  // I-05
  client.become(ClientState::active, context.now);
  server.become(ServerState::active, context.now);
  client.server = server.self;
  server.client = client.self;
  client.request_at = context.now;  // the clocks of waiting are over
  client.transaction_at = context.now;
  ++server.assignments;
  ++context.totals.server_assignment_count;
  align_parameters(client, server, context);
}

LinkOutcome forward_from_client(Client& client, Server& server, Bytes bytes, LinkContext& context) {
  PGWEIR_REQUIRE(client.server == server.self && server.client == client.self, client.self.slot,
                 server.self.slot);  // I-04
  return ClientSide(client, server, context).forward(bytes);
}

LinkOutcome forward_from_server(Server& server, Client* client, Bytes bytes, LinkContext& context) {
  PGWEIR_REQUIRE(client == nullptr || client->server == server.self, server.self.slot);  // I-04
  return ServerSide(server, client, context).forward(bytes);
}

bool transaction_over(const Server& server, const Client* client) {
  return server.owed.settled() && server.status == TransactionStatus::idle &&
         server.stream.between_messages() && server.stream.held.empty() && !server.dying &&
         !server.congested &&
         (client == nullptr || client->stream.between_messages() || !client->stream.forward);
}

bool provably_clean(const Server& server, const Client* client) {
  return transaction_over(server, client) && !server.owed.doubtful();
}

}  // namespace pgweir::session
