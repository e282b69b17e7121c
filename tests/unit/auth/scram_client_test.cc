#include "core/auth/scram_client.h"

#include <gtest/gtest.h>

#include "core/auth/base64.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "sim/toy_vault.h"

namespace pgweir::auth {
namespace {

using sim::ToyVault;
using std::string_view_literals::operator""sv;

constexpr std::string_view a_salt = "a salt";

// Our login up to the server's challenge; the server is done by hand.
struct ClientLogin {
  ToyVault vault{7};
  CredentialId credential = vault.add(SecretKind::plain, "secret");
  ScramClient client{credential};
  std::string client_first = client.first(vault);
  std::string nonce = client_first.substr(client_first.find("r=") + 2);
  std::string server_first = {};
  std::string client_final = {};

  std::expected<ScramClient::Derivation, PgError> challenge(std::string_view server_nonce) {
    server_first = join("r=", server_nonce, ",s=", base64_encode(bytes_of(a_salt)), ",i=100");
    return client.challenged(server_first);
  }
  void prove() {
    ASSERT_TRUE(challenge(join(nonce, "server")));
    vault.derive(credential, client.derivation().salt, client.derivation().iterations);
    client_final = client.final(vault);
  }
  std::string auth_message() const {
    return join("n=,r=", nonce, ",", server_first, ",c=biws,r=", nonce, "server");
  }
};

TEST(MechanismList, is_searched_for_scram_sha_256) {
  EXPECT_TRUE(offers_scram_sha_256(bytes_of("SCRAM-SHA-256\0\0"sv)));
  EXPECT_TRUE(offers_scram_sha_256(bytes_of("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv)));
  EXPECT_TRUE(offers_scram_sha_256(bytes_of("SCRAM-SHA-256\0OTHER\0\0"sv)));
}

TEST(MechanismList, offers_nothing_when_it_is_other_or_malformed) {
  for (std::string_view list :
       {""sv, "\0"sv, "\0\0"sv, "OTHER\0\0"sv, "SCRAM-SHA-256-PLUS\0\0"sv, "scram-sha-256\0\0"sv,
        "SCRAM-SHA-256"sv, "SCRAM-SHA-256\0"sv, "SCRAM-SHA-256\0OTHER"sv, "SCRAM-SHA-256\0\0\0"sv,
        "SCRAM-SHA-256\0\0more\0"sv, "\0SCRAM-SHA-256\0\0"sv}) {
    EXPECT_FALSE(offers_scram_sha_256(bytes_of(list))) << list;
  }
}

TEST(ScramClient, begins_without_channel_binding_and_without_a_name) {
  const ClientLogin login;
  EXPECT_EQ(login.client_first, join("n,,n=,r=", login.nonce));
  EXPECT_EQ(login.nonce.size(), 24u);
  EXPECT_TRUE(base64_decode(login.nonce));
}

TEST(ScramClient, asks_for_the_derivation_the_server_names) {
  ClientLogin login;
  const auto derivation = login.challenge(join(login.nonce, "server"));
  ASSERT_TRUE(derivation) << derivation.error().message;
  EXPECT_EQ(text_of(derivation->salt), a_salt);
  EXPECT_EQ(derivation->iterations, 100u);
  EXPECT_EQ(text_of(login.client.derivation().salt), a_salt);
  EXPECT_EQ(login.client.derivation().iterations, 100u);
}

TEST(ScramClient, proves_that_it_knows_the_password) {
  ClientLogin login;
  login.prove();
  const Digest proof =
      ToyVault::client_proof("secret", bytes_of(a_salt), 100, login.auth_message());
  EXPECT_EQ(login.client_final, join("c=biws,r=", login.nonce, "server,p=", base64_encode(proof)));
}

TEST(ScramClient, is_finished_by_a_server_that_knows_the_password_too) {
  ClientLogin login;
  login.prove();
  const Digest signature =
      ToyVault::server_signature("secret", bytes_of(a_salt), 100, login.auth_message());
  const auto finished = login.client.finished(join("v=", base64_encode(signature)), login.vault);
  EXPECT_TRUE(finished) << finished.error().message;
}

TEST(ScramClient, is_not_finished_by_an_impostor) {
  ClientLogin login;
  login.prove();
  const Digest signature =
      ToyVault::server_signature("guess", bytes_of(a_salt), 100, login.auth_message());
  const auto finished = login.client.finished(join("v=", base64_encode(signature)), login.vault);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code.text(), "08006");
  EXPECT_TRUE(finished.error().message.starts_with(
      "the server could not prove that it knows the password"));
  EXPECT_FALSE(login.client.finished("v=", login.vault));
  EXPECT_FALSE(login.client.finished("", login.vault));
  EXPECT_FALSE(login.client.finished("e=other-error", login.vault));
}

TEST(ScramClient, refuses_a_nonce_that_is_not_its_own_made_longer) {
  const std::string nonce = ClientLogin().nonce;  // the same each time, the vault being seeded
  for (const std::string& wrong : {nonce, std::string("x"), nonce.substr(1), join("x", nonce),
                                   nonce.substr(0, nonce.size() - 1)}) {
    ClientLogin login;
    ASSERT_EQ(login.nonce, nonce);
    const auto derivation = login.challenge(wrong);
    ASSERT_FALSE(derivation) << wrong;
    EXPECT_EQ(derivation.error().code.text(), "08P01");
  }
}

TEST(ScramClient, refuses_messages_out_of_turn) {
  ClientLogin login;
  EXPECT_FALSE(login.client.finished("v=", login.vault));
  ASSERT_TRUE(login.challenge(join(login.nonce, "server")));
  const auto finished = login.client.finished("v=", login.vault);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code.text(), "08P01");
  const auto again = login.challenge(join(login.nonce, "server"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code.text(), "08P01");
}

TEST(ScramClient, refuses_a_malformed_challenge) {
  EXPECT_FALSE(ClientLogin().challenge(join(ClientLogin().nonce, std::string(5000, 'x'))));
  ClientLogin login;
  EXPECT_FALSE(login.client.challenged(join("r=", login.nonce, "x,s=,i=100")));
}

}  // namespace
}  // namespace pgweir::auth
