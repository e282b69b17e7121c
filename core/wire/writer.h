// Builds protocol messages into a text the caller owns. A message cannot get a wrong length: it is
// patched when the message ends (PostgreSQL: "Message Formats").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/wire/protocol.h"

namespace pgweir::wire {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin(FrontendType type) { return begin_typed(static_cast<char>(type)); }
  Writer& begin(BackendType type) { return begin_typed(static_cast<char>(type)); }
  // Startup packets have no type byte.
  Writer& begin_untyped();
  Writer& u8(std::uint8_t value);
  Writer& u16(std::uint16_t value);
  Writer& u32(std::uint32_t value);
  // With its terminating NUL; what stands behind a NUL inside is cut off.
  Writer& text(std::string_view value);
  Writer& bytes(Bytes value);
  Writer& end();

 private:
  Writer& begin_typed(char type);

  std::string& out_;
  std::size_t length_at_ = 0;
};

enum class ErrorSeverity : std::uint8_t { error, fatal };

void write_error(std::string& out, ErrorSeverity severity, const PgError& error);
void write_notice(std::string& out, std::string_view message);
void write_ready(std::string& out, TransactionStatus status);
void write_parameter_status(std::string& out, std::string_view name, std::string_view value);
void write_authentication(std::string& out, Authentication kind, Bytes data = {});

}  // namespace pgweir::wire
