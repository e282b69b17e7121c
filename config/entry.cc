#include "config/entry.h"

#include <utility>

#include "config/known_names.h"
#include "core/base/text.h"
#include "core/config/nearest_name.h"
#include "core/config/setting_table.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

// Reads the values of one entry.
class Reader {
 public:
  Reader(EntryForm form, Problems& problems) : form_(form), problems_(problems) {}

  // Into an integer or an optional one.
  template <class Number>
  void count(const Given& given, std::int64_t min, std::int64_t max, Number& out) {
    if (const auto number = count_of(given.value, min, max)) {
      out = static_cast<std::int32_t>(*number);
    } else {
      refuse(given, join("expected a whole number from ", min, " to ", max));
    }
  }

  void port(const Given& given, std::uint16_t& out) {
    std::int32_t number = out;
    count(given, 1, 65535, number);
    out = static_cast<std::uint16_t>(number);
  }

  void text(const Given& given, std::string& out) {
    if (!given.is_text || has_control_character(given.value)) {
      refuse(given, "expected text without control characters");
    } else {
      out = given.value;
    }
  }

  void pool_mode(const Given& given, std::optional<PoolMode>& out) {
    if (const auto mode = pool_mode_of(given.value)) {
      out = *mode;
    } else {
      refuse(given, mode.error());
    }
  }

  void session_state(const Given& given, std::optional<SessionStatePolicy>& out) {
    if (const auto policy = session_state_of(given.value)) {
      out = *policy;
    } else {
      refuse(given, policy.error());
    }
  }

  void secret(const Given& given, std::optional<Secret>& out) {
    const auto kind = secret_kind(given.value);
    if (!given.is_text) {
      refuse(given, "expected text in quotation marks");
    } else if (!kind) {
      refuse(given, kind.error());
    } else if (*kind != auth::SecretKind::none) {
      out = Secret{*kind, given.value};
    }
    nameable_ = nameable_ && form_ == EntryForm::table;
  }

  // PgBouncer's [users] has no secrets.
  void misplaced_secret(const Given& given) {
    refuse(given, "a user's secret belongs in auth_file");
    nameable_ = nameable_ && form_ == EntryForm::table;
  }

  void unsupported(const Given& given) {
    problems_.warning(given.place, join("key ", given.key,
                                        " of PgBouncer is not supported yet and has no effect"));
  }

  void unknown(const Given& given, std::vector<std::string_view> (*names)()) {
    if (!nameable_) {
      problems_.error(given.place,
                      "an unknown key (not shown: it may be a part of a password, which needs "
                      "single quotes when it has blanks)");
    } else {
      problems_.error(given.place, join("unknown key ", quoted_name(given.key),
                                        problems_.full() ? "" : suggestion(given.key, names())));
    }
    nameable_ = nameable_ && form_ == EntryForm::table;
  }

 private:
  void refuse(const Given& given, std::string_view why) {
    problems_.error(given.place, join(given.key, ": ", why));
  }

  EntryForm form_;
  Problems& problems_;
  bool nameable_ = true;
};

void read_key(Reader& reader, const Given& given, Database& database) {
  DatabaseSettings& settings = database.settings;
  switch (database_key(given.key)) {
    case DatabaseKey::host: return reader.text(given, settings.host);
    case DatabaseKey::port: return reader.port(given, settings.port);
    case DatabaseKey::dbname: return reader.text(given, settings.dbname);
    case DatabaseKey::user: return reader.text(given, settings.user);
    case DatabaseKey::password: return reader.secret(given, database.password);
    case DatabaseKey::pool_size: return reader.count(given, 0, connections_max, settings.pool_size);
    case DatabaseKey::min_pool_size:
      return reader.count(given, 0, connections_max, settings.min_pool_size);
    case DatabaseKey::reserve_pool_size:
      return reader.count(given, 0, connections_max, settings.reserve_pool_size);
    case DatabaseKey::max_db_connections:
      return reader.count(given, 0, connections_max, settings.max_db_connections);
    case DatabaseKey::pool_mode: return reader.pool_mode(given, settings.pool_mode);
    case DatabaseKey::session_state: return reader.session_state(given, settings.session_state);
    case DatabaseKey::application_name: return reader.text(given, settings.application_name);
    case DatabaseKey::client_encoding: return reader.text(given, settings.client_encoding);
    case DatabaseKey::connect_query: return reader.text(given, settings.connect_query);
    case DatabaseKey::datestyle: return reader.text(given, settings.datestyle);
    case DatabaseKey::timezone: return reader.text(given, settings.timezone);
    case DatabaseKey::unsupported: return reader.unsupported(given);
    case DatabaseKey::unknown: return reader.unknown(given, database_key_names);
  }
}

void read_key(Reader& reader, const Given& given, EntryForm form, User& user) {
  switch (user_key(given.key)) {
    case UserKey::password:
      return form == EntryForm::table ? reader.secret(given, user.password)
                                      : reader.misplaced_secret(given);
    case UserKey::pool_size:
      return reader.count(given, 0, connections_max, user.settings.pool_size);
    case UserKey::max_user_connections:
      return reader.count(given, 0, connections_max, user.settings.max_user_connections);
    case UserKey::pool_mode: return reader.pool_mode(given, user.settings.pool_mode);
    case UserKey::unsupported: return reader.unsupported(given);
    case UserKey::unknown: return reader.unknown(given, user_key_names);
  }
}

}  // namespace

Database read_database(const std::vector<Given>& given, const Place& place, EntryForm form,
                       Problems& problems) {
  Database database;
  database.place = place;
  Reader reader(form, problems);
  for (const Given& one : given) read_key(reader, one, database);
  if (database.password && database.settings.user.empty()) {
    problems.warning(place, "password has no effect without user");
  }
  if (database.password && database.password->kind == auth::SecretKind::scram_verifier) {
    problems.warning(place,
                     "password is a SCRAM verifier: it cannot log in to a server; give the "
                     "password itself");
  }
  return database;
}

User read_user(const std::vector<Given>& given, const Place& place, EntryForm form,
               Problems& problems) {
  User user;
  user.place = place;
  Reader reader(form, problems);
  for (const Given& one : given) read_key(reader, one, form, user);
  return user;
}

}  // namespace pgweir::config
