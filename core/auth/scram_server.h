// SCRAM-SHA-256 with us as the server: a client logs in (RFC 5802 section 3, RFC 7677; PostgreSQL:
// "SASL Authentication"), without channel binding.
//
// One object a login, heap-allocated by the client that logs in and dropped when it ends; it holds
// at most the first two messages (2 x limits::scram_message_size_max). first, then final, once
// each: a message out of turn is an error, and any error ends the login.
//
// Errors are for the client, as FATAL: those of scram_message.h; 08P01 for a final message that
// answers another first one; 28P01 for a wrong proof, in the same words for users that do not
// exist. It does not know the framing of SASL messages, nor how many logins a user may try.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/auth/vault.h"
#include "core/base/error.h"

namespace pgweir::auth {

class ScramServer {
 public:
  // credential: no_credential for a user that does not exist. user: the startup packet's.
  ScramServer(CredentialId credential, std::string user);

  // client-first-message to server-first-message. Requires: vault.verifier_ready(credential).
  std::expected<std::string, PgError> first(std::string_view client_first, Vault& vault);

  // client-final-message to server-final-message: the client has proved itself, and reads there
  // that we know the secret too. One guess an exchange.
  std::expected<std::string, PgError> final(std::string_view client_final, Vault& vault);

 private:
  CredentialId credential_;
  std::string user_;
  std::string gs2_header_;
  std::string first_messages_;  // client-first-message-bare "," server-first-message
  std::string nonce_;           // the client's part and ours; not empty: final is awaited
};

}  // namespace pgweir::auth
