// Names to addresses, by the system's resolver on libuv's threads. Exactly one Resolved for each
// ticket, in the resolver's order, failures included.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/event.h"
#include "io/teller.h"

namespace pgweir::io {

class Resolver {
 public:
  // Bytes of a name (RFC 1035, section 2.3.4): a longer one is unknown.
  static constexpr std::size_t name_size_max = 253;
  // Addresses told of one name.
  static constexpr std::size_t addresses_max = 64;

  // Both outlive every answer.
  Resolver(uv_loop_t& loop, Teller& teller) : loop_(loop), teller_(teller) {}

  void resolve(Ticket ticket, std::string_view host, std::uint16_t port);

 private:
  struct Request;
  static void on_addresses(uv_getaddrinfo_t* request, int status, addrinfo* addresses);

  uv_loop_t& loop_;
  Teller& teller_;
};

}  // namespace pgweir::io
