// How a session of the model server begins: its startup packet, and who it is.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "sim/postgres_session.h"
#include "sim/toy_vault.h"

namespace pgweir::sim {

namespace {

constexpr std::int32_t protocol_3_2 = 0x30002;

SessionState::Values first_settings(const ServerOptions& options, const std::string& user) {
  static const SessionState::Values usual{{"application_name", ""},
                                          {"client_encoding", "UTF8"},
                                          {"DateStyle", "ISO, MDY"},
                                          {"default_transaction_read_only", "off"},
                                          {"integer_datetimes", "on"},
                                          {"IntervalStyle", "postgres"},
                                          {"server_encoding", "UTF8"},
                                          {"standard_conforming_strings", "on"},
                                          {"role", "none"},
                                          {"search_path", "\"$user\", public"},
                                          {"extra_float_digits", "1"},
                                          {"work_mem", "4MB"},
                                          {"geqo", "on"},
                                          {"transaction_read_only", "off"},
                                          {"statement_timeout", "0"},
                                          {"idle_session_timeout", "0"},
                                          {"idle_in_transaction_session_timeout", "0"}};
  SessionState::Values settings = usual;
  settings["in_hot_standby"] = options.standby ? "on" : "off";
  settings["is_superuser"] = options.superusers.contains(user) ? "on" : "off";
  settings["server_version"] = options.server_version;
  settings["session_authorization"] = user;
  settings["TimeZone"] = options.time_zone;
  return settings;
}

// "-c name=value" and "--name=value", with a backslash before what would end a word.
Parameters read_options(std::string_view text) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') {
      words.emplace_back();
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      words.back() += text[i];
    }
  }
  Parameters settings;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;  // "-c", or nothing
    const std::size_t begin = word.starts_with("--") || word.starts_with("-c") ? 2 : 0;
    std::string name = word.substr(begin, equals - begin);
    std::ranges::replace(name, '-', '_');
    settings.emplace_back(name, word.substr(equals + 1));
  }
  return settings;
}

}  // namespace

void PostgresSession::on_start(const Message& message) {
  Body body(message.body);
  const auto version = body.int32();
  // Fact 23: a bare byte, and the startup packet comes after it.
  if (version == ssl_code || version == gss_code) return stream_->write("N");
  if (version == cancel_code) {
    const auto pid = body.int32();
    const std::string secret(body.rest());
    if (!well_formed(pid && !secret.empty() && secret.size() <= 256, message)) return;
    journal_.cancel({static_cast<std::uint32_t>(*pid), secret});
    return close();
  }
  if (!well_formed(version.has_value(), message)) return;
  if (*version >> 16 != protocol_3_0 >> 16) {
    return fatal("0A000", "unsupported frontend protocol");
  }
  Parameters parameters;
  std::vector<std::string> unknown_options;
  for (;;) {
    const auto name = body.text();
    if (!well_formed(name.has_value(), message)) return;
    if (name->empty()) break;
    const auto value = body.text();
    if (!well_formed(value.has_value(), message)) return;
    if (name->starts_with("_pq_.")) {
      unknown_options.emplace_back(*name);
    } else {
      parameters.emplace_back(*name, *value);
    }
  }
  if (!well_formed(body.rest().empty(), message)) return;
  framer_.started();
  if (negotiate(*version, unknown_options)) start_session(parameters);
}

// Fact 24. PostgreSQL 18 knows 3.2, and takes the 3.1 that never was for what it is. False: it does
// not go on.
bool PostgresSession::negotiate(std::int32_t version,
                                const std::vector<std::string>& unknown_options) {
  if (version > protocol_3_0 && options_.newer != ServerOptions::Newer::negotiates) {
    if (options_.newer == ServerOptions::Newer::hangs_up) return close(), false;
    return fatal("08P01", "unknown protocol version " + std::to_string(version)), false;
  }
  const bool is_new = std::atoi(options_.server_version.c_str()) >= 18;
  const std::int32_t newest = is_new ? protocol_3_2 : protocol_3_0;
  protocol_ = std::min(version, newest);
  if (version == protocol_ && unknown_options.empty()) return true;
  // The older ones name their newest whatever was asked for, which comes to the same.
  std::string said = int32(protocol_) + int32(std::int64_t(unknown_options.size()));
  for (const std::string& option : unknown_options) said += cstring(option);
  say(sim::message('v', said));
  return true;
}

// 4 bytes, and 32 from protocol 3.2 on: each of them depends on whose it is.
std::string PostgresSession::secret() const {
  std::uint32_t noise = pid_ * 2654435761u;
  std::string secret = int32(noise);
  while (protocol_ >= protocol_3_2 && secret.size() < 32) {
    noise = noise * 1664525u + 1013904223u;
    secret += int32(noise);
  }
  return secret;
}

