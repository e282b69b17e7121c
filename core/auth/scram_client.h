// SCRAM-SHA-256 with us as the client: we log in to a PostgreSQL server (RFC 5802 section 3, RFC
// 7677; PostgreSQL: "SASL Authentication"), without channel binding.
//
// One object a login, owned by the server connection that logs in and dropped when it ends. Order
// of the calls: first, challenged, final, finished. A server's message out of turn is an error; an
// error ends the login. The login is complete only when finished succeeded: AuthenticationOk before
// that is an impostor's.
//
// Bounds: limits::scram_message_size_max and scram_iterations_max. Errors are for the pool and the
// log: those of scram_message.h; 08P01 for a nonce that is not ours made longer; 08006 for a server
// that does not know the secret. It does not know the framing of SASL messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/vault.h"
#include "core/base/bytes.h"
#include "core/base/error.h"

namespace pgweir::auth {

// Whether AuthenticationSASL's list of mechanisms has SCRAM-SHA-256: names that each end with a
// zero byte, then one more. False for anything else.
bool offers_scram_sha_256(Bytes mechanism_list);

class ScramClient {
 public:
  explicit ScramClient(CredentialId credential);

  // The client-first-message, once. Its user name is empty: PostgreSQL takes the startup packet's.
  std::string first(Vault& vault);

  // What the secret must be derived with before final.
  struct Derivation {
    std::vector<std::byte> salt;  // not empty
    std::uint32_t iterations = 0;
  };
  // Reads the server-first-message.
  std::expected<Derivation, PgError> challenged(std::string_view server_first);
  const Derivation& derivation() const { return derivation_; }

  // The client-final-message, once. Requires: challenged succeeded, and key_ready for its
  // derivation.
  std::string final(Vault& vault);

  // Reads the server-final-message: the server proves that it knows the secret.
  std::expected<void, PgError> finished(std::string_view server_final, Vault& vault) const;

 private:
  CredentialId credential_;
  std::string nonce_;           // ours; once challenged, both parts
  std::string first_messages_;  // client-first-message-bare, then also "," server-first-message
  Derivation derivation_;
  std::optional<Digest> server_signature_;
};

}  // namespace pgweir::auth
