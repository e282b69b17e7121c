#include "sim/simulation.h"

#include <algorithm>
#include <charconv>

#include "core/base/limits.h"
#include "sim/core_memory.h"
#include "sim/pool_modes.h"
#include "sim/quiet_log.h"

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// No run needs longer than that of simulated time for its safety phase.
constexpr Duration safety_time_max = std::chrono::hours(24 * 60);

std::uint64_t mixed(std::uint64_t seed, std::uint64_t what) {
  std::uint64_t value = seed * 0x9e3779b97f4a7c15ull + what * 0xd1342543de82ef95ull;
  value ^= value >> 32;
  return value * 0xff51afd7ed558ccdull;
}

// A connection that brings one CancelRequest, and waits until it is closed. It begins as that of
// its application did.
class CancelPeer : public Peer {
 public:
  CancelPeer(Application& whose, std::shared_ptr<Stream> stream, const std::string& request)
      : whose_(whose),
        right_(!whose.mistakes_secret()),
        approach_(whose.identity().greeting, request),
        stream_(std::move(stream)) {
    stream_->set_peer(this);
    stream_->write(approach_.first_words());
  }
  ~CancelPeer() override { stream_->set_peer(nullptr); }
  CancelPeer(const CancelPeer&) = delete;
  CancelPeer& operator=(const CancelPeer&) = delete;

  void turn() override {
    std::string_view heard = stream_->unread_by_peer();
    const std::string next = approach_.take_answers(heard);
    stream_->drop_unread();
    if (!next.empty()) stream_->write(next);
    if (over_ || !stream_->at_end()) return;
    over_ = true;
    stream_->finish();
    if (right_) whose_.cancel_over();
  }
  bool over() const { return over_; }

 private:
  Application& whose_;
  bool right_;
  Approach approach_;
  bool over_ = false;
  std::shared_ptr<Stream> stream_;
};

}  // namespace

Tapes Tapes::from_seed(std::uint64_t seed) {
  return {Tape::from_seed(mixed(seed, 1)), Tape::from_seed(mixed(seed, 2)),
          Tape::from_seed(mixed(seed, 3)), Tape::from_seed(mixed(seed, 4))};
}

Tapes Tapes::replay(const Choices& choices) {
  return {Tape::replay(choices[0]), Tape::replay(choices[1]), Tape::replay(choices[2]),
          Tape::replay(choices[3])};
}

Simulation::Simulation(const RunOptions& options, Tapes& tapes, Teller teller)
    : options_(options),
      tapes_(tapes),
      teller_(std::move(teller)),
      clock_(Instant(std::chrono::hours(1))),
      network_(clock_, tapes.network),
      settings_(options.settings),
      workload_(tapes.workload, options.workload),
      names_(options.host_count) {
  if (options_.hostile_permille > 0) {
    checks_may_fail_.emplace();
    ledger_.distrust(Names::addresses_of(options_.hostile_host));
  }
  network_.weather = options_.weather;
  watch_ = std::make_unique<Watch>(*this, verdict_);
  if (options_.settings.server_reset_query_always) watch_->expect_resets();
  ledger_.ask_of_stillness([this](SocketId server) { return watch_->is_still(server); });
  ledger_.ask_of_clients([this](SocketId server) { return client_of(server); });
  if (options_.settings.session_state == SessionStatePolicy::pin) ledger_.expect_pins();
  ledger_.expect_sessions_of([this](const Login& who) {
    return pool_mode_of(in_force_->original(), who) == PoolMode::session;
  });
  if (options_.settings.retry_prepared_statements) ledger_.expect_retries();
  ledger_.expect_resets_by(options_.settings.server_reset_query);
  const std::string& check = options_.settings.server_check_query;
  if (!options_.connect_query.empty()) ledger_.expect_connects_by(options_.connect_query);
  ledger_.expect_checks_by(check == empty_query ? "" : check);
  build_settings();
  in_force_.emplace(clock_.now(), settings_);
  count_core_memory(true);
  machines_.emplace(options_.machine_count, settings_, vault_);
  count_core_memory(false);
  build_hosts();
  shell_ = std::make_unique<Shell>(clock_, machines_->steppers(), vault_, shell_options());
  no_growth_.begin();
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    for (const Endpoint& where : Names::addresses_of(i)) shell_->add_host(where, *hosts_[i]);
  }
  names_.say_originals(*shell_);
  build_applications();
  build_people();
}

Simulation::~Simulation() = default;

