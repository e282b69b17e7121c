// One application's view of the protocol: what it is owed, message by message, and whether what it
// hears is a legal answer to exactly what it asked (O-01), in one session for a whole transaction
// (O-03), with nobody else's state (O-04) and with its own (O-05). It knows PostgreSQL's rules
// (PostgreSQL: "Message Flow"), and nothing of a pooler.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"
#include "sim/messages.h"
#include "sim/own_state.h"
#include "sim/request.h"
#include "sim/verdict.h"

namespace pgweir::sim {

class Answers {
 public:
  // What Owed::name is for the statement that has none.
  inline static const std::string unnamed = "(unnamed)";

  // policy: what becomes of state that outlives a transaction.
  // In a session of its own all stays, and its statements have its names.
  Answers(std::uint32_t client, Verdict& verdict, SessionStatePolicy policy, bool pins_bounded,
          bool has_session)
      : client_(client),
        verdict_(verdict),
        policy_(has_session ? SessionStatePolicy::pin : policy),
        pins_bounded_(pins_bounded && !has_session),
        has_session_(has_session) {}

  // A new connection: nothing owed, its parameters are these.
  void begin(OwnState::Parameters parameters);
  void owe(std::vector<Owed> owed);
  // The next message of an answer; not one of a login, and no FATAL.
  void hear(const Message& message);
  // The server may lie: what is wrong only confuses, unless it is somebody else's.
  void distrust() { distrusting_ = true; }
  // The server may be a standby, where nobody can write.
  void expect_standby(bool maybe) { maybe_standby_ = maybe; }
  bool confused() const { return confused_; }
  // A cancel is under way: it may hit what is owed, and what will be until it is over.
  void cancel_begins() {
    ++cancels_open_;
    cancel_may_hit_ = true;
  }
  void cancel_ends() {
    --cancels_open_;
    settle_cancels();
  }

  bool settled() const { return owed_.empty(); }
  bool copy_open() const { return copy_open_; }
  // And all that was asked has ended, batches of the extended protocol by their Sync.
  bool between_requests() const { return settled() && ready_; }
  bool in_transaction() const { return status_ != 'I'; }
  char status() const { return status_; }
  std::size_t owed_count() const { return owed_.size(); }
  // What the head of the queue waits for, for a reader.
  std::string waits_for() const;

  // What it made of its session, and what became of what it inserted.
  const OwnState& state() const { return state_; }
  // The connection is gone: what was under way may or may not have been done.
  void lose();

  // ReadyForQuery messages that were owed, and those heard: one for each Query, and for each Sync
  // that does not become part of a COPY.
  std::uint64_t asked_count() const { return asked_count_; }
  std::uint64_t answered_count() const { return answered_count_; }

 private:
  using Kind = Ask::Kind;
  void hear_query(Owed& owed, const Message& message);
  void hear_extended(Owed& owed, const Message& message);
  void hear_execute(const Ask& ask, int row_count_max, const Message& message);
  void hear_of_statement(Owed& owed, const Message& message);
  bool name_explains(const Owed& owed, std::string_view code) const;
  bool hear_of_old_plan(const Owed& owed, std::string_view text);
  const Ask* ask_of(const Owed& owed) const;
  bool hear_rows(const Ask& ask, const Message& message);
  bool hear_copy(const Ask& ask, const Message& message);
  void hear_error(const Message& message);
  void hear_complete(const Ask& ask, const Message& message);
  void done(const Ask& ask, std::string_view tag);
  void forget_prepared(const std::string& name);
  void hear_ready(const Message& message);
  void check_row(const Ask& ask, const Message& message);
  void check_session(std::span<const std::string_view> place);
  void check_state(std::string_view state);
  int rows_of(const Ask& ask) const;
  std::string tag_of(const Ask& ask) const;
  bool error_allowed(const Ask* ask, std::string_view code) const;
  void next_ask();
  void skip_to_sync();
  void settle_cancels() { cancel_may_hit_ = cancel_may_hit_ && (cancels_open_ > 0 || !settled()); }
  void end_transaction(bool committed);
  void wrong(const Message& message, std::string_view expected);
  void blame(std::string_view oracle, std::string what);
  const Ask* current() const;

  std::uint32_t client_;
  Verdict& verdict_;
  SessionStatePolicy policy_;
  bool pins_bounded_;
  bool has_session_;
  std::deque<Owed> owed_;
  std::size_t ask_index_ = 0;  // of a query's statements
  int row_count_ = 0;
  int fetched_ = 0;  // of them, by Executes before this one
  bool described_ = false;
  bool copy_open_ = false;
  bool copying_out_ = false;
  bool failed_ = false;  // this query, or everything up to Sync
  char status_ = 'I';
  bool ready_ = true;  // what it heard last is ReadyForQuery
  bool cancel_may_hit_ = false;
  bool distrusting_ = false;
  bool maybe_standby_ = false;
  bool confused_ = false;
  int cancels_open_ = 0;

  std::map<std::string, Ask> prepared_;  // by name
  // That what a name returns has changed was said so, when this much was owed.
  struct OldPlan {
    std::string text;
    std::uint64_t last;
  };
  std::map<std::string, OldPlan> old_plans_;
  Ask bound_;  // by the last Bind of one of them

  // Of the transaction, implicit ones too.
  std::vector<std::string> session_;  // where it is, as rows say it
  OwnState state_;

  std::uint64_t owed_count_ever_ = 0;
  std::uint64_t asked_count_ = 0;
  std::uint64_t answered_count_ = 0;
};

}  // namespace pgweir::sim
