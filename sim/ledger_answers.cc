// What servers say, and what becomes of it.
#include <utility>

#include "sim/ledger.h"
#include "sim/message_view.h"

namespace pgweir::sim {

using namespace std::string_view_literals;

namespace {

bool is_kept(char asked) { return asked == '1' || asked == '3'; }
bool may_come_any_time(char type) { return type == 'N' || type == 'S' || type == 'A'; }

}  // namespace

void Ledger::server_said(Server& server, std::string_view bytes) {
  if (server.closing || server.phase == Phase::lawless) return;
  server.own_ended = false;
  server.left_over.clear();
  server.inbox.arrive(bytes);
  while (server.phase != Phase::working) {
    const std::string_view front = server.inbox.view();
    const auto size = whole_size(front);
    if (!size) server.phase = Phase::lawless;
    if (!size || *size == 0 || *size > front.size()) return;
    if (front[0] == 'Z') server.phase = Phase::working;
    server.inbox.take(*size);
    count(Fate::server_login);
  }
}

void Ledger::to_client(Client& client, std::string_view bytes) {
  if (client.closing || client.phase == Phase::lawless) return;
  if (client.phase != Phase::working) return to_login(client, bytes);
  Server* const speaker = servers_.find(speaker_);
  while (!bytes.empty()) {
    Server* const held = held_by(client);
    if (held != nullptr && held->passing > 0) {
      const std::string_view piece = bytes.substr(0, held->passing);
      if (!held->inbox.view().starts_with(piece)) {
        return blame(client.name + " is not told what its server said", piece);
      }
      held->inbox.take(piece.size());
      held->passing -= piece.size();
      bytes.remove_prefix(piece.size());
      continue;
    }
    const std::size_t size = whole_size(bytes).value_or(0);
    if (size == 0) return blame(client.name + " is told what is no message", bytes);
    const std::string_view piece = bytes.substr(0, size);
    bool passed = false;
    const bool is_made_up = held != nullptr && (piece == "1\0\0\0\4"sv || piece == "3\0\0\0\4"sv) &&
                            is_kept(due(*held));
    if (!is_made_up && speaker != nullptr && speaker->phase == Phase::working &&
        !speaker->closing) {
      const auto replaced = [&] { return piece[0] == 'E' && client.refusal_due > 0; };
      do {
        passed = pass_to_client(*speaker, client, piece);
      } while (!passed && !replaced() && drop_front(*speaker));
      if (speaker->phase == Phase::lawless) return;
    }
    if (!passed && (piece.size() < size || !made_up_for(client, piece))) {
      return blame(client.name + " is told what nobody said to it", piece);
    }
    bytes.remove_prefix(piece.size());
  }
}

void Ledger::to_login(Client& client, std::string_view bytes) {
  if (bytes == "N") return;  // to a wish for encryption
  while (!bytes.empty()) {
    const std::size_t size = whole_size(bytes).value_or(0);
    if (size == 0 || size > bytes.size() || !std::string_view("RSKZEv").contains(bytes[0])) {
      return blame(client.name + " is told what belongs to no login", bytes);
    }
    const std::string_view message = bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (message[0] == 'E') {
      client.fatal_told = true;
      touched_.push_back(client.id);
    }
    if (message[0] != 'Z') continue;
    client.phase = Phase::working;
    count(Fate::welcome);
    return to_client(client, bytes);
  }
}

bool Ledger::pass_to_client(Server& server, Client& client, std::string_view piece) {
  const std::string_view front = server.inbox.view();
  if (server.passing > 0 || !front.starts_with(piece)) return false;
  // Of the answers to what pgweir asked, a client hears only what is about itself.
  if (server.own && piece[0] != 'S' && piece[0] != 'A' && !is_fatal(front)) return false;
  if (!server.own && piece[0] == '1' && due(server) != 'P') return false;
  if (!server.own && piece[0] == '3' && due(server) != 'C') return false;
  const std::size_t size = *whole_size(front);
  if (!join(client, server)) return false;
  probe_answer(server, front.substr(0, size));
  heard(server, front.substr(0, size));
  if (!may_come_any_time(piece[0])) tells(client);
  client.fatal_heard = server.dying;
  server.passing = size - piece.size();
  server.inbox.take(piece.size());
  if (piece[0] == 'Z') client.since = ++order_;
  count(Fate::passed_to_client);
  return true;
}

// The next message of a server has a reason not to be passed on. False: it has none, or is not all
// there yet.
bool Ledger::drop_front(Server& server) {
  const std::string_view front = server.inbox.view();
  const auto size = whole_size(front);
  if (!size) server.phase = Phase::lawless;
  if (server.passing > 0 || !size || *size == 0 || *size > front.size()) return false;
  const std::string_view message = front.substr(0, *size);
  Client* const client = served_by(server);
  if (server.dying) {
    count(Fate::last_words);
  } else if (server.own) {
    server.unfit |= server.has_to_do && message[0] == 'E';
    count(Fate::set_up_answer);
  } else if (client == nullptr || (may_come_any_time(message[0]) && server.free())) {
    if (may_come_any_time(message[0]) && server.free()) server.left_over += message;
    count(Fate::nobody_there);
  } else if ((message[0] == '1' && due(server) == 'p') ||
             (message[0] == '3' && due(server) == 'c')) {
    count(Fate::statement_answer);
  } else if (message[0] == 'E' && (field(message, 'M') == refused_answer ||
                                   // A cancel may hit it as well.
                                   (server.refused_queries > 0 && field(message, 'C') == "57014") ||
                                   field(message, 'M').contains("\"pgweir\""))) {
    ++client->refusal_due;
    server.refused_queries -= server.refused_queries > 0;
    touched_.push_back(client->id);
    count(Fate::refusal_answer);
  } else if (may_ask_again(*client, server, message)) {
    ++server.unheard_syncs;
    client->asked_again = true;
    client->inbox.take_back();
    list(*client);
    probes_.hit(Probe::asked_again);
    count(Fate::asked_again);
  } else if (message[0] == 'S' && server.resets) {
    count(Fate::taken_back);
  } else if (message[0] == 'Z' && server.unheard_syncs > 0) {
    --server.unheard_syncs;
    count(Fate::asked_again);
  } else {
    return false;
  }
  heard(server, message);
  server.inbox.take(*size);
  return true;
}

void Ledger::heard(Server& server, std::string_view message) {
  if (!server.own && !is_fatal(message)) answered(server, message[0]);
  switch (message[0]) {
    case 'Z':
      server.status = message.size() > header_size ? message[header_size] : '?';
      if (server.own) {
        server.own = server.has_to_do = server.checked = false;
        server.own_ended = true;
      } else if (server.owed > 0) {
        --server.owed;
      }
      if (server.status == 'I') {
        const unsigned ended = std::exchange(server.unpinned_next, 0u);
        if (!server.fails) server.pinned &= ~ended;
      }
      settle_settings(server);
      break;
    case 'E':
      server.dying = server.dying || is_fatal(message);
      server.unpinned_next = 0;
      server.fails = true;
      break;
    case 'G':
    case 'W': server.owed_known = false; break;
    default: break;
  }
}

void Ledger::probe_answer(const Server& server, std::string_view message) {
  switch (message[0]) {
    case 'E':
      if (is_fatal(message)) return probes_.hit(Probe::last_words);
      if (field(message, 'C') == "25P02") return probes_.hit(Probe::error_in_failed_transaction);
      return probes_.hit(server.last_request == 'Q' ? Probe::error_in_query
                                                    : Probe::error_in_batch);
    case 'G':
      return probes_.hit(server.last_request == 'S' ? Probe::copy_in_behind_sync : Probe::copy_in);
    case 'H': return probes_.hit(Probe::copy_out);
    case 'I': return probes_.hit(Probe::empty_query);
    case 'N': return probes_.hit(Probe::notice);
    case 'S': return probes_.hit(Probe::parameter_changed);
    case 's': return probes_.hit(Probe::portal_suspended);
    default: return;
  }
}

bool Ledger::made_up_for(Client& client, std::string_view message) {
  tells(client);
  touched_.push_back(client.id);
  if (client.fatal_heard || client.fatal_told) return false;
  if (is_fatal(message)) {
    client.fatal_told = true;
    count(Fate::farewell);
    return true;
  }
  Server* const server = servers_.find(speaker_);
  const auto hears_it = [&] {
    return served_by(*server) == &client || (server->own_ended && join(client, *server));
  };
  if (server != nullptr && server->left_over.starts_with(message) && hears_it()) {
    server->left_over.erase(0, message.size());  // it was asked more before it was passed on
    return true;
  }
  switch (message[0]) {
    case 'E':
      if (client.refusal_due == 0) return reject(client, message);
      --client.refusal_due;
      count(Fate::refusal);
      return true;
    case '1':
    case '3': return make_up_answer(client, message[0]);
    case 'Z': count(Fate::rejection); return body_of(message) == "I" && client.ready_due-- > 0;
    case 'S':
      count(Fate::adopted);
      if (server == nullptr) return false;
      if (server->resets && served_by(*server) == &client) return true;
      return server->own_ended && join(client, *server);
    default: return false;
  }
}

// To a Parse or Close that the server was not asked.
bool Ledger::make_up_answer(Client& client, char type) {
  Server* const server = held_by(client);
  count(Fate::name_answer);
  if (server != nullptr && is_kept(due(*server)) && due(*server) != type) {
    // Which of two Parses of one name was refused is not seen: O-01 knows the order.
    const std::size_t at = server->asked.find(type, due_at(*server));
    const std::size_t end = server->asked.find_first_not_of("13", due_at(*server));
    if (at >= std::min(end, server->asked.size())) return false;
    std::swap(server->asked[at], server->asked[due_at(*server)]);
  }
  if (server == nullptr || due(*server) != type) {
    // It is the first thing asked, and no server has heard of it.
    while (drop_stray(client)) continue;
    const std::string_view front = client.inbox.view();
    const std::size_t size = kept_size({}, front);
    if (size == 0 || front[0] != (type == '1' ? 'P' : 'C')) return false;
    note_definition(client, front);
    client.inbox.drop(size);
    count(Fate::kept_name);
    return true;
  }
  answered(*server, type);
  return true;
}

// It was cancelled while it waited for a server: the request is answered and goes nowhere.
bool Ledger::reject(Client& client, std::string_view message) {
  Server* const held = held_by(client);
  if (field(message, 'C') != "57014" || (held != nullptr && !held->free())) return false;
  while (drop_stray(client)) continue;
  const std::string_view front = client.inbox.view();
  const std::size_t size = whole_size(front).value_or(0);
  if (size == 0) return false;
  // One that was set up for it may have told it of that; its session has not begun.
  if (held != nullptr && client.has_session) held->client = client.server = {};
  if (front[0] == 'Q' || front[0] == 'F') {
    client.inbox.drop(size);
    ++client.ready_due;
    count(Fate::client_rejected);
  } else {
    client.skipping = true;
    skip(client);
  }
  return true;
}

}  // namespace pgweir::sim
