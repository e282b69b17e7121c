// The names of the PostgreSQL wire protocol, version 3 (PostgreSQL: "Message Formats"). The two
// directions reuse each other's letters, so each has a type of its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/limits.h"

namespace pgweir::wire {

// From a client.
enum class FrontendType : std::uint8_t {
  bind = 'B',
  close = 'C',
  copy_data = 'd',
  copy_done = 'c',
  copy_fail = 'f',
  describe = 'D',
  execute = 'E',
  flush = 'H',
  function_call = 'F',
  parse = 'P',
  password = 'p',  // and SASL answers
  query = 'Q',
  sync = 'S',
  terminate = 'X',
};

// From a server.
enum class BackendType : std::uint8_t {
  authentication = 'R',
  backend_key_data = 'K',
  bind_complete = '2',
  close_complete = '3',
  command_complete = 'C',
  copy_both_response = 'W',
  copy_data = 'd',
  copy_done = 'c',
  copy_in_response = 'G',
  copy_out_response = 'H',
  data_row = 'D',
  empty_query_response = 'I',
  error_response = 'E',
  function_call_response = 'V',
  negotiate_protocol_version = 'v',
  no_data = 'n',
  notice_response = 'N',
  notification_response = 'A',
  parameter_description = 't',
  parameter_status = 'S',
  parse_complete = '1',
  portal_suspended = 's',
  ready_for_query = 'Z',
  row_description = 'T',
};

// ReadyForQuery's status.
enum class TransactionStatus : std::uint8_t { idle = 'I', in_transaction = 'T', failed = 'E' };

// Codes in the place of a protocol version in a startup packet.
inline constexpr std::uint32_t protocol_3_0 = 3u << 16;
inline constexpr std::uint16_t newest_minor = 2;  // of protocol 3, that pgweir speaks
inline constexpr std::uint32_t cancel_request_code = 1234u << 16 | 5678u;
inline constexpr std::uint32_t ssl_request_code = 1234u << 16 | 5679u;
inline constexpr std::uint32_t gssenc_request_code = 1234u << 16 | 5680u;

// AuthenticationRequest's kinds.
enum class Authentication : std::uint32_t {
  ok = 0,
  cleartext_password = 3,
  md5_password = 5,
  sasl = 10,
  sasl_continue = 11,
  sasl_final = 12,
};

// The length of a value in Bind and DataRow that there is none of.
inline constexpr std::uint32_t null_value = 0xffffffff;

// A message's first five bytes: its type and, counting itself but not the type, its length.
inline constexpr std::size_t header_size = 5;
struct Header {
  std::uint8_t type;
  std::uint32_t body_size;
  bool valid;  // the length can be true: 4 to limits::message_size_max
};

// Requires: at least header_size bytes.
inline Header read_header(Bytes bytes) {
  const std::uint32_t length = load_u32(bytes.subspan(1));
  return {std::to_integer<std::uint8_t>(bytes[0]), length - 4,
          length >= 4 && length <= limits::message_size_max};
}

// Of the whole messages of this type that the bytes begin with.
inline std::size_t size_of_leading(BackendType type, Bytes bytes) {
  std::size_t size = 0;
  while (bytes.size() - size >= header_size) {
    const Header header = read_header(bytes.subspan(size));
    const std::size_t whole = header_size + header.body_size;
    const bool is_one = header.valid && static_cast<BackendType>(header.type) == type;
    if (!is_one || bytes.size() - size < whole) break;
    size += whole;
  }
  return size;
}

}  // namespace pgweir::wire
