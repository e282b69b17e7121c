// What one query costs Machine::step: a program to run under callgrind, by check_instructions.
//
//   step_instructions simple|extended COUNT
//
// One client logs in, then COUNT queries go through, each as two steps: what the client sent, and
// the server's five messages in answer. Every byte must arrive, so that a broken path is not
// measured as a cheap one. Prints what it was compiled with, since instructions depend on that.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/config/settings.h"
#include "core/event.h"
#include "sim/messages.h"
#include "sim/network.h"
#include "sim/shell.h"
#include "sim/toy_vault.h"

namespace {

using namespace pgweir;

#ifdef __clang__
constexpr std::string_view compiler = "clang";
constexpr int compiler_version = __clang_major__;
#else
constexpr std::string_view compiler = "gcc";
constexpr int compiler_version = __GNUC__;
#endif

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "step_instructions: %s\n", what);
  std::exit(1);
}

struct Conversation {
  std::string request;
  std::string reply;
};

Conversation simple_query() {
  return {sim::query("select * from two_rows"),
          sim::row_description({"a"}) + sim::data_row({"1"}) + sim::data_row({"2"}) +
              sim::message('C', sim::cstring("SELECT 2")) + sim::message('Z', "I")};
}

Conversation extended_query() {
  return {sim::parse("", "select $1") + sim::bind("", "", {"1"}) + sim::execute("") + sim::sync(),
          sim::message('1') + sim::message('2') + sim::data_row({"1"}) +
              sim::message('C', sim::cstring("SELECT 1")) + sim::message('Z', "I")};
}

// A PostgreSQL that trusts everybody and has one answer.
class OneAnswer : public sim::Host {
 public:
  explicit OneAnswer(Conversation conversation) : conversation_(std::move(conversation)) {}

  Welcome welcome() const override { return Welcome::accept; }
  void accepted(std::shared_ptr<sim::Stream> stream) override {
    if (stream_ != nullptr) fail("a second server was opened");
    stream_ = std::move(stream);
  }
  void turn() override {
    if (stream_ == nullptr) return;
    heard_ += stream_->read();
    if (heard_.empty()) return;
    if (!started_) {
      started_ = true;
      stream_->write(greeting());
    } else if (heard_ == conversation_.request) {
      stream_->write(conversation_.reply);
    } else {
      fail("the request did not reach the server as it was sent, in one piece");
    }
    heard_.clear();
  }

 private:
  static std::string greeting() {
    return sim::message('R', sim::int32(0)) + sim::parameter_status("server_version", "15.0") +
           sim::parameter_status("client_encoding", "UTF8") +
           sim::parameter_status("DateStyle", "ISO, MDY") +
           sim::parameter_status("TimeZone", "Etc/UTC") +
           sim::parameter_status("standard_conforming_strings", "on") +
           sim::parameter_status("application_name", "") +
           sim::message('K', sim::int32(1) + sim::int32(2)) + sim::message('Z', "I");
  }

  Conversation conversation_;
  std::shared_ptr<sim::Stream> stream_;
  std::string heard_;
  bool started_ = false;
};

Settings settings() {
  Settings settings;
  settings.auth_type = AuthType::trust;
  settings.listen_addr = {"127.0.0.1"};
  DatabaseSettings& database = settings.databases.emplace_back();
  database.name = "bench";
  database.host = "127.0.0.1";
  settings.users.emplace_back().name = "bench";
  return settings;
}

void run(const Conversation& conversation, std::uint64_t count) {
  sim::ToyVault vault(1);
  OneAnswer postgres(conversation);
  sim::Clock clock;
  Machine machine(settings(), vault, Seat{});
  MachineStepper stepper(machine);
  sim::Shell shell(clock, stepper, vault);
  const Endpoint host = sim::ipv4(127, 0, 0, 1, 5432);
  shell.add_host(host, postgres);
  shell.set_name("127.0.0.1", {host});
  const std::shared_ptr<sim::Stream> client = shell.connect();
  client->write(sim::startup({{"user", "bench"}, {"database", "bench"}}));
  shell.run();
  if (!client->read().ends_with(sim::message('Z', "I"))) fail("the login did not succeed");
  const std::uint64_t steps_before = shell.step_count();
  for (std::uint64_t i = 0; i < count; ++i) {
    client->write(conversation.request);
    shell.run();
    if (client->read() != conversation.reply) fail("the client did not get the server's reply");
  }
  if (shell.step_count() - steps_before != 2 * count) fail("a query took other than two steps");
  if (!shell.complaints().empty()) fail(shell.complaints().front().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view protocol = argc == 3 ? argv[1] : "";
  const std::string_view digits = argc == 3 ? argv[2] : "";
  std::uint64_t count = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (parsed.ec != std::errc{} || (protocol != "simple" && protocol != "extended")) {
    std::fputs("usage: step_instructions simple|extended COUNT\n", stderr);
    return 2;
  }
  run(protocol == "simple" ? simple_query() : extended_query(), count);
  std::puts(join(compiler, "-", compiler_version).c_str());
}
