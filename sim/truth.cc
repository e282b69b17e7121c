#include "sim/truth.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <vector>

#include "core/config/setting_table.h"
#include "sim/pool_modes.h"

namespace pgweir::sim {

namespace {

using Untruth = std::optional<std::string>;

// How many at least, and how many at most.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
  bool holds(std::int64_t count) const { return least <= count && count <= most; }
};

Untruth differs(const std::string& what, std::int64_t said, Range is) {
  if (is.holds(said)) return std::nullopt;
  return what + " is said to be " + std::to_string(said) + ", and is " + std::to_string(is.least) +
         (is.least == is.most ? "" : " to " + std::to_string(is.most));
}

bool on_console(const Login& login) {
  return login.database == "pgbouncer" || login.database == "pgweir";
}

// The clients that answer to the login: those that were let in, and those that may be.
Range clients_where(const Stock& stock, const std::function<bool(const Login&)>& counts) {
  Range range;
  for (const auto& [socket, client] : stock.census.clients()) {
    if (client.closing || !client.started || on_console(client.who) || !counts(client.who))
      continue;
    range.least += client.welcomed;
    ++range.most;
  }
  return range;
}

enum class Counted : std::uint8_t { ready, open, all };  // open: not closing

// A server that nobody has told for whom it is may be anybody's.
Range servers_where(const Stock& stock, Counted counted,
                    const std::function<bool(const Login&)>& counts) {
  Range range;
  for (const auto& [socket, server] : stock.census.servers()) {
    if (counted != Counted::all && server.closing) continue;
    if (counted == Counted::ready && !server.ready) continue;
    if (server.started && !counts(server.whom)) continue;
    range.least += server.started;
    ++range.most;
  }
  return range;
}

bool anybody(const Login&) { return true; }

// What SHOW POOLS says of a database and a user. A removed database's pool may still be there
// beside the one that it has now that it is back: two rows.
struct PoolRow {
  std::int64_t clients = 0;
  std::int64_t clients_waiting = 0;
  std::int64_t ready = 0;  // servers
  std::int64_t idle = 0;
  std::int64_t active = 0;
  std::int64_t pinned = 0;  // active, though their clients may want nothing
  bool idle_beside_waiting = false;
};

void add_row(PoolRow& pool, const ConsoleAnswer& answer, std::size_t row) {
  const auto said = [&](std::string_view column) { return answer.number(row, column); };
  pool.clients += said("cl_active") + said("cl_waiting");
  pool.clients_waiting += said("cl_waiting");
  pool.ready += said("sv_active") + said("sv_idle") + said("sv_used") + said("sv_tested") +
                said("sv_being_canceled");
  pool.idle += said("sv_idle") + said("sv_used");
  pool.active += said("sv_active");
  pool.pinned += said("sv_pinned");
  // One that is asked something is for who waits first.
  pool.idle_beside_waiting |= said("sv_idle") > 0 && said("cl_waiting") > said("sv_tested");
}

Untruth pool_untruth(const Login& login, const PoolRow& pool, const Stock& stock) {
  const std::string name = "pool " + login.database + "/" + login.user + ": ";
  const auto is_pool = [&](const Login& other) { return other == login; };
  const Range servers = servers_where(stock, Counted::ready, is_pool);
  if (const Untruth untruth =
          differs(name + "cl_active + cl_waiting", pool.clients, clients_where(stock, is_pool))) {
    return untruth;
  }
  if (const Untruth untruth = differs(name + "sv_* without sv_login", pool.ready, servers)) {
    return untruth;
  }
  // Who replicates waits for none of these.
  const auto waits_to_replicate = [&](const auto& entry) {
    const Census::Client& client = entry.second;
    return client.replicates && client.started && !client.welcomed && client.who == login;
  };
  const bool for_own = std::ranges::any_of(stock.census.clients(), waits_to_replicate);
  if (pool.idle_beside_waiting && stock.one_machine && !for_own)
    return name + "clients are said to wait beside an idle server";
  if (!stock.still) return std::nullopt;
  if (const Untruth untruth = differs(name + "cl_waiting", pool.clients_waiting, {0, 0})) {
    return untruth;
  }
  const auto replicating = std::ranges::count_if(stock.census.servers(), [&](const auto& entry) {
    const Census::Server& server = entry.second;
    return server.replicates && server.ready && !server.closing && server.whom == login;
  });
  const bool sessions = pool_mode_of(stock.settings, login) == PoolMode::session;
  const std::int64_t kept = sessions ? pool.active - replicating : pool.pinned;
  return differs(name + "sv_idle + sv_pinned and those that replicate",
                 pool.idle + kept + replicating, servers);
}

Untruth pools_untruth(const ConsoleAnswer& answer, const Stock& stock) {
  std::map<Login, PoolRow> pools;
  std::int64_t logging_in = 0;
  std::int64_t clients = 0;
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const Login login{std::string(answer.text(row, "database").value_or("")),
                      std::string(answer.text(row, "user").value_or(""))};
    add_row(pools[login], answer, row);
    logging_in += answer.number(row, "sv_login");
  }
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const Login login{std::string(answer.text(row, "database").value_or("")),
                      std::string(answer.text(row, "user").value_or(""))};
    const std::string_view mode = config::text_of(pool_mode_of(stock.settings, login));
    if (find_database(stock.settings, login.database) == nullptr) continue;  // it is going
    if (answer.text(row, "pool_mode") == mode) continue;
    return "pool " + login.database + "/" + login.user + " is not said to be in mode " +
           std::string(mode);
  }
  for (const auto& [login, pool] : pools) {
    if (const Untruth untruth = pool_untruth(login, pool, stock)) return untruth;
    clients += pool.clients;
  }
  std::int64_t not_ready = 0;
  for (const auto& [socket, server] : stock.census.servers()) {
    not_ready += !server.ready && !server.closing;
  }
  if (const Untruth untruth =
          differs("sv_login of all pools", logging_in, {not_ready, not_ready})) {
    return untruth;
  }
  return differs("the clients of all pools", clients, clients_where(stock, anybody));
}

