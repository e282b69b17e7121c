// What a client asked for in its startup packet beyond the tracked parameters: any settings, for as
// long as it lives (PostgreSQL: "Message Flow", Start-up; "Parameter Interaction via the Shell").
// They are one text for each set, which Values interns: comparing what a client wants with what a
// server has been given is comparing an integer.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgweir::session {

class StartupSettings {
 public:
  // The last of a name counts; names are compared without case.
  void set(std::string_view name, std::string_view value);
  std::size_t size() const { return values_.size(); }
  // Names and values, each with a zero byte behind it, in the order in which they are to be set.
  // Empty: there is none.
  std::string text() const;

 private:
  std::map<std::string, std::string, std::less<>> values_;  // by names in lower case
};

// What such a text says, in its order. Views of it.
std::vector<std::pair<std::string_view, std::string_view>> settings_of(std::string_view text);

}  // namespace pgweir::session
