#include "sim/ledger.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/bytes.h"
#include "sim/message_view.h"

namespace pgweir::sim {

namespace {

constexpr std::int32_t startup_length_max = 10000;
constexpr std::size_t recorded_max = 100'000;

// What pgweir itself says to servers, as its architecture promises it.
constexpr std::string_view set_up_types = "PBES";
constexpr std::string_view roll_back_text("ROLLBACK\0", 9);

}  // namespace

void Ledger::Inbox::arrive(std::string_view bytes) {
  const std::size_t dropped = std::min(dropping_, bytes.size());
  dropping_ -= dropped;
  bytes.remove_prefix(dropped);
  if (kept_.empty()) {
    news_ = bytes;
  } else {
    kept_ += bytes;
  }
}

void Ledger::Inbox::take(std::size_t size) {
  if (taken_) *taken_ += view().substr(0, size);
  if (taken().size() > recorded_max) taken_.reset();
  if (kept_.empty()) return news_.remove_prefix(size);
  used_ += size;
  if (used_ < kept_.size()) return;
  kept_.clear();
  used_ = 0;
}

void Ledger::Inbox::drop(std::size_t size) {
  const std::size_t here = std::min(size, view().size());
  take(here);
  dropping_ += size - here;
}

void Ledger::Inbox::take_back() {
  kept_ = std::string(taken()) + std::string(view());
  used_ = 0;
  news_ = {};
  taken_.reset();
}

void Ledger::Inbox::keep() {
  if (news_.empty()) return;
  kept_ = news_;
  news_ = {};
}

void Ledger::step(const Event& event, std::span<const Effect> effects) {
  speaker_ = {};
  effects_ = effects;
  joined_.clear();
  if (const auto* gone = std::get_if<event::Closed>(&event)) closed(gone->socket);
  if (const auto* failed = std::get_if<event::ConnectFailed>(&event)) closed(failed->socket);
  if (const auto* received = std::get_if<event::Received>(&event)) {
    speaker_ = received->socket;
    const std::string_view bytes = pgweir::text_of(received->bytes);
    if (Client* client = clients_.find(speaker_)) client_said(*client, bytes);
    if (Server* server = servers_.find(speaker_)) server_said(*server, bytes);
  } else if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
    this->accepted(*accepted);
  }
  for (const Effect& effect : effects) {
    said_ = &effect;
    if (const auto* send = std::get_if<effect::Send>(&effect)) {
      const std::string_view bytes = pgweir::text_of(send->bytes);
      if (Client* client = clients_.find(send->socket)) to_client(*client, bytes);
      if (Server* server = servers_.find(send->socket)) to_server(*server, bytes);
    } else if (const auto* close = std::get_if<effect::Close>(&effect)) {
      this->close(close->socket);
    } else if (const auto* connect = std::get_if<effect::Connect>(&effect)) {
      connects(*connect);
    } else if (const auto* stop = std::get_if<effect::StopReading>(&effect)) {
      if (Client* client = clients_.find(stop->socket)) client->since = ++order_;
    }
  }
  settle_step();
}

void Ledger::accepted(const event::Accepted& event) {
  Client* client = clients_.add(socket_of(event.client));
  if (client == nullptr) return;
  client->id = socket_of(event.client);
  client->name = "c" + std::to_string(event.peer.address[3]);
}

void Ledger::connects(const effect::Connect& connect) {
  if (connect.socket.kind != SocketKind::server) return;
  Server* server = servers_.add(connect.socket);
  if (server == nullptr) return;
  server->id = connect.socket;
  server->liar = std::ranges::find(liars_, connect.to) != liars_.end();
}

// One of its servers may lie: whose answers are whose is not known of any.
void Ledger::give_up(const std::string& database) {
  given_up_.insert(database);
  clients_.for_each([&](SocketId, Client& client) {
    if (client.database == database) client.phase = Phase::lawless;
  });
  servers_.for_each([&](SocketId, Server& server) {
    if (server.database == database) server.phase = Phase::lawless;
  });
}

void Ledger::closed(SocketId socket) {
  clients_.erase(socket);
  servers_.erase(socket);
}

// What it said and what it was to hear dies with it.
void Ledger::close(SocketId socket) {
  if (Client* client = clients_.find(socket)) {
    if (Server* server = held_by(*client)) {
      server->client = {};
      std::erase_if(server->asked, [](char what) { return what == '1' || what == '3'; });
      server->inbox.drop(std::exchange(server->passing, 0));
    }
    client->closing = true;
  }
  if (Server* server = servers_.find(socket)) server->closing = true;
}

