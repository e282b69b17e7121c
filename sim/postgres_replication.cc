// The walsender of the model server (PostgreSQL: "Streaming Replication Protocol"). A session that
// was asked for with "replication" in its startup packet is its client's alone, from the login on:
// all that it streams, and all that it is told, is marked with the application_name that it began
// with, and numbered.
//
//   IDENTIFY_SYSTEM                                       the mark, as the system's name
//   BASE_BACKUP                                           rows, three pieces of a COPY, rows
//   START_REPLICATION SLOT mark PHYSICAL 0/5              five pieces; one more for each it is told
//   START_REPLICATION SLOT mark PHYSICAL 0/5 TIMELINE 1   five, and the next timeline when both end
//   START_REPLICATION SLOT mark LOGICAL 0/5 TIMELINE 2    five, and an error
#include <charconv>
#include <sstream>

#include "sim/postgres_session.h"
#include "sim/verdict.h"

namespace pgweir::sim {

namespace {

constexpr std::uint32_t wal_size_max = 3000;
constexpr int wal_after_feedback_max = 3;

int number_of(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<std::string> split_words(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

// False: there is no such word.
bool PostgresSession::take_replication(const std::string& value) {
  if (value == "database") {
    replication_ = Replication::logical;
  } else if (value == "true" || value == "on" || value == "yes" || value == "1") {
    replication_ = Replication::physical;
  } else if (value != "false" && value != "off" && value != "no" && value != "0") {
    fatal("22023", "invalid value for parameter \"replication\": \"" + value + "\"");
    return false;
  }
  return true;
}

std::string PostgresSession::mark() const { return state_.value("application_name"); }

// False: it is no command of replication.
bool PostgresSession::on_replication_command(std::string_view text) {
  const std::vector<std::string> words = split_words(text);
  if (words.empty()) return false;
  if (words[0] == "IDENTIFY_SYSTEM") {
    say(row_description({"systemid", "timeline", "xlogpos", "dbname"}));
    say(data_row({mark(), "1", "0/0", database_}));
    say(message('C', cstring("IDENTIFY_SYSTEM")));
    return run_queue(), true;
  }
  if (words[0] == "BASE_BACKUP") return back_up(), run_queue(), true;
  if (words[0] == "START_REPLICATION" && words.size() >= 5) return start_streaming(words), true;
  if (replication_ == Replication::logical || words[0] == "show") return false;
  fail("0A000", "cannot execute SQL commands in WAL sender for physical replication");
  return run_queue(), true;
}

void PostgresSession::back_up() {
  const auto row = [&](const std::string& what) {
    say(row_description({what}));
    say(data_row({mark() + " " + what}));
    say(message('C', cstring("SELECT")));
  };
  row("start");
  row("tablespaces");
  say(message('H', '\0' + int16(0)));
  for (int piece = 1; piece <= 3; ++piece) {
    say(copy_data(mark() + " b " + std::to_string(piece) + " " + std::string(200, 'b')));
  }
  say(copy_done());
  row("end");
  say(message('C', cstring("BASE_BACKUP")));
}

void PostgresSession::start_streaming(const std::vector<std::string>& words) {
  if (words[2] != mark()) {
    complain(std::string(oracle::replication), words[2] + " speaks to the walsender of " + mark());
  }
  streaming_ = {};
  streaming_.logical = words[3] == "LOGICAL";
  if (words.size() > 6) streaming_.timeline = number_of(words[6]);
  phase_ = Phase::streaming;
  say(message('W', '\0' + int16(0)));
  say_wal(number_of(std::string_view(words[4]).substr(2)));
  if (streaming_.timeline == 1) {
    streaming_.done_said = true;
    say(copy_done());
  }
  flush();
  if (streaming_.timeline == 2) end_stream_by("58P01", "requested WAL segment has been removed");
}

void PostgresSession::say_wal(int count) {
  for (; count > 0; --count) {
    const std::string number = std::to_string(++streaming_.said_count);
    const std::uint32_t size = options_.tape == nullptr ? 10 : options_.tape->below(wal_size_max);
    say(copy_data(mark() + " w " + number + " " + std::string(size, 'w')));
  }
}

void PostgresSession::on_stream_message(const Message& message) {
  switch (message.type) {
    case 'd': {
      const std::string expected = mark() + " f " + std::to_string(++streaming_.heard_count) + " ";
      if (!message.body.starts_with(expected)) {
        complain(std::string(oracle::replication), "is not told what comes next: " + expected +
                                                       "but " +
                                                       std::string(message.body.substr(0, 40)));
      }
      if (streaming_.done_said) return;
      const bool draws = options_.tape != nullptr;
      say_wal(draws ? int(options_.tape->below(wal_after_feedback_max + 1)) : 1);
      return flush();
    }
    case 'c': return end_stream();
    case 'X': return close();
    default: fatal("08P01", "unexpected standby message type");
  }
}

// Its client has ended it, and so does it.
void PostgresSession::end_stream() {
  phase_ = Phase::ready;
  if (!streaming_.done_said) say(copy_done());
  if (streaming_.timeline == 1) {
    say(row_description({"next_tli", "next_tli_startpos"}));
    say(data_row({"2", mark()}));
  }
  if (streaming_.logical) {
    say(message('C', cstring("COPY 0")));
  } else {
    say(message('C', cstring("START_STREAMING")));
    say(message('C', cstring("START_REPLICATION")));
  }
  run_queue();
}

// In the middle of it: what its client still says to it means nothing (fact 10).
void PostgresSession::end_stream_by(const char* code, const std::string& why) {
  phase_ = Phase::ready;
  resume(fail(code, why));
}

}  // namespace pgweir::sim
