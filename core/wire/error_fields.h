// What an ErrorResponse or NoticeResponse says, read from its beginning: enough of it to act on.
#pragma once

#include <string_view>

#include "core/base/bytes.h"

namespace pgweir::wire {

// Views of the body given; empty where the field is missing or cut.
struct ErrorFields {
  std::string_view severity;  // not localised where the server says so (V), else as it is (S)
  std::string_view code;
  std::string_view message;

  // The session ends with this message.
  bool fatal() const { return severity == "FATAL" || severity == "PANIC"; }
};

// body may be cut short: the fields that are whole are found.
ErrorFields read_error_fields(Bytes body);

}  // namespace pgweir::wire