void Ledger::client_said(Client& client, std::string_view bytes) {
  if (client.closing || client.phase == Phase::lawless) return;
  client.inbox.arrive(bytes);
  if (client.phase == Phase::starting) start(client);
  while (client.phase == Phase::logging_in) {
    const std::string_view front = client.inbox.view();
    const auto size = whole_size(front);
    if (!size) client.phase = Phase::lawless;
    if (!size || *size == 0 || *size > front.size() || front[0] != 'p') break;
    client.inbox.take(*size);
    count(Fate::client_login);
  }
  skip(client);
}

// Everything before a startup packet is answered by one byte, or not at all.
void Ledger::start(Client& client) {
  while (client.phase == Phase::starting && client.inbox.view().size() >= 8) {
    const std::string_view front = client.inbox.view();
    const std::int32_t length = integer_at(front, 0);
    const std::int32_t code = integer_at(front, 4);
    const bool encryption = code == ssl_code || code == gss_code;
    if (length < 8 || length > startup_length_max || (!encryption && code >> 16 != 3)) {
      static_assert(cancel_code >> 16 != 3);  // those end here: nothing is said about a cancel
      client.phase = Phase::lawless;
      return;
    }
    if (front.size() < static_cast<std::size_t>(length)) return;
    if (!encryption) {
      Body body(front.substr(8, static_cast<std::size_t>(length) - 8));
      while (const auto name = body.text()) {
        const std::string value(body.text().value_or(""));
        if (*name == "user") client.user = value;
        if (*name == "database") client.database = value;
        if (*name == "replication") client.replicates = true;
      }
      const bool console = client.database == "pgbouncer" || client.database == "pgweir";
      const bool judged = !console && !client.replicates && !given_up_.contains(client.database);
      client.has_session = has_session_ && has_session_({client.database, client.user});
      client.phase = judged ? Phase::logging_in : Phase::lawless;
    }
    client.inbox.take(static_cast<std::size_t>(length));
    count(Fate::client_login);
  }
}

// It was cancelled while it waited: what it asked is not asked, up to its Sync.
void Ledger::skip(Client& client) {
  while (client.skipping) {
    const std::string_view front = client.inbox.view();
    const auto size = whole_size(front);
    if (!size) client.phase = Phase::lawless;
    if (!size || *size == 0) return;
    if (front[0] == 'S') {
      client.skipping = false;
      ++client.ready_due;
      touched_.push_back(client.id);
    }
    client.inbox.drop(*size);
    count(Fate::client_rejected);
  }
}

Ledger::Server* Ledger::held_by(const Client& client) const {
  Server* server = servers_.find(client.server);
  return server != nullptr && !server->closing && server->client == client.id ? server : nullptr;
}

Ledger::Client* Ledger::served_by(const Server& server) const {
  Client* client = clients_.find(server.client);
  return client != nullptr && !client->closing && client->server == server.id ? client : nullptr;
}

// In this step.
bool Ledger::closes(SocketId socket) const {
  return std::ranges::any_of(effects_, [&](const Effect& effect) {
    const auto* close = std::get_if<effect::Close>(&effect);
    return close != nullptr && close->socket == socket;
  });
}

// Its last words may have come in one breath with those that set it free.
bool Ledger::may_be_told(const Server& server) const {
  return server.status == 'I' && server.quiet() && (!server.dying || server.id == speaker_);
}

// A server goes to the next client when it owes the last one nothing, and a client leaves one that
// owes it nothing.
bool Ledger::join(Client& client, Server& server) {
  Server* const held = held_by(client);
  if (held == &server) {
    if (server.free() && !server.batch && !server.is_kept()) joined_.push_back({client.id, said_});
    return true;
  }
  if (!may_be_told(server) || server.passing > 0 || server.unfit) return false;
  if (held != nullptr && client.has_session) return false;
  hear_of_batch(client);
  if (server.whole_session && served_by(server) != nullptr) return false;
  if (held != nullptr && (!held->free() || held->passing > 0)) return false;
  if (client.user != server.user || client.database != server.database) return false;
  if (held != nullptr) held->client = {};
  server.client = client.id;
  client.server = server.id;
  joined_.push_back({client.id, said_});
  begin_anew(server);
  server.unheard_syncs = 0;
  server.pinned = server.unpinned_next = 0;
  server.whole_session = client.has_session;
  server.sets = server.fails = false;
  server.refused_queries = 0;
  return true;
}

