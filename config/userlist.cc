#include "config/userlist.h"

#include <expected>
#include <map>
#include <utility>

#include "config/text_file.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

constexpr std::string_view form = "a line is \"user\" \"secret\"; comments begin with ;";

// Takes one quoted text off the front; blanks may stand before it.
std::expected<std::string, std::string> take_quoted_text(std::string_view& line) {
  line = trimmed(line);
  if (!line.starts_with('"')) return std::unexpected(std::string(form));
  std::string out;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] != '"') {
      out += line[at];
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      out += line[at++];
    } else {
      line.remove_prefix(at + 1);
      return out;
    }
  }
  return std::unexpected("a quotation mark is missing at the end of a name or secret");
}

std::expected<ListedUser, std::string> parse_user(std::string_view line, int number) {
  if (std::string flaw = too_long(line); !flaw.empty()) return std::unexpected(std::move(flaw));
  auto name = take_quoted_text(line);
  if (!name) return std::unexpected(name.error());
  if (name->empty() || name->size() > limits::settings_name_size_max ||
      has_control_character(*name)) {
    return std::unexpected(join("a user's name has from 1 to ", limits::settings_name_size_max,
                                " bytes and no control characters"));
  }
  auto secret = take_quoted_text(line);
  if (!secret) return std::unexpected(secret.error());
  const auto kind = secret_kind(*secret);
  if (!kind) return std::unexpected(kind.error());
  while (!trimmed(line).empty()) {
    if (const auto more = take_quoted_text(line); !more) return std::unexpected(more.error());
  }
  return ListedUser{std::move(*name), {*kind, std::move(*secret)}, number};
}

}  // namespace

std::vector<ListedUser> parse_userlist(std::string_view text, const std::string& file,
                                       Problems& problems) {
  std::vector<ListedUser> users;
  std::map<std::string, int> lines;
  each_line(without_byte_order_mark(text), [&](std::string_view line, int number) {
    const std::string_view content = trimmed(line);
    if (content.empty() || content.starts_with(';')) return;
    auto user = parse_user(content, number);
    if (!user) {
      problems.error({file, number}, std::move(user.error()));
      return;
    }
    const auto [at, is_new] = lines.emplace(user->name, number);
    if (!is_new) {
      problems.error({file, number},
                     join("the user of this line was given on line ", at->second, " already"));
      return;
    }
    users.push_back(std::move(*user));
  });
  return users;
}

}  // namespace pgweir::config
