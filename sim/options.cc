#include "sim/options.h"

#include <array>
#include <cstdlib>
#include <utility>

namespace pgweir::sim {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr std::array<std::pair<Mode, std::string_view>, 7> mode_names{{
    {Mode::smoke, "smoke"},
    {Mode::calm, "calm"},
    {Mode::safety, "safety"},
    {Mode::liveness, "liveness"},
    {Mode::drain, "drain"},
    {Mode::overload, "overload"},
    {Mode::lifetime, "lifetime"},
}};

template <class T, std::size_t N>
T one_of(Tape& tape, const std::array<T, N>& choices) {
  return choices[tape.below(N)];
}

Duration any_timeout(Tape& tape) {
  constexpr std::array<Duration, 8> choices{seconds(0), seconds(0),  seconds(0),        seconds(60),
                                            seconds(5), seconds(20), milliseconds(400), seconds(2)};
  return one_of(tape, choices);
}

void draw_settings(Settings& settings, Mode mode, Tape& tape) {
  settings.auth_type = AuthType::trust;
  settings.log_connections = false;
  settings.log_disconnections = false;
  settings.default_pool_size = static_cast<std::int32_t>(tape.between(1, 5));
  settings.reserve_pool_size = tape.chance(1, 4) ? 1 : 0;
  settings.reserve_pool_timeout = one_of<Duration, 2>(tape, {milliseconds(100), seconds(5)});
  settings.min_pool_size = tape.chance(1, 6) ? 1 : 0;
  settings.max_client_conn = 1000;
  settings.server_lifetime = one_of<Duration, 3>(tape, {hours(1), seconds(0), seconds(3)});
  settings.server_idle_timeout = one_of<Duration, 3>(tape, {minutes(10), seconds(1), seconds(30)});
  settings.server_login_retry =
      one_of<Duration, 3>(tape, {seconds(1), seconds(15), milliseconds(200)});
  settings.server_connect_timeout = one_of<Duration, 2>(tape, {seconds(15), seconds(1)});
  settings.dns_max_ttl = one_of<Duration, 2>(tape, {seconds(15), seconds(1)});
  // Months of it in lifetime; elsewhere hours in which nothing else is due are silence (O-24).
  settings.stats_period = mode == Mode::lifetime ? minutes(1) : hours(24);
  settings.cancel_wait_timeout = one_of<Duration, 2>(tape, {seconds(10), seconds(1)});
  if (tape.chance(1, 3))
    settings.max_db_connections = static_cast<std::int32_t>(tape.between(1, 6));
  if (tape.chance(1, 3))
    settings.max_user_connections = static_cast<std::int32_t>(tape.between(1, 6));
  if (mode == Mode::calm || mode == Mode::smoke || mode == Mode::overload) {
    settings.server_connect_timeout = minutes(1);
    settings.cancel_wait_timeout = seconds(10);
    return;
  }
  settings.query_timeout = any_timeout(tape);
  settings.query_wait_timeout = tape.chance(1, 2) ? seconds(120) : any_timeout(tape);
  settings.idle_transaction_timeout = any_timeout(tape);
  settings.transaction_timeout = any_timeout(tape);
  settings.client_idle_timeout = tape.chance(1, 2) ? seconds(0) : any_timeout(tape);
  settings.client_login_timeout = one_of<Duration, 2>(tape, {seconds(60), seconds(5)});
  // Equal clocks are where both sides act at once.
  if (tape.chance(1, 6)) settings.query_wait_timeout = settings.query_timeout;
  if (tape.chance(1, 10)) settings.max_client_conn = static_cast<std::int32_t>(tape.between(2, 12));
}

void draw_workload(WorkloadOptions& workload, Tape& tape) {
  bool any = false;
  // What came later is drawn behind all else, so that seeds stay what they were: draw_statements.
  for (std::uint32_t& weight : std::span(workload.weights).first<23>()) {
    const bool on = tape.chance(3, 5);
    const std::uint32_t drawn = tape.between(1, 10);
    weight = on ? drawn * drawn : 0;
    any = any || on;
  }
  if (!any) workload.weights[0] = 1;
  workload.jobs_max = one_of<std::uint32_t, 3>(tape, {20, 3, 200});
  workload.think_ms_max = one_of<std::uint32_t, 4>(tape, {20, 0, 3, 300});
  workload.statements_max = tape.between(2, 8);
  workload.reconnect_ms_max = one_of<std::uint32_t, 3>(tape, {50, 0, 1000});
  workload.sleep_ms_max = one_of<std::uint32_t, 3>(tape, {50, 5, 2000});
}

void draw_world(RunOptions& options, Tape& tape) {
  options.host_count = tape.between(1, 2);
  options.database_count = tape.between(1, 3);
  options.user_count = tape.between(1, 2);
  options.scram = tape.chance(1, 4);
  options.client_count = tape.between(1, 24);
  options.weather.delay_max = one_of<Duration, 4>(
      tape, {milliseconds(1), milliseconds(0), std::chrono::microseconds(50), milliseconds(20)});
  options.weather.split_percent = one_of<std::uint32_t, 4>(tape, {0, 5, 30, 90});
  options.weather.refuse_percent = one_of<std::uint32_t, 3>(tape, {0, 2, 30});
  options.pipe_capacity = one_of<std::size_t, 4>(tape, {256 * 1024, 10'000, 1000, 64});
  options.answers_late_max =
      one_of<Duration, 3>(tape, {milliseconds(1), seconds(0), milliseconds(200)});
  options.timers_late_max =
      one_of<Duration, 3>(tape, {milliseconds(2), seconds(0), milliseconds(50)});
  options.cuts = tape.chance(1, 3);
  options.shuffled = tape.chance(1, 2);
  options.work_max =
      one_of<Duration, 4>(tape, {milliseconds(1), seconds(0), milliseconds(20), milliseconds(300)});
  options.noise_percent = one_of<std::uint32_t, 3>(tape, {0, 3, 20});
}

void draw_faults(RunOptions& options, Tape& tape) {
  if (tape.chance(1, 5)) return;  // some runs are calm but for their clocks
  options.fault_every =
      one_of<Duration, 4>(tape, {seconds(2), milliseconds(100), milliseconds(500), seconds(20)});
  for (bool* kind : {&options.lose_clients, &options.lose_servers, &options.lose_hosts,
                     &options.stall, &options.clog, &options.darken, &options.fail_accepts,
                     &options.reload, &options.move_names}) {
    *kind = tape.chance(1, 2);
  }
  options.ruins_percent = one_of<std::uint32_t, 3>(tape, {0, 0, 100});
  options.workload.rude_percent = one_of<std::uint32_t, 3>(tape, {0, 10, 60});
  options.workload.slow_reader_percent = one_of<std::uint32_t, 3>(tape, {0, 3, 20});
  if (tape.chance(1, 5)) {
    options.hostile_permille = one_of<std::uint32_t, 3>(tape, {5, 1, 30});
    options.hostile_host = tape.below(options.host_count);
  }
  options.unwelcome_count = tape.chance(1, 3) ? tape.between(1, 3) : 0;
  options.stranger_count = tape.chance(1, 3) ? tape.between(1, 4) : 0;
  options.stranger_pause =
      one_of<Duration, 3>(tape, {milliseconds(500), milliseconds(10), seconds(10)});
  options.change_passwords = tape.chance(9, 10) && options.reload && options.scram;
}

void draw_people(RunOptions& options, Tape& tape) {
  options.operator_count = tape.chance(1, 2) ? tape.between(1, 3) : 0;
  options.operator_pause =
      one_of<Duration, 4>(tape, {milliseconds(500), milliseconds(20), seconds(5), minutes(1)});
  // As often as monitoring does. In the other modes most steps of some runs are the console's.
  if (options.mode == Mode::calm) {
    options.operator_pause = std::max<Duration>(options.operator_pause, seconds(5));
  }
}

}  // namespace

std::string_view name_of(Mode mode) { return mode_names[static_cast<std::size_t>(mode)].second; }

std::optional<Mode> mode_named(std::string_view name) {
  for (const auto& [mode, its_name] : mode_names) {
    if (its_name == name) return mode;
  }
  return std::nullopt;
}

// Several. A pool lives on more than one of them only where it has servers enough.
void draw_machines(RunOptions& options, Tape& tape) {
  options.machine_count = one_of<std::uint8_t, 8>(tape, {2, 3, 4, 8, 2, 5, 6, 7});
  options.settings.handover_slack =
      one_of<Duration, 4>(tape, {milliseconds(1), milliseconds(1), Duration{}, milliseconds(20)});
  if (tape.chance(1, 3)) return;
  // Pools on two or three machines, or on as many as there are.
  const std::uint32_t size = tape.between(8, 14);
  options.settings.default_pool_size = static_cast<std::int32_t>(size > 12 ? 32 : size);
  if (tape.chance(1, 4)) {
    options.settings.min_pool_size = static_cast<std::int32_t>(tape.between(1, 4));
  }
  options.client_count += 8;
}

void draw_statements(RunOptions& options, Tape& tape) {
  const std::uint32_t weight = tape.between(1, 10);
  options.workload.weights[static_cast<std::size_t>(JobKind::named)] = weight * weight;
  options.settings.max_prepared_statements = one_of<std::int32_t, 4>(tape, {200, 1, 2, 4});
  options.change_tables = tape.chance(2, 3);
  options.workload.keeps_statements = options.change_tables;
  options.settings.retry_prepared_statements = tape.chance(2, 3);
}

void draw_unnamed(RunOptions& options, Tape& tape) {
  const std::uint32_t weight = tape.between(1, 10);
  options.workload.weights[static_cast<std::size_t>(JobKind::unnamed)] = weight * weight;
}

void draw_startup_settings(RunOptions& options, Tape& tape) {
  options.settings_percent = one_of<std::uint32_t, 3>(tape, {50, 20, 90});
  options.server_version = one_of<const char*, 3>(tape, {"15.20", "13.4", "18.1"});
  const bool all_answered =
      options.mode == Mode::smoke || options.mode == Mode::calm || options.mode == Mode::overload;
  if (!all_answered && tape.chance(1, 3)) options.refused_count = tape.between(1, 2);
}

void draw_resets(RunOptions& options, Tape& tape) {
  const std::uint32_t weight = tape.between(1, 10);
  options.workload.weights[static_cast<std::size_t>(JobKind::resets)] = weight * weight;
}

// In calm all is as at a server of one's own.
void draw_session_state(RunOptions& options, Tape& tape) {
  const std::uint32_t weight = tape.between(1, 10);
  options.workload.weights[static_cast<std::size_t>(JobKind::session_state)] = weight * weight;
  const auto policy =
      one_of<SessionStatePolicy, 4>(tape, {SessionStatePolicy::pin, SessionStatePolicy::pin,
                                           SessionStatePolicy::reset, SessionStatePolicy::error});
  const auto most = one_of<std::int32_t, 4>(tape, {0, 0, 1, 2});
  if (options.mode == Mode::calm) return;
  options.settings.session_state = policy;
  options.settings.max_pinned = most;
  if (tape.chance(1, 8)) options.settings.server_reset_query = "error 22012";
}

// Servers that are not PostgreSQL. To hang up is a fault.
void draw_strange_servers(RunOptions& options, Tape& tape) {
  switch (tape.below(12)) {
    case 1: options.servers_give_secrets = false; break;
    case 2: options.server_newer = ServerOptions::Newer::refuses; break;
    case 3:
      if (options.fault_every == Duration::zero()) break;
      options.server_newer = ServerOptions::Newer::hangs_up;
      break;
    default: break;
  }
}

// Short sessions, so that everybody has one now and then. In statement mode every transaction ends
// its connection.
void draw_pool_mode(RunOptions& options, Tape& tape) {
  const bool all_answered =
      options.mode == Mode::smoke || options.mode == Mode::calm || options.mode == Mode::overload;
  const bool statements = tape.chance(1, 4) && !all_answered;
  options.pool_mode = statements ? PoolMode::statement : PoolMode::session;
  options.pool_mode_for = one_of<RunOptions::PoolModeFor, 4>(
      tape, {RunOptions::PoolModeFor::all, RunOptions::PoolModeFor::database,
             RunOptions::PoolModeFor::user, RunOptions::PoolModeFor::all_but_user});
  options.workload.jobs_max = 3;
}

// Where all is to be answered no check fails. The ledger tells what is asked by its text: what
// fails in one is no other's.
void draw_own_queries(RunOptions& options, Tape& tape) {
  const bool all_answered =
      options.mode == Mode::smoke || options.mode == Mode::calm || options.mode == Mode::overload;
  constexpr std::array<std::string_view, 4> checks{empty_query, empty_query, "select 'there'",
                                                   "error 53200"};
  options.settings.server_check_query = checks[tape.below(all_answered ? 3 : 4)];
  options.settings.server_check_delay =
      one_of<Duration, 4>(tape, {seconds(0), milliseconds(10), seconds(1), seconds(30)});
  options.settings.server_reset_query_always = tape.chance(1, 3);
  constexpr std::array<const char*, 3> connects{"select 'connected'", "error 40001", ""};
  options.connect_query = one_of(tape, connects);
  // In calm all is as at PostgreSQL itself.
  if (tape.chance(1, 2) && options.mode != Mode::calm) options.timezone = "Europe/Paris";
}

RunOptions draw_options(Mode mode, Tape& tape) {
  RunOptions options;
  options.mode = mode;
  draw_world(options, tape);
  draw_settings(options.settings, mode, tape);
  draw_workload(options.workload, tape);
  switch (mode) {
    case Mode::smoke:
      options.steps = 1000;
      options.client_count = tape.between(1, 3);
      options.host_count = options.database_count = options.user_count = 1;
      break;
    case Mode::calm:
      options.pipe_capacity = std::max<std::size_t>(options.pipe_capacity, 10'000);
      break;
    case Mode::safety:
    case Mode::drain: draw_faults(options, tape); break;
    case Mode::liveness:
      draw_faults(options, tape);
      options.fault_every = std::max<Duration>(options.fault_every, milliseconds(100));
      options.ruins_percent = 100;
      // Else it ends whoever waits in vain, and nobody sees that it was in vain.
      if (tape.chance(1, 2)) options.settings.query_wait_timeout = seconds(0);
      options.rounds = tape.between(2, 8);
      options.steps = 16'000 / options.rounds;
      break;
    case Mode::overload:
      options.client_count = tape.between(30, 120);
      options.workload.think_ms_max = 0;
      options.settings.default_pool_size = static_cast<std::int32_t>(tape.between(1, 3));
      break;
    case Mode::lifetime:
      draw_faults(options, tape);
      options.fault_every *= 1000;
      options.workload.think_ms_max = 600'000;
      options.workload.reconnect_ms_max = 600'000;
      options.steps = 10'000;
      break;
  }
  draw_people(options, tape);
  if (tape.chance(1, 2)) draw_machines(options, tape);
  if (tape.chance(1, 2)) draw_statements(options, tape);
  if (options.machine_count > 1) options.deafen = tape.chance(1, 2);
  if (tape.chance(1, 3)) draw_unnamed(options, tape);
  if (tape.chance(1, 2)) draw_startup_settings(options, tape);
  if (tape.chance(1, 2)) draw_session_state(options, tape);
  draw_strange_servers(options, tape);
  if (tape.chance(1, 4)) draw_pool_mode(options, tape);
  options.settings.server_check_query = "";
  if (tape.chance(1, 4)) draw_own_queries(options, tape);
  // Nothing that a liar says to them could be judged.
  const bool replicates = tape.chance(1, 2) && options.hostile_permille == 0;
  if (replicates) options.receiver_count = tape.between(1, 3);
  // Who has no line has no password.
  options.unlisted_user = tape.chance(1, 3) && !options.scram;
  if (tape.chance(1, 3)) draw_resets(options, tape);
  return options;
}

std::string describe(const RunOptions& options) {
  std::string text;
  const auto add = [&](std::string_view name, std::int64_t value, std::int64_t usual) {
    if (value == usual) return;
    text += "  " + std::string(name) + " " + std::to_string(value) + "\n";
  };
  const auto ms = [](Duration duration) {
    return std::chrono::duration_cast<milliseconds>(duration).count();
  };
  const RunOptions usual;
  const Settings& settings = options.settings;
  add("rounds", options.rounds, 1);
  add("machines", options.machine_count, 1);
  add("hosts", options.host_count, 1);
  add("databases", options.database_count, 1);
  add("users", options.user_count, 1);
  add("scram", options.scram, 0);
  add("unlisted user", options.unlisted_user, 0);
  add("clients", options.client_count, 0);
  add("settings_percent", options.settings_percent, 0);
  add("server_version", std::atoi(options.server_version.c_str()), 15);
  add("server_newer", static_cast<std::int64_t>(options.server_newer), 0);
  add("servers_give_secrets", options.servers_give_secrets, 1);
  add("refused", options.refused_count, 0);
  add("unwelcome", options.unwelcome_count, 0);
  add("pool_size", settings.default_pool_size, 0);
  add("reserve_pool_size", settings.reserve_pool_size, 0);
  add("min_pool_size", settings.min_pool_size, 0);
  add("max_prepared_statements", settings.max_prepared_statements, 200);
  add("retry_prepared_statements", settings.retry_prepared_statements, 0);
  add("pool_mode", static_cast<std::int64_t>(options.pool_mode),
      static_cast<std::int64_t>(usual.pool_mode));
  add("pool_mode for", static_cast<std::int64_t>(options.pool_mode_for), 0);
  add("session_state", static_cast<std::int64_t>(settings.session_state),
      static_cast<std::int64_t>(usual.settings.session_state));
  add("max_pinned", settings.max_pinned, 0);
  add("failing resets", settings.server_reset_query != usual.settings.server_reset_query, 0);
  add("checks", !settings.server_check_query.empty(), 0);
  add("server_check_delay ms", ms(settings.server_check_delay), 30'000);
  add("server_reset_query_always", settings.server_reset_query_always, 0);
  add("connect_query", !options.connect_query.empty(), 0);
  add("timezone", !options.timezone.empty(), 0);
  add("max_client_conn", settings.max_client_conn, 1000);
  add("max_db_connections", settings.max_db_connections, 0);
  add("max_user_connections", settings.max_user_connections, 0);
  add("query_timeout ms", ms(settings.query_timeout), 0);
  add("query_wait_timeout ms", ms(settings.query_wait_timeout), 120'000);
  add("idle_transaction_timeout ms", ms(settings.idle_transaction_timeout), 0);
  add("transaction_timeout ms", ms(settings.transaction_timeout), 0);
  add("client_idle_timeout ms", ms(settings.client_idle_timeout), 0);
  add("client_login_timeout ms", ms(settings.client_login_timeout), 60'000);
  add("server_lifetime ms", ms(settings.server_lifetime), 3'600'000);
  add("server_idle_timeout ms", ms(settings.server_idle_timeout), 600'000);
  add("server_login_retry ms", ms(settings.server_login_retry), 15'000);
  add("server_connect_timeout ms", ms(settings.server_connect_timeout), 15'000);
  add("delay_max us", microseconds(options.weather.delay_max), 0);
  add("split_percent", options.weather.split_percent, 0);
  add("refuse_percent", options.weather.refuse_percent, 0);
  add("pipe_capacity", static_cast<std::int64_t>(options.pipe_capacity), 256 * 1024);
  add("answers_late_max ms", ms(options.answers_late_max), 0);
  add("timers_late_max ms", ms(options.timers_late_max), 0);
  add("cuts", options.cuts, 0);
  add("shuffled", options.shuffled, 0);
  add("work_max ms", ms(options.work_max), 0);
  add("noise_percent", options.noise_percent, 0);
  add("operators", options.operator_count, 0);
  add("operator_pause ms", ms(options.operator_pause), 500);
  add("receivers", options.receiver_count, 0);
  add("strangers", options.stranger_count, 0);
  add("stranger_pause ms", ms(options.stranger_pause), 500);
  add("hostile_permille", options.hostile_permille, 0);
  add("hostile_host", options.hostile_host, 0);
  add("fault_every ms", ms(options.fault_every), 0);
  add("lose_clients", options.lose_clients, 0);
  add("lose_servers", options.lose_servers, 0);
  add("lose_hosts", options.lose_hosts, 0);
  add("stall", options.stall, 0);
  add("clog", options.clog, 0);
  add("darken", options.darken, 0);
  add("fail_accepts", options.fail_accepts, 0);
  add("reload", options.reload, 0);
  add("move_names", options.move_names, 0);
  add("ruins_percent", options.ruins_percent, 0);
  add("change_passwords", options.change_passwords, 0);
  add("change_tables", options.change_tables, 0);
  add("deafen", options.deafen, 0);
  add("jobs_max", options.workload.jobs_max, usual.workload.jobs_max);
  add("think_ms_max", options.workload.think_ms_max, usual.workload.think_ms_max);
  add("statements_max", options.workload.statements_max, usual.workload.statements_max);
  add("slow_reader_percent", options.workload.slow_reader_percent, 0);
  add("rude_percent", options.workload.rude_percent, 0);
  add("sleep_ms_max", options.workload.sleep_ms_max, usual.workload.sleep_ms_max);
  text += "  jobs";
  for (const std::uint32_t weight : options.workload.weights) text += " " + std::to_string(weight);
  return text + "\n";
}

}  // namespace pgweir::sim
