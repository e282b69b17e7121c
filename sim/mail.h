// The letters between machines, counted from outside (O-33): how many are under way that the other
// has not said to have taken, whether they go in the order in which they were said, and since
// when none is held back.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "core/effect.h"
#include "core/event.h"
#include "core/seats/message.h"
#include "sim/probes.h"
#include "sim/verdict.h"

namespace pgweir::sim {

class Mail {
 public:
  Mail(Verdict& verdict, Probes& probes) : verdict_(verdict), probes_(probes) {}

  void step(std::uint8_t machine, Instant now, const Event& event, std::span<const Effect> effects);

  // No machine has had to keep back since then what it had to say.
  Instant free_since(Instant now) const { return full_count_ > 0 ? now : free_since_; }

 private:
  struct Pair {
    std::uint32_t not_taken = 0;  // as far as the sender has been told
    std::uint32_t under_way = 0;  // sent, and not come: those that say what was taken too
    seats::LetterNumber last = 0;
  };
  // From the one to the other.
  using Way = std::pair<std::uint8_t, std::uint8_t>;

  void sent(Way way, Bytes letter);
  void came(Way way, Bytes letter, Instant now);

  Verdict& verdict_;
  Probes& probes_;
  std::map<Way, Pair> pairs_;
  std::uint32_t full_count_ = 0;
  Instant free_since_{};
};

}  // namespace pgweir::sim
