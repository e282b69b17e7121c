// Kinds of secrets, the auth file's lines and the pairs of a database's line.
#include "config/secret.h"

#include <gtest/gtest.h>

#include "config/connect_string.h"
#include "config/userlist.h"
#include "config/utf8.h"

namespace pgweir::config {
namespace {

using auth::SecretKind;

// What PostgreSQL would keep for some password: 16 bytes of salt, two keys of 32.
const std::string key(43, 'A');
const std::string verifier =
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" + key + "=:" + key + "=";

TEST(Secret, IsRecognisedByItsBeginning) {
  EXPECT_EQ(secret_kind(""), SecretKind::none);
  EXPECT_EQ(secret_kind("hunter2"), SecretKind::plain);
  EXPECT_EQ(secret_kind(verifier), SecretKind::scram_verifier);
  EXPECT_EQ(secret_kind("md5" + std::string(32, 'a')), SecretKind::md5_hash);
  EXPECT_EQ(secret_kind("md5isbad"), SecretKind::plain);
  EXPECT_EQ(secret_kind("md5" + std::string(32, 'x')), SecretKind::plain);
  EXPECT_EQ(secret_kind("\xff\xfe binary"), SecretKind::plain) << "passwords are bytes";
}

TEST(Secret, IsRefusedWhenItIsABrokenVerifierOrHash) {
  const std::string rest = ":c2FsdA==$" + key + "=:" + key + "=";
  for (const std::string& text :
       {std::string("SCRAM-SHA-256$"), "SCRAM-SHA-256$0" + rest, "SCRAM-SHA-256$1000001" + rest,
        "SCRAM-SHA-256$1000000000000" + rest, "SCRAM-SHA-256$-1" + rest,
        "SCRAM-SHA-256$4096:$" + key + "=:" + key + "=",
        "SCRAM-SHA-256$4096:c2Fs!A==$" + key + "=:" + key + "=",
        "SCRAM-SHA-256$4096:c2FsdA==$" + key + "=:" + key,
        "SCRAM-SHA-256$4096:c2FsdA==$QUJD:" + key + "=", "SCRAM-SHA-256$4096:c2FsdA==$" + key + "=",
        "md5" + std::string(31, 'a'), "md5" + std::string(33, 'a'), "md5" + std::string(32, 'A'),
        std::string("a\0b", 3), std::string(65532, 'x')}) {
    const auto kind = secret_kind(text);
    ASSERT_FALSE(kind) << text.substr(0, 80);
    EXPECT_EQ(kind.error().find(key), std::string::npos) << "an error repeats no secret";
  }
  EXPECT_EQ(secret_kind(std::string(65531, 'x')), SecretKind::plain) << "PgBouncer's limit";
}

struct Userlist {
  std::vector<ListedUser> users;
  std::string problems;
};

Userlist userlist(std::string_view text) {
  Problems problems;
  Userlist out{parse_userlist(text, "users", problems), {}};
  for (const Problem& problem : problems.take()) out.problems += text_of(problem) + "\n";
  return out;
}

TEST(Userlist, ReadsNamesAndSecrets) {
  const Userlist list = userlist(
      "\xEF\xBB\xBF; a comment\r\n"
      "\r\n"
      "\"anna\" \"pass word\"\r\n"
      "  \"be\"\"rt\"\t\"a\"\"b\"\"\"\n"
      "\"carl\" \"\"\n"
      "\"dora\" \"md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" \"\"");
  EXPECT_EQ(list.problems, "");
  ASSERT_EQ(list.users.size(), 4U);
  EXPECT_EQ(list.users[0].name, "anna");
  EXPECT_EQ(list.users[0].secret.text, "pass word");
  EXPECT_EQ(list.users[0].line, 3);
  EXPECT_EQ(list.users[1].name, "be\"rt");
  EXPECT_EQ(list.users[1].secret.text, "a\"b\"");
  EXPECT_EQ(list.users[2].secret.kind, SecretKind::none);
  EXPECT_EQ(list.users[3].secret.kind, SecretKind::md5_hash);
}

TEST(Userlist, TellsTheLineOfEachMistakeAndNothingOfItsContent) {
  for (const std::string_view line :
       {"\"anna\" \"canary", "\"anna \"canary\"", "\"anna\"", "anna canary", "\"anna\" canary",
        "\"anna\" \"canary\" x", "\"\" \"canary\"", "# canary", "\"an\x01na\" \"canary\"",
        "\"anna\" \"SCRAM-SHA-256$canary\"", "\"anna\" \"can\"ary\"", "\"anna\"\"canary\""}) {
    const Userlist list = userlist("\"first\" \"x\"\n" + std::string(line) + "\n\"last\" \"x\"\n");
    EXPECT_TRUE(list.problems.starts_with("users:2: ")) << line << " gave " << list.problems;
    EXPECT_EQ(list.problems.find("canary"), std::string::npos) << list.problems;
    EXPECT_EQ(list.users.size(), 2U) << line << ": the other lines are read regardless";
  }
}

TEST(Userlist, RefusesAUserGivenTwice) {
  EXPECT_EQ(userlist("\"anna\" \"x\"\n\n\"anna\" \"y\"\n").problems,
            "users:3: the user of this line was given on line 1 already\n");
}

TEST(Userlist, RefusesNamesAndLinesThatAreTooLong) {
  EXPECT_EQ(userlist("\"" + std::string(127, 'u') + "\" \"x\"").problems, "");
  EXPECT_NE(userlist("\"" + std::string(128, 'u') + "\" \"x\"").problems, "");
  EXPECT_NE(userlist(std::string(300'000, '"')).problems, "");
}

std::string pairs(std::string_view text) {
  const auto parsed = parse_connect_string(text);
  if (!parsed) return "error";
  std::string out;
  for (const KeyValue& pair : *parsed) out += pair.key + "<" + pair.value + ">";
  return out;
}

TEST(ConnectString, ReadsPairsAsPgBouncerDoes) {
  EXPECT_EQ(pairs(""), "");
  EXPECT_EQ(pairs("host=a port=1"), "host<a>port<1>");
  EXPECT_EQ(pairs("  host = a \t port=  1 "), "host<a>port<1>");
  EXPECT_EQ(pairs("dbname='quoted ''x'' =' user=u"), "dbname<quoted 'x' =>user<u>");
  EXPECT_EQ(pairs("password=a=b'c"), "password<a=b'c>");
}

TEST(ConnectString, RefusesWhatIsNoPair) {
  for (const std::string_view text : {"host", "host=", "host= ", "=a", "host=''", "host='a",
                                      "host='a'b", "host='a'' port=1", "host=a b", "host a=b"}) {
    EXPECT_EQ(pairs(text), "error") << text;
  }
}

TEST(ConnectString, RepeatsNothingOfTheTextInItsErrors) {
  const auto parsed = parse_connect_string("host=h password=my canary");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error(),
            "part 3 of the line: expected key=value; values with blanks need single quotes");
}

TEST(Utf8, IsWhatRfc3629Says) {
  for (const std::string_view text : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98",
                                      "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const std::string_view text :
       {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xff", "a\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace pgweir::config
