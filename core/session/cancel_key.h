// What a client is given to ask for cancels by (BackendKeyData): the id of a process that does not
// exist, and a secret of 4 bytes, or of 32 where protocol 3.2 is spoken. All is chance but for what
// whoever gets the request has to read off it:
//
//   id       a zero, 7 bits of the machine that the client is served by, 24 bits of chance
//   secret   16 bits of the replica (the process), the rest is chance
//
// It knows no clients: the machine keeps whose it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/auth/vault.h"
#include "core/base/bytes.h"

namespace pgweir::session {

class CancelKey {
 public:
  CancelKey() = default;
  // minor: of the protocol that is spoken.
  CancelKey(auth::Vault& vault, std::uint8_t machine, std::uint16_t replica, std::uint16_t minor);

  std::uint32_t id() const { return id_; }  // 0: it is none
  Bytes secret() const { return std::span(secret_).first(size_); }
  // Whether a request brings its secret, compared in constant time.
  bool opened_by(Bytes secret, const auth::Vault& vault) const;

  // Of what a request brings. Requires: a secret of 4 bytes at least.
  static std::uint8_t machine_of(std::uint32_t id) { return static_cast<std::uint8_t>(id >> 24); }
  static std::uint16_t replica_of(Bytes secret) { return load_u16(secret); }

 private:
  std::uint32_t id_ = 0;
  std::uint8_t size_ = 0;
  auth::Digest secret_{};
};

}  // namespace pgweir::session
