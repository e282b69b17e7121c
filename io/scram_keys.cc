#include "io/scram_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

#include "core/auth/base64.h"
#include "core/base/assert.h"
#include "core/base/text.h"
#include "io/saslprep.h"

namespace pgweir::io {

namespace {

const unsigned char* raw(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw_out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

std::string md5_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  PGWEIR_REQUIRE(done == 1 && size == 16);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

std::optional<Digest> decode_digest(std::string_view base64) {
  const auto bytes = auth::base64_decode(base64);
  if (!bytes || bytes->size() != sizeof(Digest)) return std::nullopt;
  Digest digest{};
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

// The text before the separator, which goes with it; the whole text when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

// Looking an algorithm up in OpenSSL costs more than using it: once for the process.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  PGWEIR_REQUIRE(method != nullptr);
  return method;
}

// One a thread, keyed anew for each use.
EVP_MAC_CTX* hmac_context() {
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MAC_CTX, Free> context = [] {
    EVP_MAC* method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    std::unique_ptr<EVP_MAC_CTX, Free> made(EVP_MAC_CTX_new(method));
    EVP_MAC_free(method);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    PGWEIR_REQUIRE(made != nullptr && EVP_MAC_CTX_set_params(made.get(), parameters) == 1);
    return made;
  }();
  return context.get();
}

}  // namespace

ScramKeys::~ScramKeys() { OPENSSL_cleanse(this, sizeof *this); }

Digest sha256(Bytes bytes) {
  Digest digest{};
  unsigned int size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), raw_out(digest), &size, sha256_method(), nullptr);
  PGWEIR_REQUIRE(done == 1 && size == digest.size());
  return digest;
}

Digest hmac_sha256(Bytes key, Bytes message) {
  Digest digest{};
  std::size_t size = 0;
  EVP_MAC_CTX* const context = hmac_context();
  const bool done = EVP_MAC_init(context, raw(key), key.size(), nullptr) == 1 &&
                    EVP_MAC_update(context, raw(message), message.size()) == 1 &&
                    EVP_MAC_final(context, raw_out(digest), &size, digest.size()) == 1;
  PGWEIR_REQUIRE(done && size == digest.size());
  return digest;
}

Digest exclusive_or(const Digest& a, const Digest& b) {
  Digest result{};
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = a[i] ^ b[i];
  return result;
}

bool equal_in_constant_time(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

ScramKeys derive_scram_keys(std::string_view password, Bytes salt, std::uint32_t iterations) {
  std::string prepared = saslprep(password);
  Digest salted{};
  const int done = PKCS5_PBKDF2_HMAC(
      prepared.data(), static_cast<int>(prepared.size()), raw(salt), static_cast<int>(salt.size()),
      static_cast<int>(iterations), EVP_sha256(), static_cast<int>(salted.size()), raw_out(salted));
  PGWEIR_REQUIRE(done == 1, iterations);
  OPENSSL_cleanse(prepared.data(), prepared.size());

  ScramKeys keys;
  keys.client_key = hmac_sha256(salted, bytes_of("Client Key"));
  keys.stored_key = sha256(keys.client_key);
  keys.server_key = hmac_sha256(salted, bytes_of("Server Key"));
  OPENSSL_cleanse(salted.data(), salted.size());
  return keys;
}

std::optional<ScramVerifier> parse_scram_verifier(std::string_view text) {
  if (take_until(text, '$') != "SCRAM-SHA-256") return std::nullopt;
  const auto iterations = to_integer(take_until(text, ':'));
  const std::string_view salt = take_until(text, '$');
  const auto stored_key = decode_digest(take_until(text, ':'));
  const auto server_key = decode_digest(text);
  if (!iterations || *iterations < 1 || *iterations > INT32_MAX) return std::nullopt;
  if (salt.empty() || !auth::base64_decode(salt) || !stored_key || !server_key) return std::nullopt;
  return ScramVerifier{std::string(salt), static_cast<std::uint32_t>(*iterations), *stored_key,
                       *server_key};
}

std::string md5_text(std::string_view secret, std::string_view salt) {
  std::string salted = join(secret, salt);
  std::string text = join("md5", md5_hex(salted));
  OPENSSL_cleanse(salted.data(), salted.size());
  return text;
}

void fill_random(std::span<std::byte> out) {
  const int done = RAND_bytes(raw_out(out), static_cast<int>(out.size()));
  PGWEIR_REQUIRE(done == 1, out.size());
}

}  // namespace pgweir::io
