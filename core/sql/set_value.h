// What a SET gives its setting, as set_config() would have to be told to do the same. PostgreSQL:
// "SET"; and flatten_set_variable_args of its guc_funcs.c.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/sql/cursor.h"

namespace pgweir::sql {

// Nothing where the text does not tell it for certain: what is no constant, has escapes, or is not
// ASCII (which may mean something else where the client's encoding is another).
struct SetValue {
  std::optional<std::string> value;
  bool is_default = false;
};

// Behind the name: "= 'a'", "TO a, b". The name: in lower case.
SetValue set_value(Cursor cursor, std::string_view name);

// The one string that follows to the end, of such a setting.
std::optional<std::string> set_string(Cursor cursor, std::string_view name);

// The value of a whole statement "select set_config('name', 'value', false)".
std::optional<std::string> set_config_value(Cursor cursor);

}  // namespace pgweir::sql
