// What servers say of their hosts, and what the pooler makes of it (O-34): when one has ended with
// 57P01 or 57P02 as its last words, or a login with 57P03, nobody gets another server of that host
// that was there before and has not answered a check since; nor, before a check, one that has said
// such words and nothing behind them; and none is asked without such a reason. Who was refused a
// write by a standby leaves a server that nobody else gets, at most once in server_login_retry; and
// no server is closed for that which is none.
//
// A host is what the settings call so: where two names lead to one machine, they are two. A server
// that was begun while they changed, and may be of either, is not judged. What was said is read
// from the bytes, as servers sent them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/effect.h"
#include "core/event.h"

namespace pgweir::sim {

class Simulation;

class HostMarks {
 public:
  explicit HostMarks(Simulation& simulation) : simulation_(simulation) {}

  // A step of the machine, carried out; before anybody is taken to have got a server in it.
  void step(const Event& event, std::span<const Effect> effects);
  // A client gets that server.
  void given(SocketId server, SocketId client);

 private:
  struct Server {
    std::vector<std::string> names;  // of its host, by the settings of any machine when it began
    std::size_t host = 0;            // where that led
    bool logged_in = false;
    std::uint64_t fresh_step = 0;  // when it logged in, or has answered a check last
    Instant fresh_at{};
    bool asked = false;           // a check
    bool standby = false;         // it reports so
    bool was_standby = false;     // or has
    Instant refused_at = never;   // a write, and nobody else got it since
    std::string front;            // of the message under way, as far as it has come
    std::size_t rest = 0;         // of that, when its beginning was read
    std::string last_words;       // a code, where it has said nothing since
    std::uint64_t said_step = 0;  // when they were heard
    bool fatal = false;           // as FATAL
  };
  struct Mark {
    std::uint64_t step;
    Instant at;
    std::uint8_t machine;
  };

  void hear(Server& server, std::string_view bytes);
  void read(Server& server);
  void closed(SocketId socket, const Event& event);
  void check_reason(SocketId socket, const Server& server) const;
  Duration letters() const;
  bool is_judged(const Server& server) const;
  bool in_trouble(const Server& server) const;
  void name(SocketId socket, Server& server) const;

  Simulation& simulation_;
  std::uint64_t step_ = 0;
  std::map<SocketId, Server> servers_;
  std::map<std::string, std::vector<Mark>> marks_;  // by host
  // Clients that waited and have got a server, in that step, though nothing was said there yet.
  std::map<SocketId, std::uint64_t> let_on_;
  std::set<SocketId> stopped_;                // what is not read
  std::map<std::string, Instant> reason_at_;  // to ask a host's servers: the last one
  std::map<std::string, Instant> left_at_;    // a host, as a standby: the last time
};

}  // namespace pgweir::sim
