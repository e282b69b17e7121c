#include "sim/shrink.h"

#include <algorithm>

namespace pgweir::sim {

namespace {

using OneTape = std::vector<std::uint32_t>;

class Shrinker {
 public:
  Shrinker(Choices choices, const std::function<bool(const Choices&)>& fails,
           const std::function<bool()>& time_is_up)
      : choices_(std::move(choices)), fails_(fails), time_is_up_(time_is_up) {}

  Choices run() {
    bool changed = true;
    while (changed && !time_is_up_()) {
      changed = false;
      for (std::size_t tape = 0; tape < choices_.size(); ++tape) changed = pass(tape) || changed;
    }
    return std::move(choices_);
  }

 private:
  bool pass(std::size_t tape) {
    bool changed = cut_tail(tape);
    for (std::size_t size = choices_[tape].size() / 2; size > 0; size /= 2) {
      for (std::size_t at = 0; at < choices_[tape].size() && !time_is_up_(); at += size) {
        // The options are read by position: nothing may be dropped from them.
        const bool dropped = tape != 0 && drop(tape, at, size);
        changed = dropped || zero(tape, at, size) || changed;
        if (dropped) at -= std::min(at, size);
      }
    }
    for (std::size_t at = 0; at < choices_[tape].size() && !time_is_up_(); ++at) {
      changed = halve(tape, at) || changed;
    }
    return changed;
  }

  // What is not drawn any more when the failure has come.
  bool cut_tail(std::size_t tape) {
    bool changed = false;
    for (;;) {
      OneTape shorter = choices_[tape];
      if (shorter.empty()) return changed;
      shorter.resize(shorter.size() / 2);
      if (!try_out(tape, std::move(shorter))) return changed;
      changed = true;
    }
  }

  bool drop(std::size_t tape, std::size_t at, std::size_t size) {
    OneTape shorter = choices_[tape];
    const auto first = shorter.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(size, shorter.size() - at);
    shorter.erase(first, first + static_cast<std::ptrdiff_t>(count));
    return try_out(tape, std::move(shorter));
  }

  bool zero(std::size_t tape, std::size_t at, std::size_t size) {
    OneTape calmer = choices_[tape];
    const auto first = calmer.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(size, calmer.size() - at);
    if (std::all_of(first, first + static_cast<std::ptrdiff_t>(count),
                    [](std::uint32_t choice) { return choice == 0; })) {
      return false;
    }
    std::fill_n(first, count, 0u);
    return try_out(tape, std::move(calmer));
  }

  bool halve(std::size_t tape, std::size_t at) {
    if (choices_[tape][at] < 2) return false;
    OneTape smaller = choices_[tape];
    smaller[at] /= 2;
    return try_out(tape, std::move(smaller));
  }

  bool try_out(std::size_t tape, OneTape changed) {
    Choices candidate = choices_;
    candidate[tape] = std::move(changed);
    if (!fails_(candidate)) return false;
    choices_ = std::move(candidate);
    return true;
  }

  Choices choices_;
  const std::function<bool(const Choices&)>& fails_;
  const std::function<bool()>& time_is_up_;
};

}  // namespace

Choices shrink(Choices choices, const std::function<bool(const Choices&)>& fails,
               const std::function<bool()>& time_is_up) {
  return Shrinker(std::move(choices), fails, time_is_up).run();
}

}  // namespace pgweir::sim
