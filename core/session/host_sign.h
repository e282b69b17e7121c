// What a server says of the host it runs on: not of what its client asked, but of all that are
// there (PostgreSQL: "PostgreSQL Error Codes"; "Message Flow", Termination).
#pragma once

#include <cstdint>
#include <string_view>

#include "core/wire/error_fields.h"

namespace pgweir::session {

enum class HostSign : std::uint8_t {
  none,
  ends_sessions,  // 57P01 as last words: an administrator ends this session, perhaps all
  has_crashed,    // 57P02 as last words: another session crashed, and all are ended
  not_accepting,  // 57P03 at a login: it starts up, shuts down or recovers
  is_standby,     // 25006 of one that reports in_hot_standby: nobody can write there
};

// Of what may be last words: FATAL, or the WARNING with which PostgreSQL ends all at once (an
// immediate shutdown, a crash). Who only raises such a warning goes on.
HostSign last_words(const wire::ErrorFields& said);

// "57P01 (admin_shutdown)": for people.
std::string_view name_of(HostSign sign);

}  // namespace pgweir::session