void Simulation::build_settings() {
  if (options_.scram) settings_.auth_type = AuthType::scram_sha_256;
  settings_.listen_addr = {"10.9.0.254"};
  settings_.admin_users = {"admin"};
  settings_.stats_users = {"watcher"};
  for (std::uint32_t i = 0; i < options_.database_count; ++i) {
    DatabaseSettings& database = settings_.databases.emplace_back();
    database.name = "db" + std::to_string(i);
    database.host = Names::name_of(i % options_.host_count);
    database.connect_query = options_.connect_query;
    if (i == 0) database.timezone = options_.timezone;
  }
  const auto add_user = [&](const std::string& name) {
    UserSettings& user = settings_.users.emplace_back();
    user.name = name;
    user.credential = passwords_.add(name);
  };
  add_user("admin");
  for (std::uint32_t i = 0; i < options_.user_count; ++i) add_user("user" + std::to_string(i));
  add_user("watcher");
  set_pool_mode();
  if (options_.unlisted_user) {
    std::ranges::find(settings_.users, RunOptions::unlisted_name, &UserSettings::name)->name = "*";
    std::ranges::sort(settings_.users, {}, &UserSettings::name);
  }
}

// The more special one counts, whatever else is said.
void Simulation::set_pool_mode() {
  const PoolMode mode = options_.pool_mode;
  std::optional<PoolMode>& of_database = settings_.databases.front().pool_mode;
  std::optional<PoolMode>& of_user = settings_.users[1].pool_mode;  // behind admin
  switch (options_.pool_mode_for) {
    case RunOptions::PoolModeFor::all: settings_.pool_mode = mode; return;
    case RunOptions::PoolModeFor::database: of_database = mode; return;
    case RunOptions::PoolModeFor::user:
      of_database = PoolMode::transaction;
      of_user = mode;
      return;
    case RunOptions::PoolModeFor::all_but_user:
      of_database = mode;
      of_user = PoolMode::transaction;
      return;
  }
}

void Simulation::build_hosts() {
  for (std::uint32_t i = 0; i < options_.host_count; ++i) {
    ServerOptions server;
    server.host_name = Names::name_of(i);
    server.server_version = options_.server_version;
    server.newer = options_.server_newer;
    server.gives_secret = options_.servers_give_secrets;
    server.connect_query = options_.connect_query;
    server.clock = &clock_;
    server.tape = &tapes_.network;
    server.work_max = options_.work_max;
    server.noise_percent = options_.noise_percent;
    if (i == options_.hostile_host) server.hostile_permille = options_.hostile_permille;
    server.on_event = [this, i](const ServerEvent& event) { watch_->server(i, event); };
    if (options_.scram) {
      server.auth = ServerOptions::Auth::scram;
      for (const UserSettings& user : settings_.users) {
        server.passwords[user.name] = passwords_.text(user.credential);
      }
    }
    hosts_.push_back(std::make_unique<Postgres>(std::move(server)));
    hosts_.back()->forget_statements();
  }
}

// Behind all that is drawn of who they are, so that seeds stay what they were.
void Simulation::add_startup_settings(std::vector<Identity>& identities) {
  if (options_.settings_percent == 0) return;
  Tape& tape = tapes_.workload;
  for (Identity& who : identities) {
    if (tape.chance(options_.settings_percent, 100)) who.settings = draw_startup_settings(tape);
  }
  for (std::uint32_t i = 0; i < options_.refused_count; ++i) {
    Identity& who = identities.emplace_back();
    who.number = static_cast<std::uint32_t>(identities.size());
    who.user = "user" + std::to_string(tape.below(options_.user_count));
    who.database = "db" + std::to_string(tape.below(options_.database_count));
    who.settings = draw_refused_settings(tape);
    who.refused = true;
  }
}

void Simulation::build_applications() {
  Tape& tape = tapes_.workload;
  std::vector<Identity> identities;
  for (std::uint32_t number = 1; number <= options_.client_count + options_.unwelcome_count;
       ++number) {
    Identity who;
    who.number = number;
    who.user = "user" + std::to_string(tape.below(options_.user_count));
    who.database = "db" + std::to_string(tape.below(options_.database_count));
    if (tape.chance(1, 3)) {
      who.parameters.emplace_back("application_name", "app" + std::to_string(number));
    }
    if (tape.chance(1, 6)) who.parameters.emplace_back("TimeZone", "Asia/Tokyo");
    who.greeting = draw_greeting(tape);
    if (number > options_.client_count) {
      who.welcome = false;
      if (options_.scram && tape.chance(1, 2)) {
        who.password = "wrong";
      } else {
        who.database = "nowhere";
      }
    }
    identities.push_back(std::move(who));
  }
  add_startup_settings(identities);
  for (Identity& who : identities) {
    applications_.push_back(std::make_unique<Application>(*this, std::move(who)));
  }
  if (options_.mode == Mode::calm) {
    applications_.front()->compare_with_direct_run(options_.server_version);
  }
  for (const auto& application : applications_) {
    Application* starting = application.get();
    clock_.in(milliseconds(tape.below(20)), [starting] { starting->start(); });
  }
}

