#include "sim/watch.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <typeinfo>
#include <utility>

#include "core/base/limits.h"
#include "core/seats/message.h"
#include "sim/application.h"
#include "sim/message_view.h"
#include "sim/simulation.h"

namespace pgweir::sim {

namespace {

// Bytes that one socket may have unsent: what one read of the other side can bring, twice, because
// the read behind the one that congested it may have been under way.
constexpr std::size_t unsent_size_max = 2 * limits::read_buffer_size + 4096;

// Applications connect from 10.9.1.N, their cancels from 10.9.2.N, or from 10.9.5.N with a secret
// that is wrong, or from 10.9.6.N with one of another replica.
std::uint32_t application_at(const Endpoint& peer) {
  return peer.address[2] == 1 ? peer.address[3] : 0;
}

// What a server may say of its own accord answers nobody, and no clock begins anew with it.
bool answers_nothing(std::string_view bytes) {
  while (!bytes.empty() && (bytes[0] == 'N' || bytes[0] == 'S')) {
    const std::size_t size = whole_size(bytes).value_or(0);
    if (size == 0 || size > bytes.size()) return false;
    bytes.remove_prefix(size);
  }
  return bytes.empty();
}

}  // namespace

void Watch::step(const Event& event, std::span<const Effect> effects) {
  ++step_;
  SocketId given{};       // the server that this step's bytes went to last
  bool stranger = false;  // speaks
  if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
    const std::uint32_t number = application_at(accepted->peer);
    clients_[socket_of(accepted->client)] = number;
    sent_.erase(simulation_.shell().stream_of(socket_of(accepted->client)));
    dismissed_.erase(number);
    cancels_.erase(number);
    if (accepted->peer.address[2] == 2) {
      cancellers_[socket_of(accepted->client)] = {accepted->peer.address[3], accepted->peer.port};
    }
    if (accepted->peer.address[2] == 6) foreigners_.insert(socket_of(accepted->client));
  } else if (const auto* received = std::get_if<event::Received>(&event)) {
    const auto cancel = cancellers_.find(received->socket);
    if (cancel != cancellers_.end()) cancel_arrived(received->socket, cancel->second, effects);
    if (foreigners_.contains(received->socket)) foreign_cancel_arrived(received->socket, effects);
    if (number_of(received->socket) != 0) {
      speaker_ = received->socket;
    } else {
      stranger = received->socket.kind == SocketKind::client;
    }
  } else if (const auto* told = std::get_if<event::Told>(&event)) {
    cancel_told(told->message, effects);
  } else if (const auto* arrived = std::get_if<event::Arrived>(&event)) {
    server_came(*arrived);
  } else if (const auto* closed = std::get_if<event::Closed>(&event)) {
    forget(closed->socket);
  } else if (std::holds_alternative<event::Reconfigured>(event)) {
    overdue_at_ = simulation_.clock().now();
    hung_up_.clear();  // some pools are new
  } else if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) {
    connect_failed(failed->socket, hosts_[failed->socket]);
    hosts_.erase(failed->socket);
  }
  auto joined = simulation_.ledger().joined().begin();
  for (const Effect& effect : effects) {
    // Who is held up again at once is not read again.
    for (; joined != simulation_.ledger().joined().end() && joined->at == &effect; ++joined) {
      served(joined->client);
    }
    if (const auto* send = std::get_if<effect::Send>(&effect)) {
      if (send->socket.kind == SocketKind::server) {
        given = send->socket;
        note_set_up(effects, *send);
        if (speaker_) owners_[given] = speaker_;
        if (stranger) owners_.erase(given);
      } else if (send->socket.kind == SocketKind::client) {
        waiting_.erase(send->socket);
        if (pgweir::text_of(send->bytes).starts_with('E')) {  // it is cancelled, or refused
          std::erase_if(set_up_, [&](const auto& entry) { return entry.second == send->socket; });
        }
        if (!answers_nothing(pgweir::text_of(send->bytes))) answered(send->socket);
      } else {
        check_secret(send->socket, pgweir::text_of(send->bytes));
      }
      if (send->bytes.size() > 1000) check_buffers(send->socket);
    } else if (const auto* stop = std::get_if<effect::StopReading>(&effect)) {
      if (stop->socket.kind == SocketKind::client) client_waits(stop->socket);
    } else if (const auto* resume = std::get_if<effect::ResumeReading>(&effect)) {
      if (number_of(resume->socket) == 0) {
        if (resume->socket.kind == SocketKind::client) owners_.erase(given);  // a stranger has it
        continue;
      }
      // One that asks nothing is let in.
      const bool asks = simulation_.applications()[number_of(resume->socket) - 1]->asking();
      if (given && resume->socket != speaker_ && asks) owners_[given] = resume->socket;
      served(resume->socket);
    } else if (const auto* close = std::get_if<effect::Close>(&effect)) {
      waiting_.erase(close->socket);
      dismissed_.insert(number_of(close->socket));
      if (close->socket.kind == SocketKind::server) {
        server_closed(close->socket);
        check_unheard(close->socket, event, effects);
      }
    } else if (const auto* given_away = std::get_if<effect::HandOver>(&effect)) {
      if (given_away->socket.kind == SocketKind::server) server_given(given_away->socket);
    } else if (const auto* note = std::get_if<Note>(&effect)) {
      if (note->kind == NoteKind::protocol_desync) check_desync(note->socket);
      if (note->kind == NoteKind::server_login_failed) check_login_failure(note->socket, event);
      if (note->kind == NoteKind::server_closed) closes(note->socket, note->text);
      note_login_end(*note);
      if (note->kind == NoteKind::foreign_cancels) check_foreign_cancels(*note);
    } else if (const auto* connect = std::get_if<effect::Connect>(&effect)) {
      hosts_[connect->socket] = Names::host_at(connect->to);
      connects_.push_back(simulation_.clock().now());
      if (connects_.size() > limits::host_connects_per_second) connects_.pop_front();
    }
  }
  speaker_ = {};
  server_clocks_.step(event, effects);
  vain_waits_.step(event, effects);
}

