// One backend of the simulated PostgreSQL: from its startup packet to its end.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/advisory_locks.h"
#include "sim/clock.h"
#include "sim/messages.h"
#include "sim/network.h"
#include "sim/scram.h"
#include "sim/session_state.h"
#include "sim/sql.h"
#include "sim/tape.h"

namespace pgweir::sim {

// What happened in a session, for those who watch the world. Tags are those of its last statement;
// handed_on: that is another client's than the one before.
struct ServerEvent {
  enum class Kind { logged_in, text_arrived, handed_on, cancelled, became_idle, ended };
  Kind kind;
  std::uint32_t pid;
  std::string_view client_tag = {};
  std::string_view request_tag = {};
  std::uint32_t generation = 0;  // one more with every DISCARD ALL
};

struct ServerOptions {
  enum class Auth { trust, cleartext, md5, scram };
  // What it does when a newer minor protocol is asked for than it knows: what PostgreSQL does, or
  // what other servers and poolers did that stand where PostgreSQL does.
  enum class Newer : std::uint8_t { negotiates, refuses, hangs_up };
  Auth auth = Auth::trust;
  Newer newer = Newer::negotiates;
  bool gives_secret = true;                      // to be cancelled by
  std::map<std::string, std::string> passwords;  // by user
  std::set<std::string> databases;               // empty: whatever is asked for
  std::set<std::string> superusers{"postgres"};
  std::size_t max_connections = 1000;
  std::string connect_query;  // to be asked first; empty: nothing is
  bool starting_up = false;   // 57P03 to everybody
  bool standby = false;       // 25006 to whoever wants to write
  std::string server_version = "15.20";
  std::string time_zone = "Etc/UTC";
  std::string host_name = "host";
  // Time and choices; without a clock everything is done at once, and "sleep 5" waits to be woken.
  Clock* clock = nullptr;
  Tape* tape = nullptr;
  Duration work_max{};              // what a statement takes
  std::uint32_t noise_percent = 0;  // messages with a notice or such before them, where it may be
  std::uint32_t hostile_permille = 0;  // messages that come wrong, or not at all
  std::function<void(const ServerEvent&)> on_event = {};
};

struct CancelRequest {
  std::uint32_t pid;
  std::string secret;
};

struct Notification {
  std::string database;
  std::uint32_t pid;  // who sent it
  std::string channel;
  std::string payload;
  bool operator==(const Notification&) const = default;
};

// What a server's sessions share and write down together.
struct Journal {
  bool stalled = false;                              // none reads or answers
  std::size_t session_count = 0;                     // logged in and there
  std::size_t session_count_max = 0;                 // ever
  std::size_t login_count = 0;                       // ever
  std::function<void(const CancelRequest&)> cancel;  // a session brought one
  std::map<std::uint32_t, std::string> secrets;      // to cancel by, of all who logged in
  std::set<std::string> walsenders;                  // by their marks, of all who logged in
  std::function<void(const Notification&)> publish;  // a session has committed one
  AdvisoryLocks locks;
  std::uint32_t schema = 0;  // how often the tables have changed
  bool keep_statements = true;
  std::vector<std::string> statements;
  std::vector<std::string> complaints;  // "O-02 one owner: …" where an oracle has a name
  std::multiset<std::string> ledger;    // what was inserted and committed
};

class PostgresSession final : public Peer {
 public:
  PostgresSession(std::shared_ptr<Stream> stream, const ServerOptions& options, Journal& journal,
                  std::uint32_t pid);
  ~PostgresSession() override { stream_->set_peer(nullptr); }
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;

  void turn() override;
  void wake();    // what sleeps is done
  void cancel();  // fact 13: only a running statement notices
  void lock_granted();
  void notified(const Notification& notification);
  // The configuration says so now, and the postmaster has told it (SIGHUP).
  void reconfigure(const std::string& name, const std::string& value);
  void end(const std::string& code);
  void crash();                        // of another
  void warn(const std::string& code);  // as RAISE WARNING does
  void vanish();
  void close();
  void forget_prepared() { prepared_.clear(); }

