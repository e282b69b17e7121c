#include "sim/toy_vault.h"

#include <gtest/gtest.h>

#include <array>

namespace pgweir::sim {
namespace {

using auth::Digest;
using auth::SecretKind;

constexpr std::array<std::byte, 4> md5_salt = {std::byte{1}, std::byte{2}, std::byte{3},
                                               std::byte{4}};

TEST(ToyVault, repeats_its_random_bytes_for_a_seed) {
  const auto draw = [](std::uint64_t seed) {
    ToyVault vault(seed);
    std::array<std::byte, 13> bytes = {};
    vault.random(bytes);
    vault.random(bytes);
    return bytes;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(ToyVault, makes_the_verifier_of_a_plain_secret_only_when_told) {
  ToyVault vault(1);
  const CredentialId credential = vault.add(SecretKind::plain, "secret");
  EXPECT_FALSE(vault.verifier_ready(credential));
  EXPECT_TRUE(vault.derive(credential, {}, 0));
  ASSERT_TRUE(vault.verifier_ready(credential));
  EXPECT_EQ(vault.challenge(credential, "ann").iterations, 4096u);
  EXPECT_FALSE(vault.challenge(credential, "ann").salt_base64.empty());
}

TEST(ToyVault, has_a_key_for_exactly_what_was_derived) {
  ToyVault vault(1);
  const CredentialId credential = vault.add(SecretKind::plain, "secret");
  EXPECT_TRUE(vault.derive(credential, bytes_of("salt"), 5));
  EXPECT_TRUE(vault.key_ready(credential, bytes_of("salt"), 5));
  EXPECT_FALSE(vault.key_ready(credential, bytes_of("salt"), 6));
  EXPECT_FALSE(vault.key_ready(credential, bytes_of("other"), 5));
  EXPECT_FALSE(vault.verifier_ready(credential));
}

TEST(ToyVault, derives_nothing_where_there_is_no_password) {
  ToyVault vault(1);
  const CredentialId verifier =
      vault.add(SecretKind::scram_verifier, ToyVault::scram_verifier("x", bytes_of("salt"), 5));
  for (CredentialId credential : {no_credential, verifier}) {
    EXPECT_FALSE(vault.derive(credential, bytes_of("salt"), 5));
    EXPECT_FALSE(vault.key_ready(credential, bytes_of("salt"), 5));
    EXPECT_TRUE(vault.verifier_ready(credential));
    EXPECT_EQ(vault.cleartext(credential), std::nullopt);
    EXPECT_EQ(vault.md5_answer(credential, "ann", md5_salt), std::nullopt);
  }
}

TEST(ToyVault, tells_right_proofs_from_wrong_ones) {
  ToyVault vault(1);
  const CredentialId credential = vault.add(
      SecretKind::scram_verifier, ToyVault::scram_verifier("secret", bytes_of("salt"), 5));
  const Digest right = ToyVault::client_proof("secret", bytes_of("salt"), 5, "transcript");
  EXPECT_EQ(vault.check_proof(credential, "transcript", right),
            ToyVault::server_signature("secret", bytes_of("salt"), 5, "transcript"));
  EXPECT_TRUE(ToyVault::proof_is_right("secret", bytes_of("salt"), 5, "transcript", right));
  EXPECT_FALSE(ToyVault::proof_is_right("other", bytes_of("salt"), 5, "transcript", right));

  EXPECT_FALSE(vault.check_proof(credential, "another", right));
  for (const Digest& wrong :
       {ToyVault::client_proof("other", bytes_of("salt"), 5, "transcript"),
        ToyVault::client_proof("secret", bytes_of("sa1t"), 5, "transcript"),
        ToyVault::client_proof("secret", bytes_of("salt"), 6, "transcript"), Digest{}}) {
    EXPECT_FALSE(vault.check_proof(credential, "transcript", wrong));
  }
}

TEST(ToyVault, never_proves_a_made_up_user_right) {
  ToyVault vault(1);
  const CredentialId md5 = vault.add(SecretKind::md5_hash, ToyVault::md5_hash("secret", "ann"));
  for (CredentialId credential : {no_credential, md5}) {
    EXPECT_NE(vault.challenge(credential, "ann").salt_base64,
              vault.challenge(credential, "bob").salt_base64);
    EXPECT_FALSE(vault.check_proof(credential, "transcript", Digest{}));
  }
}

TEST(ToyVault, answers_md5_alike_from_a_password_and_from_its_hash) {
  ToyVault vault(1);
  const CredentialId plain = vault.add(SecretKind::plain, "secret");
  const std::string hash = ToyVault::md5_hash("secret", "ann");
  const CredentialId hashed = vault.add(SecretKind::md5_hash, hash);
  EXPECT_EQ(vault.md5_answer(plain, "ann", md5_salt), ToyVault::md5_response(hash, md5_salt));
  EXPECT_EQ(vault.md5_answer(hashed, "ann", md5_salt), ToyVault::md5_response(hash, md5_salt));
  EXPECT_NE(vault.md5_answer(plain, "bob", md5_salt), ToyVault::md5_response(hash, md5_salt));
  EXPECT_EQ(vault.cleartext(plain), "secret");
  EXPECT_EQ(vault.cleartext(hashed), std::nullopt);
}

TEST(ToyVaultDeathTest, aborts_on_a_credential_nobody_added) {
  const ToyVault vault(1);
  EXPECT_DEATH((void)vault.kind(1), "PGWEIR_REQUIRE failed");
}

}  // namespace
}  // namespace pgweir::sim
