#include "core/session/state_policy.h"

namespace pgweir::session {

StateEffectsIfAny nothing_is_known() {
  return std::make_unique<const StateEffects>(
      StateEffects{.changes = {{StateChange::What::made, StateKind::unknown}}});
}

StateEffectsIfAny StatePolicy::read(std::string_view text) const {
  static_assert(tracked_parameters[5] == "standard_conforming_strings");
  const bool backslash_escapes = context_.values.text(server_.parameters[5]) == "off";
  StateEffects effects = state_effects(text, backslash_escapes);
  return effects.any() ? std::make_unique<const StateEffects>(std::move(effects)) : nullptr;
}

std::string StatePolicy::refused_always(const StateEffects& effects) const {
  if (context_.session_state != SessionStatePolicy::error) return {};
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
  if (portal.empty()) server_.session.bound = nullptr;
  if (does == nullptr) return std::nullopt;
  StateEffects made = does->at(server_.parameters);
  if (const auto refusal = refusal_of(made)) return refusal;
  if (portal.empty()) {
    if (made.any()) server_.session.bound = std::make_unique<const StateEffects>(made);
  } else {
    server_.session.made(StateKind::unknown);
  }
  std::erase_if(made.changes,
                [](const StateChange& change) { return change.what != StateChange::What::made; });
  take(made);
  return std::nullopt;
}

}  // namespace pgweir::session
