// What the machines of one process say to each other, and how it becomes bytes: a tag, then the
// fields in order. Both ends are the same program, so what cannot be read is a bug of ours and
// ends the process.
//
// Order is kept between two machines and not beyond. Each message is bounded by what it is about: a
// client's way in (Admit, Admitted, HandedOver, Cancel, Cancelled), a step in which clients left
// (Left), a console command (Ask, Answer, Reload, Reloaded), a reload (Applied), the end (Drain,
// Drained).
#pragma once

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

namespace pgweir::seats {

// To seat 0, which counts the clients of all machines: may one more be let in?
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
// To seat 0: so many of those that were let in have gone.
struct Left {
  std::uint32_t count = 0;
  bool operator==(const Left&) const = default;
};
// A client that was handed over has come, and is the other machine's to answer for.
struct HandedOver {
  bool operator==(const HandedOver&) const = default;
};
// A CancelRequest for a client of that machine. Who brought it is kept until it has been seen to:
// what its client asks after that is not what was meant.
struct Cancel {
  ClientHandle requester;
  std::uint64_t key = 0;
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

using Message = std::variant<Admit, Admitted, Left, HandedOver, Cancel, Cancelled, Ask, Answer,
                             Reload, Reloaded, Applied, Drain, Drained>;

// What a machine knows of a client that it hands over: its way in, up to its startup packet.
struct ClientParcel {
  Endpoint peer;  // without their paths
  Endpoint local;
  std::optional<std::uint32_t> uid;
  Instant connected_at{};
  Bytes held;  // what it has said that is not answered
};

// Views in what is read are of the bytes.
std::string write(const Message& message);
Message read(Bytes bytes);
std::string write(const ClientParcel& parcel);
ClientParcel read_parcel(Bytes bytes);

// "Admit": for people.
std::string_view name_of(Bytes message);

}  // namespace pgweir::seats
