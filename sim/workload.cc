#include "sim/workload.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pgweir::sim {

namespace {

// A list in braces would be copied once more.
void owe(Part& part, Owed::What what, const Ask& ask) {
  part.owed.push_back({what, std::vector<Ask>(1, ask)});
}

void owe_for_name(Part& part, Owed::What what, std::string name, std::vector<Ask> asks) {
  part.owed.push_back({.what = what, .asks = std::move(asks), .name = std::move(name)});
}

}  // namespace

std::deque<Part> Workload::next_job(const Identity& who) {
  std::deque<Part> job;
  const JobKind kind = draw_kind();
  switch (kind) {
    case JobKind::simple: job.push_back(query({any_statement()}, who)); break;
    case JobKind::transaction: add_transaction(job, who, false, false); break;
    case JobKind::extended_transaction: add_transaction(job, who, true, false); break;
    case JobKind::failed_transaction: {
      const bool by_extended = tape_.chance(1, 2);
      add_transaction(job, who, by_extended, true);
      break;
    }
    case JobKind::pipeline:
    case JobKind::pipelined_syncs: {
      const std::uint32_t count = kind == JobKind::pipeline ? 1 : tape_.between(2, 4);
      for (std::uint32_t i = 0; i < count; ++i) {
        std::vector<Ask> asks;
        const std::uint32_t statements = tape_.between(1, options_.statements_max);
        for (std::uint32_t j = 0; j < statements; ++j) {
          asks.push_back(tape_.chance(1, 8) ? any_failure() : any_statement());
        }
        job.push_back(extended(asks, who));
        if (i > 0) job.back().when = Part::When::at_once;
      }
      break;
    }
    case JobKind::list: {
      std::vector<Ask> asks;
      const std::uint32_t statements = tape_.between(2, options_.statements_max + 1);
      for (std::uint32_t i = 0; i < statements; ++i) {
        asks.push_back(tape_.chance(1, 6) ? ask(Kind::error) : any_statement());
      }
      job.push_back(query(asks, who));
      break;
    }
    case JobKind::failing: {
      const bool by_extended = tape_.chance(1, 2);
      const Ask failure = any_failure();
      job.push_back(by_extended ? extended({failure}, who) : query({failure}, who));
      break;
    }
    case JobKind::copy_in: add_copy_in(job, who, false); break;
    case JobKind::copy_extended: add_copy_in(job, who, true); break;
    case JobKind::copy_out: {
      Ask out = ask(Kind::copy_out);
      out.count = static_cast<int>(tape_.below(30));
      job.push_back(query({out}, who));
      break;
    }
    case JobKind::cancelled:
    case JobKind::late_cancel: {
      Ask sleep = ask(Kind::sleep);
      sleep.count = static_cast<int>(tape_.between(1, options_.sleep_ms_max));
      const bool by_extended = tape_.chance(1, 3);
      if (kind == JobKind::late_cancel) sleep = proof();
      job.push_back(by_extended ? extended({sleep}, who) : query({sleep}, who));
      job.back().cancelled = true;
      job.back().cancel_after_ms = tape_.below(options_.sleep_ms_max);
      break;
    }
    case JobKind::set: add_set(job, who); break;
    case JobKind::big_rows: {
      Ask rows = proof();
      rows.count = static_cast<int>(tape_.between(1, 60));
      rows.size = static_cast<int>(tape_.between(1, 3000));
      if (tape_.chance(1, 8)) {
        rows.count = 2;
        rows.size = 70'000;
      }
      job.push_back(query({rows}, who));
      break;
    }
    case JobKind::insert: job.push_back(query({ask(Kind::insert)}, who)); break;
    case JobKind::fetch: {
      Ask rows = proof();
      rows.count = static_cast<int>(tape_.between(3, 9));
      Part part;
      part.think_ms = think();
      part.bytes =
          parse("", sql_of(rows, who.number)) + bind("", "") + execute("", 2) + execute("");
      part.owed = {{Owed::What::parse, {rows}},
                   {Owed::What::bind, {rows}},
                   {Owed::What::execute, {rows}, 2},
                   {Owed::What::execute, {rows}}};
      add_sync(part);
      job.push_back(part);
      break;
    }
    case JobKind::savepoints: add_block(job, who, savepoints()); break;
    case JobKind::cursor: add_block(job, who, cursor()); break;
    case JobKind::local_state:
      add_block(job, who, local_state());
      job.push_back(query({proof()}, who));
      break;
    case JobKind::timed: {
      Ask limit = named(Kind::set_local, "statement_timeout");
      limit.value = std::to_string(tape_.between(1, 20)) + "ms";
      Ask sleep = ask(Kind::sleep);
      sleep.count = static_cast<int>(tape_.between(1, options_.sleep_ms_max));
      add_block(job, who, {limit, sleep, proof()});
      break;
    }
    case JobKind::function_calls: {
      const Ask call = ask(Kind::function_call);
      Part part;
      part.think_ms = think();
      part.bytes = function_call(1283, {sql_of(call, who.number)});  // quote_literal
      part.owed = {{Owed::What::query, {call}}};
      job.push_back(part);
      break;
    }
    case JobKind::oddities: add_oddity(job, who); break;
    case JobKind::named: add_named(job, who); break;
    case JobKind::unnamed: add_unnamed(job, who); break;
    case JobKind::session_state: add_session_state(job, who); break;
    case JobKind::resets: add_resets(job, who); break;
  }
  return job;
}

