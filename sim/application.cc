#include "sim/application.h"

#include <algorithm>
#include <utility>

#include "sim/pool_modes.h"
#include "sim/simulation.h"
#include "sim/workload.h"

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration patience_with_liars = seconds(30);

// One bit is wrong, or it is only a part of the secret, or more than that.
std::string mistaken(const std::string& secret, std::uint32_t how) {
  if (how == 0) return almost(secret);
  return how == 1 ? secret.substr(0, secret.size() / 2) : secret + '\0';
}

}  // namespace

Application::Application(Simulation& simulation, Identity identity)
    : simulation_(simulation),
      identity_(std::move(identity)),
      pool_mode_(pool_mode_of(simulation.settings(), {identity_.database, identity_.user})),
      answers_(identity_.number, simulation.verdict(), simulation.settings().session_state,
               simulation.settings().max_pinned > 0, pool_mode_ == PoolMode::session) {}

Application::~Application() {
  if (stream_) stream_->set_peer(nullptr);
}

void Application::start() { later(Duration::zero(), Later::connect); }

void Application::compare_with_direct_run(const std::string& server_version) {
  twin_ = std::make_unique<Twin>("c" + std::to_string(identity_.number), server_version,
                                 simulation_.verdict());
}

void Application::later(Duration delay, Later what, bool in_passing) {
  const auto task = [this, what, generation = generation_] {
    if (generation == generation_ && !frozen_) do_now(what);
  };
  if (in_passing) return simulation_.clock().in_passing(delay, task);
  simulation_.clock().in(delay, task);
}

void Application::do_now(Later what) {
  switch (what) {
    case Later::connect: return connect();
    case Later::say: thinking_ = false; return say_next();
    case Later::cancel: return cancel();
    case Later::read: reading_ = true; return turn();
    case Later::despair:
      if (phase_ != Phase::working || answers_.settled()) return;
      if (simulation_.clock().now() - asked_at_ >= patience_with_liars) vanish();
      return;
    case Later::give_up:
      if (!broken_ && phase_ == Phase::ending) vanish();
      return;
  }
}

void Application::connect() {
  if (retired_) return;
  if (!simulation_.may_connect()) return later(seconds(1), Later::connect, true);
  stream_ = simulation_.shell().connect(
      ipv4(10, 9, 1, static_cast<std::uint8_t>(identity_.number), 40000));
  stream_->set_peer(this);
  phase_ = Phase::logging_in;
  framer_ = Framer(false);
  scram_.reset();
  password_ =
      identity_.password.empty() ? simulation_.password_typed(identity_.user) : identity_.password;
  reading_ = true;
  thinking_ = broken_ = left_ = fatal_heard_ = false;
  connected_at_ = waits_since_ = asked_at_ = simulation_.clock().now();
  jobs_left_ = simulation_.workload().jobs_of_a_connection();
  job_.clear();
  first_request_ = simulation_.workload().last_request() + 1;
  cancelled_at_ = never;
  std::map<std::string, std::string, std::less<>> parameters;
  Parameters said{{"user", identity_.user}, {"database", identity_.database}};
  for (auto [name, value] : identity_.parameters) {
    // Like a process with its number in it: each connection has one that nobody ever had (O-41).
    if (name == "application_name") value += "." + std::to_string(generation_);
    said.emplace_back(name, value);
    parameters.emplace(name, value);
  }
  const StartupSettings& more = identity_.settings;
  said.insert(said.end(), more.said.begin(), more.said.end());
  parameters.insert(more.effective.begin(), more.effective.end());
  answers_.begin(std::move(parameters));
  const std::string packet = identity_.greeting.startup(said);
  approach_ = Approach(identity_.greeting, packet);
  stream_->write(approach_.first_words());
  if (twin_) twin_->connects(packet);
}

