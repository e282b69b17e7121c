#include "sim/network.h"

#include <algorithm>

namespace pgweir::sim {

std::string ByteQueue::pop(std::size_t size) {
  std::string out = held_.substr(used_, size);
  drop(out.size());
  return out;
}

void ByteQueue::drop(std::size_t size) {
  used_ += std::min(size, held_.size() - used_);
  if (used_ * 2 > held_.size() || used_ == held_.size()) {
    held_.erase(0, used_);
    used_ = 0;
  }
}

void Stream::write(std::string_view bytes) {
  if (!shell_closed_ && !peer_finished_) to_shell_.push(bytes);
}

void Stream::reset() {
  peer_finished_ = true;
  peer_reset_ = true;
  to_shell_ = {};
  to_peer_ = {};
}

std::size_t Stream::send(std::string_view bytes) {
  // A peer that is gone takes everything: the kernel does not say so either before it hears.
  if (peer_reset_) return bytes.size();
  const std::size_t size = std::min(bytes.size(), capacity_ - to_peer_.size());
  to_peer_.push(bytes.substr(0, size));
  return size;
}

}  // namespace pgweir::sim
