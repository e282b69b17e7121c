// The sockets that clients connect to: every address of listen_addr, and the unix socket
// `unix_socket_dir/.s.PGSQL.<listen_port>`.
//
// Owns the listening sockets and the unix socket's file, which it removes when it goes (unless
// another process has put its own there). Nothing is accepted before set_accepting(true).
//
// Bound: accepts_per_turn_max connections a listening socket and turn of the loop, so that a flood
// of them cannot starve those who are in.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "io/loop.h"
#include "io/sockets.h"
#include "io/streams.h"
#include "io/teller.h"

namespace pgweir::io {

class Listeners {
 public:
  static constexpr int accepts_per_turn_max = 64;

  Listeners(Loop& loop, Streams& streams, Teller& teller);
  ~Listeners();
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  // Binds all that the settings name. The problem in words, naming the setting, when one cannot be.
  std::optional<std::string> open(const Settings& settings);

  void set_accepting(bool on);
  // For sockets accepted from now on.
  void use(const TcpOptions& options);
  // The end of the loop: closes them all, removes the unix socket's file.
  void close_all();

  // Of all listening sockets, for tests and the log: "127.0.0.1:6432", "/tmp/.s.PGSQL.6432".
  std::vector<std::string> names() const;
  // Where they listen, in the order of names().
  std::vector<Endpoint> endpoints() const;

 private:
  struct Listening final : Watcher {
    explicit Listening(Listeners& listeners) : owner(listeners) {}
    void ready(std::uint32_t) override { owner.accept_all(*this); }

    Listeners& owner;
    Descriptor socket;
    std::string path;  // of a unix socket
    // Where its clients connect to; none where that is any address of this computer.
    std::optional<Endpoint> local;
    dev_t device = 0;  // which file we made at path
    ino_t inode = 0;
  };

  std::optional<std::string> open_tcp(const std::string& address, const Settings& settings);
  std::optional<std::string> open_unix(const Settings& settings);
  std::optional<std::string> begin(std::unique_ptr<Listening> listening, int backlog);
  void accept_all(Listening& listening);
  // False when there was none.
  bool accept_one(Listening& listening);

  Loop& loop_;
  Streams& streams_;
  Teller& teller_;
  bool accepting_ = false;
  std::vector<std::unique_ptr<Listening>> all_;
};

}  // namespace pgweir::io
