#include "core/auth/scram_server.h"

#include <gtest/gtest.h>

#include "core/auth/base64.h"
#include "core/base/text.h"
#include "sim/toy_vault.h"

namespace pgweir::auth {
namespace {

using sim::ToyVault;

// A client that does everything by hand, so that each test can do one thing wrong.
struct ServerLogin {
  ToyVault vault{7};
  CredentialId credential = no_credential;
  std::string user = "ann";
  std::string server_first = {};
  std::optional<ScramServer> server = {};

  explicit ServerLogin(std::optional<std::string> password) {
    if (!password) return;
    credential = vault.add(SecretKind::plain, *password);
    vault.derive(credential, {}, 4096);
  }

  bool begin(std::string_view client_first) {
    server.emplace(credential, user);
    const auto answer = server->first(client_first, vault);
    if (answer) server_first = *answer;
    return answer.has_value();
  }
  std::string nonce() const { return server_first.substr(2, server_first.find(',') - 2); }
  std::vector<std::byte> salt() const {
    const std::size_t at = server_first.find(",s=") + 3;
    return base64_decode(server_first.substr(at, server_first.find(",i=") - at)).value();
  }
  // client-final-message, right for this password; bare: what client-first said after its header.
  std::string prove(std::string_view password, std::string_view bare,
                    std::string_view without_proof) const {
    const Digest proof = ToyVault::client_proof(password, salt(), 4096,
                                                join(bare, ",", server_first, ",", without_proof));
    return join(without_proof, ",p=", base64_encode(proof));
  }
};

void expect_password_failure(const std::expected<std::string, PgError>& answer) {
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code.text(), "28P01");
  EXPECT_EQ(answer.error().message, "password authentication failed for user \"ann\"");
  EXPECT_EQ(answer.error().hint, "");
}

TEST(ScramServer, challenges_with_a_nonce_that_continues_the_clients) {
  ServerLogin login("secret");
  ASSERT_TRUE(login.begin("n,,n=,r=clientpart"));
  EXPECT_TRUE(login.server_first.starts_with("r=clientpart")) << login.server_first;
  EXPECT_EQ(login.nonce().size(), std::string_view("clientpart").size() + 24);
  EXPECT_TRUE(login.server_first.ends_with(",i=4096")) << login.server_first;
}

TEST(ScramServer, draws_another_nonce_for_each_login) {
  ServerLogin login("secret");
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  const std::string before = login.nonce();
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  EXPECT_NE(login.nonce(), before);
}

TEST(ScramServer, accepts_the_right_password_and_proves_itself) {
  for (const auto& [header, binding] :
       {std::pair<std::string_view, std::string_view>{"n,,", "biws"}, {"y,,", "eSws"}}) {
    ServerLogin login("secret");
    ASSERT_TRUE(login.begin(join(header, "n=,r=abc")));
    const std::string without_proof = join("c=", binding, ",r=", login.nonce());
    const auto answer =
        login.server->final(login.prove("secret", "n=,r=abc", without_proof), login.vault);
    ASSERT_TRUE(answer) << answer.error().message;
    const Digest signature = ToyVault::server_signature(
        "secret", login.salt(), 4096, join("n=,r=abc,", login.server_first, ",", without_proof));
    EXPECT_EQ(*answer, join("v=", base64_encode(signature)));
  }
}

TEST(ScramServer, ignores_the_name_in_the_message) {
  ServerLogin login("secret");
  ASSERT_TRUE(login.begin("n,,n=otheruser,r=abc"));
  EXPECT_TRUE(login.server->final(
      login.prove("secret", "n=otheruser,r=abc", join("c=biws,r=", login.nonce())), login.vault));
}

TEST(ScramServer, accepts_a_stored_verifier_without_derivation) {
  ServerLogin login(std::nullopt);
  login.credential = login.vault.add(SecretKind::scram_verifier,
                                     ToyVault::scram_verifier("secret", bytes_of("a salt"), 4096));
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  EXPECT_EQ(text_of(login.salt()), "a salt");
  EXPECT_TRUE(login.server->final(
      login.prove("secret", "n=,r=abc", join("c=biws,r=", login.nonce())), login.vault));
}

TEST(ScramServer, says_the_same_for_a_wrong_password_and_an_unknown_user) {
  for (const std::optional<std::string>& password : {std::optional<std::string>("secret"), {}}) {
    ServerLogin login(password);
    ASSERT_TRUE(login.begin("n,,n=,r=abc"));
    expect_password_failure(login.server->final(
        login.prove("wrong", "n=,r=abc", join("c=biws,r=", login.nonce())), login.vault));
  }
}

TEST(ScramServer, challenges_an_unknown_user_with_the_same_salt_each_time) {
  ServerLogin login(std::nullopt);
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  const auto salt = login.salt();
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  EXPECT_EQ(login.salt(), salt);
}

TEST(ScramServer, refuses_another_nonce) {
  for (std::string_view what : {"abc", "abcx", "longer", "stolen"}) {
    ServerLogin login("secret");
    ASSERT_TRUE(login.begin("n,,n=,r=abc"));
    const std::string nonce = what == "longer" ? join(login.nonce(), "x") : std::string(what);
    const auto answer = login.server->final(
        login.prove("secret", "n=,r=abc", join("c=biws,r=", nonce)), login.vault);
    ASSERT_FALSE(answer) << nonce;
    EXPECT_EQ(answer.error().code.text(), "08P01");
    EXPECT_TRUE(answer.error().message.starts_with("invalid SCRAM response"));
  }
}

TEST(ScramServer, refuses_the_channel_binding_of_another_header) {
  for (std::string_view binding : {"eSws", "", "biw", "biwsAAAA", "!!!!"}) {
    ServerLogin login("secret");
    ASSERT_TRUE(login.begin("n,,n=,r=abc"));
    const auto answer = login.server->final(
        login.prove("secret", "n=,r=abc", join("c=", binding, ",r=", login.nonce())), login.vault);
    ASSERT_FALSE(answer) << binding;
    EXPECT_EQ(answer.error().code.text(), "08P01") << binding;
  }
}

TEST(ScramServer, refuses_a_malformed_message_alike_for_known_and_unknown_users) {
  std::vector<std::string> texts;
  for (const std::optional<std::string>& password : {std::optional<std::string>("secret"), {}}) {
    ServerLogin login(password);
    EXPECT_FALSE(login.begin("n,,n="));
    ASSERT_TRUE(login.begin("n,,n=,r=abc"));
    const auto answer = login.server->final(join("c=biws,r=", login.nonce(), ",p="), login.vault);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code.text(), "08P01");
    texts.push_back(answer.error().message);
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST(ScramServer, takes_one_guess_an_exchange) {
  ServerLogin login("secret");
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  const std::string guess = login.prove("wrong", "n=,r=abc", join("c=biws,r=", login.nonce()));
  EXPECT_FALSE(login.server->final(guess, login.vault));
  const auto again = login.server->final(
      login.prove("secret", "n=,r=abc", join("c=biws,r=", login.nonce())), login.vault);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code.text(), "08P01");
}

TEST(ScramServer, refuses_messages_out_of_turn) {
  ServerLogin login("secret");
  login.server.emplace(login.credential, "ann");
  EXPECT_FALSE(login.server->final("c=biws,r=abc,p=", login.vault));
  ASSERT_TRUE(login.begin("n,,n=,r=abc"));
  const auto again = login.server->first("n,,n=,r=abc", login.vault);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code.text(), "08P01");
}

}  // namespace
}  // namespace pgweir::auth
