// The machine's inside: all its state, and the functions that act on it, one .cc file a concern:
//
//   machine.cc           dispatch, the end of each step, deadlines, invariants, fingerprint
//   machine_login.cc     a client's way in: startup packet, authentication, welcome
//   machine_client.cc    what a client's socket says once it is in, and how it goes
//   machine_wait.cc      why somebody who waited got no server
//   machine_server.cc    a server's life: connecting, login, replies, release, its end
//   machine_replication.cc  clients that replicate, each with a server of its own
//   machine_hosts.cc     what servers say of their hosts: which are marked, and what comes of it
//   machine_recovery.cc  making a server clean: what a lost client asked, what is left in a session
//   machine_pool.cc      who gets which server of a pool, and what the pool tells the ledger
//   machine_ledger.cc    at the first machine: when servers are opened, and which idle ones close
//   machine_handover.cc  a pool on several machines: who is hungry, and servers that change hands
//   machine_cancel.cc    CancelRequests of clients, and our own to PostgreSQL
//   machine_console.cc   the admin database
//   machine_settings.cc  settings, databases, users, pools, hosts; drain
//   machine_seats.cc     what spans the machines of one process: hand-over, counting, SHOW, reload
//   machine_letters.cc   what one machine has to say to another, within its credit
//
// Nothing here is visible to the shell. Pointers to objects are good until the object is erased,
// which only its Closed event does.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/slot_map.h"
#include "core/base/timers.h"
#include "core/console/command.h"
#include "core/machine.h"
#include "core/pool/ledger.h"
#include "core/pool/pool.h"
#include "core/seats/lateness.h"
#include "core/seats/message.h"
#include "core/seats/outbox.h"
#include "core/seats/rows.h"
#include "core/session/client.h"
#include "core/session/link.h"
#include "core/session/output.h"
#include "core/session/server.h"
#include "core/wire/startup.h"

namespace pgweir {

// A connection that carries one CancelRequest to a host and waits until it is closed.
struct Canceller {
  CancelHandle self;
  ServerHandle target;
  std::string request;
  Instant began_at{};
  bool sent = false;
  bool answered = false;  // PostgreSQL has closed it: the signal is delivered
  bool closing = false;
  Timers::Id timer = 0;
};

// A key derivation under way, and who waits for it.
struct Derivation {
  Ticket ticket = 0;
  CredentialId credential = no_credential;
  std::vector<std::byte> salt;  // empty: a client's verifier
  std::uint32_t iterations = 0;
  bool asked = false;  // the effect is out; at most limits::derivations_max at once
  std::vector<ClientHandle> clients;
  std::vector<ServerHandle> servers;
};

// A SHOW under way, and what the other machines have said to it.
struct Gather {
  std::uint32_t number = 0;
  ClientHandle client;  // none: it is for the log
  console::Command what{};
  std::vector<std::uint8_t> awaited;  // machines that have not answered
  Instant due{};
  std::vector<std::string> answers;
};

// What has come from another machine.
struct Inbox {
  seats::LetterNumber last = 0;
  std::uint32_t taken_count = 0;  // and not told yet
  std::uint32_t come_count = 0;   // clients and servers, and not told yet
};

class Machine::Core {
 public:
  Core(Settings settings, auth::Vault& vault, Seat seat);

  std::span<const Effect> step(Instant now, const Event& event);
  std::optional<Wake> deadline() const;
  void check_invariants() const;
  std::uint64_t fingerprint() const;
  std::string left_over() const;
  SocketId client_of(SocketId server) const;

 private:
  using Client = session::Client;
  using Server = session::Server;
  using Pool = pool::Pool;
  using Database = pool::Database;

