#include "io/vault.h"

#include <gtest/gtest.h>

#include "core/auth/base64.h"

namespace pgweir::io {
namespace {

using auth::SecretKind;

// RFC 7677, section 3.
constexpr std::string_view rfc_salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr std::string_view rfc_auth_message =
    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view rfc_proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view rfc_server_signature = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

// From pg_authid of PostgreSQL 15: CREATE ROLE … PASSWORD 'pencil', PASSWORD E'I\u00ADX', and
// 'pencil' of the role "c" with password_encryption = md5.
constexpr std::string_view postgres_verifier =
    "SCRAM-SHA-256$4096:S/ABbxdimV0vf7pUxK2QIg==$DBKTPvRzPHkw/x8pwFsmktrOZY5n/VlN1WvyOsmgRZk=:"
    "lJD6jISeSW4LbKUz+ZAKeNRPD3cSQ8DYq1xp/At5F1A=";
constexpr std::string_view postgres_verifier_prepared =
    "SCRAM-SHA-256$4096:3Ks7PiDDzLnPobkKG+Qj2A==$lLPxOhGJTKzV+UvzjbcGT/HQFEnVTwjpEDCpJvwU7Kc=:"
    "GDG7XWbLVoNZDS9JHyuqcVGGeARwqS5+5bau+nhfoAc=";
constexpr std::string_view postgres_md5 = "md5a2286e2058e8275f4419293789626063";

std::vector<std::byte> decoded(std::string_view base64) {
  return auth::base64_decode(base64).value();
}

Digest digest_of(std::string_view base64) {
  Digest digest{};
  std::ranges::copy(decoded(base64), digest.begin());
  return digest;
}

// The vault's id of each secret after it adopted them all, in their order.
std::vector<CredentialId> adopt(Vault& vault, std::vector<config::Secret> secrets) {
  Settings settings;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    settings.users.emplace_back().credential = static_cast<CredentialId>(i + 1);
  }
  vault.adopt(std::move(secrets), settings);
  std::vector<CredentialId> ids;
  for (const UserSettings& user : settings.users) ids.push_back(user.credential);
  return ids;
}

bool derive(Vault& vault, CredentialId credential, Bytes salt, std::uint32_t iterations) {
  auto derivation = vault.begin(credential, salt, iterations);
  if (!derivation) return false;
  derivation->run();
  return vault.finish(*derivation);
}

TEST(Vault, ProvesAPlainPasswordAsRfc7677Does) {
  Vault vault;
  const CredentialId id = adopt(vault, {{SecretKind::plain, "pencil"}})[0];
  const auto salt = decoded(rfc_salt);
  EXPECT_FALSE(vault.key_ready(id, salt, 4096)) << "nothing was derived yet";
  ASSERT_TRUE(derive(vault, id, salt, 4096));
  ASSERT_TRUE(vault.key_ready(id, salt, 4096));
  EXPECT_FALSE(vault.key_ready(id, salt, 4097)) << "other iterations make other keys";
  const auth::ScramProof proof = vault.prove(id, salt, 4096, rfc_auth_message);
  EXPECT_EQ(auth::base64_encode(proof.proof), rfc_proof);
  EXPECT_EQ(auth::base64_encode(proof.server_signature), rfc_server_signature);
}

TEST(Vault, ChecksAProofAgainstAStoredVerifierAsRfc7677Does) {
  const ScramKeys keys = derive_scram_keys("pencil", decoded(rfc_salt), 4096);
  const std::string verifier = std::string("SCRAM-SHA-256$4096:") + std::string(rfc_salt) + "$" +
                               auth::base64_encode(keys.stored_key) + ":" +
                               auth::base64_encode(keys.server_key);
  Vault vault;
  const CredentialId id = adopt(vault, {{SecretKind::scram_verifier, verifier}})[0];
  EXPECT_TRUE(vault.verifier_ready(id));
  EXPECT_EQ(vault.challenge(id, "user").salt_base64, rfc_salt);
  const auto signature = vault.check_proof(id, rfc_auth_message, digest_of(rfc_proof));
  ASSERT_TRUE(signature) << "the right proof was refused";
  EXPECT_EQ(auth::base64_encode(*signature), rfc_server_signature);

  Digest wrong = digest_of(rfc_proof);
  wrong[31] ^= std::byte{1};
  EXPECT_FALSE(vault.check_proof(id, rfc_auth_message, wrong)) << "one wrong bit was accepted";
  EXPECT_FALSE(vault.check_proof(id, "another message", digest_of(rfc_proof)));
}

TEST(Vault, DerivesTheVerifiersThatPostgresMade) {
  for (const auto& [text, password] :
       {std::pair(postgres_verifier, "pencil"), std::pair(postgres_verifier_prepared, "I\u00ADX"),
        std::pair(postgres_verifier_prepared, "IX")}) {
    const auto verifier = parse_scram_verifier(text);
    ASSERT_TRUE(verifier) << text;
    const ScramKeys keys =
        derive_scram_keys(password, decoded(verifier->salt_base64), verifier->iterations);
    EXPECT_EQ(keys.stored_key, verifier->stored_key) << password;
    EXPECT_EQ(keys.server_key, verifier->server_key) << password;
  }
}

TEST(Vault, RefusesVerifiersThatAreNone) {
  for (std::string_view text :
       {"", "SCRAM-SHA-256", "SCRAM-SHA-256$0:c2FsdA==$AA==:AA==", "SCRAM-SHA-1$4096:c2FsdA==$x:y",
        "SCRAM-SHA-256$4096:$DBKTPvRzPHkw/x8pwFsmktrOZY5n/VlN1WvyOsmgRZk=:"
        "lJD6jISeSW4LbKUz+ZAKeNRPD3cSQ8DYq1xp/At5F1A="}) {
    EXPECT_FALSE(parse_scram_verifier(text)) << text;
  }
}

TEST(Vault, MakesTheVerifierOfAPlainPasswordOnce) {
  Vault vault;
  const CredentialId id = adopt(vault, {{SecretKind::plain, "pencil"}})[0];
  EXPECT_FALSE(vault.verifier_ready(id));
  ASSERT_TRUE(derive(vault, id, {}, 0));
  ASSERT_TRUE(vault.verifier_ready(id));
  const auth::ScramChallenge challenge = vault.challenge(id, "u");
  EXPECT_EQ(challenge.iterations, scram_iterations_default);
  EXPECT_EQ(decoded(challenge.salt_base64).size(), scram_salt_size);

  // A client that knows the password is proved right against it.
  const ScramKeys keys = derive_scram_keys("pencil", decoded(challenge.salt_base64), 4096);
  const Digest proof =
      exclusive_or(keys.client_key, hmac_sha256(keys.stored_key, bytes_of("message")));
  EXPECT_TRUE(vault.check_proof(id, "message", proof));

  ASSERT_TRUE(derive(vault, id, {}, 0));
  EXPECT_EQ(vault.challenge(id, "u").salt_base64, challenge.salt_base64)
      << "a second derivation must not change the salt under a login";
}

TEST(Vault, ChallengesUnknownUsersTheSameWayEachTime) {
  Vault vault;
  EXPECT_TRUE(vault.verifier_ready(no_credential));
  const auth::ScramChallenge first = vault.challenge(no_credential, "ghost");
  EXPECT_EQ(vault.challenge(no_credential, "ghost").salt_base64, first.salt_base64);
  EXPECT_NE(vault.challenge(no_credential, "other").salt_base64, first.salt_base64);
  EXPECT_EQ(decoded(first.salt_base64).size(), scram_salt_size);
  EXPECT_EQ(first.iterations, scram_iterations_default);
  EXPECT_NE(Vault().challenge(no_credential, "ghost").salt_base64, first.salt_base64)
      << "another process must make up another salt";
  EXPECT_FALSE(vault.check_proof(no_credential, "message", Digest{}));
  // The proof that would be right for keys of zeros.
  const Digest zeros_proof = hmac_sha256(Digest{}, bytes_of("message"));
  EXPECT_FALSE(vault.check_proof(no_credential, "message", zeros_proof));
}

TEST(Vault, KeepsIdsAndDerivedKeysOfTheSameSecretsOverAReload) {
  Vault vault;
  const auto before = adopt(vault, {{SecretKind::plain, "one"}, {SecretKind::plain, "two"}});
  ASSERT_TRUE(derive(vault, before[0], {}, 0));
  const auto after = adopt(vault, {{SecretKind::plain, "three"}, {SecretKind::plain, "one"}});
  EXPECT_EQ(after[1], before[0]);
  EXPECT_TRUE(vault.verifier_ready(after[1])) << "what was derived must survive";
  EXPECT_NE(after[0], before[1]) << "an id must never name another secret";
  EXPECT_EQ(vault.kind(before[1]), SecretKind::none) << "a secret that went must be gone";
}

TEST(Vault, GivesUsersWithTheSamePasswordDifferentSalts) {
  Vault vault;
  auto ids = adopt(vault, {{SecretKind::plain, "same"}, {SecretKind::plain, "same"}});
  ids = adopt(vault, {{SecretKind::plain, "same"}, {SecretKind::plain, "same"}});
  ASSERT_NE(ids[0], ids[1]);
  ASSERT_TRUE(derive(vault, ids[0], {}, 0));
  ASSERT_TRUE(derive(vault, ids[1], {}, 0));
  EXPECT_NE(vault.challenge(ids[0], "a").salt_base64, vault.challenge(ids[1], "b").salt_base64);
}

TEST(Vault, FailsADerivationWhoseSecretWentOrIsNotPlain) {
  Vault vault;
  const auto ids = adopt(vault, {{SecretKind::plain, "one"},
                                 {SecretKind::scram_verifier, std::string(postgres_verifier)}});
  EXPECT_FALSE(vault.begin(ids[1], {}, 0)) << "a verifier cannot be derived from";
  EXPECT_FALSE(vault.begin(no_credential, {}, 0));
  auto derivation = vault.begin(ids[0], {}, 0);
  ASSERT_TRUE(derivation);
  derivation->run();
  adopt(vault, {});
  EXPECT_FALSE(vault.finish(*derivation));
}

TEST(Vault, AnswersMd5FromAPasswordAndFromItsHashAlike) {
  Vault vault;
  const auto ids = adopt(vault, {{SecretKind::plain, "pencil"},
                                 {SecretKind::md5_hash, std::string(postgres_md5)},
                                 {SecretKind::scram_verifier, std::string(postgres_verifier)}});
  const std::array<std::byte, 4> salt{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  const auto answer = vault.md5_answer(ids[0], "c", salt);
  ASSERT_TRUE(answer);
  EXPECT_EQ(vault.md5_answer(ids[1], "c", salt), answer);
  EXPECT_EQ(*answer, md5_text("a2286e2058e8275f4419293789626063", "\x01\x02\x03\x04"));
  EXPECT_FALSE(vault.md5_answer(ids[2], "c", salt));
}

TEST(Vault, TellsThePasswordOnlyWhereItIsKnown) {
  Vault vault;
  const auto ids = adopt(
      vault, {{SecretKind::plain, "pencil"}, {SecretKind::md5_hash, std::string(postgres_md5)}});
  EXPECT_EQ(vault.cleartext(ids[0]), "pencil");
  EXPECT_FALSE(vault.cleartext(ids[1]));
  EXPECT_FALSE(vault.cleartext(no_credential));
}

}  // namespace
}  // namespace pgweir::io
