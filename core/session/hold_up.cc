#include "core/session/hold_up.h"

#include <cstdint>

#include "core/base/limits.h"
#include "core/sql/quick_look.h"
#include "core/wire/reader.h"

namespace pgweir::session {

using wire::FrontendType;

bool is_asked_too_early(const Server& server, const Opening& opening) {
  const auto type = static_cast<FrontendType>(opening.header.type);
  const bool changing = server.owed.waits_for_changes();
  if (type == FrontendType::query) {
    return changing && opening.whole() && sql::may_have_effects(query_of(opening));
  }
  if (type == FrontendType::execute) {
    const StateEffects* does = server.session.bound.get();
    return changing && does != nullptr && (does->forgets_statements || !does->deallocates.empty());
  }
  const bool parse = type == FrontendType::parse;
  const bool close = type == FrontendType::close || type == FrontendType::describe;
  if (!close && !parse && type != FrontendType::bind) return false;
  wire::Reader reader(opening.body());
  if (close && reader.u8() != 'S') return false;
  if (type == FrontendType::bind) reader.text();
  if (!reader.text().empty()) return changing;
  const bool uses = !parse && type != FrontendType::close;
  return uses && server.owed.unnamed_in_doubt();
}

bool wants_rest(const Opening& opening) {
  const Name name = statement_of(opening);
  const std::uint32_t size_max =
      name.text.empty() ? limits::looked_into_size_max : limits::statement_size_max;
  return name.whole && opening.header.body_size <= size_max;
}

}  // namespace pgweir::session