  // machine.cc
  void on(const event::Accepted& event);
  void on(const event::AcceptFailed& event);
  void on(const event::Received& event);
  void on(const event::PeerDone& event);
  void on(const event::Hangup& event);
  void on(const event::Congested& event);
  void on(const event::Drained& event);
  void on(const event::Connected& event);
  void on(const event::ConnectFailed& event);
  void on(const event::Closed& event);
  void on(const event::Derived& event);
  void on(const event::Commanded& event);
  void on(const event::WallClock& event);
  void on(const event::Woke& event);
  void begin();
  void fire_timers();
  void fire(TimerOwner owner);
  void fire_machine();
  void note_lateness(Instant now);
  void finish_step();
  void set_accepting();
  Client& add_client(ClientHandle handle);
  void bound_unauthenticated();
  void note(NoteKind kind, Level level, SocketId socket, const Pool* pool, std::string_view text,
            std::string_view code = {});
  void check_client(const Client& client) const;
  void check_server(const Server& server) const;
  void check_pools() const;
  void check_ledger() const;

  // machine_login.cc
  void startup_bytes(Client& client, Bytes bytes);
  bool first_packet(Client& client, Bytes packet);
  void begin_login(Client& client, Bytes packet);
  void begin_authentication(Client& client);
  void authentication_bytes(Client& client, Bytes bytes);
  void sasl_answer(Client& client, Bytes body);
  void challenge(Client& client, Bytes body);
  CredentialId credential_of(std::string_view user) const;
  void verifier_derived(Client& client, CredentialId credential, bool done);
  void authenticated(Client& client);
  void admitted(Client& client);
  void refuse_place(Client& client);
  void pass_on_held(Client& client);
  bool take_parameters(Client& client);
  void take_parameter(Client& client, std::string_view name, std::string_view value);
  void settle_parameters(Client& client, const Pool& pool);
  void welcome(Client& client);
  void say_welcome(Client& client, const std::vector<std::pair<std::string, std::string>>& said);
  bool ignored(std::string_view parameter) const;
  session::CancelKey new_cancel_key(std::uint16_t minor);

  // machine_client.cc
  void client_bytes(Client& client, Bytes bytes);
  void active_bytes(Client& client, Bytes bytes);
  void idle_bytes(Client& client, Bytes bytes);
  void continue_client(Client& client);
  void released(Client& client);
  void act_on(Client& client, Server& server, session::LinkOutcome outcome);
  void fail_in_doubt(Client& client);
  void client_left(Client& client);
  void client_peer_done(Client& client);
  void end_if_done(Client& client);
  void fail_client(Client& client, const PgError& error);
  void close_client(Client& client, effect::CloseWhen when, std::string_view why);
  void leave_queues(Client& client);
  void client_closed(Client& client);
  void update_reading(Client& client);
  bool idles_with_server(const Client& client) const;
  Instant client_deadline(const Client& client) const;
  Instant active_deadline(const Client& client, const Server& server) const;
  void arm(const Client& client) { timers_.at_latest(client.timer, client_deadline(client)); }
  void client_due(Client& client);
  PgError wait_error(const Client& waiter, std::string_view setting, Duration limit) const;

