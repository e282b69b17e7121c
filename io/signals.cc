#include "io/signals.h"

#include <csignal>
#include <utility>

#include "core/base/assert.h"

namespace pgweir::io {

Signals::Signals(uv_loop_t& loop, Teller& teller, std::function<void()> on_reload)
    : teller_(teller), on_reload_(std::move(on_reload)) {
  std::signal(SIGPIPE, SIG_IGN);
  constexpr std::array<int, 4> numbers{SIGHUP, SIGTERM, SIGINT, SIGQUIT};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    handles_[i].data = this;
    const bool begun = uv_signal_init(&loop, &handles_[i]) == 0 &&
                       uv_signal_start(&handles_[i], on_signal, numbers[i]) == 0;
    PGWEIR_REQUIRE(begun, numbers[i]);
  }
}

void Signals::close_all() {
  for (uv_signal_t& handle : handles_) uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
}

void Signals::on_signal(uv_signal_t* signal, int number) {
  Signals& self = *static_cast<Signals*>(signal->data);
  event::Command command = event::Command::stop_now;
  if (number == SIGHUP) {
    self.on_reload_();
    command = event::Command::reload;
  } else if (number != SIGQUIT && !std::exchange(self.stopping_, true)) {
    command = event::Command::drain;
  }
  self.teller_.tell(event::Commanded{command});
}

}  // namespace pgweir::io
