// What the machines of one process say to each other, and how it becomes bytes: a tag, then the
// fields in order. Both ends are the same program, so what cannot be read is a bug of ours and
// ends the process.
//
// Order is kept between two machines and not beyond. So many letters are under way between two as
// there are credits (limits::letters_under_way_max); what there is to say beyond that waits at who
// says it (seats/outbox.h), and what waits is bounded too:
//  - levels, of which only the newest waits: for each pool one Report (two while Applied waits: of
//    one before and of one after it), one Failing, one Introduced, one Hungry for each machine that
//    is hungry, and one Pressed behind the last Decided; one Left and one HandedOver, with the
//    sums; for each host one Marked of each sign. A Report keeps all the news and offers of those
//    it stands for;
//  - for a server: four News at most in a Report (it logged in or did not, what it said of its
//    host, closes, is closed; its grant comes back only when that is heard), one Offer and one
//    Decided. Nothing is granted without credit: an Open never waits;
//  - for a client: one hand-over; one Admit, one Admitted; one Cancel for who brings it
//    (none once he has gone), one Cancelled. A server that is handed over never waits: without
//    credit it is not given away;
//  - for a console command under way: one Ask (none once it is over), one Answer, one Reload, one
//    Reloaded; for a reload: one Applied, as the next is not loaded before that is heard;
//  - for the process: one Drain, one Drained.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/console/command.h"
#include "core/event.h"
#include "core/pool/report.h"
#include "core/session/parameters.h"
#include "core/session/statements.h"

