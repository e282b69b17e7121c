// What clients leave in a server's session beyond their transactions: settings, channels that are
// listened to, temporary tables and the like. A setting whose value is known follows its client
// (core/session/settle.h), and keeps no server. It follows what texts say (core/sql); what they do
// not tell is not seen. Invariant I-18 of docs/invariants.md: nobody gets a server with another's
// state.
//
// State that is there is never missed because of how a transaction ends: what a text makes counts
// from when it is sent, what it takes away only when all that was sent is answered, and nothing of
// it failed or was rolled back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/parameters.h"

namespace pgweir::session {

enum class StateKind : std::uint8_t {
  setting,    // by its name in lower case
  reported,   // a setting that the server reports: it is the client's, and nothing is left
  channel,    // by name
  prepared,   // by PREPARE: name
  cursor,     // with hold: name
  lock,       // advisory
  temporary,  // tables and such
  library,    // LOAD; no reset takes it away
  unknown,    // there may be something of which nothing is known
};

struct StateChange {
  enum class What : std::uint8_t { made, gone, all_gone, everything_gone };
  What what;
  StateKind kind;
  std::string name = {};
  std::optional<std::string> value = {};  // of a setting that is made, where it can follow

  bool operator==(const StateChange&) const = default;
};

// Whether the texts that follow are read by what is known (see reading.h): not before the server
// has told of it, or not before all that was sent is answered and the transaction over.
enum class Reading : std::uint8_t { known, in_doubt_until_told, in_doubt };

// What a text does, in its order.
struct StateEffects {
  std::vector<StateChange> changes;
  Reading reading = Reading::known;
  bool rolls_back = false;
  bool forgets_statements = false;  // DEALLOCATE ALL, DISCARD ALL: what pgweir has prepared, too
  std::vector<std::string> deallocates = {};  // by name

  bool any() const {
    return !changes.empty() || reading != Reading::known || rolls_back || !deallocates.empty();
  }
  // Something that a client would miss on another server.
  bool pins() const;
  // At a server that reports these: such settings are its clients' (StateKind::reported).
  StateEffects at(const ParameterSet& reported) const;
  // As if no value were known.
  StateEffects without_values() const;
};

// SET ROLE and SET SESSION AUTHORIZATION. RESET ALL leaves them as they are.
bool is_role(std::string_view setting);
// Of a change of the role: what is set then may need its rights.
bool makes_role(const StateChange& change);

// None: nothing, as most do.
using StateEffectsIfAny = std::unique_ptr<const StateEffects>;

// backslash_escapes: standard_conforming_strings is off.
StateEffects state_effects(std::string_view text, bool backslash_escapes);

// "LISTEN jobs", "SET work_mem": no values, which may be secrets. At most cause_size_max bytes.
inline constexpr std::size_t cause_size_max = 64;
std::string cause_of(const StateEffects& effects);

class SessionState {
 public:
  // What the unnamed portal is of does.
  StateEffectsIfAny bound;

  // It was sent.
  void sent(const StateEffects& effects);
  void made(StateKind kind) { sent_.push_back({StateChange::What::made, kind}); }
  // Something that was sent has failed, or rolls back what came before it.
  void failed() { failed_ = true; }
  bool has_failed() const { return failed_; }
  // What was sent since all was answered last sets some settings back to the server's defaults;
  // that one, and nothing has set it since.
  bool takes_back_settings() const { return !sent_.empty() && any_taken_back(); }
  bool takes_back(std::string_view setting) const;
  // Of one that the server reports, what was done last to it: made, or gone (set back); none: it
  // was not concerned.
  std::optional<StateChange::What> last_of_reported(std::string_view setting) const;
  // What was sent since, in its order.
  const std::vector<StateChange>& sent() const { return sent_; }
  // All that was sent is answered. Settings whose value is known follow their client, or do not.
  void settle(bool follow);
  bool is_settled() const { return sent_.empty() && !failed_ && reading_ == Reading::known; }
  // All is answered, maybe within a transaction.
  void told() {
    if (reading_ == Reading::in_doubt_until_told) reading_ = Reading::known;
  }
  bool reading_in_doubt() const { return reading_ != Reading::known; }
  void clear();

  bool clean() const { return kept_.empty() && sent_.empty(); }
  // Something that its client would miss.
  bool pins() const { return first_pin() != nullptr; }
  // The first such, in words, as cause_of says it.
  std::string cause() const;
  // It may act as somebody else than who logged in.
  bool has_role() const;
  bool holds(StateKind kind) const;

 private:
  bool any_taken_back() const;
  const StateChange* first_pin() const;
  void apply(const StateChange& change);

  std::vector<StateChange> kept_;  // made, when all was answered last
  std::vector<StateChange> sent_;  // since
  bool failed_ = false;
  Reading reading_ = Reading::known;
};

}  // namespace pgweir::session
