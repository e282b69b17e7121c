#include "core/sql/clauses.h"

#include <array>
#include <cstddef>
#include <utility>

#include "core/sql/cursor.h"

namespace pgweir::sql {
namespace {

bool is_temporary_schema(std::string_view name) {
  return name == "pg_temp" || name.starts_with("pg_temp_");
}

bool take_temporary(Cursor& cursor) {
  if (!cursor.take("local")) cursor.take("global");
  return cursor.take("temp") || cursor.take("temporary");
}

// The name of a setting, as set_config's first argument; empty unless it is a plain string.
std::string first_argument(Cursor cursor) {
  cursor.advance();
  const Token argument = cursor.token();
  if (argument.kind != TokenKind::string || argument.text.front() != '\'') return {};
  cursor.advance();
  const std::string_view value = argument.text.substr(1, argument.text.size() - 2);
  if (!cursor.is(',') || value.find_first_of("'\\") != std::string_view::npos) return {};
  return in_lower_case(value);
}

class Clauses {
 public:
  Clauses(Cursor cursor, Effects& effects) : cursor_(cursor), effects_(effects) {}

  void read() {
    while (!cursor_.at_end()) {
      const Token token = cursor_.token();
      if (cursor_.is_name()) {
        read_name();
      } else {
        if (cursor_.is('(')) ++depth_;
        if (cursor_.is(')')) close();
        cursor_.advance();
      }
      before_last_ = std::exchange(last_, token);
    }
    if (drops_on_commit_) effects_.temporary = false;
  }

 private:
  // A call of set_config whose parenthesis is not closed.
  struct Call {
    std::size_t depth;
    std::size_t setting;
  };

  void read_name() {
    const bool keyword = cursor_.token().kind == TokenKind::word;
    const std::string name = *cursor_.take_name();
    if (cursor_.is('(')) called(name);
    if (cursor_.is('.') && creates_ && is_temporary_schema(name)) effects_.temporary = true;
    if (keyword) begins(name);
  }

  void called(std::string_view name) {
    if (name == "set_config") {
      add_setting(effects_, first_argument(cursor_), Scope::session);
      // Of what is nested deeper, or told no more, it is not asked whether it is local.
      if (open_calls_ < calls_.size() && effects_.settings.size() < settings_max) {
        calls_[open_calls_++] = {depth_ + 1, effects_.settings.size() - 1};
      }
    }
    effects_.locks |= name == "pg_advisory_lock" || name == "pg_advisory_lock_shared" ||
                      name == "pg_try_advisory_lock" || name == "pg_try_advisory_lock_shared";
    effects_.unlocks |= name == "pg_advisory_unlock" || name == "pg_advisory_unlock_shared" ||
                        name == "pg_advisory_unlock_all";
  }

  void close() {
    if (open_calls_ > 0 && calls_[open_calls_ - 1].depth == depth_) {
      const Call& call = calls_[--open_calls_];
      if (is_symbol(before_last_, ',') && is_word(last_, "true")) {
        effects_.settings[call.setting].scope = Scope::local;
      }
    }
    if (depth_ > 0) --depth_;
  }

  // A keyword was read that may begin a clause.
  void begins(std::string_view keyword) {
    Cursor ahead = cursor_;
    if (keyword == "create") {
      creates_ = true;
      if (ahead.take("or")) ahead.take("replace");
      effects_.temporary |= take_temporary(ahead);
    } else if (keyword == "into" && !is_word(last_, "insert") && !is_word(last_, "merge")) {
      if (!take_temporary(ahead)) {
        ahead.take("table");
        const std::optional<std::string> name = ahead.take_name();
        if (!name || !is_temporary_schema(*name) || !ahead.is('.')) return;
      }
      effects_.temporary = true;
    } else if (keyword == "on") {
      drops_on_commit_ |= ahead.take("commit") && ahead.take("drop");
    } else if (keyword == "update") {
      // Its rule calls set_config.
      ahead.take("only");
      ahead.take('(');
      std::optional<std::string> name = ahead.take_name();
      if (ahead.take('.')) name = ahead.take_name();
      if (name == "pg_settings") add_setting(effects_, {}, Scope::session);
    }
  }

  Cursor cursor_;
  Effects& effects_;
  Token last_;
  Token before_last_;
  std::size_t depth_ = 0;
  bool creates_ = false;
  bool drops_on_commit_ = false;
  std::array<Call, 8> calls_{};
  std::size_t open_calls_ = 0;
};

// Beside anything else it may not be carried out, or not last.
bool only_unlocks_all(Cursor cursor) {
  if (!cursor.take("select")) return false;
  if (cursor.take("pg_catalog") && !cursor.take('.')) return false;
  return cursor.take("pg_advisory_unlock_all") && cursor.take('(') && cursor.take(')') &&
         cursor.at_end();
}

}  // namespace

void read_clauses(std::string_view statement, bool backslash_escapes, Effects& effects) {
  effects.unlocks_all = only_unlocks_all(Cursor(statement, backslash_escapes));
  Clauses(Cursor(statement, backslash_escapes), effects).read();
}

void add_setting(Effects& effects, std::string name, Scope scope) {
  if (effects.settings.size() == settings_max) {
    effects.settings.back() = {};
  } else {
    effects.settings.push_back({std::move(name), scope});
  }
}

}  // namespace pgweir::sql
