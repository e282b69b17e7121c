// What spans the machines of one process. Clients are handed over to where their pool lives once
// their startup packet has said what they want; the first machine accepts, counts the clients of
// all, has the settings loaded, and ends the process.
#include <algorithm>

#include "core/base/text.h"
#include "core/machine_core.h"
#include "core/wire/writer.h"

namespace pgweir {

using session::ClientState;

// An accepted client goes where fewest are, and stays rather than it goes: where clients come one
// after the other, a second machine would only cost. In turn where there are as few; those that do
// not take their letters are left out. False: it stays.
bool Machine::Core::spread(Client& client) {
  std::uint8_t to = seat_.machine;
  std::size_t fewest = clients_.size() - 1;
  for (std::uint8_t i = 0; i < seat_.machines; ++i) {
    const auto other = static_cast<std::uint8_t>((next_seat_ + i) % seat_.machines);
    if (other == seat_.machine || spread_[other] >= fewest || !outboxes_[other].has_credit()) {
      continue;
    }
    to = other;
    fewest = spread_[other];
  }
  if (to == seat_.machine) return false;
  next_seat_ = static_cast<std::uint8_t>((to + 1) % seat_.machines);
  hand_over(client, to, outboxes_[to].next_number());
  return true;
}

// packet: its startup packet, which has told where it belongs.
void Machine::Core::send_home(Client& client, std::uint8_t home, Bytes packet) {
  client.stream.held.insert(client.stream.held.begin(), packet.begin(), packet.end());
  seats::Outbox& outbox = outboxes_[home];
  if (outbox.has_credit()) return hand_over(client, home, outbox.next_number());
  leaving_.insert(client.self);
  update_reading(client);
  outbox.wait(client.self);
}

// The client is gone after this.
void Machine::Core::hand_over(Client& client, std::uint8_t to, seats::LetterNumber number) {
  if (seat_.machine == 0) {
    ++spread_[to];
    client.has_place = client.has_place || take_early_place();
  } else if (client.from_first) {
    ++left_.clients;
  }
  const seats::ClientParcel parcel{
      number,           client.peer,       client.local, client.uid, client.connected_at,
      client.has_place, client.stream.held};
  outboxes_[to].sent();
  out_.add(
      effect::HandOver{client.socket(), to, bytes_of(out_.arena().copy(seats::write(parcel)))});
  ++handed_over_count_;
  leaving_.erase(client.self);
  unauthenticated_.remove(clients_, client);
  timers_.remove(client.timer);
  clients_.erase(client.self);
}

void Machine::Core::on(const event::Adopted& event) {
  const seats::ClientParcel parcel = seats::read_client(event.parcel);
  take_letter(event.from, parcel.number);
  Client& client = add_client(event.client);
  client.peer = parcel.peer;
  client.local = parcel.local;
  client.uid = parcel.uid;
  client.connected_at = parcel.connected_at;
  client.has_place = parcel.has_place;
  client.from_first = event.from == 0;
  arm(client);
  if (draining_) {
    // The process may end once all have come: not before this one has heard so.
    client.unacknowledged = event.from;
    return fail_client(client, {sqlstate::cannot_connect_now, "pgweir is shutting down"});
  }
  came(event.from);
  bound_unauthenticated();
  if (client.state == ClientState::startup) startup_bytes(client, parcel.held);
}

// Who ends waits to hear of it, and nobody else: nobody is woken for it.
void Machine::Core::came(std::uint8_t from) {
  ++inboxes_[from].come_count;
  if (draining_) tell_who_came(from);
}

void Machine::Core::tell_who_came(std::uint8_t from) {
  const std::uint32_t count = std::exchange(inboxes_[from].come_count, 0);
  if (count > 0) tell(from, seats::HandedOver{count});
}

void Machine::Core::hear(std::uint8_t, const seats::HandedOver& come) {
  PGWEIR_REQUIRE(handed_over_count_ >= come.count, handed_over_count_, come.count);
  handed_over_count_ -= come.count;
  exit_if_drained();
}

// One of max_client_conn for a client of any machine; some beyond it are the administrators'.
bool Machine::Core::take_place(bool admin) {
  const auto most = static_cast<std::uint32_t>(settings_.max_client_conn);
  if (places_taken_ >= most + (admin ? limits::admin_client_slots : 0)) return false;
  ++places_taken_;
  return true;
}

// For one that is handed over before it has proved who it is. Not of the second half: that is for
// those who have.
bool Machine::Core::take_early_place() {
  const auto half = static_cast<std::uint32_t>(settings_.max_client_conn) / 2;
  return places_taken_ < half && take_place(false);
}

void Machine::Core::give_up_place(Client& client) {
  if (!std::exchange(client.has_place, false)) return;
  if (seat_.machine == 0) {
    --places_taken_;
  } else {
    ++left_.places;
  }
}

void Machine::Core::hear(std::uint8_t from, const seats::Admit& asked) {
  tell(from, seats::Admitted{asked.client, take_place(asked.admin)});
}

void Machine::Core::hear(std::uint8_t, const seats::Admitted& answer) {
  Client* client = clients_.find(answer.client);
  if (client == nullptr || client->state != ClientState::authenticating) {
    if (answer.admitted) ++left_.places;
    return;
  }
  client->login->admitting = false;
  update_reading(*client);
  client->has_place = answer.admitted;
  if (!answer.admitted) return refuse_place(*client);
  admitted(*client);
  pass_on_held(*client);
  end_if_done(*client);
}

void Machine::Core::hear(std::uint8_t from, const seats::Left& left) {
  PGWEIR_REQUIRE(spread_[from] >= left.clients && places_taken_ >= left.places, left.clients);
  spread_[from] -= left.clients;
  places_taken_ -= left.places;
}

void Machine::Core::hear(std::uint8_t from, const seats::Cancel& cancel) {
  cancel_by(cancel.id, bytes_of(cancel.secret));
  tell(from, seats::Cancelled{cancel.requester});
}

void Machine::Core::hear(std::uint8_t, const seats::Cancelled& answer) {
  Client* client = clients_.find(answer.requester);
  if (client == nullptr) return;
  client->cancelling = false;
  close_client(*client, effect::CloseWhen::when_sent, "cancel request");
}

// False: the key is not of another machine.
bool Machine::Core::pass_on_cancel(Client& requester, const wire::CancelRequest& request) {
  const std::uint8_t owner = session::CancelKey::machine_of(request.pid);
  if (owner == seat_.machine || owner >= seat_.machines) return false;
  requester.cancelling = true;
  tell(owner, seats::Cancel{requester.self, request.pid, text_of(request.secret)});
  return true;
}

// Who brought it goes before it could be told: those that wait are no more than those who brought
// them, and these are bounded.
void Machine::Core::withdraw_cancel(const Client& requester) {
  for (seats::Outbox& outbox : outboxes_) outbox.withdraw(seats::Cancel{requester.self, 0, {}});
}

// What all machines have to say to a SHOW; client: none, for the log.
void Machine::Core::gather(ClientHandle client, console::Command what) {
  Gather& gather = gathers_.emplace_back();
  gather.number = ++last_gather_;
  gather.client = client;
  gather.what = what;
  gather.due = after(now_, limits::gather_wait);
  for (std::uint8_t other = 0; other < seat_.machines; ++other) {
    if (other != seat_.machine) gather.awaited.push_back(other);
  }
  tell_others(seats::Ask{last_gather_, what});
  if (gather.awaited.empty()) return finish_gather(gathers_.size() - 1);
  timers_.at_latest(timer_, gather.due);
}

void Machine::Core::hear(std::uint8_t from, const seats::Ask& asked) {
  const std::string rows = seats::write_rows(rows_of(asked.what));
  tell(from, seats::Answer{asked.gather, rows});
}

void Machine::Core::hear(std::uint8_t from, const seats::Answer& answer) {
  const auto asked = std::find_if(gathers_.begin(), gathers_.end(), [&](const Gather& gather) {
    return gather.number == answer.gather;
  });
  if (asked == gathers_.end() || std::erase(asked->awaited, from) == 0) return;
  asked->answers.emplace_back(answer.rows);
  if (asked->awaited.empty()) {
    finish_gather(static_cast<std::size_t>(asked - gathers_.begin()));
  }
}

// A machine that does not answer holds up nobody who only wants to look.
void Machine::Core::end_gathers() {
  while (!gathers_.empty() && gathers_.front().due <= now_) finish_gather(0);
}

void Machine::Core::finish_gather(std::size_t place) {
  const Gather gather = std::move(gathers_[place]);
  gathers_.erase(gathers_.begin() + static_cast<std::ptrdiff_t>(place));
  for (const std::uint8_t machine : gather.awaited) {
    outboxes_[machine].withdraw(seats::Ask{gather.number, gather.what});
  }
  seats::Rows rows = rows_of(gather.what);
  for (const std::string& answer : gather.answers) {
    seats::add(rows, seats::read_rows(bytes_of(answer)));
  }
  const std::string missing = who_is_missing(gather);
  if (!gather.client) return log_stats(rows, missing);
  Client* client = clients_.find(gather.client);
  if (client == nullptr || client->state != ClientState::console) return;
  if (!missing.empty()) {
    std::string& notice = out_.scratch();
    wire::write_notice(notice, missing);
    out_.send_copy(client->socket(), notice);
  }
  show(*client, gather.what, rows);
  if (client->blocked) continue_client(*client);
  end_if_done(*client);
}

std::string Machine::Core::who_is_missing(const Gather& gather) {
  if (gather.awaited.empty()) return {};
  std::string machines;
  for (const std::uint8_t machine : gather.awaited) {
    machines += join(machines.empty() ? "" : ", ", std::uint32_t{machine});
  }
  return join("no answer within ", in_seconds(limits::gather_wait), " from machine ", machines,
              ": what it has is not shown");
}

// Only the first machine has the settings loaded; each hears of new ones by itself.
void Machine::Core::reload() {
  if (seat_.machine != 0) return tell(0, seats::Reload{});
  if (reload_pending_) {
    reload_again_ = true;  // the files may have changed since they were read
    return;
  }
  reload_pending_ = true;
  out_.add(effect::LoadSettings{});
}

void Machine::Core::hear(std::uint8_t from, const seats::Reload&) {
  reload_askers_.push_back(from);
  reload();
}

void Machine::Core::hear(std::uint8_t, const seats::Reloaded& answer) {
  PGWEIR_REQUIRE(!reloading_.empty());  // each that asked is answered once
  const ClientHandle asker = reloading_.front();
  reloading_.erase(reloading_.begin());
  if (!answer.problem) return answer_reload(asker, nullptr);
  const PgError error{sqlstate::config_file_error, std::string(*answer.problem)};
  answer_reload(asker, &error);
}

void Machine::Core::on(const event::Reconfigured& event) {
  ++epoch_;
  apply(event.settings);
  if (seat_.machine != 0) return tell(0, seats::Applied{epoch_});
  note(NoteKind::settings_applied, Level::info, {}, nullptr, {});
  end_reload_if_applied();
}

void Machine::Core::hear(std::uint8_t from, const seats::Applied& applied) {
  applied_[from] = applied.epoch;
  end_reload_if_applied();
}

// Who asked is answered when every machine goes by the new settings.
void Machine::Core::end_reload_if_applied() {
  if (!reload_pending_ || epoch_ == reload_ended_) return;
  for (std::uint8_t other = 1; other < seat_.machines; ++other) {
    if (applied_[other] != epoch_) return;
  }
  reload_ended_ = epoch_;
  end_reload(nullptr);
}

void Machine::Core::on(const event::Refused& event) {
  note(NoteKind::settings_refused, Level::error, {}, nullptr, event.why);
  const PgError error{sqlstate::config_file_error,
                      join("RELOAD failed, the old settings stay: ", event.why)};
  end_reload(&error);
}

void Machine::Core::end_reload(const PgError* error) {
  reload_pending_ = false;
  if (std::exchange(reload_again_, false)) return reload();
  for (const std::uint8_t asker : std::exchange(reload_askers_, {})) {
    seats::Reloaded answer;
    if (error != nullptr) answer.problem = error->message;
    tell(asker, answer);
  }
  for (const ClientHandle asker : std::exchange(reloading_, {})) answer_reload(asker, error);
}

void Machine::Core::hear(std::uint8_t, const seats::Drain&) { drain(); }

void Machine::Core::hear(std::uint8_t, const seats::Drained&) {
  ++drained_count_;
  exit_if_drained();
}

}  // namespace pgweir
