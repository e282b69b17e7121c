// What a database's connect_query sets, as far as its text tells it: RESET would not bring it back.
#pragma once

#include <string>
#include <string_view>

namespace pgweir::session {

// As StartupSettings::text has it.
std::string settings_set_by(std::string_view query);

// All that it does is to set these.
bool tells_what_it_sets(std::string_view query);

}  // namespace pgweir::session