void PostgresSession::start_session(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (name == "user") user_ = value;
    if (name == "database") database_ = value;
  }
  SessionState::Values said;
  if (user_.empty()) return fatal("28000", "no PostgreSQL user name specified in startup packet");
  SessionState::Values defaults = first_settings(options_, user_);
  const auto say = [&](std::string_view written, const std::string& value) {
    const std::string name = SessionState::name_among(defaults, written);
    if (!defaults.contains(name)) unknown_setting_ = name;
    said[name] = value;
  };
  // Options first, whatever comes first in the packet, and of several the last.
  std::string options;
  for (const auto& [name, value] : parameters) {
    if (name == "options") options = value;
  }
  for (const auto& [name, value] : read_options(options)) say(name, value);
  for (const auto& [name, value] : parameters) {
    if (name == "replication") {
      if (!take_replication(value)) return;
    } else if (name != "user" && name != "database" && name != "options") {
      say(name, value);
    }
  }
  state_.begin(std::move(defaults), said, options_.server_version);
  if (options_.starting_up) return fatal("57P03", "the database system is starting up");
  if (others_ >= options_.max_connections) return fatal("53300", "sorry, too many clients already");
  ask_for_proof();
}

void PostgresSession::ask_for_proof() {
  phase_ = Phase::authenticating;
  switch (options_.auth) {
    case ServerOptions::Auth::trust: return log_in();
    case ServerOptions::Auth::cleartext: say(message('R', int32(3))); break;
    case ServerOptions::Auth::md5: say(message('R', int32(5) + "salt")); break;
    case ServerOptions::Auth::scram:
      say(message('R', int32(10) + cstring("SCRAM-SHA-256") + '\0'));
      break;
  }
  flush();
}

void PostgresSession::on_proof(const Message& message) {
  // Who gives up may say so: here PostgreSQL takes no Terminate for one, and ends all the same.
  if (message.type == 'X') return fatal("08P01", "expected password response, got message type 88");
  const auto found = options_.passwords.find(user_);
  const std::string password = found == options_.passwords.end() ? "" : found->second;
  if (!well_formed(message.type == 'p', message)) return;
  Body body(message.body);
  if (options_.auth != ServerOptions::Auth::scram) {
    const std::array<std::byte, 4> salt{std::byte{'s'}, std::byte{'a'}, std::byte{'l'},
                                        std::byte{'t'}};
    const std::string expected =
        options_.auth == ServerOptions::Auth::cleartext
            ? password
            : ToyVault::md5_response(ToyVault::md5_hash(password, user_), salt);
    if (body.text() == expected && body.rest().empty() && !password.empty()) return log_in();
    return fatal("28P01", "password authentication failed for user \"" + user_ + "\"");
  }
  std::optional<std::string> answer;
  const bool first = !scram_;
  if (first) {
    const auto mechanism = body.text();
    const auto size = body.int32();
    if (!well_formed(mechanism == "SCRAM-SHA-256" && size == std::int32_t(body.rest().size()),
                     message)) {
      return;
    }
    scram_.emplace(password);
    answer = scram_->first(body.rest());
    if (!well_formed(answer.has_value(), message)) return;
  } else {
    answer = scram_->last(body.rest());
    if (!answer || password.empty()) {
      return fatal("28P01", "password authentication failed for user \"" + user_ + "\"");
    }
  }
  say(sim::message('R', int32(first ? 11 : 12) + *answer));
  flush();
  if (!first) log_in();
}

void PostgresSession::log_in() {
  say(message('R', int32(0)));
  if (!options_.databases.empty() && !options_.databases.contains(database_)) {
    return fatal("3D000", "database \"" + database_ + "\" does not exist");
  }
  if (!unknown_setting_.empty()) {
    return fatal("42704", "unrecognized configuration parameter \"" + unknown_setting_ + "\"");
  }
  for (const auto& [name, value] : state_.take_news()) say(parameter_status(name, value));
  if (options_.gives_secret) {
    journal_.secrets[pid_] = secret();
    say(message('K', int32(pid_) + secret()));
  }
  phase_ = Phase::ready;
  logged_in_ = true;
  if (replicates()) journal_.walsenders.insert(mark());
  ++journal_.login_count;
  journal_.session_count_max = std::max(journal_.session_count_max, ++journal_.session_count);
  tell(ServerEvent::Kind::logged_in);
  ready_for_query();
}

}  // namespace pgweir::sim
