#include "io/vault.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "core/auth/base64.h"
#include "core/base/assert.h"
#include "core/base/text.h"

namespace pgweir::io {

using auth::SecretKind;

void SecretText::wipe() { OPENSSL_cleanse(text_.data(), text_.size()); }

Vault::Vault(const Digest& salt_key) : salt_key_(salt_key) {}

Digest Vault::new_salt_key() {
  Digest key{};
  fill_random(key);
  return key;
}

void Vault::adopt(std::vector<config::Secret> secrets, Settings& settings) {
  // Each old entry is taken at most once: two users with the same password must not share a salt,
  // or everybody could see that their passwords are the same.
  std::multimap<std::pair<SecretKind, std::string_view>, CredentialId> known;
  for (const auto& [id, entry] : entries_)
    known.emplace(std::pair(entry.kind, entry.text.view()), id);

  std::map<CredentialId, Entry> adopted;
  std::vector<CredentialId> ids;
  for (config::Secret& secret : secrets) {
    const auto same = known.find(std::pair(secret.kind, std::string_view(secret.text)));
    if (same != known.end()) {
      ids.push_back(same->second);
      known.erase(same);
      continue;
    }
    Entry entry{secret.kind, SecretText(secret.text), std::nullopt, {}};
    if (entry.kind == SecretKind::scram_verifier) {
      entry.verifier = parse_scram_verifier(entry.text.view());
    }
    adopted.emplace(++last_id_, std::move(entry));
    ids.push_back(last_id_);
    OPENSSL_cleanse(secret.text.data(), secret.text.size());
  }
  known.clear();
  for (CredentialId id : ids) {
    if (auto node = entries_.extract(id)) adopted.insert(std::move(node));
  }
  entries_ = std::move(adopted);

  const auto renumber = [&](CredentialId& credential) {
    if (credential == no_credential) return;
    PGWEIR_REQUIRE(credential <= ids.size(), credential, ids.size());
    credential = ids[credential - 1];
  };
  for (DatabaseSettings& database : settings.databases) renumber(database.credential);
  for (UserSettings& user : settings.users) renumber(user.credential);
}

std::optional<Derivation> Vault::begin(CredentialId credential, Bytes salt,
                                       std::uint32_t iterations) {
  const Entry* entry = find(credential);
  if (entry == nullptr || entry->kind != SecretKind::plain) return std::nullopt;
  const bool for_verifier = salt.empty();
  std::vector<std::byte> own_salt(salt.begin(), salt.end());
  if (for_verifier) {
    // Of its id: the vaults of all machines make the same, as for users that are not there.
    const Digest made = hmac_sha256(salt_key_, bytes_of(join("verifier ", credential)));
    own_salt.assign(made.begin(), made.begin() + scram_salt_size);
    iterations = scram_iterations_default;
  }
  if (iterations == 0) return std::nullopt;
  return Derivation(credential, SecretText(entry->text), std::move(own_salt), iterations,
                    for_verifier);
}

bool Vault::finish(const Derivation& derivation) {
  const auto found = entries_.find(derivation.credential_);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  const ScramKeys& keys = derivation.keys_;
  if (derivation.for_verifier_) {
    // Two logins may have asked at once; the first answer stays, so that the salt does.
    if (!entry.verifier) {
      entry.verifier = ScramVerifier{auth::base64_encode(derivation.salt_), derivation.iterations_,
                                     keys.stored_key, keys.server_key};
    }
    return true;
  }
  if (find_keys(derivation.credential_, derivation.salt_, derivation.iterations_) != nullptr) {
    return true;
  }
  if (entry.server_keys.size() == server_keys_max) {
    entry.server_keys.erase(entry.server_keys.begin());
  }
  entry.server_keys.push_back({derivation.salt_, derivation.iterations_, keys});
  return true;
}

// Drawn ahead: asking the generator costs more than what it gives for one login.
void Vault::random(std::span<std::byte> out) {
  for (std::byte& byte : out) {
    if (random_used_ == random_ahead_.size()) {
      fill_random(random_ahead_);
      random_used_ = 0;
    }
    byte = random_ahead_[random_used_];
    random_ahead_[random_used_++] = std::byte{0};
  }
}

SecretKind Vault::kind(CredentialId credential) const {
  const Entry* entry = find(credential);
  return entry == nullptr ? SecretKind::none : entry->kind;
}

bool Vault::verifier_ready(CredentialId credential) const {
  const Entry* entry = find(credential);
  return entry == nullptr || entry->kind != SecretKind::plain || entry->verifier.has_value();
}

auth::ScramChallenge Vault::challenge(CredentialId credential, std::string_view user) {
  const Entry* entry = find(credential);
  if (entry != nullptr && entry->verifier) {
    return {entry->verifier->salt_base64, entry->verifier->iterations};
  }
  const Digest made_up = hmac_sha256(salt_key_, bytes_of(user));
  return {auth::base64_encode(Bytes(made_up).first(scram_salt_size)), scram_iterations_default};
}

std::optional<Digest> Vault::check_proof(CredentialId credential, std::string_view auth_message,
                                         const Digest& proof) {
  const Entry* entry = find(credential);
  const bool known = entry != nullptr && entry->verifier.has_value();
  // An unknown user costs the same work as a wrong password.
  const ScramVerifier nobody;
  const ScramVerifier& verifier = known ? *entry->verifier : nobody;
  const Digest signature = hmac_sha256(verifier.stored_key, bytes_of(auth_message));
  const Digest client_key = exclusive_or(proof, signature);
  const bool right = equal_in_constant_time(sha256(client_key), verifier.stored_key);
  const Digest server_signature = hmac_sha256(verifier.server_key, bytes_of(auth_message));
  if (!known || !right) return std::nullopt;
  return server_signature;
}

bool Vault::key_ready(CredentialId credential, Bytes salt, std::uint32_t iterations) const {
  return find_keys(credential, salt, iterations) != nullptr;
}

auth::ScramProof Vault::prove(CredentialId credential, Bytes salt, std::uint32_t iterations,
                              std::string_view auth_message) {
  const ScramKeys* keys = find_keys(credential, salt, iterations);
  PGWEIR_REQUIRE(keys != nullptr, credential, iterations);
  const Digest signature = hmac_sha256(keys->stored_key, bytes_of(auth_message));
  return {exclusive_or(keys->client_key, signature),
          hmac_sha256(keys->server_key, bytes_of(auth_message))};
}

std::optional<std::string> Vault::md5_answer(CredentialId credential, std::string_view user,
                                             std::span<const std::byte, 4> salt) {
  const Entry* entry = find(credential);
  if (entry == nullptr) return std::nullopt;
  std::string inner;  // "md5" and the hash that PostgreSQL keeps
  switch (entry->kind) {
    case SecretKind::plain: inner = md5_text(entry->text.view(), user); break;
    case SecretKind::md5_hash: inner = entry->text.view(); break;
    case SecretKind::none:
    case SecretKind::scram_verifier: return std::nullopt;
  }
  if (!inner.starts_with("md5")) return std::nullopt;
  std::string answer = md5_text(std::string_view(inner).substr(3), text_of(salt));
  OPENSSL_cleanse(inner.data(), inner.size());
  return answer;
}

std::optional<std::string> Vault::cleartext(CredentialId credential) {
  const Entry* entry = find(credential);
  if (entry == nullptr || entry->kind != SecretKind::plain) return std::nullopt;
  return std::string(entry->text.view());
}

Digest Vault::digest(Bytes bytes) const { return sha256(bytes); }

bool Vault::equal(const Digest& a, const Digest& b) const { return equal_in_constant_time(a, b); }

const Vault::Entry* Vault::find(CredentialId credential) const {
  const auto found = entries_.find(credential);
  return found == entries_.end() ? nullptr : &found->second;
}

const ScramKeys* Vault::find_keys(CredentialId credential, Bytes salt,
                                  std::uint32_t iterations) const {
  const Entry* entry = find(credential);
  if (entry == nullptr) return nullptr;
  for (const ServerKeys& known : entry->server_keys) {
    if (known.iterations == iterations && std::ranges::equal(known.salt, salt)) return &known.keys;
  }
  return nullptr;
}

}  // namespace pgweir::io
