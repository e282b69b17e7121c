#include "sim/operator.h"

#include <algorithm>
#include <array>

#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::milliseconds;

// What may be typed, who may, and whether pgweir has it yet: what waits for its feature is unknown
// to it, whoever asks.
struct Operator::Command {
  std::string_view text;
  Right right;
  bool waits_for_its_feature = false;
};

std::span<const Operator::Command> Operator::commands() {
  constexpr bool waits = true;
  static constexpr std::array<Command, 33> all{{
      // The survey: what is compared with the world.
      {"SHOW POOLS", Right::look},
      {"SHOW CLIENTS", Right::look},
      {"SHOW SERVERS", Right::look},
      {"SHOW DATABASES", Right::look},
      {"SHOW USERS", Right::look},
      {"SHOW CONFIG", Right::look},
      {"SHOW VERSION", Right::look},
      {"SHOW STATS", Right::look},
      {"SHOW HELP", Right::look},
      {"RELOAD", Right::act},
      {"RELOAD", Right::act},
      {"select pools;", Right::look},
      {"SET application_name = 'check'", Right::look},
      {"", Right::look},
      {"-- ping", Right::look},
      {"PAUSE", Right::act, waits},
      {"PAUSE db0", Right::act, waits},
      {"RESUME", Right::act, waits},
      {"RESUME db0", Right::act, waits},
      {"RECONNECT", Right::act, waits},
      {"RECONNECT db0", Right::act, waits},
      {"KILL db0", Right::act, waits},
      {"KILL_CLIENT 0x1", Right::act, waits},
      {"DISABLE db0", Right::act, waits},
      {"ENABLE db0", Right::act, waits},
      {"SUSPEND", Right::act, waits},
      {"WAIT_CLOSE", Right::act, waits},
      {"SHUTDOWN WAIT_FOR_CLIENTS", Right::act, waits},
      {"SET query_timeout = 5", Right::act, waits},
      {"SHOW LISTS", Right::look, waits},
      {"SHOW DNS_HOSTS", Right::look, waits},
      {"SHOW SOCKETS", Right::act, waits},
      {"SHOW STATE", Right::look, waits},
  }};
  return all;
}

namespace {

constexpr std::size_t survey_size = 8;
// More at once than anybody may ask, and how many may be answered while others wait: those that
// one read may bring, behind a RELOAD that was waited for.
constexpr std::size_t flood_size = 14;
constexpr std::size_t answers_of_step_max = 9;

}  // namespace

Operator::Operator(Simulation& simulation, std::uint32_t number, std::string user, Right right)
    : simulation_(simulation), number_(number), user_(std::move(user)), right_(right) {}

Operator::~Operator() {
  if (stream_) stream_->set_peer(nullptr);
}

void Operator::start() { later(Duration::zero()); }

void Operator::later(Duration delay) {
  const std::uint16_t connection = connection_;
  simulation_.clock().in_passing(delay, [this, connection] {
    if (connection != connection_) return;
    if (phase_ == Phase::away) return connect();
    ask_next();
  });
}

void Operator::connect() {
  if (retired_) return;
  const Duration pause = simulation_.options().operator_pause;
  if (!simulation_.may_connect() && !survey_wanted_) return later(pause + milliseconds(100));
  ++connection_;
  stream_ =
      simulation_.shell().connect(ipv4(10, 9, 3, static_cast<std::uint8_t>(number_), connection_));
  stream_->set_peer(this);
  phase_ = Phase::logging_in;
  framer_ = Framer(false);
  reader_ = {};
  scram_.reset();
  fatal_heard_ = left_ = false;
  connected_at_ = simulation_.clock().now();
  const bool old_name = simulation_.people_tape().chance(1, 2);
  stream_->write(startup({{"user", user_}, {"database", old_name ? "pgbouncer" : "pgweir"}}));
}

void Operator::accepted(const event::Accepted& accepted) {
  const Endpoint& peer = accepted.peer;
  if (peer.address[2] == 3 && peer.address[3] == number_ && peer.port == connection_) {
    socket_ = socket_of(accepted.client);
  }
}

