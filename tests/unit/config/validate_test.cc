// Relations between settings, and names that the resolver and the kernel will be given.
#include "core/config/validate.h"

#include <gtest/gtest.h>

namespace pgweir::config {
namespace {

// One line an objection, so that a test can compare them all.
std::string objections(const Settings& settings) {
  std::string out;
  for (const Objection& objection : validate(settings)) {
    out += objection.setting.empty() ? "database " + objection.database : objection.setting;
    out += objection.fatal ? ": " : ": warning: ";
    out += objection.message + "\n";
  }
  return out;
}

Settings with_database(DatabaseSettings database) {
  Settings settings;
  settings.databases.push_back(std::move(database));
  return settings;
}

std::string host_objections(std::string host) {
  return objections(with_database({.name = "app", .host = std::move(host)}));
}

TEST(Validate, HasNothingAgainstTheDefaults) { EXPECT_EQ(objections({}), ""); }

TEST(Validate, WantsSomethingToListenOn) {
  Settings settings;
  settings.unix_socket_dir.clear();
  EXPECT_EQ(objections(settings),
            "listen_addr: nothing to listen on: set listen_addr or unix_socket_dir\n");
  settings.listen_addr = {"*"};
  EXPECT_EQ(objections(settings), "");
}

TEST(Validate, TakesHostsThatAreNamesAddressesOrDirectories) {
  const std::string label(63, 'a');
  for (const std::string& host :
       {std::string("db"), std::string("db-1.prod_eu.example.com"), std::string("db.example."),
        std::string("xn--bcher-kva.example"), std::string("10.0.0.255"), std::string("::1"),
        std::string("2001:db8::ffff:10.0.0.1"), std::string("/var/run/postgresql"),
        label + "." + label + "." + label + "." + std::string(61, 'b')}) {
    EXPECT_EQ(host_objections(host), "") << host;
  }
}

TEST(Validate, RefusesHostsThatNoResolverShouldSee) {
  const std::string label(63, 'a');
  for (const std::string& host : {std::string(""),
                                  std::string("a b"),
                                  std::string("-a.example"),
                                  std::string("a-.example"),
                                  std::string("a..b"),
                                  std::string("."),
                                  std::string("db%eth0"),
                                  std::string("b\xc3\xbc"),
                                  std::string("300.1.1.1"),
                                  std::string("1.2.3"),
                                  std::string("1.2.3.4.5"),
                                  std::string("1..2.3"),
                                  std::string("fe80::1%eth0"),
                                  std::string("[::1]"),
                                  std::string("a:b"),
                                  std::string("db:5432"),
                                  std::string("a,b"),
                                  std::string("@abstract"),
                                  std::string(64, 'a'),
                                  std::string("a\0b", 3),
                                  std::string("a;b"),
                                  label + "." + label + "." + label + "." + std::string(62, 'b')}) {
    EXPECT_NE(host_objections(host), "") << host;
  }
}

TEST(Validate, SaysThatSeveralHostsAreNotThereYet) {
  EXPECT_EQ(host_objections("a,b"),
            "database app: host: several hosts are not supported yet; name one\n");
}

TEST(Validate, ChecksListenAddressesLikeHosts) {
  Settings settings;
  settings.listen_addr = {"127.0.0.1", "*", "localhost", "::"};
  EXPECT_EQ(objections(settings), "");
  settings.listen_addr = {"127.0.0.256", "/tmp"};
  EXPECT_EQ(objections(settings),
            "listen_addr: this is no IPv4 address\n"
            "listen_addr: unix sockets are set by unix_socket_dir\n");
}

TEST(Validate, KnowsHowLongTheKernelLetsASocketsPathBe) {
  // "/.s.PGSQL.6432" is 14 bytes, and 107 fit.
  Settings settings;
  settings.unix_socket_dir = "/" + std::string(92, 'd');
  EXPECT_EQ(objections(settings), "");
  settings.unix_socket_dir += "d";
  EXPECT_EQ(objections(settings),
            "unix_socket_dir: the socket's path would be 108 bytes long, at most 107 are possible; "
            "use a shorter directory\n");
  EXPECT_NE(host_objections("/" + std::string(200, 'd')), "");
}

TEST(Validate, RefusesAMinimumAboveTheMaximum) {
  Settings settings;
  settings.min_pool_size = 30;
  EXPECT_EQ(objections(settings), "min_pool_size: 30 is more than default_pool_size 20\n");
  settings.default_pool_size = 0;
  EXPECT_EQ(objections(settings), "") << "0 is no limit";

  EXPECT_EQ(
      objections(with_database({.name = "app", .host = "db", .pool_size = 5, .min_pool_size = 6})),
      "database app: min_pool_size 6 is more than pool_size 5\n");
}

TEST(Validate, WarnsWhenADatabasesSizesContradictTheGlobalOnes) {
  Settings settings = with_database({.name = "app", .host = "db", .pool_size = 5});
  settings.min_pool_size = 10;
  EXPECT_EQ(objections(settings),
            "database app: warning: min_pool_size 10 is more than pool_size 5 (one of them is the "
            "global one): the smaller one counts\n");
}

TEST(Validate, KeepsTheAdminDatabasesNames) {
  for (const char* name : {"pgbouncer", "pgweir"}) {
    EXPECT_EQ(objections(with_database({.name = name, .host = "db"})),
              std::string("database ") + name +
                  ": this name is the admin database's own; choose another\n");
  }
}

TEST(Validate, WarnsOfPrivilegesNobodyCanUse) {
  Settings settings;
  settings.users = {{.name = "anna"}};
  settings.admin_users = {"anna", "pgbouncer", "nan"};
  settings.stats_users = {"stat"};
  EXPECT_EQ(objections(settings),
            "admin_users: warning: user \"nan\" is not in auth_file or [users], so nobody can log "
            "in by this name\n"
            "stats_users: warning: user \"stat\" is not in auth_file or [users], so nobody can log "
            "in by this name\n");
}

}  // namespace
}  // namespace pgweir::config
