#include "core/auth/scram_message.h"

#include <gtest/gtest.h>

#include "core/auth/base64.h"
#include "core/base/limits.h"
#include "core/base/text.h"

namespace pgweir::auth {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view a_proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

template <class Parsed>
void expect_refused(const Parsed& parsed, SqlState code, std::string_view message) {
  ASSERT_FALSE(parsed) << "accepted \"" << message << "\": the parser must refuse it";
  EXPECT_EQ(parsed.error().code.text(), code.text()) << message << ": " << parsed.error().message;
  EXPECT_FALSE(parsed.error().message.empty()) << message;
  EXPECT_FALSE(parsed.error().hint.empty()) << message;
}

// A message of this size that is right but for its size, with the filler before the rest.
std::string sized(std::string_view start, std::string_view rest, std::size_t size) {
  return join(start, std::string(size - start.size() - rest.size(), 'x'), rest);
}

TEST(ScramClientFirst, is_read_with_its_header_and_nonce) {
  for (std::string_view header : {"n,,", "y,,"}) {
    const std::string message = join(header, "n=somebody,r=abc!~+=");
    const auto parsed = parse_client_first(message);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->gs2_header, header);
    EXPECT_EQ(parsed->bare, "n=somebody,r=abc!~+=");
    EXPECT_EQ(parsed->nonce, "abc!~+=");
  }
}

TEST(ScramClientFirst, may_leave_the_name_empty) { EXPECT_TRUE(parse_client_first("n,,n=,r=abc")); }

TEST(ScramClientFirst, ignores_optional_extensions_after_the_nonce) {
  const auto parsed = parse_client_first("n,,n=,r=abc,x=1,Y=");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->nonce, "abc");
  EXPECT_EQ(parsed->bare, "n=,r=abc,x=1,Y=");
}

TEST(ScramClientFirst, is_refused_when_malformed) {
  for (std::string_view message : {""sv,
                                   "n"sv,
                                   "n,"sv,
                                   "n,,"sv,
                                   ",,,,"sv,
                                   "x,,n=,r=abc"sv,
                                   "N,,n=,r=abc"sv,
                                   "n=,r=abc"sv,
                                   "n,n=,r=abc"sv,
                                   "n,b=x,n=,r=abc"sv,
                                   "p=tls-unique,,n=,r=abc"sv,
                                   "p"sv,
                                   "n,,n="sv,
                                   "n,,n=,"sv,
                                   "n,,r=abc"sv,
                                   "n,,r=abc,n="sv,
                                   "n,,n=,n=,r=abc"sv,
                                   "n,,n=,r="sv,
                                   "n,,n=,r"sv,
                                   "n,,n=,R=abc"sv,
                                   "n,,n=,,r=abc"sv,
                                   "n,,,n=,r=abc"sv,
                                   "n,,n=,r=a b"sv,
                                   "n,,n=,r=a\x7f"sv,
                                   "n,,n=,r=a\xc3\xa9"sv,
                                   "n,,n=,r=a\tb"sv,
                                   "n,,n=,r=a\0b"sv,
                                   "n,,n=,r=abc\0"sv,
                                   "n,,n=a\0,r=abc"sv,
                                   "\0"sv,
                                   "n,,n=,r=abc,"sv,
                                   "n,,n=,r=a,b"sv,
                                   "n,,n=,r=abc,1=2"sv,
                                   "n,,n=,r=abc,x"sv,
                                   "n,,n=,r=abc,r=abc"sv,
                                   "n,,n=,r=abc,m=1"sv,
                                   "n,,n=,r=abc,x=1,n="sv,
                                   "n,,n=,x=1,r=abc"sv}) {
    expect_refused(parse_client_first(message), sqlstate::protocol_violation, message);
  }
}

TEST(ScramClientFirst, may_not_act_as_somebody_else_or_require_an_extension) {
  for (std::string_view message : {"n,a=admin,n=,r=abc", "y,a=,n=,r=abc", "n,,m=x,n=,r=abc"}) {
    expect_refused(parse_client_first(message), sqlstate::feature_not_supported, message);
  }
}

TEST(ScramClientFirst, has_a_largest_size) {
  EXPECT_TRUE(parse_client_first(sized("n,,n=,r=", "", limits::scram_message_size_max)));
  const std::string message = sized("n,,n=,r=", "", limits::scram_message_size_max + 1);
  expect_refused(parse_client_first(message), sqlstate::protocol_violation, "too long");
  expect_refused(parse_client_first(std::string(60000, ',')), sqlstate::protocol_violation, "");
}

TEST(ScramServerFirst, is_read_whole) {
  const auto parsed = parse_server_first("r=abcdef,s=Zm9v,i=4096");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->nonce, "abcdef");
  EXPECT_EQ(text_of(parsed->salt), "foo");
  EXPECT_EQ(parsed->iterations, 4096u);
}

TEST(ScramServerFirst, takes_iterations_up_to_the_limit) {
  const auto iterations = [](auto number) {
    return parse_server_first(join("r=ab,s=Zm9v,i=", number));
  };
  EXPECT_TRUE(iterations(1));
  EXPECT_TRUE(iterations(limits::scram_iterations_max));
  for (std::string_view text : {"", "0", "-5", "+1", "abc", "4096x", " 1", "04096", "1000001",
                                "99999999999", "99999999999999999999999", "1.0", "0x10"}) {
    expect_refused(iterations(text), sqlstate::protocol_violation, text);
  }
}

