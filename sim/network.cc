#include "sim/network.h"

#include <algorithm>
#include <utility>

namespace pgweir::sim {

void ByteQueue::push(std::string_view bytes) {
  // Room for what is usual at once, instead of a bit more each time.
  constexpr std::size_t usual_size = 512;
  if (held_.capacity() < usual_size) held_.reserve(usual_size);
  held_ += bytes;
}

void ByteQueue::drop(std::size_t size) {
  used_ += std::min(size, held_.size() - used_);
  if (used_ * 2 > held_.size() || used_ == held_.size()) {
    held_.erase(0, used_);
    used_ = 0;
  }
}

void ByteQueue::clear() {
  held_.clear();
  used_ = 0;
}

void Stream::write(std::string_view bytes) {
  if (!shell_closed_ && !to_shell_.finished) push(Way::to_shell, bytes);
}

void Stream::finish() {
  if (to_shell_.finished) return;
  end(Way::to_shell);
}

void Stream::reset() {
  peer_gone_ = true;
  to_shell_.finished = true;
  lose(to_peer_);
  if (dark_) return;
  lose(to_shell_);
  hangup_ = Reason::reset;
  to_shell_.ended = true;
  tell(Way::to_shell);
}

std::string Stream::read() {
  std::string bytes(unread_by_peer());
  drop_unread();
  return bytes;
}

void Stream::drop_unread() {
  if (to_peer_.arrived_size == 0) return;
  to_peer_.drop(to_peer_.arrived_size);
  if (watcher_ != nullptr) watcher_->stream_changed(socket_);  // there is room
}

std::string Stream::receive(std::size_t size_max) {
  std::string bytes(readable().substr(0, size_max));
  drop_readable(bytes.size());
  return bytes;
}

void Stream::Pipe::drop(std::size_t size) {
  arrived_size -= size;
  bytes.drop(size);
}

void Stream::watch(Watcher* watcher, SocketId socket) {
  watcher_ = watcher;
  socket_ = socket;
  if (watcher_ != nullptr) watcher_->stream_changed(socket_);
}

std::size_t Stream::send(std::string_view bytes) {
  // A peer that is gone takes everything: the kernel does not say so either before it hears.
  if (peer_gone_) return bytes.size();
  std::size_t size = std::min(bytes.size(), capacity_ - std::min(capacity_, to_peer_.bytes.size()));
  if (network_ != nullptr && size > 0 &&
      network_->tape_.chance(network_->weather.refuse_percent, 100)) {
    size = network_->tape_.below(static_cast<std::uint32_t>(size));
    if (!retry_pending_) {
      retry_pending_ = true;
      ++task_count_;
      network_->clock_.in(network_->delay(), [this] {
        --task_count_;
        retry_pending_ = false;
        tell(Way::to_shell);
      });
    }
  }
  if (size > 0) push(Way::to_peer, bytes.substr(0, size));
  return size;
}

void Stream::say_end() {
  if (!to_peer_.finished) end(Way::to_peer);
}

void Stream::close(Loss loss) {
  if (shell_closed_) return;
  loss_ = loss;
  shell_closed_ = true;
  watcher_ = nullptr;
  lose(to_shell_);
  say_end();
}

void Stream::cut() {
  if (peer_gone_ && shell_closed_) return;
  peer_gone_ = true;
  to_shell_.finished = true;
  lose(to_peer_);
  lose(to_shell_);
  to_peer_.ended = true;
  to_shell_.ended = true;
  hangup_ = Reason::reset;
  tell(Way::to_peer);
  tell(Way::to_shell);
}

void Stream::go_dark(Duration kernel_gives_up) {
  if (dark_ || network_ == nullptr) return;
  dark_ = true;
  ++task_count_;
  network_->clock_.in(kernel_gives_up, [this] {
    --task_count_;
    hangup_ = Reason::timed_out;
    peer_gone_ = true;
    to_shell_.ended = true;
    to_peer_.ended = true;
    lose(to_peer_);
    tell(Way::to_shell);
    tell(Way::to_peer);
  });
}

void Stream::clog(Way way, bool clogged) {
  Pipe& pipe = this->pipe(way);
  pipe.clogged = clogged;
  if (clogged) return;
  for (std::size_t late = std::exchange(pipe.late_count, 0); late > 0; --late) arrive(way);
}

void Stream::push(Way way, std::string_view bytes) {
  Pipe& pipe = this->pipe(way);
  pipe.bytes.push(bytes);
  if (network_ == nullptr) {
    pipe.arrived_size += bytes.size();
    return tell(way);
  }
  Instant together_at{};
  std::uint32_t together = 0;  // pieces that arrive at one instant do so by one task
  for (std::size_t left = bytes.size(); left > 0;) {
    const std::size_t size = network_->piece_of(left);
    left -= size;
    const Instant arrival = dispatch(pipe, size);
    if (together > 0 && arrival != together_at) {
      await_arrivals(way, together_at, std::exchange(together, 0));
    }
    together_at = arrival;
    ++together;
  }
  if (together > 0) await_arrivals(way, together_at, together);
}

void Stream::end(Way way) {
  Pipe& pipe = this->pipe(way);
  pipe.finished = true;
  if (network_ == nullptr) return arrive_end(way);
  await_arrivals(way, dispatch(pipe, 0), 1);
}

// A piece is on its way; says when it arrives, which is not before those that went before it.
Instant Stream::dispatch(Pipe& pipe, std::size_t size) {
  pipe.flying.push_back(size);
  const Duration delay = network_->delay();
  pipe.last_arrival = std::max(pipe.last_arrival, after(network_->clock_.now(), delay));
  return pipe.last_arrival;
}

void Stream::await_arrivals(Way way, Instant when, std::uint32_t count) {
  ++task_count_;
  network_->clock_.at(when, [this, way, count] {
    for (std::uint32_t i = 0; i < count; ++i) arrive(way);
    --task_count_;
  });
}

// The time of the first piece in flight has come.
void Stream::arrive(Way way) {
  Pipe& pipe = this->pipe(way);
  if (dark_ || pipe.flying.empty()) return;  // lost on the way
  if (pipe.clogged) {
    ++pipe.late_count;
    return;
  }
  const std::size_t size = pipe.flying.front();
  pipe.flying.erase(pipe.flying.begin());
  if (size == 0) return arrive_end(way);
  pipe.arrived_size += size;
  tell(way);
}

void Stream::arrive_end(Way way) {
  pipe(way).ended = true;
  tell(way);
}

void Stream::lose(Pipe& pipe) {
  pipe.bytes.clear();
  pipe.arrived_size = 0;
  pipe.flying.clear();
}

void Stream::tell(Way way) {
  if (way == Way::to_peer) return tell_peer();
  if (watcher_ != nullptr) watcher_->stream_changed(socket_);
}

void Stream::tell_peer() {
  if (peer_ != nullptr) peer_->turn();
}

std::shared_ptr<Stream> Network::connect(std::size_t capacity) {
  streams_.push_back(std::make_shared<Stream>(capacity, this));
  return streams_.back();
}

const std::vector<std::shared_ptr<Stream>>& Network::streams() {
  std::erase_if(streams_, [](const std::shared_ptr<Stream>& stream) {
    return stream.use_count() == 1 && stream->task_count_ == 0;
  });
  return streams_;
}

// Most pieces are quick, some are not.
Duration Network::delay() {
  if (weather.delay_max == Duration::zero()) return {};
  const std::uint32_t part = tape_.below(1024);
  if (part < 1016) return weather.delay_max * part / 1024;
  return weather.delay_max * ((part - 1015) * 12);
}

std::size_t Network::piece_of(std::size_t size) {
  if (weather.split_percent == 0 || size < 2) return size;
  if (!tape_.chance(weather.split_percent, 100)) return size;
  // Small pieces as often as large ones: a single byte, a header, any.
  switch (tape_.below(3)) {
    case 0: return 1;
    case 1: return std::min<std::size_t>(size, 1 + tape_.below(6));
    default: return 1 + tape_.below(static_cast<std::uint32_t>(size));
  }
}

}  // namespace pgweir::sim
