#include "sim/toy_vault.h"

#include <algorithm>
#include <utility>

#include "core/auth/base64.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/text.h"

namespace pgweir::sim {

using auth::Digest;
using auth::SecretKind;

namespace {

constexpr std::uint32_t default_iterations = 4096;
constexpr std::string_view verifier_prefix = "TOY-SCRAM";

std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void fill(std::uint64_t& state, std::span<std::byte> out) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) bits = splitmix64(state);
    out[i] = static_cast<std::byte>(bits >> (8 * (i % 8)) & 0xff);
  }
}

// In place of HMAC: 32 bytes that depend on every byte of both.
Digest mix(Bytes key, std::string_view text) {
  Hash hash;
  hash.add(key);
  hash.add(text);
  std::uint64_t state = hash.value();
  Digest digest;
  fill(state, digest);
  return digest;
}

Digest salted_password(std::string_view password, Bytes salt, std::uint32_t iterations) {
  return mix(salt, join(iterations, ":", password));
}

// In place of SHA-256.
Digest stored_key_of(const Digest& client_key) { return mix(client_key, "Stored Key"); }

Digest exclusive_or(const Digest& a, const Digest& b) {
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] ^ b[i];
  return out;
}

std::string hex(const Digest& digest) {
  std::string text;
  for (std::size_t i = 0; i < 16; ++i) {
    const auto value = std::to_integer<unsigned>(digest[i]);
    text += "0123456789abcdef"[value >> 4];
    text += "0123456789abcdef"[value & 15];
  }
  return text;
}

Digest digest_of(std::string_view base64) {
  const auto bytes = auth::base64_decode(base64);
  Digest digest;
  PGWEIR_REQUIRE(bytes && bytes->size() == digest.size(), base64.size());
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

// What stands before the separator; text goes on after it. Requires: the separator is there.
std::string_view split_off(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  PGWEIR_REQUIRE(at != std::string_view::npos, text.size(), separator);
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + 1);
  return before;
}

}  // namespace

CredentialId ToyVault::add(SecretKind kind, std::string secret) {
  Secret added{.kind = kind, .text = std::move(secret), .verifier = {}};
  if (kind == SecretKind::scram_verifier) added.verifier = read_verifier(added.text);
  if (kind == SecretKind::md5_hash) {
    PGWEIR_REQUIRE(added.text.starts_with("md5") && added.text.size() == 35, added.text.size());
  }
  secrets_.push_back(std::move(added));
  return static_cast<CredentialId>(secrets_.size());
}

void ToyVault::adopt(const Settings& settings) {
  for (Secret& secret : secrets_) secret.loaded = false;
  load(settings);
}

void ToyVault::load(const Settings& settings) {
  const auto load = [&](CredentialId credential) {
    if (credential != no_credential) secrets_[credential - 1].loaded = true;
  };
  for (const DatabaseSettings& database : settings.databases) load(database.credential);
  for (const UserSettings& user : settings.users) load(user.credential);
}

bool ToyVault::derive(CredentialId credential, Bytes salt, std::uint32_t iterations) {
  if (kind(credential) != SecretKind::plain) return false;
  if (!salt.empty()) {
    keys_.emplace(credential, std::vector(salt.begin(), salt.end()), iterations);
    return true;
  }
  Secret& secret = secrets_[credential - 1];
  secret.verifier = make_verifier(secret.text, salt_of(join("credential ", credential)),
                                  iterations == 0 ? default_iterations : iterations);
  return true;
}

ToyVault::Verifier ToyVault::make_verifier(std::string_view password, Bytes salt,
                                           std::uint32_t iterations) {
  const Digest salted = salted_password(password, salt, iterations);
  return {.salt_base64 = auth::base64_encode(salt),
          .iterations = iterations,
          .stored_key = stored_key_of(mix(salted, "Client Key")),
          .server_key = mix(salted, "Server Key")};
}

// PostgreSQL's form, with another name: TOY-SCRAM$iterations:salt$stored key:server key.
ToyVault::Verifier ToyVault::read_verifier(std::string_view text) {
  const std::string_view prefix = split_off(text, '$');
  PGWEIR_REQUIRE(prefix == verifier_prefix, prefix.size());
  const auto iterations = to_integer(split_off(text, ':'));
  PGWEIR_REQUIRE(iterations && *iterations > 0, iterations.value_or(-1));
  const std::string_view salt = split_off(text, '$');
  const std::string_view stored_key = split_off(text, ':');
  return {.salt_base64 = std::string(salt),
          .iterations = static_cast<std::uint32_t>(*iterations),
          .stored_key = digest_of(stored_key),
          .server_key = digest_of(text)};
}