TEST(ScramServerFirst, names_the_limit_that_the_iterations_exceed) {
  const auto parsed = parse_server_first("r=ab,s=Zm9v,i=99999999999");
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().message.contains("1000000")) << parsed.error().message;
}

TEST(ScramServerFirst, is_refused_when_malformed) {
  for (std::string_view message : {""sv,
                                   "r=ab"sv,
                                   "r=ab,"sv,
                                   "r=ab,s=Zm9v"sv,
                                   "r=ab,s=Zm9v,"sv,
                                   "s=Zm9v,i=1"sv,
                                   "r=ab,i=1"sv,
                                   "s=Zm9v,r=ab,i=1"sv,
                                   "r=ab,i=1,s=Zm9v"sv,
                                   "r=ab,r=ab,s=Zm9v,i=1"sv,
                                   "r=ab,s=Zm9v,s=Zm9v,i=1"sv,
                                   "r=ab,s=Zm9v,i=1,i=1"sv,
                                   "r=ab,s=Zm9v,i=1,"sv,
                                   "r=ab,s=Zm9v,i=1,x=1"sv,
                                   "r=,s=Zm9v,i=1"sv,
                                   "r=a b,s=Zm9v,i=1"sv,
                                   "r=ab,s=,i=1"sv,
                                   "r=ab,s=Zm9,i=1"sv,
                                   "r=ab,s=Zm9=,i=1"sv,
                                   "r=ab,s=!!!!,i=1"sv,
                                   "r=ab,s=Zm9v,i=1\0"sv,
                                   "r=ab\0,s=Zm9v,i=1"sv,
                                   "e=other-error"sv,
                                   "v=abc"sv}) {
    expect_refused(parse_server_first(message), sqlstate::protocol_violation, message);
  }
  expect_refused(parse_server_first("m=x,r=ab,s=Zm9v,i=1"), sqlstate::feature_not_supported, "m=");
}

TEST(ScramServerFirst, has_a_largest_size) {
  EXPECT_TRUE(parse_server_first(sized("r=", ",s=Zm9v,i=1", limits::scram_message_size_max)));
  const std::string message = sized("r=", ",s=Zm9v,i=1", limits::scram_message_size_max + 1);
  expect_refused(parse_server_first(message), sqlstate::protocol_violation, "too long");
}

TEST(ScramClientFinal, is_read_whole) {
  const std::string message = join("c=biws,r=abc,p=", a_proof);
  const auto parsed = parse_client_final(message);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->without_proof, "c=biws,r=abc");
  EXPECT_EQ(parsed->binding_base64, "biws");
  EXPECT_EQ(parsed->nonce, "abc");
  EXPECT_EQ(base64_encode(parsed->proof), a_proof);
}

TEST(ScramClientFinal, is_refused_when_malformed) {
  const std::string end = join(",p=", a_proof);
  for (const std::string& message :
       {std::string(),
        std::string(","),
        join("p=", a_proof),
        join("r=abc", end),
        join("c=biws", end),
        join("r=abc,c=biws", end),
        join("c=biws,p=", a_proof, ",r=abc"),
        join("c=biws,c=biws,r=abc", end),
        join("c=biws,r=abc,r=abc", end),
        join("c=biws,r=", end),
        join("c=biws,r=a b", end),
        std::string("c=biws,r=abc"),
        std::string("c=biws,r=abc,"),
        std::string("c=biws,r=abc,p="),
        join("c=biws,r=abc,x=1", end),
        join("c=biws,r=abc", end, ","),
        join("c=biws,r=abc", end, ",x=1"),
        join("c=biws,r=abc", end, end),
        join("c=biws,r=abc", end, "AAAA"),
        join("c=biws,r=abc", end, "\0"sv),
        join("c=biws,r=abc\0"sv, end),
        join("c=biws,,r=abc", end),
        std::string("c=biws,r=abc,p=not base64"),
        join("c=biws,r=abc,p=", base64_encode(bytes_of("sixteen bytes!!!"))),
        join("c=biws,r=abc,p=", base64_encode(bytes_of(std::string(33, 'x')))),
        join("c=biws,r=abc,p=", std::string(5000, 'A')),
        std::string(60000, ',')}) {
    expect_refused(parse_client_final(message), sqlstate::protocol_violation,
                   message.substr(0, 80));
  }
}

TEST(ScramServerFinal, is_read_whole) {
  const auto parsed = parse_server_final(join("v=", a_proof));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(base64_encode(parsed->signature), a_proof);
}

TEST(ScramServerFinal, is_refused_when_malformed) {
  for (const std::string& message :
       {std::string(), std::string("v"), std::string("v="), std::string("x=1"), join("p=", a_proof),
        join("v=", a_proof, ","), join("v=", a_proof, ",x=1"), join("v=", a_proof, "\0"sv),
        std::string("v=AAAA"), join(",v=", a_proof), join("v=", std::string(5000, 'A'))}) {
    expect_refused(parse_server_final(message), sqlstate::protocol_violation,
                   message.substr(0, 80));
  }
}

TEST(ScramServerFinal, tells_the_servers_error_when_it_is_fit_to_show) {
  const auto shown = parse_server_final("e=invalid-proof");
  expect_refused(shown, sqlstate::connection_failure, "e=invalid-proof");
  EXPECT_TRUE(shown.error().message.contains("invalid-proof")) << shown.error().message;

  const auto hidden = parse_server_final("e=line\nbreak");
  expect_refused(hidden, sqlstate::connection_failure, "e=line break");
  EXPECT_FALSE(hidden.error().message.contains('\n'));
}

}  // namespace
}  // namespace pgweir::auth
