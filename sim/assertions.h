// What a failed PGWEIR_CHECK does in the simulator: it ends the run, unless a story is about a
// server that breaks the protocol. PGWEIR_REQUIRE ends the run always.
#pragma once

#include <cstddef>

namespace pgweir::sim {

// While one lives, failed checks are counted, and the machine does what it does in production. At
// most one at a time in a thread.
class ChecksMayFail {
 public:
  ChecksMayFail();
  ~ChecksMayFail();
  ChecksMayFail(const ChecksMayFail&) = delete;
  ChecksMayFail& operator=(const ChecksMayFail&) = delete;

  std::size_t count() const;
};

// Told of a failed assertion before the run ends, once; null: nobody. For programs that say more
// about the run than the assertion can.
void set_last_words(void (*last_words)(const char* condition, const char* file, int line));

}  // namespace pgweir::sim
