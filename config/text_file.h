// A settings file read once, whole, by its descriptor: what is checked is what is used, even when
// the file is replaced meanwhile.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace pgweir::config {

struct TextFile {
  std::string text;
  // Which file it was, whatever it was called.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

// Relative paths mean the working directory. The error says why, without the path. Refuses what is
// no regular file and what has more than size_max bytes; never waits for anybody.
std::expected<TextFile, std::string> read_file(const std::string& path, std::size_t size_max);

std::string_view without_byte_order_mark(std::string_view text);

// Lines end by \n, \r\n or the end of the text. Calls visit(line, number) for each, counting
// from 1.
template <class Visit>
void each_line(std::string_view text, Visit&& visit) {
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line, number);
  }
}

// What to say of a line of more than settings_line_size_max bytes. Empty: it has no more.
std::string too_long(std::string_view line);

}  // namespace pgweir::config
