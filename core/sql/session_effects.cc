#include "core/sql/session_effects.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "core/sql/clauses.h"
#include "core/sql/cursor.h"
#include "core/sql/set_value.h"

namespace pgweir::sql {
namespace {

// Reads how a statement begins.
class Beginning {
 public:
  Beginning(Cursor cursor, Effects& effects) : cursor_(cursor), effects_(effects) {}

  void read() {
    if (take("set")) return set();
    if (take("begin")) return found(Command::begin);
    if (take("commit")) return found(is("prepared") ? Command::other : Command::commit);
    if (take("end")) return found(Command::commit);
    if (take("rollback") || take("abort")) return roll_back();
    if (take("start")) return found(is("transaction") ? Command::begin : Command::other);
    if (take("savepoint")) return named(Command::savepoint);
    if (take("release")) return named_behind("savepoint", Command::release_savepoint);
    if (take("prepare")) return prepare();
    if (take("execute")) return execute();
    if (take("explain")) return explain();
    if (take("deallocate")) return named_behind("prepare", Command::deallocate);
    if (take("discard")) return discard();
    if (take("reset")) return reset();
    if (take("listen")) return named(Command::listen);
    if (take("unlisten")) return named(Command::unlisten);
    if (take("notify")) return named(Command::notify);
    if (take("declare")) return declare();
    if (take("close")) return named(Command::close);
    if (take("load")) return found(Command::load);
    if (take("do") || take("call")) return found(Command::opaque);
    if (is("create")) return create();
    effects_.definition_language = is("alter") || is("drop") || is("import");
  }

 private:
  template <class What>
  bool is(What what) const {
    return cursor_.is(what);
  }
  template <class What>
  bool take(What what) {
    return cursor_.take(what);
  }
  void found(Command command) { effects_.command = command; }

  void take_name() {
    const std::size_t from = cursor_.place();
    std::optional<std::string> name = cursor_.take_name();
    if (!name) return;
    effects_.name = std::move(*name);
    effects_.name_text = cursor_.text(from, cursor_.behind());
  }

  // The name may be ALL, or *.
  void named(Command command) {
    found(command);
    const bool has_all = command == Command::deallocate || command == Command::close;
    effects_.all = (has_all && is("all")) || (command == Command::unlisten && is('*'));
    if (!effects_.all) take_name();
  }

  // Behind a word that may be left out, and that may also be the name.
  void named_behind(std::string_view word, Command command) {
    Cursor ahead = cursor_;
    if (ahead.take(word) && !ahead.at_end()) cursor_ = ahead;
    named(command);
  }

  void roll_back() {
    if (is("prepared")) return;
    if (!take("work")) take("transaction");
    if (!take("to")) return found(Command::rollback);
    named_behind("savepoint", Command::rollback_to_savepoint);
  }

  void prepare() {
    Cursor ahead = cursor_;
    if (ahead.take("transaction") && ahead.token().kind == TokenKind::string) {
      return found(Command::prepare_transaction);
    }
    named(Command::prepare);
    if (is('(')) {
      const std::size_t from = cursor_.place() + 1;
      cursor_.skip_parentheses();
      effects_.types = cursor_.text(from, std::max(from, cursor_.behind() - 1));
    }
    if (take("as")) effects_.definition = cursor_.rest();
  }

  void execute() {
    named(Command::execute);
    if (!is('(')) return;
    const std::size_t from = cursor_.place();
    cursor_.skip_parentheses();
    effects_.arguments = cursor_.text(from, cursor_.behind());
  }

  void explain() {
    if (is('(')) cursor_.skip_parentheses();
    while (take("analyze") || take("analyse") || take("verbose")) {
    }
    if (take("execute")) return execute();
    if (is("create")) create();
  }

  // CREATE TABLE ... AS EXECUTE: only there, an AS outside of parentheses is the one of the query.
  void create() {
    effects_.definition_language = true;
    take("create");
    while (take("local") || take("global") || take("temp") || take("temporary") ||
           take("unlogged")) {
    }
    if (!take("table")) return;
    while (!cursor_.at_end() && !is("as")) {
      if (is('(')) {
        cursor_.skip_parentheses();
      } else {
        cursor_.advance();
      }
    }
    if (take("as") && take("execute")) execute();
  }

