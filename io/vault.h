// The vault of production: the loaded credentials, and OpenSSL.
//
// It belongs to one loop's thread: each machine has its own, with the same secrets. Slow work is a
// Derivation: it holds copies of all it needs, may run on any thread, and its result is taken back
// on the loop's. Secrets are wiped when they go.
//
// Ids are never reused for another secret: who still holds one from before a reload finds the same
// secret or none. A secret that a reload brings again keeps its id, and so what was derived of it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "core/auth/vault.h"
#include "core/config/settings.h"
#include "io/scram_keys.h"

namespace pgweir::io {

// Text that is wiped when it goes.
class SecretText {
 public:
  explicit SecretText(std::string text) : text_(std::move(text)) {}
  ~SecretText() { wipe(); }
  SecretText(const SecretText&) = default;
  SecretText(SecretText&& other) noexcept : text_(other.text_) { other.wipe(); }
  SecretText& operator=(const SecretText&) = delete;
  SecretText& operator=(SecretText&&) = delete;

  std::string_view view() const { return text_; }

 private:
  void wipe();

  std::string text_;
};

// One PBKDF2, to be run anywhere.
class Derivation {
 public:
  void run() { keys_ = derive_scram_keys(password_.view(), salt_, iterations_); }

 private:
  friend class Vault;
  Derivation(CredentialId credential, SecretText password, std::vector<std::byte> salt,
             std::uint32_t iterations, bool for_verifier)
      : credential_(credential),
        password_(std::move(password)),
        salt_(std::move(salt)),
        iterations_(iterations),
        for_verifier_(for_verifier) {}

  CredentialId credential_;
  SecretText password_;
  std::vector<std::byte> salt_;
  std::uint32_t iterations_;
  bool for_verifier_;
  ScramKeys keys_;
};

class Vault final : public auth::Vault {
 public:
  // salt_key: what salts come from, of plain secrets' verifiers and of users that are not there.
  // The vaults of one process have the same, so that both look the same at every machine.
  explicit Vault(const Digest& salt_key = new_salt_key());
  static Digest new_salt_key();

  // Takes the secrets over in the place of all it had, and renumbers the settings' credentials
  // (which name secrets by their place, from 1) to the vault's ids.
  void adopt(std::vector<config::Secret> secrets, Settings& settings);

  // Nothing when the credential has no plain secret to derive from. An empty salt: for a verifier.
  std::optional<Derivation> begin(CredentialId credential, Bytes salt, std::uint32_t iterations);
  // False when the credential has gone meanwhile.
  bool finish(const Derivation& derivation);

  void random(std::span<std::byte> out) override;
  auth::SecretKind kind(CredentialId credential) const override;
  bool verifier_ready(CredentialId credential) const override;
  auth::ScramChallenge challenge(CredentialId credential, std::string_view user) override;
  std::optional<Digest> check_proof(CredentialId credential, std::string_view auth_message,
                                    const Digest& proof) override;
  bool key_ready(CredentialId credential, Bytes salt, std::uint32_t iterations) const override;
  auth::ScramProof prove(CredentialId credential, Bytes salt, std::uint32_t iterations,
                         std::string_view auth_message) override;
  std::optional<std::string> md5_answer(CredentialId credential, std::string_view user,
                                        std::span<const std::byte, 4> salt) override;
  std::optional<std::string> cleartext(CredentialId credential) override;
  Digest digest(Bytes bytes) const override;
  bool equal(const Digest& a, const Digest& b) const override;

 private:
  // Keys for one server's salt. A credential keeps few: the oldest makes room.
  struct ServerKeys {
    std::vector<std::byte> salt;
    std::uint32_t iterations;
    ScramKeys keys;
  };
  static constexpr std::size_t server_keys_max = 32;

  struct Entry {
    auth::SecretKind kind;
    SecretText text;
    std::optional<ScramVerifier> verifier;
    std::vector<ServerKeys> server_keys;
  };

  const Entry* find(CredentialId credential) const;
  const ScramKeys* find_keys(CredentialId credential, Bytes salt, std::uint32_t iterations) const;

  std::map<CredentialId, Entry> entries_;
  CredentialId last_id_ = no_credential;
  const Digest salt_key_;
  std::array<std::byte, 512> random_ahead_{};
  std::size_t random_used_ = random_ahead_.size();
};

}  // namespace pgweir::io