void Application::turn() {
  if (!reading_ || !stream_ || phase_ == Phase::away || frozen_) return;
  std::string_view heard = stream_->unread_by_peer();
  const std::string next = approach_.asking() ? hear_wishes(heard) : "";
  framer_.feed(heard);
  stream_->drop_unread();
  if (!next.empty()) stream_->write(next);
  while (const auto message = framer_.next()) {
    hear(*message);
    if (phase_ == Phase::away) return;
  }
  if (framer_.spoiled() && !broken_) {
    if (simulation_.may_lie(*this)) return vanish();
    simulation_.verdict().blame(oracle::own_answers, "c" + std::to_string(identity_.number) +
                                                         " heard an impossible message length");
  }
  if (stream_->at_end()) return end_of_stream();
  go_on();
}

void Application::hear(const Message& message) {
  if (fatal_heard_) {
    simulation_.verdict().blame(oracle::error_shape, "c" + std::to_string(identity_.number) +
                                                         " heard '" + message.type +
                                                         "' after a FATAL error");
    return;
  }
  if (twin_) twin_->hears(message);
  if (message.type == 'S' && phase_ == Phase::logging_in) return check_told(Body(message.body));
  if (message.type == 'S') return;
  if (message.type == 'E' && error_field(message, 'S') == "FATAL") return hear_fatal(message);
  if (phase_ == Phase::logging_in) return hear_login(message);
  if (simulation_.may_lie(*this)) answers_.distrust();
  if (message.type == 'E') {
    answers_.expect_standby(
        simulation_.may_refuse_writes(*this, std::min(asked_at_, waits_since_)));
  }
  const bool was_settled = answers_.settled();
  answers_.hear(message);
  if (pool_mode_ == PoolMode::statement && message.type == 'Z' && message.body != "I") {
    simulation_.verdict().blame(oracle::pool_mode, "c" + std::to_string(identity_.number) +
                                                       " is in a transaction in statement mode");
  }
  // What it asked while it waited for a server may be cancelled there.
  if (identity_.refused && message.type == 'C') {
    simulation_.verdict().blame(oracle::own_state, "c" + std::to_string(identity_.number) +
                                                       " was served without its settings");
  }
  if (answers_.confused()) return vanish();
  if (was_settled || !answers_.settled()) return;
  if (answers_.state().keeps_any()) simulation_.watch().client_keeps_state();
  settled_at_ = simulation_.clock().now();
  waits_since_ = never;
}

// What it asked for, or else what its database's line does.
void Application::check_told(Body body) const {
  if (body.text() != "TimeZone" || simulation_.may_lie(*this)) return;
  const auto told = body.text();
  const auto& own = identity_.parameters;
  const auto asked = std::ranges::find(own, "TimeZone", [](const auto& one) { return one.first; });
  const DatabaseSettings* line =
      find_database(simulation_.in_force().original(), identity_.database);
  const std::string expected = asked != own.end()                          ? asked->second
                               : line == nullptr || line->timezone.empty() ? ""
                                                                           : line->timezone;
  if (expected.empty() || told == expected) return;
  simulation_.verdict().blame(oracle::own_state, "c" + std::to_string(identity_.number) +
                                                     " was not told of its TimeZone " + expected);
}

void Application::hear_login(const Message& message) {
  Body body(message.body);
  switch (message.type) {
    case 'R':
      approach_.hear_authentication();
      check_approach();
      return prove(body);
    case 'N': return;
    case 'v':
      simulation_.probes().hit(Probe::protocol_negotiated);
      approach_.hear_negotiated(message.body);
      return check_approach();
    case 'K':
      pid_ = static_cast<std::uint32_t>(body.int32().value_or(0));
      secret_ = body.rest();
      approach_.hear_secret(secret_);
      return check_approach();
    case 'Z':
      phase_ = Phase::working;
      waits_since_ = never;
      settled_at_ = simulation_.clock().now();
      simulation_.watch().client_logged_in();
      if (!identity_.welcome || !password_is(true)) {
        simulation_.verdict().blame(oracle::authentication, "c" + std::to_string(identity_.number) +
                                                                " got in with a wrong login");
      }
      return;
    default:
      simulation_.verdict().blame(
          oracle::own_answers,
          "c" + std::to_string(identity_.number) + " heard '" + message.type + "' in its login");
  }
}

