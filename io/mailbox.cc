#include "io/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/base/assert.h"

namespace pgweir::io {

Mailbox::Mailbox() : bell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PGWEIR_REQUIRE(static_cast<bool>(bell_), errno);
}

void Mailbox::post(Letter letter) {
  const std::uint32_t count = letters_.count();
  PGWEIR_REQUIRE(count < capacity, count, letter.from);
  if (letters_.leave(std::move(letter))) ring();
}

void Mailbox::watch_on(Loop& loop) {
  PGWEIR_REQUIRE(loop.watch(bell_.get(), EPOLLIN | EPOLLET, *this), errno);
}

std::uint64_t Mailbox::rings() {
  std::uint64_t count = 0;
  return ::read(bell_.get(), &count, sizeof count) == sizeof count ? count : 0;
}

void Mailbox::ring() {
  const std::uint64_t once = 1;
  PGWEIR_REQUIRE(::write(bell_.get(), &once, sizeof once) == sizeof once, errno);
}

}  // namespace pgweir::io
