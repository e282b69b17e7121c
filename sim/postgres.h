// A model of a PostgreSQL 15 server, written to be read: one function per message type, facts
// numbered as in simulation.md, section 4.3. What it hears and a pooler should never let through
// (malformed, unknown or untimely messages) is in complaints().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/network.h"
#include "sim/postgres_session.h"

namespace pgweir::sim {

class Postgres : public Host {
 public:
  explicit Postgres(ServerOptions options = {});
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // How the next connections are received; the options of logins count from the next one on.
  void set_welcome(Welcome welcome) { welcome_ = welcome; }
  ServerOptions& options() { return options_; }

  // The configuration has changed and the sessions are told (SIGHUP); the options are for new ones.
  void reconfigure(const std::string& name, const std::string& value);
  void promote();  // a standby
  // What statements of before return has changed. A transaction that is open keeps the tables.
  void change_tables() { ++journal_.schema; }
  void forget_prepared();  // DEALLOCATE ALL inside a function, in all sessions
  // It is started again, as a standby of another that has taken its place.
  void demote();

  // What is done to all sessions.
  void wake_sleepers();                                     // their statement is done
  void end_all(const std::string& code);                    // FATAL
  void crash();                                             // WARNING 57P02, and the end
  void vanish_all();                                        // reset, no last words
  void close_all();                                         // end of file, no last words
  void stall(bool stalled) { journal_.stalled = stalled; }  // reads and answers nothing

  std::size_t session_count() const { return journal_.session_count; }  // logged in and there
  std::size_t session_count_max() const { return journal_.session_count_max; }
  std::size_t login_count() const { return journal_.login_count; }
  // "1001: select 'a'": what was executed, by which backend, in order.
  const std::vector<std::string>& statements() const { return journal_.statements; }
  const std::vector<std::string>& complaints() const { return journal_.complaints; }
  const std::multiset<std::string>& ledger() const { return journal_.ledger; }
  // There was a walsender that began with this mark.
  bool has_replicated(const std::string& mark) const { return journal_.walsenders.contains(mark); }
  void forget_statements() { journal_.keep_statements = false; }
  const std::vector<std::unique_ptr<PostgresSession>>& sessions() const { return sessions_; }

  const PostgresSession* session_of(std::uint32_t pid) const;
  // Some session has, or had, this to be cancelled by.
  bool gave_out(std::uint32_t pid, std::string_view secret) const;

  // Sessions that have ended are in sessions() up to this; not from inside a session's turn.
  void forget_ended();

  Welcome welcome() const override { return welcome_; }
  void accepted(std::shared_ptr<Stream> stream) override;
  void turn() override;

 private:
  void cancel(const CancelRequest& request);

  ServerOptions options_;
  Welcome welcome_ = Welcome::accept;
  std::uint32_t next_pid_ = 1001;
  Journal journal_;
  std::vector<std::unique_ptr<PostgresSession>> sessions_;
};

}  // namespace pgweir::sim
