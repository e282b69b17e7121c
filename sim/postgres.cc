#include "sim/postgres.h"

#include <algorithm>

namespace pgweir::sim {

void Postgres::accepted(std::shared_ptr<Stream> stream) {
  sessions_.push_back(std::make_unique<PostgresSession>(std::move(stream), options_, journal_,
                                                        next_pid_++, session_count()));
}

void Postgres::turn() {
  if (stalled_) return;
  std::vector<CancelRequest> cancels;
  for (const auto& session : sessions_) {
    const bool was_ready = session->ready();
    session->turn();
    if (!was_ready && session->ready()) ++login_count_;
    if (const auto request = session->take_cancel_request()) cancels.push_back(*request);
  }
  session_count_max_ = std::max(session_count_max_, session_count());
  for (const CancelRequest& request : cancels) cancel(request.pid, request.key);
  std::erase_if(sessions_, [](const auto& session) { return session->over(); });
}

void Postgres::cancel(std::uint32_t pid, std::uint32_t key) {
  for (const auto& session : sessions_) {
    if (session->pid() == pid && session->key() == key) session->cancel();
  }
}

void Postgres::wake_sleepers() {
  for (const auto& session : sessions_) session->wake();
}
void Postgres::end_all(const std::string& code) {
  for (const auto& session : sessions_) session->end(code);
}
void Postgres::vanish_all() {
  for (const auto& session : sessions_) session->vanish();
}
void Postgres::close_all() {
  for (const auto& session : sessions_) session->close();
}

std::size_t Postgres::session_count() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sessions_, [](const auto& session) { return session->ready(); }));
}

}  // namespace pgweir::sim