JobKind Workload::draw_kind() {
  const std::uint32_t total =
      std::accumulate(options_.weights.begin(), options_.weights.end(), std::uint32_t{0});
  if (total == 0) return JobKind::simple;
  std::uint32_t drawn = tape_.below(total);
  std::size_t kind = 0;
  while (drawn >= options_.weights[kind]) drawn -= options_.weights[kind++];
  return static_cast<JobKind>(kind);
}

std::uint32_t Workload::think() {
  if (options_.think_ms_max == 0 || tape_.chance(1, 3)) return 0;
  return tape_.below(options_.think_ms_max + 1);
}

LeaveBy Workload::way_to_leave() {
  if (tape_.chance(options_.rude_percent, 100)) return LeaveBy::reset;
  return tape_.chance(1, 4) ? LeaveBy::finish : LeaveBy::terminate;
}

std::uint32_t Workload::reading_pause_ms() {
  if (!tape_.chance(options_.slow_reader_percent, 100)) return 0;
  return tape_.between(1, 500);
}

Ask Workload::ask(Kind kind) {
  Ask ask;
  ask.kind = kind;
  ask.request = ++last_request_;
  // As a READ ONLY transaction has it, at a server where others may write.
  const char* const other = ask.request % 2 == 0 ? "25006" : "40001";
  if (kind == Kind::error) ask.value = tape_.chance(1, 2) ? "22012" : other;
  if (kind == Kind::insert) ask.value = "v" + std::to_string(ask.request);
  return ask;
}

Ask Workload::proof() {
  Ask proof = ask(Kind::proof);
  proof.count = static_cast<int>(tape_.between(1, 3));
  return proof;
}

Ask Workload::any_statement() {
  switch (tape_.below(8)) {
    case 6: return ask(Kind::insert);
    case 7: return ask(Kind::notice);
    default: return proof();
  }
}

Ask Workload::any_failure() {
  switch (tape_.below(3)) {
    case 1: return ask(Kind::fail_at_bind);
    case 2: return ask(Kind::syntax_error);
    default: return ask(Kind::error);
  }
}

Part Workload::query(std::vector<Ask> asks, const Identity& who, bool thinks) {
  Part part;
  if (thinks) part.think_ms = think();
  std::string text;
  for (const Ask& ask : asks) {
    if (!text.empty()) text += "; ";
    text += sql_of(ask, who.number);
  }
  part.bytes = sim::query(text);
  part.owed.push_back({Owed::What::query, std::move(asks)});
  return part;
}

void Workload::add_extended(Part& part, const Ask& ask, const Identity& who) {
  part.bytes += parse("", sql_of(ask, who.number));
  owe(part, Owed::What::parse, ask);
  part.bytes += bind("", "");
  owe(part, Owed::What::bind, ask);
  if (ask.kind == Kind::proof && tape_.chance(1, 2)) {
    part.bytes += describe('P', "");
    owe(part, Owed::What::describe, ask);
  }
  part.bytes += execute("");
  owe(part, Owed::What::execute, ask);
}

