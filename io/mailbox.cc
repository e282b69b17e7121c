#include "io/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "core/base/assert.h"

namespace pgweir::io {

Letters::Letters(Envelope* newest) {
  while (newest != nullptr) {
    Envelope* const older = std::exchange(newest->next, oldest_);
    oldest_ = std::exchange(newest, older);
    ++count_;
  }
}

Letters::~Letters() {
  while (next()) continue;
}

std::optional<Letter> Letters::next() {
  if (oldest_ == nullptr) return std::nullopt;
  const std::unique_ptr<Envelope> opened(std::exchange(oldest_, oldest_->next));
  --count_;
  return std::move(opened->letter);
}

Mailbox::Mailbox() : bell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PGWEIR_REQUIRE(static_cast<bool>(bell_), errno);
}

// Release, so that who takes the letter (acquire) sees what is in it. A change by another sender
// in between keeps ours visible too: read-modify-writes go on a release sequence.
void Mailbox::post(Letter letter) {
  const std::uint32_t count = count_.fetch_add(1, std::memory_order_relaxed);
  PGWEIR_REQUIRE(count < capacity, count, letter.from);
  auto* const envelope = new Envelope{std::move(letter), nullptr};
  Envelope* before = top_.load(std::memory_order_relaxed);
  do {
    envelope->next = before == &asleep_ ? nullptr : before;
  } while (!top_.compare_exchange_weak(before, envelope, std::memory_order_release,
                                       std::memory_order_relaxed));
  if (before == &asleep_) ring();
}

void Mailbox::watch_on(Loop& loop) {
  PGWEIR_REQUIRE(loop.watch(bell_.get(), EPOLLIN | EPOLLET, *this), errno);
}

// Nothing is read or written on the strength of it, so its order among other memory is of no
// concern: that a letter is not missed follows from the one word alone.
bool Mailbox::fall_asleep() {
  Envelope* nothing = nullptr;
  return top_.compare_exchange_strong(nothing, &asleep_, std::memory_order_relaxed);
}

Letters Mailbox::take() {
  Envelope* const newest = top_.exchange(nullptr, std::memory_order_acquire);
  Letters letters(newest == &asleep_ ? nullptr : newest);
  count_.fetch_sub(letters.count(), std::memory_order_relaxed);
  return letters;
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