// What it was answered; what it says next.
std::string Application::hear_wishes(std::string_view& heard) {
  std::string next = approach_.take_answers(heard);
  if (!approach_.asking()) simulation_.probes().hit(Probe::encryption_refused);
  check_approach();
  return next;
}

void Application::check_approach() {
  if (approach_.complaint().empty()) return;
  simulation_.verdict().blame(oracle::own_answers,
                              "c" + std::to_string(identity_.number) + " " + approach_.complaint());
}

void Application::prove(Body body) {
  const std::int32_t kind = body.int32().value_or(-1);
  if (kind == 10) {
    scram_.emplace(password_,
                   "nonce" + std::to_string(identity_.number) + "." + std::to_string(generation_));
    const std::string first = scram_->first();
    stream_->write(message(
        'p', cstring("SCRAM-SHA-256") + int32(static_cast<std::int64_t>(first.size())) + first));
  } else if (kind == 11 && scram_) {
    if (const auto last = scram_->last(body.rest())) stream_->write(message('p', *last));
  } else if (kind == 12 && scram_ && !scram_->right(body.rest())) {
    simulation_.verdict().blame(oracle::authentication, "a wrong server signature");
  }
}

void Application::hear_fatal(const Message& message) {
  fatal_heard_ = true;
  const std::string code = error_field(message, 'C');
  const std::string text = error_field(message, 'M');
  simulation_.probes().told_fatal(code, text);
  if (explained(code, text)) return;
  const bool of_a_clock = text.find("_timeout") != std::string::npos;
  const bool of_a_reload = code == "3D000" || text.find("settings changed") != std::string::npos;
  simulation_.verdict().blame(of_a_clock        ? oracle::deadlines
                              : of_a_reload     ? oracle::reload
                              : code == "28P01" ? oracle::authentication
                                                : oracle::error_shape,
                              "c" + std::to_string(identity_.number) + " was told FATAL " + code +
                                  " \"" + text + "\" and nothing explains it; it waits for " +
                                  answers_.waits_for());
}

// Whether something that happened in the world is a reason to end this connection with this error.
bool Application::explained(std::string_view code, std::string_view text) const {
  if (broken_ || left_) return true;
  if (timeout_explains(text)) return true;
  const bool refused = code == "28P01" || code == "3D000";
  if (!identity_.welcome && phase_ == Phase::logging_in && refused) return true;
  if (pool_mode_ == PoolMode::statement && asking() && text.starts_with("transaction blocks")) {
    simulation_.probes().hit(Probe::transaction_block_refused);
    return true;
  }
  const bool of_settings = code == "22023" || code == "42704";
  if (identity_.refused && asking() && of_settings) {
    simulation_.probes().hit(Probe::settings_refused);
    return true;
  }
  if (phase_ == Phase::logging_in && code == "28P01" && password_is(false)) {
    simulation_.probes().hit(Probe::old_password_refused);
    return true;
  }
  return simulation_.explains_fatal(*this, code, text, std::min(asked_at_, waits_since_));
}

// Whether the password it typed is right, or wrong, by some settings since it connected.
bool Application::password_is(bool right) const {
  return simulation_.in_force().ever(connected_at_, [&](const Settings& settings) {
    return (simulation_.passwords().right(settings, identity_.user) == password_) == right;
  });
}

