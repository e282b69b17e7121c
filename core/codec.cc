#include "core/codec.h"

#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace pgweir {

namespace {

// Every struct is taken apart with a structured binding: a field added to it and forgotten here
// does not compile.
class Encoder {
 public:
  explicit Encoder(ByteSink& sink) : sink_(sink) {}

  template <class... Fields>
  void all(const Fields&... fields) {
    (put(fields), ...);
  }
  void flush() {
    sink_.add(Bytes(held_).first(held_size_));
    held_size_ = 0;
  }

  template <class T>
    requires(std::integral<T> || std::is_enum_v<T>)
  void put(T value) {
    auto bits = static_cast<std::uint64_t>(value);
    std::array<std::byte, sizeof(T)> little_endian;
    for (std::byte& byte : little_endian) {
      byte = static_cast<std::byte>(bits & 0xff);
      bits >>= 8;
    }
    if (held_.size() - held_size_ < sizeof(T)) flush();
    hold(little_endian);
  }
  void put(Duration duration) { put(std::int64_t{duration.count()}); }
  void put(Bytes bytes) {
    put(static_cast<std::uint32_t>(bytes.size()));
    if (held_.size() - held_size_ < bytes.size()) {
      flush();
      if (bytes.size() > held_.size()) return sink_.add(bytes);
    }
    hold(bytes);
  }
  void put(std::string_view text) { put(bytes_of(text)); }
  void put(const std::string& text) { put(bytes_of(text)); }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put(item);
  }
  template <class Tag>
  void put(Handle<Tag> handle) {
    all(handle.slot, handle.generation);
  }

  void put(const SocketId& socket) {
    const auto& [kind, slot, generation] = socket;
    all(kind, slot, generation);
  }
  void put(const Endpoint& endpoint) {
    const auto& [family, port, address, path] = endpoint;
    all(family, port, Bytes(std::as_bytes(std::span(address))), path);
  }
  void put(const DatabaseSettings& database) {
    const auto& [name, host, port, dbname, user, credential, pool_size, min_pool_size,
                 reserve_pool_size, max_db_connections, pool_mode, session_state, client_encoding,
                 datestyle, timezone, application_name, connect_query] = database;
    all(name, host, port, dbname, user, credential, pool_size, min_pool_size, reserve_pool_size,
        max_db_connections, pool_mode, session_state, client_encoding, datestyle, timezone,
        application_name, connect_query);
  }
  void put(const UserSettings& user) {
    const auto& [name, credential, pool_size, pool_mode, max_user_connections] = user;
    all(name, credential, pool_size, pool_mode, max_user_connections);
  }
  void put(const Settings& settings);

  void put(const event::Accepted& e) {
    const auto& [client, peer, local, uid] = e;
    all(client, peer, local, uid);
  }
  void put(const event::AcceptFailed& e) {
    const auto& [why] = e;
    all(why);
  }
  void put(const event::Received& e) {
    const auto& [socket, bytes] = e;
    all(socket, bytes);
  }
  void put(const event::PeerDone& e) { put_socket(e); }
  void put(const event::Hangup& e) { put_end(e); }
  void put(const event::Congested& e) { put_socket(e); }
  void put(const event::Drained& e) { put_socket(e); }
  void put(const event::Connected& e) {
    const auto& [socket, local] = e;
    all(socket, local);
  }
  void put(const event::ConnectFailed& e) { put_end(e); }
  void put(const event::Closed& e) { put_end(e); }
  void put(const event::Adopted& e) {
    const auto& [client, from, parcel] = e;
    all(client, from, parcel);
  }
  void put(const event::Arrived& e) {
    const auto& [from, parcel] = e;
    all(from, parcel);
  }
  void put(const event::Told& e) {
    const auto& [from, message] = e;
    all(from, message);
  }
  void put(const event::Resolved& e) {
    const auto& [ticket, addresses, why] = e;
    put(ticket);
    put(static_cast<std::uint32_t>(addresses.size()));
    for (const Endpoint& address : addresses) put(address);
    put(why);
  }
  void put(const event::Derived& e) {
    const auto& [ticket, done] = e;
    all(ticket, done);
  }
  void put(const event::Reconfigured& e) {
    const auto& [settings] = e;
    all(settings);
  }
  void put(const event::Refused& e) {
    const auto& [why] = e;
    all(why);
  }
  void put(const event::Commanded& e) {
    const auto& [command] = e;
    all(command);
  }
  void put(const event::WallClock& e) {
    const auto& [offset] = e;
    all(offset);
  }
  void put(const event::Woke&) {}

