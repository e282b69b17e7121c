#include "io/loader.h"

#include <memory>
#include <utility>

#include "core/base/assert.h"

namespace pgweir::io {

std::optional<std::string> restart_needed(const Settings& now, const Settings& wanted) {
  std::string lines;
  const auto compare = [&](std::string_view setting, bool same) {
    if (same) return;
    if (!lines.empty()) lines += '\n';
    lines += setting;
    lines += ": changing it needs a restart; restart, or set it back and reload again";
  };
  compare("listen_addr", now.listen_addr == wanted.listen_addr);
  compare("listen_port", now.listen_port == wanted.listen_port);
  compare("listen_backlog", now.listen_backlog == wanted.listen_backlog);
  compare("machines", now.machines == wanted.machines);
  compare("unix_socket_dir", now.unix_socket_dir == wanted.unix_socket_dir);
  compare("unix_socket_mode", now.unix_socket_mode == wanted.unix_socket_mode);
  if (lines.empty()) return std::nullopt;
  return lines;
}

struct Loader::Request {
  uv_work_t uv;
  Loader* owner;
  std::string path;
  config::Result result;
};

Loader::Loader(uv_loop_t& loop, Vault& vault, Log& log, Teller& teller, Post post, std::string path,
               const Settings& settings)
    : loop_(loop),
      vault_(vault),
      log_(log),
      teller_(teller),
      post_(post),
      path_(std::move(path)),
      at_start_(settings) {}

void Loader::load() {
  if (wanted_count_++ == 0) begin();
}

void Loader::begin() {
  auto request = std::make_unique<Request>();
  request->uv.data = request.get();
  request->owner = this;
  request->path = path_;
  const int status = uv_queue_work(
      &loop_, &request->uv,
      [](uv_work_t* work) {
        Request& asked = *static_cast<Request*>(work->data);
        asked.result = config::load(asked.path);
      },
      [](uv_work_t* work, int failure) {
        const std::unique_ptr<Request> done(static_cast<Request*>(work->data));
        if (failure == 0) done->owner->finish(std::move(done->result));
      });
  PGWEIR_REQUIRE(status == 0, status);
  request.release();  // the second callback takes it back
}

void Loader::finish(config::Result result) {
  if (--wanted_count_ > 0) begin();
  std::string why;
  for (const config::Problem& problem : result.problems) {
    if (!problem.fatal) log_.say(Level::warning, "settings_warning", text_of(problem));
    if (problem.fatal) why += (why.empty() ? "" : "\n") + text_of(problem);
  }
  if (result.loaded && why.empty()) {
    const auto restart = restart_needed(at_start_, result.loaded->settings);
    if (!restart) {
      // First, so that what our machine tells the others of them comes after them.
      post_.send_to_others(letter::NewSettings{*result.loaded});
      return adopt(*std::move(result.loaded));
    }
    why = *restart;
  }
  teller_.tell(event::Refused{why});
}

void Loader::adopt(config::Loaded loaded) {
  vault_.adopt(std::move(loaded.secrets), loaded.settings);
  teller_.tell(event::Reconfigured{std::move(loaded.settings)});
}

}  // namespace pgweir::io
