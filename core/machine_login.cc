// A client's way in: its first packet, authentication, and the welcome (PostgreSQL: "Message Flow",
// Start-up; "SASL Authentication").
#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/wire/reader.h"
#include "core/wire/startup.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;
using wire::BackendType;

namespace {

bool is_console(std::string_view database) {
  return database == "pgbouncer" || database == "pgweir";
}

PgError wrong_password(std::string_view user) {
  return {sqlstate::invalid_password,
          join("password authentication failed for user \"", user, "\"")};
}

}  // namespace

void Machine::Core::startup_bytes(Client& client, Bytes bytes) {
  if (client.cancelling) return;  // it has said all it may
  client.stream.hold(bytes);
  if (leaving_.contains(client.self)) return;
  while (client.state == ClientState::startup && client.stream.held.size() >= 4) {
    const auto size = wire::startup_packet_size(client.stream.held);
    if (!size) return close_client(client, effect::CloseWhen::now, "not a PostgreSQL client");
    if (client.stream.held.size() < *size) return;
    const Bytes all = client.stream.take_held(out_.arena());
    client.stream.hold(all.subspan(*size));
    if (!first_packet(client, all.first(*size))) return;
  }
  if (client.state != ClientState::startup && !client.stream.held.empty()) {
    client_bytes(client, client.stream.take_held(out_.arena()));
  }
}

// False when the client is on its way out, or to another machine.
bool Machine::Core::first_packet(Client& client, Bytes packet) {
  const auto read = wire::read_startup_packet(packet);
  if (!read) {
    if (read.error().silently) {
      close_client(client, effect::CloseWhen::now, "not a PostgreSQL client");
    } else {
      fail_client(client, read.error().error);
    }
    return false;
  }
  if (const auto* cancel = std::get_if<wire::CancelRequest>(&*read)) {
    cancel_requested(client, *cancel);
    return false;
  }
  if (const auto* startup = std::get_if<wire::Startup>(&*read)) {
    const std::uint8_t home =
        is_console(startup->database) ? seat_.machine : home_for(startup->database, startup->user);
    if (home != seat_.machine && !draining_) {
      send_home(client, home, packet);
      return false;
    }
    begin_login(client, packet);
    return client.state != ClientState::closing;
  }
  // Encryption is refused once each; asking again and again gets no answer (CVE-2026-6479).
  bool& asked =
      std::holds_alternative<wire::SslRequest>(*read) ? client.ssl_asked : client.gssenc_asked;
  if (asked) {
    close_client(client, effect::CloseWhen::now, "asked for encryption again");
    return false;
  }
  asked = true;
  out_.send_copy(client.socket(), "N");
  return true;
}

void Machine::Core::begin_login(Client& client, Bytes packet) {
  const wire::Startup startup = std::get<wire::Startup>(*wire::read_startup_packet(packet));
  client.login = std::make_unique<session::Login>();
  client.login->user = startup.user;
  client.login->database = startup.database;
  client.login->minor = std::min(startup.minor, wire::newest_minor);
  for (const auto& [name, value] : startup.parameters) {
    client.login->parameters.emplace_back(name, value);
  }
  if (draining_) {
    return fail_client(client, {sqlstate::cannot_connect_now, "pgweir is shutting down"});
  }
  // 3.1 is spoken by nobody, and nothing is new in it: it is taken as PostgreSQL takes it.
  if (startup.minor > wire::newest_minor || !startup.protocol_options.empty()) {
    std::string& message = out_.scratch();
    wire::Writer writer(message);
    writer.begin(BackendType::negotiate_protocol_version);
    writer.u32(wire::protocol_3_0 + client.login->minor);
    writer.u32(static_cast<std::uint32_t>(startup.protocol_options.size()));
    for (const std::string_view option : startup.protocol_options) writer.text(option);
    writer.end();
    out_.send_copy(client.socket(), message);
  }
  begin_authentication(client);
}

