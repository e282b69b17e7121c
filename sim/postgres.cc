#include "sim/postgres.h"

#include <algorithm>

namespace pgweir::sim {

Postgres::Postgres(ServerOptions options) : options_(std::move(options)) {
  journal_.cancel = [this](const CancelRequest& request) { cancel(request); };
  journal_.publish = [this](const Notification& notification) {
    for (const auto& session : sessions_) session->notified(notification);
  };
  journal_.locks.granted = [this](std::uint32_t pid) {
    for (const auto& session : sessions_) {
      if (session->pid() == pid) session->lock_granted();
    }
  };
}

// Its peer is the session from now on.
void Postgres::accepted(std::shared_ptr<Stream> stream) {
  forget_ended();
  sessions_.push_back(
      std::make_unique<PostgresSession>(std::move(stream), options_, journal_, next_pid_++));
}

void Postgres::turn() {
  for (const auto& session : sessions_) session->turn();
  forget_ended();
}

void Postgres::forget_ended() {
  std::erase_if(sessions_, [](const auto& session) { return session->over(); });
}

const PostgresSession* Postgres::session_of(std::uint32_t pid) const {
  const auto found = std::ranges::find_if(
      sessions_, [&](const auto& session) { return session->pid() == pid && !session->ended(); });
  return found == sessions_.end() ? nullptr : found->get();
}

bool Postgres::gave_out(std::uint32_t pid, std::string_view secret) const {
  const auto given = journal_.secrets.find(pid);
  return given != journal_.secrets.end() && given->second == secret;
}

void Postgres::cancel(const CancelRequest& request) {
  if (!gave_out(request.pid, request.secret)) return;
  for (const auto& session : sessions_) {
    if (session->pid() == request.pid) session->cancel();
  }
}

void Postgres::reconfigure(const std::string& name, const std::string& value) {
  for (const auto& session : sessions_) session->reconfigure(name, value);
}

void Postgres::forget_prepared() {
  for (const auto& session : sessions_) session->forget_prepared();
}

void Postgres::promote() {
  options_.standby = false;
  reconfigure("in_hot_standby", "off");
}

void Postgres::demote() {
  end_all("57P01");
  options_.standby = true;
}

void Postgres::wake_sleepers() {
  for (const auto& session : sessions_) session->wake();
}
void Postgres::end_all(const std::string& code) {
  for (const auto& session : sessions_) session->end(code);
}
void Postgres::crash() {
  for (const auto& session : sessions_) session->crash();
}
void Postgres::vanish_all() {
  for (const auto& session : sessions_) session->vanish();
}
void Postgres::close_all() {
  for (const auto& session : sessions_) session->close();
}

}  // namespace pgweir::sim