  // PostgreSQL counts it: it has read a startup packet, and may still have to log in.
  bool counts() const { return phase_ != Phase::starting && !ended(); }
  bool ready() const { return counts() && logged_in_; }
  bool ended() const { return phase_ == Phase::ended; }
  bool sleeping() const { return phase_ == Phase::sleeping; }
  // At a statement that is not done yet.
  bool busy() const {
    return phase_ == Phase::working || phase_ == Phase::sleeping || phase_ == Phase::locking ||
           phase_ == Phase::finishing;
  }
  // It may be forgotten: it has ended and the clock does not know it any more.
  bool over() const { return ended() && task_count_ == 0; }
  // Has nothing to do, is in no transaction, and has told all it had to tell.
  bool idle() const {
    return phase_ == Phase::ready && logged_in_ && status_ == 'I' && !batch_open_ && !skipping_ &&
           !framer_.mid_message() && out_.empty();
  }
  // Whose lock it waits for, if it does.
  std::optional<std::uint32_t> waits_for() const { return journal_.locks.in_the_way_of(pid_); }
  bool hostile() const { return options_.hostile_permille > 0; }
  bool gives_secret() const { return options_.gives_secret; }
  std::string secret() const;  // to be cancelled by
  const std::string& user() const { return user_; }
  const std::string& database() const { return database_; }
  const std::shared_ptr<Stream>& stream() const { return stream_; }
  // The client whose statement came last.
  const std::string& owner_tag() const { return owner_; }
  char status() const { return status_; }
  std::uint32_t pid() const { return pid_; }
  std::string setting(const std::string& name) const { return state_.value(name); }
  // A walsender: for one client, from the login on.
  bool replicates() const { return replication_ != Replication::none; }
  // What its client called itself when it asked for it.
  std::string mark() const;

 private:
  // working: at a statement whose time has not come; sleeping: in the statement that sleeps;
  // locking: in the one that waits for a lock; finishing: it is done and has not said so.
  enum class Phase {
    starting,
    authenticating,
    ready,
    copy_in,
    streaming,
    working,
    sleeping,
    locking,
    finishing,
    ended
  };
  enum class Outcome { done, failed, paused };
  enum class Replication : std::uint8_t { none, logical, physical };
  struct Streaming {
    bool logical = false;
    int timeline = 0;
    int said_count = 0;  // pieces
    int heard_count = 0;
    bool done_said = false;
  };
  using Lasts = SessionState::Lasts;
  // Cursors are portals too, and share their names.
  struct Portal {
    Statement statement;
    std::vector<std::optional<std::string>> parameters = {};
    int row_count_sent = 0;
    bool held = false;           // with hold
    bool of_transaction = true;  // made in this transaction
    std::size_t level = 0;       // of the savepoint it was made behind
  };
  struct Savepoint {
    std::string name;
    std::size_t inserted_count;
    std::size_t notification_count;
  };

  // postgres_login.cc
  void on_start(const Message& message);
  bool negotiate(std::int32_t version, const std::vector<std::string>& unknown_options);
  void start_session(const Parameters& parameters);
  void ask_for_proof();
  void on_proof(const Message& message);
  void log_in();

  // postgres_messages.cc
  void on_message(const Message& message);
  void on_copy_message(const Message& message);
  void on_query(const Message& message);
  void on_parse(const Message& message);
  void on_bind(const Message& message);
  void on_describe(const Message& message);
  void on_execute(const Message& message);
  void on_close(const Message& message);
  void on_sync();
  void on_function_call(const Message& message);
  void run_queue();
  void resume(Outcome outcome);  // what paused has come to its end
  void copy_failed(const char* code, const std::string& why);
  // What it is in the end: that of a prepared statement, or of a cursor.
  Statement resolved(const Statement& statement) const;
  bool has_old_plan(const Statement& statement) const;
  void fail_for_old_plan();

  // postgres_replication.cc
  bool take_replication(const std::string& value);
  bool on_replication_command(std::string_view text);
  void back_up();
  void start_streaming(const std::vector<std::string>& words);
  void say_wal(int count);
  void on_stream_message(const Message& message);
  void end_stream();
  void end_stream_by(const char* code, const std::string& why);

