// How pgweir logs in to a PostgreSQL server: trust, SCRAM-SHA-256, md5, and cleartext where the
// settings allow it (PostgreSQL: "Message Flow", Start-up). One object a login, owned by its
// server. It is given whole messages and says what to send; it knows no sockets and no pools.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/auth/scram_client.h"
#include "core/auth/vault.h"
#include "core/base/error.h"
#include "core/wire/protocol.h"

namespace pgweir::session {

// Whom to be.
struct ServerIdentity {
  std::string user;
  std::string database;
  CredentialId credential = no_credential;
  bool cleartext_allowed = false;
  std::uint16_t minor = wire::newest_minor;  // of protocol 3, to be asked for
  std::vector<std::pair<std::string, std::string>> parameters = {};  // its session begins with
};

// Why a login failed: the error its waiting clients are told, and whether waiting could help.
struct LoginFailure {
  PgError error;
  bool permanent = false;   // until settings or the server's roles and databases change
  bool unanswered = false;  // the connection broke or its time passed: nobody said why
  bool ended = false;       // by who ends all that are there, perhaps
  bool protocol = false;    // the minor protocol that was asked for may be all that is wrong
};

class ServerLogin {
 public:
  explicit ServerLogin(ServerIdentity identity);

  enum class Next : std::uint8_t { more, derive, ready, failed };

  std::string startup_message() const;
  // answer: what to send now, often nothing. Requires: neither ready nor failed before.
  Next on_message(wire::BackendType type, Bytes body, auth::Vault& vault, std::string& answer);
  // After derive: the key is in the vault, or it could not be made.
  Next on_derived(bool done, auth::Vault& vault, std::string& answer);
  // Before it has said anything but an error: whatever asked for a newer protocol may be why.
  bool unheard() const { return !heard_; }

  const ServerIdentity& identity() const { return identity_; }
  const auth::ScramClient::Derivation& derivation() const { return scram_->derivation(); }
  const LoginFailure& failure() const { return failure_; }
  // What the server said of its session, in its order.
  const std::vector<std::pair<std::string, std::string>>& parameters() const { return parameters_; }
  std::uint32_t backend_pid() const { return backend_pid_; }
  const std::vector<std::byte>& backend_secret() const { return backend_secret_; }

 private:
  Next on_negotiation(Bytes body);
  Next on_authentication(Bytes body, auth::Vault& vault, std::string& answer);
  Next on_sasl(Bytes mechanisms, auth::Vault& vault, std::string& answer);
  Next on_error(Bytes body);
  Next on_parameter_status(Bytes body);
  Next on_key_data(Bytes body);
  Next send_password(std::optional<std::string> password, std::string_view method,
                     std::string& answer);
  Next prove(auth::Vault& vault, std::string& answer);
  Next fail(SqlState code, std::string message, bool permanent, std::string hint = {});

  ServerIdentity identity_;
  std::optional<auth::ScramClient> scram_;
  bool heard_ = false;          // it speaks a protocol that was asked for
  bool proved_ = false;         // the server has shown that it knows the secret
  bool authenticated_ = false;  // AuthenticationOk has come
  std::vector<std::pair<std::string, std::string>> parameters_;
  std::uint32_t backend_pid_ = 0;
  std::vector<std::byte> backend_secret_;
  LoginFailure failure_{{sqlstate::internal_error, {}}, false};
};

}  // namespace pgweir::session
