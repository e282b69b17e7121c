#include "core/wire/writer.h"

#include "core/base/assert.h"

namespace pgweir::wire {

Writer& Writer::begin_typed(char type) {
  out_ += type;
  return begin_untyped();
}

Writer& Writer::begin_untyped() {
  length_at_ = out_.size();
  out_.append(4, '\0');
  return *this;
}

Writer& Writer::u8(std::uint8_t value) {
  out_ += static_cast<char>(value);
  return *this;
}

Writer& Writer::u16(std::uint16_t value) {
  return u8(static_cast<std::uint8_t>(value >> 8)).u8(static_cast<std::uint8_t>(value));
}

Writer& Writer::u32(std::uint32_t value) {
  return u16(static_cast<std::uint16_t>(value >> 16)).u16(static_cast<std::uint16_t>(value));
}

Writer& Writer::text(std::string_view value) {
  out_ += value.substr(0, value.find('\0'));
  out_ += '\0';
  return *this;
}

Writer& Writer::bytes(Bytes value) {
  out_ += text_of(value);
  return *this;
}

Writer& Writer::end() {
  const std::size_t length = out_.size() - length_at_;
  PGWEIR_REQUIRE(length <= limits::message_size_max, length);
  for (std::size_t i = 0; i < 4; ++i) {
    out_[length_at_ + i] = static_cast<char>(length >> (24 - 8 * i));
  }
  return *this;
}

void write_error(std::string& out, ErrorSeverity severity, const PgError& error) {
  const std::string_view name = severity == ErrorSeverity::fatal ? "FATAL" : "ERROR";
  Writer writer(out);
  writer.begin(BackendType::error_response);
  writer.u8('S').text(name).u8('V').text(name).u8('C').text(error.code.text());
  writer.u8('M').text(error.message);
  if (!error.hint.empty()) writer.u8('H').text(error.hint);
  writer.u8(0).end();
}

void write_notice(std::string& out, std::string_view message) {
  Writer writer(out);
  writer.begin(BackendType::notice_response);
  writer.u8('S').text("NOTICE").u8('V').text("NOTICE").u8('C').text("00000");
  writer.u8('M').text(message).u8(0).end();
}

void write_ready(std::string& out, TransactionStatus status) {
  Writer(out).begin(BackendType::ready_for_query).u8(static_cast<std::uint8_t>(status)).end();
}

void write_parameter_status(std::string& out, std::string_view name, std::string_view value) {
  Writer(out).begin(BackendType::parameter_status).text(name).text(value).end();
}

void write_authentication(std::string& out, Authentication kind, Bytes data) {
  Writer(out)
      .begin(BackendType::authentication)
      .u32(static_cast<std::uint32_t>(kind))
      .bytes(data)
      .end();
}

}  // namespace pgweir::wire
