#include "sim/postgres_session.h"

#include <algorithm>
#include <utility>

#include "sim/stranger.h"
#include "sim/verdict.h"

namespace pgweir::sim {

PostgresSession::PostgresSession(std::shared_ptr<Stream> stream, const ServerOptions& options,
                                 Journal& journal, std::uint32_t pid)
    : stream_(std::move(stream)),
      options_(options),
      journal_(journal),
      pid_(pid),
      others_(journal.session_count) {
  stream_->set_peer(this);
}

void PostgresSession::turn() {
  if (ended() || journal_.stalled) return;
  framer_.feed(stream_->unread_by_peer());
  stream_->drop_unread();
  while (!ended() && !busy()) {
    const auto message = framer_.next();
    if (!message) break;
    switch (phase_) {
      case Phase::starting: on_start(*message); break;
      case Phase::authenticating: on_proof(*message); break;
      case Phase::ready: work_on(*message); break;
      case Phase::copy_in: on_copy_message(*message); break;
      case Phase::streaming: on_stream_message(*message); break;
      case Phase::working:
      case Phase::sleeping:
      case Phase::locking:
      case Phase::finishing:
      case Phase::ended: break;
    }
  }
  if (cut_off_) close();
  if (framer_.spoiled() && !ended()) {
    complain("O-51 step contract", "a message with an impossible length");
    fatal("08P01", "invalid message length");
  }
  // One that works does not look at its socket, as a real backend does not.
  if (stream_->at_end() && !busy()) close();
}

// Statements take their time; everything else is done at once.
void PostgresSession::work_on(const Message& message) {
  ++idle_number_;
  const bool takes_time = (message.type == 'Q' || message.type == 'E') && !skipping_;
  if (takes_time && options_.clock != nullptr && options_.tape != nullptr &&
      options_.work_max > Duration::zero()) {
    const std::uint32_t part = options_.tape->below(64);
    if (part > 0) {
      held_type_ = message.type;
      held_body_ = message.body;
      phase_ = Phase::working;
      return sleep(options_.work_max * part / 64);
    }
  }
  on_message(message);
}

// Until so much time has passed; zero: until somebody wakes it. No longer than statement_timeout,
// which counts for each statement of a list here, and in PostgreSQL for all of them.
void PostgresSession::sleep(Duration how_long) {
  const std::uint32_t number = ++sleep_number_;
  if (options_.clock == nullptr) return;
  if (how_long > Duration::zero()) {
    ++task_count_;
    options_.clock->in(how_long, [this, number] {
      --task_count_;
      if (number != sleep_number_) return;
      wake();
      turn();
    });
  }
  const Duration timeout = state_.time("statement_timeout");
  if (timeout == Duration::zero()) return;
  ++task_count_;
  options_.clock->in(timeout, [this, number] {
    --task_count_;
    if (number == sleep_number_) interrupt("canceling statement due to statement timeout");
  });
}

void PostgresSession::wake() {
  if (phase_ != Phase::working && phase_ != Phase::sleeping) return;
  ++sleep_number_;
  if (std::exchange(phase_, Phase::ready) == Phase::working)
    return on_message({held_type_, held_body_});
  resume(send_rows({"awake"}, false));
}

void PostgresSession::lock_granted() {
  if (phase_ != Phase::locking) return;
  ++sleep_number_;
  phase_ = Phase::ready;
  resume(send_rows({""}, false));
  turn();
}

void PostgresSession::cancel() {
  // Fact 14: one that comes inside a COPY is noticed at its next data.
  if (phase_ == Phase::copy_in) cancel_pending_ = true;
  if (phase_ == Phase::streaming) end_stream_by("57014", "canceling statement due to user request");
  if (busy() && phase_ != Phase::finishing) {
    interrupt("canceling statement due to user request", true);
  }
}

// Fact 15: the same code, whoever wanted it.
void PostgresSession::interrupt(const std::string& why, bool cancelled) {
  ++sleep_number_;
  const bool had_begun = std::exchange(phase_, Phase::ready) != Phase::working;
  const bool query_had_not = !had_begun && held_type_ == 'Q';
  if (query_had_not) {
    for (const Statement& statement : understand(Body(held_body_).text().value_or(""))) {
      check_owner(statement);
    }
  }
  if (cancelled) tell(ServerEvent::Kind::cancelled);
  if (query_had_not) {
    prepared_.erase("");
    portals_.erase("");
    queue_.clear();
    in_query_ = true;
  }
  journal_.locks.stop_waiting(pid_);
  resume(fail("57014", why));
  turn();
}

void PostgresSession::reconfigure(const std::string& name, const std::string& value) {
  state_.set_default(name, value);
}

void PostgresSession::notified(const Notification& notification) {
  if (!logged_in_ || ended() || notification.database != database_) return;
  if (!state_.listens_to(notification.channel)) return;
  to_deliver_.push_back(notification);
  // Fact 17: at once where it is idle, else with its next ReadyForQuery outside a transaction.
  const bool waits_for_client = phase_ == Phase::ready && !batch_open_ && !implicit_ && !in_query_;
  if (!waits_for_client || status_ != 'I') return;
  deliver_notifications();
  flush();
}

void PostgresSession::deliver_notifications() {
  for (const Notification& one : std::exchange(to_deliver_, {})) {
    say(message('A', int32(one.pid) + cstring(one.channel) + cstring(one.payload)));
  }
}

// The oracles of the server's side: whose statements these are, and when that may change.
void PostgresSession::check_owner(const Statement& statement) {
  const bool begins = !statement.client_tag.empty() && statement.client_tag != owner_;
  if (begins && !options_.connect_query.empty() && !connect_query_heard_) {
    complain("O-05 own state", statement.client_tag + " got a session before connect_query");
  }
  if (replicates() && !statement.client_tag.empty()) {
    complain(std::string(oracle::replication),
             statement.client_tag + " speaks to the walsender of " + mark());
  }
  request_ = statement.request_tag;
  tell(ServerEvent::Kind::text_arrived);
  if (statement.client_tag.empty() || statement.client_tag == owner_) {
    owned_ = owned_ || !statement.client_tag.empty();
    return;
  }
  if (owned_) {
    complain("O-02 one owner", statement.client_tag + " speaks inside a transaction of " + owner_);
  } else if (status_ != 'I' || skipping_ || phase_ != Phase::ready) {
    complain("O-11 clean release", statement.client_tag + " got a session that " + owner_ +
                                       " left in status " + status_ +
                                       (skipping_ ? ", skipping to Sync" : ""));
  }
  owner_ = statement.client_tag;
  owned_ = true;
  tell(ServerEvent::Kind::handed_on);
}

void PostgresSession::tell(ServerEvent::Kind kind) {
  if (options_.on_event) options_.on_event({kind, pid_, owner_, request_, generation_});
}

void PostgresSession::end(const std::string& code) {
  if (!ended()) fatal(code, "terminating connection because this test says so");
}

// A warning, not FATAL: the session is ended by a signal that no error can hold up.
void PostgresSession::crash() {
  if (ended()) return;
  if (logged_in_) warn("57P02");
  close();
}

void PostgresSession::warn(const std::string& code) {
  say(warning_response("terminating connection because of crash of another server process", code));
  flush();
}

void PostgresSession::vanish() {
  if (ended()) return;
  stream_->reset();
  end_session();
}

void PostgresSession::close() {
  if (ended()) return;
  flush();
  stream_->finish();
  end_session();
}

void PostgresSession::end_session() {
  phase_ = Phase::ended;
  ++sleep_number_;
  journal_.locks.end_session(pid_);
  if (logged_in_) --journal_.session_count;
  tell(ServerEvent::Kind::ended);
}

void PostgresSession::complain(const std::string& oracle, const std::string& what) {
  journal_.complaints.push_back(oracle + ": backend " + std::to_string(pid_) + ": " + what);
}

bool PostgresSession::well_formed(bool right, const Message& message) {
  if (right) return true;
  if (message.body.contains(Stranger::lie) && message.type != 'Q') {
    fail("08P01", "invalid message format");
    return false;
  }
  const std::string type = message.type == '\0' ? "startup" : std::string(1, message.type);
  complain("O-51 step contract", "heard a message it should not have been sent: type " + type +
                                     ", " + std::to_string(message.body.size()) + " bytes");
  fatal("08P01", "invalid message");
  return false;
}

PostgresSession::Outcome PostgresSession::fail(const std::string& code, const std::string& text) {
  say(error_response("ERROR", code, text));
  if (status_ == 'I' && implicit_) end_transaction(false);
  if (status_ == 'T') {
    status_ = 'E';
    roll_back_to(savepoints_.size());
  }
  // In a Query the error ends the Query; in the extended protocol all is skipped to Sync.
  skipping_ = !in_query_;
  flush();
  return Outcome::failed;
}

void PostgresSession::fatal(const std::string& code, const std::string& text) {
  say(error_response("FATAL", code, text));
  close();
}

// Fact 16.
void PostgresSession::watch_idleness() {
  const bool idle = status_ == 'I';
  const Duration timeout =
      state_.time(idle ? "idle_session_timeout" : "idle_in_transaction_session_timeout");
  if (timeout == Duration::zero() || options_.clock == nullptr) return;
  ++task_count_;
  const std::uint32_t number = ++idle_number_;
  options_.clock->in(timeout, [this, number, idle] {
    --task_count_;
    if (ended() || journal_.stalled || number != idle_number_) return;
    fatal(idle ? "57P05" : "25P03", "terminating connection due to idle timeout");
  });
}

}  // namespace pgweir::sim
