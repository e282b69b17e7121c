// PostgreSQL's rules of answering, told as what was sent (letters of the frontend) and what came
// back.
#include "core/session/reply_queue.h"

#include <gtest/gtest.h>

#include <string_view>

namespace pgweir::session {
namespace {

using wire::BackendType;

Request request_of(char letter) {
  switch (letter) {
    case 'Q': return Request::query;
    case 'F': return Request::function_call;
    case 'P': return Request::parse;
    case 'B': return Request::bind;
    case 'd': return Request::describe_statement;
    case 'D': return Request::describe_portal;
    case 'E': return Request::execute;
    case 'C': return Request::close;
    case 'S': return Request::sync;
    default: return Request::copy_end;  // 'c'
  }
}

struct Story {
  ReplyQueue queue;

  void send(std::string_view letters) {
    for (const char letter : letters) queue.push({request_of(letter)});
  }
  // How many of the replies matched before the first that did not.
  std::size_t reply(std::string_view letters) {
    std::size_t matched = 0;
    for (const char letter : letters) {
      if (!queue.match(static_cast<BackendType>(letter)).matched) break;
      ++matched;
    }
    return matched;
  }
};

void expect_settled(std::string_view sent, std::string_view replies) {
  Story story;
  story.send(sent);
  EXPECT_EQ(story.reply(replies), replies.size()) << sent << " answered by " << replies;
  EXPECT_TRUE(story.queue.settled()) << sent << " answered by " << replies;
}

void expect_desync(std::string_view sent, std::string_view replies) {
  Story story;
  story.send(sent);
  EXPECT_LT(story.reply(replies), replies.size()) << sent << " answered by " << replies;
}

TEST(ReplyQueue, AnswersComeInTheOrderOfTheRequests) {
  expect_settled("Q", "TDDCZ");
  expect_settled("Q", "IZ");
  expect_settled("Q", "TDCTDCCZ");  // several statements
  expect_settled("QQQ", "CZTDCZCZ");
  expect_settled("PBDES", "12TDDCZ");
  expect_settled("PdSBES", "1tTZ2DCZ");
  expect_settled("PdS", "1tnZ");
  expect_settled("CS", "3Z");
  expect_settled("SS", "ZZ");
  expect_settled("F", "VZ");
  expect_settled("PBES", "12IZ");
  expect_settled("BEES", "2DsDCZ");
}

TEST(ReplyQueue, WhatNobodyAskedForIsADesync) {
  expect_desync("", "Z");
  expect_desync("Q", "TDCZZ");
  expect_desync("Q", "1");
  expect_desync("PS", "2");
  expect_desync("PS", "Z");
  expect_desync("S", "C");
  expect_desync("dS", "T");
  expect_desync("Q", "R");
}

TEST(ReplyQueue, AnErrorInASimpleQueryEndsIt) {
  expect_settled("Q", "TDEZ");
  expect_settled("QQ", "EZCZ");
}

TEST(ReplyQueue, AnErrorInTheExtendedProtocolSkipsToSync) {
  expect_settled("PBES", "EZ");
  expect_settled("PBEPBES", "12C1EZ");
  expect_settled("PBESPBES", "EZ12CZ");
  expect_settled("S", "EZ");  // a deferred constraint
}

TEST(ReplyQueue, ASimpleQueryBeforeThatSyncIsSkippedToo) { expect_settled("PQS", "EZ"); }

TEST(ReplyQueue, WhatIsSentWhileTheServerSkipsOwesNothing) {
  Story story;
  story.send("PB");
  EXPECT_EQ(story.reply("E"), 1u);
  EXPECT_TRUE(story.queue.empty());
  EXPECT_FALSE(story.queue.settled()) << "the server still skips, it is not free";
  EXPECT_TRUE(story.queue.lacks_sync());
  story.send("EPBQ");
  EXPECT_TRUE(story.queue.empty());
  story.send("SQ");
  EXPECT_EQ(story.reply("ZCZ"), 3u);
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, ABatchWithoutSyncIsNotSettled) {
  Story story;
  story.send("PBE");
  EXPECT_EQ(story.reply("12C"), 3u);
  EXPECT_TRUE(story.queue.empty());
  EXPECT_FALSE(story.queue.settled()) << "Flush shows answers, but only Sync ends the transaction";
  EXPECT_TRUE(story.queue.lacks_sync());
  story.send("S");
  EXPECT_EQ(story.reply("Z"), 1u);
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, ASimpleQueryEndsABatchToo) { expect_settled("PBEQ", "12CCZ"); }

TEST(ReplyQueue, CopyInOfASimpleQuery) {
  Story story;
  story.send("Q");
  EXPECT_EQ(story.reply("G"), 1u);
  EXPECT_TRUE(story.queue.copying_in());
  EXPECT_FALSE(story.queue.settled());
  story.send("c");
  EXPECT_EQ(story.reply("CZ"), 2u);
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, TheSyncBehindAnExecuteThatCopiesIsIgnored) {
  Story story;
  story.send("PBES");
  EXPECT_EQ(story.reply("12G"), 3u);
  story.send("c");
  EXPECT_EQ(story.reply("C"), 1u);
  EXPECT_EQ(story.reply("Z"), 0u) << "only the next Sync is answered";
  story.send("S");
  EXPECT_EQ(story.reply("Z"), 1u);
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, CopyDataSentAheadIsUnderstood) {
  expect_settled("PBEcS", "12GCZ");
  expect_settled("Qc", "GCZ");
  expect_settled("Qc", "EZ");  // it was no COPY: CopyDone is ignored
}

TEST(ReplyQueue, ALateCopyDoneAfterAFailedCopyOwesNothing) {
  Story story;
  story.send("Q");
  EXPECT_EQ(story.reply("GEZ"), 3u);
  story.send("c");
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, AFailedCopyOfTheExtendedProtocolSkipsToSync) {
  Story story;
  story.send("PBES");
  EXPECT_EQ(story.reply("12GE"), 4u);
  EXPECT_FALSE(story.queue.settled());
  story.send("cS");
  EXPECT_EQ(story.reply("Z"), 1u);
  EXPECT_TRUE(story.queue.settled());
}

// The server read that Sync as part of the COPY, or after the failure: nobody knows yet.
TEST(ReplyQueue, ASyncInACopyIsADoubtUntilTheCopyHasEndedWell) {
  Story story;
  story.send("PBES");
  EXPECT_EQ(story.reply("12G"), 3u);
  EXPECT_TRUE(story.queue.doubtful());
  story.send("cS");
  EXPECT_EQ(story.reply("CZ"), 2u);
  EXPECT_FALSE(story.queue.doubtful());
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, ASyncInAFailedCopyMayBeAnsweredOnceMore) {
  Story story;
  story.send("PBES");
  EXPECT_EQ(story.reply("12GE"), 4u);
  EXPECT_TRUE(story.queue.doubtful());
  EXPECT_EQ(story.reply("Z"), 1u) << "the COPY failed before that Sync was read";
  EXPECT_FALSE(story.queue.doubtful());
  EXPECT_TRUE(story.queue.settled());
  EXPECT_EQ(story.reply("Z"), 0u);
}

TEST(ReplyQueue, AFailedCopyStaysADoubtWhereItsSyncMayStillBeAnswered) {
  Story story;
  story.send("PBES");
  EXPECT_EQ(story.reply("12G"), 3u);
  story.send("cS");
  EXPECT_EQ(story.reply("EZ"), 2u);
  EXPECT_TRUE(story.queue.settled());
  EXPECT_TRUE(story.queue.doubtful());
  story.send("Q");
  EXPECT_EQ(story.reply("ZCZ"), 3u) << "the first is the late answer to the Sync";
  EXPECT_FALSE(story.queue.doubtful());
}

TEST(ReplyQueue, CopyDoneTwiceBeginsNoBatch) {
  expect_settled("Qcc", "GCZ");
  expect_settled("Qccc", "GCGCZ");
}

TEST(ReplyQueue, ReadyForQueryAloneAnswersNoRequestButSync) {
  expect_desync("Q", "Z");
  expect_desync("Q", "TDZ");
  expect_desync("F", "Z");
  expect_settled("F", "EZ");
}

TEST(ReplyQueue, AFailureTellsWhetherAParseWasLost) {
  const auto lost = [](std::string_view sent, std::string_view before) {
    Story story;
    story.send(sent);
    EXPECT_EQ(story.reply(before), before.size());
    return story.queue.match(BackendType::error_response).parse_lost;
  };
  EXPECT_TRUE(lost("BPS", ""));
  EXPECT_TRUE(lost("PBS", ""));
  EXPECT_FALSE(lost("PBES", "1"));
  EXPECT_FALSE(lost("BPSPB", "")) << "one that is still owed makes the statement good again";
}

TEST(ReplyQueue, CopyOut) {
  expect_settled("Q", "HdddcCZ");
  expect_settled("PBES", "12HddcCZ");
}

// PostgreSQL: "Streaming Replication Protocol", START_REPLICATION.
TEST(ReplyQueue, AStreamEndsWhenBothHaveEndedIt) {
  Story story;
  story.send("Q");
  EXPECT_EQ(story.reply("Wdd"), 3u);
  EXPECT_TRUE(story.queue.streaming());
  EXPECT_TRUE(story.queue.copying_in());
  story.send("c");
  EXPECT_FALSE(story.queue.copying_in()) << "its client has ended it";
  EXPECT_TRUE(story.queue.streaming());
  EXPECT_EQ(story.reply("ddcTDCC"), 7u) << "the next timeline, and two ends";
  EXPECT_FALSE(story.queue.streaming());
  EXPECT_EQ(story.reply("Z"), 1u);
  EXPECT_TRUE(story.queue.settled());
}

TEST(ReplyQueue, AServerMayEndAStreamFirst) {
  Story story;
  story.send("Q");
  EXPECT_EQ(story.reply("Wdc"), 3u);
  EXPECT_TRUE(story.queue.copying_in()) << "the client has not";
  EXPECT_EQ(story.reply("T"), 0u) << "what comes behind a stream comes when both have ended it";
  EXPECT_EQ(story.reply("Z"), 0u);
}

TEST(ReplyQueue, AnErrorEndsAStreamInBothDirections) {
  Story story;
  story.send("Q");
  EXPECT_EQ(story.reply("WdE"), 3u);
  EXPECT_FALSE(story.queue.streaming());
  story.send("c");
  EXPECT_EQ(story.reply("Z"), 1u);
  EXPECT_TRUE(story.queue.settled());
}

// One that shuts down says CommandComplete in the middle of it, and is gone.
TEST(ReplyQueue, AServerThatShutsDownEndsAStreamByCommandCompleteAlone) {
  Story story;
  story.send("Q");
  EXPECT_EQ(story.reply("WdC"), 3u);
  EXPECT_FALSE(story.queue.streaming());
}

TEST(ReplyQueue, OnlyAQueryIsAnsweredByAStream) {
  expect_desync("PBES", "12W");
  expect_desync("S", "W");
  expect_desync("Q", "WW");
  expect_desync("Q", "WG");
  expect_desync("Q", "WZ");
}

TEST(ReplyQueue, AStreamMayBeEndedBeforeItBegins) { expect_settled("Qc", "WdcCZ"); }

TEST(ReplyQueue, TheFateOfARequestIsItsAnswers) {
  ReplyQueue queue;
  queue.push({Request::parse, Fate::swallow});
  queue.push({Request::sync, Fate::swallow});
  queue.push({Request::query});
  EXPECT_TRUE(queue.swallowing());
  EXPECT_EQ(queue.match(BackendType::parse_complete).fate, Fate::swallow);
  EXPECT_EQ(queue.match(BackendType::ready_for_query).fate, Fate::swallow);
  EXPECT_FALSE(queue.swallowing());
  EXPECT_EQ(queue.match(BackendType::command_complete).fate, Fate::forward);
}

TEST(ReplyQueue, ARefusalStandsInItsPlace) {
  ReplyQueue queue;
  queue.push({Request::query});
  queue.push({Request::describe_statement, Fate::replace, Refusal::no_named_statements});
  queue.push({Request::sync});
  queue.match(BackendType::command_complete);
  queue.match(BackendType::ready_for_query);
  const ReplyQueue::Match match = queue.match(BackendType::error_response);
  EXPECT_TRUE(match.matched);
  EXPECT_EQ(match.fate, Fate::replace);
  EXPECT_EQ(match.refusal, Refusal::no_named_statements);
  EXPECT_TRUE(queue.match(BackendType::ready_for_query).matched);
  EXPECT_TRUE(queue.settled());
}

TEST(ReplyQueue, ALongPipelineDoesNotGrowForEver) {
  ReplyQueue queue;
  for (int i = 0; i < 100'000; ++i) {
    queue.push({Request::sync});
    queue.push({Request::sync});
    queue.match(BackendType::ready_for_query);
    if (i > 100) queue.match(BackendType::ready_for_query);
  }
  while (!queue.empty()) ASSERT_TRUE(queue.match(BackendType::ready_for_query).matched);
  EXPECT_TRUE(queue.settled());
}

// Its client was lost while what comes before the made-up answer was only half there.
TEST(ReplyQueue, WhereAMadeUpAnswerIsNobodysNoMarkOfACopyIsLeftInFront) {
  Story story;
  story.send("E");
  story.queue.push({Request::close, Fate::make_up});
  story.send("cS");
  EXPECT_EQ(story.reply("C"), 1u);
  story.queue.swallow_all();
  EXPECT_EQ(story.reply("Z"), 1u);
  EXPECT_TRUE(story.queue.settled());
}

}  // namespace
}  // namespace pgweir::session
