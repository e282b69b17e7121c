#include "sim/mixed_run.h"

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "sim/world.h"

namespace pgweir::sim {

namespace {

constexpr int turn_count = 80;
constexpr std::size_t mixed_client_count = 5;

// SplitMix64. A draw fills an out-parameter and returns nothing: compilers differ in the order of
// arguments, and two draws in one expression would be two different runs.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}

  // 0 to count - 1.
  void index(std::size_t count, std::size_t& out) {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    out = static_cast<std::size_t>((mixed ^ (mixed >> 31)) % count);
  }
  template <class T>
  void one_of(std::span<const T> choices, T& out) {
    std::size_t chosen = 0;
    index(choices.size(), chosen);
    out = choices[chosen];
  }

 private:
  std::uint64_t state_;
};

const std::vector<std::string>& scripts() {
  static const std::vector<std::string> all{
      query("select 'a'"),
      query(""),
      query("select 'a'; error 22012; select 'b'"),
      query("rows 300 100"),
      query("set TimeZone = UTC; notice hello"),
      query("set application_name = mixed"),
      query("begin; insert one"),
      query("commit"),
      query("rollback"),
      query("begin; error"),
      query("sleep"),
      query("fatal 57P01"),
      query("discard all"),
      query("no such statement"),
      query("copy out 20"),
      query("copy in") + copy_data("one") + copy_data("two") + copy_done(),
      query("copy in") + copy_fail("no"),
      query("copy in fail") + copy_data("one") + copy_done(),
      unnamed_query("select 'a'") + sync(),
      unnamed_query("select 'a'") + unnamed_query("error") + unnamed_query("select 'b'") + sync(),
      unnamed_query("fail at bind") + query("select 'skipped'") + sync(),
      unnamed_query("select 'a'") + flush() + unnamed_query("select 'b'") + sync() + sync(),
      unnamed_query("copy in") + sync() + copy_data("one") + copy_done() + sync(),
      parse("", "rows 5 10") + describe('S', "") + bind("", "") + describe('P', "") +
          execute("", 2) + execute("", 0) + sync(),
      parse("named", "select 'n'") + bind("", "named") + execute("") + sync(),
      bind("", "") + execute("") + close('P', "") + sync(),
      query("select '" + std::string(9000, 'l') + "'"),
      terminate(),
  };
  return all;
}

class Mixed {
 public:
  explicit Mixed(std::uint64_t seed) : draws_(seed), cuts_(~seed) {
    set_up_settings();
    set_up_network();
    set_up_server();
    for (Client*& client : clients_) client = &new_client();
  }

  MixedRun run() {
    for (int turn = 0; turn < turn_count && !world_.shell().exit_status(); ++turn) take_turn();
    std::string complaints = world_.finish();
    return {world_.shell().trace_hash(), world_.shell().step_count(), std::move(complaints)};
  }

 private:
  void set_up_settings();
  void set_up_network();
  void set_up_server();
  Client& new_client();

  // A client; where one has gone a new one comes.
  Client& any_client();
  void take_turn();
  void speak();
  void speak_together();
  void log_in_wrongly();
  void say_nothing();
  void ask_the_console();
  void cancel();
  void lose_a_client();
  void stop_or_resume_reading();
  void wake_sleepers();
  void pass_time();
  void lose_the_servers();
  void change_the_welcome();
  void reload();

