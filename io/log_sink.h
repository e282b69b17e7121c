// Where log lines end up: a file descriptor, written to with plain write(2) calls. A file is opened
// again after a rotation has moved it away.
//
// Lines come from the log's own thread; everything else may come from any thread.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

namespace pgweir::io {

class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Standard error: borrowed, never opened again.
  LogSink() : file_(false), descriptor_(2) {}
  // A file, created or appended to; an empty path: lines go nowhere. Check is_open() after.
  explicit LogSink(std::string path);
  ~LogSink() override;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  // For files: the next line goes to this path, opened anew. When that cannot be opened, lines
  // still go where they went before.
  void reopen_soon(std::string path);
  // Past spdlog and its lock, for a process that is about to end.
  void emergency(std::string_view line) const;

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  void reopen();

  const bool file_;
  std::string path_;     // under the base's mutex
  bool reopen_ = false;  // under the base's mutex
  std::atomic<int> descriptor_;
};

}  // namespace pgweir::io