  void put(const effect::Send& e) {
    const auto& [socket, bytes] = e;
    all(socket, bytes);
  }
  void put(const effect::StopReading& e) { put_socket(e); }
  void put(const effect::ResumeReading& e) { put_socket(e); }
  void put(const effect::ReadSize& e) {
    const auto& [socket, large] = e;
    all(socket, large);
  }
  void put(const effect::Accepting& e) {
    const auto& [how] = e;
    all(how);
  }
  void put(const effect::Close& e) { put_end(e); }
  void put(const effect::Connect& e) {
    const auto& [socket, to] = e;
    all(socket, to);
  }
  void put(const effect::HandOver& e) {
    const auto& [socket, to, parcel] = e;
    all(socket, to, parcel);
  }
  void put(const effect::Take& e) { put_socket(e); }
  void put(const effect::Tell& e) {
    const auto& [to, message] = e;
    all(to, message);
  }
  void put(const effect::Resolve& e) {
    const auto& [ticket, host, port] = e;
    all(ticket, host, port);
  }
  void put(const effect::Derive& e) {
    const auto& [ticket, credential, salt, iterations] = e;
    all(ticket, credential, salt, iterations);
  }
  void put(const effect::LoadSettings&) {}
  void put(const Note& note) {
    const auto& [kind, level, socket, database, user, text, sqlstate, peer, value] = note;
    all(kind, level, socket, database, user, text, sqlstate, peer, value);
  }
  void put(const effect::Exit& e) {
    const auto& [status] = e;
    all(status);
  }

 private:
  // Requires: there is room.
  void hold(Bytes bytes) {
    if (bytes.empty()) return;
    std::memcpy(held_.data() + held_size_, bytes.data(), bytes.size());
    held_size_ += bytes.size();
  }
  // For structs of a socket and nothing else.
  template <class T>
  void put_socket(const T& value) {
    const auto& [socket] = value;
    all(socket);
  }
  // For structs of a socket and how or why it ends.
  template <class T>
  void put_end(const T& value) {
    const auto& [socket, how] = value;
    all(socket, how);
  }

  ByteSink& sink_;
  std::array<std::byte, 128> held_;  // what is short goes out with what is around it
  std::size_t held_size_ = 0;
};

void Encoder::put(const Settings& settings) {
  const auto& [listen_addr, listen_port, listen_backlog, unix_socket_dir, unix_socket_mode,
               machines, auth_type, auth_file, admin_users, stats_users, ignore_startup_parameters,
               server_cleartext_password, pool_mode, max_client_conn, default_pool_size,
               min_pool_size, reserve_pool_size, reserve_pool_timeout, max_db_connections,
               max_prepared_statements, retry_prepared_statements, max_user_connections,
               session_state, max_pinned, server_reset_query, server_reset_query_always,
               server_check_query, server_check_delay, client_login_timeout, query_wait_timeout,
               query_timeout, client_idle_timeout, idle_transaction_timeout, transaction_timeout,
               server_connect_timeout, server_idle_timeout, autodb_idle_timeout, server_lifetime,
               server_login_retry, cancel_wait_timeout, dns_max_ttl, handover_slack, stats_period,
               tcp_keepalive, tcp_keepidle, tcp_keepintvl, tcp_keepcnt, tcp_user_timeout, logfile,
               log_connections, log_disconnections, log_pooler_errors, log_stats, verbose,
               databases, users] = settings;
  all(listen_addr, listen_port, listen_backlog, unix_socket_dir, unix_socket_mode, machines,
      auth_type, auth_file, admin_users, stats_users, ignore_startup_parameters,
      server_cleartext_password, pool_mode, max_client_conn, default_pool_size, min_pool_size,
      reserve_pool_size, reserve_pool_timeout, max_db_connections, max_prepared_statements,
      retry_prepared_statements, max_user_connections, session_state, max_pinned,
      server_reset_query, server_reset_query_always, server_check_query, server_check_delay,
      client_login_timeout, query_wait_timeout, query_timeout, client_idle_timeout,
      idle_transaction_timeout, transaction_timeout, server_connect_timeout, server_idle_timeout,
      autodb_idle_timeout, server_lifetime, server_login_retry, cancel_wait_timeout, dns_max_ttl,
      handover_slack, stats_period, tcp_keepalive, tcp_keepidle, tcp_keepintvl, tcp_keepcnt,
      tcp_user_timeout, logfile, log_connections, log_disconnections, log_pooler_errors, log_stats,
      verbose, databases, users);
}

template <class Variant>
void encode_variant(const Variant& value, ByteSink& sink) {
  static_assert(std::variant_size_v<Variant> < 256);
  Encoder encoder(sink);
  encoder.put(static_cast<std::uint8_t>(value.index()));
  std::visit([&](const auto& alternative) { encoder.put(alternative); }, value);
  encoder.flush();
}

}  // namespace

void encode(const Event& event, ByteSink& sink) { encode_variant(event, sink); }
void encode(const Effect& effect, ByteSink& sink) { encode_variant(effect, sink); }

}  // namespace pgweir
