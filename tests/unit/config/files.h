// Files of one test: written to a folder of its own that goes with it, and loaded from there.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/load.h"

namespace pgweir::config {

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pgweir-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~FilesTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  Result load_ini(std::string_view text) const { return load(write("pgbouncer.ini", text)); }
  Result load_toml(std::string_view text) const { return load(write("pgweir.toml", text)); }

  // All problems, a line each, without the folder.
  std::string problems(const Result& result) const {
    std::string out;
    for (const Problem& problem : result.problems) out += text_of(problem) + "\n";
    const std::string prefix = folder_.string() + "/";
    for (auto at = out.find(prefix); at != std::string::npos; at = out.find(prefix)) {
      out.erase(at, prefix.size());
    }
    return out;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace pgweir::config
