#include "core/session/link.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "core/base/text.h"
#include "core/session/connect_query.h"
#include "core/wire/writer.h"

namespace pgweir::session {

using wire::FrontendType;
using wire::TransactionStatus;

namespace {

// none: back to its default.
using Wanted = std::pair<std::string_view, std::optional<std::string_view>>;

std::optional<std::string_view> value_in(
    const std::vector<std::pair<std::string_view, std::string_view>>& settings,
    std::string_view name) {
  for (const auto& [known, value] : settings) {
    if (known == name) return value;
  }
  return std::nullopt;
}

// Taken back in the opposite order, to what connect_query has set.
void add_settings(std::string_view from, std::string_view to, std::string_view first,
                  std::vector<Wanted>& wanted) {
  const auto had = settings_of(from);
  const auto asked = settings_of(to);
  for (auto one = had.rbegin(); one != had.rend(); ++one) {
    if (!value_in(asked, one->first)) {
      wanted.emplace_back(one->first, value_in(settings_of(first), one->first));
    }
  }
  for (const auto& [name, value] : asked) {
    if (value_in(had, name) != value) wanted.emplace_back(name, value);
  }
}

// One round trip less: set_config with the values as parameters goes out in front of the client's
// own request. Values never become part of an SQL text.
void send_set_config(Server& server, const std::vector<Wanted>& wanted, LinkContext& context) {
  std::string& out = context.out.scratch();
  wire::Writer writer(out);
  std::string query = "select ";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    query +=
        join(i == 0 ? "" : ",", "pg_catalog.set_config($", 2 * i + 1, ",$", 2 * i + 2, ",false)");
  }
  writer.begin(FrontendType::parse).text("").text(query).u16(0).end();
  writer.begin(FrontendType::bind).text("").text("").u16(0);
  writer.u16(static_cast<std::uint16_t>(2 * wanted.size()));
  const auto add = [&](std::string_view text) {
    writer.u32(static_cast<std::uint32_t>(text.size())).bytes(bytes_of(text));
  };
  for (const auto& [name, value] : wanted) {
    add(name);
    value ? add(*value) : void(writer.u32(wire::null_value));
  }
  writer.u16(0).end();
  writer.begin(FrontendType::execute).text("").u32(0).end();
  writer.begin(FrontendType::sync).end();
  context.out.send_copy(server.socket(), out);

  server.unnamed_owner = {};
  for (const Request request : {Request::parse, Request::bind, Request::execute, Request::sync}) {
    server.owed.push({request, Fate::swallow});
  }
}

}  // namespace

void align_parameters(Client& client, Server& server, LinkContext& context) {
  const bool has_settings = client.settings == server.settings;
  if (has_settings) client.untried = false;  // it has taken them for somebody else
  if (has_settings && client.parameters == server.parameters) return;
  std::array<std::size_t, tracked_count> differing{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < tracked_count; ++i) {
    if (client.parameters[i] != no_value && server.parameters[i] != no_value &&
        client.parameters[i] != server.parameters[i]) {
      differing[count++] = i;
    }
  }
  if (has_settings && count == 0) return;
  const bool only_takes_back = client.untried && server.settings != no_value;
  const ValueId settings = only_takes_back ? no_value : client.settings;
  std::vector<Wanted> wanted;
  const std::string first = settings_set_by(context.database.connect_query);
  if (server.settings != settings) {
    add_settings(context.values.text(server.settings), context.values.text(settings), first,
                 wanted);
    server.setting_up = context.values.copy(settings);
  }
  for (std::size_t i = 0; i < count && !only_takes_back; ++i) {
    wanted.emplace_back(tracked_parameters[differing[i]],
                        context.values.text(client.parameters[differing[i]]));
  }
  send_set_config(server, wanted, context);
}

void tell_parameter(Client& client, std::size_t index, std::string_view value,
                    LinkContext& context) {
  std::string& message = context.out.scratch();
  wire::write_parameter_status(message, tracked_parameters[index], value);
  context.out.send_copy(client.socket(), message);
  context.values.assign(client.parameters, index, value);
}

void join_link(Client& client, Server& server, LinkContext& context) {
  PGWEIR_REQUIRE(server.state == ServerState::idle && !server.client, server.state);  // I-04
  PGWEIR_REQUIRE(provably_clean(server, nullptr), server.self.slot);                  // I-05
  client.become(ClientState::active, context.now);
  server.become(ServerState::active, context.now);
  client.server = server.self;
  server.client = client.self;
  server.whole_session = client.pool_mode == PoolMode::session;
  server.unheard = true;
  client.request_at = context.now;  // the clocks of waiting are over
  client.transaction_at = context.now;
  ++server.assignments;
  ++context.totals.server_assignment_count;
  align_parameters(client, server, context);
}

void take_back_settings(Server& server, LinkContext& context) {
  std::vector<Wanted> wanted;
  const std::string first = settings_set_by(context.database.connect_query);
  add_settings(context.values.text(server.settings), {}, first, wanted);
  server.setting_up = no_value;
  send_set_config(server, wanted, context);
}

bool may_go_on(const Client& client, const Server& server) {
  return client.blocked && !client.untried && !server.cancel && !server.cancel_wanted &&
         !server.owed.waits_for_changes() && !server.owed.unnamed_in_doubt() &&
         !waits_for_settings(server) && server.owed.size() < limits::owed_replies_max / 2;
}

namespace {

bool nothing_is_asked(const Server& server, const Client* client) {
  return server.owed.settled() && server.status == TransactionStatus::idle && !server.congested &&
         (client == nullptr || client->stream.between_messages() || !client->stream.forward);
}

}  // namespace

bool transaction_over(const Server& server, const Client* client) {
  return nothing_is_asked(server, client) && server.stream.between_messages() && !server.dying;
}

bool is_done(const Client& client, const Server& server) {
  return nothing_is_asked(server, &client) && !server.unheard && !server.whole_session &&
         (!server.pinned || !server.session.pins());
}

bool provably_clean(const Server& server, const Client* client) {
  return transaction_over(server, client) && server.stream.held.empty() && !server.owed.doubtful();
}

}  // namespace pgweir::session