void Workload::add_sync(Part& part) {
  part.bytes += sync();
  part.owed.push_back({Owed::What::sync, {}});
}

Part Workload::extended(const std::vector<Ask>& asks, const Identity& who) {
  Part part;
  part.think_ms = think();
  part.owed.reserve(asks.size() * 4 + 1);
  for (const Ask& ask : asks) {
    add_extended(part, ask, who);
    if (tape_.chance(1, 8)) part.bytes += flush();
  }
  add_sync(part);
  return part;
}

void Workload::add_transaction(std::deque<Part>& job, const Identity& who, bool by_extended,
                               bool fails) {
  const bool pipelined = tape_.chance(1, 3);
  const auto add = [&](const Ask& ask) {
    job.push_back(by_extended ? extended({ask}, who) : query({ask}, who, !pipelined));
    if (pipelined && job.size() > 1) {
      job.back().when = Part::When::at_once;
      job.back().think_ms = 0;
    }
  };
  add(ask(Kind::begin));
  const std::uint32_t statements = tape_.between(1, options_.statements_max);
  const std::uint32_t failing = fails ? tape_.below(statements) : statements;
  for (std::uint32_t i = 0; i < statements; ++i)
    add(i == failing ? any_failure() : any_statement());
  add(ask(tape_.chance(1, 4) ? Kind::rollback : Kind::commit));
}

// A transaction of these, each by itself or all in one Query, and an end by itself: whatever fails,
// the transaction is over then.
void Workload::add_block(std::deque<Part>& job, const Identity& who, std::vector<Ask> asks) {
  asks.insert(asks.begin(), ask(Kind::begin));
  const Ask end = ask(tape_.chance(1, 4) ? Kind::rollback : Kind::commit);
  const std::uint32_t how = tape_.below(4);
  if (how == 3) {
    job.push_back(query(asks, who));
    job.push_back(query({end}, who));
    return;
  }
  asks.push_back(end);
  const bool pipelined = how == 2;
  for (const Ask& ask : asks) {
    job.push_back(how == 1 ? extended({ask}, who) : query({ask}, who, !pipelined));
    if (pipelined && job.size() > 1) job.back().when = Part::When::at_once;
  }
}

Ask Workload::named(Kind kind, const std::string& name, int count) {
  Ask named = ask(kind);
  named.name = name;
  named.count = count;
  return named;
}

std::vector<Ask> Workload::savepoints() {
  std::vector<Ask> asks{any_statement()};
  const std::uint32_t rounds = tape_.between(1, 3);
  for (std::uint32_t i = 0; i < rounds; ++i) {
    // The same name again hides the one before.
    const std::string name = tape_.chance(1, 2) ? "s" : "s" + std::to_string(i);
    asks.push_back(named(Kind::savepoint, name));
    asks.push_back(tape_.chance(1, 3) ? ask(Kind::error) : any_statement());
    asks.push_back(tape_.chance(1, 2) ? ask(Kind::insert)
                                      : named(Kind::declare, "c" + std::to_string(i), 2));
    if (tape_.chance(2, 3)) {
      asks.push_back(named(Kind::rollback_to, name));
    } else {
      asks.push_back(named(Kind::release, name));
    }
    asks.push_back(any_statement());
  }
  return asks;
}

std::vector<Ask> Workload::cursor() {
  const int count = static_cast<int>(tape_.between(1, 9));
  std::vector<Ask> asks{named(Kind::declare, "cursor", count)};
  const std::uint32_t fetches = tape_.between(1, 4);
  for (std::uint32_t i = 0; i < fetches; ++i) {
    asks.push_back(named(Kind::fetch, "cursor", static_cast<int>(tape_.between(1, 4))));
  }
  if (tape_.chance(1, 2)) asks.push_back(named(Kind::close_cursor, "cursor"));
  asks.push_back(proof());
  return asks;
}

