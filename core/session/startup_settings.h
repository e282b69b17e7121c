// What a client asked for in its startup packet beyond the tracked parameters: any settings, for as
// long as it lives (PostgreSQL: "Message Flow", Start-up; "Parameter Interaction via the Shell").
// And what it has SET since, where its value is known.
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
  StartupSettings() = default;
  // As text() has made it.
  explicit StartupSettings(std::string_view text);

  // The last of a name counts; names are compared without case.
  void set(std::string_view name, std::string_view value);
  // Back to what it is there; if it is nothing there, it is gone.
  void take_back(std::string_view name, const StartupSettings& to);
  void take_back_all(const StartupSettings& to);
  bool has_role() const { return values_.contains("role"); }
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
