// Starting other programs, as another account when the suite runs as root. A Process is owned by
// who started it and does not outlive it: the destructor kills what still runs, and the kernel does
// when the suite itself dies. Start processes from the main thread only: that is the one whose
// death the kernel watches.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgweir::integration {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

// How long anything may take that is expected to happen: long enough for a loaded machine with
// sanitizers, and never reached by a suite that passes.
inline constexpr Seconds patience = 20s;

struct Account {
  uid_t uid;
  gid_t gid;
};

// The account programs of this name run as: nothing when we are not root, and they run as
// ourselves. Ends the suite when we are root and there is no such account.
std::optional<Account> account_of(const std::string& name);

struct Command {
  std::vector<std::string> arguments;  // the program first; looked up in PATH without a slash
  std::optional<Account> as = {};
  std::vector<std::pair<std::string, std::string>> environment = {};  // on top of ours
  std::string folder = "/";                                           // where it runs
  std::string output = "/dev/null";  // the file both its outputs are appended to
  int death_signal = SIGKILL;        // what it gets when the suite dies
};

class Process {
 public:
  explicit Process(const Command& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // The exit status as a shell tells it (128 + n for signal n); nothing while it runs.
  std::optional<int> exit_status();
  std::optional<int> wait(Seconds at_most = patience);

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct Outcome {
  int status;          // -1: killed, it took too long
  std::string output;  // both streams
};

// Runs to its end.
Outcome run(Command command, Seconds at_most = 120s);

// Whether the condition came true in time; asks again every few milliseconds.
bool eventually(const std::function<bool()>& condition, Seconds at_most = patience);

std::string read_file(const std::string& path);
// Whole or not at all for who reads it meanwhile.
void write_file(const std::string& path, const std::string& content);
// The last lines of a text.
std::string tail(const std::string& text, int lines);

}  // namespace pgweir::integration
