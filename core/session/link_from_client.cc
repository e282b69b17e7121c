// What a client says, to its server. Statements that it has names for are called by pgweir's on the
// server, and prepared there when they are not yet.
#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "core/session/client_message.h"
#include "core/session/hold_up.h"
#include "core/session/link.h"
#include "core/session/made_up.h"
#include "core/session/reading.h"
#include "core/session/state_policy.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace pgweir::session {

using wire::FrontendType;
using wire::TransactionStatus;

namespace {

// One pass over a client's bytes.
class ClientSide {
 public:
  ClientSide(Client& client, Server& server, LinkContext& context)
      : client_(client),
        server_(server),
        context_(context),
        state_(server, context),
        run_(context.out, server.socket()) {}

  LinkOutcome forward(Bytes bytes) {
    MessageStream& stream = client_.stream;
    while (!bytes.empty()) {
      if (!stream.between_messages()) {
        const Bytes piece = bytes.first(std::min<std::size_t>(stream.body_left, bytes.size()));
        stream.body_left -= static_cast<std::uint32_t>(piece.size());
        context_.totals.received += piece.size();
        client_.unnamed.add(text_of(piece));
        client_.batch.add(piece);
        if (stream.forward) run_.add(piece);
        bytes = bytes.subspan(piece.size());
        continue;
      }
      const bool full = server_.owed.size() >= limits::owed_replies_max;
      const std::byte next = stream.held.empty() ? bytes.front() : stream.held.front();
      if (full || may_be_hit_by_cancel(server_, next)) {
        if (full) flush_answers();
        client_.blocked = true;
        stream.hold(bytes);
        return {};
      }
      Opening opening{};
      const auto needed = [&](const wire::Header& header) {
        return stream.wants_whole ? header.body_size : needed_of_client(header);
      };
      switch (open_message(stream, bytes, context_.out.arena(), needed, opening)) {
        case Opened::incomplete: return {};
        case Opened::invalid: return {Verdict::broken, std::nullopt};
        case Opened::message: break;
      }
      if (waits(client_, server_, opening)) {
        stream.body_left = 0;
        stream.hold(opening.piece);
        stream.hold(bytes);
        return {};
      }
      context_.totals.received += opening.piece.size();
      if (context_.settings.retry_prepared_statements || !client_.batch.none()) keep(opening);
      LinkOutcome outcome = request(opening);
      if (outcome.verdict != Verdict::carry_on) return outcome;
    }
    return {};
  }

