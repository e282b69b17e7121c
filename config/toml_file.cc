#include "config/toml_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "config/text_file.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/config/nearest_name.h"
#include "core/config/setting_text.h"

// Settings nest three deep; the library's own bound would let a file exhaust the stack.
#define TOML_MAX_NESTED_VALUES 16
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace pgweir::config {

namespace {

constexpr std::string_view pgweir_table = "pgweir";
constexpr std::string_view databases_table = "databases";
constexpr std::string_view users_table = "users";

// Each dot of a key without quotes is one table more inside another, and tables are freed by
// recursion: a line of a hundred thousand would exhaust the stack.
constexpr std::ptrdiff_t dots_max = 100;

std::string nested_too_deep(std::string_view line) {
  std::ptrdiff_t dots = 0;
  char quote = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == 0 && c == '#') break;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (quote == '"' && c == '\\') {
      ++at;
    } else if (quote == 0 && c == '.') {
      ++dots;
    }
  }
  return dots > dots_max ? std::string("keys are nested too deep") : std::string();
}

// The library's words after the colon can repeat a piece of the file, so they are left out.
std::string syntax_error(const toml::parse_error& error) {
  const std::string_view description = error.description();
  if (description.find("redefine") != std::string_view::npos) {
    return "this key or table is given twice";
  }
  return join("not valid TOML: ", description.substr(0, description.find(':')), ", column ",
              error.source().begin.column, " (text needs quotation marks)");
}

using Entry = std::pair<const toml::key*, const toml::node*>;

int line_of(const toml::key& key) { return static_cast<int>(key.source().begin.line); }

// As they stand in the file.
std::vector<Entry> in_order(const toml::table& table) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table) entries.emplace_back(&key, &node);
  std::ranges::sort(entries, {}, [](const Entry& entry) {
    const toml::source_position at = entry.first->source().begin;
    return std::pair(at.line, at.column);
  });
  return entries;
}

// A scalar as PgBouncer would write it; nothing for dates, arrays and tables.
std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return join(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    // The shortest decimals that stand for this number are those in the file.
    std::array<char, 400> digits;
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number->get(),
                                      std::chars_format::fixed);
    if (result.ec == std::errc()) return std::string(digits.data(), result.ptr);
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> strings_of(const toml::array& array) {
  std::vector<std::string> items;
  for (const toml::node& node : array) {
    const auto* text = node.as_string();
    if (text == nullptr) return std::nullopt;
    items.push_back(text->get());
  }
  return items;
}

// The text of a global setting; nothing when its type is not one that the setting can have.
std::optional<std::string> setting_text(const Setting& setting, const toml::node& node) {
  switch (setting.kind()) {
    case SettingKind::count:
    case SettingKind::port:
    case SettingKind::machines:
    case SettingKind::boolean:
    case SettingKind::duration: return scalar_text(node);
    case SettingKind::mode: {
      const auto* number = node.as_integer();
      if (number == nullptr) break;
      // 0777 is no integer of TOML, and a decimal 777 would be another mode.
      const bool octal =
          (number->flags() & toml::value_flags::format_as_octal) != toml::value_flags::none;
      if (!octal || number->get() < 0 || number->get() > 0777) return std::nullopt;
      return text_of_mode(static_cast<std::uint32_t>(number->get()));
    }
    case SettingKind::text:
    case SettingKind::list:
    case SettingKind::auth_type:
    case SettingKind::pool_mode:
    case SettingKind::session_state: break;
  }
  if (node.is_string()) return scalar_text(node);
  return std::nullopt;
}

class TomlReader {
 public:
  TomlReader(std::string path, Draft& draft, Problems& problems)
      : path_(std::move(path)), draft_(draft), problems_(problems) {}

