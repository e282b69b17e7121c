// What a simulated application sets and makes in its session, and takes back.
#include "sim/workload.h"

#include <array>
#include <string>
#include <utility>

namespace pgweir::sim {

namespace {

// What pgweir keeps for its clients, with values that PostgreSQL reports as they were set.
struct Kept {
  const char* name;
  std::array<const char*, 3> values;
};
constexpr std::array<Kept, 3> kept_parameters{{
    {"application_name", {"one", "two", "three"}},
    {"TimeZone", {"UTC", "Europe/Zurich", "Asia/Tokyo"}},
    {"IntervalStyle", {"iso_8601", "sql_standard", "postgres_verbose"}},
}};

}  // namespace

std::vector<Ask> Workload::local_state() {
  std::vector<Ask> asks;
  if (tape_.chance(1, 2)) {
    const Kept& kept = kept_parameters[tape_.below(kept_parameters.size())];
    Ask local = named(Kind::set_local, kept.name);
    local.value = kept.values[tape_.below(3)];
    asks.push_back(local);
  }
  // One at most: of two that are taken in any order each may wait for the other.
  if (tape_.chance(1, 2)) asks.push_back(named(Kind::lock, std::to_string(tape_.between(1, 3))));
  if (tape_.chance(1, 2)) asks.push_back(named(Kind::create_table, "scratch"));
  if (tape_.chance(1, 2)) asks.push_back(named(Kind::notify, "nobody"));
  asks.push_back(proof());
  return asks;
}

Ask Workload::set_kept() {
  const Kept& kept = kept_parameters[tape_.below(kept_parameters.size())];
  Ask set = ask(Kind::set);
  set.name = kept.name;
  set.value = kept.values[tape_.below(3)];
  return set;
}

void Workload::add_set(std::deque<Part>& job, const Identity& who) {
  const Ask set = set_kept();
  if (tape_.chance(1, 2)) {
    job.push_back(query({set}, who));
    job.push_back(query({proof()}, who));
    return;
  }
  job.push_back(query({ask(Kind::begin)}, who));
  job.push_back(query({set}, who));
  job.push_back(query({proof()}, who));
  job.push_back(query({ask(tape_.chance(1, 2) ? Kind::rollback : Kind::commit)}, who));
  job.push_back(query({proof()}, who));
}

// Made by itself or in a transaction, and looked at; then it is ended, perhaps in vain at first, or
// its maker leaves.
void Workload::add_session_state(std::deque<Part>& job, const Identity& who) {
  constexpr std::array<std::pair<Kind, Kind>, 4> kinds{{{Kind::keep_setting, Kind::end_setting},
                                                        {Kind::keep_channel, Kind::end_channels},
                                                        {Kind::keep_lock, Kind::end_locks},
                                                        {Kind::keep_table, Kind::end_tables}}};
  const auto& [made_by, ended_by] = kinds[tape_.below(4)];
  const bool by_extended = tape_.chance(1, 3);
  const auto add = [&](const Ask& ask) {
    job.push_back(by_extended ? extended({ask}, who) : query({ask}, who));
  };
  Ask made =
      named(made_by, made_by == Kind::keep_lock ? std::to_string(tape_.between(7, 8)) : "kept");
  made.value = std::to_string(100 + who.number) + "MB";
  // No rollback gives up a lock of the session's.
  const bool in_transaction = made_by != Kind::keep_lock && tape_.chance(1, 3);
  const bool rolls_back = in_transaction && tape_.chance(1, 2);
  if (in_transaction) add(ask(Kind::begin));
  add(made);
  add(proof());
  if (in_transaction) {
    add(ask(rolls_back ? Kind::rollback : Kind::commit));
    add(proof());
  }
  if (tape_.chance(1, 2)) add(any_statement());
  if (!rolls_back && tape_.chance(1, 3)) return;
  if (made_by != Kind::keep_lock && tape_.chance(1, 4)) {
    for (const Kind kind : {Kind::begin, ended_by, Kind::rollback}) add(ask(kind));
    add(proof());
  }
  add(ask(ended_by));
  add(proof());
}

// Of what it was begun with, or has set since: all looked at when the transaction is over, because
// only then is it back at what the connection was begun with.
void Workload::add_resets(std::deque<Part>& job, const Identity& who) {
  const auto any = [&] {
    const std::uint32_t drawn = tape_.below(6);
    if (drawn == 5) return ask(Kind::discard_all);
    return named(Kind::reset, drawn < 3 ? kept_parameters[drawn].name : "all");
  };
  const std::uint32_t count = tape_.between(1, 3);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (tape_.chance(1, 2)) job.push_back(query({set_kept()}, who));
    const Ask reset = any();
    const bool in_transaction = reset.kind == Kind::reset && tape_.chance(1, 3);
    if (in_transaction) job.push_back(query({ask(Kind::begin)}, who));
    job.push_back(tape_.chance(1, 3) ? extended({reset}, who) : query({reset}, who));
    if (in_transaction) {
      job.push_back(query({ask(tape_.chance(1, 2) ? Kind::rollback : Kind::commit)}, who));
    }
    job.push_back(query({proof()}, who));
  }
}

}  // namespace pgweir::sim
