// key=value pairs as PgBouncer's [databases], [users] and libpq have them: blanks between pairs and
// around =, values with blanks in single quotes where '' is one quote. Empty values are errors.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace pgweir::config {

struct KeyValue {
  std::string key;
  std::string value;
};

// All pairs in order, or what is wrong, without a word of the text: it may hold a password.
std::expected<std::vector<KeyValue>, std::string> parse_connect_string(std::string_view text);

}  // namespace pgweir::config
