// How a client begins: whether it asks for encryption first, as drivers do that would like to have
// it, and which protocol it speaks. And the conversation up to its first packet that counts: each
// wish is answered by one byte, and a newer protocol by exactly one message that says which is
// spoken and which options are unknown, before anything else; what a cancel is asked for by is as
// long as in the protocol that is spoken (PostgreSQL: "Message Flow", Start-up and Session
// Encryption; "Protocol Versions"; "NegotiateProtocolVersion").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/messages.h"
#include "sim/tape.h"

namespace pgweir::sim {

struct Greeting {
  std::vector<std::string> wishes = {};  // packets that ask for encryption, in their order
  bool at_once = false;                  // it does not wait for the answers
  std::uint16_t minor = 0;               // of protocol 3
  Parameters options = {};               // of the protocol: "_pq_.…"

  std::string startup(const Parameters& parameters) const;
  // Of what pgweir speaks.
  std::uint16_t minor_spoken() const;
  // What the one NegotiateProtocolVersion says; empty: there is none.
  std::string negotiated() const;
};

Greeting draw_greeting(Tape& tape);

class Approach {
 public:
  Approach() = default;
  // packet: what it comes for.
  Approach(const Greeting& greeting, std::string packet);

  // What it says at first.
  std::string first_words();
  // Takes the answers to its wishes off what was heard; what it says next.
  std::string take_answers(std::string_view& heard);
  bool asking() const { return unanswered_ > 0; }

  void hear_negotiated(std::string_view body);
  void hear_authentication();
  void hear_secret(std::string_view secret);
  // What is wrong with what it has heard; empty: nothing.
  const std::string& complaint() const { return complaint_; }

 private:
  std::vector<std::string> to_say_;  // packets, the last one first
  std::size_t unanswered_ = 0;       // wishes
  bool at_once_ = false;
  std::string negotiated_;  // to be told
  std::size_t secret_size_ = 0;
  bool told_ = false;
  std::string complaint_;
};

}  // namespace pgweir::sim
