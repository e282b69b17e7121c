// What a failed assertion does in production (core/base/assert.h): both kinds are logged; a failed
// REQUIRE ends the process, a failed CHECK lets its caller close the link.
#include "core/base/assert.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "io/log.h"

namespace pgweir {

namespace {

void tell(std::string_view event, const Failure& failure) {
  std::string line = join("event=", event, " at=", failure.file, ":", failure.line, " condition=\"",
                          failure.condition, "\" values=");
  for (std::int64_t value : failure.values) append(line, join(value, ","));
  line.pop_back();
  io::Log::emergency(line);
}

}  // namespace

void require_failed(const Failure& failure) {
  tell("require_failed", failure);
  std::abort();
}

void check_failed(const Failure& failure) { tell("check_failed", failure); }

}  // namespace pgweir
