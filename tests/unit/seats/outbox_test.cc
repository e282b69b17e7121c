// What waits for credit, and in which order it goes.
#include "core/seats/outbox.h"

#include <gtest/gtest.h>

#include <deque>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/unit/seats/moments.h"

namespace pgweir::seats {
namespace {

constexpr pool::PoolName other{"other", "web", true};

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    while (outbox.has_credit()) {
      last_gone = outbox.next_number();
      outbox.sent();
    }
  }

  // What goes when half of the letters were taken.
  std::vector<Message> gone() {
    outbox.taken();
    std::vector<Message> messages;
    while (auto next = outbox.next()) {
      EXPECT_GT(next->number, last_gone);
      last_gone = next->number;
      if (next->what.client) {
        clients.push_back(next->what.client);
        continue;
      }
      outbox.sent();
      EXPECT_EQ(number_of(bytes_of(next->what.letter)), next->number);
      letters.push_back(next->what.letter);
      messages.push_back(read(bytes_of(letters.back())));
    }
    return messages;
  }
  void wait(std::initializer_list<Message> messages) {
    for (const Message& message : messages) outbox.wait(message);
  }

  Outbox outbox;
  LetterNumber last_gone = 0;
  std::vector<ClientHandle> clients;
  std::deque<std::string> letters;
};

TEST_F(OutboxTest, HasCreditForSoManyAsTheOtherHasTaken) {
  EXPECT_EQ(outbox.under_way(), limits::letters_under_way_max);
  outbox.taken();
  EXPECT_EQ(outbox.under_way(), limits::letters_under_way_max - limits::letters_taken_at_once);
  for (std::uint32_t i = 0; i < limits::letters_taken_at_once; ++i) outbox.sent();
  EXPECT_FALSE(outbox.has_credit());
}

TEST_F(OutboxTest, GivesWhatWaitsInTheOrderItWasSaidAndNoMoreThanThereIsCreditFor) {
  const std::uint32_t count = 2 * limits::letters_taken_at_once + 1;
  for (std::uint32_t i = 0; i < count; ++i) outbox.wait(Admitted{{i, 1}, true});
  std::vector<Message> all;
  for (int round = 0; round < 3; ++round) {
    const std::vector<Message> some = gone();
    EXPECT_EQ(some.size(), round < 2 ? limits::letters_taken_at_once : 1u);
    all.insert(all.end(), some.begin(), some.end());
  }
  ASSERT_EQ(all.size(), count);
  for (std::uint32_t i = 0; i < count; ++i) {
    EXPECT_EQ(std::get<Admitted>(all[i]).client, (ClientHandle{i, 1}));
  }
  EXPECT_EQ(outbox.waiting_count(), 0u);
}

TEST_F(OutboxTest, OfALevelTheNewestGoesWhereTheFirstHasWaited) {
  wait({Failing{app, {}, early, false}, Hungry{app, 3, 1, {1, 2, early, early}}, Reload{},
        Failing{other, {}, early, false}, Hungry{app, 4, 1, {5, 6, early, early}},
        Failing{app, {}, late, true}, Hungry{app, 3, 1, {3, 4, late, late}},
        Introduced{app, 1, {{"TimeZone", "UTC"}}}, Introduced{app, 1, {}}});
  EXPECT_EQ(gone(), (std::vector<Message>{
                        Failing{app, {}, late, true}, Hungry{app, 3, 1, {3, 4, late, late}},
                        Reload{}, Failing{other, {}, early, false},
                        Hungry{app, 4, 1, {5, 6, early, early}}, Introduced{app, 1, {}}}));
}

TEST_F(OutboxTest, AReportKeepsTheNewsAndOffersOfThoseItStandsFor) {
  using pool::News;
  const News opened{News::What::logged_in, {1, 1}, {}};
  const News failed{News::What::failed, {1, 1}, News::Why{"08006", "refused", "start it"}};
  const News closed{News::What::closed, {}, {}};
  const pool::Offer one{{1, 1}, pool::Offer::Why::pressure, early, late};
  const pool::Offer two{{2, 1}, pool::Offer::Why::idle_timeout, early, never};
  wait({Report{app, 1, false, {2, early, true}, {7, 2, early, early}, {opened}, {one}},
        Report{app, 1, false, {1, late, true}, {8, 1, late, late}, {failed}, {}},
        Report{app, 1, true, {}, {}, {closed}, {two}}});
  EXPECT_EQ(gone(),
            (std::vector<Message>{Report{
                app, 1, true, {}, {8, 1, late, late}, {opened, failed, closed}, {one, two}}}));
}

