#include "core/seats/outbox.h"

#include <utility>

#include "core/base/assert.h"
#include "core/seats/fields.h"

namespace pgweir::seats {

namespace {

template <class M, class... Fields>
std::string subject(const Fields&... fields) {
  Writer writer;
  writer.put(static_cast<std::uint8_t>(Message(M{}).index()));
  (writer.put(fields), ...);
  return writer.take();
}

// What a level is about; of anything else nothing. A Report of another epoch is not about the same:
// news counts by the settings of its own. A Cancel is about who brought it, who may withdraw it.
std::string subject_of(const Left&) { return subject<Left>(); }
std::string subject_of(const HandedOver&) { return subject<HandedOver>(); }
std::string subject_of(const Cancel& cancel) { return subject<Cancel>(cancel.requester); }
std::string subject_of(const Ask& ask) { return subject<Ask>(ask.gather); }
std::string subject_of(const Report& report) { return subject<Report>(report.pool, report.epoch); }
std::string subject_of(const Pressed& pressed) { return subject<Pressed>(pressed.pool); }
std::string subject_of(const Failing& failing) { return subject<Failing>(failing.pool); }
std::string subject_of(const Hungry& hungry) {
  return subject<Hungry>(hungry.pool, hungry.machine);
}
std::string subject_of(const Marked& marked) { return subject<Marked>(marked.host, marked.sign); }
std::string subject_of(const Introduced& said) { return subject<Introduced>(said.pool); }
template <class M>
std::string subject_of(const M&) {
  return {};
}

// What is said in the place of both: the newer, with what must not be lost of the older.
template <class M>
void keep(const M&, M&) {}
void keep(const Left& older, Left& newer) {
  newer.clients += older.clients;
  newer.places += older.places;
}
void keep(const HandedOver& older, HandedOver& newer) { newer.count += older.count; }
void keep(const Report& older, Report& newer) {
  newer.news.insert(newer.news.begin(), older.news.begin(), older.news.end());
  newer.offers.insert(newer.offers.begin(), older.offers.begin(), older.offers.end());
  if (newer.hunger.number == 0) newer.hunger = older.hunger;  // it says nothing of that
  newer.anew |= older.anew;
}

}  // namespace

void Outbox::sent() {
  PGWEIR_REQUIRE(has_credit(), under_way_);  // I-15
  ++under_way_;
}

void Outbox::taken() {
  PGWEIR_REQUIRE(under_way_ >= limits::letters_taken_at_once, under_way_);
  under_way_ -= limits::letters_taken_at_once;
}

void Outbox::wait(const Message& message) {
  PGWEIR_REQUIRE(!has_credit(), under_way_);
  std::string about = std::visit([](const auto& said) { return subject_of(said); }, message);
  if (const auto level = levels_.find(about); !about.empty() && level != levels_.end()) {
    const auto& [number, waiting] = *waiting_.find(level->second);
    const Message older = read(bytes_of(waiting.letter));
    Message newer = message;
    std::visit([&]<class M>(M& said) { keep(std::get<M>(older), said); }, newer);
    waiting_.at(number).letter = write(newer, number);
    return;
  }
  const LetterNumber number = next_number();
  // That its server was kept ends the pressure that was told before it, and none told later.
  if (const auto* decided = std::get_if<Decided>(&message)) {
    levels_.erase(subject<Pressed>(decided->pool));
  }
  if (!about.empty()) levels_[about] = number;
  waiting_[number] = {{}, write(message, number), std::move(about)};
}

void Outbox::wait(ClientHandle client) {
  PGWEIR_REQUIRE(!has_credit(), under_way_);
  waiting_[next_number()] = {client, {}, {}};
}

void Outbox::withdraw(const Message& message) {
  const auto level =
      levels_.find(std::visit([](const auto& said) { return subject_of(said); }, message));
  if (level == levels_.end()) return;
  waiting_.erase(level->second);
  levels_.erase(level);
}

void Outbox::withdraw(ClientHandle client) {
  std::erase_if(waiting_, [&](const auto& waiting) { return waiting.second.client == client; });
}

std::optional<Outbox::Next> Outbox::next() {
  if (waiting_.empty() || !has_credit()) return std::nullopt;
  const auto first = waiting_.begin();
  Next next{first->first, std::move(first->second)};
  waiting_.erase(first);
  const auto level = levels_.find(next.what.subject);
  if (level != levels_.end() && level->second == next.number) levels_.erase(level);
  return next;
}

}  // namespace pgweir::seats
