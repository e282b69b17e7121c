// Secrets as files hold them: what kind a text is, told by its beginning as PostgreSQL does.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/auth/vault.h"

namespace pgweir::config {

// Wiped when it goes, as each copy of it is: they travel from the files to every machine's vault.
struct Secret {
  auth::SecretKind kind;
  std::string text;

  ~Secret();
};

// SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey (RFC 5803's parts), md5 and 32 hexadecimal
// digits, else a plain password; an empty text is none. The error never repeats the text.
std::expected<auth::SecretKind, std::string> secret_kind(std::string_view text);

}  // namespace pgweir::config