// Its server may have said just now what makes the client's batch one that is asked again,
// elsewhere.
void Ledger::hear_of_batch(Client& client) {
  Server* const held = held_by(client);
  if (held == nullptr || held->id != speaker_) return;
  while (drop_front(*held)) continue;
}

void Ledger::begin_anew(Server& server) {
  server.owed = 0;
  server.owed_known = true;
  server.asked.clear();
  server.skips = false;
  server.batch = false;
}

void Ledger::greet(Server& server, std::string_view bytes) {
  if (server.phase != Phase::starting || bytes.size() < 8) return;
  Body body(bytes.substr(8));
  while (const auto name = body.text()) {
    const std::string value(body.text().value_or(""));
    if (*name == "user") server.user = value;
    if (*name == "database") server.database = value;
    if (*name == "replication") server.replicates = true;
  }
  server.phase = Phase::logging_in;
  count(Fate::server_greeting);
  if (server.liar) give_up(server.database);
  // O-16 judges these.
  if (server.replicates || given_up_.contains(server.database)) server.phase = Phase::lawless;
}

void Ledger::to_server(Server& server, std::string_view bytes) {
  if (server.phase == Phase::lawless) return;
  if (server.phase != Phase::working) return greet(server, bytes);
  while (drop_front(server)) continue;  // what it said before this
  while (!bytes.empty()) {
    Client* const client = served_by(server);
    if (client != nullptr && client->passing > 0) {
      const std::string_view piece = bytes.substr(0, client->passing);
      if (!client->inbox.view().starts_with(piece)) {
        return blame(client->name + ": not what it said goes to its server", piece);
      }
      note_unnamed_rest(*client, piece);
      client->inbox.take(piece.size());
      client->passing -= piece.size();
      bytes.remove_prefix(piece.size());
      continue;
    }
    const std::size_t size = whole_size(bytes).value_or(0);
    const std::string_view piece = bytes.substr(0, size);
    next_ = piece.size() < bytes.size() ? bytes.substr(piece.size()) : said_next(server);
    const auto pass = [&](Client& one) {
      return pass_to_server(one, server, piece) || pass_renamed(one, server, piece);
    };
    const bool whole = size > 0 && piece.size() == size;
    const bool named = whole && piece[0] == 'P' && body_of(piece).starts_with("pgweir_");
    const bool passed = size > 0 && server.set_up == 0 &&
                        ((whole && stands_in(server, piece)) ||
                         (named ? prepares(server, piece) : offer(server, pass)));
    if (!passed && !(whole && made_up_for(server, piece))) {
      const std::string pool = server.user + "@" + server.database;
      return blame("a server of " + pool + " is told what no client has to say now", bytes);
    }
    bytes.remove_prefix(piece.size());
  }
}

// Whoever may be the one that says this to the server: its own client where that is not done with
// it, else the speaker, one that is read again now that it has a server, its own client where
// nobody knows, the one that has it afterwards, whoever has waited longest. The order matters where
// two begin alike.
template <typename Offer>
bool Ledger::offer(Server& server, Offer one) {
  Client* const own = served_by(server);
  const bool taken = !may_be_told(server) || (own != nullptr && server.batch);
  if (own != nullptr && (taken || own->id == speaker_)) {
    if (one(*own)) return true;
  }
  if (taken) return false;
  // Who was not read any more before this was said waits, as others do.
  const bool waits = std::any_of(effects_.data(), said_, [&](const Effect& effect) {
    const auto* stopped = std::get_if<effect::StopReading>(&effect);
    return stopped != nullptr && stopped->socket == speaker_;
  });
  Client* const speaker = waits ? nullptr : clients_.find(speaker_);
  if (speaker != nullptr && speaker != own && one(*speaker)) return true;
  for (const Effect& effect : effects_) {
    const auto* resumed = std::get_if<effect::ResumeReading>(&effect);
    Client* const client = resumed != nullptr ? clients_.find(resumed->socket) : nullptr;
    if (client != nullptr && one(*client)) return true;
  }
  if (own != nullptr && !server.owed_known && one(*own)) return true;
  Client* const likely = client_of_ ? clients_.find(client_of_(server.id)) : nullptr;
  if (likely != nullptr) {
    hear_of_batch(*likely);
    if (one(*likely)) return true;
  }
  std::erase_if(speakers_, [&](SocketId id) {
    Client* const client = clients_.find(id);
    if (client == nullptr) return true;
    client->listed = !client->closing && !client->inbox.view().empty();
    return !client->listed;
  });
  // Who has waited longest is served first.
  std::ranges::sort(speakers_, {}, [&](SocketId id) { return clients_.find(id)->since; });
  return std::ranges::any_of(speakers_, [&](SocketId id) { return one(*clients_.find(id)); });
}

