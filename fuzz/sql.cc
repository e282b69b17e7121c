// Any text obeys the laws of core/sql (tests/property/sql_laws.h). The first byte of an input says
// whether backslashes escape in it, the others are the text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/property/sql_laws.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string wrong = pgweir::sql::first_broken_law(text, (data[0] & 1) != 0);
  if (wrong.empty()) return 0;
  std::printf("%s\n", wrong.c_str());
  std::fflush(stdout);
  std::abort();
}