// A clock of pgweir's may have ended it, but not before its time.
bool Application::timeout_explains(std::string_view text) const {
  using S = Settings;
  const auto passed = [&](std::string_view setting, Instant since, Duration S::* timeout) {
    return text.starts_with(setting) && ran_out(timeout, since);
  };
  if (phase_ == Phase::logging_in) {
    return passed("client_login_timeout", connected_at_, &S::client_login_timeout);
  }
  if (passed("cancel_wait_timeout", cancelled_at_, &S::cancel_wait_timeout)) return true;
  if (passed("transaction_timeout", transaction_at_, &S::transaction_timeout)) return true;
  if (passed("query_wait_timeout", asked_at_, &S::query_wait_timeout)) return asking();
  if (passed("query_timeout", asked_at_, &S::query_timeout)) return asking();
  // These two by the pooler's side of the socket: what was said and heard here is on its way there.
  const Instant quiet_since = simulation_.watch().silent_since(stream_.get());
  // Half of a message that nobody waits for any more holds a server as a transaction does.
  if (passed("transaction_timeout", quiet_since, &S::transaction_timeout)) return true;
  return passed("idle_transaction_timeout", quiet_since, &S::idle_transaction_timeout) ||
         passed("client_idle_timeout", quiet_since, &S::client_idle_timeout);
}

// Where an error could not be put between two messages: some clock's time had come.
bool Application::some_clock_ran_out() const {
  return ran_out(&Settings::query_timeout, asked_at_) ||
         ran_out(&Settings::transaction_timeout, transaction_at_) ||
         // The rest of a batch may be on its way, and its transaction idle until it comes.
         ran_out(&Settings::idle_transaction_timeout, asked_at_) ||
         ran_out(&Settings::cancel_wait_timeout, cancelled_at_);
}

bool Application::ran_out(Duration Settings::* timeout, Instant since) const {
  return simulation_.in_force().had_passed(timeout, since, simulation_.clock().now());
}

// The next thing it does, when nothing keeps it.
void Application::go_on() {
  if (phase_ != Phase::working || thinking_ || fatal_heard_) return;
  if (job_.empty()) {
    if (!answers_.settled()) return;
    // A COMMIT may fail, by statement_timeout: nobody goes on in what it has left open.
    const bool left_open = answers_.in_transaction();
    // What it has left in its session keeps a server for as long as it is there.
    const OwnState& state = answers_.state();
    const bool left_state = state.keeps_any() || state.has_failed_to_keep();
    // Others may wait for the server of its session.
    const bool has_session = pool_mode_ == PoolMode::session && !simulation_.may_ask();
    if (retired_ || jobs_left_ == 0 || left_open || left_state || has_session) return leave();
    if (!simulation_.may_ask()) {
      thinking_ = true;
      return later(seconds(1), Later::say, true);
    }
    --jobs_left_;
    job_ = simulation_.workload().next_job(identity_);
  }
  const Part& next = job_.front();
  const bool now = next.when == Part::When::at_once || answers_.settled() ||
                   (next.when == Part::When::copy_asked_for && answers_.copy_open());
  if (!now) return;
  if (next.think_ms == 0) return say_next();
  thinking_ = true;
  later(milliseconds(next.think_ms), Later::say);
}

void Application::say_next() {
  if (phase_ != Phase::working || fatal_heard_) return;
  if (job_.empty()) return go_on();
  Part part = std::move(job_.front());
  job_.pop_front();
  say(std::move(part));
  go_on();
}

void Application::say(Part part) {
  const Instant now = simulation_.clock().now();
  if (answers_.settled()) {
    asked_at_ = now;
    if (!answers_.in_transaction() && answers_.between_requests()) transaction_at_ = now;
  }
  if (!part.owed.empty()) {
    if (part.when == Part::When::at_once && !answers_.settled()) {
      simulation_.probes().hit(Probe::asked_behind_unanswered);
    }
    for (const Owed& owed : part.owed) {
      if (!owed.asks.empty()) last_request_ = owed.asks.back().request;
    }
    if (waits_since_ == never) waits_since_ = now;
  }
  if (simulation_.may_lie(*this)) later(patience_with_liars, Later::despair);
  if (twin_) twin_->says(part);
  answers_.owe(std::move(part.owed));
  if (part.cancelled) {
    later(milliseconds(part.cancel_after_ms), Later::cancel);
  }
  stream_->write(part.bytes);
  maybe_pause_reading();
}

