// PostgreSQL's messages as the simulated clients and servers write and read them (PostgreSQL:
// "Message Formats"). Plain strings, written for legibility; shares no code with core/, so that a
// mistake there is not repeated here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgweir::sim {

// A message without its length. type is 0 for the ones that start a connection. What it says lies
// where it was read from.
struct Message {
  char type = 0;
  std::string_view body;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// In place of a version, in a client's first message.
inline constexpr std::int32_t cancel_code = 80877102;
inline constexpr std::int32_t ssl_code = 80877103;
inline constexpr std::int32_t gss_code = 80877104;
inline constexpr std::int32_t protocol_3_0 = 0x30000;

std::string int16(int value);
std::string int32(std::int64_t value);
// The text and its terminator.
std::string cstring(std::string_view text);
std::string message(char type, std::string_view body = "");

// What PostgreSQL says where what a prepared statement returns has changed.
inline constexpr std::string_view old_plan_text = "cached plan must not change result type";

// What clients say.
std::string startup(const Parameters& parameters, std::int32_t version = protocol_3_0);
std::string ssl_request();
std::string gss_request();
std::string cancel_request(std::uint32_t pid, std::string_view secret);
// A secret that differs in its last bit.
std::string almost(std::string secret);
// One that another replica of the pooler gave out.
std::string foreign(std::string secret);
std::string query(std::string_view sql);
std::string parse(std::string_view statement, std::string_view sql);
// Parameters are texts, results too.
std::string bind(std::string_view portal, std::string_view statement,
                 const std::vector<std::string>& parameters = {});
// kind: 'S' a statement, 'P' a portal.
std::string describe(char kind, std::string_view name);
std::string close(char kind, std::string_view name);
std::string execute(std::string_view portal, std::int32_t row_count_max = 0);
// Parse, Bind and Execute, all of no name.
std::string unnamed_query(std::string_view sql);
// Arguments are texts, the result too.
std::string function_call(std::uint32_t function, const std::vector<std::string>& arguments);
std::string sync();
std::string flush();
std::string terminate();
std::string copy_data(std::string_view data);
std::string copy_done();
std::string copy_fail(std::string_view why);

// What servers say. Columns and values are texts.
std::string row_description(const std::vector<std::string>& columns);
std::string data_row(const std::vector<std::string>& values);
void add_data_row(std::string& out, const std::vector<std::string>& values);
std::string error_response(std::string_view severity, std::string_view code, std::string_view text);
std::string notice_response(std::string_view text, std::string_view code = "00000");
std::string warning_response(std::string_view text, std::string_view code);
std::string parameter_status(std::string_view name, std::string_view value);

// Reads a message's body from its beginning; every getter says nothing when it is too short. What
// they give lies in the body.
class Body {
 public:
  explicit Body(std::string_view rest) : rest_(rest) {}
  std::optional<std::string_view> text();  // up to its terminator
  std::optional<std::int32_t> int16();
  std::optional<std::int32_t> int32();
  std::optional<char> byte();
  std::optional<std::string_view> bytes(std::size_t size);
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// The value of a field of an ErrorResponse or NoticeResponse; empty if it is not there.
std::string error_field(const Message& error, char field);

// Cuts a byte stream into messages. A length that cannot be spoils it for good.
class Framer {
 public:
  // starting: the stream begins with messages that have no type byte (a startup packet).
  explicit Framer(bool starting) : starting_(starting) {}

  void feed(std::string_view bytes) { held_ += bytes; }
  // The next message; good until the next one is asked for, or more is fed.
  std::optional<Message> next();
  // After the startup packet.
  void started() { starting_ = false; }
  // A lone byte that is no message: the answer to SSLRequest.
  std::optional<char> take_byte();

  bool spoiled() const { return spoiled_; }
  // Part of a message is here and its end is not.
  bool mid_message() const { return used_ != held_.size(); }

 private:
  std::string held_;
  std::size_t used_ = 0;
  bool starting_;
  bool spoiled_ = false;
};

}  // namespace pgweir::sim
