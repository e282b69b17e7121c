#include "core/auth/scram_client.h"

#include <utility>

#include "core/auth/base64.h"
#include "core/auth/scram_message.h"
#include "core/base/assert.h"
#include "core/base/text.h"

namespace pgweir::auth {

namespace {

constexpr std::string_view gs2_header = "n,,";

}  // namespace

bool offers_scram_sha_256(Bytes mechanism_list) {
  std::string_view rest = text_of(mechanism_list);
  bool offered = false;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return false;
    if (end == 0) return offered && rest.size() == 1;
    if (rest.substr(0, end) == "SCRAM-SHA-256") offered = true;
    rest.remove_prefix(end + 1);
  }
  return false;
}

ScramClient::ScramClient(CredentialId credential) : credential_(credential) {}

std::string ScramClient::first(Vault& vault) {
  PGWEIR_REQUIRE(nonce_.empty(), credential_);
  nonce_ = fresh_nonce(vault);
  first_messages_ = join("n=,r=", nonce_);
  return join(gs2_header, first_messages_);
}

std::expected<ScramClient::Derivation, PgError> ScramClient::challenged(
    std::string_view server_first) {
  if (nonce_.empty() || !derivation_.salt.empty()) return std::unexpected(out_of_turn());
  auto server = parse_server_first(server_first);
  if (!server) return std::unexpected(std::move(server.error()));
  // A server that adds nothing to our nonce, or has another, could be replaying a login.
  if (!server->nonce.starts_with(nonce_) || server->nonce.size() == nonce_.size()) {
    return std::unexpected(
        PgError{sqlstate::protocol_violation,
                "invalid SCRAM challenge: the server's nonce is not ours made longer",
                "Check that the database's host and port lead to a PostgreSQL server."});
  }
  nonce_ = server->nonce;
  append(first_messages_, join(",", server_first));
  derivation_ = {.salt = std::move(server->salt), .iterations = server->iterations};
  return derivation_;
}

std::string ScramClient::final(Vault& vault) {
  PGWEIR_REQUIRE(!derivation_.salt.empty() && !server_signature_, credential_);
  const std::string without_proof = join("c=", base64_encode(bytes_of(gs2_header)), ",r=", nonce_);
  const ScramProof proof = vault.prove(credential_, derivation_.salt, derivation_.iterations,
                                       join(first_messages_, ",", without_proof));
  server_signature_ = proof.server_signature;
  return join(without_proof, ",p=", base64_encode(proof.proof));
}

std::expected<void, PgError> ScramClient::finished(std::string_view server_final,
                                                   Vault& vault) const {
  if (!server_signature_) return std::unexpected(out_of_turn());
  auto server = parse_server_final(server_final);
  if (!server) return std::unexpected(std::move(server.error()));
  if (!vault.equal(server->signature, *server_signature_)) {
    return std::unexpected(PgError{
        sqlstate::connection_failure,
        "the server could not prove that it knows the password: its SCRAM signature is wrong",
        "Something else may answer in its place; check the database's host and port."});
  }
  return {};
}

}  // namespace pgweir::auth
