#include "io/saslprep.h"

#include <openssl/crypto.h>
#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "config/utf8.h"

namespace pgweir::io {

std::string saslprep(std::string_view password) {
  std::string original(password);
  const bool ascii = std::ranges::all_of(
      password, [](char character) { return static_cast<unsigned char>(character) < 0x80; });
  if (ascii || !config::is_utf8(password)) return original;

  char* prepared = nullptr;
  const int status =
      stringprep_profile(original.c_str(), &prepared, "SASLprep", STRINGPREP_NO_UNASSIGNED);
  if (status != STRINGPREP_OK || prepared == nullptr) return original;
  std::string result(prepared);
  OPENSSL_cleanse(prepared, std::strlen(prepared));
  std::free(prepared);
  if (result.empty()) return original;
  OPENSSL_cleanse(original.data(), original.size());
  return result;
}

}  // namespace pgweir::io
