// What a failed assertion does under test and in the simulator: both kinds end the run, so that
// what production would survive is found here (core/base/assert.h).
#include "sim/assertions.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "core/base/assert.h"

namespace pgweir {

namespace {

thread_local std::optional<std::size_t> forgiven_count;  // while checks may fail in this run
void (*last_words)(const char*, const char*, int) = nullptr;

[[noreturn]] void end_run(const char* kind, const Failure& failure) {
  std::fprintf(stderr, "%s failed: %s\n  at %s:%d\n  values:", kind, failure.condition,
               failure.file, failure.line);
  for (std::int64_t value : failure.values) std::fprintf(stderr, " %" PRId64, value);
  std::fputc('\n', stderr);
  if (last_words != nullptr) last_words(failure.condition, failure.file, failure.line);
  std::abort();
}

}  // namespace

void require_failed(const Failure& failure) { end_run("PGWEIR_REQUIRE", failure); }
void check_failed(const Failure& failure) {
  if (!forgiven_count) end_run("PGWEIR_CHECK", failure);
  ++*forgiven_count;
}

void sim::set_last_words(void (*words)(const char*, const char*, int)) { last_words = words; }

sim::ChecksMayFail::ChecksMayFail() { forgiven_count = 0; }
sim::ChecksMayFail::~ChecksMayFail() { forgiven_count.reset(); }
std::size_t sim::ChecksMayFail::count() const { return forgiven_count.value_or(0); }

}  // namespace pgweir
