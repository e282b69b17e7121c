// Statements with names: what a client says of them is said to a server by pgweir's name, or not at
// all; and whose it is, where many begin alike.
#include <algorithm>
#include <optional>
#include <utility>

#include "sim/ledger.h"
#include "sim/message_view.h"

namespace pgweir::sim {

using namespace std::string_view_literals;

// What is about a name alone, and needs nothing of the server; or of any statement with a name,
// where the server skips it. 0: what is in front is nothing such, or not all there.
std::size_t Ledger::kept_size(const Server& server, std::string_view front) const {
  const std::size_t size = whole_size(front).value_or(0);
  if (size == 0 || !std::string_view("PBDC").contains(front[0])) return 0;
  Body body(body_of(front));
  if (front[0] == 'B') body.text();
  if ((front[0] == 'C' || front[0] == 'D') && body.byte() != 'S') return 0;
  const auto name = body.text();
  if (!name || name->empty()) return 0;
  if (server.skips) return size;
  if (front[0] == 'C' && size != header_size + name->size() + 2) return 0;  // it is refused
  return (front[0] == 'P' || front[0] == 'C') && size <= front.size() ? size : 0;
}

// What is in front of what a server is told, and it is not.
std::size_t Ledger::passed_over(Client& client, const Server& server, std::string_view front) {
  note_definition(client, front);
  return std::max(stray_size(client, front), kept_size(server, front));
}

void Ledger::note_definition(Client& client, std::string_view front) {
  const std::size_t size = whole_size(front).value_or(0);
  if (size == 0 || size > front.size() || front[0] != 'P') return;
  const auto [before, name, definition] = parted(front.substr(0, size));
  client.definitions.emplace(name, definition);
}

void Ledger::take_kept(Client& client, Server& server, std::size_t size) {
  const std::string_view front = client.inbox.view();
  if (server.skips) {
    count(Fate::client_skipped);
  } else {
    ask(server, front[0] == 'P' ? '1' : '3');
    count(Fate::kept_name);
  }
  client.inbox.drop(size);
}

void Ledger::take_strays(Client& client, Server& server, std::size_t size) {
  for (std::size_t taken = 0; taken < size;) {
    const std::string_view front = client.inbox.view();
    const std::size_t one = *whole_size(front);
    taken += one;
    if (kept_size(server, front) > 0) {
      take_kept(client, server, one);
    } else {
      client.inbox.drop(one);
      count(Fate::client_stray);
    }
  }
}

void Ledger::ask(Server& server, char what) {
  if (what == 'S') server.skips = false;
  if (!server.skips) server.asked += what;
}

// Where in what it was asked the next answer to a Parse or Close stands: the ends of batches before
// it have been answered, or, where COPY or an error has swallowed them, never will be.
std::size_t Ledger::due_at(const Server& server) {
  const std::size_t at = server.asked.find_first_not_of("SQ");
  return at == std::string::npos ? 0 : at;
}

char Ledger::due(const Server& server) {
  return server.asked.empty() ? ' ' : server.asked[due_at(server)];
}

// An answer has come, or is made up.
void Ledger::answered(Server& server, char type) {
  std::string& asked = server.asked;
  switch (type) {
    case '1':
    case '3': asked.erase(0, 1 + due_at(server)); break;
    case 'E':
      if (asked.starts_with('Q')) break;
      asked.erase(0, std::min(asked.find('S'), asked.size()));
      server.skips = asked.empty();
      break;
    case 'Z':
      if (server.owed_known) asked.erase(0, 1);
      if (!server.owed_known) asked.erase(0, asked.find_first_of("SQ") + 1);
      server.skips = false;
      break;
    default: break;
  }
}

// One name stands for one text, on all servers.
bool Ledger::is_right_name(std::string_view name, std::string_view definition) {
  if (!name.starts_with("pgweir_")) return false;
  const auto [known, fresh] = definitions_.emplace(name, definition);
  return fresh || known->second == definition;
}

// Whether what a client says is what a server is told, but for the statement's name.
bool Ledger::means(Client& client, std::string_view rest, std::string_view piece) {
  if (rest.size() < header_size || rest[0] != piece[0]) return false;
  const auto [before, ours, after] = parted(piece);
  const auto [own_before, own, own_after] = parted(rest);
  if (ours.empty() || own.empty() || before != own_before) return false;
  if (!own_after.starts_with(after)) return false;
  if (*whole_size(piece) - ours.size() != *whole_size(rest) - own.size()) return false;
  if (piece[0] == 'P') {
    note_definition(client, rest);
    return is_right_name(ours, after);
  }
  const auto known = definitions_.find(ours);
  return known != definitions_.end() &&
         client.definitions.contains({std::string(own), known->second});
}

// It need not wait, or does not any more: it has the server, speaks, or is read again.
bool Ledger::is_heard_at_once(const Client& client, const Server& server) const {
  if (client.id == speaker_ || held_by(client) == &server) return true;
  return std::ranges::any_of(effects_, [&](const Effect& effect) {
    const auto* resumed = std::get_if<effect::ResumeReading>(&effect);
    return resumed != nullptr && resumed->socket == client.id;
  });
}

// Else it is not read again because what it has said next waits for an answer about a statement.
bool Ledger::is_held_up(const Client& client) {
  bool behind_sync = false;
  for (std::string_view rest = client.inbox.view(); rest.size() >= header_size;) {
    if (behind_sync && std::string_view("PBDC").contains(rest[0])) return true;
    const std::size_t size = whole_size(rest).value_or(0);
    if (size == 0 || size > rest.size()) return false;
    const bool query = rest[0] == 'Q';
    if (behind_sync && query && rest.substr(0, size).contains("deallocate")) return true;
    behind_sync = behind_sync || rest[0] == 'S' || query;
    rest.remove_prefix(size);
  }
  return false;
}

// The client's message, with pgweir's name of the statement in the place of its own. Of a Bind what
// follows the names may come later.
bool Ledger::pass_renamed(Client& client, Server& server, std::string_view piece) {
  if (client.phase != Phase::working || client.closing || client.passing > 0) return false;
  if (!std::string_view("PBD").contains(piece[0])) return false;
  std::string_view rest = client.inbox.view();
  while (!means(client, rest, piece)) {
    const std::size_t size = passed_over(client, server, rest);
    if (size == 0 || size > rest.size()) return false;
    rest.remove_prefix(size);
  }
  if (!is_heard_at_once(client, server) && !is_held_up(client)) return false;
  const std::size_t said_size = piece.size() - parted(piece).name.size() + parted(rest).name.size();
  if (said_size == *whole_size(rest) && !goes_on(client, server, rest.substr(said_size))) {
    return false;
  }
  const std::size_t strays_size = client.inbox.view().size() - rest.size();
  if (!join(client, server)) return false;
  const std::size_t whole = *whole_size(rest);
  const char type = piece[0];
  take_strays(client, server, strays_size);
  client.passing = whole - said_size;
  client.inbox.take(said_size);
  server.batch = true;
  for (const char what : std::exchange(server.set_up_for_next, "")) ask(server, what);
  if (type == 'P') ask(server, 'P');
  server.last_request = type;
  count(Fate::renamed);
  return true;
}

// What it has said before is answered, in part at least.
void Ledger::tells(Client& client) const {
  client.asked_again = false;
  if (retries_) client.inbox.record();
}

// A batch of a client's, all of it, that has failed because of a prepared statement before anything
// of it was answered.
bool Ledger::may_ask_again(const Client& client, const Server& server,
                           std::string_view error) const {
  if (!retries_ || error[0] != 'E' || server.status != 'I' || server.owed != 1) return false;
  const std::string_view code = field(error, 'C');
  if (code != "0A000" && code != "26000") return false;
  bool synced = false;
  for (std::string_view rest = client.inbox.taken(); !rest.empty();) {
    const std::size_t size = whole_size(rest).value_or(0);
    if (synced || size == 0 || size > rest.size()) return false;
    if (!std::string_view("PBDECHS").contains(rest[0])) return false;
    synced = rest[0] == 'S';
    rest.remove_prefix(size);
  }
  return synced && !client.asked_again && client.passing == 0;
}

void Ledger::note_unnamed(Client& client, std::string_view piece) {
  const std::string_view body = body_of(piece);
  if (piece[0] != 'P' || !body.starts_with('\0')) return;
  client.unnamed = body.substr(1);
  client.unnamed_due = *whole_size(piece) - piece.size();
  if (client.unnamed_due == 0) client.definitions.emplace("", client.unnamed);
}

void Ledger::note_unnamed_rest(Client& client, std::string_view piece) {
  if (client.unnamed_due == 0) return;
  client.unnamed += piece;
  client.unnamed_due -= piece.size();
  if (client.unnamed_due == 0) client.definitions.emplace("", client.unnamed);
}

// What it says next uses what it has prepared without a name, which may be this.
bool Ledger::is_going_to_use_unnamed(Client& client, const Server& server,
                                     std::string_view definition) {
  if (!client.definitions.contains({"", std::string(definition)})) return false;
  if (!is_heard_at_once(client, server) && !is_held_up(client)) return false;
  std::string_view rest = client.inbox.view();
  while (rest.size() >= header_size && rest[0] != 'B' && rest[0] != 'D') {
    const std::size_t size = passed_over(client, server, rest);
    if (size == 0 || size > rest.size()) return false;
    rest.remove_prefix(size);
  }
  return rest.size() > header_size && parted(rest).name.empty();
}

// Parse of what a client uses next, Close of what is too much.
bool Ledger::sets_up_statement(Server& server, std::string_view message) {
  if (message[0] == 'P') {
    const auto [before, name, definition] = parted(message);
    if (!is_right_name(name, definition)) return false;
  } else if (!body_of(message).starts_with("Spgweir_")) {
    return false;
  }
  server.set_up_for_next += message[0] == 'P' ? 'p' : 'c';
  count(Fate::statement_set_up);
  return true;
}

// What a client has prepared has another name at the server: so that a text can deallocate it by
// its own, there is an empty one for that, made in front of it. One that was left is closed there.
bool Ledger::stands_in(Server& server, std::string_view message) {
  if (message[0] != 'C' && message[0] != 'P') return false;
  const auto is_empty_one = [](std::string_view parse, std::string_view name) {
    return whole_size(parse).value_or(0) > 0 && parse[0] == 'P' && parted(parse).name == name &&
           parted(parse).after.starts_with("\0\0\0"sv);
  };
  const bool closes = message[0] == 'C' && body_of(message).starts_with('S');
  const std::string_view name =
      closes ? body_of(message).substr(1, body_of(message).size() - 2) : parted(message).name;
  if (name.empty() || name.starts_with("pgweir_")) return false;
  const bool left = closes && server.stand_ins.erase(std::string(name)) > 0;
  if (!left && !is_empty_one(closes ? next_ : message, name)) return false;
  if (!closes) server.stand_ins.emplace(name);
  server.set_up_for_next += closes ? 'c' : 'p';
  count(Fate::statement_set_up);
  return true;
}

// Whether what it says next uses this definition.
bool Ledger::is_going_to_use(Client& client, const Server& server, std::string_view definition) {
  if (!is_heard_at_once(client, server) && !is_held_up(client)) return false;
  std::string_view rest = client.inbox.view();
  while (rest.size() >= header_size && rest[0] != 'B' && rest[0] != 'D') {
    const std::size_t size = passed_over(client, server, rest);
    if (size == 0 || size > rest.size()) return false;
    rest.remove_prefix(size);
  }
  const std::string_view name = parted(rest).name;
  return !name.empty() && client.definitions.contains({std::string(name), std::string(definition)});
}

// What it is told behind this, in the same step.
std::string_view Ledger::said_next(const Server& server) const {
  for (const Effect* effect = said_ + 1; effect < effects_.data() + effects_.size(); ++effect) {
    const auto* send = std::get_if<effect::Send>(effect);
    if (send != nullptr && send->socket == server.id) return pgweir::text_of(send->bytes);
  }
  return {};
}

// Whether a client that has this to say may be the one that what comes next is of: many begin
// alike.
bool Ledger::goes_on(Client& client, const Server& server, std::string_view rest) {
  if (whole_size(next_).value_or(0) == 0) return true;
  char type = next_[0];
  const bool whole = *whole_size(next_) <= next_.size();
  const bool refused = type == 'D' && body_of(next_).starts_with(refused_request);
  const bool of_unnamed =
      whole && !refused && std::string_view("PBD").contains(type) && parted(next_).name.empty();
  const bool as_it_is = of_unnamed || !std::string_view("PBDC").contains(type);
  // With a name it is pgweir's own, or of what stands in.
  if (type == 'C' && body_of(next_).starts_with('S') && !body_of(next_).starts_with("S\0"sv)) {
    return true;
  }
  if (type == 'P' && parted(next_).name.starts_with("pgweir_")) return true;
  if (type == 'P' && parted(next_).after.starts_with(set_up_text)) return true;
  if (type == 'P' && client.definitions.contains({"", std::string(parted(next_).after)}))
    return true;
  if (refused) type = body_of(next_)[refused_request.size()];
  const auto is_other = [&] {
    return rest[0] != type ||
           (of_unnamed && !rest.starts_with(next_.substr(0, *whole_size(next_))));
  };
  while (rest.size() >= header_size && is_other()) {
    const std::size_t size = passed_over(client, server, rest);
    if (size == 0 || size > rest.size()) return false;
    rest.remove_prefix(size);
  }
  if (rest.size() < header_size) return false;
  const std::size_t size = std::min({*whole_size(next_), next_.size(), rest.size()});
  return !as_it_is || rest.starts_with(next_.substr(0, size));
}

// What a text leaves in the session, a bit for each kind; and what it ends.
static unsigned state_made(std::string_view message) {
  const auto has = [&](std::string_view what) { return message.contains(what); };
  return (has(" listen ") ? 2u : 0u) | (has(" pg_advisory_lock(") ? 4u : 0u) |
         (has(" create temp table ") && !has("on commit drop") ? 8u : 0u);
}
static unsigned state_ended(std::string_view message) {
  const auto has = [&](std::string_view what) { return message.contains(what); };
  if (has(" discard all")) return 15u;
  return (has(" reset work_mem") || has(" reset all") ? 1u : 0u) | (has(" unlisten *") ? 2u : 0u) |
         (has(" pg_advisory_unlock_all()") ? 4u : 0u) | (has(" discard temp") ? 8u : 0u);
}

void Ledger::note_state(Server& server, std::string_view piece) const {
  server.resets |= piece.contains(" reset ") || piece.contains(" discard all");
  if (!pins_) return;
  server.pinned |= state_made(piece);
  server.unpinned_next |= state_ended(piece);
  server.sets |= piece.contains(" set work_mem");
  server.fails |= piece.contains(" rollback");
}

// A setting follows its client, unless something has failed since all was answered.
void Ledger::settle_settings(Server& server) const {
  if (server.status != 'I' || !server.quiet()) return;
  if (server.sets) server.pinned = server.fails ? server.pinned | 1u : server.pinned & ~1u;
  server.sets = server.fails = false;
  server.resets = server.resets && server.batch;  // else this was the answer to what is in front
}

bool Ledger::refuse_query(Client& client, Server& server) {
  if (client.phase != Phase::working || client.closing || client.passing > 0) return false;
  std::string_view front = client.inbox.view();
  while (front.size() >= header_size && front[0] != 'Q') {
    const std::size_t size = passed_over(client, server, front);
    if (size == 0 || size > front.size()) return false;
    front.remove_prefix(size);
  }
  const std::size_t size = whole_size(front).value_or(0);
  if (size == 0 || size > front.size() || state_made(front.substr(0, size)) == 0) return false;
  const std::size_t strays_size = client.inbox.view().size() - front.size();
  if (!join(client, server)) return false;
  take_strays(client, server, strays_size);
  client.inbox.drop(size);
  if (server.batch) server.owed_known = false;
  ask(server, 'Q');
  server.last_request = 'Q';
  ++server.owed;
  ++server.refused_queries;
  count(Fate::client_refused);
  return true;
}

// The message that it is not to say is a named Parse, or one that uses what another client left.
bool Ledger::refuse(Client& client, Server& server, char type, std::string_view name) {
  if (client.phase != Phase::working || client.closing || client.passing > 0) return false;
  std::string_view front = client.inbox.view();
  while (front.size() >= header_size && (front[0] != type || name_in(front) != name)) {
    const std::size_t size = passed_over(client, server, front);
    if (size == 0 || size > front.size()) return false;
    front.remove_prefix(size);
  }
  const std::size_t size = whole_size(front).value_or(0);
  if (size == 0) return false;
  // Of a short message all has to be there before it is refused.
  constexpr std::size_t in_sight = 1024;
  if (front.size() < std::min(size, in_sight)) return false;
  const bool named = front[0] == 'P' && front.size() > header_size &&
                     (front[header_size] != '\0' || state_made(front.substr(0, size)) != 0);
  if (!named && !std::string_view("BDC").contains(front[0])) return false;
  if (!is_heard_at_once(client, server) && !is_held_up(client)) return false;
  if (size <= front.size() && !goes_on(client, server, front.substr(size))) return false;
  const std::size_t strays_size = client.inbox.view().size() - front.size();
  if (!join(client, server)) return false;
  take_strays(client, server, strays_size);
  note_definition(client, client.inbox.view());
  client.inbox.drop(size);
  server.batch = true;
  count(Fate::client_refused);
  return true;
}

}  // namespace pgweir::sim