// What else the step does comes after the answer.
void Operator::said(const effect::Send& send, const Event& event) {
  if (send.socket != socket_ || phase_ != Phase::working || asked_.empty()) return;
  const std::uint64_t step = simulation_.shell().step_count();
  if (step != stock_step_) answers_of_step_ = 0;
  if (pgweir::text_of(send.bytes).ends_with("I") && ++answers_of_step_ > answers_of_step_max) {
    blame(oracle::no_starvation, "is answered " + std::to_string(answers_of_step_) +
                                     " commands in one step, while everybody else waits");
  }
  const bool alone = simulation_.options().machine_count == 1;
  const bool moved = simulation_.move_count() != asked_at_move_;
  // After a stall it may be told that there was no time to ask all.
  const bool stalled = simulation_.undisturbed_since() >= asked_at_;
  if (!alone) disturbed_ = disturbed_ || moved || stalled || simulation_.shell().servers_move();
  if ((step == stock_step_ || !alone) && !stocks_.empty()) return;
  stock_step_ = step;
  stocks_.push_back(simulation_.stock());
  if (std::holds_alternative<event::Reconfigured>(event)) reloads_refused_.push_back(false);
  if (std::holds_alternative<event::Refused>(event)) reloads_refused_.push_back(true);
}

void Operator::turn() {
  if (!stream_ || phase_ == Phase::away) return;
  framer_.feed(stream_->read());
  while (const auto message = framer_.next()) {
    if (fatal_heard_) return blame(oracle::error_shape, "heard more after a FATAL error");
    if (message->type == 'E' && error_field(*message, 'S') == "FATAL") {
      hear_fatal(*message);
    } else if (phase_ == Phase::logging_in) {
      hear_login(*message);
    } else if (const auto answer = reader_.hear(*message)) {
      hear(*answer);
    }
    if (!reader_.complaint().empty()) return blame(oracle::own_answers, reader_.complaint());
  }
  if (stream_ && stream_->at_end()) end_connection();
}

void Operator::hear_login(const Message& message) {
  switch (message.type) {
    case 'R': return prove(Body(message.body));
    case 'S':
    case 'K': return;
    case 'Z':
      phase_ = Phase::working;
      if (right_ == Right::none) blame(oracle::rights, "got in to the console");
      return later(simulation_.operator_pause());
    default:
      blame(oracle::own_answers, "heard '" + std::string(1, message.type) + "' in its login");
  }
}

void Operator::prove(Body body) {
  const std::int32_t kind = body.int32().value_or(-1);
  if (kind == 10) {
    const std::string password = simulation_.passwords().right(simulation_.settings(), user_);
    scram_.emplace(password, "operator" + std::to_string(connection_));
    const std::string first = scram_->first();
    stream_->write(message(
        'p', cstring("SCRAM-SHA-256") + int32(static_cast<std::int64_t>(first.size())) + first));
  } else if (kind == 11 && scram_) {
    if (const auto last = scram_->last(body.rest())) stream_->write(message('p', *last));
  }
}

void Operator::hear_fatal(const Message& message) {
  fatal_heard_ = true;
  const std::string code = error_field(message, 'C');
  if (phase_ == Phase::logging_in) {
    if (right_ == Right::none && code == "42501") return;
    // One of those whose passwords change.
    if (right_ == Right::none && code == "28P01" && simulation_.options().change_passwords) return;
    const Duration limit = simulation_.settings().client_login_timeout;
    if (code == "57014" && simulation_.clock().now() - connected_at_ >= limit) return;
    // The last place is an administrator's, but not everybody's who only looks.
    if (code == "53300" && simulation_.options().settings.max_client_conn < 1000) return;
    if (code == "53300" && simulation_.crowded_out(connected_at_)) return;
  }
  if (code.starts_with("57P0") && simulation_.draining()) return;
  if (code == "54000" && flooding_) return;
  blame(oracle::error_shape, "was told FATAL " + code + " \"" + error_field(message, 'M') +
                                 "\" and nothing explains it");
}

// Nothing: it is to be done.
std::string Operator::expected_error(const Command& command) const {
  if (command.waits_for_its_feature) return command.text.starts_with("SET") ? "0A000" : "42601";
  return command.right > right_ ? "42501" : "";
}

