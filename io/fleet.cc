#include "io/fleet.h"

#include <system_error>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "io/signals_blocked.h"

namespace pgweir::io {

Fleet::Fleet(std::span<const Member> members, Log& log, const Settings& settings,
             const Shell::Options& options) {
  const std::size_t count = members.size();
  PGWEIR_REQUIRE(count >= 1 && count <= machines_max, count);
  if (count > 1) mailboxes_ = std::make_unique<Mailbox[]>(count);
  const std::span<Mailbox> mailboxes(mailboxes_.get(), mailboxes_ ? count : 0);
  for (std::size_t i = 0; i < count; ++i) {
    const Post post(mailboxes, static_cast<std::uint8_t>(i));
    shells_.push_back(std::make_unique<Shell>(members[i].stepper, members[i].vault, log, settings,
                                              options, post));
  }
}

int Fleet::run() {
  try {
    start_threads();
  } catch (const std::system_error&) {
    stop_threads(1);
    throw;
  }
  const int status = first().run();
  stop_threads(status);
  return status;
}

void Fleet::stop_threads(int status) {
  for (std::size_t i = 1; i <= threads_.size(); ++i) mailboxes_[i].post({0, letter::Stop{status}});
  threads_.clear();  // joins them
}

bool Fleet::shut_down() {
  bool all = true;
  for (const auto& shell : shells_) all = shell->shut_down() && all;
  return all;
}

void Fleet::start_threads() {
  const SignalsBlocked blocked;
  for (std::size_t i = 1; i < shells_.size(); ++i) threads_.emplace_back([this, i] { serve(i); });
}

// Whichever machine ends, the first ends too, and with it all others.
void Fleet::serve(std::size_t machine) {
  ::pthread_setname_np(::pthread_self(), join("machine ", machine).c_str());
  const int status = shells_[machine]->run();
  mailboxes_[0].post({static_cast<std::uint8_t>(machine), letter::Stop{status}});
}

}  // namespace pgweir::io
