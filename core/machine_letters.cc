// What one machine has to say to another goes when there is credit, and waits when there is none
// (seats/outbox.h): so a machine that does not take its letters for a while is never told without
// bound. Who takes letters says so once for half of the credit.
#include "core/machine_core.h"

namespace pgweir {

void Machine::Core::tell(std::uint8_t to, const seats::Message& message) {
  seats::Outbox& outbox = outboxes_[to];
  if (!outbox.has_credit()) return outbox.wait(message);
  outbox.sent();
  send(to, seats::write(message, outbox.next_number()));
}

void Machine::Core::tell_others(const seats::Message& message) {
  for (std::uint8_t other = 0; other < seat_.machines; ++other) {
    if (other != seat_.machine) tell(other, message);
  }
}

void Machine::Core::send(std::uint8_t to, std::string_view letter) {
  out_.add(effect::Tell{to, bytes_of(out_.arena().copy(letter))});
}

void Machine::Core::on(const event::Told& event) {
  const seats::Message message = seats::read(event.message);
  if (std::holds_alternative<seats::Taken>(message)) return others_took(event.from);
  take_letter(event.from, seats::number_of(event.message));
  std::visit(
      [&]<class M>(const M& said) {
        if constexpr (!std::same_as<M, seats::Taken>) hear(event.from, said);
      },
      message);
}

// It has come, whatever it says.
void Machine::Core::take_letter(std::uint8_t from, seats::LetterNumber number) {
  Inbox& inbox = inboxes_[from];
  PGWEIR_REQUIRE(number > inbox.last, number, inbox.last);  // I-15
  inbox.last = number;
  if (++inbox.taken_count < limits::letters_taken_at_once) return;
  inbox.taken_count = 0;
  tell_who_came(from);
  send(from, seats::write(seats::Taken{}, 0));
}

// What has waited goes; servers that were kept, and grants that were not given, for want of credit
// are looked at again.
void Machine::Core::others_took(std::uint8_t machine) {
  seats::Outbox& outbox = outboxes_[machine];
  const bool had_credit = outbox.has_credit();
  outbox.taken();
  while (const auto next = outbox.next()) {
    if (!next->what.client) {
      outbox.sent();
      send(machine, next->what.letter);
    } else if (leaving_.contains(next->what.client)) {
      hand_over(*clients_.find(next->what.client), machine, next->number);
    }
  }
  if (had_credit) return;
  pools_.each([&](PoolHandle, Pool& pool) {
    if (pool.hungry.contains(machine)) touch(pool);
  });
  ledger_.accounts.each([&](AccountHandle, pool::Account& account) {
    const pool::Level& level = account.parts[machine].level;
    if (level.wanted > 0 || level.kept_up) touch(account);
  });
}

void Machine::Core::check_outboxes() const {
  for (const seats::Outbox& outbox : outboxes_) {
    PGWEIR_REQUIRE(outbox.under_way() <= limits::letters_under_way_max,
                   outbox.under_way());  // I-15
    PGWEIR_REQUIRE(outbox.waiting_count() == 0 || !outbox.has_credit(), outbox.waiting_count());
  }
}

}  // namespace pgweir