  Draws draws_;
  Draws cuts_;
  World world_;
  std::array<Client*, mixed_client_count> clients_{};
};

void Mixed::set_up_settings() {
  using std::chrono::seconds;
  constexpr std::array<Duration, 3> timeouts{seconds(0), seconds(7), seconds(45)};
  Settings& settings = world_.settings;
  settings.auth_type = AuthType::scram_sha_256;
  settings.admin_users = {"root"};
  settings.server_cleartext_password = true;
  settings.databases[0].host = "db.example";
  std::size_t drawn = 0;
  draws_.index(3, drawn);
  settings.default_pool_size = static_cast<std::int32_t>(drawn) + 1;
  draws_.index(2, drawn);
  settings.min_pool_size = static_cast<std::int32_t>(drawn);
  draws_.index(2, drawn);
  settings.reserve_pool_size = static_cast<std::int32_t>(drawn);
  draws_.index(4, drawn);
  settings.max_client_conn = static_cast<std::int32_t>(mixed_client_count + drawn);
  draws_.one_of<Duration>(timeouts, settings.query_timeout);
  draws_.one_of<Duration>(timeouts, settings.query_wait_timeout);
  draws_.one_of<Duration>(timeouts, settings.idle_transaction_timeout);
  draws_.one_of<Duration>(timeouts, settings.transaction_timeout);
  draws_.one_of<Duration>(timeouts, settings.client_idle_timeout);
  draws_.one_of<Duration>(timeouts, settings.server_idle_timeout);
  world_.add_user("ann", "secret");
  world_.add_user("bob", "other");
  world_.add_user("root", "toor");
}

void Mixed::set_up_network() {
  constexpr std::array<std::size_t, 4> capacities{64, 1000, 10'000, 256 * 1024};
  draws_.one_of<std::size_t>(capacities, world_.shell_options.pipe_capacity);
  std::size_t whole = 0;
  draws_.index(3, whole);
  if (whole == 0) return;
  world_.shell_options.cut = [this](std::size_t size) {
    std::size_t part = 0;
    cuts_.index(size, part);
    return part + 1;
  };
}

void Mixed::set_up_server() {
  using Auth = ServerOptions::Auth;
  constexpr std::array<Auth, 4> ways{Auth::trust, Auth::cleartext, Auth::md5, Auth::scram};
  draws_.one_of<Auth>(ways, world_.postgres.options().auth);
  world_.postgres.options().passwords = {{"ann", "secret"}, {"bob", "other"}};
  world_.shell().set_name("db.example", {ipv4(10, 0, 0, 1, 0)});
}

Client& Mixed::new_client() {
  std::size_t drawn = 0;
  draws_.index(4, drawn);
  if (drawn == 0) return world_.client({.user = "bob", .password = "other"});
  const Parameters more{{"application_name", "client " + std::to_string(drawn)}};
  return world_.client({.password = "secret", .more = more});
}

Client& Mixed::any_client() {
  std::size_t drawn = 0;
  draws_.index(mixed_client_count, drawn);
  if (clients_[drawn]->ended()) clients_[drawn] = &new_client();
  return *clients_[drawn];
}

void Mixed::take_turn() {
  // What is there more than once comes more often.
  static constexpr std::array<void (Mixed::*)(), 20> turns{
      &Mixed::speak,           &Mixed::speak,
      &Mixed::speak,           &Mixed::speak,
      &Mixed::speak,           &Mixed::speak_together,
      &Mixed::speak_together,  &Mixed::speak_together,
      &Mixed::log_in_wrongly,  &Mixed::say_nothing,
      &Mixed::ask_the_console, &Mixed::cancel,
      &Mixed::cancel,          &Mixed::lose_a_client,
      &Mixed::wake_sleepers,   &Mixed::stop_or_resume_reading,
      &Mixed::pass_time,       &Mixed::lose_the_servers,
      &Mixed::reload,          &Mixed::change_the_welcome,
  };
  std::size_t drawn = 0;
  draws_.index(turns.size(), drawn);
  (this->*turns[drawn])();
  world_.run();
}

void Mixed::speak() {
  std::string script;
  draws_.one_of<std::string>(scripts(), script);
  any_client().say(script);
}

void Mixed::speak_together() {
  for (int i = 0; i < 4; ++i) speak();
}

void Mixed::log_in_wrongly() {
  std::size_t drawn = 0;
  draws_.index(3, drawn);
  if (drawn == 0) world_.client({.password = "wrong"});
  if (drawn == 1) world_.client({.user = "nobody", .password = "secret"});
  if (drawn == 2) world_.client({.database = "nowhere", .password = "secret"});
}

// Not even a startup packet, or half of one.
void Mixed::say_nothing() {
  Client& client = world_.connect();
  std::size_t size = 0;
  draws_.index(9, size);
  client.say(ssl_request().substr(0, size));
}

void Mixed::ask_the_console() {
  constexpr std::array<std::string_view, 6> questions{"show pools", "show clients", "show servers",
                                                      "show stats", "show config",  "nonsense"};
  std::string_view question;
  draws_.one_of<std::string_view>(questions, question);
  Client& admin = world_.client({.user = "root", .database = "pgbouncer", .password = "toor"});
  world_.query(admin, question);
  admin.say(terminate());
}

void Mixed::cancel() {
  const Client& victim = any_client();
  std::size_t wrong = 0;
  draws_.index(4, wrong);
  world_.connect().say(
      cancel_request(victim.pid(), wrong == 0 ? almost(victim.secret()) : victim.secret()));
}

void Mixed::lose_a_client() {
  std::size_t rudely = 0;
  draws_.index(2, rudely);
  Client& client = any_client();
  if (rudely == 1) {
    client.vanish();
  } else {
    client.finish();
  }
}

void Mixed::stop_or_resume_reading() {
  std::size_t on = 0;
  draws_.index(2, on);
  any_client().read(on == 1);
}

void Mixed::wake_sleepers() { world_.postgres.wake_sleepers(); }

void Mixed::pass_time() {
  constexpr std::array<Duration, 4> spans{std::chrono::milliseconds(30), std::chrono::seconds(4),
                                          std::chrono::seconds(31), std::chrono::minutes(11)};
  Duration span{};
  draws_.one_of<Duration>(spans, span);
  world_.advance(span);
}

void Mixed::lose_the_servers() {
  std::size_t how = 0;
  draws_.index(3, how);
  if (how == 0) world_.postgres.end_all("57P01");
  if (how == 1) world_.postgres.vanish_all();
  if (how == 2) world_.postgres.close_all();
}

void Mixed::change_the_welcome() {
  using Welcome = Host::Welcome;
  constexpr std::array<Welcome, 4> welcomes{Welcome::accept, Welcome::accept, Welcome::refuse,
                                            Welcome::never_answer};
  Welcome welcome{};
  draws_.one_of<Welcome>(welcomes, welcome);
  world_.postgres.set_welcome(welcome);
}

// Pools of another size; now and then the settings cannot be read.
void Mixed::reload() {
  std::size_t drawn = 0;
  draws_.index(4, drawn);
  if (drawn > 0) world_.settings.default_pool_size = static_cast<std::int32_t>(drawn);
  world_.shell().set_settings(drawn > 0 ? std::optional(world_.settings) : std::nullopt);
  world_.shell().command(event::Command::reload);
}

}  // namespace

MixedRun mixed_run(std::uint64_t seed) { return Mixed(seed).run(); }

}  // namespace pgweir::sim