ShellOptions Simulation::shell_options() {
  ShellOptions options;
  options.pipe_capacity = options_.pipe_capacity;
  options.network = &network_;
  options.keep_records = false;
  if (options_.cuts) {
    options.cut = [this](std::size_t size) {
      return tapes_.network.chance(1, 4)
                 ? 1 + tapes_.network.below(static_cast<std::uint32_t>(size))
                 : size;
    };
  }
  if (options_.shuffled) {
    options.pick = [this](std::size_t count) {
      return tapes_.network.below(static_cast<std::uint32_t>(count));
    };
  }
  options.delay = [this](Wait wait) -> Duration {
    const Duration most =
        wait == Wait::timer ? options_.timers_late_max : options_.answers_late_max;
    if (most == Duration::zero() || wait == Wait::close) return {};
    return most * tapes_.network.below(64) / 64;
  };
  options.around_step = count_core_memory;
  options.watch = [this](const Event& event, std::span<const Effect> effects) {
    after_step(event, effects);
  };
  return options;
}

void Simulation::after_step(const Event& event, std::span<const Effect> effects) {
  if (teller_.step) teller_.step(clock_.now(), event, effects);
  if (!shell_) return;  // the first step, before there is a world
  watch_people(event, effects);
  no_growth_.step(event, effects.size(), census_.clients().size());
  check_recycled(event, effects);
  names_.step(shell_->stepping(), clock_.now(), settings().dns_max_ttl, event, effects, verdict_);
  replications_.step(effects);
  ledger_.step(event, effects);
  mail_.step(shell_->stepping(), clock_.now(), event, effects);
  watch_->step(event, effects);
  probes_.step(event, effects);
  for (const Effect& effect : effects) {
    const Note* const note = std::get_if<Note>(&effect);
    if (note == nullptr || may_be_noted(*note, event, options_)) continue;
    verdict_.blame(oracle::quiet_logs,
                   std::string(pgweir::name_of(note->kind)) + ": " + std::string(note->text));
  }
  if (shell_->step_count() % 64 == 0) machines_->check_invariants();
}

Duration Simulation::machines_agree_within() const {
  const Duration late = options_.answers_late_max + options_.timers_late_max;
  const auto size = static_cast<std::uint32_t>(settings().default_pool_size);
  const std::uint32_t homes = size == 0 ? options_.machine_count : size / limits::servers_a_machine;
  const Duration slack = this->slack();
  Duration within = 2 * (slack + late);
  // A server that is asked something is taken for one that is there, for a while.
  const bool asks = !settings().server_check_query.empty() || !options_.connect_query.empty() ||
                    options_.fault_every > Duration::zero();
  if (asks) within += limits::recovery_grace + late;
  // Not all are told at once: each time twice as many.
  for (std::uint32_t told = limits::hunger_reach_min; told + 1 < homes; told += 2 * told) {
    within += std::max<Duration>(slack, limits::hunger_interval_min) + late;
  }
  return within;
}

// A machine that comes late waits for as long before it tells others, or gives to them.
Duration Simulation::slack() const {
  return std::max<Duration>(settings().handover_slack,
                            std::min<Duration>(options_.timers_late_max, limits::lateness_max));
}

Instant Simulation::undisturbed_since() const {
  const Instant now = clock_.now();
  // It was late, and remembers that.
  const Instant on_time = stalled_until_ == Instant{}
                              ? stalled_until_
                              : after(stalled_until_, 2 * limits::lateness_remembered);
  return std::max({std::min(on_time, now), in_force_->since(), std::min(deaf_until_, now),
                   mail_.free_since(now)});
}

bool Simulation::over() const { return verdict_.failed() || shell_->exit_status().has_value(); }

bool Simulation::go_on_until(Instant when) {
  while (!over()) {
    if (shell_->turn()) continue;
    collect_complaints();
    watch_->quiet();
    check_removed();
    check_first_server();
    check_wake_up();
    const Instant next = shell_->next();
    if (over() || next > when) break;
    clock_.move_to(std::max(clock_.now(), next));
  }
  if (!over() && clock_.next() > when) clock_.move_to(std::max(clock_.now(), when));
  return !over();
}