  void discard() {
    found(Command::discard);
    if (is("plans")) effects_.discards = Discard::plans;
    if (is("sequences")) effects_.discards = Discard::sequences;
    if (is("temp") || is("temporary")) effects_.discards = Discard::temporary;
  }

  void declare() {
    named(Command::declare);
    while (!cursor_.at_end() && !is("cursor")) cursor_.advance();
    effects_.with_hold = take("cursor") && take("with") && is("hold");
  }

  void reset() {
    found(Command::reset);
    effects_.all = is("all");
    if (effects_.all) return;
    if (take_both("session", "authorization")) return add("session_authorization");
    if (take_both("time", "zone")) return add("timezone");
    if (take_both("transaction", "isolation")) return add("transaction_isolation");
    add(setting_name());
  }

  void set() {
    if (is("constraints") && !setting_follows()) return;
    found(Command::set);
    if (!setting_follows() && !authorization_follows()) {
      if (take("local")) {
        scope_ = Scope::local;
      } else {
        take("session");
      }
    }
    if (setting_follows()) return set_by_name();
    if (take("transaction")) {
      scope_ = Scope::local;
      return add_modes("transaction_");
    }
    if (take_both("session", "characteristics")) return add_modes("default_transaction_");
    if (take_both("session", "authorization")) return add("session_authorization");
    if (take_both("time", "zone")) return add("timezone");
    if (take("names")) return add("client_encoding");
    if (take("schema")) return set_schema();
    if (take("role")) return add("role");
    if (take_both("xml", "option")) return add("xmloption");
    add({});
  }

  void set_by_name() {
    std::string name = setting_name();
    if (scope_ == Scope::session) {
      SetValue set = set_value(cursor_, name);
      effects_.value = std::move(set.value);
      effects_.to_default = set.is_default;
    }
    add(std::move(name));
  }

  void set_schema() {
    if (scope_ == Scope::session) effects_.value = set_string(cursor_, "search_path");
    add("search_path");
  }

  bool take_both(std::string_view first, std::string_view second) {
    Cursor ahead = cursor_;
    if (!ahead.take(first) || !ahead.take(second)) return false;
    cursor_ = ahead;
    return true;
  }

  // Keywords that begin other forms of SET are names of settings too, if what follows says so.
  bool setting_follows() const {
    Cursor ahead = cursor_;
    return ahead.take_name() &&
           (ahead.is('=') || ahead.is('.') || ahead.is("to") || ahead.is("from"));
  }

  // SESSION is not the scope.
  bool authorization_follows() const {
    Cursor ahead = cursor_;
    if (!ahead.take("session")) return false;
    return ahead.is("authorization") || (ahead.take("characteristics") && ahead.is("as"));
  }

  std::string setting_name() {
    std::string name = cursor_.take_name().value_or("");
    while (take('.')) {
      name += '.';
      name += cursor_.take_name().value_or("");
    }
    return in_lower_case(name);
  }

  void add(std::string name) { add_setting(effects_, std::move(name), scope_); }
  void add_modes(std::string_view prefix) {
    bool isolation = false;
    bool read_only = false;
    bool deferrable = false;
    for (; !cursor_.at_end(); cursor_.advance()) {
      isolation |= is("isolation");
      read_only |= is("only") || is("write");
      deferrable |= is("deferrable");
    }
    if (isolation) add(std::string(prefix) + "isolation");
    if (read_only) add(std::string(prefix) + "read_only");
    if (deferrable) add(std::string(prefix) + "deferrable");
  }

  Cursor cursor_;
  Effects& effects_;
  Scope scope_ = Scope::session;
};

}  // namespace

Effects effects_of(std::string_view statement, bool backslash_escapes) {
  Effects effects;
  Beginning(Cursor(statement, backslash_escapes), effects).read();
  read_clauses(statement, backslash_escapes, effects);
  if (effects.command == Command::other && effects.settings.size() == 1) {
    effects.value = set_config_value(Cursor(statement, backslash_escapes));
  }
  return effects;
}

}  // namespace pgweir::sql