void Machine::Core::begin_authentication(Client& client) {
  client.become(ClientState::authenticating, now_);
  const session::Login& login = *client.login;
  if (is_console(login.database) && login.user == "pgbouncer" && client.uid == seat_.uid &&
      client.peer.family == Endpoint::Family::unix_socket) {
    return authenticated(client);
  }
  switch (settings_.auth_type) {
    case AuthType::trust:
      // A user nobody knows looks like a wrong password, whatever the method.
      if (line_of_user(settings_, login.user) == nullptr)
        return fail_client(client, wrong_password(login.user));
      return authenticated(client);
    case AuthType::scram_sha_256: {
      std::string& message = out_.scratch();
      constexpr std::string_view mechanisms("SCRAM-SHA-256\0\0", 15);
      write_authentication(message, wire::Authentication::sasl, bytes_of(mechanisms));
      out_.send_copy(client.socket(), message);
      return;
    }
  }
}

void Machine::Core::authentication_bytes(Client& client, Bytes bytes) {
  client.stream.hold(bytes);
  while (client.state == ClientState::authenticating && !client.login->deriving &&
         !client.login->admitting) {
    const Bytes held = client.stream.held;
    if (held.size() < wire::header_size) return;
    const wire::Header header = wire::read_header(held);
    if (header.type == static_cast<std::uint8_t>(wire::FrontendType::terminate)) {
      return close_client(client, effect::CloseWhen::now, "left while logging in");
    }
    if (header.type != static_cast<std::uint8_t>(wire::FrontendType::password)) {
      return fail_client(client, {sqlstate::protocol_violation,
                                  join("expected SASL response, got message type ", header.type)});
    }
    if (!header.valid || header.body_size > limits::auth_message_size_max) {
      return close_client(client, effect::CloseWhen::now, "wrong message length while logging in");
    }
    const std::size_t whole = wire::header_size + header.body_size;
    if (held.size() < whole) return;
    const Bytes all = client.stream.take_held(out_.arena());
    client.stream.hold(all.subspan(whole));
    sasl_answer(client, all.first(whole).subspan(wire::header_size));
  }
  if (client.state != ClientState::authenticating) pass_on_held(client);
}

// What it said while it was being let in.
void Machine::Core::pass_on_held(Client& client) {
  if (client.state == ClientState::closing || client.stream.held.empty()) return;
  client_bytes(client, client.stream.take_held(out_.arena()));
}

void Machine::Core::sasl_answer(Client& client, Bytes body) {
  session::Login& login = *client.login;
  if (!login.scram) {
    // By the settings of now: a reload may have brought another password since it connected.
    const CredentialId credential = credential_of(login.user);
    if (vault_.verifier_ready(credential)) {
      login.scram.emplace(credential, login.user);
      return challenge(client, body);
    }
    // The verifier of a plain password is made once; until it is there the answer waits.
    login.deriving = true;
    std::vector<std::byte>& held = client.stream.held;
    held.insert(held.begin(), body.begin(), body.end());
    login.first_answer_size = body.size();
    update_reading(client);
    derivation(credential, {}, 0).clients.push_back(client.self);
    return start_derivations();
  }
  const auto final = login.scram->final(text_of(body), vault_);
  if (!final) return fail_client(client, final.error());
  std::string& message = out_.scratch();
  write_authentication(message, wire::Authentication::sasl_final, bytes_of(*final));
  out_.send_copy(client.socket(), message);
  authenticated(client);
}

// SASLInitialResponse: the mechanism, and the client-first-message with its length.
void Machine::Core::challenge(Client& client, Bytes body) {
  wire::Reader reader(body);
  const std::string_view mechanism = reader.text();
  const std::uint32_t size = reader.u32();
  const std::string_view message = text_of(reader.bytes(size));
  if (!reader.finished()) {
    return fail_client(client,
                       {sqlstate::protocol_violation, "malformed SASLInitialResponse message"});
  }
  if (mechanism != "SCRAM-SHA-256") {
    return fail_client(client, {sqlstate::protocol_violation,
                                "client selected an invalid SASL authentication mechanism"});
  }
  const auto first = client.login->scram->first(message, vault_);
  if (!first) return fail_client(client, first.error());
  std::string& answer = out_.scratch();
  write_authentication(answer, wire::Authentication::sasl_continue, bytes_of(*first));
  out_.send_copy(client.socket(), answer);
}

CredentialId Machine::Core::credential_of(std::string_view user) const {
  const UserSettings* known = find_user(settings_, user);
  return known != nullptr ? known->credential : no_credential;
}

