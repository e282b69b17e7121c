#include "sim/receiver.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

Receiver::Receiver(Simulation& simulation, std::uint32_t number)
    : simulation_(simulation), number_(number) {
  Tape& tape = simulation.people_tape();
  user_ = "user" + std::to_string(tape.below(simulation.options().user_count));
  database_ = "db" + std::to_string(tape.below(simulation.options().database_count));
}

Receiver::~Receiver() {
  if (stream_) stream_->set_peer(nullptr);
}

void Receiver::later(std::uint32_t ms, Later what) {
  const std::uint32_t connection = connection_;
  const auto task = [this, what, connection] {
    if (connection == connection_) do_now(what);
  };
  if (phase_ == Phase::away) return simulation_.clock().in_passing(milliseconds(ms), task);
  simulation_.clock().in(milliseconds(ms), task);
}

void Receiver::do_now(Later what) {
  switch (what) {
    case Later::go_on: return go_on();
    case Later::read: reading_ = true; return turn();
    case Later::give_up: return vanish();
    case Later::lose_heart: return phase_ == Phase::logging_in ? vanish() : void();
  }
}

std::uint32_t Receiver::think() {
  return 1 + simulation_.people_tape().below(simulation_.options().workload.think_ms_max + 1);
}

void Receiver::connect() {
  if (retired_) return;
  if (!simulation_.may_connect()) return later(1000, Later::go_on);
  Tape& tape = simulation_.people_tape();
  stream_ = simulation_.shell().connect(
      ipv4(10, 9, 7, static_cast<std::uint8_t>(number_), static_cast<std::uint16_t>(connection_)));
  stream_->set_peer(this);
  phase_ = Phase::logging_in;
  framer_ = Framer(false);
  scram_.reset();
  reading_ = true;
  broken_ = fatal_heard_ = false;
  connected_at_ = answered_at_ = simulation_.clock().now();
  asks_left_ = tape.between(1, 4);
  mark_ = name() + "." + std::to_string(connection_);
  constexpr std::array<const char*, 5> words{"database", "database", "true", "on", "1"};
  const char* const word = words[tape.below(words.size())];
  logical_ = std::string_view(word) == "database";
  password_ = simulation_.password_typed(user_);
  stream_->write(startup({{"user", user_},
                          {"database", database_},
                          {"replication", word},
                          {"application_name", mark_},
                          {"options", "-c extra_float_digits=3"}}));
  if (tape.chance(1, 4)) later(tape.below(4), Later::lose_heart);
}

void Receiver::turn() {
  if (!reading_ || !stream_ || phase_ == Phase::away) return;
  framer_.feed(stream_->unread_by_peer());
  stream_->drop_unread();
  while (const auto message = framer_.next()) {
    hear(*message);
    if (phase_ == Phase::away) return;
  }
  if (!stream_->at_end()) return;
  const bool faults = simulation_.options().fault_every > Duration::zero();
  const bool lost = stream_->peer_reset() || stream_->loss() != Stream::Loss::none;
  // A clock that ends it in the middle of a message cannot say so.
  const bool half = framer_.mid_message();
  if (!broken_ && !lost && !half && !fatal_heard_ && !faults && phase_ != Phase::ending &&
      !simulation_.draining()) {
    blame(oracle::error_shape, "was closed without an error");
  }
  end_connection();
}

void Receiver::hear(const Message& message) {
  if (fatal_heard_) return blame(oracle::error_shape, "hears something after a FATAL error");
  if (message.type == 'E' && error_field(message, 'S') == "FATAL") return hear_fatal(message);
  if (message.type == 'S' && phase_ == Phase::logging_in) {
    Body body(message.body);
    if (body.text() == "application_name" && body.text() != mark_) {
      blame(oracle::replication, "was not told of its application_name");
    }
  }
  if (message.type == 'N' || message.type == 'S' || message.type == 'A') return;
  switch (phase_) {
    case Phase::logging_in: return hear_login(message);
    case Phase::asking: return hear_answer(message);
    case Phase::streaming: return hear_stream(message);
    case Phase::ready:
      return blame(oracle::replication,
                   std::string("hears what it did not ask for: ") + message.type);
    case Phase::away:
    case Phase::ending: return;
  }
}

void Receiver::hear_login(const Message& message) {
  if (message.type == 'R') return prove(Body(message.body));
  if (message.type == 'Z') return let_in();
}

