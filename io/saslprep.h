// Passwords as SCRAM hashes them (RFC 4013), by PostgreSQL's rule: a password that SASLprep cannot
// prepare (not UTF-8, prohibited or unassigned characters, nothing left) is used as it is.
#pragma once

#include <string>
#include <string_view>

namespace pgweir::io {

// Requires: no NUL inside. Callable on any thread. The result is a secret.
std::string saslprep(std::string_view password);

}  // namespace pgweir::io
