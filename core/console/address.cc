#include "core/console/address.h"

#include <array>
#include <cstddef>

#include "core/base/text.h"

namespace pgweir::console {

namespace {

constexpr std::size_t group_count = 8;
using Groups = std::array<unsigned, group_count>;

struct Run {
  std::size_t begin = 0;
  std::size_t size = 0;
};

std::string ipv4_text(const std::uint8_t* address) {
  return join(address[0], ".", address[1], ".", address[2], ".", address[3]);
}

// The longest run of zero groups, the first of equals (RFC 5952, section 4.2.3).
Run longest_zeros(const Groups& groups) {
  Run longest;
  Run run;
  for (std::size_t i = 0; i < group_count; ++i) {
    run = groups[i] == 0 ? Run{i - run.size, run.size + 1} : Run{};
    if (run.size > longest.size) longest = run;
  }
  return longest;
}

std::string ipv6_text(const std::array<std::uint8_t, 16>& address) {
  Groups groups;
  for (std::size_t i = 0; i < group_count; ++i) {
    groups[i] = unsigned{address[2 * i]} << 8 | address[2 * i + 1];
  }
  const Run zeros = longest_zeros(groups);
  // IPv4 clients of a socket that takes both families.
  if (zeros.begin == 0 && zeros.size == 5 && groups[5] == 0xffff) {
    return "::ffff:" + ipv4_text(address.data() + 12);
  }

  std::string out;
  for (std::size_t i = 0; i < group_count; ++i) {
    if (zeros.size >= 2 && i == zeros.begin) {
      out += "::";
      i += zeros.size - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_hex(out, groups[i]);
  }
  return out;
}

}  // namespace

std::string address_text(const Endpoint& endpoint) {
  switch (endpoint.family) {
    case Endpoint::Family::unix_socket: return "unix";
    case Endpoint::Family::ipv4: return ipv4_text(endpoint.address.data());
    case Endpoint::Family::ipv6: return ipv6_text(endpoint.address);
  }
  return {};
}

}  // namespace pgweir::console
