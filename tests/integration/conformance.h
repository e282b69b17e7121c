// The simulator's model of PostgreSQL beside the installed one: the same scripts, and the same
// answers. What the simulator proves, it proves about servers like the model; where the two differ,
// PostgreSQL is right and the model is wrong.
//
// The model has a language of its own for some of what SQL says in many ways; Dialect has both.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "sim/client.h"
#include "sim/clock.h"
#include "sim/postgres.h"
#include "tests/integration/environment.h"
#include "tests/integration/raw_client.h"

namespace pgweir::integration {

// The simulator's writers of messages, by the names that both sides' languages share.
using sim::bind;
using sim::copy_data;
using sim::copy_done;
using sim::copy_fail;
using sim::execute;
using sim::parse;
using sim::sync;

struct Dialect {
  std::string error;         // fails with 22012 when it is executed
  std::string fail_at_bind;  // fails with 22012 when it is planned
  std::string insert;
  std::string copy_in;
  std::string copy_in_fail;  // fails with 22P04 at the first line
  std::string copy_out;      // two lines
  std::string rows;          // three
  std::string sleep;         // until it is cancelled
};

// A client with a server, and nothing between them but a wire.
class Side {
 public:
  Side() = default;
  virtual ~Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  virtual void carry() = 0;
  virtual void cancel(std::uint32_t pid, const std::string& secret) = 0;

  sim::Client& client() { return *client_; }
  void log_in(const std::string& user, const std::string& database);
  void wait_for_login();
  // What is heard, until it is as much as is expected, or nothing comes any more.
  std::string hear(const std::string& expected);

 protected:
  std::shared_ptr<sim::Stream> near_ = std::make_shared<sim::Stream>(1 << 20);

 private:
  std::unique_ptr<sim::Client> client_ = std::make_unique<sim::Client>(near_, "client");
};

// Time passes for the model as it does for us.
class ModelSide final : public Side {
 public:
  ModelSide(sim::Postgres& model, sim::Clock& clock);
  void carry() override;
  void cancel(std::uint32_t pid, const std::string& secret) override;

 private:
  sim::Postgres& model_;
  sim::Clock& clock_;
  std::shared_ptr<sim::Stream> far_ = std::make_shared<sim::Stream>(1 << 20);
};

class RealSide final : public Side {
 public:
  explicit RealSide(int port) : port_(port), socket_(port) {}
  void carry() override;
  void cancel(std::uint32_t pid, const std::string& secret) override;

 private:
  int port_;
  RawClient socket_;
  bool over_ = false;
};

// One script, said to both.
class ConformanceTest : public IntegrationTest {
 protected:
  using Say = std::function<std::string(const Dialect&)>;
  struct Pair {
    std::unique_ptr<ModelSide> model;
    std::unique_ptr<RealSide> real;
    std::array<Side*, 2> sides() const { return {model.get(), real.get()}; }
  };

  void SetUp() override;
  // Another connection to both, or to a PostgreSQL at another port.
  Pair connect(int port = 0);
  Pair log_in(const std::string& user = "trusted", const std::string& database = "appdb");

  static void expect(Pair& pair, const Say& say, const std::string& expected);
  // SQL that is the same for both.
  static void expect(Pair& pair, const std::string& bytes, const std::string& expected);
  void expect(const Say& say, const std::string& expected) { expect(first_, say, expected); }
  void expect(const std::string& bytes, const std::string& expected) {
    expect(first_, bytes, expected);
  }
  // What comes without having been asked for.
  void expect_heard(const std::string& expected) { expect(std::string(), expected); }
  // That the answer to what was said before is complete, and nothing is behind it.
  void expect_nothing_more();
  void cancel(bool with_the_right_key = true);
  // Until this is so in pg_stat_activity.
  void wait_until(const std::string& condition);

  sim::ServerOptions model_options_;
  sim::Clock clock_;
  std::unique_ptr<sim::Postgres> model_;
  Pair first_;  // logged in as one who is no superuser
};

std::string pipeline(const std::string& sql);

}  // namespace pgweir::integration
