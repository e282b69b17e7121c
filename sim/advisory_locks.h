// The advisory locks of a model server: who holds which, and who waits, in order (PostgreSQL:
// "Advisory Locks"). Deadlocks are not looked for.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgweir::sim {

class AdvisoryLocks {
 public:
  using Pid = std::uint32_t;
  // Its database and number.
  using Key = std::pair<std::string, int>;
  // Of a session, until it is unlocked; or of its transaction, in or above a savepoint's level.
  struct Hold {
    Key key;
    Pid pid;
    bool of_session;
    std::size_t level;
  };

  // Told of whoever has just got what it waited for.
  std::function<void(Pid)> granted;

  // False: somebody else holds it, or waits for it; it waits now if it is to.
  bool take(Hold hold, bool waits);
  // One hold of the session's; false: it has none.
  bool unlock(const Key& key, Pid pid);
  void unlock_all(Pid pid);
  // The holds of its transaction in that level and above are given up, or handed to the level
  // below.
  void roll_back_to(Pid pid, std::size_t level);
  void release(Pid pid, std::size_t level);
  void stop_waiting(Pid pid);
  void end_session(Pid pid);
  // Who holds what it waits for.
  std::optional<Pid> in_the_way_of(Pid pid) const;
  void add_text(Pid pid, std::string& text) const;

 private:
  bool free_for(const Hold& hold) const;
  void grant();

  std::vector<Hold> holds_;
  std::vector<Hold> waiting_;
};

}  // namespace pgweir::sim