// A client as SHOW CLIENTS tells it, or a server as SHOW SERVERS does.
using Row = std::vector<std::string>;

Untruth rows_untruth(std::vector<Row> said, std::vector<Row> is) {
  std::ranges::sort(said);
  std::ranges::sort(is);
  if (said == is) return std::nullopt;
  std::vector<Row> odd;
  std::ranges::set_symmetric_difference(said, is, std::back_inserter(odd));
  std::string text =
      std::ranges::binary_search(said, odd.front()) ? "it says there is" : "it leaves out";
  for (const std::string& value : odd.front()) text += " " + value;
  return text;
}

std::string address_text(const Endpoint& endpoint) {
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    text += (i == 0 ? "" : ".") + std::to_string(endpoint.address[i]);
  }
  return text;
}

std::string said(const ConsoleAnswer& answer, std::size_t row, std::string_view column) {
  return std::string(answer.text(row, column).value_or("?"));
}

std::string replicates(const ConsoleAnswer& answer, std::size_t row) {
  return said(answer, row, "replication") == "none" ? "" : "replicates";
}

Untruth clients_untruth(const ConsoleAnswer& answer, const Stock& stock) {
  std::vector<Row> told;
  std::vector<Row> are;
  std::int64_t logging_in = 0;
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    if (said(answer, row, "state") == "login") {
      ++logging_in;
      continue;
    }
    // The console has two names.
    const std::string database = said(answer, row, "database");
    told.push_back({database == "pgweir" ? "pgbouncer" : database, said(answer, row, "user"),
                    said(answer, row, "addr"), said(answer, row, "port"), replicates(answer, row)});
  }
  std::int64_t started = 0;
  for (const auto& [socket, client] : stock.census.clients()) {
    if (client.closing) continue;
    started += client.started && !client.welcomed;
    if (!client.welcomed) continue;
    are.push_back({on_console(client.who) ? "pgbouncer" : client.who.database, client.who.user,
                   address_text(client.peer), std::to_string(client.peer.port),
                   client.replicates ? "replicates" : ""});
  }
  if (const Untruth untruth = rows_untruth(std::move(told), std::move(are))) return untruth;
  return differs("clients that log in", logging_in, {0, started});
}

