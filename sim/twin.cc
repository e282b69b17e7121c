#include "sim/twin.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pgweir::sim {

namespace {

// The columns of a proof that say where it was made (host, backend, generation, transaction), and
// those that tell the session's state and what a text was read by: what a login asks for is a
// session's default there, and set later here (O-04 and O-05 judge it).
constexpr int place_begin = 2;
constexpr int place_end = 6;
constexpr int state_column = 7;
constexpr int reading_column = 8;
constexpr int proof_column_count = 9;

std::string without_place(std::string_view row) {
  Body body(row);
  const int count = body.int16().value_or(0);
  if (count < proof_column_count) return std::string(row);
  std::string text;
  for (int i = 0; i < count; ++i) {
    const auto size = static_cast<std::size_t>(std::max(body.int32().value_or(0), 0));
    const std::string_view value = body.bytes(size).value_or("?");
    const bool compared =
        i < place_begin || (i >= place_end && i != state_column && i != reading_column);
    if (compared) text.append(value).append("|");
  }
  return text;
}

bool is_comparable(const Part& part) {
  const auto sets_clock = [](const Ask& ask) { return ask.name == "statement_timeout"; };
  return !part.cancelled && std::ranges::none_of(part.owed, [&](const Owed& owed) {
    return std::ranges::any_of(owed.asks, sets_clock);
  });
}

std::string readable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '.');
  return "'" + text.substr(0, 80) + "'";
}

// Of two errors in one Parse pgweir finds first that its name is taken, PostgreSQL what is wrong
// with its text or with the transaction.
bool is_error_of_a_name(std::string_view text, std::string_view expected) {
  return text.starts_with('E') && text.contains("C42P05") && expected.starts_with('E');
}

}  // namespace

Twin::~Twin() { loses_connection(); }

void Twin::connects(const std::string& packet) {
  loses_connection();
  ServerOptions options;
  options.host_name = "direct";
  options.server_version = server_version_;
  postgres_ = std::make_unique<Postgres>(std::move(options));
  postgres_->forget_statements();
  stream_ = std::make_shared<Stream>(std::size_t{1} << 30);
  postgres_->accepted(stream_);
  own_ = direct_ = {};
  framer_ = Framer(false);
  stream_->send(packet);
  listen();
}

void Twin::loses_connection() {
  expected_.clear();
  stream_.reset();
  postgres_.reset();
}

void Twin::says(const Part& part) {
  if (!postgres_) return;
  if (!is_comparable(part)) return loses_connection();
  stream_->send(part.bytes);
  postgres_->turn();
  postgres_->wake_sleepers();
  listen();
}

void Twin::listen() {
  postgres_->turn();
  framer_.feed(stream_->receive(stream_->readable_size()));
  while (const auto message = framer_.next()) {
    if (std::string text = direct_.seen(*message); !text.empty()) {
      expected_.push_back(std::move(text));
    }
  }
}

void Twin::hears(const Message& message) {
  if (!postgres_) return;
  const std::string text = own_.seen(message);
  if (text.empty()) return;
  const std::string expected = expected_.empty() ? "nothing" : expected_.front();
  // A text that a server has already, in a transaction that has failed meanwhile: what follows says
  // so to both.
  if (text == "1" && expected.contains("C25P02")) return loses_connection();
  // There a server that lacks a statement cannot even describe it.
  if (text.contains("C25P02") && expected.starts_with('t')) return loses_connection();
  if (text == expected || is_error_of_a_name(text, expected)) return expected_.pop_front();
  verdict_.blame(oracle::transparency, who_ + " heard " + readable(text) +
                                           ", and from PostgreSQL itself " + readable(expected));
  loses_connection();
}

std::string Twin::Side::seen(const Message& message) {
  switch (message.type) {
    case 'R':
    case 'K':
    case 'N':
    case 'v':
    case 'A': return "";
    case 'S': {
      Body body(message.body);
      const std::string name(body.text().value_or("?"));
      const std::string value(body.text().value_or("?"));
      // To be told again what one knows is nothing new.
      if (std::exchange(reported[name], value) == value) return "";
      break;
    }
    case 'D': return "D" + without_place(message.body);
    default: break;
  }
  return std::string(1, message.type).append(message.body);
}

}  // namespace pgweir::sim
