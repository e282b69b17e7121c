// Drives a PostgreSQL, or what stands in front of one, and costs little itself: the load that goes
// with stub_postgres.
//
//   load --port PORT --user USER --databases NAME,... --workload NAME --clients N --seconds N
//
// All clients log in, without a password, to the databases in turn. Then each sends a query and
// waits for its answer, again and again, and ends with the transaction in which the time is over.
// One thread, level-triggered epoll. The result is a line of JSON on standard output.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/messages.h"
#include "tests/benchmarks/loopback.h"

namespace pgweir::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<float, std::micro>;

constexpr std::size_t buffer_size = 16 * 1024;
constexpr int events_max = 64;
constexpr int silence_ms_max = 10'000;

// The queries of one transaction.
using Workload = std::vector<std::string_view>;
const std::map<std::string, Workload> workloads = {
    {"simple", {"select 1"}},
    {"transaction", {"begin", "select 1", "select 1", "commit"}},
};

struct Arguments {
  std::string port;
  std::string user;
  std::vector<std::string> databases;
  std::string workload;
  std::size_t clients = 0;
  unsigned seconds = 0;
};

[[noreturn]] void fail_with(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

// A connection on which one thing is asked at a time.
class Client {
 public:
  explicit Client(int socket) : socket_(socket) { send_without_delay(socket_); }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int socket() const { return socket_; }

  void send(std::string_view message) const {
    const ssize_t sent = ::send(socket_, message.data(), message.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(message.size())) fail("send");
  }

  // Waits for something to come; true: the answer is complete.
  bool receive() {
    std::array<char, buffer_size> buffer;
    const ssize_t got = recv(socket_, buffer.data(), buffer.size(), 0);
    if (got < 0) fail("recv");
    if (got == 0) fail_with("a connection was closed while it waited for an answer");
    heard_.feed({buffer.data(), static_cast<std::size_t>(got)});
    while (const auto message = heard_.next()) {
      if (message->type == 'Z') return true;
      if (message->type == 'E') fail_with("an error: " + sim::error_field(*message, 'M'));
      if (message->type == 'R' && sim::Body(message->body).int32() != 0) {
        fail_with("was asked for a password, and has none: let the user in by trust");
      }
    }
    return false;
  }

  std::size_t queries_answered = 0;  // of this transaction
  Clock::time_point began;           // it

 private:
  int socket_;
  sim::Framer heard_{false};
};

std::vector<std::unique_ptr<Client>> log_in(const Arguments& arguments) {
  std::vector<std::unique_ptr<Client>> clients;
  const sockaddr_in where = endpoint("127.0.0.1", arguments.port);
  for (std::size_t i = 0; i < arguments.clients; ++i) {
    const int socket = connect_to(where);
    if (socket < 0) fail("connect");
    Client& client = *clients.emplace_back(std::make_unique<Client>(socket));
    client.send(sim::startup({{"user", arguments.user},
                              {"database", arguments.databases[i % arguments.databases.size()]}}));
    while (!client.receive()) {
    }
  }
  return clients;
}

// Clients that are logged in, at work.
class Load {
 public:
  Load(std::vector<std::unique_ptr<Client>> clients, const Workload& workload)
      : clients_(std::move(clients)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    for (const std::string_view sql : workload) queries_.push_back(sim::query(sql));
    for (const auto& client : clients_) {
      watch(epoll_, EPOLL_CTL_ADD, client->socket(), EPOLLIN, client.get());
    }
  }

  void run(std::chrono::seconds duration) {
    began_ = Clock::now();
    end_ = began_ + duration;
    busy_count_ = clients_.size();
    for (const auto& client : clients_) begin_transaction(*client, began_);
    std::array<epoll_event, events_max> events;
    while (busy_count_ > 0) {
      const int count = epoll_wait(epoll_, events.data(), events_max, silence_ms_max);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      if (count == 0) fail_with("no client was answered for 10 seconds");
      for (int i = 0; i < count; ++i) {
        serve(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr));
      }
    }
    elapsed_ = Clock::now() - began_;
  }

  void print() {
    const auto transactions = latencies_.size();
    const double seconds = std::chrono::duration<double>(elapsed_).count();
    std::printf(
        "{\"transactions\": %zu, \"seconds\": %.3f, \"tps\": %.1f, "
        "\"median_us\": %.1f, \"p99_us\": %.1f}\n",
        transactions, seconds, static_cast<double>(transactions) / seconds, latency(0.5),
        latency(0.99));
  }

 private:
  void begin_transaction(Client& client, Clock::time_point now) {
    client.queries_answered = 0;
    client.began = now;
    client.send(queries_[0]);
  }

  void serve(Client& client) {
    if (!client.receive()) return;
    if (++client.queries_answered < queries_.size()) {
      return client.send(queries_[client.queries_answered]);
    }
    const Clock::time_point now = Clock::now();
    latencies_.push_back(Microseconds(now - client.began).count());
    if (now < end_) return begin_transaction(client, now);
    client.send(sim::terminate());
    watch(epoll_, EPOLL_CTL_DEL, client.socket(), 0, nullptr);
    --busy_count_;
  }

  // Of all transactions, this share took no longer.
  double latency(double share) {
    const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies_.size()));
    const auto nth = latencies_.begin() + rank;
    std::nth_element(latencies_.begin(), nth, latencies_.end());
    return static_cast<double>(*nth);
  }

  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> queries_;
  int epoll_;
  std::size_t busy_count_ = 0;
  Clock::time_point began_;
  Clock::time_point end_;
  Clock::duration elapsed_{};
  std::vector<float> latencies_;  // microseconds
};

}  // namespace
}  // namespace pgweir::benchmarks

int main(int argc, char** argv) {
  using namespace pgweir::benchmarks;
  Arguments arguments;
  CLI::App app("Drives a PostgreSQL at 127.0.0.1, or what stands in front of one.");
  app.add_option("--port", arguments.port)->required();
  app.add_option("--user", arguments.user, "who is let in without a password")->required();
  app.add_option("--databases", arguments.databases, "the clients' databases, in turn")
      ->delimiter(',')
      ->required();
  app.add_option("--workload", arguments.workload)->check(CLI::IsMember(workloads))->required();
  app.add_option("--clients", arguments.clients)->check(CLI::PositiveNumber)->required();
  app.add_option("--seconds", arguments.seconds)->check(CLI::PositiveNumber)->required();
  CLI11_PARSE(app, argc, argv);

  Load load(log_in(arguments), workloads.at(arguments.workload));
  load.run(std::chrono::seconds(arguments.seconds));
  load.print();
}
