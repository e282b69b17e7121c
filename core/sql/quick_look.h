// A quick look at a query's text: most do nothing to the session, and need no reading.
#pragma once

#include <string_view>

namespace pgweir::sql {

// False only where Split finds at most one statement and effects_of has nothing to tell of it,
// however backslash_escapes is. True may be wrong. Worth asking of a long script's statements too,
// one by one: it costs a tenth of reading them.
bool may_have_effects(std::string_view text);

// BEGIN, COMMIT or END and no more, as most transactions have them: nothing lasts of what it does.
bool only_begins_or_commits(std::string_view text);

}  // namespace pgweir::sql