void Ledger::list(Client& client) {
  if (client.listed || client.inbox.view().size() < header_size) return;
  client.listed = true;
  speakers_.push_back(client.id);
}

// A statement is prepared: because a client says so, or is going to use it.
bool Ledger::prepares(Server& server, std::string_view message) {
  const std::string definition(parted(message).after);
  const bool used_next = whole_size(next_).value_or(0) > 0 &&
                         (next_[0] == 'B' || next_[0] == 'D') &&
                         parted(next_).name == parted(message).name;
  bool passed = false;
  const auto one = [&](Client& client) {
    passed = pass_renamed(client, server, message);
    return passed || (used_next && is_going_to_use(client, server, definition));
  };
  return offer(server, one) && (passed || sets_up_statement(server, message));
}

// The unnamed one of a client is prepared again, because it is going to use it.
bool Ledger::prepares_unnamed(Server& server, std::string_view message) {
  const auto [before, name, definition] = parted(message);
  const auto one = [&](Client& client) {
    return is_going_to_use_unnamed(client, server, definition);
  };
  if (!name.empty() || definition.starts_with(set_up_text) || !offer(server, one)) return false;
  server.set_up_for_next += 'p';
  count(Fate::statement_set_up);
  return true;
}

// COPY data and Flush mean nothing where nothing is under way. 0: what is in front is none.
std::size_t Ledger::stray_size(const Client& client, std::string_view front) const {
  const std::size_t size = whole_size(front).value_or(0);
  if (size == 0) return 0;
  const Server* const server = held_by(client);
  const bool copy = std::string_view("dcf").contains(front[0]);
  if (!copy && front[0] != 'H') return 0;
  const bool idle =
      server == nullptr || (copy ? server->quiet() : server->free() && !server->batch);
  return idle ? size : 0;
}

bool Ledger::drop_stray(Client& client) {
  const std::size_t size = stray_size(client, client.inbox.view());
  if (size == 0) return false;
  client.inbox.drop(size);
  count(Fate::client_stray);
  return true;
}

