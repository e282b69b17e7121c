// libpqxx: transactions that begin when first needed, cursors, streams over COPY, its pipeline,
// which joins statements, and notifications.
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <pqxx/pqxx>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace {

// So many at the same time, each more than any pool has servers: workers, and connections that take
// turns.
constexpr int workers = 20;
constexpr int crowd_size = 8;
constexpr int rounds = 10;
// How long something that will come may take; whatever waits for it fails after that.
constexpr std::chrono::seconds time_max(3);

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(const std::string& name, const std::function<void()>& body) {
  const char* const only = std::getenv("PGWEIR_CHECK");
  if (only != nullptr && name != only) return;
  std::cout << "run " << name << std::endl;
  try {
    body();
    std::cout << "ok " << name << std::endl;
  } catch (const std::exception& error) {
    std::string why = error.what();
    for (char& letter : why) letter = letter == '\n' ? ' ' : letter;
    std::cout << "not ok " << name << ": " << why << std::endl;
  }
}

template <typename T>
void same(const T& found, const T& wanted) {
  if (found == wanted) return;
  std::ostringstream why;
  why << found << " came, not " << wanted;
  throw Failed(why.str());
}

void refused(const std::string& sqlstate, const std::function<void()>& call) {
  try {
    call();
  } catch (const pqxx::sql_error& error) {
    if (error.sqlstate() == sqlstate) return;
    throw;
  }
  throw Failed("no error " + sqlstate);
}

// The only column of the only row, outside of any transaction. The address is the environment's.
std::string ask(pqxx::connection& connection, const std::string& sql) {
  pqxx::nontransaction direct(connection);
  return direct.exec1(sql)[0].c_str();
}

void tell(pqxx::connection& connection, const std::string& sql) {
  pqxx::nontransaction(connection).exec(sql);
}

void values() {
  pqxx::connection connection;
  pqxx::work work(connection);
  const pqxx::row row = work.exec_params1(
      "SELECT $1::int, $2::bigint, $3::text, $4::bool, $5::float8, NULL, '\\x00ff'::bytea", 7,
      1L << 40, "Grüße ☂", true, 0.1);
  same(row[0].as<int>(), 7);
  same(row[1].as<long>(), 1L << 40);
  same(row[2].as<std::string>(), std::string("Grüße ☂"));
  same(row[3].as<bool>(), true);
  same(row[4].as<double>(), 0.1);
  same(row[5].is_null(), true);
  same(pqxx::binarystring(row[6]).str(), std::string("\0\xff", 2));
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) text += "☂x";
  same(work.exec_params1("SELECT $1::text", text)[0].as<std::string>() == text, true);
}

void errors() {
  pqxx::connection connection;
  for (int i = 0; i < 3; ++i) {
    refused("22012", [&] { pqxx::work(connection).exec_params("SELECT 1/$1::int", 0); });
    refused("42601", [&] { tell(connection, "SELEKT"); });
    same(ask(connection, "SELECT 7"), std::string("7"));
  }
}

void transaction() {
  pqxx::connection one, other;
  tell(one, "CREATE TABLE kept (n int)");
  for (const bool kept : {false, true}) {
    pqxx::transaction<pqxx::serializable> work(one);
    work.exec("INSERT INTO kept VALUES (1)");
    refused("22012", [&] { pqxx::subtransaction(work).exec("SELECT 1/0"); });
    same(work.exec1("SELECT count(*) FROM kept")[0].as<int>(), 1);
    same(ask(other, "SELECT count(*) FROM kept"), std::string("0"));
    if (kept) work.commit();
  }
  same(ask(other, "SELECT count(*) FROM kept"), std::string("1"));
}

// Each with a text of its own: another one's statement would be a wrong answer.
void take_turns(const std::function<std::string(pqxx::work&, std::size_t, const std::string&)>& ask,
                const std::function<void(pqxx::connection&, std::size_t)>& prepare) {
  std::vector<pqxx::connection> crowd(crowd_size);
  for (std::size_t i = 0; i < crowd.size(); ++i) prepare(crowd[i], i);
  for (int turn = 0; turn < rounds; ++turn) {
    for (std::size_t i = 0; i < crowd.size(); ++i) {
      pqxx::work work(crowd[i]);
      const std::string parameter = "turn " + std::to_string(turn);
      same(ask(work, i, parameter), std::to_string(i) + parameter);
    }
  }
}

std::string text_of(std::size_t i) { return "SELECT '" + std::to_string(i) + "' || $1::text"; }

void unnamed_statements() {
  take_turns(
      [](pqxx::work& work, std::size_t i, const std::string& parameter) {
        return work.exec_params1(text_of(i), parameter)[0].as<std::string>();
      },
      [](pqxx::connection&, std::size_t) {});
}

void named_statements() {
  take_turns(
      [](pqxx::work& work, std::size_t, const std::string& parameter) {
        return work.exec_prepared1("own", parameter)[0].as<std::string>();
      },
      [](pqxx::connection& one, std::size_t i) { one.prepare("own", text_of(i)); });
}

