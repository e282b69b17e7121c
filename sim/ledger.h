// The message ledger: every message that arrives at the pooler has one fate. It is passed on
// unchanged, once and in its order, to the server its client holds, or to the client its server
// serves; or it is taken or made up for one of the reasons listed here; or it dies with a
// connection. What is passed on is compared with what came; nothing here is shared with core or
// with the model servers, and whom a server serves is concluded from the bytes alone.
//
// A server's whole message has its fate at the end of the step that brought it. A client's may
// wait, but nothing behind it is passed on before it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/effect.h"
#include "core/event.h"
#include "sim/census.h"
#include "sim/probes.h"
#include "sim/socket_table.h"
#include "sim/verdict.h"

namespace pgweir::sim {

// What becomes of messages, and why there are some that nobody sent.
enum class Fate : std::uint8_t {
  passed_to_server,
  passed_to_client,
  renamed,  // passed to a server by pgweir's name of a statement
  // Taken from clients.
  client_login,     // startup packets and proofs
  client_stray,     // of COPY or Flush, where nothing is under way
  client_refused,   // what pgweir does not do yet; something that fails goes to the server instead
  client_rejected,  // of one that was cancelled while it waited for a server
  client_skipped,   // about a statement with a name, where the server skips to Sync
  kept_name,        // Parse or Close of a name that needs nothing of the server
  // Taken from servers.
  server_login,
  set_up_answer,  // to what pgweir itself asked: parameters, ROLLBACK
  nobody_there,   // its client is gone, or it has none
  refusal_answer,
  statement_answer,  // to what pgweir asked in the middle of a batch
  asked_again,       // of a batch that the server is asked once more
  taken_back,        // ParameterStatus: to what is the server's, not the client's
  last_words,        // behind a FATAL error
  // Made up for clients.
  welcome,   // a login, and errors instead of one
  farewell,  // a FATAL error, before the end
  rejection,
  refusal,
  name_answer,  // ParseComplete and CloseComplete, of kept_name
  adopted,      // ParameterStatus: how the server writes a value of the client's; its first value
  // Made up for servers.
  server_greeting,
  set_up,
  roll_back,
  session_reset,
  check,
  connect_query,
  parting,  // Terminate
  refused_request,
  statement_set_up,  // Parse of what the client uses, Close of what is too much
  answers_wanted,    // Flush, where as much is owed as may be, and no Sync has come
  count
};

class Ledger {
 public:
  // How a Describe begins that stands for what pgweir refuses, which is of neither a statement nor
  // a portal; the type of what is refused follows. And what is said to that.
  static constexpr std::string_view refused_request{"!pgweir refused "};
  static constexpr std::string_view refused_answer{"invalid DESCRIBE message subtype 33"};

  // What it says in the place of a query that it refuses.
  static constexpr std::string_view refused_query{"pgweir refused this query\0", 26};

  // How what pgweir asks to set a client's parameters goes on behind its name.
  static constexpr std::string_view set_up_text{"select pg_catalog.set_config("};

  using Counts = std::array<std::uint64_t, static_cast<std::size_t>(Fate::count)>;

  Ledger(Verdict& verdict, Probes& probes) : verdict_(verdict), probes_(probes) {}

  // Servers stay with clients that leave something in their sessions.
  void expect_pins() { pins_ = true; }
  // What failed because of its prepared statement may be asked again.
  void expect_retries() { retries_ = true; }
  // Or with all of these, to the end.
  void expect_sessions_of(std::function<bool(const Login&)> has_session) {
    has_session_ = std::move(has_session);
  }
  void expect_resets_by(const std::string& query) { reset_text_ = query + '\0'; }
  void expect_connects_by(const std::string& query) { connect_text_ = query + '\0'; }
  void expect_checks_by(const std::string& query) { check_text_ = query + '\0'; }

  // What is said there is an answer to nothing that anybody can account for: of a database whose
  // servers are there nothing is judged from then on.
  void distrust(std::vector<Endpoint> addresses) { liars_ = std::move(addresses); }
  // Whether a model server has nothing left to do, and nothing is on its way to it or from it:
  // where COPY or an error leaves open what is owed, that ends it.
  void ask_of_stillness(std::function<bool(SocketId)> is_still) { is_still_ = std::move(is_still); }
  // Whose a server is after the step, in the machine's eyes: where several clients may have said
  // what it hears, that one is asked before the others.
  void ask_of_clients(std::function<SocketId(SocketId)> client_of) {
    client_of_ = std::move(client_of);
  }
  // A step of the machine.
  void step(const Event& event, std::span<const Effect> effects);
  const Counts& counts() const { return counts_; }
  // Clients that a server heard, or was told about, for the first time in this step.
  // What becomes of it is known: it keeps to the protocol, and its servers do not lie.
  bool follows(SocketId client) const {
    const Client* found = clients_.find(client);
    return found != nullptr && found->phase == Phase::working;
  }
  struct Joined {
    SocketId client;
    const Effect* at;
  };
  const std::vector<Joined>& joined() const { return joined_; }
  // Its client has it to the end, or has said something that outlives its transaction, and not
  // ended it since.
  bool is_pinned(SocketId server) const {
    const Server* found = servers_.find(server);
    return found != nullptr && found->is_kept() && served_by(*found) != nullptr;
  }
  // Whose messages it was told last; none: nobody's that is known.
  SocketId client_of(SocketId server) const {
    const Server* found = servers_.find(server);
    const Client* client = found == nullptr ? nullptr : served_by(*found);
    return client == nullptr ? SocketId{} : client->id;
  }
  // pgweir asks it whether it is there, or connect_query.
  bool is_checked(SocketId server) const {
    const Server* found = servers_.find(server);
    return found != nullptr && found->checked;
  }
  // By all that pgweir has heard of that server, nothing is left to do there.
  bool is_done(SocketId server) const {
    const Server* found = servers_.find(server);
    return found != nullptr && found->free() && found->owed_known && !found->batch;
  }

