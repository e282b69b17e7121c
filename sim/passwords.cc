#include "sim/passwords.h"

namespace pgweir::sim {

CredentialId Passwords::add(const std::string& user) {
  std::vector<CredentialId>& its = of_users_[user];
  std::string text = "secret ";
  if (!its.empty()) text += std::to_string(its.size() + 1) + " ";
  text += "of " + user;
  its.push_back(vault_.add(auth::SecretKind::plain, text));
  texts_[its.back()] = std::move(text);
  return its.back();
}

CredentialId Passwords::any(const std::string& user, Tape& tape) const {
  const std::vector<CredentialId>& its = of_users_.at(user);
  return its[tape.below(static_cast<std::uint32_t>(its.size()))];
}

const std::string& Passwords::right(const Settings& settings, const std::string& user) const {
  return text(line_of_user(settings, user)->credential);
}

}  // namespace pgweir::sim
