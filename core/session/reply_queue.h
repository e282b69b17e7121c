// What one server still owes, in order: the heart of pgweir. Every request sent to a server appends
// what it will answer and what to do with that answer; every reply is matched against the head. A
// reply that does not match is a desync, and nothing is ever skipped past.
//
// It follows PostgreSQL's rules of answering: "Message Flow", Extended Query (an error skips all
// that follows up to Sync), Pipelining, and COPY Operations. It knows no sockets and no bytes.
// Invariants I-01 (matching), I-02 (skipping), I-03 (COPY) of docs/invariants.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/handle.h"
#include "core/base/hash.h"
#include "core/wire/protocol.h"

namespace pgweir::session {

// What was asked, so what may come back. The first three end with ReadyForQuery.
enum class Request : std::uint8_t {
  query,
  function_call,
  sync,
  parse,    // of the unnamed statement
  prepare,  // of a named one
  bind,
  describe_statement,
  describe_portal,
  execute,
  close,
  copy_end,  // CopyDone or CopyFail: owes nothing, but marks where COPY data ends
};

// What to do with the answer.
enum class Fate : std::uint8_t {
  forward,
  swallow,  // pgweir asked
  // pgweir asked, in the middle of a client's batch: an ErrorResponse is the client's all the same.
  // Also the end of a batch that is asked again.
  inject,
  // The request was made to fail in the place of one that pgweir refuses; its ErrorResponse is
  // swallowed and ours (Owed::refusal) goes to the client instead. (Of a query, ReadyForQuery is
  // its own.)
  replace,
  // The server was not asked: the answer is made up when everything before it is answered.
  make_up,
};

enum class Refusal : std::uint8_t {
  none,
  no_named_statements,
  no_unnamed_statement,
  name_too_long,
  unnamed_too_long,
  statement_too_long,
  too_many_statements,
  malformed,
  statement_exists,   // by the client's name
  unknown_statement,  // the same
  session_state,      // session_state = error
  too_many_pinned,    // max_pinned
};

// What a request changes when it is answered, and does not when it comes to nothing.
struct Change {
  bool client = false;   // what names of the client's stand for
  bool server = false;   // what the server has prepared
  bool unnamed = false;  // without a name
  bool any() const { return client || server; }
};

struct Owed {
  Request request;
  Fate fate = Fate::forward;
  Refusal refusal = Refusal::none;
  Change change = {};
  // describe_statement: its ParameterDescription has come. query, function_call: something has
  // come that lets ReadyForQuery follow.
  bool begun = false;
  StatementHandle statement = {};  // bind, describe_statement: of one with a name

  // What its client's unnamed statement is. (One that is prepared again stays what it was.)
  bool changes_unnamed() const { return change.unnamed && fate != Fate::inject; }
};

static_assert(sizeof(Owed) == 16);  // one is pushed and looked at for every message

class ReplyQueue {
 public:
  // A request was sent. (In PostgreSQL's skip-to-Sync mode, or COPY, some owe nothing.)
  void push(Owed owed);

  struct Match {
    bool matched = false;
    Fate fate = Fate::forward;
    Refusal refusal = Refusal::none;
    Change change = {};              // that is made
    StatementHandle statement = {};  // of the request
    bool deallocates = false;        // what is changed, as it was a text
    // An error: what it takes along.
    bool parse_lost = false;         // a Parse failed or is skipped, and none is owed after it
    std::uint32_t unnamed_lost = 0;  // changes of the client's
    bool unnamed_failed = false;     // the first was a Parse, and it is what failed
    bool changes_lost = false;
    bool deallocating_lost = false;   // by its text: some of it may have been done
    std::uint32_t refusals_lost = 0;  // the one that failed included
  };
  // A reply has come: what to do with it. Not for the three that may come at any time
  // (NoticeResponse, ParameterStatus, NotificationResponse).
  Match match(wire::BackendType reply);

  // What becomes of rows if they come now; nothing: they are not expected, or not as they are.
  std::optional<Fate> fate_of_rows() const {
    if (empty() || copy_ == Copy::both) return std::nullopt;
    const Owed& owed = owed_[head_];
    const bool has_rows = owed.request == Request::query || owed.request == Request::execute;
    const bool as_they_are = owed.fate == Fate::forward || owed.fate == Fate::swallow;
    return has_rows && as_they_are ? std::optional(owed.fate) : std::nullopt;
  }

