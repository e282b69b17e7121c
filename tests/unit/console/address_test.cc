#include "core/console/address.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <initializer_list>

namespace {

using pgweir::Endpoint;
using pgweir::console::address_text;

std::string ipv6(std::initializer_list<unsigned> groups) {
  Endpoint endpoint{.family = Endpoint::Family::ipv6, .port = 5432, .path = {}};
  std::size_t i = 0;
  for (const unsigned group : groups) {
    endpoint.address[i++] = static_cast<std::uint8_t>(group >> 8);
    endpoint.address[i++] = static_cast<std::uint8_t>(group & 0xff);
  }
  EXPECT_EQ(i, 16u) << "give eight groups";
  return address_text(endpoint);
}

TEST(AddressText, of_a_unix_socket_is_unix) {
  EXPECT_EQ(address_text({.port = 6432, .path = "/tmp/.s.PGSQL.6432"}), "unix");
}

TEST(AddressText, of_ipv4_is_dotted) {
  EXPECT_EQ(address_text({.family = Endpoint::Family::ipv4,
                          .port = 5432,
                          .address = {192, 0, 2, 255},
                          .path = {}}),
            "192.0.2.255");
  EXPECT_EQ(address_text({.family = Endpoint::Family::ipv4, .path = {}}), "0.0.0.0");
}

TEST(AddressText, of_ipv6_leaves_out_the_longest_zeros) {
  EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0, 0, 0}), "::");
  EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0, 0, 1}), "::1");
  EXPECT_EQ(ipv6({0xfe80, 0, 0, 0, 0, 0, 0, 0}), "fe80::");
  EXPECT_EQ(ipv6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}), "2001:db8::1:0:0:1");
  EXPECT_EQ(ipv6({0x2001, 0, 0, 1, 0, 0, 0, 1}), "2001:0:0:1::1");
}

TEST(AddressText, of_ipv6_keeps_a_single_zero) {
  EXPECT_EQ(ipv6({0x2001, 0xdb8, 0, 1, 1, 1, 1, 1}), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(ipv6({0, 1, 1, 1, 1, 1, 1, 0}), "0:1:1:1:1:1:1:0");
}

TEST(AddressText, of_ipv6_is_lower_case_without_leading_zeros) {
  EXPECT_EQ(ipv6({0x2001, 0xDB8, 0xABCD, 0xF, 0x10, 0x100, 0x1000, 0xFFFF}),
            "2001:db8:abcd:f:10:100:1000:ffff");
}

TEST(AddressText, of_ipv4_in_ipv6_shows_the_ipv4_address) {
  EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201}), "::ffff:192.0.2.1");
  EXPECT_EQ(ipv6({0, 0, 0, 0, 0, 0xffff, 0, 0}), "::ffff:0.0.0.0");
  EXPECT_EQ(ipv6({0, 0, 0, 0, 0xffff, 0, 0xc000, 0x0201}), "::ffff:0:c000:201");
}

}  // namespace