std::uint32_t Watch::number_of(SocketId client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second;
}

void Watch::forget(SocketId socket) {
  waiting_.erase(socket);
  clients_.erase(socket);
  cancellers_.erase(socket);
  foreigners_.erase(socket);
  owners_.erase(socket);
  set_up_.erase(socket);
  unheard_.erase(socket);
  hosts_.erase(socket);
}

// It is not read any more: it waits for a server, if it has none.
void Watch::client_waits(SocketId socket) {
  const std::uint32_t number = number_of(socket);
  if (number == 0 || waiting_.contains(socket)) return;
  const Application& application = *simulation_.applications()[number - 1];
  // Of one that the ledger does not follow it is not known what keeps its server.
  const bool followed = simulation_.ledger().follows(socket);
  const auto has = [&](const auto& entry) {
    return entry.second == socket && (!followed || !is_free(entry.first));
  };
  const bool linked = std::ranges::any_of(owners_, has) || std::ranges::any_of(set_up_, has);
  const Census::Client& client = simulation_.census().clients().at(socket);
  if (linked || !application.asking() || !client.welcomed) return;
  waiting_[socket] = {step_, simulation_.clock().now(), client.who};
  overdue_at_ = std::min(overdue_at_, simulation_.clock().now());
}

std::uint32_t Watch::waits_since(const Login& pool, Instant when) const {
  for (const auto& [client, waiter] : waiting_) {
    if (waiter.pool == pool && waiter.since <= when) return number_of(client);
  }
  return 0;
}

// One whose settings no server has taken yet has its server, though what it asks is still held.
void Watch::note_set_up(std::span<const Effect> effects, const effect::Send& send) {
  const SocketId server = send.socket;
  // Else the next that is said is to it, by the client that is read again.
  const auto goes_on = [&] {
    auto next = std::ranges::find_if(
        effects, [&](const Effect& effect) { return std::get_if<effect::Send>(&effect) == &send; });
    for (++next; next != effects.end(); ++next) {
      if (std::holds_alternative<effect::ResumeReading>(*next)) return true;
      const auto* more = std::get_if<effect::Send>(&*next);
      if (more != nullptr && more->socket.kind == SocketKind::server) return more->socket == server;
    }
    return false;
  };
  const std::string_view bytes = pgweir::text_of(send.bytes);
  const bool sets_up = bytes.starts_with('P') && bytes.size() > header_size + 1 &&
                       bytes.substr(header_size + 1).starts_with(Ledger::set_up_text);
  if (!sets_up || goes_on()) {
    // What it asked follows, and who asked it may not be read again yet.
    if (const auto done = set_up_.find(server); done != set_up_.end()) {
      owners_[server] = done->second;
      set_up_.erase(done);
    }
    return;
  }
  const SocketId client = simulation_.client_of(server);
  const bool is_new = std::exchange(set_up_[server], client) != client;
  if (is_new) served(client);
}

