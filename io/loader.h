// Reads the settings again, off the loop's thread: exactly one Reconfigured or Refused for each
// time it is asked, in order. All or nothing: with one fatal problem everything stays as it was.
// Settings that are good go to the shells of all other machines too, each of which adopts them.
#pragma once

#include <uv.h>

#include <cstdint>
#include <optional>
#include <string>

#include "config/load.h"
#include "core/config/settings.h"
#include "io/log.h"
#include "io/post.h"
#include "io/teller.h"
#include "io/vault.h"

namespace pgweir::io {

// The settings that cannot change while the process runs, and that differ: a line each. Nothing
// when there are none.
std::optional<std::string> restart_needed(const Settings& now, const Settings& wanted);

class Loader {
 public:
  // All references outlive every answer. settings: those in force when the process started.
  Loader(uv_loop_t& loop, Vault& vault, Log& log, Teller& teller, Post post, std::string path,
         const Settings& settings);

  void load();
  // Gives the secrets to the vault and tells Reconfigured, of what was loaded here or elsewhere.
  void adopt(config::Loaded loaded);

 private:
  struct Request;

  void begin();
  void finish(config::Result result);

  uv_loop_t& loop_;
  Vault& vault_;
  Log& log_;
  Teller& teller_;
  Post post_;
  std::string path_;
  Settings at_start_;
  std::uint32_t wanted_count_ = 0;  // asked for and not answered
};

}  // namespace pgweir::io
