// What applications do: jobs drawn from a tape, legal in the state an application is in, with the
// habits of real drivers. What a run does often, seldom or never is drawn once for the run: some
// features keep others from being reached.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "sim/application.h"
#include "sim/request.h"
#include "sim/tape.h"

namespace pgweir::sim {

enum class JobKind : std::uint8_t {
  simple,           // a Query
  transaction,      // BEGIN, some statements, an end, each answered before the next
  pipeline,         // Parse, Bind, Execute several times, one Sync
  pipelined_syncs,  // several such behind one another
  extended_transaction,
  list,     // several statements in one Query
  failing,  // errors of every kind
  failed_transaction,
  copy_in,
  copy_out,
  copy_extended,  // with its Sync right behind Execute, as drivers do
  cancelled,      // a long statement and a cancel
  late_cancel,    // a cancel that comes when all is over
  set,            // a parameter that is the client's own
  big_rows,
  insert,
  fetch,           // a portal in parts
  savepoints,      // a transaction with savepoints, and what is taken back
  cursor,          // declared, fetched from, closed or not
  local_state,     // what lasts as long as a transaction: settings, a lock, a table
  timed,           // a statement_timeout of the transaction's own
  function_calls,  // by the message of old
  oddities,        // empty texts, Flush, Sync alone, Close of what is not there, a named Parse
  named,           // statements prepared, used, described and closed by name
  unnamed,         // the same with the one that has none, over several transactions
  session_state,   // what outlives its transaction
  resets,          // of parameters, of all settings, of the whole session
};
inline constexpr std::size_t job_kind_count = 27;

enum class LeaveBy : std::uint8_t { terminate, finish, reset };

struct WorkloadOptions {
  std::array<std::uint32_t, job_kind_count> weights{};  // how often of each kind
  std::uint32_t jobs_max = 20;                          // of one connection
  std::uint32_t think_ms_max = 20;
  std::uint32_t statements_max = 4;
  bool keeps_statements = false;  // prepared once, used often
  std::uint32_t slow_reader_percent = 0;
  std::uint32_t rude_percent = 0;  // leave by a reset
  std::uint32_t reconnect_ms_max = 50;
  std::uint32_t sleep_ms_max = 50;
};

class Workload {
 public:
  Workload(Tape& tape, WorkloadOptions options) : tape_(tape), options_(options) {}

  std::deque<Part> next_job(const Identity& who);
  std::uint32_t jobs_of_a_connection() { return tape_.between(1, options_.jobs_max); }
  LeaveBy way_to_leave();
  std::uint32_t reconnect_ms() { return 1 + tape_.below(options_.reconnect_ms_max + 1); }
  std::uint32_t reading_pause_ms();
  // The number of the request made last, of anybody.
  std::uint32_t last_request() const { return last_request_; }

 private:
  using Kind = Ask::Kind;

  JobKind draw_kind();
  std::uint32_t think();
  Ask proof();
  Ask ask(Kind kind);
  Ask any_statement();
  Ask any_failure();
  Part query(std::vector<Ask> asks, const Identity& who, bool thinks = true);
  Part extended(const std::vector<Ask>& asks, const Identity& who);
  void add_extended(Part& part, const Ask& ask, const Identity& who);
  void add_sync(Part& part);
  void add_transaction(std::deque<Part>& job, const Identity& who, bool by_extended, bool fails);
  void add_block(std::deque<Part>& job, const Identity& who, std::vector<Ask> asks);
  std::vector<Ask> savepoints();
  std::vector<Ask> cursor();
  std::vector<Ask> local_state();
  Ask named(Kind kind, const std::string& name, int count = 1);
  void add_copy_in(std::deque<Part>& job, const Identity& who, bool by_extended);
  void add_kept_statement(std::deque<Part>& job, const Identity& who);
  void add_named(std::deque<Part>& job, const Identity& who);
  void add_named_step(Part& part, const Identity& who);
  Ask deallocate();
  std::vector<Ask> among_others(Ask last);
  void add_unnamed(std::deque<Part>& job, const Identity& who);
  void add_unnamed_step(Part& part, const Identity& who, bool prepares);
  void add_prepare(Part& part, const Identity& who, const std::string& name);
  void add_use(Part& part, const Identity& who, const std::string& name);
  void add_oddity(std::deque<Part>& job, const Identity& who);
  void add_session_state(std::deque<Part>& job, const Identity& who);
  Ask set_kept();
  void add_set(std::deque<Part>& job, const Identity& who);
  void add_resets(std::deque<Part>& job, const Identity& who);

  Tape& tape_;
  WorkloadOptions options_;
  std::uint32_t last_request_ = 0;
};

}  // namespace pgweir::sim