// It waits no more, and nobody of its pool has waited longer.
void Watch::served(SocketId client) {
  const auto waited = waiting_.find(client);
  if (waited == waiting_.end()) return;
  simulation_.probes().hit(Probe::waited_and_served);
  const std::uint64_t since = waited->second.step;
  const Instant began = waited->second.since;
  waiting_.erase(waited);
  for (auto& [other, waiter] : waiting_) {
    if (waiter.step >= since || !same_pool(other, client)) continue;
    if (!simulation_.ledger().follows(other))
      continue;  // it may have been served, and held up again
    if (!is_overtaken(client, began, other, waiter)) continue;
    simulation_.verdict().blame(oracle::fifo, "c" + std::to_string(number_of(client)) +
                                                  " was served before c" +
                                                  std::to_string(number_of(other)) +
                                                  ", which has waited longer in the same pool");
  }
}

// At one machine: at once. At two, somebody may be overtaken by a little, and as long as it takes
// until his wait is known there; and he is not while a server is on its way to him.
bool Watch::is_overtaken(SocketId client, Instant since_client, SocketId other,
                         Waiter& waiter) const {
  const Shell& shell = simulation_.shell();
  if (shell.machine_of(client) == shell.machine_of(other)) return true;
  if (since_client <= after(waiter.since, 2 * simulation_.slack())) return false;
  const auto comes = [&](const auto& entry) {
    if (!in_pool_of(entry.first, other)) return false;
    return shell.moves_to(entry.first, shell.machine_of(other)) ||
           (simulation_.ledger().is_checked(entry.first) &&
            shell.machine_of(entry.first) == shell.machine_of(other));
  };
  if (std::ranges::any_of(hosts_, comes)) {
    waiter.overtaken_at = never;  // another pool may get its place, and then it begins anew
    return false;
  }
  waiter.overtaken_at = std::min(waiter.overtaken_at, simulation_.clock().now());
  const Instant since = std::max(waiter.overtaken_at, simulation_.undisturbed_since());
  return simulation_.clock().now() > after(since, simulation_.machines_agree_within());
}

bool Watch::same_pool(SocketId a, SocketId b) const {
  const auto& clients = simulation_.census().clients();
  return clients.at(a).who == clients.at(b).who;
}

bool Watch::in_pool_of(SocketId server, SocketId client) const {
  const Census::Client& one = simulation_.census().clients().at(client);
  const auto other = simulation_.census().servers().find(server);
  return other != simulation_.census().servers().end() && one.who == other->second.whom;
}

const PostgresSession* Watch::session_of(SocketId server) const {
  const Stream* stream = simulation_.shell().stream_of(server);
  const Peer* peer = stream == nullptr ? nullptr : stream->peer();
  // A dynamic_cast that knows that nothing derives from a session is much cheaper.
  if (peer == nullptr || typeid(*peer) != typeid(PostgresSession)) return nullptr;
  return static_cast<const PostgresSession*>(peer);
}

SocketId Watch::owner_of(SocketId server) const {
  if (const auto next = set_up_.find(server); next != set_up_.end()) return next->second;
  const auto found = owners_.find(server);
  return found == owners_.end() ? SocketId{} : found->second;
}

bool Watch::is_free(SocketId server) const {
  const auto known = simulation_.census().servers().find(server);
  if (known != simulation_.census().servers().end() && known->second.replicates) return false;
  return is_still(server) && !simulation_.ledger().is_pinned(server);
}

// Its session is idle, and nothing is on its way to or from it: whoever had it is done with it.
bool Watch::is_still(SocketId server) const {
  const PostgresSession* session = session_of(server);
  // What a hostile one owes in pgweir's eyes, only pgweir knows.
  if (session == nullptr || !session->idle() || session->hostile()) return false;
  const Stream& stream = *session->stream();
  if (stream.flying_size() > 0 || stream.readable_size() > 0 || !stream.unread_by_peer().empty() ||
      stream.peer_reset() || stream.closed() || stream.peer_finished() ||
      simulation_.shell().unsent_size(server) > 0) {
    return false;
  }
  const auto known = simulation_.census().servers().find(server);
  return known == simulation_.census().servers().end() || !known->second.closing;
}