bool Ledger::pass_to_server(Client& client, Server& server, std::string_view piece) {
  if (client.phase != Phase::working || client.closing || client.passing > 0) return false;
  // Nothing is dropped before it is sure that this client says it: what is stray at the server it
  // has may be on its way there.
  std::string_view rest = client.inbox.view();
  while (!rest.starts_with(piece)) {
    const std::size_t size = passed_over(client, server, rest);
    if (size == 0 || size > rest.size()) return false;
    rest.remove_prefix(size);
  }
  // Many say just this.
  if ((piece[0] == 'S' || piece[0] == 'P') && !is_heard_at_once(client, server)) {
    if (!is_held_up(client) || !goes_on(client, server, rest.substr(piece.size()))) return false;
  }
  const std::size_t strays_size = client.inbox.view().size() - rest.size();
  if (!join(client, server)) return false;
  take_strays(client, server, strays_size);
  note_unnamed(client, piece);
  client.passing = *whole_size(piece) - piece.size();
  client.inbox.take(piece.size());
  // After an error in a batch a Query is skipped like everything else, up to Sync.
  const bool query = piece[0] == 'Q' || piece[0] == 'F';
  if (query && server.batch) server.owed_known = false;
  if (std::string_view("PBDEC").contains(piece[0])) server.batch = true;
  if (piece[0] == 'S') server.batch = false;
  for (const char what : std::exchange(server.set_up_for_next, "")) ask(server, what);
  if (piece[0] == 'Q' || piece[0] == 'P') note_state(server, piece);
  if (piece[0] == 'P' || piece[0] == 'C' || piece[0] == 'S') ask(server, piece[0]);
  if (query) ask(server, 'Q');
  server.last_request = piece[0];
  server.owed += query || piece[0] == 'S';
  count(Fate::passed_to_server);
  return true;
}
bool Ledger::made_up_for(Server& server, std::string_view message) {
  const std::string_view body = body_of(message);
  if (server.set_up > 0) {
    if (message[0] != set_up_types[server.set_up]) return false;
    server.set_up = (server.set_up + 1) % set_up_types.size();
    return true;
  }
  switch (message[0]) {
    case 'C': return sets_up_statement(server, message);
    case 'P':
      if (prepares_unnamed(server, message)) return true;
      if (!body.starts_with('\0') || !body.substr(1).starts_with(set_up_text) ||
          !may_be_told(server) || server.own)
        return false;
      server.own = true;
      server.set_up = 1;
      server.client = {};  // the next that is heard says for whom
      server.owed = 0;
      server.owed_known = true;
      server.asked.clear();
      server.set_up_for_next.clear();
      count(Fate::set_up);
      return true;
    case 'Q':
      if (body == refused_query) {
        count(Fate::refused_request);
        return offer(server, [&](Client& one) { return refuse_query(one, server); });
      }
      if (body == reset_text_) {
        if (!server.free() || server.batch || server.own) return false;
        begin_anew(server);
        server.own = server.has_to_do = true;
        server.client = {};
        count(Fate::session_reset);
        return true;
      }
      if (body == connect_text_) {
        const bool again = server.asked_once;  // after a reset
        if (again && (!server.free() || server.batch)) return false;
        if (server.own || (!again && server.client)) return false;
        begin_anew(server);
        server.own = server.checked = server.asked_once = true;
        if (again) server.client = {};
        count(Fate::connect_query);
        return true;
      }
      if (body == check_text_) {
        if (!server.free() || server.batch || server.own) return false;
        begin_anew(server);
        server.own = server.has_to_do = server.checked = true;
        server.client = {};
        count(Fate::check);
        probes_.hit(Probe::server_checked);
        return true;
      }
      if (body != roll_back_text || server.own) return false;
      if (const Client* lost = served_by(server); lost != nullptr && !closes(lost->id))
        return false;
      server.own = true;
      count(Fate::roll_back);
      return true;
    case 'D': {
      if (!body.starts_with(refused_request)) return false;
      const std::string_view what = body.substr(refused_request.size());
      const std::string_view name = what.substr(1, what.size() - 2);  // and a zero
      count(Fate::refused_request);
      return offer(server, [&](Client& one) { return refuse(one, server, what[0], name); });
    }
    case 'H':
      count(Fate::answers_wanted);
      return message.size() == header_size && server.batch && served_by(server) != nullptr;
    case 'X':
      touched_.push_back(server.id);
      count(Fate::parting);
      if (server.dying && server.id != speaker_) return false;
      return server.status == 'I' && server.quiet() && !server.own;
    default: return false;
  }
}

void Ledger::settle(Server& server) {
  if (server.closing || server.phase != Phase::working) return server.inbox.keep();
  while (drop_front(server)) continue;
  const std::string_view rest = server.inbox.view();
  const std::size_t size = whole_size(rest).value_or(0);
  if (server.phase == Phase::lawless || rest.empty()) return server.inbox.keep();
  if (server.passing > 0 || (size > 0 && size <= rest.size())) {
    const Client* const client = served_by(server);
    return blame(
        (client != nullptr ? client->name : "nobody") + " is not told what its server says", rest);
  }
  // The rest of a long row that nobody waits for need not be kept.
  const bool long_one = rest[0] == 'D' || rest[0] == 'd';
  if (size > 0 && long_one && served_by(server) == nullptr) server.inbox.drop(size);
  server.inbox.keep();
}

void Ledger::settle_step() {
  if (Server* server = servers_.find(speaker_)) {
    settle(*server);
    if (!server->owed_known && !server->closing && is_still_ && is_still_(server->id)) {
      begin_anew(*server);
    }
  }
  if (Client* client = clients_.find(speaker_)) {
    client->inbox.keep();
    list(*client);
  }
  for (const SocketId id : touched_) {
    const Client* client = clients_.find(id);
    if (client != nullptr && !client->closing && client->phase != Phase::lawless) {
      if (client->fatal_told) blame(client->name + " was told FATAL and is not closed", "");
      if (client->ready_due != 0) blame(client->name + " was not told ReadyForQuery", "");
      if (client->refusal_due != 0) blame(client->name + " was not told of a refusal", "");
    }
    const Server* server = servers_.find(id);
    if (server != nullptr && !server->closing) blame("a server was told Terminate, not closed", "");
  }
  touched_.clear();
}

void Ledger::blame(const std::string& what, std::string_view message) {
  if (verdict_.failed()) return;
  std::string shown(message.substr(0, 60));
  std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '.');
  verdict_.blame(oracle::ledger, message.empty() ? what : what + ": " + shown);
}

}  // namespace pgweir::sim