void Machine::Core::verifier_derived(Client& client, CredentialId credential, bool done) {
  if (client.state != ClientState::authenticating || !client.login->deriving) return;
  client.login->deriving = false;
  update_reading(client);
  if (!done && credential == credential_of(client.login->user)) {
    return fail_client(client,
                       {sqlstate::internal_error, "the password could not be prepared for SCRAM"});
  }
  const Bytes all = client.stream.take_held(out_.arena());
  const std::size_t size = client.login->first_answer_size;
  client.stream.hold(all.subspan(size));
  sasl_answer(client, all.first(size));
  if (client.state == ClientState::authenticating) authentication_bytes(client, {});
}

// Who it is is proved. max_client_conn is exact: the first machine counts the clients of all.
void Machine::Core::authenticated(Client& client) {
  const session::Login& login = *client.login;
  const bool own_admin = login.user == "pgbouncer" && client.uid == seat_.uid;
  const bool admin = own_admin || contains(settings_.admin_users, login.user);
  if (seat_.machine == 0 && !client.has_place) client.has_place = take_place(admin);
  if (client.has_place) return admitted(client);
  if (seat_.machine == 0) return refuse_place(client);
  client.login->admitting = true;
  update_reading(client);
  tell(0, seats::Admit{client.self, admin});
}

void Machine::Core::refuse_place(Client& client) {
  fail_client(client,
              {sqlstate::too_many_connections, "no more connections allowed (max_client_conn)",
               "Raise max_client_conn, or let clients keep fewer connections open."});
}

// Now, and not before, it may learn what there is.
void Machine::Core::admitted(Client& client) {
  unauthenticated_.remove(clients_, client);
  ++logged_in_count_;
  client.counted = true;
  const session::Login& login = *client.login;
  client.user = values_.intern(login.user);

  if (is_console(login.database)) return console_welcome(client);
  Database* database = find_or_make_database(login.database);
  if (database == nullptr) {
    return fail_client(
        client,
        {sqlstate::invalid_catalog_name, join("database \"", login.database, "\" does not exist"),
         "Databases are named in the [databases] part of pgweir's settings."});
  }
  Pool& pool = pool_for(*database, login.user);
  client.pool = pool.self;
  client.pool_mode = pool_mode_for(database->settings, login.user, settings_);
  ++pool.client_count;
  ++database->client_count;
  ++pool.user->client_count;
  if (!take_parameters(client)) return;

  client.become(ClientState::logging_in, now_);
  if (client.replication != session::Replication::none) return want_own_server(client);
  if (pool.known) return welcome(client);
  if (hopeless(pool)) return fail_client(client, pool.failure->error);
  pool.logging_in.push_back(clients_, client);
  client.request_at = now_;
  update_reading(client);
  arm(client);
  touch(pool);
}

bool Machine::Core::ignored(std::string_view parameter) const {
  return std::any_of(settings_.ignore_startup_parameters.begin(),
                     settings_.ignore_startup_parameters.end(),
                     [&](const std::string& name) { return session::same_name(name, parameter); });
}

// As PostgreSQL does: the last options count, and before all that is said beside them.
bool Machine::Core::take_parameters(Client& client) {
  session::Login& login = *client.login;
  std::string_view options;
  for (const auto& [name, value] : login.parameters) {
    if (name == "options" && !ignored(name)) options = value;
  }
  const auto settings = wire::read_options(options);
  if (!settings) {
    fail_client(client, {sqlstate::syntax_error, "invalid startup parameter: options",
                         "pgweir understands -c name=value and --name=value in options."});
    return false;
  }
  for (const auto& [name, value] : *settings) take_parameter(client, name, value);
  for (const auto& [name, value] : login.parameters) {
    if (name == "options") continue;
    if (name != "replication" || ignored(name)) {
      take_parameter(client, name, value);
    } else if (!take_replication(client, value)) {
      return false;
    }
  }
  if (login.settings.size() > limits::startup_settings_max) {
    fail_client(client, {sqlstate::program_limit_exceeded,
                         join("the startup packet asks for more than ",
                              limits::startup_settings_max, " settings")});
    return false;
  }
  return true;
}

