// The example exchange of RFC 7677, section 3: user "user", password "pencil". The vault knows the
// RFC's proof and signature; what is tested is every text around them. Our half of the nonce and
// our empty user name are not the RFC's, so the transcript that is signed is spelled out here.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/auth/base64.h"
#include "core/auth/scram_client.h"
#include "core/auth/scram_message.h"
#include "core/auth/scram_server.h"

namespace pgweir::auth {
namespace {

constexpr std::string_view rfc_client_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view client_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

constexpr std::string_view salt_base64 = "W22ZaJ0SNY7soEsUEjb6gQ==";

Digest digest_of(std::string_view base64) {
  Digest digest;
  std::ranges::copy(base64_decode(base64).value(), digest.begin());
  return digest;
}

class RfcVault final : public Vault {
 public:
  std::string auth_message;

  void random(std::span<std::byte> out) override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i);
  }
  SecretKind kind(CredentialId) const override { return SecretKind::plain; }
  bool verifier_ready(CredentialId) const override { return true; }
  ScramChallenge challenge(CredentialId, std::string_view) override {
    return {std::string(salt_base64), 4096};
  }
  std::optional<Digest> check_proof(CredentialId, std::string_view message,
                                    const Digest& proof) override {
    auth_message = message;
    if (proof != digest_of("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")) return std::nullopt;
    return digest_of("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  }
  bool key_ready(CredentialId, Bytes, std::uint32_t) const override { return true; }
  ScramProof prove(CredentialId, Bytes, std::uint32_t, std::string_view message) override {
    auth_message = message;
    return {digest_of("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
            digest_of("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")};
  }
  std::optional<std::string> md5_answer(CredentialId, std::string_view,
                                        std::span<const std::byte, 4>) override {
    return std::nullopt;
  }
  std::optional<std::string> cleartext(CredentialId) override { return std::nullopt; }
  Digest digest(Bytes) const override { return {}; }
  bool equal(const Digest& a, const Digest& b) const override { return a == b; }
};

TEST(Rfc7677, its_messages_are_read_as_it_means_them) {
  const auto first = parse_client_first(rfc_client_first);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bare, "n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto challenge = parse_server_first(server_first);
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->nonce, "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  EXPECT_EQ(base64_encode(challenge->salt), salt_base64);
  EXPECT_EQ(challenge->iterations, 4096u);
  const auto final = parse_client_final(client_final);
  ASSERT_TRUE(final);
  EXPECT_EQ(final->without_proof, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  EXPECT_TRUE(parse_server_final(server_final));
}

TEST(Rfc7677, our_server_writes_its_messages_and_signs_its_transcript) {
  RfcVault vault;
  ScramServer server(1, "user");
  const auto challenge = server.first(rfc_client_first, vault);
  ASSERT_TRUE(challenge);
  EXPECT_EQ(*challenge,
            "r=rOprNGfwEbeRWgbNEkqOAAECAwQFBgcICQoLDA0ODxAR,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const auto answer = server.final(
      "c=biws,r=rOprNGfwEbeRWgbNEkqOAAECAwQFBgcICQoLDA0ODxAR,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      vault);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, server_final);
  EXPECT_EQ(vault.auth_message,
            "n=user,r=rOprNGfwEbeRWgbNEkqO,"
            "r=rOprNGfwEbeRWgbNEkqOAAECAwQFBgcICQoLDA0ODxAR,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
            "c=biws,r=rOprNGfwEbeRWgbNEkqOAAECAwQFBgcICQoLDA0ODxAR");
}

TEST(Rfc7677, our_client_writes_its_messages_and_signs_its_transcript) {
  RfcVault vault;
  ScramClient client(1);
  EXPECT_EQ(client.first(vault), "n,,n=,r=AAECAwQFBgcICQoLDA0ODxAR");
  ASSERT_TRUE(client.challenged(
      "r=AAECAwQFBgcICQoLDA0ODxAR%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
      "i=4096"));
  EXPECT_EQ(client.final(vault),
            "c=biws,r=AAECAwQFBgcICQoLDA0ODxAR%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(vault.auth_message,
            "n=,r=AAECAwQFBgcICQoLDA0ODxAR,"
            "r=AAECAwQFBgcICQoLDA0ODxAR%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
            "c=biws,r=AAECAwQFBgcICQoLDA0ODxAR%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  EXPECT_TRUE(client.finished(server_final, vault));
}

}  // namespace
}  // namespace pgweir::auth