void Operator::hear(const ConsoleAnswer& answer) {
  if (asked_.empty()) return blame(oracle::own_answers, "heard an answer to nothing");
  const Command& command = *asked_.front();
  asked_.pop_front();
  const std::string expected = expected_error(command);
  bool refused = false;
  if (command.text == "RELOAD" && expected.empty() && !reloads_refused_.empty()) {
    refused = reloads_refused_.front();
    reloads_refused_.pop_front();
  }
  // A machine hears from another what became of it.
  const bool elsewhere = simulation_.options().machine_count > 1 && command.text == "RELOAD";
  if (elsewhere) refused = refused_since_ && answer.error == "F0000";
  if (expected == "42501" && answer.error != expected) {
    blame(oracle::rights, "may not " + std::string(command.text) + ", and was answered " +
                              (answer.error.empty() ? answer.tag : answer.error));
  } else if (refused) {
    if (answer.error != "F0000") blame(oracle::reload, "was not told that RELOAD was refused");
  } else if (answer.error != expected) {
    blame(oracle::own_answers, "asked " + std::string(command.text) + " and heard error '" +
                                   answer.error + "', not '" + expected + "'");
  } else if (expected.empty()) {
    judge(command, answer);
  }
  if (!together_ || asked_.empty()) stocks_.clear();
  if (!asked_.empty()) return;
  if (together_ && !flooding_) survey_wanted_ = false;
  later(simulation_.operator_pause());
}

void Operator::judge(const Command& command, const ConsoleAnswer& answer) {
  if (!command.text.starts_with("SHOW") || stocks_.size() != 1 || disturbed_) return;
  if (const auto untruth = sim::untruth(command.text, answer, stocks_.front())) {
    blame(oracle::truthful_show, std::string(command.text) + ": " + *untruth);
  }
}

void Operator::ask_next() {
  if (phase_ != Phase::working || !asked_.empty() || fatal_heard_) return;
  Tape& tape = simulation_.people_tape();
  if (retired_) {
    left_ = true;
    stream_->write(terminate());
    return stream_->finish();
  }
  const bool may_ask = simulation_.may_ask();
  if (!may_ask && !survey_wanted_) return later(simulation_.operator_pause());
  if (may_ask && tape.chance(1, 20)) {  // or goes, without a word
    left_ = true;
    stream_->reset();
    return end_connection();
  }
  if (tape.chance(1, 12)) return ask(commands().subspan(survey_size - 1, flood_size));
  if (survey_wanted_ || tape.chance(1, 3)) return ask(commands().first(survey_size));
  ask(commands().subspan(tape.below(static_cast<std::uint32_t>(commands().size())), 1));
}

// In one write, and mostly answered in one step.
void Operator::ask(std::span<const Command> commands) {
  together_ = commands.size() > 1;
  flooding_ = commands.size() > survey_size;
  stocks_.clear();
  asked_at_move_ = simulation_.move_count();
  asked_at_ = simulation_.clock().now();
  disturbed_ = refused_since_ = false;
  std::string bytes;
  for (const Command& command : commands) {
    asked_.push_back(&command);
    bytes += query(command.text);
    if (command.text == "RELOAD" && right_ == Right::act) simulation_.write_settings();
  }
  stream_->write(bytes);
}

void Operator::retire() {
  retired_ = true;
  if (phase_ == Phase::working) ask_next();
}

void Operator::end_connection() {
  const bool excused = left_ || fatal_heard_ || stream_->peer_reset() || stream_->dark() ||
                       stream_->loss() == Stream::Loss::lingered || !simulation_.may_connect() ||
                       simulation_.draining();
  if (!excused) blame(oracle::error_shape, "was closed without an error");
  stream_->finish();
  stream_->set_peer(nullptr);
  stream_.reset();
  socket_ = {};
  asked_.clear();
  stocks_.clear();
  reloads_refused_.clear();
  phase_ = Phase::away;
  later(simulation_.operator_pause());
}

std::string Operator::pending() const {
  const std::string who = "operator " + user_;
  if (phase_ == Phase::logging_in) return who + " waits for its login";
  if (asked_.empty()) return "";
  return who + " waits for the answer to " + std::string(asked_.front()->text);
}

void Operator::blame(std::string_view oracle, const std::string& what) {
  simulation_.verdict().blame(oracle, "operator " + user_ + " " + what);
}

}  // namespace pgweir::sim
