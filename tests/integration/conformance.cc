#include "tests/integration/conformance.h"

namespace pgweir::integration {

namespace {

const Dialect model_dialect{.error = "error",
                            .fail_at_bind = "fail at bind",
                            .insert = "insert a",
                            .copy_in = "copy in",
                            .copy_in_fail = "copy in fail",
                            .copy_out = "copy out 2",
                            .rows = "rows 3 1",
                            .sleep = "sleep"};

const Dialect sql_dialect{
    .error = "do $$ begin perform 1/0; end $$",
    .fail_at_bind = "select 1/0",
    .insert = "insert into conformance values ('a')",
    .copy_in = "copy conformance from stdin",
    .copy_in_fail = "copy conformance from stdin (delimiter '|')",
    .copy_out = "copy (select 'line ' || i from generate_series(0, 1) i) to stdout",
    .rows = "select 'x' from generate_series(1, 3)",
    .sleep = "select pg_sleep(1000)"};

// "X*3" is "X X X": how often words are counted together depends on when they are looked at.
std::string spelt_out(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    int depth = 0;
    std::size_t end = at;
    for (; end < text.size() && (text[end] != ' ' || depth > 0); ++end) {
      depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
    }
    std::string word = text.substr(at, end - at);
    const std::size_t star = word.rfind('*');
    const bool counted = star != std::string::npos && word.find(')', star) == std::string::npos;
    const int count = counted ? std::stoi(word.substr(star + 1)) : 1;
    if (counted) word.resize(star);
    for (int i = 0; i < count; ++i) out += (out.empty() ? "" : " ") + word;
    at = end + 1;
  }
  return out;
}

// The model's clock began when this did.
Instant model_time() {
  static const auto began = std::chrono::steady_clock::now();
  return after(Instant(std::chrono::hours(1)), std::chrono::steady_clock::now() - began);
}

}  // namespace

std::string pipeline(const std::string& sql) { return parse("", sql) + bind("", "") + execute(""); }

void Side::log_in(const std::string& user, const std::string& database) {
  client().log_in({.user = user, .database = database});
  wait_for_login();
}

void Side::wait_for_login() {
  EXPECT_TRUE(eventually([&] {
    carry();
    return client().logged_in();
  }));
}

std::string Side::hear(const std::string& expected) {
  std::string heard;
  eventually([&] {
    carry();
    const std::string more = spelt_out(client().heard());
    heard += (heard.empty() || more.empty() ? "" : " ") + more;
    return heard.size() >= expected.size();
  });
  return heard;
}

ModelSide::ModelSide(sim::Postgres& model, sim::Clock& clock) : model_(model), clock_(clock) {
  model_.accepted(far_);
}

void ModelSide::carry() {
  while (clock_.next() <= model_time()) {
    clock_.move_to(std::max(clock_.now(), clock_.next()));
    while (clock_.run_due()) continue;
  }
  clock_.move_to(std::max(clock_.now(), model_time()));
  for (int quiet = 0; quiet < 3; ++quiet) {
    client().turn();
    if (near_->readable_size() + far_->readable_size() > 0) quiet = 0;
    far_->send(near_->receive(1 << 20));
    near_->send(far_->receive(1 << 20));
    if (far_->peer_finished()) near_->close();
    model_.turn();
  }
}

void ModelSide::cancel(std::uint32_t pid, const std::string& secret) {
  auto wire = std::make_shared<sim::Stream>(1 << 20);
  model_.accepted(wire);
  wire->send(sim::cancel_request(pid, secret));
  model_.turn();
  EXPECT_TRUE(wire->peer_finished());
  EXPECT_EQ(wire->readable_size(), 0u);
}

void RealSide::carry() {
  client().turn();
  socket_.send(near_->receive(1 << 20));
  while (!over_ && socket_.readable()) {
    const std::string byte = socket_.read(1);
    over_ = byte.empty();
    if (over_) near_->close();
    near_->send(byte);
  }
  client().turn();
}

void RealSide::cancel(std::uint32_t pid, const std::string& secret) {
  RawClient wire(port_);
  wire.send(cancel_request(pid, secret));
  EXPECT_TRUE(wire.at_end());
}

void ConformanceTest::SetUp() {
  IntegrationTest::SetUp();
  Session direct = postgres().direct();
  direct.run("create table if not exists conformance (value text)");
  direct.run("truncate conformance");
  direct.run("grant all on conformance to trusted");
  model_options_.clock = &clock_;
  model_options_.databases = {"appdb", "otherdb"};
  clock_.move_to(std::max(clock_.now(), model_time()));
  model_ = std::make_unique<sim::Postgres>(model_options_);
  first_ = log_in();
}

ConformanceTest::Pair ConformanceTest::connect(int port) {
  return {std::make_unique<ModelSide>(*model_, clock_),
          std::make_unique<RealSide>(port > 0 ? port : postgres().port())};
}

ConformanceTest::Pair ConformanceTest::log_in(const std::string& user,
                                              const std::string& database) {
  Pair pair = connect();
  pair.model->log_in(user, database);
  pair.real->log_in(user, database);
  return pair;
}

void ConformanceTest::expect(Pair& pair, const Say& say, const std::string& expected) {
  pair.model->client().say(say(model_dialect));
  pair.real->client().say(say(sql_dialect));
  EXPECT_EQ(pair.model->hear(expected), expected) << "the model answers otherwise";
  EXPECT_EQ(pair.real->hear(expected), expected) << "PostgreSQL answers otherwise";
}

void ConformanceTest::expect(Pair& pair, const std::string& bytes, const std::string& expected) {
  expect(pair, [&](const Dialect&) { return bytes; }, expected);
}

void ConformanceTest::expect_nothing_more() {
  expect(sim::query("select 'end'"), "T D(end) C(SELECT 1) Z(I)");
}

void ConformanceTest::cancel(bool with_the_right_key) {
  for (Side* side : first_.sides()) {
    const std::string& secret = side->client().secret();
    side->cancel(side->client().pid(), with_the_right_key ? secret : sim::almost(secret));
  }
}

void ConformanceTest::wait_until(const std::string& condition) {
  Session direct = postgres().direct();
  const std::string sql = "select count(*) from pg_stat_activity where " + condition +
                          " and pid = " + std::to_string(first_.real->client().pid());
  EXPECT_TRUE(eventually([&] { return direct.run(sql).value() == "1"; })) << condition;
}

}  // namespace pgweir::integration
