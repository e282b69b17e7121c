#include "sim/mail.h"

#include <string>

#include "core/base/limits.h"

namespace pgweir::sim {

namespace {

// A parcel has a number; of what is told, all has but this.
bool says_taken(Bytes letter) { return seats::number_of(letter) == 0; }

std::string words(std::pair<std::uint8_t, std::uint8_t> way) {
  return "from machine " + std::to_string(way.first) + " to " + std::to_string(way.second);
}

}  // namespace

void Mail::step(std::uint8_t machine, Instant now, const Event& event,
                std::span<const Effect> effects) {
  if (const auto* told = std::get_if<event::Told>(&event)) {
    came({told->from, machine}, told->message, now);
  } else if (const auto* adopted = std::get_if<event::Adopted>(&event)) {
    came({adopted->from, machine}, adopted->parcel, now);
  } else if (const auto* arrived = std::get_if<event::Arrived>(&event)) {
    came({arrived->from, machine}, arrived->parcel, now);
  }
  for (const Effect& effect : effects) {
    if (const auto* tell = std::get_if<effect::Tell>(&effect)) {
      sent({machine, tell->to}, tell->message);
    } else if (const auto* hand_over = std::get_if<effect::HandOver>(&effect)) {
      sent({machine, hand_over->to}, hand_over->parcel);
    }
  }
}

void Mail::sent(Way way, Bytes letter) {
  Pair& pair = pairs_[way];
  if (++pair.under_way > limits::letters_of_a_pair_max) {
    verdict_.blame(oracle::bounded_mail,
                   std::to_string(pair.under_way) + " letters are under way " + words(way));
  }
  if (says_taken(letter)) return;
  const seats::LetterNumber number = seats::number_of(letter);
  if (number <= pair.last) {
    verdict_.blame(oracle::bounded_mail, "letter " + std::to_string(number) + " " + words(way) +
                                             " went after letter " + std::to_string(pair.last));
  }
  pair.last = number;
  if (++pair.not_taken == limits::letters_under_way_max) {
    ++full_count_;
    probes_.hit(Probe::credit_used_up);
  }
  if (pair.not_taken > limits::letters_under_way_max) {
    verdict_.blame(oracle::bounded_mail, std::to_string(pair.not_taken) + " letters " + words(way) +
                                             " were sent, and not said to be taken");
  }
}

void Mail::came(Way way, Bytes letter, Instant now) {
  Pair& pair = pairs_[way];
  --pair.under_way;
  if (says_taken(letter)) {
    Pair& back = pairs_[{way.second, way.first}];
    if (back.not_taken >= limits::letters_under_way_max && --full_count_ == 0) free_since_ = now;
    back.not_taken -= limits::letters_taken_at_once;
  }
}

}  // namespace pgweir::sim
