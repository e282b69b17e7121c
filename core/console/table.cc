#include "core/console/table.h"

#include "core/base/assert.h"

namespace pgweir::console {

namespace {

std::uint16_t length_of(Column::Type type) {
  switch (type) {
    case Column::int8: return 8;
    case Column::int4: return 4;
    case Column::text:
    case Column::numeric: break;
  }
  return 0xffff;  // -1: varies
}

std::uint8_t byte_at(std::string_view text, std::size_t index) {
  return static_cast<std::uint8_t>(text[index]);
}

// Bytes of the UTF-8 character at the start of the text, 0 when there is none. Surrogates, overlong
// forms and what lies beyond U+10FFFF are not characters (RFC 3629, section 4).
std::size_t character_size(std::string_view text) {
  const std::uint8_t first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  const std::uint8_t second = byte_at(text, 1);
  const std::uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    out += size == 0 ? std::string_view("?") : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace

Table::Table(std::string& out, std::initializer_list<Column> columns)
    : writer_(out), column_count_(columns.size()), value_count_(columns.size()) {
  writer_.begin(wire::BackendType::row_description).u16(count_field());
  for (const Column& column : columns) {
    writer_.text(column.name)
        .u32(0)  // no table
        .u16(0)  // no column of it
        .u32(static_cast<std::uint32_t>(column.type))
        .u16(length_of(column.type))
        .u32(0xffffffff)  // no type modifier
        .u16(0);          // text format
  }
  writer_.end();
}

Table& Table::row() {
  end_row();
  writer_.begin(wire::BackendType::data_row).u16(count_field());
  value_count_ = 0;
  in_row_ = true;
  return *this;
}

Table& Table::text(std::string_view value) { return cell(as_utf8(value)); }

Table& Table::null() {
  writer_.u32(0xffffffff);
  ++value_count_;
  return *this;
}

void Table::done(std::string_view tag) {
  end_row();
  writer_.begin(wire::BackendType::command_complete).text(tag).end();
}

Table& Table::cell(std::string_view value) {
  writer_.u32(static_cast<std::uint32_t>(value.size())).bytes(bytes_of(value));
  ++value_count_;
  return *this;
}

// A row with a value too many or too few would make its reader misread all that follows.
void Table::end_row() {
  PGWEIR_REQUIRE(value_count_ == column_count_, value_count_, column_count_);
  if (in_row_) writer_.end();
  in_row_ = false;
}

}  // namespace pgweir::console
