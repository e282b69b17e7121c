#include "sim/greeting.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pgweir::sim {

namespace {

constexpr std::uint16_t newest_minor = 2;

}  // namespace

std::string Greeting::startup(const Parameters& parameters) const {
  Parameters all = parameters;
  all.insert(all.end(), options.begin(), options.end());
  return sim::startup(all, protocol_3_0 + minor);
}

std::uint16_t Greeting::minor_spoken() const { return std::min(minor, newest_minor); }

std::string Greeting::negotiated() const {
  if (minor <= newest_minor && options.empty()) return "";
  std::string body =
      int32(protocol_3_0 + minor_spoken()) + int32(static_cast<std::int64_t>(options.size()));
  for (const auto& [name, value] : options) body += cstring(name);
  return body;
}

// Most say only who they are; the others are libpq of many ages, and what may come after it.
Greeting draw_greeting(Tape& tape) {
  Greeting greeting;
  switch (tape.below(8)) {
    case 4: greeting.wishes = {gss_request()}; break;
    case 5: greeting.wishes = {ssl_request()}; break;
    case 6: greeting.wishes = {gss_request(), ssl_request()}; break;
    case 7: greeting.wishes = {ssl_request(), gss_request()}; break;
    default: break;
  }
  if (!greeting.wishes.empty()) greeting.at_once = tape.chance(1, 3);
  switch (tape.below(8)) {
    case 3: greeting.minor = 1; break;
    case 4:
      greeting.minor = 2;
      greeting.options = {{"_pq_.tides", "1"}};
      break;
    case 5: greeting.minor = 2; break;
    case 6: greeting.minor = 9999; break;
    case 7: greeting.options = {{"_pq_.tides", "1"}, {"_pq_.moon", ""}}; break;
    default: break;
  }
  return greeting;
}

Approach::Approach(const Greeting& greeting, std::string packet)
    : unanswered_(greeting.wishes.size()),
      at_once_(greeting.at_once),
      negotiated_(greeting.negotiated()),
      secret_size_(greeting.minor_spoken() >= 2 ? 32 : 4) {
  to_say_.push_back(std::move(packet));
  std::ranges::reverse_copy(greeting.wishes, std::back_inserter(to_say_));
}

std::string Approach::first_words() {
  std::string words;
  do {
    words += to_say_.back();
    to_say_.pop_back();
  } while (at_once_ && !to_say_.empty());
  return words;
}

std::string Approach::take_answers(std::string_view& heard) {
  std::string words;
  while (unanswered_ > 0 && !heard.empty()) {
    if (heard[0] != 'N') {  // an error, and then the end
      if (heard[0] != 'E') complaint_ = "asked for encryption and heard something else";
      unanswered_ = 0;
      break;
    }
    heard.remove_prefix(1);
    --unanswered_;
    if (!to_say_.empty()) words += first_words();
  }
  return words;
}

void Approach::hear_negotiated(std::string_view body) {
  if (told_) complaint_ = "was told twice which protocol is spoken";
  if (body != negotiated_) complaint_ = "was told of a protocol that is not the one to be spoken";
  told_ = true;
}

void Approach::hear_secret(std::string_view secret) {
  if (secret.size() != secret_size_) complaint_ = "was given a secret of another protocol's length";
}

void Approach::hear_authentication() {
  if (!negotiated_.empty() && !told_) complaint_ = "was not told which protocol is spoken";
}

}  // namespace pgweir::sim
