// A story (sim/story.h) as a page for a browser: a lane for each client and server, messages as
// arrows, faults marked. Complete in itself: it fetches nothing.
#pragma once

#include <string>
#include <string_view>

namespace pgweir::sim {

// title: which run it is. ending: what went wrong, and with which options; empty: nothing did.
std::string timeline_page(std::string_view title, std::string_view story, std::string_view ending);

}  // namespace pgweir::sim
