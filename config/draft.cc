#include "config/draft.h"

#include <utility>

#include "config/known_names.h"
#include "config/text_file.h"
#include "config/userlist.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/config/nearest_name.h"
#include "core/config/setting_text.h"
#include "core/config/validate.h"

namespace pgweir::config {

void Draft::remember(std::string_view key, const Place& place) {
  const auto [at, is_new] = places_.try_emplace(std::string(key), place);
  if (is_new) return;
  if (at->second.file == place.file) {
    problems_.warning(
        place, join(key, " was set on line ", at->second.line, " already; this later line counts"));
  }
  at->second = place;
}

void Draft::set(std::string_view key, std::string_view text, const Place& place) {
  if (key == client_tls_sslmode || key == server_tls_sslmode) {
    check_tls(key, text, place);
  } else if (is_unsupported_setting(key)) {
    problems_.warning(
        place, join("setting ", key, " of PgBouncer is not supported yet and has no effect"));
  } else if (find_setting(key) == nullptr) {
    problems_.error(place, join("unknown setting ", quoted_name(key),
                                problems_.full() ? "" : suggestion(key, setting_names())));
    return;
  } else if (const auto result = config::set(loaded_.settings, key, text); !result) {
    problems_.error(place, join(key, ": ", result.error()));
  } else if (key == "auth_type" && same_word(text, "md5")) {
    problems_.warning(place,
                      "auth_type md5: clients are asked by SCRAM, for which the auth file must "
                      "hold passwords or SCRAM verifiers; users with an md5 hash cannot log in");
  }
  remember(key, place);
}

void Draft::set(const Setting& setting, std::vector<std::string> items, const Place& place) {
  const auto result = config::set(loaded_.settings, setting, std::move(items));
  if (!result) problems_.error(place, join(setting.name, ": ", result.error()));
  remember(setting.name, place);
}

// Without TLS, what does not insist on it can be had, and what does cannot.
void Draft::check_tls(std::string_view key, std::string_view text, const Place& place) {
  if (same_word(text, "disable")) return;
  if (same_word(text, "allow") || same_word(text, "prefer")) {
    if (key == client_tls_sslmode) {
      problems_.warning(place, join(key, ": TLS is not supported yet, clients connect without"));
    }
  } else if (same_word(text, "require") || same_word(text, "verify-ca") ||
             same_word(text, "verify-full")) {
    problems_.error(place, join(key, ": TLS is not supported yet, so it cannot be required"));
  } else {
    problems_.error(
        place, join(key, ": expected disable, allow or prefer (TLS itself is not supported yet)"));
  }
}

template <class Entry>
void Draft::add_to(std::map<std::string, Entry>& entries, std::string name, Entry entry,
                   std::string_view what) {
  if (name.empty() || name.size() > limits::settings_name_size_max || has_control_character(name)) {
    problems_.error(entry.place,
                    join("the name of a ", what, " has from 1 to ", limits::settings_name_size_max,
                         " bytes and no control characters"));
    return;
  }
  const auto before = entries.find(name);
  if (before != entries.end() && before->second.place.file == entry.place.file) {
    problems_.warning(entry.place,
                      join(what, " ", quoted_name(name), " was given on line ",
                           before->second.place.line, " already; this later line counts"));
  }
  entry.settings.name = name;
  entries.insert_or_assign(std::move(name), std::move(entry));
}

void Draft::add(std::string name, Database database) {
  add_to(databases_, std::move(name), std::move(database), "database");
}

void Draft::add(std::string name, User user) {
  add_to(users_, std::move(name), std::move(user), "user");
}

Place Draft::place_of(std::string_view key, const Place& otherwise) const {
  const auto at = places_.find(key);
  return at == places_.end() ? otherwise : at->second;
}

void Draft::read_auth_file() {
  const std::string& path = loaded_.settings.auth_file;
  if (path.empty()) return;
  const auto file = read_file(path, limits::settings_file_size_max);
  if (!file) {
    problems_.error(place_of("auth_file", {path, 0}),
                    join("auth_file: ", path, ": ", file.error()));
    return;
  }
  const auto any = users_.find("*");
  for (ListedUser& listed : parse_userlist(file->text, path, problems_)) {
    const Place place{path, listed.line};
    if (listed.secret.kind == auth::SecretKind::md5_hash &&
        loaded_.settings.auth_type == AuthType::scram_sha_256) {
      problems_.warning(place,
                        "this user's secret is an md5 hash, by which nobody can log in: put the "
                        "password or its SCRAM verifier there");
    }
    const auto [known, is_new] = users_.try_emplace(listed.name);
    User& user = known->second;
    // It has no line of its own in the settings.
    if (is_new && any != users_.end()) user.settings = any->second.settings;
    if (user.password) {
      problems_.error(place, "the user of this line has a password in the settings file as well");
      continue;
    }
    user.settings.name = std::move(listed.name);
    if (is_new) user.place = place;
    if (listed.secret.kind != auth::SecretKind::none) user.password = std::move(listed.secret);
  }
}

CredentialId Draft::keep(Secret secret) {
  loaded_.secrets.push_back(std::move(secret));
  return static_cast<CredentialId>(loaded_.secrets.size());
}

void Draft::list_users() {
  for (auto& [name, user] : users_) {
    if (user.password && name == "*") {
      problems_.error(
          user.place,
          "user \"*\" stands for all who have no line of their own, and a password here "
          "would be everybody's: give each of them one in auth_file");
    }
    if (user.password) user.settings.credential = keep(*std::move(user.password));
    loaded_.settings.users.push_back(std::move(user.settings));
  }
}

// As in PgBouncer, a database without a host is behind the directory of our own unix sockets, and
// a user without a password of its own has the auth file's.
void Draft::list_databases() {
  for (auto& [name, database] : databases_) {
    DatabaseSettings& settings = database.settings;
    if (settings.host.empty()) settings.host = loaded_.settings.unix_socket_dir;
    if (settings.user.empty()) {
      settings.credential = no_credential;
    } else if (database.password) {
      settings.credential = keep(*std::move(database.password));
    } else if (const UserSettings* user = find_user(loaded_.settings, settings.user)) {
      settings.credential = user->credential;
    }
    loaded_.settings.databases.push_back(std::move(settings));
  }
}

Loaded Draft::finish(const Place& place) {
  read_auth_file();
  list_users();
  list_databases();
  if (loaded_.settings.databases.empty()) {
    problems_.warning(place, "no database is given: clients reach nothing but the admin database");
  }
  for (const Objection& objection : validate(loaded_.settings)) {
    const bool is_global = objection.database.empty();
    const Place where =
        is_global ? place_of(objection.setting, place) : databases_.at(objection.database).place;
    std::string message =
        join(is_global ? objection.setting : join("database ", quoted_name(objection.database)),
             ": ", objection.message);
    if (objection.fatal) {
      problems_.error(where, std::move(message));
    } else {
      problems_.warning(where, std::move(message));
    }
  }
  return std::move(loaded_);
}

}  // namespace pgweir::config
