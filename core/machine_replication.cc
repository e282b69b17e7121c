// Clients that replicate. Each waits, while it logs in, for a server that is opened for it alone,
// by what its startup packet says: PostgreSQL lets none be set up for replication later. They are
// one's own to each other, and the server is closed when the client goes.
#include <algorithm>

#include "core/base/text.h"
#include "core/machine_core.h"

namespace pgweir {

using pool::News;
using session::ClientState;
using session::Replication;
using session::ServerState;

// False: the client was told that this is no such value.
bool Machine::Core::take_replication(Client& client, std::string_view value) {
  const auto replication = session::read_replication(value);
  if (!replication) {
    fail_client(client, {sqlstate::invalid_parameter_value,
                         join("invalid value for parameter \"replication\": \"", value, "\""),
                         "Valid values are: \"false\", 0, \"true\", 1, \"database\"."});
    return false;
  }
  client.replication = *replication;
  return true;
}

// It comes in when its server does. What other logins of this pool come to says nothing about its.
void Machine::Core::want_own_server(Client& client) {
  Pool& pool = *pools_.find(client.pool);
  client.pool_mode = PoolMode::session;
  client.request_at = now_;
  pool.replicating.push_back(clients_, client);
  update_reading(client);
  arm(client);
  touch(pool);
}

// Of those that no server is being opened for yet, the one that has waited longest.
const Machine::Core::Client* Machine::Core::next_to_replicate(const Pool& pool) const {
  const Client* client = clients_.find(pool.replicating.first());
  while (client != nullptr && client->opening) client = clients_.find(client->wait_next);
  return client;
}

// What its database's line says of its servers, and before that what the client asks for.
void Machine::Core::open_own_server(Pool& pool, const seats::Open& open) {
  const Client* next = next_to_replicate(pool);
  if (next == nullptr) return report(open.pool, {News::What::unused, open.host, {}, true});
  Client& client = *clients_.find(next->self);
  std::vector<std::pair<std::string, std::string>> parameters;
  parameters.emplace_back("replication", session::value_of(client.replication));
  for (auto& [name, value] : beginning_of(pool.database->settings)) {
    const auto index = session::tracked_index(name);
    if (index && client.parameters[*index] != session::no_value) continue;
    parameters.emplace_back(std::move(name), std::move(value));
  }
  for (std::size_t i = 0; i < session::tracked_count; ++i) {
    if (client.parameters[i] == session::no_value) continue;
    parameters.emplace_back(session::tracked_parameters[i], values_.text(client.parameters[i]));
  }
  const std::string settings = client.login->settings.text();
  for (const auto& [name, value] : session::settings_of(settings)) {
    parameters.emplace_back(name, value);
  }
  Server& server = open_server(pool, open, std::move(parameters));
  server.replication = client.replication;
  server.opened_for = client.self;
  client.opening = server.self;
}

// Its server has logged in, and is its to the end. said: what the server says of its session.
void Machine::Core::join_own_server(Client& client, Server& server,
                                    const std::vector<std::pair<std::string, std::string>>& said) {
  Pool& pool = *pools_.find(server.pool);
  pool.replicating.remove(clients_, client);
  pool.database->totals.wait_time_us +=
      static_cast<std::uint64_t>(microseconds(now_ - client.request_at));
  values_.drop(client.parameters);
  values_.drop(client.first_parameters);  // it is in the server's own startup packet
  client.parameters = values_.copy(server.parameters);
  server.expires_at = never;  // server_lifetime is for those that others get
  say_welcome(client, said);
  server.become(ServerState::idle, now_);  // of no pool's
  session::LinkContext context = this->context(pool);
  join_link(client, server, context);
  server.unheard = false;  // it has heard the startup packet: no other may take its place
  if (client.congested) update_reading(server);
  touch(pool);
  continue_client(client);
  if (client.state == ClientState::active) arm(client);
}

// What PostgreSQL has answered is about this client, which is told. Else it waits for another
// server: its host may be there soon, or know the older protocol alone.
void Machine::Core::own_login_failed(ClientHandle handle, const PgError& error, bool waits) {
  Client* client = clients_.find(handle);
  if (client == nullptr || waits) return;
  fail_client(*client, error);
}

// It stays where it streams, and no clock or end of a transaction ends that.
bool Machine::Core::streams(const Client& client) const {
  const Server* server = servers_.find(client.server);
  return server != nullptr && server->owed.streaming() && server->stream.between_messages() &&
         server->stream.held.empty();
}

// Nothing that it has asked for would be left unanswered, and it would not go by itself.
bool Machine::Core::may_be_sent_away(const Client& client) const {
  return idles_with_server(client) || streams(client);
}

// PostgreSQL reads Terminate where it reads what its client has to say to the stream.
bool Machine::Core::may_end_stream(const Server& server) const {
  const Client* client = clients_.find(server.client);
  return server.owed.streaming() && !server.dying && !server.congested && client != nullptr &&
         (client->stream.between_messages() || !client->stream.forward);
}

// Where it replicates nothing is a query or a transaction that a setting could be about.
bool Machine::Core::has_clocks(const Server& server) {
  return server.replication != Replication::physical && !server.owed.streaming();
}

}  // namespace pgweir