void Workload::add_copy_in(std::deque<Part>& job, const Identity& who, bool by_extended) {
  constexpr std::array<Kind, 3> kinds{Kind::copy_in, Kind::copy_abort, Kind::copy_refused};
  Ask copy = ask(kinds[tape_.below(3)]);
  copy.count = static_cast<int>(tape_.between(1, 5));
  std::string data;
  for (int i = 0; i < copy.count; ++i) data += copy_data(std::string(tape_.between(1, 200), 'd'));
  data += copy.kind == Kind::copy_abort ? copy_fail("no") : copy_done();
  const bool in_one_go = tape_.chance(1, 2);
  if (!by_extended) {
    job.push_back(query({copy}, who));
    if (in_one_go) {
      job.back().bytes += data;
    } else {
      job.push_back({.when = Part::When::copy_asked_for, .bytes = data, .owed = {}});
    }
    return;
  }
  // As drivers do: a Sync behind Execute, which the server reads as part of the copy, and another
  // behind the data.
  Part part;
  part.think_ms = think();
  part.bytes = parse("", sql_of(copy, who.number)) + bind("", "") + execute("");
  part.owed = {
      {Owed::What::parse, {copy}}, {Owed::What::bind, {copy}}, {Owed::What::execute, {copy}}};
  const bool early_sync = tape_.chance(1, 2);
  if (early_sync) {
    add_sync(part);
    part.owed.back().before_data = true;
  }
  job.push_back(part);
  Part rest;
  rest.when = in_one_go ? Part::When::at_once : Part::When::copy_asked_for;
  rest.bytes = data;
  add_sync(rest);
  job.push_back(rest);
}

// As drivers do: prepared once, and used again and again, each time in a batch of its own.
void Workload::add_kept_statement(std::deque<Part>& job, const Identity& who) {
  const std::string name = "p" + std::to_string(tape_.below(3));
  const std::uint32_t uses = tape_.between(1, options_.statements_max);
  for (std::uint32_t i = 0; i <= uses; ++i) {
    Part batch;
    batch.think_ms = think();
    if (i == 0) {
      batch.bytes += close('S', name);
      owe_for_name(batch, Owed::What::close, name, {});
      add_prepare(batch, who, name);
    } else {
      add_use(batch, who, name);
    }
    add_sync(batch);
    job.push_back(std::move(batch));
  }
}

// Of three names, in any order: what stands for nothing, or is taken, is an error that is expected.
void Workload::add_named(std::deque<Part>& job, const Identity& who) {
  if (options_.keeps_statements && tape_.chance(1, 2)) return add_kept_statement(job, who);
  const bool in_transaction = tape_.chance(1, 4);
  if (in_transaction) job.push_back(query({ask(Kind::begin)}, who));
  const bool one_batch = tape_.chance(1, 3);
  const bool pipelined = tape_.chance(1, 3);
  const std::uint32_t steps = tape_.between(1, options_.statements_max);
  Part batch;
  for (std::uint32_t i = 0; i < steps; ++i) {
    if (!one_batch && tape_.chance(1, 8)) {
      job.push_back(query(among_others(deallocate()), who, !pipelined));
      if (pipelined && i > 0) job.back().when = Part::When::at_once;
      continue;
    }
    if (tape_.chance(1, 8)) add_extended(batch, tape_.chance(1, 2) ? any_failure() : proof(), who);
    if (tape_.chance(1, 8)) add_extended(batch, set_kept(), who);
    add_named_step(batch, who);
    if (one_batch && i + 1 < steps) continue;
    add_sync(batch);
    if (pipelined && i > 0) batch.when = Part::When::at_once;
    job.push_back(std::exchange(batch, {}));
  }
  if (!in_transaction) return;
  job.push_back(query({ask(tape_.chance(1, 4) ? Kind::rollback : Kind::commit)}, who));
}

Ask Workload::deallocate() {
  const std::uint32_t which = tape_.below(4);
  return named(Kind::deallocate, which == 3 ? "all" : "p" + std::to_string(which));
}

// The last of one text: what it has done would be done, even if what follows failed.
std::vector<Ask> Workload::among_others(Ask last) {
  std::vector<Ask> asks;
  if (tape_.chance(1, 2)) asks.push_back(tape_.chance(1, 4) ? ask(Kind::error) : proof());
  asks.push_back(std::move(last));
  return asks;
}

