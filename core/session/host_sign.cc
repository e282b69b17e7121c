#include "core/session/host_sign.h"

#include "core/base/error.h"

namespace pgweir::session {

HostSign last_words(const wire::ErrorFields& said) {
  if (!said.fatal() && said.severity != "WARNING") return HostSign::none;
  if (said.code == sqlstate::admin_shutdown.text()) return HostSign::ends_sessions;
  if (said.code == sqlstate::crash_shutdown.text()) return HostSign::has_crashed;
  return HostSign::none;
}

std::string_view name_of(HostSign sign) {
  switch (sign) {
    case HostSign::none: break;
    case HostSign::ends_sessions: return "57P01 (admin_shutdown)";
    case HostSign::has_crashed: return "57P02 (crash_shutdown)";
    case HostSign::not_accepting: return "57P03 (cannot_connect_now)";
    case HostSign::is_standby: return "25006 (read_only_sql_transaction)";
  }
  return "none";
}

}  // namespace pgweir::session
