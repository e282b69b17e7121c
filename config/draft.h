// Settings under construction: both file formats put in here what they read, key by key with its
// place, and finish() makes complete settings of it. All that is wrong goes to the problems, and
// what can be understood regardless is taken, so that one run reports everything.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/entry.h"
#include "config/problem.h"
#include "config/secret.h"
#include "core/config/setting_table.h"
#include "core/config/settings.h"

namespace pgweir::config {

struct Loaded {
  Settings settings;
  std::vector<Secret> secrets;  // CredentialId n in the settings names secrets[n-1]
};

class Draft {
 public:
  // Requires: the problems outlive the draft.
  explicit Draft(Problems& problems) : problems_(problems) {}

  // A global setting, one not supported yet included. A later one of the same name counts; within
  // one file that is worth a warning.
  void set(std::string_view key, std::string_view text, const Place& place);
  // The same for one written as an array. Requires: the setting is a list.
  void set(const Setting& setting, std::vector<std::string> items, const Place& place);
  bool has(std::string_view key) const { return places_.find(key) != places_.end(); }

  // An entry replaces an earlier one of the same name.
  void add(std::string name, Database database);
  void add(std::string name, User user);

  // Reads the auth file and checks everything together. place: the settings file, for problems
  // that have no line of their own. Good for use only when no problem is an error. Called once.
  Loaded finish(const Place& place);

 private:
  void remember(std::string_view key, const Place& place);
  void check_tls(std::string_view key, std::string_view text, const Place& place);
  template <class Entry>
  void add_to(std::map<std::string, Entry>& entries, std::string name, Entry entry,
              std::string_view what);
  void read_auth_file();
  void list_users();
  void list_databases();
  CredentialId keep(Secret secret);
  Place place_of(std::string_view key, const Place& otherwise) const;

  Problems& problems_;
  Loaded loaded_;
  std::map<std::string, Place, std::less<>> places_;  // of global settings
  std::map<std::string, Database> databases_;
  std::map<std::string, User> users_;
};

}  // namespace pgweir::config