 private:
  // What came from a socket and has no fate yet. Copied only when it stays for another step.
  class Inbox {
   public:
    void arrive(std::string_view bytes);
    std::string_view view() const {
      return kept_.empty() ? news_ : std::string_view(kept_).substr(used_);
    }
    void take(std::size_t size);
    // The next message is taken, its rest as it comes.
    void drop(std::size_t size);
    void keep();
    // What is taken from now on may be said again.
    void record() { taken_ = std::string(); }
    std::string_view taken() const { return taken_ ? *taken_ : std::string_view(); }
    // It is.
    void take_back();

   private:
    std::string kept_;
    std::size_t used_ = 0;
    std::string_view news_;
    std::size_t dropping_ = 0;
    std::optional<std::string> taken_;  // while it is recorded
  };

  // lawless: it does not keep to the protocol, is the console's, replicates, or its database's
  // servers may lie; nothing of it is judged.
  enum class Phase : std::uint8_t { starting, logging_in, working, lawless };

  struct Client {
    SocketId id{};
    Inbox inbox;
    Phase phase = Phase::starting;
    std::string user;
    std::string database;
    bool has_session = false;
    bool replicates = false;
    std::string name;         // of its application, for a reader
    SocketId server{};        // that heard it last
    std::size_t passing = 0;  // of its message under way to that server
    bool skipping = false;    // to Sync: it was cancelled while it waited
    int ready_due = 0;        // ReadyForQuery that pgweir owes it for that
    int refusal_due = 0;      // errors, in the place of a server's
    // What a name was said to stand for, ever.
    std::set<std::pair<std::string, std::string>> definitions;
    std::string unnamed;          // what it prepares without a name, as far as it is heard
    std::size_t unnamed_due = 0;  // what is missing of that
    bool fatal_heard = false;     // of its server
    bool fatal_told = false;      // of pgweir, which closes it
    bool closing = false;
    bool asked_again = false;  // since it heard something
    bool listed = false;       // among those with something to say
    std::uint64_t since = 0;  // it can have waited no longer: when it was stopped, or answered last
  };

  struct Server {
    SocketId id{};
    Inbox inbox;
    Phase phase = Phase::starting;
    bool liar = false;  // where it leads to
    bool replicates = false;
    std::string user;
    std::string database;
    SocketId client{};        // that it heard last; none when that one is gone
    std::size_t passing = 0;  // of its message under way to that client
    std::uint32_t owed = 0;   // ReadyForQuery, for what was passed to it
    bool owed_known = true;   // false: some Sync or Query may owe nothing, after COPY or an error
    char last_request = 0;    // the type of what was passed to it last
    bool batch = false;       // of the extended protocol, without its Sync
    char status = 'I';
    // Parse and Close it was sent and has not answered, and the ends of their batches: 'P', 'C',
    // 'p' and 'c' where pgweir asked, '1' and '3' where an answer is to be made up there; 'S', 'Q'.
    std::string asked;
    std::string set_up_for_next;      // of those, what pgweir asks for the message that follows
    std::set<std::string> stand_ins;  // by the names of clients' statements, which are others here
    int unheard_syncs = 0;            // of batches that are asked again
    bool skips = false;               // to Sync, and answers nothing of what it is sent
    bool own = false;                 // it answers what pgweir itself asked
    bool own_ended = false;           // in this step
    bool checked = false;             // that is server_check_query or connect_query
    bool asked_once = false;          // connect_query
    bool has_to_do = false;           // that is a query that may not fail
    bool unfit = false;               // and it has
    std::string left_over;   // in this step: what came at no time in particular, for nobody
    std::size_t set_up = 0;  // how many messages of one have been sent
    bool dying = false;      // FATAL was said
    unsigned pinned = 0;     // kinds of state, a bit each
    int refused_queries = 0;
    unsigned unpinned_next = 0;  // when its transaction is over
    bool sets = false;           // a setting, since all was answered
    bool resets = false;         // settings, since then: what it says of its own is not passed on
    bool fails = false;          // something, since then; or it was rolled back
    bool whole_session = false;  // of its client
    bool closing = false;

