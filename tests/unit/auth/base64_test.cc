#include "core/auth/base64.h"

#include <gtest/gtest.h>

#include <utility>

namespace pgweir::auth {
namespace {

// RFC 4648, section 10, and bytes that need the last two characters of the alphabet.
constexpr std::pair<std::string_view, std::string_view> known[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
};

TEST(Base64, encodes_the_known_texts) {
  for (const auto& [bytes, text] : known) EXPECT_EQ(base64_encode(bytes_of(bytes)), text);
}

TEST(Base64, decodes_the_known_texts) {
  for (const auto& [bytes, text] : known) {
    const auto decoded = base64_decode(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(text_of(*decoded), bytes) << text;
  }
}

TEST(Base64, refuses_what_encoding_never_makes) {
  for (std::string_view text : {"Z",          "Zg",    "Zg=",   "Zm8",    "Zm9vY",    "=",
                                "====",       "Z===",  "=Zg=",  "Zg=A",   "Zg==Zg==", "Zm8=Zm9v",
                                "Zm9 ",       "Zm\n=", " Zm9v", "Zm9v\n", "Zm-_",     "Zm*v",
                                "Zm\xc3\xa9", "Zh==",  "Zm9="}) {
    EXPECT_FALSE(base64_decode(text)) << "accepted \"" << text << '"';
  }
  EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4)));
}

}  // namespace
}  // namespace pgweir::auth
