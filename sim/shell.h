// The simulated shell: stands where io/ stands, on a simulated network and clock. It carries out
// the machine's effects, feeds it events, and judges both sides of the contract in core/event.h;
// what it finds wrong is in complaints().
//
// Order of what may happen at one instant: a piece of bytes follows the piece before it as long as
// its socket may be read, then come answers, accepted clients, and sockets in the order of their
// ids, or whichever `pick` draws. So the same script is the same run however its bytes are cut.
//
// It serves any number of machines, as io/ does with a thread each. What one tells another is under
// way for a while; a socket keeps its name when it changes hands (sim/socket_names.h).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/machine.h"
#include "core/stepper.h"
#include "sim/clock.h"
#include "sim/network.h"
#include "sim/socket_names.h"
#include "sim/socket_table.h"
#include "sim/toy_vault.h"
#include "sim/trace_hash.h"

namespace pgweir::sim {

Endpoint ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port);

// What the shell waits for before it can tell the machine.
enum class Wait : std::uint8_t { connect, resolve, derive, settings, close, command, timer, post };

// A note with its texts kept.
struct KeptNote {
  NoteKind kind;
  Level level;
  SocketId socket;
  std::string text;
  std::string sqlstate;
};

struct ShellOptions {
  // Bytes on their way to a peer before the shell has to keep the rest.
  std::size_t pipe_capacity = 256 * 1024;
  // How streams travel; null: at once.
  Network* network = nullptr;
  // How many of so many bytes come next: 1 to all. Empty: all.
  std::function<std::size_t(std::size_t)> cut;
  // How long an answer takes, and how late a timer is. Empty: no time.
  std::function<Duration(Wait)> delay;
  // Which of so many sockets with news is next. Empty: the first.
  std::function<std::size_t(std::size_t)> pick;
  // Why a connection is not made, if it is not. Empty: as the host welcomes it.
  std::function<Reason(const Endpoint&)> refuse;
  // Told before (true) and after (false) each step of the machine.
  std::function<void(bool)> around_step;
  // Told what happened and what came of it, when it has been carried out.
  std::function<void(const Event&, std::span<const Effect>)> watch;
  // Keep all bytes of every socket (records()), and every note.
  bool keep_records = true;
};

class Shell {
 public:
  // Takes the first step, which opens for clients. All outlive the shell.
  Shell(Clock& clock, std::vector<Stepper*> machines, ToyVault& vault, ShellOptions options = {});
  Shell(Clock& clock, Stepper& machine, ToyVault& vault, ShellOptions options = {})
      : Shell(clock, std::vector<Stepper*>{&machine}, vault, std::move(options)) {}
  ~Shell();
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  // The world. Hosts and peers outlive the shell's last run. where: for unix sockets, path is kept.
  void add_host(const Endpoint& where, Host& host);
  // Peers that change without the network's knowledge are given a turn at each run.
  void add_peer(Peer& peer) { peers_.push_back(&peer); }
  // What DNS says from now on; nobody: that there is no such name.
  void set_name(const std::string& name, std::vector<Endpoint> addresses);
  // What LoadSettings is answered with; nothing: Refused.
  // Some machines have not been told of new ones yet.
  bool settings_under_way() const { return settings_untold_ > 0; }
  void set_settings(std::optional<Settings> settings) { next_settings_ = std::move(settings); }
  // A client knocks; accepted when the machine accepts.
  std::shared_ptr<Stream> connect(const Endpoint& from = ipv4(10, 9, 0, 1, 40000));
  std::shared_ptr<Stream> connect_unix(std::uint32_t uid);
  void command(event::Command command);
  void set_wall_clock(Duration offset);
  // The next client is turned away by the kernel.
  void fail_accept(Reason why);
  // The process does not run until then: the network goes on, and everything waits.
  void stall_until(Instant when) { stalled_until_ = when; }