  void read(const toml::table& root) {
    for (const auto& [key, node] : in_order(root)) {
      const toml::table* table = node->as_table();
      constexpr std::array names = {pgweir_table, databases_table, users_table};
      if (std::ranges::find(names, key->str()) == names.end()) {
        problems_.error(place(*key),
                        join("unknown ", table != nullptr ? "table " : "key ",
                             quoted_name(key->str()), suggestion(key->str(), names),
                             "; settings stand in [pgweir], [databases.NAME] and [users.NAME]"));
      } else if (table == nullptr) {
        problems_.error(place(*key), join(key->str(), " is a table: write [", key->str(), "]"));
      } else if (key->str() == pgweir_table) {
        for (const auto& [name, value] : in_order(*table)) set(*name, *value);
      } else {
        for (const auto& [name, value] : in_order(*table)) {
          add(key->str() == databases_table, *name, *value);
        }
      }
    }
  }

 private:
  Place place(const toml::key& key) const { return {path_, line_of(key)}; }

  void set(const toml::key& key, const toml::node& node) {
    const Setting* setting = find_setting(key.str());
    if (setting == nullptr) {
      draft_.set(key.str(), scalar_text(node).value_or(""), place(key));
      return;
    }
    if (const toml::array* array = node.as_array();
        array != nullptr && setting->kind() == SettingKind::list) {
      if (auto items = strings_of(*array)) {
        draft_.set(*setting, *std::move(items), place(key));
        return;
      }
    } else if (const auto text = setting_text(*setting, node)) {
      draft_.set(key.str(), *text, place(key));
      return;
    }
    problems_.error(place(key), join(key.str(), ": expected ", allowed(*setting),
                                     needs_text(*setting) ? ", in quotation marks" : ""));
  }

  static bool needs_text(const Setting& setting) {
    return setting.kind() == SettingKind::text || setting.kind() == SettingKind::list ||
           setting.kind() == SettingKind::mode || setting.kind() == SettingKind::auth_type ||
           setting.kind() == SettingKind::pool_mode || setting.kind() == SettingKind::session_state;
  }

  void add(bool is_database, const toml::key& name, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      problems_.error(place(name),
                      join(is_database ? "a database" : "a user", " is a table: write [",
                           is_database ? "databases" : "users", ".NAME] and its keys below"));
      return;
    }
    std::vector<Given> given;
    for (const auto& [key, value] : in_order(*table)) {
      if (auto text = scalar_text(*value)) {
        given.push_back(
            {std::string(key->str()), *std::move(text), place(*key), value->is_string()});
      } else {
        problems_.error(place(*key), join(quoted_name(key->str()), ": expected text or a number"));
      }
    }
    if (is_database) {
      draft_.add(std::string(name.str()),
                 read_database(given, place(name), EntryForm::table, problems_));
    } else {
      draft_.add(std::string(name.str()),
                 read_user(given, place(name), EntryForm::table, problems_));
    }
  }

  const std::string path_;
  Draft& draft_;
  Problems& problems_;
};

}  // namespace

bool read_toml_file(const std::string& path, Draft& draft, Problems& problems) {
  const auto file = read_file(path, limits::settings_file_size_max);
  if (!file) {
    problems.error({path, 0}, file.error());
    return false;
  }
  bool readable = true;
  each_line(file->text, [&](std::string_view line, int number) {
    std::string flaw = too_long(line);
    if (flaw.empty()) flaw = nested_too_deep(line);
    if (!flaw.empty()) {
      problems.error({path, number}, std::move(flaw));
      readable = false;
    }
  });
  if (!readable) return false;

  const toml::parse_result parsed = toml::parse(std::string_view(file->text));
  if (!parsed) {
    const int line = static_cast<int>(parsed.error().source().begin.line);
    problems.error({path, line}, syntax_error(parsed.error()));
    return false;
  }
  if (parsed.table().empty()) problems.error({path, 0}, "there is no setting in this file");
  TomlReader(path, draft, problems).read(parsed.table());
  return true;
}

}  // namespace pgweir::config
