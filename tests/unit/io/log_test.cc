#include "io/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace pgweir::io {
namespace {

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class LogFile : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_ = testing::TempDir() + "pgweir_log_test_" + std::to_string(::getpid());
  std::string path_ = folder_ + "/log";
};

TEST_F(LogFile, HoldsEveryLineWhenTheLogHasGone) {
  {
    Log log({path_, false, false});
    ASSERT_EQ(log.problem(), "");
    for (int i = 0; i < 100; ++i) log.say(Level::info, "line", std::to_string(i));
  }
  const std::string text = read_file(path_);
  EXPECT_NE(text.find("info event=line text=0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("info event=line text=99\n"), std::string::npos) << text;
}

// As the machines of one process write, while the first changes what it may change.
TEST_F(LogFile, HoldsTheLinesOfAllThreadsWhole) {
  constexpr int lines_each = 100;
  constexpr int threads = 4;
  {
    Log log({path_, false, false});
    std::vector<std::jthread> writers;
    for (int i = 0; i < threads; ++i) {
      writers.emplace_back([&log] {
        for (int line = 0; line < lines_each; ++line) {
          log.note({.kind = NoteKind::stats, .level = Level::info, .text = "whole"});
        }
      });
    }
    for (const bool debug : {true, false}) log.set_debug(debug);
    log.reopen();
  }
  std::istringstream text(read_file(path_));
  int whole = 0;
  for (std::string line; std::getline(text, line);) {
    whole += line.ends_with("info event=stats text=whole") ? 1 : 0;
  }
  EXPECT_EQ(whole, threads * lines_each);
}

TEST_F(LogFile, LeavesDebugOutUnlessAsked) {
  for (const bool debug : {false, true}) {
    {
      Log({path_, false, debug}).note({.kind = NoteKind::stats, .level = Level::debug});
    }
    EXPECT_EQ(read_file(path_).find("event=stats") != std::string::npos, debug);
  }
}

TEST_F(LogFile, GoesToANewFileAfterARotation) {
  {
    Log log({path_, false, false});
    log.say(Level::info, "before", "");
    log.close();
  }
  Log log({path_, false, false});
  std::filesystem::rename(path_, path_ + ".1");
  log.reopen();
  log.say(Level::info, "after", "");
  log.close();
  EXPECT_NE(read_file(path_ + ".1").find("event=before"), std::string::npos);
  EXPECT_NE(read_file(path_).find("event=after"), std::string::npos);
}

// Nobody reads the pipe while they are said: what it takes, what waits and what is lost is all.
TEST_F(LogFile, TellsHowManyLinesWereLost) {
  constexpr std::uint64_t said = 4 * Log::waiting_lines_max;
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const Descriptor reader(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  std::string text;
  {
    std::jthread reading;
    Log log({path_, false, false});
    ASSERT_EQ(log.problem(), "");
    const std::string long_text(100, 'x');
    for (std::uint64_t i = 0; i < said; ++i) log.say(Level::info, "line", long_text);
    ASSERT_EQ(::fcntl(reader.get(), F_SETFL, 0), 0);
    reading = std::jthread([&] {
      std::array<char, 4096> part{};
      for (ssize_t size = 1; size > 0;) {
        size = ::read(reader.get(), part.data(), part.size());
        if (size > 0) text.append(part.data(), static_cast<std::size_t>(size));
      }
    });
  }
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tells = line.find("warning event=log_lines_lost text=\"");
    if (tells == std::string::npos)
      ++written;
    else
      lost += std::stoull(line.substr(line.find('"') + 1));
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(written + lost, said);
}

TEST_F(LogFile, SaysWhyItCannotBeOpened) {
  Log log({folder_ + "/none/log", false, false});
  EXPECT_NE(log.problem().find("logfile"), std::string::npos) << log.problem();
}

TEST_F(LogFile, SaysWhereItWentThatTheNextCannotBeOpened) {
  {
    Log log({path_, false, false});
    log.move_to(folder_ + "/none/log");
    log.say(Level::info, "after", "");
  }
  const std::string text = read_file(path_);
  EXPECT_NE(text.find("warning event=logfile_not_opened text=\"logfile: cannot open"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("event=after"), std::string::npos) << text;
}

}  // namespace
}  // namespace pgweir::io
