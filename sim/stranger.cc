#include "sim/stranger.h"

#include <algorithm>
#include <utility>

#include "sim/simulation.h"

namespace pgweir::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// What the pooler may take to end the connection of one that does what is illegal.
constexpr Duration patience = seconds(10);

}  // namespace

Stranger::~Stranger() {
  if (stream_) stream_->set_peer(nullptr);
}

void Stranger::later(Duration delay) {
  const std::uint32_t connection = connection_;
  simulation_.clock().in_passing(delay, [this, connection] {
    if (connection == connection_) go_on();
  });
}

void Stranger::go_on() {
  if (phase_ == Phase::away) return connect();
  if (illegal_) check_end();
  leave();
}

void Stranger::connect() {
  if (!simulation_.may_connect()) return later(seconds(1));
  ++connection_;
  stream_ = simulation_.shell().connect(
      ipv4(10, 9, 4, static_cast<std::uint8_t>(number_), static_cast<std::uint16_t>(connection_)));
  stream_->set_peer(this);
  phase_ = Phase::logging_in;
  framer_ = Framer(false);
  reading_ = true;
  illegal_ = false;
  deed_.clear();
  say_hello();
}

// Most get no further than that.
void Stranger::say_hello() {
  Tape& tape = simulation_.people_tape();
  const std::string proper =
      startup({{"user", std::string(user)}, {"database", std::string(database)}});
  switch (tape.below(8)) {
    case 0: return leave();
    case 1: deed_ = "garbage"; return say_illegal("\x7f\x7f\x7f\x7f" + garbage(tape.below(2000)));
    case 2: deed_ = "a giant startup packet"; return say_illegal(int32(0x7fffffff) + "xxxx");
    case 3: deed_ = "a tiny startup packet"; return say_illegal(int32(3) + "xxxx");
    case 4: return ask_again();
    case 5: deed_ = "another protocol"; return say_illegal(startup({{"user", "user0"}}, 0x20000));
    default:
      deed_ = "a login";
      stream_->write(proper);
      later(milliseconds(tape.between(1, 3000)));
  }
}

// For encryption, which is refused once.
void Stranger::ask_again() {
  Tape& tape = simulation_.people_tape();
  const bool tls = tape.chance(1, 2);
  const std::string once = tls ? ssl_request() : gss_request();
  const std::string other = tls ? gss_request() : ssl_request();
  deed_ = tls ? "TLS twice" : "GSS twice";
  say_illegal(once + (tape.chance(1, 2) ? other : "") + once);
}

void Stranger::turn() {
  if (!stream_ || !reading_) return;
  framer_.feed(stream_->read());
  while (const auto message = framer_.next()) {
    if (phase_ == Phase::logging_in && message->type == 'Z') {
      phase_ = Phase::ready;
      attack();
      if (!stream_ || !reading_) return;
    }
  }
  if (stream_->at_end()) leave();
}

void Stranger::attack() {
  Tape& tape = simulation_.people_tape();
  const std::string nothing = parse("", "") + bind("", "") + execute("") + sync();
  switch (tape.below(8)) {
    case 0: deed_ = "an unknown message"; return say_illegal(message('~', garbage(100)));
    case 1: deed_ = "a length that cannot be"; return say_illegal("Q" + int32(3));
    case 2: deed_ = "a giant length"; return say_illegal("Q" + int32(0x7fffffff) + "xxxx");
    case 3:
      deed_ = "a second startup packet";
      return say_illegal(startup({{"user", "admin"}, {"database", "pgbouncer"}}));
    case 4: deed_ = "a late password"; return say_illegal(message('p', cstring("secret of admin")));
    case 5:
      // Both are legal, the one useless, the other wrong.
      if (tape.chance(1, 2)) {
        deed_ = "lies";
        stream_->write(lies() + sync() + nothing);
        break;
      }
      deed_ = "COPY data without COPY";
      stream_->write(copy_data(garbage(500)) + copy_done() + copy_fail("") + flush());
      break;
    case 6: {
      deed_ = "a pipeline that nobody reads";
      reading_ = false;
      std::string pipeline;
      for (std::uint32_t left = tape.between(100, 2000); left > 0; --left) pipeline += nothing;
      stream_->write(pipeline);
      break;
    }
    default: {
      deed_ = "Syncs";
      std::string syncs;
      for (std::uint32_t left = tape.between(100, 20'000); left > 0; --left) syncs += sync();
      stream_->write(syncs);
    }
  }
  later(milliseconds(tape.between(1, 2000)));
}

// Behind a name stands a message of its own, or less follows than is said.
std::string Stranger::lies() {
  const std::string name = cstring(lie);
  const std::string prepare = parse(std::string(lie), "");
  const std::string message_behind = query(std::string(hidden));
  switch (simulation_.people_tape().below(7)) {
    case 0: return prepare + message('D', 'S' + name + message_behind);
    case 1: return prepare + message('C', 'S' + name + message_behind);
    case 2: return prepare + message('B', name + name + int16(3));
    case 3: return prepare + message('E', name);
    case 4: return message('P', name + cstring("") + int16(3));
    case 5: return message('P', name + cstring("") + int16(0) + message_behind);
    default: return message('P', cstring("") + name + int16(0) + message_behind);
  }
}

void Stranger::say_illegal(std::string_view bytes) {
  illegal_ = true;
  stream_->write(bytes);
  later(patience);
}

// It is closed, or not accepted, or what it said has not come through.
void Stranger::check_end() const {
  const bool excused = stream_->peer_reset() || stream_->dark() || stream_->flying_size() > 0 ||
                       stream_->readable_size() > 0 || simulation_.stalled();
  const auto is_open = [&](const auto& entry) {
    const Endpoint& peer = entry.second.peer;
    return is_at(peer) && peer.address[3] == number_ &&
           peer.port == static_cast<std::uint16_t>(connection_) && !entry.second.closing;
  };
  if (excused || std::ranges::none_of(simulation_.census().clients(), is_open)) return;
  simulation_.verdict().blame(oracle::error_shape,
                              "a stranger's connection goes on after " + deed_);
}

void Stranger::freeze() {
  frozen_ = true;
  reading_ = false;
  ++connection_;
}

void Stranger::thaw() {
  if (!std::exchange(frozen_, false)) return;
  if (phase_ != Phase::away) return leave();
  later(simulation_.options().stranger_pause);
}

void Stranger::leave() {
  stream_->reset();
  stream_->set_peer(nullptr);
  stream_.reset();
  ++connection_;
  phase_ = Phase::away;
  const Duration pause = simulation_.options().stranger_pause;
  later(pause * (1 + simulation_.people_tape().below(128)) / 64);
}

std::string Stranger::garbage(std::uint32_t size) {
  std::string bytes;
  std::uint32_t noise = simulation_.people_tape().below(1u << 30);
  for (std::uint32_t i = 0; i < size; ++i) {
    noise = noise * 1664525u + 1013904223u;
    bytes += static_cast<char>(noise >> 24);
  }
  return bytes;
}

}  // namespace pgweir::sim
