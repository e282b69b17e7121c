// The log: one line an event, to standard error, to `logfile`, or to both (spdlog).
//
// No loop's thread waits until something is written: lines go through a bounded queue to a thread
// of its own, and when that cannot keep up the oldest lines are lost, not the pooler's time.
// Everything queued is written when the log goes.
//
// All machines' shells share one. note() and say() may be called on any thread: spdlog's queue has
// a lock, which is held while one line is moved in or out and never while one is written. So it can
// stand in the way for a moment, once a line; a query logs none. Everything else is for the first
// machine's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/note.h"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace pgweir::io {

class LogSink;

class Log {
 public:
  // Lines that may wait to be written.
  static constexpr std::size_t queue_lines_max = 2048;

  struct Options {
    std::string logfile;    // empty: none
    bool to_stderr = true;  // not with --quiet
    bool debug = false;     // -v
  };

  // Check problem() before use: a logfile that cannot be opened, in words.
  explicit Log(const Options& options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  const std::string& problem() const { return problem_; }

  void note(const Note& note);
  // What the shell itself has to say: an event's name and its text.
  void say(Level level, std::string_view event, std::string_view text);

  // The next line goes to a newly opened file: after a rotation has moved the old one away.
  void reopen_soon();
  // The next line goes to this file; empty: to none.
  void move_to(const std::string& logfile);
  void set_debug(bool debug);

  // Writes what is queued; nothing is written after that.
  void close();

  // Writes a line at once, past the queue: the last words of a process that ends (assertions).
  // Safe to call on any thread while a Log exists; goes to standard error when none does.
  static void emergency(std::string_view line);

 private:
  void write(Level level, const std::string& line);

  std::string logfile_;
  std::shared_ptr<LogSink> stderr_sink_;
  std::shared_ptr<LogSink> file_sink_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::logger> logger_;
  std::string problem_;
};

}  // namespace pgweir::io
