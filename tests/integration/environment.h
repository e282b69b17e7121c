// What all integration tests share: one PostgreSQL for the run of the program, a folder that goes
// with it, and the end of the logs when a test fails or hangs.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/postgres.h"

namespace pgweir::integration {

class Environment : public testing::Environment {
 public:
  void SetUp() override;
  void TearDown() override;

  Postgres& postgres() { return *postgres_; }
  // The program under test: PGWEIR_BINARY, else what this build made; a copy that every account
  // may run.
  const std::string& pgweir() const { return pgweir_; }
  // An empty folder, its name begins like this.
  std::string new_folder(const std::string& name);
  // The end of this file is shown when the running test fails.
  void watch_log(const std::string& path) { logs_.push_back(path); }

  // From here on, what stands in the logs is the next test's.
  void begin_test();
  void print_logs() const;
  void remove_folder() const;

 private:
  std::string folder_;
  std::string pgweir_;
  std::unique_ptr<Postgres> postgres_;
  std::vector<std::string> logs_;
  std::size_t postgres_log_start_ = 0;
  int folder_count_ = 0;
};

Environment& environment();
inline Postgres& postgres() { return environment().postgres(); }

// What every suite is: PostgreSQL has nobody's sessions left when a test begins.
class IntegrationTest : public testing::Test {
 protected:
  void SetUp() override { postgres().end_sessions(); }
};

}  // namespace pgweir::integration
