// A run as lines for people, one a step: who said what to the pooler, and what it did about it.
//
//   12.000345 c1 → Q "begin"               a client's message arrived
//   12.000345      → s1 Q "begin"          what came of it
//   12.001020 s1 ← T D C(SELECT 1) Z(I)    a server's did
//   12.002000 ! c1 vanishes                something was broken
#pragma once

#include <map>
#include <span>
#include <string>

#include "core/effect.h"
#include "core/event.h"

namespace pgweir::sim {

class Story {
 public:
  // The step as lines, each with its end of line.
  std::string tell(Instant now, const Event& event, std::span<const Effect> effects);
  std::string tell_fault(Instant now, const std::string& what);

 private:
  std::string stamp(Instant now);
  std::string name_of(SocketId socket) const;
  std::string happened(const Event& event);
  std::string came_of(const Effect& effect);

  std::map<SocketId, std::string> names_;
  Instant began_ = never;
  Instant now_{};  // of the step that is told
};

// The messages in a piece of a stream, as well as it can be known without what came before: types,
// with the part that matters.
std::string messages_in(std::string_view bytes);

}  // namespace pgweir::sim
