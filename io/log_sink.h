// Where log lines end up: a file descriptor, written to with plain write(2) calls. A file is opened
// again after a rotation has moved it away.
//
// All but emergency() is for the log's own thread, once it has one.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <string>
#include <string_view>

namespace pgweir::io {

class LogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // Standard error: borrowed, never opened again.
  LogSink() : file_(false), descriptor_(2) {}
  // A file, created or appended to; an empty path: lines go nowhere. Check is_open() after.
  explicit LogSink(const std::string& path);
  ~LogSink() override;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  // For files: this one from now on, opened anew; empty: none. When it cannot be opened (false, and
  // errno says why) lines still go where they went before.
  bool open(const std::string& path);
  // On any thread, past spdlog: for a process that is about to end.
  void emergency(std::string_view line) const;

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

  const bool file_;
  std::atomic<int> descriptor_;
};

}  // namespace pgweir::io
