#include "core/session/state_policy.h"

#include "core/sql/quick_look.h"

namespace pgweir::session {

StateEffects nothing_is_known() {
  return {.changes = {{StateChange::What::made, StateKind::unknown}}};
}

StateEffects StatePolicy::effects_of(std::string_view text) const {
  if (!sql::may_have_effects(text)) return {};
  static_assert(tracked_parameters[5] == "standard_conforming_strings");
  const bool backslash_escapes = context_.values.text(server_.parameters[5]) == "off";
  return state_effects(text, backslash_escapes);
}

std::string StatePolicy::refused_always(const StateEffects& effects) const {
  if (context_.session_state != SessionStatePolicy::error || !effects.any()) return {};
  return cause_of(effects.at(server_.parameters));
}

std::optional<Refusal> StatePolicy::refusal_of(const StateEffects& effects) const {
  if (!effects.pins()) return std::nullopt;
  if (context_.session_state == SessionStatePolicy::error) return Refusal::session_state;
  const bool full =
      context_.pinned_max > 0 && context_.pinned_count >= context_.pinned_max && !server_.pinned;
  if (context_.session_state == SessionStatePolicy::pin && full) return Refusal::too_many_pinned;
  return std::nullopt;
}

void StatePolicy::take(const StateEffects& effects) {
  server_.session.sent(effects);
  const bool pins = context_.session_state == SessionStatePolicy::pin && effects.pins();
  if (!pins || server_.pinned) return;
  server_.pinned = true;
  server_.pinned_by = cause_of(effects);
  ++context_.pinned_count;
}

std::optional<Refusal> StatePolicy::bind(const StateEffects* does, std::string_view portal) {
  if (server_.owed.skipping()) return std::nullopt;
  if (portal.empty() && server_.session.bound.any()) server_.session.bound = {};
  if (does == nullptr || !does->any()) return std::nullopt;
  StateEffects made = does->at(server_.parameters);
  if (const auto refusal = refusal_of(made)) return refusal;
  if (portal.empty()) {
    server_.session.bound = made;
  } else {
    server_.session.made(StateKind::unknown);
  }
  std::erase_if(made.changes,
                [](const StateChange& change) { return change.what != StateChange::What::made; });
  take(made);
  return std::nullopt;
}

}  // namespace pgweir::session
