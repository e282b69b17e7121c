#include "tests/integration/environment.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>

namespace pgweir::integration {

namespace {

constexpr auto longest_test = std::chrono::seconds(90);
constexpr int log_lines_shown = 30;

// Shows the logs of a failed test, and ends the run when a test hangs: a hang is a failure that
// should tell as much as another.
class Watchman : public testing::EmptyTestEventListener {
 public:
  Watchman() : watcher_([this](const std::stop_token& stop) { watch(stop); }) {}

 private:
  void OnTestStart(const testing::TestInfo&) override {
    const std::lock_guard lock(mutex_);
    environment().begin_test();
    deadline_ = std::chrono::steady_clock::now() + longest_test;
  }
  void OnTestEnd(const testing::TestInfo& info) override {
    const std::lock_guard lock(mutex_);
    deadline_ = std::chrono::steady_clock::time_point::max();
    if (info.result()->Failed()) environment().print_logs();
  }

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; });
      if (std::chrono::steady_clock::now() < deadline_) continue;
      std::fprintf(stderr, "integration: this test took longer than %d s; ending the run\n",
                   static_cast<int>(longest_test.count()));
      environment().print_logs();
      environment().remove_folder();
      _exit(1);
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::jthread watcher_;
};

}  // namespace

void Environment::SetUp() {
  char folder[] = "/tmp/pgweir-integration-XXXXXX";
  if (mkdtemp(folder) == nullptr || chmod(folder, 0755) != 0) {
    std::perror("integration: cannot make a folder under /tmp");
    std::exit(1);
  }
  folder_ = folder;
  const char* chosen = getenv("PGWEIR_BINARY");
  pgweir_ = folder_ + "/pgweir";
  std::filesystem::copy_file(chosen == nullptr ? PGWEIR_PROGRAM : chosen, pgweir_);
  postgres_ = std::make_unique<Postgres>(folder_ + "/postgres");
}

void Environment::TearDown() {
  postgres_.reset();
  if (!testing::UnitTest::GetInstance()->Failed()) {
    remove_folder();
  } else {
    std::printf("integration: configurations and logs are kept in %s\n", folder_.c_str());
    std::filesystem::remove_all(folder_ + "/postgres/data");
  }
}

std::string Environment::new_folder(const std::string& name) {
  const std::string folder = folder_ + "/" + name + std::to_string(++folder_count_);
  std::filesystem::create_directory(folder);
  return folder;
}

void Environment::begin_test() {
  logs_.clear();
  if (postgres_) postgres_log_start_ = read_file(postgres_->log_path()).size();
}

void Environment::print_logs() const {
  const auto print = [](const std::string& path, std::size_t start) {
    std::string text = read_file(path);
    text.erase(0, std::min(start, text.size()));
    std::printf("---- the end of %s\n%s\n", path.c_str(), tail(text, log_lines_shown).c_str());
  };
  for (const std::string& path : logs_) print(path, 0);
  if (postgres_) print(postgres_->log_path(), postgres_log_start_);
  std::fflush(stdout);
}

void Environment::remove_folder() const {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Environment& environment() {
  // gtest owns it, and deletes it after the last test.
  static Environment* const instance = [] {
    auto* made = new Environment;
    testing::AddGlobalTestEnvironment(made);
    testing::UnitTest::GetInstance()->listeners().Append(new Watchman);
    return made;
  }();
  return *instance;
}

}  // namespace pgweir::integration

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  pgweir::integration::environment();
  return RUN_ALL_TESTS();
}
