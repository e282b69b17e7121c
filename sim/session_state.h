// What one session of the model server keeps between statements, and a rollback takes back:
// settings, roles, temporary tables, and the channels it listens on. (Statements, portals and locks
// follow other rules; the session has them itself.)
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"

namespace pgweir::sim {

class SessionState {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;
  enum class Lasts { session, transaction };

  SessionState() = default;
  SessionState(const SessionState&) = delete;
  SessionState& operator=(const SessionState&) = delete;

  // Fact 1: what clients of a version are told of, in this order; all else changes silently.
  static std::vector<std::string> reported_names(const std::string& version);

  // A session begins: what it says at startup is its default from now on.
  void begin(Values defaults, const Values& said, const std::string& version);

  // Settings. A name that is not known has no value.
  bool knows(std::string_view name) const { return defaults_.contains(name); }
  // The one that is meant: case does not matter. As it is where there is none.
  static std::string name_among(const Values& known, std::string_view name);
  std::string name_of(std::string_view name) const { return name_among(defaults_, name); }
  const std::string& value(std::string_view name) const;
  void set(const std::string& name, const std::string& value, Lasts lasts);
  void reset(const std::string& name, Lasts lasts = Lasts::session);
  void reset_all();
  // As DISCARD ALL does: roles too, tables and channels.
  void discard_all();
  // What the configuration says; what was said at startup counts more.
  void set_default(const std::string& name, const std::string& value);
  // Of a setting that is a time; zero: none.
  Duration time(std::string_view name) const;

  bool has_table(const std::string& name) const { return now_.temp_tables.contains(name); }
  void add_table(const std::string& name, Lasts lasts);
  void drop_table(const std::string& name);
  void drop_tables();
  void listen(const std::string& channel) { change().channels.insert(channel); }
  void unlisten(const std::string& channel) { change().channels.erase(channel); }
  void unlisten_all() { change().channels.clear(); }
  // A LISTEN counts from the end of its transaction on.
  bool listens_to(const std::string& channel) const {
    return (before_ ? *before_ : now_).channels.contains(channel);
  }

  // Transactions. A level is a savepoint; level 0 is the transaction itself.
  void add_level() { levels_.push_back(now_); }
  void roll_back_to(std::size_t level);  // and keep it
  void release(std::size_t level);       // it and those above: what they did stays
  void end_transaction(bool committed);

  // What differs from what was told last: those that are reported, in their order.
  std::vector<std::pair<std::string, std::string>> take_news();
  // "TimeZone=UTC,table=t,listen=c": all that is not as in a new session.
  void add_text(std::string& text) const;
  // "IntervalStyle=iso_8601": by which of them constants are read, if not as in a new session.
  std::string reading() const;

 private:
  struct Kept {
    Values own;    // by SET
    Values local;  // by SET LOCAL, over those
    std::set<std::string> temp_tables;
    std::set<std::string> dropped_at_commit;  // of these
    std::set<std::string> channels;
  };
  // One that clients are told of; the two texts are defaults_'s.
  struct Reported {
    const std::string& name;
    const std::string& default_value;
    std::optional<std::string> told;
  };
  // By SET or SET LOCAL; null: it is the default.
  const std::string* set_value(std::string_view name) const;
  Kept& change() {
    if (!before_) before_ = now_;
    return now_;
  }

  Values defaults_;
  std::set<std::string, std::less<>> said_at_startup_;
  Kept now_;
  std::optional<Kept> before_;  // this transaction's first change
  std::vector<Kept> levels_;    // before each savepoint
  std::vector<Reported> reported_;
  bool to_tell_ = true;  // something may differ from what was told
};

}  // namespace pgweir::sim