Untruth servers_untruth(const ConsoleAnswer& answer, const Stock& stock) {
  std::vector<Row> told;
  std::vector<Row> are;
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const std::string state = said(answer, row, "state");
    if (state == "closing" || state == "new") continue;
    told.push_back({said(answer, row, "database"), said(answer, row, "user"),
                    said(answer, row, "addr"), said(answer, row, "port"),
                    said(answer, row, "remote_pid"), replicates(answer, row)});
    if (state != "idle" && state != "used") continue;
    if (!said(answer, row, "link").empty()) return "an idle server has a link";
    const std::string address = said(answer, row, "addr");
    const auto is_it = [&](const auto& backend) {
      return address.ends_with("." + std::to_string(backend.first)) &&
             answer.number(row, "remote_pid") == backend.second;
    };
    if (std::ranges::none_of(stock.idle, is_it)) {
      return "backend " + said(answer, row, "remote_pid") + " is said to be idle, and is not";
    }
  }
  for (const auto& [socket, server] : stock.census.servers()) {
    if (server.closing || !server.ready) continue;
    are.push_back({server.whom.database, server.whom.user, address_text(server.to),
                   std::to_string(server.to.port), std::to_string(server.pid),
                   server.replicates ? "replicates" : ""});
  }
  if (const Untruth untruth = rows_untruth(std::move(told), std::move(are))) return untruth;
  const auto count = static_cast<std::int64_t>(stock.census.servers().size());
  return differs("rows", static_cast<std::int64_t>(answer.rows.size()), {count, count});
}

// Of SHOW DATABASES (by name) and SHOW USERS: who uses it, and that none of the settings' is left
// out.
Untruth users_of(const ConsoleAnswer& answer, const Stock& stock, std::string Login::* key,
                 std::set<std::string> must_be_there) {
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const std::string name = said(answer, row, "name");
    must_be_there.erase(name);
    const auto is_it = [&](const Login& login) { return login.*key == name; };
    if (const Untruth untruth = differs(name + ": current_client_connections",
                                        answer.number(row, "current_client_connections"),
                                        clients_where(stock, is_it))) {
      return untruth;
    }
    if (const Untruth untruth =
            differs(name + ": current_connections", answer.number(row, "current_connections"),
                    servers_where(stock, Counted::all, is_it))) {
      return untruth;
    }
  }
  if (must_be_there.empty()) return std::nullopt;
  return "it leaves out " + *must_be_there.begin();
}

Untruth databases_untruth(const ConsoleAnswer& answer, const Stock& stock) {
  std::set<std::string> names;
  for (const DatabaseSettings& database : stock.settings.databases) names.insert(database.name);
  if (const Untruth untruth = users_of(answer, stock, &Login::database, names)) return untruth;
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const DatabaseSettings* database = find_database(stock.settings, said(answer, row, "name"));
    if (database == nullptr) continue;  // removed, and somebody still has it
    const std::int64_t size = database->pool_size.value_or(stock.settings.default_pool_size);
    if (const Untruth untruth = differs(database->name + ": pool_size",
                                        answer.number(row, "pool_size"), {size, size})) {
      return untruth;
    }
    if (said(answer, row, "host") != database->host) {
      return database->name + " is said to be at " + said(answer, row, "host") + ", and is at " +
             database->host;
    }
  }
  return std::nullopt;
}

