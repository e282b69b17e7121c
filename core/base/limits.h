// Every bound that is not a setting: its unit, its reason, and what the user sees when it is hit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace pgweir::limits {

using namespace std::chrono_literals;

// Bytes. A startup packet, as PostgreSQL's MAX_STARTUP_PACKET_LENGTH: longer ones are dropped.
inline constexpr std::uint32_t startup_packet_size_max = 10000;
// Settings that a startup packet may ask for: 54000 above it. What is set and taken back in one
// query is twice that at most, and PostgreSQL has room for 1,664 columns.
inline constexpr std::size_t startup_settings_max = 200;
// Bytes. What a client may say while it logs in (SASL, password): PostgreSQL's limit. Dropped.
inline constexpr std::uint32_t auth_message_size_max = 65535;
// Bytes. A SCRAM message of either side, PostgreSQL's SCRAM limit is 1,024: 08P01 to a client; a
// server that sends more is closed and its pool backs off.
inline constexpr std::uint32_t scram_message_size_max = 4096;
// PBKDF2 rounds a server may ask for (a million cost 0.4 s of a core): more, and its login fails.
inline constexpr std::uint32_t scram_iterations_max = 1'000'000;
// Bytes. A message of a server that must be read whole (login, ParameterStatus): desync above it.
inline constexpr std::uint32_t server_message_size_max = 65536;
// ParameterStatus messages of one login (PostgreSQL 18 sends 15): the login fails above it.
inline constexpr std::size_t server_parameters_max = 128;
// Bytes. Any message either way, PostgreSQL's own limit: FATAL 08P01 to a client, desync of a
// server.
inline constexpr std::uint32_t message_size_max = 0x3fffffff;
// Bytes of a Parse that gives its statement a name, which must be read whole: 54000 above it.
inline constexpr std::uint32_t statement_size_max = 4u << 20;
// Bytes of a query's text that is looked into for what it does to its session, and so read whole:
// what is longer passes as it comes, and its server is reset before anybody else gets it.
inline constexpr std::uint32_t looked_into_size_max = 64 * 1024;
// Bytes of a batch that may be asked once more.
inline constexpr std::size_t unanswered_batch_size_max = 64 * 1024;
// Pieces of state (settings, channels, …) of one session that are known by name: with more, it is
// only known that there are some.
inline constexpr std::size_t session_state_max = 64;
// Bytes of a setting's value that follows its client to other servers: a longer one keeps its
// server as other state of the session does. As many settings follow as a startup packet may ask
// for.
inline constexpr std::size_t followed_value_size_max = 1024;
// Bytes that the names of one client and what they stand for may take: 54000 for one more.
inline constexpr std::size_t client_statements_size_max = 64u << 20;
// Bytes of an unnamed Parse that is kept for when its client has another server: a longer one is
// gone with its transaction, and 26000 says so. And of all those before it that may yet come back,
// because what followed them is not answered.
inline constexpr std::uint32_t unnamed_statement_size_max = 4u << 20;
// Bytes of the names at the start of Parse, Bind and Describe that are looked at: a longer one is
// no unnamed statement, and the server judges it.
inline constexpr std::uint32_t name_size_max = 1024;
// Bytes of an ErrorResponse that are looked at for its severity and SQLSTATE.
inline constexpr std::uint32_t error_prefix_size = 128;

// Bytes the shell reads at once from a client that has no server, and what such a client may keep.
inline constexpr std::size_t client_read_size = 4096;
// Bytes of the loop's read buffer: what a server's socket is read by.
inline constexpr std::size_t read_buffer_size = 64 * 1024;
// Replies one server may owe, those that are made up among them, before its client is not read any
// more.
inline constexpr std::size_t owed_replies_max = 10'000;

// Sockets not yet logged in, of each machine; one more closes the oldest of them (53300): a flood
// of half-open logins cannot keep a working client out.
inline constexpr std::uint32_t clients_unauthenticated_max = 2000;
// Slots beyond max_client_conn that only admin_users get.
inline constexpr std::uint32_t admin_client_slots = 5;
// Bytes. A console command: FATAL 54000 above it.
inline constexpr std::size_t console_command_size_max = 65536;
// Console commands answered in one step: a client that sends more at once is told 54000, because
// each may be answered with a row for every socket.
inline constexpr std::size_t console_commands_at_once_max = 8;

