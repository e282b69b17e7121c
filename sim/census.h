// Who is connected, and as whom: the sockets on both sides of the pooler, by what was said on them
// (startup packets, the welcome, a server's first ReadyForQuery). Read from the events and effects
// of each step with the simulator's own eyes, so that what SHOW says can be compared with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/config/settings.h"
#include "core/effect.h"
#include "core/event.h"
#include "sim/messages.h"

namespace pgweir::sim {

// As startup packets say it.
struct Login {
  std::string database;
  std::string user;
  auto operator<=>(const Login&) const = default;
};

class Census {
 public:
  struct Client {
    Endpoint peer{};
    Framer packets{true};   // up to its startup packet
    bool started = false;   // it has said who it is
    bool welcomed = false;  // it was told AuthenticationOk
    bool closing = false;
    bool removed = false;  // its database is not in the settings
    bool replicates = false;
    std::string mark = {};  // of one that does: its application_name
    Login who{};
  };
  struct Server {
    Endpoint to{};
    Framer login{false};   // up to its first ReadyForQuery
    bool started = false;  // it has been told for whom it is
    bool heard = false;    // it has said something
    bool ready = false;
    bool refused = false;  // its password was
    bool closing = false;
    std::uint32_t pid = 0;
    std::uint16_t minor = 0;  // of the protocol that it was asked for
    bool replicates = false;  // it was asked to
    std::string mark = {};    // then: its application_name
    Login whom{};
  };

  // Bytes the pooler was given, by database: of clients that were let in, and of servers.
  struct Traffic {
    std::uint64_t of_clients = 0;
    std::uint64_t of_servers = 0;
  };

  // A step of the machine: what happened, then each effect in its order.
  void happened(const Event& event);
  void carried_out(const Effect& effect);
  // New settings are in force.
  void reloaded(const Settings& settings);
  // By the last reload, and may be gone.
  bool anybody_removed() const { return anybody_removed_; }

  // Up to their Closed.
  const std::map<SocketId, Client>& clients() const { return clients_; }
  const std::map<SocketId, Server>& servers() const { return servers_; }
  const std::map<std::string, Traffic>& traffic() const { return traffic_; }

 private:
  void heard(Client& client, std::string_view bytes);
  void heard(Server& server, std::string_view bytes);
  void said(SocketId socket, std::string_view bytes);
  void closes(SocketId socket);
  void forget(SocketId socket);

  std::map<SocketId, Client> clients_;
  std::map<SocketId, Server> servers_;
  std::map<std::string, Traffic> traffic_;
  bool anybody_removed_ = false;
};

}  // namespace pgweir::sim
