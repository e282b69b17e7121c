#include "core/wire/startup.h"

#include <gtest/gtest.h>

#include <string>

#include "core/wire/protocol.h"
#include "core/wire/writer.h"

namespace pgweir::wire {
namespace {

std::string packet(std::uint32_t code, std::string_view rest) {
  std::string out;
  Writer(out).begin_untyped().u32(code).bytes(bytes_of(rest)).end();
  return out;
}

using namespace std::string_view_literals;

TEST(Startup, SaysWhoAndWhereAndWithWhat) {
  const std::string bytes = packet(protocol_3_0, "user\0ann\0database\0shop\0TimeZone\0UTC\0\0"sv);
  const auto read = read_startup_packet(bytes_of(bytes));
  ASSERT_TRUE(read);
  const auto& startup = std::get<Startup>(*read);
  EXPECT_EQ(startup.user, "ann");
  EXPECT_EQ(startup.database, "shop");
  ASSERT_EQ(startup.parameters.size(), 1u);
  EXPECT_EQ(startup.parameters[0].first, "TimeZone");
}

TEST(Startup, TheDatabaseIsTheUsersNameByDefault) {
  const std::string bytes = packet(protocol_3_0, "user\0ann\0\0"sv);
  EXPECT_EQ(std::get<Startup>(*read_startup_packet(bytes_of(bytes))).database, "ann");
}

TEST(Startup, KeepsProtocolOptionsApartFromParameters) {
  const std::string bytes = packet(protocol_3_0 + 2, "user\0ann\0_pq_.x\0on\0\0"sv);
  const auto startup = std::get<Startup>(*read_startup_packet(bytes_of(bytes)));
  EXPECT_EQ(startup.minor, 2);
  ASSERT_EQ(startup.protocol_options.size(), 1u);
  EXPECT_TRUE(startup.parameters.empty());
}

struct Wrong {
  std::string_view what;
  std::uint32_t code;
  std::string_view rest;
  std::string_view sqlstate;
};

TEST(Startup, WrongOnesAreRefusedWithPostgresCodes) {
  for (const Wrong& wrong : {
           Wrong{"no user", protocol_3_0, "database\0x\0\0"sv, "28000"},
           Wrong{"empty user", protocol_3_0, "user\0\0\0"sv, "28000"},
           Wrong{"no terminator", protocol_3_0, "user\0ann\0"sv, "08P01"},
           Wrong{"a name without value", protocol_3_0, "user"sv, "08P01"},
           Wrong{"bytes behind the end", protocol_3_0, "user\0ann\0\0x"sv, "08P01"},
           Wrong{"user twice", protocol_3_0, "user\0ann\0user\0bob\0\0"sv, "08P01"},
           Wrong{"protocol 2.0", 2u << 16, ""sv, "0A000"},
           Wrong{"protocol 4.0", 4u << 16, ""sv, "0A000"},
       }) {
    const std::string bytes = packet(wrong.code, wrong.rest);
    const auto read = read_startup_packet(bytes_of(bytes));
    ASSERT_FALSE(read) << wrong.what << " was accepted";
    EXPECT_FALSE(read.error().silently) << wrong.what;
    EXPECT_EQ(read.error().error.code.text(), wrong.sqlstate) << wrong.what;
  }
}

TEST(Startup, LengthsThatCannotBeTrueAreDroppedAtTheFourthByte) {
  for (const std::uint32_t size : {0u, 3u, 7u, 10'001u, 0x7fffffffu, 0xffffffffu}) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
    EXPECT_FALSE(startup_packet_size(bytes_of(bytes))) << size;
  }
  EXPECT_EQ(startup_packet_size(bytes_of("\0\0\0\x08"sv)), 8u);
}

TEST(Startup, RequestsStandInItsPlace) {
  EXPECT_TRUE(std::holds_alternative<SslRequest>(
      *read_startup_packet(bytes_of(packet(ssl_request_code, "")))));
  EXPECT_TRUE(std::holds_alternative<GssencRequest>(
      *read_startup_packet(bytes_of(packet(gssenc_request_code, "")))));
  const std::string cancel = packet(cancel_request_code, "\0\0\0\x07keys"sv);
  const auto read = read_startup_packet(bytes_of(cancel));
  EXPECT_EQ(std::get<CancelRequest>(*read).pid, 7u);
  EXPECT_EQ(text_of(std::get<CancelRequest>(*read).secret), "keys");
  EXPECT_FALSE(read_startup_packet(bytes_of(packet(ssl_request_code, "x"))));
  EXPECT_FALSE(read_startup_packet(bytes_of(packet(cancel_request_code, "\0\0\0\x07key"sv))));
}

TEST(Options, AreReadInAllTheirForms) {
  const auto options = read_options("-c a=1 --b=two  -cc=3 -c d=x\\ y");
  ASSERT_TRUE(options);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"a", "1"}, {"b", "two"}, {"c", "3"}, {"d", "x y"}};
  EXPECT_EQ(*options, expected);
  EXPECT_TRUE(read_options("   ")->empty());
}

TEST(Options, AreRefusedWhenTheyAreNot) {
  for (const std::string_view text :
       {"-c"sv, "-c="sv, "-c a"sv, "--"sv, "a=b"sv, "-c a=b\\"sv, "-x 1"sv}) {
    EXPECT_FALSE(read_options(text)) << text;
  }
}

}  // namespace
}  // namespace pgweir::wire
