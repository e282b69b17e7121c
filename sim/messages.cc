#include "sim/messages.h"

#include "sim/message_view.h"

namespace pgweir::sim {

namespace {

constexpr std::int64_t message_size_max = 1 << 30;

void put(std::string& out, std::uint32_t value, unsigned size) {
  for (unsigned i = size; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xff);
}

void put(std::string& out, std::string_view text) {
  out += text;
  out += '\0';
}

// Of a message with a body of so many bytes.
std::string begin(char type, std::size_t size) {
  std::string out;
  out.reserve(5 + size);
  out += type;
  put(out, static_cast<std::uint32_t>(size + 4), 4);
  return out;
}

std::string big_endian(std::uint32_t value, unsigned size) {
  std::string out;
  put(out, value, size);
  return out;
}

std::string start_message(std::string_view body) {
  return int32(static_cast<std::int64_t>(body.size()) + 4) + std::string(body);
}

std::uint32_t number_in(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string int16(int value) { return big_endian(static_cast<std::uint32_t>(value), 2); }
std::string int32(std::int64_t value) { return big_endian(static_cast<std::uint32_t>(value), 4); }
std::string cstring(std::string_view text) {
  std::string out(text);
  out += '\0';
  return out;
}
std::string message(char type, std::string_view body) {
  std::string out = begin(type, body.size());
  out += body;
  return out;
}

std::string startup(const Parameters& parameters, std::int32_t version) {
  std::string body = int32(version);
  for (const auto& [name, value] : parameters) body += cstring(name) + cstring(value);
  return start_message(body + '\0');
}
std::string ssl_request() { return start_message(int32(ssl_code)); }
std::string gss_request() { return start_message(int32(gss_code)); }
std::string cancel_request(std::uint32_t pid, std::string_view secret) {
  return start_message(int32(cancel_code) + int32(pid) + std::string(secret));
}

std::string almost(std::string secret) {
  if (!secret.empty()) secret.back() = static_cast<char>(secret.back() ^ 1);
  return secret;
}

std::string foreign(std::string secret) {
  secret.at(0) = static_cast<char>(secret.at(0) ^ 1);
  return secret;
}

std::string query(std::string_view sql) {
  std::string out = begin('Q', sql.size() + 1);
  put(out, sql);
  return out;
}
std::string parse(std::string_view statement, std::string_view sql) {
  std::string out = begin('P', statement.size() + 1 + sql.size() + 1 + 2);
  put(out, statement);
  put(out, sql);
  put(out, 0, 2);
  return out;
}
std::string bind(std::string_view portal, std::string_view statement,
                 const std::vector<std::string>& parameters) {
  std::string body = cstring(portal) + cstring(statement) + int16(0);
  body += int16(static_cast<int>(parameters.size()));
  for (const std::string& value : parameters) {
    body += int32(static_cast<std::int64_t>(value.size())) + value;
  }
  return message('B', body + int16(0));
}
std::string describe(char kind, std::string_view name) {
  return message('D', kind + cstring(name));
}
std::string close(char kind, std::string_view name) { return message('C', kind + cstring(name)); }
std::string execute(std::string_view portal, std::int32_t row_count_max) {
  return message('E', cstring(portal) + int32(row_count_max));
}

std::string unnamed_query(std::string_view sql) {
  return parse("", sql) + bind("", "") + execute("");
}
std::string function_call(std::uint32_t function, const std::vector<std::string>& arguments) {
  std::string body = int32(function) + int16(0) + int16(static_cast<int>(arguments.size()));
  for (const std::string& value : arguments) {
    body += int32(static_cast<std::int64_t>(value.size())) + value;
  }
  return message('F', body + int16(0));
}
std::string sync() { return message('S'); }
std::string flush() { return message('H'); }
std::string terminate() { return message('X'); }
std::string copy_data(std::string_view data) { return message('d', data); }
std::string copy_done() { return message('c'); }
std::string copy_fail(std::string_view why) { return message('f', cstring(why)); }

std::string row_description(const std::vector<std::string>& columns) {
  // No table, column 0 of it, a text, of any size, without a modifier, in text format.
  constexpr std::string_view rest("\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 18);
  std::size_t size = 2;
  for (const std::string& column : columns) size += column.size() + 1 + rest.size();
  std::string out = begin('T', size);
  put(out, static_cast<std::uint32_t>(columns.size()), 2);
  for (const std::string& column : columns) {
    put(out, column);
    out += rest;
  }
  return out;
}
void add_data_row(std::string& out, const std::vector<std::string>& values) {
  std::size_t size = 2;
  for (const std::string& value : values) size += 4 + value.size();
  out += 'D';
  put(out, static_cast<std::uint32_t>(size + 4), 4);
  put(out, static_cast<std::uint32_t>(values.size()), 2);
  for (const std::string& value : values) {
    put(out, static_cast<std::uint32_t>(value.size()), 4);
    out += value;
  }
}
std::string data_row(const std::vector<std::string>& values) {
  std::string out;
  add_data_row(out, values);
  return out;
}
std::string error_response(std::string_view severity, std::string_view code,
                           std::string_view text) {
  return message('E', 'S' + cstring(severity) + 'V' + cstring(severity) + 'C' + cstring(code) +
                          'M' + cstring(text) + '\0');
}
std::string notice_response(std::string_view text, std::string_view code) {
  return message('N', 'S' + cstring("NOTICE") + 'V' + cstring("NOTICE") + 'C' + cstring(code) +
                          'M' + cstring(text) + '\0');
}
std::string warning_response(std::string_view text, std::string_view code) {
  return message('N', 'S' + cstring("WARNING") + 'V' + cstring("WARNING") + 'C' + cstring(code) +
                          'M' + cstring(text) + '\0');
}
std::string parameter_status(std::string_view name, std::string_view value) {
  return message('S', cstring(name) + cstring(value));
}

std::optional<std::string_view> Body::text() {
  const std::size_t end = rest_.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view out = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return out;
}
std::optional<std::string_view> Body::bytes(std::size_t size) {
  if (rest_.size() < size) return std::nullopt;
  const std::string_view out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return out;
}
std::optional<std::int32_t> Body::int16() {
  const auto two = bytes(2);
  if (!two) return std::nullopt;
  return static_cast<std::int16_t>(number_in(*two));
}
std::optional<std::int32_t> Body::int32() {
  const auto four = bytes(4);
  if (!four) return std::nullopt;
  return static_cast<std::int32_t>(number_in(*four));
}
std::optional<char> Body::byte() {
  const auto one = bytes(1);
  if (!one) return std::nullopt;
  return (*one)[0];
}

std::string error_field(const Message& error, char field) {
  Body body(error.body);
  while (const auto name = body.byte()) {
    if (*name == '\0') break;
    const auto value = body.text();
    if (!value) break;
    if (*name == field) return std::string(*value);
  }
  return "";
}

std::optional<Message> Framer::next() {
  if (used_ > 0 && used_ * 2 > held_.size()) {
    held_.erase(0, used_);
    used_ = 0;
  }
  const std::size_t header = starting_ ? 4 : 5;
  const std::string_view rest = std::string_view(held_).substr(used_);
  if (spoiled_ || rest.size() < header) return std::nullopt;
  const std::int64_t length = static_cast<std::uint32_t>(integer_at(rest, header - 4));
  if (length < 4 || length > message_size_max) {
    spoiled_ = true;
    return std::nullopt;
  }
  const std::size_t size = header - 4 + static_cast<std::size_t>(length);
  if (rest.size() < size) return std::nullopt;
  used_ += size;
  return Message{starting_ ? '\0' : rest[0], rest.substr(header, size - header)};
}

std::optional<char> Framer::take_byte() {
  if (used_ == held_.size()) return std::nullopt;
  return held_[used_++];
}

}  // namespace pgweir::sim
