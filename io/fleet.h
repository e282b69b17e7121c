// The shells of all machines of the process, each on a thread of its own: the first on the
// caller's, which alone listens, hears signals, loads settings and ends the process. A fleet of one
// is a shell and nothing else: no thread, no mailbox.
//
// Owns the shells, their mailboxes and the threads. What a shell has is its thread's alone; two of
// them share nothing that changes but their mailboxes (io/mailbox.h) and the log.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "io/log.h"
#include "io/mailbox.h"
#include "io/shell.h"
#include "io/stepper.h"
#include "io/vault.h"

namespace pgweir::io {

class Fleet {
 public:
  struct Member {
    Stepper& stepper;
    Vault& vault;
  };

  // In the order of their seats; at least one. Steppers, vaults and the log outlive the fleet.
  Fleet(std::span<const Member> members, Log& log, const Settings& settings,
        const Shell::Options& options);

  Shell& first() { return *shells_.front(); }

  // Serves until a machine says Exit, whose status it returns; all threads have ended then.
  int run();
  // As Shell::shut_down, of all.
  bool shut_down();

 private:
  void start_threads();
  void stop_threads(int status);
  void serve(std::size_t machine);

  std::unique_ptr<Mailbox[]> mailboxes_;  // null when there is one machine
  std::vector<std::unique_ptr<Shell>> shells_;
  std::vector<std::jthread> threads_;
};

}  // namespace pgweir::io
