// A vault for tests, simulator and fuzzers: seeded, fast, the same on every computer. NOT
// cryptography: a cheap mix stands in for SHA-256, HMAC and PBKDF2. What is kept is SCRAM's
// structure (RFC 5802, section 3: salted password, client, stored and server key, signatures), so
// that the right password passes, any other fails, and a wrong transcript is noticed.
//
// The static functions are the other side's: a simulated client or PostgreSQL computes with them
// what the vault checks, and checks what it computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/auth/vault.h"
#include "core/base/bytes.h"

namespace pgweir::sim {

class ToyVault : public auth::Vault {
 public:
  explicit ToyVault(std::uint64_t seed) : seed_(seed), random_state_(seed) {}

  // secret: the password, or what scram_verifier or md5_hash made of it (they abort on other text).
  CredentialId add(auth::SecretKind kind, std::string secret);

  // Has from now on only what these settings name, of all that was added: those from before a
  // reload are gone, as they are from the vault of production.
  void adopt(const Settings& settings);
  // Has what they name as well: some machine goes by them already.
  void load(const Settings& settings);

  // Carries out effect::Derive: the answer is true when a plain secret was there to derive from. An
  // empty salt makes the secret's verifier; iterations 0 then means PostgreSQL's 4096.
  bool derive(CredentialId credential, Bytes salt, std::uint32_t iterations);

  // What an auth file would hold for a password.
  static std::string scram_verifier(std::string_view password, Bytes salt,
                                    std::uint32_t iterations);
  static std::string md5_hash(std::string_view password, std::string_view user);

  static auth::Digest client_proof(std::string_view password, Bytes salt, std::uint32_t iterations,
                                   std::string_view auth_message);
  static auth::Digest server_signature(std::string_view password, Bytes salt,
                                       std::uint32_t iterations, std::string_view auth_message);
  static bool proof_is_right(std::string_view password, Bytes salt, std::uint32_t iterations,
                             std::string_view auth_message, const auth::Digest& proof);
  // The PasswordMessage that answers AuthenticationMD5Password; hash: of md5_hash.
  static std::string md5_response(std::string_view hash, std::span<const std::byte, 4> salt);

  void random(std::span<std::byte> out) override;
  auth::SecretKind kind(CredentialId credential) const override;
  bool verifier_ready(CredentialId credential) const override;
  auth::ScramChallenge challenge(CredentialId credential, std::string_view user) override;
  std::optional<auth::Digest> check_proof(CredentialId credential, std::string_view auth_message,
                                          const auth::Digest& proof) override;
  bool key_ready(CredentialId credential, Bytes salt, std::uint32_t iterations) const override;
  auth::ScramProof prove(CredentialId credential, Bytes salt, std::uint32_t iterations,
                         std::string_view auth_message) override;
  std::optional<std::string> md5_answer(CredentialId credential, std::string_view user,
                                        std::span<const std::byte, 4> salt) override;
  std::optional<std::string> cleartext(CredentialId credential) override;
  auth::Digest digest(Bytes bytes) const override;
  bool equal(const auth::Digest& a, const auth::Digest& b) const override { return a == b; }

 private:
  struct Verifier {
    std::string salt_base64;
    std::uint32_t iterations;
    auth::Digest stored_key;
    auth::Digest server_key;
  };
  struct Secret {
    auth::SecretKind kind;
    std::string text;
    std::optional<Verifier> verifier;
    bool loaded = true;
  };
  using Key = std::tuple<CredentialId, std::vector<std::byte>, std::uint32_t>;

  static Verifier make_verifier(std::string_view password, Bytes salt, std::uint32_t iterations);
  static Verifier read_verifier(std::string_view text);

  // Null for no_credential and what is not loaded; aborts on an id that add never gave.
  const Secret* find(CredentialId credential) const;
  std::vector<std::byte> salt_of(std::string_view name) const;

  std::uint64_t seed_;
  std::uint64_t random_state_;
  std::vector<Secret> secrets_;  // by credential - 1
  std::set<Key> keys_;           // what was derived for servers
};

}  // namespace pgweir::sim
