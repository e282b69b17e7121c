#include "core/session/settle.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/session/session_state.h"
#include "core/session/startup_settings.h"
#include "core/session/state_policy.h"

namespace pgweir::session {

namespace {

using What = StateChange::What;

void assign(ValueId& id, const StartupSettings& settings, Values& values) {
  const std::string text = settings.text();
  values.release(std::exchange(id, text.empty() ? no_value : values.intern(text)));
}

bool changes_settings(const StateChange& change) {
  return change.kind == StateKind::setting || change.what == What::everything_gone;
}

// base: what a setting is when it is taken back.
void apply(const StateChange& change, const StartupSettings& base, StartupSettings& settings) {
  if (!changes_settings(change)) return;
  switch (change.what) {
    case What::made:
      if (change.value) settings.set(change.name, *change.value);
      break;
    case What::gone: settings.take_back(change.name, base); break;
    case What::all_gone: settings.take_back_all(base); break;
    case What::everything_gone: settings = base; break;
  }
  // It ends a role.
  if (change.name == "session_authorization") settings.take_back("role", base);
}

StartupSettings after(const SessionState& session, std::string_view text,
                      const StartupSettings& base, bool follow) {
  StartupSettings settings(text);
  for (const StateChange& change : session.sent()) {
    if (follow || !change.value) apply(change, base, settings);
  }
  return settings;
}

// False: there are too many of them.
bool record(Server& server, Client* client, Values& values, bool follow) {
  const StartupSettings has = after(server.session, values.text(server.settings), {}, follow);
  StartupSettings wants;
  if (client != nullptr) {
    const StartupSettings startup(values.text(client->startup));
    wants = after(server.session, values.text(client->settings), startup, follow);
  }
  const std::size_t count = std::max(has.size(), wants.size());
  if (follow && count > limits::startup_settings_max) return false;
  assign(server.settings, has, values);
  if (client != nullptr) {
    assign(client->settings, wants, values);
    client->reading.reset();
  }
  return true;
}

// Something failed: whether those that may have been taken back are there is not known.
void forget_taken_back(Server& server, Values& values) {
  if (server.settings == no_value || !server.session.takes_back_settings()) return;
  const auto given = settings_of(values.text(server.settings));
  StartupSettings left;
  for (const auto& [name, value] : given) {
    if (!server.session.takes_back(name)) left.set(name, value);
  }
  if (left.size() < given.size()) server.session.made(StateKind::unknown);
  assign(server.settings, left, values);
}

}  // namespace

bool is_taken_back(const Server& server, const Client& client, std::size_t parameter) {
  return client.first_parameters[parameter] != no_value &&
         server.session.last_of_reported(tracked_parameters[parameter]) == What::gone;
}

void tell_parameters_taken_back(Server& server, Client& client, LinkContext& context) {
  for (std::size_t i = 0; i < tracked_count; ++i) {
    if (!server.session.last_of_reported(tracked_parameters[i])) continue;
    const bool back = is_taken_back(server, client, i) && !server.session.has_failed();
    const ValueId value = back ? client.first_parameters[i] : server.parameters[i];
    if (value == no_value || client.parameters[i] == value) continue;
    tell_parameter(client, i, context.values.text(value), context);
    client.reading.reset();
    server.statements.doubt_fresh();
  }
}

void settle_unsettled(Server& server, Client* client, LinkContext& context) {
  SessionState& session = server.session;
  server.connect_query_undone |= session.takes_back_settings();
  bool follow = false;
  if (session.has_failed()) {
    forget_taken_back(server, context.values);
  } else if (std::ranges::any_of(session.sent(), changes_settings)) {
    follow = !session.has_role() && record(server, client, context.values, true);
    if (!follow) record(server, client, context.values, false);
  }
  if (client != nullptr) tell_parameters_taken_back(server, *client, context);
  session.settle(follow);
  if (client != nullptr) StatePolicy(server, context).settled();
}

}  // namespace pgweir::session