    bool is_kept() const { return pinned != 0 || whole_session; }
    bool quiet() const { return owed == 0 || !owed_known; }
    bool free() const { return status == 'I' && quiet() && !dying; }
  };

  void client_said(Client& client, std::string_view bytes);
  void server_said(Server& server, std::string_view bytes);
  void start(Client& client);
  void skip(Client& client);

  void to_server(Server& server, std::string_view bytes);
  void greet(Server& server, std::string_view bytes);
  // Among those with something to say, where it has.
  void list(Client& client);
  bool pass_to_server(Client& client, Server& server, std::string_view piece);
  std::size_t stray_size(const Client& client, std::string_view front) const;
  std::size_t kept_size(const Server& server, std::string_view front) const;
  void ask(Server& server, char what);
  void take_kept(Client& client, Server& server, std::size_t size);
  std::size_t passed_over(Client& client, const Server& server, std::string_view front);
  static void note_definition(Client& client, std::string_view front);
  void take_strays(Client& client, Server& server, std::size_t size);
  static std::size_t due_at(const Server& server);
  static char due(const Server& server);
  void answered(Server& server, char type);
  bool pass_renamed(Client& client, Server& server, std::string_view piece);
  bool is_right_name(std::string_view name, std::string_view definition);
  bool means(Client& client, std::string_view rest, std::string_view piece);
  bool is_heard_at_once(const Client& client, const Server& server) const;
  static bool is_held_up(const Client& client);
  std::string_view said_next(const Server& server) const;
  bool goes_on(Client& client, const Server& server, std::string_view rest);
  bool is_going_to_use(Client& client, const Server& server, std::string_view definition);
  bool is_going_to_use_unnamed(Client& client, const Server& server, std::string_view definition);
  bool prepares_unnamed(Server& server, std::string_view message);
  bool prepares(Server& server, std::string_view message);
  static void note_unnamed(Client& client, std::string_view piece);
  static void note_unnamed_rest(Client& client, std::string_view piece);
  bool sets_up_statement(Server& server, std::string_view message);
  bool stands_in(Server& server, std::string_view message);
  void tells(Client& client) const;
  bool may_ask_again(const Client& client, const Server& server, std::string_view error) const;
  bool make_up_answer(Client& client, char type);
  bool drop_stray(Client& client);
  bool refuse(Client& client, Server& server, char type, std::string_view name);
  void note_state(Server& server, std::string_view piece) const;
  void settle_settings(Server& server) const;
  bool refuse_query(Client& client, Server& server);
  bool made_up_for(Server& server, std::string_view message);
  template <typename Offer>
  bool offer(Server& server, Offer one);

  void to_client(Client& client, std::string_view bytes);
  void to_login(Client& client, std::string_view bytes);
  bool pass_to_client(Server& server, Client& client, std::string_view piece);
  bool made_up_for(Client& client, std::string_view message);
  bool reject(Client& client, std::string_view message);
  bool drop_front(Server& server);
  void heard(Server& server, std::string_view message);
  void probe_answer(const Server& server, std::string_view message);

  Server* held_by(const Client& client) const;
  Client* served_by(const Server& server) const;
  bool closes(SocketId socket) const;
  bool may_be_told(const Server& server) const;
  void hear_of_batch(Client& client);
  bool join(Client& client, Server& server);
  static void begin_anew(Server& server);
  void accepted(const event::Accepted& event);
  void connects(const effect::Connect& connect);
  void give_up(const std::string& database);
  void closed(SocketId socket);
  void close(SocketId socket);
  void settle(Server& server);
  void settle_step();
  void count(Fate fate) { ++counts_[static_cast<std::size_t>(fate)]; }
  void blame(const std::string& what, std::string_view message);

  Verdict& verdict_;
  Probes& probes_;
  bool pins_ = false;
  bool retries_ = false;
  std::string reset_text_;
  std::optional<std::string> check_text_;
  std::optional<std::string> connect_text_;
  std::vector<Endpoint> liars_;
  std::set<std::string> given_up_;                               // databases with servers there
  std::map<std::string, std::string, std::less<>> definitions_;  // by pgweir's names of statements
  SocketTable<Client> clients_;
  SocketTable<Server> servers_;
  std::vector<SocketId> speakers_;  // clients with something to say, in the order they said it
  std::vector<Joined> joined_;
  std::vector<SocketId> touched_;  // sockets that something was made up for in this step
  SocketId speaker_{};             // whose bytes this step is about
  std::span<const Effect> effects_;
  const Effect* said_ = nullptr;  // of them, under way
  std::string_view next_;         // what a server is told behind what it is being told
  std::function<bool(SocketId)> is_still_;
  std::function<bool(const Login&)> has_session_;
  std::function<SocketId(SocketId)> client_of_;
  std::uint64_t order_ = 0;  // of what clients wait since
  Counts counts_{};
};

}  // namespace pgweir::sim