void Watch::server(std::size_t host, const ServerEvent& event) {
  if (event.kind == ServerEvent::Kind::handed_on) return handed_on(host, event);
  if (event.kind == ServerEvent::Kind::logged_in) {
    check_sessions();
    return simulation_.quotas().check_servers(simulation_.in_force().of_ledger(),
                                              simulation_.census(), simulation_.verdict());
  }
  if (event.kind == ServerEvent::Kind::cancelled) check_cancelled(event);
}

std::uint32_t Watch::number_in(std::string_view tag) {
  std::uint32_t number = 0;
  if (!tag.empty()) std::from_chars(tag.data() + 1, tag.data() + tag.size(), number);
  return number;
}

// Who has it now was given it since it asked. (One that had it before may have kept it: half a
// message that is left of a COPY that failed holds it too.)
void Watch::handed_on(std::size_t host, const ServerEvent& event) {
  const Application* who = simulation_.application_of(event.client_tag);
  if (who == nullptr || !who->asking() || simulation_.may_lie(*who)) return;
  const std::uint32_t request = number_in(event.request_tag);
  if (request < who->first_request()) return;  // of a connection it has lost
  simulation_.check_host(host, *who);
  server_clocks_.check_lifetime(host, event.pid, *who);
  pool_modes_.handed_on(host, event, *who, [this](const Application& other) {
    return other.logged_in() && !other.stream()->closed() &&
           !dismissed_.contains(other.identity().number);
  });
}

// As PostgreSQL counts: a session is there from its startup packet on, and one that was told to end
// until it has. Where nothing is lost and news takes less than close_linger, there is never one
// more of a pool, a database or a user than may be.
void Watch::check_sessions() {
  const RunOptions& options = simulation_.options();
  if (options.mode != Mode::calm && options.mode != Mode::overload) return;
  if (simulation_.network().delay_longest() * 4 > limits::close_linger) return;
  const Settings& settings = simulation_.settings();
  std::map<std::string, std::int32_t> counts;
  for (const auto& host : simulation_.hosts()) {
    for (const auto& session : host->sessions()) {
      if (!session->counts()) continue;
      const std::string database(session->database());
      const std::string user(session->user());
      ++counts["pool " + database + "/" + user];
      ++counts["database " + database];
      ++counts["user " + user];
    }
  }
  for (const auto& [what, count] : counts) {
    const std::int32_t most = Quotas::limit_of(what, settings);
    if (count <= most) continue;
    simulation_.verdict().blame(oracle::limits, "PostgreSQL has " + std::to_string(count) +
                                                    " sessions of " + what + ", which may have " +
                                                    std::to_string(most));
  }
}

void Watch::answered(SocketId client) {
  Sent& sent = sent_[simulation_.shell().stream_of(client)];
  const Instant now = simulation_.clock().now();
  if (sent.last != now) sent.before = std::exchange(sent.last, now);
}

Instant Watch::silent_since(const Stream* client) const {
  const auto found = sent_.find(client);
  return found == sent_.end() ? Instant{} : found->second.before;
}

Instant Watch::spoken_to_at(const Stream* client) const {
  const auto found = sent_.find(client);
  return found == sent_.end() ? Instant{} : found->second.last;
}

void Watch::client_logged_in() {
  std::int32_t count = 0;
  for (const auto& application : simulation_.applications()) {
    count += application->logged_in() && !application->stream()->closed() &&
             !dismissed_.contains(application->identity().number);
  }
  simulation_.quotas().check_clients(count, simulation_.in_force().of_ledger(),
                                     simulation_.verdict());
}

// Of who has been answered all: what is asked for may be over at the pooler.
void Watch::client_keeps_state() {
  const std::int32_t most = simulation_.settings().max_pinned;
  if (most == 0 || simulation_.settings().session_state != SessionStatePolicy::pin) return;
  std::map<Login, std::int32_t> counts;
  for (const auto& application : simulation_.applications()) {
    if (!application->logged_in() || application->stream()->closed() || application->asking() ||
        !application->answers().state().keeps_any() ||
        application->pool_mode() == PoolMode::session ||
        dismissed_.contains(application->identity().number)) {
      continue;
    }
    const Identity& who = application->identity();
    const std::int32_t count = ++counts[{who.database, who.user}];
    if (count <= most * simulation_.options().machine_count) continue;
    simulation_.verdict().blame(
        oracle::limits, std::to_string(count) + " servers of " + who.database + "/" + who.user +
                            " are pinned, and max_pinned is " + std::to_string(most));
  }
}

