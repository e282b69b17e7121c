// Signals as commands. SIGTERM and SIGINT: drain, and at once the second time. SIGQUIT: at once.
// SIGHUP: reload, and the logfile is opened again, for rotation. SIGPIPE: ignored.
#pragma once

#include <uv.h>

#include <array>
#include <functional>

#include "io/teller.h"

namespace pgweir::io {

class Signals {
 public:
  // The loop and the teller outlive it. on_reload: called before the reload is commanded.
  Signals(uv_loop_t& loop, Teller& teller, std::function<void()> on_reload);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The end of the loop.
  void close_all();

 private:
  static void on_signal(uv_signal_t* signal, int number);

  Teller& teller_;
  std::function<void()> on_reload_;
  bool stopping_ = false;
  std::array<uv_signal_t, 4> handles_;
};

}  // namespace pgweir::io
