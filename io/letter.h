// What the shell of one machine sends to another's. Values that own all they hold: whoever has the
// letter has the socket, the bytes and the settings in it, and nobody else does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "config/load.h"
#include "io/streams.h"

namespace pgweir::io {

namespace letter {

// The machine's own words.
struct Told {
  std::vector<std::byte> message;
};
struct HandedOver {
  MovingSocket socket;
  std::vector<std::byte> parcel;
};
// Loaded by the first machine's shell: complete and valid, for the receiver's vault to adopt.
struct NewSettings {
  config::Loaded loaded;
};
// The process ends, with this status.
struct Stop {
  int status;
};

}  // namespace letter

struct Letter {
  using Contents =
      std::variant<letter::Told, letter::HandedOver, letter::NewSettings, letter::Stop>;

  std::uint8_t from = 0;
  Contents contents;
};

}  // namespace pgweir::io