void Watch::check_buffers(SocketId socket) {
  const std::size_t unsent = simulation_.shell().unsent_size(socket);
  if (unsent <= unsent_size_max) return;
  simulation_.verdict().blame(oracle::back_pressure,
                              std::to_string(unsent) + " bytes wait for a peer that does not read");
}

void Watch::quiet() {
  server_clocks_.quiet();
  vain_waits_.quiet();
  if (waiting_.empty()) return;
  check_overdue();
  if (std::exchange(quiet_at_step_, step_) == step_) return;  // nothing has changed hands
  if (simulation_.shell().mail_under_way()) return;           // machines have yet to hear of it
  check_growth();
  if (simulation_.shell().socket_count(SocketKind::cancel) > 0) return;
  for (const auto& [socket, server] : simulation_.census().servers()) {
    if (server.closing || !is_free(socket)) continue;
    const auto wants = [&whom = server.whom](const auto& entry) {
      return entry.second.pool == whom;
    };
    const auto waits = std::ranges::find_if(waiting_, wants);
    if (waits != waiting_.end()) check_waiter(waits->first);
  }
}

// Nobody waits longer than query_wait_timeout, but for how late timers are.
void Watch::check_overdue() {
  const Duration limit = simulation_.settings().query_wait_timeout;
  const Instant now = simulation_.clock().now();
  if (limit == Duration::zero() || simulation_.stalled() || now <= overdue_at_) return;
  overdue_at_ = never;
  for (const auto& [client, waiter] : waiting_) {
    const Instant due =
        std::max(after(waiter.since, limit), simulation_.in_force().since());  // a reload may hurry
    const Instant overdue = after(due, simulation_.options().timers_late_max);
    overdue_at_ = std::min(overdue_at_, overdue);
    if (now <= overdue || !simulation_.ledger().follows(client)) continue;
    simulation_.verdict().blame(oracle::deadlines,
                                "c" + std::to_string(number_of(client)) +
                                    " still waits for a server after query_wait_timeout");
  }
}

// A host's second may have begun a second ago.
bool Watch::connects_are_spent() const {
  return connects_.size() == limits::host_connects_per_second &&
         simulation_.clock().now() - connects_.front() < std::chrono::seconds(2);
}

// Servers are opened side by side, one for each that waits, as far as the limits allow. Only where
// one pool is all there is, and nothing fails: then there is no other reason to wait.
void Watch::check_growth() {
  const RunOptions& options = simulation_.options();
  const Settings& settings = simulation_.settings();
  if (options.mode != Mode::calm && options.mode != Mode::overload) return;
  if (options.database_count > 1 || options.user_count > 1) return;
  if (connects_are_spent()) return;
  if (simulation_.names().asking()) return;
  // Nor more attempts at once than this.
  const auto checked = [&](const auto& entry) {
    return simulation_.ledger().is_checked(entry.first);
  };
  if (std::ranges::any_of(simulation_.census().servers(), checked)) return;
  const auto attempts = std::ranges::count_if(
      simulation_.census().servers(), [](const auto& entry) { return !entry.second.ready; });
  if (attempts >= limits::host_connecting_max) return;
  auto limit = static_cast<std::size_t>(settings.default_pool_size);
  for (const std::int32_t other : {settings.max_db_connections, settings.max_user_connections}) {
    if (other > 0) limit = std::min(limit, static_cast<std::size_t>(other));
  }
  const std::size_t wanted = static_cast<std::size_t>(std::ranges::count_if(
      waiting_, [&](const auto& entry) { return is_known_everywhere(entry.second); }));
  const std::size_t server_count = simulation_.shell().socket_count(SocketKind::server);
  const std::size_t connected_count = owners_.size();  // those that have served somebody
  if (connected_count == 0) return;  // the first may be waited for, to learn what it says
  if (server_count >= std::min(limit, connected_count + wanted)) return;
  simulation_.verdict().blame(
      oracle::growth, std::to_string(wanted) + " clients wait, and there are only " +
                          std::to_string(server_count) + " servers of " + std::to_string(limit));
}

