#include "core/session/session_state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/session/parameters.h"
#include "core/session/reading.h"
#include "core/sql/cursor.h"
#include "core/sql/session_effects.h"
#include "core/sql/split.h"

namespace pgweir::session {

using What = StateChange::What;

bool is_role(std::string_view setting) {
  return setting == "role" || setting == "session_authorization";
}

bool makes_role(const StateChange& change) {
  return change.what == What::made && change.kind == StateKind::setting && is_role(change.name);
}

namespace {

// What drivers and frameworks set as they connect (JDBC, Rails), and nobody misses: since
// PostgreSQL 12 all values of the first above 0 mean the same, and without the second there are
// more notices. Nobody else may get such a session, but it keeps no server.
bool is_not_missed(std::string_view setting) {
  return setting == "extra_float_digits" || setting == "client_min_messages";
}

// Those that set_config cannot give to another server, or not in the client's place: they end with
// their transaction, or are for a session that has done nothing yet, or have another name too.
bool can_follow(std::string_view setting) {
  constexpr std::array<std::string_view, 12> cannot{"transaction_isolation",
                                                    "transaction_read_only",
                                                    "transaction_deferrable",
                                                    "seed",
                                                    "temp_buffers",
                                                    "local_preload_libraries",
                                                    "session_preload_libraries",
                                                    "shared_preload_libraries",
                                                    "unix_socket_directories",
                                                    "sort_mem",
                                                    "vacuum_mem",
                                                    "force_parallel_mode"};
  const bool ascii =
      std::ranges::all_of(setting, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return !setting.empty() && ascii && !is_role(setting) &&
         std::ranges::find(cannot, setting) == cannot.end();
}

// Without it nothing is lost that a client could name; and what follows its client is not lost.
bool is_known(const StateChange& change) {
  const bool left = change.kind != StateKind::unknown && change.kind != StateKind::reported;
  return change.what == What::made && left && !change.value;
}

StateChange without_value(const StateChange& change) {
  if (!change.value) return change;
  if (is_not_missed(change.name)) return {What::made, StateKind::unknown};
  return {change.what, change.kind, change.name};
}

std::string words_of(const StateChange& change) {
  std::string text;
  switch (change.kind) {
    case StateKind::setting:
    case StateKind::reported:
      text = join("SET ", change.name.empty() ? std::string_view("…") : change.name);
      break;
    case StateKind::channel: text = join("LISTEN ", change.name); break;
    case StateKind::prepared: text = join("PREPARE ", change.name); break;
    case StateKind::cursor: text = join("DECLARE ", change.name, " WITH HOLD"); break;
    case StateKind::lock: text = "pg_advisory_lock"; break;
    case StateKind::temporary: text = "CREATE TEMPORARY"; break;
    case StateKind::library: text = "LOAD"; break;
    case StateKind::unknown: text = "a text that was not looked into"; break;
  }
  // Cut between two characters.
  std::size_t size = std::min(text.size(), cause_size_max);
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  return text;
}

// Reads one statement.
class StatementReader {
 public:
  StatementReader(std::string_view text, bool backslash_escapes, StateEffects& out)
      : effects_(sql::effects_of(text, backslash_escapes)),
        is_do_(sql::Cursor(text, backslash_escapes).is("do")),
        out_(out) {}

  void read() {
    command();
    if (effects_.command != sql::Command::reset) settings();
    if (effects_.temporary) add(What::made, StateKind::temporary);
    if (effects_.locks) add(What::made, StateKind::lock);
    if (effects_.unlocks_all) add(What::all_gone, StateKind::lock);
  }

 private:
  void add(What what, StateKind kind, std::string name = {}) {
    out_.changes.push_back({what, kind, std::move(name)});
  }
  void reads_by(std::string_view setting, Reading doubt = Reading::in_doubt) {
    if (setting.empty() || session::reads_by(setting)) out_.reading = std::max(out_.reading, doubt);
  }
  void gone(StateKind kind) {
    add(effects_.all ? What::all_gone : What::gone, kind, effects_.name);
  }

  void command() {
    switch (effects_.command) {
      case sql::Command::listen: return add(What::made, StateKind::channel, effects_.name);
      case sql::Command::unlisten: return gone(StateKind::channel);
      case sql::Command::prepare: return add(What::made, StateKind::prepared, effects_.name);
      case sql::Command::deallocate:
        out_.forgets_statements |= effects_.all;
        if (!effects_.all) out_.deallocates.push_back(effects_.name);
        return gone(StateKind::prepared);
      case sql::Command::declare:
        if (effects_.with_hold) add(What::made, StateKind::cursor, effects_.name);
        return;
      case sql::Command::close: return gone(StateKind::cursor);
      case sql::Command::discard: return discard();
      case sql::Command::reset: return reset();
      case sql::Command::rollback:
      case sql::Command::rollback_to_savepoint: out_.rolls_back = true; return;
      case sql::Command::load: return add(What::made, StateKind::library);
      // What it does was told when it was prepared, and may have been taken away since.
      case sql::Command::execute: return add(What::made, StateKind::unknown);
      case sql::Command::opaque:
        // Of CALL as little is known as of any function that is called.
        if (is_do_) add(What::made, StateKind::unknown);
        return;
      case sql::Command::set:
      case sql::Command::other:
      case sql::Command::begin:
      case sql::Command::commit:
      case sql::Command::savepoint:
      case sql::Command::release_savepoint:
      case sql::Command::prepare_transaction:
      case sql::Command::notify: return;
    }
  }

  void discard() {
    switch (effects_.discards) {
      case sql::Discard::all:
        out_.forgets_statements = true;
        reads_by({});
        return add(What::everything_gone, StateKind::unknown);
      case sql::Discard::temporary: return add(What::all_gone, StateKind::temporary);
      case sql::Discard::plans:
      case sql::Discard::sequences: return;
    }
  }

  void reset() {
    if (effects_.all) {
      reads_by({});
      return add(What::all_gone, StateKind::setting);
    }
    for (const sql::Setting& setting : effects_.settings) {
      reads_by(setting.name);
      add(What::gone, StateKind::setting, setting.name);
    }
  }

  void settings() {
    if (effects_.to_default) return reset();
    const bool follows = effects_.settings.size() == 1 && effects_.value &&
                         effects_.value->size() <= limits::followed_value_size_max &&
                         can_follow(effects_.settings.front().name);
    for (const sql::Setting& setting : effects_.settings) {
      const bool told = tracked_index(setting.name).has_value();
      reads_by(setting.name, told ? Reading::in_doubt_until_told : Reading::in_doubt);
      if (setting.scope == sql::Scope::local) continue;
      if (follows) {
        out_.changes.push_back(
            {What::made, StateKind::setting, setting.name, std::move(effects_.value)});
      } else if (is_not_missed(setting.name)) {
        add(What::made, StateKind::unknown);
      } else {
        add(What::made, StateKind::setting, setting.name);
      }
    }
  }

  sql::Effects effects_;
  bool is_do_;
  StateEffects& out_;
};

}  // namespace

bool StateEffects::pins() const { return std::ranges::any_of(changes, is_known); }

StateEffects state_effects(std::string_view text, bool backslash_escapes) {
  StateEffects effects;
  sql::Split split(text, backslash_escapes);
  for (std::string_view one = split.next(); !one.empty(); one = split.next()) {
    StatementReader(one, backslash_escapes, effects).read();
  }
  return effects;
}

StateEffects StateEffects::at(const ParameterSet& reported) const {
  StateEffects effects = *this;
  for (StateChange& change : effects.changes) {
    if (change.kind != StateKind::setting) continue;
    const auto index = tracked_index(change.name);
    if (index && reported[*index] != no_value) {
      change = {change.what, StateKind::reported, change.name};
    }
  }
  return effects;
}

StateEffects StateEffects::without_values() const {
  StateEffects effects = *this;
  std::ranges::transform(changes, effects.changes.begin(), without_value);
  return effects;
}

std::string cause_of(const StateEffects& effects) {
  const auto found = std::ranges::find_if(effects.changes, is_known);
  return found == effects.changes.end() ? std::string() : words_of(*found);
}

void SessionState::sent(const StateEffects& effects) {
  failed_ |= effects.rolls_back;
  reading_ = std::max(reading_, effects.reading);
  sent_.insert(sent_.end(), effects.changes.begin(), effects.changes.end());
}

namespace {

// Sets it, or sets it back. (SET SESSION AUTHORIZATION ends a role.)
bool concerns(const StateChange& change, std::string_view setting) {
  if (change.what == What::everything_gone) return true;
  if (change.kind != StateKind::setting) return false;
  if (change.what == What::all_gone) return !is_role(setting);
  return change.name == setting || (change.name == "session_authorization" && setting == "role");
}

bool sets(const StateChange& change, std::string_view setting) {
  return change.what == What::made && change.kind == StateKind::setting && change.name == setting;
}

}  // namespace

bool SessionState::any_taken_back() const {
  return std::ranges::any_of(sent_, [](const StateChange& change) {
    if (change.what == What::everything_gone) return true;
    const bool made = change.what == What::made && change.name != "session_authorization";
    return (change.kind == StateKind::setting || change.kind == StateKind::reported) && !made;
  });
}

bool SessionState::takes_back(std::string_view setting) const {
  bool back = false;
  bool own = std::ranges::any_of(kept_, [&](const auto& change) { return sets(change, setting); });
  for (const StateChange& change : sent_) {
    if (!concerns(change, setting)) continue;
    back = !sets(change, setting);
    own |= !back;
  }
  return back && !(failed_ && own);  // it may have been rolled back
}

std::optional<What> SessionState::last_of_reported(std::string_view setting) const {
  std::optional<What> last;
  for (const StateChange& change : sent_) {
    const bool one = change.kind == StateKind::reported && same_name(change.name, setting);
    const bool all = change.kind == StateKind::setting && change.what == What::all_gone;
    if (one) last = change.what;
    if (all || change.what == What::everything_gone) last = What::gone;
  }
  return last;
}

void SessionState::settle(bool follow) {
  for (const StateChange& change : sent_) {
    if (follow && change.value) {
      std::erase(kept_, StateChange{What::made, change.kind, change.name});
    } else if (change.what == What::made || !failed_) {
      apply(without_value(change));
    }
  }
  sent_.clear();
  failed_ = false;
  reading_ = Reading::known;
}

void SessionState::clear() {
  kept_.clear();
  sent_.clear();
  failed_ = false;
  reading_ = Reading::known;
}

void SessionState::apply(const StateChange& change) {
  if (change.kind == StateKind::reported) return;
  switch (change.what) {
    case What::made:
      if (std::ranges::find(kept_, change) != kept_.end()) return;
      if (kept_.size() < limits::session_state_max) {
        kept_.push_back(change);
      } else {
        kept_.back() = {What::made, StateKind::unknown};
      }
      return;
    case What::gone: std::erase(kept_, StateChange{What::made, change.kind, change.name}); return;
    case What::all_gone:
      std::erase_if(kept_, [&](const StateChange& one) {
        return one.kind == change.kind && !(one.kind == StateKind::setting && is_role(one.name));
      });
      return;
    case What::everything_gone:
      std::erase_if(kept_, [](const StateChange& one) { return one.kind != StateKind::library; });
      return;
  }
}

const StateChange* SessionState::first_pin() const {
  for (const auto* changes : {&kept_, &sent_}) {
    const auto found = std::ranges::find_if(*changes, is_known);
    if (found != changes->end()) return &*found;
  }
  return nullptr;
}

std::string SessionState::cause() const {
  const StateChange* pin = first_pin();
  return pin == nullptr ? std::string() : words_of(*pin);
}

bool SessionState::has_role() const {
  return std::ranges::any_of(kept_, makes_role) || std::ranges::any_of(sent_, makes_role);
}

bool SessionState::holds(StateKind kind) const {
  return std::ranges::find(kept_, kind, &StateChange::kind) != kept_.end();
}

}  // namespace pgweir::session