// "15", "0.4".
std::string shown_seconds(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 == 0) return text;
  const std::string thousandths = std::to_string(1000 + ms % 1000).substr(1);
  return text + "." + thousandths.substr(0, thousandths.find_last_not_of('0') + 1);
}

Untruth config_untruth(const ConsoleAnswer& answer, const Stock& stock) {
  const Settings& settings = stock.settings;
  std::map<std::string, std::string> is{
      {"default_pool_size", std::to_string(settings.default_pool_size)},
      {"reserve_pool_size", std::to_string(settings.reserve_pool_size)},
      {"min_pool_size", std::to_string(settings.min_pool_size)},
      {"max_client_conn", std::to_string(settings.max_client_conn)},
      {"max_db_connections", std::to_string(settings.max_db_connections)},
      {"max_prepared_statements", std::to_string(settings.max_prepared_statements)},
      {"max_user_connections", std::to_string(settings.max_user_connections)},
      {"server_lifetime", shown_seconds(settings.server_lifetime)},
      {"server_idle_timeout", shown_seconds(settings.server_idle_timeout)},
      {"cancel_wait_timeout", shown_seconds(settings.cancel_wait_timeout)}};
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const auto known = is.find(said(answer, row, "key"));
    if (known == is.end()) continue;
    if (said(answer, row, "value") != known->second) {
      return known->first + " is said to be " + said(answer, row, "value") + ", and is " +
             known->second;
    }
    is.erase(known);
  }
  if (is.empty()) return std::nullopt;
  return "it leaves out " + is.begin()->first;
}

// Not every byte counts: what came before a login was over does not, nor what no server was asked.
Untruth stats_untruth(const ConsoleAnswer& answer, const Stock& stock) {
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    const std::string name = said(answer, row, "database");
    const auto traffic = stock.census.traffic().find(name);
    const Census::Traffic is =
        traffic == stock.census.traffic().end() ? Census::Traffic{} : traffic->second;
    for (const auto& [column, most] :
         {std::pair("total_received", is.of_clients), std::pair("total_sent", is.of_servers)}) {
      const Range range{0, static_cast<std::int64_t>(most)};
      if (const Untruth untruth =
              differs(name + ": " + column, answer.number(row, column), range)) {
        return untruth;
      }
    }
  }
  return std::nullopt;
}

Untruth version_untruth(const ConsoleAnswer& answer, const Stock&) {
  const bool right = answer.rows.size() == 1 && answer.rows[0].size() == 1 &&
                     answer.rows[0][0].starts_with("PgBouncer 1.") &&
                     answer.rows[0][0].find("(pgweir ") != std::string::npos;
  return right ? std::nullopt : Untruth("no version of PgBouncer's and pgweir's");
}

struct Judge {
  std::string_view command;
  Untruth (*judge)(const ConsoleAnswer& answer, const Stock& stock);
};

constexpr std::array<Judge, 8> judges{{{"SHOW STATS", stats_untruth},
                                       {"SHOW POOLS", pools_untruth},
                                       {"SHOW CLIENTS", clients_untruth},
                                       {"SHOW SERVERS", servers_untruth},
                                       {"SHOW DATABASES", databases_untruth},
                                       {"SHOW USERS",
                                        [](const ConsoleAnswer& answer, const Stock& stock) {
                                          std::set<std::string> names;
                                          for (const UserSettings& user : stock.settings.users) {
                                            if (user.name != "*") names.insert(user.name);
                                          }
                                          return users_of(answer, stock, &Login::user, names);
                                        }},
                                       {"SHOW CONFIG", config_untruth},
                                       {"SHOW VERSION", version_untruth}}};

}  // namespace

std::optional<std::string> untruth(std::string_view command, const ConsoleAnswer& answer,
                                   const Stock& stock) {
  const auto judge = std::ranges::find(judges, command, &Judge::command);
  return judge == judges.end() ? std::nullopt : judge->judge(answer, stock);
}

}  // namespace pgweir::sim
