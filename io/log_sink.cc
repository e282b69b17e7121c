#include "io/log_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pgweir::io {

namespace {

int open_for_appending(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

// A log that cannot be written (disk full, reader gone) is no reason to stop serving.
void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

LogSink::LogSink(std::string path)
    : file_(true),
      path_(std::move(path)),
      descriptor_(path_.empty() ? -1 : open_for_appending(path_)) {}

LogSink::~LogSink() {
  if (file_ && is_open()) ::close(descriptor_);
}

void LogSink::reopen_soon(std::string path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  path_ = std::move(path);
  reopen_ = true;
}

void LogSink::emergency(std::string_view line) const {
  if (!is_open()) return;
  write_all(descriptor_, line);
  write_all(descriptor_, "\n");
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  if (file_ && reopen_) reopen();
  if (!is_open()) return;
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  write_all(descriptor_, {line.data(), line.size()});
}

void LogSink::reopen() {
  reopen_ = false;
  const int opened = path_.empty() ? -1 : open_for_appending(path_);
  if (opened < 0 && !path_.empty()) return;
  const int old = descriptor_.exchange(opened);
  if (old >= 0) ::close(old);
}

}  // namespace pgweir::io