// A pool lives on one machine for every so many servers it may have: with fewer, most of them would
// be on their way to another.
inline constexpr std::uint32_t servers_a_machine = 4;
// What is not told or given away before handover_slack is over waits for as long as the loop is
// late, where that is longer, but for no longer than this; and for how long it is remembered.
inline constexpr Duration lateness_max = 10ms;
inline constexpr Duration lateness_remembered = 100ms;
// How many machines are told at once that clients wait for servers of their pool, at first; and how
// soon some are told again, whatever handover_slack is.
inline constexpr std::uint32_t hunger_reach_min = 3;
inline constexpr Duration hunger_interval_min = 1ms;
// Rounds in which the pools of a machine and the ledger answer each other in one step: as many as
// servers may be closed for others at once, and more is a bug.
inline constexpr std::uint32_t step_rounds_max = 100'000;
// How long at once a place under one limit is kept for a pool that waits for one under another too.
inline constexpr Duration place_kept_max = 1s;
// Connection attempts under way at once to one host, and how many it may see begin a second.
inline constexpr std::uint32_t host_connecting_max = 16;
inline constexpr std::uint32_t host_connects_per_second = 200;
// How often at least a host may be left because it is a standby, or be said to be marked, where
// server_login_retry is shorter.
inline constexpr Duration host_mark_min = 1s;
// The first pause after a failed attempt; doubles up to server_login_retry, with jitter.
inline constexpr Duration login_retry_first = 100ms;
// Letters from one machine to another that it has not said to have taken: what else there is waits
// with who has it to say, levels of one thing as one. A machine says so once for half of them.
inline constexpr std::uint32_t letters_under_way_max = 32;
inline constexpr std::uint32_t letters_taken_at_once = letters_under_way_max / 2;
// Those that say so go beside the others: as many as there may be halves.
inline constexpr std::uint32_t letters_of_a_pair_max =
    letters_under_way_max + letters_under_way_max / letters_taken_at_once;
// How often a machine notes that cancels of other replicas' clients came to it: with how many.
inline constexpr Duration foreign_cancels_noted_every = 1min;
// How long other machines may take to answer a SHOW: then what they have is not shown.
inline constexpr Duration gather_wait = 5s;
// Key derivations at once: they share the shell's threads with DNS.
inline constexpr std::uint32_t derivations_max = 2;
// Accepting pauses this long after EMFILE.
inline constexpr Duration accept_pause = 100ms;

// Bytes of a settings file with all it includes, or of an auth file: an error, the old settings
// stay.
inline constexpr std::size_t settings_file_size_max = 64u << 20;
// Bytes of a line of them: holds the longest secret twice over. An error that names the line.
inline constexpr std::size_t settings_line_size_max = 256 * 1024;
// %include: how deep, and how many files in all, so that no small file costs unbounded time.
inline constexpr std::size_t include_depth_max = 8;
inline constexpr std::size_t include_files_max = 256;
// Problems of each kind that are listed; the rest is counted.
inline constexpr std::size_t settings_problems_max = 1000;
// Bytes of a database's or user's name, as PgBouncer; a secret, as PgBouncer (IAM tokens are long).
inline constexpr std::size_t settings_name_size_max = 127;
inline constexpr std::size_t secret_size_max = 65531;

// How long a closing socket may take to send its last bytes.
inline constexpr Duration close_linger = 1s;
// How long a lost client's query may still end by itself before it is cancelled.
inline constexpr Duration recovery_grace = 50ms;
// What a server may take to become clean after its client was lost, or to take what is unsent when
// its client's transaction is over: time, and bytes drained.
inline constexpr Duration recovery_wait = 5s;
inline constexpr std::uint64_t recovery_bytes_max = 16u << 20;
// How long a client that closed its sending side may wait for its answer: most that do so are gone.
inline constexpr Duration half_closed_wait = 3s;

static_assert(letters_under_way_max % letters_taken_at_once == 0);
static_assert(recovery_grace < recovery_wait);
static_assert(name_size_max + 64 <= client_read_size, "names fit a client's held bytes");
static_assert(startup_packet_size_max <= read_buffer_size);
static_assert(error_prefix_size <= server_message_size_max);

}  // namespace pgweir::limits
