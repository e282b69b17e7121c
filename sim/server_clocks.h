// The clocks that no client sees run out (O-23): an attempt at a server takes no longer than
// server_connect_timeout, a cancel no longer than cancel_wait_timeout, a server whose client was
// lost is clean, or on its way out, within the bounds that recovery has, one that is older than
// server_lifetime begins no transaction any more, and one that has said nothing for
// server_check_delay is asked first whether it is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "core/effect.h"
#include "core/event.h"
#include "sim/host_marks.h"

namespace pgweir::sim {

class Application;
class Simulation;

class ServerClocks {
 public:
  explicit ServerClocks(Simulation& simulation) : simulation_(simulation), marks_(simulation) {}

  // A step of the machine, carried out.
  void step(const Event& event, std::span<const Effect> effects);
  // When the attempt began that this server is, or was last.
  Instant opened_at(SocketId server) const;
  // A transaction of this application runs in that backend.
  void check_lifetime(std::size_t host, std::uint32_t pid, const Application& who);
  // Nothing more happens now.
  void quiet();

 private:
  using Since = std::map<SocketId, Instant>;

  void begin(Since& clock, SocketId socket);
  void over(SocketId socket);
  void heard(SocketId server);
  void given(SocketId server, SocketId client);
  void check_fresh(SocketId server, SocketId client);
  void note_holder(SocketId server);
  void client_closed(SocketId client);
  void check(const Since& clock, Duration limit, std::string_view what);

  bool watches_holders() const;

  Simulation& simulation_;
  HostMarks marks_;
  Instant look_at_ = never;  // nothing is overdue before that
  Since attempts_;           // servers that may not have logged in
  Since cancels_;
  Since heard_;                           // when each server said something last
  Since lost_;                            // servers of clients that were lost
  std::map<SocketId, SocketId> clients_;  // who had a server last
  std::map<SocketId, SocketId> holders_;  // the same, in the machine's eyes, after its last step
  // When server_lifetime of each backend is over, counted from when pgweir heard that it is ready.
  std::map<std::pair<std::size_t, std::uint32_t>, Instant> expire_at_;
};

}  // namespace pgweir::sim