void Simulation::collect_complaints() {
  for (const std::string& complaint : shell_->complaints()) {
    verdict_.blame(oracle::step_contract, complaint);
  }
  for (const auto& host : hosts_) {
    for (const std::string& complaint : host->complaints()) {
      const std::size_t end = complaint.find(": ");
      verdict_.blame(complaint.substr(0, end), complaint.substr(end + 2));
    }
  }
}

Outcome Simulation::run() {
  const Instant began = clock_.now();
  if (options_.fault_every > Duration::zero()) schedule_fault();
  run_rounds();
  collect_complaints();
  Outcome outcome;
  outcome.finding = verdict_.finding();
  outcome.trace_hash = shell_->trace_hash();
  outcome.step_count = shell_->step_count();
  outcome.all_steps = outcome.step_count >= options_.steps;
  outcome.probes = probes_;
  outcome.simulated = clock_.now() - began;
  for (const auto& application : applications_) {
    outcome.asked_count += application->asked_count();
    outcome.answered_count += application->answered_count();
    outcome.lost_count += application->lost_count();
  }
  return outcome;
}

void Simulation::run_rounds() {
  for (std::uint32_t round = 1; round < options_.rounds && !over(); ++round) {
    run_safety();
    run_liveness();
    if (!over()) begin_anew();
  }
  run_safety();
  if (options_.mode == Mode::drain) return run_drain();
  run_liveness();
  check_end();
}

void Simulation::run_safety() {
  const std::uint64_t last_step = shell_->step_count() + options_.steps;
  const Instant end = after(clock_.now(), safety_time_max);
  while (shell_->step_count() < last_step && clock_.now() < end) {
    if (!go_on_until(after(clock_.now(), milliseconds(100)))) return;
  }
}

// Who waits for something is waited for: by the network, a backend, a clock (O-24).
void Simulation::check_wake_up() {
  constexpr std::string_view housekeeping = "statistics, or accepting again";
  if (!clock_.only_passing() || !shell_->at_rest() || !shell_->accepting() || stalled()) return;
  const auto wake = machines_->deadline();
  // Housekeeping that comes soon may stand before something that somebody waits for.
  const bool soon = wake && wake->at <= after(clock_.now(), patience());
  if (wake && (wake->purpose != housekeeping || soon)) return;
  if (const std::string owed = pending(); !owed.empty()) {
    verdict_.blame(oracle::no_lost_wake_up, "nothing is to come any more, and " + owed);
  }
}

void Simulation::run_drain() {
  if (over()) return;
  heal();
  draining_ = true;
  shell_->command(event::Command::drain);
  const Instant end = after(clock_.now(), patience());
  while (clock_.now() < end && !over()) go_on_until(after(clock_.now(), seconds(1)));
  if (verdict_.failed()) return;
  if (!shell_->exit_status()) return check_undrained();
  if (*shell_->exit_status() != 0) verdict_.blame(oracle::drain, "it ended with a failure");
  // The process is gone, and with it every connection: nobody may have been left in a statement.
  const Duration longest = network_.delay_longest() + seconds(kernel_patience_s_max);
  const Instant heard = after(clock_.now(), longest + time_to_hear);
  while (clock_.next() <= heard) {
    clock_.move_to(std::max(clock_.now(), clock_.next()));
    while (clock_.run_due()) continue;
  }
  if (const std::string owed = pending(); !owed.empty()) {
    verdict_.blame(oracle::drain, "it ended while " + owed);
  }
}

// It waits for clients: only those that it has no right to end may still be there.
void Simulation::check_undrained() {
  for (const auto& application : applications_) {
    if (!application->logged_in() || application->frozen()) continue;
    if (application->stream()->dark() || ruins_.excuses(*application)) continue;
    verdict_.blame(oracle::drain, "told to drain, it still has c" +
                                      std::to_string(application->identity().number) +
                                      "; for ever: " + ruins_.what());
  }
  if (ruins_.may_keep_pgweir()) return;
  verdict_.blame(oracle::drain, "told to drain, it did not end; " + pending());
}

