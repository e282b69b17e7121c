// One machine's way to the mailboxes of all machines of its process, its own among them. A machine
// that is alone has no mailbox, and no cost of one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/config/settings.h"
#include "io/mailbox.h"

namespace pgweir::io {

// From each of the others: what the machines may have under way, and the end of the process. From
// the first: settings, which are not loaded again before all go by them.
static_assert(Mailbox::capacity >= (machines_max - 1) * (limits::letters_of_a_pair_max + 1) + 1);

class Post {
 public:
  // Of a machine that is alone.
  Post() = default;
  // The mailboxes outlive it.
  Post(std::span<Mailbox> all, std::uint8_t own) : all_(all), own_(own) {}

  // Null: it is alone.
  Mailbox* own() const { return all_.empty() ? nullptr : &all_[own_]; }
  // Whether this machine does what is done once for the process.
  bool is_first() const { return own_ == 0; }
  std::size_t machines() const { return std::max<std::size_t>(all_.size(), 1); }

  void send(std::size_t to, Letter::Contents contents) const {
    PGWEIR_REQUIRE(to < all_.size(), to, all_.size());
    all_[to].post({own_, std::move(contents)});
  }
  // A copy to each.
  template <class Contents>
  void send_to_others(const Contents& contents) const {
    for (std::size_t to = 0; to < all_.size(); ++to) {
      if (to != own_) send(to, contents);
    }
  }

 private:
  std::span<Mailbox> all_;
  std::uint8_t own_ = 0;
};

}  // namespace pgweir::io
