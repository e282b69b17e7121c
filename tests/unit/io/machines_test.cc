// How many there are, and that each has the secrets.
#include "io/machines.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/cores.h"

namespace pgweir::io {
namespace {

config::Loaded with_machines(std::uint8_t machines) {
  config::Loaded loaded;
  loaded.settings.machines = machines;
  loaded.settings.users.push_back({.name = "anna", .credential = 1});
  loaded.secrets.push_back({auth::SecretKind::plain, "pencil"});
  return loaded;
}

TEST(Machines, AreAsManyAsTheSettingsSay) {
  EXPECT_EQ(Machines(with_machines(1)).count(), 1U);
  EXPECT_EQ(Machines(with_machines(3)).count(), 3U);
  EXPECT_EQ(Machines(with_machines(machines_auto)).count(),
            std::min<std::size_t>(usable_cores(), machines_max));
}

TEST(Machines, AllKnowTheSecrets) {
  Machines machines(with_machines(3));
  for (const Fleet::Member& member : machines.members()) {
    EXPECT_EQ(member.vault.cleartext(1), "pencil");
  }
}

// Or a name whose salt changes from one machine to the next would be known as nobody's.
TEST(Machines, AllMakeUpTheSameSaltForAnUnknownUser) {
  Machines machines(with_machines(2));
  const auto members = machines.members();
  EXPECT_EQ(members[0].vault.challenge(no_credential, "nobody").salt_base64,
            members[1].vault.challenge(no_credential, "nobody").salt_base64);
}

}  // namespace
}  // namespace pgweir::io
