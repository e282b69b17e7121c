// How a session of the model server says what it says. Legal but trying: notices anywhere, half a
// message first, ReadyForQuery late. Hostile: what no PostgreSQL says.
#include <array>

#include "sim/postgres_session.h"

namespace pgweir::sim {

namespace {

// PostgreSQL sends on its own when so much has gathered.
constexpr std::size_t output_size_max = 8192;
constexpr Duration ready_late_max = std::chrono::milliseconds(20);

// An answer to something that nobody asked. No ReadyForQuery: one that comes too early, and the
// rest when another client is served, would be a consistent lie.
std::string unasked(Tape& tape) {
  switch (tape.below(10)) {
    case 0: return data_row({"hostile"});
    case 1: return message('C', cstring("SELECT 1"));
    case 2: return error_response("ERROR", "XX000", "hostile");
    case 3: return message('G', '\0' + int16(1) + int16(0));
    case 4: return message('H', '\0' + int16(1) + int16(0));
    case 5: return message('R', int32(3));
    case 6: return message('K', int32(1) + int32(1));
    default: break;
  }
  constexpr std::array<char, 8> types{'1', '2', '3', 'n', 's', 'I', 'c', 'W'};
  return message(types[tape.below(types.size())]);
}

}  // namespace

bool PostgresSession::is_drawn(std::uint32_t chances, std::uint32_t of) {
  return chances > 0 && options_.tape != nullptr && options_.tape->chance(chances, of);
}

void PostgresSession::say(std::string_view bytes) {
  if (cut_off_) return;
  if (logged_in_ && is_drawn(options_.noise_percent, 100)) make_noise();
  if (!held_back_.empty()) {
    // The two change places, unless the second is what lets somebody else in.
    const bool last = bytes[0] == 'Z';
    out_ += last ? std::exchange(held_back_, "") : std::string(bytes);
    out_ += last ? std::string(bytes) : std::exchange(held_back_, "");
  } else if (is_drawn(options_.hostile_permille, 1000)) {
    say_wrong(bytes);
  } else {
    out_ += bytes;
  }
  if (out_.size() >= output_size_max) flush();
}

// Written in place, which is what most of a calm run is about.
void PostgresSession::say_row(const std::vector<std::string>& values) {
  if (options_.hostile_permille > 0) return say(data_row(values));
  if (logged_in_ && is_drawn(options_.noise_percent, 100)) make_noise();
  add_data_row(out_, values);
  if (out_.size() >= output_size_max) flush();
}

// What a server may say between any two messages, and a pause anywhere.
void PostgresSession::make_noise() {
  Tape& tape = *options_.tape;
  switch (tape.below(3)) {
    case 0: out_ += notice_response("noise"); return;
    case 1: out_ += parameter_status("server_version", options_.server_version); return;
    default:
      if (out_.empty() || journal_.stalled) return;
      const std::size_t size = tape.below(static_cast<std::uint32_t>(out_.size()));
      stream_->write(std::string_view(out_).substr(0, size));
      out_.erase(0, size);
  }
}

void PostgresSession::say_wrong(std::string_view bytes) {
  Tape& tape = *options_.tape;
  const std::string body(bytes.substr(5));
  const bool last = bytes[0] == 'Z';
  switch (tape.below(9)) {
    case 0: return;
    case 1: out_.append(bytes).append(bytes); return;
    case 2: out_.append("?").append(bytes.substr(1)); return;
    case 3: out_.append(bytes.substr(0, 1)).append(int32(0x7ffffff0) + body); return;
    case 4: out_.append(bytes.substr(0, 1)).append(int32(3) + body); return;
    case 5:
      out_ += bytes.substr(0, bytes.size() / 2);
      cut_off_ = true;  // and is gone
      return;
    case 6: out_ += message('E', std::string_view("\0", 1)); return;  // no SQLSTATE, nothing
    case 7:
      if (last) return;
      held_back_ = bytes;
      return;
    default: out_ += last ? std::string(bytes) + unasked(tape) : unasked(tape) + std::string(bytes);
  }
}

void PostgresSession::flush() {
  if (out_.empty() || journal_.stalled) return;
  stream_->write(out_);
  out_.clear();  // its room is kept
}

// The statement is done; a server may take its time to say so.
void PostgresSession::ready_for_query() {
  if (options_.clock == nullptr || !is_drawn(options_.noise_percent, 100)) return say_ready();
  flush();
  phase_ = Phase::finishing;
  ++task_count_;
  options_.clock->in(ready_late_max * options_.tape->between(1, 64) / 64, [this] {
    --task_count_;
    if (phase_ != Phase::finishing) return;
    phase_ = Phase::ready;
    say_ready();
    turn();
  });
}

void PostgresSession::say_ready() {
  if (status_ == 'I') deliver_notifications();
  // Of a channel that some function of the database listens on.
  const bool listens = status_ == 'I' && transaction_ > 0 && is_drawn(options_.noise_percent, 200);
  if (listens) say(message('A', int32(pid_) + cstring("noise") + cstring("")));
  for (const auto& [name, value] : state_.take_news()) say(parameter_status(name, value));
  say(message('Z', std::string(1, status_)));
  flush();
  watch_idleness();
  if (status_ == 'I') owned_ = false;
  if (status_ == 'I') tell(ServerEvent::Kind::became_idle);
}

}  // namespace pgweir::sim
