// The cryptography of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677) and of md5 passwords, by
// OpenSSL. Pure functions, callable on any thread; a failure of the library itself (out of memory,
// a build without the digest) ends the process.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/vault.h"

namespace pgweir::io {

using auth::Digest;

// Iterations of the verifiers we make ourselves, and of the challenges of unknown users:
// PostgreSQL's default, so that the two look alike.
inline constexpr std::uint32_t scram_iterations_default = 4096;
inline constexpr std::size_t scram_salt_size = 16;

// What a server keeps instead of a password.
struct ScramVerifier {
  std::string salt_base64;
  std::uint32_t iterations = 0;
  Digest stored_key{};
  Digest server_key{};
};

// What comes of a password, a salt and a number of iterations. Secret, and wiped when it goes.
struct ScramKeys {
  ScramKeys() = default;
  ScramKeys(const ScramKeys&) = default;
  ScramKeys& operator=(const ScramKeys&) = default;
  ~ScramKeys();

  Digest client_key{};
  Digest stored_key{};
  Digest server_key{};
};

Digest sha256(Bytes bytes);
Digest hmac_sha256(Bytes key, Bytes message);
Digest exclusive_or(const Digest& a, const Digest& b);
bool equal_in_constant_time(const Digest& a, const Digest& b);

// The slow one: iterations x two blocks of SHA-256. The password is prepared here (SASLprep).
ScramKeys derive_scram_keys(std::string_view password, Bytes salt, std::uint32_t iterations);

// PostgreSQL's text in pg_authid: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>.
std::optional<ScramVerifier> parse_scram_verifier(std::string_view text);

// "md5" and 32 hexadecimal digits: PostgreSQL, "Message Flow", AuthenticationMD5Password.
std::string md5_text(std::string_view secret, std::string_view salt);

// Unpredictable bytes. Ends the process when the library has none.
void fill_random(std::span<std::byte> out);

}  // namespace pgweir::io