  // machine_server.cc
  Server& add_server(Pool& pool, const Endpoint& endpoint);
  using StartupParameters = std::vector<std::pair<std::string, std::string>>;
  Server& open_server(Pool& pool, const seats::Open& open, StartupParameters parameters);
  void server_connected(Server& server, const event::Connected& event);
  void login_bytes(Server& server, Bytes bytes);
  void login_step(Server& server, session::ServerLogin::Next next, std::string_view answer);
  void server_derived(Server& server, bool done);
  void server_ready(Server& server);
  void end_connecting(Server& server, pool::News news);
  void learn_welcome(Server& server);
  void learn_welcome(Pool& pool, const std::vector<seats::Parameter>& told);
  void learn_welcome(Pool& pool, session::Said said);
  void login_failed(Server& server, const session::LoginFailure& failure);
  void refused_protocol(Server& server, const PgError& error);
  void server_bytes(Server& server, Bytes bytes);
  Bytes linked_bytes(Server& server, Bytes bytes);
  void after_reply(Server& server);
  bool may_leave(Client& client, Server& server);
  void settle(Server& server, Client* client);
  void part(Client& client, Server& server);
  void release(Client& client, Server& server);
  void lose_client(Client& client);
  void recover(Server& server);
  void reset_session(Server& server);
  void reset_ended(Server& server);
  void ask(Server& server, session::OwnQuery what, std::string_view query,
           session::StateEffects does);
  bool is_unchecked(const Server& server) const;
  void check(Server& server);
  void check_ended(Server& server);
  void send_connect_query(Server& server);
  bool asks_connect_query_again(Server& server);
  void connect_query_ended(Server& server);
  void note_own_error(Server& server, std::string_view query);
  void answer_due(Server& server);
  void stop_asking(Server& server);
  void stop_counting_on(Server& server);
  void make_available(Server& server);
  void server_lost(Server& server, Reason why);
  void desync(Server& server, std::string_view what);
  void close_server(Server& server, std::string_view why);
  void close_server(Server& server, std::string_view why, pool::News not_connected);
  void server_closed(Server& server);
  void update_reading(Server& server);
  Instant unused_deadline(const Server& server) const;
  void arm_unused(const Server& server) {
    timers_.at_latest(server.timer, unused_deadline(server));
  }
  Instant server_deadline(const Server& server) const;
  void arm(const Server& server) { timers_.at_latest(server.timer, server_deadline(server)); }
  void server_due(Server& server);
  session::LinkContext context(Pool& pool);

  // machine_replication.cc
  bool take_replication(Client& client, std::string_view value);
  void want_own_server(Client& client);
  const Client* next_to_replicate(const Pool& pool) const;
  void open_own_server(Pool& pool, const seats::Open& open);
  void join_own_server(Client& client, Server& server,
                       const std::vector<std::pair<std::string, std::string>>& said);
  void own_login_failed(ClientHandle handle, const PgError& error, bool waits);
  bool streams(const Client& client) const;
  bool may_be_sent_away(const Client& client) const;
  static bool has_clocks(const Server& server);
  bool may_end_stream(const Server& server) const;

  // machine_hosts.cc
  void heed_last_words(const Server& server);
  static session::HostSign said_last(const Server& server);
  void doubt(HostHandle host);
  bool is_doubted(const Server& arrived) const;
  bool is_left(const Server& arrived) const;
  bool leaves_standby(Server& server);
  bool leave_standby(HostHandle host);
  void report_sign(const Server& server, session::HostSign sign);
  void mark(pool::Host& host, session::HostSign sign, std::uint8_t from);
  void hear(std::uint8_t from, const seats::Marked& marked);

  // machine_pool.cc
  void want_server(Client& client, Bytes bytes);
  bool hopeless(const Pool& pool) const;
  void assign(Client& client, Server& server);
  void touch(Pool& pool);
  Instant waiting_since(const Pool& pool) const;
  Instant oldest_wait(const Pool& pool) const;
  void serve(Pool& pool);
  pool::Level level_of(const Pool& pool) const;
  void report(Pool& pool);
  void report(const seats::Report& report);
  void report(const pool::PoolName& name, pool::News news);
  Pool* pool_named(const pool::PoolName& name);
  void offer(Server& server, pool::Offer::Why why);
  void hear(std::uint8_t from, const seats::Open& open);
  void hear(std::uint8_t from, const seats::Decided& decided);
  void hear(std::uint8_t from, const seats::Pressed& pressed);
  void hear(std::uint8_t from, const seats::Failing& failing);
  void fail_waiters(Pool& pool, const PgError& error);

