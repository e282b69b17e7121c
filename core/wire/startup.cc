#include "core/wire/startup.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/wire/protocol.h"
#include "core/wire/reader.h"

namespace pgweir::wire {

namespace {

std::unexpected<StartupRefused> drop() {
  return std::unexpected(StartupRefused{true, {sqlstate::protocol_violation, {}}});
}

std::unexpected<StartupRefused> refuse(SqlState code, std::string message) {
  return std::unexpected(StartupRefused{false, {code, std::move(message)}});
}

std::expected<FirstPacket, StartupRefused> read_parameters(std::uint32_t version, Reader reader) {
  Startup startup;
  startup.minor = static_cast<std::uint16_t>(version);
  while (true) {
    const std::string_view name = reader.text();
    if (reader.failed() || (name.empty() && !reader.finished())) {
      return refuse(sqlstate::protocol_violation,
                    "invalid startup packet layout: expected terminator as last byte");
    }
    if (name.empty()) break;
    const std::string_view value = reader.text();
    if (reader.failed()) {
      return refuse(sqlstate::protocol_violation,
                    "invalid startup packet layout: name without value");
    }
    std::string_view* known = name == "user"       ? &startup.user
                              : name == "database" ? &startup.database
                                                   : nullptr;
    if (known == nullptr) {
      if (name.starts_with("_pq_.")) {
        startup.protocol_options.push_back(name);
      } else {
        startup.parameters.emplace_back(name, value);
      }
    } else if (!known->empty()) {
      return refuse(sqlstate::protocol_violation,
                    join("invalid startup packet: ", name, " is given twice"));
    } else {
      *known = value;
    }
  }
  if (startup.user.empty()) {
    return refuse(sqlstate::invalid_authorization_specification,
                  "no PostgreSQL user name specified in startup packet");
  }
  if (startup.database.empty()) startup.database = startup.user;
  return startup;
}

}  // namespace

std::expected<std::uint32_t, StartupRefused> startup_packet_size(Bytes packet) {
  const std::uint32_t size = load_u32(packet);
  if (size < 8 || size > limits::startup_packet_size_max) return drop();
  return size;
}

std::expected<FirstPacket, StartupRefused> read_startup_packet(Bytes packet) {
  Reader reader(packet.subspan(4));
  const std::uint32_t code = reader.u32();
  switch (code) {
    case ssl_request_code:
      if (!reader.finished()) return drop();
      return SslRequest{};
    case gssenc_request_code:
      if (!reader.finished()) return drop();
      return GssencRequest{};
    case cancel_request_code: {
      CancelRequest request;
      request.pid = reader.u32();
      request.secret = reader.rest();
      if (reader.failed() || request.secret.size() < 4 || request.secret.size() > 256)
        return drop();
      return request;
    }
  }
  const std::uint32_t major = code >> 16;
  if (major != 3) {
    // Anything may stand here when the other side is no PostgreSQL client at all.
    if (major == 0 || major > 9) return drop();
    return refuse(sqlstate::feature_not_supported,
                  join("unsupported frontend protocol ", major, ".", code & 0xffffu,
                       ": pgweir supports 3.0 to 3.", newest_minor));
  }
  return read_parameters(code, reader);
}

std::optional<std::vector<std::pair<std::string, std::string>>> read_options(
    std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
    if (space) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
    words.back() += text[i];
  }

  std::vector<std::pair<std::string, std::string>> settings;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word == "-c") {
      if (++i == words.size()) return std::nullopt;
      word = words[i];
    } else if (word.starts_with("-c") || word.starts_with("--")) {
      word.erase(0, 2);
    } else {
      return std::nullopt;
    }
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) return std::nullopt;
    std::string name = word.substr(0, equals);
    std::ranges::replace(name, '-', '_');
    settings.emplace_back(std::move(name), word.substr(equals + 1));
  }
  return settings;
}

}  // namespace pgweir::wire