void Workload::add_named_step(Part& part, const Identity& who) {
  const std::string name = "p" + std::to_string(tape_.below(3));
  switch (tape_.below(8)) {
    case 7: return add_extended(part, deallocate(), who);
    case 0: part.bytes += close('S', name); return owe_for_name(part, Owed::What::close, name, {});
    case 1:
      part.bytes += describe('S', name);
      return owe_for_name(part, Owed::What::describe_statement, name, {});
    case 2:
    case 3: return add_prepare(part, who, name);
    default: return add_use(part, who, name);
  }
}

void Workload::add_prepare(Part& part, const Identity& who, const std::string& name) {
  Ask statement = tape_.chance(1, 8) ? any_failure() : proof();
  // Only pgweir's names tell one text of several clients from another; whose an unnamed one is, is
  // told by its text; and which of two with one name was refused.
  const bool again = std::ranges::any_of(part.owed, [&](const Owed& owed) {
    return owed.what == Owed::What::prepare && owed.name == name;
  });
  statement.shared = statement.kind == Kind::proof && !name.empty() && tape_.chance(1, 2) && !again;
  part.bytes += parse(name, sql_of(statement, who.number));
  owe_for_name(part, Owed::What::prepare, name.empty() ? Answers::unnamed : name, {statement});
}

void Workload::add_use(Part& part, const Identity& who, const std::string& name) {
  const Ask use = ask(Kind::proof);
  const std::string portal = tag_of(use, who.number);
  part.bytes += sim::bind(portal, name) + execute(portal);
  owe_for_name(part, Owed::What::bind, name.empty() ? Answers::unnamed : name, {use});
  owe_for_name(part, Owed::What::execute, name.empty() ? Answers::unnamed : name, {});
}

// What was prepared in one transaction is used in others, whoever is served in between.
void Workload::add_unnamed(std::deque<Part>& job, const Identity& who) {
  const std::uint32_t steps = tape_.between(2, options_.statements_max + 1);
  const bool pipelined = tape_.chance(1, 4);
  for (std::uint32_t i = 0; i < steps; ++i) {
    if (i > 0 && tape_.chance(1, 8)) {
      job.push_back(query({proof()}, who));
      continue;
    }
    Part batch;
    batch.think_ms = think();
    add_unnamed_step(batch, who, i == 0);
    if (tape_.chance(1, 4)) add_unnamed_step(batch, who, false);
    add_sync(batch);
    if (pipelined && i > 0) batch.when = Part::When::at_once;
    job.push_back(std::move(batch));
  }
}

void Workload::add_unnamed_step(Part& part, const Identity& who, bool prepares) {
  switch (prepares ? 0 : tape_.below(8)) {
    case 0: return add_prepare(part, who, "");
    case 1:
      part.bytes += close('S', "");
      return owe_for_name(part, Owed::What::close, Answers::unnamed, {});
    case 2:
    case 3:
      part.bytes += describe('S', "");
      return owe_for_name(part, Owed::What::describe_statement, Answers::unnamed, {});
    default: return add_use(part, who, "");
  }
}

void Workload::add_oddity(std::deque<Part>& job, const Identity& who) {
  Part part;
  part.think_ms = think();
  switch (tape_.below(5)) {
    case 0: return job.push_back(query({ask(Kind::nothing)}, who));
    case 1:
      add_sync(part);
      if (tape_.chance(1, 2)) add_sync(part);
      break;
    case 2:
      part.bytes = close('S', "nobody");
      part.owed = {{Owed::What::close, {}}};
      add_sync(part);
      break;
    case 3: {
      const Ask named = proof();
      part.bytes = parse("named", sql_of(named, who.number)) + bind("", "named") + execute("");
      owe_for_name(part, Owed::What::prepare, "named", {named});
      owe_for_name(part, Owed::What::bind, "named", {named});
      owe_for_name(part, Owed::What::execute, "named", {});
      add_sync(part);
      break;
    }
    default: {
      part.bytes = flush();
      const Ask last = proof();
      add_extended(part, last, who);
      part.bytes += flush();
      add_sync(part);
    }
  }
  job.push_back(part);
}

}  // namespace pgweir::sim
