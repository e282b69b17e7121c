// One libpq connection, and what it was answered, as values that tests can compare and print.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/process.h"

namespace pgweir::integration {

struct Column {
  std::string name;
  Oid type;

  bool operator==(const Column&) const = default;
};

// A PGresult, copied. NULL is the text "NULL".
struct Answer {
  ExecStatusType status = PGRES_FATAL_ERROR;
  std::string sqlstate = {};  // of an error
  std::string message = {};   // of an error
  std::string report = {};    // of an error: with detail and hint
  std::vector<Column> columns = {};
  std::vector<std::vector<std::string>> rows = {};
  std::string tag = {};

  bool ok() const { return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK; }
  // The first cell; else what went wrong, so that comparing it with what was expected tells.
  std::string value() const;
  // The cell of this row in the column of this name; a text that says so when there is none.
  std::string at(std::size_t row, const std::string& column) const;
};

Answer answer_of(const PGresult* result);
// One line: status, SQLSTATE, rows. What two equal answers have in common.
std::string summary(const Answer& answer);

class Session {
 public:
  // Logs in, or does not: connected() tells.
  explicit Session(const std::string& conninfo);

  bool connected() const { return PQstatus(connection_.get()) == CONNECTION_OK; }
  // Whether the login failed by an answer, and was not just never answered.
  bool refused() const { return PQstatus(connection_.get()) == CONNECTION_BAD; }
  // Why the login failed: the SQLSTATE, empty when the server gave none; and all of the message.
  std::string login_sqlstate() const;
  std::string failure() const { return PQerrorMessage(connection_.get()); }

  PGconn* get() const { return connection_.get(); }
  // What a simple query came to: its first error, else its last result. A query that is not
  // answered in time fails the test.
  Answer run(const std::string& sql);
  // Every result of a simple query.
  std::vector<Answer> run_all(const std::string& sql);
  // Unnamed, by the extended protocol.
  Answer run_extended(const std::string& sql, const std::vector<std::string>& values);
  std::string value(const std::string& sql) { return run(sql).value(); }

  // Sends a simple query and does not wait for the answer; results() and outcome() do.
  void send(const std::string& sql);
  Answer outcome();
  std::vector<Answer> results(Seconds at_most = patience);
  // Whether the answer has begun to come.
  bool answered();

  // Texts of the notices so far.
  const std::vector<std::string>& notices() const { return *notices_; }
  // Resets the connection: a client that is gone, and certainly not waiting for an answer.
  void kill();

 private:
  bool wait_for_result(Seconds at_most);

  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  std::unique_ptr<std::vector<std::string>> notices_;
  std::unique_ptr<PGconn, Finish> connection_;
};

// Asks for the cancel of what the session runs; an empty text, or why it could not be sent.
std::string cancel(const Session& session);

}  // namespace pgweir::integration