void Machine::Core::take_parameter(Client& client, std::string_view name, std::string_view value) {
  if (const auto index = session::tracked_index(name)) {
    return values_.assign(client.parameters, *index, value);
  }
  // Who is served is said by the login, at PostgreSQL too.
  if (ignored(name) || session::same_name(name, "session_authorization")) return;
  client.login->settings.set(name, value);
}

// Of what it asked for, what this pool's servers do not report is a setting like any other.
void Machine::Core::settle_parameters(Client& client, const Pool& pool) {
  for (std::size_t i = 0; i < session::tracked_count; ++i) {
    if (client.parameters[i] == session::no_value) {
      client.parameters[i] = values_.copy(pool.parameters[i]);
    } else if (pool.parameters[i] == session::no_value) {
      client.login->settings.set(session::tracked_parameters[i],
                                 values_.text(client.parameters[i]));
      values_.release(std::exchange(client.parameters[i], session::no_value));
    }
  }
  client.first_parameters = values_.copy(client.parameters);
  const std::string settings = client.login->settings.text();
  if (settings.empty()) return;
  client.settings = values_.intern(settings);
  client.startup = values_.copy(client.settings);
  client.untried = true;
}

// What its servers say of themselves, connect_query's settings included.
void Machine::Core::learn_welcome(Server& server) {
  const std::unique_ptr<session::Said> said = std::move(server.said);
  if (said == nullptr) return;
  for (auto& [name, value] : *said) {
    if (const auto index = session::tracked_index(name)) {
      value = values_.text(server.parameters[*index]);
    }
  }
  learn_welcome(*pools_.find(server.pool), std::move(*said));
}

void Machine::Core::learn_welcome(Pool& pool, const std::vector<seats::Parameter>& told) {
  session::Said said;
  for (const auto& [name, value] : told) said.emplace_back(name, value);
  learn_welcome(pool, std::move(said));
}

// Whoever has waited to hear it is let in.
void Machine::Core::learn_welcome(Pool& pool, session::Said said) {
  pool.welcome = std::move(said);
  values_.drop(pool.parameters);
  for (const auto& [name, value] : pool.welcome) {
    if (const auto index = session::tracked_index(name)) {
      values_.assign(pool.parameters, *index, value);
    }
  }
  pool.known = true;
  introduce(pool);
  while (Client* client = clients_.find(pool.logging_in.first())) {
    pool.logging_in.remove(clients_, *client);
    welcome(*client);
  }
  touch(pool);
}

// What PostgreSQL says after a login, by what the pool's servers said, with the client's own
// values. Requires: the client's pool is known.
void Machine::Core::welcome(Client& client) {
  Pool& pool = *pools_.find(client.pool);
  settle_parameters(client, pool);
  say_welcome(client, pool.welcome);
  update_reading(client);
  arm(client);
  if (!client.stream.held.empty()) continue_client(client);
}

void Machine::Core::say_welcome(Client& client,
                                const std::vector<std::pair<std::string, std::string>>& said) {
  std::string& message = out_.scratch();
  write_authentication(message, wire::Authentication::ok);
  for (const auto& [name, value] : said) {
    const auto index = session::tracked_index(name);
    wire::write_parameter_status(
        message, name, index ? values_.text(client.parameters[*index]) : std::string_view(value));
  }
  client.cancel_key = new_cancel_key(client.login->minor);
  cancel_keys_.emplace(client.cancel_key.id(), client.self);
  wire::Writer(message)
      .begin(BackendType::backend_key_data)
      .u32(client.cancel_key.id())
      .bytes(client.cancel_key.secret())
      .end();
  wire::write_ready(message, wire::TransactionStatus::idle);
  out_.send_copy(client.socket(), message);

  client.login.reset();
  client.become(ClientState::idle, now_);
  if (settings_.log_connections) {
    note(NoteKind::client_login, Level::info, client.socket(), pools_.find(client.pool), {});
  }
}

session::CancelKey Machine::Core::new_cancel_key(std::uint16_t minor) {
  while (true) {
    const session::CancelKey key(vault_, seat_.machine, seat_.replica, minor);
    if (!cancel_keys_.contains(key.id())) return key;
  }
}

}  // namespace pgweir
