#include "sim/advisory_locks.h"

#include <algorithm>

namespace pgweir::sim {

bool AdvisoryLocks::free_for(const Hold& hold) const {
  return std::ranges::none_of(
      holds_, [&](const Hold& other) { return other.key == hold.key && other.pid != hold.pid; });
}

bool AdvisoryLocks::take(Hold hold, bool waits) {
  const bool mine = std::ranges::any_of(
      holds_, [&](const Hold& other) { return other.key == hold.key && other.pid == hold.pid; });
  const bool queued =
      std::ranges::any_of(waiting_, [&](const Hold& other) { return other.key == hold.key; });
  if (mine || (!queued && free_for(hold))) {
    holds_.push_back(std::move(hold));
    return true;
  }
  if (waits) waiting_.push_back(std::move(hold));
  return false;
}

bool AdvisoryLocks::unlock(const Key& key, Pid pid) {
  const auto found = std::ranges::find_if(holds_, [&](const Hold& hold) {
    return hold.key == key && hold.pid == pid && hold.of_session;
  });
  if (found == holds_.end()) return false;
  holds_.erase(found);
  grant();
  return true;
}

void AdvisoryLocks::unlock_all(Pid pid) {
  std::erase_if(holds_, [&](const Hold& hold) { return hold.pid == pid && hold.of_session; });
  grant();
}

void AdvisoryLocks::roll_back_to(Pid pid, std::size_t level) {
  if (holds_.empty()) return;
  std::erase_if(holds_, [&](const Hold& hold) {
    return hold.pid == pid && !hold.of_session && hold.level >= level;
  });
  grant();
}

void AdvisoryLocks::release(Pid pid, std::size_t level) {
  for (Hold& hold : holds_) {
    if (hold.pid == pid) hold.level = std::min(hold.level, level - 1);
  }
}

void AdvisoryLocks::stop_waiting(Pid pid) {
  std::erase_if(waiting_, [&](const Hold& hold) { return hold.pid == pid; });
  grant();
}

void AdvisoryLocks::end_session(Pid pid) {
  const auto is_its = [&](const Hold& hold) { return hold.pid == pid; };
  if (std::erase_if(waiting_, is_its) + std::erase_if(holds_, is_its) > 0) grant();
}

void AdvisoryLocks::grant() {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (!free_for(waiting_[i])) continue;
    holds_.push_back(std::move(waiting_[i]));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    granted(holds_.back().pid);
    return grant();  // who got it may have changed everything
  }
}

std::optional<AdvisoryLocks::Pid> AdvisoryLocks::in_the_way_of(Pid pid) const {
  const auto wait = std::ranges::find(waiting_, pid, &Hold::pid);
  if (wait == waiting_.end()) return std::nullopt;
  const auto hold = std::ranges::find(holds_, wait->key, &Hold::key);
  if (hold == holds_.end()) return std::nullopt;
  return hold->pid;
}

void AdvisoryLocks::add_text(Pid pid, std::string& text) const {
  for (const Hold& hold : holds_) {
    if (hold.pid != pid) continue;
    if (!text.empty()) text += ',';
    text += (hold.of_session ? "lock=" : "xact_lock=") + std::to_string(hold.key.second);
  }
}

}  // namespace pgweir::sim
