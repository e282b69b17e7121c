// What becomes of what a client would leave in its server's session: the settings session_state and
// max_pinned.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/session/link.h"
#include "core/session/session_state.h"
#include "core/sql/quick_look.h"

namespace pgweir::session {

class StatePolicy {
 public:
  StatePolicy(Server& server, LinkContext& context) : server_(server), context_(context) {}

  // Of a server that is its client's to the end, what is left in it is nobody else's concern before
  // it is reset.
  SessionStatePolicy policy() const {
    return server_.whole_session
               ? SessionStatePolicy::reset
               : context_.database.session_state.value_or(context_.settings.session_state);
  }

  // Of a text that this server would read.
  StateEffectsIfAny effects_of(std::string_view text) const {
    const bool any = sql::may_have_effects(text) && !sql::only_begins_or_commits(text);
    return any ? read(text) : nullptr;
  }
  // Of that what is to be followed at this server: without what it reports, and with values only
  // where they may follow.
  StateEffects here(const StateEffects& effects) const;
  // For what a statement is refused before it is prepared; nothing: it is not.
  std::string refused_always(const StateEffects& effects) const;
  std::optional<Refusal> refusal_of(const StateEffects& effects) const;
  // It is sent: from now on what it makes is there, and pins.
  void take(const StateEffects& effects);
  // A statement is bound that does so: what it makes counts from now on. What it takes away is seen
  // only where it is executed from the unnamed portal.
  std::optional<Refusal> bind(const StateEffects* does, std::string_view portal);
  // All is answered: what was to follow its client and does not pins, as far as that is allowed.
  void settled();

 private:
  bool is_full() const;
  void pin(std::string cause);
  bool acts_as_another(const StateEffects& effects) const;
  StateEffectsIfAny read(std::string_view text) const;

  Server& server_;
  LinkContext& context_;
};

// Of a text that is too long to be looked into.
StateEffectsIfAny nothing_is_known();

}  // namespace pgweir::session
