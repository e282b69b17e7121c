#include "config/secret.h"

#include <string.h>

#include <algorithm>
#include <optional>

#include "core/auth/base64.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

using auth::SecretKind;

constexpr std::string_view scram_prefix = "SCRAM-SHA-256$";
constexpr std::string_view md5_prefix = "md5";
constexpr std::size_t md5_digits = 32;
constexpr std::size_t key_size = 32;  // of SHA-256
// A hash that lost a few digits is a mistake; "md5beef" is somebody's password.
constexpr std::size_t md5_digits_likely = 24;

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_hex(char c) { return is_lower_hex(c) || (c >= 'A' && c <= 'F'); }

// How many bytes a base64 text stands for; 0 when it is none.
std::size_t base64_size(std::string_view text) {
  const auto bytes = auth::base64_decode(text);
  return bytes ? bytes->size() : 0;
}

// What stands before the separator, which is taken off as well; nothing when there is none.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

std::unexpected<std::string> bad_verifier(std::string_view why) {
  return std::unexpected(join("this SCRAM verifier is broken: ", why));
}

std::expected<SecretKind, std::string> check_verifier(std::string_view text) {
  const auto iterations = take_until(text, ':');
  const auto salt = take_until(text, '$');
  const auto stored_key = take_until(text, ':');
  if (!iterations || !salt || !stored_key) {
    return bad_verifier("its form is SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey");
  }
  if (!count_of(*iterations, 1, limits::scram_iterations_max)) {
    return bad_verifier(join("iterations are from 1 to ", limits::scram_iterations_max));
  }
  if (base64_size(*salt) == 0) return bad_verifier("the salt is not base64, or empty");
  if (base64_size(*stored_key) != key_size || base64_size(text) != key_size) {
    return bad_verifier("StoredKey and ServerKey are 32 bytes in base64 each");
  }
  return SecretKind::scram_verifier;
}

}  // namespace

Secret::~Secret() { ::explicit_bzero(text.data(), text.size()); }

std::expected<SecretKind, std::string> secret_kind(std::string_view text) {
  if (text.empty()) return SecretKind::none;
  if (text.size() > limits::secret_size_max) {
    return std::unexpected(join("a secret has at most ", limits::secret_size_max, " bytes"));
  }
  if (text.find('\0') != std::string_view::npos) {
    return std::unexpected("a secret has no zero byte");
  }
  if (text.starts_with(scram_prefix)) return check_verifier(text.substr(scram_prefix.size()));
  if (text.starts_with(md5_prefix)) {
    const std::string_view digits = text.substr(md5_prefix.size());
    if (digits.size() == md5_digits && std::ranges::all_of(digits, is_lower_hex)) {
      return SecretKind::md5_hash;
    }
    if (digits.size() >= md5_digits_likely && std::ranges::all_of(digits, is_hex)) {
      return std::unexpected("this md5 hash is broken: after md5 come 32 lower-case hex digits");
    }
  }
  return SecretKind::plain;
}

}  // namespace pgweir::config
