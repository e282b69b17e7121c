// One client: its socket, where it stands in its life, and what belongs to it wherever it is
// served. Owned by the machine from Accepted to Closed. It does not know its server: that is the
// link's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/auth/scram_server.h"
#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/base/timers.h"
#include "core/config/settings.h"
#include "core/event.h"
#include "core/session/cancel_key.h"
#include "core/session/message_stream.h"
#include "core/session/parameters.h"
#include "core/session/replication.h"
#include "core/session/startup_settings.h"
#include "core/session/statements.h"
#include "core/session/unanswered_batch.h"

namespace pgweir::session {

enum class ClientState : std::uint8_t {
  startup,         // its first packet is awaited
  authenticating,  // who it says it is has still to be proved
  logging_in,      // proved; waits for the pool to learn the parameters of its servers, or, to
                   // replicate, for a server of its own
  idle,            // logged in, has no server and wants none
  waiting,         // wants a server; its bytes are held
  active,          // has a server
  console,         // talks to pgweir itself
  closing,         // Close was said; only Closed may come
};

constexpr bool transition_allowed(ClientState from, ClientState to) {
  switch (from) {
    case ClientState::startup:
      return to == ClientState::authenticating || to == ClientState::logging_in ||
             to == ClientState::console || to == ClientState::closing;
    case ClientState::authenticating:
      return to == ClientState::logging_in || to == ClientState::console ||
             to == ClientState::closing;
    case ClientState::logging_in: return to == ClientState::idle || to == ClientState::closing;
    case ClientState::idle:
      return to == ClientState::waiting || to == ClientState::active || to == ClientState::closing;
    case ClientState::waiting:
    case ClientState::active:
      return to == ClientState::idle || to == ClientState::closing ||
             (from == ClientState::waiting && to == ClientState::active);
    case ClientState::console: return to == ClientState::closing;
    case ClientState::closing: return false;
  }
  return false;
}
static_assert(!transition_allowed(ClientState::closing, ClientState::idle));
static_assert(!transition_allowed(ClientState::authenticating, ClientState::active));

// What is known while a client logs in; the identity never changes once it is set.
struct Login {
  std::string user;
  std::string database;
  std::vector<std::pair<std::string, std::string>> parameters;
  StartupSettings settings;
  std::uint16_t minor = 0;                 // of protocol 3, that is spoken
  std::optional<auth::ScramServer> scram;  // once it has been challenged
  bool deriving = false;  // the verifier is on its way; the first answer waits at the front of held
  bool admitting = false;  // seat 0 is asked whether there is room
  std::size_t first_answer_size = 0;
};

// A console client's own things, for as long as it lives.
struct Console {
  std::string user;
  bool admin = false;
};

struct Client {
  ClientHandle self;
  ClientState state = ClientState::startup;
  bool reading_stopped = false;
  bool congested = false;    // bytes for it are unsent
  bool peer_done = false;    // it will send no more
  bool large_reads = false;  // the shell reads it by the large size
  bool blocked = false;      // active, but what it sends is held for now
  bool cancel_held = false;  // blocked: what is held is to be cancelled when it is sent
  // No server has taken its startup settings yet. Active: one is asked to, and what the client asks
  // is held, because PostgreSQL would not have let it in with settings that it refuses.
  bool untried = false;
  bool retried = false;   // untried, and its server was lost: once it gets another
  bool skipping = false;  // its request was refused without a server: dropped up to Sync
  bool ssl_asked = false;
  bool gssenc_asked = false;
  bool counted = false;                          // has logged in
  bool has_place = false;                        // one of max_client_conn, maybe before that
  bool from_first = false;                       // handed over by seat 0, which counts who is where
  bool cancelling = false;                       // brought a cancel, which another machine sees to
  std::optional<std::uint8_t> unacknowledged{};  // whom to tell that it has come, when it goes

  PoolHandle pool;                             // from logging_in on
  PoolMode pool_mode = PoolMode::transaction;  // as it was when it logged in, for its whole life
  Replication replication = Replication::none;
  ServerHandle server;   // while active
  ServerHandle opening;  // to replicate: its server, until that is logged in
  ClientHandle wait_previous;
  ClientHandle wait_next;
  MessageStream stream;
  ParameterSet parameters{};
  // The same, as its session began: what RESET sets them back to. None where its server knows.
  ParameterSet first_parameters{};
  ValueId settings = no_value;                 // StartupSettings::text: as it wants them now
  ValueId startup = no_value;                  // the same, as its startup packet asked for them
  std::unique_ptr<const std::string> reading;  // of these; none: not asked for since they changed
  ClientStatements statements;
  UnnamedStatement unnamed;
  UnansweredBatch batch;    // only where it may be asked again
  ValueId user = no_value;  // as it logged in
  CancelKey cancel_key;

  Instant connected_at{};
  Instant state_at{};        // when it came into its state, or last became idle in a transaction
  Instant request_at{};      // when what it is waiting for was asked
  Instant transaction_at{};  // when it got its server, or its last transaction on it ended
  Instant peer_done_at{};
  Timers::Id timer = 0;

  Endpoint peer;
  Endpoint local;
  std::optional<std::uint32_t> uid;
  std::unique_ptr<Login> login;      // until it is logged in
  std::unique_ptr<Console> console;  // in state console

  void become(ClientState to, Instant now);
  SocketId socket() const { return socket_of(self); }
  bool logged_in() const {
    return state == ClientState::idle || state == ClientState::waiting ||
           state == ClientState::active;
  }
};

}  // namespace pgweir::session
