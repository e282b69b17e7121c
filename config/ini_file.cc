#include "config/ini_file.h"

#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <utility>
#include <vector>

#include "config/connect_string.h"
#include "config/text_file.h"
#include "config/utf8.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/config/nearest_name.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

enum class Section : std::uint8_t { none, pgbouncer, databases, users, peers, unknown };

constexpr std::array<std::pair<std::string_view, Section>, 4> sections = {{
    {"pgbouncer", Section::pgbouncer},
    {"databases", Section::databases},
    {"users", Section::users},
    {"peers", Section::peers},
}};

bool is_comment(std::string_view line) { return line.starts_with(';') || line.starts_with('#'); }

bool is_bare_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.-*").find(c) != std::string_view::npos;
}

// What makes a line unreadable, whatever it says.
std::string unreadable(std::string_view line) {
  if (std::string flaw = too_long(line); !flaw.empty()) return flaw;
  if (std::ranges::any_of(line, [](char c) {
        return c != '\t' && has_control_character(std::string_view(&c, 1));
      })) {
    return "control characters (a zero byte among them) have no place here";
  }
  if (!is_utf8(line)) return "this line is not valid UTF-8";
  return {};
}

// The name before = , in double quotes where it needs them ("" is one quote); it is taken off.
std::expected<std::string, std::string> take_name(std::string_view& line) {
  std::string name;
  if (!line.starts_with('"')) {
    const auto end = std::ranges::find_if_not(line, is_bare_name_character);
    name.assign(line.begin(), end);
    line.remove_prefix(name.size());
    return name;
  }
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] != '"') {
      name += line[at];
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      name += line[at++];
    } else {
      line.remove_prefix(at + 1);
      return name;
    }
  }
  return std::unexpected("the name's closing double quote is missing");
}

class IniReader {
 public:
  IniReader(Draft& draft, Problems& problems) : draft_(draft), problems_(problems) {}

  // from: where the %include stands; for the first file, the file itself. False when the file was
  // not read.
  bool read(const std::string& path, const Place& from) {
    const bool included = !open_.empty();
    const std::string what = included ? join("%include ", path, ": ") : std::string();
    if (open_.size() > limits::include_depth_max) {
      problems_.error(from, join(what, "files are included at most ", limits::include_depth_max,
                                 " deep (do they include each other?)"));
      return false;
    }
    if (++files_ > limits::include_files_max) {
      // Once is enough: there may be millions more.
      if (files_ == limits::include_files_max + 1) {
        problems_.error(from, join(what, "more than ", limits::include_files_max, " files"));
      }
      return false;
    }
    const auto file = read_file(path, limits::settings_file_size_max - size_);
    if (!file) {
      problems_.error(from, what + file.error());
      return false;
    }
    const std::pair identity(file->device, file->inode);
    if (std::ranges::find(open_, identity) != open_.end()) {
      problems_.error(from, what + "this file includes itself");
      return false;
    }
    size_ += file->text.size();
    open_.push_back(identity);
    each_line(without_byte_order_mark(file->text),
              [&](std::string_view line, int number) { read_line(line, {path, number}); });
    open_.pop_back();
    return true;
  }

  bool saw_anything() const { return saw_anything_; }

 private:
  void read_line(std::string_view line, const Place& place) {
    const std::string_view content = trimmed(line);
    if (content.empty() || is_comment(content)) return;
    saw_anything_ = true;
    if (std::string flaw = unreadable(content); !flaw.empty()) {
      problems_.error(place, std::move(flaw));
    } else if (content.starts_with('[')) {
      read_section(content, place);
    } else if (content.starts_with('%')) {
      read_directive(content, place);
    } else {
      read_key(content, place);
    }
  }

  void read_section(std::string_view line, const Place& place) {
    section_ = Section::unknown;
    const auto end = line.find(']');
    const std::string_view rest =
        end == std::string_view::npos ? line : trimmed(line.substr(end + 1));
    if (!rest.empty() && !is_comment(rest)) {
      problems_.error(place, "a section begins with a line such as [databases] and nothing else");
      return;
    }
    const std::string_view name = line.substr(1, end - 1);
    for (const auto& [known, section] : sections) {
      if (known == name) section_ = section;
    }
    if (section_ == Section::unknown) {
      std::array<std::string_view, sections.size()> names;
      std::ranges::transform(sections, names.begin(),
                             [](const auto& entry) { return entry.first; });
      problems_.error(place, join("unknown section ", quoted_name(name), suggestion(name, names)));
    } else if (section_ == Section::peers) {
      problems_.warning(place,
                        "section [peers] of PgBouncer is not supported yet and has no effect");
    }
  }

  void read_directive(std::string_view line, const Place& place) {
    constexpr std::string_view include = "%include";
    const std::string_view path = trimmed(line.substr(std::min(include.size(), line.size())));
    if (!line.starts_with(include) || path.empty() || line[include.size()] == path.front()) {
      problems_.error(place, "the only directive is %include FILE");
      return;
    }
    read(std::string(path), place);
  }

  void read_key(std::string_view line, const Place& place) {
    auto name = take_name(line);
    line = trimmed(line);
    if (!name) {
      problems_.error(place, name.error());
      return;
    }
    if (!line.starts_with('=') || name->empty()) {
      problems_.error(place,
                      "expected name = value (a name with other characters than letters, digits "
                      "and _.-* needs double quotes)");
      return;
    }
    const std::string_view value = trimmed(line.substr(1));
    switch (section_) {
      case Section::none:
        problems_.error(place, "this stands before the first section, such as [pgbouncer]");
        return;
      case Section::pgbouncer: return draft_.set(*name, value, place);
      case Section::databases:
        if (auto given = read_pairs(value, place)) {
          draft_.add(std::move(*name), read_database(*given, place, EntryForm::line, problems_));
        }
        return;
      case Section::users:
        if (auto given = read_pairs(value, place)) {
          draft_.add(std::move(*name), read_user(*given, place, EntryForm::line, problems_));
        }
        return;
      // One message for the section is enough.
      case Section::peers:
      case Section::unknown: return;
    }
  }

  std::optional<std::vector<Given>> read_pairs(std::string_view value, const Place& place) {
    auto pairs = parse_connect_string(value);
    if (!pairs) {
      problems_.error(place, std::move(pairs.error()));
      return std::nullopt;
    }
    std::vector<Given> given;
    given.reserve(pairs->size());
    for (KeyValue& pair : *pairs) {
      given.push_back({std::move(pair.key), std::move(pair.value), place});
    }
    return given;
  }

  Draft& draft_;
  Problems& problems_;
  Section section_ = Section::none;
  bool saw_anything_ = false;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> open_;  // device and inode, outermost first
  std::size_t files_ = 0;
  std::size_t size_ = 0;  // of all files read
};

}  // namespace

bool read_ini_file(const std::string& path, Draft& draft, Problems& problems) {
  const Place whole{path, 0};
  IniReader reader(draft, problems);
  if (!reader.read(path, whole)) return false;
  if (!reader.saw_anything()) {
    problems.error(whole, "there is no setting in this file");
  } else if (!draft.has("pool_mode")) {
    draft.set("pool_mode", "session", whole);  // as PgBouncer has it
  }
  return true;
}

}  // namespace pgweir::config
