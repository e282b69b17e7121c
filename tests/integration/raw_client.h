// A client at the level of bytes: for what libpq would never send, and for being slow, rude or
// many. Every wait ends after `patience`, with nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/process.h"

namespace pgweir::integration {

// One message of the server: its type and what follows the length.
struct Message {
  char type;
  std::string body;
};

using StartupParameters = std::vector<std::pair<std::string, std::string>>;

std::string int32(std::uint32_t number);
std::string message(char type, std::string_view body);
// PostgreSQL: "Message Formats", StartupMessage; version 0x00030000 is 3.0.
std::string startup(std::uint32_t version, const StartupParameters& parameters);
std::string cancel_request(std::uint32_t pid, std::string_view secret);
std::string query(std::string_view sql);
inline constexpr std::uint32_t protocol_3_0 = 0x00030000;
inline constexpr std::uint32_t protocol_3_2 = 0x00030002;
inline constexpr std::uint32_t ssl_request_code = 80877103;
inline constexpr std::uint32_t gss_request_code = 80877104;
// A startup packet that is a code alone.
std::string request(std::uint32_t code);

// A field of an ErrorResponse or NoticeResponse: 'C' SQLSTATE, 'M' message, 'S' severity.
std::string error_field(const Message& error, char field);
// The types in order: "1TDCZ".
std::string types(const std::vector<Message>& messages);

class RawClient {
 public:
  explicit RawClient(int port, const std::string& address = "127.0.0.1");
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return socket_ >= 0; }
  // All of it; false when the connection is gone.
  bool send(std::string_view bytes) const;
  // Exactly so many; fewer when the connection ended.
  std::string read(std::size_t size);
  std::optional<Message> read_message();
  // Up to and with ReadyForQuery, or the end of the connection.
  std::vector<Message> read_until_ready();
  // Whether the other side has closed: reads and drops what is still there.
  bool at_end();
  // Whether bytes have come that were not read yet.
  bool readable() const;

  // Startup where no password is asked for, up to ReadyForQuery. What was told is kept.
  bool log_in(const std::string& user, const std::string& database,
              const StartupParameters& more = {}, std::uint32_t version = protocol_3_0);
  const std::map<std::string, std::string>& parameters() const { return parameters_; }
  std::uint32_t key_pid() const { return key_pid_; }
  const std::string& key_secret() const { return key_secret_; }

  // The answer to a simple query.
  std::vector<Message> ask(std::string_view sql);
  // The first cell of the answer; the error's SQLSTATE and text when there was one.
  std::string value(std::string_view sql);

  // An end of file for the server, while we go on reading.
  void stop_sending() const;
  // Goes without a word: an end of file, or a reset.
  void close();
  void reset();

 private:
  int socket_ = -1;
  std::map<std::string, std::string> parameters_;
  std::uint32_t key_pid_ = 0;
  std::string key_secret_;
};

}  // namespace pgweir::integration
