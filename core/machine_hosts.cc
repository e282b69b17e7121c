// What servers say of their hosts. A host that ends sessions is marked: of its servers that were
// there by then nobody gets one before it has answered a check. One that has become a standby is
// left: its servers are closed as they come free. Each machine marks what it has itself, and the
// ledger tells the others (docs/decisions/0014-marked-hosts.md).
#include <algorithm>

#include "core/base/text.h"
#include "core/machine_core.h"

namespace pgweir {

using pool::Host;
using pool::News;
using session::HostSign;
using session::ServerState;

namespace {

// A second at least, whatever the settings say.
Duration mark_lasts(const Settings& settings) {
  return std::max<Duration>(settings.server_login_retry, limits::host_mark_min);
}

}  // namespace

// A server is gone. What it said last may have been about all of them.
void Machine::Core::heed_last_words(const Server& server) {
  const HostSign sign = said_last(server);
  if (sign == HostSign::none) return;
  doubt(server.host);
  report_sign(server, sign);
}

// Of its host, where it has said nothing since.
HostSign Machine::Core::said_last(const Server& server) {
  return server.sign_at == server.heard_at ? server.sign : HostSign::none;
}

// Its servers may be dead, or dying: the only way to know is to ask. Who logs in later is there.
void Machine::Core::doubt(HostHandle host) {
  marks_[host].doubted_at = now_;
  servers_.each([&](ServerHandle, Server& server) {
    if (server.host == host && !server.connecting) server.doubted = true;
  });
}

// Came from a machine that may not have heard yet what this one has.
bool Machine::Core::is_doubted(const Server& arrived) const {
  const auto mark = marks_.find(arrived.host);
  return mark != marks_.end() && arrived.checked_at <= mark->second.doubted_at;
}

// It was on its way when all that were at that standby were told to go.
bool Machine::Core::is_left(const Server& arrived) const {
  const auto mark = marks_.find(arrived.host);
  return mark != marks_.end() && arrived.standby && mark->second.left_at != never &&
         arrived.connected_at <= mark->second.left_at;
}

// It comes free, and has refused somebody to write, perhaps. True: it goes, as all others there.
bool Machine::Core::leaves_standby(Server& server) {
  if (server.sign == HostSign::is_standby) {
    server.sign = HostSign::none;
    const bool promoted = !server.standby;  // since it refused
    if (!promoted && leave_standby(server.host)) report_sign(server, HostSign::is_standby);
  }
  return server.leaving;
}

// At most once in a while: who reads from a standby on purpose, and now and then writes by mistake,
// is not to log in anew each time.
bool Machine::Core::leave_standby(HostHandle host) {
  Mark& mark = marks_[host];
  if (mark.left_at != never && now_ - mark.left_at < mark_lasts(settings_)) return false;
  mark.left_at = now_;
  servers_.each([&](ServerHandle, Server& server) {
    if (server.host != host || !server.standby) return;
    server.leaving = true;
    if (server.state == ServerState::idle) close_server(server, "its host is a standby now");
  });
  return true;
}

void Machine::Core::report_sign(const Server& server, HostSign sign) {
  Pool& pool = *pools_.find(server.pool);
  pool.news.push_back({News::What::sign, server.host, {}, false, sign});
  touch(pool);
}

// At the ledger. Its name may lead elsewhere by now, too. It is noted once, however many say so.
void Machine::Core::mark(Host& host, HostSign sign, std::uint8_t from) {
  Instant& marked_at = sign == HostSign::is_standby ? host.left_at : host.marked_at;
  const bool is_news = marked_at == never || now_ - marked_at >= mark_lasts(settings_);
  if (sign == HostSign::is_standby && !is_news) return;
  marked_at = now_;
  host.ask_again = true;
  if (is_news && !host.back_off.failing()) {
    const std::string_view then = sign == HostSign::is_standby
                                      ? "its servers are closed as they come free"
                                      : "its servers are checked before they are used again";
    note(NoteKind::host_marked, Level::warning, {}, nullptr,
         join(host.name, " port ", host.port, " said ", name_of(sign), ": ", then,
              ", and its name is looked up before others are opened"));
  }
  for (std::uint8_t machine = 0; machine < seat_.machines; ++machine) {
    if (machine != from) answer(machine, seats::Marked{host.self, sign});
  }
}

void Machine::Core::hear(std::uint8_t, const seats::Marked& marked) {
  if (marked.sign == HostSign::is_standby) {
    leave_standby(marked.host);
  } else {
    doubt(marked.host);
  }
}

}  // namespace pgweir