void pipeline() {
  pqxx::connection connection;
  pqxx::nontransaction direct(connection);
  pqxx::pipeline pipe(direct);
  std::vector<pqxx::pipeline::query_id> asked;
  for (int i = 0; i < 100; ++i) asked.push_back(pipe.insert("SELECT " + std::to_string(i)));
  for (int i = 0; i < 100; ++i) {
    same(pipe.retrieve(asked[static_cast<std::size_t>(i)])[0][0].as<int>(), i);
  }
}

void server_side_cursor() {
  pqxx::connection connection;
  pqxx::work work(connection);
  pqxx::icursorstream cursor(work, "SELECT generate_series(1, 1000)", "numbers", 70);
  int count = 0;
  for (pqxx::result rows; cursor >> rows;) {
    for (const auto& row : rows) same(row[0].as<int>(), ++count);
  }
  same(count, 1000);
}

void copy_in() {
  pqxx::connection connection;
  tell(connection, "CREATE TABLE copied (n int, t text)");
  pqxx::work work(connection);
  pqxx::stream_to stream(work, "copied");
  for (int i = 0; i < 1000; ++i) stream << std::make_tuple(i, std::string("tab\t"));
  stream.complete();
  same(work.exec1("SELECT count(*) FROM copied WHERE t = E'tab\\t'")[0].as<int>(), 1000);
}

void copy_out() {
  pqxx::connection connection;
  tell(connection, "CREATE TABLE full_table AS SELECT generate_series(1, 1000) AS n, 'x' AS t");
  pqxx::work work(connection);
  pqxx::stream_from stream(work, "full_table");
  int count = 0;
  for (std::tuple<int, std::string> row; stream >> row;) same(std::get<0>(row), ++count);
  stream.complete();
  same(count, 1000);
  same(work.exec1("SELECT 7")[0].as<int>(), 7);
}

void cancel() {
  pqxx::connection one, other;
  for (int i = 0; i < 3; ++i) {
    auto asleep = std::async(std::launch::async,
                             [&] { refused("57014", [&] { tell(one, "SELECT pg_sleep(20)"); }); });
    const auto latest = std::chrono::steady_clock::now() + time_max;
    while (ask(other,
               "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> "
               "pg_backend_pid() AND datname = current_database() AND query LIKE '%pg_sleep%'") ==
           "0") {
      if (std::chrono::steady_clock::now() > latest) throw Failed("what is cancelled does not run");
    }
    one.cancel_query();
    asleep.get();
    same(ask(one, "SELECT 7"), std::string("7"));
  }
}

void concurrency() {
  pqxx::connection connection;
  tell(connection, "CREATE TABLE done (worker int)");
  std::vector<std::future<void>> all;
  for (int worker = 0; worker < workers; ++worker) {
    all.push_back(std::async(std::launch::async, [worker] {
      pqxx::connection own;
      for (int turn = 0; turn < rounds; ++turn) {
        pqxx::work work(own);
        work.exec_params("INSERT INTO done VALUES ($1)", worker);
        same(work.exec_params1("SELECT $1::int", 1000 * worker + turn)[0].as<int>(),
             1000 * worker + turn);
        work.commit();
      }
    }));
  }
  for (auto& one : all) one.get();
  same(ask(connection, "SELECT count(*) FROM done"), std::to_string(workers * rounds));
}

void startup_settings() {
  pqxx::connection connection("options='-c work_mem=1234kB'");
  same(ask(connection, "SHOW work_mem"), std::string("1234kB"));
}

struct Receiver : pqxx::notification_receiver {
  using pqxx::notification_receiver::notification_receiver;
  void operator()(const std::string& payload, int) override { came = payload; }
  std::string came = "nothing";
};

void listen() {
  pqxx::connection one, other;
  Receiver receiver(one, "news");
  tell(other, "NOTIFY news, 'hello'");
  one.await_notification(time_max.count(), 0);
  same(receiver.came, std::string("hello"));
}

// What is set is the session's.
void other_settings() {
  std::vector<pqxx::connection> crowd(crowd_size);
  const auto value = [](std::size_t i) { return "schema_" + std::to_string(i); };
  for (std::size_t i = 0; i < crowd.size(); ++i) tell(crowd[i], "SET search_path = " + value(i));
  for (std::size_t i = 0; i < crowd.size(); ++i) same(ask(crowd[i], "SHOW search_path"), value(i));
}

}  // namespace

int main() {
  std::cout << "driver libpqxx " << PQXX_VERSION << std::endl;
  check("values", values);
  check("errors", errors);
  check("transaction", transaction);
  check("unnamed statements", unnamed_statements);
  check("named statements", named_statements);
  check("pipeline", pipeline);
  check("server-side cursor", server_side_cursor);
  check("copy in", copy_in);
  check("copy out", copy_out);
  check("cancel", cancel);
  check("concurrency", concurrency);
  check("startup settings", startup_settings);
  check("listen", listen);
  check("other settings", other_settings);
}
