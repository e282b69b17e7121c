// Replication connections (PostgreSQL: "Streaming Replication Protocol"): what the startup
// parameter "replication" asks for. Such a client has a server of its own, opened for it with what
// its startup packet says, which is closed when it goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pgweir::session {

enum class Replication : std::uint8_t {
  none,
  logical,   // of one database; takes SQL as well
  physical,  // of the whole cluster
};

// As PostgreSQL reads it: "database", or any of its words for a boolean, without case and as short
// as is unambiguous. Nothing when it is none of these.
std::optional<Replication> read_replication(std::string_view value);

// "none", "logical", "physical": as SHOW CLIENTS and SHOW SERVERS have it.
std::string_view name_of(Replication replication);

// The value that asks PostgreSQL for it. Requires: not none.
std::string_view value_of(Replication replication);

}  // namespace pgweir::session