void Receiver::prove(Body body) {
  const std::int32_t kind = body.int32().value_or(-1);
  if (kind == 10) {
    scram_.emplace(password_, "nonce" + mark_);
    const std::string first = scram_->first();
    stream_->write(message(
        'p', cstring("SCRAM-SHA-256") + int32(static_cast<std::int64_t>(first.size())) + first));
  } else if (kind == 11 && scram_) {
    if (const auto last = scram_->last(body.rest())) stream_->write(message('p', *last));
  }
}

// Then there is a server that was opened for it, and knows its mark.
void Receiver::let_in() {
  phase_ = Phase::ready;
  answered_at_ = simulation_.clock().now();
  simulation_.probes().hit(Probe::receiver_let_in);
  const auto knows = [&](const auto& host) { return host->has_replicated(mark_); };
  if (std::ranges::none_of(simulation_.hosts(), knows)) {
    blame(oracle::replication, "is let in, and no server was opened for it");
  }
  later(think(), Later::go_on);
}

void Receiver::go_on() {
  switch (phase_) {
    case Phase::away: return connect();
    case Phase::ready:
      if (asks_left_ == 0 || retired_ || !simulation_.may_ask()) return leave();
      --asks_left_;
      return ask();
    case Phase::streaming: return stream_on();
    case Phase::logging_in:
    case Phase::asking:
    case Phase::ending: return;
  }
}

void Receiver::ask() {
  switch (simulation_.people_tape().below(6)) {
    case 0: stream_->write(query("IDENTIFY_SYSTEM")); return expect("TDCZ");
    case 1: stream_->write(query("BASE_BACKUP")); return expect("TDCTDCHdddcTDCCZ");
    case 2:
      stream_->write(query("select '" + mark_ + "'"));
      return expect(logical_ ? "TDCZ" : "EZ");
    case 3: stream_->write(parse("", "select 'x'") + sync()); return expect("EZ");
    default: return start_streaming();
  }
}

void Receiver::expect(std::string_view answer) {
  expected_ = answer;
  phase_ = Phase::asking;
}

void Receiver::hear_answer(const Message& message) {
  if (expected_.empty() || expected_[0] != message.type) {
    return blame(oracle::replication, std::string("hears ") + message.type + " in the place of " +
                                          expected_.substr(0, 1));
  }
  check_mark(message);
  expected_.erase(0, 1);
  answered_at_ = simulation_.clock().now();
  if (!expected_.empty()) return;
  phase_ = Phase::ready;
  later(think(), Later::go_on);
}

// All that carries anything carries its mark.
void Receiver::check_mark(const Message& message) {
  if (message.type != 'D' && message.type != 'd') return;
  if (message.body.find(mark_) != std::string::npos) return;
  blame(oracle::replication,
        "hears what is not its own: " + std::string(message.body.substr(0, 40)));
}

void Receiver::start_streaming() {
  Tape& tape = simulation_.people_tape();
  timeline_ = tape.below(4);
  feedback_left_ = tape.below(7);
  said_count_ = heard_count_ = 0;
  done_said_ = done_heard_ = false;
  stream_->write(query("START_REPLICATION SLOT " + mark_ + (logical_ ? " LOGICAL" : " PHYSICAL") +
                       " 0/" + std::to_string(tape.below(8)) + " TIMELINE " +
                       std::to_string(timeline_)));
  expected_ = "W";
  phase_ = Phase::streaming;
}

void Receiver::hear_stream(const Message& message) {
  check_mark(message);
  const char type = message.type;
  if (expected_ == "W") {
    if (type == 'E') return expect("Z");
    if (type != 'W') {
      return blame(oracle::replication, std::string("hears ") + type + " before a stream begins");
    }
    simulation_.probes().hit(Probe::receiver_streams);
    expected_.clear();
    return later(think(), Later::go_on);
  }
  if (type == 'd' && !done_heard_) {
    const std::string expected = mark_ + " w " + std::to_string(++heard_count_) + " ";
    if (message.body.starts_with(expected)) return;
    return blame(oracle::replication, "hears not what comes next in its stream, " + expected +
                                          "but " + std::string(message.body.substr(0, 40)));
  }
  if (type == 'c' && !done_heard_) {
    done_heard_ = true;
  } else if (type == 'E') {
    return expect("Z");
  } else {
    return blame(oracle::replication, std::string("hears ") + type + " in its stream");
  }
  if (done_said_)
    return expect(std::string(timeline_ == 1 ? "TD" : "") + (logical_ ? "C" : "CC") + "Z");
}

