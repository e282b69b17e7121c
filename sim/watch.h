// The oracles that watch the world as a whole: who waits, who has which server, how many of
// everything there are. What it knows it reads from the sockets' bytes and from the model servers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/effect.h"
#include "core/event.h"
#include "sim/census.h"
#include "sim/pool_modes.h"
#include "sim/postgres_session.h"
#include "sim/server_clocks.h"
#include "sim/vain_waits.h"
#include "sim/verdict.h"

namespace pgweir::sim {

class Application;
class Simulation;

class Watch {
 public:
  Watch(Simulation& simulation, Verdict& verdict)
      : simulation_(simulation),
        server_clocks_(simulation),
        vain_waits_(simulation),
        pool_modes_(verdict) {}

  // A step of the machine, carried out.
  void step(const Event& event, std::span<const Effect> effects);
  // Something happened in a model server of that host.
  void expect_resets() { pool_modes_.expect_resets(); }
  void server(std::size_t host, const ServerEvent& event);
  // An application has been let in.
  void client_logged_in();
  void client_keeps_state();
  // When it was answered something, before what it was sent last.
  Instant silent_since(const Stream* client) const;
  // When that was: it may have taken long to arrive.
  Instant spoken_to_at(const Stream* client) const;
  // The backend at the other end; none where it is gone.
  const PostgresSession* session_of(SocketId server) const;
  // The client it gets ready for, or heard last; none: nobody's.
  SocketId owner_of(SocketId server) const;
  // When the attempt began that this server is, or was last.
  Instant opened_at(SocketId server) const { return server_clocks_.opened_at(server); }
  // An application that has waited for a server of this pool since then; 0: none.
  std::uint32_t waits_since(const Login& pool, Instant when) const;
  // Nobody has this server.
  bool is_still(SocketId server) const;
  // And does not stay with its client.
  bool is_free(SocketId server) const;
  // No host may be asked for one connection more before its second is over, perhaps.
  bool connects_are_spent() const;
  // Nothing more happens now: what must hold whenever it is quiet.
  void quiet();
  // The application at this socket; 0: it is none's.
  std::uint32_t number_of(SocketId client) const;

 private:
  struct Cancel {
    std::uint32_t application;
    std::uint16_t port;  // which of its connections it is for
  };
  void check_overdue();
  void check_sessions();
  void check_growth();
  void check_waiter(SocketId client);
  bool same_pool(SocketId a, SocketId b) const;
  bool in_pool_of(SocketId server, SocketId client) const;
  void forget(SocketId socket);
  void client_waits(SocketId socket);
  void served(SocketId client);
  void note_set_up(std::span<const Effect> effects, const effect::Send& send);
  void handed_on(std::size_t host, const ServerEvent& event);
  // "r5419": 5419; none: 0.
  static std::uint32_t number_in(std::string_view tag);
  void answered(SocketId client);
  void check_buffers(SocketId socket);

  // watch_losses.cc
  void check_unheard(SocketId server, const Event& event, std::span<const Effect> effects);
  void closes(SocketId server, std::string_view why);
  void check_kept_up(SocketId server);
  void check_failed(SocketId server, const Login& pool);
  void connect_failed(SocketId socket, std::size_t host);
  void check_desync(SocketId server);
  void server_closed(SocketId socket);

  // watch_logins.cc
  void check_login_failure(SocketId server, const Event& event);
  void note_login_end(const Note& note);

  // watch_cancels.cc
  void cancel_arrived(SocketId brought_by, Cancel cancel, std::span<const Effect> effects);
  void foreign_cancel_arrived(SocketId brought_by, std::span<const Effect> effects);
  void check_foreign_cancels(const Note& note);
  void cancel_told(Bytes letter, std::span<const Effect> effects);
  void check_answered(Cancel cancel, std::span<const Effect> effects);
  void check_passed_on(const Application& who, std::span<const Effect> effects);
  bool runs_for(SocketId server, SocketId client, const Application& who) const;
  void check_secret(SocketId canceller, std::string_view request);
  void check_cancelled(const ServerEvent& event);

  struct Waiter;
  bool is_overtaken(SocketId client, Instant since_client, SocketId other, Waiter& waiter) const;
  bool is_known_everywhere(const Waiter& waiter) const;
  void server_given(SocketId server);
  void server_came(const event::Arrived& arrived);

  struct Waiter {
    std::uint64_t step;  // in which it began to wait
    Instant since;
    Login pool;
    Instant overtaken_at = never;  // for the first time
    Instant passed_by_at{};        // a server came to its machine, and went on or failed its check
  };
  struct Sent {
    Instant last{};
    Instant before{};
  };

  Simulation& simulation_;
  ServerClocks server_clocks_;
  VainWaits vain_waits_;
  PoolModes pool_modes_;
  std::unordered_map<const Stream*, Sent> sent_;  // when, to each client; never walked through
  std::uint64_t step_ = 0;
  std::uint64_t quiet_at_step_ = 0;
  std::map<SocketId, std::uint32_t> clients_;  // the number of its application; 0: none
  std::map<SocketId, Cancel> cancellers_;      // what cancel it brings
  std::set<SocketId> foreigners_;              // bring a cancel of another replica's
  struct ForeignCancels {
    std::uint32_t count = 0;  // not noted yet
    Instant noted_at = never;
  };
  std::map<std::uint8_t, ForeignCancels> foreign_cancels_;  // by machine
  std::map<SocketId, Cancel> passed_on_;                    // to the machine whose client is meant
  std::map<std::pair<Login, std::uint8_t>, Instant> hung_up_;  // by pool and machine: when last
  std::deque<Instant> connects_;                               // to any host, the last of them
  std::map<SocketId, std::size_t> hosts_;                      // of servers and cancels
  std::map<SocketId, SocketId> owners_;                        // server → client it heard last
  std::map<SocketId, SocketId> set_up_;                        // server → client it gets ready for
  std::set<SocketId> unheard_;          // clients whose server was lost before it heard them
  SocketId speaker_{};                  // the client whose bytes this step is about
  std::map<SocketId, Waiter> waiting_;  // clients without a server that want one
  std::map<Login, Instant> closed_at_;  // the last of a pool, not for being idle
  Instant overdue_at_ = never;          // none of them has waited too long before that
  std::map<std::size_t, std::deque<Instant>> failures_;  // of connections to a host, the last ones
  std::set<std::uint32_t> dismissed_;               // applications whose connection pgweir closed
  std::map<std::uint32_t, std::uint32_t> cancels_;  // application → its last request at a cancel
};

}  // namespace pgweir::sim