// Who gave it believes that somebody there was served by it, until he is told again.
void Watch::server_came(const event::Arrived& arrived) {
  const Shell& shell = simulation_.shell();
  const pool::PoolName pool = seats::read_server(arrived.parcel).pool;
  for (auto& [client, waiter] : waiting_) {
    if (waiter.pool.database != pool.database || waiter.pool.user != pool.user) continue;
    if (shell.machine_of(client) == shell.stepping()) {
      waiter.passed_by_at = simulation_.clock().now();
      waiter.overtaken_at = never;  // this one was to be its
    }
  }
}

// Who waits there has been passed by, and what its machine has told of it may fade before it is
// told again.
void Watch::server_given(SocketId server) {
  const Shell& shell = simulation_.shell();
  for (auto& [client, waiter] : waiting_) {
    if (shell.machine_of(client) != shell.stepping() || !in_pool_of(server, client)) continue;
    waiter.passed_by_at = simulation_.clock().now();
  }
}

// That it waits has had time to come to where it matters.
bool Watch::is_known_everywhere(const Waiter& waiter) const {
  const Instant since =
      std::max({waiter.since, waiter.passed_by_at, simulation_.undisturbed_since()});
  return simulation_.options().machine_count == 1 ||
         simulation_.clock().now() > after(since, simulation_.machines_agree_within());
}

// It waits though a server of its pool is idle: at its machine, or after a while at any.
void Watch::check_waiter(SocketId client) {
  const Shell& shell = simulation_.shell();
  const Stream* stream = shell.stream_of(client);
  if (stream == nullptr || stream->closed() || stream->peer_reset()) return;
  if (!simulation_.ledger().follows(client)) return;  // it may have one, and be held up
  const bool anywhere = is_known_everywhere(waiting_.at(client));
  const auto is_near = [&](SocketId socket) {
    return anywhere || shell.machine_of(socket) == shell.machine_of(client);
  };
  // Some may have a server that nothing was sent to yet: half of their request has come.
  const auto may_have_one = [&](const auto& entry) {
    if (waiting_.contains(entry.first) || !is_near(entry.first)) return false;
    if (simulation_.census().clients().at(entry.first).replicates) return false;
    if (entry.second == 0) return same_pool(entry.first, client);  // a stranger
    const Application& other = *simulation_.applications()[entry.second - 1];
    // One that went silently is still there, to the pooler.
    const Stream* its = shell.stream_of(entry.first);
    const bool left = other.stream().get() != its;
    // Of a COPY that has failed there may be more on its way.
    const bool speaks = its != nullptr && (its->flying_size() > 0 || its->readable_size() > 0);
    return (left || speaks || other.asking()) && same_pool(entry.first, client);
  };
  // Where one is checked for each that waits there, the others are left alone, and nothing is said.
  const auto checks_enough = [&](std::uint8_t machine) {
    const auto checked = std::ranges::count_if(hosts_, [&](const auto& entry) {
      return shell.machine_of(entry.first) == machine && in_pool_of(entry.first, client) &&
             simulation_.ledger().is_checked(entry.first);
    });
    const auto waiting = std::ranges::count_if(waiting_, [&](const auto& entry) {
      return shell.machine_of(entry.first) == machine && same_pool(entry.first, client);
    });
    return checked > 0 && checked >= waiting;
  };
  if (checks_enough(shell.machine_of(client))) return;
  const auto is_for_it = [&](const auto& entry) {
    return is_free(entry.first) && in_pool_of(entry.first, client) && is_near(entry.first) &&
           !checks_enough(shell.machine_of(entry.first));
  };
  const auto holders = std::ranges::count_if(clients_, may_have_one);
  const auto free_count = std::ranges::count_if(hosts_, is_for_it);
  if (free_count <= holders) return;
  const SocketId idle = std::ranges::find_if(hosts_, is_for_it)->first;
  simulation_.verdict().blame(oracle::work_conservation,
                              "c" + std::to_string(number_of(client)) + " waits, and " +
                                  std::to_string(free_count) + " servers of its pool are idle, s" +
                                  std::to_string(idle.slot) + "." +
                                  std::to_string(idle.generation) + " among them");
}

}  // namespace pgweir::sim