// Everybody leaves; then the pooler has to be as if nobody had been there.
void Simulation::check_end() {
  if (over()) return;
  for (const auto& application : applications_) application->retire();
  for (const auto& application : applications_) application->thaw();
  for (const auto& stranger : strangers_) stranger->thaw();
  for (const auto& person : operators_) person->retire();
  for (const auto& receiver : receivers_) receiver->retire();
  const Duration idle = settings_.server_idle_timeout + settings_.server_lifetime;
  // Before each part of a job; around the statements there are at most so many more.
  constexpr std::uint32_t other_parts_max = 10;
  const Duration thinking = milliseconds(options_.workload.think_ms_max) *
                            (options_.workload.statements_max + other_parts_max);
  const Instant end = after(clock_.now(), seconds(kernel_patience_s_max) + idle + thinking +
                                              minutes(1) + ruins_.patience());
  Instant empty_since = never;
  while (clock_.now() < end && !over()) {
    give_up();
    go_on_until(std::min(end, after(clock_.now(), seconds(10))));
    const bool empty = shell_->socket_count(SocketKind::client) == 0;
    empty_since = empty ? std::min(empty_since, clock_.now()) : never;
    if (clock_.now() < after(empty_since, seconds(20) + ruins_.patience())) continue;
    quotas_.check_at_rest(in_force_->of_ledger(), census_, verdict_);
  }
  if (over()) return;
  const std::size_t clients = shell_->socket_count(SocketKind::client);
  const std::size_t cancels = shell_->socket_count(SocketKind::cancel);
  if (clients + cancels > 0) {
    verdict_.blame(oracle::back_to_idle, std::to_string(clients) + " client sockets and " +
                                             std::to_string(cancels) +
                                             " of cancels are left when everybody has gone");
  }
  const std::size_t servers = shell_->socket_count(SocketKind::server);
  if (servers > 0 && settings_.min_pool_size == 0) {
    verdict_.blame(oracle::back_to_idle,
                   std::to_string(servers) + " servers are left when nobody wants one");
  }
  machines_->check_invariants();
  check_left_over();
  audit_ledger();
}

// A machine that everybody has left is like one that nobody has been at, in what it knows and in
// what it holds.
void Simulation::check_left_over() {
  // A server that stays is somebody, and keeps the room that its longest pipeline took.
  if (settings_.min_pool_size > 0) return;
  if (const std::string left = machines_->left_over(); !left.empty()) {
    verdict_.blame(oracle::back_to_idle, "when everybody has gone the machine still has " + left);
  }
  const std::size_t pool_count = std::size_t{options_.database_count} * settings_.users.size();
  if (const auto growth = no_growth_.excess(options_.machine_count, pool_count)) {
    verdict_.blame(oracle::no_growth, *growth);
  }
}

// What was told to be committed is there once; what was told to be rolled back is not.
void Simulation::audit_ledger() {
  std::multiset<std::string> ledger;
  for (const auto& host : hosts_) ledger.insert(host->ledger().begin(), host->ledger().end());
  for (const auto& application : applications_) {
    if (may_lie(*application)) continue;
    const std::string who = "c" + std::to_string(application->identity().number);
    for (const std::string& value : application->answers().state().committed()) {
      if (ledger.count(value) == 1) continue;
      verdict_.blame(oracle::transaction_integrity,
                     who + " was told that " + value + " is committed; it is there " +
                         std::to_string(ledger.count(value)) + " times");
    }
    for (const std::string& value : application->answers().state().rolled_back()) {
      if (ledger.count(value) == 0) continue;
      verdict_.blame(oracle::transaction_integrity,
                     who + " was told that " + value + " is rolled back, and it is there");
    }
    const std::size_t most = application->identity().refused ? 0 : 1;
    for (const std::string& value : application->answers().state().unknown()) {
      if (ledger.count(value) <= most) continue;
      verdict_.blame(oracle::transaction_integrity,
                     who + ": " + value + (most == 0 ? " is there" : " is there twice"));
    }
  }
}

Application* Simulation::application_of(std::string_view tag) {
  if (!tag.starts_with('c')) return nullptr;
  std::size_t number = 0;
  std::from_chars(tag.data() + 1, tag.data() + tag.size(), number);
  if (number == 0 || number > applications_.size()) return nullptr;
  return applications_[number - 1].get();
}

Duration Simulation::kernel_patience() {
  return seconds(tapes_.faults.between(20, kernel_patience_s_max));
}

// One with a wrong secret comes from elsewhere: nobody has to see to it.
void Simulation::send_cancel(Application& who, std::uint32_t pid, const std::string& secret) {
  std::erase_if(cancels_, [](const std::unique_ptr<Peer>& peer) {
    return static_cast<const CancelPeer&>(*peer).over();
  });
  const bool right = !who.mistakes_secret();
  if (!shell_->listening()) {
    if (right) who.cancel_over();
    return;
  }
  const std::uint8_t net = right ? 2 : who.mistakes_replica() ? 6 : 5;
  const auto from =
      ipv4(10, 9, net, static_cast<std::uint8_t>(who.identity().number), who.cancel_port());
  cancels_.push_back(
      std::make_unique<CancelPeer>(who, shell_->connect(from), cancel_request(pid, secret)));
}

}  // namespace pgweir::sim