// From another connection, as drivers do: it says so and waits for the end.
void Application::cancel() {
  if (mistakes_replica()) return simulation_.send_cancel(*this, pid_, foreign(secret_));
  if (mistakes_secret()) {
    return simulation_.send_cancel(*this, pid_, mistaken(secret_, generation_ / 6 % 3));
  }
  answers_.cancel_begins();
  cancelled_at_ = std::min(cancelled_at_, simulation_.clock().now());
  simulation_.send_cancel(*this, pid_, secret_);
}

void Application::maybe_pause_reading() {
  const std::uint32_t pause_ms = simulation_.workload().reading_pause_ms();
  if (pause_ms == 0) return;
  reading_ = false;
  later(milliseconds(pause_ms), Later::read);
}

void Application::leave() {
  left_ = true;
  phase_ = Phase::ending;
  switch (simulation_.workload().way_to_leave()) {
    case LeaveBy::terminate:
      stream_->write(terminate());
      stream_->finish();
      break;
    case LeaveBy::finish: stream_->finish(); break;
    case LeaveBy::reset: return vanish();
  }
  later(seconds(20), Later::give_up);
}

void Application::vanish() {
  if (phase_ == Phase::away) return;
  broken_ = true;
  if (answers_.in_transaction()) simulation_.probes().hit(Probe::lost_in_transaction);
  stream_->reset();
  end_connection();
}

// Its machine is switched off: it hears nothing more, and nobody hears of it.
void Application::go_dark() {
  if (phase_ == Phase::away) return;
  broken_ = true;
  stream_->go_dark(simulation_.kernel_patience());
  stream_->set_peer(nullptr);
  end_connection();
}

void Application::freeze() {
  if (retired_) return;
  frozen_ = true;
  waits_since_ = never;
}

void Application::thaw() {
  if (!std::exchange(frozen_, false)) return;
  if (phase_ != Phase::away) return vanish();
  ++generation_;
  later(milliseconds(simulation_.workload().reconnect_ms()), Later::connect);
}

void Application::end_of_stream() {
  const bool half = framer_.mid_message() || stream_->loss() == Stream::Loss::closed_at_once;
  const bool excused = (half && some_clock_ran_out()) || broken_ || left_ || fatal_heard_ ||
                       stream_->peer_reset() || stream_->loss() == Stream::Loss::lingered;
  if (!excused &&
      !simulation_.explains_silent_end(*this, half, std::min(asked_at_, waits_since_))) {
    simulation_.verdict().blame(oracle::error_shape, "c" + std::to_string(identity_.number) +
                                                         " was closed without an error" +
                                                         (half ? " in a message" : "") +
                                                         "; it waits for " + answers_.waits_for());
  }
  end_connection();
}

void Application::end_connection() {
  if (!answers_.settled()) ++lost_count_;
  if (twin_) twin_->loses_connection();
  answers_.lose();
  if (stream_) {
    stream_->finish();
    stream_->set_peer(nullptr);
  }
  stream_.reset();
  phase_ = Phase::away;
  waits_since_ = never;
  ++generation_;
  if (!retired_) later(milliseconds(simulation_.workload().reconnect_ms()), Later::connect);
}

std::string Application::pending() const {
  if (phase_ == Phase::away || waits_since_ == never) return "";
  const std::string who = "c" + std::to_string(identity_.number);
  if (phase_ == Phase::logging_in) return who + " waits for its login";
  return answers_.settled() ? "" : who + " waits for " + answers_.waits_for();
}

}  // namespace pgweir::sim
