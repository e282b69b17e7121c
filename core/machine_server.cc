// A server's life: connecting, login, replies, release, and its end.
#include <algorithm>

#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/session/settle.h"
#include "core/wire/error_fields.h"
#include "core/wire/writer.h"

namespace pgweir {

using pool::News;
using session::ClientState;
using session::OwnQuery;
using session::ServerLogin;
using session::ServerState;
using session::Verdict;
using wire::BackendType;
using wire::FrontendType;

namespace {

std::string_view words_of(Reason why) {
  switch (why) {
    case Reason::none: return "the server closed the connection unexpectedly";
    case Reason::refused: return "connection refused";
    case Reason::unreachable: return "host unreachable";
    case Reason::timed_out: return "connection timed out";
    case Reason::reset: return "connection reset by the server";
    case Reason::out_of_descriptors: return "pgweir is out of file descriptors";
    case Reason::name_unknown: return "host name unknown";
    case Reason::name_failed: return "host name could not be resolved";
    case Reason::other: return "network failure";
  }
  return "network failure";
}

}  // namespace

session::LinkContext Machine::Core::context(Pool& pool) {
  return {out_,
          values_,
          statements_,
          vault_,
          settings_,
          pool.database->settings,
          pool.pinned_count,
          pool.database->totals,
          now_};
}

Machine::Core::Server& Machine::Core::add_server(Pool& pool, const Endpoint& endpoint) {
  const auto [handle, made] = servers_.emplace();
  Server& server = *made;
  server.self = handle;
  server.pool = pool.self;
  server.state_at = now_;
  server.connected_at = now_;
  server.endpoint = endpoint;
  server.path = endpoint.path;
  server.endpoint.path = server.path;
  server.timer = timers_.add({TimerOwner::Kind::server, handle.slot, handle.generation});
  ++pool.server_count;
  ++pool.database->server_count;
  ++pool.user->server_count;
  return server;
}

Machine::Core::Server& Machine::Core::open_server(Pool& pool, const seats::Open& open,
                                                  StartupParameters parameters) {
  Server& server = add_server(pool, open.endpoint);
  server.host = open.host;
  const DatabaseSettings& database = pool.database->settings;
  server.login = std::make_unique<ServerLogin>(session::ServerIdentity{
      pool.user->name, database.dbname.empty() ? database.name : database.dbname, pool.credential,
      settings_.server_cleartext_password, pool.minor, std::move(parameters)});
  ++pool.connecting_count;
  out_.add(effect::Connect{server.socket(), server.endpoint});
  arm(server);
  return server;
}

void Machine::Core::server_connected(Server& server, const event::Connected& event) {
  if (server.state != ServerState::connecting) return;
  server.local = event.local;
  server.local.path = {};
  server.become(ServerState::login, server.state_at);  // one clock for both
  out_.send_copy(server.socket(), server.login->startup_message());
}

void Machine::Core::login_bytes(Server& server, Bytes bytes) {
  const auto whole = [](const wire::Header& header) {
    return std::min(header.body_size, limits::server_message_size_max);
  };
  while (server.state == ServerState::login && !bytes.empty()) {
    session::Opening opening{};
    const session::Opened opened = open_message(server.stream, bytes, out_.arena(), whole, opening);
    if (opened == session::Opened::incomplete) return;
    if (opened == session::Opened::invalid || !opening.whole()) {
      return login_failed(server, {{sqlstate::connection_failure,
                                    "the server sent a message of an impossible length"},
                                   false});
    }
    const auto type = static_cast<BackendType>(opening.header.type);
    server.dying = type == BackendType::error_response;
    std::string answer;
    const auto next = server.login->on_message(type, opening.body(), vault_, answer);
    login_step(server, next, answer);
    if (next == ServerLogin::Next::derive) server.stream.hold(bytes);
    if (next != ServerLogin::Next::more) {
      // Nothing may follow a question of ours, and what follows a login is no part of it.
      if (next == ServerLogin::Next::ready && !bytes.empty()) server_bytes(server, bytes);
      return;
    }
  }
}

void Machine::Core::login_step(Server& server, ServerLogin::Next next, std::string_view answer) {
  if (!answer.empty()) out_.send_copy(server.socket(), answer);
  switch (next) {
    case ServerLogin::Next::more: return;
    case ServerLogin::Next::derive: {
      const auto& wanted = server.login->derivation();
      derivation(server.login->identity().credential, wanted.salt, wanted.iterations)
          .servers.push_back(server.self);
      return start_derivations();
    }
    case ServerLogin::Next::ready: return server_ready(server);
    case ServerLogin::Next::failed: return login_failed(server, server.login->failure());
  }
}

void Machine::Core::server_derived(Server& server, bool done) {
  if (server.state != ServerState::login) return;
  std::string answer;
  const auto next = server.login->on_derived(done, vault_, answer);
  login_step(server, next, answer);
  if (server.state == ServerState::login && !server.stream.held.empty()) {
    login_bytes(server, server.stream.take_held(out_.arena()));
  }
}

void Machine::Core::server_ready(Server& server) {
  Pool& pool = *pools_.find(server.pool);
  server.backend_pid = server.login->backend_pid();
  server.backend_secret = server.login->backend_secret();
  if (server.backend_secret.empty() && !std::exchange(pool.secret_missed, true)) {
    note(NoteKind::server_without_secret, Level::warning, server.socket(), &pool,
         "the server sent no BackendKeyData: cancel requests of this pool's clients are not passed "
         "on");
  }
  for (const auto& [name, value] : server.login->parameters()) {
    if (const auto index = session::tracked_index(name)) {
      values_.assign(server.parameters, *index, value);
    }
    if (name == session::in_hot_standby) server.standby = value == "on";
  }
  server.connected_at = now_;
  server.checked_at = now_;
  // Up to a tenth earlier, so that servers opened together do not end together.
  server.expires_at =
      settings_.server_lifetime == Duration::zero()
          ? never
          : after(now_, settings_.server_lifetime - settings_.server_lifetime / 2560 * jitter());
  note(NoteKind::server_connected, Level::info, server.socket(), &pool, {});
  Client* const own = clients_.find(server.opened_for);
  end_connecting(server, {News::What::logged_in, server.host, {}});
  const std::unique_ptr<ServerLogin> login = std::move(server.login);
  if (own != nullptr) return join_own_server(*own, server, login->parameters());
  server.said = std::make_unique<session::Said>(login->parameters());
  if (!pool.database->settings.connect_query.empty()) return send_connect_query(server);
  make_available(server);
  learn_welcome(server);
}

// It has logged in, or never will, and the ledger hears why.
void Machine::Core::end_connecting(Server& server, News news) {
  if (!server.connecting) return;
  Pool& pool = *pools_.find(server.pool);
  server.connecting = false;
  --pool.connecting_count;
  news.dedicated = server.replication != session::Replication::none;
  pool.news.push_back(news);
  if (Client* client = clients_.find(std::exchange(server.opened_for, {}))) client->opening = {};
  touch(pool);
}

void Machine::Core::login_failed(Server& server, const session::LoginFailure& failure) {
  Pool& pool = *pools_.find(server.pool);
  if (failure.protocol) return refused_protocol(server, failure.error);
  // Without a word: perhaps because of the protocol that was asked for.
  const bool by_protocol =
      failure.unanswered && server.state == ServerState::login && server.login->unheard();
  const bool has_older = by_protocol && server.login->identity().minor > 0;
  if (by_protocol) {
    pool.minor = server.login->identity().minor == 0 ? wire::newest_minor : 0;
  }
  note(NoteKind::server_login_failed, Level::warning, server.socket(), &pool, failure.error.message,
       failure.error.code.text());
  // The password of a reload ago says nothing about the one in force.
  const bool permanent =
      failure.permanent && server.login->identity().credential == pool.credential;
  const bool not_there =
      failure.error.code == sqlstate::cannot_connect_now || server.state == ServerState::connecting;
  const bool unsure = failure.unanswered || failure.ended;
  const News::Heard heard = not_there ? News::Heard::not_there
                            : unsure  ? News::Heard::nothing
                                      : News::Heard::answer;
  if (failure.error.code == sqlstate::cannot_connect_now) doubt(server.host);
  const PgError error = failure.error;
  const News::Why why{error.code.text(), out_.arena().copy(error.message),
                      out_.arena().copy(error.hint), heard, permanent};
  const ClientHandle own = server.opened_for;
  close_server(server, error.message, {News::What::failed, server.host, why});
  own_login_failed(own, error, not_there || has_older);
}

// It knows protocol 3.0 alone, and does not negotiate as PostgreSQL does: one that does not fail is
// opened in its place at once.
void Machine::Core::refused_protocol(Server& server, const PgError& error) {
  Pool& pool = *pools_.find(server.pool);
  pool.minor = 0;
  note(NoteKind::server_refused_protocol, Level::info, server.socket(), &pool, error.message,
       error.code.text());
  close_server(server, error.message);
}

void Machine::Core::server_bytes(Server& server, Bytes bytes) {
  server.heard_at = now_;
  while (!bytes.empty()) {
    switch (server.state) {
      case ServerState::connecting:
      case ServerState::closing: return;
      case ServerState::login: return login_bytes(server, bytes);
      case ServerState::idle:
      case ServerState::active:
      case ServerState::recovering:
      case ServerState::settling: bytes = linked_bytes(server, bytes);
    }
  }
}

// Returns those that are left, where its client goes on, or has gone, before they are looked at.
Bytes Machine::Core::linked_bytes(Server& server, Bytes bytes) {
  Pool& pool = *pools_.find(server.pool);
  Client* client = clients_.find(server.client);
  session::LinkContext context = this->context(pool);
  Bytes left = bytes;
  const session::LinkOutcome outcome = session::forward_from_server(server, client, left, context);
  if (outcome.verdict == Verdict::carry_on || outcome.verdict == Verdict::desync) left = {};
  const std::size_t taken = bytes.size() - left.size();
  if (client != nullptr) {
    context.totals.sent += taken;
    if (outcome.verdict != Verdict::carry_on) {
      act_on(*client, server, outcome);
      return left;
    }
  } else {
    server.recovery_bytes += taken;
    if (outcome.error) {
      note(NoteKind::server_said, Level::warning, server.socket(), &pool, outcome.error->message);
    }
    if (outcome.verdict != Verdict::carry_on) {
      desync(server, server.trail.text());
      return {};
    }
  }
  after_reply(server);
  return {};
}

void Machine::Core::after_reply(Server& server) {
  Client* client = clients_.find(server.client);
  if (server.dying) {
    // The rest of its last words is worth waiting for only where somebody hears them.
    const bool heard = client != nullptr && server.stream.forward;
    if (!heard || server.stream.between_messages()) server_lost(server, Reason::none);
    return;
  }
  switch (server.state) {
    case ServerState::active:
      if (may_leave(*client, server)) return release(*client, server);
      if (server.whole_session || server.pinned) {
        // Now the clocks run that did not while it streamed.
        if (server.owed.take_stream_over()) client->request_at = client->transaction_at = now_;
        // Its server may not stay, and what it has there would be lost.
        if (idles_with_server(*client) && server.cancel_in_doubt) return fail_in_doubt(*client);
        const bool may_stay = !draining_ && !server.stale && !pools_.find(server.pool)->retired;
        if (!may_stay && may_be_sent_away(*client)) return drain_client(*client);
      }
      if (server.cancel_wanted && !server.owed.swallowing()) {
        server.cancel_wanted = false;
        if (!server.owed.empty()) start_cancel(server);
      }
      if (may_go_on(*client, server)) continue_client(*client);
      end_if_done(*client);
      if (client->state == ClientState::active) arm(*client);
      return;
    case ServerState::recovering: return recover(server);
    case ServerState::idle:
      // Half of a message that may come at any time: nobody gets this server before the rest.
      if (provably_clean(server, nullptr)) return;
      std::erase(pools_.find(server.pool)->idle, server.self);
      server.become(ServerState::settling, now_);
      return arm(server);
    case ServerState::settling:
      if (server.offered) return;
      if (server.stale || (!server.cancel && provably_clean(server, nullptr))) {
        make_available(server);
      }
      return;
    case ServerState::connecting:
    case ServerState::login:
    case ServerState::closing: return;
  }
}

// Its transaction is over, and neither its pool_mode nor what it has left in the session keeps the
// server there.
bool Machine::Core::may_leave(Client& client, Server& server) {
  if (!transaction_over(server, &client)) return false;
  settle(server, &client);
  return !server.whole_session && (!server.pinned || !server.session.pins());
}

void Machine::Core::settle(Server& server, Client* client) {
  if (server.session.is_settled()) return;
  session::LinkContext context = this->context(*pools_.find(server.pool));
  session::settle_unsettled(server, client, context);
}

// They are nothing to each other any more.
void Machine::Core::part(Client& client, Server& server) {
  client.server = {};
  server.client = {};
  if (std::exchange(server.pinned, false)) --pools_.find(server.pool)->pinned_count;
  // Whatever it did there, by a function perhaps, is not all seen.
  const bool always = settings_.server_reset_query_always && !settings_.server_reset_query.empty();
  if (std::exchange(server.whole_session, false) || always) {
    server.session.made(session::StateKind::unknown);
  }
}

// The end of a transaction. Requires: transaction_over.
void Machine::Core::release(Client& client, Server& server) {
  part(client, server);
  server.cancel_wanted = false;
  if (server.owed.doubtful()) server.stale = true;  // nobody else may get it
  client.become(ClientState::idle, now_);
  update_reading(server);
  make_available(server);
  released(client);
}

// A clean server, to whoever waits or to its pool. Serving the waiters is the end of the step's.
void Machine::Core::make_available(Server& server) {
  Pool& pool = *pools_.find(server.pool);
  PGWEIR_REQUIRE(server.replication == session::Replication::none, server.self.slot);  // I-21
  if (server.stale) return close_server(server, "not to be used again");
  const bool signs = server.leaving || server.sign != session::HostSign::none;
  if (signs && leaves_standby(server)) return close_server(server, "its host is a standby now");
  if (server.cancel || !server.stream.held.empty()) {
    server.become(ServerState::settling, now_);
    return arm(server);
  }
  if (now_ >= server.expires_at) return close_server(server, "server_lifetime");
  if (pool.retired && pool.waiting.empty()) return close_server(server, "its pool was removed");
  settle(server, nullptr);
  if (!server.session.clean()) return reset_session(server);  // I-18
  const bool connects = !pool.database->settings.connect_query.empty();
  if (connects && asks_connect_query_again(server)) return;
  // What was opened for somebody who still waits serves once: else two pools take turns in opening
  // servers, and nobody is served.
  const bool owed_a_turn = server.assignments == 0 && !pool.waiting.empty();
  const bool pressed = !pool.waiting.empty() && pool.pressure.fair_since < waiting_since(pool);
  if (pressed && !owed_a_turn && !pool.offering) return offer(server, pool::Offer::Why::pressure);
  server.become(ServerState::idle, now_);
  pool.idle.push_back(server.self);
  arm(server);
  if (pool.database->client_count == 0) arm_unused(server);
  const bool wanted = !pool.waiting.empty() || !pool.hungry.empty() || pool.pressure.since != never;
  if (wanted || draining_) touch(pool);
}

// The other side is gone.
void Machine::Core::server_lost(Server& server, Reason why) {
  if (server.state == ServerState::closing) return;
  if (server.state == ServerState::connecting || server.state == ServerState::login) {
    return login_failed(
        server, {{sqlstate::connection_failure, join("server login failed: ", words_of(why))},
                 false,
                 true});
  }
  heed_last_words(server);
  Client* client = clients_.find(server.client);
  const bool half_message = !server.stream.between_messages() && server.stream.forward;
  const bool done = client != nullptr && !half_message && session::is_done(*client, server);
  const bool unheard = client != nullptr && server.unheard && !half_message;
  if (done || (unheard && !std::exchange(client->retried, true))) {
    part(*client, server);
    client->become(ClientState::idle, now_);
    close_server(server, words_of(why));
    return done ? released(*client) : continue_client(*client);  // nothing of it was sent
  }
  if (client != nullptr) {
    part(*client, server);
    client->become(ClientState::idle, now_);
    if (half_message) {
      note(NoteKind::half_message_lost, Level::warning, client->socket(), pools_.find(client->pool),
           words_of(why));
      close_client(*client, effect::CloseWhen::now,
                   "its server was lost in the middle of a message");
    } else if (server.dying) {
      close_client(*client, effect::CloseWhen::when_sent, "its server ended the session");
    } else {
      fail_client(*client,
                  {sqlstate::connection_failure, join("server connection lost: ", words_of(why)),
                   "The transaction in progress, if any, was not finished. Try again."});
    }
  }
  close_server(server, words_of(why));
}

void Machine::Core::desync(Server& server, std::string_view what) {
  (void)PGWEIR_CHECK(false, server.self.slot, server.state, server.owed.size());
  Client* client = clients_.find(server.client);
  note(NoteKind::protocol_desync, Level::error, server.socket(), pools_.find(server.pool), what);
  if (client != nullptr) {
    part(*client, server);
    const bool half_message = !server.stream.between_messages() && server.stream.forward;
    client->become(ClientState::idle, now_);
    if (half_message) {
      close_client(*client, effect::CloseWhen::now, "protocol desync");
    } else {
      fail_client(*client, {sqlstate::protocol_violation,
                            "the server sent a reply that does not match what was asked",
                            "Both connections are closed; see protocol_desync in pgweir's log."});
    }
  }
  close_server(server, "protocol desync");
}

// Ours to end. Its place in all limits is free again only when it is Closed.
void Machine::Core::close_server(Server& server, std::string_view why) {
  close_server(server, why, {News::What::given_up, server.host, {}});
}

// not_connected: what the ledger hears of one that has not logged in.
void Machine::Core::close_server(Server& server, std::string_view why, News not_connected) {
  Pool& pool = *pools_.find(server.pool);
  // In a login it may stand in the place of a password: that ends the session as well.
  const bool reads_it = server.state == ServerState::idle || server.state == ServerState::login;
  const bool polite =
      (reads_it && !server.dying) || may_end_stream(server) ||
      (!server.connecting && !server.dying && provably_clean(server, clients_.find(server.client)));
  // PostgreSQL counts its session until it has read that we are gone: the place is kept as long.
  // One that has been sent a startup packet may have a session, whatever it has answered.
  const bool waits = server.state != ServerState::connecting;
  if (server.state == ServerState::idle) std::erase(pool.idle, server.self);
  if (!server.connecting) note(NoteKind::server_closed, Level::info, server.socket(), &pool, why);
  end_connecting(server, not_connected);
  stop_asking(server);
  if (!server.told_to_go) pool.news.push_back({News::What::closing, {}, {}});
  if (polite) {
    std::string& message = out_.scratch();
    wire::Writer(message).begin(FrontendType::terminate).end();
    out_.send_copy(server.socket(), message);
  }
  server.become(ServerState::closing, now_);
  server.offered = false;
  server.stream = {};
  ++pool.closing_count;
  if (!server.socket_gone) {
    out_.add(effect::Close{server.socket(),
                           waits ? effect::CloseWhen::when_sent : effect::CloseWhen::now});
  }
  touch(pool);
}

void Machine::Core::server_closed(Server& server) {
  PGWEIR_REQUIRE(server.state == ServerState::closing, server.self.slot, server.state);
  Pool& pool = *pools_.find(server.pool);
  --pool.closing_count;
  pool.news.push_back({News::What::closed, {}, {}});
  if (Canceller* canceller = cancellers_.find(server.cancel)) canceller->target = {};
  if (server.unacknowledged) tell(*server.unacknowledged, seats::HandedOver{1});
  forget(server);
  exit_if_drained();
}

void Machine::Core::update_reading(Server& server) {
  const Client* client = clients_.find(server.client);
  const bool stop = client != nullptr && client->congested;
  if (stop == server.reading_stopped || server.state == ServerState::closing) return;
  server.reading_stopped = stop;
  if (stop) {
    out_.add(effect::StopReading{server.socket()});
  } else {
    out_.add(effect::ResumeReading{server.socket()});
  }
}

// Of an idle server whose database is there because of "*", and nobody uses it.
Instant Machine::Core::unused_deadline(const Server& server) const {
  const Database& database = *pools_.find(server.pool)->database;
  if (!database.automatic || database.client_count > 0) return never;
  // Not from when it became idle: that begins anew where server_idle_timeout leaves it there.
  return deadline_after(std::max(server.connected_at, database.unused_since),
                        settings_.autodb_idle_timeout);
}

Instant Machine::Core::server_deadline(const Server& server) const {
  switch (server.state) {
    case ServerState::connecting:
    case ServerState::login:
      return settings_.server_connect_timeout == Duration::zero()
                 ? never
                 : after(server.state_at, settings_.server_connect_timeout);
    case ServerState::idle:
      return std::min(server.expires_at,
                      deadline_after(server.state_at, settings_.server_idle_timeout));
    case ServerState::recovering:
      return after(server.state_at,
                   server.cancel_tried || server.answers_late || server.own_query == OwnQuery::reset
                       ? limits::recovery_wait
                       : limits::recovery_grace);
    case ServerState::settling:
      if (server.offered) return never;  // the ledger answers
      return after(server.state_at, settings_.cancel_wait_timeout + limits::recovery_wait);
    case ServerState::active:
    case ServerState::closing: return never;
  }
  return never;
}

void Machine::Core::server_due(Server& server) {
  const bool is_idle = server.state == ServerState::idle;
  const Instant due = std::min(server_deadline(server), is_idle ? unused_deadline(server) : never);
  if (due > now_) return timers_.at_latest(server.timer, due);
  switch (server.state) {
    case ServerState::connecting:
    case ServerState::login:
      return login_failed(server, {{sqlstate::connection_failure,
                                    join("server_connect_timeout: no login within ",
                                         in_seconds(settings_.server_connect_timeout))},
                                   false,
                                   true});
    case ServerState::idle:
      if (now_ >= server.expires_at) return close_server(server, "server_lifetime");
      if (now_ >= unused_deadline(server)) return offer(server, pool::Offer::Why::unused);
      return offer(server, pool::Offer::Why::idle_timeout);
    case ServerState::recovering:
      if (server.own_query == OwnQuery::reset) {
        return close_server(server, "server_reset_query took too long");
      }
      if (server.own_query == OwnQuery::check || server.own_query == OwnQuery::connect) {
        return answer_due(server);
      }
      if (server.cancel_tried) return close_server(server, "it did not become clean in time");
      server.cancel_tried = true;
      if (!server.owed.empty() && !server.rolling_back) start_cancel(server);
      return arm(server);
    case ServerState::settling: return close_server(server, "it did not become clean in time");
    case ServerState::active:
    case ServerState::closing: return;
  }
}

}  // namespace pgweir
