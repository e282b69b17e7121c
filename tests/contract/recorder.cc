#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/text.h"
#include "tests/contract/world.h"

namespace pgweir::contract {

namespace {

std::string word_of(Reason why) {
  switch (why) {
    case Reason::none: return "";
    case Reason::refused: return " refused";
    case Reason::unreachable: return " unreachable";
    case Reason::timed_out: return " timed out";
    case Reason::reset: return " reset";
    case Reason::out_of_descriptors: return " out of descriptors";
    case Reason::name_unknown: return " name unknown";
    case Reason::name_failed: return " name failed";
    case Reason::other: return " other";
  }
  return "";
}

struct Describe {
  std::string operator()(const event::Accepted& e) const {
    return "accepted " + name_of(socket_of(e.client));
  }
  std::string operator()(const event::AcceptFailed& e) const {
    return "accept failed" + word_of(e.why);
  }
  std::string operator()(const event::Received& e) const { return "received " + name_of(e.socket); }
  std::string operator()(const event::PeerDone& e) const {
    return "peer done " + name_of(e.socket);
  }
  std::string operator()(const event::Hangup& e) const { return "hangup " + name_of(e.socket); }
  std::string operator()(const event::Congested& e) const {
    return "congested " + name_of(e.socket);
  }
  std::string operator()(const event::Drained& e) const { return "drained " + name_of(e.socket); }
  std::string operator()(const event::Connected& e) const {
    return "connected " + name_of(e.socket);
  }
  std::string operator()(const event::ConnectFailed& e) const {
    return "connect failed " + name_of(e.socket) + word_of(e.why);
  }
  std::string operator()(const event::Closed& e) const { return "closed " + name_of(e.socket); }
  std::string operator()(const event::Adopted& e) const {
    return join("adopted from ", e.from, ": ", text_of(e.parcel));
  }
  std::string operator()(const event::Arrived& e) const {
    return join("arrived from ", e.from, ": ", text_of(e.parcel));
  }
  std::string operator()(const event::Told& e) const {
    return join("told by ", e.from, ": ", text_of(e.message));
  }
  std::string operator()(const event::Resolved& e) const {
    return join("resolved ", e.ticket, word_of(e.why));
  }
  std::string operator()(const event::Derived& e) const {
    return join("derived ", e.ticket, e.done ? "" : " not");
  }
  std::string operator()(const event::Reconfigured&) const { return "reconfigured"; }
  std::string operator()(const event::Refused&) const { return "refused"; }
  std::string operator()(const event::Commanded&) const { return "commanded"; }
  std::string operator()(const event::WallClock&) const { return "wall clock"; }
  std::string operator()(const event::Woke&) const { return "woke"; }
};

}  // namespace

std::string name_of(SocketId id) {
  const char* kind = id.kind == SocketKind::client   ? "c"
                     : id.kind == SocketKind::server ? "s"
                                                     : "k";
  return join(kind, id.slot, ".", id.generation);
}

std::span<const Effect> Recorder::step(Instant at, const Event& event) {
  EXPECT_GE(at, now) << "the clock went backwards";
  EXPECT_FALSE(stepping_) << "a step inside a step";
  stepping_ = true;
  now = at;
  note(std::visit(Describe{}, event));
  if (const auto* received = std::get_if<event::Received>(&event)) {
    EXPECT_FALSE(received->bytes.empty()) << "a Received of no bytes";
    bytes[received->socket] += text_of(received->bytes);
    largest = std::max(largest, received->bytes.size());
  }
  if (const auto* came = std::get_if<event::Adopted>(&event)) adopted = socket_of(came->client);
  if (const auto* answer = std::get_if<event::Resolved>(&event)) {
    resolved.assign(answer->addresses.begin(), answer->addresses.end());
  }
  if (std::holds_alternative<event::Woke>(event)) wake.reset();
  effects_ = std::move(wanted);
  wanted.clear();
  if (std::holds_alternative<event::Arrived>(event)) {
    adopted = {SocketKind::server, taken_count_++, 1};
    effects_.insert(effects_.begin(), effect::Take{adopted});
  }
  if (script) script(event, effects_);
  stepping_ = false;
  return effects_;
}

void Recorder::note(const std::string& what) {
  const bool more_bytes = what.starts_with("received") && !told.empty() && told.back() == what;
  if (!more_bytes) told.push_back(what);
}

long Recorder::count(std::string_view what) const { return std::ranges::count(told, what); }

std::size_t Recorder::place(std::string_view what) const {
  return static_cast<std::size_t>(std::ranges::find(told, what) - told.begin());
}

std::string Recorder::story() const {
  std::string story = "it was told:\n";
  for (const std::string& what : told) story += "  " + what + "\n";
  return story;
}

}  // namespace pgweir::contract
