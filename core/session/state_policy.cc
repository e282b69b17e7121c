#include "core/session/state_policy.h"

#include <algorithm>
#include <utility>

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

// What is set as somebody else may not be set, or taken back, as who logs in.
bool StatePolicy::acts_as_another(const StateEffects& effects) const {
  const ValueId settings = server_.setting_up.value_or(server_.settings);
  return server_.session.has_role() || std::ranges::any_of(effects.changes, makes_role) ||
         StartupSettings(context_.values.text(settings)).has_role();
}

StateEffects StatePolicy::here(const StateEffects& effects) const {
  const StateEffects here = effects.at(server_.parameters);
  const bool follows = std::ranges::any_of(
      here.changes, [](const StateChange& change) { return change.value.has_value(); });
  return follows && acts_as_another(here) ? here.without_values() : here;
}

std::string StatePolicy::refused_always(const StateEffects& effects) const {
  if (policy() != SessionStatePolicy::error) return {};
  return cause_of(here(effects));
}

bool StatePolicy::is_full() const {
  const auto most = static_cast<std::uint32_t>(context_.settings.max_pinned);
  return most > 0 && context_.pinned_count >= most && !server_.pinned;
}

std::optional<Refusal> StatePolicy::refusal_of(const StateEffects& effects) const {
  if (!effects.pins()) return std::nullopt;
  if (policy() == SessionStatePolicy::error) return Refusal::session_state;
  if (policy() == SessionStatePolicy::pin && is_full()) {
    return Refusal::too_many_pinned;
  }
  return std::nullopt;
}

void StatePolicy::pin(std::string cause) {
  if (policy() != SessionStatePolicy::pin || server_.pinned) return;
  server_.pinned = true;
  server_.pinned_by = std::move(cause);
  ++context_.pinned_count;
}

void StatePolicy::take(const StateEffects& effects) {
  server_.session.sent(effects);
  if (effects.pins()) pin(cause_of(effects));
}

void StatePolicy::settled() {
  if (server_.session.pins() && !is_full()) pin(server_.session.cause());
}

std::optional<Refusal> StatePolicy::bind(const StateEffects* does, std::string_view portal) {
  if (server_.owed.skipping()) return std::nullopt;
  if (portal.empty()) server_.session.bound = nullptr;
  if (does == nullptr) return std::nullopt;
  StateEffects made = here(*does);
  if (!portal.empty()) made = made.without_values();  // when it is executed is not seen
  if (const auto refusal = refusal_of(made)) return refusal;
  if (portal.empty()) {
    if (made.any()) server_.session.bound = std::make_unique<const StateEffects>(made);
  } else {
    server_.session.made(StateKind::unknown);
  }
  // What follows its client has to be certain: it counts when it is executed.
  std::erase_if(made.changes, [](const StateChange& change) {
    return change.what != StateChange::What::made || change.value;
  });
  take(made);
  return std::nullopt;
}

}  // namespace pgweir::session
