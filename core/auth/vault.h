// The vault keeps the secrets and does the cryptography: the only thing the machine may ask and be
// answered at once. In production it is OpenSSL with the loaded credentials (io/vault), in tests
// and simulator a toy, seeded and fast. Everything the other side can make expensive (PBKDF2) is
// the effect Derive instead; its result stays in the vault, and the event Derived says it is there.
//
// SCRAM-SHA-256: RFC 5802, RFC 7677. md5: PostgreSQL, "Message Flow", AuthenticationMD5Password.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/config/settings.h"

namespace pgweir::auth {

// What the auth file or the database line held.
enum class SecretKind : std::uint8_t { none, plain, scram_verifier, md5_hash };

using Digest = std::array<std::byte, 32>;  // SHA-256

// What a client is told before it can prove itself. Unknown users get one too, the same each time.
struct ScramChallenge {
  std::string salt_base64;
  std::uint32_t iterations = 0;
};

// What we send to a server, and what it must answer to prove that it knows the secret as well.
struct ScramProof {
  Digest proof;
  Digest server_signature;
};

class Vault {
 public:
  virtual ~Vault() = default;

  // Unpredictable bytes for nonces and cancel keys.
  virtual void random(std::span<std::byte> out) = 0;

  virtual SecretKind kind(CredentialId credential) const = 0;

  // We as the server, for a client. A plain secret needs its verifier derived once (Derive with an
  // empty salt); verifiers are ready at once; without a usable secret (none, md5) the user is made
  // up: ready, challenged like the others, and never proved right.
  virtual bool verifier_ready(CredentialId credential) const = 0;
  // Requires: verifier_ready(credential).
  virtual ScramChallenge challenge(CredentialId credential, std::string_view user) = 0;
  // ClientProof over auth_message; the ServerSignature to answer with when it is right.
  virtual std::optional<Digest> check_proof(CredentialId credential, std::string_view auth_message,
                                            const Digest& proof) = 0;

  // We as the client, for a server: with a plain secret, after Derive for its salt and iterations.
  virtual bool key_ready(CredentialId credential, Bytes salt, std::uint32_t iterations) const = 0;
  // Requires: key_ready(credential, salt, iterations).
  virtual ScramProof prove(CredentialId credential, Bytes salt, std::uint32_t iterations,
                           std::string_view auth_message) = 0;
  // The text of the PasswordMessage; nothing where the secret's kind cannot answer.
  virtual std::optional<std::string> md5_answer(CredentialId credential, std::string_view user,
                                                std::span<const std::byte, 4> salt) = 0;
  virtual std::optional<std::string> cleartext(CredentialId credential) = 0;

  // Of what is no secret.
  virtual Digest digest(Bytes bytes) const = 0;

  // In constant time.
  virtual bool equal(const Digest& a, const Digest& b) const = 0;
};

}  // namespace pgweir::auth
