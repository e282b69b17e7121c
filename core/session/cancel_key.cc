#include "core/session/cancel_key.h"

#include <algorithm>
#include <array>

#include "core/config/settings.h"

namespace pgweir::session {

static_assert(machines_max <= 128, "a machine's number has 7 bits");

CancelKey::CancelKey(auth::Vault& vault, std::uint8_t machine, std::uint16_t replica,
                     std::uint16_t minor)
    : size_(minor >= 2 ? 32 : 4) {
  std::array<std::byte, 4> id{};
  while (id_ << 8 == 0) {  // no process has the id 0
    vault.random(std::span(id).last(3));
    id[0] = std::byte{machine};
    id_ = load_u32(id);
  }
  vault.random(std::span(secret_).first(size_));
  secret_[0] = static_cast<std::byte>(replica >> 8);
  secret_[1] = static_cast<std::byte>(replica & 0xff);
}

bool CancelKey::opened_by(Bytes secret, const auth::Vault& vault) const {
  if (secret.size() != size_) return false;
  auth::Digest brought{};
  std::ranges::copy(secret, brought.begin());
  return vault.equal(brought, secret_);
}

}  // namespace pgweir::session
