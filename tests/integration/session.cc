#include "tests/integration/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace pgweir::integration {

namespace {

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

void keep_notice(void* notices, const PGresult* result) {
  static_cast<std::vector<std::string>*>(notices)->push_back(
      field(result, PG_DIAG_MESSAGE_PRIMARY));
}

bool wait_for(int socket, short what, std::chrono::steady_clock::time_point end) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  pollfd entry{socket, what, 0};
  return left > 0ms && poll(&entry, 1, static_cast<int>(left.count())) > 0;
}

// libpq tells the SQLSTATE of a failed login only as part of a verbose message.
PGconn* log_in(const std::string& conninfo) {
  PGconn* connection = PQconnectStart(conninfo.c_str());
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::seconds>(patience);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
    const short what = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for(PQsocket(connection), what, end)) break;
    state = PQconnectPoll(connection);
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  return connection;
}

}  // namespace

std::string Answer::value() const {
  if (!message.empty()) return "ERROR " + sqlstate + ": " + message;
  if (!rows.empty() && !rows.front().empty()) return rows.front().front();
  return tag.empty() ? PQresStatus(status) : tag;
}

std::string Answer::at(std::size_t row, const std::string& column) const {
  if (row >= rows.size()) return "no row " + std::to_string(row) + " (" + value() + ")";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return rows[row][i];
  }
  return "no column " + column;
}

Answer answer_of(const PGresult* result) {
  Answer answer;
  answer.status = PQresultStatus(result);
  answer.sqlstate = field(result, PG_DIAG_SQLSTATE);
  answer.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  answer.report = PQresultErrorMessage(result);
  if (answer.message.empty()) answer.message = answer.report;
  answer.tag = PQcmdStatus(const_cast<PGresult*>(result));
  // The columns of a COPY have no names.
  if (answer.status != PGRES_TUPLES_OK) return answer;
  for (int column = 0; column < PQnfields(result); ++column) {
    answer.columns.push_back({PQfname(result, column), PQftype(result, column)});
  }
  for (int row = 0; row < PQntuples(result); ++row) {
    std::vector<std::string>& cells = answer.rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) {
      cells.push_back(PQgetisnull(result, row, column) ? "NULL" : PQgetvalue(result, row, column));
    }
  }
  return answer;
}

std::string summary(const Answer& answer) {
  std::string text = PQresStatus(answer.status);
  if (!answer.sqlstate.empty()) text += " " + answer.sqlstate;
  if (!answer.message.empty()) text += " " + answer.message;
  if (!answer.tag.empty()) text += " [" + answer.tag + "]";
  for (const auto& row : answer.rows) {
    text += " (";
    for (const std::string& cell : row) text += cell + ",";
    text += ")";
  }
  return text;
}

Session::Session(const std::string& conninfo)
    : notices_(std::make_unique<std::vector<std::string>>()), connection_(log_in(conninfo)) {
  PQsetNoticeReceiver(connection_.get(), keep_notice, notices_.get());
}

std::string Session::login_sqlstate() const {
  const std::string text = failure();
  for (const std::string_view severity : {"FATAL:  ", "ERROR:  "}) {
    const std::size_t at = text.find(severity);
    if (at != std::string::npos) return text.substr(at + severity.size(), 5);
  }
  return "";
}

Answer Session::run(const std::string& sql) {
  send(sql);
  return outcome();
}

std::vector<Answer> Session::run_all(const std::string& sql) {
  send(sql);
  return results();
}

Answer Session::run_extended(const std::string& sql, const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  if (PQsendQueryParams(get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        pointers.data(), nullptr, nullptr, 0) != 1) {
    return {.message = failure()};
  }
  return outcome();
}

// After a FATAL error libpq adds another of its own, that the connection is gone.
Answer Session::outcome() {
  const std::vector<Answer> answers = results();
  if (answers.empty()) return {.message = failure()};
  const auto error = std::find_if(answers.begin(), answers.end(),
                                  [](const Answer& answer) { return !answer.message.empty(); });
  return error == answers.end() ? answers.back() : *error;
}

void Session::send(const std::string& sql) {
  EXPECT_EQ(PQsendQuery(get(), sql.c_str()), 1) << "the query was not sent: " << failure();
}

std::vector<Answer> Session::results(Seconds at_most) {
  std::vector<Answer> answers;
  while (wait_for_result(at_most)) {
    PGresult* result = PQgetResult(get());
    if (result == nullptr) return answers;
    answers.push_back(answer_of(result));
    PQclear(result);
    const ExecStatusType status = answers.back().status;
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) return answers;
  }
  ADD_FAILURE() << "a query was not answered in " << at_most.count() << " s";
  return answers;
}

bool Session::answered() {
  pollfd entry{PQsocket(get()), POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

bool Session::wait_for_result(Seconds at_most) {
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration_cast<std::chrono::milliseconds>(at_most);
  while (PQisBusy(get()) == 1) {
    const bool unsent = PQflush(get()) == 1;
    const short what = static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN);
    if (!wait_for(PQsocket(get()), what, end)) return false;
    if (PQconsumeInput(get()) != 1) return true;
  }
  return true;
}

void Session::kill() {
  const linger at_once{1, 0};
  setsockopt(PQsocket(get()), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  // Closes the socket under libpq, which would say goodbye.
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, PQsocket(get()));
  close(nothing);
}

std::string cancel(const Session& session) {
  PGcancel* request = PQgetCancel(session.get());
  char why[256] = "";
  PQcancel(request, why, sizeof why);
  PQfreeCancel(request);
  return why;
}

}  // namespace pgweir::integration
