#include "core/auth/scram_server.h"

#include <utility>

#include "core/auth/base64.h"
#include "core/auth/scram_message.h"
#include "core/base/text.h"

namespace pgweir::auth {

ScramServer::ScramServer(CredentialId credential, std::string user)
    : credential_(credential), user_(std::move(user)) {}

std::expected<std::string, PgError> ScramServer::first(std::string_view client_first,
                                                       Vault& vault) {
  if (!first_messages_.empty()) return std::unexpected(out_of_turn());
  auto client = parse_client_first(client_first);
  if (!client) return std::unexpected(std::move(client.error()));

  const ScramChallenge challenge = vault.challenge(credential_, user_);
  gs2_header_ = client->gs2_header;
  nonce_ = join(client->nonce, fresh_nonce(vault));
  std::string server_first =
      join("r=", nonce_, ",s=", challenge.salt_base64, ",i=", challenge.iterations);
  first_messages_ = join(client->bare, ",", server_first);
  return server_first;
}

std::expected<std::string, PgError> ScramServer::final(std::string_view client_final,
                                                       Vault& vault) {
  if (nonce_.empty()) return std::unexpected(out_of_turn());
  const std::string nonce = std::exchange(nonce_, {});  // one guess an exchange
  auto client = parse_client_final(client_final);
  if (!client) return std::unexpected(std::move(client.error()));
  if (client->binding_base64 != base64_encode(bytes_of(gs2_header_))) {
    return std::unexpected(
        PgError{sqlstate::protocol_violation,
                "invalid SCRAM response: the channel binding is not that of the first message"});
  }
  if (client->nonce != nonce) {
    return std::unexpected(
        PgError{sqlstate::protocol_violation, "invalid SCRAM response: the nonce does not match"});
  }

  const std::string auth_message = join(first_messages_, ",", client->without_proof);
  const auto signature = vault.check_proof(credential_, auth_message, client->proof);
  if (!signature) {
    return std::unexpected(
        PgError{sqlstate::invalid_password,
                join("password authentication failed for user \"", user_, "\"")});
  }
  return join("v=", base64_encode(*signature));
}

}  // namespace pgweir::auth
