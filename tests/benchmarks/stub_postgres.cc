// A PostgreSQL that costs next to nothing, and so leaves the cores to what stands in front of it.
//
//   stub_postgres PORT
//
// It listens on 127.0.0.1, lets everybody in, and answers at once: with one row, or as BEGIN,
// COMMIT, ROLLBACK and SET are answered. A session is whether it is in a transaction, and what was
// parsed last; a setting is taken and forgotten. One thread, level-triggered epoll; what one recv
// brings is answered with one send.
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/wire/protocol.h"
#include "sim/messages.h"
#include "tests/benchmarks/loopback.h"

namespace pgweir::benchmarks {
namespace {

constexpr std::size_t buffer_size = 16 * 1024;
constexpr int events_max = 64;

enum class Effect : std::uint8_t { none, begins_transaction, ends_transaction };

// How a statement is answered; ReadyForQuery is not part of it.
struct Statement {
  std::string described;
  std::string executed;
  std::string queried;  // by the simple protocol
  Effect effect;
};

struct Command {
  std::string_view word;  // that it begins with
  Statement statement;
};

Statement one_row() {
  const std::string row = sim::row_description({"?column?"});
  const std::string executed = sim::data_row({"1"}) + sim::message('C', sim::cstring("SELECT 1"));
  return {row, executed, row + executed, Effect::none};
}

Statement without_rows(std::string_view tag, Effect effect) {
  const std::string executed = sim::message('C', sim::cstring(tag));
  return {sim::message('n'), executed, executed, effect};
}

bool begins_with(std::string_view sql, std::string_view word) {
  return sql.size() >= word.size() && strncasecmp(sql.data(), word.data(), word.size()) == 0;
}

const Statement& statement_of(std::string_view sql) {
  static const Statement row = one_row();
  static const std::array<Command, 5> commands = {{
      {"begin", without_rows("BEGIN", Effect::begins_transaction)},
      {"commit", without_rows("COMMIT", Effect::ends_transaction)},
      {"end", without_rows("COMMIT", Effect::ends_transaction)},
      {"rollback", without_rows("ROLLBACK", Effect::ends_transaction)},
      {"set", without_rows("SET", Effect::none)},
  }};
  for (const Command& command : commands) {
    if (begins_with(sql, command.word)) return command.statement;
  }
  return row;
}

// What a server says of itself before it is ready for the first query.
std::string greeting(std::uint32_t pid) {
  constexpr std::uint32_t secret = 1;
  return sim::message('R', sim::int32(0)) + sim::parameter_status("server_version", "15.0") +
         sim::parameter_status("server_encoding", "UTF8") +
         sim::parameter_status("client_encoding", "UTF8") +
         sim::parameter_status("DateStyle", "ISO, MDY") +
         sim::parameter_status("IntervalStyle", "postgres") +
         sim::parameter_status("TimeZone", "Etc/UTC") +
         sim::parameter_status("standard_conforming_strings", "on") +
         sim::parameter_status("integer_datetimes", "on") +
         sim::parameter_status("application_name", "") +
         sim::parameter_status("is_superuser", "off") +
         sim::parameter_status("session_authorization", "bench") +
         sim::message('K', sim::int32(pid) + sim::int32(secret));
}

class Session {
 public:
  Session(int socket, std::uint32_t pid) : socket_(socket), pid_(pid) {}

  int socket() const { return socket_; }

  // Adds the answer to these bytes; false: the session is over.
  bool hear(std::string_view bytes, std::string& answer) {
    heard_.feed(bytes);
    while (const auto message = heard_.next()) {
      const bool goes_on =
          message->type == 0 ? start(message->body, answer) : serve(*message, answer);
      if (!goes_on) return false;
    }
    return !heard_.spoiled();
  }

 private:
  bool start(std::string_view packet, std::string& answer) {
    const auto code = static_cast<std::uint32_t>(sim::Body(packet).int32().value_or(0));
    if (code == wire::ssl_request_code || code == wire::gssenc_request_code) {
      answer += 'N';
      return true;
    }
    // A cancel request has come too late: everything is answered already.
    if (code != wire::protocol_3_0) return false;
    heard_.started();
    answer += greeting(pid_);
    say_ready(answer);
    return true;
  }

  bool serve(const sim::Message& message, std::string& answer) {
    sim::Body body(message.body);
    switch (message.type) {
      case 'Q': {
        const Statement& statement = statement_of(message.body);
        answer += statement.queried;
        take_effect(statement);
        say_ready(answer);
        return true;
      }
      case 'P':
        body.text();  // the name, which is nobody's: there is one statement
        parsed_ = &statement_of(body.rest());
        answer += sim::message('1');
        return true;
      case 'B': answer += sim::message('2'); return true;
      case 'D':
        if (body.byte() == 'S') answer += sim::message('t', sim::int16(0));
        answer += parsed_->described;
        return true;
      case 'E':
        answer += parsed_->executed;
        take_effect(*parsed_);
        return true;
      case 'C': answer += sim::message('3'); return true;
      case 'S': say_ready(answer); return true;
      case 'H': return true;
      case 'X': return false;
      default:
        std::fprintf(stderr, "stub_postgres: has no answer to a message of type %c\n",
                     message.type);
        return false;
    }
  }

  void take_effect(const Statement& statement) {
    if (statement.effect == Effect::none) return;
    in_transaction_ = statement.effect == Effect::begins_transaction;
  }

  void say_ready(std::string& answer) const {
    answer += sim::message('Z', in_transaction_ ? "T" : "I");
  }

  int socket_;
  std::uint32_t pid_;
  sim::Framer heard_{true};
  const Statement* parsed_ = &statement_of("");
  bool in_transaction_ = false;
};

class Stub {
 public:
  explicit Stub(int listener) : listener_(listener), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, events_max> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), events_max, -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < count; ++i) {
        // A session has one socket, and so one event of a batch: it may end at once.
        void* const session = events[static_cast<std::size_t>(i)].data.ptr;
        if (session == nullptr) {
          open_session();
        } else {
          serve(static_cast<Session*>(session));
        }
      }
    }
  }

 private:
  void open_session() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    send_without_delay(client);
    watch(epoll_, EPOLL_CTL_ADD, client, EPOLLIN, new Session(client, ++session_count_));
  }

  void serve(Session* session) {
    const ssize_t got = recv(session->socket(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && must_wait()) return;
    answer_.clear();
    if (got <= 0 || !session->hear({buffer_.data(), static_cast<std::size_t>(got)}, answer_) ||
        !send_answer(session->socket())) {
      close(session->socket());
      delete session;
    }
  }

  // False: it was not taken. Whoever waits for an answer has room for it.
  bool send_answer(int socket) {
    if (answer_.empty()) return true;
    const ssize_t sent = send(socket, answer_.data(), answer_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(answer_.size())) return true;
    std::fputs("stub_postgres: a client does not take its answers, and is closed\n", stderr);
    return false;
  }

  int listener_;
  int epoll_;
  std::uint32_t session_count_ = 0;
  std::array<char, buffer_size> buffer_{};
  std::string answer_;
};

}  // namespace
}  // namespace pgweir::benchmarks

int main(int argc, char** argv) {
  using namespace pgweir::benchmarks;
  if (argc != 2) {
    std::fputs("usage: stub_postgres PORT\n", stderr);
    return 2;
  }
  Stub(listen_at(endpoint("127.0.0.1", argv[1]))).run();
}
