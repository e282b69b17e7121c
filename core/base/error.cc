#include "core/base/error.h"

namespace pgweir {

SqlState SqlState::named(std::string_view code) {
  for (const SqlState& known :
       {sqlstate::connection_failure, sqlstate::server_rejected_connection,
        sqlstate::invalid_catalog_name, sqlstate::too_many_connections,
        sqlstate::cannot_connect_now, sqlstate::invalid_parameter_value, sqlstate::undefined_object,
        sqlstate::insufficient_privilege, sqlstate::cant_change_runtime_param}) {
    if (known.text() == code) return known;
  }
  return sqlstate::internal_error;
}

}  // namespace pgweir
