// What every story starts from: a world whose settings a test changes before its first client, and
// whose end must leave nobody waiting and nobody complaining.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "core/base/text.h"
#include "sim/world.h"

namespace pgweir {

class Story : public ::testing::Test {
 protected:
  // The same stories are told of one machine and of several: PGWEIR_MACHINES=3.
  Story() {
    const char* const machines = std::getenv("PGWEIR_MACHINES");
    if (machines == nullptr) return;
    world.machine_count = static_cast<std::uint8_t>(to_integer(machines).value_or(1));
    world.settings.handover_slack = {};  // what comes of something comes at once
  }

  void TearDown() override {
    EXPECT_EQ(world.finish(), "") << "the shell's contract or the protocol was broken, see above";
  }

  static std::string execute(std::string_view sql) {
    return sim::parse("", sql) + sim::bind("", "") + sim::execute("");
  }

  // How often the server was told exactly this.
  std::size_t executed(const std::string& sql) const {
    std::size_t count = 0;
    for (const std::string& line : world.postgres.statements()) count += line.ends_with(": " + sql);
    return count;
  }

  sim::World world;
};

}  // namespace pgweir