void Receiver::stream_on() {
  if (done_said_ || expected_ == "W") return;
  Tape& tape = simulation_.people_tape();
  const bool goes_on = feedback_left_ > 0 && simulation_.may_ask() && !retired_;
  if (goes_on) {
    --feedback_left_;
    stream_->write(copy_data(mark_ + " f " + std::to_string(++said_count_) + " " +
                             std::string(tape.below(feedback_size_max()), 'f')));
    if (tape.chance(1, 4)) {
      reading_ = false;
      later(tape.between(1, 500), Later::read);
    }
    return later(think(), Later::go_on);
  }
  // Some go in the middle of it.
  if (tape.chance(1, 4)) return leave();
  end_stream();
}

// What a narrow link with slow pieces carries within limits::recovery_wait: a server that has not
// taken the rest of a stream by then, after it has ended that, is given up.
std::uint32_t Receiver::feedback_size_max() const {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(2000, 4 * simulation_.options().pipe_capacity));
}

void Receiver::end_stream() {
  done_said_ = true;
  stream_->write(copy_done());
  if (done_heard_) {
    expect(std::string(timeline_ == 1 ? "TD" : "") + (logical_ ? "C" : "CC") + "Z");
  }
}

void Receiver::hear_fatal(const Message& message) {
  fatal_heard_ = true;
  const std::string code = error_field(message, 'C');
  const std::string text = error_field(message, 'M');
  if (explained(code, text)) return;
  const bool of_a_clock = text.find("_timeout") != std::string::npos;
  blame(of_a_clock ? oracle::deadlines : oracle::error_shape,
        "was told FATAL " + code + " \"" + text + "\" and nothing explains it");
}

bool Receiver::had_passed(Duration Settings::* timeout, Instant since) const {
  return simulation_.in_force().had_passed(timeout, since, simulation_.clock().now());
}

bool Receiver::explained(std::string_view code, std::string_view text) const {
  const bool logging_in = phase_ == Phase::logging_in;
  if (broken_ || phase_ == Phase::ending) return true;
  if (text.starts_with("client_login_timeout")) {
    return logging_in && had_passed(&Settings::client_login_timeout, connected_at_);
  }
  // What it has asked meanwhile may be on its way.
  const bool streams = phase_ == Phase::streaming && expected_ != "W";
  // By the pooler's side of the socket: it may have been slow to hear.
  const Instant quiet_since =
      std::min(answered_at_, simulation_.watch().silent_since(stream_.get()));
  if (text.starts_with("client_idle_timeout")) {
    return !streams && had_passed(&Settings::client_idle_timeout, quiet_since);
  }
  // A stream is no query and no transaction, and neither is what a physical one asks for.
  if (text.contains("_timeout:")) {
    if (text.starts_with("server_connect_timeout")) return logging_in;
    return logical_ && !streams;
  }
  if (code == "53300" && (text.contains("max_client_conn") || text.contains("not logged in"))) {
    return true;
  }
  const bool draining = simulation_.draining() && (code == "57P01" || code == "57P03");
  const bool reloaded = simulation_.options().reload && (code == "57P01" || code == "3D000");
  const bool password =
      simulation_.options().change_passwords && (code == "28P01" || code == "08004");
  const bool faults = simulation_.options().fault_every > Duration::zero();
  return draining || reloaded || password || faults;
}

void Receiver::leave() {
  phase_ = Phase::ending;
  switch (simulation_.people_tape().below(3)) {
    case 0:
      stream_->write(terminate());
      stream_->finish();
      break;
    case 1: stream_->finish(); break;
    default: return vanish();
  }
  later(5000, Later::give_up);
}

void Receiver::vanish() {
  if (phase_ == Phase::away) return;
  broken_ = true;
  stream_->reset();
  end_connection();
}

void Receiver::go_dark() {
  if (phase_ == Phase::away) return;
  broken_ = true;
  stream_->go_dark(simulation_.kernel_patience());
  stream_->set_peer(nullptr);
  end_connection();
}

void Receiver::end_connection() {
  stream_->finish();
  stream_->set_peer(nullptr);
  stream_.reset();
  phase_ = Phase::away;
  ++connection_;
  const std::uint32_t most = simulation_.options().workload.reconnect_ms_max + 50;
  later(simulation_.people_tape().between(most, 8 * most), Later::go_on);
}

std::string Receiver::pending() const {
  if (phase_ == Phase::logging_in) return name() + " waits for its login";
  if (phase_ == Phase::asking) return name() + " waits for its answer";
  if (phase_ == Phase::streaming) return name() + " waits for the end of its stream";
  return "";
}

void Receiver::blame(std::string_view oracle, const std::string& what) {
  simulation_.verdict().blame(oracle, name() + " " + what);
}

}  // namespace pgweir::sim