TEST_F(OutboxTest, AReportByNewSettingsStandsForNoneByOldOnes) {
  wait({Report{app, 1, false, {2, early, true}, {}, {}, {}}, Applied{2},
        Report{app, 2, false, {1, early, true}, {}, {}, {}}});
  EXPECT_EQ(gone().size(), 3u);
}

TEST_F(OutboxTest, SumsThoseWhoLeftAndThoseWhoCame) {
  wait({Left{2, 1}, Admit{{1, 1}, false}, HandedOver{1}, Left{3, 2}, HandedOver{2}});
  EXPECT_EQ(gone(), (std::vector<Message>{Left{5, 3}, Admit{{1, 1}, false}, HandedOver{3}}));
}

TEST_F(OutboxTest, PressureIsNotToldBeforeWhatEndsTheOneBefore) {
  const Decided kept{app, {{3, 4}, pool::Offer::Why::pressure, early, never}, false};
  wait({Pressed{app, {early, never}}, Pressed{app, {early, late}}, kept, Pressed{app, {late, late}},
        Pressed{app, {late, never}}});
  EXPECT_EQ(gone(),
            (std::vector<Message>{Pressed{app, {early, late}}, kept, Pressed{app, {late, never}}}));
  EXPECT_EQ(gone(), std::vector<Message>{});
}

TEST_F(OutboxTest, WhatWentIsNotReplaced) {
  wait({Left{2}});
  EXPECT_EQ(gone(), (std::vector<Message>{Left{2}}));
  while (outbox.has_credit()) {
    outbox.next_number();
    outbox.sent();
  }
  wait({Left{3}});
  EXPECT_EQ(gone(), (std::vector<Message>{Left{3}}));
}

TEST_F(OutboxTest, WhatIsWithdrawnIsNotSaid) {
  wait({Ask{1, console::Command::show_pools}, Ask{2, console::Command::show_pools}});
  outbox.withdraw(Ask{1, console::Command::show_pools});
  outbox.withdraw(Ask{3, console::Command::show_pools});
  EXPECT_EQ(gone(), (std::vector<Message>{Ask{2, console::Command::show_pools}}));
}

TEST_F(OutboxTest, ACancelIsWithdrawnByWhoBroughtIt) {
  wait({Cancel{{1, 1}, 7, "secret"}, Cancel{{2, 1}, 7, "secret"}});
  outbox.withdraw(Cancel{{1, 1}, 0, {}});
  EXPECT_EQ(gone(), (std::vector<Message>{Cancel{{2, 1}, 7, "secret"}}));
}

TEST_F(OutboxTest, AClientThatHasGoneDoesNotWait) {
  outbox.wait(ClientHandle{1, 1});
  wait({Drain{}});
  outbox.wait(ClientHandle{2, 1});
  outbox.withdraw(ClientHandle{1, 1});
  EXPECT_EQ(outbox.waiting_count(), 2u);
  EXPECT_EQ(gone(), (std::vector<Message>{Drain{}})) << "a letter is nobody's";
  EXPECT_EQ(clients, (std::vector<ClientHandle>{{2, 1}}));
}

TEST_F(OutboxTest, AClientThatWaitsCostsNothingUntilItGoes) {
  for (std::uint32_t i = 0; i < 2 * limits::letters_under_way_max; ++i) {
    outbox.wait(ClientHandle{i, 1});
  }
  outbox.wait(Drain{});
  EXPECT_EQ(gone(), (std::vector<Message>{Drain{}})) << "all of them had left";
  EXPECT_EQ(clients.size(), 2 * limits::letters_under_way_max);
}

using OutboxDeathTest = OutboxTest;

TEST_F(OutboxDeathTest, NothingGoesWithoutCredit) {
  EXPECT_DEATH(outbox.sent(), "has_credit");
  outbox.taken();
  outbox.taken();
  EXPECT_DEATH(outbox.taken(), "under_way_");
  EXPECT_DEATH(outbox.wait(Drain{}), "has_credit");
}

}  // namespace
}  // namespace pgweir::seats
