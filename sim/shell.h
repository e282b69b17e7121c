// The in-memory shell: stands where io/ stands, with a simulated network and a clock that is a
// number. It carries out the machine's effects, feeds it events, and judges both sides of the
// contract in core/event.h; what it finds wrong is in complaints().
//
// Order of events: a piece of bytes follows the piece before it as long as its socket may be read,
// then come answers, accepted clients, and sockets in the order of their ids. So the same script is
// the same run however its bytes are cut. Time stands still but for advance().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/machine.h"
#include "sim/network.h"
#include "sim/toy_vault.h"

namespace pgweir::sim {

Endpoint ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port);

struct ShellOptions {
  // Bytes on their way to a peer before the shell has to keep the rest.
  std::size_t pipe_capacity = 256 * 1024;
  // How many of so many bytes come next: 1 to all. Empty: all.
  std::function<std::size_t(std::size_t)> cut;
  // Told before (true) and after (false) each step of the machine.
  std::function<void(bool)> around_step;
};

// A note with its texts kept.
struct KeptNote {
  NoteKind kind;
  SocketId socket;
  std::string text;
  std::string sqlstate;
};

class Shell {
 public:
  // Takes the first step, which opens for clients. The vault outlives the shell.
  Shell(const Settings& settings, ToyVault& vault, ShellOptions options = {});

  // The world. Hosts and peers outlive the shell's last run. where: for unix sockets, path is kept.
  void add_host(const Endpoint& where, Host& host);
  void add_peer(Peer& peer) { peers_.push_back(&peer); }
  // What DNS says from now on; nobody: that there is no such name.
  void set_name(const std::string& name, std::vector<Endpoint> addresses);
  // What LoadSettings is answered with; nothing: Refused.
  void set_settings(std::optional<Settings> settings) { next_settings_ = std::move(settings); }
  // A client knocks; accepted when the machine accepts.
  std::shared_ptr<Stream> connect(const Endpoint& from = ipv4(10, 9, 0, 1, 40000));
  std::shared_ptr<Stream> connect_unix(std::uint32_t uid);
  void command(event::Command command);
  // The next client is turned away by the kernel.
  void fail_accept(Reason why);

  // Until nothing more happens without time passing.
  void run();
  // Runs, and lets time pass with every deadline in it.
  void advance(Duration duration);
  // Every socket whose peer is gone has been closed, else complaints.
  void check_no_leaks();

  Machine& machine() { return machine_; }
  Instant now() const { return now_; }
  bool accepting() const { return accepting_; }
  std::optional<int> exit_status() const { return exit_status_; }
  std::uint64_t trace_hash() const { return trace_.value(); }
  std::uint64_t step_count() const { return step_count_; }
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::vector<KeptNote>& notes() const { return notes_; }
  std::size_t note_count(NoteKind kind) const;
  std::size_t socket_count(SocketKind kind) const;

  // All bytes of each socket there ever was, both ways.
  struct Record {
    std::string received;
    std::string sent;
    bool operator==(const Record&) const = default;
  };
  const std::map<SocketId, Record>& records() const { return records_; }

 private:
  enum class State : std::uint8_t { connecting, open, closing };
  struct Socket {
    std::shared_ptr<Stream> stream;  // none while connecting to a host that does not answer
    State state = State::open;
    bool reading = true;
    bool large = false;
    bool congested = false;
    bool peer_done_told = false;
    bool hangup_told = false;
    Instant linger_until = never;  // of one that closes when sent
    ByteQueue unsent;
  };
  struct Knock {
    Endpoint peer;
    Endpoint local;
    std::optional<std::uint32_t> uid;
    std::shared_ptr<Stream> stream;
  };
  struct Answer {
    Event event;
    SocketId socket{};                  // whose it is, if it is a socket's
    std::vector<Endpoint> addresses{};  // what a Resolved shows
  };
  struct Place {
    Endpoint endpoint;
    std::string path;
    Host* host;
  };

  bool turn();
  bool continue_delivery();
  bool tell_drained();
  bool deliver_answer();
  bool accept_one();
  bool deliver_socket();
  bool tell_ends(SocketId id, Socket& socket);
  bool wake();
  bool move_unsent();

  void step(const Event& event);
  void step_once(const Event& event);
  void carry_out(const Effect& effect);
  void carry_out(const effect::Send& send);
  void carry_out(const effect::StopReading& stop);
  void carry_out(const effect::ResumeReading& resume);
  void carry_out(const effect::ReadSize& size);
  void carry_out(const effect::Accepting& accepting);
  void carry_out(const effect::Close& close);
  void carry_out(const effect::Connect& connect);
  void carry_out(const effect::Resolve& resolve);
  void carry_out(const effect::Derive& derive);
  void carry_out(const effect::LoadSettings& load);
  void carry_out(const Note& note);
  void carry_out(const effect::Exit& exit);
  static bool write_out(Socket& socket);
  void finish_closing(SocketId id, Socket& socket);
  Socket* usable(SocketId id, const char* effect);
  void ask(Ticket ticket, Answer answer);
  void complain(std::string what);
  const Place* find_place(const Endpoint& where) const;
  Instant next_linger() const;

  ToyVault& vault_;
  ShellOptions options_;
  Instant now_{std::chrono::hours(1)};
  Machine machine_;
  std::map<SocketId, Socket> sockets_;
  std::map<SocketId, Record> records_;
  std::vector<std::uint32_t> client_generations_;  // by slot
  std::deque<Knock> backlog_;
  std::deque<Answer> answers_;
  std::vector<SocketId> touched_;  // sent to or closed in this step
  std::deque<SocketId> newly_congested_;
  std::set<Ticket> tickets_;  // not answered yet
  struct Delivery {
    SocketId socket{};
    std::size_t left = 0;
  } delivery_;
  std::vector<Place> places_;
  std::map<std::string, std::vector<Endpoint>> names_;
  std::optional<Settings> next_settings_;
  std::vector<Peer*> peers_;
  bool accepting_ = false;
  std::optional<int> exit_status_;
  Hash trace_;
  std::uint64_t step_count_ = 0;
  std::vector<std::byte> encoded_;
  std::vector<KeptNote> notes_;
  std::vector<std::string> complaints_;
};

}  // namespace pgweir::sim