  // postgres_statements.cc. simple: a Query sends row descriptions, Execute does not.
  Outcome execute(const Statement& statement, bool simple);
  Outcome execute_portal(Portal& portal, std::int32_t row_count_max);
  Outcome set(const Statement& statement);
  Outcome set_role(const Statement& statement, Lasts lasts);
  Outcome set_config(const Statement& statement,
                     const std::vector<std::optional<std::string>>& parameters);
  Outcome reset(const Statement& statement);
  Outcome discard(const Statement& statement);
  Outcome execute_prepared(const Statement& statement, bool simple);
  Outcome lock(const Statement& statement, bool simple);
  Outcome change_table(const Statement& statement);
  Outcome use_channel(const Statement& statement);
  Outcome copy_out(int count);
  // tag: of the CommandComplete; empty: SELECT and how many.
  Outcome send_rows(const std::vector<std::string>& rows, bool simple, const std::string& tag = "");
  void send_part(const Statement& statement, int first, int count);
  void send_proof(const Statement& statement, int first, int count);
  std::string state_text() const;
  Outcome done(const std::string& tag);

  // postgres_transactions.cc
  Outcome control_transaction(const Statement& statement);
  Outcome control_savepoint(const Statement& statement);
  Outcome control_cursor(const Statement& statement, bool simple);
  void start_implicit();
  void end_implicit();
  void roll_back_to(std::size_t level);
  void end_transaction(bool committed);
  bool in_block() const { return status_ != 'I' || in_list_; }
  bool read_only() const;

  // postgres_output.cc
  void say(std::string_view bytes);
  void say_row(const std::vector<std::string>& values);
  void say_wrong(std::string_view bytes);
  void make_noise();
  bool is_drawn(std::uint32_t chances, std::uint32_t of);
  void flush();
  void ready_for_query();
  void say_ready();

  // postgres_session.cc
  void work_on(const Message& message);
  void sleep(Duration how_long);
  void interrupt(const std::string& why, bool cancelled = false);
  void deliver_notifications();
  void watch_idleness();
  void check_owner(const Statement& statement);
  void tell(ServerEvent::Kind kind);
  void end_session();
  Outcome fail(const std::string& code, const std::string& text);
  void fatal(const std::string& code, const std::string& text);
  void complain(const std::string& oracle, const std::string& what);
  bool well_formed(bool right, const Message& message);

  std::shared_ptr<Stream> stream_;
  const ServerOptions& options_;
  Journal& journal_;
  std::uint32_t pid_;
  std::size_t others_;  // sessions there were when it began
  Phase phase_ = Phase::starting;
  bool logged_in_ = false;
  Framer framer_{true};
  std::string out_;            // not flushed yet, as PostgreSQL keeps it
  std::string held_back_;      // by a hostile one: what comes behind the next message
  bool cut_off_ = false;       // by a hostile one: in the middle of a message
  std::int32_t protocol_ = 0;  // that is spoken
  std::string user_;
  std::optional<ScramServer> scram_;
  std::string unknown_setting_;  // in the startup packet

  char status_ = 'I';
  bool in_query_ = false;    // the current statement came by Query, not by Execute
  bool in_list_ = false;     // with others
  bool skipping_ = false;    // to the next Sync
  bool implicit_ = false;    // a transaction nobody began
  bool pipelining_ = false;  // in which something was executed already
  bool batch_open_ = false;  // messages of the extended protocol, and no Sync behind them yet
  std::string database_;
  bool connect_query_heard_ = false;  // and nothing that it may have set was reset since
  std::string owner_;                 // the client whose statement came last
  std::string request_;               // and its request
  bool owned_ = false;                // that client's transaction goes on
  std::uint32_t transaction_ = 0;     // how many there were
  std::uint32_t generation_ = 1;      // ServerEvent::generation
  std::uint32_t schema_ = 0;          // Journal::schema when this transaction began
  std::uint32_t sleep_number_ = 0;    // of the sleep, the work or the wait under way
  std::uint32_t idle_number_ = 0;     // of the pause between two messages
  std::uint32_t task_count_ = 0;      // of the clock's, that name this session
  char held_type_ = 0;                // of the message it works on
  std::string held_body_;
  bool cancel_pending_ = false;  // it came while data of a COPY was waited for
  SessionState state_;
  std::vector<std::string> inserted_;        // in this transaction
  std::vector<Notification> notifications_;  // in this transaction
  std::vector<Notification> to_deliver_;     // of others, when this is idle
  std::vector<Savepoint> savepoints_;
  std::deque<Statement> queue_;  // the rest of a Query
  std::map<std::string, Statement, std::less<>> prepared_;
  std::map<std::string, Portal, std::less<>> portals_;
  Replication replication_ = Replication::none;
  Streaming streaming_;
  bool copy_fails_ = false;
  int copy_count_ = 0;
};

}  // namespace pgweir::sim
