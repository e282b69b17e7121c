// Addresses as people and monitoring read them.
#pragma once

#include <string>

#include "core/event.h"

namespace pgweir::console {

// The address without its port: "unix", "192.0.2.1", or an IPv6 address in the one text form that
// RFC 5952 recommends ("2001:db8::1", "::ffff:192.0.2.1").
std::string address_text(const Endpoint& endpoint);

}  // namespace pgweir::console