std::string ToyVault::scram_verifier(std::string_view password, Bytes salt,
                                     std::uint32_t iterations) {
  const Verifier verifier = make_verifier(password, salt, iterations);
  return join(verifier_prefix, "$", iterations, ":", verifier.salt_base64, "$",
              auth::base64_encode(verifier.stored_key), ":",
              auth::base64_encode(verifier.server_key));
}

std::string ToyVault::md5_hash(std::string_view password, std::string_view user) {
  return join("md5", hex(mix(bytes_of(user), password)));
}

Digest ToyVault::digest(Bytes bytes) const { return mix({}, text_of(bytes)); }

Digest ToyVault::client_proof(std::string_view password, Bytes salt, std::uint32_t iterations,
                              std::string_view auth_message) {
  const Digest client_key = mix(salted_password(password, salt, iterations), "Client Key");
  return exclusive_or(client_key, mix(stored_key_of(client_key), auth_message));
}

Digest ToyVault::server_signature(std::string_view password, Bytes salt, std::uint32_t iterations,
                                  std::string_view auth_message) {
  return mix(mix(salted_password(password, salt, iterations), "Server Key"), auth_message);
}

bool ToyVault::proof_is_right(std::string_view password, Bytes salt, std::uint32_t iterations,
                              std::string_view auth_message, const Digest& proof) {
  return proof == client_proof(password, salt, iterations, auth_message);
}

std::string ToyVault::md5_response(std::string_view hash, std::span<const std::byte, 4> salt) {
  return join("md5", hex(mix(salt, hash.substr(3))));
}

void ToyVault::random(std::span<std::byte> out) { fill(random_state_, out); }

const ToyVault::Secret* ToyVault::find(CredentialId credential) const {
  if (credential == no_credential) return nullptr;
  PGWEIR_REQUIRE(credential <= secrets_.size(), credential, secrets_.size());
  const Secret& secret = secrets_[credential - 1];
  return secret.loaded ? &secret : nullptr;
}

std::vector<std::byte> ToyVault::salt_of(std::string_view name) const {
  const Digest digest = mix(bytes_of(join(seed_)), name);
  return {digest.begin(), digest.begin() + 16};
}

SecretKind ToyVault::kind(CredentialId credential) const {
  const Secret* secret = find(credential);
  return secret == nullptr ? SecretKind::none : secret->kind;
}

bool ToyVault::verifier_ready(CredentialId credential) const {
  return kind(credential) != SecretKind::plain || find(credential)->verifier.has_value();
}

auth::ScramChallenge ToyVault::challenge(CredentialId credential, std::string_view user) {
  PGWEIR_REQUIRE(verifier_ready(credential), credential);
  const Secret* secret = find(credential);
  if (secret == nullptr || !secret->verifier) {
    return {auth::base64_encode(salt_of(join("user ", user))), default_iterations};
  }
  return {secret->verifier->salt_base64, secret->verifier->iterations};
}

std::optional<Digest> ToyVault::check_proof(CredentialId credential, std::string_view auth_message,
                                            const Digest& proof) {
  const Secret* secret = find(credential);
  if (secret == nullptr || !secret->verifier) return std::nullopt;
  const Verifier& verifier = *secret->verifier;
  const Digest client_key = exclusive_or(proof, mix(verifier.stored_key, auth_message));
  if (stored_key_of(client_key) != verifier.stored_key) return std::nullopt;
  return mix(verifier.server_key, auth_message);
}

bool ToyVault::key_ready(CredentialId credential, Bytes salt, std::uint32_t iterations) const {
  return find(credential) != nullptr &&
         keys_.contains(Key(credential, std::vector(salt.begin(), salt.end()), iterations));
}

auth::ScramProof ToyVault::prove(CredentialId credential, Bytes salt, std::uint32_t iterations,
                                 std::string_view auth_message) {
  PGWEIR_REQUIRE(key_ready(credential, salt, iterations), credential, iterations);
  const std::string& password = find(credential)->text;
  return {.proof = client_proof(password, salt, iterations, auth_message),
          .server_signature = server_signature(password, salt, iterations, auth_message)};
}

std::optional<std::string> ToyVault::md5_answer(CredentialId credential, std::string_view user,
                                                std::span<const std::byte, 4> salt) {
  switch (kind(credential)) {
    case SecretKind::plain: return md5_response(md5_hash(find(credential)->text, user), salt);
    case SecretKind::md5_hash: return md5_response(find(credential)->text, salt);
    case SecretKind::none:
    case SecretKind::scram_verifier: break;
  }
  return std::nullopt;
}

std::optional<std::string> ToyVault::cleartext(CredentialId credential) {
  if (kind(credential) != SecretKind::plain) return std::nullopt;
  return find(credential)->text;
}

}  // namespace pgweir::sim
