// The passwords users have and had. Which is right at a moment, the settings in force say; the
// servers may be of another opinion for a while.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "sim/tape.h"
#include "sim/toy_vault.h"

namespace pgweir::sim {

class Passwords {
 public:
  explicit Passwords(ToyVault& vault) : vault_(vault) {}

  // A user's first one, or another that it did not have yet.
  CredentialId add(const std::string& user);
  // One that it has or had.
  CredentialId any(const std::string& user, Tape& tape) const;
  // Of the user, by these settings.
  const std::string& right(const Settings& settings, const std::string& user) const;
  const std::string& text(CredentialId credential) const { return texts_.at(credential); }

 private:
  ToyVault& vault_;
  std::map<CredentialId, std::string> texts_;
  std::map<std::string, std::vector<CredentialId>> of_users_;
};

}  // namespace pgweir::sim
