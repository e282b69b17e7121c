// One server: a connection to PostgreSQL, from the moment the machine asks for it to its Closed.
// What it owes is in its reply queue. It does not know its client: that is the link's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/base/timers.h"
#include "core/event.h"
#include "core/session/host_sign.h"
#include "core/session/message_stream.h"
#include "core/session/parameters.h"
#include "core/session/replication.h"
#include "core/session/reply_queue.h"
#include "core/session/server_login.h"
#include "core/session/session_state.h"
#include "core/session/statements.h"
#include "core/wire/protocol.h"

namespace pgweir::session {

enum class ServerState : std::uint8_t {
  connecting,
  login,
  idle,        // in its pool, clean
  active,      // a client has it
  recovering,  // its client was lost, or has left state in its session: it is made clean; or it is
               // asked whether it is still there, or connect_query
  settling,    // nobody's, but a cancel may still hit it, half a message has come, or it is offered
  closing,     // Close was said; its slot counts until Closed
};

constexpr bool transition_allowed(ServerState from, ServerState to) {
  if (to == ServerState::closing) return from != ServerState::closing;
  switch (from) {
    case ServerState::connecting: return to == ServerState::login;
    case ServerState::login: return to == ServerState::idle || to == ServerState::recovering;
    case ServerState::idle:
      return to == ServerState::active || to == ServerState::settling ||
             to == ServerState::recovering;
    case ServerState::active:
    case ServerState::recovering:
      return to == ServerState::idle || to == ServerState::settling ||
             (from == ServerState::active && to == ServerState::recovering);
    case ServerState::settling: return to == ServerState::idle || to == ServerState::recovering;
    case ServerState::closing: return false;
  }
  return false;
}
static_assert(!transition_allowed(ServerState::recovering, ServerState::active));
static_assert(!transition_allowed(ServerState::login, ServerState::active));

// What it said of itself when it logged in: parameters and their values.
using Said = std::vector<std::pair<std::string, std::string>>;

// What pgweir asks a server that is nobody's.
enum class OwnQuery : std::uint8_t { none, reset, check, connect };

// The types of the last messages either way, for the log of a desync.
class Trail {
 public:
  void sent(std::uint8_t type) { last_[next_++ % last_.size()] = {'>', type}; }
  void received(std::uint8_t type) { last_[next_++ % last_.size()] = {'<', type}; }
  // ">Q <T <D": oldest first.
  std::string text() const;

 private:
  struct Entry {
    char direction = 0;
    std::uint8_t type = 0;
  };
  std::array<Entry, 32> last_{};
  std::uint32_t next_ = 0;
};

struct Server {
  ServerHandle self;
  ServerState state = ServerState::connecting;
  bool connecting = true;  // it has not logged in yet, and may still
  bool reading_stopped = false;
  bool congested = false;               // bytes for it are unsent
  bool stale = false;                   // its database's line changed: closed at its next release
  bool dying = false;                   // it said FATAL: nothing more is expected of it
  bool standby = false;                 // it reports in_hot_standby (PostgreSQL 14 and newer)
  bool leaving = false;                 // its host is a standby now: closed when it comes free
  bool doubted = false;                 // its host was marked: nobody gets it before a check
  bool unheard = false;                 // active: nothing that its client said was sent to it
  bool offered = false;                 // settling: the ledger decides whether it goes
  bool connect_query_undone = false;    // what it has set may be set back
  bool told_to_go = false;              // by the ledger, which counts it as closing
  bool socket_gone = false;             // it could not be connected: there is nothing to close
  bool rolling_back = false;            // recovering: ROLLBACK was sent
  OwnQuery own_query = OwnQuery::none;  // recovering: what pgweir itself asked
  bool pinned = false;         // active: what its client has left in its session keeps it there
  bool whole_session = false;  // active: it is its client's until that goes (pool_mode session)
  Replication replication = Replication::none;  // not none: opened for one client, and no other
  bool cancel_wanted = false;    // by its client, once its own request is what would be hit
  bool cancel_in_doubt = false;  // one was sent that may still come: nothing new is sent to it
  bool answers_late =
      false;  // recovering: what it was asked is not answered as soon as it should be
  bool cancel_tried = false;  // recovering: the lost client's query was cancelled

  std::optional<std::uint8_t> unacknowledged{};  // whom to tell that it has come, when it goes

  PoolHandle pool;
  HostHandle host;             // the ledger's name of it
  ClientHandle client;         // while active
  ClientHandle opened_for;     // to replicate, until it is logged in
  ClientHandle unnamed_owner;  // whose unnamed statement it holds
  std::uint64_t unnamed_version = 0;
  CancelHandle cancel;  // in flight
  MessageStream stream;
  ReplyQueue owed;
  wire::TransactionStatus status = wire::TransactionStatus::idle;
  ParameterSet parameters{};
  ValueId settings = no_value;  // StartupSettings::text of a client's, which it has been given
  std::optional<ValueId> setting_up;  // it will have these when it has answered
  ServerStatements statements;
  SessionState session;
  std::string own_error;                   // that the last one of own_query ended with
  std::string pinned_by;                   // while pinned: what its client did first, in words
  std::vector<std::string> refused_names;  // of those that are owed an error of ours
  std::vector<std::string> stand_ins;      // names of empty statements, for a text to deallocate

  Trail trail;

  HostSign sign{};    // of what it said last about its host, by itself or to its client
  Instant sign_at{};  // when it did

  std::uint32_t backend_pid = 0;
  std::vector<std::byte> backend_secret;  // empty: it gave none, so it cannot be cancelled
  std::string path;                       // of the endpoint's socket file
  Endpoint endpoint;
  Endpoint local;
  std::unique_ptr<ServerLogin> login;  // until it is logged in
  std::unique_ptr<Said> said;          // then, until connect_query is answered or late

  Instant connected_at{};
  Instant state_at{};
  Instant heard_at{};          // when it said something last
  Instant checked_at{};        // when it logged in, or answered a check last
  Instant congested_at{};      // while congested
  Instant expires_at = never;  // server_lifetime, with jitter
  std::uint64_t recovery_bytes = 0;
  std::uint64_t assignments = 0;
  Timers::Id timer = 0;

  void become(ServerState to, Instant now);
  SocketId socket() const { return socket_of(self); }
};

}  // namespace pgweir::session