 private:
  LinkOutcome request(const Opening& opening) {
    server_.trail.sent(opening.header.type);
    server_.unheard = false;
    switch (static_cast<FrontendType>(opening.header.type)) {
      case FrontendType::query: return query(opening);
      case FrontendType::parse: return parse(opening);
      case FrontendType::bind: return bind(opening);
      case FrontendType::describe: return describe(opening);
      case FrontendType::execute: return execute(opening);
      case FrontendType::close: return close(opening);
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

  void keep(const Opening& opening) {
    const bool asks_first = server_.owed.empty() || server_.owed.swallowing();
    const bool begins = context_.settings.retry_prepared_statements && asks_first &&
                        !server_.owed.lacks_sync() && server_.status == TransactionStatus::idle;
    client_.batch.says(static_cast<FrontendType>(opening.header.type), opening.piece, begins);
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

  // A simple query drops the unnamed statement, whatever becomes of it.
  [[gnu::noinline]] LinkOutcome query(const Opening& opening) {
    if (opening.header.body_size > limits::looked_into_size_max) {
      server_.session.made(StateKind::unknown);
      return ask(opening, {.request = Request::query, .change = drop_unnamed()});
    }
    const StateEffectsIfAny does = state_.effects_of(query_of(opening));
    if (!does) return ask(opening, {.request = Request::query, .change = drop_unnamed()});
    const StateEffects effects = state_.here(*does);
    if (const auto refusal = state_.refusal_of(effects)) return refuse_query(*refusal, effects);
    state_.take(effects);
    Owed owed{.request = Request::query, .change = drop_unnamed()};
    deallocate(effects, owed.change);
    return ask(opening, owed);
  }

  // The unnamed portal is of what was bound last; what others are of was taken for sent at Bind.
  [[gnu::noinline]] LinkOutcome execute(const Opening& opening) {
    const bool unnamed = !opening.body().empty() && opening.body()[0] == std::byte{0};
    const StateEffects* does = server_.session.bound.get();
    Owed owed{Request::execute};
    if (unnamed && does != nullptr && !server_.owed.skipping()) {
      state_.take(*does);
      deallocate(*does, owed.change);
    }
    return ask(opening, owed);
  }

  // What the text that follows takes away of what was prepared by protocol.
  void deallocate(const StateEffects& effects, Change& change) {
    if (server_.owed.skipping()) return;
    if (!effects.deallocates.empty()) change.client = give_stand_ins(effects.deallocates);
    if (!effects.forgets_statements) return;
    change.client |= client_.statements.remove_all(change.client);
    change.server = server_.statements.remove_all();
  }

  // At the server these have other names, and are everybody's: so that the text does in its place
  // what it does, the server gets an empty one for each. Where it fails they may be left there.
  // False: the client has none of them by protocol.
  bool give_stand_ins(const std::vector<std::string>& names) {
    asks();
    std::string& message = context_.out.scratch();
    wire::Writer writer(message);
    const auto close = [&](const std::string& name) {
      writer.begin(FrontendType::close).u8('S').text(name).end();
      server_.owed.push({Request::close, Fate::inject});
    };
    for (const std::string& left : std::exchange(server_.stand_ins, {})) close(left);
    for (const std::string& name : names) {
      const bool ours = name.starts_with(server_name_prefix);
      if (ours || !client_.statements.remove(name, !server_.stand_ins.empty())) continue;
      close(name);
      writer.begin(FrontendType::parse).text(name).text("").u16(0).end();
      server_.owed.push({Request::prepare, Fate::inject});
      server_.stand_ins.push_back(name);
    }
    if (!message.empty()) send_instead(message, {});
    return !server_.stand_ins.empty();
  }

  Change drop_unnamed() {
    if (server_.owed.skipping()) return {};
    server_.unnamed_owner = {};
    return {.unnamed = client_.unnamed.drop()};
  }

  [[gnu::noinline]] LinkOutcome parse(const Opening& opening) {
    ++context_.totals.client_parse_count;
    const Name name = statement_of(opening);
    // Of a Parse that is all there and whose name does not end the server finds what is wrong.
    if (name.text.empty() && (name.whole || opening.whole())) {
      if (server_.owed.skipping()) return pass(opening);  // the server skips it
      const bool looked_into = opening.header.body_size <= limits::looked_into_size_max;
      StateEffectsIfAny does = looked_into ? what_it_does(opening, name.text) : nothing_is_known();
      if (does) {
        const std::string cause = state_.refused_always(*does);
        if (!cause.empty()) {
          return refuse(opening, Refusal::session_state, {}, cause, drop_unnamed());
        }
      }
      keep_unnamed(opening, std::move(does));
      return ask(opening, {.request = Request::parse, .change = {.unnamed = true}});
    }
    if (server_.whole_session) {
      server_.session.made(StateKind::prepared);
      return ask(opening, {Request::parse});
    }
    if (const auto refusal = unusable(name)) return refuse(opening, *refusal, name.text);
    if (opening.header.body_size > limits::statement_size_max) {
      return refuse(opening, Refusal::statement_too_long, name.text);
    }
    if (server_.owed.skipping()) return drop();
    if (client_.statements.find(name.text))
      return refuse(opening, Refusal::statement_exists, name.text);
    const std::string_view definition = text_of(opening.body().subspan(name.text.size() + 1));
    if (!is_definition(definition)) return refuse(opening, Refusal::malformed, name.text);

    if (!client_.statements.has_room_for(name.text, definition)) {
      return refuse(opening, Refusal::too_many_statements, name.text);
    }
    StateEffectsIfAny does = what_it_does(opening, name.text);
    if (does) {
      const std::string cause = state_.refused_always(*does);
      if (!cause.empty()) return refuse(opening, Refusal::session_state, name.text, cause);
    }

    const StatementHandle handle =
        context_.statements.use(definition, reading(), context_.vault, std::move(does));
    const Statement& statement = context_.statements.at(handle);
    client_.statements.add(name.text, statement);
    asks();
    // In a failed transaction it is the server's to say whether such a statement may be parsed.
    if (server_.status != TransactionStatus::failed && server_.statements.use(statement)) {
      make_up({Request::prepare, Fate::make_up, Refusal::none, {.client = true, .server = false}});
    } else {
      prepare(statement,
              {Request::prepare, Fate::forward, Refusal::none, {.client = true, .server = true}});
    }
    return {};
  }

  [[gnu::noinline]] LinkOutcome bind(const Opening& opening) {
    ++context_.totals.bind_count;
    wire::Reader reader(opening.body());
    const std::string_view portal = reader.text();
    const Name name{reader.text(), !reader.failed()};
    // A portal's name so long that the statement's is out of sight hides nothing.
    if (!name.whole && !opening.whole()) return refuse(opening, Refusal::name_too_long, {});
    if (!name.whole) return ask(opening, {Request::bind});  // the server finds what is wrong
    const StateEffects* does = does_of(name);
    if (does != nullptr || server_.session.bound) {
      if (const auto refusal = state_.bind(does, portal)) {
        return refuse(opening, *refusal, name.text, cause_of(state_.here(*does)));
      }
    }
    if (name.text.empty()) return ask_of_unnamed(opening, Request::bind);
    if (server_.whole_session) return ask(opening, {Request::bind});
    const Statement* statement = nullptr;
    if (const auto done = find(opening, name, statement)) return *done;
    server_.owed.push({.request = Request::bind, .statement = statement->self});
    std::string& message = context_.out.scratch();
    const std::string server_name = server_name_of(statement->digest);
    const Bytes rest = opening.body().subspan(portal.size() + name.text.size() + 2);
    const std::size_t size = opening.header.body_size - name.text.size() + server_name.size();
    wire::Writer(message)
        .u8(static_cast<std::uint8_t>(FrontendType::bind))
        .u32(static_cast<std::uint32_t>(4 + size))
        .text(portal)
        .text(server_name);
    return send_instead(message, rest);
  }

  [[gnu::noinline]] LinkOutcome describe(const Opening& opening) {
    wire::Reader reader(opening.body());
    const bool of_statement = reader.u8() == 'S';
    const Name name{reader.text(), !reader.failed()};
    if (!of_statement) return ask(opening, {Request::describe_portal});
    if (!name.whole && !opening.whole()) return refuse(opening, Refusal::name_too_long, {});
    if (!name.whole) return ask(opening, {Request::describe_statement});
    if (name.text.empty()) return ask_of_unnamed(opening, Request::describe_statement);
    if (server_.whole_session) return ask(opening, {Request::describe_statement});
    // What follows would go to the server behind the whole message that stands for this one.
    if (!ends_with(opening, name)) return refuse(opening, Refusal::malformed, name.text);
    const Statement* statement = nullptr;
    if (const auto done = find(opening, name, statement)) return *done;
    server_.owed.push({.request = Request::describe_statement, .statement = statement->self});
    std::string& message = context_.out.scratch();
    wire::Writer(message)
        .begin(FrontendType::describe)
        .u8('S')
        .text(server_name_of(statement->digest))
        .end();
    return send_instead(message, {});
  }

  // Of a statement by name: the server's is everybody's, and stays. (In a session of its own the
  // client's names are the server's.)
  [[gnu::noinline]] LinkOutcome close(const Opening& opening) {
    wire::Reader reader(opening.body());
    const bool of_statement = reader.u8() == 'S';
    const Name name{reader.text(), !reader.failed()};
    const bool named = of_statement && (!name.text.empty() || !name.whole);
    if (!named || (!name.whole && opening.whole())) {
      const bool unnamed = of_statement && name.whole;
      return ask(opening,
                 {.request = Request::close, .change = unnamed ? drop_unnamed() : Change{}});
    }
    if (server_.whole_session) return ask(opening, {Request::close});
    if (name.whole && !ends_with(opening, name)) {
      return refuse(opening, Refusal::malformed, name.text);
    }
    if (server_.owed.skipping()) return drop();
    asks();
    const bool known = name.whole && client_.statements.remove(name.text);
    make_up({Request::close, Fate::make_up, Refusal::none, {.client = known, .server = false}});
    return {};
  }

  // Of a Parse that is all there.
  StateEffectsIfAny what_it_does(const Opening& opening, std::string_view name) const {
    std::string_view text = text_of(opening.body()).substr(name.size());
    if (!text.empty()) text.remove_prefix(1);
    return state_.effects_of(text.substr(0, text.find('\0')));
  }

  const std::string& reading() {
    if (client_.reading == nullptr) {
      const std::string_view settings = context_.values.text(client_.settings);
      client_.reading = std::make_unique<const std::string>(
          reading_of(client_.parameters, settings, context_.values));
    }
    return *client_.reading;
  }

  // What the client calls so, as it would be read now. None: nothing.
  [[gnu::noinline]] const Statement* statement_called(std::string_view name) {
    const auto handle = client_.statements.find(name);
    if (!handle) return nullptr;
    const Statement& statement = context_.statements.at(*handle);
    if (statement.reading == reading()) return &statement;
    const std::string& definition = statement.definition;
    StateEffectsIfAny does = state_.effects_of(definition.substr(0, definition.find('\0')));
    const StatementHandle now =
        context_.statements.use(definition, reading(), context_.vault, std::move(does));
    client_.statements.read_otherwise(name, now, context_.statements);
    return &context_.statements.at(now);
  }

  // None: it stands for nothing.
  const StateEffects* does_of(const Name& name) {
    if (name.text.empty()) return client_.unnamed.does();
    const Statement* statement = statement_called(name.text);
    return statement == nullptr ? nullptr : statement->does.get();
  }

  // What goes to the server fails there as well, and its transaction with it.
  LinkOutcome refuse_query(Refusal refusal, const StateEffects& effects) {
    asks();
    if (!server_.owed.skipping()) server_.refused_names.push_back(cause_of(effects));
    server_.owed.push({.request = Request::query,
                       .fate = Fate::replace,
                       .refusal = refusal,
                       .change = drop_unnamed()});
    client_.stream.forward = false;
    std::string& message = context_.out.scratch();
    wire::Writer(message).begin(FrontendType::query).text("pgweir refused this query").end();
    run_.flush();
    context_.out.send_copy(server_.socket(), message);
    return {};
  }

  // Before Sync a server may keep its answers to itself, and what is made up behind them with them:
  // its client, which is held up until they come, cannot ask for them.
  [[gnu::noinline]] void flush_answers() {
    if (!server_.owed.lacks_sync()) return;
    server_.trail.sent(static_cast<std::uint8_t>(FrontendType::flush));
    std::string& message = context_.out.scratch();
    wire::Writer(message).begin(FrontendType::flush).end();
    run_.flush();
    context_.out.send_copy(server_.socket(), message);
  }

  std::optional<Refusal> unusable(const Name& name) const {
    if (context_.settings.max_prepared_statements == 0) return Refusal::no_named_statements;
    if (!name.whole || name.text.size() > limits::name_size_max) return Refusal::name_too_long;
    return std::nullopt;
  }

  // What the client calls by that name; sees that the server has it. Or what becomes of the request
  // without it.
  std::optional<LinkOutcome> find(const Opening& opening, const Name& name,
                                  const Statement*& statement) {
    if (const auto refusal = unusable(name)) return refuse(opening, *refusal, name.text);
    if (server_.owed.skipping()) return drop();
    statement = statement_called(name.text);
    if (statement == nullptr) return refuse(opening, Refusal::unknown_statement, name.text);
    asks();
    if (!server_.statements.use(*statement)) {
      prepare(*statement,
              {Request::prepare, Fate::inject, Refusal::none, {.client = false, .server = true}});
    }
    return std::nullopt;
  }

  // In the place of one that has not been used for long, where there are too many.
  void prepare(const Statement& statement, Owed owed) {
    std::string& message = context_.out.scratch();
    wire::Writer writer(message);
    const auto close = [&](const StatementDigest& digest) {
      writer.begin(FrontendType::close).u8('S').text(server_name_of(digest)).end();
      server_.statements.remove(digest);
      server_.owed.push(
          {Request::close, Fate::inject, Refusal::none, {.client = false, .server = true}});
    };
    if (server_.statements.has(statement.digest)) close(statement.digest);
    const auto most = static_cast<std::size_t>(context_.settings.max_prepared_statements);
    while (server_.statements.size() >= most) close(server_.statements.oldest());
    writer.begin(FrontendType::parse).text(server_name_of(statement.digest));
    writer.bytes(bytes_of(statement.definition)).end();
    server_.statements.add(statement, server_.session.reading_in_doubt());
    server_.owed.push(owed);
    ++context_.totals.server_parse_count;
    send_instead(message, {});
  }

  // message: in the place of what the client has said of this one so far.
  LinkOutcome send_instead(std::string_view message, Bytes rest) {
    client_.stream.forward = true;
    run_.flush();
    context_.out.send_copy(server_.socket(), message);
    run_.add(rest);
    return {};
  }

  // The server skips to Sync, and so does this.
  LinkOutcome drop() {
    client_.stream.forward = false;
    return {};
  }

  void make_up(Owed owed) {
    client_.stream.forward = false;
    server_.owed.push(owed);
    run_.flush();  // what was said before it comes before its answer
    answer_made_up(server_, &client_, context_);
  }

  // The client's first request since everything it asked before was answered, and its first since
  // its last transaction ended.
  void asks() {
    if (server_.owed.empty() || server_.owed.swallowing()) client_.request_at = context_.now;
    const bool begins = server_.owed.settled() && server_.status == TransactionStatus::idle;
    if (begins) client_.transaction_at = context_.now;
  }

  void keep_unnamed(const Opening& opening, StateEffectsIfAny does) {
    // Behind its name. Of one without any the server finds what is wrong.
    const std::size_t name_size = std::min<std::size_t>(1, opening.header.body_size);
    client_.unnamed.begin(opening.header.body_size - name_size,
                          text_of(opening.body().subspan(name_size)), std::move(does));
    unnamed_is_clients();
  }

  void unnamed_is_clients() {
    server_.unnamed_owner = client_.self;
    server_.unnamed_version = client_.unnamed.version();
  }

  // Where the server's unnamed statement is not this client's last one, that is prepared again.
  LinkOutcome ask_of_unnamed(const Opening& opening, Request request) {
    const UnnamedStatement& unnamed = client_.unnamed;
    const bool there =
        server_.unnamed_owner == client_.self && server_.unnamed_version == unnamed.version();
    if (!there && !server_.owed.skipping()) {
      if (unnamed.too_long()) return refuse(opening, Refusal::unnamed_too_long, {});
      if (!unnamed.whole()) return refuse(opening, Refusal::no_unnamed_statement, {});
      asks();
      std::string& message = context_.out.scratch();
      wire::Writer(message)
          .begin(FrontendType::parse)
          .text("")
          .bytes(bytes_of(unnamed.definition()))
          .end();
      send_instead(message, {});
      unnamed_is_clients();
      server_.owed.push(
          {.request = Request::parse, .fate = Fate::inject, .change = {.unnamed = true}});
      ++context_.totals.server_parse_count;
    }
    return ask(opening, {request});
  }

  LinkOutcome refuse(const Opening& opening, Refusal refusal, std::string_view name) {
    return refuse(opening, refusal, name, std::string(name));
  }

  // what: that the client is told of. change: what becomes of its statements all the same.
  LinkOutcome refuse(const Opening& opening, Refusal refusal, std::string_view name,
                     std::string what, Change change = {}) {
    asks();
    if (!server_.owed.skipping()) server_.refused_names.push_back(std::move(what));
    server_.owed.push({Request::describe_statement, Fate::replace, refusal, change});
    client_.stream.forward = false;
    // Describe of neither a statement nor a portal: so the server fails there too, and its
    // transaction with it. No name does: SQL's PREPARE makes any.
    const char type = static_cast<char>(opening.header.type);
    std::string& message = context_.out.scratch();
    wire::Writer(message)
        .begin(FrontendType::describe)
        .u8('!')
        .text(join("pgweir refused ", std::string_view(&type, 1), name))
        .end();
    run_.flush();
    context_.out.send_copy(server_.socket(), message);
    return {};
  }

  Client& client_;
  Server& server_;
  LinkContext& context_;
  StatePolicy state_;
  Run run_;
};

}  // namespace

LinkOutcome forward_from_client(Client& client, Server& server, Bytes bytes, LinkContext& context) {
  PGWEIR_REQUIRE(client.server == server.self && server.client == client.self, client.self.slot,
                 server.self.slot);  // I-04
  return ClientSide(client, server, context).forward(bytes);
}

}  // namespace pgweir::session
