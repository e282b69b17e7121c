// Key derivations (PBKDF2) for the vault, on libuv's threads. Exactly one Derived for each ticket.
// How many run at once is the machine's to bound (limits::derivations_max).
#pragma once

#include <uv.h>

#include "core/effect.h"
#include "io/teller.h"
#include "io/vault.h"

namespace pgweir::io {

class Derivations {
 public:
  // All three outlive every answer.
  Derivations(uv_loop_t& loop, Vault& vault, Teller& teller)
      : loop_(loop), vault_(vault), teller_(teller) {}

  void derive(const effect::Derive& wanted);

 private:
  struct Request;

  uv_loop_t& loop_;
  Vault& vault_;
  Teller& teller_;
};

}  // namespace pgweir::io