  // machine_ledger.cc
  template <class M>
  void answer(std::uint8_t machine, const M& message) {
    machine == seat_.machine ? hear(machine, message) : tell(machine, message);
  }
  pool::Account& account_of(const pool::PoolName& name);
  void refresh(pool::Account& account);
  HostHandle host_for(const DatabaseSettings& settings);
  void touch(pool::Account& account);
  void touch_waiting();
  void host_ready(const pool::Host& host);
  Instant turn_of(const pool::Account& account) const;
  void hear(std::uint8_t from, const seats::Report& report);
  void take(pool::Account& account, std::uint8_t from, const pool::News& news, bool in_force);
  void failed(pool::Account& account, pool::Host& host, const pool::News& news, bool in_force);
  void forget_failures(const pool::Host& host);
  static void begin_closing(pool::Account& account);
  static void end_closing(pool::Account& account);
  void slot_returned(pool::Account& account);
  void settle_accounts();
  void decide(const pool::Ledger::Offered& offered);
  void settle(pool::Account& account);
  void grow(pool::Account& account);
  std::optional<pool::Want> hungriest(pool::Account& account);
  bool backs_off(pool::Account& account);
  std::optional<std::uint8_t> keeper_of(const pool::Account& account) const;
  void grant(pool::Account& account, std::uint8_t machine, bool dedicated);
  enum class Room : std::uint8_t { yes, pool_full, shared_full, unresolved, later };
  Room room_for(pool::Account& account);
  bool kept_for_another(const pool::Account& account);
  Instant keep_places();
  Room host_room(const pool::Account& account);
  static bool database_full(const pool::Account& account);
  static bool user_full(const pool::Account& account);
  bool should_go(const pool::Account& account, const pool::Offer& offer);
  void tell_failures(pool::Account& account);
  void collect(pool::Account& account);
  bool resolve(pool::Host& host);
  void on(const event::Resolved& event);
  std::uint8_t jitter();

  // machine_pressure.cc
  static bool shares_full_limit(const pool::Account& starved, const pool::Account& other);
  static bool provided_for(const pool::Account& starved);
  static bool fair(const pool::Account& starved, const pool::Account& other);
  void press(const pool::Account& starved);
  void press_all(pool::Account& account, pool::Pressure pressure);
  void press(pool::Account& account, std::uint8_t machine, pool::Pressure pressure);
  static bool is_over_limit(const pool::Account& account);
  void crowd(pool::Account& account, bool crowded);
  static bool should_make_room(const pool::Account& account);
  void ease();
  void ease(pool::Account& account);
  bool should_yield(const pool::Account& account, Instant since);

  // machine_handover.cc
  // The machines from first on, round and round.
  struct Homes {
    std::uint8_t first = 0;
    std::uint8_t count = 1;
  };
  Homes homes_of(std::string_view database, std::string_view user, std::uint32_t pool_size) const;
  bool is_among(std::uint8_t machine, const Homes& homes) const;
  std::uint8_t home_for(std::string_view database, std::string_view user);
  bool is_first_home(const DatabaseSettings& line) const;
  std::vector<std::uint8_t> other_homes(const Pool& pool) const;
  void share_idle(Pool& pool);
  bool give_to_older(Pool& pool, Server& server);
  void give(Server& server, std::uint8_t to);
  void forget(Server& server);
  void on(const event::Arrived& event);

  // machine_hunger.cc
  pool::Level told_level(Pool& pool);
  pool::Hunger hunger_of(const Pool& pool) const;
  void say_hunger(Pool& pool);
  Duration hunger_interval() const;
  Duration slack() const;
  void plan_telling(Pool& pool, const pool::Hunger& hunger);
  void sign(const Pool& pool, pool::Hunger& hunger);
  void tell_hunger(Pool& pool, const pool::Hunger& hunger, bool all_know);
  void pass_on_hunger(pool::Account& account, std::uint8_t from, std::uint32_t epoch,
                      const pool::Hunger& hunger);
  void introduce(Pool& pool);
  void is_hungry(Pool& pool, std::uint8_t machine, std::uint32_t epoch, const pool::Hunger& hunger);
  static std::vector<seats::Parameter> welcome_of(const Pool& pool);
  void hear(std::uint8_t from, const seats::Hungry& hungry);
  void forget_hunger(Pool& pool);
  void hear(std::uint8_t from, const seats::Introduced& introduced);

  // machine_cancel.cc
  void note_foreign_cancel(const Client& requester);
  void cancel_requested(Client& requester, const wire::CancelRequest& request);
  void cancel_by(std::uint32_t id, Bytes secret);
  void cancel_client(Client& client);
  void cancel_waiting(Client& client);
  void start_cancel(Server& server);
  void cancel_connected(Canceller& canceller);
  void cancel_ended(Canceller& canceller);
  void cancel_due(Canceller& canceller);
  void close_cancel(Canceller& canceller);

