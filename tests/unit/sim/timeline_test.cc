#include "sim/timeline.h"

#include <gtest/gtest.h>

namespace pgweir::sim {
namespace {

const std::string page = timeline_page(
    "safety seed 3",
    "     0.000000 c1 → Q \"select '</pre><script>' & more\"\n                   → s0.1 Q\n",
    "oracle: O-06 limits\n  3 servers < 4\n");

TEST(TimelineTest, says_which_run_it_is_and_what_went_wrong) {
  EXPECT_NE(page.find("<title>safety seed 3</title>"), std::string::npos);
  EXPECT_NE(page.find("oracle: O-06 limits\n  3 servers &lt; 4"), std::string::npos);
}

TEST(TimelineTest, keeps_the_story_as_it_is_and_out_of_the_markup) {
  EXPECT_NE(page.find("c1 → Q &quot;select '&lt;/pre>&lt;script>' &amp; more&quot;\n"),
            std::string::npos);
  EXPECT_EQ(page.find("</pre><script>'"), std::string::npos);
}

TEST(TimelineTest, fetches_nothing) {
  for (const char* outside : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
}

TEST(TimelineTest, leaves_no_place_unfilled) { EXPECT_EQ(page.find("{{"), std::string::npos); }

}  // namespace
}  // namespace pgweir::sim
