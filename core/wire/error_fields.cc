#include "core/wire/error_fields.h"

#include "core/wire/reader.h"

namespace pgweir::wire {

ErrorFields read_error_fields(Bytes body) {
  ErrorFields fields;
  bool severity_is_fixed = false;
  Reader reader(body);
  while (true) {
    const std::uint8_t field = reader.u8();
    if (reader.failed() || field == 0) return fields;
    const std::string_view value = reader.text();
    if (reader.failed()) {
      // A message may be longer than what is looked at; its beginning still tells.
      if (field == 'M') fields.message = text_of(reader.rest());
      return fields;
    }
    if (field == 'V') {
      fields.severity = value;
      severity_is_fixed = true;
    } else if (field == 'S' && !severity_is_fixed) {
      fields.severity = value;
    } else if (field == 'C') {
      fields.code = value;
    } else if (field == 'M') {
      fields.message = value;
    }
  }
}

}  // namespace pgweir::wire
