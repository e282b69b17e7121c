#include "core/config/validate.h"

#include <algorithm>
#include <optional>
#include <ranges>

#include "core/base/text.h"
#include "core/config/nearest_name.h"
#include "core/config/setting_text.h"

namespace pgweir::config {

namespace {

constexpr std::size_t host_name_size_max = 253;
constexpr std::size_t host_label_size_max = 63;
// sockaddr_un on Linux holds 108 bytes, the last of them zero.
constexpr std::size_t unix_path_size_max = 107;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_label_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_';
}
bool is_digit_or_dot(char c) { return (c >= '0' && c <= '9') || c == '.'; }

std::string directory_flaw(std::string_view directory, std::uint16_t port) {
  if (directory.starts_with('@')) return "abstract unix sockets are not supported yet";
  if (has_control_character(directory)) return "a path has no control characters";
  const std::size_t size = join(directory, "/.s.PGSQL.", port).size();
  if (size <= unix_path_size_max) return {};
  return join("the socket's path would be ", size, " bytes long, at most ", unix_path_size_max,
              " are possible; use a shorter directory");
}

std::string ipv6_flaw(std::string_view address) {
  const bool plain =
      std::ranges::all_of(address, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
  if (plain && address.size() <= 45 && std::ranges::count(address, ':') >= 2) return {};
  return "this is no IPv6 address (write it without brackets, port or zone)";
}

std::string ipv4_flaw(std::string_view address) {
  int octets = 0;
  for (const auto part : std::views::split(address, '.')) {
    if (!count_of(std::string_view(part.begin(), part.end()), 0, 255)) octets = 4;
    ++octets;
  }
  return octets == 4 ? std::string() : "this is no IPv4 address";
}

std::string name_flaw(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > host_name_size_max) {
    return join("a host name has at most ", host_name_size_max, " bytes");
  }
  for (const auto part : std::views::split(name, '.')) {
    const std::string_view label(part.begin(), part.end());
    if (label.empty() || label.size() > host_label_size_max || label.starts_with('-') ||
        label.ends_with('-') || !std::ranges::all_of(label, is_label_character)) {
      return "a host name is letters, digits, hyphens and underscores between dots, at most 63 "
             "bytes each (write international names as xn--...)";
    }
  }
  return {};
}

std::string host_flaw(std::string_view host) {
  if (host.empty()) return "it is missing: name a server, an address or a socket directory";
  if (host.find(',') != std::string_view::npos) {
    return "several hosts are not supported yet; name one";
  }
  if (host.find(':') != std::string_view::npos) return ipv6_flaw(host);
  if (std::ranges::all_of(host, is_digit_or_dot)) return ipv4_flaw(host);
  return name_flaw(host);
}

class Validator {
 public:
  explicit Validator(const Settings& settings) : settings_(settings) {}

  std::vector<Objection> run() {
    listeners();
    pools();
    for (const DatabaseSettings& database : settings_.databases) check(database);
    privileged("admin_users", settings_.admin_users);
    privileged("stats_users", settings_.stats_users);
    return std::move(objections_);
  }

 private:
  void object(std::string_view setting, std::string message, bool fatal = true) {
    objections_.push_back({std::string(setting), {}, std::move(message), fatal});
  }
  void object(const DatabaseSettings& database, std::string message, bool fatal = true) {
    objections_.push_back({{}, database.name, std::move(message), fatal});
  }

  void listeners() {
    if (settings_.listen_addr.empty() && settings_.unix_socket_dir.empty()) {
      object("listen_addr", "nothing to listen on: set listen_addr or unix_socket_dir");
    }
    for (const std::string& address : settings_.listen_addr) {
      if (address == "*") continue;
      if (address.starts_with('/')) {
        object("listen_addr", "unix sockets are set by unix_socket_dir");
      } else if (std::string flaw = host_flaw(address); !flaw.empty()) {
        object("listen_addr", std::move(flaw));
      }
    }
    std::string flaw = directory_flaw(settings_.unix_socket_dir, settings_.listen_port);
    if (!flaw.empty()) object("unix_socket_dir", std::move(flaw));
  }

  // A pool size of zero is unlimited.
  void pools() {
    if (settings_.default_pool_size != 0 && settings_.min_pool_size > settings_.default_pool_size) {
      object("min_pool_size", join(settings_.min_pool_size, " is more than default_pool_size ",
                                   settings_.default_pool_size));
    }
  }

  void check(const DatabaseSettings& database) {
    if (database.name == "pgbouncer" || database.name == "pgweir") {
      object(database, "this name is the admin database's own; choose another");
    }
    std::string flaw = database.host.starts_with('/') || database.host.starts_with('@')
                           ? directory_flaw(database.host, database.port)
                           : host_flaw(database.host);
    if (!flaw.empty()) object(database, join("host: ", flaw));

    const std::int32_t pool_size = database.pool_size.value_or(settings_.default_pool_size);
    const std::int32_t min_size = database.min_pool_size.value_or(settings_.min_pool_size);
    if (pool_size == 0 || min_size <= pool_size) return;
    std::string message = join("min_pool_size ", min_size, " is more than pool_size ", pool_size);
    if (database.pool_size && database.min_pool_size) {
      object(database, std::move(message));
    } else if (database.pool_size || database.min_pool_size) {
      object(database, message + " (one of them is the global one): the smaller one counts", false);
    }
  }

  // A name in a list of rights that no client can log in as is most likely a typing error. The
  // name pgbouncer needs no entry: over the unix socket it is pgweir's own uid that counts.
  void privileged(std::string_view setting, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (name == "pgbouncer" || line_of_user(settings_, name) != nullptr) continue;
      object(setting,
             join("user ", quoted_name(name),
                  " is not in auth_file or [users], so nobody can log in by this name"),
             false);
    }
  }

  const Settings& settings_;
  std::vector<Objection> objections_;
};

}  // namespace

std::vector<Objection> validate(const Settings& settings) { return Validator(settings).run(); }

}  // namespace pgweir::config
