#include "io/log_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

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

LogSink::LogSink(const std::string& path)
    : file_(true), descriptor_(path.empty() ? -1 : open_for_appending(path)) {}

LogSink::~LogSink() {
  if (file_ && is_open()) ::close(descriptor_);
}

bool LogSink::open(const std::string& path) {
  const int opened = path.empty() ? -1 : open_for_appending(path);
  if (opened < 0 && !path.empty()) return false;
  const int old = descriptor_.exchange(opened);
  if (old >= 0) ::close(old);
  return true;
}

void LogSink::emergency(std::string_view line) const {
  if (!is_open()) return;
  write_all(descriptor_, line);
  write_all(descriptor_, "\n");
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  if (!is_open()) return;
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  write_all(descriptor_, {line.data(), line.size()});
}

}  // namespace pgweir::io