namespace pgweir::seats {

// To seat 0, which counts the clients of all machines: may one more be let in? Not asked for those
// that have a place already: seat 0 gives it along with them while there are many.
struct Admit {
  ClientHandle client;
  bool admin = false;  // may have one of the slots beyond max_client_conn
  bool operator==(const Admit&) const = default;
};
struct Admitted {
  ClientHandle client;
  bool admitted = false;
  bool operator==(const Admitted&) const = default;
};
// To seat 0: so many of the clients it has handed over here have gone, and so many places.
struct Left {
  std::uint32_t clients = 0;
  std::uint32_t places = 0;
  bool operator==(const Left&) const = default;
};
// So many letters have been taken (limits::letters_taken_at_once), and may be under way again. It
// goes beside the others: it needs no credit, has no number, and is not answered.
struct Taken {
  bool operator==(const Taken&) const = default;
};
// So many clients and servers that were handed over have come, and are the other machine's to
// answer for. Only who wants to end waits for it: it is told now and then, and at once where all
// end.
struct HandedOver {
  std::uint32_t count = 0;
  bool operator==(const HandedOver&) const = default;
};
// A CancelRequest for a client of that machine. Who brought it is kept until it has been seen to:
// what its client asks after that is not what was meant.
struct Cancel {
  ClientHandle requester;
  std::uint32_t id = 0;
  std::string_view secret;
  bool operator==(const Cancel&) const = default;
};
struct Cancelled {
  ClientHandle requester;
  bool operator==(const Cancelled&) const = default;
};
// What that machine has to say to a SHOW.
struct Ask {
  std::uint32_t gather = 0;
  console::Command what{};
  bool operator==(const Ask&) const = default;
};
struct Answer {
  std::uint32_t gather = 0;
  std::string_view rows;  // seats::write_rows
  bool operator==(const Answer&) const = default;
};
// To seat 0, which has the settings loaded; answered by one Reloaded each. problem: none, all
// machines go by the new ones.
struct Reload {
  bool operator==(const Reload&) const = default;
};
struct Reloaded {
  std::optional<std::string_view> problem;
  bool operator==(const Reloaded&) const = default;
};
// To seat 0: this machine goes by the settings of that reload, counted from the start.
struct Applied {
  std::uint32_t epoch = 0;
  bool operator==(const Applied&) const = default;
};
// From seat 0, once; answered by Drained when nobody is left.
struct Drain {
  bool operator==(const Drain&) const = default;
};
struct Drained {
  bool operator==(const Drained&) const = default;
};

struct Parameter {
  std::string_view name;
  std::string_view value;
  bool operator==(const Parameter&) const = default;
};
// To seat 0, which keeps the ledger of server openings: what a pool of this machine has and wants
// now, and what happened to its servers in this step. gone: the machine has no such pool any more.
// anew: it is the first of a pool, which has not heard what was told to one of that name before.
struct Report {
  pool::PoolName pool;
  std::uint32_t epoch = 0;
  bool gone = false;
  pool::Level level;
  pool::Hunger hunger;  // as it is told where the pool lives
  std::vector<pool::News> news;
  std::vector<pool::Offer> offers;
  bool anew = false;
  bool operator==(const Report&) const = default;
};
// A server may be opened. One of an older epoch than the machine's is void, and told as unused.
struct Open {
  pool::PoolName pool;
  std::uint32_t epoch = 0;
  HostHandle host;
  Endpoint endpoint;
  bool dedicated = false;  // to one client, which replicates
  bool operator==(const Open&) const = default;
};
// To one that an Offer was about: it is closed, or goes on. Of one that was kept, the pressure that
// it was offered for is over.
struct Decided {
  pool::PoolName pool;
  pool::Offer offer;
  bool close = false;
  bool operator==(const Decided&) const = default;
};
struct Pressed {
  pool::PoolName pool;
  pool::Pressure pressure;
  bool operator==(const Pressed&) const = default;
};
// Why the pool gets no server; none: it can again. hopeless: who waits is told now.
struct Failing {
  pool::PoolName pool;
  std::optional<pool::News::Why> why;
  Instant retry_at{};
  bool hopeless = false;
  bool operator==(const Failing&) const = default;
};

// Servers of that host, at another machine, have said this of it.
struct Marked {
  HostHandle host;
  session::HostSign sign{};
  bool operator==(const Marked&) const = default;
};

// To the machines where the pool lives: clients wait, and there is nothing to give them here. Said
// at most once per handover_slack, and when it is over. Seat 0 passes it on to machines where the
// pool has lived by the settings of a reload ago. One of an older epoch than the machine's that
// hears it is an end: it is said again.
struct Hungry {
  pool::PoolName pool;
  std::uint8_t machine = 0;  // that is
  std::uint32_t epoch = 0;   // by which it has said so
  pool::Hunger hunger;
  bool operator==(const Hungry&) const = default;
};
// What such servers say of themselves. One of an older epoch than the machine's is void.
struct Introduced {
  pool::PoolName pool;
  std::uint32_t epoch = 0;
  std::vector<Parameter> welcome;
  bool operator==(const Introduced&) const = default;
};

using Message = std::variant<Admit, Admitted, Left, HandedOver, Cancel, Cancelled, Ask, Answer,
                             Reload, Reloaded, Applied, Drain, Drained, Report, Open, Decided,
                             Pressed, Failing, Hungry, Introduced, Taken, Marked>;

// Of the letters from one machine to another, in the order they were said: 1 and up. Some are
// missing: they became needless while they waited.
using LetterNumber = std::uint64_t;

// What a machine knows of a client that it hands over: its way in, up to its startup packet.
struct ClientParcel {
  LetterNumber number = 0;
  Endpoint peer;  // without their paths
  Endpoint local;
  std::optional<std::uint32_t> uid;
  Instant connected_at{};
  bool has_place = false;
  Bytes held;  // what it has said that is not answered
};

// What a machine knows of a server that it hands over: it is idle and clean, so it owes nothing.
// One of an older epoch than the machine's that gets it is closed. Some KiB; what bounds it is
// max_prepared_statements (25 bytes each), the settings that follow clients (as many as fit a
// startup packet, limits::followed_value_size_max each) and what a login may say.
struct ServerParcel {
  LetterNumber number = 0;
  pool::PoolName pool;
  std::uint32_t epoch = 0;
  HostHandle host;
  bool standby = false;
  bool doubted = false;
  session::HostSign sign{};  // where it has said nothing since
  Endpoint endpoint;
  Endpoint local;  // without its path
  std::uint32_t backend_pid = 0;
  Bytes backend_secret;
  Instant connected_at{};
  Instant expires_at = never;
  Instant heard_at{};
  Instant checked_at{};
  Instant idle_since{};
  std::uint64_t assignments = 0;
  pool::Hunger hunger;  // that of the machine it comes from, which may be known as it was before
  std::array<std::optional<std::string_view>, session::tracked_count> parameters{};
  std::string_view settings;  // StartupSettings::text, with those that follow a client
  // Prepared, the one used last at the end.
  std::vector<session::ServerStatements::Listed> statements;
  std::vector<Parameter> welcome;  // what the pool's servers say at a login
};

// Views in what is read are of the bytes.
std::string write(const Message& message, LetterNumber number);
Message read(Bytes letter);
std::string write(const ClientParcel& parcel);
std::string write(const ServerParcel& parcel);
ClientParcel read_client(Bytes bytes);
ServerParcel read_server(Bytes bytes);

// Of a message or a parcel.
LetterNumber number_of(Bytes letter);
// "Admit": for people.
std::string_view name_of(Bytes letter);

}  // namespace pgweir::seats
