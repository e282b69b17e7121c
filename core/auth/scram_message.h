// The four messages of SCRAM-SHA-256 as text and as structs (RFC 5802, section 7; PostgreSQL: "SASL
// Authentication"), without channel binding. A struct exists only when the whole message was right:
// every attribute there, once, in its place. Views look into the message they were read from.
//
// Bound: limits::scram_message_size_max. Errors: 08P01 for what is malformed; 0A000 for an
// authorization identity and for an extension that must be understood. No error repeats the
// message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/vault.h"
#include "core/base/error.h"

namespace pgweir::auth {

// For a message the other side sent before its turn, or twice.
PgError out_of_turn();

// Both sides' part of the nonce: 18 random bytes as text.
std::string fresh_nonce(Vault& vault);

// "n,,n=user,r=nonce". The user name is not kept: PostgreSQL believes the startup packet's.
// Optional extensions after the nonce are ignored, as RFC 5802 demands.
struct ClientFirst {
  std::string_view gs2_header;  // "n,," or "y,,"
  std::string_view bare;        // all after it
  std::string_view nonce;       // printable, not empty
};
std::expected<ClientFirst, PgError> parse_client_first(std::string_view message);

// "r=nonce,s=salt,i=iterations", nothing after it.
struct ServerFirst {
  std::string_view nonce;
  std::vector<std::byte> salt;   // not empty
  std::uint32_t iterations = 0;  // 1 to limits::scram_iterations_max
};
std::expected<ServerFirst, PgError> parse_server_first(std::string_view message);

// "c=binding,r=nonce,p=proof", nothing between or after it. (Here an extension is refused: no
// client of PostgreSQL sends one, and nothing unread stands next to the proof.)
struct ClientFinal {
  std::string_view without_proof;
  std::string_view binding_base64;
  std::string_view nonce;
  Digest proof;
};
std::expected<ClientFinal, PgError> parse_client_final(std::string_view message);

// "v=signature", nothing after it. "e=…" is the error that says the server gave up.
struct ServerFinal {
  Digest signature;
};
std::expected<ServerFinal, PgError> parse_server_final(std::string_view message);

}  // namespace pgweir::auth
