// The log: one line an event, to standard error, to `logfile`, or to both (spdlog).
//
// No loop's thread waits until something is written: lines are left, without a lock, for a thread
// of the log's own (io/drop_box.h). When that cannot keep up, the lines that come are lost, not the
// pooler's time, and the log says how many. Everything that waits is written when the log goes.
//
// All machines' shells share one. note() and say() may be called on any thread; everything else is
// for the first machine's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "core/note.h"
#include "io/drop_box.h"
#include "io/sockets.h"

namespace spdlog {
class logger;
}

namespace pgweir::io {

class LogSink;

class Log {
 public:
  // About so many lines may wait, and as many more be under way into a file that takes none.
  static constexpr std::uint32_t waiting_lines_max = 2048;

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

  // What is said from now on goes to a newly opened file: a rotation has moved the old one away.
  void reopen();
  // What is said from now on goes to this file; empty: to none. One that cannot be opened is told
  // to where lines went before.
  void move_to(const std::string& logfile);
  void set_debug(bool debug);

  // Writes what waits; nothing is written after that. Requires: no other thread has more to say.
  void close();

  // Writes a line at once, past all that wait: the last words of a process that ends (assertions).
  // Safe to call on any thread while a Log exists; goes to standard error when none does.
  static void emergency(std::string_view line);

 private:
  // What its thread is left.
  struct Line {
    std::chrono::system_clock::time_point at;
    Level level;
    std::string text;
  };
  struct OpenFile {
    std::string logfile;
  };
  struct Close {};
  using Task = std::variant<Line, OpenFile, Close>;

  void write(Level level, std::string text);
  void leave(Task task);

  // On its own thread.
  void work();
  void wait_for_tasks();
  void carry_out(const Line& line);
  void carry_out(const OpenFile& file);
  void tell(std::string_view event, std::string_view text);
  void tell_lost_lines();

  std::string logfile_;
  std::string problem_;
  std::atomic<bool> debug_ = false;
  std::atomic<std::uint64_t> lost_lines_ = 0;
  DropBox<Task> tasks_;
  Descriptor bell_;  // an eventfd, rung when there are tasks again
  std::shared_ptr<LogSink> stderr_sink_;
  std::shared_ptr<LogSink> file_sink_;
  std::unique_ptr<spdlog::logger> logger_;  // its thread's
  std::jthread thread_;
};

}  // namespace pgweir::io
