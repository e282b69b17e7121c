// Events and effects as bytes: what the trace hash, the simulator's recording and the production
// trace are made of. The same value is the same bytes on every computer; different values differ.
//
// A tag byte (the alternative's place in the variant), then the fields in order: integers and enums
// little-endian in their own width, durations as their nanoseconds, texts and byte strings with
// their length (4 bytes) in front, lists with their count, optionals with a byte that says whether
// there is one.
#pragma once

#include "core/base/bytes.h"
#include "core/effect.h"
#include "core/event.h"

namespace pgweir {

// Where the bytes go, in pieces. Where one ends means nothing, and is the same on every computer.
class ByteSink {
 public:
  virtual void add(Bytes bytes) = 0;

 protected:
  ~ByteSink() = default;
};

void encode(const Event& event, ByteSink& sink);
void encode(const Effect& effect, ByteSink& sink);

}  // namespace pgweir