  // machine_console.cc
  void console_welcome(Client& client);
  void console_bytes(Client& client, Bytes bytes);
  void console_message(Client& client, const session::Opening& message);
  void console_command(Client& client, std::string_view text);
  void run(Client& client, console::Command command);
  void begin_show(Client& client, console::Command what);
  void show(Client& client, console::Command what, const seats::Rows& rows);
  seats::Rows rows_of(console::Command what) const;
  std::vector<console::PoolRow> pool_rows() const;
  template <class Socket>
  console::SocketRow socket_row(const Socket& socket, const Pool* pool) const;
  std::vector<console::SocketRow> client_rows() const;
  std::vector<console::SocketRow> server_rows() const;
  std::vector<console::StatsRow> stats_rows() const;
  std::vector<console::DatabaseRow> database_rows() const;
  std::vector<console::UserRow> user_rows() const;
  void show_config(std::string& out) const;
  void answer_reload(ClientHandle asker, const PgError* error);
  console::Role role_of(std::string_view user) const;

  // machine_settings.cc
  Database* find_or_make_database(std::string_view name);
  pool::User& user_named(std::string_view name);
  Pool& pool_for(Database& database, std::string_view client_user);
  Pool& make_pool(const pool::PoolName& name);
  static StartupParameters beginning_of(const DatabaseSettings& database);
  void refresh(Pool& pool);
  void apply(Settings settings);
  void apply_to(Database& database, const DatabaseSettings* settings);
  void retire_servers(Database& database);
  bool is_anybodys(const Pool& pool) const;
  void collect(Pool& pool);
  void database_unused(Database& database);
  void drain();
  void drain_client(Client& client);
  static bool wanted(const Pool& pool);
  void retire(Pool& pool);
  void take_back(Pool& pool);
  void exit_if_drained();
  void stop(int status);
  void stats_due();
  void log_stats(const seats::Rows& rows, std::string_view missing);
  Derivation& derivation(CredentialId credential, Bytes salt, std::uint32_t iterations);
  void start_derivations();

  // machine_seats.cc
  void on(const event::Adopted& event);
  void on(const event::Reconfigured& event);
  void on(const event::Refused& event);
  void hear(std::uint8_t from, const seats::Admit& asked);
  void hear(std::uint8_t from, const seats::Admitted& answer);
  void hear(std::uint8_t from, const seats::Left& left);
  void hear(std::uint8_t from, const seats::HandedOver& handed_over);
  void hear(std::uint8_t from, const seats::Cancel& cancel);
  void hear(std::uint8_t from, const seats::Cancelled& answer);
  void hear(std::uint8_t from, const seats::Ask& asked);
  void hear(std::uint8_t from, const seats::Answer& answer);
  void hear(std::uint8_t from, const seats::Reload& reload);
  void hear(std::uint8_t from, const seats::Reloaded& answer);
  void hear(std::uint8_t from, const seats::Applied& applied);
  void hear(std::uint8_t from, const seats::Drain& drain);
  void hear(std::uint8_t from, const seats::Drained& drained);
  bool spread(Client& client);
  void send_home(Client& client, std::uint8_t home, Bytes packet);
  void hand_over(Client& client, std::uint8_t to, seats::LetterNumber number);
  bool take_place(bool admin);
  bool take_early_place();
  void give_up_place(Client& client);
  void came(std::uint8_t from);
  void tell_who_came(std::uint8_t from);
  bool pass_on_cancel(Client& requester, const wire::CancelRequest& request);
  void withdraw_cancel(const Client& requester);
  void gather(ClientHandle client, console::Command what);
  void end_gathers();
  void finish_gather(std::size_t place);
  static std::string who_is_missing(const Gather& gather);
  void reload();
  void end_reload_if_applied();
  void end_reload(const PgError* error);

