// Events and effects as bytes: what the trace hash, the simulator's recording and the production
// trace are made of. The same value is the same bytes on every computer; different values differ.
//
// A tag byte (the alternative's place in the variant), then the fields in order: integers and enums
// little-endian in their own width, durations as their nanoseconds, texts and byte strings with
// their length (4 bytes) in front, lists with their count, optionals with a byte that says whether
// there is one.
#pragma once

#include <cstddef>
#include <vector>

#include "core/effect.h"
#include "core/event.h"

namespace pgweir {

// Appends to out, which the caller owns.
void encode(const Event& event, std::vector<std::byte>& out);
void encode(const Effect& effect, std::vector<std::byte>& out);

}  // namespace pgweir
