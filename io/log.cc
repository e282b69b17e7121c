#include "io/log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/text.h"
#include "io/log_sink.h"
#include "io/log_text.h"

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

}  // namespace

Log::Log(const Options& options) : logfile_(options.logfile) {
  file_sink_ = std::make_shared<LogSink>(options.logfile);
  if (!options.logfile.empty() && !file_sink_->is_open()) {
    problem_ = join("logfile: cannot open \"", options.logfile, "\": ", std::strerror(errno));
  }
  std::vector<spdlog::sink_ptr> sinks{file_sink_};
  if (options.to_stderr) sinks.push_back(stderr_sink_ = std::make_shared<LogSink>());
  pool_ = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
  logger_ = std::make_shared<spdlog::async_logger>("pgweir", sinks.begin(), sinks.end(), pool_,
                                                   spdlog::async_overflow_policy::overrun_oldest);
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ [%P] %l %v", spdlog::pattern_time_type::utc);
  set_debug(options.debug);
  current_log = this;
}

Log::~Log() {
  Log* self = this;
  current_log.compare_exchange_strong(self, nullptr);
  close();
}

void Log::close() {
  pool_.reset();  // writes what is queued, then joins its thread
  logger_.reset();
}

void Log::note(const Note& note) {
  if (logger_ && logger_->should_log(level_of(note.level))) write(note.level, line_of(note));
}

void Log::say(Level level, std::string_view event, std::string_view text) {
  std::string line;
  append_field(line, "event", event);
  append_field(line, "text", text);
  write(level, line);
}

void Log::reopen_soon() { file_sink_->reopen_soon(logfile_); }

void Log::move_to(const std::string& logfile) {
  if (logfile == logfile_) return;
  logfile_ = logfile;
  reopen_soon();
}

void Log::set_debug(bool debug) {
  if (logger_) logger_->set_level(debug ? spdlog::level::debug : spdlog::level::info);
}

void Log::emergency(std::string_view line) {
  const Log* log = current_log;
  if (log != nullptr) log->file_sink_->emergency(line);
  if (log == nullptr || log->stderr_sink_) LogSink().emergency(line);
}

void Log::write(Level level, const std::string& line) {
  if (!logger_) return;
  logger_->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace pgweir::io
