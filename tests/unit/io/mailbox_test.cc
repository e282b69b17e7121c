// Order, and who is rung for.
#include "io/mailbox.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "io/post.h"

namespace pgweir::io {
namespace {

Letter letter_of(std::uint8_t from, std::uint32_t number) {
  letter::Told told;
  told.message.resize(sizeof number);
  std::memcpy(told.message.data(), &number, sizeof number);
  return {from, std::move(told)};
}

std::uint32_t number_in(const Letter& letter) {
  std::uint32_t number = 0;
  std::memcpy(&number, std::get<letter::Told>(letter.contents).message.data(), sizeof number);
  return number;
}

TEST(Mailbox, GivesLettersInTheOrderTheyCame) {
  Mailbox mailbox;
  for (std::uint32_t i = 0; i < 3; ++i) mailbox.post(letter_of(7, i));
  Letters letters = mailbox.take();
  mailbox.post(letter_of(7, 3));
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto letter = letters.next();
    ASSERT_TRUE(letter);
    EXPECT_EQ(letter->from, 7);
    EXPECT_EQ(number_in(*letter), i);
  }
  EXPECT_FALSE(letters.next());
  EXPECT_EQ(number_in(mailbox.take().next().value()), 3U);
}

TEST(Mailbox, RingsOnceForAllThatComesWhileItsOwnerSleeps) {
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.fall_asleep());
  for (std::uint32_t i = 0; i < 5; ++i) mailbox.post(letter_of(0, i));
  EXPECT_EQ(mailbox.rings(), 1U);
  Letters letters = mailbox.take();
  std::uint32_t count = 0;
  while (letters.next()) ++count;
  EXPECT_EQ(count, 5U);
}

TEST(Mailbox, DoesNotRingForAnOwnerAtWork) {
  Mailbox mailbox;
  mailbox.post(letter_of(0, 0));
  ASSERT_TRUE(mailbox.take().next());
  mailbox.post(letter_of(0, 1));
  EXPECT_EQ(mailbox.rings(), 0U);
}

TEST(Mailbox, DoesNotRingForAnOwnerThatOtherNewsHasWoken) {
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.fall_asleep());
  EXPECT_FALSE(mailbox.take().next());
  mailbox.post(letter_of(0, 0));
  EXPECT_EQ(mailbox.rings(), 0U);
}

TEST(Mailbox, LetsNobodySleepOnALetter) {
  Mailbox mailbox;
  mailbox.post(letter_of(0, 0));
  EXPECT_FALSE(mailbox.fall_asleep());
  ASSERT_TRUE(mailbox.take().next());
  EXPECT_TRUE(mailbox.fall_asleep());
}

TEST(MailboxDeathTest, EndsTheProcessBeforeItHasMoreLettersThanMachinesMaySend) {
  Mailbox mailbox;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = 0; i < Mailbox::capacity; ++i) mailbox.post(letter_of(0, i));
    if (round == 0) mailbox.take();
  }
  EXPECT_DEATH(mailbox.post(letter_of(0, 0)), "count < capacity");
}

TEST(Mailbox, ClosesTheSocketsOfLettersThatNobodyOpens) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const Descriptor peer(pair[0]);
  {
    Mailbox mailbox;
    letter::HandedOver letter;
    letter.socket.socket = Descriptor(pair[1]);
    mailbox.post({0, std::move(letter)});
  }
  char byte = 0;
  EXPECT_EQ(::recv(peer.get(), &byte, 1, MSG_DONTWAIT), 0) << "still open";
}

// A letter that is missed leaves the owner waiting for ever: the test's time-out tells.
TEST(Mailbox, LosesNothingAndKeepsEachSendersOrderAmongThreads) {
  constexpr std::uint32_t letters_each = 5000;
  constexpr std::uint8_t senders = 3;
  constexpr std::uint32_t under_way_max = Mailbox::capacity / senders;
  Loop loop;
  Mailbox mailbox;
  mailbox.watch_on(loop);
  std::array<std::atomic<std::uint32_t>, senders> taken{};
  std::vector<std::jthread> threads;
  for (std::uint8_t from = 0; from < senders; ++from) {
    threads.emplace_back([&mailbox, &taken, from] {
      for (std::uint32_t i = 0; i < letters_each; ++i) {
        while (i - taken[from] >= under_way_max) std::this_thread::yield();
        mailbox.post(letter_of(from, i));
      }
    });
  }
  std::array<std::uint32_t, senders> next{};
  std::uint32_t count = 0;
  while (count < senders * letters_each) {
    loop.wait(mailbox.fall_asleep());
    Letters letters = mailbox.take();
    loop.tell();
    while (const auto letter = letters.next()) {
      ASSERT_EQ(number_in(*letter), next[letter->from]++);
      ++taken[letter->from];
      ++count;
    }
  }
}

TEST(Post, OfAMachineThatIsAloneHasNoMailbox) {
  const Post post;
  EXPECT_EQ(post.own(), nullptr);
  EXPECT_TRUE(post.is_first());
  EXPECT_EQ(post.machines(), 1U);
}

TEST(Post, SendsToOneOrToAllOthers) {
  std::array<Mailbox, 3> mailboxes;
  const Post post(mailboxes, 1);
  EXPECT_FALSE(post.is_first());
  post.send_to_others(letter::Stop{7});
  post.send(1, letter::Stop{8});
  for (std::size_t i = 0; i < mailboxes.size(); ++i) {
    const auto letter = mailboxes[i].take().next();
    ASSERT_TRUE(letter) << i;
    EXPECT_EQ(letter->from, 1);
    EXPECT_EQ(std::get<letter::Stop>(letter->contents).status, i == 1 ? 8 : 7);
  }
}

}  // namespace
}  // namespace pgweir::io
