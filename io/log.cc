#include "io/log.h"

#include <spdlog/logger.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "io/log_sink.h"
#include "io/log_text.h"
#include "io/signals_blocked.h"

namespace pgweir::io {

namespace {

// Only for emergency(), which has no other way to find the log.
std::atomic<Log*> current_log = nullptr;

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string line_of(std::string_view event, std::string_view text) {
  std::string line;
  append_field(line, "event", event);
  append_field(line, "text", text);
  return line;
}

std::string cannot_open(const std::string& logfile) {
  return join("logfile: cannot open \"", logfile, "\": ", std::strerror(errno));
}

}  // namespace

Log::Log(const Options& options)
    : logfile_(options.logfile), debug_(options.debug), bell_(::eventfd(0, EFD_CLOEXEC)) {
  PGWEIR_REQUIRE(static_cast<bool>(bell_), errno);
  file_sink_ = std::make_shared<LogSink>(options.logfile);
  if (!options.logfile.empty() && !file_sink_->is_open()) {
    problem_ = cannot_open(options.logfile);
  }
  std::vector<spdlog::sink_ptr> sinks{file_sink_};
  if (options.to_stderr) sinks.push_back(stderr_sink_ = std::make_shared<LogSink>());
  logger_ = std::make_unique<spdlog::logger>("pgweir", sinks.begin(), sinks.end());
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ [%P] %l %v", spdlog::pattern_time_type::utc);
  logger_->set_level(spdlog::level::debug);
  const SignalsBlocked blocked;
  thread_ = std::jthread([this] { work(); });
  current_log = this;
}

Log::~Log() {
  Log* self = this;
  current_log.compare_exchange_strong(self, nullptr);
  close();
}

void Log::close() {
  if (!thread_.joinable()) return;
  leave(Close{});
  thread_.join();
}

void Log::note(const Note& note) {
  if (note.level == Level::debug && !debug_.load(std::memory_order_relaxed)) return;
  write(note.level, line_of(note));
}

void Log::say(Level level, std::string_view event, std::string_view text) {
  write(level, line_of(event, text));
}

void Log::reopen() { leave(OpenFile{logfile_}); }

void Log::move_to(const std::string& logfile) {
  if (logfile == logfile_) return;
  logfile_ = logfile;
  reopen();
}

void Log::set_debug(bool debug) { debug_ = debug; }

void Log::emergency(std::string_view line) {
  const Log* log = current_log;
  if (log != nullptr) log->file_sink_->emergency(line);
  if (log == nullptr || log->stderr_sink_) LogSink().emergency(line);
}

void Log::write(Level level, std::string text) {
  if (tasks_.count() >= waiting_lines_max) {
    lost_lines_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  leave(Line{std::chrono::system_clock::now(), level, std::move(text)});
}

void Log::leave(Task task) {
  if (!tasks_.leave(std::move(task))) return;
  const std::uint64_t once = 1;
  PGWEIR_REQUIRE(::write(bell_.get(), &once, sizeof once) == sizeof once, errno);
}

void Log::work() {
  for (bool open = true; open;) {
    if (tasks_.fall_asleep()) wait_for_tasks();
    auto tasks = tasks_.take();
    while (const auto task = tasks.next()) {
      if (const auto* line = std::get_if<Line>(&*task)) carry_out(*line);
      if (const auto* file = std::get_if<OpenFile>(&*task)) carry_out(*file);
      if (std::holds_alternative<Close>(*task)) open = false;
    }
    tell_lost_lines();
  }
}

void Log::wait_for_tasks() {
  std::uint64_t rings = 0;
  while (::read(bell_.get(), &rings, sizeof rings) < 0) PGWEIR_REQUIRE(errno == EINTR, errno);
}

void Log::carry_out(const Line& line) {
  logger_->log(line.at, spdlog::source_loc{}, level_of(line.level), line.text);
}

void Log::carry_out(const OpenFile& file) {
  if (file_sink_->open(file.logfile)) return;
  tell("logfile_not_opened",
       join(cannot_open(file.logfile), "; the log goes on where it went: mend it, then reload"));
}

void Log::tell(std::string_view event, std::string_view text) {
  carry_out(Line{std::chrono::system_clock::now(), Level::warning, line_of(event, text)});
}

void Log::tell_lost_lines() {
  const std::uint64_t count = lost_lines_.exchange(0, std::memory_order_relaxed);
  if (count == 0) return;
  tell("log_lines_lost",
       join(count,
            " lines were lost before this one, as whatever takes the log is slower than they "
            "came: see what reads standard error, and the disk of logfile"));
}

}  // namespace pgweir::io
