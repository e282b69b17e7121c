// What one application may expect of the session it is served by: the state it made itself, and
// nothing else; and what became of what it inserted.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pgweir::sim {

class OwnState {
 public:
  using Parameters = std::map<std::string, std::string, std::less<>>;

  // A new connection, with the parameters it was begun with.
  void begin(Parameters parameters);

  void set(const std::string& name, const std::string& value) {
    now_.local.erase(name);
    now_.own[name] = value;
    ever_.insert(name + "=" + value);
  }
  void set_local(const std::string& name, const std::string& value) {
    now_.local[name] = value;
    ever_.insert(name + "=" + value);
  }
  // "IntervalStyle=iso_8601,TimeZone=UTC": which settings PostgreSQL has read a text by, where they
  // were not its own defaults. It had them all at some time.
  bool may_have_read_by(std::string_view reading) const;
  bool has_parameter(std::string_view name) const {
    return now_.local.contains(name) || now_.own.contains(name);
  }
  // What lasts as long as its transaction: "xact_lock=1", "table=t".
  void add(const std::string& thing) { now_.things.insert(thing); }
  // What outlives its transaction: "listen=news", "lock=7".
  void keep(const std::string& thing) { now_.kept.insert(thing); }
  void end_kept(std::string_view kind);
  // A setting, which follows whoever made it; its end is the value that the connection was begun
  // with.
  void keep_setting(const std::string& name, const std::string& value) {
    now_.kept_settings[name] = value;
  }
  void end_kept_setting(const std::string& name) { now_.kept_settings.erase(name); }
  // Back to what the connection was begun with: a parameter, or "all" settings.
  void reset(const std::string& name);
  void discard_all();
  void lose_kept() { now_.kept.clear(); }
  // What keeps a server.
  bool keeps_any() const { return !now_.kept.empty(); }
  // It failed to make something that would outlive its transaction, or took a setting back by
  // rolling back: a pooler may think it is there.
  void fail_to_keep() { failed_to_keep_ = true; }
  bool has_failed_to_keep() const { return failed_to_keep_; }
  void insert(const std::string& value) { inserted_.push_back(value); }

  void declare(const std::string& cursor, int row_count);
  void close(const std::string& cursor);
  bool has_cursor(const std::string& cursor) const {
    return now_.things.contains(thing_of(cursor));
  }
  // How many rows a FETCH of so many gives.
  int rows_for(const std::string& cursor, int count) const;
  void fetch(const std::string& cursor, int count) { rows_left_[cursor] -= count; }

  void add_savepoint(const std::string& name) {
    savepoints_.push_back({name, now_, inserted_.size()});
  }
  bool has_savepoint(const std::string& name) const;
  void roll_back_to(const std::string& name);
  void release(const std::string& name);
  void end_transaction(bool committed);
  // The connection is gone: whether the transaction was committed is not known.
  void lose();

  // The first difference to what a session says of itself: "name=value,name=value".
  struct Difference {
    bool leak;  // somebody else's; else its own is missing or another
    std::string what;
  };
  // also: what else is to be there, in its words.
  std::optional<Difference> compare(std::string_view state,
                                    const std::vector<std::string>& also = {}) const;

  // The audit of inserted values.
  const std::vector<std::string>& committed() const { return committed_; }
  const std::vector<std::string>& rolled_back() const { return rolled_back_; }
  const std::vector<std::string>& unknown() const { return unknown_; }
  void add_unknown(const std::string& value) { unknown_.push_back(value); }

 private:
  struct State {
    Parameters own;
    Parameters local;
    std::multiset<std::string, std::less<>> things;
    std::set<std::string, std::less<>> kept;
    Parameters kept_settings;
  };
  struct Savepoint {
    std::string name;
    State before;
    std::size_t inserted_count;
  };
  static std::string thing_of(const std::string& cursor) { return "portal=" + cursor; }
  std::size_t find(const std::string& savepoint) const;

  State now_;
  State before_;  // the transaction
  std::vector<Savepoint> savepoints_;
  bool failed_to_keep_ = false;
  std::set<std::string, std::less<>> ever_;  // "name=value" of all that it has had
  Parameters began_with_;
  std::map<std::string, int> rows_left_;  // of cursors; no rollback takes a FETCH back
  std::vector<std::string> inserted_;     // in this transaction
  std::vector<std::string> committed_;
  std::vector<std::string> rolled_back_;
  std::vector<std::string> unknown_;
};

}  // namespace pgweir::sim