  // machine_letters.cc
  void tell(std::uint8_t to, const seats::Message& message);
  void tell_others(const seats::Message& message);
  void send(std::uint8_t to, std::string_view letter);
  void on(const event::Told& event);
  void take_letter(std::uint8_t from, seats::LetterNumber number);
  void others_took(std::uint8_t machine);
  void check_outboxes() const;

  Settings settings_;
  auth::Vault& vault_;
  Seat seat_;
  Instant now_{};
  Duration wall_offset_{};
  bool begun_ = false;
  bool draining_ = false;
  bool exited_ = false;
  effect::Accept accepting_ = effect::Accept::paused;
  Instant accept_again_at_ = never;  // after AcceptFailed
  Instant stats_at_ = never;
  Instant period_began_{};
  Duration last_period_{};  // how long the last whole one was

  session::Output out_;
  Timers timers_;
  Timers::Id timer_ = 0;
  session::Values values_;
  session::Statements statements_;  // of all clients here
  pool::ClientTable clients_;
  SlotMap<Server, ServerHandle> servers_;
  SlotMap<Canceller, CancelHandle> cancellers_;
  SlotMap<Pool, PoolHandle> pools_;
  pool::Ledger ledger_;  // at the first machine
  struct Mark {
    Instant doubted_at{};     // last
    Instant left_at = never;  // because it is a standby, last
  };
  std::map<HostHandle, Mark> marks_;  // as this machine knows them
  std::map<std::string, Database, std::less<>> databases_;
  std::map<std::string, pool::User, std::less<>> users_;
  std::map<std::pair<std::string, std::string>, PoolHandle>
      pool_index_;                                     // (database, user), not retired
  std::map<std::uint32_t, ClientHandle> cancel_keys_;  // by their ids
  std::map<Ticket, HostHandle> resolutions_;
  std::vector<Derivation> derivations_;
  pool::WaitQueue unauthenticated_;
  std::vector<ClientHandle> reloading_;  // console clients that asked for RELOAD, in order
  bool reload_pending_ = false;          // LoadSettings is out
  bool reload_again_ = false;
  std::uint32_t epoch_ = 0;                  // how often there were new settings
  std::uint32_t reload_ended_ = 0;           // seat 0: the epoch that all machines go by
  std::vector<std::uint32_t> applied_;       // seat 0: the epoch that each machine goes by
  std::vector<std::uint8_t> reload_askers_;  // seat 0: machines, once for each RELOAD
  std::vector<seats::Outbox> outboxes_;      // by machine; one's own is not used
  std::vector<Inbox> inboxes_;
  seats::Lateness lateness_;
  std::set<ClientHandle> leaving_;  // those that wait in an outbox, for credit to go home
  std::vector<Gather> gathers_;
  std::uint32_t last_gather_ = 0;
  std::uint8_t next_seat_ = 1;           // seat 0: of those with as few clients
  std::vector<std::uint32_t> spread_;    // seat 0: clients handed over to each, that have not gone
  std::uint32_t places_taken_ = 0;       // seat 0: of max_client_conn, by all machines
  seats::Left left_;                     // others: in this step
  std::uint64_t hunger_count_ = 0;       // how often hunger was told
  std::uint8_t next_home_ = 0;           // whose turn it is, of those where a pool lives
  std::uint32_t handed_over_count_ = 0;  // clients and servers on their way to other machines
  std::uint32_t drained_count_ = 0;      // seat 0: other machines where nobody is left
  std::vector<PoolHandle> dirty_;
  std::uint32_t logged_in_count_ = 0;  // here, console clients included
  std::uint32_t console_count_ = 0;    // of those
  std::uint64_t half_message_lost_total_ = 0;
  std::uint64_t foreign_cancels_total_ = 0;
  std::uint64_t foreign_cancels_noted_ = 0;
  Instant foreign_cancels_note_at_{};  // not before that again
  std::uint64_t protocol_desync_total_ = 0;
  Ticket last_ticket_ = 0;
};

}  // namespace pgweir
