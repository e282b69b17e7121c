// The two assertions, on in every build (docs/architecture.md, "Failing, in four kinds").
//
// PGWEIR_REQUIRE: another user's data or memory could be at risk. Ends the process, always.
// PGWEIR_CHECK:   one client and its server are confused. False when it failed; the caller closes
//                 both ends. In tests, simulator and fuzzers it ends the run.
//
// The core cannot print: whoever runs it defines the two functions below (io/, sim/).
#pragma once

#include <array>
#include <cstdint>

namespace pgweir {

// What to print: the condition, where it stands, and up to four values that tell why it failed.
struct Failure {
  const char* condition;
  const char* file;
  int line;
  std::array<std::int64_t, 4> values;
};

template <class... Values>
constexpr std::array<std::int64_t, 4> failure_values(Values... values) {
  static_assert(sizeof...(values) <= 4);
  return {static_cast<std::int64_t>(values)...};
}

[[noreturn]] void require_failed(const Failure& failure);
// Returns in production, after noting; does not return in tests.
void check_failed(const Failure& failure);

}  // namespace pgweir

#define PGWEIR_REQUIRE(condition, ...)     \
  ((condition) ? void()                    \
               : ::pgweir::require_failed( \
                     {#condition, __FILE__, __LINE__, ::pgweir::failure_values(__VA_ARGS__)}))

#define PGWEIR_CHECK(condition, ...)                                                            \
  ((condition) ? true                                                                           \
               : (::pgweir::check_failed(                                                       \
                      {#condition, __FILE__, __LINE__, ::pgweir::failure_values(__VA_ARGS__)}), \
                  false))
