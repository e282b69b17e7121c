#include "sim/census.h"

#include <variant>

#include "core/base/bytes.h"

namespace pgweir::sim {

namespace {

constexpr std::string_view authentication_ok("R\0\0\0\x08\0\0\0\0", 9);

template <typename Socket>
Login login_in(Body body, Socket& socket) {
  Login login;
  while (const auto name = body.text()) {
    const auto value = body.text();
    if (!value) break;
    if (*name == "user") login.user = *value;
    if (*name == "database") login.database = *value;
    if (*name == "replication") socket.replicates = true;
    if (*name == "application_name") socket.mark = *value;
  }
  if (login.database.empty()) login.database = login.user;
  return login;
}

}  // namespace

void Census::happened(const Event& event) {
  if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
    clients_[socket_of(accepted->client)].peer = accepted->peer;
  } else if (const auto* received = std::get_if<event::Received>(&event)) {
    if (const auto client = clients_.find(received->socket); client != clients_.end()) {
      heard(client->second, text_of(received->bytes));
    } else if (const auto server = servers_.find(received->socket); server != servers_.end()) {
      heard(server->second, text_of(received->bytes));
    }
  } else if (const auto* closed = std::get_if<event::Closed>(&event)) {
    forget(closed->socket);
  } else if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) {
    forget(failed->socket);
  }
}

void Census::carried_out(const Effect& effect) {
  if (const auto* send = std::get_if<effect::Send>(&effect)) {
    said(send->socket, text_of(send->bytes));
  } else if (const auto* close = std::get_if<effect::Close>(&effect)) {
    closes(close->socket);
  } else if (const auto* connect = std::get_if<effect::Connect>(&effect)) {
    if (connect->socket.kind != SocketKind::server) return;
    servers_[connect->socket].to = connect->to;
  }
}

// Only what begins a session is of interest.
void Census::said(SocketId socket, std::string_view bytes) {
  if (bytes.starts_with(authentication_ok)) {
    const auto client = clients_.find(socket);
    if (client != clients_.end()) client->second.welcomed = true;
  } else if (bytes.starts_with('\0')) {
    const auto server = servers_.find(socket);
    if (server == servers_.end() || server->second.started) return;
    server->second.started = true;
    Body body(bytes.substr(4));
    server->second.minor = static_cast<std::uint16_t>(body.int32().value_or(0));
    server->second.whom = login_in(body, server->second);
  }
}

void Census::reloaded(const Settings& settings) {
  anybody_removed_ = false;
  for (auto& [socket, client] : clients_) {
    client.removed = client.welcomed && find_database(settings, client.who.database) == nullptr;
    anybody_removed_ = anybody_removed_ || client.removed;
  }
}

void Census::heard(Client& client, std::string_view bytes) {
  if (client.welcomed) traffic_[client.who.database].of_clients += bytes.size();
  if (client.started) return;
  client.packets.feed(bytes);
  while (const auto packet = client.packets.next()) {
    Body body(packet->body);
    if ((body.int32().value_or(0) & ~0xffff) != protocol_3_0) continue;  // asks for TLS and such
    client.who = login_in(body, client);
    client.started = true;
    client.packets = Framer(true);
    return;
  }
}

void Census::heard(Server& server, std::string_view bytes) {
  traffic_[server.whom.database].of_servers += bytes.size();
  server.heard = true;
  if (server.ready) return;
  server.login.feed(bytes);
  while (const auto message = server.login.next()) {
    Body body(message->body);
    if (message->type == 'K') server.pid = static_cast<std::uint32_t>(body.int32().value_or(0));
    if (message->type == 'E') server.refused = error_field(*message, 'C') == "28P01";
    if (message->type != 'Z') continue;
    server.ready = true;
    server.login = Framer(false);
    return;
  }
}

void Census::closes(SocketId socket) {
  if (const auto client = clients_.find(socket); client != clients_.end()) {
    client->second.closing = true;
  } else if (const auto server = servers_.find(socket); server != servers_.end()) {
    server->second.closing = true;
  }
}

void Census::forget(SocketId socket) {
  clients_.erase(socket);
  servers_.erase(socket);
}

}  // namespace pgweir::sim