  // Until nothing more happens without time passing.
  void run();
  // Runs, and lets time pass with every deadline in it.
  void advance(Duration duration);
  // One thing that happens now, of the shell's or the clock's; false when nothing does.
  bool turn();
  // When something happens next, if nothing does now; never: nothing is awaited.
  Instant next() const;
  // Every socket whose peer is gone has been closed, else complaints.
  void check_no_leaks();

  Instant now() const { return clock_.now(); }
  bool accepting() const { return accepting_; }
  // What machines have to say to that one comes then, and not before.
  void hold_mail(std::uint8_t machine, Instant until) { seats_[machine].deaf_until = until; }
  // Nothing is on its way to the machine but what its peers may say, and its deadline.
  bool at_rest() const { return answers_.empty() && lingering_.empty() && delivery_.left == 0; }
  // The machine whose step this is.
  std::uint8_t stepping() const { return stepping_; }
  // A socket is on its way to that machine; to any.
  bool moves_to(SocketId socket, std::uint8_t machine) const;
  bool servers_move() const { return moving_servers_ > 0; }
  // Machines have told each other what has not come yet.
  bool mail_under_way() const;
  // The machine has asked something that is not answered yet.
  bool asks() const { return !tickets_.empty(); }
  bool listening() const { return listening_; }
  std::optional<int> exit_status() const { return exit_status_; }
  std::uint64_t trace_hash() const { return trace_.value(); }
  std::uint64_t step_count() const { return step_count_; }
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::vector<KeptNote>& notes() const { return notes_; }
  std::size_t note_count(NoteKind kind) const;
  std::size_t socket_count(SocketKind kind) const { return sockets_.count(kind); }
  // Bytes the machine has sent and the network has not taken: what this shell holds.
  std::size_t unsent_size(SocketId socket) const;
  // The stream of a socket that is there; null otherwise.
  const Stream* stream_of(SocketId socket) const;
  // Whose it is now. Requires: it is there.
  std::uint8_t machine_of(SocketId socket) const;
  // What that machine calls it.
  SocketId own_name(SocketId socket) const {
    return seats_.size() == 1 ? socket : socket_names_.own(socket);
  }

  // All bytes of each socket there ever was, both ways.
  struct Record {
    std::string received;
    std::string sent;
    bool operator==(const Record&) const = default;
  };
  const std::map<SocketId, Record>& records() const { return records_; }

 private:
  // moving: on its way to another machine.
  enum class State : std::uint8_t { connecting, open, moving, closing };
  struct Socket {
    std::uint8_t machine = 0;        // while moving: the one it goes to
    std::shared_ptr<Stream> stream;  // none while connecting to a host that does not answer
    State state = State::open;
    bool reading = true;
    bool large = false;
    bool congested = false;
    bool peer_done_told = false;
    bool hangup_told = false;
    bool cut_short = false;        // closed at once, with bytes unsent
    bool parts = false;            // closes when sent, and its peer has closed too
    Instant linger_until = never;  // of one that closes
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
    std::uint8_t machine = 0;           // to whom
    SocketId socket{};                  // whose it is, if it is a socket's
    std::vector<Endpoint> addresses{};  // what a Resolved shows
    std::function<bool()> derive{};     // what a Derived tells is done
    std::string letter{};               // of another machine
  };
  struct Seat {
    Stepper* machine;
    Instant deadline = never;  // as it said last
    Instant wake_at = never;   // that, and how late this timer is
    Instant deaf_until{};
  };
  struct Place {
    Endpoint endpoint;
    std::string path;
    Host* host;
  };
  // Sockets with news, in the order of their ids.
  class News : public Stream::Watcher {
   public:
    void stream_changed(SocketId socket) override;
    void drop(SocketId socket);
    const std::vector<SocketId>& sockets() const { return sockets_; }

   private:
    std::vector<SocketId> sockets_;
  };