  // The next answer is to be made up, and is then.
  bool makes_up() const { return !empty() && owed_[head_].fate == Fate::make_up; }
  std::optional<Owed> take_made_up();

  // A change of a batch that is complete is not answered yet: whether it will be made is not known,
  // and what follows may depend on it. (All changes that are not answered are of one batch, if none
  // is sent while this is so.)
  bool waits_for_changes() const { return changes_sealed_; }
  // The same for the unnamed statement: what an earlier batch makes of it, and this one does not.
  bool unnamed_in_doubt() const { return unnamed_changes_ > 0 && unnamed_in_batch_ == 0; }

  bool empty() const { return head_ == owed_.size(); }
  std::size_t size() const { return owed_.size() - head_; }
  // What comes next is for nobody: the answer to something pgweir asked itself.
  bool swallowing() const { return !empty() && owed_[head_].fate == Fate::swallow; }
  // The server waits for COPY data from its client.
  bool copying_in() const { return copy_ == Copy::open || copy_ == Copy::both; }
  // It streams: both send COPY data until both have ended it (PostgreSQL: "Streaming Replication
  // Protocol", START_REPLICATION).
  bool streaming() const { return copy_ == Copy::both || copy_ == Copy::both_ended; }
  // It has ended since this was asked last.
  bool take_stream_over() { return std::exchange(stream_over_, false); }
  // No reply owed, and the server is not in the middle of a mode.
  bool settled() const { return empty() && !lacks_sync() && copy_ == Copy::none; }
  // A batch of the extended protocol was begun that only a Sync will end: whatever of it is
  // answered already, the server is inside its implicit transaction.
  bool lacks_sync() const { return skipping_ || batch_open_; }
  // In skip-to-Sync mode: what is sent now is not even looked at.
  bool skipping() const { return skipping_; }
  // A Sync that was sent into a COPY is ignored, unless the COPY failed before the server read it:
  // until that is known, one ReadyForQuery more may come for each than is owed. Its own client
  // gets them; nobody else may get this server.
  bool doubtful() const { return copy_syncs_ + extra_ready_ > 0; }

  // Nothing but the Sync of the last batch is owed.
  bool only_sync() const { return size() == 1 && owed_[head_].request == Request::sync; }
  // That batch is asked again: its first end is not its client's. Requires: only_sync.
  void end_unheard() { head().fate = Fate::inject; }
  // Nobody is there any more to read the answers.
  void swallow_all();
  void add_to(Hash& hash) const;

 private:
  // both: in the two directions at once; both_ended: by the client, so that rows may follow what
  // the server still sends.
  enum class Copy : std::uint8_t { none, open, ended, both, both_ended };

  static bool ends_ready(Request request) { return request <= Request::sync; }
  Owed& head() { return owed_[head_]; }  // never a copy_end: they are passed over
  bool owes_nothing(Request request);
  void answered(Match& match);
  void pop();
  void drop_answered();
  void pass_over_marks();
  void forget_changes(Owed& owed);
  void fail(Match& match);
  bool take_extra_ready();
  void copy_begins();
  void streaming_begins();
  bool accepts(wire::BackendType reply, Match& match);

  std::vector<Owed> owed_;  // from head_ on; compacted when it empties
  std::size_t head_ = 0;
  std::uint32_t changes_ = 0;           // owed
  bool changes_sealed_ = false;         // a Sync was sent behind them
  std::uint32_t unnamed_changes_ = 0;   // owed
  std::uint32_t unnamed_in_batch_ = 0;  // of these, in the batch that no Sync has ended
  bool batch_open_ = false;  // the last request was one of the extended protocol, and no Sync
  bool skipping_ = false;
  Copy copy_ = Copy::none;
  bool stream_over_ = false;
  std::uint32_t copy_syncs_ = 0;   // Syncs sent into the COPY under way
  std::uint32_t extra_ready_ = 0;  // of those, once it failed: not known to be unanswered
};

}  // namespace pgweir::session