  bool own_turn();
  bool continue_delivery();
  bool deliver_answer();
  bool connect_now(const Answer& answer);
  bool accept_one();
  bool look_at_socket();
  bool tell_drained(SocketId id, Socket& socket);
  bool tell_ends(SocketId id, Socket& socket);
  bool deliver(SocketId id, Socket& socket);
  bool wake();
  void end_lingering();

  void step(std::uint8_t machine, const Event& event);
  void step_once(std::uint8_t machine, const Event& event);
  std::span<const Effect> stepped(std::uint8_t machine, const Event& event);
  std::span<const Effect> effects_of(std::uint8_t machine, const Event& event);
  void note_deadline(Seat& seat);
  bool adopt(const Answer& answer);
  Instant wake_at() const;
  void carry_out(const Effect& effect);
  void carry_out(const effect::Send& send);
  void carry_out(const effect::StopReading& stop);
  void carry_out(const effect::ResumeReading& resume);
  void carry_out(const effect::ReadSize& size);
  void carry_out(const effect::Accepting& accepting);
  void carry_out(const effect::Close& close);
  void carry_out(const effect::Connect& connect);
  void carry_out(const effect::HandOver& hand_over);
  void carry_out(const effect::Take& take);
  void carry_out(const effect::Tell& tell);
  void carry_out(const effect::Resolve& resolve);
  void carry_out(const effect::Derive& derive);
  void carry_out(const effect::LoadSettings& load);
  void carry_out(const Note& note);
  void carry_out(const effect::Exit& exit);
  static bool write_out(Socket& socket);
  bool finish_closing(SocketId id, Socket& socket);
  bool parting(Socket& socket) const;
  Socket* usable(SocketId id, const char* effect);
  void ask(Ticket ticket, Wait wait, Answer answer);
  void answer(Wait wait, Answer answer);
  void post(std::uint8_t to, Answer letter);
  void complain(std::string what);
  const Place* find_place(const Endpoint& where) const;
  std::shared_ptr<Stream> new_stream();
  Duration delay_of(Wait wait) const { return options_.delay ? options_.delay(wait) : Duration{}; }

  Clock& clock_;
  std::vector<Seat> seats_;
  std::uint8_t stepping_ = 0;    // the machine whose effects these are
  std::vector<Effect> effects_;  // with the names for all to see
  SocketNames socket_names_;     // of several machines
  std::size_t moving_servers_ = 0;
  SocketId arriving_{};  // a server's that a machine has not named yet
  std::map<std::pair<std::uint8_t, std::uint8_t>, Instant> posted_;  // when the last one arrives
  ToyVault& vault_;
  ShellOptions options_;
  SocketTable<Socket> sockets_;
  News news_;
  std::map<SocketId, Record> records_;
  std::vector<std::uint32_t> client_generations_;                           // by slot
  std::array<std::map<std::uint32_t, std::uint32_t>, 3> used_generations_;  // by kind, then slot
  std::deque<Knock> backlog_;
  std::multimap<Instant, Answer> answers_;
  std::vector<SocketId> touched_;  // sent to or closed in this step
  std::deque<SocketId> newly_congested_;
  std::set<std::pair<std::uint8_t, Ticket>> tickets_;  // of machines, not answered yet
  std::vector<SocketId> lingering_;
  struct Delivery {
    SocketId socket{};
    std::size_t left = 0;
  } delivery_;
  std::string read_buffer_;
  std::vector<Place> places_;
  std::map<std::string, std::vector<Endpoint>> names_;
  std::optional<Settings> next_settings_;
  std::map<std::uint8_t, Instant> told_settings_;  // when each machine has the last of them
  std::size_t settings_untold_ = 0;                // machines that have the old ones still
  std::vector<Peer*> peers_;
  bool accepting_ = false;
  bool listening_ = true;
  std::optional<int> exit_status_;
  Instant stalled_until_{};
  TraceHash trace_;
  std::uint64_t step_count_ = 0;
  std::vector<KeptNote> notes_;
  std::vector<std::string> complaints_;
};

}  // namespace pgweir::sim
